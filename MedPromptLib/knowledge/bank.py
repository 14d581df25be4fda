"""The knowledge bank: what a structure or finding looks like on a kind of image, in words written by language models.

One bank serves every method that reads text about what it looks for. The texts that ship are in `bank.json`; a user's
own lie in `knowledge.json` in the user's configuration folder and come first. The texts are model-written background
knowledge to feed networks with, not medical advice.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ..errors import InvalidInput, OutputFailed
from ..user_folders import configuration_folder

Aspect = Literal["shape", "location", "neighbours", "appearance"]
ASPECTS: tuple[Aspect, ...] = ("shape", "location", "neighbours", "appearance")
"""What a description speaks of, in the order in which its text says it."""

Kind = Literal["structure", "finding"]

SEQUENCES = {
    **{word: {word} for word in ("t1", "t2", "flair", "pre", "post", "adc", "dwi", "lge", "bssfp", "swi", "stir")},
    **{"t1w": {"t1"}, "t2w": {"t2"}, "precontrast": {"pre"}, "postcontrast": {"post"}, "native": {"pre"}},
    **{"t1ce": {"t1", "post"}, "t1c": {"t1", "post"}, "t1gd": {"t1", "post"}, "gadolinium": {"post"}},
}
"""Words for MR sequences and the parts they say."""


class Description(BaseModel):
    """What one structure or finding looks like on one kind of image.

    Attributes:
        subject: the structure, or the class as a card or data set names it (`bacterial_pneumonia`).
        modality: `mri`, `t2 mri`, `chest x-ray`, …
        synonyms: other names of the subject on this modality.
        shape, location, neighbours, appearance: one or two sentences each; may be empty.
        prompt: what the author was asked.
        author: the language model that wrote it, or the person.
        date: ISO 8601.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: str = Field(min_length=1)
    modality: str = Field(min_length=1)
    kind: Kind = "structure"
    synonyms: tuple[str, ...] = ()
    shape: str = ""
    location: str = ""
    neighbours: str = ""
    appearance: str = ""
    prompt: str
    author: str
    date: str

    def text(self, aspects: Sequence[Aspect] = ASPECTS) -> str:
        """The sentences of some aspects, one after the other."""
        return " ".join(said for aspect in aspects if (said := getattr(self, aspect)))

    @property
    def names(self) -> tuple[str, ...]:
        """The subject and its synonyms as one would write them in a sentence."""
        return (self.subject.replace("_", " "), *self.synonyms)


def user_bank_file() -> Path:
    """Where a user's own descriptions lie."""
    return configuration_folder() / "knowledge.json"


def descriptions() -> tuple[Description, ...]:
    """All descriptions; a user's own come first and stand in for those that ship.

    Raises:
        InvalidInput: the user's file is damaged.
    """
    own = read_descriptions(path) if (path := user_bank_file()).is_file() else ()
    replaced = {_identity(one) for one in own}
    return (*own, *(one for one in _shipped() if _identity(one) not in replaced))


def describe(subject: str, modality: str, bank: Iterable[Description] | None = None) -> Description:
    """The description of a structure or class on a kind of image.

    Names are compared as whole terms with subjects and synonyms, then by what the vocabulary says they mean. A modality
    may be less exact than the description's (`mri` finds `t2 mri` where that is the only one), and of one description
    for MR in general more exact (`t2 mri` finds `mri`); another sequence or region is never taken.

    Args:
        subject: `right kidney`, `bacterial_pneumonia`, `mel`, …
        modality: `ct`, `MR`, `FLAIR`, `breast ultrasound`, …
        bank: default: `descriptions()`.

    Raises:
        InvalidInput: there is none, or several fit equally; the message names what there is.
    """
    known = tuple(descriptions() if bank is None else bank)
    about = [one for one in known if _words(subject) in map(_words, (one.subject, *one.synonyms))]
    exact = [one for one in about if _words(subject) == _words(one.subject)]
    by_meaning = [] if about else _by_meaning(subject, known)
    for candidates in (exact, about, by_meaning):
        fitting = _best_by_modality(modality, candidates)
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            which = ", ".join(f"'{one.subject}' on {one.modality}" for one in fitting)
            raise InvalidInput(
                f"The knowledge bank has several texts for '{subject}' on '{modality}' ({which}); name one of them."
            )
    others = sorted({one.modality for one in (*about, *by_meaning)})
    there = f"it knows it on {', '.join(others)}" if others else "see `medprompt knowledge list` for what it knows"
    raise InvalidInput(
        f"The knowledge bank has no text for '{subject}' on '{modality}'; {there}, and `medprompt knowledge write "
        f'"{subject}" --modality "{modality}"` adds one.'
    )


def add_description(description: Description) -> Path:
    """Keep a description in the user's bank, in the place of an earlier one of the same subject and modality.

    Raises:
        InvalidInput: the user's file is damaged; it is left as it is.
        OutputFailed: it cannot be written.
    """
    path = user_bank_file()
    own = read_descriptions(path) if path.is_file() else ()
    kept = [one for one in own if _identity(one) != _identity(description)]
    whole = [one.model_dump(mode="json") for one in (*kept, description)]
    draft = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise OutputFailed(
            f"The knowledge file {path} cannot be written ({error.strerror}); free some space or set MEDPROMPT_CONFIG "
            "to a folder that can be written to."
        ) from error
    return path


def read_descriptions(path: Path) -> tuple[Description, ...]:
    """Descriptions in a JSON list.

    Raises:
        InvalidInput: it cannot be read, or an entry does not fit.
    """
    try:
        return _Descriptions.validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"The knowledge file {path} cannot be read ({error.strerror}); expected JSON.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise InvalidInput(
            f"The knowledge file {path} is not a list of descriptions ({where}: {first['msg']}); correct it or "
            "delete it to start anew."
        ) from error


_Descriptions = TypeAdapter(tuple[Description, ...])


@functools.cache
def _shipped() -> tuple[Description, ...]:
    return _Descriptions.validate_json(files(__package__).joinpath("bank.json").read_bytes())


def _words(term: str) -> tuple[str, ...]:
    from ..planner.vocabulary import words_of

    return tuple(words_of(term.replace("_", " ")))


def _identity(description: Description) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return _words(description.subject), tuple(sorted(_words(description.modality)))


def _by_meaning(subject: str, known: Sequence[Description]) -> list[Description]:
    from ..ontology import normalise

    meant = normalise(subject.replace("_", " "))
    if meant is None:
        return []
    return [one for one in known if (c := normalise(one.subject.replace("_", " "))) is not None and c.key == meant.key]


def _best_by_modality(modality: str, candidates: Sequence[Description]) -> list[Description]:
    """Those that fit the modality best, by how exactly they do."""
    from ..planner.lexicon import lexicon_for

    lexicon = lexicon_for((), "en")
    asked, wanted = lexicon.read_modality(modality), _sequence(modality)
    ranked: dict[int, list[Description]] = {}
    for one in candidates:
        if sorted(_words(one.modality)) == sorted(_words(modality)):
            ranked.setdefault(0, []).append(one)
            continue
        is_for, has = lexicon.read_modality(one.modality), _sequence(one.modality)
        names_differ = asked.name != is_for.name and not (wanted and is_for.name == "mri")
        regions_differ = asked.region and is_for.region and asked.region != is_for.region
        if names_differ or regions_differ or (has and not wanted <= has):
            continue
        ranked.setdefault(2 if not has and wanted else 1, []).append(one)
    return ranked[min(ranked)] if ranked else []


def _sequence(modality: str) -> set[str]:
    return {part for word in re.findall(r"[a-z0-9]+", modality.casefold()) for part in SEQUENCES.get(word, ())}

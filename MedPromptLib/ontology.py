"""What a term means: synonym → concept → SNOMED CT code, structures it lies in, side.

The concepts and their synonyms are those of the planner's vocabulary. Codes are data (`ontology_codes.json`), and so
are the words that the vocabulary files under a concept without their being synonyms of it. A term is found only as a
whole: "right atrium" is not "left atrium", and "lung nodule" is not "lung".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple

from .catalog import Code
from .planner.text import is_cjk, tokenize
from .planner.vocabulary import SIDES, Form, Words, vocabulary, words_of

SCHEME = "SCT"
"""DICOM's designator of SNOMED CT."""

SIDE_CODES: Mapping[str, Code] = MappingProxyType(
    {
        "left": Code(scheme=SCHEME, value="7771000", meaning="Left"),
        "right": Code(scheme=SCHEME, value="24028007", meaning="Right"),
    }
)


@dataclass(frozen=True, slots=True)
class Concept:
    """One structure, region or finding, on one side or on none.

    Two terms mean the same if their concepts are equal.

    Attributes:
        id: the vocabulary's, without the side: `kidney`, `lung:lesion`, `*:cyst` (a finding that names no organ).
        name: the English term for messages and reports, with the side.
        kind: `region`, `anatomy` or `finding`.
        parents: ids of the structures it lies in, nearest first.
        laterality: `left`, `right` or empty.
        code: SNOMED CT; None if no verified code is known.
        modifier: the side, where `code` is that of either side; None otherwise.
    """

    id: str
    name: str
    kind: str
    parents: tuple[str, ...] = ()
    laterality: str = ""
    code: Code | None = None
    modifier: Code | None = None

    @property
    def key(self) -> str:
        """The id with the side, as `concept` takes it: `kidney@left`."""
        return f"{self.id}@{self.laterality}" if self.laterality else self.id


class _Data(NamedTuple):
    """`ontology_codes.json`, read: codes by id (with its side), and pairs of id and words that are no synonyms."""

    codes: dict[str, Code]
    not_synonyms: frozenset[tuple[str, Words]]


def normalise(term: str, language: str = "en") -> Concept | None:
    """The concept that a term names.

    Case, accents, hyphens and the English plural do not matter, abbreviations keep their capitals, and a side may stand
    before or after the term. Words of all the vocabulary's languages are known.

    Args:
        language: two letters; brings in the words that mean something else in other languages, such as French `rate`.

    Returns:
        None for an unknown or ambiguous term, and for one that the vocabulary only files under a concept, such as the
        fibula under the tibia.
    """
    return _normalise(term, language)


@lru_cache(maxsize=4096)
def _normalise(term: str, language: str) -> Concept | None:
    words = words_of(term)
    typed = frozenset(token.raw for token in tokenize(term))
    keys = _keys(words, typed, language)
    if not keys:
        keys = {
            f"{key}@{side}"
            for side, rest in _without_side(words, is_cjk(term))
            for key in _keys(rest, typed, language)
            if "@" not in key
        }
    found = {one for one in map(concept, keys) if one is not None}
    return found.pop() if len(found) == 1 else None


def concept(key: str) -> Concept | None:
    """The concept of an id: listed (`liver`), on a side (`kidney@left`), or composed of both parts (`spleen:cyst`).

    Returns:
        None if the vocabulary has no such id.
    """
    known = vocabulary()
    base, _, side = key.partition("@")
    organ, _, family = base.partition(":")
    if base not in known.concepts and not (organ in known.concepts and f"*:{family}" in known.concepts):
        return None
    laterality = side if side in SIDE_CODES else ""
    if side and not laterality and key not in known.concepts:
        return None
    identity = base if laterality else key
    entry = known.concept(key)
    own, general = _data().codes.get(key), _data().codes.get(identity)
    return Concept(
        id=identity,
        name=entry.canonical if side and key in known.concepts else f"{side} {_name(base)}".strip(),
        kind=entry.kind,
        parents=tuple(known.ancestors(identity)),
        laterality=laterality,
        code=own or general,
        modifier=SIDE_CODES[laterality] if laterality and general and not own else None,
    )


def _name(key: str) -> str:
    """The vocabulary's term without the marks on it."""
    return vocabulary().concept(key).canonical.lstrip("~").partition("@")[0]


def _keys(words: Words, typed: frozenset[str], language: str) -> set[str]:
    """Ids of the concepts that exactly these words name; `typed` holds them as they were written."""
    excluded = _data().not_synonyms
    return {
        form.meaning
        for form in vocabulary().by_words.get(words, ())
        if not form.modality and _counts(form, typed, language) and (form.meaning, words) not in excluded
    }


def _counts(form: Form, typed: frozenset[str], language: str) -> bool:
    """Whether a form may be used: in its language, with its capitals, and on its own only if it is the name itself."""
    if form.language not in ("", language) or (form.cased and form.cased not in typed):
        return False
    return not form.weak or form.words == words_of(_name(form.meaning))


def _without_side(words: Words, together: bool) -> Iterator[tuple[str, Words]]:
    """Each side that stands first or last, with the words that are left; `together`: as East Asian text is written."""
    for side, names in SIDES.items():
        if together:
            first = next((name for name in sorted(names, key=len, reverse=True) if words[0].startswith(name)), "")
            if first and first != words[0]:
                yield side, (words[0].removeprefix(first),)
        elif len(words) > 1:
            if words[0] in names:
                yield side, words[1:]
            if words[-1] in names:
                yield side, words[:-1]


@lru_cache(maxsize=1)
def _data() -> _Data:
    values = json.loads((files(__package__) / "ontology_codes.json").read_text(encoding="utf-8"))
    codes = {
        key: Code(scheme=SCHEME, value=entry["code"], meaning=entry["meaning"])
        for key, entry in values["codes"].items()
    }
    return _Data(codes, frozenset((key, words_of(t)) for key, terms in values["not_synonyms"].items() for t in terms))

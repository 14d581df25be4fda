"""Instructions: what is seen and measured on each slice of one image, in sentences, with what is to be outlined.

The same image gives the same instruction. What was written is kept by the image's hash, since measuring takes longer
than a small network does.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from ..catalog import Instructing
from ..images import Array
from ..user_folders import cache_folder
from .kinds import KINDS, LINES, Kind, Seen, see
from .knowing import known_sentences
from .observing import Observation, observe
from .wording import kind_sentence, observed_sentences, task_sentence

VERSION = 1
"""Of the sentences; a weight is only as good as what it is told, so new wording needs new training."""
SLICES = 9
"""So many slices of the middle half of a volume say what kind of image it is."""


class Instruction(BaseModel):
    """What is said of one slice.

    Attributes:
        sequence: of an examination; empty for a single image.
        sentences: in order. mirrored: the same for the slice mirrored from side to side.
        source: `measured`, or the endpoint whose model described the image.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    sequence: str = ""
    sentences: tuple[str, ...]
    mirrored: tuple[str, ...]
    source: str = "measured"

    @property
    def text(self) -> str:
        """All of it, to be read."""
        return " ".join(self.sentences)


_STORED = TypeAdapter(tuple[Instruction, ...])


def expected_kinds(rule: Instructing, sequence: str) -> tuple[Kind, ...]:
    """Which kinds an image may be of: those of its sequence, or all that the rule names."""
    named = tuple(KINDS[name] for name in rule.kinds if name in KINDS)
    return tuple(kind for kind in named if kind.sequence == sequence) if sequence else named


def write_instructions(
    slices: Array,
    rule: Instructing,
    structures: Sequence[str],
    sequence: str = "",
    *,
    folder: Path | None = None,
) -> tuple[Instruction, ...]:
    """One instruction for each slice of an image.

    Args:
        slices: (n, h, w) of any real dtype.
        structures: what is to be outlined.
        sequence: what the image is given as; empty where a weight takes a single image.
        folder: where they are kept by the image's hash; default: below the user's cache folder.
    """
    path = _path(slices, rule, structures, sequence, folder)
    kept = _read(path)
    if kept is None or len(kept) != len(slices):
        kept = _write(slices, rule, tuple(structures), sequence)
        _keep(path, kept)
    return kept


def keep_instructions(
    told: tuple[Instruction, ...],
    slices: Array,
    rule: Instructing,
    structures: Sequence[str],
    sequence: str = "",
    *,
    folder: Path | None = None,
) -> None:
    """Keep instructions that were made elsewhere; `write_instructions` gives them for this image from then on."""
    _keep(_path(slices, rule, structures, sequence, folder), told)


def forget_instructions(
    slices: Array, rule: Instructing, structures: Sequence[str], sequence: str = "", *, folder: Path | None = None
) -> None:
    """Let the image be measured anew."""
    _path(slices, rule, structures, sequence, folder).unlink(missing_ok=True)


def wording_sha256(rule: Instructing, structures: Sequence[str]) -> str:
    """Hash of all that an instruction says beside what it measures: wording, kinds, and knowledge of the structures."""
    known = [known_sentences(structures, KINDS[name]) for name in rule.kinds if name in KINDS]
    titles = [KINDS[name].title for name in rule.kinds if name in KINDS]
    document = json.dumps([VERSION, rule.text, titles, known if rule.text == "measured" else [], list(structures)])
    return hashlib.sha256(document.encode() + LINES.read_bytes()).hexdigest()


def middle_slices(count: int, most: int = SLICES) -> list[int]:
    """Up to `most` slices spread over the middle half of a volume."""
    return sorted({round(k) for k in np.linspace(count // 4, max(count - 1 - count // 4, count // 4), most)})


def _path(slices: Array, rule: Instructing, structures: Sequence[str], sequence: str, folder: Path | None) -> Path:
    return (folder or cache_folder() / "instructions") / f"{_key(slices, rule, structures, sequence)}.json"


def _write(slices: Array, rule: Instructing, structures: tuple[str, ...], sequence: str) -> tuple[Instruction, ...]:
    expected = expected_kinds(rule, sequence)
    seen = see([slices[k] for k in middle_slices(len(slices))], expected)
    told = []
    for picture in slices:
        measured = rule.text == "measured"
        observed = observe(picture) if measured else Observation(1.0)
        sides = (observed, observed.mirrored())
        plain, mirrored = (_sentences(seen, o, expected, structures, measured=measured) for o in sides)
        told.append(Instruction(sequence=sequence, sentences=plain, mirrored=mirrored))
    return tuple(told)


def _sentences(
    seen: Seen, observed: Observation, expected: tuple[Kind, ...], structures: tuple[str, ...], *, measured: bool
) -> tuple[str, ...]:
    if observed.is_empty:
        return (*observed_sentences(observed), task_sentence(structures))
    what, task = kind_sentence(seen, expected), task_sentence(structures)
    if not measured:
        return what, task
    fits = seen.kind is not None and seen.kind in expected
    known = known_sentences(structures, seen.kind) if fits else ()
    return (what, *observed_sentences(observed), *known, task)


def _key(slices: Array, rule: Instructing, structures: Sequence[str], sequence: str) -> str:
    settings = json.dumps([wording_sha256(rule, structures), rule.kinds, sequence, slices.shape, slices.dtype.str])
    digest = hashlib.sha256(settings.encode())
    digest.update(np.ascontiguousarray(slices).tobytes())
    return digest.hexdigest()[:40]


def _read(path: Path) -> tuple[Instruction, ...] | None:
    try:
        return _STORED.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _keep(path: Path, told: tuple[Instruction, ...]) -> None:
    draft = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(_STORED.dump_json(told))
        draft.replace(path)
    except OSError:  # a full or read-only disk costs time at the next run, nothing else
        draft.unlink(missing_ok=True)

"""What is known of structures on a kind of image: sentences of the knowledge bank that ships.

A user's own descriptions are left out: a network must be told what it was trained with.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib.resources import as_file, files

from .. import knowledge
from ..errors import InvalidInput
from ..knowledge.bank import Aspect, Description, describe, read_descriptions
from .kinds import Kind

ASPECTS: tuple[Aspect, ...] = ("location", "appearance")

SEQUENCES = {"t1": "pre-contrast t1", "t1ce": "post-contrast t1"}
"""What the bank calls sequences that it calls otherwise."""


def known_sentences(structures: Sequence[str], kind: Kind | None) -> tuple[str, ...]:
    """Where each structure lies and how it looks on a kind of image; nothing of what the bank does not know."""
    if kind is None:
        return ()
    modality = f"{SEQUENCES.get(kind.sequence, kind.sequence)} {kind.modality}".strip()
    return tuple(sentence for name in structures for sentence in _of(name, modality))


@functools.cache
def _of(structure: str, modality: str) -> tuple[str, ...]:
    try:
        found = describe(structure, modality, _shipped())
    except InvalidInput:
        return ()
    return tuple(f"{structure.capitalize()}: {text}" for aspect in ASPECTS if (text := found.text((aspect,))))


@functools.cache
def _shipped() -> tuple[Description, ...]:
    with as_file(files(knowledge).joinpath("bank.json")) as path:
        return read_descriptions(path)

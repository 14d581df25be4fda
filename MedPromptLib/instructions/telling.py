"""From an image and a card to what its network is told: instructions for each slice and sequence, and their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from ..catalog import WeightCard
from ..images import Array
from ..results import ToldRecord
from .vectors import LENGTH, sentence_vectors
from .writing import Instruction, wording_sha256, write_instructions

Told = tuple[tuple[Instruction | None, ...], ...]
"""By slice and sequence; None for a sequence that is not there."""


def instructed(card: WeightCard, slices: Array, channels: Sequence[str] = ()) -> Told:
    """What the card's network is told of an image.

    Args:
        slices: (n, h, w) or, for a card with sequences, (n, h, w, c) along the card's sequences.
        channels: which of them there are; empty for all.
    """
    rule = card.preprocessing.instruction
    assert rule is not None
    structures = [s.name for s in card.structures]
    sequences = card.preprocessing.sequences
    if not sequences:
        return tuple((one,) for one in write_instructions(slices, rule, structures))
    by_sequence = [
        write_instructions(slices[..., n], rule, structures, name)
        if not channels or name in channels
        else (None,) * len(slices)
        for n, name in enumerate(sequences)
    ]
    return tuple(zip(*by_sequence, strict=True))


def changed_wording(card: WeightCard) -> str:
    """What to say if the card's network was trained with other words than it is told now; empty if it was not."""
    rule = card.preprocessing.instruction
    if rule is None or not rule.wording_sha256:
        return ""
    if rule.wording_sha256 == wording_sha256(rule, [s.name for s in card.structures]):
        return ""
    return f"The weight '{card.id}' was trained with other wording of its instructions; its figures may not hold."


def as_tensors(told: Told, *, mirrored: bool = False) -> tuple[Tensor, Tensor]:
    """Vectors (n, m, t, 384) of the sentences and which of them there are (n, m, t).

    Raises:
        MissingPackage: the text encoder is not installed.
    """
    lines = [[() if i is None else i.mirrored if mirrored else i.sentences for i in row] for row in told]
    longest = max((len(sentences) for row in lines for sentences in row), default=0)
    vectors = torch.zeros(len(lines), len(lines[0]), longest, LENGTH)
    heard = torch.zeros(vectors.shape[:3], dtype=torch.bool)
    unique = sorted({sentence for row in lines for sentences in row for sentence in sentences})
    known = dict(zip(unique, torch.from_numpy(np.asarray(sentence_vectors()(unique))), strict=True))
    for n, row in enumerate(lines):
        for m, sentences in enumerate(row):
            for t, sentence in enumerate(sentences):
                vectors[n, m, t] = known[sentence]
            heard[n, m, : len(sentences)] = True
    return vectors, heard


def records(told: Told) -> tuple[ToldRecord, ...]:
    """Instructions to be read, neighbouring slices that were told the same together."""
    found = []
    for column in zip(*told, strict=True):
        numbered = [(number, one) for number, one in enumerate(column) if one is not None]
        for text, group in groupby(numbered, key=lambda pair: pair[1].text):
            members = list(group)
            (first, one), (last, _) = members[0], members[-1]
            found.append(ToldRecord(sequence=one.sequence, first=first, last=last, text=text, source=one.source))
    return tuple(found)

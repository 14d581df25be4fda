"""Which kind of image a slice looks like: a line for each kind, over the descriptor of the input check.

The lines lie in `kinds.json` and are fitted by `medprompt train-kinds`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..images import Array
from ..inference.input_check import describe, unpack

LINES = Path(__file__).with_name("kinds.json")


@dataclass(frozen=True)
class Kind:
    """A kind of image.

    Attributes:
        name: as cards write it.
        title: with its article, as instructions write it.
        modality: in a catalogue's words. sequence: of MR, as `Preprocessing.sequences` names it; empty for none.
        region: of the body.
    """

    name: str
    title: str
    modality: str
    region: str
    sequence: str = ""


KINDS = {
    kind.name: kind
    for kind in (
        Kind("cxr", "a frontal chest radiograph", "chest x-ray", "chest"),
        Kind("ct_abdomen", "an axial CT image of the abdomen", "ct", "abdomen"),
        Kind("ct_chest", "an axial CT image of the chest", "ct", "chest"),
        Kind("mr_abdomen_t2", "an axial fat-suppressed T2-weighted MR image of the abdomen", "mri", "abdomen", "t2"),
        Kind("mr_head_t1", "an axial T1-weighted MR image of the head before contrast", "mri", "head", "t1"),
        Kind("mr_head_flair", "an axial FLAIR MR image of the head", "mri", "head", "flair"),
        Kind("mr_head_t1ce", "an axial T1-weighted MR image of the head after contrast", "mri", "head", "t1ce"),
        Kind("mr_heart", "a short-axis MR image of the heart", "mri", "heart"),
        Kind("mr_heart_enhanced", "a contrast-enhanced MR image of the heart", "mri", "heart"),
        Kind("us_breast", "an ultrasound image of the breast", "breast ultrasound", "breast"),
        Kind("dermoscopy", "a dermoscopic image of the skin", "dermoscopy", "skin"),
        Kind("fundus", "a colour photograph of the eye's fundus", "fundus", "eye"),
        Kind("colonoscopy", "a colonoscopy frame", "colonoscopy", "colon"),
    )
}
LEAST, SURE = 0.5, 0.95
"""Probability from which a kind is believed, and from which against a declared sequence."""


@dataclass(frozen=True)
class Seen:
    """What an image looks like, and how likely that is; no kind where none is likely enough."""

    kind: Kind | None
    probability: float


def see(pictures: Sequence[Array], expected: Sequence[Kind] = ()) -> Seen:
    """The kind of an image from its slices, each (h, w) or (h, w, 3); their probabilities are averaged.

    Args:
        expected: what it should be. One of these is taken where they are likely together, and where a kin of theirs
            (another sequence of the same region) is likely but not beyond doubt: sequences are hard to tell apart.
    """
    names, lines = _lines()
    scores = np.stack([describe(picture) for picture in pictures]) @ lines[:, :-1].T + lines[:, -1]
    odds = np.exp(scores - scores.max(1, keepdims=True))
    shares = dict(zip(names, (odds / odds.sum(1, keepdims=True)).mean(0).tolist(), strict=True))
    best = max(shares, key=lambda name: shares[name])
    wanted = {kind.name: shares[kind.name] for kind in expected}
    kin = {n: p for n, p in shares.items() if any(_alike(KINDS[n], kind) for kind in expected)}
    likely = sum(wanted.values()) >= LEAST or (sum(kin.values()) >= LEAST and shares[best] < SURE)
    if wanted and likely:
        return Seen(KINDS[max(wanted, key=lambda name: wanted[name])], sum(kin.values()))
    return Seen(KINDS[best] if shares[best] >= LEAST else None, shares[best])


def _alike(one: Kind, other: Kind) -> bool:
    return (one.modality, one.region) == (other.modality, other.region)


@functools.cache
def _lines() -> tuple[tuple[str, ...], np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    stored = json.loads(LINES.read_text(encoding="utf-8"))
    names = tuple(stored["kinds"])
    return names, unpack(stored["lines"], len(describe(np.zeros((8, 8), np.float32))) + 1)

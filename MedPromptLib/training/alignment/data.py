"""Images of many sets in memory, each with what it shows, and batches that mix the sets."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...catalog import Preprocessing
from ...errors import InvalidInput
from ...images import Array
from ...inference.preprocessing import prepare
from ...knowledge.bank import Description, describe
from ..data import read_cases
from ..volume_data import is_volume_set, read_volumes
from .captions import CAPTIONS, compose
from .recipe import AlignedSet, AlignmentRecipe

SMALLEST_SHARE = 0.002
"""Share of a slice below which a structure is not said to be on it."""


class Shown(NamedTuple):
    """What an image shows: subjects of the knowledge bank and the modality. Images with equal ones are positives."""

    subjects: tuple[str, ...]
    modality: str

    def described(self) -> tuple[Description, ...]:
        """The bank's descriptions.

        Raises:
            InvalidInput: the bank lacks one.
        """
        return tuple(describe(subject, self.modality) for subject in self.subjects)


@dataclass(frozen=True)
class Pool:
    """One set's images (n, c, size, size) uint8 and what each shows."""

    source: AlignedSet
    pixels: Tensor
    shown: tuple[Shown, ...]

    @functools.cached_property
    def places(self) -> dict[Shown, npt.NDArray[np.int64]]:
        """The images of each kind."""
        return {
            kind: np.array([i for i, one in enumerate(self.shown) if one == kind]) for kind in sorted(set(self.shown))
        }


def preprocessing_of(channels: int, size: int) -> Preprocessing:
    """How images are fed to the model: grey ones stretched between percentiles, colour ones as they are."""
    return Preprocessing(
        size=(size, size), channels=3 if channels == 3 else 1, intensity="uint8" if channels == 3 else "percentile"
    )


def read_pools(
    root: Path, recipe: AlignmentRecipe, split: str, report: Callable[[str], None] = lambda line: None
) -> list[Pool]:
    """The images of one split of all sets of a recipe.

    Raises:
        InvalidInput: a set is missing, has labels that the bank does not know, or nothing says what its images show.
    """
    pools = []
    for source in recipe.sets:
        pictures, shown = (
            _volumes(root, source, split, recipe) if _has_volumes(root, source) else _images(root, source, split)
        )
        how = preprocessing_of(source.channels, recipe.schedule.size)
        rows = [(prepare(one[None], how)[0, : source.channels] * 255).round().to(torch.uint8) for one in pictures]
        for what in set(shown):
            what.described()
        report(f"{source.folder}: {len(rows)} images of {len(set(shown))} kinds")
        pools.append(Pool(source, torch.stack(rows), tuple(shown)))
    return pools


def _has_volumes(root: Path, source: AlignedSet) -> bool:
    return is_volume_set(root / source.folder)


def _images(root: Path, source: AlignedSet, split: str) -> tuple[Sequence[Array], list[Shown]]:
    cases = read_cases(root / source.folder, split)
    subjects: list[str] = []
    for index, label in enumerate(cases.labels):
        if source.empty and cases.masks is not None:
            subjects.append(source.subject if cases.masks[index].any() else source.empty)
        elif label:
            subjects.append(source.labels.get(label, label))
        elif source.subject:
            subjects.append(source.subject)
        else:
            raise InvalidInput(f"The set {source.folder} has no labels; say in the recipe what its `subject` is.")
    return cases.images, [Shown((subject,), source.modality) for subject in subjects]


def _volumes(
    root: Path, source: AlignedSet, split: str, recipe: AlignmentRecipe
) -> tuple[Sequence[Array], list[Shown]]:
    """Slices along k that show a structure, evenly spread over each volume."""
    cases = read_volumes(root / source.folder, split)
    pictures: list[Array] = []
    shown: list[Shown] = []
    for index in range(len(cases)):
        assert cases.masks is not None
        volume, labels = cases.images[index], cases.masks[index]
        modality = source.modalities.get(cases.modalities[index], source.modality)
        share = np.stack([(labels == n + 1).mean((1, 2)) for n in range(len(source.structures))])
        there = np.flatnonzero((share > SMALLEST_SHARE).any(0))
        chosen = there[np.linspace(0, len(there) - 1, min(len(there), recipe.schedule.slices)).round().astype(int)]
        for k in chosen:
            names = tuple(n for n, s in zip(source.structures, share[:, k], strict=True) if s > SMALLEST_SHARE)
            pictures.append(np.asarray(volume[k]))
            shown.append(Shown(names, modality))
    return pictures, shown


class Captions:
    """The captions' sentence embeddings, and the number of what an image shows."""

    def __init__(self, kinds: Sequence[Shown], count: int = CAPTIONS) -> None:
        from ...knowledge.embedding import sentence_vectors

        self.number = {kind: index for index, kind in enumerate(kinds)}
        self._vectors = [
            torch.from_numpy(sentence_vectors(compose(kind.described(), kind.modality, count))) for kind in kinds
        ]

    def draw(self, kinds: Sequence[Shown], rng: np.random.Generator) -> Tensor:
        """(n, 384): one caption of each, at random."""
        return torch.stack([self._one(kind, rng) for kind in kinds])

    def _one(self, kind: Shown, rng: np.random.Generator) -> Tensor:
        vectors = self._vectors[self.number[kind]]
        return vectors[int(rng.integers(len(vectors)))]

    def all_of(self, kind: Shown) -> Tensor:
        """(captions, 384)."""
        return self._vectors[self.number[kind]]


def draw_batch(
    pools: Sequence[Pool], sets: int, each: int, rng: np.random.Generator
) -> list[tuple[Pool, npt.NDArray[np.int64]]]:
    """Different sets, drawn by their weights, and images of each, every kind of image as often as the others."""
    weights = np.array([pool.source.weight for pool in pools])
    count = min(sets, len(pools))
    chosen = rng.choice(len(pools), count, replace=False, p=weights / weights.sum())
    drawn = []
    for index in chosen:
        pool = pools[int(index)]
        kinds = rng.permutation(len(pool.places))
        by_kind = list(pool.places.values())
        drawn.append((pool, np.array([int(rng.choice(by_kind[kinds[n % len(kinds)]])) for n in range(each)])))
    return drawn

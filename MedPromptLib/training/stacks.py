"""Slices of one patient as one image: how a union network's data sets are read for training and measuring.

A set of volumes gives one stack for each; a set of single images one for each group (patient).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInput
from ..images import Array, MedicalImage
from ..inference.volume_geometry import affine_for, grid_of
from .config import Recipe
from .data import Cases, read_cases
from .volume_data import is_volume_set, read_volumes


@dataclass(frozen=True)
class Stack:
    """One patient.

    Attributes:
        image: (k, j, i) or, where it holds several sequences, (k, j, i, c).
        mask: (k, j, i) uint8.
        modality: from the set's `modality` column, or empty.
        slices: name of each slice.
    """

    image: MedicalImage
    mask: npt.NDArray[np.uint8]
    modality: str
    slices: tuple[str, ...]

    def only(self, recipe: Recipe, sequences: Sequence[str]) -> Stack:
        """With some of the recipe's sequences; the others are 0."""
        names = recipe.preprocessing.sequences
        array = self.image.array.copy()
        array[..., [n for n, name in enumerate(names) if name not in sequences]] = 0
        kept = tuple(name for name in names if name in sequences)
        return replace(self, image=replace(self.image, array=array, channels=kept))


def read_stacks(root: Path, recipe: Recipe, split: str) -> tuple[Stack, ...]:
    """All stacks of one split, on the network's axes.

    Raises:
        InvalidInput: no such split, no masks, or masks with labels that the recipe does not name.
    """
    folder = root / recipe.data.folder
    read = _of_volumes if is_volume_set(folder) else _of_images
    stacks = tuple(read(folder, recipe, split))
    most = max(int(stack.mask.max()) for stack in stacks)
    if most > len(recipe.card.structures):
        raise InvalidInput(
            f"The masks in {folder} have label {most}, but the recipe has {len(recipe.card.structures)} structures."
        )
    return stacks


def as_slices(stacks: Sequence[Stack], folder: Path, split: str) -> Cases:
    """Every slice by itself; those of a stack are a group."""
    return Cases(
        ids=tuple(name for stack in stacks for name in stack.slices),
        images=tuple(picture for stack in stacks for picture in stack.image.array),
        masks=tuple(mask for stack in stacks for mask in stack.mask),
        labels=("",) * sum(len(stack.slices) for stack in stacks),
        groups=tuple(stack.image.name for stack in stacks for _ in stack.slices),
        folder=folder,
        split=split,
    )


def _of_volumes(folder: Path, recipe: Recipe, split: str) -> Iterator[Stack]:
    orientation, data = recipe.preprocessing.orientation, recipe.data
    cases = read_volumes(folder, split, orientation=orientation, binary_mask=data.binary_mask, modality=data.modality)
    if cases.masks is None:
        raise InvalidInput(f"The data set {folder} has no labels (npz) or masks/, which this recipe needs.")
    for index in range(len(cases)):
        image = cases.image(index)
        turn: Callable[[Array], Array] = grid_of(image, recipe.preprocessing).turn
        turned, mask = turn(image.array), turn(cases.masks[index]).astype(np.uint8)
        names = tuple(f"{image.name}/{k:03d}" for k in range(len(turned)))
        placed = replace(image, array=turned, ijk_to_ras=affine_for(image.spacing, orientation))
        yield Stack(placed, mask, cases.modalities[index], names)


def _of_images(folder: Path, recipe: Recipe, split: str) -> Iterator[Stack]:
    cases = read_cases(folder, split, binary_mask=recipe.data.binary_mask)
    if cases.masks is None:
        raise InvalidInput(f"The data set {folder} has no masks/ folder, which this recipe needs.")
    groups: dict[str, list[int]] = {}
    for index, (group, picture) in enumerate(zip(cases.groups, cases.images, strict=True)):
        groups.setdefault(f"{group} {picture.shape}", []).append(index)
    channel = recipe.data.channel
    affine = affine_for((1.0, 1.0, 1.0), recipe.preprocessing.orientation)
    for members in groups.values():
        array = np.stack([cases.images[n] for n in members])
        array = array if channel is None else np.ascontiguousarray(array[..., channel])
        image = MedicalImage(array, affine, cases.groups[members[0]], spacing_known=False)
        mask = np.stack([cases.masks[n] for n in members]).astype(np.uint8)
        yield Stack(image, mask, "", tuple(cases.ids[n] for n in members))

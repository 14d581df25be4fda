"""How a volume is turned and resampled for a network, and how the result returns to exactly the volume's own grid."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from ..catalog import Preprocessing
from ..images import Array, MedicalImage

Triple = tuple[int, int, int]
DIRECTIONS = {
    "R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1),
}  # fmt: skip
"""Unit steps in RAS world coordinates."""
PREFERENCE = (1.0, 1.001, 1.002)
"""Of the network's i, j, k axes where two axes fit equally well, so that storage order never decides."""
COARSER = 1.2
"""An axis counts as the slice axis if its voxels are longer than the others' by this factor."""
SLAB_VOXELS = 1 << 20
"""About so many voxels are brought back to the volume's own grid at a time."""
RESAMPLED_VOXELS = 1 << 22
"""About so many are resampled at a time."""


@dataclass(frozen=True)
class Grid:
    """The way from a volume's own grid to the network's.

    Attributes:
        axes: stored array axis (0 is k, 1 is j, 2 is i) that becomes the network's k, j and i.
        flips: whether the network's k, j, i run against the stored axis.
        native: shape after turning, before resampling.
        shape: the network's shape.
    """

    axes: Triple
    flips: tuple[bool, bool, bool]
    native: Triple
    shape: Triple

    def turn(self, array: Array) -> Array:
        """A stored (k, j, i[, c]) array along the network's axes; a view."""
        turned = array.transpose(*self.axes, *range(3, array.ndim))
        return turned[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]

    def unturn(self, array: Array) -> Array:
        """The inverse of `turn`, contiguous."""
        back = array[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]
        return np.ascontiguousarray(back.transpose(*np.argsort(self.axes), *range(3, array.ndim)))

    def slabs(self, scores: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Scores (classes, *shape) on the turned native grid, a few slices (along k) at a time as (classes, k, j, i).

        Bounded memory: what a whole volume of scores would need is never there at once.
        """
        depth, rows, columns = self.native
        step = max(1, SLAB_VOXELS // (rows * columns))
        for start in range(0, depth, step):
            part = slice(start, min(start + step, depth))
            position = (torch.arange(part.start, part.stop) + 0.5) * scores.shape[1] / depth - 0.5
            position = position.clamp(0, scores.shape[1] - 1)
            below = position.floor().long()
            above = (below + 1).clamp_max(scores.shape[1] - 1)
            share = (position - below)[:, None, None]
            slab = scores[:, below].float() * (1 - share) + scores[:, above].float() * share
            if slab.shape[2:] != (rows, columns):
                slab = F.interpolate(slab, size=(rows, columns), mode="bilinear", align_corners=False)
            yield part, slab


def grid_of(image: MedicalImage, recipe: Preprocessing) -> Grid:
    """The grid a card wants for a volume."""
    axes, flips = _turn(image, recipe)
    native: Triple = tuple(image.shape[axis] for axis in axes)  # type: ignore[assignment]
    shape = list(native)
    if recipe.spacing is not None and image.spacing_known:
        for n, wanted in enumerate(recipe.spacing):
            if wanted:
                shape[n] = max(1, round(native[n] * image.spacing[axes[n]] / wanted))
    return Grid(axes, flips, native, tuple(shape))  # type: ignore[arg-type]


def _turn(image: MedicalImage, recipe: Preprocessing) -> tuple[Triple, tuple[bool, bool, bool]]:
    if not recipe.orientation:
        return (0, 1, 2), (False, False, False)
    steps = image.ijk_to_ras[:3, :3]
    cosines = np.array([DIRECTIONS[letter] for letter in recipe.orientation]) @ (steps / np.linalg.norm(steps, axis=0))
    permutations = list(itertools.permutations(range(3)))  # stored i, j, k (0, 1, 2) as the network's i, j, k
    if recipe.k_axis == "coarsest":
        slice_axis = 2 if not image.spacing_known else _coarsest(image.spacing[::-1])
        permutations = [p for p in permutations if slice_axis is None or p[2] == slice_axis]
    best = max(permutations, key=lambda p: sum(PREFERENCE[n] * abs(cosines[n, p[n]]) for n in range(3)))
    backwards = [bool(cosines[n, best[n]] < 0) for n in range(3)]
    return (2 - best[2], 2 - best[1], 2 - best[0]), (backwards[2], backwards[1], backwards[0])


def _coarsest(spacing: tuple[float, ...]) -> int | None:
    """The axis of the slices, or None if no axis is clearly coarser than the others."""
    order = np.argsort(spacing)
    return int(order[2]) if spacing[order[2]] > COARSER * spacing[order[1]] else None


def affine_for(spacing: tuple[float, float, float], orientation: str) -> npt.NDArray[np.float64]:
    """IJK-to-RAS of voxels of a size (k, j, i, in mm) whose i, j and k axes point as the letters say; origin 0."""
    matrix = np.eye(4)
    for n, letter in enumerate(orientation or "LPS"):
        matrix[:3, n] = np.array(DIRECTIONS[letter]) * spacing[2 - n]
    return matrix


def resample(x: Tensor, shape: Triple, between: Callable[[], None] = lambda: None) -> Tensor:
    """Linear resampling of (c, k, j, i) to another shape of the same extent, axis by axis, without aliasing.

    Args:
        between: called every few million voxels; may raise to stop.
    """
    for axis, side in enumerate(shape, start=1):
        if x.shape[axis] == side:
            continue
        lines = x.movedim(axis, -1)
        flat = lines.reshape(1, 1, -1, lines.shape[-1])
        out = torch.empty(flat.shape[2], side)
        for start in range(0, len(out), step := max(1, RESAMPLED_VOXELS // max(flat.shape[3], side))):
            between()
            part = flat[:, :, start : start + step]
            size = (part.shape[2], side)
            out[start : start + step] = F.interpolate(
                part, size=size, mode="bilinear", align_corners=False, antialias=True
            )[0, 0]
        x = out.reshape(*lines.shape[:-1], side).movedim(-1, axis)
    return x.contiguous()


def resample_labels(labels: Array, shape: Triple) -> npt.NDArray[np.uint8]:
    """The nearest label of (k, j, i) for every voxel of another shape of the same extent."""
    for axis, side in enumerate(shape):
        count = labels.shape[axis]
        if count != side:
            labels = labels.take(((np.arange(side) + 0.5) * count / side).astype(int), axis=axis)
    return labels.astype(np.uint8, copy=False)

"""Sizes, positions and intensities of a label map's structures, in the image's own geometry."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..images import MedicalImage, luminance

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Extent:
    """A structure's count of voxels with what it would be if its outline lay a step inside or outside.

    Attributes:
        step: how far the outline was moved, in mm (in pixels where the spacing is unknown).
    """

    count: int
    low: int
    high: int
    step: float


def cropped(mask: Mask, margin: tuple[int, int, int] = (0, 0, 0)) -> tuple[slice, slice, slice]:
    """The smallest box around a non-empty mask, widened by a margin in voxels, as slices along (k, j, i)."""
    box = []
    for axis in range(3):
        along = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        box.append(
            slice(max(0, int(along[0]) - margin[axis]), min(mask.shape[axis], int(along[-1]) + margin[axis] + 1))
        )
    return box[0], box[1], box[2]


def spacing_of(image: MedicalImage) -> tuple[float, float, float]:
    """Voxel size along (k, j, i): in mm, or 1 where the file gives none."""
    return image.spacing if image.spacing_known else (1.0, 1.0, 1.0)


def outline_step(image: MedicalImage, network_size: tuple[int, ...] | None) -> float:
    """Half the distance of the points at which the network saw the image, in mm (or pixels).

    A segmentation was computed on the network's grid and enlarged to the image's: its outline cannot be finer than
    the coarser of the two (our reading). In a volume the step is along the slices.
    """
    _, row, column = spacing_of(image)
    steps = [row, column]
    if network_size is not None and len(network_size) == 2 and image.shape[0] == 1:
        rows, columns = network_size
        steps = [row * max(1.0, image.shape[1] / rows), column * max(1.0, image.shape[2] / columns)]
    return max(steps) / 2


def extent_of(mask: Mask, image: MedicalImage, step: float) -> Extent:
    """Count of a mask's voxels, and counts with the outline moved by `step` (exact Euclidean distance, Maurer 2003)."""
    import SimpleITK as sitk

    count = int(mask.sum())
    if not count:
        return Extent(0, 0, 0, step)
    spacing = spacing_of(image)
    single = image.shape[0] == 1
    margin = [0 if single else math.ceil(step / spacing[0]) + 1] + [math.ceil(step / s) + 1 for s in spacing[1:]]
    part = mask[cropped(mask, (margin[0], margin[1], margin[2]))]
    # A rim of background, so that a structure at the image's edge has an outline there as well.
    padded = np.pad(part, ((0, 0) if single else (1, 1), (1, 1), (1, 1)))
    picture = sitk.GetImageFromArray((padded[0] if single else padded).astype(np.uint8))
    picture.SetSpacing(tuple(float(s) for s in (spacing[:0:-1] if single else spacing[::-1])))
    signed = sitk.GetArrayFromImage(
        sitk.SignedMaurerDistanceMap(picture, insideIsPositive=True, squaredDistance=False, useImageSpacing=True)
    )
    # The map is zero in the outermost voxels inside, whose centres lie half a voxel within the outline.
    depth = signed + min(spacing[1:]) / 2
    low, high = int((depth > step).sum()), int((depth >= -step - 1e-6).sum())
    return Extent(count, min(low, count), max(high, count), step)


def components_of(mask: Mask) -> int:
    """Number of parts that do not touch, not even at a corner."""
    import SimpleITK as sitk

    if not mask.any():
        return 0
    labelled = sitk.ConnectedComponent(sitk.GetImageFromArray(mask[cropped(mask)].astype(np.uint8)), True)
    return int(sitk.GetArrayViewFromImage(labelled).max())


def longest_diameter(mask: Mask, image: MedicalImage) -> float:
    """Largest distance of two voxel centres of a mask plus one voxel, in mm (or pixels): its maximum Feret diameter.

    In a volume it is the largest one within a slice, as RECIST 1.1 (Eisenhauer et al. 2009) measures.
    """
    _, row, column = spacing_of(image)
    best = 0.0
    for k in np.flatnonzero(mask.any(axis=(1, 2))):
        j, i = np.nonzero(_outermost(mask[k]))
        points = np.stack([j * row, i * column], axis=1)
        hull = _hull(points)
        distances = np.linalg.norm(hull[:, None] - hull[None], axis=2)
        best = max(best, float(distances.max()))
    return best + max(row, column)


def _outermost(plane: Mask) -> Mask:
    """The first and last pixel of each row: all corners of the convex hull are among them."""
    out = np.zeros_like(plane)
    rows = np.flatnonzero(plane.any(axis=1))
    out[rows, plane[rows].argmax(axis=1)] = True
    out[rows, plane.shape[1] - 1 - plane[rows, ::-1].argmax(axis=1)] = True
    return out


def _hull(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Corners of the convex hull (monotone chain, Andrew 1979) of points that are sorted by their first coordinate."""
    if len(points) < 3:
        return points

    def chain(ordered: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
        kept: list[npt.NDArray[np.float64]] = []
        for point in ordered:
            while len(kept) > 1:
                (ax, ay), (bx, by) = kept[-1] - kept[-2], point - kept[-2]
                if ax * by - ay * bx > 0:
                    break
                kept.pop()
            kept.append(point)
        return kept

    ordered = points[np.lexsort((points[:, 1], points[:, 0]))]
    return np.array([*chain(ordered), *chain(ordered[::-1])])


def intensities(mask: Mask, image: MedicalImage) -> tuple[float, float, float]:
    """Mean, standard deviation and maximum of the image inside a non-empty mask; luminance for colour."""
    box = cropped(mask)
    inside = luminance(image.array[box])[mask[box]].astype(np.float64)
    return float(inside.mean()), float(inside.std()), float(inside.max())

"""Masks from files: Slicer's segmentations (`.seg.nrrd`) with their segments' names, and label maps of any format."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInput
from ..images import MedicalImage, affine_to_ras, quiet_readers

SAME_PLACE = 0.1
"""Share of a voxel by which a mask's grid may differ from the image's."""
MOST_SEGMENTS = 255


@dataclass(frozen=True)
class Segments:
    """What a mask's file says.

    Attributes:
        array: (k, j, i) uint8, 0 where nothing is; of segments that overlap, the later one.
        ijk_to_ras: (4, 4), of the file's own grid, which may be a part of the image's.
        names: segment names by value; empty for a label map without names.
    """

    array: npt.NDArray[np.uint8]
    ijk_to_ras: npt.NDArray[np.float64]
    names: dict[int, str]


def read_segments(path: Path) -> Segments:
    """Read a segmentation or label map.

    Segments of a `.seg.nrrd` that overlap lie in layers; they are numbered anew in the file's order.

    Raises:
        InvalidInput: it cannot be read, or holds no labels.
    """
    import SimpleITK as sitk

    try:
        with quiet_readers():
            image = sitk.ReadImage(os.fspath(path))
    except RuntimeError as error:
        raise InvalidInput(f"The mask {path} cannot be read; it is truncated, damaged or no segmentation.") from error
    array = sitk.GetArrayFromImage(image)
    if image.GetDimension() != 3 or (array.dtype.kind == "f" and not np.array_equal(array, np.round(array))):
        raise InvalidInput(f"The mask {path} is no label map of a volume; save the segmentation as .seg.nrrd.")
    direction = np.reshape(image.GetDirection(), (3, 3)) * np.array(image.GetSpacing())
    matrix = affine_to_ras(direction, np.array(image.GetOrigin()))
    layers = array if array.ndim == 4 else array[..., None]
    told = _segments(image)
    if not told:
        if layers.shape[3] > 1 or array.min() < 0 or array.max() > MOST_SEGMENTS:
            raise InvalidInput(f"The mask {path} is no label map; expected whole numbers from 0 to {MOST_SEGMENTS}.")
        return Segments(layers[..., 0].astype(np.uint8), matrix, {})
    labels = np.zeros(layers.shape[:3], np.uint8)
    for number, (_, layer, value) in enumerate(told, start=1):
        if layer < layers.shape[3]:
            labels[layers[..., layer] == value] = number
    return Segments(labels, matrix, {number: name for number, (name, _, _) in enumerate(told, start=1)})


def _segments(image: object) -> list[tuple[str, int, int]]:
    """Name, layer and value of each segment that a `.seg.nrrd` names in its header."""
    keys = set(image.GetMetaDataKeys())  # type: ignore[attr-defined]

    def said(number: int, what: str, otherwise: str) -> str:
        key = f"Segment{number}_{what}"
        return str(image.GetMetaData(key)) if key in keys else otherwise  # type: ignore[attr-defined]

    found = []
    for number in range(MOST_SEGMENTS):
        if f"Segment{number}_ID" not in keys and f"Segment{number}_Name" not in keys:
            break
        name = said(number, "Name", f"Segment {number + 1}")
        found.append((name, int(said(number, "Layer", "0")), int(said(number, "LabelValue", "1"))))
    return found


def on_grid(segments: Segments, image: MedicalImage, image_path: Path) -> npt.NDArray[np.uint8]:
    """The labels (k, j, i) on the image's grid. Slicer saves only the part of the grid that holds segments.

    Raises:
        InvalidInput: another voxel size, direction or position, or labels outside the image.
    """
    to_image = np.linalg.inv(image.ijk_to_ras) @ segments.ijk_to_ras
    size = np.array(segments.array.shape[::-1])
    offset = np.round(to_image[:3, 3])
    corners = np.array([[i, j, k] for i in (0, size[0]) for j in (0, size[1]) for k in (0, size[2])], dtype=float)
    apart = np.abs(corners @ to_image[:3, :3].T + to_image[:3, 3] - corners - offset).max()
    if apart > SAME_PLACE:
        raise InvalidInput(
            f"The mask of {image_path} does not lie on its grid (it is {apart:.1f} voxels off, voxel size "
            f"{_mm(segments.ijk_to_ras)} where the volume has {_mm(image.ijk_to_ras)}); export it with this volume as "
            "reference geometry."
        )
    labels = np.zeros(image.shape, np.uint8)
    start = offset.astype(int)[::-1]
    inside, taken = [], []
    for first, count, side in zip(start.tolist(), segments.array.shape, image.shape, strict=True):
        low, high = min(max(first, 0), side), min(max(first + count, 0), side)
        inside.append(slice(low, high))
        taken.append(slice(low - first, high - first) if high > low else slice(0, 0))
    part = segments.array[tuple(taken)]
    if np.count_nonzero(part) != np.count_nonzero(segments.array):
        raise InvalidInput(f"The mask of {image_path} reaches outside the volume; check that the two belong together.")
    if part.size:
        labels[tuple(inside)] = part
    return labels


def _mm(matrix: npt.NDArray[np.float64]) -> str:
    return " × ".join(f"{length:.3g}" for length in np.linalg.norm(matrix[:3, :3], axis=0)) + " mm"

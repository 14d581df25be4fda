"""Which part of a volume is analysed: all of it, or one slice whose results return to the volume's grid; and several
volumes on one grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .errors import InvalidInput
from .images import MedicalImage
from .results import Run

PARALLEL = 0.99
"""Least cosine between a view's normal and an image's slice axis for the view to show one of the image's slices."""


def slice_index(image: MedicalImage, view_to_ras: npt.NDArray[np.float64]) -> int:
    """Which slice (k) of an image a slice view shows.

    Args:
        view_to_ras: (4, 4), the view's plane: its third column is the normal, its fourth a point, in RAS and mm.

    Raises:
        InvalidInput: the view cuts across the image's slices, or lies outside of them.
    """
    if image.shape[0] == 1:
        return 0
    axis, normal = image.ijk_to_ras[:3, 2], view_to_ras[:3, 2]
    cosine = abs(axis @ normal) / (np.linalg.norm(axis) * np.linalg.norm(normal))
    if cosine < PARALLEL:
        raise InvalidInput(
            f"The slice view cuts across the slices of '{image.name}'; rotate it to the volume plane, or analyse the "
            "whole volume."
        )
    # The plane's distance along the slice axis: its point may lie anywhere beside the image.
    unit = normal / np.linalg.norm(normal)
    first, step = (view_to_ras[:3, 3] - image.ijk_to_ras[:3, 3]) @ unit, axis @ unit
    k = int(np.floor(first / step + 0.5))
    if not 0 <= k < image.shape[0]:
        raise InvalidInput(f"The slice view shows no slice of '{image.name}'; scroll to one, or fit the view to it.")
    return k


def one_slice(image: MedicalImage, k: int) -> MedicalImage:
    """Slice k as an image of its own, in its place."""
    matrix = image.ijk_to_ras.copy()
    matrix[:3, 3] += k * matrix[:3, 2]
    note = f"Only slice {k + 1} of {image.shape[0]} was analysed."
    return replace(image, array=image.array[k : k + 1], ijk_to_ras=matrix, notes=(*image.notes, note))


def back_into_volume(run: Run, image: MedicalImage, k: int) -> Run:
    """A run on `one_slice(image, k)` with its label maps on the whole image's grid; the other slices are empty."""

    def spread(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        whole = np.zeros(image.shape, np.uint8)
        whole[k] = labels[0]
        return whole

    segmentations = tuple(replace(s, labels=spread(s.labels)) for s in run.segmentations)
    return replace(run, image=image, segmentations=segmentations)


def on_one_grid(images: Sequence[MedicalImage]) -> tuple[MedicalImage, ...]:
    """Several sequences of one examination on the first one's grid, by linear interpolation; 0 outside.

    An image that lies on that grid already is passed on as it is.

    Raises:
        InvalidInput: none, a colour image, or one that does not overlap the first.
    """
    if not images:
        raise InvalidInput("There is no image; select one or more volumes.")
    first = images[0]
    for image in images:
        if image.is_color:
            raise InvalidInput(f"'{image.name}' is in colour; sequences of one examination are grey images.")
    return (first, *(resampled(image, first) for image in images[1:]))


def resampled(image: MedicalImage, grid: MedicalImage) -> MedicalImage:
    """An image on another one's grid; see `on_one_grid`."""
    if image.shape == grid.shape and np.allclose(image.ijk_to_ras, grid.ijk_to_ras, atol=1e-4):
        return image
    import SimpleITK as sitk

    # Index to index, so that mirrored and sheared grids need no conversion to ITK's conventions.
    to_source = np.linalg.inv(image.ijk_to_ras) @ grid.ijk_to_ras
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(to_source[:3, :3].ravel())
    transform.SetTranslation(to_source[:3, 3])
    source = sitk.GetImageFromArray(image.array.astype(np.float32))
    reference = sitk.Image(*(int(n) for n in grid.shape[::-1]), sitk.sitkUInt8)
    inside = sitk.Resample(sitk.GetImageFromArray(np.ones(image.shape, np.uint8)), reference, transform)
    if not sitk.GetArrayViewFromImage(inside).any():
        raise InvalidInput(f"'{image.name}' does not overlap '{grid.name}'; register the volumes first.")
    moved = sitk.GetArrayFromImage(sitk.Resample(source, reference, transform, sitk.sitkLinear, 0.0))
    note = f"It was resampled to the grid of '{grid.name}'."
    return replace(image, array=moved, ijk_to_ras=grid.ijk_to_ras, notes=(*image.notes, note))

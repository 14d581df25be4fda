"""Whether two images of one examination lie over one another, and the rigid motion that brings them there.

Both use the same search: Mattes' mutual information (Mattes et al. 2003) over rigid motions, with SimpleITK, on
grids of a few millimetres. Two images are taken for unregistered if the best motion moves the head noticeably and tells
more of one image from the other. How often that errs is measured by `medprompt bench sequences`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInput
from ..images import MedicalImage, luminance

if TYPE_CHECKING:
    import SimpleITK as sitk

Matrix = npt.NDArray[np.float64]
LEVELS_MM = (6.0, 3.0)
"""Grids of the search, coarse to fine, in mm."""
FINEST_MM = 1.5
"""A last grid where the motion is not only looked for but used."""
LEAST_SLICES = 5
"""With fewer slices, only motions within the middle slice are looked for."""
BINS = 32
LIMIT_MM = 3.0
"""Mean displacement of the head from which on images are unregistered; see `must_lie_together`."""
LIMIT_SLICES = 0.5
"""The same as a share of the thickest slice, where that is more."""
LIMIT_GAIN = 0.02
"""Least gain in mutual information, in nats, that the motion must bring."""
LEAST_COVERED = 0.5
"""Share of the reference's head that an image must cover."""


@dataclass(frozen=True)
class Alignment:
    """How an image lies to a reference.

    Attributes:
        to_reference: (4, 4), the rigid motion in RAS and mm that brings the image's points to the reference's.
        displacement: how far it moves the points of the head on average, in mm.
        information, gain: mutual information of the two as they lie, and what the motion adds, in nats.
        covered: share of the reference's head that lies within the image, as they lie.
    """

    to_reference: Matrix
    displacement: float
    information: float
    gain: float
    covered: float


def align(image: MedicalImage, reference: MedicalImage, *, fine: bool = False) -> Alignment:
    """The rigid motion that brings an image over a reference.

    Args:
        fine: go on to `FINEST_MM`, to use the motion rather than to judge it.

    Raises:
        InvalidInput: one of them is the same everywhere, or they do not meet at all.
    """
    flat = min(image.shape[0], reference.shape[0]) < LEAST_SLICES
    if flat:
        image, reference = _in_plane(image, reference)
    fixed, moving = _itk(reference, flat), _itk(image, flat)
    points = _head(reference, flat)
    covered = float(np.mean([moving.TransformPhysicalPointToIndex(p) in _Inside(moving) for p in points.tolist()]))
    if not covered:
        raise InvalidInput(f"'{image.name}' does not overlap '{reference.name}'; register the volumes first.")
    found, before, after = _search(fixed, moving, points, (*LEVELS_MM, FINEST_MM) if fine else LEVELS_MM)
    moved = np.array([found.TransformPoint(p) for p in points.tolist()])
    displacement = float(np.linalg.norm(moved - points, axis=1).mean())
    return Alignment(_to_reference(found, reference, flat), displacement, before, after - before, covered)


def lies_apart(alignment: Alignment, image: MedicalImage, reference: MedicalImage) -> bool:
    """Whether two images are unregistered by the limits of this module."""
    slices = max(*image.spacing, *reference.spacing) if min(image.shape[0], reference.shape[0]) >= LEAST_SLICES else 0.0
    return alignment.displacement > max(LIMIT_MM, LIMIT_SLICES * slices) and alignment.gain > LIMIT_GAIN


def moved(image: MedicalImage, to_reference: Matrix) -> MedicalImage:
    """An image after a rigid motion in RAS and mm; its voxels stay as they are."""
    return replace(image, ijk_to_ras=to_reference @ image.ijk_to_ras)


class _Inside:
    """The indices of an image, for `in`."""

    def __init__(self, image: sitk.Image) -> None:
        self._size = image.GetSize()

    def __contains__(self, index: tuple[int, ...]) -> bool:
        return all(0 <= n < size for n, size in zip(index, self._size, strict=True))


def _in_plane(image: MedicalImage, reference: MedicalImage) -> tuple[MedicalImage, MedicalImage]:
    """The reference's middle slice, and what the image shows there."""
    from ..inputs import on_one_grid, one_slice

    first = one_slice(reference, reference.shape[0] // 2)
    return on_one_grid([first, image])[1], first


def _plane(reference: MedicalImage) -> Matrix:
    """(4, 4): a slice's own axes in mm to RAS."""
    return reference.ijk_to_ras @ np.diag([*(1 / n for n in reference.spacing[::-1]), 1.0])


def _itk(image: MedicalImage, flat: bool) -> sitk.Image:
    """The image as float32, in RAS instead of ITK's LPS, since motions are wanted in RAS; a slice in its own plane."""
    import SimpleITK as sitk

    grey = luminance(image.array).astype(np.float32)
    made = sitk.GetImageFromArray(grey[0] if flat else grey)
    spacing = image.spacing[::-1]
    made.SetSpacing(spacing[: 2 if flat else 3])
    if not flat:
        made.SetOrigin(image.ijk_to_ras[:3, 3].tolist())
        made.SetDirection((image.ijk_to_ras[:3, :3] / spacing).ravel().tolist())
    return made


def _head(image: MedicalImage, flat: bool) -> Matrix:
    """(n, 2 or 3): points of the bright part of an image, in the coordinates of `_itk`."""
    import SimpleITK as sitk

    grey = sitk.GetImageFromArray(luminance(image.array).astype(np.float32))
    bright = sitk.GetArrayFromImage(sitk.OtsuThreshold(grey, 0, 1))
    indices = np.argwhere(bright)[:, ::-1]
    if not len(indices):
        raise InvalidInput(f"'{image.name}' has the same value everywhere; give an image that shows something.")
    indices = indices[:: max(1, len(indices) // 2000)].astype(np.float64)
    if flat:
        return indices[:, :2] * image.spacing[:0:-1]
    points: Matrix = indices @ image.ijk_to_ras[:3, :3].T + image.ijk_to_ras[:3, 3]
    return points


def _coarse(image: sitk.Image, length: float) -> sitk.Image:
    """An image on a grid of about so many mm, where it is finer; smoothed first."""
    import SimpleITK as sitk

    factors = [max(1, round(length / s)) for s in image.GetSpacing()]
    factors = [min(f, max(1, n // 8)) for f, n in zip(factors, image.GetSize(), strict=True)]
    sigmas = [0.5 * f * s if f > 1 else 0.0 for f, s in zip(factors, image.GetSpacing(), strict=True)]
    if any(sigmas):
        image = sitk.DiscreteGaussian(image, [s * s for s in sigmas])
    return sitk.Shrink(image, factors)


def _search(
    fixed: sitk.Image, moving: sitk.Image, points: Matrix, levels: tuple[float, ...]
) -> tuple[Any, float, float]:
    """The best motion from the reference's points to the image's, and the mutual information without and with it."""
    import SimpleITK as sitk

    flat = fixed.GetDimension() == 2
    still = sitk.Euler2DTransform() if flat else sitk.Euler3DTransform()
    still.SetCenter(points.mean(0).tolist())
    found = still
    for length in levels:
        small, other = _coarse(fixed, length), _coarse(moving, length)
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(BINS)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetOptimizerAsRegularStepGradientDescent(
            learningRate=length / 2, minStep=0.02 * length, numberOfIterations=60, relaxationFactor=0.6
        )
        method.SetOptimizerScalesFromPhysicalShift()
        start = sitk.Euler2DTransform(found) if flat else sitk.Euler3DTransform(found)
        method.SetInitialTransform(start, inPlace=True)
        try:
            method.Execute(small, other)
        except RuntimeError:
            continue  # the two hardly meet on this grid; what was found before stands
        found = start
    method.SetInitialTransform(still)
    before = -method.MetricEvaluate(small, other)
    method.SetInitialTransform(found)
    after = -method.MetricEvaluate(small, other)
    return (found, before, after) if after > before else (still, before, before)


def _to_reference(found: Any, reference: MedicalImage, flat: bool) -> Matrix:
    """The inverse of a motion from the reference's points to the image's, in RAS and mm."""
    n = 2 if flat else 3
    rotation, centre = np.reshape(found.GetMatrix(), (n, n)), np.array(found.GetCenter())
    motion = np.eye(4)
    motion[:n, :n] = rotation
    motion[:n, 3] = centre + np.array(found.GetTranslation()) - rotation @ centre
    if flat:
        plane = _plane(reference)
        plane[:3, 3] = reference.ijk_to_ras[:3, 3]
        motion = plane @ motion @ np.linalg.inv(plane)
    inverse: Matrix = np.linalg.inv(motion)
    return inverse

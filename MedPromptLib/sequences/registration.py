"""Whether two images of one examination lie over one another, and the rigid motion that brings them there.

Both use the same search: Mattes' mutual information (Mattes et al. 2003) over rigid motions, with SimpleITK, on
grids of a few millimetres. Two images are taken for unregistered if the best motion moves the head noticeably and tells
more of one image from the other. How often that errs is measured by `medprompt bench sequences`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import Cancelled, InvalidInput
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
LIMIT_MM = 4.0
"""Mean displacement of the head above which images are unregistered, with a gain above `LIMIT_GAIN`.

Both were chosen on patients of the train split of `brain_lgg_mri` as `bench sequences` moves them: where nothing was
moved, the best motion was at most 3.6 mm; moved by 10 mm or turned by 8 degrees, it was 7.3 mm or more.
"""
LIMIT_GAIN = 0.03
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


def align(
    image: MedicalImage,
    reference: MedicalImage,
    *,
    fine: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
) -> Alignment:
    """The rigid motion that brings an image over a reference.

    Args:
        fine: go on to `FINEST_MM`, to use the motion rather than to judge it.

    Raises:
        InvalidInput: one of them is the same everywhere, or they do not meet at all.
        Cancelled: `cancelled` returned True.
    """
    flat = min(image.shape[0], reference.shape[0]) < LEAST_SLICES
    if flat:
        image, reference = _in_plane(image, reference)
    fixed, moving = _itk(reference, flat), _itk(image, flat)
    points = _head(reference, flat)
    covered = float(np.mean([moving.TransformPhysicalPointToIndex(p) in _Inside(moving) for p in points.tolist()]))
    if not covered:
        raise InvalidInput(f"'{image.name}' does not overlap '{reference.name}'; register the volumes first.")
    levels = (*LEVELS_MM, FINEST_MM) if fine else LEVELS_MM
    found, before, after = _search(fixed, moving, points, levels, cancelled)
    there = np.array([found.TransformPoint(p) for p in points.tolist()])
    displacement = float(np.linalg.norm(there - points, axis=1).mean())
    return Alignment(_to_reference(found, reference, flat), displacement, before, after - before, covered)


def lies_apart(alignment: Alignment) -> bool:
    """Whether two images are unregistered by the limits of this module."""
    return alignment.displacement > LIMIT_MM and alignment.gain > LIMIT_GAIN


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


def _factors(image: sitk.Image, length: float) -> list[int]:
    """By how much each axis is thinned to about so many mm; eight voxels are left."""
    sides = zip(image.GetSpacing(), image.GetSize(), strict=True)
    return [min(max(1, round(length / spacing)), max(1, size // 8)) for spacing, size in sides]


def _coarse(image: sitk.Image, factors: list[int]) -> sitk.Image:
    """An image thinned along its axes, smoothed first."""
    import SimpleITK as sitk

    sigmas = [0.5 * f * s if f > 1 else 0.0 for f, s in zip(factors, image.GetSpacing(), strict=True)]
    if any(sigmas):
        image = sitk.DiscreteGaussian(image, [s * s for s in sigmas])
    return sitk.Shrink(image, factors)


def _search(
    fixed: sitk.Image, moving: sitk.Image, points: Matrix, levels: tuple[float, ...], cancelled: Callable[[], bool]
) -> tuple[Any, float, float]:
    """The best motion from the reference's points to the image's, and the mutual information without and with it."""
    import SimpleITK as sitk

    flat = fixed.GetDimension() == 2
    rigid = sitk.Euler2DTransform if flat else sitk.Euler3DTransform
    still = rigid()
    still.SetCenter(points.mean(0).tolist())
    found = still
    # So that a step turns the head's rim by as much as it shifts it.
    radius = float(np.linalg.norm(points - points.mean(0), axis=1).mean())
    # Levels on which nothing more is seen are left out.
    grids = [(_factors(fixed, length), _factors(moving, length)) for length in levels]
    kept = [n for n in range(len(levels)) if n == 0 or grids[n] != grids[n - 1]]
    for n in kept:
        length = levels[n]
        small, other = (_coarse(image, factors) for image, factors in zip((fixed, moving), grids[n], strict=True))
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(BINS)
        method.SetInterpolator(sitk.sitkLinear)
        if n == 0 or n != kept[-1]:
            # Line by line: gradients alone hardly find a turn.
            method.SetOptimizerAsPowell(
                numberOfIterations=4,
                maximumLineIterations=8,
                stepLength=length / 2,
                stepTolerance=0.02 * length,
                valueTolerance=2e-3,
            )
            method.SetOptimizerScales([radius] * (1 if flat else 3) + [1.0] * (2 if flat else 3))
        else:
            method.SetOptimizerAsGradientDescent(
                learningRate=1.0,
                numberOfIterations=40,
                convergenceMinimumValue=1e-5,
                convergenceWindowSize=8,
                estimateLearningRate=method.EachIteration,
                maximumStepSizeInPhysicalUnits=length / 8,
            )
            method.SetOptimizerScalesFromPhysicalShift()
        start = rigid(found)
        method.SetInitialTransform(start, inPlace=True)
        method.AddCommand(sitk.sitkIterationEvent, lambda m=method: m.StopRegistration() if cancelled() else None)
        try:
            method.Execute(small, other)
        except RuntimeError:
            continue  # the two hardly meet on this grid; what was found before stands
        if cancelled():
            raise Cancelled("Cancelled; no result was kept.")
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
    return np.linalg.inv(motion).astype(np.float64)

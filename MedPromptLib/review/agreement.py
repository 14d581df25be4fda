"""How far an edited mask differs from the proposed one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """Two masks compared.

    Attributes:
        dice: 2 |A ∩ B| / (|A| + |B|), Dice 1945; 1 if both are empty.
        hd95: 95th percentile Hausdorff distance in the unit of the spacing: the larger of the two directed 95th
            percentiles over surface voxels (Huttenlocher 1993 with the usual percentile); None if one is empty.
        changed: voxels that are in one mask only.
        changed_volume: the same in units of the spacing cubed (mm³); of a single slice, squared (mm²).
    """

    dice: float
    hd95: float | None
    changed: int
    changed_volume: float


def compare(proposed: Mask, edited: Mask, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Agreement:
    """Compare two masks (k, j, i) of one grid.

    Args:
        spacing: voxel size along (k, j, i); with a single slice, that along k is not used.

    Raises:
        ValueError: different shapes.
    """
    if proposed.shape != edited.shape:
        raise ValueError(f"the masks have different shapes, {proposed.shape} and {edited.shape}")
    sizes = spacing
    a, b = proposed.astype(bool), edited.astype(bool)
    if a.ndim == 3 and a.shape[0] == 1:
        a, b, sizes = a[0], b[0], spacing[1:]  # type: ignore[assignment]
    total, common, changed = int(a.sum() + b.sum()), int((a & b).sum()), int((a ^ b).sum())
    return Agreement(
        dice=2 * common / total if total else 1.0,
        hd95=_hd95(a, b, sizes) if a.any() and b.any() else None,
        changed=changed,
        changed_volume=changed * float(np.prod(sizes)),
    )


def _hd95(a: Mask, b: Mask, spacing: tuple[float, ...]) -> float:
    import SimpleITK as sitk

    # Nothing outside the box of both matters, and volumes are mostly empty.
    box = tuple(
        slice(int(found[0]), int(found[-1]) + 1)
        for axis in range(a.ndim)
        for found in [np.flatnonzero((a | b).any(axis=tuple(n for n in range(a.ndim) if n != axis)))]
    )
    surfaces = [_surface(np.pad(mask[box], 1)) for mask in (a, b)]

    def distances_to(surface: Mask) -> Floats:
        image = sitk.GetImageFromArray(surface.astype(np.uint8))
        image.SetSpacing([float(size) for size in spacing[::-1]])
        found = sitk.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
        return np.abs(sitk.GetArrayFromImage(found)).astype(np.float64)

    one, other = distances_to(surfaces[1])[surfaces[0]], distances_to(surfaces[0])[surfaces[1]]
    return float(max(np.percentile(one, 95), np.percentile(other, 95)))


def _surface(mask: Mask) -> Mask:
    """Voxels of a mask with a neighbour across a face that is outside; the mask must not touch the array's border."""
    inner = mask.copy()
    for axis in range(mask.ndim):
        for step in (-1, 1):
            inner &= np.roll(mask, step, axis)
    surface: Mask = mask & ~inner
    return surface

"""What can be measured on a slice without knowing what it shows: extent, grey values, sides, outlines, what stands out.

Places are those of the picture as it is stored, row 0 at the top; they are no statement about the patient's sides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..images import Array, luminance

Floats = npt.NDArray[np.float32]
SIDE = 96
"""Every slice is measured with its longer side at so many pixels, so that the resolution of its file hardly matters."""
PERCENTILES = (0.5, 99.5)
STANDS_OUT = 1.5
"""A region stands out where it differs from the mean by so many standard deviations."""
RIM = 0.2
"""Share of the body's radius along its edge, where skin, fat and bone lie, that is not searched for such regions."""
SMALLEST_BODY = 0.02
"""Share of the picture below which a slice counts as empty."""


@dataclass(frozen=True)
class Region:
    """A place that stands out.

    Attributes:
        row, column: thirds of the body's box, 0 to 2 from the top and from the left.
        share: of the body's area. steps: its mean less the body's, in standard deviations.
        sharpness: mean gradient along its edge, relative to `steps`, per pixel of 96.
    """

    row: int
    column: int
    share: float
    steps: float
    sharpness: float

    def mirrored(self) -> Region:
        """The same in the picture mirrored from side to side."""
        return replace(self, column=2 - self.column)


@dataclass(frozen=True)
class Observation:
    """Measurements of one slice.

    Attributes:
        extent: share of the picture that the body fills; the rest is only given where that is enough.
        aspect: the body's width over its height.
        mean, spread: of the grey values inside the body, 0 to 1 between the picture's 0.5 and 99.5 percentiles.
        likeness: correlation of the body with its own mirror image.
        difference: where the two sides differ most, with the side that is brighter; None if hardly.
        sharpness: the steepest tenth of the gradients inside the body, per pixel of 96.
        brightest, darkest: the largest regions that stand out, None if none does.
    """

    extent: float
    aspect: float = 1.0
    mean: float = 0.0
    spread: float = 0.0
    likeness: float = 1.0
    difference: Region | None = None
    sharpness: float = 0.0
    brightest: Region | None = None
    darkest: Region | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is next to nothing on the slice."""
        return self.extent < SMALLEST_BODY

    def mirrored(self) -> Observation:
        """What the mirrored picture shows."""
        sided = {name: getattr(self, name) for name in ("difference", "brightest", "darkest")}
        return replace(self, **{name: r.mirrored() for name, r in sided.items() if r is not None})


def observe(picture: Array) -> Observation:
    """Measurements of a slice (h, w) or (h, w, 3) of any real dtype."""
    import SimpleITK as sitk

    x = _normalised(luminance(picture[None])[0])
    image = sitk.GetImageFromArray(x)
    body = _body(image)
    extent = float(body.mean())
    if extent < SMALLEST_BODY:
        return Observation(extent)
    smooth = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(image, 1.5))
    slope = sitk.GetArrayFromImage(sitk.GradientMagnitudeRecursiveGaussian(image, 1.0))
    rows, columns = np.flatnonzero(body.any(1)), np.flatnonzero(body.any(0))
    box = (int(rows[0]), int(columns[0]), len(range(rows[0], rows[-1] + 1)), len(range(columns[0], columns[-1] + 1)))
    inner = _without_rim(body)
    mean, spread = float(x[body].mean()), float(max(x[body].std(), 1e-3))

    def largest(z: Floats) -> tuple[Region, npt.NDArray[np.bool_]] | None:
        return _largest(z, inner, body, box, slope, spread)

    steps = ((smooth - mean) / np.float32(spread)).astype(np.float32)
    likeness, other = _sides(smooth, body)
    # both sides differ as much; the one that is less like the rest of the body is the one to speak of
    stranger = np.abs(smooth - mean) >= np.abs(other - mean)
    different = largest((np.abs(smooth - other) / np.float32(spread) * stranger).astype(np.float32))
    difference = None
    if different is not None:
        difference, where = different
        brighter = float((smooth - other)[where].mean()) > 0
        difference = difference if brighter else replace(difference, steps=-difference.steps)
    bright, dark = largest(steps), largest(-steps)
    return Observation(
        extent=extent,
        aspect=box[3] / box[2],
        mean=mean,
        spread=spread,
        likeness=1.0 if likeness is None else likeness,
        difference=difference,
        sharpness=float(np.quantile(slope[inner] if inner.any() else slope[body], 0.9)),
        brightest=bright[0] if bright else None,
        darkest=replace(dark[0], steps=-dark[0].steps) if dark else None,
    )


def _normalised(grey: Array) -> Floats:
    """(h, w) in 0 to 1 with the longer side at 96."""
    import torch
    import torch.nn.functional as F

    x = torch.from_numpy(np.ascontiguousarray(grey).astype(np.float32))[None, None]
    scale = SIDE / max(x.shape[2:])
    size = [max(round(side * scale), 8) for side in x.shape[2:]]
    x = F.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=True)
    low, high = torch.quantile(x.flatten(), torch.tensor(PERCENTILES) / 100)
    scaled: Floats = ((x - low) / (high - low).clamp_min(1e-6)).clamp(0, 1)[0, 0].numpy()
    return scaled


def _body(image: object) -> npt.NDArray[np.bool_]:
    """The largest thing brighter than the background, without holes."""
    import SimpleITK as sitk

    smooth = sitk.SmoothingRecursiveGaussian(image, 1.0)
    found = sitk.OtsuThreshold(smooth, 0, 1, 64)
    # what is lit is the body even where bone or fat is so bright that Otsu's threshold parts it from the rest
    threshold = 0.5 * float(sitk.GetArrayViewFromImage(smooth)[sitk.GetArrayViewFromImage(found) == 0].mean()) + 0.05
    lit = sitk.Or(found, sitk.BinaryThreshold(smooth, max(threshold, 0.1), 2.0, 1, 0))
    parts = sitk.RelabelComponent(sitk.ConnectedComponent(lit))
    body: npt.NDArray[np.bool_] = sitk.GetArrayFromImage(sitk.BinaryFillhole(parts == 1)) > 0
    return body


def _without_rim(body: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    import SimpleITK as sitk

    radius = float(np.sqrt(body.sum() / np.pi))
    inside = sitk.GetImageFromArray(np.pad(body, 1).astype(np.uint8))
    depth = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(inside, True, False, False))[1:-1, 1:-1]
    inner: npt.NDArray[np.bool_] = depth > RIM * radius
    return inner


def _sides(smooth: Floats, body: npt.NDArray[np.bool_]) -> tuple[float | None, Floats]:
    """Correlation with the mirror image about the body's middle, and that image; None where there is no overlap."""
    columns = np.flatnonzero(body.any(0))
    source = columns[0] + columns[-1] - np.arange(body.shape[1])
    valid = (source >= 0) & (source < body.shape[1])
    index = source.clip(0, body.shape[1] - 1)
    other, both = smooth[:, index], body & body[:, index] & valid
    if both.sum() < 16:
        return None, smooth
    a, b = smooth[both], other[both]
    deviation = float(a.std() * b.std())
    likeness = float(((a - a.mean()) * (b - b.mean())).mean()) / deviation if deviation > 1e-6 else 1.0
    return likeness, np.where(both, other, smooth)


def _largest(
    z: Floats,
    inner: npt.NDArray[np.bool_],
    body: npt.NDArray[np.bool_],
    box: tuple[int, int, int, int],
    slope: Floats,
    spread: float,
) -> tuple[Region, npt.NDArray[np.bool_]] | None:
    """The largest connected part of the inner body where `z` stands out, and where it is."""
    import SimpleITK as sitk

    found = sitk.GetImageFromArray(((z > STANDS_OUT) & inner).astype(np.uint8))
    region = sitk.GetArrayFromImage(sitk.RelabelComponent(sitk.ConnectedComponent(found), 6)) == 1
    if not region.any():
        return None
    rows, columns = np.nonzero(region)
    edge = region & ~(sitk.GetArrayFromImage(sitk.BinaryErode(sitk.GetImageFromArray(region.astype(np.uint8)))) > 0)
    steps = float(z[region].mean())
    found_region = Region(
        row=int(np.clip((rows.mean() - box[0]) * 3 // box[2], 0, 2)),
        column=int(np.clip((columns.mean() - box[1]) * 3 // box[3], 0, 2)),
        share=float(region.sum() / body.sum()),
        steps=steps,
        sharpness=float(slope[edge].mean()) / (steps * spread),
    )
    return found_region, region

"""Whether an image looks like those a weight was made for.

A weight's card carries an `InputProfile`: what its training images look like in a small descriptor of brightness,
edges and colour that needs no network. An image fits if it lies within the spread of those images and on their side of
a line drawn between them and other kinds of medical images. How often that errs is measured by
`medprompt evaluate --input-check`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from ..catalog import DESCRIPTOR_LENGTH, InputProfile, Preprocessing, WeightCard
from ..errors import UnusualInput
from ..images import Array, MedicalImage
from .preprocessing import LUMINANCE, PERCENTILES
from .volume_geometry import grid_of
from .volumes import must_be_a_volume, must_hold_sequences

Floats = npt.NDArray[np.float64]
SIDE = 64
"""Every slice is described at this size, so that the resolution of its file hardly matters."""
BLOCKS, BINS = 8, 12
SATURATION = BLOCKS * BLOCKS + BINS + 6 + 4
LENGTH = DESCRIPTOR_LENGTH
SMALLEST_SHARE = 0.4
"""An image with fewer rows or columns than this share of the network's input is too coarse to fit."""
SLICES = 5
"""So many slices of the middle half of a volume are described; their median counts."""
GREY = 0.02
"""Mean saturation, 0 to 1, below which an image counts as grey."""


@dataclass(frozen=True)
class Misfit:
    """Why an image does not fit a weight.

    Attributes:
        distance: from the training images, divided by the limit on the card; above 1 is outside.
        likeness: log odds of this kind of image against others, less the limit on the card; below 0 is outside.
    """

    weight_id: str
    image: str
    reasons: tuple[str, ...]
    distance: float
    likeness: float

    def __str__(self) -> str:
        return f"'{self.image}' does not look like the images '{self.weight_id}' was made for: " + "; ".join(
            self.reasons
        )


def describe(picture: Array) -> Floats:
    """Descriptor (87,) of a slice (h, w) or (h, w, 3), after its 0.5 and 99.5 percentiles became 0 and 1.

    In order: mean luminance in 8 × 8 blocks, the square root of a histogram of 12 bins, the logarithm of the mean
    horizontal and vertical step at three scales, mean and deviation of red - green and of green - blue, and the mean
    saturation.
    """
    x = torch.from_numpy(np.ascontiguousarray(picture).astype(np.float32, copy=False))
    x = x.permute(2, 0, 1)[None] if x.ndim == 3 else x[None, None]
    x = F.interpolate(x, size=(SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)
    low, high = torch.quantile(x.flatten(), torch.tensor(PERCENTILES) / 100)
    x = ((x - low) / (high - low).clamp_min(1e-6)).clamp(0, 1).expand(-1, 3, -1, -1)
    grey = (x * torch.tensor(LUMINANCE)[:, None, None]).sum(1, keepdim=True)
    histogram = torch.histc(grey, BINS, 0, 1) / grey.numel()
    steps = []
    for scale in (1, 2, 4):
        coarse = F.avg_pool2d(grey, scale)
        steps += [coarse.diff(dim=3).abs().mean(), coarse.diff(dim=2).abs().mean()]
    colour = []
    for difference in (x[:, 0] - x[:, 1], x[:, 1] - x[:, 2]):
        colour += [difference.mean(), difference.std()]
    saturation = (x.amax(1) - x.amin(1)).mean()
    parts = [
        F.avg_pool2d(grey, SIDE // BLOCKS).flatten(),
        histogram.sqrt(),
        torch.log(torch.stack(steps) + 1e-3),
        torch.stack([*colour, saturation]),
    ]
    described: Floats = torch.cat(parts).double().numpy()
    return described


def describe_image(image: MedicalImage, recipe: Preprocessing | None = None) -> Floats:
    """`describe` of the slice, or the median over slices of the middle half of a volume, turned as the recipe says."""
    slices = grid_of(image, recipe).turn(image.array) if recipe else image.array
    count = len(slices)
    if count == 1:
        return describe(slices[0])
    chosen = np.unique(np.linspace(count // 4, max(count - 1 - count // 4, count // 4), SLICES).round().astype(int))
    middle: Floats = np.median([describe(slices[k]) for k in chosen], axis=0)
    return middle


def describe_volume(image: MedicalImage, recipe: Preprocessing) -> Floats:
    """Descriptor (261,) of a volume: `describe` of its middle slice across each of the network's k, j and i axes."""
    turned = grid_of(image, recipe).turn(image.array)
    middle = (turned.take(side // 2, axis) for axis, side in enumerate(turned.shape[:3]))
    return np.concatenate([describe(picture) for picture in middle])


def pack(vectors: Floats) -> str:
    """Rows of numbers as base64 of little-endian float16, which keeps a card readable."""
    return base64.b64encode(vectors.astype("<f2").tobytes()).decode("ascii")


def unpack(text: str, length: int = LENGTH) -> Floats:
    """(rows, length): what `pack` wrote."""
    return np.frombuffer(base64.b64decode(text), "<f2").astype(np.float64).reshape(-1, length)


def distances(profile: InputProfile, described: Floats) -> Floats:
    """Distance (n,) of descriptors (n, 87) from the profile's images, over its limit.

    The probabilistic principal components of Tipping and Bishop 1999: Mahalanobis inside the components, one variance
    outside.
    """
    mean, deviation, _, *components = unpack(profile.vectors, described.shape[-1])
    z = (described - mean) / deviation
    inside = z @ np.array(components).T
    outside = ((z**2).sum(1) - (inside**2).sum(1)).clip(0)
    squared = (inside**2 / np.array(profile.variances)).sum(1) + outside / profile.residual
    result: Floats = np.sqrt(squared) / profile.distance_limit
    return result


def likenesses(profile: InputProfile, described: Floats) -> Floats:
    """Log odds (n,) of the profile's kind of image against other kinds, less the profile's limit."""
    mean, deviation, line, *_ = unpack(profile.vectors, described.shape[-1])
    odds: Floats = (described - mean) / deviation @ line + profile.intercept - profile.likeness_limit
    return odds


def fits(profile: InputProfile, described: Floats) -> npt.NDArray[np.bool_]:
    """Whether descriptors (n, 87) are within both limits."""
    return (distances(profile, described) <= 1) & (likenesses(profile, described) >= 0)


def check_input(card: WeightCard, image: MedicalImage) -> Misfit | None:
    """Why the image does not look like what the weight was made for; None if it does, or if the card cannot tell.

    Raises:
        InvalidInput: a single image for a weight that takes volumes, or for one that takes several sequences.
    """
    profile = card.input_profile
    must_hold_sequences(card, image)
    if card.dimension == 3:
        must_be_a_volume(card, image)
    if profile is None:
        return None
    reasons = _sizes(card, profile, image)
    if not np.ptp(image.array):
        return Misfit(card.id, image.name, (*reasons, "every pixel has the same value"), float("inf"), float("-inf"))
    is_volume = card.dimension == 3
    described = (
        describe_volume(image, card.preprocessing) if is_volume else describe_image(image, card.preprocessing)
    )[None]
    distance, likeness = float(distances(profile, described)[0]), float(likenesses(profile, described)[0])
    if distance > 1 or likeness < 0:
        colourful, usual = float(described[0, SATURATION]), profile.saturation
        if colourful > GREY and usual[1] <= GREY:
            reasons.append("it is in colour, they are grey")
        if colourful <= GREY and usual[0] > GREY:
            reasons.append("it is grey, they are in colour")
        if likeness < 0:
            reasons.append(f"it resembles other kinds of images more than {card.modality}")
        if distance > 1:
            reasons.append(f"brightness, edges and colour are {distance:.1f} times as unusual as the limit allows")
    return Misfit(card.id, image.name, tuple(reasons), distance, likeness) if reasons else None


def _sizes(card: WeightCard, profile: InputProfile, image: MedicalImage) -> list[str]:
    """Why an image is too small or too large, if it is."""
    if card.dimension == 3:
        shape = grid_of(image, card.preprocessing).shape
        if all(least <= side <= most for side, (least, most) in zip(shape, profile.extent, strict=True)):
            return []
        usual = " × ".join(f"{least:.0f} to {most:.0f}" for least, most in profile.extent)
        return [f"it has {' × '.join(map(str, shape))} voxels at the weight's resolution where {usual} are expected"]
    rows, columns = image.shape[1:]
    wanted = card.preprocessing.size[-2:]
    if rows < SMALLEST_SHARE * wanted[0] or columns < SMALLEST_SHARE * wanted[1]:
        return [f"it has {rows} × {columns} pixels where about {wanted[0]} × {wanted[1]} or more are expected"]
    return []


def check_inputs(inputs: Sequence[tuple[WeightCard, MedicalImage]], *, accept: bool = False) -> tuple[Misfit, ...]:
    """All misfits of the weights that a plan needs with the image that each of them gets.

    Raises:
        UnusualInput: there are some and they are not accepted.
    """
    misfits = tuple(misfit for card, image in inputs if (misfit := check_input(card, image)) is not None)
    if misfits and not accept:
        raise UnusualInput(
            f"{'. '.join(str(misfit) for misfit in misfits)}. Nothing has run; its output would have no known meaning. "
            "To run it all the same, accept unusual input (--accept-unusual-input).",
            misfits,
        )
    return misfits

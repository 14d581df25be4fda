"""Which sequence a volume looks like, by its grey values: a small classifier for T1, FLAIR and contrast-enhanced T1.

It knows these three and was fitted on adults with a glioma, on axial slices with the head in them; a sequence that it
does not know it takes for one of the three. So it only orders what names and DICOM tags leave open, and its answer is
shown before it is used. `medprompt bench sequences` fits and measures it: on the test split of `brain_lgg_mri` it is
right on 28 of 34 volumes alone and on 10 of 11 patients' three together, and of the 6 it is sure of, on all.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from ..images import MedicalImage, luminance

Floats = npt.NDArray[np.float64]
MODEL_NAME = "appearance.json"
INNER, RIM = 0.65, (0.8, 1.1)
"""Radii of the ellipsoid in the head's box: within the brain, and about the scalp."""
UNLIKE = 2.3
"""Root mean square of standardised features above which an image looks like none the classifier was fitted on.

All volumes of the train split of `brain_lgg_mri`, disturbed ones too, stay below.
"""
INNER_EDGES = np.linspace(0.0, 2.0, 17)
RIM_EDGES = np.linspace(0.0, 3.0, 9)


def features(image: MedicalImage) -> Floats | None:
    """(34,) of a grey volume or slice; None where it shows nothing.

    Whatever the direction of its axes and the scale of its values: the square root of two histograms of values over the
    brain's median (in the brain, in the scalp), and how bright, how skewed and how sharp the brain is.
    """
    import SimpleITK as sitk

    grey = luminance(image.array).astype(np.float32)
    thin = [max(1, round(n / 160)) for n in grey.shape]
    grey = grey[:: thin[0], :: thin[1], :: thin[2]]
    grey = grey - np.percentile(grey, 0.1)
    bright = sitk.GetArrayFromImage(sitk.OtsuThreshold(sitk.GetImageFromArray(grey), 0, 1)) > 0
    points = np.argwhere(bright)
    if len(points) < 200:
        return None
    low, high = np.percentile(points, (1, 99), axis=0)
    reach = np.maximum((high - low) / 2, 1.0)
    axes = np.ogrid[tuple(slice(n) for n in grey.shape)]
    radius = np.sqrt(sum(((axis - (a + b) / 2) / r) ** 2 for axis, a, b, r in zip(axes, low, high, reach, strict=True)))
    inner, rim = radius < INNER, (radius > RIM[0]) & (radius < RIM[1])
    brain = grey[inner]
    if not brain.size or not rim.any():
        return None
    middle = float(np.median(brain[brain > 0])) if (brain > 0).any() else 0.0
    if middle <= 0:
        return None
    scaled = grey / middle
    brain, scalp = scaled[inner], scaled[rim]
    steps = np.hypot(np.gradient(scaled, axis=1), np.gradient(scaled, axis=2))[inner]
    spread = float(brain.std()) + 1e-6
    skew = float((((brain - brain.mean()) / spread) ** 3).mean())
    return np.array(
        [
            *np.sqrt(_histogram(brain, INNER_EDGES)),
            *np.sqrt(_histogram(scalp, RIM_EDGES)),
            *np.percentile(brain, (2, 10, 90, 99)),
            spread,
            skew,
            float(np.percentile(scalp, 90)),
            *np.percentile(steps, (50, 90)),
            float(np.corrcoef(brain, steps)[0, 1]),
        ]
    )


def _histogram(values: Floats, edges: Floats) -> Floats:
    """Shares of values between the edges, those beyond counted at the ends."""
    counts, _ = np.histogram(values.clip(edges[0], edges[-1]), edges)
    return counts / max(counts.sum(), 1)


def probabilities(image: MedicalImage) -> Mapping[str, float]:
    """How probable each known sequence is, if it is one of them; empty where the image looks like no head it knows."""
    described, model = features(image), _Model.shipped()
    return {} if described is None or model.strangeness(described) > UNLIKE else model.probabilities(described)


class _Model:
    """Multinomial logistic regression on standardised `features`."""

    def __init__(self, classes: tuple[str, ...], mean: Floats, std: Floats, weights: Floats, bias: Floats) -> None:
        self.classes, self.mean, self.std, self.weights, self.bias = classes, mean, std, weights, bias

    @classmethod
    @functools.cache
    def shipped(cls) -> _Model:
        """The classifier of this version."""
        read = json.loads((files(__package__) / MODEL_NAME).read_text(encoding="utf-8"))
        numbers = (np.array(read[name], dtype=np.float64) for name in ("mean", "std", "weights", "bias"))
        return cls(tuple(read["classes"]), *numbers)

    def strangeness(self, described: Floats) -> float:
        """Root mean square of the standardised features."""
        return float(np.sqrt((((described - self.mean) / self.std) ** 2).mean()))

    def probabilities(self, described: Floats) -> dict[str, float]:
        """Per class, sum 1."""
        scores = self.weights @ ((described - self.mean) / self.std).clip(-4, 4) + self.bias
        odds = np.exp(scores - scores.max())
        return {name: float(p) for name, p in zip(self.classes, odds / odds.sum(), strict=True)}

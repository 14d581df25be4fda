"""What something trivial reaches on the same split: the floor beside a weight's numbers.

A classifier is compared with a logistic regression on thumbnails, a segmentation with the mean shape of the training
masks and, if it has one structure, with Otsu's threshold. All are fitted on the training split alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from ..catalog import WeightCard
from ..images import Array
from ..inference.preprocessing import LUMINANCE
from .data import Cases
from .metrics import Floats

THUMBNAIL = 16
"""Rows and columns that the thumbnail classifier sees."""
SHAPE_SIDE = 64
LARGEST_SAMPLE = 400
"""Training masks that the thresholds are chosen on."""
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)


def thumbnails(cases: Cases) -> Floats:
    """(n, 16 · 16 · channels) in 0 to 1; colour only if every image has it."""
    colour = all(picture.ndim == 3 for picture in cases.images)
    return np.stack([_small(picture if colour else _grey(picture), THUMBNAIL).ravel() for picture in cases.images])


def _grey(picture: Array) -> Array:
    return picture @ np.array(LUMINANCE) if picture.ndim == 3 else picture


def _small(picture: Array, side: int) -> Floats:
    """(side, side[, 3]) with values over 255."""
    x = torch.from_numpy(np.ascontiguousarray(picture).astype(np.float32))
    x = x.permute(2, 0, 1)[None] if x.ndim == 3 else x[None, None]
    x = F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False, antialias=True)[0]
    small: Floats = x.permute(1, 2, 0).squeeze(-1).double().numpy() / 255
    return small


def thumbnail_probabilities(train: Cases, cases: Cases, classes: tuple[str, ...]) -> Floats:
    """Class probabilities (n, classes) of a logistic regression on thumbnails."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    model.fit(thumbnails(train), [classes.index(label) for label in train.labels])
    probabilities = np.zeros((len(cases), len(classes)))
    probabilities[:, model.classes_] = model.predict_proba(thumbnails(cases))
    return probabilities


def mean_shape(train: Cases, structures: int) -> npt.NDArray[np.uint8]:
    """Label map (64, 64): where a structure lies in at least a share of the training masks.

    The share is the one of `SHARES` with the best mean Dice on those masks; where two structures meet, the more
    frequent one wins.
    """
    assert train.masks is not None
    resized = np.stack([_resized_labels(mask, SHAPE_SIDE) for mask in train.masks])
    frequency = np.stack([(resized == label + 1).mean(0) for label in range(structures)])
    best, winner = frequency.max(0), frequency.argmax(0) + 1
    candidates = [np.where(best >= share, winner, 0).astype(np.uint8) for share in SHARES]
    chosen = resized[:LARGEST_SAMPLE]
    return max(candidates, key=lambda shape: float(np.nanmean([dice_of_labels(shape, m, structures) for m in chosen])))


def _resized_labels(mask: Array, side: int | tuple[int, ...]) -> npt.NDArray[np.uint8]:
    x = torch.from_numpy(np.ascontiguousarray(mask))[None, None].float()
    resized: npt.NDArray[np.uint8] = F.interpolate(x, size=side, mode="nearest-exact")[0, 0].numpy().astype(np.uint8)
    return resized


def dice_of_labels(predicted: Array, truth: Array, structures: int) -> Floats:
    """Per structure; NaN where the truth has none."""
    values = []
    for label in range(1, structures + 1):
        one, other = predicted == label, truth == label
        values.append(2 * (one & other).sum() / (one.sum() + other.sum()) if other.any() else np.nan)
    return np.array(values, dtype=np.float64)


def otsu(picture: Array, bright: bool) -> npt.NDArray[np.uint8]:
    """1 above (or not above) Otsu's threshold of the luminance, else 0."""
    return otsu_of_grey(_grey(picture), bright)


def otsu_of_grey(grey: Array, bright: bool) -> npt.NDArray[np.uint8]:
    """`otsu` of grey values (h, w) or (k, j, i)."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(grey.astype(np.float32))
    above = sitk.GetArrayFromImage(sitk.OtsuThreshold(image, 0, 1)).astype(np.uint8)
    return above if bright else 1 - above


def segmentation_floors(card: WeightCard, train: Cases, cases: Cases) -> dict[str, Floats]:
    """Dice (n, structures) per image, NaN where the truth has none, of each trivial method by name."""
    assert cases.masks is not None
    assert train.masks is not None
    structures = len(card.structures)
    shape = mean_shape(train, structures)
    floors = {
        "Dice of the mean shape": np.stack(
            [dice_of_labels(_resized_labels(shape, mask.shape), mask, structures) for mask in cases.masks]
        )
    }
    if structures == 1:
        sample = list(zip(train.images, train.masks, strict=True))[:LARGEST_SAMPLE]
        by_side = {side: np.nanmean([dice_of_labels(otsu(i, side), m, 1) for i, m in sample]) for side in (True, False)}
        bright = bool(by_side[True] >= by_side[False])
        pairs = zip(cases.images, cases.masks, strict=True)
        floors["Dice of Otsu's threshold"] = np.stack([dice_of_labels(otsu(i, bright), m, 1) for i, m in pairs])
    return floors

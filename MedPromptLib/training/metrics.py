"""Metrics of segmentation and classification, with bootstrap intervals over patients or images."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
Floats = npt.NDArray[np.float64]
BOOTSTRAP_ROUNDS = 1000
ECE_BINS = 15
PRIOR_DEVIATION = 0.5
"""Of the priors in `fit_calibration`; cross-validation inside the validation splits prefers it to none."""


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def stamped(self, stamp: Mapping[str, str]) -> dict[str, Any]:
        """What a measurement on a card holds of it: the stamp, and its numbers with four decimals."""
        return {**stamp, "value": round(self.value, 4), "low": round(self.low, 4), "high": round(self.high, 4)}


def bootstrap(groups: Sequence[str], statistic: Callable[[npt.NDArray[np.intp]], float], seed: int = 0) -> Estimate:
    """`statistic` of all cases, and its 2.5 and 97.5 percentiles over resampled groups (patients).

    Args:
        groups: one name per case; cases of one group are drawn together.
        statistic: gets indices of cases, returns a number or NaN (such rounds are left out).
    """
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    blocks = [np.array(indices) for indices in members.values()]
    random = np.random.default_rng(seed)
    values = []
    for _ in range(BOOTSTRAP_ROUNDS):
        drawn = random.integers(len(blocks), size=len(blocks))
        values.append(statistic(np.concatenate([blocks[d] for d in drawn])))
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return Estimate(statistic(np.arange(len(groups))), float(low), float(high))


def bootstrap_mean(values: Floats, groups: Sequence[str]) -> Estimate:
    """Mean of all that is not NaN in (n, …) values, one row per case."""

    def statistic(chosen: npt.NDArray[np.intp]) -> float:
        drawn = values[chosen]
        return float(np.nanmean(drawn)) if not np.isnan(drawn).all() else float("nan")

    return bootstrap(groups, statistic)


def rate(groups: Sequence[str], hit: npt.NDArray[np.bool_], within: npt.NDArray[np.bool_]) -> Estimate:
    """Share of the cases in `within` that are a `hit`; NaN if `within` has none.

    The interval is the bootstrap's. If all or none is a hit, resampling shows no spread, and it is the exact binomial
    one of Clopper and Pearson 1934 with as many trials as there are groups (patients).
    """
    found = bootstrap_mean(np.where(within, hit.astype(float), np.nan)[:, None], groups) if within.any() else None
    if found is None:
        return Estimate(float("nan"), float("nan"), float("nan"))
    trials = len({group for group, inside in zip(groups, within, strict=True) if inside})
    if found.value == 1:
        return Estimate(1.0, 0.025 ** (1 / trials), 1.0)
    if found.value == 0:
        return Estimate(0.0, 0.0, 1 - 0.025 ** (1 / trials))
    return found


@dataclass(frozen=True)
class MaskScores:
    """Per image and structure; NaN where the metric is not defined.

    Attributes:
        dice, iou: (n, structures); NaN if the truth has none of the structure, 0 if only the prediction lacks it.
        hd95: (n, structures), 95th percentile Hausdorff distance in pixels, or in mm where a spacing was given; NaN
            unless both have it.
        false_alarm: (n, structures); 1 if something is predicted where the truth has nothing, 0 if not, else NaN.
    """

    dice: Floats
    iou: Floats
    hd95: Floats
    false_alarm: Floats


def pooled_dice(
    predicted: Sequence[Array], truth: Sequence[Array], groups: Sequence[str], structures: int
) -> dict[str, Floats]:
    """Dice of each group (a patient, or one image) over all pixels of its images; NaN where the truth has none.

    Args:
        predicted, truth: label maps (h, w). groups: one name per image.

    Returns:
        For each group, one number per structure.
    """
    overlap, sizes = ({group: np.zeros(structures) for group in groups} for _ in range(2))
    wanted = {group: np.zeros(structures) for group in groups}
    for one, other, group in zip(predicted, truth, groups, strict=True):
        for column in range(structures):
            found, there = one == column + 1, other == column + 1
            overlap[group][column] += (found & there).sum()
            sizes[group][column] += found.sum() + there.sum()
            wanted[group][column] += there.sum()
    return {g: np.where(wanted[g] > 0, 2 * overlap[g] / np.maximum(sizes[g], 1), np.nan) for g in overlap}


def mask_scores(
    predicted: Sequence[Array],
    truth: Sequence[Array],
    structures: int,
    spacings: Sequence[tuple[float, ...] | None] | None = None,
) -> MaskScores:
    """Scores of label maps (h, w) or (k, j, i) against label maps, computed by MONAI.

    Args:
        spacings: per case along its axes, in mm, for the Hausdorff distance; None measures it in pixels.
    """
    from monai.metrics import compute_dice, compute_hausdorff_distance, compute_iou

    rows: dict[str, list[Floats]] = {"dice": [], "iou": [], "hd95": [], "false": []}
    for one, other, size in zip(predicted, truth, spacings or [None] * len(predicted), strict=True):
        pair = _Pair(one, other, structures)
        rows["dice"].append(
            compute_dice(pair.hot[0], pair.hot[1], ignore_empty=True, include_background=False)[0].numpy()
        )
        rows["iou"].append(
            compute_iou(pair.hot[0], pair.hot[1], ignore_empty=True, include_background=False)[0].numpy()
        )
        rows["hd95"].append(pair.distance(compute_hausdorff_distance, size, percentile=95))
        rows["false"].append(np.where(pair.has_truth, np.nan, pair.has_prediction.astype(float)))
    stacked = {name: np.asarray(values, dtype=np.float64) for name, values in rows.items()}
    return MaskScores(stacked["dice"], stacked["iou"], stacked["hd95"], stacked["false"])


def average_surface_distance(
    predicted: Sequence[Array],
    truth: Sequence[Array],
    structures: int,
    spacings: Sequence[tuple[float, ...] | None] | None = None,
) -> Floats:
    """Mean distance between the surfaces, both ways (n, structures), in mm or voxels; NaN unless both have it.

    Args:
        predicted, truth, spacings: as `mask_scores` takes them.
    """
    from monai.metrics import compute_average_surface_distance

    rows = [
        _Pair(one, other, structures).distance(compute_average_surface_distance, size, symmetric=True)
        for one, other, size in zip(predicted, truth, spacings or [None] * len(predicted), strict=True)
    ]
    return np.asarray(rows, dtype=np.float64)


class _Pair:
    """A predicted and a true label map as MONAI wants them.

    Attributes:
        hot: prediction and truth, each (1, 1 + structures, …) with ones and zeros.
        has_truth, has_prediction: (structures,) bool.
    """

    def __init__(self, predicted: Array, truth: Array, structures: int) -> None:
        import torch
        from monai.networks import one_hot

        self.hot = tuple(
            one_hot(torch.from_numpy(labels.astype(np.int64))[None, None], structures + 1)
            for labels in (predicted, truth)
        )
        self.has_prediction, self.has_truth = (h[0, 1:].flatten(1).any(1).numpy() for h in self.hot)

    def distance(self, measure: Callable[..., Any], spacing: tuple[float, ...] | None, **options: Any) -> Floats:
        """(structures,) of one of MONAI's distances; NaN unless both maps have the structure."""
        both = self.has_truth & self.has_prediction
        if not both.any():
            return np.full(len(both), np.nan)
        size = None if spacing is None else list(spacing)
        with warnings.catch_warnings():  # MONAI 1.6 warns about an option that it sets itself
            warnings.simplefilter("ignore", FutureWarning)
            measured = measure(*self.hot, include_background=False, spacing=size, **options)[0].numpy()
        return np.where(both, measured, np.nan)


def paper_soft_dice(probability: Floats, truth: npt.NDArray[np.bool_]) -> float:
    """The MedPrompt paper's own test metric for one image and structure, for comparison with its tables.

    Soft Dice without a threshold, averaged over background and foreground (authors' code, see research notes): it is
    always flattered by the background and must not be read as a foreground Dice.

    Args:
        probability: (h, w), of the structure. truth: (h, w).
    """
    values = []
    for p, y in ((probability, truth), (1 - probability, ~truth)):
        values.append(2 * float((p * y).sum()) / (float(p.sum() + y.sum()) + 1e-6))
    return float(np.mean(values))


def bin_of(probability: Floats) -> npt.NDArray[np.intp]:
    """Which of 15 equal-width bins of 0 to 1 each probability (n,) lies in; a bin has its upper edge."""
    edges = np.linspace(0, 1, ECE_BINS + 1)
    return np.clip(np.digitize(probability, edges[1:-1], right=True), 0, ECE_BINS - 1)


def expected_calibration_error(confidence: Floats, correct: npt.NDArray[np.bool_]) -> float:
    """ECE of Naeini et al. 2015 with 15 equal-width bins of the winning class's probability."""
    bins = bin_of(confidence)
    error = 0.0
    for number in range(ECE_BINS):
        chosen = bins == number
        if chosen.any():
            error += chosen.mean() * abs(confidence[chosen].mean() - correct[chosen].mean())
    return float(error)


def calibration_error_by_chance(confidence: Floats, rounds: int = 1000) -> float:
    """The ECE that a perfectly calibrated classifier with these confidences shows on average, on as many images.

    With few images the bins' frequencies scatter, so an ECE below this value cannot be expected.
    """
    random = np.random.default_rng(0)
    drawn = (expected_calibration_error(confidence, random.random(len(confidence)) < confidence) for _ in range(rounds))
    return float(np.mean(list(drawn)))


def f1(truth: npt.NDArray[np.bool_], predicted: npt.NDArray[np.bool_]) -> float:
    """F1 of one class; 0 if neither has it. In numpy, because the bootstrap asks for it thousands of times."""
    return 2 * float((truth & predicted).sum()) / max(float(truth.sum() + predicted.sum()), 1.0)


def fit_calibration(
    logits: Floats, truth: npt.NDArray[np.int64], *, with_bias: bool
) -> tuple[float, tuple[float, ...]]:
    """The most probable temperature and, with it, bias per class, given these outputs.

    Temperature scaling is by Guo et al. 2017. The bias (Alexandari et al. 2020) also undoes what weighting the classes
    in training did to their frequencies. Ours: normal priors on the logarithm of the temperature and on the biases,
    both with deviation 0.5, without which three numbers fitted to a few dozen images overfit.

    Args:
        logits: (n, classes). truth: (n,) class indices.

    Returns:
        temperature and biases with mean zero (empty without them): probabilities are softmax(logits / t + b).
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    free = logits.shape[1] - 1 if with_bias else 0

    def terms(parameters: Floats) -> tuple[float, Floats]:
        bias = np.concatenate([[0.0], parameters[1:]]) if with_bias else np.zeros(logits.shape[1])
        return float(np.exp(parameters[0])), bias - bias.mean()

    def loss(parameters: Floats) -> float:
        temperature, bias = terms(parameters)
        scores = log_softmax(logits / temperature + bias, axis=1)
        surprise = -scores[np.arange(len(truth)), truth].sum()
        return float(surprise + (np.log(temperature) ** 2 + (bias**2).sum()) / (2 * PRIOR_DEVIATION**2))

    bounds = [(np.log(0.05), np.log(20.0)), *[(-5.0, 5.0)] * free]
    temperature, bias = terms(minimize(loss, np.zeros(1 + free), bounds=bounds).x)
    return round(temperature, 4), tuple(round(float(b), 4) for b in bias) if with_bias else ()

"""From which probability on there is a finding: the threshold, chosen on the validation split alone."""

from __future__ import annotations

import datetime

import numpy as np
import numpy.typing as npt

from ..catalog import WeightCard
from ..errors import InvalidInput
from ..inference.engine import LoadedWeight
from ..measured import OperatingPoint
from ..results import finding_probability
from .data import Cases
from .evaluation import class_probabilities
from .metrics import Floats

SPLIT = "val"
YOUDEN = (
    "Youden's J (sensitivity plus specificity): of the thresholds within one standard error of the best, "
    "the one nearest to one half"
)
AT_LEAST = "the most specific threshold with a sensitivity of at least {0:g}"
DIGITS = 6


def choose_threshold(
    score: Floats, finding: npt.NDArray[np.bool_], minimal_sensitivity: float | None = None
) -> tuple[float, str]:
    """The threshold and the rule that gave it, in words.

    Youden's index is by Youden 1950. Our reading: candidates are 0.5 and the middles between neighbouring scores, so
    that the threshold hangs on no single image. The largest J of a small split is partly luck, and calibrated
    probabilities have a natural threshold; so, after the one-standard-error rule of Breiman et al. 1984, the candidate
    nearest 0.5 is taken whose J is within one standard error of the largest. With a minimal sensitivity, it is the
    highest candidate that reaches it.

    Args:
        score: (n,) summed probability of the positive classes. finding: (n,) whether there is one.

    Raises:
        InvalidInput: only findings or none, or all scores equal.
    """
    if finding.all() or not finding.any():
        raise InvalidInput("An operating point needs images with and without a finding; the split has only one kind.")
    values = np.unique(score)
    if len(values) < 2:
        raise InvalidInput("An operating point needs probabilities that differ; the weight gives one to every image.")
    candidates = np.unique(np.append(np.round((values[1:] + values[:-1]) / 2, DIGITS), 0.5))
    candidates = candidates[(candidates > 0) & (candidates < 1)]
    reached = score[None, :] >= candidates[:, None]
    sensitivity = reached[:, finding].mean(1)
    specificity = 1 - reached[:, ~finding].mean(1)
    if minimal_sensitivity is not None:
        enough = candidates[sensitivity >= minimal_sensitivity]
        if not len(enough):
            raise InvalidInput(
                f"No threshold reaches a sensitivity of {minimal_sensitivity:g} without calling every image positive."
            )
        return float(enough.max()), AT_LEAST.format(minimal_sensitivity)
    j = sensitivity + specificity
    best = int(j.argmax())
    error = np.sqrt(_variance(sensitivity[best], finding.sum()) + _variance(specificity[best], (~finding).sum()))
    close = candidates[j >= j[best] - error]
    return float(close[np.abs(close - 0.5).argmin()]), YOUDEN


def _variance(share: float, n: int) -> float:
    """Of a share of n, drawn a little towards a half (Agresti and Coull 1998), so that 0 and 1 have one too."""
    drawn = (share * n + 2) / (n + 4)
    return drawn * (1 - drawn) / (n + 4)


def operating_point(
    card: WeightCard, probabilities: Floats, cases: Cases, command: str, minimal_sensitivity: float | None = None
) -> OperatingPoint | None:
    """The operating point of a classifier, or None if its classes have no positive or no negative side.

    Args:
        probabilities: (n, classes), calibrated, of the cases of a validation split.
    """
    if not 0 < len(card.positive) < len(card.classes):
        return None
    score = np.array(
        [
            finding_probability(dict(zip(card.classes, map(float, row), strict=True)), card.positive)
            for row in probabilities
        ]
    )
    finding = np.isin(cases.labels, card.positive)
    threshold, rule = choose_threshold(score, finding, minimal_sensitivity)
    return OperatingPoint(
        threshold=threshold,
        rule=rule,
        minimal_sensitivity=minimal_sensitivity,
        dataset=cases.folder.name,
        split=cases.split,
        images=len(cases),
        positives=int(finding.sum()),
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        command=command,
    )


def with_operating_point(
    weight: LoadedWeight, cases: Cases, command: str, minimal_sensitivity: float | None
) -> WeightCard:
    """The weight's card with an operating point chosen anew on these cases.

    Numbers that held for the rule before it are removed from the card, as they would not describe it any more.

    Raises:
        InvalidInput: the weight's answers have no positive and negative side, or the cases do not fit.
    """
    card = weight.card
    point = None
    if card.classes:
        point = operating_point(card, class_probabilities(weight, cases), cases, command, minimal_sensitivity)
    if point is None:
        raise InvalidInput(f"'{card.id}' does not tell a finding from none, so it can have no operating point.")
    same = card.operating_point is not None and card.operating_point.threshold == point.threshold
    kept = {} if same else {"evaluation": (), "subgroups": (), "reliability": ()}
    return card.model_copy(update={"operating_point": point, **kept})

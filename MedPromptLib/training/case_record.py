"""What each case of a measurement gave: reliability diagrams and the worst cases are made from it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..catalog import WeightCard
from ..measured import Measurement, Reliability, ReliabilityBin, SubgroupMeasurement
from ..plan import Intent
from .data import Cases
from .metrics import ECE_BINS, Floats, MaskScores, bin_of

Stamp = dict[str, str]
"""`dataset`, `split`, `date` and `command` of a measurement."""


@dataclass(frozen=True)
class Evaluation:
    """Everything that measuring a weight on one split puts onto its card."""

    measurements: tuple[Measurement, ...]
    subgroups: tuple[SubgroupMeasurement, ...] = ()
    reliability: tuple[Reliability, ...] = ()
    worst: tuple[str, ...] = ()

    def on(self, card: WeightCard) -> WeightCard:
        """The card with these numbers in place of earlier ones of the same data set and split."""
        replaced = {(m.dataset, m.split) for m in self.measurements}

        def kept(rows: tuple[Row, ...]) -> tuple[Row, ...]:
            return tuple(row for row in rows if (row.dataset, row.split) not in replaced)

        return card.model_copy(
            update={
                "evaluation": kept(card.evaluation) + self.measurements,
                "subgroups": kept(card.subgroups) + self.subgroups,
                "reliability": kept(card.reliability) + self.reliability,
            }
        )


@dataclass
class PixelBins:
    """Sums over pixels by the bin of their foreground probability."""

    count: Floats = field(default_factory=lambda: np.zeros(ECE_BINS))
    predicted: Floats = field(default_factory=lambda: np.zeros(ECE_BINS))
    observed: Floats = field(default_factory=lambda: np.zeros(ECE_BINS))

    def add(self, probability: Floats, truth: npt.NDArray[np.bool_]) -> None:
        """Probabilities in 0 to 1 and what is so, of one shape."""
        bins = bin_of(probability.ravel())
        self.count += np.bincount(bins, minlength=ECE_BINS)
        self.predicted += np.bincount(bins, probability.ravel(), ECE_BINS)
        self.observed += np.bincount(bins, truth.ravel().astype(float), ECE_BINS)


@dataclass
class CaseRecord:
    """One weight on the cases of one split.

    Attributes:
        probabilities: (n, classes) of a classifier. decided: (n,) class indices that it reported.
        scores: of a segmentation.
        pixels: of a segmentation, foreground probabilities of all pixels.
    """

    card: WeightCard
    cases: Cases
    probabilities: Floats | None = None
    decided: npt.NDArray[np.intp] | None = None
    scores: MaskScores | None = None
    pixels: PixelBins = field(default_factory=PixelBins)

    @property
    def truth(self) -> npt.NDArray[np.intp]:
        """(n,) class indices, of a classifier."""
        return np.array([self.card.classes.index(label) for label in self.cases.labels], dtype=np.intp)

    @property
    def positive(self) -> list[int]:
        """Indices of the positive classes."""
        return [self.card.classes.index(name) for name in self.card.positive]

    def reliability(self, stamp: Stamp) -> tuple[Reliability, ...]:
        """The diagrams that the card's kind of weight has."""
        if self.probabilities is None:
            return (_diagram("foreground", self.pixels, stamp),) if self.pixels.count.any() else ()
        answers, findings = PixelBins(), PixelBins()
        answers.add(self.probabilities.max(1), self.probabilities.argmax(1) == self.truth)
        diagrams = [_diagram("answer", answers, stamp)]
        if 0 < len(self.positive) < len(self.card.classes):
            summed = self.probabilities[:, self.positive].sum(1).clip(0, 1)
            findings.add(summed, np.isin(self.truth, self.positive))
            diagrams.append(_diagram("finding", findings, stamp))
        return tuple(diagrams)

    def worst(self, number: int) -> tuple[str, ...]:
        """The cases with the lowest score, worst first, a line each, under a heading; nothing for none.

        A classifier's score is the probability it gave the true class; a segmentation's the mean Dice of the structures
        that are there, or, where none is, 0 if it outlined something and 1 if not.
        """
        if number < 1:
            return ()
        if self.card.intent is Intent.CLASSIFICATION:
            assert self.probabilities is not None
            assert self.decided is not None
            score = self.probabilities[np.arange(len(self.cases)), self.truth]
        else:
            assert self.scores is not None
            dice, alarm = self.scores.dice, self.scores.false_alarm
            score = np.array(
                [np.nanmean(d) if not np.isnan(d).all() else 1 - np.nanmax(a) for d, a in zip(dice, alarm, strict=True)]
            )
        head = f"{'worst cases, ' + self.cases.split:32} {'score':>6}"
        return head, *(
            f"{self.cases.ids[n]:32} {score[n]:6.3f}  {self._said(n)}"
            for n in np.argsort(score, kind="stable")[:number]
        )

    def _said(self, index: int) -> str:
        if self.decided is not None:
            answer = self.card.classes[self.decided[index]]
            return f"is {self.cases.labels[index]}, was called {answer}"
        assert self.scores is not None
        label = f"{self.cases.labels[index]}: " if self.cases.labels[index] else ""
        parts = []
        for column, structure in enumerate(self.card.structures):
            dice, alarm = self.scores.dice[index, column], self.scores.false_alarm[index, column]
            if not np.isnan(dice):
                parts.append(f"{structure.name} Dice {dice:.3f}")
            elif alarm:
                parts.append(f"{structure.name} outlined where there is none")
        return label + (", ".join(parts) or "rightly nothing outlined")


Row = Measurement | SubgroupMeasurement | Reliability


def _diagram(quantity: str, sums: PixelBins, stamp: Stamp) -> Reliability:
    bins = tuple(
        ReliabilityBin(
            lower=round(n / ECE_BINS, 4),
            upper=round((n + 1) / ECE_BINS, 4),
            count=int(sums.count[n]),
            predicted=round(float(sums.predicted[n] / sums.count[n]), 4),
            observed=round(float(sums.observed[n] / sums.count[n]), 4),
        )
        for n in range(ECE_BINS)
        if sums.count[n]
    )
    ece = float(np.abs(sums.predicted - sums.observed).sum() / sums.count.sum())
    return Reliability.model_validate({**stamp, "quantity": quantity, "bins": bins, "ece": round(ece, 4)})


def count_splits(folder: Path, held_out: Collection[str] = ()) -> dict[str, int]:
    """How many images each split of a data set has; cases held out of the training split count as `val`."""
    from collections import Counter

    from .data import read_table

    found = Counter("val" if row["id"] in held_out else row.get("split", "") for row in read_table(folder))
    order = {"train": 0, "val": 1, "test": 2}
    return dict(sorted(found.items(), key=lambda item: (order.get(item[0], 3), item[0])))

"""What is measured about a weight and written onto its card."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Measurement(_Strict):
    """One number about the weight and the command that made it.

    Attributes:
        low, high: 95 % bootstrap interval over images, where it was computed.
    """

    dataset: str
    split: str
    metric: str
    subject: str = "all"
    value: float
    low: float | None = None
    high: float | None = None
    images: int
    date: str
    command: str


class SubgroupMeasurement(Measurement):
    """A measurement of a part of a split: the images with one value in a column of the data set's `split.csv`."""

    column: str
    group: str


class OperatingPoint(_Strict):
    """From which probability on a classifier's output counts as a finding.

    Attributes:
        threshold: of the summed calibrated probability of the positive classes; reached means positive.
        rule: how it was chosen, in words.
        minimal_sensitivity: what the rule had to reach on that split; None for none.
        dataset, split, images, positives: what it was chosen on.
        command: what chose it.
    """

    threshold: Annotated[float, Field(gt=0, lt=1)]
    rule: str
    minimal_sensitivity: float | None = None
    dataset: str
    split: str
    images: int
    positives: int
    date: str
    command: str


class ReliabilityBin(_Strict):
    """Cases whose predicted probability lies in one bin; their mean prediction and how often it came true."""

    lower: float
    upper: float
    count: Annotated[int, Field(ge=1)]
    predicted: float
    observed: float


class Reliability(_Strict):
    """A reliability diagram's data: equal-width bins of a predicted probability, empty ones left out.

    Attributes:
        quantity: `answer` is the probability of the most probable class against its being right; `finding` the summed
            probability of the positive classes against there being one; `foreground` the probability that a pixel
            belongs to any structure against its doing so, before components are removed or holes filled.
        ece: expected calibration error over these bins (Naeini et al. 2015).
    """

    dataset: str
    split: str
    quantity: Literal["answer", "finding", "foreground"]
    bins: tuple[ReliabilityBin, ...]
    ece: float
    date: str
    command: str


class Latency(_Strict):
    """How long one image takes on a CPU: the network with its pre- and postprocessing, batch of one.

    Attributes:
        milliseconds, slowest: median and largest of `rounds` warm runs.
        size: voxels of the image along k, j, i, the size the network works at.
    """

    milliseconds: float
    slowest: float
    rounds: int
    threads: int
    cpu: str
    size: tuple[int, int, int]
    torch: str
    date: str
    command: str


def is_floor(measurement: Measurement) -> bool:
    """Whether it is of a trivial method and not of the weight."""
    return measurement.metric.startswith(("Dice of ", "accuracy of ", "AUC of "))


def short_floor(measurement: Measurement) -> str:
    """`Dice of the mean shape` → `mean shape Dice`."""
    metric, _, method = measurement.metric.partition(" of ")
    return f"{method.removeprefix('the ').removeprefix('a ')} {metric}"


def with_interval(measurement: Measurement) -> str:
    """Value and interval to three digits."""
    if measurement.low is None or measurement.high is None:
        return f"{measurement.value:.3f}"
    return f"{measurement.value:.3f} ({measurement.low:.3f}–{measurement.high:.3f})"

"""What came out: `Segmentation`, `Classification` and the `Run` that holds them, with provenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from .catalog import Structure
from .errors import printable
from .filter_steps import FilterStep, OmitsNoFilters
from .images import MedicalImage
from .plan import Plan


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Segmentation:
    """A label map on its input's grid.

    Attributes:
        task_id: `Task.id`.
        weight_id, weight_sha256: what made it.
        labels: (k, j, i) uint8, the same grid as the input image; 0 is background.
        structures: what each label value means, only those that were asked for.
        confidence: per structure name, mean calibrated probability inside the structure; empty structure → absent.
    """

    task_id: int
    weight_id: str
    weight_sha256: str
    labels: npt.NDArray[np.uint8]
    structures: tuple[Structure, ...]
    confidence: dict[str, float]


@dataclass(frozen=True)
class Classification:
    """Calibrated class probabilities of one image.

    Attributes:
        probabilities: per class name, sum 1.
        positive: the classes that count as a positive finding.
        region_task: the segmentation whose result was the input region, or None.
        threshold: of the card's operating point, or None if it has none.
    """

    task_id: int
    weight_id: str
    weight_sha256: str
    target: str
    probabilities: dict[str, float]
    positive: tuple[str, ...]
    region_task: int | None = None
    threshold: float | None = None

    @property
    def label(self) -> str:
        """The class that is reported: see `decided_class`."""
        return decided_class(self.probabilities, self.positive, self.threshold)

    @property
    def is_positive(self) -> bool:
        """Whether the reported class is a positive finding."""
        return self.label in self.positive

    @property
    def finding_probability(self) -> float:
        """Summed probability of the positive classes."""
        return finding_probability(self.probabilities, self.positive)


def finding_probability(probabilities: Mapping[str, float], positive: Iterable[str]) -> float:
    """Summed probability of the positive classes."""
    return sum(probabilities[name] for name in positive)


def decided_class(probabilities: Mapping[str, float], positive: Sequence[str], threshold: float | None) -> str:
    """The one rule by which probabilities become an answer: in results, conditions, tables and measurements.

    Without a threshold it is the most probable class. With one, the summed probability of the positive classes decides
    whether there is a finding, and the most probable class of that side is reported, so that the class never
    contradicts the decision. It may then be less probable than a class of the other side.

    Args:
        threshold: of the card's operating point; reached means positive.
    """
    names: Sequence[str] = tuple(probabilities)
    if threshold is not None:
        found = finding_probability(probabilities, positive) >= threshold
        names = [name for name in names if (name in positive) == found]
    return max(names, key=lambda name: probabilities[name])


class Finding(_Record):
    """One row of the results table.

    Attributes:
        probability: calibrated; of the class, or the mean inside the structure.
        finding_probability: of all positive classes together, where the card has an operating point.
        threshold: that operating point: from which `finding_probability` on the result is a positive class.
        area_mm2: of a single-slice structure, None when the pixel spacing is unknown or the image is a volume.
        volume_ml: of a structure in a volume (1 ml = 1000 mm³).
        pixels: number of labelled pixels or voxels.
        mean_intensity: of the input image inside the structure (luminance for colour).
        decision: empty until a person reviews the row.
    """

    task_id: int
    kind: Literal["segmentation", "classification"]
    target: str
    structure: str = ""
    result: str = ""
    probability: float | None = None
    finding_probability: float | None = None
    threshold: float | None = None
    area_mm2: float | None = None
    volume_ml: float | None = None
    pixels: int | None = None
    mean_intensity: float | None = None
    weight_id: str
    weight_sha256: str
    decision: str = ""


def decision_note(finding: Finding) -> str:
    """What decided a classification, in words; empty if its card has no operating point."""
    if finding.threshold is None or finding.finding_probability is None:
        return ""
    found = percent(finding.finding_probability)
    return f"{found} for a finding, which is reported from {percent(finding.threshold)} on"


def finding_line(finding: Finding) -> str:
    """A finding as one line for people."""
    what = finding.structure or finding.target
    sure = f" ({percent(finding.probability)})" if finding.probability is not None else ""
    area, volume = finding.area_mm2, finding.volume_ml
    size = f", {area / 100:.1f} cm²" if area else f", {volume:.1f} ml" if volume else ""
    note = decision_note(finding)
    return printable(f"{what}: {finding.result}{sure}{size}{'; ' * bool(note)}{note}")


def percent(probability: float | None) -> str:
    """A probability for people, `96.2 %`; never 0 or 100 %, as no estimate is certain; empty for None."""
    if probability is None:
        return ""
    if not 0.001 <= probability <= 0.999:
        return "> 99.9 %" if probability > 0.5 else "< 0.1 %"
    return f"{probability * 100:.1f} %"


class ToldRecord(_Record):
    """What a network was told of slices in words.

    Attributes:
        sequence: of an examination; empty for a single image.
        source: `measured`, or the endpoint whose model described the image.
        first, last: slices, from 0 along the network's first axis, that were told the same.
    """

    sequence: str = ""
    first: int
    last: int
    text: str
    source: str = "measured"


class TaskRecord(_Record):
    """What happened to one task.

    Attributes:
        state: `done`, `skipped` (its condition was not met) or `failed`.
        reason: why it was skipped or failed, one sentence.
        score: the router's match score.
        seconds: wall-clock time of the network and its pre- and postprocessing.
        instructions: what the network was told of the image in words, if it takes instructions.
    """

    task_id: int
    state: Literal["done", "skipped", "failed"]
    reason: str = ""
    weight_id: str = ""
    score: float | None = None
    device: str = ""
    seconds: float = 0.0
    instructions: tuple[ToldRecord, ...] = ()


Rows = tuple[tuple[float, ...], ...]


class InputRecord(_Record):
    """What became of one of several images of an examination.

    Attributes:
        sequence: what it was taken for; empty if it was not used.
        reason: why it was taken for that, or not used.
        probability: where its grey values decided. doubt: where they contradict what was said, and that was accepted.
        reference: whether results are written on its grid.
        ijk_to_ras: (4, 4), as it was given.
        displacement_mm: how far the best rigid motion to the reference moves it on average, used or not.
        motion: (4, 4), that motion in RAS and mm, if it was used; None if the image was left where it lay.
        resampled: whether its values were interpolated on the reference's grid.
    """

    name: str
    sha256: str = ""
    sequence: str = ""
    reason: str = ""
    probability: float | None = None
    doubt: str = ""
    reference: bool = False
    ijk_to_ras: Rows
    displacement_mm: float | None = None
    motion: Rows | None = None
    resampled: bool = False
    notes: tuple[str, ...] = ()


class Provenance(OmitsNoFilters, _Record):
    """Everything needed to repeat a run; the scene's text node holds it as JSON.

    Attributes:
        preprocessing: the filters that the image passed, with their parameters and the voxels' hashes.
    """

    prompt: str
    plan: Plan
    input_name: str
    input_sha256: str
    input_notes: tuple[str, ...]
    inputs: tuple[InputRecord, ...] = ()
    tasks: tuple[TaskRecord, ...]
    findings: tuple[Finding, ...]
    weights: dict[str, str]
    versions: dict[str, str]
    device: str
    started: str
    seconds: float
    preprocessing: tuple[FilterStep, ...] = ()
    disclaimer: str = "Model output for research use only; not for diagnosis."


@dataclass(frozen=True)
class Run:
    """All results of one plan on one image.

    Attributes:
        image: as it was read; sizes and intensities are measured in it.
        filtered: what the tasks looked at, if the plan has filters; on the same grid.
    """

    image: MedicalImage
    segmentations: tuple[Segmentation, ...]
    classifications: tuple[Classification, ...]
    provenance: Provenance
    filtered: MedicalImage | None = None

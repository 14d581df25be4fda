"""What a report may say, as data: `Fact`, its `Quantity`, and the `FindingsSet` of one run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ..catalog import Terminology
from ..errors import InvalidInput

FINDINGS_VERSION: Literal[1] = 1

DISCLAIMER = "Model output for research use only; not for diagnosis."


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Side(StrEnum):
    """Of the patient, never of the picture."""

    RIGHT = "right"
    LEFT = "left"


class Measure(StrEnum):
    """What was measured."""

    PROBABILITY = "probability"
    AREA = "area"
    VOLUME = "volume"
    DIAMETER = "longest diameter"
    COMPONENTS = "number of components"
    MEAN = "mean intensity"
    MAXIMUM = "maximum intensity"
    CARDIOTHORACIC_RATIO = "cardiothoracic ratio"
    ASYMMETRY = "asymmetry"


class Unit(StrEnum):
    """In which unit; `NONE` for counts, ratios and intensities."""

    PERCENT = "%"
    MM = "mm"
    CM2 = "cm²"
    MM2 = "mm²"
    ML = "ml"
    PIXELS = "pixels"
    VOXELS = "voxels"
    NONE = ""


DECIMALS = {
    Unit.PERCENT: 1,
    Unit.MM: 1,
    Unit.CM2: 1,
    Unit.MM2: 1,
    Unit.ML: 2,
    Unit.PIXELS: 0,
    Unit.VOXELS: 0,
}
"""Digits after the decimal sign that a report shows."""


class Quantity(_Strict):
    """A number with its unit and how far it can be trusted.

    Attributes:
        low, high: interval in the same unit; None where there is none to give.
        uncertainty: how the interval came about, or why there is none.
        definition: how it was measured and by whose definition, where that is not plain.
    """

    measure: Measure
    value: float
    unit: Unit = Unit.NONE
    low: float | None = None
    high: float | None = None
    uncertainty: str
    definition: str = ""

    @model_validator(mode="after")
    def _interval_holds_the_value(self) -> Quantity:
        if (self.low is None) != (self.high is None):
            raise ValueError("low and high are given together or not at all")
        if self.low is not None and self.high is not None and not self.low <= self.value <= self.high:
            raise ValueError(f"{self.value} does not lie between {self.low} and {self.high}")
        return self

    @property
    def decimals(self) -> int:
        """Digits after the decimal sign that are shown."""
        if self.measure is Measure.CARDIOTHORACIC_RATIO:
            return 2
        if self.measure is Measure.COMPONENTS:
            return 0
        if self.measure in (Measure.MEAN, Measure.MAXIMUM) and abs(self.value) >= 1000:
            return 0
        return DECIMALS.get(self.unit, 1)

    def shown(self, value: float | None = None) -> float:
        """A value as it is shown: rounded, and a probability never as 0 or 100 %, as no estimate is certain."""
        value = self.value if value is None else value
        if self.measure is Measure.PROBABILITY:
            value = min(max(value, 0.1), 99.9)
        return round(value, self.decimals)


class Subject(_Strict):
    """What a fact is about.

    Attributes:
        name: in the card's words, without its side: `lung`, `breast lesion`, `bacterial_pneumonia`.
        side: of a paired organ.
        terminology: the card's codes, for a segmented structure.
    """

    name: Annotated[str, Field(min_length=1)]
    side: Side | None = None
    terminology: Terminology | None = None

    @property
    def words(self) -> str:
        """Name and side in English."""
        return f"{self.side.value} {self.name}" if self.side else self.name


Vertical = Literal["upper", "middle", "lower"]
Horizontal = Literal["left", "middle", "right"]
Direction = Literal["larger", "smaller", "unchanged"]


class Location(_Strict):
    """Where a structure lies.

    Attributes:
        frame: `organ` is relative to `within`, `patient` to the image in patient directions, `image` to the picture's
            own left and right, where its directions in the patient are not known.
        within: the segmented structure that holds at least half of it.
        vertical, horizontal: third of the frame that holds its centre; `right` and `left` are the patient's, except in
            the frame `image`.
    """

    frame: Literal["organ", "patient", "image"]
    within: Subject | None = None
    vertical: Vertical | None = None
    horizontal: Horizontal | None = None


class Change(_Strict):
    """How a quantity differs from an earlier run on the same subject.

    Attributes:
        before: the earlier quantity, in the same unit.
        percent: of the earlier value; positive is larger now.
        direction: `unchanged` where the two intervals overlap.
    """

    before: Quantity
    percent: float
    direction: Direction
    prior: str


class Source(_Strict):
    """Which result a fact was taken from.

    Attributes:
        node: name of the scene's node or of the file that holds it.
        weight_id, weight_sha256: what computed it; several joined by `+` where it takes more than one.
    """

    task_id: int
    node: str
    weight_id: str
    weight_sha256: str


Kind = Literal["presence", "outline", "measurement", "location", "comparison"]
Certainty = Literal["high", "moderate", "low"]


class Fact(_Strict):
    """One statement that a report can make.

    Attributes:
        kind: `presence` is a classifier's answer about `subject`; `outline` whether a segmentation found it;
            `measurement`, `location` and `comparison` describe what was found.
        present: for `presence` and `outline`.
        certainty: of a presence, by the calibrated probability of what is stated (see `certainty_of`).
        quantity: what was measured; the probability of a finding for a presence.
        threshold: of the card's operating point, in percent.
    """

    id: Annotated[str, Field(pattern=r"^f\d+$")]
    kind: Kind
    subject: Subject
    present: bool | None = None
    certainty: Certainty | None = None
    quantity: Quantity | None = None
    threshold: float | None = None
    location: Location | None = None
    change: Change | None = None
    source: Source

    @model_validator(mode="after")
    def _has_what_its_kind_says(self) -> Fact:
        wanted = {
            "presence": (self.present is not None and self.certainty is not None and self.quantity is not None),
            "outline": self.present is not None,
            "measurement": self.quantity is not None,
            "location": self.location is not None,
            "comparison": self.quantity is not None and self.change is not None,
        }
        if not wanted[self.kind]:
            raise ValueError(f"a fact of kind '{self.kind}' lacks what it states")
        return self


def certainty_of(probability: float) -> Certainty:
    """The word for a calibrated probability: from 0.9 high, from 0.7 moderate, else low (our bands)."""
    return "high" if probability >= 0.9 else "moderate" if probability >= 0.7 else "low"


class NotDone(_Strict):
    """A task that was skipped or failed, or a part of the request that was left out; `reason` is in English."""

    what: str
    reason: str


class Remark(_Strict):
    """What a reader has to know about the measurements; the report's language has the words.

    Attributes:
        kind: `no_spacing`: sizes are in pixels; `cardiothoracic`: how the ratio is defined; `asymmetry`: its sign;
            `mirrored`: a pair's sides contradict the image's geometry; `other_weight`, `other_unit`, `pixels`: why a
            size is not compared; `missing_now`: measured earlier but not in this run.
    """

    kind: Literal[
        "no_spacing", "cardiothoracic", "asymmetry", "mirrored", "other_weight", "other_unit", "pixels", "missing_now"
    ]
    subject: Subject | None = None
    measure: Measure | None = None


class FindingsSet(_Strict):
    """Everything measured in one run; `model_dump_json` is the file that reports are made from.

    Attributes:
        image: name of the image. image_sha256: of its file.
        examination: the kind of image in the catalogue's words, if known.
        spacing_known: without it all sizes are in pixels.
        not_done: tasks that were skipped or failed and parts of the request that were left out.
        prior: name of the earlier run, if there was one.
    """

    schema_version: Literal[1] = FINDINGS_VERSION
    image: str
    image_sha256: str = ""
    examination: str | None = None
    spacing_known: bool
    prompt: str = ""
    started: str = ""
    facts: tuple[Fact, ...]
    not_done: tuple[NotDone, ...] = ()
    remarks: tuple[Remark, ...] = ()
    prior: str | None = None
    disclaimer: str = DISCLAIMER

    @field_validator("facts")
    @classmethod
    def _ids_are_unique(cls, facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
        if len({fact.id for fact in facts}) != len(facts):
            raise ValueError("fact ids are not unique")
        return facts


def load_findings(path: Path) -> FindingsSet:
    """Findings from their JSON file.

    Raises:
        InvalidInput: unreadable, another version, or not findings.
    """
    try:
        return FindingsSet.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The findings {path} cannot be read ({error}).") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise InvalidInput(
            f"The findings {path} are not valid ({where}: {first['msg']}); expected what `medprompt report` wrote."
        ) from error

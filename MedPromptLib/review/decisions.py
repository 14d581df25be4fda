"""One decision of a reviewer, and lists of them as CSV."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import InvalidInput, OutputFailed


class Decision(StrEnum):
    """What a reviewer decided about one result."""

    PROPOSED = "proposed"
    """Nothing yet; every result begins here."""
    ACCEPTED = "accepted"
    EDITED = "edited"
    REJECTED = "rejected"


class Review(BaseModel):
    """One result with what a person said about it.

    Attributes:
        case: name of the case, the input's name outside a batch.
        item: the structure of a segmentation, the target of a classification.
        result: what the model said.
        corrected: the class that the reviewer chose instead; empty otherwise.
        quality: 1 (unusable) to 5 (perfect), None if not rated.
        decided_at: ISO 8601 in UTC; empty while proposed.
        dice, hd95, changed_pixels, changed_ml, changed_mm2: of the edited mask against the proposed one, see
            `agreement.Agreement`; None where nothing was edited or no spacing is known.
        hd95_unit: `mm`, or `pixels` if the image has no spacing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    case: str
    task_id: int
    kind: Literal["segmentation", "classification"]
    item: str
    result: str = ""
    probability: float | None = None
    decision: Decision = Decision.PROPOSED
    corrected: str = ""
    quality: Annotated[int, Field(ge=1, le=5)] | None = None
    comment: str = ""
    reviewer: str = ""
    decided_at: str = ""
    dice: float | None = None
    hd95: float | None = None
    hd95_unit: Literal["mm", "pixels", ""] = ""
    changed_pixels: int | None = None
    changed_mm2: float | None = None
    changed_ml: float | None = None
    weight_id: str
    weight_sha256: str


FIELDS = tuple(Review.model_fields)


def now() -> str:
    """The present time as `Review.decided_at` has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_csv(reviews: Sequence[Review], path: Path) -> Path:
    """Write reviews as CSV with a header, replacing the file in one step.

    Raises:
        OutputFailed: it could not be written; an older file is left as it was.
    """
    draft = path.with_name(f".{path.name}.part")
    try:
        with draft.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, FIELDS)
            writer.writeheader()
            for review in reviews:
                row = review.model_dump(mode="json")
                writer.writerow({name: "" if value is None else value for name, value in row.items()})
        os.replace(draft, path)
    except OSError as error:
        raise OutputFailed(
            f"The decisions could not be written to {path} ({error.strerror}); choose another place."
        ) from error
    return path


def read_csv(path: Path) -> tuple[Review, ...]:
    """What `write_csv` wrote.

    Raises:
        InvalidInput: not readable as such.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = [{name: value for name, value in row.items() if value != ""} for row in csv.DictReader(stream)]
        return tuple(Review.model_validate(row) for row in rows)
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidInput(f"The decisions in {path} cannot be read ({reason}); move the file away.") from error

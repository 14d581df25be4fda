"""A reviewer's decisions in the scene: in the results table, in the segments, and saved with both.

Works on nodes alone, in 3D Slicer and on `slicer-core`; the panel only calls it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from ..errors import InvalidInput
from ..headless import mrml_scene, slicer, vtk
from ..results import Provenance
from ..scene import (
    LABEL_TAG,
    PROBABILITIES,
    PROVENANCE_ROLE,
    SEGMENTATION_ROLE,
    SPACING_KNOWN,
    VOLUME_ROLE,
    volume_to_image,
)
from .agreement import compare
from .decisions import Decision, Review, now
from .training_set import LabelMap, ReviewedCase

ARCHIVED = "MedPrompt.ArchivedAs"
"""A table's attribute with the run's name in an archive."""
PROPOSED_ROLE = "MedPrompt.Proposed"
"""Node reference of a segmentation to a hidden one with the masks as they were before they were edited."""
NUMBERS = ("quality", "dice", "hd95", "changed_pixels", "changed_mm2", "changed_ml")
TEXTS = ("decision", "corrected", "comment", "reviewer", "decided_at", "hd95_unit")
TITLES = {
    "quality": ("Quality", "1 (unusable) to 5 (perfect), given by the reviewer"),
    "dice": ("Edit: Dice", "Edited mask against the proposed one"),
    "hd95": ("Edit: HD95", "95th percentile Hausdorff distance of the edited mask from the proposed one"),
    "changed_pixels": ("Edit: pixels", "Pixels or voxels in one of the two masks only"),
    "changed_mm2": ("Edit: area", "Area in one of the two masks only, mm2"),
    "changed_ml": ("Edit: volume", "Volume in one of the two masks only, ml"),
    "corrected": ("Corrected", "The class that the reviewer chose instead"),
    "comment": ("Comment", "The reviewer's"),
    "reviewer": ("Reviewer", "Who decided"),
    "decided_at": ("Decided", "When, in UTC"),
    "hd95_unit": ("HD95 unit", "mm, or pixels where no spacing is known"),
}
STATUS = {Decision.PROPOSED: 0, Decision.ACCEPTED: 2, Decision.EDITED: 2, Decision.REJECTED: 3}
"""Slicer's own segment states that the Segments table shows: not started, in progress, completed, flagged."""


@dataclass(frozen=True)
class Item:
    """One row of a results table that can be decided on.

    Attributes:
        row: in the table.
        segmentation: the segmentation node, None for a classification or if it was removed.
        segment_id: its segment, or an empty string.
        classes: probability by class name, for a classification.
    """

    row: int
    review: Review
    segmentation: Any
    segment_id: str
    classes: dict[str, float]


class SceneReview:
    """The results of one run in the scene, and the decisions about them.

    Args:
        table: the results table that `scene.write_run` made.
        case: name for the CSV; default: the volume's name.
    """

    def __init__(self, table: Any, case: str = "") -> None:
        self.table = table
        self.volume = table.GetNodeReference(VOLUME_ROLE)
        count = table.GetNumberOfNodeReferences(SEGMENTATION_ROLE)
        nodes = [table.GetNthNodeReference(SEGMENTATION_ROLE, n) for n in range(count)]
        self.segmentations = tuple(node for node in nodes if node is not None)
        self.case = case or (self.volume.GetName() if self.volume is not None else table.GetName())
        self._add_columns()

    @property
    def provenance(self) -> Provenance | None:
        """What ran; None if its text node was removed or changed by hand."""
        text = self.table.GetNodeReference(PROVENANCE_ROLE)
        try:
            return Provenance.model_validate_json(text.GetText()) if text is not None else None
        except ValidationError:
            return None

    @property
    def archived_as(self) -> str:
        """The run's name in the archive it was filed to or comes from; empty if neither."""
        return str(self.table.GetAttribute(ARCHIVED) or "")

    @archived_as.setter
    def archived_as(self, name: str) -> None:
        self.table.SetAttribute(ARCHIVED, name)

    @property
    def items(self) -> tuple[Item, ...]:
        """One per row of the table."""
        probabilities = json.loads(self.table.GetAttribute(PROBABILITIES) or "{}")
        made = []
        for row in range(self.table.GetNumberOfRows()):
            review = self._read(row)
            node, segment_id = self._segment(review) if review.kind == "segmentation" else (None, "")
            classes = probabilities.get(str(review.task_id), {}) if review.kind == "classification" else {}
            made.append(Item(row, review, node, segment_id, classes))
        return tuple(made)

    @property
    def reviews(self) -> tuple[Review, ...]:
        """Every row's review."""
        return tuple(item.review for item in self.items)

    # -- decisions ------------------------------------------------------------------------------------------------

    def decide(self, row: int, decision: Decision, reviewer: str = "", corrected: str = "") -> Review:
        """Decide on a row: the time is noted, the segment's status and visibility follow.

        Accepting a mask that was edited is `edited`, with the figures of `finish_edit`.

        Args:
            corrected: for a classification, the right class; the decision then is `edited`.

        Raises:
            InvalidInput: a class that the weight does not have.
        """
        item = self.items[row]
        if corrected:
            if corrected not in item.classes:
                raise InvalidInput(
                    f"'{corrected}' is no class of this result; it has: {', '.join(item.classes) or 'none'}."
                )
            decision = Decision.ACCEPTED if corrected == item.review.result else Decision.EDITED
            corrected = "" if corrected == item.review.result else corrected
        if decision is Decision.ACCEPTED and self._kept(item):
            return self.finish_edit(row, reviewer)
        return self._decide(item, decision, reviewer, corrected)

    def _decide(self, item: Item, decision: Decision, reviewer: str = "", corrected: str = "") -> Review:
        time = "" if decision is Decision.PROPOSED else now()
        update: dict[str, Any] = {"decision": decision, "decided_at": time, "corrected": corrected}
        if reviewer:
            update["reviewer"] = reviewer
        if decision is not Decision.EDITED:
            update |= dict.fromkeys(("dice", "hd95", "changed_pixels", "changed_mm2", "changed_ml")) | {"hd95_unit": ""}
        review = item.review.model_copy(update=update)
        self._write(item.row, review)
        self._mark(item, decision)
        return review

    def _kept(self, item: Item) -> Any:
        """The hidden node with the segment's mask as it was proposed, or None."""
        kept = item.segmentation.GetNodeReference(PROPOSED_ROLE) if item.segmentation is not None else None
        return kept if kept is not None and kept.GetSegmentation().GetSegment(item.segment_id) is not None else None

    def remark(self, row: int, *, comment: str | None = None, quality: int | None = None) -> Review:
        """Add a comment or a quality from 1 to 5; the decision stays.

        Raises:
            InvalidInput: a quality outside 1 to 5.
        """
        update: dict[str, Any] = {}
        if comment is not None:
            update["comment"] = " ".join(comment.split())
        if quality is not None:
            if not 1 <= quality <= 5:
                raise InvalidInput(f"The quality {quality} is not between 1 (unusable) and 5 (perfect).")
            update["quality"] = quality
        review = self.items[row].review.model_copy(update=update)
        self._write(row, review)
        return review

    def begin_edit(self, row: int) -> Item:
        """Keep a copy of the proposed mask, unless there is one, and return what is to be edited.

        Raises:
            InvalidInput: the row is a classification, or its segment was removed.
        """
        item = self.items[row]
        if item.segmentation is None or not item.segment_id:
            raise InvalidInput(
                f"'{item.review.item}' has no segment in the scene that could be edited; choose another one."
            )
        kept = self._proposed_node(item.segmentation)
        if kept.GetSegmentation().GetSegment(item.segment_id) is None:
            kept.GetSegmentation().CopySegmentFromSegmentation(item.segmentation.GetSegmentation(), item.segment_id)
        return item

    def finish_edit(self, row: int, reviewer: str = "") -> Review:
        """Compare the segment with its proposal; `edited` with the figures if they differ, else `accepted`.

        Raises:
            InvalidInput: nothing was begun to be edited, or the segment was removed.
        """
        item = self.items[row]
        kept = self._kept(item)
        if kept is None:
            raise InvalidInput(f"'{item.review.item}' was not being edited; choose Edit first.")
        before, after = self._mask(kept, item.segment_id), self._mask(item.segmentation, item.segment_id)
        known = self.volume.GetAttribute(SPACING_KNOWN) != "0"
        spacing = self.volume.GetSpacing()[::-1] if known else (1.0, 1.0, 1.0)
        found = compare(before, after, spacing)
        self._decide(item, Decision.EDITED if found.changed else Decision.ACCEPTED, reviewer)
        single = after.shape[0] == 1
        review = self._read(row).model_copy(
            update={
                "dice": round(found.dice, 4),
                "hd95": None if found.hd95 is None else round(found.hd95, 3),
                "hd95_unit": "" if found.hd95 is None else "mm" if known else "pixels",
                "changed_pixels": found.changed,
                "changed_mm2": round(found.changed_volume, 3) if known and single else None,
                "changed_ml": round(found.changed_volume / 1000, 4) if known and not single else None,
            }
        )
        self._write(row, review)
        return review

    # -- masks ----------------------------------------------------------------------------------------------------

    def label_maps(self) -> dict[tuple[int, str], LabelMap]:
        """The segmentations as they are now, on the volume's grid, without rejected structures."""
        found: dict[tuple[int, str], LabelMap] = {}
        shape = self.volume.GetImageData().GetDimensions()[::-1] if self.volume is not None else None
        for item in self.items:
            if shape is None or item.segmentation is None or not item.segment_id:
                continue
            key = (item.review.task_id, item.review.weight_id)
            labels = found.setdefault(key, LabelMap(np.zeros(shape, np.uint8), {}))
            value = self._label(item)
            labels.values[item.review.item] = value
            if item.review.decision is not Decision.REJECTED:
                labels.array[self._mask(item.segmentation, item.segment_id)] = value
        return found

    def restore(self, reviews: Sequence[Review], label_maps: dict[tuple[int, str], LabelMap]) -> None:
        """Bring back decisions and masks that were saved beside the scene; rows that do not match are left alone."""
        for item in self.items:
            saved = next(
                (
                    r
                    for r in reviews
                    if (r.task_id, r.kind, r.item) == (item.review.task_id, item.review.kind, item.review.item)
                ),
                None,
            )
            if saved is None:
                continue
            labels = label_maps.get((saved.task_id, saved.weight_id))
            if saved.kind == "segmentation" and saved.decision is Decision.EDITED and labels is not None:
                self.begin_edit(item.row)
                self._set_mask(item, labels.array == labels.values.get(saved.item, -1))
            self._write(item.row, saved)
            self._mark(item, saved.decision)

    def as_case(self) -> ReviewedCase:
        """Image, decisions and masks for a training set.

        Raises:
            InvalidInput: the volume was removed from the scene.
        """
        if self.volume is None:
            raise InvalidInput("The image of these results was removed from the scene; load it again.")
        return ReviewedCase(self.case, volume_to_image(self.volume), self.reviews, self.label_maps())

    def _mask(self, node: Any, segment_id: str) -> npt.NDArray[np.bool_]:
        found: npt.NDArray[np.bool_] = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, self.volume) > 0
        return found

    def _set_mask(self, item: Item, mask: npt.NDArray[np.bool_]) -> None:
        slicer.util.updateSegmentBinaryLabelmapFromArray(
            mask.astype(np.uint8), item.segmentation, item.segment_id, self.volume
        )

    @staticmethod
    def _label(item: Item) -> int:
        text = vtk.reference("")
        segment = item.segmentation.GetSegmentation().GetSegment(item.segment_id)
        return (
            int(str(text)) if segment.GetTag(LABEL_TAG, text) and str(text).isdigit() else int(segment.GetLabelValue())
        )

    def _proposed_node(self, segmentation: Any) -> Any:
        kept = segmentation.GetNodeReference(PROPOSED_ROLE)
        if kept is None:
            scene = mrml_scene(segmentation.GetScene())
            kept = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", f"{segmentation.GetName()} as proposed")
            kept.SetHideFromEditors(True)
            kept.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)
            kept.SetAndObserveTransformNodeID(segmentation.GetTransformNodeID())
            segmentation.SetNodeReferenceID(PROPOSED_ROLE, kept.GetID())
        return kept

    # -- the table ------------------------------------------------------------------------------------------------

    def _segment(self, review: Review) -> tuple[Any, str]:
        for node in self.segmentations:
            if node.GetAttribute("MedPrompt.TaskID") == str(review.task_id):
                return node, node.GetSegmentation().GetSegmentIdBySegmentName(review.item) or ""
        return None, ""

    def _mark(self, item: Item, decision: Decision) -> None:
        if item.segmentation is None or not item.segment_id:
            return
        segment = item.segmentation.GetSegmentation().GetSegment(item.segment_id)
        segment.SetTag("MedPrompt.Decision", decision.value)
        slicer.vtkSlicerSegmentationsModuleLogic.SetSegmentStatus(segment, STATUS[decision])
        if display := item.segmentation.GetDisplayNode():
            display.SetSegmentVisibility(item.segment_id, decision is not Decision.REJECTED)

    def _add_columns(self) -> None:
        rows = self.table.GetNumberOfRows()
        for name in (*NUMBERS, *TEXTS):
            if self.table.GetTable().GetColumnByName(name) is not None:
                continue
            array: Any = vtk.vtkDoubleArray() if name in NUMBERS else vtk.vtkStringArray()
            array.SetName(name)
            for _ in range(rows):
                array.InsertNextValue(math.nan if name in NUMBERS else "")
            self.table.AddColumn(array)
            title, description = TITLES[name]
            self.table.SetColumnDescription(name, description)
            set_title = (
                getattr(self.table, "SetColumnTitle", None) or self.table.SetColumnLongName
            )  # the latter in 5.10
            set_title(name, title)
        for row in range(rows):
            if not self._text(row, "decision"):
                self._column("decision").SetValue(row, Decision.PROPOSED.value)

    def _column(self, name: str) -> Any:
        return self.table.GetTable().GetColumnByName(name)

    def _text(self, row: int, name: str) -> str:
        return self._column(name).GetVariantValue(row).ToString()  # type: ignore[no-any-return]

    def _number(self, row: int, name: str) -> float | None:
        value = self._column(name).GetVariantValue(row).ToDouble()
        return None if math.isnan(value) else value

    def _read(self, row: int) -> Review:
        kind = self._text(row, "kind")
        numbers = {name: self._number(row, name) for name in NUMBERS}
        texts = {name: self._text(row, name) for name in TEXTS}
        return Review.model_validate(
            {
                "case": self.case,
                "task_id": int(self._column("task").GetVariantValue(row).ToInt()),
                "kind": kind,
                "item": self._text(row, "structure") or self._text(row, "target"),
                "result": self._text(row, "result"),
                "probability": self._number(row, "probability"),
                **numbers,
                **texts,
                "weight_id": self._text(row, "weight"),
                "weight_sha256": self._text(row, "weight_sha256"),
            }
        )

    def _write(self, row: int, review: Review) -> None:
        values = review.model_dump(mode="json")
        for name in NUMBERS:
            self._column(name).SetValue(row, math.nan if values[name] is None else float(values[name]))
        for name in TEXTS:
            self._column(name).SetValue(row, " ".join(str(values[name]).split()))
        self.table.GetTable().Modified()
        self.table.Modified()


def reviews_in_scene(scene: Any = None, case: str = "") -> tuple[SceneReview, ...]:
    """The runs whose results lie in a scene, in their nodes' order."""
    scene = mrml_scene(scene)
    tables = [
        scene.GetNthNodeByClass(n, "vtkMRMLTableNode") for n in range(scene.GetNumberOfNodesByClass("vtkMRMLTableNode"))
    ]
    return tuple(SceneReview(table, case) for table in tables if table.GetNodeReferenceID(VOLUME_ROLE))

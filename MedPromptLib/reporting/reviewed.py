"""A run of the open scene as it stands after review: what a report of it may say, and what the archive keeps of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from ..catalog import Catalog
from ..errors import InvalidInput
from ..results import Classification, Run
from ..review.decisions import Decision, Review
from ..review.nodes import SceneReview
from ..scene import PROBABILITIES, volume_to_image
from .facts import FindingsSet, NotDone
from .measuring import measure
from .run_folder import by_task, card_of, segmentation_of

REJECTED = "rejected in review"
CORRECTED = "the reviewer chose another class than the model output"


def run_in_scene(review: SceneReview, catalog: Catalog) -> Run:
    """The run whose results a review shows, with its masks as they are now, rejected ones included.

    Raises:
        InvalidInput: image, record or a segmentation was removed from the scene, or a weight is not installed as it
            was.
    """
    provenance, volume = review.provenance, review.volume
    if provenance is None or volume is None:
        what = "image" if volume is None else "record"
        raise InvalidInput(f"The {what} of these results was removed from the scene or changed; run the request again.")
    nodes = {node.GetAttribute("MedPrompt.TaskID"): node for node in review.segmentations}
    segmentations = []
    for task_id, rows in by_task(provenance.findings, "segmentation").items():
        if str(task_id) not in nodes:
            raise InvalidInput(f"The segmentation of step {task_id} was removed from the scene; run the request again.")
        segmentations.append(segmentation_of(nodes[str(task_id)], volume, rows, catalog))
    probabilities = json.loads(review.table.GetAttribute(PROBABILITIES) or "{}")
    classifications = tuple(
        Classification(
            task_id=row.task_id,
            weight_id=row.weight_id,
            weight_sha256=row.weight_sha256,
            target=row.target,
            probabilities=probabilities[str(row.task_id)],
            positive=card_of(row, catalog).positive,
            threshold=row.threshold,
        )
        for rows in by_task(provenance.findings, "classification").values()
        for row in rows
    )
    image = replace(
        volume_to_image(volume),
        name=provenance.input_name,
        sha256=provenance.input_sha256,
        notes=provenance.input_notes,
    )
    return Run(image, tuple(segmentations), classifications, provenance)


def reviewed_findings(run: Run, reviews: Sequence[Review], catalog: Catalog) -> FindingsSet:
    """What may be said of a run: edited masks are measured as they are, and what a person rejected or gave another
    class is named as left out instead of being told.
    """
    left_out = [r for r in reviews if r.decision is Decision.REJECTED]
    corrected = [r for r in reviews if r.decision is Decision.EDITED and r.corrected]
    gone = {(r.task_id, r.item) for r in (*left_out, *corrected)}
    kept = replace(
        run,
        segmentations=tuple(
            replace(s, structures=tuple(x for x in s.structures if (s.task_id, x.name) not in gone))
            for s in run.segmentations
        ),
        classifications=tuple(c for c in run.classifications if (c.task_id, c.target) not in gone),
    )
    said = [NotDone(what=r.item, reason=REJECTED) for r in left_out]
    said += [NotDone(what=r.item, reason=CORRECTED) for r in corrected]
    found = measure(kept, catalog)
    return found.model_copy(update={"not_done": (*found.not_done, *said)})

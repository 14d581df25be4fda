"""Reads back the folder that `medprompt run` wrote, as a `Run` that can be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..catalog import Catalog, Structure, WeightCard
from ..errors import InvalidInput
from ..outputs import RUN_NAME, SCENE_NAME
from ..results import Classification, Finding, Provenance, Run, Segmentation


def read_run(folder: Path, catalog: Catalog) -> Run:
    """The run whose files are in a folder.

    Raises:
        InvalidInput: files are missing or damaged, or a weight whose card is needed is not installed as it was.
    """
    provenance = read_provenance(folder)
    from ..headless import open_scene_bundle
    from ..scene import volume_nodes, volume_to_image

    with open_scene_bundle(folder / SCENE_NAME) as opened:
        volumes = volume_nodes(opened.scene)
        if len(volumes) != 1:
            raise InvalidInput(
                f"{folder / SCENE_NAME} has {len(volumes)} images where a run has one; write the run again."
            )
        image = replace(
            volume_to_image(volumes[0]),
            name=provenance.input_name,
            sha256=provenance.input_sha256,
            notes=provenance.input_notes,
        )
        segmentations = []
        for task_id, rows in by_task(provenance.findings, "segmentation").items():
            node = _segmentation_node(opened.scene, task_id, folder)
            segmentations.append(segmentation_of(node, volumes[0], rows, catalog))
    classifications = [
        _classification(row, catalog)
        for rows in by_task(provenance.findings, "classification").values()
        for row in rows
    ]
    return Run(image, tuple(segmentations), tuple(classifications), provenance)


def read_provenance(folder: Path) -> Provenance:
    """The record of a run.

    Raises:
        InvalidInput: it is not there or not valid.
    """
    path = folder / RUN_NAME
    try:
        return Provenance.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{folder} has no readable {RUN_NAME}; give a folder that `medprompt run` wrote.") from error
    except ValidationError as error:
        raise InvalidInput(
            f"{path} is not the record of a run ({error.errors()[0]['msg']}); give a folder that `medprompt run` wrote."
        ) from error


def segmentation_of(node: Any, volume: Any, rows: Sequence[Finding], catalog: Catalog) -> Segmentation:
    """A task's segmentation as its node has it now.

    Args:
        rows: the task's findings.

    Raises:
        InvalidInput: the weight is not installed as it was.
    """
    from ..scene import segmentation_to_labels

    structures = _structures(rows, catalog)
    return Segmentation(
        task_id=rows[0].task_id,
        weight_id=rows[0].weight_id,
        weight_sha256=rows[0].weight_sha256,
        labels=segmentation_to_labels(node, volume, structures),
        structures=structures,
        confidence={r.structure: r.probability for r in rows if r.probability is not None},
    )


def by_task(findings: Sequence[Finding], kind: str) -> dict[int, list[Finding]]:
    """Findings of a kind by their task, in order."""
    out: dict[int, list[Finding]] = {}
    for finding in findings:
        if finding.kind == kind:
            out.setdefault(finding.task_id, []).append(finding)
    return out


def _segmentation_node(scene: Any, task_id: int, folder: Path) -> Any:
    count = scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
    for n in range(count):
        node = scene.GetNthNodeByClass(n, "vtkMRMLSegmentationNode")
        if node.GetAttribute("MedPrompt.TaskID") == str(task_id):
            return node
    raise InvalidInput(f"{folder / SCENE_NAME} lacks the segmentation of task {task_id}; write the run again.")


def _structures(rows: Sequence[Finding], catalog: Catalog) -> tuple[Structure, ...]:
    card = card_of(rows[0], catalog)
    names = {row.structure for row in rows}
    return tuple(s for s in card.structures if s.name in names)


def card_of(row: Finding, catalog: Catalog) -> WeightCard:
    """The card of what made a finding.

    Raises:
        InvalidInput: that weight is not installed as it was.
    """
    if row.weight_id not in catalog or catalog.card(row.weight_id).file.sha256 != row.weight_sha256:
        raise InvalidInput(
            f"The weight '{row.weight_id}' of this run is not installed as it was then; install it, or make the report "
            "while running (`medprompt run --report`)."
        )
    return catalog.card(row.weight_id)


def _classification(row: Finding, catalog: Catalog) -> Classification:
    """The answer as far as the record has it: the reported class, and the positive classes together."""
    card = card_of(row, catalog)
    if row.probability is None or row.result not in card.classes:
        raise InvalidInput(
            f"The record of this run holds no answer of '{row.weight_id}' that its card knows; run the request again."
        )
    positive_result = row.result in card.positive
    if row.finding_probability is not None:
        of_findings = row.finding_probability
    elif positive_result and len(card.positive) == 1:
        of_findings = row.probability
    elif not positive_result and len(card.classes) - len(card.positive) == 1:
        of_findings = 1 - row.probability
    elif not card.positive:
        of_findings = 0.0
    else:
        raise InvalidInput(
            f"The record of this run does not say how probable a finding is by '{row.weight_id}', whose card has no "
            "operating point; make the report while running (`medprompt run --report`)."
        )
    # What belongs to the other positive classes together is all that is asked for later.
    others = [name for name in card.positive if name != row.result]
    left = of_findings - row.probability if positive_result else of_findings
    probabilities = dict.fromkeys(card.classes, 0.0) | {row.result: row.probability}
    probabilities |= {name: max(0.0, left) / len(others) for name in others}
    return Classification(
        task_id=row.task_id,
        weight_id=row.weight_id,
        weight_sha256=row.weight_sha256,
        target=row.target,
        probabilities=probabilities,
        positive=card.positive,
        threshold=row.threshold,
    )

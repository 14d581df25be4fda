"""Measures a run: results and image in, `FindingsSet` out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np

from ..catalog import Catalog
from ..images import MedicalImage
from ..results import Classification, Run
from .anatomy import (
    CARDIOTHORACIC_DEFINITION,
    CARDIOTHORACIC_READING,
    Found,
    cardiothoracic,
    is_lesion,
    location_of,
    pairs,
    sides_disagree,
    subject_of,
)
from .comparing import comparisons
from .facts import (
    Fact,
    FindingsSet,
    Measure,
    NotDone,
    Quantity,
    Remark,
    Source,
    Subject,
    Unit,
    certainty_of,
)
from .geometry import Extent, components_of, extent_of, intensities, longest_diameter, outline_step, spacing_of

MM3_PER_ML = 1000.0
MM2_PER_CM2 = 100.0


def measure(
    run: Run, catalog: Catalog | None = None, prior: FindingsSet | None = None, prior_name: str = ""
) -> FindingsSet:
    """All facts of a run, each with unit, uncertainty and source.

    Args:
        catalog: for the cards' calibration error and the networks' grids; a card counts only if its weight's SHA-256
            is the run's. Without a card the outline is taken to be as fine as the image.
        prior: findings of an earlier run on the same subject; that they belong together is the caller's word.
        prior_name: how the report calls the earlier run.
    """
    found = list(_structures(run))
    remarks: list[Remark] = []
    facts = [
        *(_presence(c, catalog) for c in run.classifications),
        *(fact for f in found for fact in _of_structure(f, found, run.image, catalog)),
        *_ratio(found, run.image, catalog, remarks),
    ]
    for right, left in pairs(found):
        facts += _asymmetry(right, left, run.image, catalog)
        if sides_disagree(right, left, run.image):
            remarks.append(Remark(kind="mirrored", subject=Subject(name=right.subject.name)))
    if any(f.quantity is not None and f.quantity.measure is Measure.ASYMMETRY for f in facts):
        remarks.append(Remark(kind="asymmetry"))
    if not run.image.spacing_known:
        remarks.append(Remark(kind="no_spacing"))
    if prior is not None:
        compared, told = comparisons(facts, prior, prior_name or prior.image)
        facts += compared
        remarks += told
    provenance = run.provenance
    words = {task.id: f"{task.intent.value} of {task.target}" for task in provenance.plan.pipeline}
    numbers = count(1)
    return FindingsSet(
        image=provenance.input_name,
        image_sha256=provenance.input_sha256,
        examination=run.image.modality or _examination(run, catalog),
        spacing_known=run.image.spacing_known,
        prompt=provenance.prompt,
        started=provenance.started,
        facts=tuple(fact.model_copy(update={"id": f"f{next(numbers)}"}) for fact in facts),
        not_done=(
            *(
                NotDone(what=words.get(t.task_id, f"task {t.task_id}"), reason=t.reason or t.state)
                for t in provenance.tasks
                if t.state != "done"
            ),
            *(NotDone(what=o.text, reason=o.reason) for o in provenance.plan.omissions),
        ),
        remarks=tuple(remarks),
        prior=(prior_name or prior.image) if prior is not None else None,
    )


def _examination(run: Run, catalog: Catalog | None) -> str | None:
    """What kind of image the weights were made for, if they agree."""
    kinds = {
        card.modality for name, sha in run.provenance.weights.items() if (card := _card(catalog, name, sha)) is not None
    }
    return kinds.pop() if len(kinds) == 1 else None


def _card(catalog: Catalog | None, weight_id: str, sha256: str) -> Any:
    if catalog is None or weight_id not in catalog or catalog.card(weight_id).file.sha256 != sha256:
        return None
    return catalog.card(weight_id)


def _structures(run: Run) -> Iterator[Found]:
    for segmentation in run.segmentations:
        for structure in segmentation.structures:
            yield Found(
                subject=subject_of(structure),
                structure=structure,
                mask=segmentation.labels == structure.label,
                task_id=segmentation.task_id,
                weight_id=segmentation.weight_id,
                weight_sha256=segmentation.weight_sha256,
                node=f"{segmentation.task_id}_{segmentation.weight_id}.seg.nrrd",
            )


def _source(found: Found) -> Source:
    return Source(task_id=found.task_id, node=found.node, weight_id=found.weight_id, weight_sha256=found.weight_sha256)


def _presence(result: Classification, catalog: Catalog | None) -> Fact:
    card = _card(catalog, result.weight_id, result.weight_sha256)
    ece = card.calibration.ece if card is not None else None
    split = card.calibration.split if card is not None else ""
    how = (
        f"calibrated probability; expected calibration error {ece:.3f} on the {split} split"
        if ece is not None
        else "calibrated probability; its calibration error is not known here"
    )
    finding = result.finding_probability if result.positive else result.probabilities[result.label]
    # A classifier of kinds, none of which is a finding, states the kind.
    present = result.is_positive or not result.positive
    # With several positive classes the statement is about the one that is reported.
    name = result.label if present else result.target
    return Fact(
        id="f0",
        kind="presence",
        subject=Subject(name=name),
        present=present,
        certainty=certainty_of(finding if present else 1 - finding),
        quantity=Quantity(
            measure=Measure.PROBABILITY, value=round(100 * finding, 4), unit=Unit.PERCENT, uncertainty=how
        ),
        threshold=round(100 * result.threshold, 2) if result.threshold is not None else None,
        source=Source(
            task_id=result.task_id,
            node="results.tsv",
            weight_id=result.weight_id,
            weight_sha256=result.weight_sha256,
        ),
    )


def _of_structure(
    found: Found, others: Sequence[Found], image: MedicalImage, catalog: Catalog | None
) -> Iterator[Fact]:
    base: dict[str, Any] = {"subject": found.subject, "source": _source(found), "id": "f0"}
    present = bool(found.mask.any())
    yield Fact(kind="outline", present=present, **base)
    if not present:
        return
    step, extent = _extent(found, image, catalog)
    yield Fact(kind="measurement", quantity=_size(extent, image), **base)
    diameter = longest_diameter(found.mask, image)
    unit = Unit.MM if image.spacing_known else Unit.PIXELS
    yield Fact(
        kind="measurement",
        quantity=Quantity(
            measure=Measure.DIAMETER,
            value=diameter,
            unit=unit,
            low=max(0.0, diameter - 2 * step),
            high=diameter + 2 * step,
            uncertainty=f"interval if both ends move by {step:.2f} {unit}, half a point of the coarser grid",
        ),
        **base,
    )
    yield Fact(
        kind="measurement",
        quantity=Quantity(
            measure=Measure.COMPONENTS,
            value=components_of(found.mask),
            uncertainty="count of the parts of the outline; what the weight's card removes is not counted",
        ),
        **base,
    )
    if is_lesion(found.structure):
        organs = [other for other in others if other.task_id != found.task_id]
        yield Fact(kind="location", location=location_of(found, organs, image), **base)
    mean, deviation, highest = intensities(found.mask, image)
    for kind, value, how in (
        (Measure.MEAN, mean, f"standard deviation inside the structure {deviation:.1f}"),
        (Measure.MAXIMUM, highest, "one voxel's value, as in the file"),
    ):
        yield Fact(kind="measurement", quantity=Quantity(measure=kind, value=value, uncertainty=how), **base)


def _extent(found: Found, image: MedicalImage, catalog: Catalog | None) -> tuple[float, Extent]:
    card = _card(catalog, found.weight_id, found.weight_sha256)
    tiled = card is not None and card.preprocessing.fit != "resize"
    step = outline_step(image, None if card is None or tiled else card.preprocessing.size)
    return step, extent_of(found.mask, image, step)


def _size(extent: Extent, image: MedicalImage) -> Quantity:
    single = image.shape[0] == 1
    if not image.spacing_known:
        kind, unit, scale = (Measure.AREA, Unit.PIXELS, 1.0) if single else (Measure.VOLUME, Unit.VOXELS, 1.0)
    elif single:
        scale = float(np.prod(image.spacing[1:]))
        kind, unit = Measure.AREA, Unit.MM2
        if extent.count * scale >= MM2_PER_CM2:
            unit, scale = Unit.CM2, scale / MM2_PER_CM2
    else:
        kind, unit, scale = Measure.VOLUME, Unit.ML, float(np.prod(image.spacing)) / MM3_PER_ML
    where = "mm" if image.spacing_known else "pixels"
    return Quantity(
        measure=kind,
        value=extent.count * scale,
        unit=unit,
        low=extent.low * scale,
        high=extent.high * scale,
        uncertainty=f"interval if the outline moves by {extent.step:.2f} {where}, half a point of the coarser grid",
    )


def _ratio(
    found: Sequence[Found], image: MedicalImage, catalog: Catalog | None, remarks: list[Remark]
) -> Iterator[Fact]:
    widths = cardiothoracic(found, image)
    if widths is None:
        return
    heart = widths.parts[0]
    card = _card(catalog, heart.weight_id, heart.weight_sha256)
    step = outline_step(image, card.preprocessing.size if card is not None else None) / spacing_of(image)[2]
    sources = dict.fromkeys((part.weight_id, part.weight_sha256) for part in widths.parts)
    yield Fact(
        id="f0",
        kind="measurement",
        subject=heart.subject,
        quantity=Quantity(
            measure=Measure.CARDIOTHORACIC_RATIO,
            value=widths.heart / widths.thorax,
            low=max(0.0, (widths.heart - 2 * step) / (widths.thorax + 2 * step)),
            high=(widths.heart + 2 * step) / max(1.0, widths.thorax - 2 * step),
            uncertainty=f"interval if all four ends move by {step:.2f} columns, half a point of the coarser grid",
            definition=f"{CARDIOTHORACIC_DEFINITION}; {CARDIOTHORACIC_READING}",
        ),
        source=Source(
            task_id=heart.task_id,
            node=heart.node,
            weight_id="+".join(name for name, _ in sources),
            weight_sha256="+".join(sha for _, sha in sources),
        ),
    )
    remarks.append(Remark(kind="cardiothoracic"))


def _asymmetry(right: Found, left: Found, image: MedicalImage, catalog: Catalog | None) -> Iterator[Fact]:
    """(right − left) over their mean, as in morphometry (for example Kurth et al. 2015, Nat Protoc 10:293)."""
    if not (right.mask.any() and left.mask.any()):
        return
    a, b = _extent(right, image, catalog)[1], _extent(left, image, catalog)[1]

    def index(r: float, at: float) -> float:
        return 200 * (r - at) / (r + at) if r + at else 0.0

    value = index(a.count, b.count)
    yield Fact(
        id="f0",
        kind="measurement",
        subject=Subject(name=right.subject.name),
        quantity=Quantity(
            measure=Measure.ASYMMETRY,
            value=value,
            unit=Unit.PERCENT,
            low=min(value, index(a.low, b.high)),
            high=max(value, index(a.high, b.low)),
            uncertainty="interval if both outlines move against each other",
            definition="(right − left) over the mean of both, as in morphometry (Kurth et al. 2015, Nat Protoc 10:293)",
        ),
        source=_source(right),
    )

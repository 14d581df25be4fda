"""Compares the facts of a run with those of an earlier one."""

from __future__ import annotations

from collections.abc import Sequence

from .facts import Change, Direction, Fact, FindingsSet, Measure, Quantity, Remark, Unit

COMPARED = (Measure.AREA, Measure.VOLUME, Measure.DIAMETER, Measure.CARDIOTHORACIC_RATIO)


def comparisons(facts: Sequence[Fact], prior: FindingsSet, prior_name: str) -> tuple[list[Fact], list[Remark]]:
    """One comparison for each size that both runs measured alike, and what could not be compared.

    Sizes count as changed only where their intervals do not overlap, which is cautious. Other weights or units cannot
    be compared, since a difference would then not be the patient's.
    """
    before = {(f.subject.words, f.quantity.measure): f for f in prior.facts if f.kind == "measurement" and f.quantity}
    compared: list[Fact] = []
    told: list[Remark] = []
    pixels = False
    for fact in facts:
        now = fact.quantity
        if fact.kind != "measurement" or now is None or now.measure not in COMPARED:
            continue
        earlier = before.get((fact.subject.words, now.measure))
        if earlier is None or earlier.quantity is None:
            continue
        then = earlier.quantity
        if earlier.source.weight_sha256 != fact.source.weight_sha256:
            told.append(Remark(kind="other_weight", subject=fact.subject, measure=now.measure))
            continue
        if then.unit is not now.unit:
            told.append(Remark(kind="other_unit", subject=fact.subject, measure=now.measure))
            continue
        if now.unit in (Unit.PIXELS, Unit.VOXELS):
            # How large a pixel is may differ from one image to the next.
            pixels = True
            continue
        if then.value <= 0:
            continue
        direction = _direction(now, then)
        compared.append(
            fact.model_copy(
                update={
                    "kind": "comparison",
                    "change": Change(
                        before=then,
                        percent=100 * (now.value - then.value) / then.value,
                        direction=direction,
                        prior=prior_name,
                    ),
                }
            )
        )
    if pixels:
        told.append(Remark(kind="pixels"))
    measured = {f.subject.words for f in facts if f.kind == "measurement"}
    missing = {f.subject.words: f.subject for f in before.values() if f.subject.words not in measured}
    told += [Remark(kind="missing_now", subject=subject) for subject in missing.values()]
    return compared, told


def _direction(now: Quantity, then: Quantity) -> Direction:
    if now.low is None or now.high is None or then.low is None or then.high is None:
        return "unchanged"
    if now.low > then.high:
        return "larger"
    return "smaller" if now.high < then.low else "unchanged"

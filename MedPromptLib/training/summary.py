"""The table of all weights: what `medprompt evaluate --all` prints and the README contains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..catalog import WeightCard
from ..errors import InvalidInput
from ..measured import Measurement, is_floor, short_floor, with_interval
from ..plan import Intent
from .across_sources import AUC, FRAME_AUC
from .evaluation import PER_PATIENT

BOTH_AS_ONE = "as one"
ALL_STRUCTURES = "all structures (mean)"


def data_set_of(card: WeightCard, root: Path) -> Path:
    """The folder below `root` that a weight is measured on: its training set's splits.

    Raises:
        InvalidInput: the card names none, or it is not there.
    """
    name = card.provenance.dataset or next((m.dataset for m in card.evaluation), "")
    if not name:
        raise InvalidInput(f"The card of '{card.id}' names no data set; evaluate it by itself with --data SET.")
    if not (root / name).is_dir():
        raise InvalidInput(f"There is no data set '{name}' in {root}, which evaluating '{card.id}' needs.")
    return root / name


def zoo_table(cards: Sequence[WeightCard], split: str) -> str:
    """Markdown: a row per weight and data set with what its card says about a split."""
    lines = [f"| weight | task | {split} split | figures | trivial floor |", "| --- | --- | --- | --- | --- |"]
    for card in cards:
        measured = [m for m in card.evaluation if m.split == split]
        if not measured:
            lines.append(f"| `{card.id}` | {card.title} | not evaluated | | |")
        for name in dict.fromkeys(m.dataset for m in measured):
            lines.append(_line(card, [m for m in measured if m.dataset == name]))
    return "\n".join(lines)


def _line(card: WeightCard, rows: Sequence[Measurement]) -> str:
    figures = _segmentation(card, rows) if card.intent is Intent.SEGMENTATION else _classification(card, rows)
    images = f"{max(m.images for m in rows)} {'images' if card.dimension == 2 else 'volumes'}"
    floors = "; ".join(f"{short_floor(m)} {m.value:.3f}" for m in rows if m.subject in _whole(card) and is_floor(m))
    worst = [m for m in card.subgroups if (m.dataset, m.split, m.metric) == (rows[0].dataset, rows[0].split, AUC)]
    if worst:
        pair = min(worst, key=lambda m: m.value)
        figures.insert(0, f"worst pair of sources ({pair.group}): AUC {with_interval(pair)}")
        frame = next(
            (m for m in card.subgroups if (m.group, m.split, m.metric) == (pair.group, pair.split, FRAME_AUC)), None
        )
        if frame:
            floors = f"frame of the image alone on that pair: AUC {frame.value:.3f}; {floors}"
    where = f"`{rows[0].dataset}`, {images}"
    return f"| `{card.id}` | {card.title} | {where} | {'; '.join(figures)} | {floors} |"


def _whole(card: WeightCard) -> tuple[str, ...]:
    """The subjects that stand for everything a card does."""
    if card.intent is Intent.CLASSIFICATION:
        return ("all classes", "finding against none")
    return (ALL_STRUCTURES,) if len(card.structures) > 1 else (card.structures[0].name,)


def _segmentation(card: WeightCard, rows: Sequence[Measurement]) -> list[str]:
    per_patient = any(m.metric == PER_PATIENT for m in rows)
    dice = [m for m in rows if m.metric == (PER_PATIENT if per_patient else "Dice") and m.subject != ALL_STRUCTURES]
    dice.sort(key=lambda m: not m.subject.endswith(BOTH_AS_ONE))
    several = len(card.structures) > 1
    of = f" (mean of {dice[0].images} patients)" if per_patient else ""
    texts = [f"{m.subject.removesuffix(' ' + BOTH_AS_ONE)} " * several + f"Dice {with_interval(m)}{of}" for m in dice]
    for m in rows:
        if m.metric.startswith("false alarms"):
            texts.append(f"outlines something on {m.value:.2f} of {m.images} images without")
    return texts


def _classification(card: WeightCard, rows: Sequence[Measurement]) -> list[str]:
    finding = card.positive[0].replace("_", " ") if len(card.positive) == 1 else card.target
    by_name = {(m.metric, m.subject): m for m in rows}
    texts = []
    if accuracy := by_name.get(("accuracy", "all classes")):
        texts.append(f"accuracy {with_interval(accuracy)}")
    if balanced := by_name.get(("balanced accuracy", "all classes")):
        texts.append(f"balanced accuracy {with_interval(balanced)}")
    told = [by_name.get((metric, "finding against none")) for metric in ("AUC", "sensitivity", "specificity")]
    if parts := [f"{m.metric} {with_interval(m)}" for m in told if m]:
        texts.append(f"{finding} or not: {', '.join(parts)}")
    if error := by_name.get(("ECE", "all classes")):
        texts.append(f"ECE {error.value:.3f}")
    return texts

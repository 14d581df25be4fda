"""The table of all weights: what `medprompt evaluate --all` prints and the README contains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..catalog import Measurement, WeightCard
from ..errors import InvalidInput
from ..plan import Intent

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
    """Markdown: a row per weight with what its card says about a split."""
    lines = [f"| weight | task | {split} split | figures | trivial floor |", "| --- | --- | --- | --- | --- |"]
    for card in cards:
        rows = [m for m in card.evaluation if m.split == split]
        if not rows:
            lines.append(f"| `{card.id}` | {card.title} | not evaluated | | |")
            continue
        figures = _segmentation(card, rows) if card.intent is Intent.SEGMENTATION else _classification(card, rows)
        images = f"{max(m.images for m in rows)} {'images' if card.dimension == 2 else 'volumes'}"
        floors = "; ".join(f"{_short(m)} {m.value:.3f}" for m in rows if m.subject in _whole(card) and _is_floor(m))
        lines.append(
            f"| `{card.id}` | {card.title} | `{rows[0].dataset}`, {images} | {'; '.join(figures)} | {floors} |"
        )
    return "\n".join(lines)


def _is_floor(measurement: Measurement) -> bool:
    return measurement.metric.startswith(("Dice of ", "accuracy of ", "AUC of "))


def _short(measurement: Measurement) -> str:
    """`Dice of the mean shape` → `mean shape Dice`."""
    metric, _, method = measurement.metric.partition(" of ")
    return f"{method.removeprefix('the ').removeprefix('a ')} {metric}"


def _whole(card: WeightCard) -> tuple[str, ...]:
    """The subjects that stand for everything a card does."""
    if card.intent is Intent.CLASSIFICATION:
        return ("all classes", "finding against none")
    return (ALL_STRUCTURES,) if len(card.structures) > 1 else (card.structures[0].name,)


def _with_interval(measurement: Measurement) -> str:
    if measurement.low is None or measurement.high is None:
        return f"{measurement.value:.3f}"
    return f"{measurement.value:.3f} ({measurement.low:.3f}–{measurement.high:.3f})"


def _segmentation(card: WeightCard, rows: Sequence[Measurement]) -> list[str]:
    dice = [m for m in rows if m.metric == "Dice" and m.subject != ALL_STRUCTURES]
    dice.sort(key=lambda m: not m.subject.endswith(BOTH_AS_ONE))
    several = len(card.structures) > 1
    texts = [f"{m.subject.removesuffix(' ' + BOTH_AS_ONE)} " * several + f"Dice {_with_interval(m)}" for m in dice]
    for m in rows:
        if m.metric.startswith("false alarms"):
            texts.append(f"outlines something on {m.value:.2f} of {m.images} images without")
    return texts


def _classification(card: WeightCard, rows: Sequence[Measurement]) -> list[str]:
    finding = card.positive[0].replace("_", " ") if len(card.positive) == 1 else card.target
    by_name = {(m.metric, m.subject): m for m in rows}
    texts = []
    for metric, subject, words in (
        ("accuracy", "all classes", "accuracy"),
        ("accuracy", "finding against none", f"{finding} or not: accuracy"),
        ("AUC", "finding against none", f"{finding} or not: AUC"),
        ("ECE", "all classes", "ECE"),
    ):
        if (metric, subject) in by_name:
            m = by_name[metric, subject]
            texts.append(f"{words} {m.value:.3f}" if metric == "ECE" else f"{words} {_with_interval(m)}")
    return texts

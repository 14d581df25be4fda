"""Conditions: which result of which classifier a clause waits for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..plan import NEGATIVE, POSITIVE, Condition, Intent
from .actions import Ask
from .clauses import Clause
from .items import Item
from .joining import is_family
from .lexicon import Card, Lexicon
from .reading import unit_factor
from .vocabulary import words_of


@dataclass(slots=True)
class When:
    """A condition in words.

    Attributes:
        subjects: asks whose results decide; empty if the text points back ("if positive").
        before: the asks made before this condition, for pointing back.
        inverted: the other results trigger.
        character: `benign` or `malignant` if that is the expected result.
        minimum_size: in ml or cm², for a segmentation.
        every: all subjects must agree ("if both are positive"); otherwise any one is enough.
        results: class names of the deciding card, where they are already known.
    """

    subjects: tuple[Ask, ...]
    before: tuple[Ask, ...]
    inverted: bool = False
    character: str = ""
    minimum_size: float = 0.0
    every: bool = False
    text: str = ""
    results: tuple[str, ...] = ()

    def other(self) -> When:
        """The opposite condition; of "either" it is "neither", so that any becomes every."""
        return replace(self, inverted=not self.inverted, every=not self.every if len(self.subjects) > 1 else self.every)


def when(clause: Clause, before: list[Ask], lexicon: Lexicon, prompt: str) -> When:
    """Read a condition clause; the lead-in is in `clause.lead`."""
    inverted = clause.negated ^ (clause.lead in ("UNLESS", "IFNEG"))
    character, joined = "", ""
    yes_or_no = [i for i in clause.items if i.kind in ("YES", "NO")]
    for item in clause.items:
        if item.kind == "NEGRES" and item.text in {"normal", "healthy", "gesund", "sano", "sain", "正常"}:
            character = "normal"
        elif item.kind in ("NEG", "NO", "NEGRES", "NOTHING", "POSTNEG") and item.text not in {
            "any",
            "anything",
            "other than",
        }:
            inverted = not inverted
        elif item.kind == "MAL":
            character = item.form
        elif item.kind in ("AND", "OR") and not joined:
            joined = item.kind
    if any(i.kind == "NEG" and i.text in {"neither", "nor", "ni", "weder", "nem"} for i in clause.items):
        inverted, joined = not clause.negated ^ (clause.lead == "UNLESS"), "AND"
    subjects = () if yes_or_no and not clause.has("T") else _subjects(clause, lexicon, joined)
    if not subjects and not before and not yes_or_no and clause.has("NEGRES", "POS"):
        named = replace(clause, items=[i for i in clause.items if i.kind not in ("NEGRES", "POS")])
        subjects = _subjects(named, lexicon, joined)
    return When(
        subjects,
        tuple(before),
        inverted,
        character,
        _size(clause.items),
        joined == "AND",
        prompt[clause.start : clause.end],
    )


def _subjects(clause: Clause, lexicon: Lexicon, joined: str) -> tuple[Ask, ...]:
    terms = [i for i in clause.items if i.kind == "T"]
    findings = [i for i in terms if lexicon.is_finding(i.concepts[0])] or ([] if clause.has("POS", "NEGRES") else terms)
    specific = [i for i in findings if not is_family(i.concepts)] or findings
    if not joined:
        classes = [i for i in specific if any(i.concepts[0] == key for c in lexicon.cards for _, key in c.classes)]
        specific = (classes or specific)[-1:]
    size = any(i.kind == "SIZE" for i in clause.items)
    modality = next((i.modality for i in clause.items if i.kind == "M"), None)
    named = [i.kind for i in clause.items]
    segmentation = size or any(k == "SEG" and named[n - 1 : n] != ["PREP"] for n, k in enumerate(named))
    asks = []
    for item in specific:
        if lexicon.is_finding(f"{item.concepts[0]}:lesion") and any(
            f"{item.concepts[0]}:lesion" == key for c in lexicon.cards for _, key in c.classes
        ):
            # "a pituitary one": the class of the tumours of that organ
            item.concepts = (f"{item.concepts[0]}:lesion",)
        intent = Intent.SEGMENTATION if segmentation else Intent.CLASSIFICATION
        aspect = "malignancy" if clause.has("MAL") else ""
        asks.append(
            Ask(
                intent,
                item.concepts,
                item.start,
                item.end,
                aspect if intent is Intent.CLASSIFICATION else "",
                modality=modality,
            )
        )
    if not asks and clause.has("MAL") and modality is not None and modality.region:
        asks.append(
            Ask(Intent.CLASSIFICATION, ("*:lesion",), clause.start, clause.end, "malignancy", modality=modality)
        )
    return tuple(asks)


def _size(items: list[Item]) -> float:
    for index, item in enumerate(items):
        if item.kind == "NUM" and any(i.kind == "SIZE" for i in items[:index]):
            unit = items[index + 1] if index + 1 < len(items) else None
            power = items[index + 2] if index + 2 < len(items) else None
            name = unit.text if unit is not None else ""
            if power is not None and power.kind == "NUM" and unit is not None:
                name += str(int(power.number))
            factor = unit_factor(name)
            if factor is not None:
                return item.number * factor
    return 0.0


def triggering(card: Card, subjects: tuple[Ask, ...], asked: When) -> list[tuple[str, str]]:
    """`expected_result` and `execution` for a condition on a card; several if no single result says it.

    The classes that trigger are worked out as a set first, so that "unless it is benign" and "if it is malignant" agree
    wherever the classes say so.
    """
    if card.ability.intent is Intent.SEGMENTATION:
        return [(NEGATIVE, "Positive") if asked.inverted else (POSITIVE, "Positive")]
    classes, positive = set(card.ability.classes), set(card.ability.positive)
    named = _named_classes(card, subjects, asked)
    wanted = classes - named if asked.inverted else named
    if wanted == positive:
        return [(POSITIVE, "Positive")]
    if wanted == classes - positive:
        return [(NEGATIVE, "Positive")]
    if len(wanted) == 1:
        return [(wanted.pop(), "Positive")]
    if len(classes - wanted) == 1:
        return [((classes - wanted).pop(), "Negative")]
    if wanted:
        return [(name, "Positive") for name in card.ability.classes if name in wanted]
    return [(NEGATIVE, "Positive") if asked.inverted else (POSITIVE, "Positive")]


def _named_classes(card: Card, subjects: tuple[Ask, ...], asked: When) -> set[str]:
    if set(asked.results) & set(card.ability.classes):
        return set(asked.results) & set(card.ability.classes)
    positive = set(card.ability.positive)
    if not asked.character:
        keys = {key for subject in subjects for key in subject.concepts if key != card.main or len(positive) < 2}
        named = {n for n, key in card.classes if key in keys and (key != card.main or n in positive) and key}
        named |= {n for n, key in card.classes if not key and f"own:{n}" in keys}
        if named:
            return named
    if asked.character:
        fitting = {name for name in card.ability.classes if asked.character in words_of(name.replace("_", " "))}
        if fitting:
            return fitting
        return positive if asked.character == "malignant" else set(card.ability.classes) - positive
    return positive


def as_conditions(parent: int, card: Card, subjects: tuple[Ask, ...], asked: When) -> list[Condition]:
    """The contract's conditions on task `parent`; any one of them is enough."""
    size = asked.minimum_size if card.ability.intent is Intent.SEGMENTATION else 0.0
    return [
        Condition(
            task_id=parent,
            expected_result=expected,
            execution="Negative" if execution == "Negative" else "Positive",
            minimum_size=size,
        )
        for expected, execution in triggering(card, subjects, asked)
    ]

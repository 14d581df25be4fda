"""All sentences that a fact can be said in; nothing else can be written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from .facts import Fact, Measure, Subject
from .languages import Language

Style = Literal["structured", "short", "patient"]
STYLES: tuple[Style, ...] = ("structured", "short", "patient")

_KEYS = {
    Measure.AREA: "area",
    Measure.VOLUME: "volume",
    Measure.DIAMETER: "diameter",
    Measure.COMPONENTS: "components",
    Measure.MEAN: "mean",
    Measure.MAXIMUM: "maximum",
    Measure.CARDIOTHORACIC_RATIO: "ratio",
    Measure.ASYMMETRY: "asymmetry",
}


def sentence_key(fact: Fact) -> str:
    """Which sentences of a language file say a fact."""
    if fact.kind in ("presence", "outline"):
        return f"{fact.kind}_{'yes' if fact.present else 'no'}"
    if fact.kind == "comparison" and fact.change is not None:
        return f"comparison_{fact.change.direction}"
    return _KEYS[fact.quantity.measure] if fact.kind == "measurement" and fact.quantity else "location"


def sentences(
    fact: Fact, style: Style, language: Language, previous: Subject | None = None, intervals: bool = True
) -> tuple[str, ...]:
    """Every way to say a fact, the plainest first.

    Args:
        previous: what the sentence before is about; the same subject may then be a pronoun.
        intervals: False leaves them out, for comparing the sentences.
    """
    key = sentence_key(fact)
    own: Mapping[str, list[str]] = language.data.get(style, {})
    templates = own.get(key)
    if templates is None:
        common = language.table("sentences")
        templates = [*common.get(f"{key}_follow", ()), *common[key]] if previous == fact.subject else common[key]
    slots = _slots(fact, language) | ({} if intervals else {"range": ""})
    return tuple(_capitalised(template.format(**slots)) for template in templates)


def _slots(fact: Fact, language: Language) -> dict[str, Any]:
    forms = language.forms(fact.subject)
    slots = {"bare": forms.bare, "s": forms.s, "of": forms.of, "in": forms.inside, "acc": forms.acc}
    if fact.quantity is not None:
        slots |= {
            "v": language.amount(fact.quantity),
            "range": language.interval(fact.quantity),
            "measure": language.measure(fact.quantity.measure),
        }
    if fact.certainty is not None:
        slots["certainty"] = language.table("certainty")[fact.certainty]
    if fact.location is not None:
        slots["place"] = language.place(fact.location)
    if fact.change is not None:
        slots |= {"before": language.amount(fact.change.before), "change": language.percent_change(fact.change)}
    return slots


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]

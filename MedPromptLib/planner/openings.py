"""Conditions that no "if" opens: "should it be …", "for gliomas only", "in positive cases"."""

from __future__ import annotations

from .items import Item

CASES = frozenset(["case", "cases", "patients", "patient", "instances", "results", "result", "findings"])
"""Words for those a condition holds of."""


def inverted_condition(items: list[Item], question: bool) -> list[Item]:
    """ "Should the tumour be …, do" and "Were it …, do" are conditions; "Should I …?" is not."""
    if items and not question and items[0].text in {"should", "were", "had"} and any(i.kind == "COMMA" for i in items):
        first = items[0]
        return [Item("IF", "", first.text, first.start, first.end), *items[1:]]
    return items


def for_only(items: list[Item]) -> list[Item]:
    """ "… for gliomas only", "… of the benign ones only" are conditions."""
    for index, item in enumerate(items):
        four = [i for i in items[index : index + 4] if not i.is_small]
        if (
            item.text == "of"
            and len(four) > 3
            and (four[1].kind == "MAL" or four[1].form == "class")
            and four[2].text in {"ones", "one", "cases"}
            and four[3].kind == "ONLY"
        ):
            opened = Item("IF", "", item.text, item.start, item.end)
            return [*items[:index], opened, four[1], *items[items.index(four[3]) + 1 :]]
        if item.kind in ("PREP", "W") and item.text in ("in", "for", "with", "bei", "en", "dans"):
            after = items[index + 1 : index + 4]
            place = next((n for n, i in enumerate(after) if i.text in CASES), 0)
            if place and all(i.kind in ("T", "POS", "MAL", "NEGRES") for i in after[:place]):
                return [
                    *items[:index],
                    Item("IF", "", item.text, item.start, item.end),
                    *after[:place],
                    *items[index + 2 + place :],
                ]
        if item.text in ("for", "in", "on", "bei") and item.kind in ("W", "PREP") and index + 2 < len(items):
            after = items[index + 1 : index + 4]
            place = next((n for n, i in enumerate(after) if i.kind == "ONLY"), 0)
            if (
                place
                and after[0].kind in ("T", "POS", "MAL", "NEGRES")
                and all(i.kind in ("T", "POS", "MAL", "W", "NEGRES") for i in after[:place])
            ):
                opened = Item("IF", "", item.text, item.start, item.end)
                return [*items[:index], opened, *after[:place], *items[index + 2 + place :]]
    return items

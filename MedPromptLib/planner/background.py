"""Words of a request that only tell why it is made: reasons, purposes, and what others are busy with."""

from __future__ import annotations

from .actions import ASKING
from .items import Item
from .lexicon import Lexicon
from .words import word_set

_PLAIN_REASONS = word_set("because cause cos bc weil porque puisque parce denn pois 因为 由于")
_REASONS = _PLAIN_REASONS | {"since", "as"}
"""The latter two open a reason only before a person ("as we plan …")."""

_STUDIES = word_set(
    """
    cohort study trial research registry paper project thesis presentation report teaching tumour board conference
    lecture atlas dataset database clinic meeting
    """
)
_PLANS = word_set("we i they he she you are am is surgeon doctor team")


def without_background(items: list[Item], lexicon: Lexicon) -> list[Item]:
    """Turn terms that stand in a reason or purpose into ordinary words, if something is asked for elsewhere."""
    marked = _reasons(items) | _purposes(items) | _occupations(items)
    asked = any(
        i.kind in ("T", "M") and n not in marked and any(o.kind in ASKING for o in items) for n, i in enumerate(items)
    )
    if not marked or not asked:
        return items
    return [
        i
        if n not in marked or i.kind in ("COMMA", "CLOSE") or _on_served(i, lexicon)
        else Item("W", "ordinary", i.text, i.start, i.end)
        for n, i in enumerate(items)
    ]


def _on_served(item: Item, lexicon: Lexicon) -> bool:
    return item.kind == "M" and any(lexicon.fits(c, item.modality) for c in lexicon.cards)


def _reasons(items: list[Item]) -> set[int]:
    """ "… because we are planning an implant", "As the surgeon needs it, …" up to the end or the next order."""
    marked: set[int] = set()
    for index, item in enumerate(items):
        if item.text not in _REASONS or item.kind not in ("W", "PREP", "EVID", "CLS"):
            continue
        after = next((i for i in items[index + 1 :] if i.text not in {"the", "our"}), None)
        if item.text not in _PLAIN_REASONS and (after is None or after.text not in _PLANS):
            continue
        before = any(i.kind in ("T", *ASKING) for i in _sentence_before(items, index))
        stop = _end(items, index, before)
        if before or any(i.kind == "T" for i in items[stop : stop + 12]):
            marked |= set(range(index, stop))
    return marked


def _sentence_before(items: list[Item], index: int) -> list[Item]:
    start = max((n for n in range(index) if items[n].kind in ("STOP", "ASK", "SEMI")), default=-1)
    return items[start + 1 : index]


def _end(items: list[Item], index: int, follows: bool) -> int:
    """Where a reason ends: with the sentence, at a bracket, or at a comma before an order."""
    for place in range(index + 1, len(items)):
        item = items[place]
        if item.kind in ("STOP", "ASK", "SEMI", "CLOSE", "DASH"):
            return place
        if item.kind in ("COMMA", "THEN", "BUT"):
            rest = items[place + 1 : place + 4]
            if not follows or any(i.kind in ("SEG", "CLS", "SOFT", "RUN", "GRADE", "IF", "UNLESS") for i in rest):
                return place
        if item.kind in ("IF", "UNLESS", "ELSE"):
            return place
    return len(items)


def _purposes(items: list[Item]) -> set[int]:
    """ "… for our retinopathy cohort", "for the tumour board"."""
    marked: set[int] = set()
    for index, item in enumerate(items):
        if item.text != "for" or item.kind in ASKING:
            continue
        for place in range(index + 1, min(index + 6, len(items))):
            if items[place].kind in ("STOP", "ASK", "SEMI", "COMMA", "AND", "PREP", *ASKING) and (
                items[place].text not in _STUDIES
            ):
                break
            if items[place].text in _STUDIES:
                marked |= set(range(index, place + 1))
                break
    return marked


def _occupations(items: list[Item]) -> set[int]:
    """ "I'm measuring tremor patients, …": what the writer does, not what the program is to do."""
    marked: set[int] = set()
    for index, item in enumerate(items[1:], 1):
        before = items[index - 1].text
        if item.kind in ("OTHER", "CLS", "SEG") and item.text.endswith("ing") and before in {"i", "am", "we", "are"}:
            opens = index < 3 or items[index - 2].kind in ("STOP", "SEMI", "COMMA", "ASK")
            if opens and item.kind == "OTHER":
                marked |= set(range(index - 1, _end(items, index, True)))
    return marked

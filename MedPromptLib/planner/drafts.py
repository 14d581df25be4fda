"""Tasks in the making, and what a "not …" takes out of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..plan import Condition
from .actions import Ask
from .cards import Card, term_words
from .lexicon import Lexicon


@dataclass(slots=True)
class Draft:
    """A task in the making."""

    card: Card
    structures: tuple[str, ...]
    condition: Condition | None
    span: tuple[int, int]
    dependency: int | None = None
    modality_stated: bool = False
    alternatives: tuple[Card, ...] = ()


def exclude(asks: Sequence[Ask], drafts: list[Draft], lexicon: Lexicon) -> None:
    """Take out of the drafts, in place, what a later "not …" excludes."""
    for ask in asks:
        if not ask.negated or ask.condition is not None:
            continue
        for number in range(len(drafts), 0, -1):
            draft = drafts[number - 1]
            later = draft.span[0] > ask.start
            if later or ask.intent not in (None, draft.card.ability.intent) or not ask.concepts:
                continue
            _exclude_from(number, drafts, set(ask.concepts), lexicon)


def _exclude_from(number: int, drafts: list[Draft], keys: set[str], lexicon: Lexicon) -> None:
    draft = drafts[number - 1]
    wanted = draft.structures or tuple(n for n, _ in draft.card.structures)
    bases = {name: {k.partition("@")[0] for k in group} | set(group) for name, group in draft.card.structures}
    if not any(keys & base for base in (draft.card.keys, *bases.values())):
        bases = {name: _word_concepts(name, lexicon) for name in bases}
    kept = tuple(n for n in wanted if not keys & bases[n])
    if draft.card.structures and kept and len(kept) < len(wanted):
        draft.structures = kept
        return
    needed = any((d.condition and d.condition.task_id == number) or d.dependency == number for d in drafts)
    if not needed and (draft.card.keys & keys or (wanted and not kept)):
        _remove(number, drafts)


def _word_concepts(name: str, lexicon: Lexicon) -> set[str]:
    """What the single words of a structure's name stand for: "not the patellar one"."""
    meanings = (lexicon.meanings.get((word,)) for word in term_words(name))
    return {k for m in meanings if m is not None for k in m.concepts}


def _remove(number: int, drafts: list[Draft]) -> None:
    del drafts[number - 1]
    for draft in drafts:
        if draft.condition is not None and draft.condition.task_id > number:
            draft.condition = draft.condition.model_copy(update={"task_id": draft.condition.task_id - 1})
        if draft.dependency is not None and draft.dependency > number:
            draft.dependency -= 1

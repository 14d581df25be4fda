"""Which image description belongs to which ask of a sentence."""

from __future__ import annotations

from dataclasses import replace

from .actions import Ask
from .clauses import Clause, Sentence
from .lexicon import Modality


def assign_images(asks: list[Ask], sentence: Sentence) -> None:
    """Give each term the image description of its verb group: the one before the terms or the next one after."""
    marks = [
        (i.start, i.modality, number)
        for number, c in enumerate(sentence.clauses)
        for i in c.items
        if i.modality is not None and not (c.lead in ("IF", "UNLESS") and c.has("T"))
    ]
    conditions = [c.start for c in sentence.clauses if c.lead in ("IF", "UNLESS") and c.has("T") and c.has("M")]
    if not marks or not asks:
        return
    for ask in asks:
        if ask.modality is not None:
            continue
        bracketed = _in_brackets(sentence, _clause_of(ask.start, sentence))
        if bracketed is not None:
            ask.modality = bracketed
            continue
        own = [m for m in marks if _clause_of(ask.start, sentence) == m[2]]
        if own and not any(_clause_of(a.start, sentence) == own[0][2] and a.group != ask.group for a in asks):
            ask.modality = next((m for m in own if m[0] >= ask.start), own[-1])[1]
            continue
        group = [a for a in asks if a.group == ask.group]
        low = min(a.start for a in group)
        later_groups = [a.start for a in asks if a.group > ask.group]
        earlier_groups = [a.end for a in asks if a.group < ask.group]
        floor, ceiling = max(earlier_groups, default=-1), min(later_groups, default=10**9)
        if earlier_groups and any(m[0] < floor for m in marks):
            marks_in = [m for m in marks if floor <= m[0] < ceiling]
        else:
            marks_in = [m for m in marks if m[0] < ceiling]
        marks_in = [m for m in marks_in if m[0] < ceiling and not _leads_next(m, sentence, ceiling, asks, ask)]
        before = [m for m in marks_in if m[0] < low]
        if before and before[0][0] < low and (len(marks_in) == len(before) or before[0][0] < low):
            chosen = [m for m in marks_in if m[0] < ask.start][-1]
        else:
            after = [m for m in marks_in if m[0] >= ask.start]
            if not after and not marks_in:
                continue
            chosen = after[0] if after else marks_in[-1]
        if not any(chosen[0] < start < ask.start for start in conditions):
            ask.modality = chosen[1]
            ask.shared = any(a.end < chosen[0] for a in group) and chosen[0] < ask.start


def _in_brackets(sentence: Sentence, number: int) -> Modality | None:
    """The images in brackets right after a clause: "tear check (MRI), arthritis grade (x-ray)"."""
    after = sentence.clauses[number + 1] if 0 <= number < len(sentence.clauses) - 1 else None
    if after is None or after.joint != "open" or not _only_image(after) or sentence.clauses[number].has("M"):
        return None
    return next(i.modality for i in after.items if i.modality is not None)


def _clause_of(place: int, sentence: Sentence) -> int:
    return next((n for n, c in enumerate(sentence.clauses) if c.items and c.start <= place < c.end), -1)


def _leads_next(mark: tuple[int, Modality, int], sentence: Sentence, ceiling: int, asks: list[Ask], ask: Ask) -> bool:
    """Whether an image description opens the next group ("…; on the cardiac MRI outline …")."""
    if mark[0] < ask.end:
        return False
    clause = sentence.clauses[mark[2]]
    if _only_image(clause) and clause.items[0].kind == "PREP" and mark[2] + 1 < len(sentence.clauses):
        # "…, and, on the MRI, the caudate": between two commas
        after = sentence.clauses[mark[2] + 1]
        if clause.joint in ("and", "then") and after.joint == "comma" and after.has("T"):
            return True
    return any(mark[0] < a.start and clause.start <= a.start <= clause.end and a.group != ask.group for a in asks) or (
        mark[2] + 1 < len(sentence.clauses) and sentence.clauses[mark[2] + 1].joint == "open" and not clause.has("T")
    )


def _only_image(clause: Clause) -> bool:
    return clause.has("M") and all(i.kind in ("M", "PREP", "PRON", "BOTH") or i.is_small for i in clause.items)


def on_both_images(asks: list[Ask], sentence: Sentence) -> list[Ask]:
    """The same asks again for the second of two image descriptions: "on both the x-ray and the CT"."""
    again: list[Ask] = []
    for number, clause in enumerate(sentence.clauses[1:], 1):
        before = sentence.clauses[number - 1]
        named = before.has("T") or (number > 1 and _only_image(before) and sentence.clauses[number - 2].has("T"))
        second = next((i.modality for i in clause.items if i.modality is not None), None)
        first = next((i.modality for i in reversed(before.items) if i.modality is not None), None)
        ends = bool(before.items) and before.items[-1].kind == "M"
        if (
            clause.joint != "and"
            or clause.lead
            or not _only_image(clause)
            or first is None
            or second is None
            or not ends
        ):
            continue
        if not named or first.name == second.name or before.lead:
            continue
        start = before.start if before.has("T") else sentence.clauses[number - 2].start
        group = {a.group for a in asks if start <= a.start < before.end}
        for ask in asks:
            if ask.group in group and not ask.negated and ask.modality == first:
                again.append(replace(ask, modality=second))
    return again

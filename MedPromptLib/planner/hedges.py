"""Sentences that say more than the plan does: a "no", a "whatever" or a bare result beside a task that waits for
nothing. Such a plan is shown before it runs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ..plan import Intent
from .actions import ASKING, Ask
from .clauses import Clause, Sentence
from .interpretation import Interpretation
from .words import word_set

_STATED = frozenset(
    [
        "present",
        "found",
        "detected",
        "seen",
        "visible",
        "confirmed",
        "identified",
        "absent",
        "there",
        "shows",
        "evident",
    ]
)
_WHATEVER = word_set("whatever whichever regardless irrespective always unconditionally")
_CONTRAST = word_set("whereas while unlike conversely contrary hand contrast wahrend hingegen mientras tandis enquanto")
_UNWANTED = word_set("nobody none hardly neither nothing never unimportant uninteresting pointless moot needless")
_OWN = word_set("myself ourselves")
"""Words of things the user does without help: "I'll judge malignancy myself"."""
_AUXILIARY = frozenset(["does", "do"])


def hedges(sentences: Sequence[Sentence], said: Interpretation, prompt: str) -> list[str]:
    """What of a prompt's sentences is not seen in its asks, in words for the user."""
    asked = [a for a in said.asks if not a.cancelled and not a.negated]
    free = [a for a in asked if a.condition is None]
    waits = len(free) < len(asked)
    found: list[str] = []
    for number, sentence in enumerate(sentences):
        if not sentence.clauses:
            continue
        here = [a for a in free if a.sentence == number]
        bound = [a for a in asked if a.sentence == number and a.condition is not None]
        words = set(prompt[sentence.clauses[0].start : sentence.clauses[-1].end].lower().replace(".", " ").split())
        always = any(c.has("REGARDLESS") for c in sentence.clauses) or words & _WHATEVER
        if always and bound and not here:
            found.append("something is asked for in any case, but all of it waits for a result")
        if words & _CONTRAST and waits and here:
            found.append("a contrast may make a task wait for a result")
        if any(c.lead for c in sentence.clauses) and not bound and any(a.intent is Intent.SEGMENTATION for a in here):
            found.append("a condition is stated, but nothing waits for it")
        if _only_the_last(bound, prompt, sentence.clauses[-1].end):
            found.append("the condition may be about the last task alone")
        if number and _refuses(sentence) and any(a.sentence == number - 1 for a in free):
            found.append("what is asked for may be taken back")
        if here and words & _OWN:
            found.append("what is asked for may be taken back")
        if _both_sides(sentence, bound):
            found.append("what stands before 'but' may not wait for a result")
        for before, clause in itertools.pairwise((None, *sentence.clauses)):
            if clause is None or clause.lead:
                continue
            if _hedged(clause, sentence, here, free, prompt) or _dismissed(before, clause, here):
                found.append(f"'{prompt[clause.start : clause.end]}' may be a condition or leave something out")
    return list(dict.fromkeys(found))


def _hedged(clause: Clause, sentence: Sentence, here: list[Ask], free: list[Ask], prompt: str) -> bool:
    own = [a for a in here if clause.start <= a.start < clause.end]
    acts = any(i.kind in (*ASKING, "RUN", "ASPECT") and i.text not in _AUXILIARY for i in clause.items)
    unwanted = not acts and set(prompt[clause.start : clause.end].lower().split()) & _UNWANTED
    if own and (_denied_after(clause) or unwanted):
        return True
    if clause.has("DESERVES") and clause.has("NEG", "MAL", "POS", "NEGRES") and free:
        return True
    if clause.items and clause.items[-1].text in _AUXILIARY and clause.has("MAL", "POS", "NEGRES") and free:
        return True
    if clause.has("ONLY") and clause.has("MAL", "POS", "NEGRES") and own:
        return True
    characters = {i.form for i in clause.all("MAL")}
    if len(characters) == 1 and any(a.intent is Intent.SEGMENTATION for a in own):
        return True
    states = (
        clause.has("POS", "NEGRES")
        or len(characters) == 1
        or any(i.kind == "SEEN" and i.text in _STATED for i in clause.items)
    )
    others = [a for a in free if a not in own]
    return states and not acts and clause.has("T", "PRON", "M") and not sentence.question and bool(others)


def _dismissed(before: Clause | None, clause: Clause, here: list[Ask]) -> bool:
    """Whether a clause without a term says no to what the clause before asks for: "the liver: no need"."""
    if before is None or before.lead or clause.joint not in ("colon", "dash", "open") or clause.has("T", *ASKING):
        return False
    asks = any(before.start <= a.start < before.end for a in here)
    return asks and clause.has("NEG", "POSTNEG", "NO", "NOTHING")


def _denied_after(clause: Clause) -> bool:
    """Whether a negation follows the last term of a clause and so is about it, or about nothing that was read."""
    last = max((n for n, i in enumerate(clause.items) if i.kind == "T"), default=-1)
    tail = clause.items[last + 1 :] if last >= 0 else []
    return any(i.kind in ("NEG", "POSTNEG", "NO") for i in tail) and not any(i.kind == "BUT" for i in tail)


def _only_the_last(bound: list[Ask], prompt: str, end: int) -> bool:
    """Whether an "only if" at the end was taken to be about tasks that a comma parts: "a, and b only if …"."""
    last = bound[-1] if bound else None
    if last is None or not prompt[last.end : end].lower().lstrip(" ,").startswith(("only ", "but only ")):
        return False
    alike = [a for a in bound if a.condition is last.condition and a.end <= last.start]
    return any("," in prompt[a.end : last.start] or ";" in prompt[a.end : last.start] for a in alike)


def _refuses(sentence: Sentence) -> bool:
    """ "The spleen? No."."""
    items = [i for c in sentence.clauses for i in c.items if not i.is_small]
    return bool(items) and all(i.kind in ("NO", "NEG", "POSTNEG", "COMMA") for i in items)


def _both_sides(sentence: Sentence, bound: list[Ask]) -> bool:
    """Whether one condition holds of what stands before and what stands after a "but"."""
    for clause in sentence.clauses:
        if clause.joint == "but":
            before = {id(a.condition) for a in bound if a.start < clause.start}
            return bool(before & {id(a.condition) for a in bound if a.start >= clause.start})
    return False

"""Clauses that are not what they look like: remarks, places, and conditions without a word that opens them."""

from __future__ import annotations

from .actions import ASKING
from .clauses import Clause, Sentence
from .lexicon import Lexicon


def is_context(sentence: Sentence) -> bool:
    """ "Here is a chest CT.": images, and nothing asked of them."""
    items = [i for c in sentence.clauses for i in c.items]
    return any(i.kind == "M" for i in items) and not any(i.kind in ("T", *ASKING) for i in items)


def takes_back(clause: Clause) -> bool:
    """Whether "actually …" replaces what was asked, rather than adding to it."""
    return bool(clause.items or clause.lead) and not any(i.text in {"also", "as well", "too"} for i in clause.items)


def is_history(clause: Clause, prompt: str, question: bool) -> bool:
    """ "The patient had TB": a remark, not a request."""
    if not clause.has("T") or any(
        i.kind in (*ASKING, "RUN", "ALL", "ASPECT", "MAL", "NEG", "ONLY") for i in clause.items
    ):
        return False
    words = {i.text for i in clause.items} | set(prompt[clause.start : clause.end].lower().split())
    if words & {
        "history",
        "known",
        "had",
        "suffers",
        "previously",
        "underwent",
        "prior",
        "transplant",
        "diagnosed",
    }:
        return True
    return (
        bool(words & {"patient", "she", "he", "man", "woman"})
        and bool(words & {"has", "with", "have"})
        and not question
    )


def only_place(clause: Clause, clauses: list[Clause], index: int) -> bool:
    """ "In the liver, segment the tumour": the first clause only says where."""
    first = clause.items[0] if clause.items else None
    if (
        first is None
        or first.kind != "PREP"
        or index + 1 >= len(clauses)
        or any(i.kind in ASKING for i in clause.items)
    ):
        return False
    after = clauses[index + 1]
    return after.joint == "comma" and after.has("T") and after.has("SEG", "CLS", "SOFT")


def points_at_last(clause: Clause, prompt: str) -> bool:
    """ "… and if that is positive": the nearest check, not the one of the condition before."""
    words = prompt[clause.start - 12 : clause.end].lower() if clause.start >= 12 else prompt[: clause.end].lower()
    return any(
        f" {w} " in f" {words.replace(chr(39), ' ')} "
        for w in ("that", "this", "diese", "eso", "cela", "isso", "latter")
    )


def with_finding(this: Clause, after: Clause, lexicon: Lexicon, prompt: str) -> None:
    """ "With TB confirmed, segment …" and "Without TB, check …" are conditions."""
    first = prompt[max(0, this.start - 10) : this.start + 8].lower().split()
    terms = this.all("T")
    if this.lead or after.joint != "comma" or len(terms) != 1 or any(i.kind in (*ASKING, "RUN") for i in this.items):
        return
    served = any(terms[0].concepts[0] in (*c.keys, *(k for _, k in c.classes)) for c in lexicon.cards if c.classes)
    if (
        served
        and this.joint == "start"
        and ("without" in first or ("with" in first and this.has("SEEN", "POS", "NEGRES")))
    ):
        this.lead = "IF"

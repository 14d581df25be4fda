"""Clauses that are not what they look like: remarks, places, and conditions without a word that opens them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..plan import Intent
from .actions import ASKING, Ask
from .clauses import Clause, Sentence, is_verb
from .interpretation import Interpretation
from .lexicon import Lexicon
from .words import word_set


def is_context(sentence: Sentence) -> bool:
    """ "Here is a chest CT.": images, and nothing asked of them."""
    items = [i for c in sentence.clauses for i in c.items]
    return any(i.kind == "M" for i in items) and not any(i.kind in ("T", *ASKING) for i in items)


def takes_back(clause: Clause) -> bool:
    """Whether "actually …" replaces what was asked, rather than adding to it."""
    return bool(clause.items or clause.lead) and not any(i.text in {"also", "as well", "too"} for i in clause.items)


def is_history(clause: Clause, prompt: str, question: bool) -> bool:
    """ "The patient had TB": a remark, not a request."""
    if already_done(clause):
        return True
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


def already_done(clause: Clause) -> bool:
    """ "We have the grade already", "the nodule has been reported elsewhere": nothing is asked."""
    words = {i.text for i in clause.items}
    told = words & {"already", "elsewhere"} and words & {
        "got",
        "have",
        "has",
        "been",
        "reported",
        "done",
        "was",
        "were",
        "know",
        "known",
        "knew",
    }
    asks = any(
        (i.kind in ("SEG", "CLS", "SOFT") and i.form in ("v", "vn")) or i.kind in ("RUN", "NEG", "OTHER")
        for i in clause.items
    )
    return bool(told) and clause.has("T", "PRON") and not asks


def is_sequence(clause: Clause, prompt: str) -> bool:
    """ "Once you have graded it, …": first this, then that; nothing is waited for but the work."""
    before = prompt[max(0, clause.start - 26) : clause.start + 12].lower().replace("’", "'")
    return re.search(r"\b(?:once|when|after|as soon as)\s+(?:you|we)(?:'ve|\s+have)?\b", before) is not None


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
    if this.joint == "and" and not this.lead and prompt[: this.start].strip().lower().endswith(("with", ". with")):
        this.joint = "start"
    given = _is_given(this, prompt)
    asks = any(i.kind in (*ASKING, "RUN") and not (given and i.text in {"any", "grade"}) for i in this.items)
    if this.lead or after.joint != "comma" or len(terms) != 1 or asks:
        return
    served = any(terms[0].concepts[0] in (*c.keys, *(k for _, k in c.classes)) for c in lexicon.cards if c.classes)
    if (
        served
        and this.joint == "start"
        and (
            "without" in first
            or given
            or (
                "with" in first
                and (
                    this.has("SEEN", "POS", "NEGRES")
                    or after.has("SEG", "NEG")
                    or _is_result(terms[0].concepts, lexicon)
                )
            )
        )
    ):
        this.lead = "IF"


def _is_given(this: Clause, prompt: str) -> bool:
    """ "Given a haemorrhage, …", but not "given this CT of a haemorrhage"."""
    return (
        prompt[max(0, this.start - 6) : this.end].lstrip().lower().startswith("given ")
        and this.joint == "start"
        and not this.has("M")
    )


def names_a_class(this: Clause, after: Clause, lexicon: Lexicon) -> bool:
    """ "Partial tear: outline …", "Grade 0, we are done": a class alone, then what it entails."""
    if after.joint not in ("colon", "dash", "arrow", "comma") or not this.has("T"):
        return False
    plain = all(i.kind in ("T", "OR", "AND", "BOTH") or i.is_small for i in this.items)
    acts = after.has("SEG", "RUN", "NOTHING", "NEG") and (after.joint != "comma" or not after.has("IF"))
    acts = acts or (after.joint in ("colon", "arrow") and after.has("T") and not after.lead)
    return plain and acts and all(_is_result(i.concepts, lexicon) for i in this.all("T"))


def only_a_result(clause: Clause, lexicon: Lexicon) -> bool:
    """ "Malignant?", "just a naevus?": nothing but the name of a class."""
    telling = [i for i in clause.items if not i.is_small and i.kind != "ONLY"]
    return bool(telling) and all(
        i.kind == "MAL" or (i.kind == "T" and _is_result(i.concepts, lexicon)) for i in telling
    )


def _is_result(concepts: tuple[str, ...], lexicon: Lexicon) -> bool:
    """Whether a term names classes of a card and not its subject."""
    results = {key for c in lexicon.cards for _, key in c.classes if key} - {k for c in lexicon.cards for k in c.keys}
    return set(concepts) <= results


def nothing_then(this: Clause, after: Clause) -> bool:
    """ "In eyes free of it, nothing further": a result and that nothing follows from it."""
    ends = after.has("NOTHING") and not after.has("T", "M", *ASKING)
    return ends and after.joint == "comma" and this.has("T") and this.has("POS", "NEGRES", "SEEN", "MAL")


def bare_result(this: Clause, after: Clause, prompt: str) -> bool:
    """ "Stones present, outline the kidney" and "no stones, nothing more": a result without a verb, then an order."""
    if this.lead or after.joint != "comma" or not this.has("T") or after.lead:
        return False
    if any(i.kind in (*ASKING, "RUN", "ONLY", "STORY", "META") for i in this.items) or len(this.all("T")) != 1:
        return False
    if set(prompt[this.start : this.end].lower().replace("'", " ").split()) & _COPULAS:
        return False
    denied = this.items[0].kind == "NEG" and this.items[0].text in _NONE
    stated = not denied and this.items[-1].kind in ("POS", "NEGRES", "SEEN") and this.items[-1].text in _RESULTS
    first = next((i for i in after.items if not i.is_small), None)
    orders = first is not None and (is_verb(first) or first.kind == "RUN") and after.has("T", "PRON")
    nothing = (after.has("NOTHING") or (first is not None and first.text in _NO_MORE)) and not after.has("T", "M")
    return (stated and (orders or nothing)) or (denied and nothing)


_COPULAS = word_set("is are was were be been has have had ist sind est sont es esta son sao e there")
_NO_MORE = frozenset(["nothing more", "nothing else", "nothing further", "no more"])
_NONE = frozenset(["no", "kein", "keine", "keinen", "without", "sin", "pas de", "sem", "aucun", "aucune"])
_RESULTS = frozenset(["present", "found", "detected", "seen", "visible", "confirmed", "positive", "negative", "absent"])


def is_address(clause: Clause, later: Sequence[Clause]) -> bool:
    """ "For cardiology: …": whom the answer is for."""
    opened = clause.joint == "start" and bool(later) and later[0].joint == "colon" and bool(clause.items)
    plain = all(i.kind in ("W", "PREP", "FOR") for i in clause.items)
    return opened and plain and clause.items[0].text == "for"


def is_elliptic(clause: Clause) -> bool:
    """ "… ; a malignant one does": says of the other result what the condition before implies."""
    kinds = [i.kind for i in clause.items if not i.is_small and i.text not in {"one", "ones", "not"}]
    ends = bool(clause.items) and clause.items[-1].text in {"does", "do", "not", "do not"}
    return ends and kinds[:1] in (["MAL"], ["POS"], ["NEGRES"]) and set(kinds[1:]) <= {"CLS", "RUN", "NEG"}


def nothing_at_all(clause: Clause) -> bool:
    """ "Please segment nothing"."""
    return clause.has("NOTHING") and clause.has("SEG", "CLS", "RUN") and not clause.has("T", "M")


def answers(clauses: list[Clause]) -> None:
    """ "… : yes, then draw it; no: nothing", "type, yes; mask, no": answers open conditions or settle what is asked."""
    for index, clause in enumerate(clauses):
        alone = [i for i in clause.items if not i.is_small and i.text not in {"then", "just"}]
        dismissed = index > 0 and [i.kind for i in alone] == ["POSTNEG"] and clause.joint in ("colon", "dash", "comma")
        if dismissed and not clause.lead and clauses[index - 1].has("T") and not clauses[index - 1].lead:
            clauses[index - 1].items.append(alone[0])
            clause.items = []
            continue
        if len(alone) != 1 or clause.lead or not (alone[0].kind in ("YES", "NO") or alone[0].text == "no"):
            continue
        says_no = alone[0].kind == "NO" or alone[0].text == "no"
        following = clauses[index + 1] if index + 1 < len(clauses) else None
        if following is not None and following.joint in ("colon", "comma", "arrow", "dash", "then", "none"):
            alone[0].kind, clause.lead = "NO" if says_no else "YES", "IF"
        elif following is None and index and clause.joint == "comma" and clauses[index - 1].has("T"):
            clause.items = []
            if says_no:
                alone[0].kind = "POSTNEG"
                clauses[index - 1].items.append(alone[0])


def lost_mask(sentences: Sequence[Sentence], said: Interpretation) -> bool:
    """Whether a clause speaks of a mask, none is planned, and nothing is said to be left out."""
    clauses = [c for s in sentences for c in s.clauses if not c.lead and not c.has("NEG", "POSTNEG", "NOTHING", "META")]
    speaks = any(i.kind == "SEG" and i.form in ("v", "n") for c in clauses for i in c.items)
    asked = [a for a in said.asks if not a.negated]
    kept = any(a.intent is Intent.SEGMENTATION or a.everything or a.where or a.on_segmented is not None for a in asked)
    settled = bool(said.leftovers) or any(a.cancelled for a in said.asks)
    return speaks and bool(asked) and not kept and not settled


def since_but(asks: list[Ask], clauses: list[Clause]) -> list[Ask]:
    """The asks a condition at the end is about: "the liver in any case, but the spleen only if …"."""
    for clause in reversed(clauses):
        if clause.has("REGARDLESS"):
            return [a for a in asks if a.start >= clause.end]
        if clause.joint == "but":
            later = [a for a in asks if a.start >= clause.start]
            return later or asks
    return asks

"""Clauses that name no medical term: "segment it", "its type", "mask for the liver scan", "everything you have"."""

from __future__ import annotations

from dataclasses import replace

from ..plan import Intent
from .actions import Ask, Reader, Verb, referring
from .clauses import Clause
from .interpretation import Interpretation, Leftover
from .items import Item
from .lexicon import Lexicon, Modality
from .text import MARKS


class Termless:
    """Reads clauses without a term into asks, or notes why they are none."""

    def __init__(self, reader: Reader, out: Interpretation) -> None:
        self.reader, self.out = reader, out
        self.lexicon: Lexicon = reader.lexicon
        self.prompt = reader.prompt

    def asks(
        self,
        clauses: list[Clause],
        index: int,
        own: Verb,
        inherited: Verb,
        negated: bool,
        header: Modality | None,
        antecedents: list[Ask],
        conditional: bool,
    ) -> list[Ask]:
        """The asks of clause `index`, given the verb it inherits and what was mentioned before it."""
        clause = clauses[index]
        described = [i for i in clause.items if i.kind == "M"]
        pictured = bool(described) or header is not None
        if (
            own.kind
            and index
            and clause.joint in ("colon", "dash", "comma", "none", "and")
            and self._consumed(clauses, index)
        ):
            return []
        place = next((i for i in described if i.concepts and served(self.lexicon, i.concepts[0])), None)
        if place is not None and own.kind == "SEG" and not clause.has("PRON", "BOTH"):
            return [
                Ask(Intent.SEGMENTATION, place.concepts, clause.start, clause.end, negated=negated or clause.has("NEG"))
            ]
        if place is not None and inherited.kind == "SEG" and not own.kind and not self._shows_last(place, antecedents):
            return [
                Ask(Intent.SEGMENTATION, place.concepts, clause.start, clause.end, negated=negated or clause.has("NEG"))
            ]
        if clause.has("MAL") and clause.joint == "or" and index and clauses[index - 1].has("MAL"):
            return []
        live = [a for a in antecedents if a.concepts]
        if clause.has("MAL") and not live and pictured and not clause.has("SEG"):
            return [Ask(Intent.CLASSIFICATION, ("*:lesion",), clause.start, clause.end, "malignancy", form="")]
        again = [
            i for i in described if live and conditional and not own.kind and not clause.has("RUN", "NEG", "NOTHING")
        ]
        last = index + 1 >= len(clauses) or not clauses[index + 1].has("T")
        if again and last and all(i.kind in ("M", "PREP", "PRON") or i.is_small for i in clause.items):
            # "… and in positive cases on the x-ray as well"
            repeated = replace(live[-1], start=clause.start, end=clause.end, modality=again[0].modality, condition=None)
            return [replace(repeated, cancelled=False, negated=False)]
        found = referring(clause, live, inherited, negated, conditional)
        if found:
            return found
        self._nothing_found(clause, own, inherited, described, negated)
        return []

    def _shows_last(self, place: Item, antecedents: list[Ask]) -> bool:
        """Whether an image is of the organ that the last term lies in: "the right ventricle, cardiac MRI"."""
        last = next((a for a in reversed(antecedents) if a.concepts), None)
        if last is None or place.concepts[0] in last.concepts:
            return False
        return any(place.concepts[0] in self.lexicon.vocabulary.ancestors(k) for k in last.concepts)

    def _nothing_found(self, clause: Clause, own: Verb, inherited: Verb, described: list[Item], negated: bool) -> None:
        unknown = [i for i in clause.items if i.kind == "W" and i.form == "unknown"]
        if clause.has("NEG", "NOTHING") or negated:
            self.out.refused = True
            return
        if (
            own.kind == "OTHER"
            or (inherited.kind == "OTHER" and unknown)
            or (own.aspect in ("measure", "histology", "grade") and not described)
            or any(i.kind == "ASPECT" and i.form == "measure" for i in clause.items)
        ):
            self.out.leftovers.append(Leftover(clause.start, clause.end, "action"))
        elif unknown and (own.kind in ("SEG", "CLS", "SOFT", "GRADE") or inherited.kind in ("SEG", "CLS", "SOFT")):
            self.out.leftovers.append(Leftover(clause.start, clause.end, "unknown"))
        elif unknown and not described and not own.kind:
            self.out.foreign_topic = True
            if clause.has("RUN"):
                self.out.doubts.append(f"'{self.prompt[clause.start : clause.end].strip(MARKS)}' was not understood")
        elif (
            not own.kind
            and inherited.kind
            and not described
            and any(i.kind == "W" and not i.is_small for i in clause.items)
        ):
            self.out.doubts.append(f"'{self.prompt[clause.start : clause.end].strip(MARKS)}' was not understood")
        elif own.kind or described or clause.has("RUN", "PRON", "MAL", "IMG"):
            self.out.vague = True

    def _consumed(self, clauses: list[Clause], index: int) -> bool:
        """Whether the clause's verb already served a list before it ("Lungs: segment")."""
        before, consumer = clauses[index - 1], index
        while index and not before.lead:
            if self.reader.own_verb(before).kind:
                return False
            if before.has("T"):
                return not (before.has("MAL", "ASPECT") and clauses[consumer].has("SEG"))
            index -= 1
            before = clauses[index - 1] if index else before
        return False


def served(lexicon: Lexicon, key: str) -> bool:
    """Whether a card's target or structure is this concept."""
    return any(key in c.keys or any(key in ks for _, ks in c.structures) for c in lexicon.cards)


def everything(clause: Clause, verb: Verb) -> Ask | None:
    """The ask for all weights of a modality; None if it is denied."""
    words = " ".join(i.text for i in clause.items if i.kind == "ALL")
    classify = any(
        w in words
        for w in (
            "disease",
            "infection",
            "patholog",
            "abnormal",
            "finding",
            "classifier",
            "test",
            "enfermedad",
            "maladie",
            "krank",
            "doenca",
            "疾病",
        )
    )
    segment = any(w in words for w in ("structure", "organ", "segmentation"))
    intent = verb.intent or (Intent.CLASSIFICATION if classify else Intent.SEGMENTATION if segment else None)
    negated = clause.has("NEG") and clause.items[0].kind == "NEG"
    return None if negated else Ask(intent, (), clause.start, clause.end, everything=True)

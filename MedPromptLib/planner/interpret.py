"""A reading into asks: walks the clauses, carries verbs, negations, conditions and images from one to the next."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

from ..plan import Intent
from .actions import ASKING, Ask, Reader, Verb, referring
from .clauses import RESULTS, Clause, Sentence, is_verb, sentences
from .conditions import When, when
from .items import Item
from .lexicon import Modality
from .reading import Reading


@dataclass(slots=True)
class Leftover:
    """Words that did not become an ask, and the kind of reason: `action`, `address`, `unknown`."""

    start: int
    end: int
    kind: str
    revived: bool = False


@dataclass(slots=True)
class Interpretation:
    """Everything a prompt asks for, before any weight is looked up.

    Attributes:
        asks: in order; excluded ones have `negated` set.
        leftovers: what no weight does.
        vague: asked for something without saying what.
        refused: the prompt only says what not to do.
        foreign_topic: words that have nothing to do with images.
        modality: the only image description in the prompt, if there is just one.
        contexts: image descriptions in sentences that ask for nothing ("Here is a chest CT.").
    """

    asks: list[Ask] = field(default_factory=list)
    leftovers: list[Leftover] = field(default_factory=list)
    vague: bool = False
    refused: bool = False
    foreign_topic: bool = False
    modalities: list[Modality] = field(default_factory=list)
    contexts: list[Modality] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


class Interpreter:
    """One prompt's state while its clauses are read."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.lexicon = reading.lexicon
        self.prompt = reading.prompt
        self.out = Interpretation(doubts=list(reading.doubts))
        self.reader = Reader(self.lexicon, self.prompt)
        self.antecedents: list[Ask] = []
        self.checks: list[Ask] = []
        self.condition: When | None = None
        self.last_condition: When | None = None
        self.group = 0
        self.clause = 0
        self.sentence_number = 0

    def run(self) -> Interpretation:
        """Read all sentences."""
        self.reader.doubts = self.out.doubts
        self.out.modalities = [i.modality for i in self.reading.items if i.modality is not None]
        pending: list[Sentence] = list(sentences(self.reading.items))
        for number, sentence in enumerate(pending):
            following = pending[number + 1] if number + 1 < len(pending) else None
            self.sentence_number = number
            self._question_as_condition(sentence, following)
            self._sentence(sentence)
        self._bare_image()
        return self.out

    def _bare_image(self) -> None:
        """ "liver ct" alone: the organ named with the image is all there is to ask for."""
        if (
            self.out.asks
            or self.out.leftovers
            or any(i.kind in (*ASKING, "RUN", "NEG", "PRON", "META") for i in self.reading.items)
        ):
            return
        for item in self.reading.items:
            if item.kind == "M" and item.concepts and self._served(item.concepts[0]):
                self.out.asks.append(Ask(None, item.concepts, item.start, item.end, modality=item.modality))
                self.out.doubts.append("no verb says what to do")

    # -- one sentence -------------------------------------------------------------------------------------------------

    def _question_as_condition(self, sentence: Sentence, following: Sentence | None) -> None:
        """ "TB positive? Then segment the lungs." is a condition; so is "TB positive: segment the lungs"."""
        self._carried = getattr(self, "_next_carried", None)
        self._next_carried: When | None = None
        clauses = sentence.clauses
        if (
            sentence.question
            and following is not None
            and following.clauses
            and len(clauses) == 1
            and not clauses[0].lead
        ):
            states = clauses[0].has("POS", "NEGRES") or any(i.text in {"present", "found"} for i in clauses[0].items)
            elliptic = states and not any(i.kind in ASKING or i.text in {"is", "are", "was"} for i in clauses[0].items)
            if (following.continues or elliptic) and clauses[0].has("T") and not any(map(is_verb, clauses[0].items)):
                clauses[0].lead = "IF"
                self._next_carried = when(clauses[0], list(self.checks), self.lexicon, self.prompt)
                self.last_condition = self._next_carried
        for this, after in itertools.pairwise(clauses):
            self._with_finding(this, after)
            states = this.has("POS", "NEGRES", "YES", "NO") or (this.has("T") and this.has("SEEN"))
            asks = any(i.kind in ASKING for i in this.items)
            if not this.lead and after.joint in ("colon", "dash") and states and not asks:
                this.lead = "IF"
            if (
                not this.lead
                and after.joint in ("comma", "colon", "arrow", "none")
                and [i.kind for i in this.items] in (["YES"], ["NO"])
            ):
                this.lead = "IF"

    def _with_finding(self, this: Clause, after: Clause) -> None:
        """ "With TB confirmed, segment …" and "Without TB, check …" are conditions."""
        first = self.prompt[max(0, this.start - 10) : this.start + 8].lower().split()
        terms = this.all("T")
        if (
            this.lead
            or after.joint != "comma"
            or len(terms) != 1
            or any(i.kind in (*ASKING, "RUN") for i in this.items)
        ):
            return
        served = any(
            terms[0].concepts[0] in (*c.keys, *(k for _, k in c.classes)) for c in self.lexicon.cards if c.classes
        )
        if (
            served
            and this.joint == "start"
            and ("without" in first or ("with" in first and this.has("SEEN", "POS", "NEGRES")))
        ):
            this.lead = "IF"

    def _sentence(self, sentence: Sentence) -> None:
        self.condition = self._carried
        self._negated = False
        self._dead = False
        self._question = sentence.question
        self._verb = Verb()
        self._header: Modality | None = None
        self.group += 1
        asked_before = len(self.out.asks)
        clauses = sentence.clauses
        if self._is_context(sentence):
            self.out.contexts += [i.modality for c in clauses for i in c.items if i.modality is not None]
        for index, clause in enumerate(clauses):
            self.clause += 1
            if clause.joint == "cancel" and self._takes_back(clause):
                self._cancel()
            self._story(clause)
            if clause.lead == "ELSE" and index and clauses[index - 1].lead == "UNLESS" and not clause.items:
                continue
            if clause.lead == "ELSE":
                base = self.last_condition or When((), tuple(self.checks), text=self._text(clause.start, clause.end))
                self.condition = base.other() if base.subjects or base.before else None
                self.last_condition = self.condition
            elif clause.lead in ("IFPOS", "IFNEG"):
                base = When((), tuple(self.checks), clause.lead == "IFNEG", text=self._text(clause.start, clause.end))
                self._open(base, clauses, index, asked_before)
            elif clause.lead in ("IF", "UNLESS"):
                self._condition_clause(clause, clauses, index, asked_before)
            else:
                self._action(clause, clauses, index)
            if clause.has("REGARDLESS"):
                self.condition = None
        self._assign_images(asked_before, sentence)

    def _is_context(self, sentence: Sentence) -> bool:
        items = [i for c in sentence.clauses for i in c.items]
        return any(i.kind == "M" for i in items) and not any(i.kind in ("T", *ASKING) for i in items)

    def _takes_back(self, clause: Clause) -> bool:
        return bool(clause.items or clause.lead) and not any(i.text in {"also", "as well", "too"} for i in clause.items)

    def _cancel(self) -> None:
        live = [a for a in self.out.asks if not a.cancelled]
        if live:
            last = live[-1]
            for ask in live:
                if ask.sentence == last.sentence and ask.group == last.group:
                    ask.cancelled = True
        self.condition = None

    def _text(self, start: int, end: int) -> str:
        return self.prompt[start:end].strip(" \t\n,.;:!?-—")

    def _story(self, clause: Clause) -> None:
        """Topics no image can answer silence the rest of the sentence; orders to the program only their own clause."""
        for index, item in enumerate(clause.items):
            if item.kind == "STORY":
                earlier = clause.items[:index]
                if any(i.kind == "T" for i in earlier) and any(i.kind in ("SEG", "SOFT") for i in earlier):
                    self.out.doubts.append(f"'{item.text}' was not understood")
                    continue
                self._dead = True
                self._dead_for_good = True
                self.out.leftovers.append(Leftover(clause.start, clause.end, "address"))
                return
            if item.kind == "META":
                self._dead, self._dead_for_good = True, False
                self.out.leftovers.append(Leftover(clause.start, clause.end, "address"))
                return

    # -- conditions ---------------------------------------------------------------------------------------------------

    def _condition_clause(self, clause: Clause, clauses: list[Clause], index: int, asked_before: int) -> None:
        if self._dead:
            return
        if (
            clause.has("SEG")
            and not clause.has(*RESULTS, "SIZE", "PREP")
            and self._text(clause.start - 6, clause.end).lower().startswith(("once", "when"))
        ):
            self._action(replace(clause, lead=""), clauses, index)
            return
        asked = when(clause, list(self.checks), self.lexicon, self.prompt)
        alternative = self.condition is not None and self.condition.inverted != asked.inverted
        if not asked.subjects and alternative and self.condition is not None and not self._points_at_last(clause):
            asked = replace(asked, subjects=self.condition.subjects, before=self.condition.before)
        for subject in asked.subjects:
            subject.sentence, subject.clause, subject.group = self.sentence_number, self.clause, self.group
            if subject.modality is None:
                subject.modality = self._header
        several = clause.all("BOTH")
        if several and not asked.subjects and self.checks:
            last = [
                c for c in self.checks if c.sentence == self.checks[-1].sentence and c.intent is not Intent.SEGMENTATION
            ]
            asked = replace(asked, subjects=tuple(last), every=several[0].text != "either")
        self._open(asked, clauses, index, asked_before)
        self.antecedents += [replace(s) for s in asked.subjects]
        self.checks += [s for s in asked.subjects if s not in self.checks]

    def _points_at_last(self, clause: Clause) -> bool:
        """ "… and if that is positive": the nearest check, not the one of the condition before."""
        words = (
            self.prompt[clause.start - 12 : clause.end].lower()
            if clause.start >= 12
            else self.prompt[: clause.end].lower()
        )
        return any(
            f" {w} " in f" {words.replace(chr(39), ' ')} "
            for w in ("that", "this", "diese", "eso", "cela", "isso", "latter")
        )

    def _open(self, asked: When, clauses: list[Clause], index: int, asked_before: int) -> None:
        """Attach a condition to what follows it or, at the end of a sentence, to what stands before it."""
        clause = clauses[index]
        self.last_condition = asked
        if not asked.subjects and not asked.before and not self.antecedents:
            self.out.vague = True
        earlier = [a for a in self.out.asks[asked_before:] if a.condition is None and not a.cancelled]
        earlier = [a for a in earlier if a.group == earlier[-1].group]
        acts = False
        for later in clauses[index + 1 :]:
            if later.lead in ("IF", "UNLESS", "IFPOS", "IFNEG", "ELSE"):
                break
            acts = acts or later.has("T", *ASKING, "RUN", "NOTHING")
        direct = clause.joint == "none" and index > 0
        points_back = not asked.subjects and acts
        if earlier and (not acts or (direct and not points_back)):
            before = (
                tuple(a for a in asked.before if a not in earlier) if len(earlier) < len(asked.before) else asked.before
            )
            asked = replace(asked, before=before if before else asked.before)
            if not asked.subjects and all(a.intent is Intent.SEGMENTATION for a in asked.before):
                # "Segment the tumour if there is one": the condition is about the very thing that is asked for.
                asked = replace(
                    asked, subjects=(replace(earlier[-1], intent=Intent.CLASSIFICATION, condition=None, negated=False),)
                )
                self.checks += asked.subjects
            for ask in earlier:
                ask.condition = asked.other() if ask.negated else asked
                ask.negated = False
            self.last_condition = asked
            self.condition = None
            return
        if not acts and index:
            self.out.doubts.append(f"'{self._text(clause.start, clause.end)}' belongs to nothing that was asked")
        self.condition = asked
        self._negated = False

    # -- actions ------------------------------------------------------------------------------------------------------

    def _action(self, clause: Clause, clauses: list[Clause], index: int) -> None:
        has_verb = any(map(is_verb, clause.items)) or any(i.kind in ("SEG", "CLS") for i in clause.items)
        if self._dead:
            if (
                self._dead_for_good
                or not (clause.has("SEG", "CLS", "SOFT") and clause.has("T"))
                or clause.has("OTHER", "META", "STORY")
            ):
                if not clause.has("META", "STORY") and clause.items:
                    self.out.leftovers.append(Leftover(clause.start, clause.end, "address"))
                return
            self._dead = False
        if (
            clause.items
            and clause.items[0].kind == "REGARDLESS"
            and not any(i.kind in (*ASKING, "RUN") for i in clause.items)
        ):
            return
        if self._is_history(clause):
            self.out.doubts.append(f"'{self._text(clause.start, clause.end)}' was taken as the patient's history")
            return
        own = self.reader.own_verb(clause)
        if index and clauses[index - 1].lead in ("IF", "UNLESS"):
            self.group += 1
        negates = clause.has("NEG", "POSTNEG")
        keeps = (
            self._negated
            and not negates
            and clause.joint in ("and", "or", "comma")
            and not clause.has("ONLY", "BUT", "RUN")
            and (clause.joint != "comma" or any(c.joint in ("and", "or") for c in clauses[index + 1 :]))
            and (
                not has_verb
                or (
                    clause.joint != "comma"
                    and all(i.form in ("n", "") or i.text.endswith("ing") for i in clause.items if i.kind in ASKING)
                )
            )
        )
        if any(map(is_verb, clause.items)) or own.kind:
            self.group += 1
        inherited = self._verb if self._verb.kind and not clause.has("RUN") else self._ahead(clauses, index)
        if clause.has("ALL"):
            self._everything(clause, own if own.kind else inherited)
        found, ends_negated = self.reader.asks(clause, inherited, keeps)
        self._other_place(clause, found)
        if not found and not clause.has("T"):
            found = self._without_term(clause, clauses, index, own, inherited, keeps)
            ends_negated = keeps or clause.has("NEG")
        if found and clause.joint == "start" and self._only_place(clause, clauses, index):
            self.antecedents += found
            return
        self._negated = ends_negated
        if own.kind:
            self._verb = own
        elif clause.has("RUN"):
            self._verb = Verb() if self._verb.kind == "OTHER" else self._verb
        for ask in found:
            self._add(ask, clause, own)
        self._images_of(clause, found, clauses, index)

    def _other_place(self, clause: Clause, found: list[Ask]) -> None:
        """ "a nodule in the thyroid or in the lung": the second place repeats the finding."""
        if (
            clause.joint not in ("and", "or")
            or len(found) != 1
            or not clause.items
            or clause.items[0].kind != "PREP"
            or not self.out.asks
        ):
            return
        last = self.out.asks[-1].concepts[0] if self.out.asks[-1].concepts else ""
        key = found[0].concepts[0]
        if (
            ":" in last
            and not last.startswith("*")
            and ":" not in key
            and self.lexicon.vocabulary.concept(key).kind == "anatomy"
        ):
            found[0].concepts = (f"{key.partition('@')[0]}:{last.partition(':')[2]}",)
            found[0].intent = self.out.asks[-1].intent

    def _is_history(self, clause: Clause) -> bool:
        """ "The patient had TB": a remark, not a request."""
        if not clause.has("T") or any(
            i.kind in (*ASKING, "RUN", "ALL", "ASPECT", "MAL", "NEG", "ONLY") for i in clause.items
        ):
            return False
        words = {i.text for i in clause.items} | set(self.prompt[clause.start : clause.end].lower().split())
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
            and not self._question
        )

    def _only_place(self, clause: Clause, clauses: list[Clause], index: int) -> bool:
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

    def _add(self, ask: Ask, clause: Clause, own: Verb) -> None:
        ask.group, ask.sentence, ask.clause = self.group, self.sentence_number, self.clause
        ask.listed = not own.kind
        if ask.unknown:
            start = min(ask.start, clause.start) if ask.unknown in ("action", "measured") else ask.start
            if not ask.negated:
                self.out.leftovers.append(
                    Leftover(start, clause.end, "action" if ask.unknown in ("action", "measured") else "unknown")
                )
            if ask.unknown in ("action", "measured"):
                return
        regardless = clause.has("REGARDLESS")
        if self.condition is not None and not regardless:
            first_of_scope = not any(a.condition is self.condition and not a.negated for a in self.out.asks)
            ask.condition = self.condition
            if ask.negated and first_of_scope:
                ask.condition, ask.negated = self.condition.other(), False
        if ask.negated and ask.condition is None:
            self.out.refused = True
        if not ask.unknown:
            self.out.asks.append(ask)
            self.checks.append(ask)
        self.antecedents.append(ask)

    def _ahead(self, clauses: list[Clause], index: int) -> Verb:
        """The verb of a list that comes after it: "hippocampus, atrium and liver: masks for all"."""
        for later in clauses[index + 1 :]:
            if later.lead or later.joint in ("but", "then", "cancel"):
                break
            own = self.reader.own_verb(later)
            if own.kind:
                noun = any(i.form in ("n", "p") for i in later.items if i.kind in ("SEG", "CLS"))
                late = not later.has("T") or later.items[-1].kind in ASKING
                return own if noun or late else Verb()
        return Verb()

    def _without_term(
        self, clause: Clause, clauses: list[Clause], index: int, own: Verb, inherited: Verb, negated: bool
    ) -> list[Ask]:
        described = [i for i in clause.items if i.kind == "M"]
        pictured = bool(described) or self._header is not None
        if (
            own.kind
            and index
            and clause.joint in ("colon", "dash", "comma", "none", "and")
            and self._consumed(clauses, index)
        ):
            return []
        place = next((i for i in described if i.concepts and self._served(i.concepts[0])), None)
        if place is not None and own.kind == "SEG" and not clause.has("PRON", "BOTH"):
            return [
                Ask(Intent.SEGMENTATION, place.concepts, clause.start, clause.end, negated=negated or clause.has("NEG"))
            ]
        if place is not None and inherited.kind == "SEG" and not own.kind:
            return [
                Ask(Intent.SEGMENTATION, place.concepts, clause.start, clause.end, negated=negated or clause.has("NEG"))
            ]
        if clause.has("MAL") and clause.joint == "or" and index and clauses[index - 1].has("MAL"):
            return []
        live = [a for a in self.antecedents if a.concepts]
        if clause.has("MAL") and not live and pictured and not clause.has("SEG"):
            return [Ask(Intent.CLASSIFICATION, ("*:lesion",), clause.start, clause.end, "malignancy", form="")]
        found = referring(clause, live, inherited, negated, self.condition is not None)
        if found:
            return found
        self._nothing_found(clause, own, inherited, described, negated)
        return []

    def _nothing_found(self, clause: Clause, own: Verb, inherited: Verb, described: list[Item], negated: bool) -> None:
        unknown = [i for i in clause.items if i.kind == "W" and i.form == "unknown"]
        if clause.has("NEG", "NOTHING") or negated:
            self.out.refused = True
            return
        if (
            own.kind == "OTHER"
            or (inherited.kind == "OTHER" and unknown)
            or (own.aspect in ("measure", "histology", "grade") and not described)
        ):
            self.out.leftovers.append(Leftover(clause.start, clause.end, "action"))
        elif unknown and (own.kind in ("SEG", "CLS", "SOFT", "GRADE") or inherited.kind in ("SEG", "CLS", "SOFT")):
            self.out.leftovers.append(Leftover(clause.start, clause.end, "unknown"))
        elif unknown and not described and not own.kind:
            self.out.foreign_topic = True
            if clause.has("RUN"):
                self.out.doubts.append(f"'{self._text(clause.start, clause.end)}' was not understood")
        elif (
            not own.kind
            and inherited.kind
            and not described
            and any(i.kind == "W" and not i.is_small for i in clause.items)
        ):
            self.out.doubts.append(f"'{self._text(clause.start, clause.end)}' was not understood")
        elif own.kind or described or clause.has("RUN", "PRON", "MAL", "IMG"):
            self.out.vague = True

    def _consumed(self, clauses: list[Clause], index: int) -> bool:
        """Whether the clause's verb already served a list before it ("Lungs: segment")."""
        before = clauses[index - 1]
        while index and not before.lead:
            if self.reader.own_verb(before).kind:
                return False
            if before.has("T"):
                return True
            index -= 1
            before = clauses[index - 1] if index else before
        return False

    def _served(self, key: str) -> bool:
        return any(key in c.keys or any(key in ks for _, ks in c.structures) for c in self.lexicon.cards)

    def _everything(self, clause: Clause, verb: Verb) -> None:
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
        if negated:
            self.out.refused = True
            return
        ask = Ask(intent, (), clause.start, clause.end, everything=True)
        ask.condition = self.condition
        ask.group, ask.sentence, ask.clause = self.group, self.sentence_number, self.clause
        self.out.asks.append(ask)

    # -- images -------------------------------------------------------------------------------------------------------

    def _images_of(self, clause: Clause, found: list[Ask], clauses: list[Clause], index: int) -> None:
        described = [i for i in clause.items if i.kind == "M"]
        if not described:
            return
        if not found and not any(i.kind == "T" for i in clause.items):
            self._header = described[-1].modality

    def _assign_images(self, first: int, sentence: Sentence) -> None:
        """Give each term the image description of its verb group: the one before the terms or the next one after."""
        asks = self.out.asks[first:]
        marks = [
            (i.start, i.modality, number)
            for number, c in enumerate(sentence.clauses)
            for i in c.items
            if i.modality is not None and not (c.lead in ("IF", "UNLESS") and c.has("T"))
        ]
        if not marks or not asks:
            return
        for ask in asks:
            if ask.modality is not None:
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
            marks_in = [m for m in marks_in if m[0] < ceiling and not self._leads_next(m, sentence, ceiling, asks, ask)]
            before = [m for m in marks_in if m[0] < low]
            if before and before[0][0] < low and (len(marks_in) == len(before) or before[0][0] < low):
                chosen = [m for m in marks_in if m[0] < ask.start][-1]
            else:
                after = [m for m in marks_in if m[0] >= ask.start]
                if not after and not marks_in:
                    continue
                chosen = after[0] if after else marks_in[-1]
            ask.modality = chosen[1]

    def _leads_next(
        self, mark: tuple[int, Modality, int], sentence: Sentence, ceiling: int, asks: list[Ask], ask: Ask
    ) -> bool:
        """Whether an image description opens the next group ("…; on the cardiac MRI outline …")."""
        if mark[0] < ask.end:
            return False
        clause = sentence.clauses[mark[2]]
        return any(
            mark[0] < a.start and clause.start <= a.start <= clause.end and a.group != ask.group for a in asks
        ) or (
            mark[2] + 1 < len(sentence.clauses)
            and sentence.clauses[mark[2] + 1].joint == "open"
            and not clause.has("T")
        )

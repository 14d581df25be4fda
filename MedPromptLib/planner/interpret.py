"""A reading into asks: walks the clauses, carries verbs, negations, conditions and images from one to the next."""

from __future__ import annotations

import itertools
from dataclasses import replace

from ..plan import Intent
from .actions import ASKING, Ask, Reader, Verb
from .clauses import RESULTS, Clause, Sentence, is_verb, sentences
from .conditions import When, when
from .hedges import hedges
from .imaging import assign_images, on_both_images
from .interpretation import Interpretation, Leftover
from .lexicon import Modality
from .reading import Reading
from .remarks import (
    answers,
    bare_result,
    is_address,
    is_context,
    is_elliptic,
    is_history,
    is_sequence,
    lost_mask,
    names_a_class,
    nothing_at_all,
    nothing_then,
    only_a_result,
    only_place,
    points_at_last,
    since_but,
    takes_back,
    with_finding,
)
from .termless import Termless, everything, served
from .text import MARKS


class Interpreter:
    """One prompt's state while its clauses are read."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.lexicon = reading.lexicon
        self.prompt = reading.prompt
        self.out = Interpretation(doubts=list(reading.doubts), items=reading.items)
        self.reader = Reader(self.lexicon, self.prompt)
        self.termless = Termless(self.reader, self.out)
        self.antecedents: list[Ask] = []
        self.checks: list[Ask] = []
        self.opened: list[When] = []
        self.condition: When | None = None
        self.last_condition: When | None = None
        self.group = 0
        self.clause = 0
        self.sentence_number = 0

    def run(self) -> Interpretation:
        """Read all sentences."""
        self.reader.doubts = self.out.doubts
        items = [i for i in self.reading.items if not i.is_small]
        pairs = itertools.pairwise([None, *items])
        described = [(before, i) for before, i in pairs if i is not None and i.modality is not None]
        self.out.modalities = [
            i.modality for before, i in described if i and i.modality and (before is None or before.kind != "NEG")
        ]
        pending: list[Sentence] = list(sentences(self.reading.items))
        for number, sentence in enumerate(pending):
            following = pending[number + 1] if number + 1 < len(pending) else None
            self.sentence_number = number
            self._question_as_condition(sentence, following)
            self._sentence(sentence)
        self._idle_conditions()
        self._bare_image()
        if lost_mask(pending, self.out):
            self.out.doubts.append("a mask may have been asked for as well")
        self.out.doubts += hedges(pending, self.out, self.prompt)
        return self.out

    def _idle_conditions(self) -> None:
        """ "If TB is present, stop" and "if it is broken, tell me" ask for the check alone: nothing hangs on it."""
        for condition in self.opened:
            used = [s for a in self.out.asks if isinstance(a.condition, When) for s in a.condition.subjects]
            if not any(s is u for s in condition.subjects for u in used):
                self.out.asks += [replace(s, condition=None) for s in condition.subjects]

    def _bare_image(self) -> None:
        """ "liver ct" alone: the organ named with the image is all there is to ask for."""
        if (
            self.out.asks
            or self.out.leftovers
            or any(i.kind in (*ASKING, "RUN", "NEG", "PRON", "META") for i in self.reading.items)
        ):
            return
        for item in self.reading.items:
            if item.kind == "M" and item.concepts and served(self.lexicon, item.concepts[0]):
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
            named = bool(self.checks) and only_a_result(clauses[0], self.lexicon)
            elliptic = elliptic or named
            if (
                (following.continues or elliptic)
                and (named or clauses[0].has("T") or (elliptic and self.checks))
                and not any(map(is_verb, clauses[0].items))
            ):
                clauses[0].lead = "IF"
                self._next_carried = when(clauses[0], list(self.checks), self.lexicon, self.prompt)
                self.last_condition = self._next_carried
        answers(clauses)
        for this, after in itertools.pairwise(clauses):
            with_finding(this, after, self.lexicon, self.prompt)
            states = this.has("POS", "NEGRES", "YES", "NO") or (this.has("T") and this.has("SEEN"))
            asks = any(i.kind in ASKING for i in this.items)
            if bare_result(this, after, self.prompt):
                this.lead = "IF"
            if not this.lead and after.joint in ("colon", "dash") and states and not asks:
                this.lead = "IF"
            if (
                not this.lead
                and self.checks
                and (names_a_class(this, after, self.lexicon) or (nothing_then(this, after) and not asks))
            ):
                this.lead = "IF"
            if (
                not this.lead
                and after.joint in ("comma", "colon", "arrow", "none")
                and [i.kind for i in this.items] in (["YES"], ["NO"])
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
        if is_context(sentence):
            self.out.contexts += [i.modality for c in clauses for i in c.items if i.modality is not None]
        for index, clause in enumerate(clauses):
            self.clause += 1
            if clause.joint == "cancel" and takes_back(clause):
                self._cancel()
            if nothing_at_all(clause) and (
                clause.joint == "cancel" or any(c.joint == "cancel" for c in clauses[:index])
            ):
                for ask in self.out.asks:
                    ask.cancelled = True
                self.out.refused = True
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
        assign_images(self.out.asks[asked_before:], sentence)
        self.out.asks += on_both_images(self.out.asks[asked_before:], sentence)

    def _cancel(self) -> None:
        live = [a for a in self.out.asks if not a.cancelled]
        if live:
            last = live[-1]
            for ask in live:
                if ask.sentence == last.sentence and ask.group == last.group:
                    ask.cancelled = True
        self.condition = None

    def _text(self, start: int, end: int) -> str:
        return self.prompt[start:end].strip(MARKS)

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
        ) or (clause.has("CLS", "GRADE") and not clause.has(*RESULTS, "NEG") and is_sequence(clause, self.prompt)):
            self._action(replace(clause, lead=""), clauses, index)
            return
        asked = when(clause, list(self.checks), self.lexicon, self.prompt)
        if any(i.kind == "W" and i.form == "unknown" for i in clause.items):
            self.out.doubts.append(f"the condition '{self._text(clause.start, clause.end)}' was not fully understood")
        alternative = self.condition is not None and self.condition.inverted != asked.inverted
        if (
            not asked.subjects
            and alternative
            and self.condition is not None
            and not points_at_last(clause, self.prompt)
        ):
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

    def _open(self, asked: When, clauses: list[Clause], index: int, asked_before: int) -> None:
        """Attach a condition to what follows it or, at the end of a sentence, to what stands before it."""
        clause = clauses[index]
        self.last_condition = asked
        self.opened.append(asked)
        if not asked.subjects and not asked.before and not self.antecedents:
            self.out.vague = True
        earlier = [a for a in self.out.asks[asked_before:] if a.condition is None and not a.cancelled]
        earlier = [a for a in earlier if a.group == earlier[-1].group]
        earlier = since_but(earlier, clauses[:index])
        acts = False
        for later in clauses[index + 1 :]:
            if later.lead in ("IF", "UNLESS", "IFPOS", "IFNEG", "ELSE"):
                break
            only_checks = (
                bool(earlier) and earlier[-1].negated and later.has("CLS") and not later.has("T", "SEG", "RUN")
            )
            acts = acts or (later.has("T", *ASKING, "RUN", "NOTHING") and not only_checks)
            acts = acts or (clause.lead in ("IFPOS", "IFNEG") and later.has("M") and not later.has("T"))
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
        if (self.last_condition is not None and is_elliptic(clause)) or is_address(clause, clauses[index + 1 :]):
            return
        if is_history(clause, self.prompt, self._question):
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
            found = self.termless.asks(
                clauses, index, own, inherited, keeps, self._header, self.antecedents, self.condition is not None
            )
            ends_negated = keeps or clause.has("NEG")
        if found and clause.joint == "start" and only_place(clause, clauses, index):
            self.antecedents += found
            return
        self._negated = ends_negated
        if own.kind:
            self._verb = own
        elif clause.has("RUN"):
            self._verb = Verb() if self._verb.kind == "OTHER" else self._verb
        self._runs = clause.has("RUN") or (getattr(self, "_runs", False) and clause.joint in ("and", "comma", "then"))
        for ask in found:
            ask.context = ask.context and not self._runs
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
                self.antecedents.append(replace(ask, unknown=""))
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

    def _everything(self, clause: Clause, verb: Verb) -> None:
        ask = everything(clause, verb)
        if ask is None:
            self.out.refused = True
            return
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

"""Asks into tasks: looks up weights, adds the classifiers conditions need, and says what is left out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..plan import Condition, Intent, Omission, Plan, Status, Task
from .actions import Ask
from .conditions import When, as_conditions
from .drafts import Draft, exclude
from .interpretation import Interpretation
from .lexicon import Card, Lexicon, Modality
from .lookup import Lookup
from .messages import LEFT_OUT, NOT_A_REQUEST, NOT_EVALUATED, NOTHING_ASKED, ONLY_DENIED, no_such_images, offer
from .resolve import Found, Outcome, Unserved, Vague, Wish
from .text import MARKS
from .wholes import drop_wholes

Parent = tuple[int, Card, tuple[Ask, ...]]
"""The task a condition waits for, its card, and the asks whose classes count."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a prompt."""

    tasks: tuple[Task, ...]
    omissions: tuple[Omission, ...]
    status: Status
    message: str
    doubts: tuple[str, ...]

    def as_plan(self, prompt: str, planner: str) -> Plan:
        """The plan, signed by its planner."""
        return Plan(
            prompt=prompt,
            status=self.status,
            pipeline=self.tasks,
            omissions=self.omissions,
            message=self.message,
            planner=planner,
        )


class Assembler:
    """Builds one plan's tasks."""

    def __init__(self, prompt: str, lexicon: Lexicon, interpretation: Interpretation, foreign: tuple[str, ...]) -> None:
        self.prompt = prompt
        self.lexicon = lexicon
        self.said = interpretation
        self.foreign = foreign
        self.lookup = Lookup(lexicon, interpretation)
        self.resolver = self.lookup.resolver
        self.drafts: list[Draft] = []
        self.omissions: list[Omission] = []
        self.questions: list[str] = []
        self.doubts = self.lookup.doubts
        self.outcomes = self.lookup.outcomes
        self.placed: dict[int, int] = {}

    def build(self) -> Result:
        """Resolve every ask, in order."""
        asks = [a for a in self.said.asks if not a.cancelled]
        wanted = [a for a in asks if not a.negated]
        if any(a.everything for a in wanted) and any(not a.everything for a in wanted):
            wanted = [a for a in wanted if not a.everything]
        for ask in sorted(wanted, key=lambda a: a.modality is None):
            self.lookup.outcome(ask, wanted)
        self._describe_together(wanted)
        drop_wholes(wanted, self.outcomes, self.lexicon, self.prompt)
        for ask in wanted:
            if ask.everything:
                self._place_everything(ask, asks)
            else:
                self._place(ask)
        exclude(asks, self.drafts, self.lexicon)
        self._notice_results(wanted)
        self._leftovers()
        return self._result(wanted)

    def _notice_results(self, wanted: list[Ask]) -> None:
        """A class named without a condition, beside a mask that waits for nothing: the mask may be meant to wait."""
        free = [d for d in self.drafts if d.condition is None and d.card.ability.intent is Intent.SEGMENTATION]
        for ask in wanted:
            if not isinstance(ask.condition, When) and self._names_result(ask) and free:
                self.doubts.append(f"'{self._text(ask.start, ask.end)}' may be a condition")

    def _names_result(self, ask: Ask) -> bool:
        outcome = self.outcomes.get(id(ask), (ask, None))[1]
        if not isinstance(outcome, Found) or outcome.card.ability.intent is Intent.SEGMENTATION or ask.cancelled:
            return False
        keys = {key for _, key in outcome.card.classes if key} - outcome.card.keys
        unasked = ask.aspect == "malignancy" and ask.context
        return set(ask.concepts) <= keys or (unasked and "malignancy" in outcome.card.aspects)

    def _describe_together(self, wanted: list[Ask]) -> None:
        """Drop unserved words that only describe a served finding of their clause ("a consolidation pointing to …")."""
        for ask in wanted:
            outcome = self.outcomes[id(ask)][1]
            if isinstance(outcome, Found):
                continue
            if ask.intent is Intent.SEGMENTATION:
                self._say_where(ask, wanted)
                continue
            peers = [
                a for a in wanted if a.clause == ask.clause and a is not ask and a.intent is not Intent.SEGMENTATION
            ]
            if any(isinstance(self.outcomes[id(p)][1], Found) for p in peers):
                ask.cancelled = True

    def _say_where(self, ask: Ask, wanted: list[Ask]) -> None:
        """Drop an unserved structure that only says where a served finding lies ("the wound on the foot")."""
        if not ask.concepts or self.lexicon.is_finding(ask.concepts[0]):
            return
        for peer in wanted:
            if peer.end > ask.start or peer.clause != ask.clause or not peer.concepts:
                continue
            between = [i.kind for i in self.said.items if peer.end <= i.start and i.end <= ask.start]
            served = isinstance(self.outcomes[id(peer)][1], Found) and self.lexicon.is_finding(peer.concepts[0])
            if served and "PREP" in between and not {"AND", "OR", "COMMA", "THEN"} & set(between):
                ask.cancelled = True
                self.doubts.append(f"'{self._text(ask.start, ask.end)}' was taken to say where")
                return

    # -- tasks --------------------------------------------------------------------------------------------------------

    def _place(self, ask: Ask) -> None:
        if ask.cancelled:
            return
        outcome = self.lookup.outcome(ask, [])
        if not isinstance(outcome, Found):
            if ask.context and not self.lexicon.is_finding(ask.concepts[0]) and self._others_asked(ask):
                self.doubts.append(f"'{self._text(ask.start, ask.end)}' was taken to say where")
                return
            self._omit(ask, outcome)
            return
        conditions = self._conditions(ask, outcome)
        if conditions is None:
            return
        dependency = self._input_region(ask) if outcome.card.ability.intent is Intent.CLASSIFICATION else None
        for condition in conditions:
            number = self._task(
                outcome.card,
                outcome.structures,
                condition,
                (ask.start, ask.end),
                ask.modality is not None,
                outcome.alternatives,
            )
            self.placed[id(ask)] = number
            if dependency is not None:
                self.drafts[number - 1].dependency = dependency

    def _others_asked(self, ask: Ask) -> bool:
        """Whether anything else is asked for with a verb."""
        return any(not a.context and not a.negated and a is not ask for a in self.said.asks)

    def _task(
        self,
        card: Card,
        structures: tuple[str, ...],
        condition: Condition | None,
        span: tuple[int, int],
        stated: bool,
        alternatives: tuple[Card, ...] = (),
    ) -> int:
        for number, draft in enumerate(self.drafts, 1):
            if draft.card is card and draft.condition == condition:
                both = tuple(n for n, _ in card.structures if n in draft.structures or n in structures)
                whole = not draft.structures or not structures or len(both) == len(card.structures)
                draft.structures = () if whole else both
                draft.alternatives = tuple(c for c in draft.alternatives if any(c is a for a in alternatives))
                return number
        self.drafts.append(Draft(card, structures, condition, span, None, stated, alternatives))
        return len(self.drafts)

    def _input_region(self, ask: Ask) -> int | None:
        if ask.on_segmented is None:
            return None
        masks = [n for n, d in enumerate(self.drafts, 1) if d.card.ability.intent is Intent.SEGMENTATION]
        if not ask.on_segmented:
            return masks[-1] if masks else None
        outcome = self.resolver.resolve(Wish(Intent.SEGMENTATION, ask.on_segmented, "", ask.modality))
        if not isinstance(outcome, Found):
            self._omit(ask, outcome)
            return None
        return self._task(outcome.card, outcome.structures, None, (ask.start, ask.end), False, outcome.alternatives)

    def _place_everything(self, ask: Ask, asks: list[Ask]) -> None:
        modality = ask.modality or (self.said.modalities[-1] if self.said.modalities else None)
        if modality is None or not (modality.name or modality.region):
            self.questions.append(
                "Which images are these: please name the modality, for example chest x-ray or brain MRI?"
            )
            return
        excluded = [a for a in asks if a.negated]
        cards = [
            c
            for c in self.lexicon.cards
            if self.lexicon.fits(c, modality)
            and ask.intent in (None, c.ability.intent)
            and not any(c is card and not parts for a in excluded for card, parts in self._meant(a, modality))
        ]
        if not cards:
            self.omissions.append(
                Omission(text=self._text(ask.start, ask.end), reason="No installed weight works on these images.")
            )
        for card in cards:
            self._task(card, (), None, (ask.start, ask.end), True)

    def _meant(self, ask: Ask, modality: Modality | None) -> list[tuple[Card, tuple[str, ...]]]:
        """What an exclusion is about: for each intent it may have, the card and structures."""
        intents = [ask.intent] if ask.intent is not None else [Intent.SEGMENTATION, Intent.CLASSIFICATION]
        found = [
            self.resolver.resolve(Wish(i, ask.concepts, "", modality, None, self.lookup.places(ask)))
            for i in intents
            if ask.concepts
        ]
        return [(f.card, f.structures) for f in found if isinstance(f, Found)]

    # -- conditions ---------------------------------------------------------------------------------------------------

    def _conditions(self, ask: Ask, outcome: Found) -> list[Condition | None] | None:
        """The conditions under which an ask runs, one task each; None if they cannot be evaluated."""
        asked = ask.condition
        if not isinstance(asked, When):
            return [None]
        found: list[Condition | None] = []
        subjects: list[Ask | None] = list(asked.subjects) or [None]
        parents = [self._parent(subject, asked, ask) for subject in subjects]
        if any(p is None for p in parents):
            self._omit_condition(ask, asked)
            return None
        if len(parents) > 1 and len({p[0] for p in parents if p}) > 1:
            self.doubts.append("a condition on several findings was split")
        chain: Condition | None = None
        one_task = len({p[0] for p in parents if p}) == 1
        for _subject, parent in zip(subjects, parents, strict=True):
            if parent is None:
                continue
            number, decider, about = parent
            if decider is outcome.card:
                known = self.drafts[number - 1].structures
                if decider.ability.intent is Intent.CLASSIFICATION or known == outcome.structures:
                    return [None]
                self.doubts.append("one structure of a weight waits for another")
            if one_task:
                about = tuple(a for p in parents if p for a in p[2])
            if asked.every and not one_task and chain is not None:
                number = self._rechained(number, chain)
                found = []
            conditions = as_conditions(number, decider, about, asked)
            chain = conditions[0]
            found += [c for c in conditions if c not in found]
        if one_task and len(found) > 1:
            self.doubts.append("a condition on several results was split")
        return found

    def _rechained(self, number: int, chain: Condition) -> int:
        """ "If both are positive": the second classifier waits for the first, the action for the second."""
        draft = self.drafts[number - 1]
        if draft.condition is None and chain.task_id != number and number == len(self.drafts):
            draft.condition = chain
            return number
        return self._task(draft.card, draft.structures, chain, draft.span, draft.modality_stated)

    def _parent(self, subject: Ask | None, asked: When, ask: Ask) -> Parent | None:
        if subject is None:
            return self._pointed_at(asked, ask)
        outlined = self._outlined(subject)
        if outlined is not None:
            return outlined
        outcome = self._subject_outcome(subject)
        if (
            isinstance(outcome, Unserved)
            and subject.concepts
            and not any(self.lexicon.vocabulary.concept(k).kind == "finding" for k in subject.concepts)
        ):
            pointed = self._pointed_at(asked, ask)
            if pointed is not None:
                return pointed
            outcome = self.lookup.outcome(replace(subject, intent=Intent.SEGMENTATION, aspect=""), [])
        if not isinstance(outcome, Found):
            return None
        self.outcomes[id(subject)] = (subject, outcome)
        for number in range(len(self.drafts), 0, -1):
            if self.drafts[number - 1].card is outcome.card:
                self.placed[id(subject)] = number
                return number, outcome.card, (subject,)
        stated = subject.modality is not None
        span = (subject.start, subject.end)
        number = self._task(outcome.card, outcome.structures, None, span, stated, outcome.alternatives)
        self.placed[id(subject)] = number
        return number, outcome.card, (subject,)

    def _outlined(self, subject: Ask) -> Parent | None:
        """ "Segment the lungs. If lungs are found, …": the outline that is asked for anyway decides."""
        if subject.aspect or any(self.lexicon.is_finding(key) for key in subject.concepts):
            return None
        wish = Wish(Intent.SEGMENTATION, subject.concepts, "", subject.modality)
        outcome = self.resolver.resolve(wish) if subject.concepts else None
        if not isinstance(outcome, Found):
            return None
        numbers = [n for n, draft in enumerate(self.drafts, 1) if draft.card is outcome.card]
        return (numbers[-1], outcome.card, (subject,)) if numbers else None

    def _subject_outcome(self, subject: Ask) -> Outcome:
        outcome = self.lookup.outcome(subject, [a for a in self.said.asks if not a.cancelled and not a.negated])
        if isinstance(outcome, Found) or subject.intent is Intent.SEGMENTATION:
            return outcome
        again = self.lookup.outcome(replace(subject, intent=Intent.SEGMENTATION, aspect=""), [])
        finding = any(self.lexicon.vocabulary.concept(k).kind == "finding" for k in subject.concepts)
        return (
            again
            if isinstance(again, Found) and not subject.aspect and (finding or subject.modality is not None)
            else outcome
        )

    def _pointed_at(self, asked: When, ask: Ask) -> Parent | None:
        """The check that "if positive" refers to: the latest classification before it, served or not."""
        fallback: Parent | None = None
        for earlier in reversed(asked.before):
            if earlier.cancelled or earlier.negated or earlier is ask or id(earlier) not in self.outcomes:
                continue
            outcome = self.outcomes[id(earlier)][1]
            if not isinstance(outcome, Found):
                if earlier.intent is not Intent.SEGMENTATION:
                    return None
                continue
            number = self.placed.get(id(earlier))
            if number is None:
                continue
            if outcome.card.ability.intent is Intent.CLASSIFICATION:
                if asked.character in ("benign", "malignant") and "malignancy" not in outcome.card.aspects:
                    continue
                alike = [a for a in asked.before if a.sentence == earlier.sentence and self.placed.get(id(a)) == number]
                return number, outcome.card, tuple(alike)
            fallback = fallback or (number, outcome.card, ())
        subject = self._implied(asked, ask)
        if subject is not None:
            return subject
        return fallback

    def _implied(self, asked: When, ask: Ask) -> Parent | None:
        """ "Segment the lesion if malignant": the classifier of the very thing the action is about."""
        if not asked.character:
            return None
        subject = replace(ask, intent=Intent.CLASSIFICATION, aspect="malignancy", condition=None)
        outcome = self.lookup.outcome(subject, [])
        if not isinstance(outcome, Found):
            return None
        self.outcomes[id(subject)] = (subject, outcome)
        return self._task(outcome.card, (), None, (ask.start, ask.end), False), outcome.card, (subject,)

    # -- what is left out ---------------------------------------------------------------------------------------------

    def _text(self, start: int, end: int) -> str:
        return self.prompt[start:end].strip(MARKS)

    def _omit(self, ask: Ask, outcome: Outcome) -> None:
        if isinstance(outcome, Vague):
            self.questions.append(outcome.question)
            self.omissions.append(Omission(text=self._text(ask.start, ask.end), reason=outcome.question))
        elif isinstance(outcome, Unserved):
            omission = Omission(text=self._text(ask.start, ask.end), reason=outcome.reason)
            if omission not in self.omissions:
                self.omissions.append(omission)

    def _omit_condition(self, ask: Ask, asked: When) -> None:
        reasons = [o.reason for s in asked.subjects if isinstance(o := self._subject_outcome(s), Unserved)]
        questions = [o.question for s in asked.subjects if isinstance(o := self._subject_outcome(s), Vague)]
        self.questions += questions
        reason = (reasons or questions or [NOT_EVALUATED])[0]
        self.omissions.append(Omission(text=self._text(ask.start, ask.end), reason=reason))

    def _leftovers(self) -> None:
        for left in self.said.leftovers:
            text = self._text(left.start, left.end)
            if text:
                self.omissions.append(Omission(text=text, reason=LEFT_OUT[left.kind]))
        for text in self.foreign:
            self.omissions.append(Omission(text=text[:200], reason=LEFT_OUT["address"]))

    # -- the whole ----------------------------------------------------------------------------------------------------

    def _result(self, wanted: list[Ask]) -> Result:
        tasks = tuple(self._final(number, draft) for number, draft in enumerate(self.drafts, 1))
        omissions = tuple(dict.fromkeys((o.text, o.reason) for o in self.omissions))
        kept = tuple(Omission(text=t, reason=r) for t, r in omissions)
        if tasks:
            status = Status.PARTIAL if kept else Status.OK
            return Result(tasks, kept, status, "", tuple(self.doubts))
        unserved = [o.reason for o in self.omissions if o.reason not in self.questions]
        if unserved:
            return Result((), kept, Status.REFUSED, unserved[0], ())
        if self.questions:
            return Result((), kept, Status.CLARIFY, self.questions[0], ())
        missing = [
            m for m in self.said.modalities if m.name and not any(self.lexicon.fits(c, m) for c in self.lexicon.cards)
        ]
        if missing:
            return Result((), kept, Status.REFUSED, no_such_images(self.lexicon), ())
        if self.said.refused and not self.said.vague:
            return Result((), kept, Status.REFUSED, ONLY_DENIED, ())
        if self.said.foreign_topic and not self.said.vague:
            return Result((), kept, Status.REFUSED, NOT_A_REQUEST + offer(self.lexicon), ())
        return Result((), kept, Status.CLARIFY, NOTHING_ASKED + offer(self.lexicon), ())

    def _final(self, number: int, draft: Draft) -> Task:
        ability = draft.card.ability
        return Task(
            id=number,
            intent=ability.intent,
            target=ability.target,
            modality=None if draft.alternatives else ability.modality,
            structures=draft.structures,
            weight_name=None if draft.alternatives else ability.id,
            dependency=draft.dependency,
            condition_on=draft.condition,
            span=self._text(*draft.span),
        )

"""Looks up the card of each ask: with the images, and the organs, that the rest of the prompt tells of."""

from __future__ import annotations

from dataclasses import replace

from ..plan import Intent
from .actions import Ask
from .conditions import When
from .interpretation import Interpretation
from .joining import is_family
from .lexicon import Lexicon, Modality
from .named_apart import named_apart
from .resolve import Found, Outcome, Resolver, Unserved, Vague, Wish


class Lookup:
    """What became of one prompt's asks.

    Attributes:
        outcomes: by `id` of the ask; the ask is kept so that its id stays its own.
        doubts: what was guessed.
    """

    def __init__(self, lexicon: Lexicon, said: Interpretation) -> None:
        self.lexicon, self.said = lexicon, said
        self.resolver = Resolver(lexicon)
        self.outcomes: dict[int, tuple[Ask, Outcome]] = {}
        self.doubts = list(said.doubts)

    def outcome(self, ask: Ask, wanted: list[Ask]) -> Outcome:
        """The card for an ask, or why there is none; looked up once."""
        known = self.outcomes.get(id(ask))
        if known is not None:
            return known[1]
        outcome = self.resolver.resolve(self._wish(ask, wanted)) if ask.concepts else Vague("Please say what is meant.")
        if ask.loose and isinstance(outcome, Unserved):
            second = self.resolver.resolve(replace(self._wish(ask, wanted), intent=None, aspect=ask.aspect))
            if not isinstance(second, Found):
                second = self.resolver.resolve(replace(self._wish(ask, wanted), intent=None, aspect=""))
            outcome = second if isinstance(second, Found) else outcome
        guessed = isinstance(outcome, Found) and outcome.doubt.startswith(f"{self.lexicon.name(ask.concepts[0])} was")
        if (
            ask.context
            and guessed
            and any(
                not a.context or (a.concepts and self.lexicon.is_finding(a.concepts[0])) for a in wanted if a is not ask
            )
        ):
            outcome = Unserved("It is named without anything being asked of it.")
        if ask.where and isinstance(outcome, Unserved):
            placed = replace(self._wish(ask, wanted), intent=Intent.CLASSIFICATION, aspect="position")
            second = self.resolver.resolve(placed)
            outcome = second if isinstance(second, Found) else outcome
        if ask.shared and isinstance(outcome, Unserved):
            free = replace(self._wish(ask, wanted), modality=None, hint=ask.modality)
            second = self.resolver.resolve(free)
            if isinstance(second, Found):
                outcome = replace(
                    second, doubt=f"{self.lexicon.name(ask.concepts[0])} was taken to be meant on other images"
                )
        if isinstance(outcome, Unserved):
            outcome = named_apart(ask, self._wish(ask, wanted), self.said.items, self.lexicon) or outcome
        if isinstance(outcome, Found) and outcome.doubt:
            self.doubts.append(outcome.doubt)
        if isinstance(outcome, (Unserved, Vague)) and is_family(ask.concepts):
            self.doubts.append("a finding was left out whose organ was not named")
        if (
            ask.soft
            and isinstance(outcome, Found)
            and outcome.card.ability.intent is Intent.CLASSIFICATION
            and ask.text_is_open
        ) and isinstance(self.resolver.resolve(replace(self._wish(ask, wanted), intent=Intent.SEGMENTATION)), Found):
            self.doubts.append("a label was assumed where a mask may be meant")
        self.outcomes[id(ask)] = (ask, outcome)
        return outcome

    def _wish(self, ask: Ask, wanted: list[Ask]) -> Wish:
        hard, hint = ask.modality, None
        if hard is None:
            hard, hint = self._borrowed(ask, wanted)
        concepts = ask.concepts
        aspect = ask.aspect or (
            "malignancy" if ask.form == "malignant" and ask.intent is not Intent.SEGMENTATION else ""
        )
        return Wish(ask.intent, concepts, aspect, hard, hint, self.places(ask))

    def _borrowed(self, ask: Ask, wanted: list[Ask]) -> tuple[Modality | None, Modality | None]:
        """The images an ask without its own description is about: (certain, probable).

        "Segment the lungs and check for TB on this chest CT": the CT belongs to both, as nothing on CT is served. In
        "segment the polyp, then run the melanoma classifier on the dermoscopy image" it belongs to melanoma alone.
        """
        if self.said.contexts:
            fitting = [m for m in self.said.contexts if self._related(ask, m)]
            if fitting:
                return fitting[-1], None
        subjects = ask.condition.subjects if isinstance(ask.condition, When) else ()
        for subject in subjects:
            if subject.modality is not None and subject.modality.region and self._related(ask, subject.modality):
                served = isinstance(self.outcome(subject, wanted), Found)
                return (None, subject.modality) if served else (subject.modality, None)
        others = [a for a in (*wanted, *subjects) if a.modality is not None and a is not ask]
        for other in sorted(others, key=lambda a: (a.sentence != ask.sentence, abs(a.group - ask.group))):
            if other.modality is None:
                continue
            served = isinstance(self.outcome(other, wanted), Found)
            if not served and self._related(ask, other.modality):
                return other.modality, None
            return None, other.modality
        modality = self.said.modalities[-1] if self.said.modalities else None
        elsewhere = any(
            s.modality is not None
            for a in self.said.asks
            if isinstance(a.condition, When)
            for s in a.condition.subjects
        )
        if modality is not None and not others and not elsewhere and len({*self.said.modalities}) == 1:
            return (modality, None) if self._related(ask, modality) else (None, modality)
        return None, modality

    def _related(self, ask: Ask, modality: Modality) -> bool:
        if is_family(ask.concepts) or not modality.region:
            return True
        return any(self.lexicon.vocabulary.together(self.lexicon.region_of(k), modality.region) for k in ask.concepts)

    def places(self, ask: Ask) -> tuple[str, ...]:
        """Organs named near a term that names none; in other clauses only if the term has no image of its own."""
        if not is_family(ask.concepts):
            return ()
        conditions = [s for a in self.said.asks if isinstance(a.condition, When) for s in a.condition.subjects]
        terms = [a for a in [*self.said.asks, *conditions] if a.concepts and not is_family(a.concepts)]
        imaged = ask.modality is not None and bool(ask.modality.name)
        same = [a for a in terms if a.sentence == ask.sentence and (not imaged or a.clause == ask.clause)]
        same.sort(key=lambda a: (a.start > ask.start, abs(a.start - ask.start)))
        earlier = [a for a in reversed(terms) if a.sentence < ask.sentence]
        near = [*same, *([] if imaged else earlier)]
        return tuple(dict.fromkeys(self.lexicon.region_of(a.concepts[0]) for a in near))

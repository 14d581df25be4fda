"""Matches each task of a plan to a weight, or refuses and names the nearest thing there is.

Two modes. `lexicon` (default): a weight must be *for* the task's target by name, synonym or structure, and its modality
must fit the request and the image; the score only ranks what is left. `paper`: the MedPrompt paper's score
`S = I + 1.5·cos(target) + 1.0·cos(modality)` with all-MiniLM-L6-v2 and threshold 1.8, exactly as in the authors' code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from .catalog import Ability, modalities
from .errors import MissingPackage, NoMatchingWeight, PlanRejected
from .plan import Intent, Plan, Status, Task
from .sequences.names import listed

if TYPE_CHECKING:
    from .ontology import Concept

TARGET_FACTOR = 1.5
"""α of the paper's score."""

MODALITY_FACTOR = 1.0
"""β of the paper's score."""

PAPER_THRESHOLD = 1.8
"""Below it the paper routes to no weight."""

MARGIN = 0.15
"""Two weights of the same target whose scores are closer than this are not told apart silently."""

Mode = Literal["lexicon", "paper"]


class Similarity(Protocol):
    """Anything that compares two terms, such as `knowledge.minilm.SentenceEncoder`."""

    def similarity(self, a: str, b: str) -> float:
        """Cosine of the two terms' embeddings, -1 to 1."""
        ...


@dataclass(frozen=True)
class Route:
    """Why a task runs with a weight.

    Attributes:
        score: the paper's S, at most 3.5.
        margin: distance to the second-best eligible weight, or None if there was no other.
    """

    task_id: int
    weight_id: str
    score: float
    margin: float | None
    mode: Mode


@dataclass(frozen=True)
class RoutedPlan:
    """A plan in which every task has a weight."""

    plan: Plan
    routes: tuple[Route, ...]

    def route(self, task_id: int) -> Route:
        """The route of a task."""
        return next(route for route in self.routes if route.task_id == task_id)


class Router:
    """Routes plans over the abilities of a catalogue.

    Args:
        encoder: compares terms; default: all-MiniLM-L6-v2, loaded when a comparison is first needed.
    """

    def __init__(self, abilities: Sequence[Ability], mode: Mode = "lexicon", encoder: Similarity | None = None) -> None:
        self.abilities, self.mode, self._encoder = tuple(abilities), mode, encoder

    def route(self, plan: Plan, image_modality: str | None = None) -> RoutedPlan:
        """Give every task its weight.

        Args:
            image_modality: what the image's file says it is, if it says so.

        Raises:
            PlanRejected: a plan without tasks, with references that lead nowhere, or with an ambiguous task.
            NoMatchingWeight: a task that no weight is for; the message names the nearest one.
        """
        if plan.status in (Status.REFUSED, Status.CLARIFY) or not plan.pipeline:
            raise PlanRejected(
                plan.message or "The plan asks for nothing that can be run; say what to segment or classify."
            )
        choose = self._paper if self.mode == "paper" else self._lexicon
        return RoutedPlan(plan, tuple(choose(task, image_modality) for task in plan.ordered()))

    # -- the default ------------------------------------------------------------------------------------------------

    def _lexicon(self, task: Task, image_modality: str | None) -> Route:
        same_target = [a for a in self.abilities if a.intent is task.intent and is_for(a, task)]
        fitting = [a for a in same_target if modality_fits(a.modality, task.modality)]
        if not fitting:
            raise NoMatchingWeight(self._refusal(task, same_target))
        usable = [a for a in fitting if modality_fits(a.modality, image_modality)]
        if not usable:
            raise NoMatchingWeight(
                f"The image says it is {image_modality}, but {_verb(task)} {task.target} needs {fitting[0].modality}; "
                "choose another image."
            )
        knowing = [a for a in usable if not a.sequences or set(task.sequences) <= set(a.sequences)]
        if not knowing:
            unknown = [name for name in task.sequences if name not in usable[0].sequences]
            raise NoMatchingWeight(
                f"'{usable[0].id}' takes {listed(usable[0].sequences)}, but the request names {listed(unknown)}; name "
                "the images it takes, or none."
            )
        usable = knowing
        # a single candidate needs no model: it is for the task by name, which counts as cosine 1
        only = 1.0 + TARGET_FACTOR + (MODALITY_FACTOR if task.modality else 0.0)
        scores = [only] if len(usable) == 1 else [self._score(task, a) for a in usable]
        ranked = sorted(((score, a.id) for score, a in zip(scores, usable, strict=True)), reverse=True)
        score, best = ranked[0]
        margin = score - ranked[1][0] if len(ranked) > 1 else None
        if task.weight_name and any(name == task.weight_name for _, name in ranked):
            best = task.weight_name  # the planner, or the person who edited the plan, already chose between them
        elif margin is not None and margin < MARGIN:
            names = " and ".join(f"'{name}'" for _, name in ranked[:2])
            raise PlanRejected(f"{names} fit '{task.target}' equally well; name the modality or the weight.")
        return Route(task.id, best, next(s for s, name in ranked if name == best), margin, "lexicon")

    def _refusal(self, task: Task, same_target: list[Ability]) -> str:
        what = f"{_verb(task)} {task.target}"
        if same_target:
            have = " or ".join(sorted({a.modality for a in same_target}))
            return (
                f"{what.capitalize()} is installed for {have}, not for {task.modality}; choose another image or weight."
            )
        nearest = self._nearest(task)
        where = f" on {task.modality}" if task.modality else ""
        return f"No installed weight is for {what}{where}; the nearest is {nearest}."

    def _nearest(self, task: Task) -> str:
        if not self.abilities:
            return "nothing, because no weights are installed"
        try:
            best = max(self.abilities, key=lambda a: (self._score(task, a), a.id))
        except MissingPackage:  # without the encoder, the nearest is what works on the same kind of image
            best = max(
                self.abilities, key=lambda a: (modality_fits(a.modality, task.modality), a.intent is task.intent)
            )
        verb = "segmenting" if best.intent is Intent.SEGMENTATION else "classifying"
        return f"{verb} {best.target} on {best.modality} ('{best.id}')"

    def _score(self, task: Task, ability: Ability) -> float:
        """The paper's S over the target's names; the intent part is 0 for another intent instead of a ban."""
        names = (ability.target, *ability.synonyms, *(s.name for s in ability.structures))
        target = 1.0 if is_for(ability, task) else max(self._cosine(task.target, name) for name in names)
        modality = self._cosine(task.modality, ability.modality) if task.modality else 0.0
        return (ability.intent is task.intent) + TARGET_FACTOR * target + MODALITY_FACTOR * modality

    # -- the paper's ------------------------------------------------------------------------------------------------

    def _paper(self, task: Task, image_modality: str | None) -> Route:
        scored: list[tuple[float, str]] = []
        for ability in self.abilities:
            if ability.intent is not task.intent:
                continue
            named = normalise(task.target) in normalise(ability.id)
            # weights trained on segmented input serve only conditional tasks that name them (the authors' `SegClass_`)
            if ability.id.startswith("segclass_") and not (task.condition_on and named):
                continue
            score = (
                1.0
                + TARGET_FACTOR * self._cosine(task.target, ability.target)
                + MODALITY_FACTOR * self._cosine(task.modality or "", ability.modality)
            )
            scored.append((score, ability.id))
        scored.sort(reverse=True)
        if not scored or scored[0][0] < PAPER_THRESHOLD:
            best = f" (best score {scored[0][0]:.2f}, threshold {PAPER_THRESHOLD})" if scored else ""
            raise NoMatchingWeight(f"No installed weight matches {_verb(task)} {task.target}{best}.")
        named_first = [entry for entry in scored if normalise(task.target) in normalise(entry[1])] or scored
        score, best_id = named_first[0]
        others = [s for s, name in scored if name != best_id]
        return Route(task.id, best_id, score, score - max(others) if others else None, "paper")

    def _cosine(self, a: str | None, b: str) -> float:
        if a is not None and normalise(a) == normalise(b):
            return 1.0  # equal terms need no model
        if not a:
            return 0.0
        if self._encoder is None:
            from .knowledge.minilm import sentence_encoder

            self._encoder = sentence_encoder()
        return self._encoder.similarity(a, b)


def normalise(term: str) -> str:
    """Lower case, words separated by one space, a plural s dropped from each longer word."""
    words = re.findall(r"\w+", term.casefold().replace("tumour", "tumor"))
    return " ".join(
        w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith(("ss", "is", "us")) else w for w in words
    )


def is_for(ability: Ability, task: Task) -> bool:
    """Whether a weight is for a task's target: the same words or synonyms of one concept, never by similarity."""
    names = [ability.target, *ability.synonyms]
    for structure in ability.structures:
        names += [structure.name, *structure.synonyms]
    if normalise(task.target) in {normalise(name) for name in names}:
        return True
    meant = _meant(task.target)
    return meant is not None and any(_meant(name) == meant for name in names)


def _meant(term: str) -> Concept | None:
    """The concept of a term; None if it has none, or names no organ and so not what one weight alone is for."""
    from . import ontology

    found = ontology.normalise(term)
    return None if found is None or found.id.startswith("*:") else found


def modality_fits(own: str, asked: str | None) -> bool:
    """Whether two modalities admit each other: the same words, or one more specific than the other.

    Args:
        own: of a weight; several kinds of images it was made for are joined by " or ".
    """
    if not asked:
        return True
    b = set(normalise(asked).split())
    return any(a <= b or b <= a for a in (set(normalise(kind).split()) for kind in modalities(own)))


def _verb(task: Task) -> str:
    return "segmenting" if task.intent is Intent.SEGMENTATION else "classifying"

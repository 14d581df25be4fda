"""A plan as a person looks at it before it runs: one step per task with weight, score, condition and expected time.

Also the edits that a person makes: leaving steps out and choosing another weight. Nothing here loads a model.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .catalog import Ability, Catalog, WeightCard
from .errors import MissingPackage, NoMatchingWeight, PlanRejected
from .plan import NEGATIVE, POSITIVE, Condition, Intent, Omission, Plan, Status, Task, references
from .results import Provenance
from .routing import Router, is_for, modality_fits
from .user_folders import cache_folder

if TYPE_CHECKING:
    from .planner import Verdict

TIMES_NAME = "run-times.json"
UNTICKED = "It was left out by hand."
WAITS = "It waits for a step that was left out by hand."


@dataclass(frozen=True)
class Step:
    """One task of a plan, in words.

    Attributes:
        what: "Segment heart".
        on: the images it is for.
        weights: ids of the weights it can run with, the chosen one first; empty if there is none.
        score: the router's match score of the chosen weight (at most 3.5), None if it takes a model to compare.
        when: the condition, "always" without one.
        seconds: expected, None if the weight has not run here yet.
        problem: why the step cannot run, one sentence; empty if it can.
    """

    task: Task
    what: str
    on: str
    weights: tuple[str, ...]
    score: float | None
    when: str
    seconds: float | None
    problem: str = ""

    @property
    def weight(self) -> str:
        """The chosen weight, or an empty string."""
        return self.weights[0] if self.weights else ""


class Times:
    """How long each weight took when it last ran on this machine, per slice or, if it takes volumes, per million voxels
    of its grid (see `work_for`); kept in a file of the user's.

    Args:
        path: default `run-times.json` in the user's cache folder.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or cache_folder() / TIMES_NAME
        try:
            read = json.loads(self._path.read_text(encoding="utf-8"))
            self._times = {str(key): float(value) for key, value in read.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            self._times = {}  # it only holds estimates

    def expected(self, weight_id: str, device: str, work: float = 1) -> float | None:
        """Seconds for so much work; None if the weight has not run on that kind of device.

        Args:
            device: as `inference.devices.resolve_device` takes it; `auto` takes the longest of the known ones.
        """
        kind = device.partition(":")[0]
        known = [
            value
            for key, value in self._times.items()
            if key.startswith(f"{weight_id} ") and kind in ("auto", key.rpartition(" ")[2])
        ]
        return max(known) * work if known else None

    def record(self, provenance: Provenance, work: Callable[[str], float] = lambda weight_id: 1) -> None:
        """Remember what a run took. A file that cannot be written loses an estimate and nothing else.

        Args:
            work: how much each weight had to do.
        """
        for task in provenance.tasks:
            if task.state == "done":
                self._times[f"{task.weight_id} {task.device.partition(':')[0]}"] = round(
                    task.seconds / work(task.weight_id), 4
                )
        draft = self._path.with_suffix(f".{os.getpid()}.part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(self._times, indent=1) + "\n", encoding="utf-8")
            draft.replace(self._path)
        except OSError:
            return


def work_for(card: WeightCard, shape: tuple[int, int, int], spacing: Sequence[float] | None) -> float:
    """How much a weight has to do on an image: slices, or millions of voxels of a 3D weight's own grid, about.

    Args:
        shape: (k, j, i).
        spacing: k, j, i in mm; None if unknown.
    """
    if card.dimension == 2:
        return shape[0]
    recipe = card.preprocessing
    voxels = float(math.prod(shape))
    if recipe.spacing is not None and spacing is not None:
        # Which stored axis becomes which of the network's is not worth finding out for an estimate.
        own = sorted(spacing, reverse=True) if recipe.k_axis == "coarsest" else spacing
        for mm, wanted in zip(own, recipe.spacing, strict=True):
            voxels *= mm / wanted if wanted else 1
    return max(voxels, math.prod(recipe.size)) / 1e6


class _NoModel:
    """In place of the sentence encoder: a preview must not load one."""

    def similarity(self, a: str, b: str) -> float:
        raise MissingPackage("A preview compares no terms with a model.")


def steps(
    plan: Plan,
    catalog: Catalog,
    *,
    image_modality: str | None = None,
    times: Times | None = None,
    device: str = "auto",
    shape: tuple[int, int, int] = (1, 1, 1),
    spacing: Sequence[float] | None = None,
) -> tuple[Step, ...]:
    """The plan's tasks in the order they run.

    Args:
        shape, spacing: of the image, for the expected times; see `work_for`.
    """
    router = Router(catalog.abilities, encoder=_NoModel())
    known = {a.id: a for a in catalog.abilities}
    made = []
    for task in plan.ordered():
        weights = weights_for(task, catalog.abilities, image_modality)
        score, problem = None, ""
        alone = task.model_copy(update={"condition_on": None, "dependency": None})
        try:
            routed = router.route(plan.model_copy(update={"pipeline": (alone,)}), image_modality)
            route = routed.routes[0]
            weights = (route.weight_id, *(w for w in weights if w != route.weight_id))
            score = route.score
        except MissingPackage:
            if task.weight_name in weights:
                weights = (task.weight_name, *(w for w in weights if w != task.weight_name))  # type: ignore[assignment]
        except (NoMatchingWeight, PlanRejected) as error:
            problem = str(error)
        weight = weights[0] if weights else ""
        modality = task.modality or (known[weight].modality if weight else "")
        seconds = None
        if times and weight:
            seconds = times.expected(weight, device, work_for(catalog.card(weight), shape, spacing))
        made.append(Step(task, what(task), modality or "any image", weights, score, when(task, plan), seconds, problem))
    return tuple(made)


def weights_for(task: Task, abilities: Sequence[Ability], image_modality: str | None = None) -> tuple[str, ...]:
    """Ids of the weights that do what a task asks for, on its images and on the image's own kind."""
    return tuple(
        a.id
        for a in abilities
        if a.intent is task.intent
        and is_for(a, task)
        and modality_fits(a.modality, task.modality)
        and modality_fits(a.modality, image_modality)
    )


def what(task: Task) -> str:
    """A task in a few words: "Segment left lung, heart", "Classify pneumonia"."""
    verb = "Segment" if task.intent is Intent.SEGMENTATION else "Classify"
    return f"{verb} {', '.join(task.structures) or task.target}"


def when(task: Task, plan: Plan) -> str:
    """A task's condition and input region in a few words; "always" without one."""
    parts = []
    if task.condition_on is not None:
        parts.append(_condition(task.condition_on, plan))
    if task.dependency is not None:
        parts.append(f"inside what step {task.dependency} finds")
    return ", ".join(parts) or "always"


def _condition(on: Condition, plan: Plan) -> str:
    word = "if" if on.execution == "Positive" else "unless"
    if plan.task(on.task_id).intent is Intent.SEGMENTATION:
        found = "nothing" if on.expected_result == NEGATIVE else "something"
        size = f" above {on.minimum_size:g} ml or cm²" if on.minimum_size else ""
        return f"{word} step {on.task_id} finds {found}{size}"
    said = {POSITIVE: "a positive result", NEGATIVE: "a negative result"}.get(on.expected_result, on.expected_result)
    return f"{word} step {on.task_id} says {said}"


# -- edits -----------------------------------------------------------------------------------------------------------


def dependents(plan: Plan, task_id: int) -> frozenset[int]:
    """Ids of the tasks that cannot run without a task, directly or through others; the task itself is not among them.

    A task that runs unless another says something waits for that other task just as well.
    """
    lost = {task_id}
    for task in plan.ordered():
        if lost & set(references(task)):
            lost.add(task.id)
    return frozenset(lost - {task_id})


def without(plan: Plan, left_out: Collection[int]) -> Plan:
    """The plan without some tasks and those that depend on them; the others keep their ids.

    What is left out is told among the omissions, so that the results say it, too.
    """
    waiting = set().union(*(dependents(plan, task_id) for task_id in left_out)) - set(left_out)
    gone = [task for task in plan.pipeline if task.id in waiting or task.id in left_out]
    if not gone:
        return plan
    omissions = [Omission(text=what(task), reason=WAITS if task.id in waiting else UNTICKED) for task in gone]
    return plan.model_copy(
        update={
            "pipeline": tuple(task for task in plan.pipeline if task not in gone),
            "omissions": (*plan.omissions, *omissions),
            "status": Status.PARTIAL,
        }
    )


def with_weight(plan: Plan, task_id: int, weight_id: str, catalog: Catalog) -> Plan:
    """The plan with another weight for a task; structures that the weight does not have are dropped from the task.

    Raises:
        PlanRejected: there is no such task, or the weight does something else.
    """
    task = plan.task(task_id)
    if weight_id not in weights_for(task, catalog.abilities):
        raise PlanRejected(f"The weight '{weight_id}' is not for step {task_id} ({what(task)}); choose another one.")
    has = {s.name for s in catalog.card(weight_id).structures}
    kept = tuple(name for name in task.structures if name in has)
    changed = task.model_copy(update={"weight_name": weight_id, "structures": kept})
    return plan.model_copy(update={"pipeline": tuple(changed if t.id == task_id else t for t in plan.pipeline)})


def agreement(verdict: Verdict) -> str:
    """One sentence on how the planners read the request."""
    if verdict.decision in ("clarify", "refuse"):
        return verdict.reason
    if len(verdict.readings) < 2:
        return verdict.reason or "The planner has no doubts."
    if verdict.difference:
        return verdict.reason
    return verdict.reason or "Both planners read the request alike."

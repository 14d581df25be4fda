"""Many prompts at once, in the line format of the planner evaluation; and a plan as text for people."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..catalog import Ability
from ..errors import MedPromptError
from ..plan import Condition, Intent, Plan, Status, Task
from ..routing import is_for

if TYPE_CHECKING:
    from .agreement import Verdict


def plan_batch(
    planner: Any, abilities: Sequence[Ability], prompts: Iterable[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Plan prompts one by one.

    Args:
        planner: any `Planner`; one that knows its doubts, or decides by agreement, tells them.
        abilities: the catalogue.
        prompts: mappings with `id` and `prompt`; other keys are ignored.

    Yields:
        `{"id", "status", "decision", "seconds", "tasks"}`; `decision` is `run` (no doubt), `confirm` (show it first) or
        `stop` (nothing to run). A prompt whose planning fails gets status `error` and an `error` sentence.
    """
    from .agreement import decided

    abilities = tuple(abilities)
    for entry in prompts:
        started = time.perf_counter()
        try:
            verdict = decided(planner, entry["prompt"], abilities)
        except MedPromptError as error:
            yield {
                "id": entry["id"],
                "status": "error",
                "decision": "stop",
                "seconds": time.perf_counter() - started,
                "tasks": [],
                "error": str(error),
            }
            continue
        yield {
            "id": entry["id"],
            "status": verdict.plan.status.value,
            "decision": _of_row(verdict),
            "seconds": round(time.perf_counter() - started, 6),
            "tasks": [_row(task, abilities) for task in verdict.plan.pipeline],
        }


def decision(plan: Plan, doubts: Sequence[str] = ()) -> str:
    """What the product does without asking: `run`, `confirm` or `stop`."""
    if not plan.pipeline:
        return "stop"
    return "run" if plan.status is Status.OK and not doubts else "confirm"


def _of_row(verdict: Verdict) -> str:
    """The verdict's decision; without an image, a weight that the image is to choose has to be confirmed."""
    if verdict.decision not in ("run", "confirm"):
        return "stop"
    return "confirm" if any(task.weight_name is None for task in verdict.plan.pipeline) else verdict.decision


def _weight(task: Task, abilities: Sequence[Ability]) -> str | None:
    """The task's weight; if the image is to decide between several, the first of them."""
    fitting = (a.id for a in abilities if a.intent is task.intent and is_for(a, task))
    return task.weight_name or next(fitting, None)


def _row(task: Task, abilities: Sequence[Ability]) -> dict[str, Any]:
    on = task.condition_on
    return {
        "id": task.id,
        "weight": _weight(task, abilities),
        "structures": list(task.structures),
        "depends_on": on.task_id if on else None,
        "condition": _result(on) if on else None,
    }


def _result(on: Condition) -> str:
    return on.expected_result if on.execution == "Positive" else f"not {on.expected_result}"


def describe(plan: Plan, abilities: Sequence[Ability]) -> str:
    """A plan in words: numbered steps with their conditions, what is left out, and the message.

    Args:
        plan: any plan.
        abilities: the catalogue, for the steps' modalities.
    """
    known = {a.id: a for a in abilities}
    lines = [f"First: {filter_words(step.filter)}." for step in plan.preprocessing]
    for task in plan.pipeline:
        ability = known.get(task.weight_name or "")
        verb = "Segment" if task.intent is Intent.SEGMENTATION else "Classify"
        what = f"{', '.join(task.structures)} of {task.target}" if task.structures else task.target
        modality = task.modality or (ability.modality if ability else "")
        line = f"{task.id}. {verb} {what}" + (f" on {modality}" if modality else "")
        if task.dependency is not None:
            line += f", within the region of step {task.dependency}"
        if task.condition_on is not None:
            line += f", {_condition(task.condition_on, plan)}"
        if task.weight_name:
            line += f" [{task.weight_name}]" if ability or not abilities else f" [{task.weight_name}, not installed]"
        lines.append(line)
    lines += [f"Left out: “{o.text}” ({o.reason.rstrip('.')})." for o in plan.omissions if o.reason != plan.message]
    if plan.message:
        lines.append(plan.message)
    return "\n".join(lines)


def filter_words(chosen: Any) -> str:
    """A filter in words, with the parameters that are not those of a default."""
    names = {
        "curvature-flow": "denoise by curvature flow",
        "non-local-means": "denoise by non-local means",
        "clahe": "enhance local contrast (CLAHE)",
        "n4": "correct the bias field (N4)",
        "standardise": "standardise intensities",
    }
    if chosen.name != "window":
        return names[chosen.name]
    return f"{chosen.preset} window" if chosen.preset else f"window at level {chosen.level:g}, width {chosen.width:g}"


def _condition(on: Condition, plan: Plan) -> str:
    parent = next((t for t in plan.pipeline if t.id == on.task_id), None)
    word = "unless" if on.execution == "Negative" else "if"
    if parent is not None and parent.intent is Intent.SEGMENTATION:
        size = f" of at least {on.minimum_size:g} (ml or cm²)" if on.minimum_size else ""
        found = "finds something" if on.expected_result != "negative" else "finds nothing"
        return f"only {word} step {on.task_id} {found}{size}"
    return (
        f"only {word} step {on.task_id} says {on.expected_result}"
        if word == "if"
        else f"unless step {on.task_id} says {on.expected_result}"
    )

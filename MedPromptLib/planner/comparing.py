"""Whether two plans would do the same, and in what they differ, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..catalog import Ability
from ..plan import NEGATIVE, POSITIVE, Condition, Intent, Plan, Task
from ..routing import is_for, modality_fits


class Deed(NamedTuple):
    """What one task does: with which weights it may run, on which structures, after which results of which weights."""

    weights: frozenset[str]
    structures: frozenset[str]
    after: frozenset[str]
    results: frozenset[str]


def deeds(plan: Plan, abilities: Sequence[Ability]) -> frozenset[Deed]:
    """A plan as an order-free set; two plans with equal sets do the same to every image."""
    weights = {task.id: candidates(task, abilities) for task in plan.pipeline}
    known = {a.id: a for a in abilities}
    made = set()
    for task in plan.pipeline:
        own = weights[task.id]
        all_structures = {s.name for w in own if w in known for s in known[w].structures}
        wanted = frozenset(task.structures)
        on = task.condition_on
        after = weights.get(on.task_id, frozenset()) if on else frozenset()
        results = triggers(on, after, known) if on else frozenset()
        made.add(Deed(own, frozenset() if wanted == all_structures else wanted, after, results))
    return frozenset(made)


def candidates(task: Task, abilities: Sequence[Ability]) -> frozenset[str]:
    """The weights a task may run with: the named one, or those the router will choose from by the image."""
    if task.weight_name is not None:
        return frozenset((task.weight_name,))
    return frozenset(
        a.id
        for a in abilities
        if a.intent is task.intent and is_for(a, task) and modality_fits(a.modality, task.modality)
    )


def triggers(on: Condition, parents: frozenset[str], known: dict[str, Ability]) -> frozenset[str]:
    """The results of the earlier task on which a dependent task runs."""
    parent = next((known[w] for w in sorted(parents) if w in known), None)
    if parent is None or parent.intent is Intent.SEGMENTATION:
        size = f" with at least {on.minimum_size:g} ml or cm²" if on.minimum_size else ""
        found = (on.expected_result != NEGATIVE) == (on.execution == "Positive")
        return frozenset((f"found{size}" if found else f"not found{size}",))
    classes, positive = frozenset(parent.classes), frozenset(parent.positive)
    named = {POSITIVE: positive, NEGATIVE: classes - positive}.get(on.expected_result, frozenset((on.expected_result,)))
    return classes - named if on.execution == "Negative" else named


def differences(first: Plan, second: Plan, abilities: Sequence[Ability]) -> tuple[str, ...]:
    """Lines of a readable diff: `- ` only in the first plan, `+ ` only in the second, `  ` in both."""
    left, right = _told(first, abilities), _told(second, abilities)
    lines = [f"  {told}" for deed, told in left.items() if deed in right]
    lines += [f"- {told}" for deed, told in left.items() if deed not in right]
    lines += [f"+ {told}" for deed, told in right.items() if deed not in left]
    if not left:
        lines.append(f"- nothing ({first.status.value})")
    if not right:
        lines.append(f"+ nothing ({second.status.value})")
    return tuple(lines)


def _told(plan: Plan, abilities: Sequence[Ability]) -> dict[frozenset[Deed], str]:
    """Each task's deed with a phrase for it that names the task it waits for in words, not by number."""
    by_id = {task.id: task for task in plan.pipeline}
    told: dict[frozenset[Deed], str] = {}
    known = {a.id: a for a in abilities}
    for task in plan.pipeline:
        on = task.condition_on
        parent = by_id.get(on.task_id) if on else None
        only = Plan(prompt=plan.prompt, status=plan.status, pipeline=(parent, task) if parent else (task,))
        deed = deeds(only, abilities) - (
            deeds(only.model_copy(update={"pipeline": (parent,)}), abilities) if parent else set()
        )
        phrase = doing(task, known)
        if on is not None and parent is not None:
            which = sorted(triggers(on, candidates(parent, abilities), known))
            phrase += f", if “{parent.target}” is {' or '.join(which)}"
        told[frozenset(deed)] = phrase
    return told


def doing(task: Task, known: dict[str, Ability]) -> str:
    """ "segment the left kidney on abdominal CT (kidney_seg_ct)"."""
    what = f"{', '.join(task.structures)} of {task.target}" if task.structures else task.target
    ability = known.get(task.weight_name or "")
    modality = task.modality or (ability.modality if ability else "")
    verb = "segment" if task.intent is Intent.SEGMENTATION else "classify"
    return f"{verb} {what}" + (f" on {modality}" if modality else "") + (f" ({task.weight_name})" if ability else "")

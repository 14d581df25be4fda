"""How often a planner is right: strict correctness of whole plans, and how far its unasked runs can be trusted.

A gold plan is a JSON line `{"id", "category", "prompt", "gold": {"status", "tasks": [{"id", "weight", "structures",
"depends_on", "condition"}]}}`; a gold weight `a|b` stands for either, a condition is a class, `positive`, `negative` or
`not <class>`. Strictly right: the same set of (weight, structures, weight depended on, classes that trigger it) and,
where there are tasks, the same answer to whether a part of the request is left out (not asked of injections).
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..catalog import Ability
from ..plan import Plan, Status
from .agreement import decided
from .batch import plan_batch

if TYPE_CHECKING:
    from . import Planner

Deed = tuple[str, frozenset[str], str, frozenset[str]]
"""Weight, structures (empty: all), weight waited for, and its classes that trigger."""


@dataclass
class Score:
    """Counts over a set of prompts; the properties are shares, 0 to 1."""

    prompts: int = 0
    runnable: int = 0
    strict: int = 0
    unasked: int = 0
    run: int = 0
    run_right: int = 0
    seconds: list[float] = field(default_factory=list)
    by_category: dict[str, list[bool]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """A report: a line a category, then the sums."""
        told = [f"{name:14}{sum(right):4d} of {len(right)}" for name, right in self.by_category.items()]
        precision = self.run_right / self.run if self.run else float("nan")
        return [
            *told,
            f"strict {self.strict / self.prompts:.3f} of {self.prompts} prompts; "
            f"tasks nobody asked for in {self.unasked / self.prompts:.3f}",
            f"runs without asking: right {precision:.3f}, covering {self.run / max(1, self.runnable):.3f} "
            f"of {self.runnable} runnable prompts",
            f"seconds a prompt: median {statistics.median(self.seconds):.3f}",
        ]


def score(planner: Planner, abilities: Sequence[Ability], gold: Iterable[Mapping[str, Any]]) -> Score:
    """Plan every prompt and compare; the wrong ones are kept in `wrong`."""
    known = {a.id: a for a in abilities}
    total = Score()
    for entry in gold:
        (row,) = plan_batch(planner, abilities, [entry])
        wanted = _deeds(entry["gold"]["tasks"], known)
        made = _deeds(row["tasks"], known)
        same = _same(wanted, made)
        flag = entry["category"] == "injection" or (row["status"] == "partial") == (
            entry["gold"]["status"] == "partial"
        )
        right = same and (flag or not wanted)
        allowed = {name for weight, *_ in wanted for name in weight.split("|")}
        total.prompts += 1
        total.runnable += bool(wanted)
        total.strict += right
        total.unasked += bool({weight for weight, *_ in made} - allowed)
        total.run += row["decision"] == "run"
        total.run_right += row["decision"] == "run" and same
        total.seconds.append(row["seconds"])
        total.by_category.setdefault(entry["category"], []).append(right)
        if not right:
            total.wrong.append(f"[{entry['id']}, {row['decision']}] {entry['prompt']}")
    return total


@dataclass
class Robustness:
    """What became of prompts that try to break a planner.

    Attributes:
        problems: one sentence each: an exception, an invalid plan, an unknown weight.
    """

    prompts: int = 0
    with_tasks: int = 0
    problems: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """A report."""
        return [
            f"{self.prompts} prompts: {self.with_tasks} plans with tasks, {self.prompts - self.with_tasks} refusals or "
            f"questions, {len(self.problems)} problems",
            *self.problems,
        ]


def robustness(planner: Planner, abilities: Sequence[Ability], prompts: Iterable[str]) -> Robustness:
    """Plan every prompt and look for exceptions, invalid plans and weights that are not on the catalogue."""
    known = {a.id for a in abilities}
    total = Robustness()
    for prompt in prompts:
        total.prompts += 1
        try:
            plan = Plan.model_validate_json(decided(planner, prompt, abilities).plan.model_dump_json())
            plan.ordered()
        except Exception as error:  # every kind is a problem here
            total.problems.append(f"{type(error).__name__}: {error} on {prompt!r}")
            continue
        total.with_tasks += bool(plan.pipeline)
        strangers = {t.weight_name for t in plan.pipeline if t.weight_name is not None} - known
        if strangers:
            total.problems.append(f"unknown weights {sorted(strangers)} on {prompt!r}")
        if bool(plan.pipeline) != (plan.status in (Status.OK, Status.PARTIAL)):
            total.problems.append(f"status {plan.status} with {len(plan.pipeline)} tasks on {prompt!r}")
    return total


def _deeds(tasks: Sequence[Mapping[str, Any]], known: Mapping[str, Ability]) -> set[Deed]:
    by_id = {task["id"]: task for task in tasks}
    made: set[Deed] = set()
    for task in tasks:
        ability = known.get(task["weight"].split("|")[0])
        everything = frozenset(s.name.lower() for s in ability.structures) if ability else frozenset()
        structures = frozenset(s.lower() for s in task.get("structures") or ())
        parent = by_id.get(task.get("depends_on"))
        after, results = "", frozenset[str]()
        if parent is not None and task.get("condition"):
            after = parent["weight"]
            results = _triggers(str(task["condition"]), known.get(after.split("|")[0]))
        made.add((task["weight"], frozenset() if structures == everything else structures, after, results))
    return made


def _triggers(condition: str, parent: Ability | None) -> frozenset[str]:
    text = condition.strip().lower()
    classes = frozenset(c.lower() for c in parent.classes) if parent else frozenset()
    positive = frozenset(c.lower() for c in parent.positive) if parent else frozenset()
    if not classes or text in classes:
        return frozenset((text,))
    if text.startswith("not "):
        return classes - _triggers(text[4:], parent)
    return {"positive": positive, "negative": classes - positive}.get(text, frozenset((text,)))


def _same(wanted: set[Deed], made: set[Deed]) -> bool:
    rest = set(made)
    for weight, structures, after, results in wanted:
        options = [(w, structures, a, results) for w in weight.split("|") for a in after.split("|")]
        hit = next((o for o in options if o in rest), None)
        if hit is None:
            return False
        rest.discard(hit)
    return not rest

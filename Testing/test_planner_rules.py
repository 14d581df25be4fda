"""The rule planner on prompts over catalogues that are not the development set."""

from __future__ import annotations

import re

import pytest

from MedPromptLib.plan import Plan
from MedPromptLib.planner import RulePlanner

from planner_cases import CASES, abilities

_TASK = re.compile(r"(?P<weight>\w+)(?:\[(?P<parts>[^\]]*)\])?(?:<(?P<parent>\w+)=(?P<result>\w+))?(?:@(?P<region>\w+))?$")


def gold(text: str) -> tuple[str, set[tuple[str, ...]]]:
    status, *tasks = text.split()
    plan = set()
    for entry in tasks:
        match = _TASK.match(entry)
        assert match, entry
        parts = ",".join(sorted((match["parts"] or "").replace("_", " ").split(","))).strip(",")
        plan.add((match["weight"], parts, match["parent"] or "", (match["result"] or "").replace("_", " "), match["region"] or ""))
    return status, plan


def summary(plan: Plan) -> tuple[str, set[tuple[str, ...]]]:
    weights = {t.id: t.weight_name or "" for t in plan.pipeline}
    tasks = set()
    for task in plan.pipeline:
        on = task.condition_on
        result = "" if on is None else on.expected_result if on.execution == "Positive" else f"not {on.expected_result}"
        tasks.add((task.weight_name or "", ",".join(sorted(task.structures)), weights[on.task_id] if on else "", result,
                   weights[task.dependency] if task.dependency else ""))
    return plan.status.value, tasks


@pytest.mark.parametrize(("prompt", "expected"), CASES, ids=[c[0][:60] for c in CASES])
def test_a_prompt_becomes_the_plan_that_was_asked_for(prompt: str, expected: str) -> None:
    plan = RulePlanner().plan(prompt, abilities())
    assert summary(plan) == gold(expected)

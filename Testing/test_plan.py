"""Plans: what is valid, in which order tasks run, and what is said about broken ones."""

from __future__ import annotations

import json

import pytest

from MedPromptLib.errors import PlanRejected
from MedPromptLib.plan import Condition, Intent, Plan, Status, Task, load_plan


def a_plan(*tasks: Task) -> Plan:
    return Plan(prompt="a prompt", status=Status.OK, pipeline=tasks)


def a_task(number: int, after: int | None = None, region: int | None = None) -> Task:
    condition = Condition(task_id=after) if after else None
    return Task(id=number, intent=Intent.SEGMENTATION, target="lung", condition_on=condition, dependency=region)


def test_tasks_run_after_those_they_refer_to():
    plan = a_plan(a_task(1, after=3), a_task(2), a_task(3, region=2))
    assert [task.id for task in plan.ordered()] == [2, 3, 1]


def test_a_plan_survives_json():
    plan = a_plan(a_task(1), a_task(2, after=1))
    assert load_plan(plan.model_dump_json()) == plan


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ((a_task(1, after=2),), "refers to task 2, which it does not contain"),
        ((a_task(1, after=2), a_task(2, after=1)), "runs in a circle"),
        ((a_task(1, region=1),), "runs in a circle (task 1 → 1)"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(tasks, said):
    text = a_plan(*tasks).model_dump_json()
    with pytest.raises(PlanRejected) as caught:
        load_plan(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "broken",
    [
        "not json",
        "[]",
        json.dumps({"prompt": "x", "status": "ok", "surprise": 1}),
        json.dumps({"prompt": "x", "status": "perhaps"}),
        json.dumps(
            {"prompt": "x", "status": "ok", "pipeline": [{"id": 1, "intent": "registration", "target": "lung"}]}
        ),
        json.dumps(
            {"prompt": "x", "status": "ok", "pipeline": [{"id": 1, "intent": "segmentation", "target": "a"}] * 2}
        ),
    ],
)
def test_a_malformed_plan_is_refused_in_one_sentence(broken):
    with pytest.raises(PlanRejected) as caught:
        load_plan(broken)
    assert "\n" not in str(caught.value)


def test_the_schema_names_the_papers_fields():
    properties = Plan.model_json_schema()["$defs"]["Task"]["properties"]
    assert {"intent", "target", "modality", "weight_name", "dependency", "condition_on"} <= properties.keys()

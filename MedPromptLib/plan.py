"""What the user asks for, as data: `Plan`, `Task` and `Condition`.

The field names of the MedPrompt paper (arXiv 2506.21199, released code) are kept where it has them: `pipeline`,
`intent`, `target`, `modality`, `weight_name`, `dependency` and `condition_on` with `task_id`, `expected_result` and
`execution`.
Everything else (ids, structures, status, omissions, text spans) is ours.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .errors import PlanRejected
from .filter_steps import Filter, OmitsNoFilters

PLAN_VERSION: Literal[1] = 1

POSITIVE = "positive"
"""`Condition.expected_result` that stands for every class the weight's card lists as a positive finding."""

NEGATIVE = "negative"
"""`Condition.expected_result` that stands for every class that is not a positive finding."""


class Intent(StrEnum):
    """What a task produces."""

    SEGMENTATION = "segmentation"
    CLASSIFICATION = "classification"


class Status(StrEnum):
    """How much of the request became tasks."""

    OK = "ok"
    """All of it."""
    PARTIAL = "partial"
    """Some of it; `Plan.omissions` says what was left out and why."""
    CLARIFY = "clarify"
    """Nothing yet: the request is too vague; `Plan.message` asks the question."""
    REFUSED = "refuse"
    """Nothing: no part of the request can be done; `Plan.message` says why."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(_Strict):
    """The dependent task runs only if an earlier task had the expected result.

    Attributes:
        task_id: `Task.id` of the earlier task.
        expected_result: `positive`, `negative`, or a class name of the earlier task's weight.
            For a segmentation, `positive` means that it found something above the stated size.
        execution: `Positive` runs on the expected result, `Negative` on every other result.
        minimum_size: for a condition on a segmentation, the smallest size that counts as found,
            in ml (volumes) or cm² (single slices).
    """

    task_id: Annotated[int, Field(ge=1)]
    expected_result: str = POSITIVE
    execution: Literal["Positive", "Negative"] = "Positive"
    minimum_size: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


class Task(_Strict):
    """One thing to do to one image.

    Attributes:
        id: unique within the plan, from 1.
        intent: segmentation or classification.
        target: what is segmented or looked for, in the catalogue's term if it has one.
        modality: in the catalogue's term, or None if the request does not say.
        structures: which structures of a multi-structure weight are wanted; empty means all.
        sequences: the images of an examination that the request names for it (`sequences.names`); empty if it names
            none, or the weight takes one image.
        weight_name: the weight the planner proposes; the router decides.
        dependency: `id` of the segmentation whose result is this task's input region.
        condition_on: when to run; None means always.
        span: the words of the prompt this task came from.
    """

    id: Annotated[int, Field(ge=1)]
    intent: Intent
    target: Annotated[str, Field(min_length=1)]
    modality: str | None = None
    structures: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()
    weight_name: str | None = None
    dependency: int | None = None
    condition_on: Condition | None = None
    span: str = ""


class Preprocessing(_Strict):
    """A filter that the image passes before the tasks look at it.

    Attributes:
        filter: with its parameters.
        span: the words of the prompt it came from.
    """

    filter: Filter
    span: str = ""


class Omission(_Strict):
    """A part of the request that did not become a task.

    Attributes:
        text: the words of the prompt.
        reason: one sentence for the user.
    """

    text: str
    reason: str


class Plan(OmitsNoFilters, _Strict):
    """A request as data: it can be shown, edited, saved, replayed without a language model and compared in a test.

    Attributes:
        prompt: the request as typed.
        status: how much of it became tasks.
        preprocessing: filters, in order, that all tasks' image passes first; most plans have none.
        pipeline: the tasks, each after the tasks it refers to.
        omissions: what was left out and why.
        message: the question (`clarify`) or explanation (`refuse`) for the user.
        planner: name of the planner that made the plan.
    """

    version: Literal[1] = PLAN_VERSION
    prompt: str
    status: Status
    preprocessing: tuple[Preprocessing, ...] = ()
    pipeline: tuple[Task, ...] = ()
    omissions: tuple[Omission, ...] = ()
    message: str = ""
    planner: str = ""

    @field_validator("pipeline")
    @classmethod
    def _ids_are_unique(cls, tasks: tuple[Task, ...]) -> tuple[Task, ...]:
        ids = [task.id for task in tasks]
        if len(set(ids)) != len(ids):
            raise ValueError(f"task ids {ids} are not unique")
        return tasks

    def task(self, task_id: int) -> Task:
        """The task with this id.

        Raises:
            PlanRejected: there is none.
        """
        for task in self.pipeline:
            if task.id == task_id:
                return task
        raise PlanRejected(f"The plan refers to task {task_id}, which it does not contain.")

    def ordered(self) -> tuple[Task, ...]:
        """The tasks such that each comes after those it depends on, otherwise in the plan's order.

        Raises:
            PlanRejected: a reference to a missing task, to itself, or a circle.
        """
        done: dict[int, Task] = {}
        for first in self.pipeline:
            visiting = {first.id: first} if first.id not in done else {}
            while visiting:  # a stack and not recursion, as a plan may be one long chain
                task = next(reversed(visiting.values()))
                needed = next((i for i in references(task) if i not in done), None)
                if needed is None:
                    done[task.id] = task
                    del visiting[task.id]
                    continue
                if needed in visiting:
                    ids = list(visiting)
                    circle = " → ".join(str(i) for i in [*ids[ids.index(needed) :], needed])
                    raise PlanRejected(f"The plan runs in a circle (task {circle}); remove one of these references.")
                visiting[needed] = self.task(needed)
        return tuple(done.values())


def references(task: Task) -> tuple[int, ...]:
    """Ids of the tasks that must have run before `task`."""
    wanted = (task.dependency, task.condition_on.task_id if task.condition_on else None)
    return tuple(i for i in wanted if i is not None)


def load_plan(text: str) -> Plan:
    """A plan from its JSON text.

    Raises:
        PlanRejected: not JSON, unknown or missing fields, or a reference that leads nowhere.
    """
    try:
        plan = Plan.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise PlanRejected(f"The plan is not valid: {where}: {first['msg']}.") from error
    plan.ordered()
    return plan

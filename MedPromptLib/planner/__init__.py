"""From a prompt to a plan: the rule planner, the chat-endpoint planner, and what both share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ..catalog import Ability
from ..plan import Plan
from .agreement import AgreementPlanner, Policy, Verdict, decided
from .batch import decision, describe, plan_batch
from .checks import MAXIMUM_LENGTH, checked_prompt
from .endpoint import EndpointPlanner
from .explaining import explain, question
from .local import LanguageModelPlanner
from .rules import Draft, RulePlanner


@runtime_checkable
class Planner(Protocol):
    """Anything that turns a prompt into a plan for a catalogue."""

    name: str

    def plan(self, prompt: str, abilities: Sequence[Ability]) -> Plan:
        """The plan for a prompt.

        Raises:
            InvalidInput: an empty or overlong prompt.
        """
        ...


__all__ = [
    "MAXIMUM_LENGTH",
    "AgreementPlanner",
    "Draft",
    "EndpointPlanner",
    "LanguageModelPlanner",
    "Planner",
    "Policy",
    "RulePlanner",
    "Verdict",
    "checked_prompt",
    "decided",
    "decision",
    "describe",
    "explain",
    "plan_batch",
    "question",
]

"""The planner that needs no model: a clause parser over the catalogue's words, deterministic and fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..catalog import Ability
from ..plan import Plan
from .assemble import Assembler
from .checks import checked_prompt
from .filtering import alone, with_filters, without_filters
from .foreign import without_foreign
from .interpret import Interpreter
from .reading import read


class Draft(NamedTuple):
    """A plan and what the planner is not sure of; a plan without doubts may run without being shown first."""

    plan: Plan
    doubts: tuple[str, ...]


class RulePlanner:
    """Plans by rules: reads the prompt's words, divides it into clauses, and looks up every term in the catalogue.

    It runs on this machine, learns nothing and keeps nothing but the last few catalogues' lexicons.
    """

    name = "rules"

    def plan(self, prompt: str, abilities: Sequence[Ability]) -> Plan:
        """The plan for a prompt.

        Raises:
            InvalidInput: an empty or overlong prompt.
        """
        return self.draft(prompt, abilities).plan

    def draft(self, prompt: str, abilities: Sequence[Ability]) -> Draft:
        """The plan and the planner's doubts about it.

        Raises:
            InvalidInput: an empty or overlong prompt.
        """
        checked_prompt(prompt)
        foreign = without_foreign(prompt)
        asked = without_filters(foreign.text)
        if asked.text != foreign.text:
            rest = self._draft(prompt, asked.text, foreign.stretches, abilities)
            if rest.plan.pipeline:
                return rest._replace(plan=with_filters(rest.plan, asked))
        whole = self._draft(prompt, foreign.text, foreign.stretches, abilities)
        return whole._replace(plan=alone(whole.plan, asked))

    def _draft(self, prompt: str, text: str, stretches: tuple[str, ...], abilities: Sequence[Ability]) -> Draft:
        reading = read(prompt, text, abilities)
        said = Interpreter(reading).run()
        result = Assembler(prompt, reading.lexicon, said, stretches).build()
        plan = result.as_plan(prompt, self.name)
        waits = any(a.condition is not None for a in said.asks if not a.cancelled and not a.negated)
        lost = waits and plan.pipeline and not plan.omissions and not any(t.condition_on for t in plan.pipeline)
        return Draft(
            plan, (*result.doubts, "a condition was read, but no task waits for it") if lost else result.doubts
        )

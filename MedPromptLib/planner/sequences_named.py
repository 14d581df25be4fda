"""The sequences of an examination that a request names, and what the images say where a request leaves it open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..catalog import Ability
from ..plan import Plan, Task
from ..routing import is_for, modality_fits
from ..sequences.names import mentions, plainly, title

if TYPE_CHECKING:
    from .agreement import Verdict

SPOKEN = {"t1ce": "T1ce"}
"""Where `names.title` is no word that the planners know as a kind of image."""


def in_words(sequences: Sequence[str]) -> str:
    """Sequences as a request would name its images: "T1, FLAIR and T1ce MRI"; empty for none."""
    words = [SPOKEN.get(name, title(name)) for name in sequences]
    return f"{' and '.join([', '.join(words[:-1]), words[-1]] if words[1:] else words)} MRI" if words else ""


def decided_on_sequences(
    decide: Callable[[str], Verdict], prompt: str, abilities: Sequence[Ability], images: Sequence[str]
) -> Verdict:
    """A planner's verdict for a catalogue in which some weights take several sequences together.

    "The contrast series" is read as a sequence where another one is named beside it; a request that leaves open what is
    meant ("outline the tumour") is read again with the images that were given; and each task learns which sequences the
    request names.

    Args:
        decide: the planner.
        images: the sequences that were given, if that is known.
    """
    asked = plainly(prompt)
    verdict = decide(asked)
    if verdict.decision == "clarify" and images:
        again = decide(f"{asked.rstrip(' .?!')} on {in_words(images)}")
        if again.plan.pipeline:
            note = f"The request does not say on what; that was read from the images ({in_words(images)})."
            verdict = replace(again, notes=(*again.notes, note))
    readings = tuple(with_sequences(plan, prompt, abilities) for plan in verdict.readings)
    return replace(verdict, plan=with_sequences(verdict.plan, prompt, abilities), readings=readings)


def with_sequences(plan: Plan, prompt: str, abilities: Sequence[Ability]) -> Plan:
    """The plan under the prompt as it was typed, its tasks with the sequences that the prompt names."""
    found = mentions(prompt)
    denied = {m.name for m in found if m.denied}
    named = tuple(dict.fromkeys(m.name for m in found if m.name not in denied))
    tasks = tuple(
        task.model_copy(update={"sequences": named}) if named and _takes_several(task, abilities) else task
        for task in plan.pipeline
    )
    return plan.model_copy(update={"prompt": prompt, "pipeline": tasks})


def _takes_several(task: Task, abilities: Sequence[Ability]) -> bool:
    for ability in abilities:
        serves = task.weight_name == ability.id or (
            not task.weight_name
            and ability.intent is task.intent
            and is_for(ability, task)
            and modality_fits(ability.modality, task.modality)
        )
        if serves and ability.sequences:
            return True
    return False

"""A verdict in words: each step with the words it came from and the card it hit, what was left out, what differs."""

from __future__ import annotations

from collections.abc import Sequence

from ..catalog import Ability
from ..plan import Task
from ..sequences.names import listed
from .agreement import Verdict
from .batch import describe
from .lexicon import Card, Lexicon, lexicon_for
from .reading import read
from .vocabulary import words_of

_DECISIONS = {
    "run": "runs without asking: the planners agree",
    "confirm": "has to be confirmed first",
    "clarify": "asks back; nothing runs",
    "refuse": "refused; nothing runs",
}


def explain(verdict: Verdict, abilities: Sequence[Ability]) -> str:
    """The plan, why each of its cards was hit, the decision with its reason, and the other reading if there is one."""
    known = {a.id: a for a in abilities}
    plan = verdict.plan
    told = [describe(plan, abilities)] if plan.pipeline or plan.omissions or plan.message else []
    for task in plan.pipeline:
        ability = known.get(task.weight_name or "")
        if ability is not None:
            told.append(f"   step {task.id}: “{task.span}” → {ability.id}: {why(task, ability, abilities)}")
            if ability.sequences:
                told.append(f"   step {task.id} takes {_images(task, ability)}")
        else:
            told.append(f"   step {task.id}: “{task.span}”: several weights fit; the image's modality decides")
    decision = _DECISIONS[verdict.decision]
    if verdict.decision == "run" and len(verdict.readings) < 2:
        decision = "runs without asking: the planner has no doubts"
    told.append(f"Decision: {verdict.decision} ({decision}).")
    if verdict.reason and verdict.reason != plan.message:
        told.append(verdict.reason)
    if verdict.difference:
        names = [p.planner for p in verdict.readings]
        told += [f"- {names[0]} (proposed)", f"+ {names[1]}", *verdict.difference]
    told += [f"Doubt: {doubt}." for doubt in verdict.doubts]
    told += list(verdict.notes)
    if verdict.certainty is not None:
        told.append(f"Certainty of the language model: {verdict.certainty:.2f}")
    return "\n".join(told)


def _images(task: Task, ability: Ability) -> str:
    """The images of an examination that a step takes together."""
    some = "any of " if ability.any_sequences else ""
    named = f"; the request names {listed(task.sequences)}" if task.sequences else ""
    return f"{some}{listed(ability.sequences)} of one examination together{named}"


def question(verdict: Verdict, abilities: Sequence[Ability]) -> str:
    """What a panel shows above the button that runs the plan: the steps, and the other reading where there is one."""
    told = [describe(verdict.plan, abilities)]
    if verdict.difference:
        other = [line[2:] for line in verdict.difference if line.startswith("+ ")]
        dropped = [line[2:] for line in verdict.difference if line.startswith("- ")]
        told.append("Read otherwise: " + "; ".join([*other, *(f"without “{line}”" for line in dropped)]) + ".")
    else:
        told += [f"Not sure: {doubt}." for doubt in verdict.doubts[:2]]
    return "\n".join(told)


def why(task: Task, ability: Ability, abilities: Sequence[Ability]) -> str:
    """Why a card was hit, in one phrase."""
    lexicon = lexicon_for(tuple(abilities), "en")
    card = next(c for c in lexicon.cards if c.ability is ability or c.ability.id == ability.id)
    words = words_of(task.span)
    for kind, names in (
        ("target", (ability.target,)),
        ("synonym", ability.synonyms),
        ("structure", tuple(n for s in ability.structures for n in (s.name, *s.synonyms))),
        ("class", ability.classes),
    ):
        for name in names:
            own = words_of(name.replace("_", " "))
            if own and _contains(words, own):
                return f"names the card's {kind} “{name}”"
    return _meaning(task, card, lexicon, abilities)


def _meaning(task: Task, card: Card, lexicon: Lexicon, abilities: Sequence[Ability]) -> str:
    keys = [k for i in read(task.span, task.span, abilities).items if i.kind == "T" for k in i.concepts]
    own = {*card.keys, *(k for _, group in card.structures for k in group), *(k for _, k in card.classes if k)}
    bases = {key.partition("@")[0] for key in own}
    for key in keys:
        if key in own or key in bases:
            return f"means “{lexicon.name(key)}”, which the card is for"
    return f"read as {task.target} from the rest of the request"


def _contains(words: tuple[str, ...], part: tuple[str, ...]) -> bool:
    return any(words[i : i + len(part)] == part for i in range(len(words) - len(part) + 1))

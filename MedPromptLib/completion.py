"""What a prompt may say: terms of the installed cards that complete what is being typed, and example requests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .catalog import Ability
from .plan import Intent

LONGEST = 4
"""Words of a term that are compared with the end of the text."""
SHORTEST = 2
"""Letters that must have been typed before anything is offered."""
MOST = 8


def terms(abilities: Iterable[Ability]) -> tuple[str, ...]:
    """Targets, structures, images, synonyms and classes of cards, without doubles, in alphabetical order."""
    found: set[str] = set()
    for ability in abilities:
        found |= {ability.target, ability.modality, *ability.synonyms}
        for structure in ability.structures:
            found |= {structure.name, *structure.synonyms}
        found |= {name.replace("_", " ") for name in ability.classes}
    return tuple(sorted(found, key=str.casefold))


def completions(text: str, known: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    """Terms that go on as the text ends.

    Args:
        text: the prompt up to the cursor.
        known: from `terms`.

    Returns:
        how many characters at the end of the text a term replaces, and the terms, those with the longest match first;
        none if the text ends with a whole term.
    """
    starts = [match.start() for match in re.finditer(r"[^\W_][\w'-]*", text)][-LONGEST:]
    for start in starts:
        typed = text[start:]
        if len(typed) < SHORTEST:
            continue
        beginning = typed.casefold()
        fitting = tuple(term for term in known if term.casefold().startswith(beginning))
        if fitting:
            whole = any(term.casefold() == beginning for term in fitting)
            return len(typed), () if whole else fitting[:MOST]
    return 0, ()


def examples(abilities: Sequence[Ability]) -> tuple[str, ...]:
    """One request per card, and a conditional one where two cards are for the same images."""
    made = []
    for ability in abilities:
        verb = "Segment" if ability.intent is Intent.SEGMENTATION else "Classify"
        made.append(f"{verb} {ability.target} on this {ability.modality}.")
    pairs = [(first, second) for first in abilities for second in abilities if first.modality == second.modality]
    for first, second in pairs:
        if first.intent is Intent.SEGMENTATION and second.intent is Intent.CLASSIFICATION:
            made.append(
                f"Segment {first.target} on this {first.modality}. If something is found, classify {second.target}."
            )
    return tuple(made)

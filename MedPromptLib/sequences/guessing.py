"""Which image of an examination is which sequence: said by the user, by DICOM tags, by its name, or by its grey values.

What is found is a proposal with its reason, to be shown; whoever uses it decides how sure it has to be.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..images import MedicalImage
from .appearance import probabilities
from .names import named_in_file, title

CONTRADICTED = 0.95
"""Probability of another sequence from which the grey values contradict what was said, on the card's own terms."""
LEAST = 1e-6


@dataclass(frozen=True)
class Guess:
    """What an image was taken for.

    Attributes:
        sequence: a card's name, or empty if nothing is known.
        reason: why, as the end of a sentence: "its name says so".
        probability: by grey values, where nothing else was known; else None.
        doubt: one sentence if its grey values look like another of the wanted sequences; else empty.
    """

    sequence: str
    reason: str
    probability: float | None = None
    doubt: str = ""


def told(image: MedicalImage, wanted: Sequence[str]) -> Guess:
    """What tags and name say, without looking at the grey values."""
    if image.sequence:
        return Guess(image.sequence, "its DICOM tags, or what was chosen for it before, say so")
    found = named_in_file(image.name, wanted)
    return Guess(found, "its name says so") if found else Guess("", "neither its name nor its tags tell what it is")


def sequences_told(images: Sequence[MedicalImage]) -> tuple[str, ...]:
    """What several images are by tags and names; empty unless that is known of two or more."""
    known = tuple(dict.fromkeys(guess.sequence for image in images if (guess := told(image, ())).sequence))
    return known if len(known) > 1 else ()


def guesses(
    images: Sequence[MedicalImage], wanted: Sequence[str], chosen: Mapping[int, str | Guess] | None = None
) -> tuple[Guess, ...]:
    """A guess for each image.

    Those that neither the user, nor tags, nor names tell of are given to the sequences that are left, together, so that
    the product of their probabilities is largest.

    Args:
        wanted: a card's names.
        chosen: what the user said, or was shown and left, by number of the image.
    """
    chosen = chosen or {}
    looks = [_among(probabilities(image), wanted) for image in images]
    found: dict[int, Guess] = {}
    for number, image in enumerate(images):
        said = chosen.get(number)
        guess = said if isinstance(said, Guess) else Guess(said, "you said so") if said else told(image, wanted)
        if guess.sequence:
            found[number] = guess
    left = [name for name in wanted if name not in {g.sequence for g in found.values()}]
    found |= _by_looks({n: looks[n] for n in range(len(images)) if n not in found and looks[n]}, left)
    nothing = Guess("", "neither its name nor its tags tell what it is")
    return tuple(_doubted(found.get(n, nothing), images[n], looks[n]) for n in range(len(images)))


def _among(look: Mapping[str, float], wanted: Sequence[str]) -> dict[str, float]:
    """The probabilities of the wanted sequences alone; empty if fewer than two are known by their grey values."""
    kept = {name: max(look[name], LEAST) for name in wanted if name in look}
    total = sum(kept.values())
    return {name: p / total for name, p in kept.items()} if len(kept) > 1 else {}


def _by_looks(looks: Mapping[int, Mapping[str, float]], left: Sequence[str]) -> dict[int, Guess]:
    names = [name for name in left if all(name in look for look in looks.values())]
    numbers = list(looks)
    count = min(len(numbers), len(names))
    if not count:
        return {}
    options = [
        list(zip(some, order, strict=True))
        for some in itertools.combinations(numbers, count)
        for order in itertools.permutations(names, count)
    ]
    scores = [sum(math.log(looks[n][name]) for n, name in option) for option in options]
    best = max(range(len(options)), key=scores.__getitem__)
    certainty = 1 / sum(math.exp(score - scores[best]) for score in scores)
    return {
        n: Guess(name, f"its grey values look so ({100 * certainty:.0f} %)", certainty) for n, name in options[best]
    }


def _doubted(guess: Guess, image: MedicalImage, look: Mapping[str, float]) -> Guess:
    if guess.probability is not None or guess.sequence not in look:
        return guess
    other = max(look, key=look.__getitem__)
    if other == guess.sequence or look[other] < CONTRADICTED:
        return guess
    doubt = (
        f"'{image.name}' was taken for {title(guess.sequence)} because {guess.reason}, but its grey values look like "
        f"{title(other)} ({100 * min(look[other], 0.999):.1f} %)"
    )
    return Guess(guess.sequence, guess.reason, None, doubt)

"""Measurements as sentences. Each says one thing in few, rounded words, so that alike images are told alike."""

from __future__ import annotations

from .kinds import Kind, Seen
from .observing import Observation, Region

ROWS = ("upper", "middle", "lower")
COLUMNS = ("left", "centre", "right")


def place(region: Region) -> str:
    """A third of a third of the body, in words."""
    if (region.row, region.column) == (1, 1):
        return "in the middle"
    if region.column == 1:
        return f"in the {ROWS[region.row]} part near the midline"
    side = f"on the {COLUMNS[region.column]} of the picture"
    return f"at middle height {side}" if region.row == 1 else f"in the {ROWS[region.row]} part {side}"


def kind_sentence(seen: Seen, expected: tuple[Kind, ...]) -> str:
    """What kind of image it is, or that it is another than was asked for."""
    names = " or ".join(kind.title for kind in expected)
    if expected and seen.kind not in expected:
        if seen.kind is None:
            return f"Warning: this is not recognised as {names}; its kind is not known."
        return f"Warning: this should be {names}, but it looks like {seen.kind.title}."
    return f"This is {seen.kind.title}." if seen.kind else "The kind of this image is not known."


def observed_sentences(seen: Observation) -> tuple[str, ...]:
    """What was measured on a slice."""
    if seen.is_empty:
        return ("There is next to nothing on this slice.",)
    form = "wider than tall" if seen.aspect > 1.15 else "taller than wide" if seen.aspect < 0.87 else "about round"
    sentences = [
        f"The body fills about {_tens(seen.extent)} percent of the picture and is {form}.",
        f"Its tissue is {_brightness(seen.mean)} on average, with {_contrast(seen.spread)} contrast.",
        f"Edges inside are {'sharp' if seen.sharpness > 0.09 else 'soft' if seen.sharpness > 0.045 else 'faint'}.",
    ]
    if seen.likeness > 0.85:
        sentences.append("Left and right are nearly alike.")
    elif seen.likeness > 0.6:
        sentences.append("Left and right differ somewhat.")
    else:
        sentences.append("Left and right are unlike.")
    if seen.difference is not None:
        how = "brighter" if seen.difference.steps > 0 else "darker"
        sentences.append(
            f"A {_size(seen.difference)} region {place(seen.difference)} is {how} than the place opposite."
        )
    for name, region in (("bright", seen.brightest), ("dark", seen.darkest)):
        if region is None:
            sentences.append(f"No inner region stands out {name}.")
            continue
        much = "much" if abs(region.steps) > 2.5 else "somewhat"
        edge = "sharp" if region.sharpness > 0.16 else "diffuse"
        sentences.append(
            f"The {name} region that stands out most lies {place(region)}; it is {_size(region)}, {much} "
            f"{name}er than the rest, with {edge} edges."
        )
    return tuple(sentences)


def task_sentence(structures: tuple[str, ...]) -> str:
    """What is to be outlined."""
    *most, last = structures
    return f"Outline the {', the '.join(most)} and the {last}." if most else f"Outline the {last}."


def _tens(share: float) -> int:
    return max(5, round(share * 10) * 10)


def _brightness(mean: float) -> str:
    return "dark" if mean < 0.25 else "grey" if mean < 0.5 else "bright"


def _contrast(spread: float) -> str:
    return "low" if spread < 0.12 else "moderate" if spread < 0.2 else "strong"


def _size(region: Region) -> str:
    limits = ((0.01, "tiny"), (0.04, "small"), (0.12, "medium-sized"))
    return next((name for limit, name in limits if region.share < limit), "large")

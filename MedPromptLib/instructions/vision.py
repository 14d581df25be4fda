"""Instructions by a vision-language model at an OpenAI-compatible endpoint; pixels leave the process, so on request.

The answer is text to be turned into vectors: nothing in it is executed or followed. It stands in for the measured
sentences of that image; the kind of image and what is to be outlined are said by this program as always.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..catalog import Instructing
from ..errors import EndpointFailed
from ..images import Array
from ..planner.endpoint import EndpointPlanner
from .kinds import see
from .wording import kind_sentence, task_sentence
from .writing import Instruction, expected_kinds, keep_instructions, middle_slices

SHOWN = 3
"""Slices of the middle half of a volume that are sent; more cost time and say little more."""
LONGEST, MOST = 240, 12
"""Letters of a sentence, and sentences, that are taken of an answer."""
SIDES = re.compile(r"\b(left|right)(?=\b|-)", re.IGNORECASE)
PIXELS = "pixels"
"""What `Consents` calls it."""


def request(slices: Array, rule: Instructing, structures: Sequence[str], sequence: str = "") -> list[dict[str, Any]]:
    """The conversation that would be sent: a request and up to three slices as PNG pictures, without any other data."""
    names = " or ".join(kind.title for kind in expected_kinds(rule, sequence))
    text = (
        f"You see slices of what is given as {names}. Somebody is about to outline: {', '.join(structures)}. Describe "
        f"in at most {MOST - 4} short sentences what the pictures show that helps with that: where each structure lies "
        "in the picture, how large it is, how bright against its surroundings, how sharp its edges are, and what could "
        "be mistaken for it. Say so if the pictures show something else. Write plain sentences, no list, no diagnosis."
    )
    pictures = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_png(slices[k])}"}}
        for k in middle_slices(len(slices), SHOWN)
    ]
    return [{"role": "user", "content": [{"type": "text", "text": text}, *pictures]}]


def ask_for_instructions(
    endpoint: EndpointPlanner,
    slices: Array,
    rule: Instructing,
    structures: Sequence[str],
    sequence: str = "",
    *,
    folder: Path | None = None,
) -> tuple[Instruction, ...]:
    """One instruction for each slice, kept by the image's hash, so that runs on this image use it from then on.

    The caller has made sure that the user agreed to send the pixels.

    Args:
        slices, structures, sequence, folder: as `write_instructions` takes them.

    Raises:
        EndpointFailed: no connection, too slow, an HTTP error, or an answer without sentences.
    """
    said = sentences_of(endpoint.answer(request(slices, rule, structures, sequence)))
    if not said:
        raise EndpointFailed(f"The model '{endpoint.model}' answered without a sentence; try another model.")
    expected = expected_kinds(rule, sequence)
    kind = kind_sentence(see([slices[k] for k in middle_slices(len(slices))], expected), expected)
    task = task_sentence(tuple(structures))
    one = Instruction(
        sequence=sequence,
        sentences=(kind, *said, task),
        mirrored=(kind, *(mirrored(sentence) for sentence in said), task),
        source=endpoint.name,
    )
    told = (one,) * len(slices)
    keep_instructions(told, slices, rule, structures, sequence, folder=folder)
    return told


def sentences_of(answer: str) -> tuple[str, ...]:
    """Sentences of an answer, without list marks and control characters, shortened and counted out."""
    lines = (
        "".join(c if c.isprintable() else " " for c in line).lstrip("-*•#0123456789.) ") for line in answer.splitlines()
    )
    found = (part.strip() for line in lines for part in re.split(r"(?<=[.!?])\s+", line))
    return tuple(part[:LONGEST] for part in found if any(c.isalpha() for c in part))[:MOST]


def mirrored(sentence: str) -> str:
    """A sentence about the picture mirrored from side to side."""

    def other(found: re.Match[str]) -> str:
        word = "right" if found[1].lower() == "left" else "left"
        return word.capitalize() if found[1][0].isupper() else word

    return SIDES.sub(other, sentence)


def _png(picture: Array) -> str:
    from PIL import Image

    x = picture.astype(np.float32)
    low, high = np.percentile(x, (0.5, 99.5))
    grey = ((x - low) / max(float(high - low), 1e-6)).clip(0, 1) * 255
    stream = io.BytesIO()
    Image.fromarray(grey.astype(np.uint8)).save(stream, format="PNG")
    return base64.b64encode(stream.getvalue()).decode("ascii")

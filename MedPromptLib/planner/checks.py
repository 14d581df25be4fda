"""Checks every planner makes before it reads a prompt."""

from __future__ import annotations

from ..errors import InvalidInput

MAXIMUM_LENGTH = 4000
"""Longest prompt in characters."""


def checked_prompt(prompt: str) -> str:
    """The prompt, if a planner may read it.

    Raises:
        InvalidInput: empty, blank, longer than `MAXIMUM_LENGTH`, or with bytes that are no text.
    """
    if not prompt.strip():
        raise InvalidInput(
            "The prompt is empty; expected a request such as 'Segment the lungs on this chest x-ray', please type one."
        )
    if len(prompt) > MAXIMUM_LENGTH:
        raise InvalidInput(
            f"The prompt has {len(prompt)} characters where at most {MAXIMUM_LENGTH} are expected; "
            "please shorten or divide it."
        )
    if any("\ud800" <= character <= "\udfff" for character in prompt):  # what Python reads such bytes as
        raise InvalidInput("The prompt holds bytes that are no UTF-8 text; please type it again, or save it as UTF-8.")
    return prompt

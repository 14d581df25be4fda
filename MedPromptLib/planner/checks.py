"""Checks every planner makes before it reads a prompt."""

from __future__ import annotations

from ..errors import InvalidInput

MAXIMUM_LENGTH = 4000
"""Longest prompt in characters."""


def checked_prompt(prompt: str) -> str:
    """The prompt, if a planner may read it.

    Raises:
        InvalidInput: empty, blank, or longer than `MAXIMUM_LENGTH`.
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
    return prompt

"""Errors a user may meet. Each message is one sentence: what was wrong, what was expected, what to do."""

from __future__ import annotations

import unicodedata


def printable(text: str) -> str:
    """The text without control characters and halves of characters, with which a file could command the terminal."""
    kept = (
        c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs") else "\N{REPLACEMENT CHARACTER}" for c in text
    )
    return "".join(kept)


LONGEST_MESSAGE = 2_000
"""Characters; of a longer message its beginning and its end, where the advice is, are kept."""


class MedPromptError(Exception):
    """Base of all errors that are shown to a user as one line.

    Attributes:
        exit_code: what the command line returns when this error ends it (see the README's table).

    What a message quotes from a file is shortened and made printable, whoever shows it.
    """

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        text = printable(message)
        if len(text) > LONGEST_MESSAGE:
            half = LONGEST_MESSAGE // 2
            text = f"{text[:half]} … {text[-half:]}"
        super().__init__(text)


class InvalidInput(MedPromptError):
    """An image, prompt, option or file the user gave cannot be used."""

    exit_code = 2


class UnusualInput(InvalidInput):
    """The image does not look like those a weight was made for, and nobody has accepted that; `misfits` says why."""

    def __init__(self, message: str, misfits: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.misfits = misfits


class PlanRejected(MedPromptError):
    """A plan is malformed, refers to missing tasks, runs in a circle or asks for nothing that can be done."""

    exit_code = 3


class NoMatchingWeight(PlanRejected):
    """No installed weight does what a task asks for; the message names the nearest one."""


class NotConfirmed(PlanRejected):
    """The planners differ or are unsure, and nobody has confirmed the plan; `verdict` holds what they read."""

    def __init__(self, message: str, verdict: object = None) -> None:
        super().__init__(message)
        self.verdict = verdict


class WeightCorrupt(MedPromptError):
    """A weight file or card is missing, truncated, altered or does not fit its network."""

    exit_code = 4


class EndpointFailed(MedPromptError):
    """The configured chat endpoint is down, slow or answers something that is not a plan."""

    exit_code = 5


class OutputFailed(MedPromptError):
    """The results could not be written; nothing half-written was left behind."""

    exit_code = 6


class MissingPackage(MedPromptError):
    """An optional package is needed; the message is the line that installs it."""

    exit_code = 7


class Cancelled(MedPromptError):
    """The user cancelled; no result was kept."""

    exit_code = 130


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory does not suffice; torch has several, and is not imported to know them."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in said or "allocate memory" in said)

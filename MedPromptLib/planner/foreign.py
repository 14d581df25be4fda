"""Text that is not a request to this program: markup, code, quoted orders to a language model.

Such stretches are cut out before planning and reported. They can hide words; they can never add a task.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_STRETCHES = re.compile(
    r"<!--.*?(?:-->|$)"
    r"|<\s*(system|sys|instruction|instructions|prompt|assistant|admin|script|inst)\b[^>]*>.*?(?:<\s*/\s*\1\s*>|$)"
    r"|\[\s*(?:system|inst|admin)\b[^\]]*\](?:.*?\[\s*/\s*(?:system|inst|admin)\s*\])?"
    r"|```.*?(?:```|$)"
    r"|\{(?=[^{}]*[\":{])[^{}]*(?:\{[^{}]*\}[^{}]*)*\}"
    r"|<\s*/?\s*[a-z|][^<>]*>"
    r"|\b(?:system|assistant|developer|admin|root)\s*(?:prompt|message|note)?\s*:[^\n]*"
    r"|\bnote\s+to\s+(?:the\s+)?(?:ai|model|llm|assistant|bot|system)\b[^.\n]*(?:\.|$)"
    r"|\b[\w.+-]+@[\w-]+\.[\w.]+"
    r"|\bhttps?://\S+"
    r"|\b(?:rm\s+-\w+|sudo\s|os\.system|curl\s|wget\s|eval\(|exec\(|__import__|subprocess)\S*[^.\n]*",
    re.IGNORECASE | re.DOTALL,
)
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad]")


class Foreign(NamedTuple):
    """The prompt with foreign stretches blanked (same length) and those stretches as typed."""

    text: str
    stretches: tuple[str, ...]


def without_foreign(prompt: str) -> Foreign:
    """Blank everything that addresses a program rather than the image."""
    found: list[str] = []

    def blank(match: re.Match[str]) -> str:
        words = match.group().strip()
        if words:
            found.append(words)
        return " . ".center(len(match.group())) if len(match.group()) > 4 else " " * len(match.group())

    text = _INVISIBLE.sub(" ", prompt)
    return Foreign(_STRETCHES.sub(blank, text), tuple(found))

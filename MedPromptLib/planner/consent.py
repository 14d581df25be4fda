"""Before a prompt leaves the machine: what exactly will be sent, what may identify somebody, who agreed to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..agreements import Agreements
from ..catalog import Ability
from ..user_folders import configuration_folder
from .endpoint import EndpointPlanner
from .endpoint_schema import messages

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\.?"
)
_IDENTIFIERS = (
    ("date", re.compile(r"\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b")),
    ("date", re.compile(rf"\b(?:\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH}|{_MONTH}\s+\d{{1,2}})(?:,?\s+\d{{4}})?\b", re.I)),
    ("date", re.compile(r"\d{4}\s*年\s*\d{1,2}\s*月(?:\s*\d{1,2}\s*日)?")),
    (
        "record number",
        re.compile(r"\b(?:mrn|id|pid|accession|record|patient\s+(?:no|number|id))\W{0,3}[a-z]{0,4}-?\d{3,}\b", re.I),
    ),
    ("record number", re.compile(r"(?<![\d.,])\d{6,}(?![\d.,]*\d)")),
    ("e-mail address", re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")),
    ("telephone number", re.compile(r"(?<!\w)\+?(?:\d{1,3} ?\()?\d{2,4}\)?(?:[ -]\d{2,5}){2,4}\b")),
    (
        "name",
        re.compile(
            r"\b(?:[Mm]r|[Mm]rs|[Mm]s|[Mm]iss|[Dd]r|[Pp]rof|[Hh]err|[Ff]rau|[Ss]eñora?|[Ss]ra?|[Mm]me|[Mm])\.?\s+"
            r"[^\W\d_a-z][\w'’-]+(?:\s+[^\W\d_a-z][\w'’-]+)?"
        ),
    ),
    (
        "name",
        re.compile(
            r"\b(?:[Pp]atient|[Nn]ame|[Cc]alled|[Nn]amed)\s*(?:is|:)?\s+[^\W\d_a-z][\w'’-]+\s+[^\W\d_a-z][\w'’-]+"
        ),
    ),
    ("name", re.compile(r"\b[A-Z][a-zà-ÿ'’-]+,\s+[A-Z][a-zà-ÿ'’-]+\b")),
)


class Identifier(NamedTuple):
    """Words of a prompt that may identify a person."""

    kind: str
    text: str
    start: int


def identifiers(prompt: str) -> tuple[Identifier, ...]:
    """Names, dates, record numbers, addresses that may identify somebody, in order; likely, not complete."""
    found: list[Identifier] = []
    for kind, pattern in _IDENTIFIERS:
        for match in pattern.finditer(prompt):
            if all(match.end() <= f.start or match.start() >= f.start + len(f.text) for f in found):
                found.append(Identifier(kind, match[0], match.start()))
    return tuple(sorted(found, key=lambda f: f.start))


def disclosure(planner: EndpointPlanner, prompt: str, abilities: Sequence[Ability]) -> str:
    """What a call would send, word for word, and to where; for the user to read before the first use."""
    talk = "\n".join(f"[{m['role']}] {m['content']}" for m in messages(prompt, abilities))
    flagged = "".join(f"\n! This may identify somebody ({i.kind}): {i.text}" for i in identifiers(prompt))
    return (
        f"To {planner.url} (model {planner.model}) will be sent this text and a description of the form of the answer; "
        f"no image, no file name, no data of the image:\n{talk}{flagged}"
    )


class Consents:
    """The endpoints a user has agreed to send prompts to, kept in a file of the user's.

    Args:
        path: default: `$MEDPROMPT_CONFIG/endpoints.json`, else in the user's configuration folder.
        what: what is sent; prompts, unless it says otherwise. Each kind is agreed to by itself.
    """

    def __init__(self, path: Path | None = None, what: str = "") -> None:
        self.path = path or configuration_folder() / "endpoints.json"
        self._what = f" {what}" if what else ""
        self._agreements = Agreements(self.path, "endpoints")

    def given(self, planner: EndpointPlanner) -> bool:
        """Whether the user has agreed to this address and model."""
        return self._agreements.given(_key(planner) + self._what)

    def give(self, planner: EndpointPlanner) -> None:
        """Remember the agreement."""
        self._agreements.give(_key(planner) + self._what)

    def take_back(self, planner: EndpointPlanner) -> None:
        """Forget the agreement."""
        self._agreements.take_back(_key(planner) + self._what)


def _key(planner: EndpointPlanner) -> str:
    return f"{planner.url} {planner.model}"

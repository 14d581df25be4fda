"""The compact form in which a language model writes down what a request asks for: one line a task, words copied.

    seg lungs @ chest x-ray
    cls pneumonia @ chest x-ray
    seg left kidney if 2 yes
    not seg heart
    skip write a report

Every span is copied from the prompt, so the vocabulary stays open: a new card needs no new training. The format, like
everything about this planner's training, is ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TASK_VERBS = ("seg", "cls", "type", "malig", "grade", "any", "all")
"""Verbs of lines that are counted: what `if N` and `in N` refer to."""

REMARK_VERBS = ("not", "skip", "on", "ask")
"""Verbs of lines that are not tasks."""


class LinesRejected(ValueError):
    """Text that is not in the line format; the message says where."""


@dataclass(frozen=True, slots=True)
class LineCondition:
    """One condition of a line.

    Attributes:
        line: number of the task line it refers to, from 1.
        relation: `yes`, `no`, `is`, `not`, `>` or `<`.
        span: the named result or size; empty for `yes` and `no`.
    """

    line: int
    relation: str
    span: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Attributes:
        verb: of `TASK_VERBS` or `REMARK_VERBS`; for an excluded task `not`.
        scope: for `not`: the verb of what is not wanted; for `all`: `seg`, `cls` or empty.
        spans: pieces of the term, in order; one unless the words stand apart.
        image: pieces of the image's description, or empty.
        within: number of the line whose region is this task's input, or 0.
        conditions: all of which (`every`) or any of which must hold.
    """

    verb: str
    spans: tuple[str, ...] = ()
    image: str = ""
    within: int = 0
    conditions: tuple[LineCondition, ...] = ()
    every: bool = True
    scope: str = ""

    @property
    def is_task(self) -> bool:
        """Whether the line is counted."""
        return self.verb in TASK_VERBS

    def __str__(self) -> str:
        parts = [self.verb]
        if self.scope:
            parts.append(self.scope)
        if self.spans:
            parts.append(" + ".join(self.spans))
        if self.image:
            parts.append(f"@ {self.image}")
        if self.within:
            parts.append(f"in {self.within}")
        if self.conditions:
            join = " & " if self.every else " / "
            parts.append("if " + join.join(f"{c.line} {c.relation} {c.span}".strip() for c in self.conditions))
        return " ".join(parts)


_CONDITION = r"\d+ (?:yes|no|(?:is|not|>|<) .+?)"
_TAIL = re.compile(
    rf"^(?P<body>.*?)(?: @ (?P<image>.+?))?(?: in (?P<within>\d+))?"
    rf"(?: if (?P<ifs>{_CONDITION}(?: [&/] {_CONDITION})*))?$"
)
_ONE = re.compile(r"(\d+) (yes|no|is|not|>|<)(?: (.+))?$")


def parse_line(text: str) -> Line:
    """One line from its text.

    Raises:
        LinesRejected: an unknown verb or a missing span.
    """
    verb, _, rest = text.strip().partition(" ")
    if verb in ("skip", "on"):
        if not rest:
            raise LinesRejected(f"'{text}' has no words after '{verb}'.")
        return Line(verb, (rest,))
    if verb == "ask":
        if rest:
            raise LinesRejected(f"'{text}' has words after 'ask'.")
        return Line(verb)
    scope = ""
    if verb == "not":
        scope, _, rest = rest.partition(" ")
        if scope not in TASK_VERBS or scope == "all" or not rest:
            raise LinesRejected(f"'{text}' does not say what is not wanted.")
    elif verb not in TASK_VERBS:
        raise LinesRejected(f"'{verb}' is no verb of the line format.")
    found = _TAIL.match(f" {rest}" if rest else "")
    if found is None:
        raise LinesRejected(f"'{text}' is not a line.")
    spans = tuple(s for s in (p.strip() for p in found["body"].split(" + ")) if s)
    if verb == "all":
        scope, spans = "".join(spans), ()
        if scope not in ("", "seg", "cls"):
            raise LinesRejected(f"'{text}' names a target after 'all'.")
    elif not spans:
        raise LinesRejected(f"'{text}' has no words for its target.")
    conditions: list[LineCondition] = []
    every = True
    if found["ifs"]:
        every = " / " not in found["ifs"]
        for part in re.split(r" [&/] (?=\d+ (?:yes|no|is|not|>|<))", found["ifs"]):
            one = _ONE.match(part)
            if one is None or (one[2] in ("yes", "no")) != (one[3] is None):
                raise LinesRejected(f"'{part}' is not a condition.")
            conditions.append(LineCondition(int(one[1]), one[2], one[3] or ""))
    return Line(verb, spans, found["image"] or "", int(found["within"] or 0), tuple(conditions), every, scope)


def parse_lines(text: str) -> tuple[Line, ...]:
    """All lines, checked: every number refers to an earlier task line.

    Raises:
        LinesRejected: not in the format.
    """
    lines = tuple(parse_line(part) for part in text.split("\n") if part.strip())
    tasks = 0
    for line in lines:
        for number in (line.within, *(c.line for c in line.conditions)):
            if number > tasks:
                raise LinesRejected(f"'{line}' refers to line {number}, which does not come before it.")
        tasks += line.is_task
    return lines

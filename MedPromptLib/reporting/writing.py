"""Writes the text of a report: the template, a language model's wording of it, and the check between them."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import MedPromptError
from .facts import FindingsSet
from .grammar import Style
from .languages import Language, language
from .layout import Block, Body, Line, layout
from .prose import Writer, plain_text
from .verifier import Check, verify

NO_OBJECTION = Check()


@dataclass(frozen=True)
class Report:
    """A text that has passed the check.

    Attributes:
        parts: the text's parts in order: each a kind (`title`, `heading`, `text`, `body`) and its words.
        writer: who worded it, `template` for nobody.
        rejected: what the check said about a language model's text that was not used; accepted if there was none.
        rejected_text: that text.
        failure: why the language model could not be used, or empty.
    """

    findings: FindingsSet
    style: Style
    language: Language
    parts: tuple[tuple[str, str], ...]
    writer: str
    rejected: Check = NO_OBJECTION
    rejected_text: str = ""
    failure: str = ""

    @property
    def text(self) -> str:
        """One part a line; what the check read."""
        return "\n".join(words for _, words in self.parts)


class Unverified(AssertionError):
    """The template text itself did not pass: a defect in a language file, never shown as a report."""


def write_report(findings: FindingsSet, style: Style, language_code: str, writer: Writer | None = None) -> Report:
    """A report that says the findings and nothing else.

    With a writer, its wording is used if the check accepts it. Otherwise, and if the writer fails, the report is the
    template text and says so.

    Raises:
        InvalidInput: no such language.
    """
    chosen = language(language_code)
    if writer is None:
        return _template(findings, style, chosen, chosen.frame("no_prose"))
    try:
        report = _written(findings, style, chosen, writer)
    except MedPromptError as error:
        template = _template(findings, style, chosen, chosen.frame("failed_prose"))
        return Report(findings, style, chosen, template.parts, template.writer, failure=str(error))
    check = verify(report.text, findings, style, chosen)
    if check.accepted:
        return report
    template = _template(findings, style, chosen, chosen.frame("rejected_prose"))
    return Report(findings, style, chosen, template.parts, template.writer, check, report.text)


def _written(findings: FindingsSet, style: Style, chosen: Language, writer: Writer) -> Report:
    parts: list[tuple[str, str]] = []
    for block in layout(findings, style, chosen):
        facts = block.facts if isinstance(block, Body) and block.prose else None
        words = None if facts is None else writer.word(facts, style, chosen)
        parts += _parts(block, words, chosen)
    return Report(findings, style, chosen, tuple(parts), writer.name)


def _template(findings: FindingsSet, style: Style, chosen: Language, remark: str) -> Report:
    parts: list[tuple[str, str]] = []
    for block in layout(findings, style, chosen, remark):
        facts = block.facts if isinstance(block, Body) and block.prose else None
        words = None if facts is None else plain_text(facts, style, chosen)
        parts += _parts(block, words, chosen)
    report = Report(findings, style, chosen, tuple(parts), "template")
    check = verify(report.text, findings, style, chosen, remark)
    if not check.accepted:
        first = check.problems[0]
        raise Unverified(f"the template text was rejected: {first.reason} ({first.text})")
    return report


def _parts(block: Block, words: str | None, chosen: Language) -> list[tuple[str, str]]:
    if isinstance(block, Line):
        return [(block.kind, block.text)]
    if words is None:
        words = plain_text(block.facts, "short", chosen)
    return [("body", line.strip()) for line in words.split("\n") if line.strip()]

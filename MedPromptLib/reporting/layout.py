"""The frame of a report: its fixed lines, and which facts are said between them."""

from __future__ import annotations

from dataclasses import dataclass

from .advice import asks_for_treatment
from .facts import Fact, FindingsSet, Measure
from .grammar import Style
from .languages import Language

Kind = str
_NOT_SAID = (("patient", "cardiothoracic"), ("patient", "asymmetry"), ("short", "asymmetry"))
"""Remarks about measures that a style leaves out."""
_SIZES = (Measure.AREA, Measure.VOLUME, Measure.CARDIOTHORACIC_RATIO)


@dataclass(frozen=True)
class Line:
    """One fixed line: a `title`, a `heading` or a `text`."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Body:
    """Facts to be said here, each once.

    Attributes:
        prose: whether a language model may word them.
    """

    facts: tuple[Fact, ...]
    prose: bool = True


Block = Line | Body


def layout(findings: FindingsSet, style: Style, language: Language, remark: str = "") -> tuple[Block, ...]:
    """A report's blocks in order.

    Args:
        remark: why it is the template text, or empty.
    """
    say = language.frame
    blocks: list[Block] = [Line("title", say("title", image=_plain(findings.image)))]
    if style == "structured":
        blocks += [*_opening(findings, language), Line("heading", say("findings"))]
    elif style == "patient":
        blocks.append(Line("text", say("patient_intro")))
    chosen = facts_for(findings, style)
    if style == "structured":
        apart = tuple(f for f in chosen if f.kind == "comparison")
        blocks.append(_body_or_nothing(tuple(f for f in chosen if f.kind != "comparison"), language))
        if findings.prior is not None:
            blocks += [Line("heading", say("comparison")), Line("text", _prior(findings, language))]
            blocks += [Body(apart)] if apart else []
        if impression := _impression(findings):
            blocks += [Line("heading", say("impression")), Body(impression, prose=False)]
    else:
        blocks.append(_body_or_nothing(chosen, language))
        if findings.prior is not None:
            blocks.append(Line("text", _prior(findings, language)))
    blocks += _closing(findings, style, language)
    if remark:
        blocks.append(Line("text", say("template_text", reason=remark)))
    blocks.append(Line("text", say("disclaimer")))
    return tuple(blocks)


def facts_for(findings: FindingsSet, style: Style) -> tuple[Fact, ...]:
    """The facts a style says, and has to say: all of them, or those that a short or plain text needs."""
    if style == "structured":
        return findings.facts
    if style == "short":
        return tuple(
            f
            for f in findings.facts
            if f.kind in ("presence", "location", "comparison")
            or (f.kind == "outline" and not f.present)
            or (f.kind == "measurement" and f.quantity is not None and f.quantity.measure in _SIZES)
        )
    return tuple(f for f in findings.facts if f.kind in ("presence", "outline", "location", "comparison"))


def _impression(findings: FindingsSet) -> tuple[Fact, ...]:
    return tuple(
        f
        for f in findings.facts
        if f.kind == "presence"
        or (f.kind == "outline" and not f.present)
        or (f.quantity is not None and f.quantity.measure is Measure.CARDIOTHORACIC_RATIO and f.kind == "measurement")
    )


def _opening(findings: FindingsSet, language: Language) -> list[Block]:
    say = language.frame
    weights = dict.fromkeys(
        f"{name} ({sha[:8]})"
        for f in findings.facts
        for name, sha in zip(f.source.weight_id.split("+"), f.source.weight_sha256.split("+"), strict=False)
    )
    kind = language.table("examinations").get(findings.examination or "", findings.examination)
    return [
        Line("heading", say("examination")),
        Line("text", say("examination_text", image=_plain(findings.image), kind=kind or say("unknown_kind"))),
        Line("heading", say("method")),
        Line("text", say("method_text", weights=", ".join(weights) or "–")),
    ]


def _body_or_nothing(facts: tuple[Fact, ...], language: Language) -> Block:
    return Body(facts) if facts else Line("text", language.frame("nothing"))


def _prior(findings: FindingsSet, language: Language) -> str:
    return language.frame("comparison_text", prior=_plain(findings.prior or ""))


def _closing(findings: FindingsSet, style: Style, language: Language) -> list[Block]:
    say = language.frame
    blocks: list[Block] = []
    if findings.not_done and style != "patient":
        blocks.append(Line("heading", say("not_done")))
        blocks += [
            Line("text", say("not_done_text", what=_plain(n.what), reason=_plain(n.reason))) for n in findings.not_done
        ]
    if findings.remarks:
        blocks += [Line("heading", say("remarks"))] if style == "structured" else []
        for remark in findings.remarks:
            if (style, remark.kind) in _NOT_SAID:
                continue
            forms = language.forms(remark.subject) if remark.subject else None
            text = str(language.table("remark")[remark.kind])
            blocks.append(
                Line(
                    "text",
                    text.format(
                        of=forms.of if forms else "",
                        bare=forms.bare if forms else "",
                        measure=language.measure(remark.measure) if remark.measure else "",
                    ),
                )
            )
    if asks_for_treatment(findings.prompt):
        blocks.append(Line("text", say("advice")))
    return blocks


def _plain(text: str) -> str:
    """Somebody else's words on one line."""
    return " ".join(text.split())

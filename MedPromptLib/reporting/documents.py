"""A report as Markdown and as one HTML file with its pictures and the table of measurements."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

from .facts import Fact, Measure
from .grammar import Style
from .languages import Language
from .writing import Report

Row = tuple[str, ...]

_CSS = """
body { font: 16px/1.5 system-ui, "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif;
       color: #1c2530; max-width: 60rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.6rem; margin: 0 0 1rem; } h2 { font-size: 1.1rem; margin: 1.4rem 0 .3rem; color: #24507a; }
p { margin: .3rem 0; } img { max-width: 100%; border: 1px solid #d5dbe1; margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .82rem; margin-top: .4rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .5rem; border-bottom: 1px solid #d5dbe1; }
th { background: #eef2f6; } td:nth-child(5) { min-width: 10rem; }
td:nth-child(n + 6) { min-width: 5.8rem; overflow-wrap: anywhere; }
.note { color: #5b6875; } .disclaimer { color: #a01010; font-weight: 600; margin-top: 1.2rem; }
@media print { body { margin: 0; max-width: none; } }
"""


def table_rows(facts: Sequence[Fact], language: Language) -> list[Row]:
    """The cells of the table of measurements: every number with its interval, its uncertainty and its source."""
    rows: list[Row] = []
    for fact in facts:
        quantity = fact.quantity
        if quantity is None or fact.kind == "comparison":
            continue
        interval = ""
        if quantity.low is not None and quantity.high is not None:
            interval = f"{language.amount(quantity, quantity.low)} – {language.amount(quantity, quantity.high)}"
        how = quantity.uncertainty
        if fact.threshold is not None:
            how = f"{how}; reported as a finding from {fact.threshold:g} % on"
        name = language.forms(fact.subject).bare
        if quantity.measure is Measure.PROBABILITY and not fact.present:
            label = language.table("measures")["probability"][0]
        else:
            label = language.table("measures")[quantity.measure.value][
                -1 if quantity.measure is Measure.PROBABILITY else 0
            ]
        rows.append((name, label, language.amount(quantity), interval, how, fact.source.weight_id, fact.source.node))
    return rows


def markdown(report: Report, picture: str | None = None) -> str:
    """The report as Markdown.

    Args:
        picture: name of an image file beside it.
    """
    lines: list[str] = []
    for kind, words in report.parts:
        mark = {"title": "# ", "heading": "## "}.get(kind, "")
        if mark and lines:
            lines.append("")
        lines += [mark + _escaped(words), ""]
        if kind == "title" and picture:
            lines += [f"![]({picture})", ""]
    last = lines[-2:]
    lines = lines[:-2]
    rows = table_rows(report.findings.facts, report.language)
    if rows and has_table(report.style):
        columns = report.language.table("frame")["table_columns"]
        lines += ["", f"## {report.language.frame('table')}", ""]
        lines += [_line(columns), _line(["---"] * len(columns)), *(_line(map(_escaped, row)) for row in rows), ""]
    return "\n".join([*lines, *last])


def _line(cells: Sequence[str] | map[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escaped(text: str) -> str:
    for mark in "\\`*_[]<>|#":
        text = text.replace(mark, f"\\{mark}")
    return text


def has_table(style: Style) -> bool:
    """Whether a style ends in the table of measurements."""
    return style != "patient"


def html_page(report: Report, picture: bytes | None = None) -> str:
    """The report as one HTML file that needs no other.

    Args:
        picture: a PNG that is put into it.
    """
    say = html.escape
    title = say(report.parts[0][1])
    body: list[str] = []
    for n, (kind, words) in enumerate(report.parts):
        last = n == len(report.parts) - 1
        if last:
            body += _html_table(report)
        tag = {"title": "h1", "heading": "h2"}.get(kind, "p")
        style = ' class="disclaimer"' if last else ' class="note"' if kind == "text" else ""
        body.append(f"<{tag}{style}>{say(words)}</{tag}>")
        if kind == "title" and picture is not None:
            data = base64.b64encode(picture).decode("ascii")
            body.append(f'<img alt="{title}" src="data:image/png;base64,{data}">')
    code = {"zh": "zh-Hans"}.get(report.language.code, report.language.code)
    return (
        f'<!DOCTYPE html>\n<html lang="{code}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f"<style>{_CSS}</style>\n</head>\n<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def _html_table(report: Report) -> list[str]:
    rows = table_rows(report.findings.facts, report.language)
    if not rows or not has_table(report.style):
        return []
    say = html.escape
    columns = report.language.table("frame")["table_columns"]
    head = "".join(f"<th>{say(column)}</th>" for column in columns)
    opened = ["<td>", "<td>", '<td class="number">', '<td class="number">', "<td>", "<td>", "<td>"]
    cells = ["<tr>" + "".join(f"{o}{say(c)}</td>" for o, c in zip(opened, row, strict=True)) + "</tr>" for row in rows]
    return [
        f"<h2>{say(report.language.frame('table'))}</h2>",
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(cells) + "\n</tbody>\n</table>",
    ]

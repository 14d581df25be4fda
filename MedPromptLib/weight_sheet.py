"""A weight's card as a sheet: text for a terminal, HTML for a panel, and its reliability diagrams as a picture."""

from __future__ import annotations

import html
import os
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from .catalog import WeightCard
from .errors import InvalidInput
from .measured import Reliability
from .weight_facts import UNITS, Block, Table, Text, sections, title

WIDTH = 100
"""Characters of a line of text."""


def sheet(card: WeightCard) -> str:
    """Everything a card says, as text."""
    lines = textwrap.wrap(title(card), WIDTH)
    for name, blocks in sections(card):
        if not name:
            for block in blocks:
                assert isinstance(block, Text)
                lines += textwrap.wrap(block.text, WIDTH)
            continue
        lines += ["", name.upper()]
        before: Block | None = None
        for block in blocks:
            if before is not None and not isinstance(before, Text):
                lines.append("")
            lines += _as_text(block)
            before = block
    return "\n".join(lines)


def _as_text(block: Block) -> Iterator[str]:
    if isinstance(block, Text):
        first, rest = {"plain": ("  ", "  "), "item": ("  - ", "    "), "command": ("    $ ", "      ")}[block.kind]
        yield from textwrap.wrap(block.text, WIDTH, initial_indent=first, subsequent_indent=rest)
    elif isinstance(block, Table):
        for row in (block.titles, *block.rows):
            yield from _columns(row, block.widths)
    else:
        for start in range(0, len(block.diagrams), 3):
            yield from _side_by_side(block.diagrams[start : start + 3])


def html_sheet(card: WeightCard) -> str:
    """Everything a card says, as the plain HTML that Qt's rich text shows too."""
    lines = [f"<h3>{html.escape(title(card))}</h3>"]
    for name, blocks in sections(card):
        lines += [f"<h4>{html.escape(name)}</h4>"] * bool(name)
        lines += _as_html_list(blocks)
    return "\n".join(lines)


def _as_html_list(blocks: Sequence[Block]) -> Iterator[str]:
    """Items that follow each other, with their commands, are one list."""
    for listed, group in groupby(blocks, lambda block: isinstance(block, Text) and block.kind != "plain"):
        if listed:
            yield "<ul>"
        for block in group:
            yield from _as_html(block)
        if listed:
            yield "</ul>"


def _as_html(block: Block) -> Iterator[str]:
    if isinstance(block, Text):
        text = html.escape(block.text)
        tags = {"plain": "<p>{}</p>", "item": "<li>{}</li>", "command": "<li><code>{}</code></li>"}
        yield tags[block.kind].format(text)
    elif isinstance(block, Table):
        yield from _html_table(block.titles, block.rows)
    else:
        edges = sorted({(b.lower, b.upper) for d in block.diagrams for b in d.bins})
        rows = []
        for lower, upper in edges:
            cells = []
            for diagram in block.diagrams:
                found = next((b for b in diagram.bins if b.lower == lower), None)
                cells.append(f"{found.predicted:.3f} / {found.observed:.3f} ({found.count})" if found else "")
            rows.append((f"{lower:.2f}–{upper:.2f}", *cells))
        unit = UNITS[block.diagrams[0].quantity]
        titles = [f"{d.dataset}, {d.split}, ECE {d.ece:.3f}: predicted / observed ({unit})" for d in block.diagrams]
        yield from _html_table(("bin", *titles), rows)


def _html_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield '<table cellspacing="0" cellpadding="2">'
    for cells, tag in ((titles, "th"), *((row, "td") for row in rows)):
        inner = "".join(f'<{tag} align="left"><small>{html.escape(text)}</small></{tag}>' for text in cells)
        yield f"<tr>{inner}</tr>"
    yield "</table>"


def _columns(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """A row of a table as lines; cells that are too long are wrapped."""
    parts = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths, strict=True)]
    for number in range(max(map(len, parts))):
        texts = (part[number] if number < len(part) else "" for part in parts)
        yield ("  " + " ".join(f"{text:{width}}" for text, width in zip(texts, widths, strict=True))).rstrip()


def _side_by_side(diagrams: Sequence[Reliability]) -> Iterator[str]:
    widths = (11, *[26] * len(diagrams))
    unit = f"predicted observed {UNITS[diagrams[0].quantity]:>7}"
    yield from _columns(("", *(f"{d.dataset}, {d.split}" for d in diagrams)), widths)
    yield from _columns(("", *(f"ECE {d.ece:.3f}" for d in diagrams)), widths)
    yield from _columns(("bin", *[unit] * len(diagrams)), widths)
    edges = sorted({(b.lower, b.upper) for d in diagrams for b in d.bins})
    for lower, upper in edges:
        cells = []
        for diagram in diagrams:
            found = next((b for b in diagram.bins if b.lower == lower), None)
            cells.append(f"{found.predicted:9.3f} {found.observed:8.3f} {found.count:7}" if found else "")
        texts = zip(cells, widths[1:], strict=True)
        yield (f"  {lower:.2f}–{upper:.2f}   " + " ".join(f"{text:{width}}" for text, width in texts)).rstrip()


def reliability_picture(card: WeightCard, path: str | os.PathLike[str]) -> Path:
    """Draw a card's reliability diagrams as a PNG, a row per quantity and a column per split; return its path.

    Bars are 95 % intervals of images, as if each were of another patient.

    Raises:
        InvalidInput: the card holds none.
        OutputFailed, MissingPackage: as `overview.save_figure` and `overview.new_figure`.
    """
    from .overview import new_figure, save_figure

    if not card.reliability:
        raise InvalidInput(f"The card of '{card.id}' holds no reliability diagram; run `medprompt evaluate {card.id}`.")
    quantities = list(dict.fromkeys(r.quantity for r in card.reliability))
    places = list(dict.fromkeys((r.dataset, r.split) for r in card.reliability))
    figure = new_figure(4.2 * len(places), 4.6 * len(quantities) + 0.4)
    figure.suptitle(f"{card.title} ({card.id} {card.version})", fontsize=11)
    grid = figure.add_gridspec(2 * len(quantities), len(places), height_ratios=[3, 1] * len(quantities))
    for diagram in card.reliability:
        row, column = quantities.index(diagram.quantity), places.index((diagram.dataset, diagram.split))
        axes, counts = (figure.add_subplot(grid[2 * row + part, column]) for part in (0, 1))
        said, was = [b.predicted for b in diagram.bins], [b.observed for b in diagram.bins]
        axes.plot((0, 1), (0, 1), color="0.7", linewidth=1)
        style = {"color": "#1f5fa8", "markersize": 4, "clip_on": False}
        if diagram.quantity == "foreground":  # pixels of one image are alike, so that their number gives no interval
            axes.plot(said, was, "o-", **style)
        else:
            limits = [_wilson(b.observed, b.count) for b in diagram.bins]
            bars = [
                [max(0.0, w - low) for w, (low, _) in zip(was, limits, strict=True)],
                [max(0.0, high - w) for w, (_, high) in zip(was, limits, strict=True)],
            ]
            axes.errorbar(said, was, bars, fmt="o", elinewidth=1, **style)
        axes.set_title(f"{diagram.quantity}: {diagram.dataset}, {diagram.split}, ECE {diagram.ece:.3f}", fontsize=8.5)
        axes.set_ylabel("observed", fontsize=8)
        middles = [(b.lower + b.upper) / 2 for b in diagram.bins]
        counts.bar(middles, [b.count for b in diagram.bins], width=0.06, color="#9bb8d6")
        counts.set_yscale("log")
        counts.set_ylim(bottom=0.7)
        counts.set_ylabel(UNITS[diagram.quantity], fontsize=8)
        counts.set_xlabel("predicted probability", fontsize=8)
        for part in (axes, counts):
            part.set_xlim(0, 1)
            part.tick_params(labelsize=7)
        axes.set_ylim(0, 1)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    return save_figure(figure, path)


def _wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % score interval of a share of `count` images (Wilson 1927)."""
    z = 1.96
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * (share * (1 - share) / count + z**2 / (4 * count**2)) ** 0.5
    return middle - half, middle + half

"""A report as PDF, with reportlab, all fonts embedded.

Latin text is set in DejaVu Sans, which comes with matplotlib. Chinese is set in a font file that the user names or in
one that this computer has; without one there is no Chinese PDF, as it would be blank elsewhere.
"""

from __future__ import annotations

import io
import os
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from ..errors import InvalidInput, MissingPackage
from .documents import has_table, table_rows
from .writing import Report

INSTALL = "pip install reportlab"
MARGIN_MM = 18


def pdf_bytes(report: Report, picture: bytes | None = None, font: Path | None = None) -> bytes:
    """The report as a PDF file's content.

    Args:
        picture: a PNG for below the title.
        font: a TrueType font file for all of the text.

    Raises:
        MissingPackage: reportlab or matplotlib is not installed.
        InvalidInput: the font cannot be used, or none is there that has the report's letters.
    """
    try:
        from reportlab.lib import colors
        from reportlab.lib.pagesizes import A4
        from reportlab.lib.styles import ParagraphStyle
        from reportlab.lib.units import mm
        from reportlab.platypus import Image, Paragraph, SimpleDocTemplate, Spacer, Table
    except ImportError as missing:
        raise MissingPackage(f"Writing a PDF needs the package reportlab: {INSTALL}") from missing
    plain, bold = _fonts(report, font)
    wrap = None if report.language.spaced else "CJK"

    def style(name: str, size: float, face: str = plain, **more: Any) -> Any:
        return ParagraphStyle(name, fontName=face, fontSize=size, leading=size * 1.4, wordWrap=wrap, **more)

    kinds = {
        "title": style("title", 16, bold, spaceAfter=6),
        "heading": style("heading", 11, bold, spaceBefore=8, spaceAfter=2, textColor=colors.HexColor("#24507a")),
        "body": style("body", 10, spaceAfter=3),
        "text": style("text", 9, spaceAfter=3, textColor=colors.HexColor("#5b6875")),
        "last": style("last", 9.5, bold, spaceBefore=8, textColor=colors.HexColor("#a01010")),
        "cell": style("cell", 6.6),
        "head": style("head", 6.8, bold),
    }
    width = A4[0] - 2 * MARGIN_MM * mm
    story: list[Any] = []
    for n, (kind, words) in enumerate(report.parts):
        last = n == len(report.parts) - 1
        if last and has_table(report.style):
            story += _table(report, kinds, width, Paragraph, Table, colors)
        story.append(Paragraph(_marked(words, plain), kinds["last" if last else kind]))
        if kind == "title" and picture is not None:
            drawn = Image(io.BytesIO(picture))
            scale = min(width / drawn.imageWidth, 105 * mm / drawn.imageHeight)
            drawn.drawWidth, drawn.drawHeight = drawn.imageWidth * scale, drawn.imageHeight * scale
            story += [drawn, Spacer(1, 4)]
    stream = io.BytesIO()
    document = SimpleDocTemplate(
        stream,
        pagesize=A4,
        leftMargin=MARGIN_MM * mm,
        rightMargin=MARGIN_MM * mm,
        topMargin=MARGIN_MM * mm,
        bottomMargin=MARGIN_MM * mm,
        title=report.parts[0][1],
        author="MedPrompt",
        lang=report.language.code,
        invariant=1,
    )
    document.build(story)
    return stream.getvalue()


def _table(report: Report, kinds: Any, width: float, paragraph: Any, table: Any, colors: Any) -> list[Any]:
    rows = table_rows(report.findings.facts, report.language)
    if not rows:
        return []
    columns = report.language.table("frame")["table_columns"]
    cells = [[paragraph(_marked(c, kinds["head"].fontName), kinds["head"]) for c in columns]]
    cells += [[paragraph(_marked(c, kinds["cell"].fontName), kinds["cell"]) for c in row] for row in rows]
    shares = (0.13, 0.13, 0.12, 0.17, 0.2, 0.12, 0.13)
    drawn = table(cells, colWidths=[share * width for share in shares], repeatRows=1)
    drawn.setStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.4, colors.HexColor("#d5dbe1")),
            ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#eef2f6")),
            ("LEFTPADDING", (0, 0), (-1, -1), 2),
            ("RIGHTPADDING", (0, 0), (-1, -1), 2),
        ]
    )
    return [paragraph(_marked(report.language.frame("table"), kinds["heading"].fontName), kinds["heading"]), drawn]


def _with_spaces(text: str) -> str:
    """Narrow spaces are wider ones here, as not every font has them."""
    return text.replace("\u202f", "\u00a0")


LATIN = "DejaVu"
CHINESE_FONTS = ("DroidSansFallback", "wqy", "simsun", "simhei", "msyh", "Deng", "STHeiti", "Songti", "ArialUnicode")
"""How the file names of TrueType fonts with Chinese letters begin, as systems ship them."""


def _fonts(report: Report, font: Path | None) -> tuple[str, str]:
    """Names of a plain and a bold font that are registered with reportlab."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFError, TTFont

    try:
        import matplotlib
    except ImportError as missing_package:
        raise MissingPackage("Writing a PDF needs matplotlib's fonts: pip install matplotlib") from missing_package
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name, file in ((LATIN, "DejaVuSans.ttf"), (f"{LATIN}-Bold", "DejaVuSans-Bold.ttf")):
        pdfmetrics.registerFont(TTFont(name, os.fspath(folder / file)))
    if font is None and report.language.code == "zh":
        font = _chinese_font()
        if font is None:
            raise InvalidInput(
                "This computer has no TrueType font with Chinese letters for the PDF; name one with --font FILE."
            )
    plain, bold = LATIN, f"{LATIN}-Bold"
    if font is not None:
        try:
            made = TTFont(f"given-{font.stem}", os.fspath(font))
        except (TTFError, OSError, ValueError) as error:
            raise InvalidInput(
                f"The font {font} cannot be used ({error}); give a TrueType file (.ttf or .ttc)."
            ) from error
        pdfmetrics.registerFont(made)
        plain = bold = made.fontName
    known = {code for name in {plain, LATIN} for code in pdfmetrics.getFont(name).face.charToGlyph}
    missing = "".join(sorted({letter for letter in _with_spaces(report.text) if ord(letter) not in known} - {"\n"}))
    if missing:
        raise InvalidInput(
            f"The font lacks {len(missing)} of the report's letters ({missing[:8]}); name another one with --font FILE."
        )
    return plain, bold


def _marked(text: str, face: str) -> str:
    """Text for reportlab's paragraphs; letters that a font lacks are set in the Latin one."""
    from reportlab.pdfbase import pdfmetrics

    glyphs = pdfmetrics.getFont(face).face.charToGlyph
    out = []
    for own, letters in groupby(_with_spaces(text), lambda letter: ord(letter) in glyphs):
        run = escape("".join(letters))
        out.append(run if own else f'<font name="{LATIN}">{run}</font>')
    return "".join(out)


def _chinese_font() -> Path | None:
    from matplotlib.font_manager import findSystemFonts

    for beginning in CHINESE_FONTS:
        for name in sorted(findSystemFonts()):
            if Path(name).name.lower().startswith(beginning.lower()) and name.lower().endswith((".ttf", ".ttc")):
                return Path(name)
    return None

"""Writes a report's files beside a run's, all of them or none."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..errors import InvalidInput, MissingPackage, OutputFailed
from ..outputs import check_folder, not_writable
from ..results import Run
from .documents import html_page, markdown
from .pdf import pdf_bytes
from .writing import Report

FINDINGS_NAME = "findings.json"
REPORT_NAME = "report"
PICTURE_NAME = "report.png"


def write_report_file(report: Report, run: Run, path: Path, font: Path | None = None) -> tuple[Path, ...]:
    """The report as one file by its ending: .html, .pdf, or .md with a picture beside it; complete or not at all.

    Raises:
        InvalidInput: another ending, or a font that cannot be used.
        OutputFailed: it cannot be written.
        MissingPackage: a package for PDF or pictures.
    """
    from ..overview import panels_picture

    kind = path.suffix.lower()
    if kind not in (".html", ".pdf", ".md"):
        raise InvalidInput(f"The report's name '{path.name}' must end in .html, .pdf or .md.")
    picture, beside = panels_picture(run), path.with_suffix(".png")
    files = {
        ".html": lambda: {path: html_page(report, picture).encode()},
        ".pdf": lambda: {path: pdf_bytes(report, picture, font)},
        ".md": lambda: {path: markdown(report, beside.name).encode(), beside: picture},
    }[kind]()
    drafts = {target: target.with_name(f".{target.name}.part") for target in files}
    try:
        for target, content in files.items():
            drafts[target].write_bytes(content)
        for target, draft in drafts.items():
            os.replace(draft, target)
    except OSError as error:
        raise OutputFailed(f"{path} cannot be written ({error.strerror}); choose another place.") from error
    finally:
        for draft in drafts.values():
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
    return tuple(files)


def write_report_files(
    report: Report, run: Run, folder: Path, font: Path | None = None, tell: Callable[[str], None] = lambda line: None
) -> tuple[Path, ...]:
    """Findings, Markdown, HTML and PDF; older ones are replaced once all are complete.

    Args:
        tell: gets a sentence if there is no PDF because reportlab or a font is missing that nobody asked for by name.

    Raises:
        OutputFailed: nothing half-written is left behind.
        InvalidInput: the given font cannot be used.
    """
    from ..overview import panels_picture

    check_folder(folder)
    picture = panels_picture(run)
    files: dict[str, bytes] = {
        FINDINGS_NAME: (report.findings.model_dump_json(indent=1) + "\n").encode(),
        f"{REPORT_NAME}.md": markdown(report, PICTURE_NAME).encode(),
        f"{REPORT_NAME}.html": html_page(report, picture).encode(),
        PICTURE_NAME: picture,
    }
    try:
        files[f"{REPORT_NAME}.pdf"] = pdf_bytes(report, picture, font)
    except (MissingPackage, InvalidInput) as error:
        if font is not None:
            raise
        tell(f"No PDF: {error}")
    draft = Path(tempfile.mkdtemp(prefix=".medprompt-", dir=folder))
    try:
        for name, content in files.items():
            (draft / name).write_bytes(content)
        for name in files:
            os.replace(draft / name, folder / name)
        if f"{REPORT_NAME}.pdf" not in files:
            (folder / f"{REPORT_NAME}.pdf").unlink(missing_ok=True)  # it would be an earlier report's
    except OSError as error:
        raise not_writable(folder, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return tuple(folder / name for name in files)

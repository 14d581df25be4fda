"""One picture of a run for people to look at: the image, what was found in it, the numbers, and what was not done."""

from __future__ import annotations

import os
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .errors import MissingPackage, OutputFailed
from .images import MedicalImage
from .results import Finding, Run, Segmentation, decision_note, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 11.0
"""Inches; all heights below are inches too, so that text never shares a place with other text."""
LINE = 0.23
MARGIN = 0.25
COLUMNS = ("Structure or question", "Result", "Probability", "Size", "Mean intensity", "Weight")
COLUMN_WIDTHS = (0.25, 0.19, 0.11, 0.16, 0.13, 0.16)
FULL_NAMES = 8
"""Rows of the legend; further structures are counted."""


def overview_picture(run: Run, path: str | os.PathLike[str]) -> Path:
    """Draw a run as a PNG and return its absolute path.

    Volumes show the slice (k) with the largest segmented area, or the middle one if nothing was segmented. Structures
    of all segmentations are drawn over each other in their own colours, as translucent areas with outlines. The picture
    grows with the number of findings and of skipped or failed tasks. Nothing about the patient is in it beyond what the
    image itself shows.

    Raises:
        OutputFailed: the file could not be written; nothing is left behind.
        MissingPackage: matplotlib is not installed.
    """
    return save_figure(_figure(run), path)


def panels_picture(run: Run) -> bytes:
    """The image and the structures over it, side by side with their names, as a PNG for a document.

    Raises:
        MissingPackage: matplotlib is not installed.
    """
    import io

    k = slice_to_show(run)
    _, j, i = run.image.shape
    _, row_mm, column_mm = run.image.spacing
    legend = _legend(run, k)
    panel_width = (WIDTH - 3 * MARGIN) / 2
    panel_height = float(np.clip(panel_width * (j * row_mm) / (i * column_mm), 2.2, 6.0))
    names = (len(legend) + 1) // 2 * LINE + (0.1 if legend else 0.0)
    total = panel_height + names + 2 * MARGIN
    figure = new_figure(WIDTH, total)
    for side, segmentations in enumerate(((), run.segmentations)):
        left = MARGIN + side * (panel_width + MARGIN)
        place = (left / WIDTH, (MARGIN + names) / total, panel_width / WIDTH, panel_height / total)
        _draw_slice(figure.add_axes(place), run.image, k, segmentations)
    for n, (text, color) in enumerate(legend):
        x, y = MARGIN + (n % 2) * (panel_width + MARGIN), MARGIN + names - 0.25 - n // 2 * LINE
        if color is not None:
            figure.text(x / WIDTH, y / total, "■", fontsize=12, color=color)
        figure.text((x + 0.25) / WIDTH, y / total, text.replace("$", r"\$"), fontsize=10.5)
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def new_figure(width: float, height: float) -> Any:
    """An empty `matplotlib.figure.Figure` with an Agg canvas, in inches; pyplot's global state is not touched.

    Raises:
        MissingPackage: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise MissingPackage("Drawing a picture needs the package matplotlib: pip install matplotlib") from missing
    figure = Figure(figsize=(width, height), dpi=110, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _figure(run: Run) -> Any:
    """The picture as a figure."""
    provenance = run.provenance
    k = slice_to_show(run)
    # A $ would start a formula.
    title = _wrapped(provenance.prompt, 84, 4)
    notes = [line for text in _notes(run) for line in _wrapped(text, 128, 3)]
    legend = _legend(run, k)
    rows = [_fit(row) for row in map(_row, provenance.findings)] or [_fit(("no results", "", "", "", "", ""))]
    row_lines = [max(len(cell) for cell in row) for row in rows]

    _, j, i = run.image.shape
    _, row_mm, column_mm = run.image.spacing
    panel_width = (WIDTH - 3 * MARGIN) / 2
    panel_height = float(np.clip(panel_width * (j * row_mm) / (i * column_mm), 2.2, 6.0))
    heights = {
        "title": len(title) * 0.29 + LINE,
        "panels": 0.3 + panel_height,
        "legend": (len(legend) + 1) // 2 * LINE + 0.2,
        "table": 0.35 + sum(n * 0.2 + 0.1 for n in row_lines) + 0.1,
        "notes": len(notes) * 0.21 + 0.05 if notes else 0.0,
        "footer": 0.3,
    }
    total = sum(heights.values()) + 2 * MARGIN
    figure = new_figure(WIDTH, total)
    tops: dict[str, float] = {}
    top = total - MARGIN
    for part, height in heights.items():
        tops[part] = top
        top -= height

    def write(text: str, x: float, y: float, size: float = 10.5, **style: Any) -> None:
        # Aligned at the baseline, since the height of a text depends on its letters.
        place = (x / WIDTH, (y - size * 0.0135) / total)
        figure.text(*place, text.replace("$", r"\$"), fontsize=size, va="baseline", **style)

    for n, line in enumerate(title):
        write(line, MARGIN, tops["title"] - n * 0.29, 14.5, weight="bold")
    write(_subtitle(run, k), MARGIN, tops["title"] - len(title) * 0.29, 9.5, color="0.35")

    for side, segmentations in enumerate(((), run.segmentations)):
        left = MARGIN + side * (panel_width + MARGIN)
        place = (
            left / WIDTH,
            (tops["panels"] - 0.25 - panel_height) / total,
            panel_width / WIDTH,
            panel_height / total,
        )
        axes = figure.add_axes(place)
        write(("Image", "Result")[side], left, tops["panels"], 10.5, weight="bold")
        _draw_slice(axes, run.image, k, segmentations)

    for n, (text, color) in enumerate(legend):
        x, y = MARGIN + (n % 2) * (panel_width + MARGIN), tops["legend"] - 0.08 - n // 2 * LINE
        if color is not None:
            write("■", x, y + 0.02, 12, color=color)
        write(text, x + 0.25, y)

    edges = MARGIN + np.concatenate([[0], np.cumsum(COLUMN_WIDTHS)]) * (WIDTH - 2 * MARGIN)
    y = tops["table"] - 0.05
    for name, x in zip(COLUMNS, edges, strict=False):
        write(name, x, y, 10, weight="bold")
    y -= 0.27
    for row, lines in zip(rows, row_lines, strict=True):
        _rule(figure, y + 0.04, total)
        for cell, x in zip(row, edges, strict=False):
            for n, line in enumerate(cell):
                write(line, x, y - n * 0.2, 10)
        y -= lines * 0.2 + 0.1
    _rule(figure, y + 0.04, total)

    for n, line in enumerate(notes):
        write(line, MARGIN, tops["notes"] - n * 0.21, 9, color="0.25")
    write(provenance.disclaimer, MARGIN, tops["footer"] - 0.07, 10, color="#a01010", weight="bold")
    return figure


def _rule(figure: Any, y: float, total: float) -> None:
    from matplotlib.lines import Line2D

    figure.add_artist(Line2D((MARGIN / WIDTH, 1 - MARGIN / WIDTH), (y / total, y / total), color="0.8", linewidth=0.8))


def _draw_slice(axes: Axes, image: MedicalImage, k: int, segmentations: tuple[Segmentation, ...]) -> None:
    """One slice with row 0 at the top, in its true proportions, and structures over it."""
    axes.set_axis_off()
    _, row_mm, column_mm = image.spacing
    _, rows, columns = image.shape
    # A panel has some 600 pixels; thinning larger images saves seconds and is not seen.
    step = max(1, min(rows, columns) // 900)
    pixels = image.array[k, ::step, ::step]
    low, high = shown_range(pixels)
    shown = np.clip((pixels.astype(np.float32) - low) / max(high - low, 1e-6), 0, 1)
    extent = (-0.5, pixels.shape[1] - 0.5, pixels.shape[0] - 0.5, -0.5)
    style: dict[str, Any] = {"aspect": row_mm / column_mm, "interpolation": "antialiased", "extent": extent}
    axes.imshow(shown, cmap=None if image.is_color else "gray", vmin=0, vmax=1, **style)
    for segmentation in segmentations:
        for structure in segmentation.structures:
            mask = segmentation.labels[k, ::step, ::step] == structure.label
            if not mask.any():
                continue
            overlay = np.zeros((*mask.shape, 4), np.uint8)
            overlay[mask] = np.round(255 * np.array((*structure.color, 0.32)))
            axes.imshow(overlay, **(style | {"interpolation": "nearest"}))
            # A border of background lets the outline close at the edge of the image.
            j, i = np.arange(-1, mask.shape[0] + 1), np.arange(-1, mask.shape[1] + 1)
            axes.contour(
                i, j, np.pad(mask, 1).astype(np.float32), levels=[0.5], colors=[structure.color], linewidths=1.6
            )
    axes.set_xlim(extent[:2])
    axes.set_ylim(extent[2:])


def shown_range(pixels: npt.NDArray[Any]) -> tuple[float, float]:
    """Values of one slice that are shown black and white."""
    if pixels.ndim == 3 and pixels.dtype == np.uint8:
        return 0.0, 255.0
    low, high = np.percentile(pixels, (0.5, 99.5))
    return float(low), float(high)


def slice_to_show(run: Run) -> int:
    """The slice (k) with the largest segmented area, or the middle one."""
    area = np.zeros(run.image.shape[0], np.int64)
    for segmentation in run.segmentations:
        wanted = np.isin(segmentation.labels, [s.label for s in segmentation.structures])
        area += wanted.sum(axis=(1, 2))
    return int(area.argmax()) if area.any() else run.image.shape[0] // 2


def _subtitle(run: Run, k: int) -> str:
    provenance, (slices, rows, columns) = run.provenance, run.image.shape
    parts = [
        _shortened(provenance.input_name, 40),
        run.image.modality or "modality not stated",
        f"{columns} × {rows} pixels",
    ]
    if slices > 1:
        parts.append(f"slice {k + 1} of {slices}")
    if not run.image.spacing_known:
        parts.append("pixel spacing unknown")
    return (
        " · ".join(parts)
        + f" · {provenance.started[:19].replace('T', ' ')} · {provenance.seconds:.1f} s on {provenance.device}"
    )


def _legend(run: Run, k: int) -> list[tuple[str, tuple[float, float, float] | None]]:
    entries: list[tuple[str, tuple[float, float, float] | None]] = []
    for segmentation in run.segmentations:
        for structure in segmentation.structures:
            where = segmentation.labels == structure.label
            state = "" if where[k].any() else " (not in this slice)" if where.any() else " (nothing found)"
            entries.append((_shortened(structure.name, 40) + state, structure.color))
    if len(entries) > FULL_NAMES:
        entries = [*entries[: FULL_NAMES - 1], (f"and {len(entries) - FULL_NAMES + 1} more structures", None)]
    return entries


def _row(finding: Finding) -> tuple[str, ...]:
    """The cells of one table row."""
    segmented = finding.kind == "segmentation"
    size = ""
    if finding.area_mm2 is not None:
        size = f"{finding.area_mm2 / 100:.1f} cm²" if finding.area_mm2 >= 100 else f"{finding.area_mm2:.1f} mm²"
    elif finding.volume_ml is not None:
        size = f"{finding.volume_ml:.1f} ml" if finding.volume_ml >= 1 else f"{finding.volume_ml:.3f} ml"
    elif finding.pixels is not None:
        size = f"{_number(finding.pixels)} pixels"
    return (
        (finding.structure or finding.target) if segmented else finding.target,
        finding.result or (("nothing found" if finding.pixels == 0 else "segmented") if segmented else ""),
        percent(finding.probability) or "–",
        size or "–",
        _number(finding.mean_intensity),
        finding.weight_id,
    )


def _number(value: float | None) -> str:
    """Thousands are set apart by a space; small numbers have four digits."""
    if value is None:
        return "–"
    return f"{value:,.0f}".replace(",", " ") if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


def _fit(row: tuple[str, ...]) -> tuple[list[str], ...]:
    """The lines of each cell, wrapped to their columns' widths, at 10.5 characters of the table's font an inch."""
    limits = [int(width * (WIDTH - 2 * MARGIN) * 10.5) - 1 for width in COLUMN_WIDTHS]
    return tuple(_wrapped(cell, limit, 3) for cell, limit in zip(row, limits, strict=True))


def _notes(run: Run) -> list[str]:
    plan_words = {task.id: f"{task.intent} of {task.target}" for task in run.provenance.plan.pipeline}
    told = [
        f"Task {task.task_id} ({plan_words.get(task.task_id, '?')}) {task.state}: {task.reason or 'no reason given'}"
        for task in run.provenance.tasks
        if task.state != "done"
    ]
    told += [f"{f.target}: {note}" for f in run.provenance.findings if (note := decision_note(f))]
    told += [f"Left out: “{omission.text}” – {omission.reason}" for omission in run.provenance.plan.omissions]
    return told + [f"Input: {note}" for note in run.provenance.input_notes]


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _wrapped(text: str, width: int, lines: int) -> list[str]:
    """Lines of at most `width` characters; what exceeds `lines` ends in an ellipsis, and no text is one empty line."""
    return textwrap.wrap(" ".join(text.split()), width, max_lines=lines, placeholder=" …") or [""]


def save_figure(figure: Any, path: str | os.PathLike[str]) -> Path:
    """Write a figure as PNG, complete or not at all, and return its absolute path.

    Raises:
        OutputFailed: the file could not be written.
    """
    target = Path(path).expanduser().absolute()
    draft = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=".medprompt-", suffix=".png", dir=target.parent)
        with os.fdopen(handle, "wb") as stream:
            figure.savefig(stream, format="png")
        os.chmod(draft, 0o644)
        os.replace(draft, target)
    except OSError as error:
        reason = error.strerror or error
        raise OutputFailed(f"{target} could not be written ({reason}); check the folder and the free space.") from error
    finally:
        if draft is not None and os.path.exists(draft):
            os.unlink(draft)
    return target

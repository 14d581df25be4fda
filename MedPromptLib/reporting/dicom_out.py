"""Writes a run as DICOM into the study of the images it was made from: segmentations, measurements, report."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput
from ..outputs import check_folder, not_writable
from .dicom_pdf import make_pdf
from .dicom_seg import NO_FRAMES, Maker, Seg, make_seg, placeable
from .dicom_source import SourceSeries, labels_on_source, new_uid, read_source
from .dicom_sr import make_sr
from .measuring import measure

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..catalog import Catalog
    from ..results import Run
    from .facts import FindingsSet

FOLDER = "dicom"
"""Where a run's folder has its DICOM objects."""


def write_dicom(
    run: Run,
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | SourceSeries,
    folder: Path,
    *,
    catalog: Catalog | None = None,
    findings: FindingsSet | None = None,
    pdf: bytes | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[Path, ...]:
    """Write a run on DICOM images as SEG, SR (TID 1500) and, with a report, encapsulated PDF; all of it or nothing.

    The objects carry the identity in the images' headers, since they belong to the same study; images that were
    pseudonymised give pseudonymised results.

    Args:
        source: the file, folder or files that `run.image` was read from, or what `read_source` made of them.
        folder: older `seg_*.dcm`, `sr.dcm` and `report.dcm` in it are replaced.
        catalog: for the weights' versions and, without `findings`, what is measured.
        findings: as in the run's report; measured anew if not given.
        pdf: the report.
        tell: gets a sentence for all that had to be decided or could not be written.

    Returns:
        The files.

    Raises:
        MissingPackage: highdicom is not installed.
        InvalidInput: no DICOM images, or not those of this run.
        OutputFailed: nothing half-written is left behind.
    """
    series = source if isinstance(source, SourceSeries) else read_source(source)
    for note in series.notes:
        tell(note)
    findings = findings if findings is not None else measure(run, catalog)
    makers = _makers(run, catalog)
    objects: dict[str, Dataset] = {}
    segs: dict[int, Seg] = {}
    numbers = _series_numbers(series)
    seg_uid, sr_uid, pdf_uid = (new_uid() for _ in range(3))
    if run.segmentations and not placeable(series):
        tell(NO_FRAMES)
    for segmentation in run.segmentations:
        made = make_seg(
            labels_on_source(segmentation.labels, run.image, series),
            segmentation.structures,
            series,
            makers[segmentation.weight_id],
            series_number=numbers[0],
            series_uid=seg_uid,
            instance_number=len(segs) + 1,
            description=f"Task {segmentation.task_id}: {segmentation.weight_id}",
        )
        if made is not None:
            segs[segmentation.task_id] = made
            objects[f"seg_{segmentation.task_id}_{segmentation.weight_id}.dcm"] = made.dataset
        elif placeable(series):
            tell(f"No DICOM SEG of task {segmentation.task_id}: nothing was found; the measurement report says so.")
    report = make_sr(run, findings, series, segs, makers, series_number=numbers[1], series_uid=sr_uid)
    if report is not None:
        objects["sr.dcm"] = report
    if pdf is not None:
        from ..archive.burned_in import warning

        text = warning(run.image, series.first)
        if text:
            tell(f"{text.split(';')[0]}; the report's pictures show it, so that its DICOM object is marked so.")
        objects["report.dcm"] = make_pdf(
            pdf,
            series,
            makers[""],
            series_number=numbers[2],
            series_uid=pdf_uid,
            title="MedPrompt report (model output, research use only)",
            identity_in_pixels=bool(text),
        )
    return _save(objects, folder)


def _makers(run: Run, catalog: Catalog | None) -> dict[str, Maker]:
    """Weight's id → what made its results; the empty id stands for this program."""
    from .. import __version__

    makers = {"": Maker(__version__)}
    for weight, sha in run.provenance.weights.items():
        card = catalog.card(weight) if catalog is not None and weight in catalog else None
        known = f"{card.version} " if card is not None and card.file.sha256 == sha else ""
        makers[weight] = Maker(__version__, weight, f"{known}sha256 {sha[:16]}")
    used = [(r.weight_id, r.weight_sha256) for r in run.segmentations]
    for weight, sha in (*used, *((r.weight_id, r.weight_sha256) for r in run.classifications)):
        makers.setdefault(weight, Maker(__version__, weight, f"sha256 {sha[:16]}"))
    return makers


def _series_numbers(series: SourceSeries) -> tuple[int, int, int]:
    """Three numbers that tell from which series the results came, as scanners number reconstructions."""
    try:
        own = int(series.first.get("SeriesNumber") or 0)
    except (TypeError, ValueError):
        own = 0
    first = own * 100 + 91 if 0 < own < 10_000_000 else 9091
    return first, first + 1, first + 2


def _save(objects: dict[str, Any], folder: Path) -> tuple[Path, ...]:
    if not objects:
        raise InvalidInput("The run has no result that could be written as DICOM.")
    check_folder(folder)
    draft = Path(tempfile.mkdtemp(prefix=".medprompt-", dir=folder))
    try:
        for name, made in objects.items():
            made.save_as(draft / name, enforce_file_format=True)
        old = [p for pattern in ("seg_*.dcm", "sr.dcm", "report.dcm") for p in folder.glob(pattern)]
        for name in objects:
            os.replace(draft / name, folder / name)
        for path in old:
            if path.name not in objects:
                path.unlink()
    except OSError as error:
        raise not_writable(folder, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return tuple(folder / name for name in objects)

"""The command line's part for DICOM results: `medprompt run --dicom-out` and `medprompt dicom`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli_planner import tell
from .errors import InvalidInput

if TYPE_CHECKING:
    from .catalog import Catalog
    from .reporting.dicom_source import SourceSeries
    from .reporting.facts import FindingsSet
    from .results import Run


def add_dicom_option(parser: argparse.ArgumentParser) -> None:
    """`--dicom-out` of commands that run something."""
    parser.add_argument(
        "--dicom-out",
        action="store_true",
        help="also write DIR/dicom: segmentations (SEG), measurements (SR) and, with --report, the report's PDF, as "
        "series in the study of the DICOM images",
    )


def source_of(options: argparse.Namespace, path: Path) -> SourceSeries | None:
    """The DICOM series of an input if its results shall become DICOM; said before anything expensive runs."""
    if not getattr(options, "dicom_out", False):
        return None
    from .reporting.dicom_source import read_source

    return read_source(path)


def write_dicom_results(
    run: Run, source: SourceSeries, folder: Path, catalog: Catalog, findings: FindingsSet | None
) -> tuple[Path, ...]:
    """DICOM objects of a run beside its other files; the report's PDF among them if the folder has one of this run."""
    from .reporting.dicom_out import FOLDER, write_dicom
    from .reporting.files import REPORT_NAME

    pdf = folder / f"{REPORT_NAME}.pdf"
    content = pdf.read_bytes() if findings is not None and pdf.is_file() else None
    return write_dicom(run, source, folder / FOLDER, catalog=catalog, findings=findings, pdf=content, tell=tell)


def dicom(options: argparse.Namespace) -> None:
    """Write the DICOM objects of a folder that `medprompt run` wrote."""
    from .catalog import Catalog
    from .reporting.dicom_out import FOLDER, write_dicom
    from .reporting.dicom_source import read_source
    from .reporting.facts import load_findings
    from .reporting.files import FINDINGS_NAME, REPORT_NAME
    from .reporting.run_folder import read_run

    source = read_source(options.source)
    catalog = Catalog.load(options.weights)
    run = read_run(options.run_dir, catalog)
    findings, pdf = options.run_dir / FINDINGS_NAME, options.run_dir / f"{REPORT_NAME}.pdf"
    known = load_findings(findings) if findings.is_file() else None
    if known is not None and (known.image_sha256, known.started) != (
        run.provenance.input_sha256,
        run.provenance.started,
    ):
        raise InvalidInput(f"{findings} is of another run; write the report again (`medprompt report`).")
    written = write_dicom(
        run,
        source,
        options.out or options.run_dir / FOLDER,
        catalog=catalog,
        findings=known,
        pdf=pdf.read_bytes() if known is not None and pdf.is_file() else None,
        tell=tell,
    )
    print(*written, sep="\n")


def add_dicom_command(commands: Any, places: argparse.ArgumentParser) -> None:
    """`dicom`."""
    p = commands.add_parser(
        "dicom", parents=[places], help="write a run's results as DICOM into the study of its images"
    )
    p.set_defaults(do=dicom)
    p.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="what `medprompt run` wrote")
    p.add_argument(
        "--source", type=Path, required=True, metavar="DICOM", help="file or folder of the images that were analysed"
    )
    p.add_argument("--out", type=Path, metavar="DIR", help="where the objects go (default: RUN_DIR/dicom)")

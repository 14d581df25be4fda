"""What a batch found, for people and programs: results.csv, results.parquet, cases.csv and index.html.

The same results give the same bytes: nothing in these files depends on the clock or on the order in which cases ended.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from ..outputs import SCENE_NAME, not_writable
from ..results import Finding, finding_line
from .store import THUMBNAIL_NAME, write_whole

RESULT_COLUMNS: dict[str, type] = {
    "case": str,
    "state": str,
    "reason": str,
    "task_id": int,
    "kind": str,
    "target": str,
    "structure": str,
    "result": str,
    "probability": float,
    "finding_probability": float,
    "threshold": float,
    "area_mm2": float,
    "volume_ml": float,
    "pixels": int,
    "mean_intensity": float,
    "weight_id": str,
    "weight_sha256": str,
}
"""Columns of results.csv and results.parquet; what each holds is said at `results.Finding`."""

CASE_COLUMNS = ("case", "state", "reason", "input", "prompt", "image_sha256", "results_sha256", "key")
WITHOUT_PARQUET = 'results.parquet was not written, for which pyarrow is needed: pip install "medprompt-slicer[batch]"'


@dataclass(frozen=True)
class CaseLine:
    """What the tables say of a case.

    Attributes:
        state: `waiting` cases have not been done yet.
        rows: results, see `store.as_rows`.
    """

    name: str
    shown: str
    prompt: str
    state: Literal["done", "failed", "waiting"]
    reason: str = ""
    key: str = ""
    image_sha256: str = ""
    results_sha256: str = ""
    rows: tuple[dict[str, Any], ...] = ()


def write_tables(out: Path, lines: Sequence[CaseLine], title: str) -> tuple[Path, ...]:
    """Write all files, each whole or not at all.

    Raises:
        OutputFailed: one could not be written.
    """
    rows = list(_result_rows(lines))
    written = [out / "index.html", out / "results.csv", out / "cases.csv"]
    write_whole(written[1], _as_csv(RESULT_COLUMNS, rows))
    write_whole(written[2], _as_csv(CASE_COLUMNS, _case_rows(lines)))
    write_whole(written[0], _index(lines, title))
    if find_spec("pyarrow") is not None:
        written.insert(2, _write_parquet(out / "results.parquet", rows))
    return tuple(written)


def _result_rows(lines: Sequence[CaseLine]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.state == "failed":
            yield {"case": line.name, "state": "failed", "reason": line.reason}
        for row in line.rows:
            yield {"case": line.name} | {name: row.get(name) for name in RESULT_COLUMNS if name != "case"}


def _case_rows(lines: Sequence[CaseLine]) -> Iterator[dict[str, Any]]:
    for line in lines:
        yield {
            "case": line.name,
            "state": line.state,
            "reason": line.reason,
            "input": line.shown,
            "prompt": line.prompt,
            "image_sha256": line.image_sha256,
            "results_sha256": line.results_sha256,
            "key": line.key,
        }


def _as_csv(columns: Any, rows: Any) -> str:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(columns), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _harmless(value) for name, value in row.items()})
    return stream.getvalue()


def _harmless(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula; empty for None."""
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value


def _write_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds: dict[type, Any] = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in RESULT_COLUMNS.items()])
    columns = {name: [row.get(name) for row in rows] for name in RESULT_COLUMNS}
    stream = io.BytesIO()
    try:
        pq.write_table(pa.table(columns, schema=schema), stream)
    except pa.ArrowException as error:
        raise not_writable(path, error) from error
    write_whole(path, stream.getvalue())
    return path


def _index(lines: Sequence[CaseLine], title: str) -> str:
    from jinja2 import Environment

    template = (files(__package__) / "index.html.jinja").read_text(encoding="utf-8")
    count = {state: sum(line.state == state for line in lines) for state in ("done", "failed", "waiting")}
    return (
        Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        .from_string(template)
        .render(
            title=title,
            lines=lines,
            count=count,
            quote=quote,
            said=_said,
            scene=SCENE_NAME,
            thumbnail=THUMBNAIL_NAME,
        )
    )


def _said(row: dict[str, Any]) -> str:
    """One result in words."""
    if not row.get("weight_sha256"):  # skipped, or a filter, which finds nothing
        return f"{row.get('target', '')}: {row.get('state')}. {row.get('reason', '')}".rstrip(". ")
    return finding_line(Finding.model_validate({name: row[name] for name in Finding.model_fields if name in row}))

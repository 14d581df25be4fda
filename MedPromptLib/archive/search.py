"""Findings by words, sizes, decisions and circumstances; hits as rows for a terminal, JSON or a table node."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput
from ..results import percent
from .connection import translated
from .query import Comparison, Query, parsed

if TYPE_CHECKING:
    from .store import Archive


@dataclass(frozen=True)
class Filters:
    """Circumstances; an empty one does not count.

    Attributes:
        weight, reviewer, modality, project, run: exactly, or for a run its beginning.
        subject: a pseudonym, or its beginning.
        since, until: of the run's start, ISO 8601 dates or times; a date without a time is the whole day.
        tags: `kind:value` or `value`; all of them.
    """

    weight: str = ""
    reviewer: str = ""
    modality: str = ""
    project: str = ""
    run: str = ""
    subject: str = ""
    since: str = ""
    until: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hit:
    """A finding that was found.

    Attributes:
        id: the finding's key in this archive file.
        run, number: its address: the run's name and the finding's number in it.
        subject, image: pseudonyms.
        size: its main measure in words, such as `12.4 cm²`; empty if it has none.
        likeness: 0 to 1 if something similar was looked for, else None.
        document: the whole finding.
    """

    id: int
    run: str
    number: int
    started: str
    subject: str
    image: str
    modality: str
    target: str
    structure: str
    result: str
    probability: float | None
    size: str
    decision: str
    reviewer: str
    weight: str
    likeness: float | None
    document: dict[str, Any]


COLUMNS = (
    "findings.id, runs.name AS run, number, started, subject, image, modality, target, structure, findings.result, "
    "decision, reviewer, weight, document"
)


def find(archive: Archive, text: str, filters: Filters | None = None, limit: int = 50) -> list[Hit]:
    """Findings that fit, the last filed first.

    The word index yields them in that order and the search stops when it has enough, so that a frequent word costs
    no more than a rare one; a comparison without words walks the index of measures instead.

    Raises:
        InvalidInput: the search cannot be understood.
    """
    query = parsed(text)
    tables, where, values = _tables_and_words(query)
    compared = _comparisons(query.comparisons, one_by_one=bool(query.words))
    for part, given in (*compared, *_decisions(query), *_circumstances(filters or Filters())):
        where.append(part)
        values += given
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    key = "words.rowid" if query.words else "findings.id"
    order = f"SELECT {COLUMNS} FROM {tables}{condition} ORDER BY {key} DESC LIMIT ?"
    with translated(archive.path):
        rows = archive.connection.execute(order, (*values, limit)).fetchall()
    return [hit(row) for row in rows]


def hit(row: Any, likeness: float | None = None) -> Hit:
    """A hit from a row of `COLUMNS`."""
    document = json.loads(row["document"])
    probability = document.get("probability")
    return Hit(
        **{key: row[key] for key in row.keys() if key != "document"},  # noqa: SIM118, a row is no mapping
        probability=probability if isinstance(probability, float) else None,
        size=_size(document),
        likeness=likeness,
        document={**document, "decision": row["decision"]},
    )


def _tables_and_words(query: Query) -> tuple[str, list[str], list[Any]]:
    # CROSS JOIN keeps the order of the tables: the words first, as they are what narrows.
    if query.words:
        tables = "words CROSS JOIN findings ON findings.id = words.rowid CROSS JOIN runs ON runs.id = findings.run"
        return tables, ["words MATCH ?"], [query.words]
    return "findings JOIN runs ON runs.id = findings.run", [], []


def _comparisons(comparisons: Sequence[Comparison], *, one_by_one: bool) -> Iterable[tuple[str, list[Any]]]:
    """Conditions on measures.

    Args:
        one_by_one: look up the measures of each finding that comes along, instead of all that compare first. The plus
            keeps SQLite, which knows nothing of how values are distributed, from walking the index of values each time.
    """
    for comparison in comparisons:
        if one_by_one:
            part = f"EXISTS (SELECT 1 FROM measures WHERE finding = findings.id AND +value {comparison.sign} ?"
        else:
            part = f"findings.id IN (SELECT finding FROM measures WHERE value {comparison.sign} ?"
        values: list[Any] = [comparison.value]
        if comparison.dimension != "number":
            part += " AND dimension = ?"
            values.append(comparison.dimension)
        elif not comparison.name:
            raise InvalidInput(
                f"The search compares with {comparison.value:g} without saying what; give a unit, as in 10 mm, 2 cm², "
                "3 ml or 80 %, or a name, as in intensity > 100."
            )
        if comparison.name and comparison.name not in ("length", "area", "volume"):
            part += " AND name LIKE ?"
            values.append(f"%{comparison.name}%")
        elif comparison.dimension == "number":
            part += " AND dimension = ?"
            values.append(comparison.name)
        yield f"{part})", values


def _decisions(query: Query) -> Iterable[tuple[str, list[Any]]]:
    for words, negation in ((query.decisions, ""), (query.not_decisions, "NOT ")):
        if words:
            yield f"findings.decision {negation}IN ({', '.join('?' * len(words))})", sorted(words)


def _circumstances(filters: Filters) -> Iterable[tuple[str, list[Any]]]:
    for column in ("weight", "reviewer", "modality", "project"):
        if value := getattr(filters, column):
            yield f"{column} = ?", [value]
    for column, value in (("runs.name", filters.run), ("subject", filters.subject)):
        if value:
            if not value.isalnum():
                raise InvalidInput(f"'{value}' is no name in an archive; expected hexadecimal digits.")
            yield f"{column} GLOB ?", [f"{value.lower()}*"]
    if filters.since:
        yield "started >= ?", [_moment(filters.since, 0)]
    if filters.until:
        yield "started < ?", [_moment(filters.until, 1)]
    for tag in filters.tags:
        kind, _, value = tag.rpartition(":")
        part = "SELECT run FROM tags WHERE value = ?" + (" AND kind = ?" if kind else "")
        yield f"runs.id IN ({part})", [value, kind] if kind else [value]


def _moment(text: str, days: int) -> str:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"'{text}' is not a date; give one such as 2026-11-25 or 2026-11-25T14:30.") from error
    if len(text) <= 10:
        moment += datetime.timedelta(days=days)
    moment = moment.replace(tzinfo=datetime.UTC) if moment.tzinfo is None else moment.astimezone(datetime.UTC)
    return moment.isoformat(timespec="seconds")


def _size(document: dict[str, Any]) -> str:
    from .documents import described

    measures = described(document).measures
    by_dimension = {d: v for (name, d), v in measures.items() if name != "equivalent diameter"}
    if volume := by_dimension.get("volume"):
        return f"{volume / 1000:.3g} ml"
    if area := by_dimension.get("area"):
        return f"{area / 100:.3g} cm²" if area >= 100 else f"{area:.3g} mm²"
    if length := by_dimension.get("length"):
        return f"{length:.3g} mm"
    return f"{by_dimension['pixels']:.0f} pixels" if by_dimension.get("pixels") else ""


TITLES = (
    "run",
    "finding",
    "started",
    "modality",
    "what",
    "result",
    "probability",
    "size",
    "decision",
    "reviewer",
    "weight",
)


def table_rows(hits: Sequence[Hit]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Titles and rows of text, all of one length: for a terminal, or the columns of a table node.

    A column `likeness` comes first if something similar was looked for.
    """
    rows: list[tuple[str, ...]] = [
        (
            h.run[:8], str(h.number), h.started[:16].replace("T", " "), h.modality, h.structure or h.target, h.result,
            percent(h.probability), h.size, h.decision, h.reviewer, h.weight,
        )
        for h in hits
    ]  # fmt: skip
    if not any(h.likeness is not None for h in hits):
        return TITLES, rows
    return ("likeness", *TITLES), [(f"{h.likeness or 0:.2f}", *row) for h, row in zip(hits, rows, strict=True)]


def as_text(hits: Sequence[Hit]) -> Iterable[str]:
    """Lines of a table for a terminal; columns that are empty throughout are left out."""
    titles, rows = table_rows(hits)
    kept = [n for n, title in enumerate(titles) if any(row[n] for row in rows) or title == "run"]
    table = [[titles[n] for n in kept], *([row[n] for n in kept] for row in rows)]
    widths = [max(len(line[n]) for line in table) for n in range(len(kept))]
    for line in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def as_json(hits: Sequence[Hit]) -> str:
    """Hits as a JSON list."""
    return json.dumps([asdict(h) for h in hits], indent=1, ensure_ascii=False)

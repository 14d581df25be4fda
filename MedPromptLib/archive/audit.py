"""The audit log: entries that hold each other by keyed hashes, and the check that finds what was done to them.

An entry's hash is HMAC-SHA256, with the archive's audit key, of the previous entry's hash and its own content; the last
entry is kept a second time, signed. What that can and cannot show is said in Resources/Docs/privacy-and-audit.md.
"""

from __future__ import annotations

import datetime
import getpass
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InvalidInput
from .keys import Keys

USER_VARIABLE = "MEDPROMPT_USER"
FIRST_HASH = "0" * 64
ACTIONS = (
    "archive made", "run filed", "run erased", "decision", "export", "import", "endpoint call", "endpoint answer"
)  # fmt: skip


@dataclass(frozen=True)
class Head:
    """The last entry: an anchor, if it is kept where who can write to the archive cannot change it."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


@dataclass(frozen=True)
class Verdict:
    """What the check found; whole if there are no problems."""

    head: Head
    problems: tuple[str, ...]


def parsed_anchor(text: str) -> Head:
    """An anchor as `medprompt audit head` prints it.

    Raises:
        InvalidInput: it is something else.
    """
    match = re.fullmatch(r"(\d+):([0-9a-f]{64})", text.strip().lower())
    if match is None:
        raise InvalidInput(
            f"The anchor '{text[:80]}' is not one; expected what `medprompt audit head` printed, NUMBER:HASH."
        )
    return Head(int(match[1]), match[2])


def canonical(value: object) -> str:
    """JSON with sorted names and no spaces: equal values have equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def actor() -> str:
    """Who works here: `$MEDPROMPT_USER`, else the account's name."""
    try:
        return os.environ.get(USER_VARIABLE) or getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def append(connection: Any, keys: Keys, action: str, details: Mapping[str, object], who: str = "") -> Head:
    """Add an entry, within the transaction of what it is about, so that there is neither without the other."""
    last = connection.execute("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1").fetchone()
    number, before = (last["number"] + 1, last["hash"]) if last else (1, FIRST_HASH)
    entry = (number, now(), who or actor(), action, canonical(details))
    head = Head(number, _hash(keys, before, entry))
    connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?)", (*entry, head.hash))
    connection.execute(
        "INSERT OR REPLACE INTO meta VALUES ('audit head', ?)", (f"{head} {keys.signature('audit head', str(head))}",)
    )
    return head


def _hash(keys: Keys, before: str, entry: tuple[object, ...]) -> str:
    return keys.signature("audit entry", canonical([before, *entry]))


def head_of(connection: Any) -> Head:
    """The last entry."""
    row = connection.execute("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1").fetchone()
    return Head(row["number"], row["hash"]) if row else Head(0, FIRST_HASH)


def entries(connection: Any, last: int | None = None) -> list[dict[str, Any]]:
    """Entries in order, all or the last ones, with their details as values."""
    order = "SELECT * FROM (SELECT * FROM audit ORDER BY number DESC LIMIT ?) ORDER BY number"
    rows = connection.execute(order, (-1 if last is None else last,)).fetchall()
    return [{**dict(row), "details": json.loads(row["details"])} for row in rows]


def verify(connection: Any, keys: Keys, anchors: tuple[Head, ...] = ()) -> Verdict:
    """Check the chain, the signed end, given anchors, and that runs, findings, files and decisions are as logged."""
    problems: list[str] = []
    filed: dict[str, str] = {}
    decided: list[list[object]] = []
    before, expected, hashes = FIRST_HASH, 1, {0: FIRST_HASH}
    for row in connection.execute("SELECT * FROM audit ORDER BY number"):
        number = row["number"]
        if number != expected:
            missing = f"{expected}" if number == expected + 1 else f"{expected} to {number - 1}"
            problems.append(f"Entry {missing} is missing.")
        entry = tuple(row[name] for name in ("number", "at", "actor", "action", "details"))
        if number == expected and _hash(keys, before, entry) != row["hash"]:
            problems.append(f"Entry {number} ({row['action']}) was changed, inserted or moved.")
        before, expected, hashes[number] = row["hash"], number + 1, row["hash"]
        _collect(row, filed, decided, problems)
    head = Head(expected - 1, before)
    problems += _end(connection, keys, head)
    for anchor in anchors:
        if anchor.number > head.number:
            problems.append(f"The log ends at entry {head.number}, but the anchor knows entry {anchor.number}.")
        elif hashes.get(anchor.number) != anchor.hash:
            problems.append(f"Entry {anchor.number} is not the one that the anchor knows.")
    problems += _contents(connection, filed, decided)
    return Verdict(head, tuple(problems))


def _collect(row: Any, filed: dict[str, str], decided: list[list[object]], problems: list[str]) -> None:
    try:
        details = json.loads(row["details"])
        if row["action"] == "run filed":
            filed[details["run"]] = details["digest"]
        elif row["action"] == "decision":
            decided.append([details[name] for name in ("run", "finding", "decision", "reviewer", "note", "at")])
        elif row["action"] == "run erased":
            if filed.pop(details["run"], None) != details["digest"]:
                problems.append(
                    f"Entry {row['number']} erased run {details['run']}, which was not there as it was filed."
                )
            decided[:] = [entry for entry in decided if entry[0] != details["run"]]
    except (ValueError, KeyError, TypeError):
        problems.append(f"Entry {row['number']} cannot be read.")


def _end(connection: Any, keys: Keys, head: Head) -> Iterator[str]:
    row = connection.execute("SELECT value FROM meta WHERE name = 'audit head'").fetchone()
    kept, _, signature = (row["value"] if row else "").partition(" ")
    if signature != keys.signature("audit head", kept):
        yield "The signed end of the log is missing or was changed."
    elif kept != str(head):
        last = kept.split(":")[0]
        yield f"The log was cut off or replaced: it ends at entry {head.number}, its signed end is entry {last}."


def _contents(connection: Any, filed: dict[str, str], decided: list[list[object]]) -> Iterator[str]:
    present = connection.execute("SELECT id, name FROM runs ORDER BY id").fetchall()
    for row in present:
        if row["name"] not in filed:
            yield f"Run {row['name']} is in the archive, but was never filed according to the log."
        elif run_digest(connection, row["id"]) != filed[row["name"]]:
            yield f"Run {row['name']} is not as it was filed: its record, a finding or its list of files was changed."
    for name in sorted(set(filed) - {row["name"] for row in present}):
        yield f"Run {name} was filed, but is not in the archive."
    kept = [
        list(row)
        for row in connection.execute(
            "SELECT runs.name, findings.number, d.decision, d.reviewer, d.note, d.at FROM decisions d "
            "JOIN findings ON findings.id = d.finding JOIN runs ON runs.id = findings.run ORDER BY d.id"
        )
    ]
    if kept != decided:
        yield f"The decisions are not those of the log ({len(kept)} are kept, {len(decided)} were logged)."
    latest = {(row[0], row[1]): (row[2], row[3]) for row in decided}
    for row in connection.execute(
        "SELECT runs.name, number, decision, reviewer FROM findings JOIN runs ON runs.id = findings.run "
        "WHERE decision <> '' OR reviewer <> '' OR findings.id IN (SELECT finding FROM decisions)"
    ):
        if latest.get((row["name"], row["number"])) != (row["decision"], row["reviewer"]):
            yield f"The decision on finding {row['number']} of run {row['name']} is not the last one of the log."
    yield from _damaged_files(connection)


def _damaged_files(connection: Any) -> Iterator[str]:
    for (sha256,) in connection.execute("SELECT DISTINCT sha256 FROM files").fetchall():
        digest = hashlib.sha256()
        for (piece,) in connection.execute("SELECT data FROM pieces WHERE sha256 = ? ORDER BY number", (sha256,)):
            digest.update(piece)
        if digest.hexdigest() != sha256:
            names = connection.execute(
                "SELECT runs.name, files.name FROM files JOIN runs ON runs.id = files.run WHERE sha256 = ?", (sha256,)
            ).fetchone()
            yield f"The file {names[1]} of run {names[0]} was changed or is incomplete."


RUN_COLUMNS = (
    "name", "project", "filed", "started", "image", "subject", "study", "modality", "provenance", "header", "descriptor"
)  # fmt: skip


def run_digest(connection: Any, run: int) -> str:
    """SHA-256 of a run's record, findings, tags and list of files."""
    row = connection.execute(f"SELECT {', '.join(RUN_COLUMNS)} FROM runs WHERE id = ?", (run,)).fetchone()
    record = [value.hex() if isinstance(value, bytes) else value for value in row]
    parts = [
        [list(r) for r in connection.execute(order, (run,))]
        for order in (
            "SELECT number, target, structure, result, weight, document FROM findings WHERE run = ? ORDER BY number",
            "SELECT kind, value FROM tags WHERE run = ? ORDER BY kind, value",
            "SELECT name, sha256, bytes FROM files WHERE run = ? ORDER BY name",
        )
    ]
    return hashlib.sha256(canonical([record, *parts]).encode()).hexdigest()

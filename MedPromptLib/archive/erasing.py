"""Takes runs out of an archive for good, as a person whose images they are may ask for; the log keeps that it was done.

What a run's findings, files, header, tags and decisions were is gone, also from the free pages of the file and from the
word index. The log keeps the run's name (a hash), its digest, and what it said of its decisions, as it only grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import InvalidInput
from . import audit
from .connection import transaction, translated

if TYPE_CHECKING:
    from .store import Archive

_GUARD = "decisions_are_kept"


def erase(archive: Archive, runs: Sequence[str], reason: str = "") -> tuple[str, ...]:
    """Erase runs, all of them or none; when this returns, their bytes are overwritten in the archive's file.

    Copies made before (exports, backups, the run's own folder) are not reached.

    Args:
        runs: names, or their beginnings.
        reason: kept in the log; it should not name anybody.

    Returns:
        The names.

    Raises:
        InvalidInput: no such run.
        OutputFailed: the archive cannot be written; nothing is erased.
    """
    keys, do = archive.keys, archive.connection.execute
    names = tuple(dict.fromkeys(str(archive.run_named(run)["name"]) for run in runs))
    with translated(archive.path):
        do("PRAGMA secure_delete = ON").fetchall()
    with transaction(archive.connection, archive.path):
        # Within this transaction nobody else sees the archive without its guard.
        (guard,) = do("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?", (_GUARD,)).fetchone()
        do(f"DROP TRIGGER {_GUARD}")
        for name in names:
            row = do("SELECT id FROM runs WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise InvalidInput(f"Run {name} is no longer in the archive; nothing was erased.")
            digest = audit.run_digest(archive.connection, row["id"])
            count = _delete(archive, row["id"])
            details = {"run": name, "digest": digest, "findings": count, "reason": reason}
            audit.append(archive.connection, keys, "run erased", details)
        do(guard)
        do("INSERT INTO words (words) VALUES ('optimize')")  # deleted words stay in the index until it is merged
    with translated(archive.path):
        do("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return names


def runs_of_subject(archive: Archive, identifier: str) -> tuple[str, ...]:
    """Names of the runs on a subject's images, by the identifier that was filed as a pseudonym."""
    pseudonym = archive.keys.pseudonym("subject", identifier.strip())
    with translated(archive.path):
        rows = archive.connection.execute("SELECT name FROM runs WHERE subject = ? ORDER BY id", (pseudonym,))
        return tuple(row["name"] for row in rows)


def _delete(archive: Archive, run: int) -> int:
    """Delete a run's rows, and files and phrases that no other run has; how many findings it had."""
    do = archive.connection.execute
    findings = [row["id"] for row in do("SELECT id FROM findings WHERE run = ?", (run,)).fetchall()]
    for finding in findings:
        for table, column in (("measures", "finding"), ("decisions", "finding"), ("words", "rowid")):
            do(f"DELETE FROM {table} WHERE {column} = ?", (finding,))
    phrases = [row["phrase"] for row in do("SELECT DISTINCT phrase FROM findings WHERE run = ?", (run,)).fetchall()]
    files = [row["sha256"] for row in do("SELECT DISTINCT sha256 FROM files WHERE run = ?", (run,)).fetchall()]
    for table in ("findings", "tags", "files"):
        do(f"DELETE FROM {table} WHERE run = ?", (run,))
    do("DELETE FROM runs WHERE id = ?", (run,))
    for phrase in phrases:
        do(
            "DELETE FROM phrases WHERE id = ? AND id NOT IN (SELECT phrase FROM findings WHERE phrase = ?)",
            (phrase,) * 2,
        )
    for sha256 in files:
        do("DELETE FROM pieces WHERE sha256 = ? AND NOT EXISTS (SELECT 1 FROM files WHERE sha256 = ?)", (sha256,) * 2)
    return len(findings)

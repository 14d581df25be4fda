"""What an archive says when something is wrong with it: each fault is made on purpose, and must end in one sentence."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import InvalidInput, MedPromptError, OutputFailed
from .bench import synthetic_record
from .schema import MIGRATIONS, VERSION
from .store import Archive

SECRET = "a secret for the bench"
NOBODY = 65534


def small_archive(path: Path, *, encrypted: bool = False, runs: int = 5) -> Path:
    """An archive with a few synthetic runs and the secret `SECRET`."""
    with Archive.create(path, encrypted=encrypted, secret=SECRET) as archive:
        for number in range(runs):
            archive.file(synthetic_record(number))
    return path


def faults(place: Path) -> Iterator[tuple[str, bool]]:
    """Lines of a report, each with whether the fault was met with a sentence of the right kind."""
    import importlib.util

    plain = small_archive(place / "plain.db")
    yield _said("wrong key", InvalidInput, lambda: Archive.open(plain, secret="another secret").close())
    if importlib.util.find_spec("sqlcipher3"):
        sealed = small_archive(place / "sealed.db", encrypted=True)
        yield _said("wrong key, encrypted", InvalidInput, lambda: Archive.open(sealed, secret="another secret").close())
        hidden = all(word not in sealed.read_bytes() for word in (b"SQLite", b"outlined", b"lung"))
        yield "encrypted: no word of a finding can be read in the file", hidden
    with Archive.open(tampered(plain, place / "tampered.db"), secret=SECRET) as archive:
        problems = archive.verify().problems
        yield f"tampered row: {problems[0] if problems else 'not noticed'}", bool(problems)
    with Archive.open(older(place / "older.db"), secret=SECRET) as archive:
        hits = archive.search("outlined")
        yield f"older schema: {archive.notes[0] if archive.notes else 'not migrated'}", bool(archive.notes and hits)
    newer = Path(shutil.copy(plain, place / "newer.db"))
    with contextlib.closing(sqlite3.connect(newer)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    yield _said("newer schema", InvalidInput, lambda: Archive.open(newer, secret=SECRET).close())
    yield _said("read-only disk", OutputFailed, lambda: file_read_only(plain))
    yield _said("full disk", OutputFailed, lambda: file_on_full_disk(place / "small"))


def _said(what: str, kind: type[MedPromptError], work: Callable[[], object]) -> tuple[str, bool]:
    try:
        work()
    except MedPromptError as error:
        return f"{what}: {error}", isinstance(error, kind)
    except Exception as error:
        return f"{what}: no sentence, but {type(error).__name__}: {error}", False
    return f"{what}: not noticed", False


def tampered(source: Path, target: Path) -> Path:
    """A copy in which one finding says something else."""
    shutil.copy(source, target)
    with contextlib.closing(sqlite3.connect(target)) as connection:
        connection.execute("UPDATE findings SET document = replace(document, 'probability', 'certainty') WHERE id = 3")
        connection.commit()
    return target


def older(path: Path) -> Path:
    """An archive as the first version of the tables had it: without phrases and sizes."""
    small_archive(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "DROP INDEX findings_by_phrase; ALTER TABLE findings DROP COLUMN phrase;"
            "ALTER TABLE findings DROP COLUMN log_size; DROP TABLE phrases; PRAGMA user_version = 1;"
        )
    assert len(MIGRATIONS) == VERSION
    return path


def file_read_only(path: Path) -> None:
    """File a run on an archive that this process may only read.

    Raises:
        OutputFailed: as it should.
    """
    with tempfile.TemporaryDirectory(prefix="medprompt-bench-") as place:
        _file_read_only(Path(shutil.copy(path, place)))


def _file_read_only(copy: Path) -> None:
    folder = copy.parent
    copy.chmod(0o444)
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        folder.chmod(0o555)
        try:
            _file_one(copy)
        finally:
            folder.chmod(0o755)
        return
    # Permissions do not bind the superuser: a child without privileges does it.
    folder.chmod(0o755)
    code = (
        f"import os; from pathlib import Path; from MedPromptLib.archive import faults; os.setuid({NOBODY}); "
        f"print(faults.sentence_of_filing(Path({os.fspath(copy)!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    raise OutputFailed(done.stdout.strip()) if done.stdout.strip() else RuntimeError(done.stderr[-400:])


def sentence_of_filing(path: Path) -> str:
    """What filing a run on an archive says; empty if it succeeds."""
    try:
        _file_one(path)
    except OutputFailed as error:
        return str(error)
    return ""


def _file_one(path: Path, first: int = 900, count: int = 1) -> None:
    with Archive.open(path, secret=SECRET) as archive:
        for number in range(first, first + count):
            archive.file(synthetic_record(number))


def file_on_full_disk(folder: Path) -> None:
    """File runs until the disk is full: on a small disk in memory where this process may mount one, else at SQLite's
    limit of pages; then check that what was acknowledged before is whole.

    Raises:
        OutputFailed: as it should.
    """
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", os.fspath(folder)]
    mounted = bool(shutil.which("mount")) and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        path = small_archive(folder / "archive.db")
        with Archive.open(path, secret=SECRET) as archive:
            if not mounted:
                archive.connection.execute("PRAGMA max_page_count = 120")
            filed = 5
            try:
                for number in range(5, 5000):
                    archive.file(synthetic_record(number))
                    filed += 1
            finally:
                kept = archive.connection.execute("SELECT count(*) FROM runs").fetchone()[0]
                assert kept == filed, "an acknowledged run was lost"
                assert not archive.check()
    finally:
        if mounted:
            subprocess.run(["umount", os.fspath(folder)], capture_output=True, check=False)

"""The archive under writers that die, on bad disks, in other versions: in short what `medprompt bench archive` does."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from archive_for_tests import SECRET, an_archive

from MedPromptLib.archive import faults
from MedPromptLib.archive.bench import FINDINGS_A_RUN, searches, synthetic_record, whole, write_with_deaths
from MedPromptLib.archive.schema import MIGRATIONS, VERSION
from MedPromptLib.archive.store import Archive
from MedPromptLib.errors import InvalidInput, OutputFailed


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_nothing_that_was_acknowledged_is_lost_when_writers_are_killed(tmp_path: Path, encrypted: bool) -> None:
    path, runs = tmp_path / "archive.db", 60
    with an_archive(path, encrypted=encrypted) as archive:
        anchor = archive.head()
    acknowledged, killed, problems = write_with_deaths(path, SECRET, runs, writers=4, kills=4)
    assert problems == () and killed >= 4 and len(acknowledged) == runs
    with Archive.open(path, secret=SECRET) as archive:
        assert [line for line, fine in whole(archive, acknowledged, anchor) if not fine] == []
        assert len(archive.search("", limit=1000)) == runs * FINDINGS_A_RUN


def test_searches_of_a_small_archive_are_quick(tmp_path: Path) -> None:
    with an_archive(tmp_path / "archive.db", runs=50) as archive:
        slow = [line for line, fine in searches(archive, 13) if not fine]
    assert slow == []


def test_every_fault_ends_in_one_sentence(tmp_path: Path) -> None:
    found = list(faults.faults(tmp_path))
    assert [line for line, fine in found if not fine] == []
    assert [line.split(":")[0] for line, _ in found] == [
        "wrong key", "wrong key, encrypted", "encrypted", "tampered row", "older schema", "newer schema",
        "read-only disk", "full disk",
    ]  # fmt: skip


def test_an_older_archive_is_brought_up_to_date_whole(tmp_path: Path) -> None:
    path = faults.older(tmp_path / "archive.db")
    with Archive.open(path, secret=faults.SECRET) as archive:
        assert str(VERSION) in archive.notes[0] and not archive.verify().problems and not archive.check()
        assert archive.connection.execute("SELECT count(*) FROM findings WHERE phrase IS NULL").fetchone()[0] == 0
        archive.file(synthetic_record(77))
    with Archive.open(path, secret=faults.SECRET) as archive:
        assert archive.notes == ()


def test_an_older_archive_looks_like_a_new_one_afterwards(tmp_path: Path) -> None:
    def tables(path: Path) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(path)) as connection:
            names = [r[0] for r in connection.execute("SELECT name FROM sqlite_master ORDER BY name")]
            return [(name, *(c[1] for c in connection.execute(f"PRAGMA table_info({name})"))) for name in names]

    Archive.open(faults.older(tmp_path / "older.db")).close()
    faults.small_archive(tmp_path / "new.db", runs=0)
    assert tables(tmp_path / "older.db") == tables(tmp_path / "new.db")


def test_a_migration_that_fails_leaves_the_archive_as_it_was(tmp_path: Path, monkeypatch) -> None:
    path = faults.older(tmp_path / "archive.db")

    def breaks(connection) -> None:
        MIGRATIONS[1](connection)
        raise OutputFailed("the disk is full")

    monkeypatch.setattr("MedPromptLib.archive.schema.MIGRATIONS", (MIGRATIONS[0], breaks))
    with pytest.raises(OutputFailed):
        Archive.open(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'phrases'").fetchone()[0] == 0


def test_a_read_only_archive_can_be_searched(tmp_path: Path) -> None:
    path = faults.small_archive(tmp_path / "archive.db")
    with Archive.open(path, read_only=True, secret=faults.SECRET) as archive:
        assert archive.search("outlined") and not archive.verify().problems
        with pytest.raises(OutputFailed, match="read-only"):
            archive.file(synthetic_record(99))


def test_the_journal_stays_short(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("MedPromptLib.archive.connection.LONGEST_JOURNAL", 150_000)
    path = tmp_path / "archive.db"
    with an_archive(path) as archive, closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM runs").fetchone()  # an open reader hinders SQLite's own shortening
        for number in range(12):
            archive.file(synthetic_record(number))
        reader.execute("ROLLBACK")
        archive.file(synthetic_record(12))
        assert (tmp_path / "archive.db-wal").stat().st_size < 150_000
        assert not archive.check()


def test_an_archive_is_made_once_by_many(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from MedPromptLib.archive import Archive\n"
        "from MedPromptLib.errors import InvalidInput\n"
        f"try: Archive.create(Path(sys.argv[1]), secret={SECRET!r}).close(); print('made')\n"
        "except InvalidInput as error: print('exists' if 'exists already' in str(error) else error)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "archive.db")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = sorted(process.communicate()[0].strip() for process in running)
    assert said == ["exists", "exists", "exists", "made"]
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.endswith(("-wal", "-shm"))) == ["archive.db"]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = faults.small_archive(tmp_path / "archive.db", runs=40)
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 12] = bytes(4096 * 9)
    path.write_bytes(data)
    said = []
    try:
        with Archive.open(path, secret=faults.SECRET) as archive:
            said += archive.check()
    except InvalidInput as error:
        said.append(str(error))
    assert said

"""Erasing runs: nothing of them is left in the file, everything else is, and the log still holds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from archive_for_tests import PRIVATE, SECRET, a_dicom_file, a_run_folder, an_archive

from MedPromptLib.archive.audit import Head, entries
from MedPromptLib.archive.bench import synthetic_record
from MedPromptLib.archive.store import Archive
from MedPromptLib.cli import main
from MedPromptLib.errors import InvalidInput
from MedPromptLib.results import Run


@pytest.fixture
def a_file(tmp_path: Path) -> Path:
    """An archive with four runs, one of them decided."""
    path = tmp_path / "archive.db"
    with an_archive(path, runs=4) as archive:
        for number in (1, 2):
            archive.decide(synthetic_record(2).name, number, "rejected", "Reviewer Zwei", "a note on run two")
        archive.decide(synthetic_record(0).name, 1, "accepted", "R")
    return path


def test_an_erased_run_is_gone_and_the_log_holds(a_file: Path) -> None:
    name = synthetic_record(2).name
    with Archive.open(a_file, secret=SECRET) as archive:
        anchor, before = archive.head(), len(archive.search("", limit=100))
        assert archive.erase([name[:8]], "asked for") == (name,)
        assert archive.check() == () and archive.verify([anchor]).problems == ()
        assert len(archive.search("", limit=100)) == before - 4
        assert entries(archive.connection, 1)[0]["details"]["reason"] == "asked for"
        with pytest.raises(InvalidInput):
            archive.run_named(name)
    for file in a_file.parent.iterdir():
        assert b"synthetic request 2" not in file.read_bytes(), f"{file.name} still holds the record"
    assert b"synthetic request 3" in a_file.read_bytes()
    with closing(sqlite3.connect(a_file)) as connection, pytest.raises(sqlite3.IntegrityError, match="only added"):
        connection.execute("DELETE FROM decisions")


def test_a_run_may_be_filed_again_after_it_was_erased(a_file: Path) -> None:
    record = synthetic_record(2)
    with Archive.open(a_file, secret=SECRET) as archive:
        archive.erase([record.name])
        assert archive.file(record).new
        archive.decide(record.name, 1, "accepted", "R")
        assert archive.verify().problems == () and archive.check() == ()


def test_a_run_that_vanishes_without_its_entry_is_still_found(a_file: Path) -> None:
    with Archive.open(a_file, secret=SECRET) as archive:
        archive.erase([synthetic_record(2).name])
    with closing(sqlite3.connect(a_file)) as connection:
        run = "(SELECT id FROM runs WHERE name = ?)"
        for table in ("findings", "tags"):
            connection.execute(f"DELETE FROM {table} WHERE run = {run}", (synthetic_record(3).name,))
        connection.execute("DELETE FROM runs WHERE name = ?", (synthetic_record(3).name,))
        connection.commit()
    with Archive.open(a_file, secret=SECRET) as archive:
        assert any("was filed, but is not in the archive" in p for p in archive.verify().problems)


def test_one_unknown_run_erases_none(a_file: Path) -> None:
    with Archive.open(a_file, secret=SECRET) as archive:
        head = archive.head()
        with pytest.raises(InvalidInput):
            archive.erase([synthetic_record(1).name, "0123456789"])
        assert archive.head() == Head(head.number, head.hash) and archive.run_named(synthetic_record(1).name)


def test_all_runs_of_a_subject_are_erased_from_the_command_line(
    a_run: Run, tmp_path: Path, capsys, monkeypatch
) -> None:
    path = tmp_path / "archive.db"
    film = a_dicom_file(tmp_path / "film.dcm")
    with an_archive(path, runs=1) as archive:
        archive.add_run(a_run_folder(a_run, tmp_path / "run"), image=a_run.image, source=film)
    monkeypatch.setenv("MEDPROMPT_ARCHIVE_SECRET", SECRET)
    command = ["archive", "erase", "--archive", str(path), "--subject-id", "MRN-0815"]
    assert main(command) == 2 and "not confirmed" in capsys.readouterr().err
    assert main([*command, "--yes"]) == 0 and "1 runs erased" in capsys.readouterr().out
    assert main(["audit", "verify", "--archive", str(path)]) == 0
    assert main([*command, "--yes"]) == 2 and "no run on an image of this subject" in capsys.readouterr().err
    assert not any(word.encode() in path.read_bytes() for word in PRIVATE)

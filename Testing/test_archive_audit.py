"""The audit log: every way of changing it, or the archive behind it, is found."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from archive_for_tests import SECRET, an_archive

from MedPromptLib.archive.audit import FIRST_HASH, Head, entries, parsed_anchor
from MedPromptLib.archive.bench import synthetic_record
from MedPromptLib.archive.store import Archive
from MedPromptLib.errors import InvalidInput


@pytest.fixture
def a_file(tmp_path: Path) -> Path:
    """An archive with three runs, decisions and an export."""
    path = tmp_path / "archive.db"
    with an_archive(path, runs=3) as archive:
        for n, word in enumerate(("accepted", "rejected"), 1):
            archive.decide(archive.search("")[0].run, n, word, "R")
        archive.log("export", {"runs": 3})
    return path


def changed(path: Path, *statements: str) -> None:
    """What somebody does who can write to the file and knows SQLite, triggers and all."""
    with closing(sqlite3.connect(path)) as connection:
        triggers = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for name in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def problems(path: Path, *anchors: Head) -> tuple[str, ...]:
    with Archive.open(path, secret=SECRET) as archive:
        return archive.verify(anchors).problems


def test_an_untouched_archive_is_whole(a_file: Path) -> None:
    assert problems(a_file) == ()


CUT = "DELETE FROM audit WHERE number > 4"
OTHER_END = (
    "UPDATE meta SET value = (SELECT number || ':' || hash FROM audit ORDER BY number DESC LIMIT 1) || "
    "substr(value, instr(value, ' ')) WHERE name = 'audit head'"
)
SWAP = tuple(f"UPDATE audit SET number = {new} WHERE number = {old}" for new, old in ((-3, 3), (3, 2), (2, -3)))
AGAIN = "INSERT INTO audit SELECT max(number) + 1, at, actor, action, details, hash FROM audit"
RENAMED = "UPDATE audit SET details = replace(details, 'project', 'object') WHERE number = 2"
NOT_AS_FILED, OTHER_DECISIONS = "is not as it was filed", "decisions are not those of the log"
CHANGES = {
    "edited details": ((RENAMED,), "Entry 2 (run filed) was changed"),
    "edited actor": (("UPDATE audit SET actor = 'somebody' WHERE number = 2",), "Entry 2"),
    "edited time": (("UPDATE audit SET at = '2020-01-01T00:00:00+00:00' WHERE number = 4",), "Entry 4"),
    "deleted": (("DELETE FROM audit WHERE number = 3",), "Entry 3 is missing"),
    "deleted first": (("DELETE FROM audit WHERE number = 1",), "Entry 1 is missing"),
    "cut off": ((CUT,), "cut off"),
    "cut off with its end": ((CUT, "DELETE FROM meta WHERE name = 'audit head'"), "signed end of the log is missing"),
    "cut off, end forged": ((CUT, OTHER_END), "signed end of the log is missing or was changed"),
    "swapped": (SWAP, "Entry 2"),
    "said twice": ((AGAIN,), "changed, inserted or moved"),
    "emptied": (("DELETE FROM audit",), "cut off"),
    "document": (("UPDATE findings SET document = replace(document, '0.', '1.') WHERE id = 2",), NOT_AS_FILED),
    "result": (("UPDATE findings SET result = 'normal' WHERE id = 2",), NOT_AS_FILED),
    "subject": (("UPDATE runs SET subject = 'other' WHERE id = 1",), NOT_AS_FILED),
    "run's name": (("UPDATE runs SET name = 'f' || substr(name, 2) WHERE id = 1",), "was never filed"),
    "finding": (("DELETE FROM findings WHERE id = 12",), NOT_AS_FILED),
    "tag": (("INSERT INTO tags VALUES (1, 'class', 'cancer')",), NOT_AS_FILED),
    "decision": (("UPDATE decisions SET note = 'unsure' WHERE id = 2",), OTHER_DECISIONS),
    "all decisions": (("DELETE FROM decisions",), OTHER_DECISIONS),
    "present decision": (
        ("UPDATE findings SET decision = 'accepted', reviewer = 'R' WHERE id = 1",),
        "the last one of",
    ),
}


@pytest.mark.parametrize(("statements", "said"), CHANGES.values(), ids=CHANGES.keys())
def test_whatever_is_changed_is_found(a_file: Path, statements: tuple[str, ...], said: str) -> None:
    changed(a_file, *statements)
    assert any(said in problem for problem in problems(a_file)), problems(a_file)


def test_a_changed_file_of_a_run_is_found(tmp_path: Path) -> None:
    record = synthetic_record(1)
    (tmp_path / "report.txt").write_text("as it was")
    record.files["report.txt"] = tmp_path / "report.txt"
    with an_archive(tmp_path / "archive.db") as archive:
        archive.file(record)
        assert not archive.verify().problems
    changed(tmp_path / "archive.db", "UPDATE pieces SET data = CAST('as it is' AS BLOB)")
    assert any("report.txt" in problem for problem in problems(tmp_path / "archive.db"))


def test_an_older_copy_in_its_place_is_found_by_an_anchor_only(a_file: Path) -> None:
    older = a_file.read_bytes()
    with Archive.open(a_file, secret=SECRET) as archive:
        anchor = archive.log("export", {"runs": 1})
    a_file.write_bytes(older)
    assert problems(a_file) == ()
    assert "anchor knows entry" in problems(a_file, anchor)[0]
    with Archive.open(a_file, secret=SECRET) as archive:
        archive.log("export", {"runs": 2})
    assert "is not the one that the anchor knows" in problems(a_file, anchor)[0]


def test_an_early_anchor_still_fits_later(a_file: Path) -> None:
    with Archive.open(a_file, secret=SECRET) as archive:
        anchor = archive.head()
        archive.log("export", {})
    assert problems(a_file, anchor, parsed_anchor(str(anchor)), Head(0, FIRST_HASH)) == ()


def test_the_log_cannot_be_changed_by_mistake(a_file: Path) -> None:
    with closing(sqlite3.connect(a_file)) as connection:
        for statement in (
            "DELETE FROM audit",
            "UPDATE audit SET actor = 'x'",
            "DELETE FROM decisions",
            "UPDATE decisions SET note = 'x'",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="only"):
                connection.execute(statement)


def test_nothing_is_filed_without_its_entry(tmp_path: Path, monkeypatch) -> None:
    from MedPromptLib.archive import audit

    with an_archive(tmp_path / "archive.db") as archive:
        monkeypatch.setattr(audit, "append", lambda *a, **k: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            archive.file(synthetic_record(1))
        assert archive.search("") == [] and archive.head().number == 1


def test_an_entry_says_who_and_what(a_file: Path, monkeypatch) -> None:
    monkeypatch.setenv("MEDPROMPT_USER", "reader 2")
    with Archive.open(a_file, secret=SECRET) as archive:
        archive.log("export", {"runs": 9})
        (entry,) = entries(archive.connection, 1)
    assert (entry["actor"], entry["action"], entry["details"]) == ("reader 2", "export", {"runs": 9})


def test_calls_to_an_endpoint_are_logged_before_they_are_made(tmp_path: Path) -> None:
    from argparse import Namespace

    from MedPromptLib.cli_archive import observer
    from MedPromptLib.errors import EndpointFailed
    from MedPromptLib.planner import EndpointPlanner

    an_archive(tmp_path / "archive.db").close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDPROMPT_ARCHIVE_SECRET", SECRET)
        options = Namespace(archive=tmp_path / "archive.db")
        planner = EndpointPlanner("http://127.0.0.1:9/v1", "a model", timeout=2, observe=observer(options))
        with pytest.raises(EndpointFailed):
            planner.plan("Segment the lungs of somebody.", ())
    with Archive.open(tmp_path / "archive.db", secret=SECRET) as archive:
        call, answer = entries(archive.connection)[1:]
        assert not archive.verify().problems
    assert (
        call["action"] == "endpoint call"
        and call["details"]["host"] == "127.0.0.1"
        and len(call["details"]["sha256"]) == 64
    )
    assert answer["action"] == "endpoint answer" and "could not be reached" in answer["details"]["error"]
    assert "somebody" not in str((call, answer)), "the prompt itself is not in the log"


def test_what_cannot_be_logged_is_not_sent(tmp_path: Path) -> None:
    from MedPromptLib.planner import EndpointPlanner

    def refuses(event: str, details: dict[str, object]) -> None:
        raise InvalidInput("no log")

    planner = EndpointPlanner("http://127.0.0.1:9/v1", "a model", observe=refuses)
    with pytest.raises(InvalidInput, match="no log"):
        planner.plan("Segment the lungs.", ())


@pytest.mark.parametrize("text", ["", "12", "1:zz", "-1:" + "0" * 64])
def test_what_is_no_anchor_is_named(text: str) -> None:
    with pytest.raises(InvalidInput, match="anchor"):
        parsed_anchor(text)

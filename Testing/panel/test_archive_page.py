"""The page Archive: runs are filed from the scene, found again and opened in it."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest
import slicer
from archive_for_tests import PRIVATE, SECRET, a_dicom_file, an_archive

from MedPromptLib.archive import Archive
from MedPromptLib.review.nodes import reviews_in_scene
from panel.user import ARCHIVE, REVIEW, User


@pytest.fixture
def an_archivist(a_user_with_results: User) -> User:
    """Someone with results of a real run in the scene, on the page Archive."""
    a_user_with_results.open_page(ARCHIVE)
    return a_user_with_results


@pytest.fixture
def an_open_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive with six synthetic runs."""
    monkeypatch.setenv("MEDPROMPT_ARCHIVE_SECRET", SECRET)
    an_archive(tmp_path / "runs.db", runs=6).close()
    return tmp_path / "runs.db"


def settle(user: User) -> str:
    """Wait until the archive has answered; what the page says."""
    user.wait(user.openArchiveButton.isEnabled)
    return user.archiveStatusLabel.text()


def hits(user: User) -> list[list[str]]:
    """The rows of what was found."""
    table = user.hitTable
    return [[table.item(row, column).text() for column in range(4)] for row in range(table.rowCount())]


def search(user: User, words: str) -> list[list[str]]:
    """Type words and press Enter."""
    user.archiveWordsEdit.clear()
    user.archiveWordsEdit.setFocus()
    for letter in words:
        user.press(letter, user.archiveWordsEdit) if letter.isalnum() else user.archiveWordsEdit.insert(letter)
    user.press("Return", user.archiveWordsEdit)
    settle(user)
    return hits(user)


def test_a_run_is_filed_found_by_words_and_opened_with_its_decisions(
    an_archivist: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, page = an_archivist, an_archivist.panel.widget.archive
    assert "No archive is chosen" in user.archivePathLabel.text()
    assert not user.fileRunButton.isEnabled()
    page.access.create(tmp_path / "mine.db", False, lambda made: None)
    settle(user)
    user.open_report()
    user.click(user.makeReportButton)
    user.wait(user.makeReportButton.isEnabled)
    user.open_page(ARCHIVE)
    user.projectEdit.setText("films")
    user.click(user.fileRunButton)
    assert settle(user).startswith("Filed as ")

    user.open_page(REVIEW)
    user.reviewerEdit.setText("AR")
    user.press("A")
    user.press("R")
    user.open_page(ARCHIVE)
    user.click(user.fileRunButton)
    assert "It had been filed" in settle(user) and "New decisions kept: 2." in settle(user)
    user.click(user.fileRunButton)
    assert "New decisions kept: 0." in settle(user)

    with Archive.open(tmp_path / "mine.db") as archive:
        (run,) = archive.connection.execute("SELECT * FROM runs").fetchall()
        names = {file["name"] for file in archive.files(run["id"])}
        assert archive.verify().problems == ()
    assert {"scene.mrb", "results.tsv", "report.md", "report.html", "findings.json"} <= names
    assert run["project"] == "films" and run["image"] not in ("", "chest")

    (row,) = search(user, "lung accepted")
    assert row[0] == "right lung" and row[1] and row[2] == "accepted" and run["name"][:8] in row[3]
    assert "Decided by AR" in user.hitLabel.text() and "chest_structures_seg_cxr" in user.hitLabel.text()

    asked: list[str] = []
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: bool(asked.append(text)) or True)
    user.click(user.openRunButton)
    settle(user)
    assert "replaces the present scene" in asked[0]
    (review,) = reviews_in_scene()
    assert [r.decision.value for r in review.reviews] == ["accepted", "rejected", "proposed", "proposed"]
    assert review.reviews[0].reviewer == "AR" and review.archived_as == run["name"]
    assert user.findingsTable.rowCount() > 3
    user.open_page(REVIEW)
    assert user.reviewTable.rowCount() == 4
    user.press("Down")
    user.press("Down")
    user.press("A")
    user.open_page(ARCHIVE)
    user.click(user.fileRunButton)
    assert "New decisions kept: 1." in settle(user), "what was opened from an archive is not filed twice"
    with Archive.open(tmp_path / "mine.db") as archive:
        assert archive.connection.execute("SELECT count(*) FROM runs").fetchone()[0] == 1


def test_searches_by_circumstances_and_likeness(an_archivist: User, an_open_archive: Path) -> None:
    user, page = an_archivist, an_archivist.panel.widget.archive
    page.use(an_open_archive)
    settle(user)
    everything = hits(user)
    assert len(everything) == 24
    user.archiveSinceEdit.setText("2026-03-01")
    user.archiveUntilEdit.setText("2026-04-30")
    assert {row[3][:7] for row in search(user, "")} == {"2026-03", "2026-04"}
    user.archiveSinceEdit.setText("in spring")
    search(user, "")
    assert "'in spring' is not a date" in user.archiveStatusLabel.text()
    user.archiveSinceEdit.setText("")
    user.archiveUntilEdit.setText("")
    user.archiveReviewerEdit.setText("nobody at all")
    assert search(user, "") == [] and user.archiveStatusLabel.text() == "Nothing was found."
    user.archiveReviewerEdit.setText("")

    user.click(user.fileRunButton)
    settle(user)
    user.click(user.similarImagesButton)
    settle(user)
    rows = hits(user)
    assert rows[0][1] == "1.00 alike" and rows[0][0].startswith("Segment the lungs")
    assert not user.hitsNodeButton.isEnabled() and not user.similarFindingsButton.isEnabled()
    user.choose(user.archiveWeightSelector, "chest_structures_seg_cxr")
    found = search(user, "")
    assert {row[0] for row in found} == {"right lung", "left lung", "heart"}
    user.click(user.hitsNodeButton)
    table = slicer.util.getNode("MedPrompt archive search")
    assert table.GetNumberOfRows() == 3 and table.GetCellText(0, 10) == "chest_structures_seg_cxr"
    user.click(user.similarFindingsButton)
    settle(user)
    likeness, what = hits(user)[0][0].split("  ")
    assert 0.5 < float(likeness) <= 1 and ("lung" in what or "heart" in what)


def test_a_run_without_its_scene_cannot_be_opened_and_the_scene_stays(
    an_archivist: User, an_open_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: True)
    an_archivist.panel.widget.archive.use(an_open_archive)
    settle(an_archivist)
    an_archivist.click(an_archivist.openRunButton)
    assert "filed without its scene" in settle(an_archivist)
    assert slicer.util.getNode("chest")


def test_the_secret_is_asked_once_and_a_wrong_one_again(
    an_archivist: User, an_open_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEDPROMPT_ARCHIVE_SECRET")
    monkeypatch.setattr("MedPromptLib.archive.keys._from_keyring", lambda salt: None)
    user, answers = an_archivist, iter(["not the secret", "", SECRET])
    asked: list[str] = []

    class Dialog:
        @staticmethod
        def getText(parent: Any, title: str, question: str, mode: Any) -> tuple[str, bool]:
            asked.append(question)
            answer = next(answers)
            return answer, bool(answer)

    monkeypatch.setattr("MedPromptWidgets.archive_access.qt.QInputDialog", Dialog, raising=False)
    user.panel.widget.archive.use(an_open_archive)
    assert "24 found" in settle(user), "a plain archive can be searched without its secret"
    user.click(user.fileRunButton)
    assert "secret does not fit" in settle(user)
    user.click(user.fileRunButton)
    assert "Without its secret" in settle(user)
    user.click(user.fileRunButton)
    assert settle(user).startswith("Filed as ")
    user.click(user.fileRunButton)
    assert "It had been filed" in settle(user)
    assert len(asked) == 3 and all("Secret of the archive" in text for text in asked)


def test_what_a_dicom_header_says_is_kept_out_of_the_archive(an_archivist: User, tmp_path: Path) -> None:
    user, page = an_archivist, an_archivist.panel.widget.archive
    header = a_dicom_file(tmp_path / "film")
    database = types.SimpleNamespace(fileForInstance=lambda uid: str(header) if uid == "1.2.3" else "")
    slicer.dicomDatabase = database  # goes with the application
    slicer.util.getNode("chest").SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    page.access.create(tmp_path / "mine.db", False, lambda made: None)
    settle(user)
    user.click(user.fileRunButton)
    assert settle(user).startswith("Filed as ")
    data = (tmp_path / "mine.db").read_bytes()
    assert not [word for word in PRIVATE if word.encode() in data]
    with Archive.open(tmp_path / "mine.db") as archive:
        (run,) = archive.connection.execute("SELECT subject, header FROM runs").fetchall()
    assert len(run["subject"]) == 32 and "CHEST" in run["header"]


def test_a_file_that_is_no_archive_is_one_sentence(an_archivist: User, tmp_path: Path) -> None:
    (tmp_path / "other.db").write_bytes(b"SQLite format 3\0" + b"no" * 500)
    an_archivist.panel.widget.archive.use(tmp_path / "other.db")
    assert "other.db" in settle(an_archivist)
    assert hits(an_archivist) == []
    assert an_archivist.see(an_archivist.archivePrivacyLabel)
    assert "pixels stay as they are" in an_archivist.archivePrivacyLabel.text()

"""Reviewing on the panel with single keys, and everything kept with the scene."""

from __future__ import annotations

import csv
import dataclasses
import shutil
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
from PySide6 import QtTest, QtWidgets
from qt_adapter import Desktop

from MedPromptLib.outputs import write_outputs
from MedPromptLib.results import Run
from MedPromptLib.review import Decision, find_cases, read_csv
from MedPromptLib.review.nodes import reviews_in_scene
from MedPromptLib.training.data import read_cases
from panel.user import ANALYSE, REVIEW, TWO_STEPS, User

CASES = 20


@pytest.fixture(scope="session")
def the_results(a_real_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty result folders as `medprompt run --out` writes them."""
    folder = tmp_path_factory.mktemp("results")
    for number in range(CASES):
        image = dataclasses.replace(a_real_run.image, name=f"film {number:02d}")
        provenance = a_real_run.provenance.model_copy(update={"input_name": image.name})
        run = dataclasses.replace(a_real_run, image=image, provenance=provenance)
        write_outputs(run, folder / f"film_{number:02d}", with_picture=False)
    return folder


@pytest.fixture
def a_batch(the_results: Path, tmp_path: Path) -> Path:
    """A copy of them that a test may change."""
    return Path(shutil.copytree(the_results, tmp_path / "batch"))


@pytest.fixture
def a_reviewer(a_user_with_results: User) -> User:
    """Someone on the page Review with fresh results."""
    a_user_with_results.open_page(REVIEW)
    return a_user_with_results


def decisions(user: User) -> list[str]:
    """What the page shows in the column Decision."""
    table = user.reviewTable
    return [table.item(row, 2).text().split()[1] for row in range(table.rowCount())]


def selected(user: User) -> str:
    """The selected result's name."""
    return str(user.reviewTable.item(user.reviewTable.currentRow(), 0).text())


def paint(user: User, rows: slice) -> None:
    """What a person does in the Segment Editor: erase rows of the segment that it was opened on."""
    editor = slicer.modules.SegmentEditorWidget.editor
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(editor.segmentation, editor.segment_id, editor.volume).copy()
    mask[0, rows] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, editor.segmentation, editor.segment_id, editor.volume)


def come_back(user: User) -> None:
    """From the Segment Editor to MedPrompt."""
    user.panel.widget.exit()
    user.panel.widget.enter()
    QtTest.QTest.qWait(5)


# ------------------------------------------------------------------------------------------------------ one run


def test_results_land_as_proposed(a_reviewer: User) -> None:
    assert decisions(a_reviewer) == ["proposed"] * 4
    assert selected(a_reviewer) == "right lung"
    assert a_reviewer.caseLabel.text() == "Results of chest"


def test_keys_decide_and_go_on_to_the_next_open_result(a_reviewer: User) -> None:
    a_reviewer.press("A")
    assert decisions(a_reviewer) == ["accepted", "proposed", "proposed", "proposed"]
    assert selected(a_reviewer) == "left lung"
    a_reviewer.press("R")
    assert selected(a_reviewer) == "heart"
    a_reviewer.press("Up")
    assert selected(a_reviewer) == "left lung"
    a_reviewer.press("A")
    assert decisions(a_reviewer)[:2] == ["accepted", "accepted"], "a decision can be changed"
    assert selected(a_reviewer) == "heart"
    a_reviewer.press("4")
    a_reviewer.press("A")
    a_reviewer.press("A")
    assert decisions(a_reviewer) == ["accepted"] * 4
    assert a_reviewer.reviewStatusLabel.text() == "Every result is decided."


def test_buttons_do_the_same(a_reviewer: User) -> None:
    a_reviewer.click(a_reviewer.acceptButton)
    a_reviewer.click(a_reviewer.rejectButton)
    assert decisions(a_reviewer) == ["accepted", "rejected", "proposed", "proposed"]


def test_decisions_land_in_the_table_and_the_segments_with_reviewer_and_time(a_reviewer: User) -> None:
    a_reviewer.click(a_reviewer.reviewerEdit)
    QtTest.QTest.keyClicks(a_reviewer.reviewerEdit, "Dr A. Reader")
    a_reviewer.press("Escape", a_reviewer.reviewerEdit)
    a_reviewer.press("A")
    a_reviewer.press("R")
    (table,) = slicer.util.getNodesByClass("vtkMRMLTableNode")

    def cell(row: int, name: str) -> str:
        return str(table.GetTable().GetColumnByName(name).GetValue(row))

    assert [cell(row, "decision") for row in range(4)] == ["accepted", "rejected", "proposed", "proposed"]
    assert cell(0, "reviewer") == "Dr A. Reader"
    assert cell(0, "decided_at").endswith("+00:00")
    assert cell(2, "decided_at") == ""
    (segmentation,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    left = segmentation.GetSegmentation().GetSegmentIdBySegmentName("left lung")
    assert not segmentation.GetDisplayNode().GetSegmentVisibility(left), "what was rejected is not shown"
    status = slicer.vtkSlicerSegmentationsModuleLogic.GetSegmentStatus
    names = ("right lung", "left lung", "heart")
    segments = [
        segmentation.GetSegmentation().GetSegment(segmentation.GetSegmentation().GetSegmentIdBySegmentName(n))
        for n in names
    ]
    assert [status(segment) for segment in segments] == [2, 3, 0]


def test_letters_in_a_comment_decide_nothing(a_reviewer: User) -> None:
    a_reviewer.press("C")
    assert QtWidgets.QApplication.focusWidget() is a_reviewer.commentEdit
    QtTest.QTest.keyClicks(a_reviewer.commentEdit, "near a rib 3")
    a_reviewer.press("Return", a_reviewer.commentEdit)
    assert decisions(a_reviewer) == ["proposed"] * 4
    (review,) = reviews_in_scene()
    assert review.reviews[0].comment == "near a rib 3"
    assert review.reviews[0].quality is None
    a_reviewer.press("3")
    assert review.reviews[0].quality == 3
    assert a_reviewer.reviewTable.item(0, 3).text() == "3 / 5"


def test_edit_opens_the_segment_editor_and_the_change_is_measured(a_desktop: Desktop, a_reviewer: User) -> None:
    a_reviewer.press("E")
    assert a_desktop.selected_modules == ["SegmentEditor"]
    (segmentation,) = [n for n in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if not n.GetHideFromEditors()]
    assert a_desktop.editor.segmentation is segmentation
    assert segmentation.GetSegmentation().GetSegment(a_desktop.editor.segment_id).GetName() == "right lung"
    assert a_desktop.editor.volume.GetName() == "chest"
    assert a_reviewer.see(a_reviewer.doneEditingButton)
    paint(a_reviewer, slice(0, 200))
    come_back(a_reviewer)
    assert decisions(a_reviewer)[0] == "edited"
    assert not a_reviewer.see(a_reviewer.doneEditingButton)
    (review,) = reviews_in_scene()
    found = review.reviews[0]
    assert 0.3 < found.dice < 1
    assert found.hd95 > 1 and found.hd95_unit == "pixels", "the film has no spacing"
    assert found.changed_pixels > 100
    a_reviewer.press("Up")
    assert a_reviewer.agreementLabel.text().startswith("Edited against proposed: Dice 0.")
    hidden = [n for n in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if n.GetHideFromEditors()]
    assert len(hidden) == 1, "the proposal is kept"


def test_an_edit_that_changes_nothing_is_an_acceptance(a_reviewer: User) -> None:
    a_reviewer.press("E")
    a_reviewer.press("D")
    assert decisions(a_reviewer)[0] == "accepted"


def test_the_right_class_can_be_chosen(a_reviewer: User) -> None:
    for _ in range(3):
        a_reviewer.press("Down")
    assert selected(a_reviewer) == "pneumonia"
    assert a_reviewer.see(a_reviewer.classSelector)
    model = a_reviewer.classSelector.currentText()
    other = next(
        a_reviewer.classSelector.itemText(n)
        for n in range(a_reviewer.classSelector.count())
        if a_reviewer.classSelector.itemText(n) != model
    )
    a_reviewer.press("E")
    view = a_reviewer.classSelector.view()
    assert view.isVisible()
    QtTest.QTest.qWait(50)
    for _ in range(a_reviewer.classSelector.count()):
        if view.currentIndex().data() != other:
            a_reviewer.press("Down", view)
    a_reviewer.press("Return", view)
    assert decisions(a_reviewer)[3] == "edited"
    (review,) = reviews_in_scene()
    assert review.reviews[3].corrected == other.replace(" ", "_")
    assert review.reviews[3].result == model.replace(" ", "_")


def test_the_page_analyse_shows_the_decisions_too(a_reviewer: User) -> None:
    a_reviewer.press("A")
    a_reviewer.press("R")
    a_reviewer.open_page(ANALYSE)
    assert [a_reviewer.findingsTable.item(row, 3).text() for row in range(4)] == ["✓", "✗", "○", "○"]


def test_a_single_run_is_exported_as_csv_and_training_set(a_reviewer: User, tmp_path: Path) -> None:
    for _ in range(4):
        a_reviewer.press("A")
    page = a_reviewer.panel.widget.review
    page.exports.csv(tmp_path / "one.csv")
    assert {review.decision for review in read_csv(tmp_path / "one.csv")} == {Decision.ACCEPTED}
    page.exports.trainingSet(tmp_path / "set")
    a_reviewer.wait(lambda: "1 images are in" in a_reviewer.reviewStatusLabel.text())
    page.exports.trainingSet(tmp_path / "set")
    a_reviewer.wait(lambda: "choose another place, nothing in it was changed" in a_reviewer.reviewStatusLabel.text())


# ------------------------------------------------------------------------------------------------------- the scene


def test_a_saved_scene_brings_back_panel_nodes_and_decisions(
    a_desktop: Desktop, the_module: types.ModuleType, a_reviewer: User, tmp_path: Path
) -> None:
    a_reviewer.press("A")
    a_reviewer.press("E")
    paint(a_reviewer, slice(0, 200))
    come_back(a_reviewer)
    a_reviewer.press("5")
    a_reviewer.open_page(ANALYSE)
    a_reviewer.type_prompt(TWO_STEPS)
    a_reviewer.wait_for_the_plan()
    a_reviewer.tick(1)
    a_reviewer.click(a_reviewer.outlineCheck)
    before = [review.model_dump() for review in reviews_in_scene()[0].reviews]
    assert slicer.util.saveScene(str(tmp_path / "kept.mrb"), {})

    slicer.mrmlScene.Clear()
    assert a_reviewer.promptEdit.toPlainText() == ""
    assert not a_reviewer.see(a_reviewer.resultsSection)
    slicer.util.loadScene(str(tmp_path / "kept.mrb"), {})
    QtTest.QTest.qWait(50)

    assert a_reviewer.promptEdit.toPlainText() == TWO_STEPS
    assert a_reviewer.inputSelector.currentText() == "chest"
    assert a_reviewer.outlineCheck.isChecked()
    assert [task.id for task in a_reviewer.analysis.planView.shownPlan().pipeline] == [1], "step 2 is still unticked"
    a_reviewer.wait_for_the_plan()
    assert [task.id for task in a_reviewer.analysis.planView.shownPlan().pipeline] == [1]
    assert a_reviewer.see(a_reviewer.findingsTable)
    after = [review.model_dump() for review in reviews_in_scene()[0].reviews]
    assert after == before
    a_reviewer.open_page(REVIEW)
    assert decisions(a_reviewer) == ["accepted", "edited", "proposed", "proposed"]
    hidden = [n for n in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if n.GetHideFromEditors()]
    assert len(hidden) == 1


# -------------------------------------------------------------------------------------------------------- a batch


@pytest.fixture
def a_batch_reviewer(a_ready_user: User, a_batch: Path) -> User:
    """Someone who has opened a folder of twenty cases."""
    a_ready_user.open_page(REVIEW)
    a_ready_user.panel.widget.review.openBatch(a_batch)
    return a_ready_user


def test_a_pass_over_twenty_cases_with_keys_alone(a_batch_reviewer: User, a_batch: Path, tmp_path: Path) -> None:
    user = a_batch_reviewer
    user.click(user.reviewerEdit)
    QtTest.QTest.keyClicks(user.reviewerEdit, "AR")
    user.press("Escape", user.reviewerEdit)
    for number in range(CASES):
        assert f"Case {number + 1} of {CASES}: film_{number:02d}" in user.caseLabel.text()
        assert decisions(user) == ["proposed"] * 4
        if number % 5 == 1:  # the left lung is corrected
            user.press("A")
            user.press("E")
            paint(user, slice(0, 150))
            come_back(user)
            for key in "AAA":  # the first agrees with the edit
                user.press(key)
        elif number % 5 == 2:  # the heart is rejected
            for key in "AARA":
                user.press(key)
        elif number % 5 == 3:  # the class is left open
            for key in "5AAA":
                user.press(key)
        else:
            for key in "AAAA":
                user.press(key)
        user.press("N")
    assert f"({CASES} reviewed)" in user.caseLabel.text()

    page = user.panel.widget.review
    page.exports.csv(tmp_path / "reviews.csv")
    rows = list(csv.DictReader((tmp_path / "reviews.csv").open(encoding="utf-8")))
    assert len(rows) == 4 * CASES
    by_case = {
        f"film_{n:02d}": [row["decision"] for row in rows if row["case"] == f"film_{n:02d}"] for n in range(CASES)
    }
    assert by_case["film_00"] == ["accepted"] * 4
    assert by_case["film_01"] == ["accepted", "edited", "accepted", "accepted"]
    assert by_case["film_02"] == ["accepted", "accepted", "rejected", "accepted"]
    assert by_case["film_03"] == ["accepted", "accepted", "accepted", "proposed"]
    edited = [row for row in rows if row["decision"] == "edited"]
    assert len(edited) == 4
    assert all(0 < float(row["dice"]) < 1 and int(float(row["changed_pixels"])) > 0 for row in edited)
    assert {row["quality"] for row in rows if row["case"] == "film_03"} == {"5", ""}
    decided = [row for row in rows if row["decision"] != "proposed"]
    assert all(row["reviewer"] == "AR" and row["decided_at"] for row in decided)

    page.exports.trainingSet(tmp_path / "sets")
    user.wait(lambda: "images are in" in user.reviewStatusLabel.text())
    folder = tmp_path / "sets" / "chest_structures_seg_cxr"
    cases = [read_cases(folder, split) for split in ("train", "val", "test")]
    ids = [name for part in cases for name in part.ids]
    expected = {f"film_{n:02d}" for n in range(CASES) if n % 5 != 2}
    assert set(ids) == expected and len(ids) == len(expected), "cases with a rejected structure are left out"
    for part in cases:
        for name, image, mask in zip(part.ids, part.images, part.masks, strict=True):
            assert image.shape == mask.shape
            assert set(np.unique(mask)) == {0, 1, 2, 3}
            corrected = name in {f"film_{n:02d}" for n in range(1, CASES, 5)}
            assert bool((mask[:150] == 2).any()) is not corrected
    assert "8 results were left out" in user.reviewStatusLabel.text(), "four hearts and four classes"
    labels = [read_cases(tmp_path / "sets" / "pneumonia_cls_cxr", split) for split in ("train", "val", "test")]
    assert sum(len(part) for part in labels) == sum(n % 5 != 3 for n in range(CASES))
    assert {label for part in labels for label in part.labels} == {a_result(a_batch)}


def a_result(batch: Path) -> str:
    """The class that the model gave."""
    return next(f.result for f in find_cases(batch)[0].provenance().findings if f.kind == "classification")


def test_a_review_can_be_left_and_taken_up_again(a_batch_reviewer: User, a_batch: Path) -> None:
    user = a_batch_reviewer
    user.press("A")
    user.press("E")
    paint(user, slice(0, 150))
    come_back(user)
    user.press("N")
    user.press("A")
    page = user.panel.widget.review
    page.openBatch(a_batch)
    assert "Case 1 of" in user.caseLabel.text(), "the first that is not decided"
    assert "(2 reviewed)" in user.caseLabel.text()
    assert decisions(user) == ["accepted", "edited", "proposed", "proposed"]
    (review,) = reviews_in_scene()
    item = review.items[1]
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(item.segmentation, item.segment_id, review.volume)
    assert not mask[0, :150].any()
    original = find_cases(a_batch)[0].folder
    assert not (original / "scene.mrb").samefile(original / "review" / "review.json")


def test_the_results_folders_own_files_stay_as_they_were(a_batch_reviewer: User, a_batch: Path) -> None:
    before = {path: path.read_bytes() for path in sorted((a_batch / "film_00").iterdir()) if path.is_file()}
    for key in "ARAA":
        a_batch_reviewer.press(key)
    a_batch_reviewer.press("N")
    assert {path: path.read_bytes() for path in before} == before


def test_a_folder_without_results_is_one_sentence(a_ready_user: User, tmp_path: Path) -> None:
    a_ready_user.open_page(REVIEW)
    a_ready_user.panel.widget.review.openBatch(tmp_path)
    assert "There are no results in" in a_ready_user.reviewStatusLabel.text()


def test_a_damaged_scene_is_one_sentence_and_the_next_case_opens(a_ready_user: User, a_batch: Path) -> None:
    (a_batch / "film_00" / "scene.mrb").write_bytes(b"no bundle")
    a_ready_user.open_page(REVIEW)
    a_ready_user.panel.widget.review.openBatch(a_batch)
    assert "is not a scene that can be opened" in a_ready_user.reviewStatusLabel.text()
    a_ready_user.press("N")
    assert decisions(a_ready_user) == ["proposed"] * 4


def test_damaged_decisions_are_one_sentence_and_are_not_overwritten(a_ready_user: User, a_batch: Path) -> None:
    damaged = a_batch / "film_00" / "review" / "review.json"
    damaged.parent.mkdir()
    damaged.write_text("{", encoding="utf-8")
    a_ready_user.open_page(REVIEW)
    a_ready_user.panel.widget.review.openBatch(a_batch)
    assert "cannot be read" in a_ready_user.reviewStatusLabel.text()
    a_ready_user.press("A")
    assert damaged.read_text(encoding="utf-8") == "{"


def test_the_image_in_a_case_is_the_analysed_one(a_batch: Path, a_real_run: Run) -> None:
    image: Any = find_cases(a_batch)[3].image()
    assert np.array_equal(image.array, a_real_run.image.array)

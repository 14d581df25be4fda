"""The request and its plan on the panel, driven by mouse and keyboard."""

from __future__ import annotations

import time
import types
from typing import Any

import pytest
import slicer
from PySide6 import QtCore, QtTest, QtWidgets
from qt_adapter import Desktop

from MedPromptLib.completion import examples
from MedPromptLib.images import MedicalImage
from MedPromptLib.plan import Status
from MedPromptLib.planner import RulePlanner
from MedPromptLib.scene import image_to_volume
from panel.user import LUNGS_PROMPT, SETTINGS, TWO_STEPS, User

# ----------------------------------------------------------------------------------------------- when Apply is possible


def test_apply_is_disabled_and_says_why_until_an_image_and_a_prompt_are_there(
    a_user: User, a_film: MedicalImage
) -> None:
    assert not a_user.applyButton.isEnabled()
    assert "Select an image" in a_user.applyButton.toolTip()

    image_to_volume(a_film, slicer.mrmlScene, "chest")
    a_user.select_volume("chest")
    assert not a_user.applyButton.isEnabled()
    assert "Type what to outline" in a_user.applyButton.toolTip()

    a_user.type_prompt("   ")
    assert not a_user.applyButton.isEnabled()

    a_user.type_prompt("lungs")
    assert a_user.applyButton.isEnabled()
    assert "Ctrl+Enter" in a_user.applyButton.toolTip()


def test_an_image_that_is_there_already_is_proposed(
    a_desktop: Desktop, the_module: types.ModuleType, a_film: MedicalImage
) -> None:
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    image_to_volume(a_film, slicer.mrmlScene, "chest")
    panel = a_desktop.open_panel(the_module)
    assert User(panel).inputSelector.currentText() == "chest"
    panel.close()


def test_label_maps_are_not_offered_as_images(a_user: User) -> None:
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "photograph")
    offered = [a_user.inputSelector.itemText(index) for index in range(a_user.inputSelector.count())]
    assert offered == ["None", "photograph"]


def test_the_request_is_kept_in_the_scene(a_ready_user: User) -> None:
    a_ready_user.choose(a_ready_user.deviceSelector, "cpu")
    a_ready_user.click(a_ready_user.sliceOnlyCheck)
    kept = a_ready_user.logic.getParameterNode()
    assert (kept.prompt, kept.device, kept.inputVolume.GetName()) == (LUNGS_PROMPT, "cpu", "chest")
    assert kept.sliceOnly

    a_ready_user.panel.widget.exit()
    kept.prompt = "segment the heart"
    a_ready_user.panel.widget.enter()
    assert a_ready_user.promptEdit.toPlainText() == "segment the heart"


def test_closing_the_scene_empties_the_panel(a_ready_user: User) -> None:
    a_ready_user.wait_for_the_plan()
    slicer.mrmlScene.Clear()
    assert a_ready_user.promptEdit.toPlainText() == ""
    assert a_ready_user.steps() == []
    assert not a_ready_user.applyButton.isEnabled()


# --------------------------------------------------------------------------------------------------------- the plan


def test_the_plan_appears_while_typing(a_ready_user: User) -> None:
    a_ready_user.type_prompt(TWO_STEPS)
    a_ready_user.wait_for_the_plan()
    first, second = a_ready_user.steps()
    assert first == ["1. Segment chest structures", "chest x-ray", "always", "?"]
    assert second[:3] == ["2. Classify pneumonia", "chest x-ray", "if step 1 finds something"]
    combo = a_ready_user.analysis.planView.weightSelector(1).qt_object
    assert combo.currentText() == "with chest_structures_seg_cxr, match 3.50"
    assert a_ready_user.see(a_ready_user.planTable)
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode"), "nothing runs by typing"


def test_a_preview_takes_less_than_50_milliseconds(a_ready_user: User) -> None:
    a_ready_user.wait_for_the_plan()
    planning, times = a_ready_user.analysis.planning, []
    for prompt in (TWO_STEPS, LUNGS_PROMPT, "outline the polyp", "is the breast lesion malignant?", TWO_STEPS):
        planning.setPrompt(prompt)
        begun = time.thread_time()
        planning._preview()
        times.append(time.thread_time() - begun)
        assert planning.verdict is not None
    # A prompt's first time includes words that the vocabulary has not looked up before.
    assert sorted(times)[2] < 0.05
    assert max(times) < 0.1


def test_a_pause_is_waited_for_before_planning(a_ready_user: User) -> None:
    seen: list[str] = []
    preview = a_ready_user.logic.preview
    a_ready_user.wait_for_the_plan()
    a_ready_user.logic.preview = lambda prompt: (seen.append(prompt), preview(prompt))[1]
    a_ready_user.type_prompt("Segment the polyp.")
    a_ready_user.wait_for_the_plan()
    assert seen == ["Segment the polyp."], "not once for each letter"


def test_the_old_plan_stays_in_grey_while_typing_and_does_not_run(a_ready_user: User) -> None:
    a_ready_user.wait_for_the_plan()
    QtTest.QTest.keyClicks(a_ready_user.promptEdit, " And check")
    assert a_ready_user.see(a_ready_user.planTable), "the panel does not jump at each key stroke"
    assert not a_ready_user.planTable.isEnabled()
    assert a_ready_user.analysis.planView.shownPlan() is None
    QtTest.QTest.keyClicks(a_ready_user.promptEdit, " for pneumonia.")
    a_ready_user.wait_for_the_plan()
    assert a_ready_user.planTable.isEnabled()
    assert len(a_ready_user.steps()) == 2


def test_the_language_model_confirms_in_the_background(a_ready_user: User) -> None:
    a_ready_user.logic.usePlanner("agreement")
    a_ready_user.analysis.plannerChanged()
    a_ready_user.wait_for_the_plan()
    assert a_ready_user.verdictLabel.text().startswith("Planned by the rules")
    a_ready_user.wait_for_the_verdict()
    assert a_ready_user.verdictLabel.text() == "Both planners read the request alike."
    assert len(a_ready_user.analysis.planning.verdict.readings) == 2


def test_an_unticked_step_takes_those_with_it_that_wait_for_it(a_ready_user: User) -> None:
    a_ready_user.type_prompt(TWO_STEPS)
    a_ready_user.wait_for_the_plan()
    view = a_ready_user.analysis.planView
    assert [task.id for task in view.shownPlan().pipeline] == [1, 2]

    a_ready_user.tick(1)
    assert [task.id for task in view.shownPlan().pipeline] == [1]
    a_ready_user.tick(1)
    assert [task.id for task in view.shownPlan().pipeline] == [1, 2]

    a_ready_user.tick(0)
    assert view.shownPlan() is None
    table = a_ready_user.planTable
    assert [table.item(row, 0).checkState() for row in (0, 2)] == [QtCore.Qt.CheckState.Unchecked] * 2
    assert not a_ready_user.applyButton.isEnabled()
    assert "tick at least one" in a_ready_user.applyButton.toolTip()

    a_ready_user.tick(0)
    assert [task.id for task in view.shownPlan().pipeline] == [1, 2]
    assert a_ready_user.applyButton.isEnabled()


def test_only_the_ticked_steps_run(a_ready_user: User) -> None:
    a_ready_user.type_prompt(TWO_STEPS)
    a_ready_user.wait_for_the_plan()
    a_ready_user.tick(1)
    a_ready_user.run()
    (table,) = slicer.util.getNodesByClass("vtkMRMLTableNode")
    kinds = {table.GetTable().GetColumnByName("kind").GetValue(row) for row in range(table.GetNumberOfRows())}
    assert kinds == {"segmentation"}
    assert "“Classify pneumonia”: It was left out by hand." in a_ready_user.notesLabel.text()


def test_another_weight_can_be_chosen_and_runs(
    a_ready_user: User, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json
    import shutil

    catalog = a_ready_user.logic.catalog
    folder = tmp_path / "more" / "chest_second_cxr"
    shutil.copytree(catalog.folder("chest_structures_seg_cxr"), folder)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"id": "chest_second_cxr"}))
    monkeypatch.setenv("MEDPROMPT_WEIGHTS", str(tmp_path / "more"))
    a_ready_user.analysis.cardsChanged()
    a_ready_user.type_prompt("Segment the heart on this chest x-ray.")
    a_ready_user.wait_for_the_plan()
    combo = a_ready_user.analysis.planView.weightSelector(1).qt_object
    offered = {combo.itemText(index).split(",")[0] for index in range(combo.count())}
    assert offered == {"with chest_second_cxr", "with chest_structures_seg_cxr"}

    before = combo.currentText().split(",")[0]
    combo.setFocus()
    QtTest.QTest.keyClick(combo, QtCore.Qt.Key.Key_Down)
    QtTest.QTest.qWait(20)
    chosen = a_ready_user.analysis.planView.shownPlan().pipeline[0].weight_name
    assert {before, f"with {chosen}"} == offered
    a_ready_user.run()
    (segmentation,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert segmentation.GetAttribute("MedPrompt.WeightID") == chosen


def test_what_could_not_be_planned_and_why_is_said(a_ready_user: User) -> None:
    a_ready_user.type_prompt("Segment the heart on this chest x-ray and the spleen on this chest x-ray.")
    a_ready_user.wait_for_the_plan()
    assert len(a_ready_user.steps()) == 1
    assert a_ready_user.see(a_ready_user.omissionsLabel)
    assert "spleen" in a_ready_user.omissionsLabel.text()


def test_filters_before_the_first_step_are_said(a_ready_user: User) -> None:
    a_ready_user.type_prompt("Denoise, then segment the heart on this chest x-ray.")
    a_ready_user.wait_for_the_plan()
    assert len(a_ready_user.steps()) == 1
    assert a_ready_user.omissionsLabel.text() == "First: denoise by curvature flow."


def test_a_refused_request_says_why_in_the_plan(a_ready_user: User) -> None:
    a_ready_user.type_prompt("Play some music.")
    a_ready_user.wait_for_the_plan()
    assert a_ready_user.steps() == []
    assert a_ready_user.verdictLabel.text()
    assert "c0392b" in a_ready_user.verdictLabel.styleSheet()


def test_an_edited_plan_is_not_overruled_by_the_language_model(a_ready_user: User) -> None:
    a_ready_user.logic.usePlanner("agreement")
    a_ready_user.analysis.plannerChanged()
    a_ready_user.type_prompt(TWO_STEPS)
    a_ready_user.wait_for_the_plan()
    a_ready_user.tick(1)
    a_ready_user.wait_for_the_verdict()
    assert [task.id for task in a_ready_user.analysis.planView.shownPlan().pipeline] == [1]


def test_expected_times_are_those_of_earlier_runs(a_ready_user: User) -> None:
    a_ready_user.wait_for_the_plan()
    assert a_ready_user.steps()[0][3] == "?"
    a_ready_user.run()
    assert a_ready_user.steps()[0][3].startswith("≈ ")


# -------------------------------------------------------------------------------------------------------- the prompt


def test_words_are_completed_from_the_installed_cards(a_ready_user: User) -> None:
    a_ready_user.wait(a_ready_user.examplesButton.isEnabled)
    edit = a_ready_user.promptEdit
    a_ready_user.type_prompt("Segment the left lu and the right pu")
    for _ in range(len(" and the right pu")):
        QtTest.QTest.keyClick(edit, QtCore.Qt.Key.Key_Left)
    QtTest.QTest.keyClick(edit, QtCore.Qt.Key.Key_N)
    assert "left lung" in a_ready_user.completionLabel.text()
    a_ready_user.press_ctrl_space()
    assert edit.toPlainText() == "Segment the left lung and the right pu"
    QtTest.QTest.keyClick(edit, QtCore.Qt.Key.Key_End)
    QtTest.QTest.keyClicks(edit, "lm")
    a_ready_user.press_ctrl_space()
    assert edit.toPlainText().endswith("left lung and the right pulmonary field")


def test_a_completion_can_be_clicked(a_ready_user: User) -> None:
    a_ready_user.wait(a_ready_user.examplesButton.isEnabled)
    a_ready_user.type_prompt("Segment the left")
    label = a_ready_user.completionLabel
    assert len(a_ready_user.analysis.prompt.offered) > 1
    second = a_ready_user.analysis.prompt.offered[1]
    label.linkActivated.emit(second)
    assert a_ready_user.promptEdit.toPlainText() == f"Segment the {second}"


def test_completion_of_two_letters_is_asked_for_with_ctrl_space(a_ready_user: User) -> None:
    a_ready_user.wait(a_ready_user.examplesButton.isEnabled)
    a_ready_user.type_prompt("outline the po")
    assert "polyp" not in a_ready_user.completionLabel.text()
    a_ready_user.press_ctrl_space()
    assert "polyp" in a_ready_user.completionLabel.text()


def test_examples_are_requests_that_the_installed_weights_can_do(a_ready_user: User) -> None:
    a_ready_user.wait(a_ready_user.examplesButton.isEnabled)
    abilities = a_ready_user.logic.catalog.abilities
    offered = examples(abilities)
    assert len(offered) > len(abilities)
    planned = [RulePlanner().plan(prompt, abilities) for prompt in offered]
    assert {plan.status for plan in planned} == {Status.OK}
    assert {task.weight_name for plan in planned for task in plan.pipeline} == {a.id for a in abilities}

    menu = a_ready_user.analysis.prompt.examplesMenu.qt_object
    menu.popup(QtCore.QPoint(0, 0))
    QtTest.QTest.keyClick(menu, QtCore.Qt.Key.Key_Down)
    QtTest.QTest.keyClick(menu, QtCore.Qt.Key.Key_Return)
    assert a_ready_user.promptEdit.toPlainText() == offered[0]


def test_prompts_that_were_run_come_back_and_can_be_forgotten(a_ready_user: User) -> None:
    for prompt in ("Segment the heart on this chest x-ray.", LUNGS_PROMPT):
        a_ready_user.type_prompt(prompt)
        a_ready_user.wait_for_the_plan()
        a_ready_user.run()
    box = a_ready_user.analysis.prompt
    assert box.history == [LUNGS_PROMPT, "Segment the heart on this chest x-ray."]
    a_ready_user.type_prompt("outline")
    seen = []
    for key in (QtCore.Qt.Key.Key_Up, QtCore.Qt.Key.Key_Up, QtCore.Qt.Key.Key_Down, QtCore.Qt.Key.Key_Down):
        QtTest.QTest.keyClick(a_ready_user.promptEdit, key, QtCore.Qt.KeyboardModifier.AltModifier)
        seen.append(a_ready_user.promptEdit.toPlainText())
    assert seen == [LUNGS_PROMPT, "Segment the heart on this chest x-ray.", LUNGS_PROMPT, "outline"]

    a_ready_user.open_page(SETTINGS)
    a_ready_user.click(a_ready_user.forgetButton)
    assert box.history == []
    assert not a_ready_user.historyButton.isEnabled()


def test_the_prompt_field_has_the_focus_keys_of_a_form(a_ready_user: User) -> None:
    a_ready_user.promptEdit.setFocus()
    QtTest.QTest.keyClick(a_ready_user.promptEdit, QtCore.Qt.Key.Key_Tab)
    assert QtWidgets.QApplication.focusWidget() is not a_ready_user.promptEdit

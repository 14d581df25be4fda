"""Volumes of one examination on the panel: guessed, chosen by hand, checked and analysed together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import slicer
from heads_for_tests import a_head, the_tumor, turned, write_tumor_weight
from PySide6 import QtWidgets
from qt_adapter import Desktop

from MedPromptLib.images import MedicalImage
from MedPromptLib.results import Provenance
from MedPromptLib.scene import SEQUENCE, image_to_volume
from MedPromptLib.user_folders import weights_folder
from panel.user import LUNGS_PROMPT, User, clipped

PROMPT = "Outline the brain tumour on the MRI."


@pytest.fixture
def a_neurologist(a_desktop: Desktop, the_module: object) -> User:
    """Someone at the panel who has a weight for three sequences."""
    write_tumor_weight(weights_folder())
    panel = a_desktop.open_panel(the_module)
    user = User(panel)
    user.logic.usePlanner("rules")
    user.wait(lambda: user.logic.isPrepared)
    yield user
    panel.close()


def load(*images: MedicalImage) -> None:
    for image in images:
        image_to_volume(image, slicer.mrmlScene, image.name)


def row(user: User, sequence: str) -> QtWidgets.QComboBox:
    """The list of volumes beside a sequence."""
    return user.analysis.sequences.selector(sequence).qt_object


def rows(user: User) -> list[str]:
    return [row(user, name).currentText() for name in ("t1", "flair", "t1ce")]


def plan(user: User, prompt: str = PROMPT) -> None:
    user.type_prompt(prompt)
    user.wait_for_the_plan()


def test_volumes_are_assigned_by_name_and_analysed_together(a_neurologist: User, tmp_path: Path) -> None:
    flair = a_head("flair", 1, name="AX FLAIR")
    load(a_head("t1", 0, name="AX T1"), flair, a_head("t1ce", 2, name="SAG T1 +C"))
    a_neurologist.select_volume("AX FLAIR")
    plan(a_neurologist, LUNGS_PROMPT)
    assert not a_neurologist.see(a_neurologist.sequencesFrame)
    plan(a_neurologist, "outline the tumour")
    assert a_neurologist.see(a_neurologist.sequencesFrame)
    assert "takes T1, FLAIR and contrast-enhanced T1" in a_neurologist.sequencesLabel.text()
    assert rows(a_neurologist) == ["AX T1", "AX FLAIR", "SAG T1 +C"]
    hint = a_neurologist.sequencesHint.text()
    assert "Guessed: T1, FLAIR and contrast-enhanced T1 (its name says so)." in hint
    assert "Results are written on the grid of “AX FLAIR”." in hint
    a_neurologist.take_picture(tmp_path / "sequences.png")
    assert clipped(a_neurologist.panel.frame) == []

    a_neurologist.run()
    (segmentation,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    volume = slicer.util.getNode("AX FLAIR")
    segment = segmentation.GetSegmentation().GetNthSegmentID(0)
    found = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment, volume) > 0
    truth = the_tumor(flair)
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.8
    (text,) = slicer.util.getNodesByClass("vtkMRMLTextNode")
    inputs = Provenance.model_validate_json(text.GetText()).inputs
    first = inputs[0]
    assert (first.name, first.sequence, first.reference) == ("AX FLAIR", "flair", True)
    assert "shown" not in inputs[0].reason


def test_a_choice_by_hand_wins_and_is_kept_with_the_volume(a_neurologist: User) -> None:
    load(a_head("t1", 0, name="one"), a_head("flair", 1, name="two"), a_head("t1ce", 2, name="three"))
    a_neurologist.select_volume("one")
    plan(a_neurologist)
    a_neurologist.wait(lambda: rows(a_neurologist) == ["one", "two", "three"])
    assert "its grey values look so" in a_neurologist.sequencesHint.text()

    a_neurologist.choose(row(a_neurologist, "t1ce"), "two")
    assert "'two' is chosen for FLAIR and contrast-enhanced T1" in a_neurologist.sequencesHint.text()
    a_neurologist.click(a_neurologist.applyButton)
    assert "choose another volume for one of them" in a_neurologist.statusLabel.text()
    a_neurologist.choose(row(a_neurologist, "flair"), "three")
    assert slicer.util.getNode("three").GetAttribute(SEQUENCE) == "flair"

    a_neurologist.click(a_neurologist.applyButton)
    a_neurologist.wait(lambda: a_neurologist.see(a_neurologist.confirmFrame))
    assert "'two' was taken for contrast-enhanced T1 because you said so" in a_neurologist.confirmLabel.text()
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    a_neurologist.choose(row(a_neurologist, "flair"), "two")
    assert not a_neurologist.see(a_neurologist.confirmFrame)
    a_neurologist.choose(row(a_neurologist, "t1ce"), "None")
    assert "Choose the volume that is contrast-enhanced T1." in a_neurologist.sequencesHint.text()
    a_neurologist.choose(row(a_neurologist, "t1ce"), "three")
    assert "Results are written on the grid of “one”." in a_neurologist.sequencesHint.text()


def test_a_volume_that_lies_apart_is_refused_until_it_may_be_registered(a_neurologist: User) -> None:
    motion = turned(2, 6, (8, 5, 0))
    load(a_head("t1", 1, name="pre"), a_head("flair", 1), a_head("t1ce", 2, motion, name="post"))
    a_neurologist.select_volume("flair")
    plan(a_neurologist)
    a_neurologist.press_ctrl_enter()
    a_neurologist.wait(lambda: "does not lie over 'flair'" in a_neurologist.statusLabel.text())
    assert not slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    a_neurologist.click(a_neurologist.registerCheck)
    a_neurologist.run()
    (text,) = slicer.util.getNodesByClass("vtkMRMLTextNode")
    (moved,) = [r for r in Provenance.model_validate_json(text.GetText()).inputs if r.motion]
    assert moved.name == "post"
    left = np.array(moved.motion) @ motion @ (20, 30, 10, 1) - (20, 30, 10, 1)
    assert np.linalg.norm(left) < 3


def test_the_rows_follow_the_scene_and_vanish_with_it(a_neurologist: User) -> None:
    load(a_head("t1", 1, name="pre"), a_head("flair", 1))
    a_neurologist.select_volume("pre")
    plan(a_neurologist)
    assert rows(a_neurologist)[:2] == ["pre", "flair"]
    a_neurologist.wait(lambda: "Choose the volume that is contrast" in a_neurologist.sequencesHint.text())
    load(a_head("t1ce", 2, name="post gad"))
    a_neurologist.wait(lambda: rows(a_neurologist) == ["pre", "flair", "post gad"])
    slicer.mrmlScene.Clear(0)
    assert not a_neurologist.see(a_neurologist.sequencesFrame)

"""A weight that takes whole volumes, on the panel: progress, expected time, slice views, maps."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import slicer
import vtk
from PySide6 import QtTest

from MedPromptLib.images import MedicalImage
from MedPromptLib.scene import image_to_volume, volume_to_image
from MedPromptLib.training.volume_data import read_volumes
from panel.user import REVIEW, Heartbeat, User


@pytest.fixture
def a_phantom(a_trained_volume_weight: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> MedicalImage:
    """A volume, and a weight trained on its kind among the installed ones."""
    folder, data = a_trained_volume_weight
    monkeypatch.setenv("MEDPROMPT_WEIGHTS", str(folder))
    image = read_volumes(data / "phantoms", "test", orientation="RAS").image(0)
    return dataclasses.replace(image, ijk_to_ras=image.ijk_to_ras @ np.diag([2, 2, 2, 1]), spacing_known=True)


def a_view(name: str, orientation: str) -> Any:
    """A slice view, of which the application has three."""
    view = slicer.vtkMRMLSliceNode()
    view.SetLayoutName(name)
    view.SetName(name)
    view.SetSingletonTag(name)
    view = slicer.mrmlScene.AddNode(view)
    matrix = vtk.vtkMatrix3x3()
    getattr(slicer.vtkMRMLSliceNode, f"Get{orientation}SliceToRASMatrix")(matrix)
    view.AddSliceOrientationPreset(orientation, matrix)
    view.SetOrientation(orientation)
    return view


def planes(views: list[Any]) -> list[float]:
    """Where an axial, a sagittal and a coronal view cut, mm in RAS."""
    return [view.GetSliceToRAS().GetElement(axis, 3) for view, axis in zip(views, (2, 0, 1), strict=True)]


def centre_of(segmentation: Any, name: str) -> Any:
    """Of a structure's box in RAS, mm."""
    segments = segmentation.GetSegmentation()
    return segmentation.GetSegmentCenterRAS(segments.GetSegmentIdBySegmentName(name))


def test_a_volume_is_analysed_shown_in_three_views_and_explained(a_phantom: MedicalImage, a_user: User) -> None:
    user = a_user
    user.logic.usePlanner("rules")
    node = image_to_volume(a_phantom, slicer.mrmlScene, "phantom")
    views = [a_view("Red", "Axial"), a_view("Yellow", "Sagittal"), a_view("Green", "Coronal")]
    user.select_volume("phantom")
    user.type_prompt("Segment the phantom on this MRI.")
    user.wait_for_the_plan()
    assert user.steps()[0][3] == "?", "not known before the weight has run here"
    shares: list[int] = []
    user.progressBar.valueChanged.connect(shares.append)
    with Heartbeat() as heart:
        user.run()
    assert heart.longest < 0.15
    assert any(0 < share < 100 for share in shares), "a single step's progress is told window by window"
    assert user.steps()[0][3].startswith("≈ ")

    (segmentation,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    shown = [user.findingsTable.item(row, 0).text() for row in range(2)]
    assert shown == ["ball", "box"]
    assert user.findingsTable.item(0, 2).text().endswith(" ml")
    r, a, s = centre_of(segmentation, "ball")
    assert planes(views) == pytest.approx([s, r, a], abs=2)
    user.open_page(REVIEW)
    user.press("Down")
    r, a, s = centre_of(segmentation, "box")
    assert planes(views) == pytest.approx([s, r, a], abs=2)

    user.open_page(0)
    user.choose(user.explainSelector, "box")
    user.click(user.explainButton)
    user.wait(user.explainButton.isEnabled)
    user.click(user.uncertaintyButton)
    user.wait(user.uncertaintyButton.isEnabled)
    QtTest.QTest.qWait(10)
    for name in ("phantom saliency of box", "phantom uncertainty of phantom_seg_mri"):
        found = volume_to_image(slicer.util.getNode(name))
        assert found.shape == a_phantom.shape
        assert np.allclose(found.ijk_to_ras, volume_to_image(node).ijk_to_ras)
        assert 0 <= found.array.min() < found.array.max() <= 1
    assert "Uncertainty, 0 (certain) to 1: phantom_seg_mri 0." in user.statusLabel.text()
    assert not user.see(user.progressBar)


def test_one_slice_of_a_volume_is_refused_by_a_weight_for_volumes(a_phantom: MedicalImage, a_user: User) -> None:
    a_user.logic.usePlanner("rules")
    image_to_volume(a_phantom, slicer.mrmlScene, "phantom")
    a_view("Red", "Axial").SetSliceOffset(float(a_phantom.ijk_to_ras[2, 3]) + 4)
    a_user.select_volume("phantom")
    a_user.type_prompt("Segment the phantom on this MRI.")
    a_user.wait_for_the_plan()
    a_user.click(a_user.sliceOnlyCheck)
    a_user.click(a_user.applyButton)
    a_user.wait_for_the_end()
    assert "takes volumes, but 'phantom' is a single image" in a_user.statusLabel.text()

"""Every state of the panel that a person looks at, brought about with real planners, weights and results."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import slicer
from heads_for_tests import a_head, write_tumor_weight
from PySide6 import QtTest
from qt_adapter import Desktop

from MedPromptLib.images import MedicalImage
from MedPromptLib.scene import image_to_volume
from MedPromptLib.user_folders import weights_folder
from panel.user import ANALYSE, ARCHIVE, REVIEW, SETTINGS, TWO_STEPS, WEIGHTS, User

TO_CONFIRM = "Segment lungs and heart; if pneumonia is bacterial, outline the consolidation."
STATES = (
    "empty",
    "sequences",
    "planned",
    "confirm",
    "running",
    "done",
    "review",
    "report",
    "archive",
    "error",
    "weights",
    "settings",
    "endpoint",
)


def states(application: Desktop, user: User, radiograph: MedicalImage, folder: Path) -> Iterator[str]:
    """Names of states; the panel is in the state while its name is handed out.

    Args:
        folder: for the archive that is made.
    """
    user.wait(lambda: user.logic.isPrepared)
    user.wait(user.examplesButton.isEnabled)
    yield "empty"

    yield from _an_examination(user)

    image_to_volume(radiograph, slicer.mrmlScene, "chest film")
    user.select_volume("chest film")
    user.type_prompt(TWO_STEPS)
    user.wait_for_the_verdict()
    yield "planned"

    user.type_prompt(TO_CONFIRM)
    user.click(user.applyButton)
    user.wait(lambda: user.see(user.confirmFrame))
    yield "confirm"

    user.type_prompt(TWO_STEPS)
    user.wait_for_the_verdict()
    go_on = threading.Event()
    user.logic.session.run = halfway(user.logic.session.run, go_on)
    user.click(user.applyButton)
    user.wait(lambda: "pneumonia" in user.statusLabel.text())
    yield "running"

    go_on.set()
    user.wait_for_results()
    QtTest.QTest.qWait(50)
    yield "done"

    user.open_page(REVIEW)
    user.click(user.reviewerEdit)
    QtTest.QTest.keyClicks(user.reviewerEdit, "A. Reader")
    user.press("Escape", user.reviewerEdit)
    user.press("A")
    user.press("E")
    editor = application.editor
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(editor.segmentation, editor.segment_id, editor.volume).copy()
    mask[0, : mask.shape[1] // 5] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, editor.segmentation, editor.segment_id, editor.volume)
    user.panel.widget.enter()
    user.press("4")
    yield "review"

    user.open_report()
    user.click(user.makeReportButton)
    user.wait(lambda: user.see(user.reportView))
    others = (user.requestSection, user.planSection, user.resultsSection)
    for section in others:
        user.click(section.header)
    yield "report"
    for section in (*others, user.reportSection):
        user.click(section.header)

    user.open_page(ARCHIVE)
    page = user.panel.widget.archive
    page.access.create(folder / "runs.db", False, lambda made: None)
    user.wait(user.fileRunButton.isEnabled)
    QtTest.QTest.keyClicks(user.projectEdit, "chest films")
    user.click(user.fileRunButton)
    user.wait(lambda: user.archiveStatusLabel.text().startswith("Filed as"))
    user.click(user.archiveWordsEdit)
    QtTest.QTest.keyClicks(user.archiveWordsEdit, "lung")
    user.press("Return", user.archiveWordsEdit)
    user.wait(lambda: user.hitTable.rowCount() > 0)
    yield "archive"

    user.open_page(ANALYSE)
    user.choose(user.deviceSelector, "cuda:3")
    user.click(user.applyButton)
    user.wait(lambda: "'cuda:3' is not there" in user.statusLabel.text())
    yield "error"

    user.choose(user.deviceSelector, "auto")
    user.open_page(WEIGHTS)
    user.choose(user.weightSelector, "chest_structures_seg_cxr")
    yield "weights"

    user.open_page(SETTINGS)
    yield "settings"

    user.urlEdit.setText("http://localhost:11434/v1")
    user.modelEdit.setText("llama3.1")
    user.choose(user.plannerSelector, "Rules and an endpoint")
    user.click(user.disclosureButton)
    yield "endpoint"


def _an_examination(user: User) -> Iterator[str]:
    """Three volumes of one examination; a weight that takes them is there for this state alone, if it is not anyway."""
    borrowed = "brain_tumor_seg_mri" not in user.logic.catalog
    if borrowed:
        write_tumor_weight(weights_folder())
        user.analysis.cardsChanged()
    for head in (
        a_head("t1", 1, name="AX T1"),
        a_head("flair", 0, name="AX FLAIR"),
        a_head("t1ce", 2, name="SAG T1 +C"),
    ):
        image_to_volume(head, slicer.mrmlScene, head.name)
    user.select_volume("AX FLAIR")
    user.type_prompt("Outline the brain tumour on the MRI.")
    user.wait(lambda: user.see(user.sequencesFrame))
    user.wait_for_the_verdict()
    yield "sequences"
    slicer.mrmlScene.Clear(0)
    if borrowed:
        shutil.rmtree(weights_folder() / "brain_tumor_seg_mri")
        user.analysis.cardsChanged()


def halfway(run: Any, go_on: threading.Event) -> Any:
    """The same run, which waits before its second step until it may go on."""

    def waiting(routed: Any, image: Any, *, progress: Any, **options: Any) -> Any:
        def report(event: Any) -> None:
            progress(event)
            if event.task_id == 2:
                go_on.wait(60)

        return run(routed, image, progress=report, **options)

    return waiting

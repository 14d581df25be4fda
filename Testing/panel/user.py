"""Someone at the panel, and a heart that beats on Qt's thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer
from PySide6 import QtCore, QtTest, QtWidgets
from qt_adapter import Panel

ROOT = Path(__file__).resolve().parent.parent.parent
MODULE_FILE = ROOT / "MedPrompt" / "MedPrompt.py"
LUNGS_PROMPT = "Segment the lungs and the heart on this chest x-ray."
ANALYSE, REVIEW, ARCHIVE, WEIGHTS, SETTINGS = range(5)
"""The panel's pages."""
TWO_STEPS = "Segment the lungs and the heart. If lungs are found, check the film for pneumonia."


class User:
    """Someone at the panel: presses, types, looks and waits."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel

    def __getattr__(self, name: str) -> Any:
        """A widget of the panel by its name, as plain Qt."""
        return getattr(self.panel.widget.ui, name).qt_object

    @property
    def analysis(self) -> Any:
        """The page Analyse."""
        return self.panel.widget.analysis

    @property
    def logic(self) -> Any:
        """The module's logic."""
        return self.panel.widget.logic

    def click(self, button: QtWidgets.QWidget) -> None:
        """Press the left mouse button in the middle of a widget, or on the box of a check box."""
        place = (
            QtCore.QPoint(8, button.height() // 2)
            if isinstance(button, QtWidgets.QCheckBox)
            else button.rect().center()
        )
        QtTest.QTest.mouseClick(button, QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.KeyboardModifier.NoModifier, place)

    def press(self, key: str, widget: QtWidgets.QWidget | None = None) -> None:
        """Press a key where the focus is, or on a widget."""
        target = widget or QtWidgets.QApplication.focusWidget() or self.panel.window
        named = getattr(QtCore.Qt.Key, f"Key_{key}", None)
        if named is not None:
            QtTest.QTest.keyClick(target, named)
        else:
            QtTest.QTest.keyClicks(target, key)

    def open_page(self, number: int) -> None:
        """Click on a tab."""
        bar = self.pages.tabBar()
        QtTest.QTest.mouseClick(
            bar, QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.KeyboardModifier.NoModifier, bar.tabRect(number).center()
        )

    def open_report(self) -> None:
        """Unfold the section below the results."""
        self.open_page(ANALYSE)
        if self.reportSection.collapsed:
            self.click(self.reportSection.header)
            QtTest.QTest.qWait(30)  # until the section has its new size
        assert self.see(self.makeReportButton)

    def choose(self, combo: QtWidgets.QComboBox, text: str) -> None:
        """Choose from a list with the arrow keys."""
        steps = combo.findText(text) - combo.currentIndex()
        key = QtCore.Qt.Key.Key_Down if steps > 0 else QtCore.Qt.Key.Key_Up
        for _ in range(abs(steps)):
            QtTest.QTest.keyClick(combo, key)
        assert combo.currentText() == text

    def select_volume(self, name: str) -> None:
        """Choose from the image list with the arrow keys."""
        self.choose(self.inputSelector, name)

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

    def press_ctrl_space(self) -> None:
        """In the prompt."""
        control = QtCore.Qt.KeyboardModifier.ControlModifier
        QtTest.QTest.keyClick(self.promptEdit, QtCore.Qt.Key.Key_Space, control)

    def wait(self, until: Callable[[], bool], seconds: float = 120.0) -> None:
        """Let the application run until something has happened."""
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, f"still waiting; the panel says: {self.statusLabel.text()!r}"
            QtTest.QTest.qWait(5)

    def wait_for_the_plan(self) -> None:
        """Until the rules have planned."""
        self.wait(lambda: self.analysis.planning.verdict is not None or self.analysis.planning.error is not None)

    def wait_for_the_verdict(self) -> None:
        """Until every planner has been heard."""
        self.wait(lambda: self.analysis.planning.isFinal)

    def wait_for_the_end(self) -> None:
        """Until nothing runs any more and what came out is shown."""
        self.wait(lambda: self.applyButton.text() == "Apply")
        QtTest.QTest.qWait(30)

    def wait_for_results(self) -> None:
        """Until new results are shown."""
        self.wait(lambda: self.statusLabel.text().startswith("Done in"))

    def run(self) -> None:
        """Press Apply and wait for results, agreeing to what is asked."""
        self.click(self.applyButton)
        self.wait(lambda: self.statusLabel.text().startswith("Done in") or self.see(self.confirmFrame))
        if self.see(self.confirmFrame):
            self.click(self.confirmButton)
        self.wait_for_results()

    def tick(self, step: int) -> None:
        """Click on the tick box of a step, counted from 0."""
        table = self.planTable
        area = table.visualItemRect(table.item(2 * step, 0))
        # The box lies at the left of its cell.
        place = QtCore.QPoint(area.left() + 10, area.center().y())
        QtTest.QTest.mouseClick(
            table.viewport(), QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.KeyboardModifier.NoModifier, place
        )
        QtTest.QTest.qWait(10)

    def steps(self) -> list[list[str]]:
        """What the plan table shows: step, images, condition and time, for each step."""
        table = self.planTable
        return [[table.item(row, column).text() for column in range(1, 5)] for row in range(0, table.rowCount(), 2)]

    def take_picture(self, path: Path) -> None:
        """Of the panel, once everything has found its place."""
        QtTest.QTest.qWait(50)
        assert self.panel.frame.grab().save(str(path))

    def see(self, widget: QtWidgets.QWidget) -> bool:
        """Whether a widget is on the screen."""
        return widget.isVisible()


class Heartbeat:
    """Beats every few milliseconds on Qt's thread and notes how long it could not.

    Attributes:
        longest: the longest pause between two beats that this process itself filled with work, in seconds: the time on
            the clock, or the processor time of all its threads if that is less. A thread that keeps the interpreter's
            lock counts; what other programs on a busy machine take away does not.
        on_the_clock: the longest pause, whatever filled it.
    """

    def __init__(self) -> None:
        self.longest = self.on_the_clock = 0.0
        self.beats = 0
        self._last: tuple[float, float] | None = None
        self._timer = QtCore.QTimer()
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._beat)

    def __enter__(self) -> Heartbeat:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        # What was blocked last is seen only by the beat after it.
        beats, end = self.beats, time.monotonic() + 10
        while self.beats == beats and time.monotonic() < end:
            QtTest.QTest.qWait(10)
        self._timer.stop()

    def _beat(self) -> None:
        now = time.monotonic(), time.process_time()
        if self._last is not None:
            clock, work = (one - other for one, other in zip(now, self._last, strict=True))
            self.on_the_clock = max(self.on_the_clock, clock)
            self.longest = max(self.longest, min(clock, work))
        self._last = now
        self.beats += 1


def node_ids() -> set[str]:
    """Everything in the scene."""
    return {slicer.mrmlScene.GetNthNode(index).GetID() for index in range(slicer.mrmlScene.GetNumberOfNodes())}


def clipped(frame: QtWidgets.QWidget) -> list[str]:
    """Texts in a panel that are not shown in full."""
    found = []
    for widget in frame.findChildren(QtWidgets.QWidget):
        if not widget.isVisible():
            continue
        name = f"{widget.objectName() or type(widget).__name__}"
        if isinstance(widget, QtWidgets.QLabel) and widget.text():
            needed = widget.heightForWidth(widget.width()) if widget.wordWrap() else widget.sizeHint().height()
            if needed > widget.height() or (not widget.wordWrap() and widget.sizeHint().width() > widget.width()):
                found.append(f"{name}: {widget.text()[:40]}")
        elif isinstance(widget, QtWidgets.QAbstractButton) and widget.text():
            if widget.minimumSizeHint().width() > widget.width() or widget.minimumSizeHint().height() > widget.height():
                found.append(f"{name}: {widget.text()}")
        elif isinstance(widget, QtWidgets.QComboBox) and widget.currentText():
            room = widget.width() - 24
            if widget.fontMetrics().horizontalAdvance(widget.currentText()) > room:
                found.append(f"{name}: {widget.currentText()}")
        elif isinstance(widget, QtWidgets.QTableWidget):
            found += _clipped_cells(widget, name)
        if not frame.rect().contains(QtCore.QRect(widget.mapTo(frame, QtCore.QPoint(0, 0)), widget.size())):
            if not isinstance(widget.parent(), QtWidgets.QAbstractScrollArea) and not _inside_scrolling(widget, frame):
                found.append(f"{name} sticks out")
    return found


def _inside_scrolling(widget: QtWidgets.QWidget, frame: QtWidgets.QWidget) -> bool:
    parent = widget.parentWidget()
    while parent is not None and parent is not frame:
        if isinstance(parent, QtWidgets.QAbstractScrollArea):
            return True
        parent = parent.parentWidget()
    return False


def _clipped_cells(table: QtWidgets.QTableWidget, name: str) -> list[str]:
    found = []
    header = table.horizontalHeader()
    for column in range(table.columnCount()):
        title = table.horizontalHeaderItem(column)
        if title is not None and title.text():
            needed = header.fontMetrics().horizontalAdvance(title.text()) + 6
            if needed > table.columnWidth(column):
                found.append(f"{name} column: {title.text()}")
    for row in range(table.rowCount()):
        for column in range(table.columnCount()):
            item = table.item(row, column)
            if item is None or not item.text() or table.cellWidget(row, column) is not None:
                continue
            span = sum(table.columnWidth(column + n) for n in range(table.columnSpan(row, column)))
            bounds = table.fontMetrics().boundingRect(
                QtCore.QRect(0, 0, span - 8, 10000), QtCore.Qt.TextFlag.TextWordWrap, item.text()
            )
            if bounds.height() > table.rowHeight(row) or bounds.width() > span - 6:
                found.append(f"{name}: {item.text()}")
    if sum(table.rowHeight(row) for row in range(table.rowCount())) > table.viewport().height() + 1:
        found.append(f"{name}: lower rows")
    return found

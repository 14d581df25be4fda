"""Every state of the panel fits its width, in light and dark, and the pictures in the documents are there."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import slicer
from PySide6 import QtGui, QtTest, QtWidgets
from qt_adapter import Desktop

from MedPromptLib.images import MedicalImage
from panel.states import STATES, states
from panel.user import ROOT, User, clipped

PICTURES = ROOT / "Resources" / "Screenshots"


@pytest.mark.parametrize("dark", [False, True])
def test_no_text_is_clipped_at_420_pixels(
    a_desktop: Desktop,
    a_user: User,
    a_film: MedicalImage,
    tmp_path: Path,
    dark: bool,
) -> None:
    slicer.app.use_theme(dark=dark)
    found, seen = {}, []
    for name in states(a_desktop, a_user, a_film, tmp_path):
        QtTest.QTest.qWait(60)
        assert a_user.panel.window.width() == 420
        assert a_user.panel.frame.width() <= 420, f"{name} needs more width than there is"
        seen.append(name)
        # On a busy machine the layout takes a moment to settle.
        end = time.monotonic() + 5
        while (texts := clipped(a_user.panel.frame)) and time.monotonic() < end:
            QtTest.QTest.qWait(50)
        if texts:
            found[name] = texts
    assert tuple(seen) == STATES
    assert found == {}


def test_the_check_for_clipped_text_notices_it(a_user: User) -> None:
    a_user.applyButton.setText("A caption that is much too long for a panel of this width, and then some more of it")
    QtTest.QTest.qWait(30)
    a_user.applyButton.setFixedWidth(100)
    assert any("applyButton" in text for text in clipped(a_user.panel.frame))


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_its_ground(a_user: User, dark: bool) -> None:
    """WCAG 2.1 asks for a contrast of 4.5 between text and ground."""
    slicer.app.use_theme(dark=dark)
    QtTest.QTest.qWait(30)
    from MedPromptWidgets import style

    label = a_user.panel.widget.ui.statusLabel
    ground = QtWidgets.QApplication.palette().color(QtGui.QPalette.ColorRole.Window)
    for styled in (style.errorStyle, style.goodStyle, style.warningStyle):
        color = QtGui.QColor(re.search(r"#\w{6}", styled(label)).group())  # type: ignore[union-attr]
        assert contrast(color, ground) >= 4.5, styled


def contrast(one: QtGui.QColor, other: QtGui.QColor) -> float:
    """Contrast ratio of two colours as WCAG 2.1 defines it."""

    def luminance(color: QtGui.QColor) -> float:
        parts = [
            value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in color.getRgbF()[:3]
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_there_is_a_small_picture_of_every_state_in_both_themes() -> None:
    for theme in ("light", "dark"):
        for name in STATES:
            picture = PICTURES / theme / f"{name}.png"
            assert picture.is_file(), "run: python Testing/take_screenshots.py"
            assert picture.stat().st_size < 60_000
    for name in ("MedPrompt.png", "report.png"):
        assert (PICTURES / name).stat().st_size < 300_000


def test_the_tutorials_pictures_are_there() -> None:
    text = (ROOT / "Resources" / "Docs" / "Tutorial.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert len(pictures) >= 6
    for path in pictures:
        assert (ROOT / "Resources" / "Docs" / path).resolve().is_file(), path


def test_the_pictures_are_made_by_a_command(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "Testing" / "take_screenshots.py"), "--out", str(tmp_path), "--only", "empty"]
    subprocess.run(command, check=True, capture_output=True)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")} == {
        "light/empty.png",
        "dark/empty.png",
    }

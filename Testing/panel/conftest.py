"""The panel on the stand-in for Slicer's desktop, and someone who uses it."""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path

import pytest
import slicer
from qt_adapter import Desktop, desktop

from MedPromptLib.images import MedicalImage
from MedPromptLib.scene import image_to_volume
from panel.user import LUNGS_PROMPT, MODULE_FILE, User


@pytest.fixture
def a_desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    """The application with settings and weights of its own; no slot may have raised, unless a test clears the list."""
    monkeypatch.setattr("MedPromptLib.preview.cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("MEDPROMPT_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("MEDPROMPT_HOME", str(tmp_path / "home"))
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
    """Someone who has selected a radiograph and typed a prompt; the rules plan alone."""
    a_user.logic.usePlanner("rules")
    image_to_volume(a_radiograph, slicer.mrmlScene, "chest")
    a_user.select_volume("chest")
    a_user.type_prompt(LUNGS_PROMPT)
    return a_user

"""The panel on the stand-in for Slicer's desktop, and someone who uses it."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import slicer
from qt_adapter import Desktop, desktop

from MedPromptLib.images import MedicalImage
from MedPromptLib.planner import RulePlanner
from MedPromptLib.results import Run
from MedPromptLib.scene import image_to_volume, write_run
from MedPromptLib.session import Session
from panel.user import LUNGS_PROMPT, MODULE_FILE, TWO_STEPS, User


@pytest.fixture(scope="session")
def a_film(a_radiograph: MedicalImage) -> MedicalImage:
    """The radiograph with every fourth pixel, which fits its weights as well and is quick to handle."""
    return dataclasses.replace(
        a_radiograph,
        array=np.ascontiguousarray(a_radiograph.array[:, ::4, ::4]),
        ijk_to_ras=a_radiograph.ijk_to_ras @ np.diag([4, 4, 1, 1]),
    )


@pytest.fixture(scope="session")
def a_real_run(a_film: MedicalImage) -> Run:
    """Lungs, heart and pneumonia on the film."""
    session = Session(planner=RulePlanner())
    return session.run(session.route(session.plan(TWO_STEPS), a_film), a_film, device="cpu")


@pytest.fixture
def a_desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    """The application with settings and weights of its own; no slot may have raised, unless a test clears the list."""
    monkeypatch.setattr("MedPromptLib.preview.cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("MEDPROMPT_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("MEDPROMPT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEDPROMPT_ARCHIVE_SECRET", "of no importance")
    monkeypatch.delenv("MEDPROMPT_ARCHIVE", raising=False)
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
def a_ready_user(a_user: User, a_film: MedicalImage) -> User:
    """Someone who has selected a radiograph and typed a prompt; the rules plan alone."""
    a_user.logic.usePlanner("rules")
    image_to_volume(a_film, slicer.mrmlScene, "chest")
    a_user.select_volume("chest")
    a_user.type_prompt(LUNGS_PROMPT)
    return a_user


@pytest.fixture
def a_user_with_results(a_ready_user: User, a_real_run: Run) -> User:
    """Someone who looks at the results of a real run."""
    nodes = write_run(a_real_run, slicer.util.getNode("chest"))
    a_ready_user.logic.getParameterNode().resultTable = nodes.table
    a_ready_user.analysis.setParameterNode(a_ready_user.logic.getParameterNode())
    return a_ready_user

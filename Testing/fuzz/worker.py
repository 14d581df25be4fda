"""Works through cases in a process of its own, and says before and after each what it does.

`python -m fuzz.worker JSON EVERY SEED START FOLDER`, in Testing/; the JSON counts the random cases of each kind.
It writes one JSON object a line to standard output.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from .images import Files
from .kinds import KINDS, Broken, must_be_a_sentence

MEMORY_LIMIT = 8_000_000_000
"""Bytes of address space that a worker may have, so that a memory bomb does no harm."""


def _limit_memory() -> None:
    """Bounds the address space where the system can do that."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))


def main(counts: dict[str, int], every: int, seed: int, start: int, folder: Path) -> None:
    """The cases of these kinds from number `start` on; of all but the repeats only every so manieth."""
    told = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever else is printed must not get between
    _limit_memory()
    import psutil

    process = psutil.Process()

    def tell(**what: Any) -> None:
        told.write(json.dumps(what) + "\n")

    inside, out, imported = folder / "in", folder / "out", 0
    for number, (name, case, files) in enumerate(_all_cases(counts, every, seed)):
        if number < start:
            continue
        for place in (inside, out):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
        for file, data in files.items():
            path = inside / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        before = _tree(folder)
        tell(start=number, kind=name, case=case)
        begun, problem, outcome = time.process_time(), "", "done"
        try:
            KINDS[name].use(inside, out)
        except BaseException as error:
            outcome, problem = _judged(error)
        seconds = time.process_time() - begun
        gc.collect()
        if len(sys.modules) > imported:  # modules stay, and need not be gone through after every other case
            gc.freeze()
            imported = len(sys.modules)
        if outside := _tree(folder) - before:
            problem = problem or f"files outside the output folder: {sorted(outside)[:3]}"
        tell(end=number, outcome=outcome, problem=problem, seconds=seconds, megabytes=process.memory_info().rss / 1e6)
    tell(finished=True)


def _all_cases(counts: dict[str, int], every: int, seed: int) -> Iterator[tuple[str, str, Files]]:
    for name, count in counts.items():
        # A card changed a hundred times would be a hundred networks to export.
        os.environ["MEDPROMPT_ENGINE"] = "torch" if name in ("cards", "safetensors") else "auto"
        for index, (case, files) in enumerate(KINDS[name].cases(Random(f"{seed}/{name}"), count)):
            if index % every == 0 or name == "repeats":
                yield name, case, files


def _judged(error: BaseException) -> tuple[str, str]:
    """How the case ended, and what is wrong with that; one of the documented errors is fine if it can be read."""
    from MedPromptLib.errors import MedPromptError

    if isinstance(error, MedPromptError):
        try:
            must_be_a_sentence(" ".join(str(error).split()))
        except Broken as unreadable:
            return type(error).__name__, str(unreadable)
        return type(error).__name__, ""
    if isinstance(error, Broken):
        return "broken promise", str(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    ours = next((f for f in reversed(traceback.extract_tb(error.__traceback__)) if "MedPromptLib" in f.filename), where)
    return (
        "defect",
        f"{type(error).__name__}: {str(error)[:200]} ({Path(ours.filename).name}:{ours.lineno} {ours.name})",
    )


def _tree(folder: Path) -> set[str]:
    """Everything below the folder but what cases may write: their output, and the home folder's own files."""
    found = set()
    for place, _, names in os.walk(folder):
        if Path(place) == folder / "out" or folder / "out" in Path(place).parents:
            continue
        if place.startswith((str(folder / "home"), str(folder / "in"))):
            continue
        found |= {os.path.join(place, name) for name in names}
    return found | {path for path in ("/outside", "/outside.txt") if os.path.lexists(path)}


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), *map(int, sys.argv[2:5]), Path(sys.argv[5]))

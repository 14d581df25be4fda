"""Writes a run to a folder: scene bundle, segmentations, table, provenance and a picture, all of it or nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .errors import OutputFailed
from .results import Run

SCENE_NAME = "scene.mrb"
TABLE_NAME = "results.tsv"
RUN_NAME = "run.json"
PICTURE_NAME = "overview.png"
FILTERED_NAME = "filtered.nrrd"


def check_folder(folder: Path) -> None:
    """Make sure a folder can be written to, before anything expensive runs.

    Raises:
        OutputFailed: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise not_writable(folder, error) from error


def write_outputs(
    run: Run, folder: Path, report_text: str | None = None, *, scene: Any = None, with_picture: bool = True
) -> tuple[Path, ...]:
    """Write all files of a run; files of an earlier run with the same names are replaced only once all are complete.

    Args:
        report_text: becomes a text node of the scene, beside the image.
        scene: an empty `vtkMRMLScene` that the results are written into, such as a batch uses again and again; None
            opens one.
        with_picture: whether the overview is drawn, which takes longer than everything else.

    Returns:
        The files, in the order a reader wants them.

    Raises:
        OutputFailed: nothing half-written is left behind.
    """
    from .headless import save_scene_bundle, save_segmentation, save_table, scene_apart
    from .images_writing import write_volume
    from .overview import overview_picture
    from .scene import write_run, write_text

    check_folder(folder)
    draft = Path(tempfile.mkdtemp(prefix=".medprompt-", dir=folder))
    try:
        with scene_apart() if scene is None else contextlib.nullcontext(scene) as place:
            nodes = write_run(run, scene=place)
            if report_text is not None:
                write_text(report_text, place, f"{nodes.volume.GetName()} MedPrompt report", nodes.volume)
            for result, node in zip(run.segmentations, nodes.segmentations, strict=True):
                save_segmentation(node, draft / f"{result.task_id}_{result.weight_id}.seg.nrrd")
            save_table(nodes.table, draft / TABLE_NAME)
            save_scene_bundle(draft / SCENE_NAME, place)
        if run.filtered is not None:
            write_volume(run.filtered, draft / FILTERED_NAME)
        (draft / RUN_NAME).write_text(run.provenance.model_dump_json(indent=1) + "\n", encoding="utf-8")
        if with_picture:
            overview_picture(run, draft / PICTURE_NAME)
        written = sorted(draft.iterdir())
        for path in written:
            os.replace(path, folder / path.name)
        order = {SCENE_NAME: 0, TABLE_NAME: 2, RUN_NAME: 3, PICTURE_NAME: 4}
        return tuple(sorted((folder / p.name for p in written), key=lambda p: (order.get(p.name, 1), p.name)))
    except OSError as error:
        raise not_writable(folder, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def not_writable(place: Path, error: Exception) -> OutputFailed:
    """What is said where a folder or file could not be written."""
    reason = getattr(error, "strerror", None) or str(error)
    return OutputFailed(f"{place} cannot be written to ({reason}); choose another place or free some space.")


def write_lines(lines: Iterable[str], path: Path | None) -> None:
    """Lines to a file, complete or not at all, or to standard output.

    Raises:
        OutputFailed: it cannot be written.
    """
    if path is None:
        for line in lines:
            print(line)
        return
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise OutputFailed(f"The file {path} cannot be written ({error.strerror}); choose another place.") from error
    finally:
        with contextlib.suppress(OSError):  # if its folder does not exist, neither does the draft
            draft.unlink(missing_ok=True)

"""3D Slicer's scene without the 3D Slicer application: a scene to work in and the files it is kept in.

It runs on the PyPI wheel `slicer-core`, behind `scene.py`, which offers what is public here. The `save_…` functions
work inside the application as well.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

from .errors import InvalidInput, MissingPackage, OutputFailed

try:
    import slicer
    import vtk
except ImportError as missing:
    raise MissingPackage("Writing 3D Slicer scenes needs the package slicer-core: pip install slicer-core") from missing


@contextmanager
def collected_messages() -> Iterator[list[str]]:
    """Collects what VTK and MRML would print as errors and warnings, one string per message, filled on leaving.

    MRML reports failures as a printed line and a false return value; the caller turns them into an error.
    """
    messages: list[str] = []
    window = vtk.vtkStringOutputWindow()
    before = vtk.vtkOutputWindow.GetInstance()
    vtk.vtkOutputWindow.SetInstance(window)
    vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_OFF)
    try:
        yield messages
    finally:
        vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_INFO)
        vtk.vtkOutputWindow.SetInstance(before)
        messages += [block.strip() for block in (window.GetOutput() or "").split("\n\n") if block.strip()]


class HeadlessScene:
    """An MRML scene with the application logic and module logics that nodes rely on.

    One at a time: MRML finds scene and logics through the `slicer` package, so opening another closes this one.

    Attributes:
        scene: the `vtkMRMLScene`; also `slicer.mrmlScene` while this is open.
        application: the `vtkSlicerApplicationLogic`.
        logics: module logic by module name.
        messages: what VTK said while starting.
    """

    _open: HeadlessScene | None = None

    def __init__(self) -> None:
        if hasattr(slicer, "app"):
            raise RuntimeError("This runs inside 3D Slicer, which has a scene already: slicer.mrmlScene")
        if HeadlessScene._open is not None:
            HeadlessScene._open.close()
        with collected_messages() as self.messages:
            self._start()
        HeadlessScene._open = self

    def _start(self) -> None:
        self.scene: Any = slicer.vtkMRMLScene()
        slicer.mrmlScene = self.scene
        self.application: Any = slicer.vtkSlicerApplicationLogic()
        self.application.SetMRMLScene(self.scene)
        self.application.GetColorLogic().SetMRMLScene(self.scene)
        self.application.GetColorLogic().AddDefaultColorNodes()
        # Logics hold each other by weak pointers: whatever is not referenced from Python is gone, and MRML crashes.
        self.logics: dict[str, Any] = {}
        for name, kind in (
            ("Colors", slicer.vtkMRMLColorLogic),
            ("Units", slicer.vtkSlicerUnitsLogic),
            ("Volumes", slicer.vtkSlicerVolumesLogic),
            ("Terminologies", slicer.vtkSlicerTerminologiesModuleLogic),
            ("Segmentations", slicer.vtkSlicerSegmentationsModuleLogic),
            ("SubjectHierarchy", slicer.vtkSlicerSubjectHierarchyModuleLogic),
            ("Tables", slicer.vtkSlicerTablesLogic),
            ("Texts", slicer.vtkSlicerTextsLogic),
        ):
            logic = kind()
            logic.SetMRMLScene(self.scene)
            logic.SetMRMLApplicationLogic(self.application)
            self.application.SetModuleLogic(name, logic)
            self.logics[name] = logic
        # slicer.util asks for logics the way the application offers them.
        slicer.modules = SimpleNamespace(
            **{name.lower(): SimpleNamespace(logic=lambda logic=logic: logic) for name, logic in self.logics.items()}
        )
        slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)

    def clear(self) -> None:
        """Empty the scene for the next use, which is ten times as quick as opening another one."""
        with collected_messages():
            self.scene.Clear(0)
            slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)

    def close(self) -> None:
        """Empty the scene and let go of it; its nodes must not be used afterwards."""
        if HeadlessScene._open is not self:
            return
        HeadlessScene._open = None
        slicer.mrmlScene, slicer.modules = None, SimpleNamespace()
        with collected_messages():
            self.scene.Clear(1)
            for logic in reversed(self.logics.values()):
                logic.SetMRMLScene(None)
            self.application.SetMRMLScene(None)
            self.logics.clear()

    def __enter__(self) -> HeadlessScene:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def headless_scene() -> HeadlessScene:
    """A fresh scene outside 3D Slicer, to be used as `with headless_scene() as slicer_scene:` or closed by hand.

    Raises:
        RuntimeError: called inside the 3D Slicer application.
    """
    return HeadlessScene()


class SeparateScene:
    """A scene to work in that leaves alone what is open, in 3D Slicer or outside; it opens one if nothing is.

    Attributes:
        scene: the `vtkMRMLScene`.
    """

    def __init__(self) -> None:
        beside = hasattr(slicer, "app") or HeadlessScene._open is not None
        self._headless = None if beside else headless_scene()
        self.scene: Any = self._headless.scene if self._headless is not None else self._of_its_own()

    @staticmethod
    def _of_its_own() -> Any:
        scene = slicer.vtkMRMLScene()
        slicer.mrmlScene.CopyRegisteredNodesToScene(scene)
        return scene

    def clear(self) -> None:
        """Empty the scene for the next use."""
        if self._headless is not None:
            self._headless.clear()
        else:
            self.scene.Clear(1)
            self.scene = self._of_its_own()

    def close(self) -> None:
        """Let go of the scene."""
        if self._headless is not None:
            self._headless.close()
        else:
            self.scene.Clear(1)
        self.scene = None


@contextmanager
def scene_apart() -> Iterator[Any]:
    """The `vtkMRMLScene` of a `SeparateScene` for one use."""
    apart = SeparateScene()
    try:
        yield apart.scene
    finally:
        apart.close()


def mrml_scene(scene: Any = None) -> Any:
    """The `vtkMRMLScene` meant by a scene, a `HeadlessScene` or None (the current one)."""
    scene = slicer.mrmlScene if scene is None else scene
    return scene.scene if isinstance(scene, HeadlessScene) else scene


def save_scene_bundle(path: str | os.PathLike[str], scene: Any = None) -> Path:
    """Write the scene as a 3D Slicer bundle (.mrb), replacing an older one in one step.

    Returns:
        The absolute path.

    Raises:
        InvalidInput: the name does not end in .mrb.
        OutputFailed: it could not be written; nothing is left behind.
    """
    scene = mrml_scene(scene)
    target = _target(path, ".mrb")
    with _written_aside(target) as draft:
        if not scene.WriteToMRB(os.fspath(draft)):
            raise OutputFailed("3D Slicer's scene writer failed")
        _must_be_whole_zip(draft)
    scene.SetURL(os.fspath(target))
    return target


def save_segmentation(segmentation_node: Any, path: str | os.PathLike[str]) -> Path:
    """Write a segmentation as `.seg.nrrd`; errors as `save_scene_bundle`."""
    return _save_node(segmentation_node, slicer.vtkMRMLSegmentationStorageNode(), _target(path, ".seg.nrrd"))


def save_table(table_node: Any, path: str | os.PathLike[str]) -> Path:
    """Write a table as `.tsv` and, beside it, its types and units as `.schema.tsv`; errors as `save_scene_bundle`."""
    rows, columns = table_node.GetNumberOfRows(), table_node.GetNumberOfColumns()

    def must_be_whole(draft: Path) -> None:
        # The table writer does not notice a full disk.
        schema = draft.with_name(draft.name[: -len(".tsv")] + ".schema.tsv")
        for file, lines in ((draft, rows + 1), (schema, columns + 1)):
            text = file.read_bytes()
            if not text.endswith(b"\n") or text.count(b"\n") != lines:
                raise OutputFailed("the table is incomplete")

    return _save_node(table_node, slicer.vtkMRMLTableStorageNode(), _target(path, ".tsv"), must_be_whole)


def _save_node(node: Any, storage: Any, target: Path, check: Callable[[Path], None] = lambda _: None) -> Path:
    # A storage node of its own, outside the scene, so that saving a copy does not change where the scene saves.
    with _written_aside(target) as draft:
        storage.SetFileName(os.fspath(draft))
        storage.SetUseCompression(1)
        if not storage.WriteData(node):
            raise OutputFailed("3D Slicer's writer failed")
        check(draft)
    return target


def _target(path: str | os.PathLike[str], suffix: str) -> Path:
    target = Path(path).expanduser().absolute()
    if not target.name.lower().endswith(suffix) or len(target.name) == len(suffix):
        raise InvalidInput(f"The file name '{target.name}' must end in {suffix}.")
    return target


@contextmanager
def _written_aside(target: Path) -> Iterator[Path]:
    """A path of the same name in a new folder beside the target; what was written there is moved into place at last."""
    folder = None
    try:
        with collected_messages() as messages:
            target.parent.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=".medprompt-", dir=target.parent))
            yield folder / target.name
            written = sorted(folder.iterdir())
            if folder / target.name not in written:
                raise OutputFailed("no file was written")
        # Some writers report a full disk only as a message.
        if problems := [m for m in messages if m.startswith("ERROR")]:
            raise OutputFailed(problems[-1])
        # Known before anything is moved, as two files (table and schema) cannot be replaced in one step.
        if taken := [file.name for file in written if (target.parent / file.name).is_dir()]:
            raise OutputFailed(f"{taken[0]} is a folder")
        for file in written:
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
            os.replace(file, target.parent / file.name)
    except (OSError, OutputFailed) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
        raise OutputFailed(f"{target} could not be written ({reason}); check the folder and the free space.") from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _must_be_whole_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as bundle:
            broken = bundle.testzip()
    except (OSError, zipfile.BadZipFile) as error:
        raise OutputFailed("the bundle is incomplete") from error
    if broken:
        raise OutputFailed(f"{broken} in the bundle is incomplete")


LARGEST_BUNDLE = 1 << 35
"""Bytes that a bundle may unpack to."""


def _must_unpack_inside(path: Path) -> None:
    """Raises InvalidInput for a bundle whose files lead out of the folder it is unpacked to; VTK would write them."""
    try:
        with zipfile.ZipFile(path) as bundle:
            members = bundle.infolist()
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise InvalidInput(f"{path} is not a 3D Slicer bundle (.mrb) or is damaged.") from error
    for member in members:
        parts = member.orig_filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or parts[0][1:2] == ":":
            raise InvalidInput(f"{path} is no bundle to trust: its file {member.filename!r} leads out of it.")
    if sum(member.file_size for member in members) > LARGEST_BUNDLE:
        raise InvalidInput(f"{path} is too large: it would unpack to more than {LARGEST_BUNDLE >> 30} GB.")


def open_scene_bundle(path: str | os.PathLike[str]) -> HeadlessScene:
    """A fresh headless scene with the contents of a bundle (.mrb).

    Raises:
        InvalidInput: no such file, or not a bundle that 3D Slicer can open.
    """
    source = Path(path).expanduser().absolute()
    if not source.is_file():
        raise InvalidInput(f"There is no file {source}.")
    _must_unpack_inside(source)
    opened = headless_scene()
    # VTK changes into the folder while it unpacks, and stays there if it fails.
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, collected_messages() as messages:
        good = opened.application.OpenSlicerDataBundle(os.fspath(source), folder)
        os.chdir(before)
    if not good or any(message.startswith("ERROR") for message in messages):
        opened.close()
        raise InvalidInput(f"{source} is not a 3D Slicer bundle (.mrb) or is damaged.")
    opened.scene.SetURL(os.fspath(source))
    return opened

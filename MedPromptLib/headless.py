"""3D Slicer's scene without the 3D Slicer application: MRML on the PyPI wheel `slicer-core`.

Only `scene.py` and the faces that have no Slicer application around them import this file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace, TracebackType
from typing import Any

from .errors import MissingPackage

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

    def close(self) -> None:
        """Empty the scene and let go of it; its nodes must not be used afterwards."""
        if HeadlessScene._open is not self:
            return
        HeadlessScene._open = None
        slicer.mrmlScene, slicer.modules = None, SimpleNamespace()
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

"""`slicer.app` and everything else that only the application has, put in place for a test and taken away again."""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import slicer
from PySide6 import QtTest, QtWidgets

from MedPromptLib.scene import headless_scene

from . import parameter_node, pythonqt, scripted_module, widgets


class Application:
    """The parts of `slicer.app` that modules and `slicer.util` use."""

    applicationName = "Slicer"
    applicationVersion = "5.12.3"

    def __init__(self) -> None:
        self._qt = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["Slicer"])

    def testingEnabled(self) -> bool:
        """Always: dialogs are logged and errors raised."""
        return True

    def processEvents(self, *_: Any) -> None:
        self._qt.processEvents()

    def setOverrideCursor(self, cursor: Any) -> None:
        self._qt.setOverrideCursor(cursor)

    def restoreOverrideCursor(self) -> None:
        self._qt.restoreOverrideCursor()

    def layoutManager(self) -> None:
        """There are no slice views."""

    def pauseRender(self) -> None:
        """There are no views."""

    def resumeRender(self) -> None:
        """There are no views."""


class Packaging(types.ModuleType):
    """`slicer.packaging`: notes what a module wants installed and installs nothing.

    Attributes:
        asked: the arguments of each `pip_ensure`.
    """

    def __init__(self) -> None:
        super().__init__("slicer.packaging")
        self.asked: list[tuple[list[str], str | None]] = []

    def pip_ensure(self, requirements: list[str], *, requester: str | None = None) -> None:
        self.asked.append((list(requirements), requester))


class Panel:
    """An opened module: its widget in a window, as the application holds it."""

    def __init__(self, module: types.ModuleType, name: str) -> None:
        self.module = module
        self.frame = widgets.qMRMLWidget()
        self.frame.setLayout(QtWidgets.QVBoxLayout())
        self.frame.setMRMLScene(slicer.mrmlScene)
        self.frame.resize(420, 700)
        self.widget: Any = getattr(module, f"{name}Widget")(pythonqt.wrap(self.frame))
        self.widget.setup()
        self.frame.set_entered(True)
        self.widget.enter()
        self.frame.show()
        self.frame.activateWindow()
        # Shortcuts work only in the active window.
        if not QtTest.QTest.qWaitForWindowActive(self.frame):
            raise RuntimeError("The window did not become active")

    def close(self) -> None:
        """Leave the module and destroy its widget."""
        self.widget.exit()
        self.widget.cleanup()
        self.frame.close()
        self.frame.deleteLater()
        slicer.app.processEvents()


class Desktop:
    """3D Slicer as far as a scripted module sees it: real MRML and `slicer.util`, Qt without a screen."""

    def __init__(self) -> None:
        self.slot_errors = pythonqt.slot_errors
        self.packaging: Packaging = sys.modules["slicer.packaging"]  # type: ignore[assignment]

    def load_module(self, path: Path) -> types.ModuleType:
        """Import a scripted module's file the way the application does: its folder on the path, its class made."""
        sys.path.insert(0, str(path.parent))
        try:
            spec = importlib.util.spec_from_file_location(path.stem, path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[path.stem] = module
            spec.loader.exec_module(module)
        finally:
            sys.path.remove(str(path.parent))
        parent = types.SimpleNamespace(path=str(path))
        module.parent = parent  # type: ignore[attr-defined]
        getattr(module, path.stem)(parent)
        setattr(slicer.modules, path.stem.lower(), parent)
        return module

    def open_panel(self, module: types.ModuleType) -> Panel:
        """Open the module's panel."""
        return Panel(module, module.__name__)


def _translation() -> types.ModuleType:
    """`slicer.i18n`: the texts as they are."""
    made = types.ModuleType("slicer.i18n")
    made.tr = lambda text: text  # type: ignore[attr-defined]
    made.translate = lambda context, text: text  # type: ignore[attr-defined]
    return made


@contextmanager
def desktop() -> Iterator[Desktop]:
    """A fresh scene with the application around it; afterwards nothing of it can be imported any more."""
    modules, attributes = set(sys.modules), set(vars(slicer))
    # Before `slicer.app` exists: with it, the library takes the application's scene for granted.
    with headless_scene():
        qt = pythonqt.qt_module()
        made = [
            qt,
            widgets.provide(qt),
            parameter_node.module(),
            scripted_module.module(),
            _translation(),
            Packaging(),
        ]
        for module in made:
            sys.modules[module.__name__] = module
            if module.__name__.startswith("slicer."):
                setattr(slicer, module.__name__.removeprefix("slicer."), module)
        slicer.app = Application()
        pythonqt.slot_errors.clear()
        try:
            yield Desktop()
        finally:
            for name in set(vars(slicer)) - attributes:
                delattr(slicer, name)
            for name in set(sys.modules) - modules:
                if name in {"qt", "ctk", "MedPrompt"} or (name.startswith("slicer.") and name != "slicer.util"):
                    del sys.modules[name]

"""`slicer.app` and everything else that only the application has, put in place for a test and taken away again."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import slicer
from PySide6 import QtCore, QtGui, QtTest, QtWidgets

from MedPromptLib.scene import HeadlessScene, headless_scene

from . import parameter_node, pythonqt, scripted_module, widgets


class IOManager:
    """`slicer.app.coreIOManager()` for whole scenes, over the application logic's own reader and writer."""

    def __init__(self, headless: HeadlessScene) -> None:
        self._headless = headless

    def loadNodes(self, kind: str, properties: dict[str, Any], nodes: Any = None, messages: Any = None) -> bool:
        """Open a bundle instead of the present scene, as the application does."""
        if kind != "SceneFile":
            raise NotImplementedError(f"The adapter loads scenes, not a {kind}")
        if not os.path.isfile(properties["fileName"]):
            return False
        with tempfile.TemporaryDirectory() as folder:
            return bool(self._headless.application.OpenSlicerDataBundle(properties["fileName"], folder))

    def saveNodes(self, kind: str, properties: dict[str, Any], messages: Any = None) -> bool:
        """Save the scene as a bundle."""
        if kind != "SceneFile" or not properties["fileName"].endswith(".mrb"):
            raise NotImplementedError("The adapter saves scenes as .mrb")
        return bool(self._headless.scene.WriteToMRB(properties["fileName"]))


class SegmentEditor:
    """`slicer.modules.SegmentEditorWidget.editor`: notes what it was opened on; a test paints in its place."""

    def __init__(self) -> None:
        self.segmentation: Any = None
        self.volume: Any = None
        self.segment_id = ""

    def setSegmentationNode(self, node: Any) -> None:
        self.segmentation = node

    def setSourceVolumeNode(self, node: Any) -> None:
        self.volume = node

    def setCurrentSegmentID(self, segment_id: str) -> None:
        self.segment_id = segment_id


class Application:
    """The parts of `slicer.app` that modules and `slicer.util` use."""

    applicationName = "Slicer"
    applicationVersion = "5.12.3"

    def __init__(self, headless: HeadlessScene, settings: str) -> None:
        self._qt = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["Slicer"])
        self._headless = headless
        self._settings = QtCore.QSettings(settings, QtCore.QSettings.Format.IniFormat)
        self._io = IOManager(headless)
        self.connected: dict[str, list[Any]] = {}

    def testingEnabled(self) -> bool:
        """Always: dialogs are logged and errors raised."""
        return True

    def connect(self, signal: str, slot: Any) -> bool:
        """Note who waits for a signal of the application; a test calls them."""
        self.connected.setdefault(signal, []).append(slot)
        return True

    def userSettings(self) -> Any:
        """Settings in a file of the test's own."""
        return pythonqt.wrap(self._settings)

    def applicationLogic(self) -> Any:
        return self._headless.application

    def coreIOManager(self) -> IOManager:
        return self._io

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

    def use_theme(self, *, dark: bool) -> None:
        """Slicer's light or dark theme, as far as colours go."""
        self._qt.setStyle("Fusion")
        palette = QtGui.QPalette()
        role = QtGui.QPalette.ColorRole
        colors = {
            role.Window: ("#353535", "#efefef"),
            role.WindowText: ("#ffffff", "#000000"),
            role.Base: ("#232323", "#ffffff"),
            role.AlternateBase: ("#353535", "#f7f7f7"),
            role.Text: ("#ffffff", "#000000"),
            role.Button: ("#353535", "#efefef"),
            role.ButtonText: ("#ffffff", "#000000"),
            role.ToolTipBase: ("#353535", "#ffffdc"),
            role.ToolTipText: ("#ffffff", "#000000"),
            role.PlaceholderText: ("#9a9a9a", "#7a7a7a"),
            role.Link: ("#6fb3ff", "#0057ae"),
            role.Highlight: ("#2a82da", "#308cc6"),
            role.HighlightedText: ("#ffffff", "#ffffff"),
        }
        for name, (in_dark, in_light) in colors.items():
            palette.setColor(name, QtGui.QColor(in_dark if dark else in_light))
        for name in (role.WindowText, role.Text, role.ButtonText):
            palette.setColor(QtGui.QPalette.ColorGroup.Disabled, name, QtGui.QColor("#8a8a8a"))
        self._qt.setPalette(palette)


WIDTH = 420
"""Of a panel, in pixels; Slicer's module panel is about as wide when it is first opened."""


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
    """An opened module: its widget in a window that scrolls, as the application holds it."""

    def __init__(self, module: types.ModuleType, name: str) -> None:
        self.module = module
        self.frame = widgets.qMRMLWidget()
        self.frame.setLayout(QtWidgets.QVBoxLayout())
        self.frame.setMRMLScene(slicer.mrmlScene)
        self.window = QtWidgets.QScrollArea()
        self.window.setWidgetResizable(True)
        self.window.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.window.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.window.setWidget(self.frame)
        self.window.resize(WIDTH, 800)
        self.widget: Any = getattr(module, f"{name}Widget")(pythonqt.wrap(self.frame))
        self.widget.setup()
        self.frame.set_entered(True)
        self.widget.enter()
        self.window.show()
        self.window.activateWindow()
        # Shortcuts work only in the active window.
        if not QtTest.QTest.qWaitForWindowActive(self.window):
            raise RuntimeError("The window did not become active")

    def close(self) -> None:
        """Leave the module and destroy its widget."""
        self.widget.exit()
        self.widget.cleanup()
        self.window.close()
        self.window.deleteLater()
        slicer.app.processEvents()


class Desktop:
    """3D Slicer as far as a scripted module sees it: real MRML and `slicer.util`, Qt without a screen."""

    def __init__(self) -> None:
        self.slot_errors = pythonqt.slot_errors
        self.packaging: Packaging = sys.modules["slicer.packaging"]  # type: ignore[assignment]
        self.editor = SegmentEditor()
        slicer.modules.SegmentEditorWidget = types.SimpleNamespace(editor=self.editor)
        self.selected_modules: list[str] = []

    def select_module(self, name: str) -> None:
        """`slicer.util.selectModule`, which needs the main window."""
        self.selected_modules.append(name)

    def load_module(self, path: Path) -> types.ModuleType:
        """Import a scripted module's file the way the application does: its folder on the path, its class made."""
        sys.path.insert(0, str(path.parent))  # It stays, as in the application.
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
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
    modules, attributes, search = set(sys.modules), set(vars(slicer)), list(sys.path)
    # Before `slicer.app` exists: with it, the library takes the application's scene for granted.
    with tempfile.TemporaryDirectory() as folder, headless_scene() as headless:
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
        slicer.app = Application(headless, os.path.join(folder, "Slicer.ini"))
        slicer.app.use_theme(dark=False)
        pythonqt.slot_errors.clear()
        select_module = slicer.util.selectModule
        try:
            made_desktop = Desktop()
            slicer.util.selectModule = made_desktop.select_module
            yield made_desktop
        finally:
            slicer.util.selectModule = select_module
            sys.path[:] = search
            for name in set(vars(slicer)) - attributes:
                delattr(slicer, name)
            for name in set(sys.modules) - modules:
                gone = name.partition(".")[0] in {"qt", "ctk", "MedPrompt", "MedPromptWidgets"}
                if gone or (name.startswith("slicer.") and name != "slicer.util"):
                    del sys.modules[name]

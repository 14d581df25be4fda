"""Stand-ins for the ctk and qMRML widgets that the panel's .ui file names, and the loader that builds it.

They have the properties, slots and signals that the panel uses, over real MRML nodes; an unknown class or property in
the .ui file is an error, where the application would only print a line.
"""

from __future__ import annotations

import types
from typing import Any
from xml.etree import ElementTree

import slicer
from PySide6 import QtCore, QtUiTools, QtWidgets

from .pythonqt import Factory


class ctkCollapsibleButton(QtWidgets.QWidget):
    """A header that folds what lies in its layout."""

    contentsCollapsed = QtCore.Signal(bool)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.header = QtWidgets.QToolButton(self)
        self.header.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.header.setAutoRaise(True)
        self.header.clicked.connect(lambda: self._set_collapsed(not self._collapsed))
        self._collapsed = False
        self._folded: list[QtWidgets.QWidget] = []
        self._show_state()

    def _show_state(self) -> None:
        self.header.setArrowType(QtCore.Qt.ArrowType.RightArrow if self._collapsed else QtCore.Qt.ArrowType.DownArrow)
        if self._collapsed:
            direct = QtCore.Qt.FindChildOption.FindDirectChildrenOnly
            children = self.findChildren(QtWidgets.QWidget, options=direct)
            # What the module has hidden itself stays hidden when the section is opened.
            self._folded += [child for child in children if child is not self.header and not child.isHidden()]
        for child in self._folded:
            child.setVisible(not self._collapsed)
        if not self._collapsed:
            self._folded.clear()
        self.setMaximumHeight(self.header.sizeHint().height() if self._collapsed else 16777215)

    def _set_collapsed(self, collapsed: bool) -> None:
        if collapsed != self._collapsed:
            self._collapsed = collapsed
            self._show_state()
            self.contentsCollapsed.emit(collapsed)

    def showEvent(self, event: Any) -> None:
        """Fold what was added after the section was collapsed, and put it below the header."""
        self._show_state()
        self._make_room()
        super().showEvent(event)

    def resizeEvent(self, event: Any) -> None:
        """Keep the header as wide as the section."""
        self._make_room()
        super().resizeEvent(event)

    def _make_room(self) -> None:
        height = self.header.sizeHint().height()
        self.header.setGeometry(0, 0, self.width(), height)
        if self.layout() is not None and self.layout().contentsMargins().top() < height:
            self.layout().setContentsMargins(9, height + 4, 9, 4)

    def sizeHint(self) -> QtCore.QSize:
        """Header and contents."""
        inner = self.layout().sizeHint() if self.layout() is not None and not self._collapsed else QtCore.QSize()
        header = self.header.sizeHint()
        return QtCore.QSize(max(inner.width(), header.width()), max(inner.height(), header.height()))

    text = QtCore.Property(str, lambda self: self.header.text(), lambda self, text: self.header.setText(text))
    collapsed = QtCore.Property(bool, lambda self: self._collapsed, _set_collapsed)


class qMRMLWidget(QtWidgets.QWidget):
    """A widget that knows the scene, and tells its children through the .ui file's connections."""

    mrmlSceneChanged = QtCore.Signal(object)
    cpp_signals = ("mrmlSceneChanged(vtkMRMLScene*)",)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._entered = False

    def setMRMLScene(self, scene: Any) -> None:
        """Follow another scene."""
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)

    def mrmlScene(self) -> Any:
        """The scene that is followed."""
        return self._scene

    def set_entered(self, entered: bool) -> None:
        """What the application keeps about a module's widget: whether it is the one shown."""
        self._entered = entered

    isEntered = QtCore.Property(bool, lambda self: self._entered)


class qMRMLNodeComboBox(QtWidgets.QComboBox):
    """A list of the scene's nodes of some classes."""

    currentNodeChanged = QtCore.Signal(object)
    currentNodeIDChanged = QtCore.Signal(str)
    cpp_signals = ("currentNodeChanged(vtkMRMLNode*)", "currentNodeIDChanged(QString)")

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._tags: list[int] = []
        self._options: dict[str, Any] = {}
        self.currentIndexChanged.connect(lambda _: self._announce())

    def _option(kind: str | type, name: str, default: Any) -> QtCore.Property:  # type: ignore[misc]
        def read(self: qMRMLNodeComboBox) -> Any:
            return self._options.get(name, default)

        def write(self: qMRMLNodeComboBox, value: Any) -> None:
            self._options[name] = list(value) if isinstance(value, list | tuple) else value
            self._fill()

        return QtCore.Property(kind, read, write)

    nodeTypes = _option("QStringList", "nodeTypes", [])
    hideChildNodeTypes = _option("QStringList", "hideChildNodeTypes", [])
    showChildNodeTypes = _option(bool, "showChildNodeTypes", True)
    showHidden = _option(bool, "showHidden", False)
    noneEnabled = _option(bool, "noneEnabled", False)
    addEnabled = _option(bool, "addEnabled", True)
    removeEnabled = _option(bool, "removeEnabled", True)
    del _option

    def setMRMLScene(self, scene: Any) -> None:
        """List another scene's nodes."""
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._scene = scene
        events = (
            (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent, scene.EndImportEvent) if scene else ()
        )
        self._tags = [scene.AddObserver(event, lambda caller, name: self._fill()) for event in events]
        self._fill()

    def mrmlScene(self) -> Any:
        """The scene whose nodes are listed."""
        return self._scene

    def currentNode(self) -> Any:
        """The selected node or None."""
        return self._scene.GetNodeByID(self.currentData()) if self._scene and self.currentData() else None

    def setCurrentNode(self, node: Any) -> None:
        """Select a node; None, or a node that is not listed, selects nothing."""
        self.setCurrentIndex(self.findData(node.GetID()) if node else self.findData(""))

    def _is_listed(self, node: Any) -> bool:
        types_ = self.nodeTypes
        fits = any(node.IsA(kind) if self.showChildNodeTypes else node.GetClassName() == kind for kind in types_)
        return (
            fits
            and not any(node.IsA(kind) for kind in self.hideChildNodeTypes)
            and (self.showHidden or not node.GetHideFromEditors())
        )

    def _fill(self) -> None:
        if self._scene is None or self._scene.IsClosing():
            return
        selected = self.currentData() or ""
        self.blockSignals(True)
        self.clear()
        if self.noneEnabled:
            self.addItem("None", "")
        for index in range(self._scene.GetNumberOfNodes()):
            node = self._scene.GetNthNode(index)
            if self._is_listed(node):
                self.addItem(node.GetName() or "", node.GetID())
        # As the application does, nothing is selected by itself where None can be chosen.
        self.setCurrentIndex(max(self.findData(selected), 0 if self.count() else -1))
        self.blockSignals(False)
        if (self.currentData() or "") != selected:
            self._announce()

    def _announce(self) -> None:
        self.currentNodeChanged.emit(self.currentNode())
        self.currentNodeIDChanged.emit(self.currentData() or "")


STAND_INS = {kind.__name__: kind for kind in (ctkCollapsibleButton, qMRMLWidget, qMRMLNodeComboBox)}


class UiLoader(QtUiTools.QUiLoader):
    """Qt's loader with the stand-ins, which also makes the connections between them that Qt's cannot make."""

    def __init__(self) -> None:
        super().__init__()
        self._made: list[QtWidgets.QWidget] = []

    def createWidget(self, class_name: str, parent: Any = None, name: str = "") -> QtWidgets.QWidget:
        """A widget of one of the .ui file's classes."""
        stand_in = STAND_INS.get(class_name)
        if stand_in is None:
            if class_name.startswith(("ctk", "qMRML", "qSlicer")):
                raise LookupError(
                    f"The .ui file names {class_name}, which has no stand-in in Testing/qt_adapter/widgets.py"
                )
            return super().createWidget(class_name, parent, name)
        widget = stand_in(parent)
        widget.setObjectName(name)
        self._made.append(widget)
        return widget

    def load(self, device: QtCore.QFile) -> QtWidgets.QWidget:  # type: ignore[override]
        """The .ui file's widget."""
        document = ElementTree.fromstring(bytes(device.readAll().data()).decode())
        connections = document.find("connections")
        if connections is not None:
            document.remove(connections)
        source = QtCore.QBuffer()
        source.setData(ElementTree.tostring(document))
        panel = super().load(source)
        for widget in panel.findChildren(QtWidgets.QWidget):
            undeclared = set(_given_properties(document, widget.objectName())) - _known_properties(widget)
            if undeclared:
                raise LookupError(f"{widget.objectName()} has no property {sorted(undeclared)}")
        for connection in connections if connections is not None else ():
            sender, receiver = (_named(panel, connection.findtext(role, "")) for role in ("sender", "receiver"))
            signal, slot = (connection.findtext(role, "").partition("(")[0] for role in ("signal", "slot"))
            getattr(sender, signal).connect(getattr(receiver, slot))
        panel.ui_loader = self  # The stand-ins live as long as Python refers to them.
        return panel


def _named(panel: QtWidgets.QWidget, name: str) -> QtWidgets.QWidget:
    return panel if panel.objectName() == name else panel.findChild(QtWidgets.QWidget, name)


def _given_properties(document: ElementTree.Element, name: str) -> list[str]:
    """Names of the class's own properties that the file sets on a widget; `stdset="0"` marks the freely added ones."""
    for widget in document.iter("widget"):
        if widget.get("name") == name:
            return [p.get("name", "") for p in widget.findall("property") if p.get("stdset") != "0"]
    return []


def _known_properties(widget: QtWidgets.QWidget) -> set[str]:
    meta = widget.metaObject()
    return {meta.property(index).name() for index in range(meta.propertyCount())}


def provide(qt: types.ModuleType) -> types.ModuleType:
    """Put the loader into `qt` and the widgets where the application has them; returns the module `ctk`."""
    qt.QUiLoader = Factory(UiLoader)  # type: ignore[attr-defined]
    ctk = types.ModuleType("ctk")
    ctk.ctkCollapsibleButton = Factory(ctkCollapsibleButton)  # type: ignore[attr-defined]
    slicer.qMRMLWidget = Factory(qMRMLWidget)
    slicer.qMRMLNodeComboBox = Factory(qMRMLNodeComboBox)
    return ctk

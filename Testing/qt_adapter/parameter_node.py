"""`slicer.parameterNodeWrapper` for tests: typed properties over a real parameter node, and their link to widgets.

It covers the types and widgets that scripted modules here use and refuses the rest the way Slicer does, so that a panel
cannot rely on a connector that the application does not have (for instance one for QPlainTextEdit).
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any

import slicer
import vtk

from .pythonqt import Proxy

PROPERTY = "SlicerParameterName"


class Choice:
    """Annotation: the value is one of these."""

    def __init__(self, choices: Iterable[Any]) -> None:
        self.choices = list(choices)


class WithinRange:
    """Annotation: the value lies between these, both included."""

    def __init__(self, minimum: float, maximum: float) -> None:
        self.minimum, self.maximum = minimum, maximum


class Default:
    """Annotation: the value of a new parameter node."""

    def __init__(self, value: Any) -> None:
        self.value = value


class _Parameter:
    """Reads and writes one typed value of a parameter node."""

    def __init__(self, name: str, hint: Any, default: Any) -> None:
        self.name = name
        self.kind, *annotations = typing.get_args(typing.Annotated[hint, None])[:-1]
        self.choice = next((a for a in annotations if isinstance(a, Choice)), None)
        self.range = next((a for a in annotations if isinstance(a, WithinRange)), None)
        self.is_node = isinstance(self.kind, type) and issubclass(self.kind, slicer.vtkMRMLNode)
        if not self.is_node and self.kind not in (str, int, float, bool):
            raise TypeError(f"The adapter has no serializer for {self.kind} of parameter {name}")
        declared = next((a.value for a in annotations if isinstance(a, Default)), None if self.is_node else self.kind())
        self.default = declared if default is None else default

    def read(self, node: Any) -> Any:
        if self.is_node:
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        return text == "True" if self.kind is bool else self.kind(text)

    def write(self, node: Any, value: Any) -> None:
        if self.is_node:
            if value is not None and not isinstance(value, self.kind):
                raise ValueError(f"{self.name} must be a {self.kind.__name__}, not {value!r}")
            node.SetParameter(self.name, "")
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
            return
        if not isinstance(value, self.kind) or (self.choice and value not in self.choice.choices):
            raise ValueError(f"{self.name} cannot be {value!r}")
        if self.range and not self.range.minimum <= value <= self.range.maximum:
            raise ValueError(f"{self.name} cannot be {value!r}")
        node.SetParameter(self.name, str(value))


class _Connector:
    """Keeps one widget and one parameter the same."""

    def __init__(self, widget: Proxy, parameter: _Parameter) -> None:
        kind = widget.className()
        self.parameter = parameter
        if kind == "qMRMLNodeComboBox" and parameter.is_node:
            widget.nodeTypes = [parameter.kind().GetClassName()]
            self.signal, self.read, self.write = widget.currentNodeChanged, widget.currentNode, widget.setCurrentNode
        elif kind == "QComboBox" and parameter.choice and not parameter.is_node:
            choices = parameter.choice.choices
            widget.clear()
            for choice in choices:
                widget.addItem(str(choice))
            self.signal = widget.currentIndexChanged
            self.read = lambda: choices[widget.currentIndex]
            self.write = lambda value: widget.setCurrentIndex(choices.index(value))
        elif kind == "QLineEdit" and parameter.kind is str:
            self.signal, self.read, self.write = widget.textChanged, lambda: widget.text, widget.setText
        elif kind == "QTextEdit" and parameter.kind is str:
            self.signal, self.read, self.write = widget.textChanged, widget.toPlainText, widget.setPlainText
        elif kind in ("QSlider", "QSpinBox") and parameter.kind is int:
            if parameter.range:
                widget.minimum, widget.maximum = parameter.range.minimum, parameter.range.maximum
            elif kind == "QSlider":
                raise RuntimeError(f"A QSlider needs a range, and the parameter {parameter.name} has none")
            self.signal, self.read, self.write = widget.valueChanged, lambda: widget.value, widget.setValue
        elif kind == "QCheckBox" and parameter.kind is bool:
            self.signal, self.read, self.write = widget.toggled, lambda: widget.checked, widget.setChecked
        else:
            raise RuntimeError(f"Slicer has no connector from {parameter.kind} to {kind}")
        self._changed: Callable[[], None] | None = None

    def start(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self.signal.connect(changed)

    def stop(self) -> None:
        if self._changed:
            self.signal.disconnect(self._changed)


class _Wrapper:
    """What every class decorated with `parameterNodeWrapper` can do."""

    allParameters: dict[str, _Parameter]

    def __init__(self, parameterNode: Any) -> None:
        self.parameterNode = parameterNode
        self._guis: dict[int, tuple[list[_Connector], int]] = {}
        self._following = False
        for parameter in self.allParameters.values():
            if not parameterNode.HasParameter(parameter.name):
                parameter.write(parameterNode, parameter.default)

    def connectGui(self, gui: Any) -> int:
        """Link the widgets that name a parameter in their property `SlicerParameterName`; returns a tag."""
        connectors = []
        for widget in vars(gui).values():
            if name := widget.property(PROPERTY):
                if name not in self.allParameters:
                    raise ValueError(f"Cannot find a param with the given name: {name}")
                connectors.append(_Connector(widget, self.allParameters[name]))
        for connector in connectors:
            connector.write(connector.parameter.read(self.parameterNode))
            connector.start(functools.partial(self._take, connector))
        observer = self.parameterNode.AddObserver(
            vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._show(connectors)
        )
        tag = len(self._guis)
        self._guis[tag] = (connectors, observer)
        return tag

    def disconnectGui(self, tag: int) -> None:
        """Undo `connectGui`."""
        connectors, observer = self._guis.pop(tag)
        self.parameterNode.RemoveObserver(observer)
        for connector in connectors:
            connector.stop()

    def _take(self, connector: _Connector) -> None:
        if not self._following:
            connector.parameter.write(self.parameterNode, connector.read())

    def _show(self, connectors: list[_Connector]) -> None:
        if self._following:
            return
        self._following = True
        try:
            for connector in connectors:
                connector.write(connector.parameter.read(self.parameterNode))
        finally:
            self._following = False

    def AddObserver(self, event: Any, callback: Any, priority: float = 0.0) -> int:
        """Observe the parameter node itself."""
        return int(self.parameterNode.AddObserver(event, callback, priority))

    def RemoveObserver(self, tag: int) -> None:
        """Undo `AddObserver`."""
        self.parameterNode.RemoveObserver(tag)


def parameterNodeWrapper(decorated: type) -> type:
    """Class decorator: annotated members become typed properties of a parameter node."""
    hints = typing.get_type_hints(decorated, include_extras=True)
    parameters = {name: _Parameter(name, hint, getattr(decorated, name, None)) for name, hint in hints.items()}
    members: dict[str, Any] = {"allParameters": parameters, "__doc__": decorated.__doc__}
    for name, parameter in parameters.items():
        members[name] = property(
            lambda self, parameter=parameter: parameter.read(self.parameterNode),
            lambda self, value, parameter=parameter: parameter.write(self.parameterNode, value),
        )
    return type(decorated.__name__, (_Wrapper,), members)


def module() -> types.ModuleType:
    """The module `slicer.parameterNodeWrapper`."""
    made = types.ModuleType("slicer.parameterNodeWrapper")
    for public in (parameterNodeWrapper, Choice, Default, WithinRange):
        setattr(made, public.__name__, public)
    return made

"""`qt` as a scripted module sees it: PySide6 objects behind proxies that behave as PythonQt's do.

PythonQt, the binding inside 3D Slicer, differs from PySide6 in what a module's code looks like: Qt properties are plain
attributes (`button.text = "Apply"`), `name` is the object's name, signals are also connected by their C++ signature
(`button.connect("clicked(bool)", f)`), and a slot gets only as many arguments as it takes. The proxies follow that, and
refuse what PythonQt refuses.
"""

from __future__ import annotations

import enum
import inspect
import types
import weakref
from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6 import QtCore, QtGui, QtTest, QtUiTools, QtWidgets

slot_errors: list[BaseException] = []
"""What slots raised. PythonQt prints these and goes on, as does Qt here; a test looks at this list."""

_proxies: weakref.WeakValueDictionary[int, Proxy] = weakref.WeakValueDictionary()
_relays: dict[tuple[int, str, Callable[..., Any]], Callable[..., Any]] = {}


def wrap(value: Any) -> Any:
    """Qt's objects become proxies, always the same one for the same object; lists element by element."""
    if isinstance(value, QtCore.QObject | QtWidgets.QLayoutItem):
        address = shiboken6.getCppPointer(value)[0]
        proxy = _proxies.get(address)
        if proxy is None or not shiboken6.isValid(proxy.qt_object):
            proxy = _proxies[address] = Proxy(value)
        return proxy
    if isinstance(value, list):
        return [wrap(item) for item in value]
    return value


def unwrap(value: Any) -> Any:
    """What Qt's own functions take: the object behind a proxy, the class behind a factory."""
    if isinstance(value, Proxy):
        return value.qt_object
    if isinstance(value, Factory):
        return value.qt_class
    if isinstance(value, list | tuple):
        return [unwrap(item) for item in value]
    return value


def _arguments_taken(slot: Callable[..., Any]) -> int | None:
    """How many positional arguments a callable takes; None means any number."""
    try:
        parameters = inspect.signature(slot).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def _relay(slot: Callable[..., Any], offered: int) -> Callable[..., Any]:
    """A function that Qt can call with `offered` arguments and that passes on as many as the slot takes."""
    taken = _arguments_taken(slot)
    count = offered if taken is None else min(offered, taken)

    def call(*arguments: Any) -> None:
        try:
            slot(*[wrap(argument) for argument in arguments[:count]])
        except BaseException as error:
            slot_errors.append(error)
            raise

    # PySide6 looks at how many arguments the function itself declares, hence one function for each number.
    return {
        0: lambda: call(),  # noqa: PLW0108
        1: lambda a: call(a),  # noqa: PLW0108
        2: lambda a, b: call(a, b),  # noqa: PLW0108
        3: lambda a, b, c: call(a, b, c),  # noqa: PLW0108
    }[offered]


class Signal:
    """A bound signal, `button.clicked`."""

    def __init__(self, owner: QtCore.QObject, name: str) -> None:
        self._owner, self._name = owner, name
        meta = owner.metaObject()
        methods = [meta.method(index) for index in range(meta.methodCount())]
        self._offered = max((m.parameterCount() for m in methods if m.name().data().decode() == name), default=0)

    def connect(self, slot: Callable[..., Any]) -> bool:
        """Call `slot` on each emission."""
        return _connect(self._owner, self._name, slot, self._offered)

    def disconnect(self, slot: Callable[..., Any]) -> bool:
        """Undo `connect`."""
        return _disconnect(self._owner, self._name, slot)

    def emit(self, *arguments: Any) -> None:
        """Emit it, as Qt would."""
        getattr(self._owner, self._name).emit(*[unwrap(argument) for argument in arguments])


def _connect(owner: QtCore.QObject, name: str, slot: Callable[..., Any], offered: int) -> bool:
    relay = _relay(slot, offered)
    _relays[shiboken6.getCppPointer(owner)[0], name, slot] = relay
    getattr(owner, name).connect(relay)
    return True


def _disconnect(owner: QtCore.QObject, name: str, slot: Callable[..., Any]) -> bool:
    relay = _relays.pop((shiboken6.getCppPointer(owner)[0], name, slot), None)
    if relay is None:
        return False
    getattr(owner, name).disconnect(relay)
    return True


class Proxy:
    """One Qt object with PythonQt's manners."""

    qt_object: Any

    def __init__(self, qt_object: Any) -> None:
        object.__setattr__(self, "qt_object", qt_object)

    def _has_property(self, name: str) -> bool:
        target = self.qt_object
        return isinstance(target, QtCore.QObject) and target.metaObject().indexOfProperty(name) >= 0

    def __getattr__(self, name: str) -> Any:
        target = self.qt_object
        if name == "name":
            return target.objectName()
        if self._has_property(name):
            return wrap(target.property(name))
        value = getattr(target, name)
        if isinstance(value, QtCore.SignalInstance):
            return Signal(target, name)
        if callable(value):
            return lambda *arguments: wrap(value(*[unwrap(argument) for argument in arguments]))
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        target = self.qt_object
        if name == "name":
            target.setObjectName(value)
        elif not self._has_property(name):
            raise AttributeError(f"'{name}' is not a property of {self.className()}; attributes cannot be added to it")
        elif not target.setProperty(name, unwrap(value)):
            raise ValueError(f"{self.className()}.{name} cannot be {value!r}")

    def className(self) -> str:
        """The C++ class's name."""
        return type(self.qt_object).__name__

    def delete(self) -> None:
        """Destroy the object now."""
        shiboken6.delete(self.qt_object)

    def connect(self, signature: str, slot: Callable[..., Any]) -> bool:
        """Connect by C++ signature, for example `clicked(bool)`."""
        name, arguments = self._signal(signature)
        return _connect(self.qt_object, name, slot, len(arguments))

    def disconnect(self, signature: str, slot: Callable[..., Any]) -> bool:
        """Undo `connect`; false if it was not connected."""
        name, _ = self._signal(signature)
        return _disconnect(self.qt_object, name, slot)

    def _signal(self, signature: str) -> tuple[str, list[str]]:
        target = self.qt_object
        normal = bytes(QtCore.QMetaObject.normalizedSignature(signature)).decode()
        # Stand-ins declare their signals with `object` where C++ has a class; they list the C++ signatures themselves.
        if target.metaObject().indexOfSignal(normal) < 0 and normal not in getattr(target, "cpp_signals", ()):
            raise ValueError(f"{self.className()} has no signal {signature}")
        name, _, arguments = normal.rstrip(")").partition("(")
        return name, [argument for argument in arguments.split(",") if argument]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Proxy) and self.qt_object is other.qt_object

    def __hash__(self) -> int:
        return hash(shiboken6.getCppPointer(self.qt_object)[0])

    def __repr__(self) -> str:
        return f"{self.className()} ({self.name!r})"


class Factory:
    """A Qt class in the `qt` module: calling it makes a proxied object, `isinstance` and `type(...) ==` work on it."""

    def __init__(self, qt_class: type) -> None:
        self.qt_class = qt_class

    def __call__(self, *arguments: Any) -> Any:
        return wrap(self.qt_class(*[unwrap(argument) for argument in arguments]))

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.qt_class, name)
        if callable(value) and not isinstance(value, type | enum.Enum):
            return lambda *arguments: wrap(value(*[unwrap(argument) for argument in arguments]))
        return value

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(unwrap(instance), self.qt_class)


def qt_module() -> types.ModuleType:
    """The module `qt`: all of Qt in one flat namespace, classes of objects as factories, the rest as it is."""
    module = types.ModuleType("qt")

    def look_up(name: str) -> Any:
        for part in (QtCore, QtGui, QtWidgets, QtUiTools, QtTest):
            value = getattr(part, name, None)
            if value is None:
                continue
            if inspect.isclass(value) and issubclass(value, QtCore.QObject | QtWidgets.QLayoutItem):
                value = Factory(value)
            setattr(module, name, value)
            return value
        raise AttributeError(f"module 'qt' has no attribute '{name}'")

    module.__getattr__ = look_up  # type: ignore[method-assign]
    return module

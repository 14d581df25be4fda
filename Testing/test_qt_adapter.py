"""The stand-in for 3D Slicer's desktop: it behaves as PythonQt and Slicer do, also where they refuse."""

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
import slicer
from qt_adapter import Desktop, desktop


@pytest.fixture
def a_desktop() -> Iterator[Desktop]:
    """The application around an empty scene."""
    with desktop() as application:
        yield application


@pytest.fixture
def qt(a_desktop: Desktop) -> Any:
    """The module `qt` as a scripted module imports it."""
    import qt

    return qt


def test_qt_properties_are_attributes(qt: Any) -> None:
    button = qt.QPushButton("Apply")
    assert button.text == "Apply"
    button.enabled = False
    assert button.enabled is False
    with pytest.raises(TypeError, match="not callable"):
        button.text()


def test_name_is_the_object_name(qt: Any) -> None:
    button = qt.QPushButton()
    button.name = "apply"
    assert button.objectName == "apply"
    assert button.name == "apply"


def test_new_attributes_cannot_be_added_to_widgets(qt: Any) -> None:
    with pytest.raises(AttributeError, match="cannot be added"):
        qt.QPushButton().remark = "?"


def test_a_slot_gets_only_the_arguments_it_takes(qt: Any) -> None:
    button, calls = qt.QPushButton(), []
    button.checkable = True
    button.connect("clicked(bool)", lambda: calls.append("none"))
    button.connect("clicked(bool)", lambda checked: calls.append(("one", checked)))
    button.clicked.connect(lambda checked=None: calls.append(checked))
    button.click()
    assert calls == ["none", ("one", True), True]


def test_a_slot_can_be_disconnected_either_way(qt: Any) -> None:
    button, calls = qt.QPushButton(), []

    def note() -> None:
        calls.append("called")

    button.connect("clicked(bool)", note)
    assert button.disconnect("clicked(bool)", note)
    assert not button.disconnect("clicked(bool)", note)
    button.clicked.connect(note)
    button.clicked.disconnect(note)
    button.click()
    assert calls == []


def test_a_misspelt_signal_is_an_error(qt: Any) -> None:
    with pytest.raises(ValueError, match="no signal"):
        qt.QPushButton().connect("clicked(int)", print)


def test_the_same_widget_is_equal_wherever_it_comes_from(qt: Any) -> None:
    frame = qt.QFrame()
    layout = qt.QVBoxLayout()
    frame.setLayout(layout)
    button = qt.QPushButton()
    layout.addWidget(button)
    assert button.parent() == frame
    assert frame.children() == [layout, button]
    assert isinstance(button, qt.QPushButton)


def test_parameters_are_kept_in_the_node_with_their_types(a_desktop: Desktop) -> None:
    from slicer.parameterNodeWrapper import Choice, parameterNodeWrapper

    @parameterNodeWrapper
    class Parameters:
        volume: slicer.vtkMRMLScalarVolumeNode
        text: str
        count: int = 3
        device: Annotated[str, Choice(["auto", "cpu"])] = "auto"

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    first: Any = Parameters(node)
    assert (first.volume, first.text, first.count, first.device) == (None, "", 3, "auto")
    first.volume, first.text, first.count, first.device = volume, "lungs", 4, "cpu"
    second: Any = Parameters(node)
    assert (second.volume, second.text, second.count, second.device) == (volume, "lungs", 4, "cpu")
    with pytest.raises(ValueError, match="device"):
        first.device = "gpu"
    slicer.mrmlScene.RemoveNode(volume)
    assert first.volume is None


def test_there_is_no_connector_for_a_plain_text_edit(qt: Any) -> None:
    """Slicer 5.12 has none; a panel that relied on one would work here and fail there."""
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    @parameterNodeWrapper
    class Parameters:
        text: str

    class Gui:
        pass

    gui: Any = Gui()
    gui.edit = qt.QPlainTextEdit()
    gui.edit.setProperty("SlicerParameterName", "text")
    parameters: Any = Parameters(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
    with pytest.raises(RuntimeError, match="no connector"):
        parameters.connectGui(gui)


def test_a_slider_needs_a_parameter_with_a_range(qt: Any) -> None:
    """Slicer 5.12 refuses the connection otherwise."""
    from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

    @parameterNodeWrapper
    class Parameters:
        loose: int
        bound: Annotated[int, WithinRange(2, 7)] = 3

    class Gui:
        pass

    parameters: Any = Parameters(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
    gui: Any = Gui()
    gui.slider = qt.QSlider()
    gui.slider.setProperty("SlicerParameterName", "bound")
    parameters.connectGui(gui)
    assert (gui.slider.value, gui.slider.minimum, gui.slider.maximum) == (3, 2, 7)
    gui.slider.setValue(7)
    assert parameters.bound == 7
    with pytest.raises(ValueError, match="bound"):
        parameters.bound = 8
    gui.slider.setProperty("SlicerParameterName", "loose")
    with pytest.raises(RuntimeError, match="needs a range"):
        parameters.connectGui(gui)


def test_a_ui_file_with_an_unknown_widget_or_property_is_an_error(qt: Any, tmp_path: Any) -> None:
    for inside, expected in (
        ('<widget class="ctkDirectoryButton" name="folder"/>', "ctkDirectoryButton"),
        (
            '<widget class="ctkCollapsibleButton" name="section"><property name="colapsed"><bool>true</bool></property>'
            "</widget>",
            "colapsed",
        ),
    ):
        file = tmp_path / "panel.ui"
        file.write_text(f'<ui version="4.0"><widget class="QWidget" name="panel">{inside}</widget></ui>')
        with pytest.raises(LookupError, match=expected):
            slicer.util.loadUI(str(file))


def test_nothing_of_the_application_is_left_afterwards() -> None:
    with desktop():
        import qt  # noqa: F401

        assert slicer.app.testingEnabled()
    left = {"qt", "ctk", "slicer.packaging", "slicer.parameterNodeWrapper"} & set(sys.modules)
    assert not left
    assert not hasattr(slicer, "app")
    assert not hasattr(slicer, "qMRMLWidget")

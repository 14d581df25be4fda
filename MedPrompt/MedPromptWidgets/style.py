"""Colours and small helpers that the panel's parts share; both themes of the application are served."""

import qt
import slicer


def isDark(widget) -> bool:
    """Whether the application's theme is dark."""
    return widget.palette.color(qt.QPalette.Window).lightness() < 128


def errorStyle(widget) -> str:
    """Style sheet of text about something that went wrong."""
    return f"color: {'#ff8a7a' if isDark(widget) else '#c0392b'};"


def goodStyle(widget) -> str:
    """Style sheet of text about something that is as it should be."""
    return f"color: {'#7fd18b' if isDark(widget) else '#1a6e2d'};"


def warningStyle(widget) -> str:
    """Style sheet of text that asks for a look."""
    return f"color: {'#f0c060' if isDark(widget) else '#8a5a00'};"


def label(text="", name="", wrap=True, selectable=False):
    """A label whose text wraps."""
    made = qt.QLabel(text)
    made.name = name
    made.wordWrap = wrap
    if selectable:
        made.setTextInteractionFlags(qt.Qt.TextSelectableByMouse)
    return made


def button(text, name, toolTip=""):
    """A push button that may become as narrow as its text."""
    made = qt.QPushButton(text)
    made.name = name
    made.toolTip = toolTip
    return made


def selector(name, texts, toolTip=""):
    """A list to choose from."""
    made = qt.QComboBox()
    made.name = name
    for text in texts:
        made.addItem(text)
    made.toolTip = toolTip
    return made


def savedAs(parent, title, proposed, kinds) -> str:
    """The file that the user names to save something in; empty if none."""
    name = qt.QFileDialog.getSaveFileName(parent, title, proposed, kinds)
    # PythonQt gives the name alone.
    return str(name[0] if isinstance(name, list | tuple) else name or "")


def row(*widgets):
    """A horizontal layout; None is a stretch."""
    made = qt.QHBoxLayout()
    for widget in widgets:
        if widget is None:
            made.addStretch(1)
        else:
            made.addWidget(widget)
    return made


def settings():
    """The user's settings of the application."""
    return slicer.app.userSettings()


def setting(key: str, default: str = "") -> str:
    """A text among the user's settings of this module."""
    return str(slicer.util.settingsValue(f"MedPrompt/{key}", default, settings=settings()))


def keepSetting(key: str, value: str) -> None:
    """Keep a text among the user's settings of this module."""
    settings().setValue(f"MedPrompt/{key}", value)


def fitRows(table) -> None:
    """Make rows as high as their text and a table as high as its rows, so that only the panel scrolls."""
    table.resizeRowsToContents()
    header = table.horizontalHeader()
    height = 2 * table.frameWidth + (0 if header.isHidden() else header.sizeHint.height())
    height += sum(table.rowHeight(row) for row in range(table.rowCount))
    table.setFixedHeight(max(height, 24))

"""3D Slicer's desktop for tests: `qt`, `ctk`, `slicer.app` and the scripted-module classes without the application.

The scene, its nodes and `slicer.util` are real (the wheel `slicer-core`); Qt is PySide6 without a screen, with the
manners of PythonQt (`pythonqt.py`). What it cannot show is how the real ctk and qMRML widgets look and behave.
"""

import os

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # Read when the Qt application is made, in `application.py`.

from .application import Desktop, Panel, desktop

__all__ = ["Desktop", "Panel", "desktop"]

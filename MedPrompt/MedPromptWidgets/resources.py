"""Where the module's files lie, in an installed extension as well as in the source tree."""

import os

MODULE_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIBRARY_FOLDERS = (MODULE_FOLDER, os.path.dirname(MODULE_FOLDER))
"""Where MedPromptLib and Resources may lie: beside MedPrompt.py once installed, one folder up in the source tree."""


def findResource(relativePath: str) -> str:
    """Absolute path of a file under Resources."""
    candidates = [os.path.join(folder, "Resources", relativePath) for folder in LIBRARY_FOLDERS]
    return next((path for path in candidates if os.path.exists(path)), candidates[0])

"""Where a user's caches, settings and weights lie."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where converted models are kept: `$MEDPROMPT_CACHE`, else `medprompt` in the user's cache folder."""
    return _folder("MEDPROMPT_CACHE", "LOCALAPPDATA", "XDG_CACHE_HOME", ".cache")


def configuration_folder() -> Path:
    """Where settings of the user are kept: `$MEDPROMPT_CONFIG`, else `medprompt` in the user's configuration folder."""
    return _folder("MEDPROMPT_CONFIG", "APPDATA", "XDG_CONFIG_HOME", ".config")


def weights_folder() -> Path:
    """Where added weights lie: below `$MEDPROMPT_HOME`, else `medprompt` in the user's folder for programs' data."""
    return _folder("MEDPROMPT_HOME", "LOCALAPPDATA", "XDG_DATA_HOME", ".local/share") / "weights"


def _folder(own: str, windows: str, others: str, hidden: str) -> Path:
    if os.environ.get(own):
        return Path(os.environ[own])
    if os.name == "nt":
        return Path(os.environ.get(windows, Path.home())) / "medprompt"
    return Path(os.environ.get(others, Path.home() / hidden)) / "medprompt"

"""Where numbers come from: the code's commit and the machine."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

LIBRARY = Path(__file__).resolve().parent.parent


def code_version() -> tuple[str, bool | None]:
    """The commit of this code and whether the library's files are as committed; ("", None) outside its repository."""
    try:
        if Path(_git("rev-parse", "--show-toplevel")) != LIBRARY.parent:
            return "", None
        return _git("rev-parse", "HEAD"), not _git("status", "--porcelain", "--", LIBRARY.name)
    except (OSError, subprocess.CalledProcessError):
        return "", None


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=LIBRARY.parent, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def processor_name() -> str:
    """What the CPU calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def hardware(device: torch.device) -> str:
    """The graphics card's or the CPU's name."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()

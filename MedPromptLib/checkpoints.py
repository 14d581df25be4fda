"""Reads files written by `torch.save` without letting them run anything."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .errors import InvalidInput

SAFE_SINCE = (2, 6)
"""Before it, a crafted file could run code even with `weights_only=True` (CVE-2025-32434)."""

AllowedGlobal = Callable[..., Any] | tuple[Callable[..., Any], str]


def read_checkpoint(path: Path, allowed: Sequence[AllowedGlobal] = (), advice: str = "") -> Any:
    """What `torch.save` wrote, on the CPU; tensors and plain values only.

    Args:
        allowed: further classes the file may hold, as `torch.serialization.safe_globals` takes them.
        advice: what to do instead, for the message.

    Raises:
        InvalidInput: no such file, cut short, more in it than that, or a PyTorch that cannot read it safely.
    """
    import torch

    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    if version < SAFE_SINCE:
        raise InvalidInput(
            f"PyTorch {torch.__version__} cannot read {path} safely; "
            f"update it to {'.'.join(map(str, SAFE_SINCE))} or newer."
        )
    try:
        with torch.serialization.safe_globals(list(allowed)):
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InvalidInput(f"There is no file {path}; give the path of a .pth file.") from error
    except (pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, OSError, EOFError, ValueError) as error:
        raise InvalidInput(
            f"The file {path} is not a plain PyTorch state dict, so it is not loaded ({_what(error)})"
            f"{'; ' + advice if advice else ''}."
        ) from error


def _what(error: Exception) -> str:
    """The part of PyTorch's message that says what was found."""
    text = " ".join(str(error).split())
    _, found, rest = text.partition("Unsupported global: ")
    if found:
        return f"it names {rest.split(' was not')[0].removeprefix('GLOBAL ')}"
    if "TorchScript" in text:
        return "it is TorchScript"
    return "it is cut short or of another kind"


def is_state(value: Any) -> bool:
    """Whether a value is a state dict: tensors by name."""
    import torch

    return isinstance(value, dict) and bool(value) and all(isinstance(v, torch.Tensor) for v in value.values())

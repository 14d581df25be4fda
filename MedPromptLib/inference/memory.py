"""How much memory a device has free, without loading torch for it."""

from __future__ import annotations

import sys
from pathlib import Path

GIB = 1024**3


def free_memory(device: str) -> int | None:
    """Free bytes of `auto`, `cpu`, `cuda`, `cuda:<n>` or `mps`; None if that cannot be known (yet).

    A graphics card is asked only where torch has been imported for something else; `auto` then is the first one, if
    there is one, and otherwise the processor.
    """
    torch = sys.modules.get("torch")
    cuda = torch is not None and torch.cuda.is_available()
    if device.startswith("cuda") or (device == "auto" and cuda):
        if not cuda:
            return None
        index = int(device.partition(":")[2] or 0)
        assert torch is not None
        return int(torch.cuda.mem_get_info(index)[0]) if index < torch.cuda.device_count() else None
    if device == "auto" and torch is None:
        return None
    return _main_memory()


def _main_memory() -> int | None:
    try:
        import psutil
    except ImportError:
        try:
            lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        except OSError:
            return None
        found = next((line for line in lines if line.startswith("MemAvailable:")), "")
        return int(found.split()[1]) * 1024 if found else None
    return int(psutil.virtual_memory().available)


def in_words(free: int | None) -> str:
    """ "5.3 GB free", or an empty string."""
    return "" if free is None else f"{free / GIB:.1f} GB free"

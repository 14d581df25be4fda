"""Heavy packages imported on a worker thread without keeping the user interface's thread from running.

Three things in a plain `import torch` hold Python's interpreter lock for long: the dynamic linker works through the
libraries (half a second), and the garbage collector walks ever more objects while they are made, and again and again
afterwards (0.2 to 0.4 s each time). Here the linker is called through ctypes, which lets go of the lock, and what was
imported is put out of the collector's sight.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIBRARIES = {
    "torch": ("lib/libtorch_global_deps.*", "lib/libtorch_python.*", "_C.*"),
    "SimpleITK": ("_SimpleITK*",),
    "xgrammar": ("*xgrammar*",),
}
"""Shared libraries that a package loads when it is imported, in this order."""
SUFFIXES = (".so", ".dylib")

_lock = threading.Lock()


@contextmanager
def quiet_imports(*packages: str) -> Iterator[None]:
    """What is imported inside lets other threads run; packages that are loaded already cost nothing.

    Args:
        packages: those that will be imported. One that is not installed is left to the import to complain about.
    """
    missing = [name for name in packages if name not in sys.modules]
    if not missing:
        yield
        return
    with _lock:
        for name in missing:
            _link(name)
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            # Modules and their classes live as long as the process; collecting them is a waste of the lock.
            gc.freeze()
            if was_enabled:
                gc.enable()


def _link(package: str) -> None:
    """Have the dynamic linker load a package's libraries; where it cannot, the import tries again and says why."""
    found = importlib.util.find_spec(package)
    # On Windows torch itself calls the linker through ctypes.
    if found is None or not found.submodule_search_locations or os.name == "nt":
        return
    folder = Path(found.submodule_search_locations[0])
    open_library = ctypes.CDLL(None).dlopen
    open_library.restype, open_library.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_int]
    for pattern in LIBRARIES.get(package, ()):
        for path in sorted(folder.glob(pattern)):
            if path.suffix in SUFFIXES:
                open_library(os.fsencode(path), os.RTLD_NOW | os.RTLD_LOCAL)

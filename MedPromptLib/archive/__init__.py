"""The archive of runs: kept in one SQLite file, found again by words, sizes and likeness, pseudonymised and audited.

Nothing here imports Qt, Slicer or, until an image or a phrase is described, torch.
"""

from .search import Hit, table_rows
from .store import Archive, Filed

__all__ = ["Archive", "Filed", "Hit", "table_rows"]

"""Many cases without watching: resumable, on all cores of this machine or on a Dask cluster.

Example:
    >>> from MedPromptLib import batch
    >>> report = batch.run("Segment the lungs.", input="films/", out="results/")  # doctest: +SKIP
    >>> [failure.reason for failure in report.failures]  # doctest: +SKIP
    []
"""

from __future__ import annotations

from .listing import BatchCase
from .running import BatchProgress, BatchReport, run
from .store import Failure

__all__ = ["BatchCase", "BatchProgress", "BatchReport", "Failure", "run"]

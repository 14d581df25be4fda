"""Sentences as vectors of a frozen text encoder; each sentence is encoded once and kept on disk."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..knowledge.minilm import MODEL_SHA256, sentence_encoder
from ..user_folders import cache_folder

LENGTH = 384
BATCH = 64


class SentenceVectors:
    """all-MiniLM-L6-v2 vectors (384) by sentence.

    Args:
        folder: where they are kept, one file for each sentence; default: below the user's cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_folder() / f"sentences-{MODEL_SHA256[:12]}"
        self._known: dict[str, npt.NDArray[np.float32]] = {}

    def __call__(self, sentences: Sequence[str]) -> npt.NDArray[np.float32]:
        """(n, 384) unit vectors.

        Raises:
            MissingPackage: the text encoder is not installed and a sentence is new.
        """
        new = sorted({s for s in sentences if s not in self._known and not self._read(s)})
        for start in range(0, len(new), BATCH):
            part = new[start : start + BATCH]
            for sentence, vector in zip(part, sentence_encoder().encode(part), strict=True):
                self._keep(sentence, vector)
        if not sentences:
            return np.zeros((0, LENGTH), np.float32)
        return np.stack([self._known[sentence] for sentence in sentences])

    def _path(self, sentence: str) -> Path:
        return self.folder / f"{hashlib.sha256(sentence.encode()).hexdigest()[:32]}.npy"

    def _read(self, sentence: str) -> bool:
        try:
            vector = np.load(self._path(sentence), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return False
        if vector.shape == (LENGTH,) and np.isfinite(vector).all():
            self._known[sentence] = vector.astype(np.float32)
        return sentence in self._known

    def _keep(self, sentence: str, vector: npt.NDArray[np.float32]) -> None:
        # a vector depends on its batch in the last bits, so it is rounded: the same sentence is the same vector
        self._known[sentence] = np.round(vector, 4).astype(np.float32)
        path = self._path(sentence)
        draft = path.with_suffix(f".{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as stream:
                np.save(stream, self._known[sentence])
            draft.replace(path)
        except OSError:  # a full or read-only disk costs time at the next start, nothing else
            draft.unlink(missing_ok=True)


@functools.cache
def sentence_vectors() -> SentenceVectors:
    """Those of this process."""
    return SentenceVectors()

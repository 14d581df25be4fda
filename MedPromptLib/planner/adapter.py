"""Low-rank adaptation of the language model (Hu et al. 2022, arXiv 2106.09685): the adapter's files and its merging."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..catalog import sha256_of
from ..errors import WeightCorrupt

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
RECORD = "planner.json"
"""How the adapter was made, and its SHA-256."""

_PREFIX = "base_model.model."


def merge(model: Any, folder: Path) -> None:
    """Add an adapter to a model's weights, in place: W + (alpha / r)·B·A.

    Args:
        model: a transformers causal language model.
        folder: an adapter in the layout of the peft library.

    Raises:
        WeightCorrupt: the adapter is missing, altered or does not fit the model.
    """
    import torch

    _, config, tensors = read_adapter(folder)
    scale = config["lora_alpha"] / config["r"]
    modules = dict(model.named_modules())
    with torch.no_grad():
        for name in sorted(k for k in tensors if k.endswith(".lora_A.weight")):
            path = name.removeprefix(_PREFIX).removesuffix(".lora_A.weight")
            down, up = tensors[name], tensors.get(name.replace(".lora_A.", ".lora_B."))
            module = modules.get(path)
            if module is None or up is None or module.weight.shape != (up.shape[0], down.shape[1]):
                raise WeightCorrupt(f"The planner's adapter in {folder} was made for another language model.")
            merged = module.weight.float() + scale * (up.float() @ down.float())
            module.weight.copy_(merged.to(module.weight.dtype))


def read_adapter(folder: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """An adapter's record, its configuration (with `r` > 0 and `lora_alpha`) and its tensors, verified.

    Raises:
        WeightCorrupt: the adapter is missing or altered.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if sha256_of(folder / WEIGHTS) != record["sha256"]:
            raise WeightCorrupt(f"The planner's adapter in {folder} was altered; reinstall MedPrompt.")
        if not config["lora_alpha"] / config["r"] > 0:
            raise ValueError("no scale")
        return record, config, load_file(folder / WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError, SafetensorError) as error:
        raise WeightCorrupt(f"The planner's adapter in {folder} cannot be read; reinstall MedPrompt.") from error

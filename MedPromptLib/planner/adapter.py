"""Low-rank adaptation of the language model (Hu et al. 2022, arXiv 2106.09685): the adapter's files and its merging.

The file has the tensor names of the peft library; its values are int8 with one scale per rank, as `write_tensors` makes
them, or plain floating point numbers, as peft writes them.
"""

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
_DOWN, _UP = ".lora_A.", ".lora_B."


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
        for name in sorted(k for k in tensors if k.endswith(_DOWN + "weight")):
            path = name.removeprefix(_PREFIX).removesuffix(_DOWN + "weight")
            down, up = tensors[name], tensors.get(name.replace(_DOWN, _UP))
            module = modules.get(path)
            if module is None or up is None or module.weight.shape != (up.shape[0], down.shape[1]):
                raise WeightCorrupt(f"The planner's adapter in {folder} was made for another language model.")
            merged = module.weight.float() + scale * (up.float() @ down.float())
            module.weight.copy_(merged.to(module.weight.dtype))


def write_tensors(tensors: dict[str, Any], path: Path) -> None:
    """Write an adapter's tensors as int8 with one float32 scale per rank: a row of A, a column of B."""
    from safetensors.torch import save_file

    from ..inference.storage import SCALE_SUFFIX, quantise

    stored = {}
    for name, tensor in tensors.items():
        values, scale = quantise(tensor if _DOWN in name else tensor.T)
        stored[name] = values if _DOWN in name else values.T.contiguous()
        stored[name + SCALE_SUFFIX] = scale
    save_file(stored, path)


def read_adapter(folder: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """An adapter's record, its configuration (with `r` > 0 and `lora_alpha`) and its tensors, verified.

    Raises:
        WeightCorrupt: the adapter is missing or altered.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from ..inference.storage import SCALE_SUFFIX, expand

    def by_rank(name: str, tensor: Any, stored: dict[str, Any]) -> Any:
        if name + SCALE_SUFFIX not in stored:
            return tensor
        scale = stored[name + SCALE_SUFFIX]
        return expand(tensor, scale) if _DOWN in name else expand(tensor.T, scale).T.contiguous()

    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if sha256_of(folder / WEIGHTS) != record["sha256"]:
            raise WeightCorrupt(f"The planner's adapter in {folder} was altered; reinstall MedPrompt.")
        if not config["lora_alpha"] / config["r"] > 0:
            raise ValueError("no scale")
        stored = load_file(folder / WEIGHTS)
        names = [name for name in stored if not name.endswith(SCALE_SUFFIX)]
        return record, config, {name: by_rank(name, stored[name], stored) for name in names}
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError, SafetensorError) as error:
        raise WeightCorrupt(f"The planner's adapter in {folder} cannot be read; reinstall MedPrompt.") from error

"""How parameters are stored: safetensors, with large tensors as per-channel int8 that is expanded at load.

A large convolution or linear weight becomes int8 with one float32 scale per output channel (symmetric, 127 steps a
side); everything else stays float32. Nearly four times smaller; what it costs is measured and written on each card.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ..errors import WeightCorrupt

SCALE_SUFFIX = "::scale"
COUNTER_SUFFIX = "num_batches_tracked"
"""Of batch norm's counters, which matter only to training."""
SMALLEST_QUANTISED = 8192
"""Tensors with fewer elements stay float32: an encoder's first layers are small and sensitive. On the breast classifier
this divides the root mean square change of the logits by four and adds 4 % to the file."""


def quantise(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """int8 values of the tensor's shape and float32 scales (channels,) such that value · scale ≈ tensor."""
    flat = tensor.detach().float().flatten(1)
    scale = flat.abs().amax(1).clamp_min(1e-12) / 127
    values = (flat / scale[:, None]).round().clamp(-127, 127).to(torch.int8)
    return values.view(tensor.shape), scale


def expand(values: Tensor, scale: Tensor) -> Tensor:
    """The float32 tensor that `quantise` stored."""
    return values.float() * scale.view(-1, *[1] * (values.ndim - 1))


def pack(state: dict[str, Tensor], storage: Literal["float32", "int8"]) -> dict[str, Tensor]:
    """A state dict as it is written to the file; counters of batch norm are dropped, they matter only to training."""
    packed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name.endswith(COUNTER_SUFFIX):
            continue
        if storage == "int8" and tensor.ndim >= 2 and tensor.numel() >= SMALLEST_QUANTISED:
            packed[name], packed[name + SCALE_SUFFIX] = quantise(tensor)
        else:
            packed[name] = tensor.detach().float().contiguous()
    return packed


def unpack(packed: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state dict that `pack` made smaller."""
    return {
        name: expand(tensor, packed[name + SCALE_SUFFIX]) if name + SCALE_SUFFIX in packed else tensor.float()
        for name, tensor in packed.items()
        if not name.endswith((SCALE_SUFFIX, COUNTER_SUFFIX))
    }


def distinct(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state dict without second names of one tensor, which networks have that register a module twice."""
    seen: set[tuple[object, ...]] = set()
    kept = {}
    for name, tensor in state.items():
        key = (tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
        if tensor.numel() == 0 or key not in seen:
            kept[name] = tensor
        seen.add(key)
    return kept


def save_state(state: dict[str, Tensor], path: Path, storage: Literal["float32", "int8"]) -> None:
    """Write a state dict as safetensors."""
    from safetensors.torch import save_file

    save_file(pack(distinct(state), storage), path)


def load_state(network: torch.nn.Module, path: Path) -> None:
    """Fill a network from a file.

    Raises:
        WeightCorrupt: not safetensors, or tensors that do not fit the network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = unpack(load_file(path))
    except (SafetensorError, OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise WeightCorrupt(
            f"The weight file {path} is not a readable safetensors file ({error}); write "
            "the network's state dict with safetensors.torch.save_file."
        ) from error
    wrong = next((name for name, tensor in state.items() if not torch.isfinite(tensor).all()), None)
    if wrong is not None:
        raise WeightCorrupt(
            f"The weight file {path} is damaged: '{wrong}' has values that are not numbers; install it again."
        )
    named = distinct(network.state_dict())
    own = {name: tensor for name, tensor in named.items() if not name.endswith(COUNTER_SUFFIX)}
    for name in own.keys() | state.keys():
        if name not in own or name not in state or own[name].shape != state[name].shape:
            found = tuple(state[name].shape) if name in state else "nothing"
            wanted = tuple(own[name].shape) if name in own else "nothing"
            raise WeightCorrupt(
                f"The weight file {path} does not fit its network: '{name}' has {found} where {wanted} was expected."
            )
    network.load_state_dict(state, strict=False)

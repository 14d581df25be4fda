"""Which device runs a network, and what happens when its memory does not suffice."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..errors import Cancelled, InvalidInput


def resolve_device(name: str) -> torch.device:
    """The device for `auto`, `cpu`, `cuda`, `cuda:<n>` or `mps`; `auto` prefers CUDA, then MPS, then the CPU.

    Raises:
        InvalidInput: an unknown name, or a device this machine does not have.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not (kind == "cuda" and index.isdigit())):
        raise InvalidInput(f"There is no device '{name}'; expected auto, cpu, cuda, cuda:<number> or mps.")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise InvalidInput(
            f"The device '{name}' is not there ({torch.cuda.device_count()} CUDA devices found); use auto or cpu."
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise InvalidInput("The device 'mps' is not available on this machine; use auto or cpu.")
    return torch.device(name)


def run_in_batches(
    network: nn.Module,
    x: Tensor,
    device: torch.device,
    *,
    batch: int = 8,
    cancelled: Callable[[], bool] = lambda: False,
    notice: Callable[[str], None] = lambda message: None,
) -> Tensor:
    """Outputs of `network` for (n, 3, h, w) inputs, on the CPU.

    When memory runs out the batch is halved; when one image alone does not fit, the rest runs on the CPU, and `notice`
    is told.

    Raises:
        Cancelled: `cancelled()` became true between two batches.
    """
    outputs: list[Tensor] = []
    start = 0
    with torch.inference_mode():
        while start < len(x):
            if cancelled():
                raise Cancelled("Cancelled; no result was kept.")
            try:
                part = x[start : start + batch].to(device)
                outputs.append(network(part.contiguous(memory_format=torch.channels_last)).float().cpu())
                start += len(part)
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
                if batch > 1:
                    batch //= 2
                    notice(f"{device} ran out of memory; continuing with {batch} images at a time.")
                elif device.type != "cpu":
                    notice(f"{device} has too little memory for one image; continuing on the CPU.")
                    device = torch.device("cpu")
                    network = network.to(device)
                else:
                    raise
    return torch.cat(outputs)

"""Which device runs a network, and what happens when its memory does not suffice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..errors import Cancelled, InvalidInput, ran_out_of_memory


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


class BatchRunner:
    """Runs a network batch by batch; what was learnt about the device's memory lasts for all calls.

    When memory runs out the batch is halved; when one image alone does not fit, the rest runs on the CPU, and `notice`
    is told. Where the CPU's memory does not suffice either, InvalidInput says so.
    """

    def __init__(
        self,
        network: nn.Module,
        device: torch.device,
        *,
        batch: int = 8,
        cancelled: Callable[[], bool] = lambda: False,
        notice: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.network, self.device, self.batch = _moved(network, device), device, batch
        self.cancelled, self.notice = cancelled, notice

    def __call__(self, x: Tensor, *beside: Tensor) -> Tensor:
        """Outputs of the network for (n, c, h, w) or (n, c, k, j, i), on the CPU.

        Args:
            beside: further inputs of the network, one row for each of x.

        Raises:
            Cancelled: `cancelled()` became true between two batches.
        """
        layout = torch.channels_last if x.ndim == 4 else torch.contiguous_format
        outputs: list[Tensor] = []
        start = 0
        with torch.inference_mode():
            while start < len(x):
                if self.cancelled():
                    raise Cancelled("Cancelled; no result was kept.")
                try:
                    part = x[start : start + self.batch].to(self.device)
                    more = [other[start : start + self.batch].to(self.device) for other in beside]
                    outputs.append(self.network(part.contiguous(memory_format=layout), *more).float().cpu())
                    start += len(part)
                except (RuntimeError, MemoryError) as error:
                    if not ran_out_of_memory(error):
                        raise
                    self._make_do(error)
        return torch.cat(outputs)

    def _make_do(self, error: RuntimeError | MemoryError) -> None:
        torch.cuda.empty_cache()
        if self.batch > 1:
            self.batch //= 2
            self.notice(f"{self.device} ran out of memory; continuing with {self.batch} images at a time.")
        elif self.device.type != "cpu":
            self.notice(f"{self.device} has too little memory for one image; continuing on the CPU.")
            self.device = torch.device("cpu")
            self.network = self.network.to(self.device)
        else:
            raise InvalidInput(
                "The image needs more memory than this computer has free; close other programs or give a smaller one."
            ) from error


def _moved(network: nn.Module, device: torch.device) -> nn.Module:
    """The network on a device; one that is there is left alone, as looking through all of its parts takes time."""
    first = next(network.parameters(), None)
    same = first is not None and first.device.type == device.type and device.index in (None, first.device.index)
    return network if same else network.to(device)


def run_in_batches(
    network: nn.Module,
    x: Tensor,
    device: torch.device,
    *,
    beside: Sequence[Tensor] = (),
    batch: int = 8,
    cancelled: Callable[[], bool] = lambda: False,
    notice: Callable[[str], None] = lambda message: None,
) -> Tensor:
    """One call of a `BatchRunner`: outputs of `network` for (n, c, h, w) inputs, on the CPU."""
    return BatchRunner(network, device, batch=batch, cancelled=cancelled, notice=notice)(x, *beside)

"""Networks on ONNX Runtime, two to three times faster on the CPU; optional, and only where the answers are the same.

A network is exported once and kept in the user's cache folder. Every time it is loaded its answer to a test image is
compared with the network's own; where they differ, or anything about it fails, the network runs on torch as before.
`MEDPROMPT_ENGINE=torch` always does that.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..catalog import PROGRAM_NAME, TUNED_NAME, WeightCard
from ..user_folders import cache_folder

ENGINE_VARIABLE = "MEDPROMPT_ENGINE"
OPSET = 17
NOT_EXPORTED = (PROGRAM_NAME, TUNED_NAME, "union_segmentation")
"""Networks that look at what an image holds before they decide what to compute, which an export would fix for good, or
whose parameters are too many to be kept twice; and programs."""
TOLERANCE = 1e-3
"""Largest difference from the network's own scores, as a share of the largest score; usual is 1e-6."""


class OnnxNetwork(nn.Module):
    """A network that runs in an ONNX Runtime session; input and output are on the CPU."""

    def __init__(self, model: bytes) -> None:
        super().__init__()
        # Later versions report their use to Microsoft unless told not to before they are imported; earlier ones on
        # Windows unless told not to afterwards. Nothing leaves this machine.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, …) → what the network answers.

        Raises:
            MemoryError: the session could not get the memory it needs.
        """
        try:
            (scores,) = self._session.run(None, {"x": x.contiguous().numpy()})
        except Exception as error:  # ONNX Runtime has no error class of its own for this
            if "allocat" in str(error).lower():
                raise MemoryError(str(error)) from error
            raise
        return torch.from_numpy(scores)


def is_available() -> bool:
    """Whether the packages are installed and not switched off."""
    if os.environ.get(ENGINE_VARIABLE, "").lower() == "torch":
        return False
    try:
        return all(metadata.version(name) for name in ("onnx", "onnxruntime"))
    except metadata.PackageNotFoundError:
        return False


def accelerated(network: nn.Module, card: WeightCard, device: torch.device) -> nn.Module | None:
    """The network on ONNX Runtime, or None where it cannot be or answers differently.

    Args:
        network: on the CPU, in evaluation mode.
    """
    if device.type != "cpu" or card.network.name in NOT_EXPORTED or not is_available():
        return None
    channels = card.preprocessing.channels if card.dimension == 3 else len(card.preprocessing.mean)
    # Two in 2D, where networks run on batches, as an export may have taken the batch for a constant.
    count = 4 - card.dimension
    example = torch.rand(count, channels, *card.preprocessing.size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    path = cache_folder() / "onnx" / f"{card.id}-{_version_of(card)}.onnx"
    try:
        model = path.read_bytes() if path.is_file() else _exported(network, example[:1])
        fast = OnnxNetwork(model)
        with torch.inference_mode():
            own, other = network(example), fast(example)
        if own.shape != other.shape or float((own - other).abs().max()) > TOLERANCE * float(own.abs().max()):
            return None
    except Exception:  # an operator ONNX lacks, a damaged cache, a broken package: the network itself is still there
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return None
    _keep(model, path)
    return fast


def _version_of(card: WeightCard) -> str:
    """Changes with the parameters, the network, its input and whoever exports it."""
    version = metadata.version("onnxruntime")
    what = (card.file.sha256, card.network, card.preprocessing.size, torch.__version__, version, OPSET)
    return hashlib.sha256(repr(what).encode()).hexdigest()[:16]


def _exported(network: nn.Module, example: Tensor) -> bytes:
    logger = logging.getLogger("torch.onnx")
    before, logger.disabled = logger.disabled, True
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = Path(folder) / "network.onnx"
            # The exporter by tracing: the newer one needs more packages and takes ten times as long.
            torch.onnx.export(
                network,
                (example,),
                path,
                dynamo=False,
                opset_version=OPSET,
                input_names=["x"],
                output_names=["scores"],
                dynamic_axes={"x": {0: "n"}, "scores": {0: "n"}},
            )
            return path.read_bytes()
    finally:
        logger.disabled = before


def _keep(model: bytes, path: Path) -> None:
    """Write it to the cache, whole or not at all; without a cache it is exported again the next time."""
    if path.is_file():
        return
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as stream:
            draft = Path(stream.name)
        try:
            draft.write_bytes(model)
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)

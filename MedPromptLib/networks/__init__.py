"""Networks: plain `nn.Module`s that know nothing of files or Slicer, and the names cards call them by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalog import Network
from ..errors import WeightCorrupt

if TYPE_CHECKING:
    from torch import nn


def build(network: Network) -> nn.Module:
    """The network a card names, with untrained parameters, in training mode.

    Raises:
        WeightCorrupt: an unknown name or options the network does not take.
    """
    from .deepfusionlab import DeepFusionLab, LeanFusionLab
    from .vnet import VNet

    registry: dict[str, type[nn.Module]] = {
        "deepfusionlab": DeepFusionLab,
        "lean_fusion_lab": LeanFusionLab,
        "vnet": VNet,
    }
    if network.name not in registry:
        raise WeightCorrupt(
            f"The card names a network '{network.name}'; this version has: {', '.join(sorted(registry))}."
        )
    try:
        return registry[network.name](**network.options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise WeightCorrupt(f"The card's options for the network '{network.name}' do not fit: {error}.") from error

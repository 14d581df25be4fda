"""Networks: plain `nn.Module`s that know nothing of files or Slicer, and the names cards call them by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalog import PROGRAM_NAME, TUNED_NAME, Network
from ..errors import WeightCorrupt

if TYPE_CHECKING:
    from torch import nn


def build(network: Network) -> nn.Module:
    """The network a card names, with untrained parameters, in training mode.

    Raises:
        WeightCorrupt: an unknown name or options the network does not take.
        MissingPackage: the library that has the network is not installed.
    """
    from .deepfusionlab import DeepFusionLab, LeanFusionLab
    from .text_vnet import TextVNet
    from .union import UnionSegmentation
    from .vnet import VNet

    registry: dict[str, type[nn.Module]] = {
        "deepfusionlab": DeepFusionLab,
        "lean_fusion_lab": LeanFusionLab,
        "text_vnet": TextVNet,
        "union_segmentation": UnionSegmentation,
        "vnet": VNet,
    }
    library, _, name = network.name.rpartition(":")
    if network.name not in registry and library not in ("monai", "nnunet"):
        known = ", ".join([*sorted(registry), TUNED_NAME, "monai:<name>", "nnunet:<name>", PROGRAM_NAME])
        raise WeightCorrupt(f"The card names a network '{network.name}'; this version has: {known}.")
    try:
        if library == "monai":
            from .monai_networks import build_monai

            return build_monai(name, network.options)
        if library == "nnunet":
            from .nnunet_networks import build_nnunet

            return build_nnunet(name, network.options)
        return registry[network.name](**network.options)
    except (TypeError, ValueError, KeyError, AttributeError, AssertionError, RuntimeError, ImportError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightCorrupt(f"The card's options for the network '{network.name}' do not fit: {reason}.") from error

"""Networks of MONAI that a card may name, with plain values as options."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from ..errors import MissingPackage, WeightCorrupt

MONAI_NETWORKS = (
    *("AttentionUnet", "BasicUNet", "DynUNet", "FlexibleUNet", "HighResNet", "SegResNet", "SegResNetDS"),
    *("SwinUNETR", "UNETR", "UNet", "VNet"),
    *("DenseNet121", "DenseNet169", "DenseNet201", "DenseNet264", "EfficientNetBN", "SEResNet50"),
    *("resnet10", "resnet18", "resnet34", "resnet50"),
)
"""Those of `monai.networks.nets` that take one tensor and answer with one tensor of scores in evaluation mode."""


def build_monai(name: str, options: Mapping[str, Any]) -> nn.Module:
    """A network of `monai.networks.nets`, with untrained parameters.

    Nothing is downloaded: `pretrained` is refused, and switched off where it is MONAI's default.

    Raises:
        WeightCorrupt: not one of `MONAI_NETWORKS`, or `pretrained`.
        MissingPackage: MONAI is not installed.
        TypeError, ValueError: options that the network does not take.
    """
    if name not in MONAI_NETWORKS:
        raise WeightCorrupt(f"The card names MONAI's '{name}'; allowed are: {', '.join(MONAI_NETWORKS)}.")
    if options.get("pretrained"):
        raise WeightCorrupt(
            f"The card's options for 'monai:{name}' say pretrained, which would download; leave it out."
        )
    try:
        from monai.networks import nets
    except ImportError as error:
        raise MissingPackage(f"The network 'monai:{name}' needs MONAI; run: pip install 'monai>=1.4'") from error
    make = getattr(nets, name)
    values = dict(options)
    if "pretrained" in inspect.signature(make).parameters:
        values["pretrained"] = False
    network: nn.Module = make(**values)
    return network

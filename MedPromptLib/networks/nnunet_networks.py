"""Architectures of nnU-Net v2 that a card may name; they are those of the package dynamic-network-architectures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from ..errors import MissingPackage, WeightCorrupt

NNUNET_NETWORKS = ("PlainConvUNet", "ResidualEncoderUNet")
INSTALL_LINE = "pip install --no-deps dynamic-network-architectures==0.4.4"
"""Without its dependencies: they belong to transformer architectures that are not used here."""

MODULES: Mapping[str, type[nn.Module]] = {
    **{f"Conv{n}d": kind for n, kind in ((2, nn.Conv2d), (3, nn.Conv3d))},
    **{f"InstanceNorm{n}d": kind for n, kind in ((2, nn.InstanceNorm2d), (3, nn.InstanceNorm3d))},
    **{f"BatchNorm{n}d": kind for n, kind in ((2, nn.BatchNorm2d), (3, nn.BatchNorm3d))},
    **{f"Dropout{n}d": kind for n, kind in ((2, nn.Dropout2d), (3, nn.Dropout3d))},
    "LeakyReLU": nn.LeakyReLU,
    "ReLU": nn.ReLU,
}
"""Building blocks that plans name, by the last part of their dotted name; nothing else is looked up or imported."""

MODULE_OPTIONS = ("conv_op", "norm_op", "dropout_op", "nonlin")


def module_name(dotted: str) -> str:
    """The name in `MODULES` of a class that plans give with its path, such as `torch.nn.modules.conv.Conv2d`.

    Raises:
        WeightCorrupt: any other class.
    """
    place, _, name = dotted.rpartition(".")
    if (place and place.split(".")[:2] != ["torch", "nn"]) or name not in MODULES:
        raise WeightCorrupt(f"The plans name the class '{dotted}'; known are: {', '.join(MODULES)} of torch.nn.")
    return name


def build_nnunet(name: str, options: Mapping[str, Any]) -> nn.Module:
    """An nnU-Net network without deep supervision, with untrained parameters.

    Args:
        options: the constructor's, with the names in `MODULES` for `conv_op`, `norm_op`, `dropout_op` and `nonlin`.

    Raises:
        WeightCorrupt: another architecture or building block.
        MissingPackage: dynamic-network-architectures is not installed.
        TypeError, ValueError: options that the network does not take.
    """
    if name not in NNUNET_NETWORKS:
        raise WeightCorrupt(f"The card names nnU-Net's '{name}'; allowed are: {', '.join(NNUNET_NETWORKS)}.")
    try:
        from dynamic_network_architectures.architectures import unet
    except ImportError as error:
        raise MissingPackage(f"The network 'nnunet:{name}' needs a package; run: {INSTALL_LINE}") from error
    values: dict[str, Any] = {"dropout_op": None, "dropout_op_kwargs": None, **options, "deep_supervision": False}
    for key in MODULE_OPTIONS:
        if values.get(key) is not None:
            values[key] = MODULES[module_name(values[key])]
    network: nn.Module = getattr(unet, name)(**values)
    return network

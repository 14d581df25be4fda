"""A V-Net that is told about its structure: a text's embedding joins the bottleneck in a learned balance.

After LLM-SegNet (Kumari et al. 2024). How the text is fused is our reading, the paper gives no formula: a linear layer
brings the embedding to the bottleneck's channels, and a share λ, learned for the whole network, balances the two.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .vnet import VNet

FIRST_BALANCE = 2.0
"""λ = σ(2) = 0.88 before training: mostly the image."""


class TextVNet(VNet):
    """`VNet` with `F' = λ F + (1 - λ) W t` at the bottleneck, where t is the embedding of a text.

    The embedding is kept with the parameters, so that a trained network needs no language model.

    Args:
        text_size: numbers in the embedding.
        options: those of `VNet`.
    """

    text: Tensor

    def __init__(self, classes: int, text_size: int, **options: Any) -> None:
        super().__init__(classes, **options)
        channels = self.widths[-1]
        self.register_buffer("text", torch.zeros(text_size))
        self.project = nn.Linear(text_size, channels)
        self.balance = nn.Parameter(torch.full((), FIRST_BALANCE))

    def read(self, text: Tensor) -> None:
        """Take the embedding (text_size,) of another text; its mean becomes 0 and its standard deviation 1.

        Raises:
            ValueError: an embedding of another size.
        """
        if text.shape != self.text.shape:
            raise ValueError(f"the text has {tuple(text.shape)} numbers, the network takes {tuple(self.text.shape)}")
        standard = (text - text.mean()) / text.std().clamp_min(1e-6)
        self.text.copy_(standard)

    def features(self, x: Tensor) -> list[Tensor]:
        """As `VNet.features`; the last level holds the text as well."""
        found = super().features(x)
        share = self.balance.sigmoid()
        told: Tensor = self.project(self.text)[None, :, None, None, None]
        found[-1] = share * found[-1] + (1 - share) * told
        return found

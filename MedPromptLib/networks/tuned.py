"""What all classifiers have in common that are tuned on top of a frozen vision-language model."""

from __future__ import annotations

import copy
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .vision_language import Replace, VisionLanguageModel


class Tuned(nn.Module):
    """A classifier whose frozen base is no submodule, so that its state dict holds only what was learned.

    Subclasses make logits from pooled image states, which do not change while the image tower is frozen and can be
    computed once.
    """

    image_is_frozen = True
    bfloat16_texts = False
    """Whether the text tower computes in bfloat16 where the processor has it; its many passes are most of the work."""

    def __init__(self, base: VisionLanguageModel) -> None:
        super().__init__()
        self._base = (base.eval().requires_grad_(False),)

    @property
    def base(self) -> VisionLanguageModel:
        """The frozen model."""
        return self._base[0]

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        where = self.base.logit_scale
        after = fn(torch.empty(0, dtype=where.dtype, device=where.device))
        if (after.device, after.dtype) != (where.device, where.dtype):
            self._base = (copy.deepcopy(self.base),)  # others on the old device may share it
        self.base._apply(fn)
        self._forget()
        super()._apply(fn, recurse)
        return self

    def train(self, mode: bool = True) -> Self:
        """Dropout on or off; the frozen model stays in evaluation mode."""
        self._forget()
        return super().train(mode)

    def _forget(self) -> None:
        """Drop what was kept for inference."""

    def aligned(self, pooled: Tensor) -> Tensor:
        """Unit vectors (n, D) from the image tower's pooled states (n, width)."""
        image: Any = self.base.image
        return F.normalize(image.projection(pooled), dim=1)

    def from_pooled(self, pooled: Tensor) -> Tensor:
        """Logits (n, classes) from pooled image states (n, width)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Images (n, 3, h, w), normalised as the base wants them → logits (n, classes)."""
        image: Any = self.base.image
        return self.from_pooled(image.pooled(x))

    def text_tower(self, ids: Tensor, mask: Tensor, replace: Replace | None = None) -> Tensor:
        """Features (n, D) of texts in float32, see `TextTower`."""
        kind = ids.device.type
        able = self.bfloat16_texts and (kind == "cuda" or (kind == "cpu" and has_bfloat16()))
        with torch.autocast(kind if kind in ("cpu", "cuda") else "cpu", torch.bfloat16, enabled=able):
            out = self.base.text(ids, mask, replace)
        return out.float()

    def scaled(self, v: Tensor, text: Tensor) -> Tensor:
        """`exp(τ) · cos` of images (n, D) and texts (classes, D), or a text per image (n, classes, D)."""
        scale = self.base.logit_scale.exp()
        return scale * (v @ text.T if text.ndim == 2 else (v[:, None] * text).sum(-1))


def has_bfloat16() -> bool:
    """Whether this processor multiplies matrices in bfloat16."""
    checks = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return any(check is not None and check() for check in checks)

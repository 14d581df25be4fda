"""Other ways to adapt a vision-language model to some classes, for comparison with CILMP in the same code."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from .cilmp import CONTEXT, feature_width, initial_context
from .tuned import Tuned
from .vision_language import VisionLanguageModel


class ZeroShot(Tuned):
    """The nearest of the classes' mean text features; nothing is learned.

    Args:
        texts: some of each class.
    """

    text: Tensor

    def __init__(self, base: VisionLanguageModel, texts: Sequence[Sequence[str]]) -> None:
        super().__init__(base)
        with torch.no_grad():
            means = [base.encode_texts(one).mean(0) for one in texts]
        self.register_buffer("text", F.normalize(torch.stack(means), dim=1))

    def from_pooled(self, pooled: Tensor) -> Tensor:
        """See `Tuned`."""
        return self.scaled(self.aligned(pooled), self.text)


class LinearProbe(Tuned):
    """One linear layer on the image tower's pooled states, which are standardised over the training images."""

    mean: Tensor
    std: Tensor

    def __init__(self, base: VisionLanguageModel, classes: int, mean: Tensor, std: Tensor) -> None:
        super().__init__(base)
        self.register_buffer("mean", mean)
        self.register_buffer("std", std.clamp_min(1e-3))
        self.head = nn.Linear(len(mean), classes)
        nn.init.zeros_(self.head.weight)

    def from_pooled(self, pooled: Tensor) -> Tensor:
        """See `Tuned`."""
        out: Tensor = self.head((pooled - self.mean) / self.std)
        return out


class CoOp(Tuned):
    """CoOp (Zhou et al. 2022): four learned context tokens before the class name, the same for all classes.

    With `conditional` CoCoOp (Zhou et al. 2022): `π = W2 ReLU(W1 v)` is added to every context token, with a hidden
    width of a sixteenth of v's.
    """

    ids: Tensor
    mask: Tensor

    def __init__(self, base: VisionLanguageModel, names: Sequence[str], *, conditional: bool = False) -> None:
        super().__init__(base)
        layout = base.layout(names, CONTEXT, [0] * len(names))
        self._start = layout.start
        self.register_buffer("ids", layout.ids, persistent=False)
        self.register_buffer("mask", layout.mask, persistent=False)
        self.context = nn.Parameter(initial_context(base))
        width = feature_width(base)
        hidden = max(1, width // 16)
        self.meta = (
            nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, base.text.width))
            if conditional
            else None
        )
        self._kept: Tensor | None = None

    def _forget(self) -> None:
        self._kept = None

    def text_features(self, v: Tensor | None = None) -> Tensor:
        """Unit vectors (images, classes, D); one "image" for CoOp."""
        own = self.context[None]
        if self.meta is not None:
            assert v is not None
            own = own + self.meta(v)[:, None]
        n, classes = len(own), len(self.ids)

        def replace(layer: int, tokens: Tensor) -> Tensor:
            if layer:
                return tokens
            put = own[:, None].expand(-1, classes, -1, -1).flatten(0, 1).to(tokens.dtype)
            return torch.cat([tokens[:, : self._start], put, tokens[:, self._start + CONTEXT :]], dim=1)

        out = self.text_tower(self.ids.repeat(n, 1), self.mask.repeat(n, 1), replace)
        return F.normalize(out.view(n, classes, -1), dim=-1)

    def from_pooled(self, pooled: Tensor) -> Tensor:
        """See `Tuned`."""
        v = self.aligned(pooled)
        if self.meta is not None:
            return self.scaled(v, self.text_features(v))
        if self.training or torch.is_grad_enabled():
            return self.scaled(v, self.text_features()[0])
        if self._kept is None:
            self._kept = self.text_features()[0]
        return self.scaled(v, self._kept)


class SingularValues(nn.Module):
    """A matrix as its singular vectors, which stay, and its singular values, which are learned."""

    u: Tensor
    vh: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        u, _, vh = torch.linalg.svd(weight.detach().flatten(1), full_matrices=False)
        self.register_buffer("u", u)
        self.register_buffer("vh", vh)
        self._shape = weight.shape

    def forward(self, values: Tensor) -> Tensor:
        """Singular values (k,) → the weight."""
        return ((self.u * values) @ self.vh).view(self._shape)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """The weight → its singular values (k,)."""
        return torch.linalg.svdvals(weight.flatten(1))


class SingularValueTuning(Tuned):
    """Singular values of both towers' matrices are learned, as CLIP-SVD does (Koleilat et al. 2025).

    Ours: of a convolutional image tower the 1×1 convolutions are the matrices, and each class has one text.
    """

    image_is_frozen = False
    ids: Tensor
    mask: Tensor

    def __init__(self, base: VisionLanguageModel, texts: Sequence[str]) -> None:
        super().__init__(base)
        self.towers = copy.deepcopy(base).requires_grad_(False)
        for name, module in list(self.towers.named_modules()):
            if "pooler" in name:  # BERT has one that takes no part
                continue
            linear = isinstance(module, nn.Linear)
            if linear or (isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1):
                parametrize.register_parametrization(module, "weight", SingularValues(module.weight))
                module.parametrizations["weight"].original.requires_grad_(True)
        tokens = base.tokenizer(
            list(texts), truncation=True, max_length=min(64, base.text.context), padding=True, return_tensors="pt"
        )
        self.register_buffer("ids", tokens["input_ids"], persistent=False)
        self.register_buffer("mask", tokens["attention_mask"].bool(), persistent=False)
        self._kept: Tensor | None = None

    def _forget(self) -> None:
        self._kept = None

    def train(self, mode: bool = True) -> SingularValueTuning:
        """The towers' batch norms stay as they are."""
        super().train(mode)
        self.towers.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """See `Tuned`."""
        keep = not (self.training or torch.is_grad_enabled())
        if not keep or self._kept is None:
            text = F.normalize(self.towers.text(self.ids, self.mask).float(), dim=1)
            self._kept = text if keep else None
        else:
            text = self._kept
        return self.scaled(F.normalize(self.towers.image(x), dim=1), text)


class FullTuning(Tuned):
    """The whole image tower is trained, with a linear layer in the place of the texts."""

    image_is_frozen = False

    def __init__(self, base: VisionLanguageModel, classes: int) -> None:
        super().__init__(base)
        image: Any = copy.deepcopy(base.image)
        self.image = image.requires_grad_(True)
        self.image.projection.requires_grad_(False)
        self.head = nn.Linear(int(image.width), classes)

    def forward(self, x: Tensor) -> Tensor:
        """See `Tuned`."""
        out: Tensor = self.head(self.image.pooled(x))
        return out


def trainable(network: nn.Module) -> int:
    """Numbers that are learned."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)

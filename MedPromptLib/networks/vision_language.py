"""Vision-language models with a door for prompts: towers whose token embeddings and layer inputs can be replaced.

A tower wraps a `transformers` model (CLIP, SigLIP, BERT, ViT) and replaces states through hooks, so that positions,
masks and pooling stay the model's own. Nothing of the wrapped models is trained here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .efficientnet import HEAD_CHANNELS, efficientnet_stages

Replace = Callable[[int, Tensor], Tensor]
"""Layer (0: the token embeddings, i: the input of transformer layer i from 0) and states → states of the same shape."""


@dataclass(frozen=True)
class Layout:
    """Token ids of some classes with room for prompts.

    Attributes:
        ids: (classes, length); placeholders where prompts go.
        mask: (classes, length), False for padding.
        start: position of the first context token; the language model's states follow the context.
    """

    ids: Tensor
    mask: Tensor
    start: int


class TextTower(nn.Module):
    """A transformer text encoder.

    Args:
        model: `CLIPTextModel`, `SiglipTextModel` or `BertModel` of transformers.
        projection: from the pooled state to the shared space.
        pooling: `model` takes the model's own pooled output; `mean` averages the unpadded tokens; `first` takes the
            first token.
        attends_padding: SigLIP has no mask and reads its text padded to `context`.
    """

    def __init__(
        self, model: nn.Module, projection: nn.Module, pooling: str = "model", *, attends_padding: bool = False
    ) -> None:
        super().__init__()
        inner: Any = model
        self.model, self.projection, self.pooling = model, projection, pooling
        self.width: int = inner.config.hidden_size
        self.context: int = inner.config.max_position_embeddings
        self.attends_padding = attends_padding
        encoder = inner.encoder
        self._blocks: Sequence[nn.Module] = tuple(encoder.layers if hasattr(encoder, "layers") else encoder.layer)
        embeddings = inner.embeddings
        named = "token_embedding" if hasattr(embeddings, "token_embedding") else "word_embeddings"
        self._embedding: tuple[nn.Embedding] = (getattr(embeddings, named),)  # a tuple: no second name in the state

    @property
    def layers(self) -> int:
        """Transformer layers."""
        return len(self._blocks)

    def embed(self, ids: Tensor) -> Tensor:
        """Token embeddings (…, width) without positions."""
        out: Tensor = F.embedding(ids, self._embedding[0].weight)
        return out

    def forward(self, ids: Tensor, mask: Tensor, replace: Replace | None = None) -> Tensor:
        """Features of texts in the shared space, not normalised.

        Args:
            ids: (n, length). mask: (n, length), False for padding.
            replace: changes the token embeddings and each layer's input but the first's.

        Returns:
            (n, D).
        """
        with replaced(self._embedding[0], self._blocks, replace):
            model: Any = self.model
            out = model(input_ids=ids, attention_mask=None if self.attends_padding else mask.long())
        if self.pooling == "model":
            pooled = out.pooler_output
        elif self.pooling == "first":
            pooled = out.last_hidden_state[:, 0]
        else:
            weight = mask[..., None].to(out.last_hidden_state.dtype)
            pooled = (out.last_hidden_state * weight).sum(1) / weight.sum(1)
        features: Tensor = self.projection(pooled)
        return features


class TransformerImageTower(nn.Module):
    """A vision transformer; learned tokens may join its patches in every layer.

    Args:
        model: `CLIPVisionModel`, `SiglipVisionModel` or `ViTModel` of transformers.
        projection: from the pooled state to the shared space.
        pooling: `model` or `first`, see `TextTower`.
    """

    def __init__(self, model: nn.Module, projection: nn.Module, pooling: str = "model") -> None:
        super().__init__()
        inner: Any = model
        self.model, self.projection, self.pooling = model, projection, pooling
        self.width: int = inner.config.hidden_size
        encoder = getattr(inner, "encoder", inner)
        self._blocks: Sequence[nn.Module] = tuple(encoder.layers if hasattr(encoder, "layers") else encoder.layer)
        self._embeddings: tuple[nn.Module] = (inner.embeddings,)

    @property
    def layers(self) -> int:
        """Transformer layers."""
        return len(self._blocks)

    def pooled(self, x: Tensor, prompts: Tensor | None = None) -> Tensor:
        """Pooled states (n, width) of images.

        Args:
            x: (n, 3, h, w), normalised as the model wants it.
            prompts: (layers, tokens, width); appended to the patches, and from layer to layer in each other's place.
        """

        def replace(layer: int, states: Tensor) -> Tensor:
            if prompts is None:
                return states
            own = prompts[layer].to(states.dtype).expand(len(states), -1, -1)
            return torch.cat([states if layer == 0 else states[:, : -own.shape[1]], own], dim=1)

        with replaced(self._embeddings[0], self._blocks, replace):
            model: Any = self.model
            out = model(pixel_values=x)
        pooled: Tensor = out.pooler_output if self.pooling == "model" else out.last_hidden_state[:, 0]
        return pooled

    def forward(self, x: Tensor, prompts: Tensor | None = None) -> Tensor:
        """Features (n, D) of images, not normalised; see `pooled`."""
        features: Tensor = self.projection(self.pooled(x, prompts))
        return features


class LiteImageTower(nn.Module):
    """EfficientNet-lite0 with a linear projection; it has no transformer layers, so prompts do not reach it."""

    layers = 0
    width = HEAD_CHANNELS

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = nn.Sequential(*efficientnet_stages(lite=True))
        self.projection = nn.Linear(HEAD_CHANNELS, features)

    def pooled(self, x: Tensor, prompts: Tensor | None = None) -> Tensor:
        """(n, 3, h, w) → (n, 1280), the mean over the last feature map."""
        assert prompts is None
        out: Tensor = self.features(x).mean(dim=(2, 3))
        return out

    def forward(self, x: Tensor, prompts: Tensor | None = None) -> Tensor:
        """(n, 3, h, w) → (n, D), not normalised."""
        out: Tensor = self.projection(self.pooled(x, prompts))
        return out


class VisionLanguageModel(nn.Module):
    """An image and a text tower with one space.

    Args:
        tokenizer: a transformers tokenizer of the text tower.
        logit_scale: logarithm of the factor on cosines.
        size: rows and columns of an image; mean, std: its normalisation.
    """

    def __init__(
        self,
        image: nn.Module,
        text: TextTower,
        tokenizer: Any,
        logit_scale: float,
        size: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
    ) -> None:
        super().__init__()
        self.image, self.text, self.tokenizer = image, text, tokenizer
        self.logit_scale = nn.Parameter(torch.tensor(float(logit_scale)))
        self.size, self.mean, self.std = size, mean, std

    def layout(self, names: Sequence[str], context: int, states: Sequence[int]) -> Layout:
        """Ids of `[SOS] [context] [states] [class name .] [EOS]` for each class, padded.

        A name is cut off rather than the end mark where the whole does not fit.

        Args:
            context: number of context tokens. states: number of the language model's states of each class.

        Raises:
            ValueError: a name leaves no room for the states.
        """
        first, end, pad, placeholder = special_tokens(self.tokenizer)
        rows = []
        for name, count in zip(names, states, strict=True):
            ids = self.tokenizer(f"{name}.", add_special_tokens=False)["input_ids"]
            room = self.text.context - len(first) - len(end) - context - count
            if room < 1:
                raise ValueError(f"{count} states and {context} context tokens leave no room for '{name}'")
            rows.append([*first, *[placeholder] * (context + count), *ids[:room], *end])
        length = self.text.context if self.text.attends_padding else max(map(len, rows))
        mask = torch.tensor([[i < len(row) for i in range(length)] for row in rows])
        return Layout(torch.tensor([row + [pad] * (length - len(row)) for row in rows]), mask, len(first))

    def encode_texts(self, texts: Sequence[str], batch: int = 64) -> Tensor:
        """(n, D) unit vectors of whole texts, cut off at the tower's context."""
        out = []
        device = self.logit_scale.device
        for start in range(0, len(texts), batch):
            padding = {"padding": "max_length"} if self.text.attends_padding else {"padding": True}
            tokens = self.tokenizer(
                list(texts[start : start + batch]),
                truncation=True,
                max_length=self.text.context,
                return_tensors="pt",
                **padding,
            )
            ids = tokens["input_ids"].to(device)
            mask = tokens["attention_mask"].bool().to(device) if "attention_mask" in tokens else torch.ones_like(ids)
            out.append(F.normalize(self.text(ids, mask), dim=1))
        return torch.cat(out)


def special_tokens(tokenizer: Any) -> tuple[list[int], list[int], int, int]:
    """What a tokenizer puts before a text, what after it, its padding, and a token that is none of these."""
    marked = tokenizer("a")["input_ids"]
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    start = next(i for i in range(len(marked)) if marked[i : i + len(plain)] == plain)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    return marked[:start], marked[start + len(plain) :], pad, plain[0]


@contextmanager
def replaced(embedding: nn.Module, blocks: Sequence[nn.Module], replace: Replace | None) -> Iterator[None]:
    """While it is open, `replace` changes what `embedding` gives and what each block but the first gets."""
    if replace is None:
        yield
        return

    def of_embedding(module: nn.Module, given: Any, states: Tensor) -> Tensor:
        return replace(0, states)

    def of_block(layer: int) -> Callable[..., tuple[Any, Any]]:
        def hook(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any]:
            if given:
                return (replace(layer, given[0]), *given[1:]), named
            return given, {**named, "hidden_states": replace(layer, named["hidden_states"])}

        return hook

    handles = [embedding.register_forward_hook(of_embedding)]
    handles += [
        block.register_forward_pre_hook(of_block(i), with_kwargs=True) for i, block in enumerate(blocks) if i > 0
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()

"""CILMP: conditional intervention of language models for prompt tuning (Du, Yu and Wang, IEEE TMI 44(12), 2025).

Hidden states of a language model that has read a class's description are changed in a low-rank subspace, depending on
the image, and become prompts of a frozen vision-language model. The equations are those of the authors' released code;
what it leaves open is "our reading" where it stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .tuned import Tuned
from .vision_language import Layout, VisionLanguageModel

EDGE = 4
"""Token states at either end of a description that are intervened in."""
CONTEXT = 4
"""Learned context tokens, and learned tokens per layer of a vision transformer."""
RANK = 8
DROPOUT = 0.1
CONTEXT_WORDS = "a photo of a"

Conditioning = Literal["image", "none"]


class Intervention(nn.Module):
    """The intervention in one end of the states.

    Conditional: `g(v) = W2 (W1 v + b1) + b2`, `u = [h ; g(v) ⊙ h]`, `Φ(h, v) = Dropout(h + Rᵀ(W u + b − R h))`.
    Unconditional (LoReFT, Wu et al. 2024): `Φ(h) = Dropout(h + Rᵀ(W h + b − R h))`. R starts with orthonormal rows and
    is not kept so.

    Args:
        width: of the language model's states. features: of the image's feature v.
    """

    def __init__(
        self,
        width: int,
        features: int,
        rank: int = RANK,
        dropout: float = DROPOUT,
        conditioning: Conditioning = "image",
    ) -> None:
        super().__init__()
        self.rotation = nn.Parameter(nn.init.orthogonal_(torch.empty(rank, width)))
        self.source = nn.Linear(width * (2 if conditioning == "image" else 1), rank)
        self.dropout = nn.Dropout(dropout)
        gate = nn.Sequential(nn.Linear(features, rank), nn.Linear(rank, width))
        self.gate = gate if conditioning == "image" else None

    def forward(self, h: Tensor, v: Tensor | None = None) -> Tensor:
        """States after the intervention.

        Args:
            h: (classes, tokens, width).
            v: (images, features) unit vectors, for the conditional kind.

        Returns:
            (images, classes, tokens, width); one "image" for the unconditional kind.
        """
        if self.gate is None:
            target = self.source(h)[None]
        else:
            assert v is not None
            gated = self.gate(v)[:, None, None, :] * h
            target = self.source(torch.cat([h.expand_as(gated), gated], dim=-1))
        out: Tensor = self.dropout(h + (target - h @ self.rotation.T) @ self.rotation)
        return out


class StatePrompts(nn.Module):
    """One layer's way from a language model's states to prompts: `p = B A Φ`, with Φ only at both ends."""

    def __init__(
        self, width: int, features: int, text_width: int, rank: int = RANK, conditioning: Conditioning = "image"
    ) -> None:
        super().__init__()
        self.prefix = Intervention(width, features, rank, conditioning=conditioning)
        self.suffix = Intervention(width, features, rank, conditioning=conditioning)
        self.down = nn.Linear(width, rank, bias=False)
        self.up = nn.Linear(rank, text_width, bias=False)
        for layer in (self.down, self.up):
            nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5))

    def forward(self, states: Tensor, lengths: Tensor, v: Tensor | None = None) -> Tensor:
        """Prompts of all classes at once.

        Of a description with fewer than eight states, the first four are the prefix and what is left the suffix (our
        reading).

        Args:
            states: (classes, longest, width), padded. lengths: (classes,) states of each class.
            v: (images, features).

        Returns:
            (images, classes, longest, text width); images is 1 without conditioning. Padding holds no meaning.
        """
        longest = states.shape[1]
        head = min(EDGE, longest)
        places, is_tail = tail_places(lengths, longest)
        rows = torch.arange(len(states), device=states.device)[:, None]
        first = self.up(self.down(self.prefix(states[:, :head], v)))
        last = self.up(self.down(self.suffix(states[rows, places], v)))
        middle = self.up(self.down(states))
        out = torch.cat([first, middle[None, :, head:].expand(len(first), -1, -1, -1)], dim=2)
        index = places[None, :, :, None].expand_as(last)
        kept = torch.where(is_tail[None, :, :, None], last, out.gather(2, index))
        return out.scatter(2, index, kept)


def tail_places(lengths: Tensor, longest: int) -> tuple[Tensor, Tensor]:
    """Where each class's last four states lie, and which of them are not among its first four: both (classes, 4)."""
    count = min(EDGE, longest)
    places = lengths[:, None] - count + torch.arange(count, device=lengths.device)
    wanted = places >= EDGE
    # places that are not wanted still have to be different ones, so that nothing is written twice
    spare = torch.arange(count, device=lengths.device).expand_as(places)
    return torch.where(wanted, places, spare), wanted


class CILMP(Tuned):
    """A classifier made of a frozen vision-language model, states of class descriptions, and what is learned.

    Prompt: `[SOS] [context × 4] [p_1 … p_L] [class name .] [EOS]`. In each further layer of the text tower the context
    is replaced by that layer's own tokens and the states by that layer's own prompts; a vision transformer gets four
    learned tokens in each layer. Logits are `exp(τ) · cos(v, text_c(v))`.

    The vision-language model is no submodule: the state dict holds what was learned and the descriptions' states.

    Args:
        base: stays frozen and as it is.
        names: of the classes, as words.
        states: of each class's description, (L, width); beyond `longest_states` thinned out between the first and the
            last four, which have read the whole text (our reading: the authors cut the prompt off at 77 tokens).
        conditioning: `none` leaves the image out of the intervention (LoReFT), so that text features can be kept.
    """

    ids: Tensor
    mask: Tensor
    lengths: Tensor
    states: Tensor

    def __init__(
        self,
        base: VisionLanguageModel,
        names: Sequence[str],
        states: Sequence[Tensor],
        *,
        rank: int = RANK,
        conditioning: Conditioning = "image",
        longest_states: int = 48,
    ) -> None:
        super().__init__(base)
        cut = [thinned(one, longest_states).float() for one in states]
        layout = base.layout(names, CONTEXT, [len(one) for one in cut])
        self._start = layout.start
        self.register_buffer("ids", layout.ids, persistent=False)
        self.register_buffer("mask", layout.mask, persistent=False)
        self.register_buffer("lengths", torch.tensor([len(one) for one in cut]), persistent=False)
        self.register_buffer("states", nn.utils.rnn.pad_sequence(cut, batch_first=True))
        text, image, width = base.text, base.image, cut[0].shape[1]
        features = feature_width(base)
        self.conditioning: Conditioning = conditioning
        self.interventions = nn.ModuleList(
            StatePrompts(width, features, text.width, rank, conditioning) for _ in range(text.layers)
        )
        context = torch.empty(text.layers, CONTEXT, text.width).normal_(std=0.02)
        context[0] = initial_context(base)
        self.context = nn.Parameter(context)
        vision_layers = int(getattr(image, "layers", 0))
        self.image_prompts = (
            nn.Parameter(torch.empty(vision_layers, CONTEXT, int(getattr(image, "width", 0))).normal_(std=0.02))
            if vision_layers
            else None
        )
        self._kept: Tensor | None = None

    @property
    def image_is_frozen(self) -> bool:  # type: ignore[override]
        """Whether image features do not change while this is trained, so that they can be computed once."""
        return self.image_prompts is None

    def _forget(self) -> None:
        self._kept = None

    def image_features(self, x: Tensor) -> Tensor:
        """Unit vectors (n, D) of images (n, 3, h, w)."""
        return F.normalize(self.base.image(x, self.image_prompts), dim=1)

    def text_features(self, v: Tensor | None = None) -> Tensor:
        """Unit vectors (images, classes, D); one "image" without conditioning.

        Args:
            v: (images, D) unit vectors.
        """
        lengths, states = self.lengths, self.states
        n = len(v) if v is not None and self.conditioning == "image" else 1
        classes, longest = states.shape[:2]
        begin, after = self._start, self._start + CONTEXT
        valid = torch.arange(longest, device=states.device) < lengths[:, None]

        def replace(layer: int, tokens: Tensor) -> Tensor:
            t = tokens.view(n, classes, *tokens.shape[1:])
            prompts = self.interventions[layer](states, lengths, v).to(t.dtype)
            room = t[:, :, after : after + longest]
            shape = (n, classes, longest, t.shape[-1])
            filled = torch.where(valid[None, :, :, None], prompts.expand(shape), room)
            own = self.context[layer].to(t.dtype).expand(n, classes, -1, -1)
            t = torch.cat([t[:, :, :begin], own, filled, t[:, :, after + longest :]], dim=2)
            return t.flatten(0, 1)

        out = self.text_tower(self.ids.repeat(n, 1), self.mask.repeat(n, 1), replace)
        return F.normalize(out.view(n, classes, -1), dim=-1)

    def logits(self, v: Tensor) -> Tensor:
        """(n, classes) from image features (n, D)."""
        if self.conditioning == "image":
            text = self.text_features(v)
        elif self.training or torch.is_grad_enabled():
            text = self.text_features()
        else:
            if self._kept is None:
                self._kept = self.text_features()
            text = self._kept
        return self.scaled(v, text)

    def from_pooled(self, pooled: Tensor) -> Tensor:
        """See `Tuned`."""
        return self.logits(self.aligned(pooled))

    def forward(self, x: Tensor) -> Tensor:
        """Images (n, 3, h, w), normalised as the model wants them → logits (n, classes)."""
        return self.logits(self.image_features(x))


def thinned(states: Tensor, longest: int) -> Tensor:
    """At most `longest` of the states (L, width): the first and last four and evenly spread ones between."""
    if len(states) <= longest:
        return states
    if longest < 2 * EDGE:
        raise ValueError(f"longest_states is {longest}; expected at least {2 * EDGE}")
    middle = torch.linspace(EDGE, len(states) - EDGE - 1, longest - 2 * EDGE).round().long()
    return torch.cat([states[:EDGE], states[middle], states[-EDGE:]])


def feature_width(base: VisionLanguageModel) -> int:
    """D of the shared space."""
    with torch.no_grad():
        end = special_ids(base)
        return int(base.text(end, torch.ones_like(end, dtype=torch.bool)).shape[1])


def special_ids(base: VisionLanguageModel) -> Tensor:
    """(1, length) ids of a text of one letter."""
    layout: Layout = base.layout(["a"], 0, [0])
    return layout.ids.to(base.logit_scale.device)


def initial_context(base: VisionLanguageModel) -> Tensor:
    """(4, width) embeddings of "a photo of a"; words beyond the fourth token are left out, missing ones repeat."""
    ids = base.tokenizer(CONTEXT_WORDS, add_special_tokens=False)["input_ids"]
    chosen = torch.tensor([ids[i % len(ids)] for i in range(CONTEXT)], device=base.logit_scale.device)
    with torch.no_grad():
        return base.text.embed(chosen).float().cpu()


def averaged(network: CILMP) -> list[str]:
    """Parameters that Gaussian weight averaging takes part in: all but intervention and projection."""
    return [name for name, _ in network.named_parameters() if not name.startswith("interventions.")]


class GaussianAverage:
    """Average over epochs with Gaussian weights (Khattak et al. 2023): mean 100 and deviation 30 of 100 epochs.

    For other numbers of epochs both are scaled alike (our reading).

    Args:
        names: the parameters that are averaged; others keep their last values.
    """

    def __init__(self, network: nn.Module, names: Iterable[str], epochs: int) -> None:
        self._network, self._names = network, tuple(names)
        position = torch.arange(1, epochs + 1) / epochs
        weights = torch.exp(-0.5 * ((position - 1.0) / 0.3) ** 2)
        self.weights = (weights / weights.sum()).tolist()
        named = dict(network.named_parameters())
        self._sums = {name: torch.zeros_like(named[name]) for name in self._names}

    @torch.no_grad()
    def add(self, epoch: int) -> None:
        """Take in the parameters after an epoch, counted from 0."""
        named = dict(self._network.named_parameters())
        for name, total in self._sums.items():
            total.add_(named[name], alpha=self.weights[epoch])

    @torch.no_grad()
    def apply(self) -> None:
        """Put the averages into the network."""
        named = dict(self._network.named_parameters())
        for name, total in self._sums.items():
            named[name].copy_(total)

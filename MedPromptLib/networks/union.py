"""The union network: one set of parameters for any subset of its modalities, told by language what it looks at.

Our reading of Zeus (Dai et al. 2025, arXiv 2504.07336), whose equations and code are not public: a shared image
encoder, instruction vectors of a frozen text encoder read by the mask decoder, and three ways to join modalities.
Where the paper has SAM, this is a `LeanFusionLab`.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from .deepfusionlab import LeanFusionLab

Fusion = Literal["early", "hybrid", "late"]
FEATURES = (24, 112, 192)
"""Channels of the encoder's features at 1/4, 1/16 and 1/32."""


class Reader(nn.Module):
    """Instruction vectors as tokens of the decoder's width, marked with the modality they speak of, the last mark being
    that of vectors which the network makes itself.

    A token of its own is always there, so that a network without an instruction has something to attend to.
    """

    def __init__(self, modalities: int, vector: int, width: int) -> None:
        super().__init__()
        self.read = nn.Sequential(nn.LayerNorm(vector), nn.Linear(vector, width))
        self.speaker = nn.Parameter(torch.randn(modalities + 1, width) * 0.02)
        self.rest = nn.Parameter(torch.randn(1, width) * 0.02)

    def forward(self, vectors: Tensor, heard: Tensor, slots: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors (n, t, v), which of them count (n, t), and the modality of each (t,) or (n, t) → tokens (n, 1 + t,
        width) and which of them count (n, 1 + t).
        """
        tokens = self.read(vectors) + self.speaker[slots]
        rest = self.rest.expand(len(tokens), 1, -1)
        always = torch.ones(len(tokens), 1, dtype=torch.bool, device=tokens.device)
        return torch.cat([rest, tokens], 1), torch.cat([always, heard], 1)


class Listening(nn.Module):
    """Image features attend to instruction tokens (Vaswani et al. 2017); the answer is added to them.

    Every pixel knows its place, since instructions speak of places. The gate begins at zero, so that training begins
    with the network without instructions.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.place = nn.Conv2d(6, width, 1)
        self.norm = nn.LayerNorm(width)
        self.attend = nn.MultiheadAttention(width, heads, batch_first=True)
        self.gate = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor, tokens: Tensor, heard: Tensor) -> Tensor:
        """(n, c, h, w), tokens (n, t, c) and which of them count (n, t) → (n, c, h, w)."""
        n, c, h, w = x.shape
        queries = (x + self.place(places(h, w).to(x)[None])).flatten(2).transpose(1, 2)
        answer, _ = self.attend(self.norm(queries), tokens, tokens, key_padding_mask=~heard, need_weights=False)
        return x + (answer * self.gate).transpose(1, 2).reshape(n, c, h, w)


def places(rows: int, columns: int) -> Tensor:
    """Coordinates (6, rows, columns): y and x from -1 to 1, and sine and cosine of half a turn across the image."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, rows), torch.linspace(-1, 1, columns), indexing="ij")
    waves = [wave(math.pi / 2 * axis) for axis in (y, x) for wave in (torch.sin, torch.cos)]
    return torch.stack([y, x, *waves])


class Joining(nn.Module):
    """Features of the modalities that are there, weighted pixel by pixel and summed; after HeMIS (Havaei et al. 2016),
    with learned weights in place of its mean and variance.
    """

    def __init__(self, modalities: int, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(modalities, channels))
        self.shift = nn.Parameter(torch.zeros(modalities, channels))
        self.weigh = nn.Conv2d(channels, 1, 1)
        self.trust = nn.Parameter(torch.zeros(modalities))

    def forward(self, features: Tensor, present: Tensor) -> Tensor:
        """Features (p, c, h, w) of the p modalities that are there, in the order of `present` (n, m) → (n, c, h, w)."""
        slot = present.nonzero()[:, 1]
        features = features * (1 + self.scale[slot][..., None, None]) + self.shift[slot][..., None, None]
        weights = self.weigh(features) + self.trust[slot][:, None, None, None]
        share = spread(weights, present, -math.inf).softmax(1)
        return (spread(features, present, 0.0) * share).sum(1)


def spread(values: Tensor, present: Tensor, absent: float) -> Tensor:
    """(p, …) of what is there → (n, m, …), with `absent` where nothing is."""
    out = values.new_full((*present.shape, *values.shape[1:]), absent)
    out[present] = values
    return out


class UnionSegmentation(LeanFusionLab):
    """A `LeanFusionLab` for any subset of several modalities and, if it is told, what an instruction says of them.

    Input is (n, modalities, h, w) with h and w multiples of 32, normalised as the card says; a modality that is not
    there is zero everywhere. Output: (n, classes, h, w) scores over background and structures.

    Args:
        classes: background and structures.
        modalities: how many, in the card's order; 1 for a weight that takes one image of any of its kinds.
        fusion: `early` joins the images before the encoder; `hybrid` joins the features of one shared encoder, at three
            scales; `late` joins the scores of each modality.
        vector: numbers in an instruction vector (384 of MiniLM); 0 for a network that is told nothing.
        projected: so many further vectors are made from the image's own features by a two-layer perceptron into the
            text encoder's space, as Zeus does into its language model's. Our reading: they are learned with the
            segmentation, and no language model stands in between, whose words could not pass a gradient on.
        heads: of the attention to the instruction.
    """

    def __init__(
        self,
        classes: int,
        modalities: int = 1,
        fusion: Fusion = "early",
        width: int = 64,
        detail: int = 0,
        vector: int = 0,
        heads: int = 4,
        projected: int = 0,
    ) -> None:
        if projected and not vector:
            raise ValueError("projected vectors need vector, the numbers in each")
        if fusion not in ("early", "hybrid", "late"):
            raise ValueError(f"fusion is '{fusion}'; expected early, hybrid or late")
        super().__init__("segmentation", classes, width, detail)
        self.modalities, self.fusion, self.vector, self.projected = modalities, fusion, vector, projected
        if fusion == "early":
            self.entry = nn.Parameter(_colours(modalities))
        else:
            self.tint = nn.Parameter(torch.ones(modalities, 3))
        if fusion == "hybrid":
            self.joining = nn.ModuleList(Joining(modalities, channels) for channels in FEATURES)
        if fusion == "late":
            self.trust = nn.Parameter(torch.zeros(modalities, classes))
        if vector:
            self.reader = Reader(modalities, vector, width)
            self.listening = Listening(width, heads)
        if projected:
            self.project = nn.Sequential(
                nn.Linear(FEATURES[-1], vector), nn.GELU(), nn.Linear(vector, projected * vector)
            )
        self.presence = nn.Linear(modalities, width)
        self.film = nn.Linear(width, 2 * width)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, vectors: Tensor | None = None, heard: Tensor | None = None) -> Tensor:
        """(n, m, h, w) → (n, classes, h, w).

        Args:
            vectors: (n, m, t, vector), t instruction vectors for each modality; None tells nothing.
            heard: (n, m, t), which of them count; None for all. Those of an absent modality never count.

        Raises:
            ValueError: other numbers of modalities or vectors than the network was made for, or an image none of whose
                modalities is there.
        """
        if x.shape[1] != self.modalities:
            raise ValueError(f"the network takes {self.modalities} modalities, not {x.shape[1]}")
        present = x.detach().abs().amax((2, 3)) > 0
        if not present.any(1).all():
            raise ValueError("an image has none of its modalities")
        vectors, heard = self._told(x, vectors, heard)
        heard = heard & present[..., None]
        if self.fusion == "late":
            return self._late(x, present, vectors, heard)
        t = vectors.shape[2]
        slots = torch.arange(self.modalities, device=x.device).repeat_interleave(t)
        if self.fusion == "early":
            coloured = torch.einsum("nmhw,mc->nchw", x, self.entry)
            low, mid, high = self.features(coloured.contiguous(memory_format=torch.channels_last))
        else:
            parts = self.features(self._coloured(x, present))
            low, mid, high = (join(part, present) for join, part in zip(self.joining, parts, strict=True))
            share = spread(present[present].float(), present, 0.0)
            share = share / share.sum(1, keepdim=True)
            coloured = torch.einsum("nmhw,mc,nm->nchw", x, self.tint, share)
        return self._scores(low, mid, high, coloured, present, vectors.flatten(1, 2), heard.flatten(1), slots)

    def _late(self, x: Tensor, present: Tensor, vectors: Tensor, heard: Tensor) -> Tensor:
        slot = present.nonzero()[:, 1]
        coloured = self._coloured(x, present)
        low, mid, high = self.features(coloured)
        alone = nn.functional.one_hot(slot, self.modalities).bool()
        slots = slot[:, None].expand(-1, vectors.shape[2])
        scores = self._scores(low, mid, high, coloured, alone, vectors[present], heard[present], slots)
        trust = spread(self.trust[slot], present, -math.inf).softmax(1)
        return (spread(scores, present, 0.0) * trust[..., None, None]).sum(1)

    def _scores(
        self,
        low: Tensor,
        mid: Tensor,
        high: Tensor,
        coloured: Tensor,
        present: Tensor,
        vectors: Tensor,
        heard: Tensor,
        slots: Tensor,
    ) -> Tensor:
        """Features, the image, and what is said of it (n, t, vector) → (n, classes, h, w)."""
        aspp, state = self.condense(mid, high), self.presence(present.float())
        if self.projected:
            own = self.project(high.mean((2, 3))).unflatten(1, (self.projected, self.vector))
            vectors, heard = torch.cat([own, vectors], 1), torch.cat([heard.new_ones(own.shape[:2]), heard], 1)
            mark = slots.new_full((*slots.shape[:-1], self.projected), self.modalities)
            slots = torch.cat([mark, slots], -1)
        if self.vector:
            tokens, counts = self.reader(vectors, heard, slots)
            aspp = self.listening(aspp, tokens, counts)
            share = counts.float() / counts.sum(1, keepdim=True)
            state = state + torch.einsum("ntc,nt->nc", tokens, share)
        scale, shift = self.film(state)[..., None, None].chunk(2, dim=1)
        return self.score(self.decode(low, aspp) * (1 + scale) + shift, coloured)

    def _coloured(self, x: Tensor, present: Tensor) -> Tensor:
        """The p images that are there (p, 3, h, w), each in its modality's tint."""
        slot = present.nonzero()[:, 1]
        images = x[present][:, None] * self.tint[slot][..., None, None]
        return images.contiguous(memory_format=torch.channels_last)

    def _told(self, x: Tensor, vectors: Tensor | None, heard: Tensor | None) -> tuple[Tensor, Tensor]:
        if vectors is None or not self.vector:
            vectors = x.new_zeros(len(x), self.modalities, 0, max(self.vector, 1))
            heard = None
        wanted = (len(x), self.modalities, max(self.vector, 1))
        if (*vectors.shape[:2], vectors.shape[3]) != wanted:
            raise ValueError(
                f"instruction vectors have shape {tuple(vectors.shape)}; expected {wanted[:2]}, t, {wanted[2]}"
            )
        if heard is None:
            heard = torch.ones(vectors.shape[:3], dtype=torch.bool, device=x.device)
        return vectors, heard


def _colours(modalities: int) -> Tensor:
    """How modalities become the three channels that the encoder was pretrained with, to begin with (modalities, 3)."""
    if modalities == 1:
        return torch.ones(1, 3)
    first = torch.zeros(modalities, 3)
    for slot in range(max(modalities, 3)):
        first[slot % modalities, slot % 3] = 1.0
    return first / first.sum(0, keepdim=True).clamp_min(1.0)

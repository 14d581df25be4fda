"""Fits classifiers on top of a vision-language model; what a frozen image tower says is computed once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..catalog import Preprocessing
from ..images import Array
from ..inference.preprocessing import prepare, standardise
from ..networks.cilmp import CILMP, GaussianAverage, averaged
from ..networks.rivals import CoOp, FullTuning, LinearProbe, SingularValueTuning, ZeroShot
from ..networks.tuned import Tuned
from ..networks.vision_language import VisionLanguageModel
from .augment import augment
from .config import Augmentation

LONGEST_STATES = 16
"""Of a description's language-model states that enter a prompt; the cost of a class grows with it."""
VIEWS = 4
"""Versions of a training image whose features are computed: as it is, and augmented ones."""
FIRST_RATE = 1e-5


@dataclass(frozen=True)
class ClassTexts:
    """What is known of the classes in words.

    Attributes:
        names: as words. captions: several texts of each class. states: language-model states of each description,
            (L, width); empty where no method needs them.
    """

    names: tuple[str, ...]
    captions: tuple[tuple[str, ...], ...]
    states: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class Method:
    """A way to adapt, with the settings it is run with.

    Attributes:
        make: network from base, texts and pooled training features (images, width).
        rates: learning rates, of which the one with the smaller validation loss is kept.
        epochs: at most; `passes` bounds images × epochs.
        averaged: Gaussian averaging of the prompt tokens over epochs, see `networks.cilmp`.
    """

    make: Callable[[VisionLanguageModel, ClassTexts, Tensor], Tuned]
    rates: tuple[float, ...] = ()
    epochs: int = 100
    passes: int = 200_000
    batch: int = 64
    optimiser: Literal["sgd", "adamw"] = "sgd"
    averaged: bool = False


def _cilmp(conditioning: Literal["image", "none"]) -> Callable[..., Tuned]:
    def make(base: VisionLanguageModel, texts: ClassTexts, features: Tensor) -> Tuned:
        return CILMP(base, texts.names, texts.states, conditioning=conditioning, longest_states=LONGEST_STATES)

    return make


METHODS: dict[str, Method] = {
    "zero-shot": Method(lambda base, texts, features: ZeroShot(base, texts.captions)),
    "linear probe": Method(
        lambda base, texts, features: LinearProbe(
            base, len(texts.names), features.mean(0), features.std(0, correction=0)
        ),
        rates=(1e-3, 1e-2),
        optimiser="adamw",
    ),
    "CoOp": Method(lambda base, texts, features: CoOp(base, texts.names), rates=(2e-3, 2e-2)),
    "CoCoOp": Method(
        lambda base, texts, features: CoOp(base, texts.names, conditional=True), rates=(2e-3,), passes=12_000
    ),
    "CLIP-SVD": Method(
        lambda base, texts, features: SingularValueTuning(base, [one[0] for one in texts.captions]),
        rates=(1e-3,),
        epochs=50,
        passes=10_000,
        batch=32,
        optimiser="adamw",
    ),
    "CILMP unconditional": Method(_cilmp("none"), rates=(2.5e-3, 2.5e-2), averaged=True),
    "CILMP": Method(_cilmp("image"), rates=(2.5e-3,), passes=12_000, averaged=True),
    "full fine-tuning": Method(
        lambda base, texts, features: FullTuning(base, len(texts.names)),
        rates=(5e-4,),
        epochs=50,
        passes=10_000,
        batch=32,
        optimiser="adamw",
    ),
}


@dataclass(frozen=True)
class Labelled:
    """Images of some classes in memory.

    Attributes:
        pixels: (n, 3, h, w) in 0 to 1 as float16. labels: (n,) class indices.
        features: pooled image states (views, n, width) of the frozen tower; view 0 is the image as it is.
    """

    pixels: Tensor
    labels: Tensor
    features: Tensor

    def subset(self, places: Sequence[int]) -> Labelled:
        """Some of them."""
        index = torch.tensor(list(places), dtype=torch.long)
        return Labelled(self.pixels[index], self.labels[index], self.features[:, index])


def pixels_of(pictures: Sequence[Array], how: Preprocessing) -> Tensor:
    """(n, 3, rows, columns) float16 in 0 to 1, as the network is fed before `standardise`."""
    return torch.cat([prepare(one[None], how).half() for one in pictures])


@torch.no_grad()
def pooled_features(
    base: VisionLanguageModel,
    pixels: Tensor,
    how: Preprocessing,
    augmentation: Augmentation | None = None,
    views: int = 1,
    seed: int = 0,
    batch: int = 32,
) -> Tensor:
    """Pooled states (views, n, width) of the frozen image tower.

    Args:
        pixels: (n, 3, h, w) in 0 to 1. augmentation: of the views after the first.
    """
    generator = torch.Generator().manual_seed(seed)
    image: Any = base.image
    device = base.logit_scale.device
    rows = []
    for view in range(views if augmentation else 1):
        parts = []
        for start in range(0, len(pixels), batch):
            x = pixels[start : start + batch].float()
            if view and augmentation:
                x, _ = augment(x, None, augmentation, generator)
            parts.append(image.pooled(standardise(x, how).to(device)).float().cpu())
        rows.append(torch.cat(parts))
    return torch.stack(rows)


@dataclass
class Fitted:
    """A fitted network and how it came to be."""

    network: Tuned
    seconds: float
    epochs: int
    rate: float
    validation_loss: float
    history: list[float] = field(default_factory=list)


def fit(
    method: Method,
    base: VisionLanguageModel,
    texts: ClassTexts,
    train: Labelled,
    validation: Labelled,
    how: Preprocessing,
    *,
    augmentation: Augmentation | None = None,
    seed: int = 1,
    progress: Callable[[str], None] = lambda line: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Fitted:
    """Fit one method at each of its learning rates and keep the one with the smallest validation loss.

    Raises:
        Stopped: `cancelled` returned True.
    """
    started = time.monotonic()
    best: Fitted | None = None
    for rate in method.rates or (0.0,):
        torch.manual_seed(seed)
        network = method.make(base, texts, train.features[0]).to(base.logit_scale.device)
        network.bfloat16_texts = True
        epochs = min(method.epochs, max(1, method.passes // len(train.labels))) if rate else 0
        history = _fit_once(method, network, train, how, rate, epochs, augmentation, seed, progress, cancelled)
        loss = float(F.cross_entropy(outputs(network, validation, how), validation.labels))
        if not math.isfinite(loss):
            loss = float("inf")
        if best is None or loss < best.validation_loss:
            best = Fitted(network, 0.0, epochs, rate, loss, history)
    assert best is not None
    best.seconds = time.monotonic() - started
    return best


class Stopped(Exception):
    """The fit was cancelled."""


def _fit_once(
    method: Method,
    network: Tuned,
    train: Labelled,
    how: Preprocessing,
    rate: float,
    epochs: int,
    augmentation: Augmentation | None,
    seed: int,
    progress: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> list[float]:
    """Losses of the epochs; warm-up and cosine as the authors of CILMP set them."""
    if not epochs:
        network.eval()
        return []
    generator = torch.Generator().manual_seed(seed)
    learned = [p for p in network.parameters() if p.requires_grad]
    optimiser: torch.optim.Optimizer
    if method.optimiser == "sgd":
        optimiser = torch.optim.SGD(learned, lr=rate, momentum=0.9, weight_decay=5e-4)
    else:
        optimiser = torch.optim.AdamW(learned, lr=rate, weight_decay=0.01)
    average = None
    if method.averaged and isinstance(network, CILMP):
        average = GaussianAverage(network, averaged(network), epochs)
    device = network.base.logit_scale.device
    network.train()
    history = []
    for epoch in range(epochs):
        now = FIRST_RATE if epoch == 0 and epochs > 1 else rate * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
        for group in optimiser.param_groups:
            group["lr"] = now
        losses = []
        order = torch.randperm(len(train.labels), generator=generator)
        for places in order.split(method.batch):
            if cancelled():
                raise Stopped
            labels = train.labels[places].to(device)
            logits = _logits(network, train, places, how, augmentation, generator, device)
            loss = F.cross_entropy(logits, labels)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(learned, 5.0)
            optimiser.step()
            losses.append(float(loss.detach()))
        if average is not None:
            average.add(epoch)
        history.append(float(np.mean(losses)))
        progress(f"epoch {epoch + 1} of {epochs}, loss {history[-1]:.4f}")
    if average is not None:
        average.apply()
    network.eval()
    return history


def _logits(
    network: Tuned,
    train: Labelled,
    places: Tensor,
    how: Preprocessing,
    augmentation: Augmentation | None,
    generator: torch.Generator,
    device: torch.device,
) -> Tensor:
    if network.image_is_frozen:
        view = torch.randint(len(train.features), (len(places),), generator=generator)
        return network.from_pooled(train.features[view, places].to(device))
    x = train.pixels[places].float()
    if augmentation:
        x, _ = augment(x, None, augmentation, generator)
    return network(standardise(x, how).to(device))


@torch.no_grad()
def outputs(network: Tuned, data: Labelled, how: Preprocessing, batch: int = 64) -> Tensor:
    """Logits (n, classes) of images as they are."""
    device = network.base.logit_scale.device
    parts = []
    for start in range(0, len(data.labels), batch):
        stop = start + batch
        if network.image_is_frozen:
            logits = network.from_pooled(data.features[0, start:stop].to(device))
        else:
            logits = network(standardise(data.pixels[start:stop].float(), how).to(device))
        parts.append(logits.cpu())
    return torch.cat(parts)


def shots(labels: Tensor, count: int | None, seed: int) -> list[int]:
    """Places of `count` images of each class, at random, or of all."""
    if count is None:
        return list(range(len(labels)))
    rng = np.random.default_rng(seed)
    chosen: list[int] = []
    for label in sorted(set(labels.tolist())):
        places = np.flatnonzero(labels.numpy() == label)
        chosen += rng.choice(places, min(count, len(places)), replace=False).tolist()
    return sorted(chosen)

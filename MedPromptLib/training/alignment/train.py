"""Aligns the small vision-language model: an EfficientNet-lite0 image tower with the frozen MiniLM text tower."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import InvalidInput
from ...inference.vision_language import OwnTowers
from ..augment import augment
from ..pretrained import fill_lite0
from .data import Captions, Pool, Shown, draw_batch, read_pools
from .recipe import AlignmentRecipe

CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"
SAVE_EVERY, LOG_EVERY = 100, 25
LARGEST_SCALE = math.log(100)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def contrastive_loss(image: Tensor, text: Tensor, scale: Tensor, kinds: Tensor) -> Tensor:
    """UniCL (Yang et al. 2022): cross-entropy in both directions, where all pairs of one kind are positives.

    Args:
        image, text: (n, D) unit vectors. scale: factor on cosines. kinds: (n,) what each pair shows.
    """
    logits = scale * image @ text.T
    same = (kinds[:, None] == kinds[None]).float()
    target = same / same.sum(1, keepdim=True)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


class Alignment:
    """One run, which can be stopped and continued.

    Args:
        root: folder of the data sets. work: checkpoint and log.
    """

    def __init__(
        self, recipe: AlignmentRecipe, root: Path, work: Path, device: torch.device, report: Callable[[str], None]
    ) -> None:
        self.recipe, self.work, self.device, self.report = recipe, work, device, report
        schedule = recipe.schedule
        self.pools = read_pools(root, recipe, "train", report)
        self.captions = Captions(sorted({kind for pool in self.pools for kind in pool.shown}))
        report(f"{len(self.captions.number)} kinds of images, {sum(len(p.shown) for p in self.pools)} images")
        torch.manual_seed(schedule.seed)
        self.rng = np.random.default_rng(schedule.seed)
        self.generator = torch.Generator().manual_seed(schedule.seed)
        self.model = OwnTowers(schedule.features)
        nn.init.constant_(self.model.logit_scale, math.log(1 / 0.07))
        fill_lite0(self.model.image.features)
        self.model = self.model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = copy.deepcopy(self.model).requires_grad_(False)
        encoder = list(self.model.image.features.parameters())
        heads = [*self.model.image.projection.parameters(), self.model.text_projection.weight]
        rate = schedule.learning_rate
        self.optimiser = torch.optim.AdamW(
            [
                {"params": encoder, "base": rate * schedule.encoder_factor, "weight_decay": schedule.weight_decay},
                {"params": heads, "base": rate, "weight_decay": schedule.weight_decay},
                {"params": [self.model.logit_scale], "base": rate, "weight_decay": 0.0},
            ],
            lr=rate,
        )
        self.step = 0
        self.seconds = 0.0
        work.mkdir(parents=True, exist_ok=True)
        self._resume()

    def run(self, steps: int | None = None) -> dict[str, Tensor]:
        """Train to the end, or for some steps, and return the averaged parameters."""
        end = self.recipe.schedule.steps if steps is None else min(self.step + steps, self.recipe.schedule.steps)
        losses: list[float] = []
        started = time.monotonic()
        while self.step < end:
            losses.append(self._one_step())
            self.step += 1
            if self.step % LOG_EVERY == 0 or self.step == end:
                now = time.monotonic()
                self.seconds += now - started
                record = {
                    "step": self.step,
                    "loss": round(float(np.mean(losses)), 4),
                    "scale": round(float(self.model.logit_scale.detach().exp()), 2),
                    "seconds_per_step": round((now - started) / len(losses), 3),
                }
                self.report(json.dumps(record))
                with (self.work / LOG).open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(record) + "\n")
                losses, started = [], now
            if self.step % SAVE_EVERY == 0 or self.step == end:
                self._save()
        return {name: tensor.detach().cpu() for name, tensor in self.ema.state_dict().items()}

    def _one_step(self) -> float:
        schedule = self.recipe.schedule
        drawn = draw_batch(self.pools, schedule.sets, schedule.each, self.rng)
        size = schedule.small_size if self.step < schedule.small_share * schedule.steps else schedule.size
        x = torch.cat([self._pixels(pool, places, size) for pool, places in drawn])
        kinds = [pool.shown[i] for pool, places in drawn for i in places]
        text = self.captions.draw(kinds, self.rng).to(self.device)
        numbers = torch.tensor([self.captions.number[kind] for kind in kinds], device=self.device)
        for group in self.optimiser.param_groups:
            group["lr"] = group["base"] * self._rate()
        self.model.train()
        image = F.normalize(self.model.image(x.to(memory_format=torch.channels_last)), dim=1)
        text = F.normalize(self.model.text_projection(text), dim=1)
        loss = contrastive_loss(image, text, self.model.logit_scale.exp(), numbers)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=LARGEST_SCALE)
            decay = min(schedule.ema, (1 + self.step) / (10 + self.step))
            for kept, new in zip(self.ema.state_dict().values(), self.model.state_dict().values(), strict=True):
                if kept.dtype.is_floating_point:
                    kept.lerp_(new, 1 - decay)
                else:
                    kept.copy_(new)
        return float(loss.detach())

    def _pixels(self, pool: Pool, places: np.ndarray[Any, np.dtype[np.int64]], size: int) -> Tensor:
        x = pool.pixels[torch.from_numpy(places)].float().to(self.device) / 255
        x = F.interpolate(x, size=(size, size), mode="bilinear", antialias=True) if x.shape[-1] != size else x
        x, _ = augment(x.expand(-1, 3, -1, -1), None, pool.source.augmentation, self.generator)
        return normalised(x)

    def _rate(self) -> float:
        position = self.step / self.recipe.schedule.steps
        return min(1.0, (position + 1e-3) / 0.05) * max(0.5 * (1 + math.cos(math.pi * position)), 0.01)

    def _save(self) -> None:
        state = {
            "recipe": self.recipe.model_dump_json(),
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "rng": json.dumps(self.rng.bit_generator.state),
            "generator": self.generator.get_state(),
            "torch_rng": torch.get_rng_state(),
        }
        draft = self.work / f"{CHECKPOINT}.part"
        torch.save(state, draft)
        draft.replace(self.work / CHECKPOINT)

    def _resume(self) -> None:
        path = self.work / CHECKPOINT
        if not path.is_file():
            return
        from ...checkpoints import read_checkpoint

        state = read_checkpoint(path, advice="remove it to start anew")
        if AlignmentRecipe.model_validate_json(state["recipe"]) != self.recipe:
            raise InvalidInput(
                f"The checkpoint {path} was made with another recipe; remove it or choose another --work folder."
            )
        self.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.rng.bit_generator.state = json.loads(state["rng"])
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["torch_rng"])
        self.report(f"continuing after step {self.step} of {self.recipe.schedule.steps}")


def normalised(x: Tensor) -> Tensor:
    """(n, 3, h, w) in 0 to 1 as the image tower takes it."""
    mean, std = (torch.tensor(v, device=x.device).view(1, 3, 1, 1) for v in (MEAN, STD))
    return (x - mean) / std


@torch.no_grad()
def zero_shot_accuracy(model: OwnTowers, pool: Pool, captions: dict[Shown, Tensor], device: torch.device) -> float:
    """Share of a set's images whose own kind's mean caption is the nearest among the set's kinds."""
    model = model.eval()
    kinds = sorted(set(pool.shown))
    text = torch.stack([F.normalize(model.text_projection(captions[k].to(device)), dim=1).mean(0) for k in kinds])
    right = 0
    for start in range(0, len(pool.shown), 64):
        x = pool.pixels[start : start + 64].float().to(device).expand(-1, 3, -1, -1) / 255
        image = model.image(normalised(x).to(memory_format=torch.channels_last))
        chosen = (image @ F.normalize(text, dim=1).T).argmax(1).tolist()
        right += sum(kinds[c] == k for c, k in zip(chosen, pool.shown[start : start + 64], strict=True))
    return right / len(pool.shown)

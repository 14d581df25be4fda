"""Training on few labelled and many unlabelled volumes: two networks that teach each other, after LLM-SegNet.

Kumari et al. 2024 co-train two 3D networks, one on raw and one on CutMix views, with Dice and cross entropy on both for
labelled volumes and the Unified Segmentation loss between them for the others. Ours where the paper says nothing: the
networks take turns in who sees which view, so that both learn from both; the mixed view also has other intensities; the
labels come from the peer's running average, which errs less than the peer does; what is evaluated and shipped is the
running average of the first network. The baselines are the same loop with parts switched off.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import Cancelled, InvalidInput
from ..inference.volumes import standardise_volume
from ..networks import build
from ..networks.text_vnet import TextVNet
from .config import Recipe, SemiSupervision
from .consistency import ramp
from .loop import Training, segmentation_loss
from .semi_losses import (
    Box,
    disturbed_mean,
    mean_teacher_loss,
    pseudo_label_loss,
    unified_segmentation_loss,
)
from .volume_augment import Volume, change_intensities, draw_patches
from .volume_data import VolumeCases
from .volume_training import dice_of_network, drawn, volumes_of

PASSES = 2
"""Noisy inputs of the mean teacher in each step (UA-MT: 8; the budget here is a CPU's)."""
TEACHER_WEIGHT = 10.0
"""A squared distance of probabilities is small beside cross entropies; this makes up for it."""


class SemiTraining(Training):
    """One semi-supervised run, or a baseline, as `recipe.semi` says.

    Args:
        cases: `train` with masks; `unlabelled`, whose masks are not looked at; `val` where there is one.
        text: embedding (d,) of what is known of the structure, for a network that takes one.
        cancelled: asked before every step. ticked: told after every step which share of the training is done.

    Raises:
        InvalidInput: cases that do not fit the recipe.
        Cancelled: from `run`; the last finished epoch is kept.
    """

    def __init__(
        self,
        recipe: Recipe,
        cases: dict[str, VolumeCases],
        work: Path,
        device: torch.device,
        report: Callable[[str], None] = print,
        *,
        text: Tensor | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        ticked: Callable[[float], None] = lambda done: None,
    ) -> None:
        super().__init__(recipe, work, device, report)
        self.settings = recipe.semi or SemiSupervision(teacher="none")
        self.cases = dict(cases)
        self.cancelled, self.ticked = cancelled, ticked
        self._volumes = {split: tuple(volumes_of(part, recipe)) for split, part in self._used(cases).items()}
        count = 2 if self.settings.teacher == "peer" else 1
        self._start(nn.ModuleList(_network(recipe, text) for _ in range(count)).to(device))

    def _used(self, cases: dict[str, VolumeCases]) -> dict[str, VolumeCases]:
        from dataclasses import replace

        if cases["train"].masks is None:
            raise InvalidInput(f"The data set {cases['train'].folder} has no labels, which training needs.")
        if self.schedule.select == "best" and "val" not in cases:
            raise InvalidInput("There are no volumes to choose the epoch by; select the last one.")
        used = {split: part for split, part in cases.items() if split != "unlabelled"}
        if self.settings.teacher != "none":
            used["unlabelled"] = replace(cases["unlabelled"], masks=None)
            if len(used["unlabelled"]) < 2:
                raise InvalidInput("Training with volumes without labels needs at least two of them.")
        return used

    def _shipped(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name.removeprefix("0."): tensor for name, tensor in state.items() if name.startswith("0.")}

    def _train_epoch(self) -> float:
        phase, steps = self.schedule.phase(self.epoch), self.settings.steps
        labelled, unlabelled = self._volumes["train"], self._volumes.get("unlabelled", ())
        self.model.train()
        order = drawn(len(labelled), phase.batch, steps, self.generator)
        others = drawn(len(unlabelled), self.settings.batch, steps, self.generator) if unlabelled else None
        losses = []
        for number, chosen in enumerate(order):
            if self.cancelled():
                raise Cancelled(f"Cancelled after epoch {self.epoch}; run the same again to continue there.")
            self._set_rate(self.epoch + number / steps)
            loss = self._labelled_loss([labelled[n] for n in chosen])
            if others is not None:
                share = ramp((self.epoch + number / steps) / self.schedule.epochs)
                loss = loss + self.settings.weight * share * self._unlabelled_loss(
                    [unlabelled[n] for n in next(others)], share
                )
            losses.append(self._optimise(loss))
            self.ticked((self.epoch + (number + 1) / steps) / self.schedule.epochs)
        return float(np.mean(losses))

    @property
    def network(self) -> nn.Module:
        """The network that is evaluated and shipped, as it is now."""
        return self.ema[0]  # type: ignore[index, no-any-return]

    @property
    def held_out(self) -> tuple[Volume, ...]:
        """The volumes of `val` on the network's grid."""
        return self._volumes.get("val", ())

    def _labelled_loss(self, volumes: list[Volume]) -> Tensor:
        x, masks = draw_patches(volumes, self.recipe, self.generator)
        x, masks = x.to(self.device), masks.to(self.device)
        losses = [segmentation_loss(self._scores(network, x), masks) for network in self._networks()]
        return torch.stack(losses).sum()

    def _unlabelled_loss(self, volumes: list[Volume], share: float) -> Tensor:
        raw, _ = draw_patches(volumes, self.recipe, self.generator, change=False)
        if self.settings.teacher == "average":
            average = self.network
            teacher = disturbed_mean(lambda x: self._scores(average, x), raw.to(self.device), PASSES, self.generator)
            scores = self._scores(self._networks()[0], self._changed(raw).to(self.device))
            return TEACHER_WEIGHT * mean_teacher_loss(scores, teacher, share)
        turn = (0, 1) if self.step % 2 == 0 else (1, 0)
        one, two = (self._networks()[n] for n in turn)
        raw = raw.to(self.device)
        box = Box.draw(tuple(raw.shape[2:]), self.generator) if self.settings.cutmix else None
        view = raw if box is None else self._changed(box.mix(raw.cpu())).to(self.device)
        of_raw, of_view = self._scores(one, raw), self._scores(two, view)
        if self.settings.labels == "average":
            said, peer = (self._said(self.ema[n], raw) for n in turn)  # type: ignore[index]
        else:
            said = of_raw.detach().softmax(1)
            peer = of_view.detach().softmax(1) if box is None else self._said(two, raw)
        return self._agree(of_raw, peer) + self._agree(of_view, said if box is None else box.mix(said))

    @torch.no_grad()
    def _said(self, network: nn.Module, x: Tensor) -> Tensor:
        return self._scores(network, x).softmax(1)

    def _agree(self, scores: Tensor, peer: Tensor) -> Tensor:
        if self.settings.unified:
            return unified_segmentation_loss(scores, peer, self.settings.confidence)
        return pseudo_label_loss(scores, peer)

    def _changed(self, x: Tensor) -> Tensor:
        return torch.stack([change_intensities(one, self.recipe.augmentation, self.generator) for one in x])

    def _networks(self) -> list[nn.Module]:
        return list(self.model)  # type: ignore[call-overload, no-any-return]

    def _scores(self, network: nn.Module, x: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.schedule.bfloat16):
            scores: Tensor = network(standardise_volume(x, self.recipe.preprocessing))
        return scores.float()

    def _validate(self) -> dict[str, float]:
        if not self.held_out:
            return {}
        return dice_of_network(self.network, self.held_out, self.recipe, self.device)


def _network(recipe: Recipe, text: Tensor | None) -> nn.Module:
    network = build(recipe.network)
    if isinstance(network, TextVNet):
        if text is None:
            raise InvalidInput(f"The network '{recipe.network.name}' takes a text, and there is none.")
        network.read(text)
    return network

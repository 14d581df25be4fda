"""The supervised loop: segmentation or classification, resumable, seeded, chosen on the validation split."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import InvalidInput
from ..inference.preprocessing import prepare, standardise
from ..networks import build
from ..networks.deepfusionlab import LeanFusionLab, conv_bn_relu, resize
from ..plan import Intent
from .augment import augment
from .config import Recipe
from .consistency import Unlabelled, consistency_loss, ramp
from .data import Cases, training_cases
from .loop import Training, segmentation_loss
from .metrics import pooled_dice
from .pretrained import load_lite0


class AuxiliarySegmentation(nn.Module):
    """A classifier with a small mask decoder beside it, so that its features learn where the finding lies."""

    def __init__(self, network: LeanFusionLab) -> None:
        super().__init__()
        self.network = network
        self.mid = conv_bn_relu(112, 64)
        self.high = conv_bn_relu(network.channels, 64)
        self.mask = nn.Sequential(conv_bn_relu(64, 64, 3), nn.Conv2d(64, 2, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 3, h, w) → logits (n, classes) and mask scores (n, 2, h/16, w/16)."""
        _, mid, high = self.network.features(x)
        mixed = self.mid(mid) + resize(self.high(high), mid.shape[2:], corners=False)
        return self.network.classify(high), self.mask(mixed)


@dataclass
class Tensors:
    """A split as network input at one size.

    Attributes:
        x: (n, 3, h, w) in 0 to 1, stored as uint8 to save memory.
        masks: (n, h, w) uint8 or None.
        targets: (n,) int64 class indices, or None for segmentation.
    """

    x: Tensor
    masks: Tensor | None
    targets: Tensor | None


def tensors(cases: Cases, recipe: Recipe, size: int) -> Tensors:
    """Decode, resize and normalise a split once."""
    x = torch.cat([prepare(image[None], recipe.preprocessing, (size, size)) for image in cases.images])
    masks = None
    if cases.masks is not None:
        resized = [
            F.interpolate(torch.from_numpy(mask)[None, None].float(), size=(size, size), mode="nearest-exact")[0]
            for mask in cases.masks
        ]
        masks = torch.cat(resized).to(torch.uint8)
    targets = None
    if recipe.card.intent is Intent.CLASSIFICATION:
        targets = torch.tensor([recipe.card.classes.index(label) for label in cases.labels])
    return Tensors((x * 255).round().to(torch.uint8), masks, targets)


class SupervisedTraining(Training):
    """Training on single images.

    Args:
        data_root: folder of the data sets; see `Training` for the others.
    """

    def __init__(
        self, recipe: Recipe, data_root: Path, work: Path, device: torch.device, report: Callable[[str], None] = print
    ) -> None:
        super().__init__(recipe, work, device, report)
        self.segmentation = recipe.card.intent is Intent.SEGMENTATION
        folder = data_root / recipe.data.folder
        self.cases = training_cases(data_root, recipe.data)
        self.unlabelled = Unlabelled(data_root, recipe.data.unlabelled, recipe.preprocessing)
        self._check_cases(folder)
        network = build(recipe.network)
        if isinstance(network, LeanFusionLab):
            load_lite0(network)
        self.auxiliary = not self.segmentation and self.schedule.auxiliary_masks > 0
        model = AuxiliarySegmentation(network) if self.auxiliary and isinstance(network, LeanFusionLab) else network
        self._cache: dict[tuple[str, int], Tensors] = {}
        self._start(model.to(device, memory_format=torch.channels_last))  # type: ignore[call-overload]

    # -- set-up ---------------------------------------------------------------------------------------------------

    def _check_cases(self, folder: Path) -> None:
        """Raises InvalidInput if the data set lacks the masks or has labels the recipe does not name."""
        for cases in self.cases.values():
            if cases.masks is None and (self.segmentation or self.schedule.auxiliary_masks):
                raise InvalidInput(f"The data set {folder} has no masks/ folder, which this recipe needs.")
            unknown = sorted(set(cases.labels) - set(self.recipe.card.classes))
            if not self.segmentation and unknown:
                known = ", ".join(self.recipe.card.classes)
                raise InvalidInput(f"The data set {folder} has labels {unknown}, but the recipe's classes are {known}.")

    def _tensors(self, split: str, size: int) -> Tensors:
        if (split, size) not in self._cache:
            self._cache = {key: kept for key, kept in self._cache.items() if key[0] != split}
            self._cache[split, size] = tensors(self.cases[split], self.recipe, size)
        return self._cache[split, size]

    def _shipped(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        if not self.auxiliary:
            return state
        prefix = "network."
        return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}

    # -- training -------------------------------------------------------------------------------------------------

    def _batches(self, data: Tensors, batch: int) -> Iterator[Tensor]:
        order = torch.randperm(len(data.x), generator=self.generator)
        whole = len(order) // batch * batch
        yield from order[:whole].view(-1, batch)

    def _train_epoch(self) -> float:
        phase = self.schedule.phase(self.epoch)
        data = self._tensors("train", phase.size)
        recipe = self.recipe.augmentation.weaker(phase.strength)
        self.model.train()
        self._freeze(self.epoch < self.schedule.freeze_epochs)
        steps = max(len(data.x) // phase.batch, 1)
        losses = []
        for number, chosen in enumerate(self._batches(data, phase.batch)):
            self._set_rate(self.epoch + number / steps)
            x = data.x[chosen].to(self.device).float() / 255
            masks = data.masks[chosen].to(self.device).long() if data.masks is not None else None
            x, masks = augment(x, masks, recipe, self.generator, phase.crop)
            loss = self._loss(x, masks, data.targets[chosen].to(self.device) if data.targets is not None else None)
            if self.schedule.consistency:
                loss = loss + self._consistency(phase.batch, phase.size)
            losses.append(self._optimise(loss))
        return float(np.mean(losses))

    def _freeze(self, frozen: bool) -> None:
        network = self.model.network if isinstance(self.model, AuxiliarySegmentation) else self.model
        if isinstance(network, LeanFusionLab):
            for parameter in network.low_level.parameters():
                parameter.requires_grad_(not frozen)
            if frozen:
                network.low_level.eval()

    def _loss(self, x: Tensor, masks: Tensor | None, targets: Tensor | None) -> Tensor:
        if self.segmentation:
            assert masks is not None
            return segmentation_loss(self._forward(x), masks)
        assert targets is not None
        smooth = self.schedule.label_smoothing
        weight = self._class_weight()
        if self.schedule.mixup:
            return self._mixed_loss(x, targets, weight)
        output = self._forward(x)
        if not self.auxiliary:
            return F.cross_entropy(output, targets, weight, label_smoothing=smooth)
        logits, scores = output
        assert masks is not None
        scores = resize(scores, (x.shape[2] // 4, x.shape[3] // 4), corners=False)
        small = F.interpolate(masks[:, None].float(), size=scores.shape[2:], mode="nearest-exact")[:, 0].long()
        classification = F.cross_entropy(logits, targets, weight, label_smoothing=smooth)
        return classification + self.schedule.auxiliary_masks * segmentation_loss(scores, small)

    def _mixed_loss(self, x: Tensor, targets: Tensor, weight: Tensor | None) -> Tensor:
        """Cross entropy on images mixed pairwise with one random share, against both labels in that share."""
        share = float(sample_beta(self.schedule.mixup, self.generator))
        other = torch.randperm(len(x), generator=self.generator)
        logits = self._forward(share * x + (1 - share) * x[other])
        smooth = self.schedule.label_smoothing
        one, two = (F.cross_entropy(logits, t, weight, label_smoothing=smooth) for t in (targets, targets[other]))
        return share * one + (1 - share) * two

    def _consistency(self, n: int, size: int) -> Tensor:
        x = self.unlabelled.draw(n, size, self.generator).to(self.device)
        loss = consistency_loss(
            x, self._forward, lambda calm: self._forward(calm, self.ema), self.recipe.augmentation, self.generator
        )
        return self.schedule.consistency * ramp(self.epoch / self.schedule.epochs) * loss

    def _forward(self, x: Tensor, model: nn.Module | None = None) -> Any:
        z = standardise(x, self.recipe.preprocessing).contiguous(memory_format=torch.channels_last)
        return (model or self.model)(z)

    def _class_weight(self) -> Tensor | None:
        if not self.schedule.class_balance:
            return None
        counts = torch.tensor([self.cases["train"].labels.count(name) for name in self.recipe.card.classes])
        weight = (counts.float().mean() / counts) ** self.schedule.class_balance
        return weight.to(self.device)

    # -- validation -----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def _validate(self) -> dict[str, float]:
        size = self.schedule.phases[-1].size
        data = self._tensors("val", size)
        network = self.ema.network if isinstance(self.ema, AuxiliarySegmentation) else self.ema
        outputs = predict(network, data.x, self.recipe, self.device)
        if self.segmentation:
            assert data.masks is not None
            classes = outputs.shape[1]
            found, masks = list(outputs.argmax(1).numpy()), list(data.masks.numpy())
            of_volumes = self.recipe.preprocessing.volumes == "slices"
            groups = self.cases["val"].groups if of_volumes else self.cases["val"].ids
            dice = np.stack(list(pooled_dice(found, masks, groups, classes - 1).values()))
            return {"score": round(float(np.nanmean(dice)), 5)} | {
                s.name: round(float(np.nanmean(dice[:, i])), 5) for i, s in enumerate(self.recipe.card.structures)
            }
        from sklearn.metrics import roc_auc_score

        assert data.targets is not None
        probabilities, truth = outputs.softmax(1).numpy(), data.targets.numpy()
        accuracy = float((probabilities.argmax(1) == truth).mean())
        if probabilities.shape[1] == 2:
            auc = float(roc_auc_score(truth, probabilities[:, 1]))
        else:
            auc = float(roc_auc_score(truth, probabilities, multi_class="ovr"))
        nll = float(F.cross_entropy(outputs, data.targets))
        # the likelihood tells epochs apart on a small split where accuracy moves in steps of one image
        record = {"score": -nll, "accuracy": accuracy, "auc": auc}
        return {name: round(value, 5) for name, value in record.items()}


def predict(network: nn.Module, x: Tensor, recipe: Recipe, device: torch.device, batch: int = 16) -> Tensor:
    """Network outputs for uint8 inputs (n, 3, h, w), on the CPU."""
    network.eval()
    outputs = []
    with torch.inference_mode():
        for part in x.split(batch):
            z = standardise(part.to(device).float() / 255, recipe.preprocessing)
            outputs.append(network(z.contiguous(memory_format=torch.channels_last)).float().cpu())
    return torch.cat(outputs)


def sample_beta(alpha: float, generator: torch.Generator) -> Tensor:
    """One number from Beta(alpha, alpha), by Johnk's method, from the run's own generator."""
    while True:
        u, v = torch.rand(2, generator=generator, dtype=torch.float64) ** (1 / alpha)
        if 0 < u + v <= 1:
            return u / (u + v)

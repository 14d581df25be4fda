"""Training of union networks: slices of one or several modalities, sequences left out at random, instructions told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..catalog import WeightCard
from ..inference.preprocessing import prepare, standardise
from ..instructions.telling import Told, instructed
from ..instructions.vectors import sentence_vectors
from ..networks import build
from ..networks.union import UnionSegmentation
from .augment import augment
from .config import Recipe
from .loop import Training, segmentation_loss
from .metrics import Floats, pooled_dice
from .pretrained import load_lite0
from .publish import draft_card
from .stacks import Stack, as_slices, read_stacks

COLOURS = 3
"""Channels that `augment` takes."""


@dataclass(frozen=True)
class Words:
    """Instructions of all slices of a split: which sentences, and their vectors.

    Attributes:
        plain, mirrored: (n, m, t) numbers of sentences, -1 for none.
        table: (sentences, 384).
    """

    plain: Tensor
    mirrored: Tensor
    table: Tensor

    def of(self, slices: Tensor, mirrored: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors (b, m, t, 384) of some slices (b,), each mirrored or not, and which of them there are (b, m, t)."""
        chosen = torch.where(mirrored[:, None, None], self.mirrored[slices], self.plain[slices])
        return self.table[chosen.clamp_min(0)], chosen >= 0


class UnionTraining(Training):
    """Training of a `UnionSegmentation`.

    Args:
        data_root: folder of the data sets; see `Training` for the others.
    """

    model: UnionSegmentation

    def __init__(
        self, recipe: Recipe, data_root: Path, work: Path, device: torch.device, report: Callable[[str], None] = print
    ) -> None:
        super().__init__(recipe, work, device, report)
        self.stacks = {split: read_stacks(data_root, recipe, split) for split in ("train", "val")}
        folder = data_root / recipe.data.folder
        self.cases = {split: as_slices(stacks, folder, split) for split, stacks in self.stacks.items()}
        card = draft_card(recipe, "", "")
        self.words = {split: words(card, stacks, report) for split, stacks in self.stacks.items()}
        self.modalities = {
            split: [stack.modality for stack in stacks for _ in stack.slices] for split, stacks in self.stacks.items()
        }
        network = build(recipe.network)
        assert isinstance(network, UnionSegmentation)
        load_lite0(network)
        self._inputs: dict[tuple[str, int], tuple[Tensor, Tensor]] = {}
        self._start(network.to(device, memory_format=torch.channels_last))  # type: ignore[call-overload]

    def _tensors(self, split: str, size: int) -> tuple[Tensor, Tensor]:
        """Images (n, m, size, size) and masks (n, size, size) of a split, both uint8."""
        if (split, size) not in self._inputs:
            self._inputs = {key: kept for key, kept in self._inputs.items() if key[0] != split}
            recipe, stacks = self.recipe.preprocessing, self.stacks[split]
            x = torch.cat([prepare(stack.image.array, recipe, (size, size)) for stack in stacks])
            masks = [torch.from_numpy(stack.mask)[:, None].float() for stack in stacks]
            resized = torch.cat([F.interpolate(m, size=(size, size), mode="nearest-exact")[:, 0] for m in masks])
            self._inputs[split, size] = ((x * 255).round().to(torch.uint8), resized.to(torch.uint8))
        return self._inputs[split, size]

    def _order(self, batch: int) -> Tensor:
        """Slices of an epoch (steps, batch): as many of each modality as the smallest has, drawn anew each time."""
        names = np.array(self.modalities["train"])
        groups = [torch.from_numpy(np.flatnonzero(names == name)) for name in sorted(set(names))]
        least = min(len(group) for group in groups)
        drawn = [group[torch.randperm(len(group), generator=self.generator)[:least]] for group in groups]
        order = torch.cat(drawn)
        order = order[torch.randperm(len(order), generator=self.generator)]
        return order[: len(order) // batch * batch].view(-1, batch)

    def _train_epoch(self) -> float:
        phase = self.schedule.phase(self.epoch)
        x, masks = self._tensors("train", phase.size)
        recipe = self.recipe.augmentation.weaker(phase.strength)
        chance, recipe = recipe.flip_horizontal, recipe.model_copy(update={"flip_horizontal": 0.0})
        self.model.train()
        self._freeze(self.epoch < self.schedule.freeze_epochs)
        order, losses = self._order(phase.batch), []
        for number, chosen in enumerate(order):
            self._set_rate(self.epoch + number / len(order))
            mirrored = torch.rand(len(chosen), generator=self.generator) < chance
            image, mask = x[chosen].float() / 255, masks[chosen].long()
            image[mirrored], mask[mirrored] = image[mirrored].flip(3), mask[mirrored].flip(2)
            image, moved = augment(_in_colour(image), mask, recipe, self.generator, phase.crop)
            assert moved is not None
            z = standardise(image[:, : x.shape[1]].to(self.device), self.recipe.preprocessing)
            z = leave_out(z, self.schedule.sequence_dropout, self.generator)
            scores = self.model(z, *self._told("train", chosen, mirrored))
            losses.append(self._optimise(segmentation_loss(scores, moved.to(self.device))))
        return float(np.mean(losses))

    def _told(self, split: str, chosen: Tensor, mirrored: Tensor) -> tuple[Tensor, ...]:
        of_split = self.words[split]
        return () if of_split is None else tuple(t.to(self.device) for t in of_split.of(chosen, mirrored))

    def _freeze(self, frozen: bool) -> None:
        for parameter in self.model.low_level.parameters():
            parameter.requires_grad_(not frozen)
        if frozen:
            self.model.low_level.eval()

    @torch.no_grad()
    def _validate(self) -> dict[str, float]:
        """Mean Dice of whole stacks, as often each modality; with all sequences."""
        x, masks = self._tensors("val", self.schedule.phases[-1].size)
        found = []
        for chosen in torch.arange(len(x)).split(16):
            z = standardise(x[chosen].to(self.device).float() / 255, self.recipe.preprocessing)
            told = self._told("val", chosen, torch.zeros(len(chosen), dtype=torch.bool))
            found.append(self.ema(z, *told).argmax(1).cpu())
        groups, structures = self.cases["val"].groups, self.recipe.card.structures
        dice = pooled_dice(list(torch.cat(found).numpy()), list(masks.numpy()), groups, len(structures))
        rows: dict[str, list[Floats]] = {stack.modality: [] for stack in self.stacks["val"]}
        for stack in self.stacks["val"]:
            rows[stack.modality].append(dice[stack.image.name])
        means = {name: _mean_of_defined(of_one) for name, of_one in rows.items()}
        overall = _mean_of_defined(list(means.values()))
        record = {"score": float(np.nanmean(overall))}
        record |= {s.name: float(overall[n]) for n, s in enumerate(structures)}
        record |= {name: float(np.nanmean(values)) for name, values in means.items() if name}
        return {name: round(value, 5) for name, value in record.items()}


def _mean_of_defined(rows: Sequence[Floats]) -> Floats:
    """Mean over rows of numbers of which some are NaN; NaN where all are."""
    mean: Floats = np.ma.masked_invalid(np.stack(rows)).mean(0).filled(np.nan)
    return mean


def _in_colour(x: Tensor) -> Tensor:
    """(n, m, h, w) with at most three sequences as (n, 3, h, w); one is repeated."""
    if x.shape[1] == 1:
        return x.expand(-1, COLOURS, -1, -1)
    return F.pad(x, (0, 0, 0, 0, 0, COLOURS - x.shape[1]))


def leave_out(x: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Sequences of (n, m, h, w) set to 0, each with that probability, but never all of an image."""
    n, m = x.shape[:2]
    if m == 1 or not share:
        return x
    draws = torch.rand(n, m, generator=generator)
    kept = (draws >= share) | (draws == draws.amax(1, keepdim=True))
    return x * kept[..., None, None].to(x)


def words(card: WeightCard, stacks: Sequence[Stack], report: Callable[[str], None] = print) -> Words | None:
    """Instructions of all slices; None for a card whose network takes none."""
    if card.preprocessing.instruction is None:
        return None
    told: list[Told] = []
    for number, stack in enumerate(stacks):
        told.append(instructed(card, stack.image.array, stack.image.channels))
        if (number + 1) % 20 == 0:
            report(f"instructions of {number + 1} of {len(stacks)} stacks")
    rows = [row for of_stack in told for row in of_stack]
    unique = sorted({s for row in rows for one in row if one for s in (*one.sentences, *one.mirrored)})
    number_of = {sentence: n for n, sentence in enumerate(unique)}
    longest = max(len(one.sentences) for row in rows for one in row if one)

    def numbers(sentences: Sequence[str]) -> list[int]:
        return [number_of[s] for s in sentences] + [-1] * (longest - len(sentences))

    def of_all(pick: Callable[[int, int], Sequence[str]]) -> Iterator[list[list[int]]]:
        for n, row in enumerate(rows):
            yield [numbers(pick(n, m)) for m in range(len(row))]

    plain = torch.tensor(list(of_all(lambda n, m: one.sentences if (one := rows[n][m]) else ())))
    mirrored = torch.tensor(list(of_all(lambda n, m: one.mirrored if (one := rows[n][m]) else ())))
    return Words(plain, mirrored, torch.from_numpy(sentence_vectors()(unique)))

"""The input check's profiles of volumes: what fitting ones look like in their middle slices, and how large they are."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..catalog import InputProfile, Preprocessing, WeightCard
from ..errors import InvalidInput
from ..inference.input_check import Floats, check_input, describe_volume
from ..inference.volume_geometry import grid_of
from .data import NoSuchSplit
from .input_profile import LARGEST_SAMPLE, PairRate, fit_profile, profile_command
from .summary import data_set_of
from .volume_data import VolumeCases, is_volume_set, read_volumes

EXTENT_SLACK = 0.3
"""Share by which a volume may be smaller than the smallest or larger than the largest training volume."""


def volume_sets(root: Path) -> tuple[Path, ...]:
    """Folders of volumes below `root`."""
    return tuple(sorted(p.parent for p in root.glob("*/split.csv") if is_volume_set(p.parent)))


def volume_profile(
    root: Path, card: WeightCard, like: Sequence[str] = (), *, splits: Sequence[str] = ("train",), alone: bool = False
) -> InputProfile:
    """The profile of the volumes a weight was trained on, against the other sets of volumes in `root`.

    Args:
        like: sets of the same kind of volumes beside those that the card names; they are no counter-examples.
        splits: of its own set.
        alone: do without other sets.

    Raises:
        InvalidInput: the card's own set is not there or not of volumes, or there is no other set of volumes.
    """
    recipe, own = card.preprocessing, data_set_of(card, root).name
    same = {own, *card.provenance.same_kind, *like}
    others = {}
    for folder in volume_sets(root):
        if folder.name in same:
            continue
        with contextlib.suppress(NoSuchSplit):
            others[folder.name] = _described(read_volumes(folder, "train", orientation=recipe.orientation), recipe)
    if not others and not alone:
        raise InvalidInput(f"There are no other sets of volumes in {root} to compare '{own}' with.")
    parts = [read_volumes(root / own, split, orientation=recipe.orientation) for split in splits]
    described = np.concatenate([_described(part, recipe) for part in parts])
    profile = fit_profile(
        described,
        np.concatenate([np.empty((0, described.shape[1])), *others.values()]),
        dataset=own,
        counter_examples=list(others),
    )
    shapes = np.array([grid_of(part.image(index), recipe).shape for part in parts for index in range(len(part))])
    least, most = shapes.min(0) * (1 - EXTENT_SLACK), shapes.max(0) * (1 + EXTENT_SLACK)
    extent = tuple((round(float(a), 1), round(float(b), 1)) for a, b in zip(least, most, strict=True))
    return profile.model_copy(update={"extent": extent, "command": profile_command(card, like)})


def _described(cases: VolumeCases, recipe: Preprocessing) -> Floats:
    chosen = np.arange(len(cases))
    if len(cases) > LARGEST_SAMPLE:
        chosen = np.sort(np.random.default_rng(0).choice(len(cases), LARGEST_SAMPLE, replace=False))
    return np.stack([describe_volume(cases.image(int(index)), recipe) for index in chosen])


def measure_volume_pairs(cards: Sequence[WeightCard], root: Path, split: str) -> tuple[PairRate, ...]:
    """Every 3D card with a profile against every set of volumes in `root` that has the split."""
    rates = []
    for card in cards:
        profile = card.input_profile
        if card.dimension != 3 or profile is None:
            continue
        for folder in volume_sets(root):
            try:
                cases = read_volumes(folder, split, orientation=card.preprocessing.orientation)
            except NoSuchSplit:
                continue  # a set without this split says nothing
            accepted = [check_input(card, cases.image(index)) is None for index in range(len(cases))]
            counter = folder.name in profile.counter_examples
            relation = "own" if folder.name == profile.dataset else "other" if counter else "same"
            rates.append(PairRate(card.id, folder.name, relation, float(np.mean(accepted)), len(cases)))
    return tuple(rates)

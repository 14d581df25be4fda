"""The input check's profiles: fitted on training splits, measured over all pairs of weights and data sets."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..catalog import InputProfile, WeightCard
from ..errors import InvalidInput
from ..images import Array, MedicalImage
from ..inference.input_check import SATURATION, Floats, check_input, describe, distances, fits, likenesses, pack, unpack
from .data import NoSuchSplit, as_image, read_cases
from .summary import data_set_of
from .volume_data import is_volume_set, read_volumes

LARGEST_SAMPLE = 400
"""Images of a training split that are described; more change the profiles little."""
COMPONENTS = 16
SMALLEST_DEVIATION = 0.02
QUANTILE, SLACK = 0.99, 1.15
"""The limit is this quantile of held-out training distances, times the slack."""
LIKENESS_QUANTILE = 0.005
FOLDS = 5


def image_sets(root: Path) -> tuple[Path, ...]:
    """Folders of single images below `root`."""
    folders = sorted(p.parent for p in root.glob("*/split.csv") if (p.parent / "images").is_dir())
    found = tuple(folder for folder in folders if not is_volume_set(folder))
    if not found:
        raise InvalidInput(f"There are no data sets in {root}; expected folders with split.csv and images/.")
    return found


def described_split(folder: Path, split: str, most: int = LARGEST_SAMPLE) -> Floats:
    """Descriptors (n, 87) of a split, or of `most` images drawn from it with a fixed seed.

    Raises:
        InvalidInput: no such split.
    """
    pictures = _pictures(folder, split)
    chosen = np.arange(len(pictures))
    if len(pictures) > most:
        chosen = np.sort(np.random.default_rng(0).choice(len(pictures), most, replace=False))
    return np.stack([describe(pictures[int(index)]) for index in chosen])


def _pictures(folder: Path, split: str) -> Sequence[Array]:
    """The images of a split or, of volumes, the slices of their middle halves along the first axis."""
    if not is_volume_set(folder):
        return read_cases(folder, split).images
    stacks = read_volumes(folder, split).images
    return [picture for stack in stacks for picture in stack[len(stack) // 4 : len(stack) - len(stack) // 4]]


def fit_profile(own: Floats, others: Floats, *, dataset: str, counter_examples: Sequence[str]) -> InputProfile:
    """The profile of a kind of image.

    Args:
        own: descriptors (n, 87) of its training split.
        others: of training splits of other kinds of images, (m, 87); with none, the spread of its own decides alone.
    """
    rng = np.random.default_rng(0)
    folds = [rng.permutation(len(own)) % FOLDS, rng.permutation(len(others)) % FOLDS]
    held_distance, held_likeness = [], []
    for fold in range(FOLDS):
        part = _fit(own[folds[0] != fold], others[folds[1] != fold], dataset, counter_examples)
        held = own[folds[0] == fold]
        held_distance.append(distances(part, held))
        held_likeness.append(likenesses(part, held))
    whole = _fit(own, others, dataset, counter_examples)
    limit = SLACK * float(np.quantile(np.concatenate(held_distance), QUANTILE))
    likeness = min(0.0, float(np.quantile(np.concatenate(held_likeness), LIKENESS_QUANTILE)))
    return whole.model_copy(update={"distance_limit": round(limit, 3), "likeness_limit": round(likeness, 3)})


def _fit(own: Floats, others: Floats, dataset: str, counter_examples: Sequence[str]) -> InputProfile:
    """The profile with limits of 1 and 0."""
    from sklearn.linear_model import LogisticRegression

    mean, deviation = own.mean(0), np.maximum(own.std(0), SMALLEST_DEVIATION)
    mean, deviation = unpack(pack(np.stack([mean, deviation])), len(mean))  # as the card will hold them
    z = (own - mean) / deviation
    _, singular, directions = np.linalg.svd(z, full_matrices=False)
    count = max(1, min(COMPONENTS, len(own) // 6))
    rest = float((singular[count:] ** 2).sum()) / len(own) / (z.shape[1] - count)
    pooled = np.concatenate([own, others])
    centre, spread = pooled.mean(0), pooled.std(0) + SMALLEST_DEVIATION
    is_own = np.arange(len(pooled)) < len(own)
    slope, at_zero = np.zeros(own.shape[1]), 0.0
    if len(others):
        line = LogisticRegression(class_weight="balanced", max_iter=1000).fit((pooled - centre) / spread, is_own)
        slope, at_zero = line.coef_[0] / spread, float(line.intercept_[0])
    return InputProfile(
        dataset=dataset,
        images=len(own),
        counter_examples=tuple(counter_examples),
        saturation=tuple(np.quantile(own[:, SATURATION], [0.005, 0.995]).round(4).tolist()),
        vectors=pack(np.stack([mean, deviation, slope * deviation, *directions[:count]])),
        variances=tuple(np.maximum(singular[:count] ** 2 / len(own), 1e-3).round(4).tolist()),
        residual=round(max(rest, 1e-3), 5),
        intercept=round(float(at_zero + slope @ (mean - centre)), 4),
        distance_limit=1.0,
        likeness_limit=0.0,
    )


def profile_from_sets(root: Path, card: WeightCard, like: Sequence[str] = ()) -> InputProfile:
    """The profile of the images a weight was trained on, labelled or not, against the other sets in `root`.

    Args:
        like: sets of the same kind of images beside those that the card names; they are no counter-examples.

    Raises:
        InvalidInput: the card's own set is not there, or no set of another kind.
    """
    own = data_set_of(card, root).name
    also = (*card.provenance.also, *card.provenance.unlabelled)
    same = {own, *also, *card.provenance.same_kind, *like}
    others = [folder for folder in image_sets(root) if folder.name not in same]
    if not others:
        raise InvalidInput(f"There are no data sets of other kinds of images in {root} to compare '{own}' with.")
    profile = fit_profile(
        np.concatenate([described_split(root / name, "train") for name in (own, *also)]),
        np.concatenate([described_split(folder, "train") for folder in others]),
        dataset=own,
        counter_examples=[folder.name for folder in others],
    )
    return profile.model_copy(update={"also": also, "command": profile_command(card, like)})


def profile_command(card: WeightCard, like: Sequence[str]) -> str:
    """What a reader runs to make the profile."""
    return f"medprompt weights profile {card.id} --data DATA" + "".join(f" --like {name}" for name in like)


@dataclass(frozen=True)
class PairRate:
    """How often one weight takes images of one data set for fitting.

    Attributes:
        relation: `own` set, another of the `same` kind, another kind (`other`), or one left out on purpose (`unseen`).
        accepted: share of the images that raise no warning.
    """

    weight_id: str
    dataset: str
    relation: str
    accepted: float
    images: int


def measure_pairs(cards: Sequence[WeightCard], root: Path, split: str) -> tuple[PairRate, ...]:
    """Every card with a profile against every data set of its dimension in `root` that has the split."""
    from .volume_profile import measure_volume_pairs

    rates = list(measure_volume_pairs(cards, root, split))
    of_images = [card for card in cards if card.dimension == 2]
    for folder in image_sets(root) if of_images else ():
        try:
            cases = read_cases(folder, split)
        except NoSuchSplit:
            continue  # a set without this split says nothing
        images = [as_image(picture, name) for picture, name in zip(cases.images, cases.ids, strict=True)]
        for card in of_images:
            profile = card.input_profile
            if profile is None:
                continue
            counter = folder.name in profile.counter_examples
            own = folder.name in (profile.dataset, *profile.also)
            relation = "own" if own else "other" if counter else "same"
            accepted = float(np.mean([_is_accepted(card, image) for image in images]))
            rates.append(PairRate(card.id, folder.name, relation, accepted, len(images)))
    return tuple(rates)


def _is_accepted(card: WeightCard, image: MedicalImage) -> bool:
    """Whether an image raises no warning; one that the weight refuses outright, such as a grey image for a weight that
    takes three sequences, is not accepted either."""
    try:
        return check_input(card, image) is None
    except InvalidInput:
        return False


def measure_unseen(
    cards: Sequence[WeightCard], root: Path, split: str, kin: Sequence[Sequence[str]] = ()
) -> tuple[PairRate, ...]:
    """How often images of a kind are accepted that no counter-example has shown: profiles fitted anew without it.

    Of 2D weights; there are too few kinds of volumes to leave one out.

    Args:
        kin: data sets of one kind, which are left out together; every other set is a kind of its own.
    """
    train: dict[str, Floats] = {}
    test: dict[str, Floats] = {}
    for folder in image_sets(root):
        with contextlib.suppress(NoSuchSplit):  # such a set takes no part
            train[folder.name] = described_split(folder, "train")
            test[folder.name] = described_split(folder, split)
    rates = []
    for card in cards:
        profile = card.input_profile
        if profile is None or card.dimension == 3 or profile.dataset not in train:
            continue
        others = [name for name in profile.counter_examples if name in test]
        groups = [[name for name in group if name in others] for group in kin]
        groups += [[name] for name in others if not any(name in group for group in groups)]
        for group in filter(None, groups):
            kept = [name for name in others if name not in group]
            if not kept:
                continue
            own = np.concatenate([train[name] for name in (profile.dataset, *profile.also)])
            rest = np.concatenate([train[name] for name in kept])
            fitted = fit_profile(own, rest, dataset=profile.dataset, counter_examples=kept)
            for name in group:
                accepted = float(fits(fitted, test[name]).mean())
                rates.append(PairRate(card.id, name, "unseen", accepted, len(test[name])))
    return tuple(rates)


def unseen_table(rates: Sequence[PairRate]) -> str:
    """Per weight, the share of images of unseen kinds that raise no warning, and the sets where there are any."""
    lines = [f"{'weight':34} {'missed, unseen kinds':>22}  where"]
    for weight_id in dict.fromkeys(rate.weight_id for rate in rates):
        of_weight = [rate for rate in rates if rate.weight_id == weight_id]
        where = ", ".join(f"{rate.dataset} {rate.accepted:.3f}" for rate in of_weight if rate.accepted) or "nowhere"
        missed = f"{_pooled(of_weight):.3f} of {sum(rate.images for rate in of_weight)}"
        lines.append(f"{weight_id:34} {missed:>22}  {where}")
    return "\n".join(lines)


def rates_table(rates: Sequence[PairRate]) -> str:
    """False alarms on the own set and misses on other kinds of images per weight, and the pairs that are not clean."""
    lines = [f"{'weight':34} {'false alarms, own set':>22} {'missed, other kinds':>20}  most often missed"]
    for weight_id in dict.fromkeys(rate.weight_id for rate in rates):
        of_weight = [rate for rate in rates if rate.weight_id == weight_id]
        own = [rate for rate in of_weight if rate.relation == "own"]
        other = [rate for rate in of_weight if rate.relation == "other"]
        alarms = f"{1 - _pooled(own):.3f} of {sum(rate.images for rate in own)}" if own else "not measured"
        count = sum(rate.images for rate in other)
        missed = f"{_pooled(other):.3f} of {count}" if count else "not measured"
        worst = max(other, key=lambda rate: rate.accepted, default=None)
        where = f"{worst.dataset} {worst.accepted:.3f}" if worst and worst.accepted else "none"
        lines.append(f"{weight_id:34} {alarms:>22} {missed:>20}  {where}")
    own, other = ([rate for rate in rates if rate.relation == relation] for relation in ("own", "other"))
    if own and other:
        lines.append(f"{'all':34} {1 - _pooled(own):22.3f} {_pooled(other):20.3f}")
    for rate in rates:
        if rate.relation == "same":
            lines.append(f"same kind: {rate.weight_id} accepts {rate.accepted:.3f} of {rate.dataset}")
    return "\n".join(lines)


def _pooled(rates: Sequence[PairRate]) -> float:
    return sum(rate.accepted * rate.images for rate in rates) / sum(rate.images for rate in rates)

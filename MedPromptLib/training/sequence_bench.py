"""Fits the classifier of sequences, and measures it and the check for unregistered images: `medprompt bench sequences`.

The set holds three registered sequences of each patient as the three colours of its slices. Its slices have no spacing;
here a patient's lie 130 mm apart in all with pixels of 1.5 mm, about what a head measures (our reading). A sequence
that the set's authors replaced with the FLAIR is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..images import MedicalImage
from ..inputs import resampled
from ..sequences import appearance
from ..sequences.examination import SURE
from ..sequences.guessing import CONTRADICTED, guesses
from ..sequences.registration import align, lies_apart
from .data import Cases, read_cases

Matrix = npt.NDArray[np.float64]
NAMES = ("t1", "flair", "t1ce")
HEIGHT_MM, PIXEL_MM = 130.0, 1.5
REPLACED = 3.0
"""Mean difference from the FLAIR, of 255, below which a sequence is a copy of it."""
STRENGTH = 0.1
"""Of the regularisation (scikit-learn's C). In seven-fold cross-validation over the train split's patients, 0.1 to 3
were right equally often; the least is the least sure of itself."""
VARIANTS = 3
MOTIONS = (("as they are", 0.0, 0.0, 0.0), ("5 mm in the slice", 5.0, 0.0, 0.0), ("10 mm in the slice", 10.0, 0.0, 0.0),
           ("10 mm across slices", 0.0, 10.0, 0.0), ("8 degrees", 0.0, 0.0, 8.0))  # fmt: skip
"""Name, shift within and across the slices in mm, turn about the slices' normal in degrees."""


@dataclass(frozen=True)
class Patient:
    """One patient's sequences that the set has, by name."""

    id: str
    volumes: dict[str, MedicalImage]


def patients(cases: Cases) -> Iterator[Patient]:
    """The patients of a set whose slices have three sequences as colours."""
    for group in sorted(set(cases.groups)):
        slices = np.stack([image for image, g in zip(cases.images, cases.groups, strict=True) if g == group])
        matrix = np.diag([-PIXEL_MM, -PIXEL_MM, HEIGHT_MM / len(slices), 1.0])
        volumes = {
            name: MedicalImage(np.ascontiguousarray(slices[..., c]), matrix, name) for c, name in enumerate(NAMES)
        }
        flair = slices[..., 1].astype(int)
        kept = {
            name: volume
            for name, volume in volumes.items()
            if name == "flair" or np.abs(flair - volume.array).mean() >= REPLACED
        }
        yield Patient(group, kept)


def disturbed(image: MedicalImage, random: np.random.Generator) -> MedicalImage:
    """The same with another gamma, a slope of brightness, noise, fewer slices and rows, or half the resolution."""
    x = 255 * (image.array.astype(np.float64) / 255) ** random.uniform(0.8, 1.25)
    for axis, side in enumerate(x.shape):
        x = x * (1 + random.uniform(-0.25, 0.25) * np.moveaxis(np.linspace(-1, 1, side)[:, None, None], 0, axis))
    x = (x + random.normal(0, random.uniform(0, 3), x.shape)).clip(0)
    cut = [random.integers(0, 1 + side // share, 2) for side, share in zip(x.shape, (4, 12, 12), strict=True)]
    x = x[tuple(slice(a, side - b) for (a, b), side in zip(cut, x.shape, strict=True))]
    return replace(image, array=x[:, ::2, ::2] if random.random() < 0.3 else x)


def fit(data: Path, out: Path) -> None:
    """Fit the classifier on the train split of `brain_lgg_mri` and write it."""
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(0)
    rows, labels = [], []
    for patient in patients(read_cases(data / "brain_lgg_mri", "train")):
        for name, volume in patient.volumes.items():
            for variant in range(VARIANTS):
                described = appearance.features(disturbed(volume, random) if variant else volume)
                if described is not None:
                    rows.append(described)
                    labels.append(NAMES.index(name))
    x = np.array(rows)
    mean, std = x.mean(0), x.std(0) + 1e-9
    model = LogisticRegression(C=STRENGTH, max_iter=3000).fit(((x - mean) / std).clip(-4, 4), labels)
    made = {"classes": NAMES, "mean": mean, "std": std, "weights": model.coef_, "bias": model.intercept_}
    plain = {key: value if key == "classes" else np.round(value, 4).tolist() for key, value in made.items()}
    out.write_text(json.dumps(plain) + "\n", encoding="utf-8")


def measure(data: Path, split: str, report: Callable[[str], None]) -> Iterator[str]:
    """Lines with how often the classifier and the check for unregistered images are right on a split."""
    found = list(patients(read_cases(data / "brain_lgg_mri", split)))
    yield from _measure_guesses(found, split)
    random = np.random.default_rng(1)
    flagged: dict[str, list[bool]] = {name: [] for name, *_ in MOTIONS}
    left: list[float] = []
    for patient in found:
        report(patient.id)
        for name in ("t1", "t1ce"):
            if name not in patient.volumes:
                continue
            reference, volume = patient.volumes["flair"], patient.volumes[name]
            for kind, motion, image in misplaced(volume, random):
                alignment = align(image, reference)
                flagged[kind].append(lies_apart(alignment))
                if flagged[kind][-1]:
                    left.append(_distance(alignment.to_reference @ motion, reference))
    for kind, _, _, _ in MOTIONS:
        word = "false alarms" if kind == MOTIONS[0][0] else "missed"
        wrong = sum(flagged[kind]) if word == "false alarms" else len(flagged[kind]) - sum(flagged[kind])
        yield f"T1 on FLAIR, {kind}: {word} {wrong} of {len(flagged[kind])}"
    yield f"moved back to within {np.median(left):.1f} mm (median), {np.percentile(left, 90):.1f} mm (90 %)"


def _measure_guesses(found: list[Patient], split: str) -> Iterator[str]:
    alone = [(name, appearance.probabilities(volume)) for patient in found for name, volume in patient.volumes.items()]
    right = sum(max(p, key=p.__getitem__) == name for name, p in alone)
    against = sum(max(p.values()) >= CONTRADICTED and max(p, key=p.__getitem__) != name for name, p in alone)
    known = sum(p[name] >= CONTRADICTED for name, p in alone)
    together = sure = wrong = 0
    whole = [patient for patient in found if len(patient.volumes) == len(NAMES)]
    for patient in whole:
        unnamed = [replace(volume, name=f"image {n}") for n, volume in enumerate(patient.volumes.values())]
        guessed = guesses(unnamed, NAMES)
        is_right = tuple(g.sequence for g in guessed) == tuple(patient.volumes)
        is_sure = all((g.probability or 0) >= SURE for g in guessed)
        together, sure, wrong = together + is_right, sure + is_sure, wrong + (is_sure and not is_right)
    yield f"brain_lgg_mri {split}, {len(found)} patients"
    yield f"sequence of one volume by its grey values: {right} of {len(alone)} right"
    yield f"of a patient's three together: {together} of {len(whole)} right; sure of {sure}, {wrong} of them wrong"
    yield f"true names contradicted: {against} of {len(alone)}; false ones noticed: {known} of {len(alone)}"


def misplaced(volume: MedicalImage, random: np.random.Generator) -> Iterator[tuple[str, Matrix, MedicalImage]]:
    """Name, motion (4, 4) and image of each of `MOTIONS`, on an oblique grid of the image's own."""
    depth, rows, columns = volume.shape
    centre = (volume.ijk_to_ras @ (columns / 2, rows / 2, depth / 2, 1))[:3]
    for kind, within, across, degrees in MOTIONS:
        angle = random.uniform(0, 2 * np.pi)
        shift = np.array([within * np.cos(angle), within * np.sin(angle), across * random.choice((-1, 1))])
        motion = rigid(2, degrees * random.choice((-1, 1)), shift, centre)
        tilt = rigid(int(random.integers(3)), random.uniform(-8, 8), random.uniform(-5, 5, 3), centre)
        grid = MedicalImage(np.zeros(volume.shape, np.uint8), tilt @ volume.ijk_to_ras @ np.diag([1.1, 1.1, 1, 1]))
        yield kind, motion, resampled(replace(volume, ijk_to_ras=motion @ volume.ijk_to_ras), grid)


def rigid(axis: int, degrees: float, shift: Matrix, centre: Matrix) -> Matrix:
    """(4, 4): a turn about an axis of the world through a point, then a shift in mm."""
    angle = np.deg2rad(degrees)
    first, second = [n for n in range(3) if n != axis]
    motion = np.eye(4)
    motion[first, first] = motion[second, second] = np.cos(angle)
    motion[first, second], motion[second, first] = -np.sin(angle), np.sin(angle)
    motion[:3, 3] = centre + shift - motion[:3, :3] @ centre
    return motion


def _distance(motion: Matrix, image: MedicalImage) -> float:
    """How far a motion moves the bright part of an image on average, in mm."""
    points = np.argwhere(image.array.astype(np.float64) > 40)[::50, ::-1]
    world = np.c_[points, np.ones(len(points))] @ image.ijk_to_ras.T
    return float(np.linalg.norm((world @ motion.T - world)[:, :3], axis=1).mean())

"""Reviewed results as data sets in the form that `medprompt train` reads: split.csv, images/ and masks/."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInput, OutputFailed
from ..images import Array, MedicalImage
from ..images_writing import write_volume
from .decisions import Decision, Review

SHARES = {"test": 0.15, "val": 0.15}
"""Of the cases; the rest trains. Cases are shared out by the hash of their names, so that a larger export keeps most of
them where they were."""
AGREED = (Decision.ACCEPTED, Decision.EDITED)


@dataclass(frozen=True)
class LabelMap:
    """A label map and what its values mean.

    Attributes:
        array: (k, j, i) uint8.
        values: label value by structure name.
    """

    array: npt.NDArray[np.uint8]
    values: dict[str, int]


@dataclass(frozen=True)
class ReviewedCase:
    """A case with its image and what a reviewer left of it.

    Attributes:
        label_maps: by task id and weight id.
    """

    name: str
    image: MedicalImage
    reviews: tuple[Review, ...]
    label_maps: Mapping[tuple[int, str], LabelMap]


@dataclass
class Exported:
    """What became of an export.

    Attributes:
        sets: folder by weight id.
        images: number of images by weight id.
        left_out: one sentence for each result that is in no set.
    """

    sets: dict[str, Path] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Example:
    group: str
    name: str
    image: Array | MedicalImage
    mask: npt.NDArray[np.uint8] | None
    label: str


def export_training_set(
    cases: Iterable[ReviewedCase],
    folder: Path,
    progress: Callable[[str], None] = lambda line: None,
    whole: Collection[str] = (),
) -> Exported:
    """Write one data set per weight into `folder/<weight id>`, each complete or not at all.

    A segmentation is taken if each of its structures was accepted or edited: a structure that was rejected or not
    looked at would teach the network that it is background. A classification is taken with the class that the reviewer
    accepted or chose. Volumes become one image per slice, kept together in `group`.

    Args:
        whole: ids of weights that take volumes: theirs stay whole, as NRRD files with their geometry, which is what
            `medprompt train-semi --labelled` reads.

    Raises:
        InvalidInput: nothing can be exported.
        OutputFailed: a set could not be written; it is left out as a whole.
    """
    done = Exported()
    examples: dict[str, list[_Example]] = {}
    for case in cases:
        progress(case.name)
        for key in dict.fromkeys((r.task_id, r.weight_id) for r in case.reviews):
            reviews = [r for r in case.reviews if (r.task_id, r.weight_id) == key]
            made, reason = _examples(case, key, reviews, whole)
            if reason:
                done.left_out.append(f"{case.name}, {key[1]}: {reason}")
            taken = {example.name for example in examples.setdefault(key[1], [])}
            if clash := next((example.name for example in made if example.name in taken), ""):
                done.left_out.append(f"{case.name}, {key[1]}: there is another image named '{clash}'; rename the case.")
                continue
            examples[key[1]].extend(made)
    for weight_id, found in examples.items():
        if found:
            done.sets[weight_id] = _write(found, folder / weight_id)
            done.images[weight_id] = len(found)
    if not done.sets:
        raise InvalidInput(
            "Nothing can be exported: no segmentation has all its structures accepted or edited, and no classification "
            "its class."
        )
    return done


def _examples(
    case: ReviewedCase, key: tuple[int, str], reviews: Sequence[Review], whole: Collection[str]
) -> tuple[list[_Example], str]:
    """The case's images with their truth, and why there are none."""
    open_items = [r.item for r in reviews if r.decision not in AGREED]
    if open_items:
        return [], f"{', '.join(open_items)} not accepted or edited."
    image = case.image
    count = image.shape[0]
    names = [case.name if count == 1 else f"{case.name}_k{k:03d}" for k in range(count)]
    names = [re.sub(r"[^\w.-]+", "_", name) for name in names]
    if reviews[0].kind == "classification":
        if count > 1:
            return [], "a class of a whole volume says nothing about its single slices."
        label = reviews[0].corrected or reviews[0].result
        return [_Example(case.name, names[0], as_uint8(image.array[0]), None, label)], ""
    labels = case.label_maps.get(key)
    if labels is None or labels.array.shape != image.shape:
        return [], "its reviewed mask is missing or on another grid; open the case again."
    if key[1] in whole:
        name = re.sub(r"[^\w.-]+", "_", case.name)
        return [_Example(case.name, name, image, labels.array, "")], ""
    grey = as_uint8(image.array)  # with one window for the whole volume
    return [_Example(case.name, names[k], grey[k], labels.array[k], "") for k in range(count)], ""


def as_uint8(array: Array) -> npt.NDArray[np.uint8]:
    """Values for a PNG: 8-bit ones as they are, others from their 0.5 and 99.5 percentiles to 0 and 255."""
    if array.dtype == np.uint8:
        return array.astype(np.uint8)
    values = array.astype(np.float32)
    low, high = np.percentile(values, (0.5, 99.5))
    scaled = (values - low) / max(float(high - low), 1e-6)
    return (scaled.clip(0, 1) * 255).round().astype(np.uint8)


def split_of(groups: Iterable[str]) -> dict[str, str]:
    """train, val or test by group (a case, a patient); with two or more groups, at least one trains and one validates.

    Groups are taken in the order of their SHA-256.
    """
    ordered = sorted(set(groups), key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    count = len(ordered)
    test = round(SHARES["test"] * count) if count > 2 else 0
    val = max(round(SHARES["val"] * count), 1) if count > 1 else 0
    names = ["test"] * test + ["val"] * val
    return {group: names[n] if n < len(names) else "train" for n, group in enumerate(ordered)}


def _write(examples: Sequence[_Example], folder: Path) -> Path:
    if folder.exists():
        raise OutputFailed(f"There is a folder {folder} already; choose another place, nothing in it was changed.")
    splits = split_of(example.group for example in examples)
    draft = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".medprompt-", dir=folder.parent))
        (draft / "images").mkdir()
        has_masks = examples[0].mask is not None
        if has_masks:
            (draft / "masks").mkdir()
        with (draft / "split.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["id", "split", "label", "group"])
            for example in examples:
                _write_picture(example.image, draft / "images" / example.name)
                if example.mask is not None:
                    of = example.image
                    mask = replace(of, array=example.mask) if isinstance(of, MedicalImage) else example.mask
                    _write_picture(mask, draft / "masks" / example.name)
                writer.writerow([example.name, splits[example.group], example.label, example.group])
        draft.chmod(0o755)
        os.replace(draft, folder)
    except OSError as error:
        raise OutputFailed(
            f"The training set could not be written to {folder} ({error.strerror}); choose another place."
        ) from error
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)
    return folder


def _write_picture(image: Array | MedicalImage, stem: Path) -> None:
    """A slice as PNG, a volume as NRRD."""
    if isinstance(image, MedicalImage):
        write_volume(image, stem.with_name(f"{stem.name}.nrrd"))
        return
    from PIL import Image

    Image.fromarray(image).save(stem.with_name(f"{stem.name}.png"))

"""A user's labelled images, in class folders or listed in a CSV file, checked and made into a data set."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InvalidInput, OutputFailed
from ..images import Array, MedicalImage, read_image

FEWEST = 4
"""Images of a class that are needed: some to learn from and some to check with."""
SHOWN = 3
"""Files that a message names."""
TEST_FROM = 60
"""Images of the smallest class from which on a test split is set aside."""


@dataclass(frozen=True)
class LabelledFile:
    """One image file with its class, and the patient or study it belongs to, if that is known."""

    path: Path
    label: str
    group: str = ""


def class_key(name: str) -> str:
    """Class names are the same if they differ in case, blanks, hyphens and underscores only."""
    return "".join(c for c in name.casefold() if c.isalnum())


def find_files(images: Path, table: Path | None, classes: Sequence[str]) -> list[LabelledFile]:
    """The files of the wanted classes.

    Args:
        images: a folder with one folder per class, or the folder that the table's file names start from.
        table: a CSV file with columns file and label, and optionally group (patient).
        classes: their names; default: those of the folders or the table, in alphabetical order.

    Raises:
        InvalidInput: nothing there, a class without images, or fewer than two classes.
    """
    if not images.is_dir():
        raise InvalidInput(f"There is no folder {images}; give the folder with one folder of images per class.")
    found = _listed(images, table) if table else _in_folders(images)
    there = sorted({one.label for one in found})
    wanted = list(classes) or there
    by_key = {class_key(name): name for name in wanted}
    if len(by_key) != len(wanted):
        raise InvalidInput(f"Two of the classes {', '.join(wanted)} have the same name; rename one.")
    missing = [name for name in wanted if class_key(name) not in map(class_key, there)]
    if missing:
        raise InvalidInput(
            f"There are no images of {', '.join(missing)} in {table or images}; it has images of "
            f"{', '.join(there) or 'nothing'}. Name the folders as the classes, or the classes as the folders."
        )
    kept = [LabelledFile(f.path, by_key[class_key(f.label)], f.group) for f in found if class_key(f.label) in by_key]
    if len(wanted) < 2:
        raise InvalidInput(
            f"A classifier needs at least two classes, and there is {'only ' + wanted[0] if wanted else 'none'} in "
            f"{table or images}; add images of what it should be told from, for example of normal findings."
        )
    return kept


def _in_folders(images: Path) -> list[LabelledFile]:
    found = []
    for folder in sorted(p for p in images.iterdir() if p.is_dir() and not p.name.startswith(".")):
        found += [
            LabelledFile(path, folder.name)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        ]
    return found


def _listed(images: Path, table: Path) -> list[LabelledFile]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"The table {table} cannot be read ({error}); expected CSV with file and label.") from error
    if not rows or not {"file", "label"} <= rows[0].keys():
        raise InvalidInput(
            f"The table {table} needs the columns file and label; it has {list(rows[0]) if rows else []}."
        )
    return [LabelledFile(images / row["file"], row["label"].strip(), (row.get("group") or "").strip()) for row in rows]


def read_pictures(files: Sequence[LabelledFile], report: Callable[[str], None]) -> list[tuple[LabelledFile, Array]]:
    """Each file's picture (h, w[, 3]); a copy within one class is left out and said.

    Raises:
        InvalidInput: unreadable files, volumes, the same picture in two classes, or too few images of a class.
    """
    unreadable, read = [], []
    for one in files:
        try:
            read.append((one, single_picture(read_image(one.path))))
        except InvalidInput as error:
            unreadable.append((one.path, str(error)))
    if unreadable:
        named = "; ".join(f"{path.name}: {why}" for path, why in unreadable[:SHOWN])
        raise InvalidInput(
            f"{len(unreadable)} of {len(files)} images cannot be used ({named}{'; …' * (len(unreadable) > SHOWN)}); "
            "remove or replace them and repeat the command."
        )
    seen: dict[str, LabelledFile] = {}
    kept, clashes, copies = [], [], []
    for one, picture in read:
        digest = hashlib.sha256(repr((picture.shape, str(picture.dtype))).encode() + picture.tobytes()).hexdigest()
        earlier = seen.setdefault(digest, one)
        if earlier is one:
            kept.append((one, picture))
        elif earlier.label == one.label:
            copies.append(one.path.name)
        else:
            clashes.append(f"{earlier.label}/{earlier.path.name} = {one.label}/{one.path.name}")
    if clashes:
        raise InvalidInput(
            f"The same picture lies in two classes {len(clashes)} times ({'; '.join(clashes[:SHOWN])}"
            f"{'; …' * (len(clashes) > SHOWN)}); keep each in the class it belongs to and repeat the command."
        )
    if copies:
        report(f"Left out {len(copies)} copies of other images of their class: {', '.join(copies[:SHOWN])}")
    counts = Counter(one.label for one, _ in kept)
    few = [f"{name} ({count})" for name, count in sorted(counts.items()) if count < FEWEST]
    if few:
        raise InvalidInput(
            f"There are too few different images of {', '.join(few)}; each class needs {FEWEST} or more."
        )
    return kept


def single_picture(image: MedicalImage) -> Array:
    """The one slice of an image as 8- or 16-bit numbers.

    Raises:
        InvalidInput: it has several slices.
    """
    if image.shape[0] != 1:
        raise InvalidInput(f"it has {image.shape[0]} slices, and classifiers of this kind take single images")
    picture = np.ascontiguousarray(image.array[0])
    if picture.dtype == np.uint8:
        return picture
    low, high = float(picture.min()), float(picture.max())
    moved = picture.astype(np.float64) - low
    reach = max(high - low, 1e-9)
    if picture.ndim == 3:  # PNG has no deep colour that is read back alike
        return (moved / reach * 255).round().astype(np.uint8)
    if np.issubdtype(picture.dtype, np.integer) and reach < 65536:
        return moved.astype(np.uint16)
    return (moved / reach * 65535).round().astype(np.uint16)


def split_of(files: Sequence[LabelledFile], seed: int = 1) -> list[str]:
    """`train`, `val` or, of enough images, `test` for each file; images of a group stay together.

    Of every class three tenths are validated on, or three twentieths each validated and tested on.
    """
    counts = Counter(one.label for one in files)
    shares = {"test": 0.15, "val": 0.15} if min(counts.values()) >= TEST_FROM else {"val": 0.3}
    rng = np.random.default_rng(seed)
    groups = [one.group or f"file {index}" for index, one in enumerate(files)]
    order = list(dict.fromkeys(groups))
    rng.shuffle(order)
    chosen: dict[str, str] = {}
    wanted = {
        (split, label): max(1, round(share * n)) for split, share in shares.items() for label, n in counts.items()
    }
    members: dict[str, Counter[str]] = {name: Counter() for name in order}
    for one, group in zip(files, groups, strict=True):
        members[group][one.label] += 1
    for group in order:
        labels = members[group]
        split = next((s for s in shares if all(wanted[s, label] >= n for label, n in labels.items())), "train")
        if split != "train":
            for label, n in labels.items():
                wanted[split, label] -= n
        chosen[group] = split
    splits = [chosen[group] for group in groups]
    for part in ("train", *shares):
        lacking = set(counts) - {one.label for one, split in zip(files, splits, strict=True) if split == part}
        if lacking:
            raise InvalidInput(
                f"The images of {', '.join(sorted(lacking))} come from too few patients (column group) to have some "
                "for training and others for checking; add images of more patients."
            )
    return splits


def write_data_set(pictures: Sequence[tuple[LabelledFile, Array]], splits: Sequence[str], folder: Path) -> None:
    """`split.csv` and `images/` as the rest of the training reads them; an earlier folder is replaced.

    Raises:
        OutputFailed: it cannot be written.
    """
    from PIL import Image

    draft = folder.with_name(f".{folder.name}.part")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        (draft / "images").mkdir(parents=True)
        with (draft / "split.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(("id", "split", "label", "group", "file"))
            for index, ((one, picture), split) in enumerate(zip(pictures, splits, strict=True)):
                name = f"{index:05d}"
                Image.fromarray(picture).save(draft / "images" / f"{name}.png")
                writer.writerow((name, split, one.label, one.group or name, one.path.name))
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    except OSError as error:
        raise OutputFailed(
            f"The folder {folder} cannot be written ({error.strerror}); choose another --work."
        ) from error

"""Labelled and unlabelled volumes from folders as they lie on a disk, as a data set that training reads.

A labelled folder holds volumes with masks beside them: Slicer's `<name>.seg.nrrd`, or a label map `<name>-label`,
`_label` or `_seg` in any volume format; or `images/` and `masks/` with equal names, as reviewed results are exported,
without the cases that a `split.csv` there keeps for testing. Everything is checked here, before any training, and then
lies in one folder with `split.csv`, so that a training that goes on another day finds it unchanged.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInput, MedPromptError
from ..images import VOLUME_SUFFIXES, read_image, stem
from ..images_writing import write_volume
from .data import read_table
from .segmentation_files import Segments, on_grid, read_segments

MASK_ENDINGS = (".seg", "-label", "_label", "_seg")
SHOWN = 5
"""Problems in one message."""
HELD_OUT_EVERY = 5


@dataclass(frozen=True)
class Pair:
    """A volume and its mask, or no mask."""

    image: Path
    mask: Path | None

    @property
    def name(self) -> str:
        """The volume's file name without its ending."""
        return stem(self.image)


@dataclass(frozen=True)
class Gathered:
    """A data set made from folders.

    Attributes:
        folder: with `split.csv`, `images/` and `masks/`; splits `train`, `val` and `unlabelled`.
        train, val, unlabelled: how many volumes each has.
        notes: what was decided on the way.
    """

    folder: Path
    train: int
    val: int
    unlabelled: int
    notes: tuple[str, ...] = ()


def labelled_pairs(folder: Path) -> tuple[Pair, ...]:
    """The volumes of a folder with their masks, by name.

    Raises:
        InvalidInput: no such folder, nothing in it, or volumes without a mask; the message names them.
    """
    apart = (folder / "images").is_dir() and (folder / "masks").is_dir()
    volumes = _volumes(folder / "images" if apart else folder)
    beside = _volumes(folder / "masks") if apart else volumes
    masks = {_bare(path): path for path in beside if apart or _is_mask(path)}
    tests = _test_cases(folder) if apart else set()
    images = [path for path in volumes if (apart or not _is_mask(path)) and stem(path) not in tests]
    masks = {name: path for name, path in masks.items() if name not in tests}
    if not images:
        raise InvalidInput(
            f"The folder {folder} has no volume; expected files ending in {', '.join(VOLUME_SUFFIXES)}, each with its "
            "mask beside it (<name>.seg.nrrd or <name>-label.nrrd)."
        )
    without = [path.name for path in images if stem(path) not in masks]
    if without:
        raise InvalidInput(
            f"{len(without)} of {len(images)} volumes in {folder} have no mask ({_some(without)}); save one beside "
            "each as <name>.seg.nrrd or <name>-label.nrrd, or move them to the folder of volumes without labels."
        )
    orphans = [path.name for name, path in masks.items() if name not in {stem(path) for path in images}]
    if orphans:
        raise InvalidInput(
            f"Masks in {folder} have no volume ({_some(orphans)}); put the volume of the same name beside each."
        )
    return tuple(Pair(path, masks[stem(path)]) for path in images)


def unlabelled_volumes(folder: Path) -> tuple[Pair, ...]:
    """The volumes of a folder; masks beside them are not looked at.

    Raises:
        InvalidInput: no such folder, or fewer than two volumes in it.
    """
    inside = folder / "images" if (folder / "images").is_dir() else folder
    found = tuple(Pair(path, None) for path in _volumes(inside) if not _is_mask(path))
    if len(found) < 2:
        raise InvalidInput(
            f"The folder {folder} has {len(found)} volumes; learning from volumes without labels needs two or more "
            f"(files ending in {', '.join(VOLUME_SUFFIXES)})."
        )
    return found


def gather(
    labelled: Path,
    unlabelled: Path | None,
    structures: Sequence[str],
    out: Path,
    *,
    hold_out: int | None = None,
    merge: bool = False,
    progress: Callable[[str, float], None] = lambda line, done: None,
) -> Gathered:
    """Check everything and write the data set `out`; it appears complete or not at all.

    Args:
        structures: the names of the segments; the only one may have any name.
        hold_out: so many labelled volumes do not train but calibrate; default: a fifth, at least one.
        merge: all segments are parts of the one structure.

    Raises:
        InvalidInput: anything that training would stumble over; several problems are named at once.
    """
    pairs = labelled_pairs(labelled)
    others = _without_labelled(unlabelled_volumes(unlabelled), pairs) if unlabelled is not None else ()
    held = _held_out(len(pairs), hold_out)
    draft = out.with_name(f"{out.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    for room in ("images", "masks"):
        (draft / room).mkdir(parents=True)
    rows: list[tuple[str, str]] = []
    problems: list[str] = []
    for number, pair in enumerate((*pairs, *others)):
        progress(f"Checking {pair.image.name}", number / (len(pairs) + len(others)))
        split = "unlabelled" if pair.mask is None else "val" if number in held else "train"
        # one name can be a labelled and an unlabelled volume's
        name = f"{'u' if pair.mask is None else 'l'}{number:04d}_{pair.name}"
        try:
            _copy(pair, name, structures, draft, merge=merge)
        except MedPromptError as error:
            problems.append(str(error))
        rows.append((name, split))
    if problems:
        shutil.rmtree(draft, ignore_errors=True)
        more = f" And {len(problems) - SHOWN} more problems." if len(problems) > SHOWN else ""
        raise InvalidInput(" ".join(problems[:SHOWN]) + more)
    with (draft / "split.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "split"])
        writer.writerows(rows)
    shutil.rmtree(out, ignore_errors=True)
    draft.replace(out)
    same = len(unlabelled_volumes(unlabelled)) - len(others) if unlabelled is not None else 0
    notes = (f"{same} volumes without labels are also among the labelled ones and were left out.",) if same else ()
    return Gathered(out, len(pairs) - len(held), len(held), len(others), notes)


def _copy(pair: Pair, name: str, structures: Sequence[str], out: Path, *, merge: bool) -> None:
    image = read_image(pair.image)
    if min(image.shape) < 2:
        raise InvalidInput(f"{pair.image} is a single image; expected volumes.")
    if image.is_color:
        raise InvalidInput(f"{pair.image} has colours; expected grey volumes.")
    if pair.mask is not None:
        segments = read_segments(pair.mask)
        labels = _labels(on_grid(segments, image, pair.image), segments, structures, pair.mask, merge=merge)
        write_volume(replace(image, array=labels), out / "masks" / f"{name}.nrrd")
    write_volume(image, out / "images" / f"{name}.nrrd")


def _labels(
    array: npt.NDArray[np.uint8], segments: Segments, structures: Sequence[str], path: Path, *, merge: bool
) -> npt.NDArray[np.uint8]:
    """Values of the file → 1, 2, … in the order of the structures."""
    there = [value for value in np.unique(array).tolist() if value]
    if not there:
        raise InvalidInput(f"The mask {path} is empty; outline the structure or leave the volume out.")
    names = {value: segments.names.get(value, f"label {value}") for value in there}
    if merge:
        return (array > 0).astype(np.uint8)
    if len(there) > len(structures):
        said = f"{len(structures)} structure{'s' * (len(structures) > 1)} ({', '.join(structures)})"
        raise InvalidInput(
            f"The mask {path} has {len(there)} structures ({_some(list(names.values()))}) where {said} was promised; "
            "name each with --structure, remove the others, or join them with --merge-labels."
        )
    if len(structures) == 1:
        return (array > 0).astype(np.uint8)
    labels = np.zeros_like(array)
    for value in there:
        wanted = [n for n, s in enumerate(structures, start=1) if _plain(s) == _plain(names[value])]
        if not wanted and not segments.names and value <= len(structures):
            wanted = [value]  # a label map without names: its values count in the order of the structures
        if not wanted:
            raise InvalidInput(
                f"The mask {path} has a segment '{names[value]}' that is none of {', '.join(structures)}; rename it."
            )
        labels[array == value] = wanted[0]
    return labels


def _held_out(count: int, wanted: int | None) -> set[int]:
    """Which of the labelled volumes calibrate: evenly spread, never the first."""
    if count < 2:
        raise InvalidInput(
            f"There is {count} labelled volume; two or more are needed, since one must be kept aside to calibrate by."
        )
    number = max(1, count // HELD_OUT_EVERY) if wanted is None else wanted
    if not 1 <= number < count:
        raise InvalidInput(f"{number} of {count} labelled volumes cannot be held out; choose 1 to {count - 1}.")
    return {round((n + 1) * count / number) - 1 for n in range(number)}


def _without_labelled(others: tuple[Pair, ...], pairs: tuple[Pair, ...]) -> tuple[Pair, ...]:
    known = {pair.image.resolve() for pair in pairs}
    return tuple(pair for pair in others if pair.image.resolve() not in known)


def _volumes(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InvalidInput(f"There is no folder {folder}.")
    return sorted(p for p in folder.iterdir() if p.name.lower().endswith(VOLUME_SUFFIXES) and p.name[0] != ".")


def _test_cases(folder: Path) -> set[str]:
    """Ids that a `split.csv` beside the rooms, as the review writes it, keeps for testing."""
    if not (folder / "split.csv").is_file():
        return set()
    return {row["id"] for row in read_table(folder) if row.get("split") == "test"}


def _is_mask(path: Path) -> bool:
    return stem(path).lower().endswith(MASK_ENDINGS)


def _bare(path: Path) -> str:
    name = stem(path)
    ending = next((e for e in MASK_ENDINGS if name.lower().endswith(e)), "")
    return name[: len(name) - len(ending)]


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")

"""Which cases a batch has: the images of a folder or DICOM tree, or the rows of a table; each has its own name."""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput
from ..image_headers import with_detached_data
from ..images import EXPECTED, RASTER_SUFFIXES, VOLUME_SUFFIXES, is_dicom, sha256_of_files, stem

if TYPE_CHECKING:
    from pydicom import Dataset

OWN_FOLDER = ".medprompt-batch"
"""In an output folder: lock, plans, failures and unfinished work; what holds it is no input."""

SLICED = ("CT", "MR", "PT", "NM")
"""DICOM modalities whose series are volumes; of any other kind, each file is an image by itself."""

TABLE_SUFFIXES = (".csv", ".tsv")
COLUMNS = ("input", "name", "prompt", "modality")
LONGEST_NAME = 100
TAKEN = frozenset({"index.html", "results.csv", "results.parquet", "cases.csv"})
"""Names that a batch writes into its folder beside the cases."""


@dataclass(frozen=True)
class BatchCase:
    """One image and what is asked of it.

    Attributes:
        name: of its result folder, unique in the batch; never a patient's name out of a DICOM header.
        files: absolute paths: one file, or the slices of one series.
        shown: the input as the user knows it, relative to the folder or table.
        prompt: empty for the batch's own.
        modality: what the image is, where its file does not say; None if nobody said.
    """

    name: str
    files: tuple[str, ...]
    shown: str
    prompt: str = ""
    modality: str | None = None


@dataclass(frozen=True)
class Listing:
    """The cases of an input in their order, and what was left out on the way, in sentences."""

    cases: tuple[BatchCase, ...]
    notes: tuple[str, ...] = ()


def list_cases(source: Path, out: Path) -> Listing:
    """The cases of a folder of images, of a DICOM tree, of a table with a column `input`, or of one image file.

    Args:
        out: the batch's output folder, which is left out if it lies inside the source.

    Raises:
        InvalidInput: there is nothing there, no image in it, or the table is not as expected.
    """
    source = source.expanduser().absolute()
    if source.is_dir():
        return _of_folder(source, out.expanduser().absolute())
    if not source.exists():
        raise InvalidInput(f"There is no {source}; give a folder of images, a DICOM folder or a .csv table.")
    if source.suffix.lower() in TABLE_SUFFIXES:
        return _of_table(source)
    return Listing((BatchCase(safe_name(stem(source)), (os.fspath(source),), source.name),))


def content_hash(case: BatchCase) -> str:
    """Hex SHA-256 of the case's files as listed, with the voxels that a header names.

    Raises:
        InvalidInput: one cannot be read.
    """
    if missing := [file for file in case.files if not os.path.exists(file)]:
        raise InvalidInput(f"There is no file {missing[0]}.")
    try:
        paths = [p for file in case.files for p in with_detached_data(Path(file))]
        return sha256_of_files(paths)
    except OSError as error:
        raise InvalidInput(f"{case.files[0]} cannot be read ({error.strerror}).") from error


# -- folders ------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    """An image before it has a name; `private` says that its path tells the patient."""

    files: tuple[Path, ...]
    shown: Path
    private: str = ""


def _of_folder(folder: Path, out: Path) -> Listing:
    if folder == out:
        raise InvalidInput(f"Results would lie among the images in {folder}; give another --out.")
    others = 0
    pictures: list[_Found] = []
    dicom: list[Path] = []
    for path in _walk(folder, out):
        lower = path.name.lower()
        if lower.endswith(".seg.nrrd") or path.name == "DICOMDIR":
            others += 1
        elif lower.endswith(RASTER_SUFFIXES + VOLUME_SUFFIXES):
            pictures.append(_Found((path,), path.relative_to(folder)))
        elif _looks_like_dicom(path):
            dicom.append(path)
        else:
            others += 1
    series, unfit = _series(dicom, folder)
    found = sorted([*pictures, *series], key=lambda f: _in_numbers(f.shown.as_posix()))
    if not found:
        raise InvalidInput(f"The folder {folder} contains no image; {EXPECTED}.")
    notes = []
    if others + unfit:
        notes.append(f"{others + unfit} files in {folder} that are no images were left out.")
    names = _names([f.private or _from_path(f.shown, f.files) for f in found], [f.shown for f in found])
    cases = (
        BatchCase(name, tuple(map(os.fspath, f.files)), f.shown.as_posix())
        for name, f in zip(names, found, strict=True)
    )
    return Listing(tuple(cases), tuple(notes))


def _walk(folder: Path, out: Path) -> Iterator[Path]:
    """Files below a folder, without hidden ones and without what batches wrote."""
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and here / name != out and not (here / name / OWN_FOLDER).is_dir()
        )
        yield from (here / name for name in sorted(files) if not name.startswith("."))


def _looks_like_dicom(path: Path) -> bool:
    try:
        return path.stat().st_size > 0 and is_dicom(path)
    except OSError:
        return False


def _series(paths: Sequence[Path], folder: Path) -> tuple[list[_Found], int]:
    """DICOM files as images, and how many were none. What cannot be read stays, so that its case says why."""
    if not paths:
        return [], 0
    from pydicom import dcmread

    from ..dicom_images import NOT_IMAGES, tells_patient

    tags: list[Any] = ["SeriesInstanceUID", "SOPInstanceUID", "Modality", "Rows", "PatientName", "PatientID"]
    unfit = 0
    volumes: dict[str, tuple[list[Path], Dataset]] = {}
    found = []
    for path in paths:
        try:
            header: Dataset = dcmread(path, stop_before_pixels=True, specific_tags=tags, force=True)
        except Exception:  # damaged bytes make pydicom raise almost anything
            found.append(_Found((path,), path.relative_to(folder)))
            continue
        if "Rows" not in header or header.get("Modality") in NOT_IMAGES:
            unfit += 1
        elif header.get("Modality") in SLICED and header.get("SeriesInstanceUID"):
            volumes.setdefault(str(header.SeriesInstanceUID), ([], header))[0].append(path)
        else:
            shown = path.relative_to(folder)
            private = _pseudonym(header) if tells_patient(shown.as_posix(), header) else ""
            found.append(_Found((path,), shown, private))
    places = Counter(files[0].parent for files, _ in volumes.values())
    for uid, (files, header) in volumes.items():
        shown = files[0].parent.relative_to(folder)
        if places[files[0].parent] > 1 or not shown.parts:  # a folder with several series: its name alone is not enough
            shown = shown / f"{header.Modality.lower()}-{hashlib.sha256(uid.encode()).hexdigest()[:8]}"
        private = _pseudonym(header) if tells_patient(shown.as_posix(), header) else ""
        found.append(_Found(tuple(files), shown, private))
    return found, unfit


def _pseudonym(header: Dataset) -> str:
    uid = str(header.get("SOPInstanceUID" if header.get("Modality") not in SLICED else "SeriesInstanceUID") or "")
    return f"{str(header.get('Modality') or 'image').lower()}-{hashlib.sha256(uid.encode()).hexdigest()[:8]}"


def _from_path(shown: Path, files: Sequence[Path]) -> str:
    last = stem(shown) if len(files) == 1 and files[0].name == shown.name else shown.name
    return "__".join((*shown.parts[:-1], last))


def _in_numbers(text: str) -> list[tuple[int, int | str]]:
    """A key that sorts `image 10` behind `image 9`."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(part)) if part.isascii() and part.isdigit() else (1, part) for part in parts if part]


# -- names ------------------------------------------------------------


def safe_name(text: str) -> str:
    """A folder's name on every system: letters, digits and `-_.` of a text, no longer than `LONGEST_NAME`."""
    name = re.sub(r"[^\w.-]+", "_", text).strip("._ ") or "image"
    if len(name.encode()) > LONGEST_NAME:
        name = f"{name[: LONGEST_NAME // 4]}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    reserved = name.lower() in TAKEN or re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name)
    return f"case_{name}" if reserved else name


def _names(wanted: Sequence[str], shown: Sequence[Path]) -> list[str]:
    """Names of their own, also where a system does not tell large from small letters; clashes get a hash of the path,
    so that a name does not depend on what else is there besides the ones it clashes with.
    """
    names = [safe_name(text) for text in wanted]
    count = Counter(name.casefold() for name in names)
    return [
        name if count[name.casefold()] == 1 else f"{name}-{hashlib.sha256(path.as_posix().encode()).hexdigest()[:8]}"
        for name, path in zip(names, shown, strict=True)
    ]


# -- tables ------------------------------------------------------------


def _of_table(path: Path) -> Listing:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            header = tuple(reader.fieldnames or ())
            rows = [{key: (value or "").strip() for key, value in row.items() if key} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"The table {path} cannot be read ({error}); expected is CSV in UTF-8.") from error
    if "input" not in header:
        found = ", ".join(header) or "nothing"
        raise InvalidInput(
            f"The table {path} has no column 'input' (found: {found}); expected are the columns input and, if wanted, "
            f"{', '.join(COLUMNS[1:])}."
        )
    rows = [row for row in rows if any(row.values())]
    if not rows:
        raise InvalidInput(f"The table {path} has no rows; expected is one image a row.")
    empty = [number for number, row in enumerate(rows, start=2) if not row["input"]]
    if empty:
        raise InvalidInput(f"Line {empty[0]} of {path} names no input; give each row an image.")
    files = [_files_of(path.parent / Path(row["input"]).expanduser(), row["input"]) for row in rows]
    wanted = [row.get("name") or stem(Path(row["input"])) for row in rows]
    # The prompt belongs to what tells two rows apart: one image may be asked several things.
    apart = [Path(f"{row['input']}\n{row.get('prompt', '')}\n{row.get('modality', '')}") for row in rows]
    names = _names(wanted, apart)
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        raise InvalidInput(f"Two rows of {path} are the same case ('{double[0]}'); name them in a column 'name'.")
    known = set(COLUMNS)
    unknown = [name for name in header if name not in known]
    notes = (f"Columns of {path.name} that are not used: {', '.join(unknown)}.",) if unknown else ()
    cases = (
        BatchCase(name, chosen, row["input"], row.get("prompt", ""), row.get("modality") or None)
        for name, chosen, row in zip(names, files, rows, strict=True)
    )
    return Listing(tuple(cases), notes)


def _files_of(path: Path, shown: str) -> tuple[str, ...]:
    """The files of one row: a file, or what a folder holds. A missing one is its case's failure, not the table's."""
    path = path.absolute()
    if not path.is_dir():
        return (os.fspath(path),)
    try:
        inside = _of_folder(path, path / OWN_FOLDER).cases
    except InvalidInput:
        return (os.fspath(path),)
    if len(inside) > 1:
        raise InvalidInput(f"The folder {shown} holds {len(inside)} images; give each a row of its own.")
    return inside[0].files

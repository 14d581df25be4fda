"""A batch's cases: the folders that `medprompt run --out` writes, and what a reviewer added to each.

A case's own files are never changed. What the reviewer decided lies in its subfolder `review`: `review.json`, and the
label maps as they were left, one `<task>_<weight>.nrrd` each.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from ..errors import InvalidInput, OutputFailed
from ..images import MedicalImage, read_image
from ..outputs import RUN_NAME, SCENE_NAME
from ..results import Provenance
from .decisions import Decision, Review
from .training_set import LabelMap, ReviewedCase

REVIEW_FOLDER = "review"
REVIEW_NAME = "review.json"


@dataclass(frozen=True)
class Case:
    """One result folder."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def scene(self) -> Path:
        """The scene bundle to look at."""
        return self.folder / SCENE_NAME

    @property
    def is_reviewed(self) -> bool:
        """Whether a reviewer has saved something here."""
        return (self.folder / REVIEW_FOLDER / REVIEW_NAME).is_file()

    @property
    def is_decided(self) -> bool:
        """Whether nothing waits for a decision any more.

        Raises:
            InvalidInput: the files are damaged.
        """
        return self.is_reviewed and all(review.decision is not Decision.PROPOSED for review in self.reviews())

    def provenance(self) -> Provenance:
        """What ran.

        Raises:
            InvalidInput: `run.json` is missing or damaged.
        """
        path = self.folder / RUN_NAME
        try:
            return Provenance.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise InvalidInput(f"{path} cannot be read ({reason}); run the case again.") from error

    def reviews(self) -> tuple[Review, ...]:
        """What was decided, or the bare proposals if nothing was.

        Raises:
            InvalidInput: the files are damaged.
        """
        path = self.folder / REVIEW_FOLDER / REVIEW_NAME
        if not path.is_file():
            return proposals(self.provenance(), self.name)
        try:
            return TypeAdapter(tuple[Review, ...]).validate_json(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise InvalidInput(f"The decisions in {path} cannot be read ({reason}); move the file away.") from error

    def save(self, reviews: Sequence[Review], label_maps: Mapping[tuple[int, str], LabelMap]) -> None:
        """Keep decisions and label maps.

        Args:
            label_maps: by task id and weight id.

        Raises:
            OutputFailed: they could not be written; `review.json` then is as it was.
        """
        import SimpleITK as sitk

        folder = self.folder / REVIEW_FOLDER
        text = json.dumps([r.model_dump(mode="json") for r in reviews], indent=1, ensure_ascii=False) + "\n"
        try:
            folder.mkdir(exist_ok=True)
            for (task_id, weight_id), labels in label_maps.items():
                image = sitk.GetImageFromArray(labels.array)
                for name, value in labels.values.items():
                    image.SetMetaData(f"label_{value}", name)
                draft = folder / f".{task_id}_{weight_id}.part.nrrd"
                sitk.WriteImage(image, os.fspath(draft), useCompression=True)
                os.replace(draft, folder / f"{task_id}_{weight_id}.nrrd")
            draft = folder / f".{REVIEW_NAME}.part"
            draft.write_text(text, encoding="utf-8")
            os.replace(draft, folder / REVIEW_NAME)
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error).splitlines()[-1]
            raise OutputFailed(
                f"The review of '{self.name}' could not be saved ({reason}); check the folder and the free space."
            ) from error

    def label_map(self, task_id: int, weight_id: str) -> LabelMap | None:
        """A label map as the reviewer left it; None if none was saved.

        Raises:
            InvalidInput: the file is damaged.
        """
        import SimpleITK as sitk

        path = self.folder / REVIEW_FOLDER / f"{task_id}_{weight_id}.nrrd"
        if not path.is_file():
            return None
        try:
            image = sitk.ReadImage(os.fspath(path))
        except RuntimeError as error:
            raise InvalidInput(f"The reviewed mask {path} cannot be read; review the case again.") from error
        values = {
            image.GetMetaData(key): int(key.removeprefix("label_"))
            for key in image.GetMetaDataKeys()
            if key.startswith("label_")
        }
        array: npt.NDArray[np.uint8] = sitk.GetArrayFromImage(image)
        return LabelMap(array, values)

    def image(self) -> MedicalImage:
        """The analysed image, out of the scene bundle.

        Raises:
            InvalidInput: the bundle is missing, damaged or holds no such image.
        """
        try:
            with zipfile.ZipFile(self.scene) as bundle, TemporaryDirectory() as folder:
                scene = next(name for name in bundle.namelist() if name.endswith(".mrml"))
                file = _volume_file(bundle.read(scene), self.provenance().input_name)
                inside = scene.rpartition("/")[0] + "/" + file
                return read_image(bundle.extract(inside.lstrip("/"), folder))
        except (OSError, zipfile.BadZipFile, KeyError, StopIteration, ElementTree.ParseError) as error:
            raise InvalidInput(f"{self.scene} is missing, damaged or holds no image; run the case again.") from error

    def reviewed(self) -> ReviewedCase:
        """Everything a training set needs of the case; errors as the single parts."""
        reviews = self.reviews()
        keys = {(r.task_id, r.weight_id) for r in reviews if r.kind == "segmentation"}
        found = {key: labels for key in keys if (labels := self.label_map(*key)) is not None}
        return ReviewedCase(self.name, self.image(), reviews, found)


def _volume_file(mrml: bytes, name: str) -> str:
    """File name of the image in a scene's XML; by its node's name, else the only one."""
    from urllib.parse import unquote

    root = ElementTree.fromstring(mrml)
    files = {
        node.get("id", ""): unquote(node.get("fileName", ""))
        for node in root
        if node.tag.endswith("Storage") and node.get("fileName")
    }
    volumes = []
    for node in root:
        if node.tag in ("Volume", "VectorVolume"):
            references = dict(part.split(":", 1) for part in node.get("references", "").split(";") if ":" in part)
            volumes.append((node.get("name", ""), files[references.get("storage", node.get("storageNodeRef", ""))]))
    return next((file for own, file in volumes if own == name), volumes[0][1] if volumes else "")


def proposals(provenance: Provenance, case: str) -> tuple[Review, ...]:
    """A run's findings, each waiting for a decision."""
    return tuple(
        Review(
            case=case,
            task_id=finding.task_id,
            kind=finding.kind,
            item=finding.structure or finding.target,
            result=finding.result,
            probability=finding.probability,
            weight_id=finding.weight_id,
            weight_sha256=finding.weight_sha256,
        )
        for finding in provenance.findings
    )


def find_cases(folder: Path) -> tuple[Case, ...]:
    """The cases of a batch folder by name; a folder that is a case itself is the only one.

    Raises:
        InvalidInput: there are none.
    """
    places = [folder, *sorted(p for p in folder.iterdir() if p.is_dir())] if folder.is_dir() else []
    cases = tuple(Case(p) for p in places if (p / RUN_NAME).is_file() and (p / SCENE_NAME).is_file())
    if not cases:
        raise InvalidInput(
            f"There are no results in {folder}; expected folders with {RUN_NAME} and {SCENE_NAME}, as "
            "`medprompt run --out` writes them."
        )
    return cases

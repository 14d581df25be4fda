"""A run's folder as a record for the archive, with every name and text cleaned before it is stored."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote
from xml.etree import ElementTree

from pydantic import ValidationError

from ..errors import InvalidInput
from ..outputs import PICTURE_NAME, RUN_NAME, SCENE_NAME, TABLE_NAME
from ..results import Provenance
from .audit import canonical
from .keys import Keys
from .privacy import PrivacyProfile, Scrubber, dicom_header, subject_of, without_identifiers

if TYPE_CHECKING:
    from pydicom import Dataset

    from ..images import MedicalImage

REPORT_STEM, FINDINGS_NAME = "report", "findings.json"
_OFTEN = ("image", "volume", "scan", "film", "picture", "ct", "mr", "mri", "cr", "dx", "us", "test", "input", "series")
TEXT_SUFFIXES = (".txt", ".md", ".html", ".json", ".tsv", ".csv", ".mrml", ".xml")


@dataclass
class Record:
    """What is filed of one run; all of it may be stored.

    Attributes:
        image, subject, study: pseudonyms, empty where unknown.
        provenance: JSON value without the findings.
        header: DICOM JSON model, or empty.
        descriptor: of the image, 87 little-endian float32, or None.
        findings: JSON documents in order.
        decisions: finding's number, from 1, → decision that the run came with.
        tags: (kind, value).
        files: name → where its bytes lie until it is filed.
        warnings: sentences for the user.
    """

    started: str
    image: str
    provenance: dict[str, Any]
    findings: tuple[Mapping[str, Any], ...]
    project: str = ""
    subject: str = ""
    study: str = ""
    modality: str = ""
    header: dict[str, Any] = field(default_factory=dict)
    descriptor: bytes | None = None
    decisions: dict[int, str] = field(default_factory=dict)
    tags: tuple[tuple[str, str], ...] = ()
    files: dict[str, Path] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """32 hexadecimal digits from what ran on what and when: the same for the same run."""
        return hashlib.sha256(canonical(self.provenance).encode()).hexdigest()[:32]


@contextlib.contextmanager
def record_of(
    folder: Path,
    keys: Keys,
    profile: PrivacyProfile,
    *,
    image: MedicalImage | None = None,
    source: Path | None = None,
    subject: str = "",
    project: str = "",
    documents: Sequence[Mapping[str, Any]] | None = None,
    with_scene: bool = True,
    written: Sequence[Path] | None = None,
) -> Iterator[Record]:
    """The record of a run that `outputs.write_outputs` wrote; its files lie in a folder that lasts as long as this.

    Args:
        image: as it was analysed; else it is taken from the scene.
        source: file or folder it was read from, for its DICOM header.
        subject: an identifier of the subject where no header has one; only its pseudonym is stored.
        documents: findings of another kind than `results.Finding`, instead of those of the run.
        written: the run's files, where the folder may hold others.

    Raises:
        InvalidInput: no run, or an identifier could not be removed.
        MissingPackage: a package for DICOM headers.
    """
    provenance = _provenance(folder)
    header = dicom_header(source) if source is not None else None
    hidden = () if profile.file_names else (provenance.input_name,)
    # A name such as "lung" would take ordinary words out of texts; where names stand they are replaced as a whole.
    scrubber = Scrubber(profile, header, [subject, *(n for n in hidden if not _words(n) <= _common_words(provenance))])
    digest = keys.pseudonym("image", provenance.input_sha256)
    name = scrubber.text(provenance.input_name) if profile.file_names else f"image {digest[:8]}"
    stored = _clean_provenance(provenance, scrubber, name, digest)
    findings = documents if documents is not None else [f.model_dump(mode="json") for f in provenance.findings]
    cleaned = without_identifiers(header, keys, profile) if header is not None else None
    from .burned_in import warning

    with tempfile.TemporaryDirectory(prefix="medprompt-") as place:
        bundle = folder / SCENE_NAME
        if image is None and bundle.is_file():
            image = _image_in(bundle)
        modality = _modality(provenance, image)
        warnings = [warning(image, header)]
        paths = sorted(folder.iterdir()) if written is None else sorted(written)
        files = _clean_files(paths, Path(place), scrubber, provenance.input_name, name, stored, with_scene, warnings)
        given = keys.pseudonym("subject", subject.strip()) if subject.strip() else ""
        yield Record(
            started=provenance.started,
            image=digest,
            provenance={k: v for k, v in stored.items() if k != "findings"},
            findings=tuple({**scrubber.value(dict(f)), "decision": ""} for f in findings),
            project=project,
            subject=(subject_of(header, keys) if header is not None else "") or given,
            study=str(cleaned.get("StudyInstanceUID") or "") if cleaned is not None else "",
            modality=modality,
            header=cleaned.to_json_dict() if cleaned is not None else {},
            descriptor=_descriptor(image),
            decisions={n: str(f["decision"]) for n, f in enumerate(findings, 1) if f.get("decision")},
            tags=_tags(provenance, findings, modality, cleaned),
            files=files,
            warnings=tuple(w for w in warnings if w),
        )


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+|\d+", text.lower()))


def _common_words(provenance: Provenance) -> set[str]:
    """Words that tell nobody's name: those of findings and tasks, and what files are often called."""
    texts = [text for f in provenance.findings for text in (f.target, f.structure, f.result)]
    texts += [
        text for task in provenance.plan.pipeline for text in (task.target, task.modality or "", *task.structures)
    ]
    return _words(" ".join((*texts, *_OFTEN)))


def _provenance(folder: Path) -> Provenance:
    path = folder / RUN_NAME
    try:
        return Provenance.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(
            f"{folder} holds no run ({RUN_NAME}: {error.strerror}); give the folder that `medprompt run --out` wrote."
        ) from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{path} is not a run of MedPrompt, or is damaged; give a folder as `medprompt run` wrote it."
        ) from error


def _clean_provenance(provenance: Provenance, scrubber: Scrubber, name: str, digest: str) -> dict[str, Any]:
    """As JSON, with pseudonyms for the input and without identifiers in any text."""
    data = provenance.model_dump(mode="json")
    for part in (data, data["plan"], *data["plan"]["omissions"]):
        for key in ("prompt", "text"):
            if key in part:
                part[key] = scrubber.prompt(part[key])
    data.update(input_name="", input_sha256="")
    cleaned: dict[str, Any] = scrubber.value(data)
    cleaned.update(input_name=name, input_sha256=digest)
    for finding in cleaned["findings"]:
        finding["decision"] = ""
    return cleaned


def _modality(provenance: Provenance, image: MedicalImage | None) -> str:
    """The image's modality, or what the weights that ran were made for."""
    if image is not None and image.modality:
        return image.modality
    ran = {task.task_id for task in provenance.tasks if task.state == "done"}
    named = [task.modality for task in provenance.plan.pipeline if task.id in ran and task.modality]
    return named[0] if named else ""


def _tags(
    provenance: Provenance, findings: Sequence[Mapping[str, Any]], modality: str, header: Dataset | None
) -> tuple[tuple[str, str], ...]:
    from ..planner.lexicon import lexicon_for

    tags = [("modality", modality)] if modality else []
    part = str(header.get("BodyPartExamined") or "").lower() if header is not None else ""
    if not part and modality:
        part = lexicon_for((), "en").read_modality(modality).region
    tags += [("body part", part)] if part else []
    tags += [("structure", str(f["structure"])) for f in findings if f.get("structure") and f.get("pixels") != 0]
    tags += [("class", str(f["result"])) for f in findings if f.get("kind") == "classification" and f.get("result")]
    tags += [("target", str(f["target"])) for f in findings if f.get("target")]
    return tuple(sorted(set(tags)))


def _descriptor(image: MedicalImage | None) -> bytes | None:
    if image is None:
        return None
    from ..inference.input_check import describe_image

    return describe_image(image).astype("<f4").tobytes()


# -- files ------------------------------------------------------------


def _clean_files(
    paths: Sequence[Path],
    place: Path,
    scrubber: Scrubber,
    old: str,
    new: str,
    stored: Mapping[str, Any],
    with_scene: bool,
    warnings: list[str],
) -> dict[str, Path]:
    """Cleaned copies: name → path. What cannot be looked into is left out and said."""
    files = {}
    for path in paths:
        target = place / path.name
        if not path.is_file():
            continue
        if path.name == SCENE_NAME:
            if with_scene:
                _clean_bundle(path, target, scrubber, old, new, stored)
                files[path.name] = target
        elif (
            path.name.endswith(".seg.nrrd")
            or path.name in (TABLE_NAME, FINDINGS_NAME)
            or path.stem.startswith(REPORT_STEM)
        ):
            data = path.read_bytes()
            try:
                target.write_bytes(data if path.suffix == ".nrrd" else _clean_text(path.name, data, scrubber))
            except ValueError:
                warnings.append(f"{path.name} was not filed, because identifiers in it cannot be found and removed.")
                continue
            _must_tell_nothing(path.name, _readable(path.name, target.read_bytes()), scrubber)
            files[path.name] = target
        elif path.name == PICTURE_NAME:
            continue  # the input's name and the prompt are drawn on it
    return files


def _clean_text(name: str, data: bytes, scrubber: Scrubber) -> bytes:
    """A text without identifiers; a ValueError if it is none."""
    if not name.endswith(TEXT_SUFFIXES):
        raise ValueError(name)
    return scrubber.text(data.decode("utf-8")).encode()


def _clean_bundle(path: Path, target: Path, scrubber: Scrubber, old: str, new: str, stored: Mapping[str, Any]) -> None:
    """A copy of a scene bundle in which nodes, files and texts have no identifiers."""
    with _opened(path) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        for item in source.infolist():
            place = PurePosixPath(item.filename)
            name = str(place.parent / _renamed(place.name, old, new, scrubber))
            if item.is_dir():
                copy.writestr(f"{name}/", b"")
                continue
            data = source.read(item)
            if place.suffix == ".mrml":
                data = _clean_mrml(data, scrubber, old, new, str(stored["input_sha256"]))
            elif place.name.endswith("provenance.txt"):
                data = (json.dumps(stored, indent=1, ensure_ascii=False) + "\n").encode()
            elif place.suffix in TEXT_SUFFIXES:
                data = scrubber.text(data.decode("utf-8")).encode()
            _must_tell_nothing(f"{path.name}/{name}", name.encode() + b"\n" + _readable(name, data), scrubber)
            # Pixels of a .nrrd are compressed already.
            kind = zipfile.ZIP_STORED if place.suffix == ".nrrd" else zipfile.ZIP_DEFLATED
            copy.writestr(zipfile.ZipInfo(name), data, kind)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as bundle:
            yield bundle
    except (zipfile.BadZipFile, ElementTree.ParseError, EOFError) as error:
        raise InvalidInput(f"The scene {path} is damaged; run the request again.") from error


def _renamed(text: str, old: str, new: str, scrubber: Scrubber) -> str:
    return scrubber.text(new + text[len(old) :] if old and text.startswith(old) else text)


def _clean_mrml(data: bytes, scrubber: Scrubber, old: str, new: str, digest: str) -> bytes:
    """A scene description whose nodes have other names, and no attribute that DICOM import left."""
    root = ElementTree.fromstring(data)
    for node in root.iter():
        for key, value in list(node.attrib.items()):
            if key == "name":
                node.set(key, _renamed(value, old, new, scrubber))
            elif key.startswith("file"):
                parent, _, last = value.rpartition("/")
                node.set(
                    key, f"{parent}/" * bool(parent) + quote(_renamed(unquote(last), old, new, scrubber), safe="()")
                )
            elif key == "attributes":
                kept = [a for a in value.split(";") if not a.startswith("DICOM")]
                hashed = [
                    f"MedPrompt.InputSHA256:{digest}" if a.startswith("MedPrompt.InputSHA256:") else a for a in kept
                ]
                node.set(key, ";".join(scrubber.text(a) for a in hashed))
            else:
                node.set(key, scrubber.text(value))
        if node.text:
            node.text = scrubber.text(node.text)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="utf-8")


def _readable(name: str, data: bytes) -> bytes:
    """The part of a file that is text: all of it, or a .nrrd's header."""
    return data.split(b"\n\n", 1)[0] if name.endswith(".nrrd") else data if name.endswith(TEXT_SUFFIXES) else b""


def _must_tell_nothing(name: str, data: bytes, scrubber: Scrubber) -> None:
    if scrubber.tells(data):
        raise InvalidInput(
            f"{name} holds an identifier of the image's header that could not be removed; nothing was filed."
        )


def _image_in(bundle: Path) -> MedicalImage | None:
    """The analysed volume in a scene bundle, or None if there is none."""
    from ..images import read_image

    with _opened(bundle) as source:
        scenes = [name for name in source.namelist() if name.endswith(".mrml")]
        if not scenes:
            return None
        root = ElementTree.fromstring(source.read(scenes[0]))
        volume = next((n for n in root.iter() if "MedPrompt.InputSHA256:" in n.get("attributes", "")), None)
        references = (
            dict(r.split(":", 1) for r in (volume.get("references") or "").split(";") if ":" in r)
            if (volume is not None)
            else {}
        )
        storage = next((n for n in root.iter() if n.get("id") == references.get("storage")), None)
        if volume is None or storage is None:
            return None
        member = str(PurePosixPath(scenes[0]).parent / unquote(storage.get("fileName") or ""))
        with tempfile.TemporaryDirectory(prefix="medprompt-") as place:
            file = Path(place) / f"volume{PurePosixPath(member).suffix}"
            file.write_bytes(source.read(member))
            image = read_image(file)
    noted = dict(a.split(":", 1) for a in volume.get("attributes", "").split(";") if ":" in a)
    return replace(image, modality=noted.get("MedPrompt.Modality") or image.modality)

"""A project as a zip file, out of one archive and into another; a run as a folder again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput, OutputFailed
from ..outputs import RUN_NAME
from . import audit
from .connection import transaction
from .filing import Record

if TYPE_CHECKING:
    from .store import Archive

MANIFEST = "manifest.json"
FORMAT = "MedPrompt project 1"


def export_project(archive: Archive, target: Path, project: str = "") -> int:
    """Write the runs of a project, or all without one, to a zip file; how many there were.

    The file holds pseudonyms only, but the images themselves; it is not encrypted. The export is logged.

    Raises:
        InvalidInput: the project has no runs.
        OutputFailed: it cannot be written; nothing half-written is left behind.
    """
    order = "SELECT * FROM runs WHERE ? = '' OR project = ? ORDER BY id"
    runs = [dict(row) for row in archive.connection.execute(order, (project, project))]
    if not runs:
        raise InvalidInput(f"The archive {archive.path} has no runs{f' of the project {project}' if project else ''}.")
    with _aside(target) as draft:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as bundle:
            for run in runs:
                _write_run(archive, bundle, run)
            manifest = {"format": FORMAT, "project": project, "runs": [run["name"] for run in runs]}
            bundle.writestr(MANIFEST, json.dumps(manifest, indent=1))
        with draft.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        archive.log("export", {"project": project, "runs": len(runs), "sha256": sha256})
    return len(runs)


def _write_run(archive: Archive, bundle: zipfile.ZipFile, run: dict[str, Any]) -> None:
    files = archive.files(run["id"])
    decisions = archive.connection.execute(
        "SELECT number, d.decision, d.reviewer, d.note, d.at FROM decisions d JOIN findings ON findings.id = d.finding "
        "WHERE run = ? ORDER BY d.id",
        (run["id"],),
    ).fetchall()
    record = {name: run[name] for name in ("started", "image", "subject", "study", "modality", "project")}
    record |= {
        "provenance": json.loads(run["provenance"]),
        "header": json.loads(run["header"]),
        "descriptor": run["descriptor"].hex() if run["descriptor"] is not None else None,
        "findings": [{**document, "decision": ""} for document in archive.documents(run["id"])],
        "tags": [
            list(row) for row in archive.connection.execute("SELECT kind, value FROM tags WHERE run = ?", (run["id"],))
        ],
        "decisions": [dict(row) for row in decisions],
        "files": {file["name"]: file["sha256"] for file in files},
    }
    bundle.writestr(f"{run['name']}/record.json", json.dumps(record, ensure_ascii=False, indent=1))
    for file in files:
        with bundle.open(f"{run['name']}/files/{file['name']}", "w", force_zip64=True) as stream:
            for piece in archive.pieces(file["sha256"]):
                stream.write(piece)


def import_project(archive: Archive, source: Path, project: str = "") -> tuple[int, int]:
    """File the runs of an exported project, all or none: how many were new, and how many were there already.

    Args:
        project: their project from now on; default: as they had it.

    Raises:
        InvalidInput: it is no exported project, or damaged.
        OutputFailed: the archive cannot be written.
    """
    keys = archive.keys
    new = known = 0
    try:
        with zipfile.ZipFile(source) as bundle, tempfile.TemporaryDirectory(prefix="medprompt-") as place:
            manifest = json.loads(bundle.read(MANIFEST))
            if manifest.get("format") != FORMAT:
                raise InvalidInput(
                    f"{source} has the format {manifest.get('format')!r}; this MedPrompt reads '{FORMAT}'."
                )
            with transaction(archive.connection, archive.path):
                for number, name in enumerate(manifest["runs"]):
                    record, decisions = _read_run(bundle, source, name, Path(place) / str(number), project)
                    filed = archive._insert(record, keys)
                    new, known = new + filed.new, known + (not filed.new)
                    for d in decisions if filed.new else ():
                        row = archive.connection.execute(
                            "SELECT findings.id FROM findings JOIN runs ON runs.id = run WHERE name = ? AND number = ?",
                            (filed.run, d["number"]),
                        ).fetchone()
                        archive._insert_decision(
                            keys, filed.run, d["number"], row["id"], d["decision"], d["reviewer"], d["note"], d["at"]
                        )
                with source.open("rb") as stream:
                    sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
                audit.append(archive.connection, keys, "import", {"runs": new, "known": known, "sha256": sha256})
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError) as error:
        raise InvalidInput(
            f"{source} is not a project that `medprompt archive export` wrote, or is damaged."
        ) from error
    except OSError as error:
        raise InvalidInput(f"{source} cannot be read ({error.strerror}); check its path.") from error
    return new, known


def _read_run(
    bundle: zipfile.ZipFile, source: Path, name: str, place: Path, project: str
) -> tuple[Record, list[dict[str, Any]]]:
    data = json.loads(bundle.read(f"{name}/record.json"))
    place.mkdir()
    files = {}
    for n, (file, sha256) in enumerate(data["files"].items()):
        if Path(file).name != file or file in ("", ".", ".."):
            raise InvalidInput(f"The file name {file!r} in {source} is none that an export has; nothing was filed.")
        path = place / str(n)  # never a name out of the file
        digest = hashlib.sha256()
        with bundle.open(f"{name}/files/{file}") as packed, path.open("wb") as stream:
            while piece := packed.read(2**20):
                digest.update(piece)
                stream.write(piece)
        if digest.hexdigest() != sha256:
            raise InvalidInput(f"The file {file} of run {name} in {source} is damaged; nothing was filed.")
        files[file] = path
    record = Record(
        started=str(data["started"]), image=str(data["image"]), subject=str(data["subject"]), study=str(data["study"]),
        modality=str(data["modality"]),
        provenance=dict(data["provenance"]), findings=tuple(dict(f) for f in data["findings"]),
        project=project or str(data["project"]),
        header=data["header"], descriptor=bytes.fromhex(data["descriptor"]) if data["descriptor"] else None,
        tags=tuple((str(kind), str(value)) for kind, value in data["tags"]), files=files,
    )  # fmt: skip
    if record.name != name:
        raise InvalidInput(f"Run {name} in {source} was changed; nothing was filed.")
    return record, data["decisions"]


def write_run_folder(archive: Archive, name: str, folder: Path) -> tuple[Path, ...]:
    """A run's files in a folder, with its provenance and present decisions as `run.json`.

    Raises:
        InvalidInput: no such run.
        OutputFailed: the folder cannot be written to.
    """
    run = archive.run_named(name)
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in archive.files(run["id"]):
            with _aside(folder / file["name"]) as draft, draft.open("wb") as stream:
                for piece in archive.pieces(file["sha256"]):
                    stream.write(piece)
            written.append(folder / file["name"])
        with _aside(folder / RUN_NAME) as draft:
            text = json.dumps(archive.provenance(run["id"]), indent=1, ensure_ascii=False)
            draft.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise OutputFailed(f"The folder {folder} cannot be written to ({error.strerror}); choose another.") from error
    archive.log("export", {"run": run["name"], "files": len(written)})
    return (*written, folder / RUN_NAME)


@contextlib.contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """A path beside the target, moved into its place when all went well."""
    draft = target.with_name(f".{target.name}.part")
    try:
        yield draft
        os.replace(draft, target)
    except OSError as error:
        raise OutputFailed(
            f"{target} cannot be written ({error.strerror}); choose another place or free space."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)

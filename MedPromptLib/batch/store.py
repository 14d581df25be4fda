"""A batch's output folder: who may write, what is finished, what failed; every change is whole or has not happened.

    OUT/<case>/                   a finished case, as `medprompt run --out` writes it, with case.json and thumbnail.jpg
    OUT/cases.csv, results.csv    every case and every result; index.html shows them
    OUT/.medprompt-batch/lock     held by the batch that runs
                        /failed   why cases failed, one file each
                        /drafts   unfinished work; empty unless a batch runs or was killed
                        /earlier  results that a reviewer had worked on before their image or plan changed

A case is computed in a draft folder and moved to its place in one step, by the process that holds the lock and by no
other; a process that outlives its batch can therefore not touch what a later one has written.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import InvalidInput, OutputFailed
from ..outputs import RUN_NAME, SCENE_NAME, not_writable
from ..results import Provenance
from ..review.cases import REVIEW_FOLDER, Case
from .listing import OWN_FOLDER

CASE_NAME = "case.json"
THUMBNAIL_NAME = "thumbnail.jpg"


class CaseRecord(BaseModel):
    """`case.json`: what a finished case was made from and consists of.

    Attributes:
        key: see `planning.content_key`.
        results_sha256: of what was found, without clock times; the same for the same input.
        files: size in bytes and SHA-256 of each of the case's files.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    version: int = 1
    name: str
    key: str
    image_sha256: str
    results_sha256: str
    files: dict[str, tuple[int, str]]


class Failure(BaseModel):
    """Why a case has no results.

    Attributes:
        key: as of a finished case; empty if the image could not even be read.
        reason: one sentence.
        details: a traceback where the reason is a defect, else empty.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    key: str
    reason: str
    details: str = ""


def write_whole(path: Path, text: str | bytes) -> None:
    """Write a file such that it is either whole or as it was before, also after a power cut.

    Raises:
        OutputFailed: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as stream:
            stream.write(text if isinstance(text, bytes) else text.encode("utf-8"))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(draft, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise not_writable(path, error) from error


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder last, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Store:
    """The output folder of a batch, locked while it is open.

    Raises:
        InvalidInput: another batch is writing to it.
        OutputFailed: it cannot be made or written to.
    """

    def __init__(self, out: Path) -> None:
        from filelock import FileLock, Timeout

        self.out = out.expanduser().absolute()
        self.own = self.out / OWN_FOLDER
        self.drafts, self._failed, self._earlier = (self.own / name for name in ("drafts", "failed", "earlier"))
        try:
            self.own.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.own / "lock", timeout=0)
            self._lock.acquire()
        except Timeout:
            raise InvalidInput(
                f"Another batch{self._owner()} is writing to {self.out}; wait for it or give another --out."
            ) from None
        except (OSError, NotImplementedError) as error:
            raise not_writable(self.out, error) from error
        try:
            write_whole(self.own / "owner.json", json.dumps({"process": os.getpid(), "computer": platform.node()}))
            shutil.rmtree(self.drafts, ignore_errors=True)
            for place in (self.out, self.own, self._failed):
                for left in place.glob(".*.part"):  # of a batch that was killed
                    left.unlink(missing_ok=True)
            for folder in (self.drafts, self._failed, self._earlier):
                folder.mkdir(exist_ok=True)
            self.token = uuid.uuid4().hex
            write_whole(self.own / "token", self.token)
        except OSError as error:
            self._lock.release()
            raise not_writable(self.out, error) from error
        except OutputFailed:
            self._lock.release()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        shutil.rmtree(self.drafts, ignore_errors=True)
        self._lock.release()

    def _owner(self) -> str:
        try:
            owner = json.loads((self.own / "owner.json").read_text(encoding="utf-8"))
            return f" (process {owner['process']} on {owner['computer']})"
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def must_be_ours(self, names: Iterable[str]) -> None:
        """Raises InvalidInput if something that no batch has written lies where a case's results would go."""
        for name in names:
            place = self.out / name
            if place.exists() and not (place / CASE_NAME).is_file():
                raise InvalidInput(f"{place} was not written by a batch; move it away or give another --out.")

    # -- finished cases -----------------------------------------------------------------------------------------------

    def finished(self, name: str) -> CaseRecord | None:
        """The record of a finished case whose files are all there with their sizes; None otherwise."""
        folder = self.out / name
        try:
            record = CaseRecord.model_validate_json((folder / CASE_NAME).read_text(encoding="utf-8"))
            whole = all((folder / file).stat().st_size == size for file, (size, _) in record.files.items())
        except (OSError, UnicodeDecodeError, ValidationError):
            return None
        return record if whole and {RUN_NAME, SCENE_NAME} <= record.files.keys() else None

    def provenance(self, name: str) -> Provenance:
        """What ran in a finished case; raises InvalidInput if that is damaged."""
        return Case(self.out / name).provenance()

    def publish(self, name: str, draft: Path) -> None:
        """Move a whole draft to its place; what was there is kept if a reviewer has worked on it.

        Raises:
            OutputFailed: it cannot be moved.
        """
        try:
            self._retire(name)
            os.rename(draft, self.out / name)
            sync_folder(self.out)
            (self._failed / f"{name}.json").unlink(missing_ok=True)
            shutil.rmtree(draft.parent, ignore_errors=True)
        except OSError as error:
            raise not_writable(self.out / name, error) from error

    def _retire(self, name: str) -> None:
        place = self.out / name
        if not place.exists():
            return
        reviewed = (place / REVIEW_FOLDER).is_dir()
        aside = (self._earlier if reviewed else self.drafts) / f"{name}-{uuid.uuid4().hex[:8]}"
        os.rename(place, aside)
        if not reviewed:
            shutil.rmtree(aside, ignore_errors=True)

    # -- failures ------------------------------------------------------------

    def failure(self, name: str) -> Failure | None:
        """Why a case failed, if it did."""
        try:
            return Failure.model_validate_json((self._failed / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, ValidationError):
            return None

    def fail(self, failure: Failure) -> None:
        """Keep why a case failed; results of an earlier image or plan are no longer this case's.

        Raises:
            OutputFailed: it cannot be written.
        """
        write_whole(self._failed / f"{failure.name}.json", failure.model_dump_json(indent=1) + "\n")
        try:
            self._retire(failure.name)
        except OSError as error:
            raise not_writable(self.out / failure.name, error) from error

    def forget_failure(self, name: str) -> None:
        """A case that is finished has not failed."""
        with contextlib.suppress(OSError):
            (self._failed / f"{name}.json").unlink(missing_ok=True)

    def others(self, names: Iterable[str]) -> tuple[str, ...]:
        """Finished cases in the folder that are not among `names`."""
        known = set(names)
        return tuple(sorted(p.parent.name for p in self.out.glob(f"*/{CASE_NAME}") if p.parent.name not in known))


def new_draft(out: Path, name: str) -> Path:
    """An empty folder for one case's files; anybody may make one, only the lock's holder publishes it."""
    draft = out / OWN_FOLDER / "drafts" / uuid.uuid4().hex / name
    draft.mkdir(parents=True)
    return draft


def sees(out: Path, token: str) -> bool:
    """Whether this machine sees the output folder of the batch that holds `token`."""
    try:
        return (out / OWN_FOLDER / "token").read_text(encoding="utf-8") == token
    except OSError:
        return False


def as_rows(provenance: Provenance) -> list[dict[str, Any]]:
    """A run's results: one row a finding, and one for each task that did not run."""
    rows: list[dict[str, Any]] = []
    targets = {task.id: task for task in provenance.plan.pipeline}
    for record in provenance.tasks:
        found = [f for f in provenance.findings if f.task_id == record.task_id]
        rows += [{"state": record.state} | f.model_dump(mode="json") for f in found]
        if not found:
            task = targets.get(record.task_id)
            about = {"kind": task.intent.value, "target": task.target} if task is not None else {}
            skipped = {"task_id": record.task_id, "weight_id": record.weight_id, "reason": record.reason}
            rows.append({"state": record.state} | about | skipped)
    return rows

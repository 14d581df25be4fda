"""One case of a batch from file to finished draft, in whatever process: this one, a worker, another machine's.

Each case is computed by itself, so that its results do not depend on which others ran beside it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .. import __version__
from ..catalog import CARD_NAME, Catalog
from ..errors import Cancelled, InvalidInput, MedPromptError, MissingPackage, OutputFailed, WeightCorrupt
from ..images import MedicalImage, read_image
from ..outputs import write_outputs
from ..plan import Plan
from ..results import Run
from ..routing import Mode, Router
from .listing import OWN_FOLDER, BatchCase, content_hash
from .planning import Mark, content_key, digest, read_mark
from .store import CASE_NAME, THUMBNAIL_NAME, CaseRecord, as_rows, new_draft, sees, sync_folder

if TYPE_CHECKING:
    from ..execution import Executor

PROBE_BYTES = 1 << 20


@dataclass(frozen=True)
class Job:
    """What all cases of a batch have in common.

    Attributes:
        out: the output folder; token: what it holds while this batch runs.
        weights: weight folders; None for the machine's own.
        marks: what each weight that is used must be.
        threads: for the networks, in a process of its own; None leaves them as they are.
        pictures: whether `overview.png` is drawn for each case.
    """

    out: str
    token: str
    weights: tuple[str, ...] | None
    marks: tuple[tuple[str, Mark], ...]
    router: Mode = "lexicon"
    device: str = "auto"
    threads: int | None = None
    accept_unusual_input: bool = False
    pictures: bool = False
    version: str = __version__


@dataclass(frozen=True)
class Assignment:
    """One case to do.

    Attributes:
        weights: ids of the weights that the plan may use.
        done_key, failed_key: of what an earlier start made of the case; empty if nothing. A case whose key is one of
            them is not computed again.
    """

    case: BatchCase
    plan: Plan
    weights: tuple[str, ...]
    done_key: str = ""
    failed_key: str = ""


State = Literal["done", "failed", "same", "cancelled"]


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        state: `same` is as the keys of the assignment say: nothing had to be done.
        draft: the folder with the case's files if it is `done`.
        rows: its results, see `store.as_rows`.
        notices: what the user should know, such as that a device ran out of memory.
        stop: why no further case can be done, if so; the case itself has then neither failed nor finished.
    """

    name: str
    state: State
    key: str = ""
    reason: str = ""
    details: str = ""
    draft: str = ""
    rows: tuple[dict[str, Any], ...] = ()
    image_sha256: str = ""
    results_sha256: str = ""
    notices: tuple[str, ...] = ()
    stop: MedPromptError | None = None
    seconds: float = 0.0


def work(job: Job, assignment: Assignment, cancelled: Callable[[], bool] = lambda: False) -> Outcome:
    """Do one case; errors become the outcome, whatever they are."""
    started = time.monotonic()
    name = assignment.case.name
    with _one_at_a_time:
        key = ""
        notices: list[str] = []
        try:
            bench = _bench(job)
        except MedPromptError as error:
            return Outcome(name, "cancelled", stop=error)
        try:
            key, digest_of_image = bench.key(assignment)
            if key in (assignment.done_key, assignment.failed_key):
                return Outcome(name, "same", key)
            outcome = bench.do(assignment, key, digest_of_image, notices.append, cancelled)
        except (WeightCorrupt, MissingPackage) as error:
            outcome = Outcome(name, "cancelled", key, stop=error)
        except OutputFailed as error:
            reason = _blocked(Path(job.out))
            outcome = Outcome(name, "failed", key, _said(error, assignment.case))
            if reason:
                said = (
                    f"{job.out} cannot be written to any more ({reason}); free some space or make it writable, then "
                    "start the batch again: finished cases are kept."
                )
                outcome = Outcome(name, "cancelled", key, stop=OutputFailed(said))
        except Cancelled:
            outcome = Outcome(name, "cancelled", key)
        except MedPromptError as error:
            outcome = Outcome(name, "failed", key, _said(error, assignment.case))
        except MemoryError:
            outcome = Outcome(name, "failed", key, OUT_OF_MEMORY)
        except Exception as error:  # one case's defect must not end thousands of others
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            reason = f"This is a defect in MedPrompt ({what}); please report it with what is in {OWN_FOLDER}/failed."
            outcome = Outcome(name, "failed", key, reason, traceback.format_exc())
        return replace(outcome, notices=tuple(notices), seconds=time.monotonic() - started)


OUT_OF_MEMORY = "There was not enough memory; close other programs, or try again with --retry-failed --workers 1."
_one_at_a_time = threading.Lock()
"""3D Slicer's scene is one per process, and networks use all of a process's threads anyway."""


class _Bench:
    """What a process keeps from case to case: catalogue, loaded weights, an empty scene."""

    def __init__(self, job: Job) -> None:
        from ..execution import Executor
        from ..headless import SeparateScene
        from ..inference.engine import ModelCache

        if job.version != __version__:
            raise MissingPackage(
                f"{_here()} has MedPrompt {__version__}, the batch was started with {job.version}; install the same."
            )
        if not sees(Path(job.out), job.token):
            raise InvalidInput(
                f"{_here()} does not see the output folder {job.out}; give a folder that all workers share."
            )
        self.job, self.out, self.marks = job, Path(job.out), dict(job.marks)
        if job.threads:
            import torch

            torch.set_num_threads(job.threads)
        self.catalog = Catalog.load([Path(p) for p in job.weights] if job.weights is not None else None)
        self.router = Router(self.catalog.abilities, job.router)
        self.executor: Executor = Executor(self.catalog, ModelCache(self.catalog), own_device(job.device))
        self.scene = SeparateScene()
        self._seen: dict[str, tuple[object, ...]] = {}

    def key(self, assignment: Assignment) -> tuple[str, str]:
        """The case's content key and its image's hash.

        Raises:
            WeightCorrupt: a weight is not what it was when the batch began.
            InvalidInput: the image cannot be read.
        """
        self._check(assignment.weights)
        image = content_hash(assignment.case)
        marks = {name: self.marks[name] for name in assignment.weights}
        options = {"accept_unusual_input": self.job.accept_unusual_input, "router": self.job.router}
        return content_key(image, assignment.plan, marks, assignment.case.modality, options), image

    def do(
        self,
        assignment: Assignment,
        key: str,
        image_sha256: str,
        notice: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> Outcome:
        """Read, run and write one case into a draft."""
        case, plan = assignment.case, assignment.plan
        image = _read(case, image_sha256)
        routed = self.router.route(plan, image.modality)
        run = self.executor.run(
            routed,
            image,
            cancelled=cancelled,
            progress=lambda event: notice(event.message) if "memory" in event.message else None,
            accept_unusual_input=self.job.accept_unusual_input,
        )
        self._check(assignment.weights)  # a weight may have been replaced between the check and its loading
        results = results_hash(run)
        draft = new_draft(self.out, case.name)
        self.scene.clear()
        write_outputs(run, draft, scene=self.scene.scene, with_picture=self.job.pictures)
        _seal(
            run, draft, CaseRecord(name=case.name, key=key, image_sha256=image_sha256, results_sha256=results, files={})
        )
        return Outcome(
            case.name,
            "done",
            key,
            draft=os.fspath(draft),
            rows=tuple(as_rows(run.provenance)),
            image_sha256=image_sha256,
            results_sha256=results,
        )

    def _check(self, weights: Sequence[str]) -> None:
        for weight_id in weights:
            folder, card = self.catalog.folder(weight_id), self.catalog.card(weight_id)
            try:
                now = tuple(_signature(folder / file) for file in (CARD_NAME, card.file.name))
            except OSError:
                now = ()
            if now and self._seen.get(weight_id) == now:
                continue
            try:
                same = read_mark(self.catalog, weight_id) == self.marks[weight_id]
            except WeightCorrupt:
                same = False
            if not same:
                raise WeightCorrupt(
                    f"The weight '{weight_id}' on {_here()} is not what it was when the batch began; finished cases "
                    "are kept. Start the batch again to do all cases with the weight as it is now."
                )
            self._seen[weight_id] = now


_kept: list[_Bench] = []


def _bench(job: Job) -> _Bench:
    if not (_kept and _kept[0].job == job):
        close_bench()
        _kept.append(_Bench(job))
    return _kept[0]


def close_bench() -> None:
    """Let go of what this process keeps from case to case."""
    while _kept:
        _kept.pop().scene.close()


def _said(error: MedPromptError, case: BatchCase) -> str:
    """An error's sentence with the case's name for its files, whose paths may tell the patient."""
    text = str(error)
    for file in case.files:
        text = text.replace(file, case.name)
    return text.replace(os.path.dirname(case.files[0]), case.name)


def _here() -> str:
    import platform

    return f"the computer {platform.node()}" if platform.node() else "this computer"


def _signature(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _read(case: BatchCase, image_sha256: str) -> MedicalImage:
    single = len(case.files) == 1
    image = read_image(case.files[0] if single else case.files)
    if single and image.sha256 != image_sha256:
        raise InvalidInput(f"{case.files[0]} was changed while it was read; try again with --retry-failed.")
    return replace(image, name=case.name, modality=case.modality or image.modality)


def results_hash(run: Run) -> str:
    """Hex SHA-256 of all that was found, without clock times and device: equal runs have equal hashes."""
    told = run.provenance
    return digest(
        {
            "findings": [f.model_dump(mode="json") for f in told.findings],
            "tasks": [t.model_dump(mode="json", exclude={"seconds", "device"}) for t in told.tasks],
            "weights": told.weights,
            "labels": [hashlib.sha256(s.labels.tobytes()).hexdigest() for s in run.segmentations],
            "filtered": hashlib.sha256(run.filtered.array.tobytes()).hexdigest() if run.filtered is not None else "",
            "probabilities": [c.probabilities for c in run.classifications],
        }
    )


def _seal(run: Run, draft: Path, record: CaseRecord) -> None:
    """Add thumbnail and record to a draft, and make sure that all of it has reached the disk.

    Raises:
        OutputFailed: it has not.
    """
    from ..outputs import not_writable
    from .store import write_whole
    from .thumbnail import thumbnail

    write_whole(draft / THUMBNAIL_NAME, thumbnail(run))
    files = {}
    try:
        for path in sorted(draft.iterdir()):
            with path.open("r+b") as stream:  # some systems flush only what is open for writing
                files[path.name] = (path.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest())
                os.fsync(stream.fileno())
        write_whole(draft / CASE_NAME, record.model_copy(update={"files": files}).model_dump_json(indent=1) + "\n")
        sync_folder(draft)
    except OSError as error:
        raise not_writable(draft, error) from error


def _blocked(out: Path) -> str:
    """Why nothing can be written to the output folder any more; empty if it can."""
    try:
        with tempfile.TemporaryFile(dir=out / OWN_FOLDER) as stream:
            stream.write(b"\0" * PROBE_BYTES)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return ""


_taken: list[Any] = []


def own_device(name: str) -> str:
    """The device of this process: where there are several graphics cards and none was named, one that no other worker
    on this machine has taken.
    """
    import torch
    from filelock import FileLock, Timeout

    count = torch.cuda.device_count() if name == "auto" else 0
    if count < 2:
        return name
    for index in range(count):
        lock = FileLock(Path(tempfile.gettempdir()) / f"medprompt-cuda-{index}.lock", timeout=0)
        try:
            lock.acquire()
        except (Timeout, OSError):
            continue
        _taken.append(lock)  # the system lets go of it when the process ends, however it does
        return f"cuda:{index}"
    return f"cuda:{os.getpid() % count}"

"""Runs a batch: list the cases, plan once per prompt, compute what is not there yet, keep account of every case."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput, NoMatchingWeight, OutputFailed, PlanRejected, WeightCorrupt
from ..plan import Plan
from .engines import Engine, InProcesses, InThisProcess, default_workers, usable_cores
from .listing import BatchCase, list_cases
from .planning import Mark, Plans, read_mark, weights_of
from .store import Failure, Store, as_rows
from .tables import WITHOUT_PARQUET, CaseLine, write_tables
from .work import Assignment, Job, Outcome

if TYPE_CHECKING:
    from ..planner import Verdict
    from ..session import Session

SECONDS_BETWEEN_TABLES = 60.0
WINDOW = 40
"""Outcomes over which the present rate is measured."""


@dataclass(frozen=True)
class BatchProgress:
    """How far a batch is.

    Attributes:
        total: cases of this start.
        done, same, failed: computed now; left as an earlier start had made them; without results.
        rate: cases a minute at present, 0 while unknown.
        remaining: seconds to go at that rate, None while unknown.
        message: what the user should know, mostly empty.
    """

    total: int
    done: int = 0
    same: int = 0
    failed: int = 0
    rate: float = 0.0
    remaining: float | None = None
    message: str = ""

    @property
    def finished(self) -> int:
        """Cases that need nothing more."""
        return self.done + self.same + self.failed


@dataclass(frozen=True)
class BatchReport:
    """What a batch came to.

    Attributes:
        out: the folder with everything.
        finished: the cases that have results.
        done, same: how many were computed now, and were there already.
        failures: all cases without results, with their reasons.
        waiting: cases that nobody has got to yet.
        cancelled: whether it was stopped before its end.
        files: tables and index.
        seconds: of this start.
    """

    out: Path
    finished: tuple[BatchCase, ...]
    done: int
    same: int
    failures: tuple[Failure, ...]
    waiting: int
    cancelled: bool
    files: tuple[Path, ...]
    seconds: float


def run(
    prompt: str = "",
    *,
    input: str | Path,
    out: str | Path,
    plan: Plan | None = None,
    session: Session | None = None,
    weights: Sequence[Path] | None = None,
    modality: str | None = None,
    workers: int | None = None,
    device: str = "auto",
    scheduler: str = "",
    retry_failed: bool = False,
    accept_unusual_input: bool = False,
    pictures: bool = False,
    confirm: Callable[[Verdict], bool] | None = None,
    report: Callable[[BatchProgress], None] = lambda progress: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> BatchReport:
    """Do what a prompt asks on many images. Kill it whenever you like: the same call goes on where it was.

    A case is done again only if its image's bytes, its plan, a weight, an option or MedPrompt's version has changed.

    Args:
        prompt: for all cases that have none of their own in the table.
        input: a folder of images or DICOM series, a .csv or .tsv with a column `input` (and `prompt`, `name`,
            `modality` if wanted), or one image.
        out: one folder a case, results.csv, cases.csv, index.html; and results.parquet where pyarrow is installed.
        plan: instead of a prompt.
        session: plans; default: a new one over `weights`.
        weights: weight folders for a new session. Workers on other machines look in the same places.
        modality: what the images are, where neither their files nor the table say.
        workers: processes on this machine; 0 computes in this one, as is always done inside 3D Slicer; None: as many as
            there are cores and memory for. In a script, processes need the call below `if __name__ == "__main__":`.
        device: of each worker; `auto` gives each a graphics card of its own where there are several.
        scheduler: address of a Dask scheduler that computes instead of this machine.
        retry_failed: only try again what failed.
        accept_unusual_input: run although an image does not look like those a weight was made for.
        pictures: also draw `overview.png` for each case.
        confirm: shown each verdict where the planners differ or are unsure; True runs the proposed plan.
        report: told of each case.
        cancelled: polled; when it is true, cases that run are left, and the report says what is not done.

    Raises:
        NotConfirmed, PlanRejected: a prompt has to be confirmed, or asks for nothing that can be done; nothing has run.
        InvalidInput: no images, or another batch is writing to `out`.
        WeightCorrupt: a weight is damaged, or was changed while the batch ran.
        OutputFailed: the output folder cannot be written to (any more).
    """
    started = time.monotonic()
    listing = list_cases(Path(input), Path(out))
    if session is None:
        from ..session import Session

        session = Session(weights)
    with Store(Path(out)) as store:
        store.must_be_ours(case.name for case in listing.cases)
        cases = [replace(case, modality=case.modality or modality) for case in listing.cases]
        plans = _plans(session, store, cases, prompt, plan, confirm)
        used, marks = _weights(session, plans)
        account = _Account(store, cases, prompt, plans, report, retry_failed)
        for note in (*listing.notes, *_left_over(store, cases)):
            account.tell(note)
        assignments = account.assignments(used)
        counts = len(assignments), len(cases)
        engine, job = _engine(store, session, marks, counts, workers, device, scheduler)
        job = replace(job, accept_unusual_input=accept_unusual_input, pictures=pictures)
        try:
            with closing(engine), closing(engine.outcomes(job, assignments, cancelled)) as outcomes:
                for outcome in outcomes:
                    account.take(outcome)
                    account.tables_now_and_then()
            _must_be_as_before(session, marks)
        except BaseException:
            with suppress(OutputFailed):  # what stopped the batch is what the user should hear of
                account.tables()
            raise
        files = account.tables()
        account.say_parquet()
        return account.summary(Path(out), files, cancelled(), time.monotonic() - started)


def _plans(
    session: Session,
    store: Store,
    cases: Sequence[BatchCase],
    prompt: str,
    plan: Plan | None,
    confirm: Callable[[Verdict], bool] | None,
) -> dict[str, Plan | PlanRejected]:
    """A plan that can be run, or why not, for each prompt (`""` for the batch's own)."""
    own = {case.prompt for case in cases if case.prompt}
    bare = next((case for case in cases if not case.prompt), None)
    if bare is not None and not prompt and plan is None:
        raise InvalidInput(f"The case '{bare.name}' has no prompt; give --prompt TEXT or a column 'prompt'.")
    wanted = {name: name for name in sorted(own)}
    if bare is not None and plan is None:
        wanted[""] = prompt
    kept = Plans(store.own / "plans.json", session)
    made = kept.of(wanted.values(), confirm)
    found: dict[str, Plan | PlanRejected] = {name: made[asked] for name, asked in wanted.items()}
    if bare is not None and plan is not None:
        found[""] = plan
    for name, planned in found.items():
        if isinstance(planned, Plan):
            try:
                session.route(planned)
            except NoMatchingWeight as error:
                found[name] = error
            except PlanRejected as error:
                # Two weights that fit equally well may be told apart by what an image says it is.
                found[name] = planned if planned.pipeline else error
    refused = [planned for planned in found.values() if isinstance(planned, PlanRejected)]
    if len(refused) == len(found):
        raise refused[0]
    kept.save()
    return found


def _weights(
    session: Session, plans: dict[str, Plan | PlanRejected]
) -> tuple[dict[str, tuple[str, ...]], dict[str, Mark]]:
    """The weights each prompt's plan may use, and the marks of all of them, read from whole files."""
    abilities, mode = session.catalog.abilities, session.router.mode
    used = {name: weights_of(plan, abilities, mode) for name, plan in plans.items() if isinstance(plan, Plan)}
    return used, {weight: read_mark(session.catalog, weight) for weight in sorted(set().union(*used.values()))}


def _must_be_as_before(session: Session, marks: dict[str, Mark]) -> None:
    """Read once more at the end, as a file can be replaced without its times telling."""
    for weight_id, mark in marks.items():
        try:
            same = read_mark(session.catalog, weight_id) == mark
        except WeightCorrupt:
            same = False
        if not same:
            raise WeightCorrupt(
                f"The weight '{weight_id}' was changed while the batch ran; start the batch again to do all cases with "
                "the weight as it is now."
            )


def _engine(
    store: Store,
    session: Session,
    marks: dict[str, Mark],
    counts: tuple[int, int],
    workers: int | None,
    device: str,
    scheduler: str,
) -> tuple[Engine, Job]:
    if workers is not None and workers < 0:
        raise InvalidInput(f"There cannot be {workers} workers; give 0 for this process alone, or more.")
    folders = None if session.folders is None else tuple(str(Path(p).absolute()) for p in session.folders)
    job = Job(str(store.out), store.token, folders, tuple(marks.items()), session.router.mode, device)
    if scheduler:
        from .on_dask import OnDask

        return OnDask(scheduler), job
    to_do, all_cases = counts
    if workers == 0 or to_do == 0 or _inside_slicer():
        return InThisProcess(), job
    # By nothing that changes from start to start: with other threads, sums may differ in their last digits.
    threads = max(1, usable_cores() // all_cases)
    return InProcesses(min(default_workers() if workers is None else workers, to_do)), replace(job, threads=threads)


def _inside_slicer() -> bool:
    """Other processes of 3D Slicer have no scene."""
    return hasattr(sys.modules.get("slicer"), "app")


def _left_over(store: Store, cases: Sequence[BatchCase]) -> tuple[str, ...]:
    others = store.others(case.name for case in cases)
    if not others:
        return ()
    names = ", ".join(others[:3]) + (", …" if len(others) > 3 else "")
    return (f"{store.out} also holds {len(others)} cases that are not of this input ({names}); they stay as they are.",)


class _Account:
    """Keeps every case's state: publishes drafts, notes failures, writes tables, reports."""

    def __init__(
        self,
        store: Store,
        cases: Sequence[BatchCase],
        prompt: str,
        plans: dict[str, Plan | PlanRejected],
        report: Callable[[BatchProgress], None],
        only_failed: bool,
    ) -> None:
        self._store, self._cases, self._plans, self._report = store, cases, plans, report
        self._only_failed = only_failed
        common = plans.get("")
        self._title = prompt or (common.prompt if isinstance(common, Plan) else "") or "A prompt for each case"
        self.progress = BatchProgress(0)
        self._times: deque[float] = deque(maxlen=WINDOW)
        self._failures: dict[str, Failure] = {}
        self._lines = {case.name: self._line(case) for case in cases}
        self._last_tables, self._seconds_for_tables = time.monotonic(), 0.0
        self._said: set[str] = set()

    def _line(self, case: BatchCase) -> CaseLine:
        line = CaseLine(case.name, case.shown, case.prompt or self._title, "waiting")
        record, failure = self._store.finished(case.name), self._store.failure(case.name)
        if record is not None:
            try:
                rows = tuple(as_rows(self._store.provenance(case.name)))
            except InvalidInput:
                return line
            return replace(
                line,
                state="done",
                key=record.key,
                image_sha256=record.image_sha256,
                results_sha256=record.results_sha256,
                rows=rows,
            )
        if failure is not None:
            self._failures[case.name] = failure
            return replace(line, state="failed", reason=failure.reason, key=failure.key)
        return line

    def assignments(self, used: dict[str, tuple[str, ...]]) -> list[Assignment]:
        """What there is to do, cases of the same weights together; cases that cannot be planned have failed."""
        found = []
        for case in self._cases:
            line, failure = self._lines[case.name], self._store.failure(case.name)
            if self._only_failed and line.state != "failed":
                continue
            plan = self._plans[case.prompt]
            self.progress = replace(self.progress, total=self.progress.total + 1)
            if not isinstance(plan, Plan):
                self._fail(Failure(name=case.name, key="", reason=str(plan)))
                continue
            done = line.key if line.state == "done" else ""
            failed = failure.key if failure is not None and not self._only_failed else ""
            found.append(Assignment(case, plan, used[case.prompt], done, failed))
        self._report(self.progress)
        order = {case.name: number for number, case in enumerate(self._cases)}
        return sorted(found, key=lambda a: (a.weights, order[a.case.name]))

    def take(self, outcome: Outcome) -> None:
        """Make an outcome last, and report it.

        Raises:
            OutputFailed: it could not be written.
            MedPromptError: no further case can be done.
        """
        for notice in outcome.notices:
            if notice not in self._said:
                self._said.add(notice)
                self.tell(f"{outcome.name}: {notice}")
        if outcome.stop is not None:
            raise outcome.stop
        line = self._lines[outcome.name]
        if outcome.state == "done":
            self._store.publish(outcome.name, Path(outcome.draft))
            self._failures.pop(outcome.name, None)
            self._lines[outcome.name] = replace(
                line,
                state="done",
                reason="",
                key=outcome.key,
                image_sha256=outcome.image_sha256,
                results_sha256=outcome.results_sha256,
                rows=outcome.rows,
            )
            self._count("done")
        elif outcome.state == "failed":
            self._fail(Failure(name=outcome.name, key=outcome.key, reason=outcome.reason, details=outcome.details))
        elif outcome.state == "same":
            self._same(outcome)

    def _same(self, outcome: Outcome) -> None:
        line, failure = self._lines[outcome.name], self._store.failure(outcome.name)
        if line.state == "done" and line.key == outcome.key:
            if failure is not None:
                self._store.forget_failure(outcome.name)
            self._count("same")
        elif failure is not None:
            self._fail(failure)

    def _fail(self, failure: Failure) -> None:
        self._store.fail(failure)
        self._failures[failure.name] = failure
        line = self._lines[failure.name]
        self._lines[failure.name] = CaseLine(
            line.name, line.shown, line.prompt, "failed", failure.reason, key=failure.key
        )
        self._count("failed", f"{failure.name} failed: {failure.reason}")

    def _count(self, what: str, message: str = "") -> None:
        counts = {name: getattr(self.progress, name) + (name == what) for name in ("done", "same", "failed")}
        progress = replace(
            self.progress, message=message, done=counts["done"], same=counts["same"], failed=counts["failed"]
        )
        if what != "same":  # what was there already says nothing about how long the others take
            self._times.append(time.monotonic())
        if len(self._times) > 1:
            rate = 60 * (len(self._times) - 1) / max(self._times[-1] - self._times[0], 1e-6)
            progress = replace(progress, rate=rate, remaining=60 * (progress.total - progress.finished) / rate)
        self.progress = replace(progress, message="")
        self._report(progress)

    def tell(self, message: str) -> None:
        """Report a sentence."""
        self._report(replace(self.progress, message=message))

    def tables_now_and_then(self) -> None:
        """Write the tables if that was long ago; what a killed batch leaves behind is not older than that."""
        if time.monotonic() - self._last_tables > max(SECONDS_BETWEEN_TABLES, 20 * self._seconds_for_tables):
            self.tables()

    def tables(self) -> tuple[Path, ...]:
        """Write tables and index."""
        started = time.monotonic()
        written = write_tables(self._store.out, list(self._lines.values()), self._title)
        self._last_tables = time.monotonic()
        self._seconds_for_tables = self._last_tables - started
        return written

    def say_parquet(self) -> None:
        """Say it where no Parquet file was written."""
        from importlib.util import find_spec

        if find_spec("pyarrow") is None:
            self.tell(WITHOUT_PARQUET)

    def summary(self, out: Path, files: tuple[Path, ...], cancelled: bool, seconds: float) -> BatchReport:
        """The whole batch, in numbers."""
        waiting = sum(line.state == "waiting" for line in self._lines.values())
        order: Any = {case.name: number for number, case in enumerate(self._cases)}
        failures = tuple(sorted(self._failures.values(), key=lambda f: order[f.name]))
        counted = self.progress
        finished = tuple(case for case in self._cases if self._lines[case.name].state == "done")
        return BatchReport(out, finished, counted.done, counted.same, failures, waiting, cancelled, files, seconds)

"""Where the cases of a batch are computed: in this process, in processes of this machine, or on a Dask cluster.

Each engine takes assignments as it has room for them, so that memory does not grow with the length of a batch, and
gives outcomes in whatever order they come.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

from ..errors import MedPromptError
from .work import Assignment, Job, Outcome, close_bench, work

MEMORY_PER_WORKER = 2 << 30
"""Bytes to reckon with for one worker's libraries, weights and a volume."""
POLL_SECONDS = 0.3
DIED_TWICE = "The process that computed it ended twice without a word (out of memory?); other cases went on."

Cancelled = Callable[[], bool]
Outcomes = Generator[Outcome, None, None]


class Engine(Protocol):
    """What computes cases."""

    def outcomes(self, job: Job, assignments: Iterable[Assignment], cancelled: Cancelled) -> Outcomes:
        """An outcome for each assignment; after `cancelled()` no new ones begin."""
        ...

    def close(self) -> None:
        """Let go of what the engine holds between batches."""
        ...


def usable_cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers() -> int:
    """A worker for each core, as far as there is memory for them: networks scale better over images than over threads,
    and one worker's reading and writing goes on while others compute.
    """
    from ..inference.memory import free_memory

    free = free_memory("cpu")
    room = usable_cores() if free is None else free // MEMORY_PER_WORKER
    return max(1, min(usable_cores(), room))


class InThisProcess:
    """One case after the other, here; inside 3D Slicer there is no other way to a scene."""

    def outcomes(self, job: Job, assignments: Iterable[Assignment], cancelled: Cancelled) -> Outcomes:
        """See `Engine`."""
        for assignment in assignments:
            if cancelled():
                return
            yield work(job, assignment, cancelled)

    def close(self) -> None:
        """Let go of the weights and the scene."""
        close_bench()


class InProcesses:
    """Worker processes on this machine, each with all of a case: while one computes, others read and write.

    A worker that dies takes no other case with it: what was running is done again, one case at a time, and a case whose
    process dies a second time has failed.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def outcomes(self, job: Job, assignments: Iterable[Assignment], cancelled: Cancelled) -> Outcomes:
        """See `Engine`.

        Raises:
            MedPromptError: worker processes cannot be started here.
        """
        waiting = iter(assignments)
        suspects: deque[Assignment] = deque()
        running: dict[Future[Outcome], Assignment] = {}
        pool = _Pool(self.workers)
        try:
            more = True
            while more or running or suspects:
                if suspects and not running:
                    suspect = suspects.popleft()
                    pool, outcome = _alone(pool, job, suspect)
                    yield outcome
                    continue
                # One more than there are workers, so that none waits for this process to take note.
                while more and not suspects and len(running) <= self.workers and not cancelled():
                    assignment = next(waiting, None)
                    more = assignment is not None
                    if assignment is not None:
                        running[pool.submit(job, assignment)] = assignment
                if cancelled():
                    pool.cancel()
                    more = False
                    suspects.clear()
                for future in wait(running, POLL_SECONDS, FIRST_COMPLETED).done:
                    assignment = running.pop(future)
                    try:
                        yield future.result()
                    except BrokenProcessPool:
                        suspects.append(assignment)
                if suspects and not running:
                    pool = pool.renewed()
        finally:
            pool.cancel()
            pool.close()

    def close(self) -> None:
        """The processes ended with the outcomes."""


def _alone(pool: _Pool, job: Job, suspect: Assignment) -> tuple[_Pool, Outcome]:
    """A case that ran when a worker died, with nothing beside it; and the pool to go on with."""
    try:
        return pool, pool.submit(job, suspect).result()
    except BrokenProcessPool:
        return pool.renewed(), Outcome(suspect.case.name, "failed", reason=DIED_TWICE)


class _Pool:
    """Processes that have started well; they end with this one, however it ends."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        context = multiprocessing.get_context("spawn")  # threads and VTK do not survive a fork
        self._cancel = context.Event()
        self._executor = ProcessPoolExecutor(workers, context, _begin, (self._cancel,))
        try:
            self._executor.submit(os.getpid).result()
        except BrokenProcessPool as error:
            raise MedPromptError(
                "Worker processes cannot be started; in a script of your own, put the batch below "
                '`if __name__ == "__main__":`, or run it with workers=0.'
            ) from error

    def submit(self, job: Job, assignment: Assignment) -> Future[Outcome]:
        try:
            return self._executor.submit(_work, job, assignment)
        except BrokenProcessPool as error:  # it broke since we last looked: the same as if it had broken a moment later
            broken: Future[Outcome] = Future()
            broken.set_exception(error)
            return broken

    def renewed(self) -> _Pool:
        self.close()
        return _Pool(self.workers)

    def cancel(self) -> None:
        """What runs stops at its next step."""
        self._cancel.set()

    def close(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)


_cancel_event: Any = None


def _begin(cancel: Any) -> None:
    """In a new worker: only the batch's own process answers Ctrl+C, and without it there is no reason to live."""
    global _cancel_event  # noqa: PLW0603
    _cancel_event = cancel
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(job: Job, assignment: Assignment) -> Outcome:
    return work(job, assignment, _cancel_event.is_set)

"""Work beside the user interface: one job on a thread, looked after by a timer on Qt's thread."""

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import qt

POLL_MS = 20
"""How often a running job is looked at, and for how long each look lets it work; see `BackgroundJob.poll`."""

GRACE = 0.6
"""Seconds a cancelled job gets to stop; then it is left to end by itself, and what it makes is dropped."""


class BackgroundJob:
    """`work(progress, cancelled)` on a thread, which must not touch the scene or a widget.

    The main thread calls `poll` now and then, and `result` once `isFinished`.
    """

    def __init__(self, work: Callable[[Callable[[Any], None], Callable[[], bool]], Any]):
        self._events: queue.SimpleQueue = queue.SimpleQueue()
        self._cancel = threading.Event()
        self._result: Any = None
        self._error: BaseException | None = None
        self._finished = False
        self._cancelledAt = 0.0

        def do():
            try:
                self._result = work(self._events.put, self._cancel.is_set)
            except BaseException as error:  # It is raised again where it can be shown, by `result`.
                self._error = error

        self._thread = threading.Thread(target=do, name="MedPrompt", daemon=True)
        self._thread.start()

    def poll(self, seconds: float) -> list:
        """Let the job work for up to `seconds`; return its progress events since the last call.

        Slicer's event loop keeps Python's interpreter lock, so a thread gets on only while Python code waits, as here.
        """
        self._thread.join(seconds)
        # Before the queue is emptied: an event that comes in between must not be lost.
        self._finished = not self._thread.is_alive()
        events = []
        while not self._events.empty():
            events.append(self._events.get())
        return events

    def cancel(self) -> None:
        """Ask the job to stop; what it makes from now on is dropped."""
        if not self._cancel.is_set():
            self._cancelledAt = time.monotonic()
            self._cancel.set()

    def isCancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancel.is_set()

    def isFinished(self) -> bool:
        """Whether the thread had ended when `poll` was last called."""
        return self._finished

    def isOverdue(self) -> bool:
        """Whether it was cancelled and has had its time to stop."""
        return self.isCancelled() and time.monotonic() - self._cancelledAt > GRACE

    def result(self) -> Any:
        """What the work returned, or the error that ended it.

        A job that was cancelled too late to stop counts as cancelled all the same: that is what its user asked for.
        """
        from MedPromptLib.errors import Cancelled

        if self.isCancelled():
            raise Cancelled("The analysis was cancelled.")
        if self._error is not None:
            raise self._error
        return self._result


class JobRunner:
    """Runs one job at a time and tells when it reports and ends, on Qt's thread.

    A job that is replaced or abandoned is cancelled and gets time to end, but nobody hears of it any more.
    """

    def __init__(self):
        self.job: BackgroundJob | None = None
        self._onEvent: Callable[[Any], None] = lambda event: None
        self._onEnd: Callable[[BackgroundJob], None] = lambda job: None
        self._leaving: list[BackgroundJob] = []
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self._poll)

    @property
    def isRunning(self) -> bool:
        """Whether a job runs that somebody waits for."""
        return self.job is not None

    def start(
        self,
        work: Callable[[Callable[[Any], None], Callable[[], bool]], Any],
        onEnd: Callable[[BackgroundJob], None],
        onEvent: Callable[[Any], None] = lambda event: None,
    ) -> None:
        """Start a job; `onEnd` gets it once it has ended, and calls its `result`."""
        self.abandon()
        self._onEvent, self._onEnd = onEvent, onEnd
        self.job = BackgroundJob(work)
        self._timer.start()

    def cancel(self) -> None:
        """Ask the job to stop; `onEnd` is called within a second."""
        if self.job:
            self.job.cancel()

    def abandon(self) -> None:
        """Stop the job without waiting for it; `onEnd` is not called."""
        if self.job:
            self.job.cancel()
            self._leaving.append(self.job)
            self.job = None

    def _poll(self):
        self._leaving = [job for job in self._leaving if job.poll(0) is not None and not job.isFinished()]
        job = self.job
        if job is None:
            if not self._leaving:
                self._timer.stop()
            return
        events = job.poll(POLL_MS / 1000.0)
        for event in events:
            if job is self.job and not job.isCancelled():
                self._onEvent(event)
        if job is self.job and (job.isFinished() or job.isOverdue()):
            if not job.isFinished():
                self._leaving.append(job)
            self.job = None
            self._onEnd(job)

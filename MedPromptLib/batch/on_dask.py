"""A batch on a Dask cluster that runs already, on this machine or many: SLURM, PBS and Kubernetes come with Dask's own
packages (dask-jobqueue, dask-kubernetes).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from typing import Any

from ..errors import InvalidInput, MedPromptError, MissingPackage
from .engines import POLL_SECONDS, Cancelled, Outcomes
from .work import Assignment, Job, Outcome, work

SECONDS_TO_CONNECT = 30
RETRIES = 2
"""How often a case is tried again whose worker was lost on the way back."""
AHEAD = 8
"""Cases that wait at the scheduler for each of the cluster's threads, so that it can tell how much work there is."""
LEAST_AHEAD = 64


class OnDask:
    """Cases as tasks of a Dask scheduler.

    A worker does one case at a time and takes a graphics card for itself where its machine has several. It checks that
    its weights are, byte for byte, those of the machine that started the batch, and that it sees the output folder. A
    case whose worker is lost goes to another one; after several losses it has failed.

    Args:
        address: such as `tcp://head-node:8786`.
    """

    def __init__(self, address: str) -> None:
        try:
            import distributed
        except ImportError as missing:
            raise MissingPackage(
                'Batches on a cluster need Dask: pip install "medprompt-slicer[batch]", here and on the workers.'
            ) from missing
        try:
            self._client: Any = distributed.Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise InvalidInput(
                f"There is no Dask scheduler at '{address}'; start one (`dask scheduler`) and give the address that it "
                "prints, such as tcp://head-node:8786."
            ) from error
        self._address = address

    def close(self) -> None:
        """Leave the cluster as it is."""
        self._client.close()

    def outcomes(self, job: Job, assignments: Iterable[Assignment], cancelled: Cancelled) -> Outcomes:
        """See `engines.Engine`.

        Raises:
            MedPromptError: the scheduler was lost.
        """
        import distributed

        waiting = iter(assignments)
        running: dict[Any, Assignment] = {}
        gathered: Any = distributed.as_completed(loop=self._client.loop)
        more = True
        try:
            while not cancelled():
                room = max(LEAST_AHEAD, AHEAD * sum(self._client.nthreads().values()))
                while more and len(running) < room:
                    assignment = next(waiting, None)
                    more = assignment is not None
                    if assignment is not None:
                        future = self._client.submit(work, job, assignment, pure=False, retries=RETRIES)
                        running[future] = assignment
                        gathered.add(future)
                if not running:
                    return
                ready = gathered.next_batch(block=False)
                for future in ready:
                    yield self._result(future, running.pop(future))
                if not ready:
                    time.sleep(POLL_SECONDS)
        except (OSError, distributed.CancelledError, asyncio.CancelledError) as error:
            raise MedPromptError(
                f"The Dask scheduler at {self._address} was lost; finished cases are kept. Start the batch again to do "
                "the others."
            ) from error
        finally:
            with contextlib.suppress(Exception):  # a lost scheduler has nothing left to cancel
                self._client.cancel(list(running))

    def _result(self, future: Any, assignment: Assignment) -> Outcome:
        import distributed

        try:
            outcome: Outcome = future.result()
            return outcome
        except distributed.KilledWorker:
            reason = "Every worker that computed it was lost (out of memory?); other cases went on."
        except (OSError, distributed.CancelledError, asyncio.CancelledError):
            raise
        except Exception as error:
            reason = f"A worker could not compute it ({type(error).__name__}: {str(error).splitlines()[0][:200]})."
        return Outcome(assignment.case.name, "failed", reason=reason)

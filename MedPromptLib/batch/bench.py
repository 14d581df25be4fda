"""How fast a batch is beside the bare forward pass of its networks, and whether its memory stays flat."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ..errors import InvalidInput
from ..plan import Plan
from ..session import Session
from .engines import default_workers, usable_cores
from .listing import list_cases
from .planning import weights_of
from .running import BatchProgress, run

EARLY = 20
"""Memory at this case is what memory at the last one is compared with."""
ROUNDS = 30


def benchmark_batch(session: Session, prompt: str, source: Path, workers: int | None) -> Iterator[str]:
    """Lines of a report: cases a second of the forward pass alone, with all cores, and of a whole batch; memory.

    The forward pass is that of every weight of the plan, on an input that lies ready, in a process of its own.

    Raises:
        InvalidInput: fewer than `2 * EARLY` images.
        PlanRejected: the prompt asks for nothing that can be done.
    """
    count = len(list_cases(source, Path(os.devnull)).cases)
    if count < 2 * EARLY:
        raise InvalidInput(f"A batch of {count} images is too small to be timed; give {2 * EARLY} or more.")
    plan: Plan = session.plan(prompt)
    session.route(plan)
    weights = weights_of(plan, session.catalog.abilities, session.router.mode)
    number = default_workers() if workers is None else workers
    yield f"{count} images, {', '.join(weights)}; {usable_cores()} cores, {number} workers"
    folders = [os.fspath(session.catalog.folder(name)) for name in weights]
    words = [sys.executable, "-m", "MedPromptLib.batch.bench", str(usable_cores()), *folders]
    bare = float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    yield f"forward pass alone  {1 / bare:7.2f} cases/s"
    times: list[float] = []
    memory: list[float] = []

    def note(progress: BatchProgress) -> None:
        if not progress.message and progress.done > len(times):
            times.append(time.monotonic())
            memory.append(_megabytes())

    with tempfile.TemporaryDirectory(prefix="medprompt-bench-") as out:
        started = time.monotonic()
        done = run(
            plan=plan, input=source, out=out, session=session, workers=workers, accept_unusual_input=True, report=note
        )
        whole = time.monotonic() - started
    if done.failures:
        yield f"{len(done.failures)} cases failed, such as: {done.failures[0].reason}"
    steady = (len(times) - EARLY) / (times[-1] - times[EARLY - 1])
    yield f"batch, once it runs {steady:7.2f} cases/s, {steady * bare:.2f} of the forward pass alone"
    yield f"batch, all of it    {len(times) / whole:7.2f} cases/s in {whole:.1f} s, with starting and tables"
    early, last = memory[EARLY - 1], memory[-1]
    yield f"memory of all processes at case {EARLY}: {early:.0f} MB, at case {len(memory)}: {last:.0f} MB, " + (
        f"{100 * (last / early - 1):+.1f} %"
    )


def _megabytes() -> float:
    """Memory of this process and of those it has started."""
    import psutil

    this = psutil.Process()
    return float(sum(p.memory_info().rss for p in (this, *this.children(recursive=True))) / 1e6)


def _forward(threads: int, folders: list[str]) -> float:
    """Seconds of one pass of each weight, median of several."""
    import statistics

    import torch

    from ..catalog import read_card
    from ..inference.engine import load_weight
    from ..inference.preprocessing import prepare, standardise
    from ..installing import a_pattern

    torch.set_num_threads(threads)
    total = 0.0
    for folder in folders:
        card = read_card(Path(folder))
        weight = load_weight(Path(folder), card, torch.device("cpu"))
        x = standardise(prepare(a_pattern(card).array, card.preprocessing), card.preprocessing)
        x = x.contiguous(memory_format=torch.channels_last)
        seconds = []
        with torch.inference_mode():
            for _ in range(ROUNDS + 3):
                started = time.perf_counter()
                weight.network(x)
                seconds.append(time.perf_counter() - started)
        total += statistics.median(seconds[3:])
    return total


if __name__ == "__main__":
    print(_forward(int(sys.argv[1]), sys.argv[2:]))

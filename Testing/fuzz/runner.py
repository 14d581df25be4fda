"""Watches workers go through cases: crashes, hangs, tracebacks, files in wrong places, memory that grows.

By hand: `python Testing/fuzz/runner.py --long` (an hour; a table of what was tried, and every problem with its case).
The tests run a short part of it.
"""

from __future__ import annotations

import collections
import json
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

TESTING = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(TESTING))

from fuzz.kinds import KINDS, options  # noqa: E402

HANG, PATIENCE = 30.0, 6.0
"""Seconds of processor time after which a case counts as hanging, and how many times as long it may wait for it: the
machine may be busy with other things."""
GROWTH = 1.05
SETTLED = 50
"""Cases until caches are filled and memory is compared from."""


@dataclass
class Tally:
    """What became of the cases of one kind.

    Attributes:
        outcomes: how many ended how.
        problems: case and what was wrong.
        megabytes: resident memory after each case of the last worker.
    """

    kind: str
    outcomes: collections.Counter[str] = field(default_factory=collections.Counter)
    problems: list[str] = field(default_factory=list)
    slowest: float = 0.0
    megabytes: list[float] = field(default_factory=list)

    def note(self, problem: str) -> None:
        """Keep a problem, and say it."""
        self.problems.append(problem)
        print(f"    {self.kind}: {problem}", file=sys.stderr, flush=True)

    @property
    def tried(self) -> int:
        """How many cases were tried."""
        return sum(self.outcomes.values())

    @property
    def growth(self) -> float:
        """Memory at the end over memory after the first cases; medians of twenty, 1.0 for too few cases."""
        if len(self.megabytes) < SETTLED + 60:
            return 1.0
        settled = self.megabytes[SETTLED:]
        return statistics.median(settled[-20:]) / statistics.median(settled[:20])

    def line(self) -> str:
        """One line of the table."""
        refused = self.tried - self.outcomes["done"]
        return (
            f"{self.kind:12}{self.tried:7} tried{self.outcomes['done']:7} done{refused:7} refused"
            f"{len(self.problems):5} problems   slowest {self.slowest:5.1f} s   memory ×{self.growth:.2f}"
        )


def fuzz(counts: dict[str, int], seed: int, hang: float = HANG, every: int = 1) -> dict[str, Tally]:
    """Every case of some kinds, each with a count of random ones; or only every so manieth.

    A worker that dies or hangs is replaced by another, which goes on with the next case.
    """
    tallies, start = {name: Tally(name) for name in counts}, 0
    while start >= 0:
        with tempfile.TemporaryDirectory(prefix="medprompt-fuzz-") as folder:
            start = _one_worker(tallies, [json.dumps(counts), str(every), str(seed)], start, Path(folder), hang)
    return tallies


def _one_worker(tallies: dict[str, Tally], settings: list[str], start: int, folder: Path, hang: float) -> int:
    """Runs a worker until it is finished (−1), or until it is lost: the number to go on with."""
    for name in ("home", "tmp", "here"):
        (folder / name).mkdir()
    places = {
        "HOME": "home",
        "TMPDIR": "tmp",
        "MEDPROMPT_HOME": "home",
        "MEDPROMPT_CACHE": "home",
        "MEDPROMPT_CONFIG": "home",
    }
    environment = os.environ | {name: str(folder / place) for name, place in places.items()}
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(TESTING), str(TESTING.parent), os.environ.get("PYTHONPATH", "")]),
        "PYTHONHASHSEED": "0",
        "MEDPROMPT_WEIGHTS": "",
    }
    command = [sys.executable, "-X", "faulthandler", "-m", "fuzz.worker", *settings, str(start), str(folder)]
    with open(folder / "said", "w+b") as said:
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, cwd=folder / "here", env=environment)
        lines: queue.Queue[bytes] = queue.Queue()
        assert worker.stdout is not None
        reader = threading.Thread(target=_pump, args=(worker.stdout, lines), daemon=True)
        reader.start()
        number, case, tally = start, "starting", next(iter(tallies.values()))
        for each in tallies.values():
            each.megabytes.clear()
        try:
            while True:
                line = _next_line(lines, worker.pid, hang if case != "starting" else 4 * hang)
                if line is None:
                    tally.outcomes["hang"] += 1
                    tally.note(f"{case}: nothing within {hang:g} s")
                    return number + 1
                if not line:
                    worker.wait()
                    said.seek(0)
                    tally.outcomes["crash"] += 1
                    words = said.read().decode(errors="replace").strip().splitlines()
                    tally.note(f"{case}: the process died ({worker.returncode}): {' | '.join(words[-12:])}")
                    return number + 1 if case != "starting" else -1
                told = json.loads(line)
                if "finished" in told:
                    return -1
                if "start" in told:
                    number, case, tally = told["start"], told["case"], tallies[told["kind"]]
                    continue
                tally.outcomes[told["outcome"]] += 1
                tally.slowest = max(tally.slowest, told["seconds"])
                tally.megabytes.append(told["megabytes"])
                if told["problem"]:
                    tally.note(f"{case}: {told['problem']}")
        finally:
            worker.kill()
            worker.wait()
            reader.join()
            worker.stdout.close()


def _next_line(lines: queue.Queue[bytes], pid: int, hang: float) -> bytes | None:
    """What the worker says next; None if it has worked or waited too long."""
    process = psutil.Process(pid)
    clock, work = time.monotonic(), _worked(process)
    while time.monotonic() - clock < PATIENCE * hang and _worked(process) - work < hang:
        try:
            return lines.get(timeout=0.5)
        except queue.Empty:
            continue
    return None


def _worked(process: psutil.Process) -> float:
    """Seconds of processor time so far; 0 for a process that is gone."""
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system


def _pump(stream: object, lines: queue.Queue[bytes]) -> None:
    for line in stream:  # type: ignore[attr-defined]
        lines.put(line)
    lines.put(b"")


def main() -> int:
    """All kinds; the exit code says whether there was any problem."""
    chosen = options().parse_args()
    wrong, tried = 0, 0
    for name in chosen.only or KINDS:
        kind = KINDS[name]
        count = chosen.count if chosen.count is not None else kind.long if chosen.long else kind.short
        tally = fuzz({name: count}, chosen.seed)[name]
        print(tally.line(), flush=True)
        if tally.growth > GROWTH:
            print(f"    memory grew by {tally.growth - 1:.1%}")
        wrong += len(tally.problems) + (tally.growth > GROWTH)
        tried += tally.tried
    print(f"{tried} cases, {wrong} problems")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

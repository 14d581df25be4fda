"""The batch's part of the command line: `medprompt batch`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli_archive import add_filing_options, open_archive
from .cli_planner import asked, read_text, tell
from .errors import InvalidInput, MissingPackage

if TYPE_CHECKING:
    from .batch import BatchProgress, BatchReport
    from .plan import Plan
    from .planner import Verdict
    from .session import Session

SOME_FAILED = 1
STOPPED = 130
GOES_ON = "Stopped; the same command goes on from here."
SHOWN_FAILURES = 10
SECONDS_BETWEEN_LINES = 10.0


def batch(options: argparse.Namespace, make_session: Callable[[argparse.Namespace], Session]) -> int:
    """Do what a prompt asks on many images; the same line again goes on where it was."""
    if options.plan and options.prompt:
        raise InvalidInput("Give --prompt TEXT or --plan FILE, not both.")
    plan = None
    if options.plan:
        from .plan import load_plan

        plan = load_plan(read_text(options.plan))
    if options.archive:
        with open_archive(options.archive, make=True) as archive:
            _ = archive.keys  # says what is wrong with it before anything expensive runs
    session = make_session(options)
    try:
        done = _run(session, plan, options)
    except KeyboardInterrupt:
        tell(GOES_ON)
        return STOPPED
    if options.archive and not done.cancelled:
        _file(done, options)
    return _summary(done)


def _run(session: Session, plan: Plan | None, options: argparse.Namespace) -> BatchReport:
    from . import batch as batches

    with _stopped_by_signals() as cancelled, _progress_line() as report:
        return batches.run(
            options.prompt or "",
            input=options.input,
            out=options.out,
            plan=plan,
            session=session,
            modality=options.modality,
            workers=options.workers,
            device=options.device,
            scheduler=options.scheduler or "",
            retry_failed=options.retry_failed,
            accept_unusual_input=options.accept_unusual_input,
            pictures=options.pictures,
            confirm=lambda verdict: _agreed(verdict, session, options),
            report=report,
            cancelled=cancelled,
        )


def _file(done: BatchReport, options: argparse.Namespace) -> None:
    """File every finished case; those that are filed already are known by their content."""
    new = 0
    with open_archive(options.archive) as archive:
        for case in done.finished:
            filed = archive.add_run(
                done.out / case.name,
                source=Path(case.files[0]),
                project=options.project,
                with_scene=not options.without_scene,
            )
            new += filed.new
            for warning in filed.warnings:
                tell(f"{case.name}: {warning}")
    tell(f"{new} runs were filed, {len(done.finished) - new} were filed already.")


def _summary(done: BatchReport) -> int:
    failed = len(done.failures)
    print(
        f"{done.done} done, {done.same} were there already, {failed} failed, {done.waiting} left; {done.seconds:.0f} s"
    )
    print(*done.files, sep="\n")
    for failure in done.failures[:SHOWN_FAILURES]:
        tell(f"{failure.name}: {failure.reason}")
    if failed > SHOWN_FAILURES:
        tell(f"… and {failed - SHOWN_FAILURES} more, all of them in {done.out / 'cases.csv'}")
    if done.cancelled:
        tell(GOES_ON)
        return STOPPED
    if failed:
        tell("The same command with --retry-failed tries the failed ones again.")
        return SOME_FAILED
    return 0


def _agreed(verdict: Verdict, session: Session, options: argparse.Namespace) -> bool:
    if options.yes:
        return True
    if not sys.stdin.isatty():
        return False
    from .planner import explain

    tell(explain(verdict, session.catalog.abilities))
    return asked("Run this plan on all of its cases?")


@contextmanager
def _stopped_by_signals() -> Iterator[Callable[[], bool]]:
    """Whether somebody, or a cluster that wants its node back, has asked to stop; a second Ctrl+C does not wait."""
    stop: list[int] = []

    def asked_to_stop(number: int, frame: Any) -> None:
        if stop:
            raise KeyboardInterrupt
        stop.append(number)
        os.write(2, b"\nStopping; what is finished is kept. Ctrl+C again does not wait.\n")

    before = {number: signal.signal(number, asked_to_stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(stop)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress_line() -> Iterator[Callable[[BatchProgress], None]]:
    """One line that moves on a terminal; elsewhere a line now and then."""
    if not sys.stderr.isatty():
        yield _plain()
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
    except ImportError as missing:
        raise MissingPackage("The progress line needs the package rich: pip install rich") from missing
    columns = BarColumn(), TextColumn("{task.fields[counts]}", markup=False)
    bar = Progress(*columns, console=Console(stderr=True))
    line = bar.add_task("", counts="")

    def report(progress: BatchProgress) -> None:
        bar.start()  # not before: a plan may have to be confirmed on the same terminal
        if progress.message:
            bar.console.print(progress.message, markup=False, highlight=False)
        bar.update(line, total=progress.total, completed=progress.finished, counts=in_words(progress))

    try:
        yield report
    finally:
        bar.stop()


def _plain() -> Callable[[BatchProgress], None]:
    last = [time.monotonic()]

    def report(progress: BatchProgress) -> None:
        if progress.message:
            tell(progress.message)
        if time.monotonic() - last[0] >= SECONDS_BETWEEN_LINES:
            last[0] = time.monotonic()
            tell(in_words(progress))

    return report


def in_words(progress: BatchProgress) -> str:
    """`132 of 200, 2 failed, 310 a minute, 0:00:13 left`."""
    parts = [f"{progress.finished} of {progress.total}"]
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    if progress.rate:
        parts.append(f"{progress.rate:.0f} a minute" if progress.rate >= 10 else f"{progress.rate:.1f} a minute")
    if progress.remaining is not None:
        minutes, seconds = divmod(round(progress.remaining), 60)
        parts.append(f"{minutes // 60}:{minutes % 60:02}:{seconds:02} left")
    return ", ".join(parts)


def bench_batch(options: argparse.Namespace, make_session: Callable[[argparse.Namespace], Session]) -> None:
    """Time a batch beside the forward pass of its networks."""
    from .batch.bench import benchmark_batch

    for line in benchmark_batch(make_session(options), options.prompt, options.input, options.workers):
        print(line, flush=True)


def add_bench_batch(bench: Any, parents: list[argparse.ArgumentParser], make_session: Callable[..., Session]) -> None:
    """`medprompt bench batch`."""
    p = bench.add_parser("batch", parents=parents, help="a batch beside the bare forward pass, on the CPU")
    p.set_defaults(do=lambda options: bench_batch(options, make_session))
    p.add_argument("--prompt", required=True)
    p.add_argument("--input", type=Path, required=True, metavar="DIR", help="folder of images")
    p.add_argument("--workers", type=int, metavar="N")


def add_batch_command(
    commands: Any,
    places: argparse.ArgumentParser,
    device: argparse.ArgumentParser,
    planning: argparse.ArgumentParser,
    make_session: Callable[[argparse.Namespace], Session],
) -> None:
    """`medprompt batch`."""
    p = commands.add_parser(
        "batch", parents=[places, device, planning], help="do what a prompt asks on many images, resumable"
    )
    p.set_defaults(do=lambda options: batch(options, make_session))
    p.add_argument("--prompt", help="for all images that have none of their own in the table")
    p.add_argument("--plan", type=Path, help="a plan saved with `medprompt plan --json` instead of a prompt")
    p.add_argument(
        "--input",
        type=Path,
        required=True,
        metavar="PATH",
        help="folder of images or DICOM files, or a .csv with the column input (and name, prompt, modality if wanted)",
    )
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="one folder a case, tables and index.html")
    p.add_argument("--modality", help="what the images are, where neither their files nor the table say")
    p.add_argument(
        "--workers", type=int, metavar="N", help="processes on this machine (default: by cores and memory; 0: none)"
    )
    p.add_argument("--scheduler", metavar="ADDRESS", help="compute on a Dask cluster, such as tcp://head-node:8786")
    p.add_argument("--retry-failed", action="store_true", help="only try again what failed")
    p.add_argument(
        "--accept-unusual-input",
        action="store_true",
        help="run although an image does not look like those a weight was made for",
    )
    add_filing_options(p, one_subject=False)
    p.add_argument("--pictures", action="store_true", help="also draw overview.png for each case, which takes longer")

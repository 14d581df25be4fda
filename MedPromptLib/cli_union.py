"""The union networks' part of the command line: `medprompt bench union` and `medprompt train-kinds`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .cli_planner import tell


def bench_union(options: argparse.Namespace) -> None:
    """Train and measure the rows of the table that are not done, then print it."""
    from .inference.devices import resolve_device
    from .training.union_bench import run_rows, table

    if not options.table:
        run_rows(options.data, options.work, resolve_device(options.device), only=options.rows, report=tell)
    print(table(options.work))


def train_kinds(options: argparse.Namespace) -> None:
    """Fit the lines by which kinds of images are told apart, and measure them on the validation splits."""
    from .instructions.kinds import LINES
    from .training.kinds_training import fit_kinds, measure_kinds

    if not options.measure:
        fit_kinds(options.data, LINES, tell)
    for declared in (False, True):
        print("told beforehand what they are:" if declared else "told nothing beforehand:")
        for name, (count, right, wrong) in measure_kinds(options.data, options.split, declared=declared).items():
            share = f"{right / count:.3f} of {count}" if count else "none"
            print(f"  {name:18} {share:14} {wrong}")


def add_union_commands(commands: Any, bench: Any, device: argparse.ArgumentParser) -> None:
    """Add them to the parser."""
    p = bench.add_parser(
        "union", parents=[device], help="train and measure union networks; resumable", description=bench_union.__doc__
    )
    p.set_defaults(do=bench_union)
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    p.add_argument("--work", type=Path, required=True, metavar="DIR", help="results, checkpoints and logs")
    p.add_argument("--rows", action="append", default=[], metavar="BEGINNING", help="only rows that begin like that")
    p.add_argument("--table", action="store_true", help="only print what is done")

    p = commands.add_parser("train-kinds", help="fit how kinds of images are told apart")
    p.set_defaults(do=train_kinds)
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    p.add_argument("--split", default="val", help="what is measured")
    p.add_argument("--measure", action="store_true", help="only measure")

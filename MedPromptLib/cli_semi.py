"""The command line's part for few labels: `medprompt bench semi`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .cli_planner import tell
from .errors import InvalidInput
from .outputs import check_folder, write_lines


def bench_semi(options: argparse.Namespace) -> None:
    """Train and measure the rows of the semi-supervised table that are not done yet, and print it."""
    from .inference.devices import resolve_device
    from .training.semi_bench import finished, rows, run_row, table
    from .training.semi_text import text_of

    number, parts = _share(options.share)
    wanted = [row for row in rows(options.set or ("left atrium", "hippocampus")) if options.only in row.folder]
    if not wanted:
        names = ", ".join(row.folder for row in rows())
        raise InvalidInput(f"No row has '{options.only}' in its name; the rows are: {names}.")
    check_folder(options.work)
    if not options.table:
        device = resolve_device(options.device)
        for index, row in enumerate(wanted):
            if index % parts == number - 1:
                tell(f"row {index + 1} of {len(wanted)}: {row.folder}")
                run_row(row, options.data, options.work, device, text_of, tell, options.split)
                finished(options.work)
    write_lines(table(finished(options.work)), options.out)


def _share(text: str) -> tuple[int, int]:
    try:
        number, parts = (int(part) for part in text.split("/"))
    except ValueError:
        number, parts = 0, 0
    if not 1 <= number <= parts:
        raise InvalidInput(f"--share is '{text}'; expected N/M with N from 1 to M, for example 1/2.")
    return number, parts


def add_semi_commands(bench: Any, device: argparse.ArgumentParser) -> None:
    """`bench semi`."""
    p = bench.add_parser(
        "semi", parents=[device], help="train and measure every way of learning from few labels (hours; resumable)"
    )
    p.set_defaults(do=bench_semi)
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    p.add_argument("--work", type=Path, default=Path("runs/semi"), metavar="DIR", help="checkpoints and results")
    p.add_argument("--set", action="append", choices=("left atrium", "hippocampus"), help="only that data set")
    p.add_argument("--only", default="", metavar="TEXT", help="only rows with this in their name")
    p.add_argument("--split", default="test", choices=("val", "test"), help="where rows are measured")
    p.add_argument("--share", default="1/1", metavar="N/M", help="every M-th row, for M processes side by side")
    p.add_argument("--table", action="store_true", help="train nothing, print the table of what is done")
    p.add_argument("--out", type=Path, metavar="FILE", help="where the table goes (default: standard output)")

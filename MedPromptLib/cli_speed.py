"""`medprompt bench speed`: the table of what everything takes, and where a run's time goes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def bench_speed(options: argparse.Namespace) -> None:
    """Time everything, each in a process of its own; with --profile, show where a cold run's time goes instead."""
    from .bench_speed import profile, table
    from .planner import RulePlanner
    from .session import Session

    if options.profile:
        arguments = [word for folder in options.weights or () for word in ("--weights", str(folder))]
        lines = profile([*arguments, "--device", options.device])
    else:
        lines = table(
            Session(options.weights, RulePlanner()),
            options.rounds,
            options.device,
            only=options.only or (),
            weights=options.weights,
            compare=options.compare,
            out=options.json,
        )
    for line in lines:
        print(line, flush=True)


def add_speed_command(bench: Any, places: argparse.ArgumentParser, device: argparse.ArgumentParser) -> None:
    """Add it to `medprompt bench`."""
    p = bench.add_parser(
        "speed", parents=[places, device], help="everything, cold and warm, beside the paper's network; minutes"
    )
    p.set_defaults(do=bench_speed)
    p.add_argument("--rounds", type=int, default=10)
    p.add_argument("--only", action="append", metavar="TEXT", help="only cases with this in their name; repeatable")
    p.add_argument("--json", type=Path, metavar="FILE", help="write the measurement to this file")
    p.add_argument("--compare", type=Path, metavar="FILE", help="an earlier measurement to compare with")
    p.add_argument("--profile", action="store_true", help="where the time of a cold run goes, by function")

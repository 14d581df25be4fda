"""The bench of speed: what it measures, how it is compared, and that bad use is a sentence. Nothing here is timed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from weights_for_tests import a_card, write_weight

from MedPromptLib import bench_speed
from MedPromptLib.bench_speed import Row
from MedPromptLib.cli import main
from MedPromptLib.planner import RulePlanner
from MedPromptLib.session import Session


@pytest.fixture(scope="module")
def some_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("weights")
    write_weight(root, a_card("lungs_seg_cxr"))
    return root


def test_the_table_is_measured_written_and_compared(some_weights: Path, tmp_path: Path, capsys) -> None:
    words = ["bench", "speed", "--weights", str(some_weights), "--rounds", "1", "--only", "lungs_seg_cxr, forward"]
    assert main([*words, "--device", "cpu", "--json", str(tmp_path / "first.json")]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["median", "s", "p95", "s", "CPU", "s", "MB"] and line.startswith("lungs_seg_cxr, forward")
    told = json.loads((tmp_path / "first.json").read_text())
    assert {"date", "processor", "threads", "torch", "engine", "rows"} <= told.keys()
    assert all(min(row["seconds"]) > 0 and row["megabytes"] > 50 for row in told["rows"])
    rows = bench_speed.read_rows(tmp_path / "first.json")
    assert "1.00 × earlier, memory 1.00 ×" in bench_speed.line_of(row := rows["lungs_seg_cxr, forward"], row)


def test_a_forward_pass_stands_beside_the_papers_network_for_the_same_task(some_weights: Path) -> None:
    session = Session([some_weights], RulePlanner())
    names = ("paper's network, segmentation", "paper's network, classification", "lungs_seg_cxr")
    rows = [
        Row(f"{name}, forward", (seconds,), (1.0,), 1.0) for name, seconds in zip(names, (0.9, 0.6, 0.3), strict=True)
    ]
    assert set(bench_speed.cases(session)) >= {row.name for row in rows}
    paper = bench_speed.paper_row(rows[2], rows, session)
    assert paper is rows[0] and bench_speed.paper_row(rows[0], rows, session) is None
    assert "3.0 × faster than the paper's" in bench_speed.line_of(rows[2], paper=paper)


def test_cost_of_a_unit_as_the_work_grows() -> None:
    rows = [Row(f"2D, one task, {n} images", (float(n * n),), (1.0,), 100.0, n) for n in (1, 4, 16)]
    assert list(bench_speed.growth_lines(rows)) == [
        "2D, one task: cost of a unit as the work grows: ×4 4.00, ×16 16.00"
    ]


def test_the_95th_percentile_of_few_rounds_is_the_slowest() -> None:
    assert Row("x", (3.0, 1.0, 2.0), (1.0,), 1.0).p95 == 3.0
    assert Row("x", tuple(map(float, range(1, 101))), (1.0,), 1.0).p95 == 95.0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "nothing"], "No case is called like nothing"),
        (["--rounds", "0", "--only", "help"], "at least one round"),
        (["--compare", "missing.json"], "is not an earlier measurement"),
    ],
)
def test_bad_use_of_the_bench_is_a_sentence(some_weights: Path, capsys, words: list[str], said: str) -> None:
    assert main(["bench", "speed", "--weights", str(some_weights), *words]) == 2
    assert said in capsys.readouterr().err

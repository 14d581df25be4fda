"""Broken and hostile input in short; `python Testing/fuzz/runner.py --long` tries many times more."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from fuzz import damage, documents, images, kinds, runner, worker

from MedPromptLib.errors import InvalidInput

SHARE = {"images": 40, "cards": 6, "safetensors": 2, "plans": 5, "prompts": 20, "runs": 1, "repeats": 120}
"""Random cases in the tests, and all hand-made ones; a third of both is tried."""


def test_broken_input_ends_in_a_sentence_quickly_and_writes_nowhere_else() -> None:
    tallies = runner.fuzz({name: SHARE.get(name, 20) for name in runner.KINDS}, seed=7, every=3)
    assert {name: tally.problems for name, tally in tallies.items() if tally.problems} == {}
    assert min(tally.tried for tally in tallies.values()) >= 7
    assert tallies["repeats"].growth <= runner.GROWTH


def a_kind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> runner.Tally:
    """What the runner says of a use that misbehaves: a kind of three cases in a module that only workers import."""
    module = tmp_path / "sitecustomize.py"
    module.write_text(
        "import sys\n"
        "def install():\n"
        "    from fuzz import kinds\n"
        "    def use(folder, out):\n"
        f"        {body}\n"
        "    cases = lambda random, count: iter([(str(n), {'a': b''}) for n in range(3)])\n"
        "    kinds.KINDS['lines'] = kinds.Kind(cases, use, 0, 0)\n"
        "if 'fuzz.worker' in sys.orig_argv: install()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return runner.fuzz({"lines": 0}, 1, hang=1)["lines"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("if (folder / 'a').exists(): import os; os.abort()", "the process died"),
        ("import time; time.sleep(60)", "nothing within 1 s"),
        ("(out.parent / 'tmp' / 'left').touch()", "files outside the output folder"),
    ],
)
def test_the_runner_notices_what_must_not_happen(monkeypatch, tmp_path, body, said) -> None:
    tally = a_kind(monkeypatch, tmp_path, body)
    assert len(tally.problems) >= 1 and said in tally.problems[0]


def test_a_defect_is_told_from_an_answer() -> None:
    def judged(error: Exception) -> tuple[str, str]:
        try:
            raise error
        except Exception as raised:
            return worker._judged(raised)

    assert judged(InvalidInput("There is no file; give one that exists.")) == ("InvalidInput", "")
    assert "no whole sentence" in judged(InvalidInput("something went wrong here"))[1]
    assert judged(InvalidInput("The name \x1b[2J is not allowed; choose another."))[1] == ""  # is made printable
    assert judged(KeyError("x"))[1].startswith("KeyError")


def test_memory_that_grows_is_seen() -> None:
    tally = runner.Tally("lines")
    tally.megabytes = [400 + n for n in range(200)]
    assert tally.growth > 1.2


def test_damage_is_the_same_for_the_same_seed_and_rarely_nothing() -> None:
    data = images.nifti()
    first = [damage.damaged(data, Random(n)) for n in range(50)]
    assert first == [damage.damaged(data, Random(n)) for n in range(50)]
    assert sum(other != data for other in first) > 45
    changed = [damage.changed(documents.A_PLAN, Random(n)) for n in range(50)]
    assert sum(json.dumps(other) != json.dumps(documents.A_PLAN) for other in changed) > 40


def test_the_seeds_of_the_corpus_are_well_formed(tmp_path: Path) -> None:
    from MedPromptLib.images import read_image

    for name, data in images._well_formed().items():
        (tmp_path / name).write_bytes(data)
        assert read_image(tmp_path / name).array.size
    assert kinds.must_be_a_sentence("This is a whole sentence.") is None

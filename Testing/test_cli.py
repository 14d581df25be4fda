"""The command line: what it writes, what it says about bad input, and that it loses nothing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from weights_for_tests import a_card, write_weight

from MedPromptLib.cli import main
from MedPromptLib.results import Provenance

ROOT = Path(__file__).resolve().parent.parent
FILES = {"scene.mrb", "results.tsv", "run.json", "overview.png"}


@pytest.fixture(scope="module")
def some_weights(tmp_path_factory):
    root = tmp_path_factory.mktemp("weights")
    write_weight(root, a_card("lungs_seg_cxr"), bias=[0, 1, 0])
    card = a_card("tb_cls_cxr", target="tuberculosis", classes=("normal", "tb"), positive=("tb",), synonyms=("tb",))
    write_weight(root, card, bias=[0, 2])
    return root


@pytest.fixture
def a_picture(tmp_path):
    path = tmp_path / "film.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 50), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def medprompt(some_weights, capsys):
    """Runs the command line; gives exit code, standard output and what it said on standard error."""

    def call(*arguments):
        words = [str(a) for a in arguments]
        if words[0] not in ("schema", "train"):
            at = 2 if words[0] == "weights" else 1
            words[at:at] = ["--weights", str(some_weights)]
        code = main(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def assert_one_sentence(code, err, expected_code, said):
    assert code == expected_code
    last = err.strip().splitlines()[-1]
    assert last.startswith("medprompt: ")
    assert said in last
    assert "Traceback" not in err


def test_a_run_writes_its_five_kinds_of_files(medprompt, a_picture, tmp_path):
    out = tmp_path / "out"
    prompt = "Segment the lungs on this chest x-ray and check for tuberculosis."
    code, _, err = medprompt("run", "--prompt", prompt, "--input", a_picture, "--out", out)
    assert code == 0, err
    written = {path.name for path in out.iterdir()}
    assert FILES | {"1_lungs_seg_cxr.seg.nrrd"} <= written
    record = Provenance.model_validate_json((out / "run.json").read_text())
    assert record.prompt == prompt
    assert [r.state for r in record.tasks] == ["done", "done"]
    assert not [name for name in written if name.startswith(".")]


def test_a_condition_that_is_not_met_is_said_in_the_record(medprompt, a_picture, tmp_path):
    prompt = "Check this chest x-ray for tuberculosis; if negative, segment the lungs."
    code, _, err = medprompt("run", "--prompt", prompt, "--input", a_picture, "--out", tmp_path / "out")
    assert code == 0, err
    record = Provenance.model_validate_json((tmp_path / "out" / "run.json").read_text())
    assert [r.state for r in record.tasks] == ["done", "skipped"]


def test_several_inputs_get_a_folder_each(medprompt, a_picture, tmp_path):
    other = tmp_path / "other.png"
    other.write_bytes(a_picture.read_bytes())
    code, _, err = medprompt(
        "run", "--prompt", "Does this film show TB?", "--input", a_picture, "--input", other, "--out", tmp_path / "out"
    )
    assert code == 0, err
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"film", "other"}


def test_a_saved_plan_runs_without_a_planner(medprompt, a_picture, tmp_path):
    _, plan, _ = medprompt("plan", "Segment the lungs on this chest x-ray.", "--json")
    (tmp_path / "plan.json").write_text(plan)
    code, _, err = medprompt("run", "--plan", tmp_path / "plan.json", "--input", a_picture, "--out", tmp_path / "out")
    assert code == 0, err
    assert FILES <= {p.name for p in (tmp_path / "out").iterdir()}


def test_a_plan_is_shown_in_words(medprompt):
    code, out, _ = medprompt("plan", "Check for tuberculosis; if positive, segment the lungs.")
    assert code == 0
    assert "lungs" in out and "tuberculosis" in out


def test_a_file_of_prompts_is_planned_in_the_scored_format(medprompt, tmp_path):
    catalog = [{"id": "liver_seg_ct", "intent": "segmentation", "target": "liver", "modality": "abdominal ct"}]
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    (tmp_path / "prompts.jsonl").write_text('{"id": "p1", "prompt": "Segment the liver on this CT."}\n')
    out = tmp_path / "predictions.jsonl"
    code, _, err = medprompt(
        "plan", "--catalog", tmp_path / "catalog.json", "--prompts", tmp_path / "prompts.jsonl", "--out", out
    )
    assert code == 0, err
    row = json.loads(out.read_text())
    assert row["id"] == "p1" and row["decision"] == "run"
    assert [task["weight"] for task in row["tasks"]] == ["liver_seg_ct"]


def test_weights_are_listed_shown_and_verified(medprompt):
    assert "lungs_seg_cxr" in medprompt("weights", "list")[1]
    assert "classification of tuberculosis" in medprompt("weights", "show", "tb_cls_cxr")[1]
    code, out, _ = medprompt("weights", "verify")
    assert code == 0 and out.count("whole") == 2


# Bad input: one sentence, a code of its own, nothing lost.


@pytest.mark.parametrize(
    ("prompt", "code", "said"),
    [
        ("", 2, "prompt"),
        ("   ", 2, "prompt"),
        ("segment " * 1250, 2, "characters"),
        ("Segment the pancreas on this CT.", 3, "pancreas"),
        ("Do the usual.", 3, ""),
    ],
    ids=["empty", "blank", "ten thousand characters", "no weight does it", "vague"],
)
def test_a_prompt_that_cannot_be_done(medprompt, a_picture, tmp_path, prompt, code, said):
    got, _, err = medprompt("run", "--prompt", prompt, "--input", a_picture, "--out", tmp_path / "out")
    assert_one_sentence(got, err, code, said)
    assert not (tmp_path / "out").exists()


def test_an_input_that_is_missing_or_no_image(medprompt, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    for name, said in (("nothing.png", "nothing.png"), ("notes.txt", "notes.txt")):
        code, _, err = medprompt(
            "run", "--prompt", "Check for TB.", "--input", tmp_path / name, "--out", tmp_path / "o"
        )
        assert_one_sentence(code, err, 2, said)


def test_nothing_to_do_is_said(medprompt, a_picture, tmp_path):
    code, _, err = medprompt("run", "--input", a_picture, "--out", tmp_path / "out")
    assert_one_sentence(code, err, 2, "give --prompt TEXT or --plan FILE")


def test_two_inputs_of_one_name_are_refused(medprompt, a_picture, tmp_path):
    code, _, err = medprompt(
        "run", "--prompt", "TB?", "--input", a_picture, "--input", a_picture, "--out", tmp_path / "o"
    )
    assert_one_sentence(code, err, 2, "rename one")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"condition_on": {"task_id": 7}}, "task 7, which it does not contain"),
        ({"condition_on": {"task_id": 1}}, "runs in a circle"),
        ({"target": "spleen"}, "No installed weight is for segmenting spleen"),
        ({"colour": "red"}, "pipeline.0.colour"),
    ],
)
def test_a_plan_that_cannot_be_run(medprompt, a_picture, tmp_path, change, said):
    _, text, _ = medprompt("plan", "Segment the lungs on this chest x-ray.", "--json")
    plan = json.loads(text)
    plan["pipeline"][0] |= change
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    code, _, err = medprompt("run", "--plan", tmp_path / "plan.json", "--input", a_picture, "--out", tmp_path / "out")
    assert_one_sentence(code, err, 3, said)


def test_a_damaged_weight_stops_the_run_before_anything_is_written(a_picture, tmp_path, capsys):
    root = tmp_path / "weights"
    write_weight(root, a_card("lungs_seg_cxr"))
    path = root / "lungs_seg_cxr" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    arguments = ["--prompt", "Segment the lungs.", "--input", a_picture, "--out", tmp_path / "out", "--weights", root]
    code = main(["run", *map(str, arguments)])
    assert_one_sentence(code, capsys.readouterr().err, 4, "bytes where its card says")
    assert not list((tmp_path / "out").iterdir())
    assert main(["weights", "verify", "--weights", str(root)]) == 4


def test_an_output_that_cannot_be_written_is_noticed_before_the_networks_run(medprompt, a_picture, tmp_path):
    (tmp_path / "file").write_text("kept")
    code, _, err = medprompt(
        "run", "--prompt", "Check for TB.", "--input", a_picture, "--out", tmp_path / "file" / "out"
    )
    assert_one_sentence(code, err, 6, "cannot be written")
    assert (tmp_path / "file").read_text() == "kept"


def test_a_disk_that_fills_up_leaves_the_older_results_and_nothing_half_written(
    medprompt, a_picture, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    arguments = ("run", "--prompt", "Check this chest x-ray for TB.", "--input", a_picture, "--out", out)
    assert medprompt(*arguments)[0] == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def full(run, path):
        Path(path).write_bytes(b"half a picture")
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("MedPromptLib.overview.overview_picture", full)
    code, _, err = medprompt(*arguments)
    assert_one_sentence(code, err, 6, "No space left on device")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.fixture
def a_silent_endpoint(tmp_path, monkeypatch):
    """Options for an endpoint that does not answer, in a configuration folder of the test's own."""
    monkeypatch.setenv("MEDPROMPT_CONFIG", str(tmp_path / "config"))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
    return ("--planner", "endpoint", "--endpoint", address, "--model", "m", "--timeout", "2")


def test_nothing_is_sent_before_the_user_has_agreed(medprompt, a_silent_endpoint):
    code, _, err = medprompt("plan", "Segment the lungs of Mr. Smith, MRN 1234567.", *a_silent_endpoint)
    assert_one_sentence(code, err, 2, "Nothing was sent, because you have not agreed to it")
    assert "[user]" in err and "Segment the lungs of Mr. Smith" in err  # word for word what would be sent
    assert "may identify somebody (name): Mr. Smith" in err
    assert "may identify somebody (record number): MRN 1234567" in err


def test_an_endpoint_that_is_down_is_said(medprompt, a_silent_endpoint):
    code, _, err = medprompt("plan", "Segment the lungs.", *a_silent_endpoint, "--agree-to-send")
    assert_one_sentence(code, err, 5, "127.0.0.1")
    code, _, err = medprompt("plan", "Segment the lungs.", *a_silent_endpoint)  # agreed to once is enough
    assert_one_sentence(code, err, 5, "127.0.0.1")


def test_a_plan_that_has_to_be_confirmed_needs_a_yes(medprompt, a_picture, tmp_path):
    arguments = ("run", "--prompt", "Segment the lungs on this chest x-ray and book a flight to Lisbon.")
    arguments += ("--input", a_picture, "--out", tmp_path / "out", "--planner", "rules")
    code, _, err = medprompt(*arguments)
    assert_one_sentence(code, err, 3, "repeat the command with --yes")
    assert "Decision: confirm" in err and "Lisbon" in err
    assert not (tmp_path / "out").exists()
    code, _, err = medprompt(*arguments, "--yes")
    assert code == 0, err
    assert FILES <= {p.name for p in (tmp_path / "out").iterdir()}


def test_a_plan_explains_itself(medprompt):
    code, out, _ = medprompt("plan", "Does this film show Koch's disease? And segment the lungs, please.")
    assert code == 0
    assert "“tuberculosis”" in out and "names the card's target “lungs”" in out
    assert "Decision: " in out


def test_the_endpoint_planner_needs_an_address(medprompt, monkeypatch):
    monkeypatch.delenv("MEDPROMPT_ENDPOINT", raising=False)
    code, _, err = medprompt("plan", "Segment the lungs.", "--planner", "endpoint")
    assert_one_sentence(code, err, 2, "give --endpoint URL and --model NAME")


@pytest.mark.parametrize("device", ["cuda:99", "toaster"])
def test_a_device_that_is_not_there_is_said(medprompt, a_picture, tmp_path, device):
    arguments = ("--prompt", "Check for TB.", "--input", a_picture, "--out", tmp_path / "out", "--device", device)
    code, _, err = medprompt("run", *arguments)
    assert_one_sentence(code, err, 2, device)


def test_a_defect_is_one_line_too(medprompt, monkeypatch):
    def broken(*arguments, **options):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("MedPromptLib.planner.RulePlanner.draft", broken)
    code, _, err = medprompt("plan", "Segment the lungs.")
    assert_one_sentence(code, err, 70, "This is a defect in MedPrompt (ZeroDivisionError: division by zero)")


def test_the_installed_command_answers():
    command = Path(sys.executable).with_name("medprompt")
    done = subprocess.run([command, "weights", "list"], capture_output=True, text=True, check=True)
    for card in (ROOT / "weights").glob("*/card.json"):
        assert card.parent.name in done.stdout

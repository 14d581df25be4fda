"""Faults of the machine: memory and disk that run out, a clock that jumps, weights that change while they are used."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from weights_for_tests import a_card, a_state_that_tells_images_apart, write_weight

from MedPromptLib.catalog import Catalog, Preprocessing
from MedPromptLib.cli import main
from MedPromptLib.errors import InvalidInput, WeightCorrupt
from MedPromptLib.images import MedicalImage, read_image
from MedPromptLib.inference import accelerated as engines
from MedPromptLib.inference.devices import run_in_batches
from MedPromptLib.inference.engine import ModelCache, load_weight, segment
from MedPromptLib.inference.volume_geometry import Grid
from MedPromptLib.inference.volumes import _must_fit_memory
from MedPromptLib.plan import Plan, Status, Task
from MedPromptLib.planner import RulePlanner
from MedPromptLib.session import Session

CPU = torch.device("cpu")
PROMPT = "Segment the lungs on this chest x-ray and check it for tuberculosis."


@pytest.fixture(scope="module")
def some_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("weights")
    card = a_card("lungs_seg_cxr")
    write_weight(root, card, state=a_state_that_tells_images_apart(card))
    write_weight(root, a_card("tb_cls_cxr", classes=("normal", "tb"), positive=("tb",), target="tuberculosis"))
    return root


@pytest.fixture
def a_picture(tmp_path: Path) -> Path:
    path = tmp_path / "film.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 50), dtype=np.uint8)).save(path)
    return path


@pytest.fixture(autouse=True)
def a_cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDPROMPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


# -- memory ------------------------------------------------------------------------------------------------------


class Greedy(torch.nn.Module):
    """Asks the machine for more memory than any has, for batches above a size."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > self.most:
            torch.empty(1 << 50, dtype=torch.uint8)
        return x.mean(dim=(2, 3))


def test_the_processors_own_memory_running_out_halves_the_batch() -> None:
    said: list[str] = []
    x = torch.rand(5, 3, 4, 4)
    assert torch.allclose(run_in_batches(Greedy(2), x, CPU, notice=said.append), x.mean(dim=(2, 3)))
    assert said[-1] == "cpu ran out of memory; continuing with 2 images at a time."


def test_too_little_memory_even_for_one_image_is_a_sentence(
    some_weights: Path, a_picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr("MedPromptLib.inference.engine.run_in_batches", lambda *_, **__: torch.empty(1 << 50))
    out = tmp_path / "out"
    words = [
        "run",
        "--weights",
        some_weights,
        "--planner",
        "rules",
        "--prompt",
        PROMPT,
        "--input",
        a_picture,
        "--out",
        out,
    ]
    assert main([*map(str, words), "--yes"]) == 2
    assert "There is too little memory for this" in capsys.readouterr().err
    assert list(out.iterdir()) == []


def test_a_volume_that_would_become_enormous_is_refused_before_memory_is_asked_for() -> None:
    image = MedicalImage(np.zeros((2, 2, 2), np.int16), np.eye(4), "scan")
    grid = Grid((0, 1, 2), (False, False, False), (2, 2, 2), (40_000, 40_000, 40_000))
    with pytest.raises(InvalidInput, match=r"becomes 40000 × 40000 × 40000 voxels at the resolution"):
        _must_fit_memory(a_card("x_seg_ct"), image, grid)


# -- disk --------------------------------------------------------------------------------------------------------

WRITE_WITH_LITTLE_ROOM = """
import json, resource, signal, sys
from pathlib import Path
from MedPromptLib.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
words, out, found = json.loads(sys.argv[1]), Path(sys.argv[2]), []
for room in json.loads(sys.argv[3]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    code = main([*words, "--out", str(out)])
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    found.append([room, code, sorted(p.name for p in out.rglob("*")), (out / "run.json").read_text()[-80:]])
print(json.dumps(found))
"""


def test_wherever_the_disk_fills_up_the_older_results_stay_and_nothing_half_written(
    some_weights: Path, a_picture: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ["run", "--weights", str(some_weights), "--planner", "rules", "--yes", "--prompt", PROMPT]
    words += ["--input", str(a_picture), "--device", "cpu"]
    assert main([*words, "--out", str(out)]) == 0
    names, record = sorted(p.name for p in out.iterdir()), (out / "run.json").read_text()[-80:]
    largest = max(p.stat().st_size for p in out.iterdir())
    rooms = [0, 100, 1_000, 5_000, largest // 2]
    command = [sys.executable, "-c", WRITE_WITH_LITTLE_ROOM, json.dumps(words), str(out), json.dumps(rooms)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for room, code, left, kept in json.loads(done.stdout.splitlines()[-1]):
        assert (code, left, kept) == (6, names, record), f"with {room} bytes a file: {done.stderr[-500:]}"
    assert "Traceback" not in done.stderr and "defect" not in done.stderr


# -- weights that change -------------------------------------------------------------------------------------------


def _lungs(session: Session) -> object:
    task = Task(id=1, intent=session.catalog.card("lungs_seg_cxr").intent, target="lungs")
    return session.route(Plan(prompt="x", status=Status.OK, pipeline=(task,)))


def test_a_weight_that_was_replaced_before_its_first_use_is_not_run(some_weights, a_picture, tmp_path) -> None:
    shutil.copytree(some_weights, tmp_path / "weights")
    session = Session([tmp_path / "weights"], RulePlanner())
    routed = _lungs(session)
    file = tmp_path / "weights" / "lungs_seg_cxr" / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(WeightCorrupt, match="differs from the SHA-256"):
        session.run(routed, read_image(a_picture), device="cpu")


def test_a_folder_that_vanishes_in_mid_run_changes_nothing_that_was_loaded(some_weights, a_picture, tmp_path) -> None:
    shutil.copytree(some_weights, tmp_path / "weights")
    session, image = Session([tmp_path / "weights"], RulePlanner()), read_image(a_picture)
    before = session.run(_lungs(session), image, device="cpu")
    shutil.rmtree(tmp_path / "weights")
    after = session.run(_lungs(session), image, device="cpu")
    assert np.array_equal(before.segmentations[0].labels, after.segmentations[0].labels)
    assert before.provenance.weights == after.provenance.weights


# -- clock ---------------------------------------------------------------------------------------------------------


def test_a_clock_that_jumps_back_a_year_disturbs_no_duration(some_weights, a_picture, monkeypatch) -> None:
    import time

    session, real = Session([some_weights], RulePlanner()), time.time
    jumps = iter(range(1, 10**9))
    monkeypatch.setattr(time, "time", lambda: real() - 365 * 86400 * next(jumps))
    run = session.run(_lungs(session), read_image(a_picture), device="cpu")
    assert 0 <= run.provenance.seconds < 60
    assert all(0 <= record.seconds < 60 for record in run.provenance.tasks)


# -- the faster engine -----------------------------------------------------------------------------------------------


def test_the_faster_engine_gives_the_networks_own_answers_and_is_kept(some_weights, a_cache_of_its_own) -> None:
    catalog = Catalog.load([some_weights])
    card = catalog.card("lungs_seg_cxr")
    plain = load_weight(catalog.folder(card.id), card, CPU)
    fast = ModelCache(catalog).get(card.id, CPU)
    assert isinstance(fast.runner, engines.OnnxNetwork) and plain.runner is plain.network
    x = torch.rand(3, 3, 64, 64)
    assert torch.allclose(fast.runner(x), plain.network(x), atol=1e-4)
    image = MedicalImage((np.random.default_rng(1).random((5, 64, 64)) * 255).astype(np.uint8), np.eye(4))
    by_slices = card.model_copy(update={"preprocessing": Preprocessing(size=(64, 64), volumes="slices")})
    labels = [segment(dataclasses.replace(w, card=by_slices), image)[0] for w in (plain, fast)]
    assert (labels[0] == labels[1]).mean() > 0.9999
    (kept,) = (a_cache_of_its_own / "onnx").iterdir()
    written = kept.stat().st_mtime_ns
    assert ModelCache(catalog).get(card.id, CPU).engine is not None
    assert kept.stat().st_mtime_ns == written


def test_a_damaged_cache_or_another_networks_answers_fall_back_to_the_network(
    some_weights, a_cache_of_its_own, monkeypatch
) -> None:
    catalog = Catalog.load([some_weights])
    for name in ("lungs_seg_cxr", "tb_cls_cxr"):
        assert ModelCache(catalog).get(name, CPU).engine is not None
    lungs, tb = sorted((a_cache_of_its_own / "onnx").iterdir())
    tb_model = tb.read_bytes()
    lungs.write_bytes(tb_model)
    assert ModelCache(catalog).get("lungs_seg_cxr", CPU).engine is None
    tb.write_bytes(tb_model[: len(tb_model) // 2])
    assert ModelCache(catalog).get("tb_cls_cxr", CPU).engine is None
    assert not tb.exists()
    assert ModelCache(catalog).get("tb_cls_cxr", CPU).engine is not None
    monkeypatch.setenv(engines.ENGINE_VARIABLE, "torch")
    assert ModelCache(catalog).get("tb_cls_cxr", CPU).engine is None

"""Batches: what they write, that a start goes on where the last one was, and that nothing is lost or half-written."""

from __future__ import annotations

import csv
import io
import itertools
import os
import resource
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from batch_for_tests import command, differences, finished, wait_for, write_films
from PIL import Image
from weights_for_tests import a_card, a_state_that_tells_images_apart, write_weight

from MedPromptLib import batch
from MedPromptLib.batch.listing import list_cases, safe_name
from MedPromptLib.cli import main
from MedPromptLib.cli_batch import _progress_line, in_words
from MedPromptLib.errors import InvalidInput, NotConfirmed, OutputFailed, PlanRejected, WeightCorrupt
from MedPromptLib.images import read_image
from MedPromptLib.inference.preprocessing import prepare, standardise
from MedPromptLib.networks import build
from MedPromptLib.planner import RulePlanner
from MedPromptLib.review.cases import find_cases
from MedPromptLib.session import Session

ROOT = Path(__file__).resolve().parent.parent
PROMPT = "Segment the lungs on this chest x-ray and check for tuberculosis."
PER_CASE = {"1_lungs_seg_cxr.seg.nrrd", "case.json", "results.schema.tsv", "results.tsv", "run.json", "scene.mrb"}


@pytest.fixture(scope="module")
def some_films(tmp_path_factory):
    return write_films(tmp_path_factory.mktemp("films"), 6, side=72)


@pytest.fixture(scope="module")
def some_weights(some_films, tmp_path_factory):
    root = tmp_path_factory.mktemp("weights")
    seg = a_card("lungs_seg_cxr")
    state = a_state_that_tells_images_apart(seg)
    network = build(seg.network).eval()
    network.load_state_dict(state)
    seen = np.concatenate([read_image(path).array for path in sorted(some_films.iterdir())])
    with torch.no_grad():  # each class wins somewhere
        scores = network(standardise(prepare(seen, seg.preprocessing), seg.preprocessing))
        state["final_conv.bias"] -= scores.mean((0, 2, 3))
    write_weight(root, seg, state=state)
    cls = a_card("tb_cls_cxr", target="tuberculosis", classes=("normal", "tb"), positive=("tb",))
    write_weight(root, cls, state=a_state_that_tells_images_apart(cls))
    return root


@pytest.fixture
def films(some_films, tmp_path):
    return Path(shutil.copytree(some_films, tmp_path / "films"))


@pytest.fixture
def run(some_weights, films, tmp_path):
    """Runs a batch in this process on the films."""

    def call(prompt=PROMPT, **options):
        session = Session([options.pop("weights", some_weights)], planner=RulePlanner())
        given = {"input": films, "out": tmp_path / "out", "session": session, "workers": 0}
        return batch.run(prompt, **given | options)

    return call


@pytest.fixture(scope="module")
def an_undisturbed_batch(some_weights, some_films, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    session = Session([some_weights], planner=RulePlanner())
    report = batch.run(PROMPT, input=some_films, out=out, session=session, workers=0)
    assert (report.done, report.failures) == (6, ())
    return out


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def states(out):
    return [row["state"] for row in rows_of(out / "cases.csv")]


# What it writes


def test_a_batch_writes_a_folder_a_case_tables_and_an_index(an_undisturbed_batch):
    out = an_undisturbed_batch
    assert {p.name for p in (out / "film_000").iterdir()} == PER_CASE | {"thumbnail.jpg"}
    assert {p.name for p in out.iterdir() if p.is_file()} == {
        "index.html",
        "results.csv",
        "results.parquet",
        "cases.csv",
    }
    assert not list((out / ".medprompt-batch").glob("drafts/*"))
    results = rows_of(out / "results.csv")
    assert len(results) == 6 * 3  # two structures and a class
    assert len({row["mean_intensity"] for row in results if row["structure"] == "right lung"}) > 1
    assert [row["input"] for row in rows_of(out / "cases.csv")] == [f"film {n:03}.png" for n in range(6)]
    page = (out / "index.html").read_text()
    assert page.count("thumbnail.jpg") == 6 and "not for diagnosis" in page
    with Image.open(out / "film_000" / "thumbnail.jpg") as small:
        assert max(small.size) == 224


def test_parquet_holds_the_numbers_of_the_csv(an_undisturbed_batch):
    import pyarrow.parquet as pq

    table = pq.read_table(an_undisturbed_batch / "results.parquet").to_pylist()
    for row, text in zip(table, rows_of(an_undisturbed_batch / "results.csv"), strict=True):
        assert {name: "" if value is None else str(value) for name, value in row.items()} == text


def test_the_review_page_walks_through_a_batch(an_undisturbed_batch):
    cases = find_cases(an_undisturbed_batch)
    assert [case.name for case in cases] == [f"film_{n:03}" for n in range(6)]
    assert cases[0].image().array.shape == (1, 72, 72)
    assert len(cases[0].reviews()) == 3


# Starting again


def test_a_second_start_does_nothing_twice(run, tmp_path):
    run()
    before = finished(tmp_path / "out")
    report = run()
    assert (report.done, report.same) == (0, 6)
    assert finished(tmp_path / "out") == before


def test_only_what_has_changed_is_done_again(run, films, tmp_path):
    out = tmp_path / "out"
    run()
    before = finished(out)
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (80, 70), dtype=np.uint8)).save(films / "film 002.png")
    shutil.copy(films / "film 000.png", films / "new.png")
    os.utime(films / "film 003.png", (0, 2**33))  # no clock is asked
    (out / "film_004" / "scene.mrb").unlink()
    report = run()
    assert (report.done, report.same) == (3, 4)
    now = finished(out)
    assert {name for name in now if now[name] != before.get(name)} == {"film_002", "film_004", "new"}


def test_another_plan_or_option_is_another_result(run, films):
    for film in sorted(films.iterdir())[2:]:
        film.unlink()
    run()
    assert run("Segment the lungs on this chest x-ray.").done == 2
    assert run("Segment the lungs on this chest x-ray.", accept_unusual_input=True).done == 2


def test_what_a_reviewer_has_worked_on_is_kept_when_its_case_changes(run, films, tmp_path):
    out = tmp_path / "out"
    run()
    case = find_cases(out)[1]
    case.save(case.reviews(), {})
    shutil.copy(films / "film 000.png", films / "film 001.png")
    assert run().done == 1
    kept = list((out / ".medprompt-batch" / "earlier").iterdir())
    assert len(kept) == 1 and (kept[0] / "review" / "review.json").is_file()
    assert not find_cases(out)[1].is_reviewed


def test_a_clock_that_jumps_changes_nothing(run, an_undisturbed_batch, tmp_path, monkeypatch):
    jumps = iter(range(10**9, 0, -86_400))
    monkeypatch.setattr(time, "time", lambda: float(next(jumps)))
    seen = []
    run(report=seen.append)
    assert not differences(an_undisturbed_batch, tmp_path / "out")
    assert all(progress.remaining is None or progress.remaining >= 0 for progress in seen)


def test_stopping_keeps_what_is_finished(run, tmp_path):
    seen = []
    report = run(report=seen.append, cancelled=lambda: bool(seen) and seen[-1].done >= 2)
    assert (report.done, report.waiting, report.cancelled) == (2, 4, True)
    assert states(tmp_path / "out").count("waiting") == 4
    assert run().same == 2


# Failures


def test_failures_are_listed_with_reasons_and_tried_again_alone(run, films, tmp_path):
    whole = (films / "film 001.png").read_bytes()
    (films / "film 001.png").write_bytes(whole[:400])
    (films / "film 003.png").write_bytes(b"")
    report = run()
    assert (report.done, len(report.failures)) == (4, 2)
    assert "truncated" in report.failures[0].reason and "empty" in report.failures[1].reason
    failed = [row for row in rows_of(tmp_path / "out" / "results.csv") if row["state"] == "failed"]
    assert [row["case"] for row in failed] == ["film_001", "film_003"]
    seen = []
    assert (run().done, run(retry_failed=True, report=seen.append).done) == (0, 0)
    assert seen[-1].total == 2
    (films / "film 001.png").write_bytes(whole)
    again = run(retry_failed=True)
    assert (again.done, [f.name for f in again.failures]) == (1, ["film_003"])
    assert states(tmp_path / "out").count("done") == 5


def test_a_defect_fails_its_case_alone_and_keeps_its_traceback(run, tmp_path, monkeypatch):
    from MedPromptLib.batch import work

    real = work._read
    broken = lambda case, digest: 1 / 0 if case.name == "film_002" else real(case, digest)  # noqa: E731
    monkeypatch.setattr(work, "_read", broken)
    report = run()
    assert report.done == 5
    assert "ZeroDivisionError" in report.failures[0].reason and "Traceback" in report.failures[0].details


def test_a_table_gives_each_case_its_prompt(run, some_weights, films, tmp_path):
    table = tmp_path / "cases.csv"
    lines = (
        "input,prompt,name",
        "films/film 000.png,Segment the lungs on this chest x-ray.,first",
        "films/film 001.png,Segment the lungs on this chest x-ray.,second",
        "films/film 001.png,Does this chest x-ray show tuberculosis?,",
        "films/film 002.png,Segment the pancreas.,",
        "films/gone.png,,",
    )
    table.write_text("\n".join(lines))
    asked = []

    class Counting(RulePlanner):
        def draft(self, prompt, abilities):
            asked.append(prompt)
            return super().draft(prompt, abilities)

    session = Session([some_weights], planner=Counting())
    report = run("Does this chest x-ray show tuberculosis?", input=table, session=session)
    assert sorted(finished(tmp_path / "out")) == ["film_001", "first", "second"]
    assert sorted(asked) == sorted(set(asked)) and len(asked) == 3
    assert [("pancreas" in f.reason, "no file" in f.reason) for f in report.failures] == [(True, False), (False, True)]
    run("Does this chest x-ray show tuberculosis?", input=table, session=session)
    assert asked.count("Segment the lungs on this chest x-ray.") == 1  # plans are kept


def test_a_prompt_that_cannot_be_run_stops_before_anything_is_done(run, tmp_path):
    with pytest.raises(PlanRejected, match="pancreas"):
        run("Segment the pancreas on this CT.")
    with pytest.raises(NotConfirmed, match="Nothing has run. .* --yes"):
        run("Segment the lungs on this chest x-ray and book a flight to Lisbon.")
    with pytest.raises(InvalidInput, match="has no prompt; give --prompt TEXT"):
        run("")
    assert not finished(tmp_path / "out")
    assert run("Segment the lungs on this chest x-ray and book a flight to Lisbon.", confirm=lambda v: True).done == 6


# Faults


def test_two_batches_on_one_folder_are_refused(run, tmp_path):
    refused = []

    def another(progress):
        if progress.done == 1 and not refused:
            with pytest.raises(
                InvalidInput, match=f"Another batch .process {os.getpid()} on .* is writing to"
            ) as error:
                run()
            refused.append(error)

    assert run(report=another).done == 6
    assert refused


def test_a_weight_that_changes_in_mid_run_stops_the_batch(run, some_weights, tmp_path):
    weights = Path(shutil.copytree(some_weights, tmp_path / "weights"))
    card = weights / "lungs_seg_cxr" / "card.json"

    def change(progress):
        if progress.done == 2:
            card.write_text(card.read_text().replace("Tests.", "Other tests."))

    with pytest.raises(WeightCorrupt, match="'lungs_seg_cxr' .* is not what it was when the batch began"):
        run(weights=weights, report=change)
    assert states(tmp_path / "out").count("done") == 2
    assert run(weights=weights).done == 6

    def change_at_the_end(progress):
        if progress.finished == progress.total == 6:
            kept = os.stat(card)
            card.write_text(card.read_text().replace("Other", "Older"))
            os.utime(card, ns=(kept.st_atime_ns, kept.st_mtime_ns))

    with pytest.raises(WeightCorrupt, match="was changed while the batch ran"):
        run(weights=weights, report=change_at_the_end)


def test_a_full_disk_stops_the_batch_and_loses_nothing(run, an_undisturbed_batch, tmp_path):
    out, limits = tmp_path / "out", resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(progress):
        if progress.done == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))  # no larger file can be written

    try:
        with pytest.raises(
            OutputFailed, match="cannot be written to any more .File too large.; .* finished cases are kept"
        ):
            run(report=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(finished(out)) == 2
    assert not list((out / ".medprompt-batch" / "failed").iterdir())
    report = run()
    assert (report.done, report.same) == (4, 2)
    assert not differences(an_undisturbed_batch, out)


def test_memory_that_runs_out_costs_smaller_batches_or_one_case_but_not_the_batch(run, monkeypatch):
    from MedPromptLib.inference import engine
    from MedPromptLib.inference.accelerated import ENGINE_VARIABLE

    real, calls = engine.load_weight, itertools.count()

    def load(*given):
        def refuse(network, inputs):
            if next(calls) in {1, 3, 4, 5, 6}:  # once for the second film, for every size of the third
                raise torch.OutOfMemoryError("CUDA out of memory")

        weight = real(*given)
        weight.network.register_forward_pre_hook(refuse)
        return weight

    monkeypatch.setattr(engine, "load_weight", load)
    monkeypatch.setenv(ENGINE_VARIABLE, "torch")  # where the hook is called
    prompt, said = "Segment the lungs on this chest x-ray.", []
    report = run(prompt, report=lambda progress: said.append(progress.message))
    assert "film_001: cpu ran out of memory; continuing with 4 images at a time." in said
    assert (report.done, [f.name for f in report.failures]) == (5, ["film_002"])
    assert "needs more memory than this computer has free" in report.failures[0].reason
    assert run(prompt, retry_failed=True).done == 1


def test_an_output_that_cannot_be_written_or_is_not_ours_is_said_first(run, tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OutputFailed, match="cannot be written to"):
        run(out=tmp_path / "file" / "out")
    with pytest.raises(InvalidInput, match="among the images in .*; give another --out"):
        run(out=tmp_path / "films")
    mine = tmp_path / "out" / "film_001"
    mine.mkdir(parents=True)
    (mine / "notes.txt").write_text("kept")
    with pytest.raises(InvalidInput, match="film_001 was not written by a batch"):
        run()
    assert (mine / "notes.txt").read_text() == "kept"


def test_a_worker_and_then_the_batch_are_killed_and_the_output_is_that_of_an_undisturbed_one(
    run, some_weights, films, an_undisturbed_batch, tmp_path
):
    out = tmp_path / "out"
    options = ("--prompt", PROMPT, "--weights", some_weights, "--workers", "1")
    process = subprocess.Popen(command(films, out, *options), stderr=subprocess.PIPE)
    wait_for(out, 1, process)
    workers = [p for p in psutil.Process(process.pid).children() if "spawn_main" in " ".join(p.cmdline())]
    workers[0].kill()
    wait_for(out, 3, process)
    children = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = finished(out)
    assert 3 <= len(before) < 6
    limit = time.monotonic() + 20
    while living := [p for p in children if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]:
        assert time.monotonic() < limit, f"{living} outlive their batch"
        time.sleep(0.05)
    report = run()
    assert (report.done, report.failures) == (6 - len(before), ())
    assert {name: finished(out)[name] for name in before} == before, "something was done twice"
    assert not differences(an_undisturbed_batch, out)
    assert not list((out / ".medprompt-batch" / "drafts").glob("*"))


def test_on_dask_a_lost_worker_costs_nothing(some_weights, some_films, an_undisturbed_batch, tmp_path):
    from distributed import LocalCluster

    from MedPromptLib.batch.work import close_bench

    cluster_options = {"n_workers": 0, "processes": False, "protocol": "tcp://", "dashboard_address": None}
    with LocalCluster(threads_per_worker=1, **cluster_options) as cluster:
        words = [sys.executable, "-m", "distributed.cli.dask_worker", cluster.scheduler_address, "--no-nanny"]
        worker = subprocess.Popen([*words, "--nthreads", "1", "--no-dashboard"], stderr=subprocess.DEVNULL)

        def lose_it(progress):
            if progress.done == 1 and worker.poll() is None:
                worker.kill()
                cluster.scale(1)  # another one, in this process

        session = Session([some_weights], planner=RulePlanner())
        given = {"input": some_films, "out": tmp_path / "out", "session": session}
        try:
            report = batch.run(PROMPT, **given, scheduler=cluster.scheduler_address, report=lose_it)
        finally:
            worker.kill()
            close_bench()
    assert (report.done, report.failures) == (6, ())
    assert worker.wait() == -signal.SIGKILL
    assert not differences(an_undisturbed_batch, tmp_path / "out")
    with pytest.raises(InvalidInput, match="There is no Dask scheduler at 'carrier-pigeon://loft'"):
        batch.run(PROMPT, **given, scheduler="carrier-pigeon://loft")


def test_the_slicer_script_runs_inside_the_application_and_leaves_its_scene_alone(
    some_weights, films, an_undisturbed_batch, tmp_path, capsys, monkeypatch
):
    import slicer
    from qt_adapter import desktop

    from MedPromptLib.planner import AgreementPlanner

    monkeypatch.setattr("MedPromptLib.catalog.default_weight_folders", lambda: (some_weights,))
    monkeypatch.setattr(AgreementPlanner, "default", classmethod(lambda cls: cls()))  # as without the language model
    script = runpy.run_path(str(ROOT / "Resources" / "Scripts" / "batch.py"))
    arguments = ["--prompt", PROMPT, "--input", str(films), "--out", str(tmp_path / "out")]
    with desktop():
        mine = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "mine")
        count = slicer.mrmlScene.GetNumberOfNodes()
        assert script["main"](arguments) == 0
        assert slicer.mrmlScene.GetNumberOfNodes() == count and mine.GetName() == "mine"
        assert script["main"]([*arguments[:-1], str(films)]) == 2  # among the images
    said = capsys.readouterr()
    assert "6 done, 0 were there already, 0 failed" in said.out and "batch.py: " in said.err
    assert len(find_cases(tmp_path / "out")) == 6
    ours, theirs = (rows_of(place / "results.csv") for place in (tmp_path / "out", an_undisturbed_batch))
    assert ours == theirs


# Cases and names


def a_slice(path, series, position, patient="P-77"):
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    header = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    header.SOPClassUID, header.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    header.SeriesInstanceUID, header.Modality, header.PatientID = series, "CT", patient
    header.Rows = header.Columns = 8
    header.ImagePositionPatient, header.ImageOrientationPatient = [0, 0, position], [1, 0, 0, 0, 1, 0]
    header.PixelSpacing, header.SamplesPerPixel, header.PhotometricInterpretation = [1, 1], 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 16, 15, 0
    header.PixelData = np.full((8, 8), position, np.uint16).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    header.save_as(path, enforce_file_format=True)


def test_a_dicom_tree_gives_a_case_for_each_series_and_no_patient_in_a_name(tmp_path):
    for n in range(3):
        a_slice(tmp_path / "study" / "thorax" / f"{n}", "1.2.3", n)
        a_slice(tmp_path / "P-77" / "abdomen" / f"{n}.dcm", "1.2.4", n)
        a_slice(tmp_path / "mixed" / f"a{n}", "1.2.5", n)
        a_slice(tmp_path / "mixed" / f"b{n}", "1.2.6", n)
    (tmp_path / "study" / "notes.txt").write_text("no image")
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 200)
    listing = list_cases(tmp_path, tmp_path / "out")
    assert listing.notes == (f"2 files in {tmp_path} that are no images were left out.",)
    assert [len(case.files) for case in listing.cases] == [3, 3, 3, 3]
    names = [case.name for case in listing.cases]
    assert "study__thorax" in names and sum(name.startswith("mixed__ct-") for name in names) == 2
    assert not [name for name in names if "77" in name]
    assert read_image(listing.cases[0].files).shape == (3, 8, 8)


def test_names_are_safe_and_unique_and_do_not_change_when_images_are_added(tmp_path):
    for name in ("b/film.png", "film.jpg", "film.png", "FILM.tif", "image 2.png", "image 10.png", "results.csv.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    names = [case.name for case in list_cases(tmp_path, tmp_path / "out").cases]
    assert {"b__film", "image_2", "image_10", "case_results.csv"} <= set(names)
    assert names.index("image_2") < names.index("image_10")
    assert len({name.casefold() for name in names}) == 7
    (tmp_path / "another.png").write_bytes(b"x")
    assert set(names) < {case.name for case in list_cases(tmp_path, tmp_path / "out").cases}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("../../etc/passwd", "etc_passwd"),
        ("Füße é", "Füße_é"),
        ("a/b\\c:d", "a_b_c_d"),
        ("...", "image"),
        ("nul", "case_nul"),
    ],
)
def test_a_name_is_a_folder_on_every_system(text, name):
    assert safe_name(text) == name
    assert len(safe_name(text * 90).encode()) <= 250


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image\na.png\n", "has no column 'input' .found: image."),
        ("input,prompt\n,Segment the lungs.\n", "Line 2 of .* names no input"),
        ("input\n", "has no rows"),
        ("input\na.png\na.png\n", "Two rows of .* are the same case"),
    ],
)
def test_a_table_that_is_not_as_expected_is_refused_in_one_sentence(tmp_path, text, said):
    (tmp_path / "cases.csv").write_text(text)
    with pytest.raises(InvalidInput, match=said):
        list_cases(tmp_path / "cases.csv", tmp_path / "out")


# The command line


def test_the_command_says_what_came_out_and_ends_with_its_code(films, some_weights, tmp_path, capsys):
    (films / "film 001.png").write_bytes(b"no image at all")
    words = ["batch", "--prompt", PROMPT, "--input", films, "--out", tmp_path / "out", "--weights", some_weights]
    words += ["--planner", "rules", "--workers", "0"]
    assert main([str(word) for word in words]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("5 done, 0 were there already, 1 failed, 0 left; ")
    assert "film_001 failed: film_001 is not an image" in said.err and "--retry-failed" in said.err
    assert str(films) not in (tmp_path / "out" / "results.csv").read_text()
    (films / "film 001.png").unlink()
    assert main([str(word) for word in words]) == 0
    assert "also holds" not in capsys.readouterr().err


def test_progress_is_one_line_with_rate_and_remaining_time():
    progress = batch.BatchProgress(200, done=120, same=10, failed=2, rate=310.4, remaining=12.8)
    assert in_words(progress) == "132 of 200, 2 failed, 310 a minute, 0:00:13 left"


def test_on_a_terminal_the_line_moves_and_messages_stand_above_it(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with _progress_line() as report:
        assert not terminal.getvalue()  # nothing moves while a plan is to be confirmed
        report(batch.BatchProgress(4, done=1, message="[b] failed: no image"))
        report(batch.BatchProgress(4, done=4))
    assert "[b] failed: no image" in terminal.getvalue() and "4 of 4" in terminal.getvalue()

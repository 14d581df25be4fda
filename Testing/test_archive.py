"""The archive: what is filed is found again by words, sizes and likeness, and comes out as it went in."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from archive_for_tests import SECRET, a_run_folder, an_archive

from MedPromptLib.archive import Archive, table_rows
from MedPromptLib.archive.bench import synthetic_record
from MedPromptLib.archive.documents import described
from MedPromptLib.archive.filing import Record
from MedPromptLib.archive.query import Comparison, parsed
from MedPromptLib.archive.search import Filters, as_json, as_text
from MedPromptLib.archive.transfer import export_project, import_project, write_run_folder
from MedPromptLib.cli import main
from MedPromptLib.errors import InvalidInput
from MedPromptLib.images import read_image
from MedPromptLib.inference.input_check import describe_image
from MedPromptLib.outputs import write_outputs
from MedPromptLib.results import Provenance, Run


def filed(archive: Archive, *findings: dict[str, object], **more: object) -> str:
    """The name of a new run with these findings."""
    number = archive.head().number
    more = {"started": "2026-11-01T10:00:00+00:00", "modality": "ct", **more}
    record = Record(image=f"{number:032x}", provenance={"prompt": f"request {number}"}, findings=findings, **more)  # type: ignore[arg-type]
    return archive.file(record).run


def a_finding(structure: str, result: str = "outlined", **more: object) -> dict[str, object]:
    target = structure.rsplit(maxsplit=1)[-1]
    return {"target": target, "structure": structure, "result": result, "weight_id": "w_ct", **more}


@pytest.fixture
def archive(tmp_path):
    with an_archive(tmp_path / "archive.db") as opened:
        yield opened


def whats(hits) -> list[str]:
    return [h.structure for h in hits]


# -- what is asked ------------------------------------------------------


def test_a_line_of_words_sizes_and_decisions_is_understood() -> None:
    query = parsed("left pleural nodule > 10 mm, accepted")
    assert query.words == '"left" AND "pleural" AND "nodule"'
    assert query.comparisons == (Comparison("", "length", ">", 10.0),)
    assert query.decisions == {"accepted"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("area >= 2,5 cm²", Comparison("area", "area", ">=", 250.0)),
        ("at least 3 ml", Comparison("", "volume", ">=", 3000.0)),
        ("probability over 80%", Comparison("probability", "share", ">", 0.8)),
        ("size>1.5cm", Comparison("", "length", ">", 15.0)),
        ("less than 2 mm3", Comparison("", "volume", "<", 2.0)),
        ("volume ≤ 1 l", Comparison("volume", "volume", "<=", 1e6)),
        ("intensity > 100 accepted", Comparison("intensity", "number", ">", 100.0)),
    ],
)
def test_comparisons_are_brought_to_one_unit(text: str, expected: Comparison) -> None:
    assert parsed(text).comparisons == (expected,)


def test_what_a_finding_says_is_taken_from_any_document() -> None:
    found = described(
        {
            "target": "nodule",
            "location": {"lobe": "left upper lobe"},
            "measurements": [
                {"name": "long axis", "value": 1.2, "unit": "cm"},
                {"name": "density", "value": -30, "unit": "HU"},
            ],
            "finding_probability": 0.7,
            "threshold": 0.5,
        }
    )
    assert found.measures["long axis", "length"] == 12.0 and found.measures["density", "hu"] == -30.0
    assert "left upper lobe" in found.rest and found.result == "positive"
    assert ("equivalent diameter", "length") not in found.measures


def test_a_statement_about_a_subject_is_understood() -> None:
    found = described(
        {
            "kind": "measurement",
            "subject": {"name": "lung", "side": "left"},
            "present": True,
            "quantity": {"measure": "longest diameter", "value": 14.0, "unit": "mm"},
        },
        "ct",
    )
    assert (found.what, found.result, found.phrase) == ("left lung", "present", "left lung, present, ct")
    assert found.measures == {("longest diameter", "length"): 14.0}


def test_an_area_or_a_volume_has_the_diameter_of_a_circle_or_a_ball() -> None:
    assert described({"area_mm2": np.pi * 25}).measures["equivalent diameter", "length"] == pytest.approx(10)
    assert described({"volume_ml": 4 / 3 * np.pi * 0.125}).measures["equivalent diameter", "length"] == pytest.approx(
        10
    )


# -- what is found ------------------------------------------------------


def test_words_sizes_and_decisions_find_what_they_mean(archive: Archive) -> None:
    run = filed(
        archive,
        a_finding("left pleural nodule", diameter_mm=12.0),
        a_finding("left pleural nodule", diameter_mm=8.0),
        a_finding("right pleural nodule", diameter_mm=30.0),
        a_finding("left lung", volume_ml=1900.0),
    )
    archive.decide(run, 1, "accepted", "Reviewer A", "clear")
    archive.decide(run, 3, "rejected", "Reviewer B")
    assert [h.number for h in archive.search("left pleural nodules > 10 mm, accepted")] == [1]
    assert [h.number for h in archive.search("pleural nodule > 1 cm")] == [3, 1]
    assert [h.number for h in archive.search("pleural nodule not rejected")] == [2, 1]
    assert whats(archive.search("left -nodule")) == ["left lung"]
    assert whats(archive.search("volume > 1.5 l")) == ["left lung"]
    assert [h.number for h in archive.search("undecided nodule")] == [2]
    assert whats(archive.search("", Filters(reviewer="Reviewer B"))) == ["right pleural nodule"]
    assert archive.search("right nodule > 30 mm") == [] and len(archive.search("right nodule >= 30 mm")) == 1


def test_a_later_decision_counts_and_the_earlier_one_stays(archive: Archive) -> None:
    run = filed(archive, a_finding("heart"))
    for word in ("accepted", "rejected"):
        archive.decide(run, 1, word, "R")
    assert [h.decision for h in archive.search("heart")] == ["rejected"]
    assert [row[0] for row in archive.connection.execute("SELECT decision FROM decisions ORDER BY id")] == [
        "accepted",
        "rejected",
    ]


def test_circumstances_narrow_a_search(archive: Archive) -> None:
    early = filed(
        archive,
        a_finding("liver"),
        started="2026-01-31T23:00:00+00:00",
        project="one",
        tags=(("body part", "abdomen"),),
    )
    filed(
        archive,
        a_finding("liver", weight_id="other"),
        started="2026-02-01T00:00:00+00:00",
        modality="mr",
        subject="ab" * 16,
    )
    count = lambda **given: len(archive.search("liver", Filters(**given)))  # noqa: E731
    assert count(weight="other") == count(modality="mr") == count(project="one") == count(subject="abab") == 1
    assert count(until="2026-01-31") == count(since="2026-02-01") == count(tags=("body part:abdomen",)) == 1
    assert count(run=early[:8]) == 1 and count() == 2 and count(tags=("abdomen", "none")) == 0


@pytest.mark.parametrize(
    "text", ["-lung", "lung > 5", '"', "lung AND (", "NEAR(a b)", "what:", "*", "a:b", "lung OR", "😀 ''; DROP"]
)
def test_no_line_breaks_the_search(archive: Archive, text: str) -> None:
    filed(archive, a_finding("left lung"))
    said = ""
    try:
        archive.search(text)
    except InvalidInput as error:
        said = str(error)
    assert said == "" or said.endswith(".")


@pytest.mark.parametrize(
    "filters",
    [Filters(since="yesterday"), Filters(run="x*"), Filters(subject="' OR 1")],
    ids=["date", "run", "subject"],
)
def test_unusable_circumstances_are_named(archive: Archive, filters: Filters) -> None:
    with pytest.raises(InvalidInput, match=r"yesterday|x\*|OR 1"):
        archive.search("", filters)


def test_hits_become_rows_text_and_json(archive: Archive) -> None:
    filed(archive, a_finding("left lung", probability=0.9312, volume_ml=1900.0))
    hits = archive.search("lung")
    titles, rows = table_rows(hits)
    assert len(titles) == len(rows[0]) and rows[0][titles.index("size")] == "1.9e+03 ml"
    assert rows[0][titles.index("probability")] == "93.1 %"
    assert "decision" not in next(iter(as_text(hits)))  # a column that is empty throughout
    assert json.loads(as_json(hits))[0]["document"]["volume_ml"] == 1900.0


# -- what is similar ------------------------------------------------------


def test_the_most_similar_image_is_found(archive: Archive, a_radiograph, an_oblique_image) -> None:
    def descriptor(image):
        return describe_image(image).astype("<f4").tobytes()

    noisy = replace(
        a_radiograph, array=a_radiograph.array + np.random.default_rng(0).normal(0, 5, a_radiograph.array.shape)
    )
    film = filed(archive, a_finding("left lung"), descriptor=descriptor(a_radiograph))
    volume = filed(archive, a_finding("liver"), descriptor=descriptor(an_oblique_image))
    other = filed(
        archive, a_finding("heart"), descriptor=descriptor(replace(a_radiograph, array=a_radiograph.array[:, ::-1]))
    )
    found = archive.likeness.images(noisy, limit=2)
    assert [name for name, _ in found] == [film, other] and 0.9 < found[0][1] <= 1
    assert volume not in [name for name, _ in found]
    late = filed(archive, a_finding("left lung"), descriptor=descriptor(noisy))
    assert archive.likeness.images_like_run(film, 1)[0][0] == late, "what was filed since the last search is found too"


def test_similar_findings_mean_the_same_and_are_near_in_size(archive: Archive) -> None:
    run = filed(
        archive,
        a_finding("left lung nodule", diameter_mm=10.0),
        a_finding("left lung nodule", diameter_mm=60.0),
        a_finding("left lung nodule", diameter_mm=11.0),
        a_finding("pulmonary mass", diameter_mm=10.0),
        a_finding("polyp", diameter_mm=10.0),
    )
    hits = archive.likeness.findings_like(run, 1, limit=4)
    assert [h.number for h in hits] == [3, 2, 4, 5]
    assert hits[0].likeness == pytest.approx(1, abs=1e-5) and hits[2].likeness < 0.99
    assert archive.likeness.findings("tumour of the lung", limit=1)[0].structure != "polyp"


# -- filing ------------------------------------------------------


def test_a_run_is_filed_once_with_scene_table_and_tags(archive: Archive, a_run: Run, tmp_path: Path) -> None:
    folder = a_run_folder(a_run, tmp_path / "run")
    (folder / "report.md").write_text("# Report\nModel output suggests …\n", encoding="utf-8")
    first, second = archive.add_run(folder), archive.add_run(folder)
    assert first.new and not second.new and first.run == second.run
    row = archive.run_named(first.run[:6])
    names = {file["name"] for file in archive.files(row["id"])}
    assert {"scene.mrb", "results.tsv", "report.md", "1_lungs_ct.seg.nrrd"} <= names and "overview.png" not in names
    tags = {tuple(t) for t in archive.connection.execute("SELECT kind, value FROM tags")}
    assert {("structure", "left lung"), ("class", "tuberculosis"), ("modality", "ct")} <= tags
    assert ("structure", "heart") not in tags, "nothing of it was found"
    assert len(archive.search("what:lung -heart")) == 2
    Provenance.model_validate(archive.provenance(row["id"]))


def test_the_body_part_of_a_modality_is_known(archive: Archive, a_radiograph_run: Run, tmp_path: Path) -> None:
    archive.add_run(a_run_folder(a_radiograph_run, tmp_path / "run"), image=a_radiograph_run.image)
    assert [t[0] for t in archive.connection.execute("SELECT value FROM tags WHERE kind = 'body part'")] == ["chest"]


def test_the_image_in_the_scene_is_described_as_the_image_itself(
    archive: Archive, a_radiograph_run: Run, tmp_path: Path
) -> None:
    name = archive.add_run(a_run_folder(a_radiograph_run, tmp_path / "run")).run
    kept = np.frombuffer(archive.run_named(name)["descriptor"], "<f4")
    np.testing.assert_allclose(kept, describe_image(a_radiograph_run.image), atol=0.02)


def test_a_filed_scene_opens_in_slicer_with_the_same_voxels(archive: Archive, a_run: Run, tmp_path: Path) -> None:
    import slicer.util

    from MedPromptLib.headless import open_scene_bundle

    name = archive.add_run(a_run_folder(a_run, tmp_path / "run", name="Okonkwo_1961 ct")).run
    write_run_folder(archive, name, tmp_path / "out")
    with open_scene_bundle(tmp_path / "run" / "scene.mrb") as opened:
        before = slicer.util.arrayFromVolume(opened.scene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")).copy()
    with open_scene_bundle(tmp_path / "out" / "scene.mrb") as opened:
        volume = opened.scene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
        assert volume.GetName() == f"image {archive.run_named(name)['image'][:8]}"
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(volume), before)
        assert opened.scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1
        text = opened.scene.GetFirstNodeByClass("vtkMRMLTextNode").GetText()
        assert json.loads(text)["input_name"] == volume.GetName()


def test_findings_of_another_kind_are_filed_and_found(archive: Archive, a_run: Run, tmp_path: Path) -> None:
    documents = [
        {"target": "nodule", "site": "lingula", "measurements": [{"name": "diameter", "value": 7, "unit": "mm"}]}
    ]
    archive.add_run(a_run_folder(a_run, tmp_path / "run"), documents=documents)
    (hit,) = archive.search("lingula > 5 mm")
    assert hit.document["measurements"] == documents[0]["measurements"] and hit.size == "7 mm"


def test_decisions_that_a_run_came_with_are_kept(archive: Archive, a_run: Run, tmp_path: Path) -> None:
    decided = tuple(
        f.model_copy(update={"decision": "accepted"}) if n == 0 else f for n, f in enumerate(a_run.provenance.findings)
    )
    folder = tmp_path / "run"
    write_outputs(replace(a_run, provenance=a_run.provenance.model_copy(update={"findings": decided})), folder)
    archive.add_run(folder)
    assert whats(archive.search("accepted")) == ["right lung"]


@pytest.mark.parametrize("content", [None, "{", '{"prompt": 1}'])
def test_a_folder_without_a_run_is_named(archive: Archive, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(InvalidInput, match=r"run\.json"):
        archive.add_run(tmp_path)
    assert archive.head().number == 1


# -- projects ------------------------------------------------------


def test_a_project_goes_to_another_archive_whole(archive: Archive, a_run: Run, tmp_path: Path) -> None:
    name = archive.add_run(a_run_folder(a_run, tmp_path / "run"), project="lungs").run
    archive.decide(name, 2, "rejected", "R", "too small")
    filed(archive, a_finding("liver"), project="other")
    assert export_project(archive, tmp_path / "lungs.zip", "lungs") == 1
    with an_archive(tmp_path / "second.db") as second:
        assert import_project(second, tmp_path / "lungs.zip") == (1, 0)
        assert import_project(second, tmp_path / "lungs.zip") == (0, 1)
        row, original = second.run_named(name), archive.run_named(name)
        for column in ("project", "started", "image", "modality", "provenance", "header", "descriptor"):
            assert row[column] == original[column], column
        assert second.documents(row["id"]) == archive.documents(original["id"])
        assert [(h.structure, h.reviewer) for h in second.search("rejected")] == [("left lung", "R")]
        assert second.files(row["id"]) == archive.files(original["id"])
        assert not second.verify().problems and not second.check()


def test_a_damaged_project_changes_nothing(archive: Archive, tmp_path: Path) -> None:
    filed(archive, a_finding("liver"), project="one")
    export_project(archive, tmp_path / "one.zip")
    data = bytearray((tmp_path / "one.zip").read_bytes())
    data[60] ^= 0xFF
    (tmp_path / "one.zip").write_bytes(data)
    with an_archive(tmp_path / "second.db") as second:
        for bad in (tmp_path / "one.zip", Path(__file__), tmp_path / "none.zip"):
            with pytest.raises(InvalidInput):
                import_project(second, bad)
        assert second.head().number == 1


# -- the command line ------------------------------------------------------


@pytest.fixture
def medprompt(capsys, monkeypatch):
    """Runs the command line; gives exit code, standard output and standard error."""
    monkeypatch.setenv("MEDPROMPT_ARCHIVE_SECRET", SECRET)

    def call(*words: object) -> tuple[int, str, str]:
        code = main([str(w) for w in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_a_run_is_filed_and_found_from_the_command_line(medprompt, tmp_path: Path, a_radiograph_file: Path) -> None:
    db = tmp_path / "archive.db"
    code, out, err = medprompt(
        "run", "--planner", "rules", "--prompt", "Segment the heart.", "--input", a_radiograph_file,
        "--out", tmp_path / "out", "--archive", db, "--project", "demo",
    )  # fmt: skip
    assert code == 0, err
    run = out.strip().splitlines()[-1].removeprefix("Filed as ")
    assert medprompt("archive", "decide", run, 1, "accepted", "--reviewer", "R", "--archive", db)[0] == 0
    code, out, _ = medprompt("archive", "search", "heart", "accepted", "--project", "demo", "--archive", db)
    assert code == 0 and run in out and "accepted" in out
    code, out, _ = medprompt("archive", "similar", "--image", a_radiograph_file, "--archive", db)
    assert code == 0 and out.startswith("1.00") and run in out
    code, out, _ = medprompt("archive", "show", run, "--archive", db)
    assert "body part:chest" in out and "scene.mrb" in out
    assert medprompt("archive", "get", run, "--out", tmp_path / "again", "--archive", db)[0] == 0
    assert read_image(a_radiograph_file).name not in (tmp_path / "again" / "run.json").read_text()
    code, out, _ = medprompt("audit", "verify", "--archive", db)
    assert code == 0 and "whole" in out
    log = json.loads(medprompt("audit", "log", "--json", "--archive", db)[1])
    assert [e["action"] for e in log] == ["archive made", "run filed", "decision", "export"]
    assert medprompt("archive", "check", "--archive", db)[0] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("archive", "search", "lung"), "No archive was named"),
        (("archive", "search", "lung", "--archive", "none.db"), "none.db cannot be read"),
        (("archive", "similar", "--archive", "ok.db"), "Say what to compare with"),
        (("archive", "show", "abcd", "--archive", "ok.db"), "No run has the name abcd"),
        (("archive", "init", "--archive", "ok.db"), "exists already"),
        (("audit", "verify", "--anchor", "12", "--archive", "ok.db"), "anchor '12'"),
        (("archive", "search", "lung", "--archive", "text.txt"), "does not fit the archive"),
        (("archive", "search", "lung", "--archive", "empty.db"), "empty or cut off"),
        (("archive", "search", "lung", "--archive", "foreign.db"), "another program"),
        (("archive", "init", "--archive", "no/such/folder/x.db"), "cannot be made"),
    ],
)
def test_bad_input_gets_one_sentence(medprompt, tmp_path: Path, monkeypatch, words, said) -> None:
    import sqlite3

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MEDPROMPT_ARCHIVE", raising=False)
    an_archive(tmp_path / "ok.db").close()
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.txt").write_text("a text that is longer than sixteen bytes")
    with sqlite3.connect(tmp_path / "foreign.db") as foreign:
        foreign.execute("CREATE TABLE t (x)")
    foreign.close()
    code, _, err = medprompt(*words)
    assert code in (2, 6) and err.startswith("medprompt: ") and said in err and len(err.strip().splitlines()) == 1


def test_the_room_is_light() -> None:
    code = (
        "import sys, MedPromptLib.archive, MedPromptLib.cli_archive; "
        "print({'torch', 'transformers', 'slicer', 'vtk', 'pydicom', 'SimpleITK'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_synthetic_record_is_the_same_for_the_same_number() -> None:
    assert synthetic_record(7) == synthetic_record(7) != synthetic_record(8)

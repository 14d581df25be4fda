"""Privacy: nothing that identifies somebody gets into an archive, and runs of one subject meet there all the same."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from archive_for_tests import PRIVATE, SECRET, a_dicom_file, a_run_folder, an_archive
from PIL import Image, ImageDraw, ImageFont
from pydicom import dcmread

from MedPromptLib.archive.burned_in import lines_of_text, warning
from MedPromptLib.archive.keys import SERVICE, derived_keys
from MedPromptLib.archive.privacy import (
    PrivacyProfile,
    Scrubber,
    check_source,
    dicom_header,
    read_profile,
    without_identifiers,
)
from MedPromptLib.archive.search import Filters
from MedPromptLib.archive.store import Archive
from MedPromptLib.archive.transfer import write_run_folder
from MedPromptLib.errors import InvalidInput, MissingPackage
from MedPromptLib.images import MedicalImage, read_image
from MedPromptLib.results import Run

INPUT_SHA256 = "fedcba98" * 8
KEYS, OTHER_KEYS = derived_keys(SECRET, b"s" * 16), derived_keys(SECRET, b"t" * 16)
PROMPT = "Segment the lungs of Mrs Okonkwo (MRN-0815), born 12.03.1961, then look for tuberculosis."


@pytest.fixture
def a_header(tmp_path):
    return dcmread(a_dicom_file(tmp_path / "film.dcm"))


def a_radiograph_folder(run: Run, tmp_path: Path) -> Path:
    """A run whose prompt, image name and note name the patient."""
    noted = run.provenance.model_copy(
        update={"input_notes": ("Prior of Okonkwo, Adaeze.",), "input_sha256": INPUT_SHA256}
    )
    image = replace(run.image, sha256=INPUT_SHA256)
    return a_run_folder(
        replace(run, image=image, provenance=noted), tmp_path / "run", name="Okonkwo_Adaeze_19610312", prompt=PROMPT
    )


def everything_in(archive: Archive) -> bytes:
    """The whole file, and what its compressed parts hold."""
    with archive.connection as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = archive.path.read_bytes()
    for run in [dict(r) for r in archive.connection.execute("SELECT id FROM runs")]:
        for file in archive.files(run["id"]):
            content = b"".join(archive.pieces(file["sha256"]))
            data += content
            if file["name"].endswith(".mrb"):
                bundle = archive.path.with_suffix(".mrb")
                bundle.write_bytes(content)
                with zipfile.ZipFile(bundle) as opened:
                    data += b"".join(name.encode() + opened.read(name) for name in opened.namelist())
    return data


def test_no_identifier_of_the_header_is_anywhere_in_the_archive(a_run: Run, tmp_path: Path) -> None:
    film = a_dicom_file(tmp_path / "film.dcm")
    folder = a_radiograph_folder(a_run, tmp_path)
    (folder / "report.md").write_text("Adaeze Okonkwo, seen by Dr Castellanos: nothing found.\n", encoding="utf-8")
    with an_archive(tmp_path / "archive.db") as archive:
        archive.add_run(folder, source=film)
        stored = everything_in(archive).lower()
        found = [word for word in PRIVATE if word.lower().encode() in stored]
        assert not found
        assert b"lungs_ct" in stored and b"tuberculosis" in stored, "what is not private is kept"
        assert INPUT_SHA256.encode() not in stored


def test_a_name_that_is_a_common_word_takes_nothing_else_out(a_run: Run, tmp_path: Path) -> None:
    with an_archive(tmp_path / "archive.db") as archive:
        name = archive.add_run(a_run_folder(a_run, tmp_path / "run", name="lung")).run
        assert {h.structure for h in archive.search("what:lung -heart")} == {"right lung", "left lung"}
        write_run_folder(archive, name, tmp_path / "out")
        from MedPromptLib.headless import open_scene_bundle

        with open_scene_bundle(tmp_path / "out" / "scene.mrb") as opened:
            names = {node.GetName() for node in opened.scene.GetNodesByClass("vtkMRMLStorableNode")}
        assert not any(n.startswith("lung ") or n == "lung" for n in names)


def test_a_picture_named_after_somebody_is_named_nowhere(a_run: Run, tmp_path: Path) -> None:
    folder = a_run_folder(a_run, tmp_path / "run", name="okonkwo film")
    (folder / "report.md").write_text("# Okonkwo film\n\nLeft lung outlined.\n", encoding="utf-8")
    with an_archive(tmp_path / "archive.db") as archive:
        archive.add_run(folder)
        stored = everything_in(archive)
    assert b"konkwo" not in stored and b"Left lung outlined" in stored


def test_runs_of_one_subject_meet_and_others_do_not(a_run: Run, tmp_path: Path) -> None:
    with an_archive(tmp_path / "archive.db") as archive:
        subjects = []
        for n, patient in enumerate(("MRN-0815", "MRN-0815", "MRN-4711")):
            film = a_dicom_file(tmp_path / f"{n}.dcm", patient=patient, study=f"1.2.3.{n}")
            folder = a_run_folder(a_run, tmp_path / f"run{n}", prompt=f"Segment the lungs, take {n}.")
            subjects.append(archive.run_named(archive.add_run(folder, source=film).run)["subject"])
        assert subjects[0] == subjects[1] != subjects[2]
        given = a_run_folder(a_run, tmp_path / "run3", prompt="Segment the lungs of a picture.")
        assert archive.run_named(archive.add_run(given, subject=" MRN-0815 ").run)["subject"] == subjects[0]
        assert len({h.run for h in archive.search("lung", Filters(subject=subjects[0]))}) == 3


def test_pseudonyms_of_another_archive_are_others() -> None:
    assert KEYS.pseudonym("subject", "A") != OTHER_KEYS.pseudonym("subject", "A") != OTHER_KEYS.pseudonym("image", "A")
    assert len({KEYS.file, KEYS.audit, KEYS.pseudonyms}) == 3


def test_the_basic_profile_is_applied_at_every_level(a_header) -> None:
    cleaned = without_identifiers(a_header, KEYS, PrivacyProfile())
    text = json.dumps(cleaned.to_json_dict())
    assert not [word for word in PRIVATE if word in text]
    assert (cleaned.Modality, cleaned.BodyPartExamined, cleaned.Rows) == ("CR", "CHEST", 64)
    assert (
        cleaned.AnatomicRegionSequence[0].CodeMeaning == "Chest"
        and "PatientID" not in cleaned.AnatomicRegionSequence[0]
    )
    assert cleaned.PatientIdentityRemoved == "YES" and not any(e.tag.is_private for e in cleaned.iterall())
    for keyword in ("StudyDate", "PatientAge", "PatientSex", "AccessionNumber", "InstitutionName", "StudyDescription"):
        assert keyword not in cleaned
    assert cleaned.StudyInstanceUID.startswith("2.25.") and len(cleaned.StudyInstanceUID) <= 64
    assert "PixelData" not in cleaned and a_header.PatientName == "Okonkwo^Adaeze", "the original is left alone"


def test_options_of_the_profile_keep_what_they_name(a_header) -> None:
    profile = PrivacyProfile(
        dates="shift", patient_characteristics=True, keep=("StudyDescription",), remove=("BodyPartExamined",)
    )
    cleaned = without_identifiers(a_header, KEYS, profile)
    assert (cleaned.PatientSex, cleaned.PatientAge) == ("F", "065Y") and "BodyPartExamined" not in cleaned
    assert cleaned.StudyDescription == "Thorax for Okonkwo", "what a person chose to keep is kept"
    assert cleaned.StudyDate < "20260301" and "PatientBirthDate" not in cleaned and "StudyTime" not in cleaned
    a_header.StudyDate = "20260311"
    import datetime

    days = [
        datetime.datetime.strptime(h.StudyDate, "%Y%m%d")
        for h in (cleaned, without_identifiers(a_header, KEYS, profile))
    ]
    assert (days[1] - days[0]).days == 10, "the time between a subject's images stays"


def test_a_profile_is_read_from_a_file_and_belongs_to_the_archive(tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    path.write_text('dates = "shift"\nkeep = ["Manufacturer"]\n')
    with an_archive(tmp_path / "archive.db", privacy=read_profile(path)):
        pass
    with Archive.open(tmp_path / "archive.db", secret=SECRET) as archive:
        assert archive.privacy == PrivacyProfile(dates="shift", keep=("Manufacturer",))


@pytest.mark.parametrize("text", ['dates = "never"', "colour = 1", 'keep = ["NoSuchThing"]', "[", None])
def test_a_profile_that_cannot_be_used_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "profile.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InvalidInput, match=r"profile\.toml"):
        read_profile(path)


def test_without_the_table_of_identifiers_nothing_of_a_dicom_image_is_filed(
    tmp_path: Path, monkeypatch, a_radiograph_file
) -> None:
    import sys

    from MedPromptLib.archive import privacy

    monkeypatch.setitem(sys.modules, "dicomanonymizer.dicomfields_selector", None)
    privacy._profile_table.cache_clear()
    with pytest.raises(MissingPackage, match="pip install dicom-anonymizer"):
        check_source(a_radiograph_file)
    Image.new("L", (8, 8)).save(tmp_path / "film.png")
    check_source(tmp_path / "film.png")
    privacy._profile_table.cache_clear()


def test_a_header_is_found_in_a_folder_and_not_in_a_picture(tmp_path: Path) -> None:
    a_dicom_file(tmp_path / "b.dcm")
    (tmp_path / "a.txt").write_text("a note")
    assert dicom_header(tmp_path).PatientID == "MRN-0815"
    assert dicom_header(tmp_path / "a.txt") is None


def test_prompts_lose_what_looks_like_an_identifier(a_header) -> None:
    scrubbed = Scrubber(PrivacyProfile(), a_header).prompt(PROMPT)
    assert scrubbed.startswith("Segment the lungs of") and scrubbed.endswith("then look for tuberculosis.")
    assert not [word for word in (*PRIVATE, "12.03.1961") if word in scrubbed]
    kept = Scrubber(PrivacyProfile(prompts="keep")).prompt(PROMPT)
    assert kept == PROMPT


def test_a_report_that_cannot_be_looked_into_is_left_out_and_said(a_run: Run, tmp_path: Path) -> None:
    folder = a_run_folder(a_run, tmp_path / "run")
    (folder / "report.pdf").write_bytes(b"%PDF-1.7 Okonkwo")
    with an_archive(tmp_path / "archive.db") as archive:
        filed = archive.add_run(folder)
        assert any("report.pdf was not filed" in w for w in filed.warnings)
        assert "report.pdf" not in {f["name"] for f in archive.files(1)}


# -- text in the pixels ------------------------------------------------------


def with_text(picture: np.ndarray, text: str, size: int) -> np.ndarray:
    image = Image.fromarray(picture)
    ImageDraw.Draw(image).text((5, 5), text, font=ImageFont.load_default(size), fill=255)
    return np.asarray(image)


def test_text_in_a_radiograph_is_noticed_and_none_is_not(a_radiograph: MedicalImage) -> None:
    grey = a_radiograph.array[0].astype(float)
    grey = (255 * (grey - grey.min()) / np.ptp(grey)).astype(np.uint8)[::4, ::4]
    flat = MedicalImage(grey[None], np.eye(4))
    assert not lines_of_text(flat)
    marked = MedicalImage(with_text(grey // 2, "OKONKWO ADAEZE 1961", 16)[None], np.eye(4))
    (line, *_) = lines_of_text(marked)
    assert line.characters >= 6 and line.box[0] < 30
    assert "burned into it" in warning(marked, None) and not warning(flat, None)


def test_the_tag_is_believed_when_it_says_yes_only(a_header, a_radiograph: MedicalImage) -> None:
    grey = np.zeros((64, 256), np.uint8)
    marked = MedicalImage(with_text(grey, "OKONKWO 1961", 14)[None], np.eye(4))
    a_header.BurnedInAnnotation = "YES"
    assert "BurnedInAnnotation" in warning(None, a_header)
    a_header.BurnedInAnnotation = "NO"
    assert "although its header says" in warning(marked, a_header)
    assert not warning(MedicalImage(grey[None], np.eye(4)), a_header)


def test_filing_warns_of_burned_in_text(a_run: Run, tmp_path: Path) -> None:
    film = a_dicom_file(tmp_path / "film.dcm", burned_in="YES")
    with an_archive(tmp_path / "archive.db") as archive:
        filed = archive.add_run(a_run_folder(a_run, tmp_path / "run"), image=read_image(film), source=film)
        assert any("burned into it" in w for w in filed.warnings)


# -- secrets ------------------------------------------------------


class Ring:
    """A keyring in memory, behind the package's own functions."""

    def __init__(self, monkeypatch) -> None:
        import keyring

        self.kept: dict[tuple[str, str], str] = {}
        monkeypatch.setattr(keyring, "get_password", lambda service, name: self.kept.get((service, name)))
        monkeypatch.setattr(keyring, "set_password", lambda s, name, secret: self.kept.__setitem__((s, name), secret))


@pytest.mark.parametrize("encrypted", [False, True])
def test_the_secret_is_kept_in_the_keyring(tmp_path: Path, monkeypatch, encrypted: bool) -> None:
    monkeypatch.delenv("MEDPROMPT_ARCHIVE_SECRET", raising=False)
    ring = Ring(monkeypatch)
    with Archive.create(tmp_path / "archive.db", encrypted=encrypted) as archive:
        assert "keyring" in archive.notes[0] and "copy" in archive.notes[0]
        ((service, _), secret) = next(iter(ring.kept.items()))
        assert service == SERVICE and len(secret) >= 32
    with Archive.open(tmp_path / "archive.db") as archive:
        assert archive.log("export", {}).number == 2 and archive.secret() == secret
    ring.kept.clear()
    with pytest.raises(InvalidInput, match="neither in the system's keyring nor"):
        with Archive.open(tmp_path / "archive.db") as archive:
            archive.log("export", {})


def next_of(answers: list[str | None], question: str) -> str | None:
    return answers.pop(0)


def test_without_a_keyring_somebody_is_asked(tmp_path: Path, monkeypatch) -> None:
    import keyring
    import keyring.errors

    def fails(*_: object) -> None:
        raise keyring.errors.NoKeyringError

    monkeypatch.delenv("MEDPROMPT_ARCHIVE_SECRET", raising=False)
    monkeypatch.setattr(keyring, "get_password", fails)
    monkeypatch.setattr(keyring, "set_password", fails)
    path = tmp_path / "archive.db"
    for answers, said in (
        (["one secret", "another secret"], "differ"),
        (["short", "short"], "5 characters"),
        ([None], "needs a secret"),
    ):
        with pytest.raises(InvalidInput, match=said):
            Archive.create(path, ask=partial(next_of, list(answers)))
        assert not path.exists()
    Archive.create(path, ask=lambda _: "a good secret").close()
    with Archive.open(path, ask=lambda _: "a good secret") as archive:
        archive.log("export", {})
    with Archive.open(path) as archive:
        assert archive.search("") == [], "a plain archive can be searched without the secret"
        with pytest.raises(InvalidInput, match="in a terminal"):
            archive.log("export", {})

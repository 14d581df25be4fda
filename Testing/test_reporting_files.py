"""Reports on the command line: what is written, read back and refused."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_cli import a_picture, assert_one_sentence, medprompt, some_weights  # noqa: F401

from MedPromptLib.reporting.facts import load_findings
from MedPromptLib.reporting.files import write_report_files
from MedPromptLib.reporting.measuring import measure
from MedPromptLib.reporting.pdf import pdf_bytes
from MedPromptLib.reporting.writing import write_report
from MedPromptLib.results import Run

REPORT = {"findings.json", "report.md", "report.html", "report.png", "report.pdf"}
PROMPT = "Segment the lungs on this chest x-ray and check for tuberculosis."


@pytest.fixture
def a_run_folder(medprompt, a_picture, tmp_path):  # noqa: F811
    folder = tmp_path / "run"
    code, _, err = medprompt("run", "--prompt", PROMPT, "--input", a_picture, "--out", folder)
    assert code == 0, err
    return folder


def test_a_run_with_a_report_writes_it_into_the_folder_and_the_scene(medprompt, a_picture, tmp_path):  # noqa: F811
    folder = tmp_path / "run"
    code, _, err = medprompt(
        "run", "--prompt", PROMPT, "--input", a_picture, "--out", folder, "--report", "--prose", "template"
    )
    assert code == 0, err
    assert {path.name for path in folder.iterdir()} >= REPORT
    first = (folder / "report.md").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# Report on film"
    with zipfile.ZipFile(folder / "scene.mrb") as bundle:
        texts = [bundle.read(name).decode() for name in bundle.namelist() if "report" in name and "Thumb" not in name]
    assert any("not for diagnosis" in text for text in texts)


def test_the_report_of_a_folder_has_the_numbers_of_the_run(medprompt, a_run_folder, tmp_path):  # noqa: F811
    code, out, err = medprompt("report", a_run_folder, "--prose", "template", "--out", tmp_path / "report")
    assert code == 0, err
    assert {path.name for path in (tmp_path / "report").iterdir()} == REPORT
    findings = load_findings(tmp_path / "report" / "findings.json")
    [area] = [f.quantity.value for f in findings.facts if f.quantity and f.quantity.measure.value == "area"]
    table = (a_run_folder / "results.tsv").read_text().splitlines()
    pixels = float(table[1].split("\t")[table[0].split("\t").index("pixels")])
    assert area == pixels
    assert "This is the template text" in out and "sizes are in pixels" in out


@pytest.mark.parametrize(("style", "language"), [("short", "es"), ("patient", "de"), ("structured", "zh")])
def test_styles_and_languages(medprompt, a_run_folder, style, language):  # noqa: F811
    code, _, err = medprompt("report", a_run_folder, "--style", style, "--language", language, "--prose", "template")
    assert code == 0, err
    page = (a_run_folder / "report.html").read_text(encoding="utf-8")
    assert f'<html lang="{language}' in page
    assert ("<table>" in page) == (style != "patient")
    assert 'src="data:image/png;base64,' in page


def test_a_prior_run_is_compared(medprompt, a_run_folder, tmp_path):  # noqa: F811
    code, out, err = medprompt(
        "report", a_run_folder, "--prior", a_run_folder, "--prose", "template", "--out", tmp_path / "report"
    )
    assert code == 0, err
    assert "Earlier run as given by the user: run." in out
    assert "Sizes in pixels are not compared" in out


def test_a_folder_that_is_no_run_is_one_sentence(medprompt, tmp_path):  # noqa: F811
    code, _, err = medprompt("report", tmp_path)
    assert_one_sentence(code, err, 2, "give a folder that `medprompt run` wrote")


def test_a_report_that_fails_does_not_lose_the_run(medprompt, a_picture, tmp_path):  # noqa: F811
    folder = tmp_path / "run"
    code, _, err = medprompt(
        *("run", "--prompt", PROMPT, "--input", a_picture, "--out", folder),
        *("--report", "--prose", "template", "--prior", tmp_path / "nowhere"),
    )
    assert_one_sentence(code, err, 2, "nowhere")
    assert (folder / "scene.mrb").is_file()


def test_nothing_is_sent_to_an_endpoint_without_agreement(medprompt, a_run_folder, monkeypatch):  # noqa: F811
    monkeypatch.setenv("MEDPROMPT_CONFIG", str(a_run_folder / "config"))
    code, _, err = medprompt(
        *("report", a_run_folder, "--prose", "endpoint", "--endpoint", "http://127.0.0.1:9/v1", "--model", "m"),
    )
    assert_one_sentence(code, err, 2, "Nothing was sent")
    assert "will be sent this text and nothing else" in err


def test_an_endpoint_that_is_down_leaves_the_template(medprompt, a_run_folder, monkeypatch):  # noqa: F811
    monkeypatch.setenv("MEDPROMPT_CONFIG", str(a_run_folder / "config"))
    code, out, err = medprompt(
        *("report", a_run_folder, "--prose", "endpoint", "--endpoint", "http://127.0.0.1:9/v1", "--model", "m"),
        "--agree-to-send",
    )
    assert code == 0, err
    assert "the language model could not be used" in out and "could not be reached" in err


def test_the_pdf_shows_the_report(a_radiograph_run: Run) -> None:
    import pypdfium2

    from MedPromptLib.overview import panels_picture

    report = write_report(measure(a_radiograph_run), "structured", "de")
    content = pdf_bytes(report, panels_picture(a_radiograph_run))
    document = pypdfium2.PdfDocument(content)
    text = " ".join(page.get_textpage().get_text_bounded() for page in document)
    plain = re.sub(r"\s+", " ", text)
    assert "Modellausgabe nur für die Forschung" in plain
    assert "Die Modellausgabe deutet mit mäßiger Sicherheit auf eine Tuberkulose hin" in plain

    def dark(pdf: bytes) -> float:
        page = np.asarray(pypdfium2.PdfDocument(pdf)[0].render(scale=0.5).to_pil().convert("L"))
        return float((page < 128).mean())

    assert dark(content) > 1.5 * dark(pdf_bytes(report)), "the picture is there"


def test_a_font_without_the_letters_is_refused_and_no_old_pdf_is_left(a_radiograph_run: Run, tmp_path: Path) -> None:
    import matplotlib

    from MedPromptLib.errors import InvalidInput

    findings = measure(a_radiograph_run)
    latin = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    with pytest.raises(InvalidInput, match="lacks"):
        write_report_files(write_report(findings, "short", "zh"), a_radiograph_run, tmp_path, latin)
    assert not list(tmp_path.iterdir())
    write_report_files(write_report(findings, "short", "en"), a_radiograph_run, tmp_path)
    assert (tmp_path / "report.pdf").is_file()


def test_markdown_and_html_escape_what_is_not_ours(a_radiograph_run: Run) -> None:
    from MedPromptLib.reporting.documents import html_page, markdown

    findings = measure(a_radiograph_run).model_copy(update={"image": "<script>*x*|"})
    report = write_report(findings, "short", "en")
    assert "<script>" not in html_page(report) and "<script>" not in markdown(report).replace("\\<", "")


def test_the_picture_has_image_and_outlines(a_radiograph_run: Run) -> None:
    from MedPromptLib.overview import panels_picture

    picture = np.asarray(Image.open(io.BytesIO(panels_picture(a_radiograph_run))).convert("RGB")).astype(int)
    half = picture.shape[1] // 2
    colourful = np.abs(picture - picture.mean(axis=2, keepdims=True)).max(axis=2) > 20
    rows = slice(0, picture.shape[0] * 3 // 4)
    assert colourful[rows, half:].mean() > 0.1 and colourful[rows, :half].mean() < 0.01


def test_the_bench_is_a_command(medprompt, capsys):  # noqa: F811
    from MedPromptLib.cli import main

    assert main(["bench", "reports", "--sets", "2", "--mutations", "20"]) == 0
    assert "corrupted reports                 20, caught 20" in capsys.readouterr().out

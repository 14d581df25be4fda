"""The section Report: made of what is in the scene, checked, shown, saved."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import slicer

from panel.user import REVIEW, User


@pytest.fixture
def a_reporter(a_user_with_results: User) -> User:
    """Someone with results of a real run in the scene, who has unfolded the section Report."""
    a_user_with_results.open_report()
    return a_user_with_results


def make(user: User) -> str:
    """Press the button; the report's text."""
    user.click(user.makeReportButton)
    user.wait(user.makeReportButton.isEnabled)
    return user.reportView.toPlainText()


def numbers(text: str) -> set[str]:
    """With their decimals and thousands."""
    return set(re.findall(r"\d[\d\u202f.]*", text))


def test_the_report_says_what_was_measured_and_how_it_was_checked(a_reporter: User) -> None:
    user = a_reporter
    assert not user.see(user.reportView) and not user.saveReportButton.isEnabled()
    text = make(user)
    assert "right lung" in text and "research use only" in text
    assert user.reportVerdictLabel.text().startswith("Checked: every number")
    assert "cannot say" in user.reportVerdictLabel.text()
    provenance = user.reportProvenanceLabel.text()
    assert provenance.startswith("Worded by: template.")
    assert "chest_structures_seg_cxr (" in provenance and "pneumonia_cls_cxr (" in provenance

    user.choose(user.reportLanguageSelector, "Deutsch")
    user.wait(lambda: "rechte" in user.reportView.toPlainText())
    user.choose(user.reportStyleSelector, "Short")
    german = user.reportView.toPlainText()
    user.wait(lambda: len(user.reportView.toPlainText()) < len(german))


def test_the_language_models_wording_is_told_apart(a_reporter: User) -> None:
    template = make(a_reporter)
    a_reporter.choose(a_reporter.reportWordingSelector, "Local language model")
    a_reporter.wait(lambda: "smollm2" in a_reporter.reportProvenanceLabel.text())
    assert numbers(a_reporter.reportView.toPlainText()) == numbers(template)
    assert a_reporter.reportVerdictLabel.text().startswith("Checked: ")


def test_a_wording_that_says_something_else_is_not_used(a_reporter: User, monkeypatch: pytest.MonkeyPatch) -> None:
    class Inventive:
        name = "inventive"

        def word(self, *_: Any) -> str:
            return "There are several masses, the largest of 3 cm, in the right upper lobe."

    monkeypatch.setattr("MedPromptLib.reporting.prose.ChoosingWriter", Inventive)
    a_reporter.choose(a_reporter.reportWordingSelector, "Local language model")
    text = make(a_reporter)
    assert "masses" not in text
    said = a_reporter.reportVerdictLabel.text()
    assert said.startswith("The language model's wording was not used") and said.count("•") >= 1
    assert said.endswith("The template's text stands instead.")


def test_what_was_rejected_is_left_out_and_an_edit_is_measured(a_reporter: User) -> None:
    user = a_reporter
    before = make(user)
    user.open_page(REVIEW)
    user.press("R")
    user.open_report()
    assert not user.see(user.reportView), "a report of before the decision is not shown any more"
    assert "make the report anew" in user.reportStatusLabel.text()
    text = make(user)
    assert "right lung: rejected in review" in text
    sentences = [line for line in text.splitlines() if "right lung" in line]
    assert len(sentences) == 1, "nothing else is said of it"
    assert "left lung" in text and "right lung" in before

    review = user.panel.widget.report.review
    left = review.items[1]
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(left.segmentation, left.segment_id, review.volume).copy()
    mask[:, mask.shape[1] // 2 :] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, left.segmentation, left.segment_id, review.volume)
    assert numbers(make(user)) != numbers(text)


def test_the_report_is_saved_as_html_pdf_and_markdown_and_lies_in_the_scene(a_reporter: User, tmp_path: Path) -> None:
    user, page = a_reporter, a_reporter.panel.widget.report
    text = make(user)
    for kind in ("html", "pdf", "md"):
        page.save(tmp_path / f"report.{kind}")
        assert f"report.{kind}" in user.reportStatusLabel.text()
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in html and "right lung" in html
    assert "right lung" in pypdfium2.PdfDocument(tmp_path / "report.pdf")[0].get_textpage().get_text_range()
    assert "![](report.png)" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    page.save(tmp_path / "report.doc")
    assert "must end in .html, .pdf or .md" in user.reportStatusLabel.text()
    page.save(tmp_path / "nowhere" / "report.html")
    assert "cannot be written" in user.reportStatusLabel.text()
    for _ in range(2):
        user.click(user.reportNodeButton)
    (node,) = slicer.util.getNodes("chest MedPrompt report*").values()
    assert node.GetText() == text


def test_a_report_needs_results_and_the_weights_they_came_from(a_reporter: User) -> None:
    page = a_reporter.panel.widget.report
    table = page.review.table
    record = table.GetNodeReference("MedPrompt.Provenance")
    text = record.GetText()
    sha = page.review.provenance.findings[0].weight_sha256
    record.SetText(text.replace(sha, "0" * 64))
    make(a_reporter)
    assert "is not installed as it was then" in a_reporter.reportStatusLabel.text()
    slicer.mrmlScene.RemoveNode(table)
    assert not a_reporter.see(a_reporter.reportSection)

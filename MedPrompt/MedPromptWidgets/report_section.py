"""The section Report: what was measured, in the asked style and language, as text, as files and as a node."""

from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from . import style
from .background import JobRunner
from .reporting import Reporter

STYLES = ("structured", "short", "patient")
LANGUAGES = ("en", "zh", "de", "es")
LANGUAGE_NAMES = ("English", "中文", "Deutsch", "Español")
WORDINGS = ("template", "model")
REPORT_ROLE = "MedPrompt.Report"
"""Node reference of a results table to the text node with its report."""
SHOWN_PROBLEMS = 3


class ReportSection:
    """Makes reports of the run that is shown.

    Args:
        ui: the panel's widget `reportSection`, which it fills.
        logic: `MedPromptLogic`.

    Attributes:
        review: the `SceneReview` of the run, or None.
        report: `MedPromptLib.reporting.writing.Report` as shown, or None.
        run: `MedPromptLib.results.Run` it was made of.
    """

    def __init__(self, ui: Any, logic: Any):
        self.section, self.logic = ui.reportSection, logic
        self.review: Any = None
        self.report: Any = None
        self.run: Any = None
        self._runner = JobRunner()
        self._build()
        self._connect()
        self.showRun(None)

    def _build(self):
        layout = self.section.layout()
        form = qt.QFormLayout()
        self.styleSelector = style.selector(
            "reportStyleSelector",
            (_("Structured"), _("Short"), _("For patients")),
            _("How much the report says, and in which words."),
        )
        form.addRow(_("Style:"), self.styleSelector)
        self.languageSelector = style.selector("reportLanguageSelector", LANGUAGE_NAMES, _("Of the report."))
        form.addRow(_("Language:"), self.languageSelector)
        self.wordingSelector = style.selector(
            "reportWordingSelector",
            (_("Template"), _("Local language model")),
            _("Who chooses the sentences. Whatever is chosen, a check compares the text with what was measured."),
        )
        form.addRow(_("Wording:"), self.wordingSelector)
        layout.addLayout(form)
        self.makeButton = style.button(_("Make report"), "makeReportButton", _("From the results as they are now."))
        layout.addWidget(self.makeButton)
        self.verdictLabel = style.label(name="reportVerdictLabel", selectable=True)
        layout.addWidget(self.verdictLabel)
        self.view = qt.QPlainTextEdit()
        self.view.name = "reportView"
        self.view.setReadOnly(True)
        self.view.setMinimumHeight(260)
        layout.addWidget(self.view)
        self.provenanceLabel = style.label(name="reportProvenanceLabel", selectable=True)
        layout.addWidget(self.provenanceLabel)
        self.saveButton = style.button(_("Save…"), "saveReportButton", _("As HTML, PDF or Markdown, with a picture."))
        self.nodeButton = style.button(_("To the scene"), "reportNodeButton", _("As a text node beside the image."))
        layout.addLayout(style.row(self.saveButton, self.nodeButton, None))
        self.statusLabel = style.label(name="reportStatusLabel", selectable=True)
        self.reporter = Reporter(self.statusLabel, _("The report failed unexpectedly."))
        layout.addWidget(self.statusLabel)

    def _connect(self):
        for selector, key, values in (
            (self.styleSelector, "reportStyle", STYLES),
            (self.languageSelector, "reportLanguage", LANGUAGES),
            (self.wordingSelector, "reportWording", WORDINGS),
        ):
            kept = style.setting(key, values[0])
            selector.setCurrentIndex(values.index(kept) if kept in values else 0)
            selector.connect(
                "currentIndexChanged(int)", lambda index, key=key, values=values: self._onChoice(key, values[index])
            )
        for button, slot in (
            (self.makeButton, self.make),
            (self.saveButton, self.onSave),
            (self.nodeButton, self.toScene),
        ):
            button.connect("clicked(bool)", lambda checked=False, slot=slot: slot())

    def close(self) -> None:
        """Before the panel is destroyed."""
        self._runner.abandon()

    def showRun(self, review: Any) -> None:
        """Another run of the scene is shown, or none; an earlier one's report is not shown any more."""
        if review is None or self.review is None or review.table is not self.review.table:
            self._forget()
        self.review = review
        self.makeButton.enabled = not self._runner.isRunning
        self.section.setVisible(review is not None)

    def reviewChanged(self) -> None:
        """A decision may have changed what a report may say."""
        if self.report is not None or self._runner.isRunning:
            self._forget()
            self.reporter.say(_("The review has changed since; make the report anew."))

    def _onChoice(self, key, value):
        style.keepSetting(key, value)
        if self.report is not None:
            self.make()

    def _forget(self):
        self._runner.abandon()
        self.report = self.run = None
        self._show()

    def _show(self):
        for widget in (self.view, self.verdictLabel, self.provenanceLabel):
            widget.setVisible(self.report is not None)
        self.saveButton.enabled = self.nodeButton.enabled = self.report is not None
        self.makeButton.enabled = True
        self.reporter.say("")
        if self.report is None:
            return
        self.view.setPlainText(self.report.text)
        said, styled = verdict(self.report)
        self.verdictLabel.text = said
        self.verdictLabel.setStyleSheet(styled(self.verdictLabel))
        self.provenanceLabel.text = provenanceText(self.report, self.run)

    def make(self) -> None:
        """Measure the results and write the report, in the background."""
        catalog, review = self.logic.catalog, self.review

        def prepared():
            from MedPromptLib.reporting.reviewed import run_in_scene

            return run_in_scene(review, catalog), review.reviews

        found = self.reporter.attempt(prepared) if review is not None else None
        if found is None:
            return
        run, reviews = found
        kind, code = STYLES[self.styleSelector.currentIndex], LANGUAGES[self.languageSelector.currentIndex]
        withModel = WORDINGS[self.wordingSelector.currentIndex] == "model"

        def work(progress, cancelled):
            return self.logic.makeReport(run, reviews, kind, code, withModel)

        def end(job):
            self.makeButton.enabled = True
            report = self.reporter.attempt(job.result)
            if report is not None:
                self.report, self.run = report, run
                self._show()

        self.makeButton.enabled = False
        self.reporter.say(_("Measuring and writing…"))
        self._runner.start(work, end)

    def onSave(self) -> None:
        """Ask where the report goes."""
        kinds = "HTML (*.html);;PDF (*.pdf);;Markdown (*.md)"
        name = style.savedAs(self.section, _("Report"), "report.html", kinds)
        if name:
            self.save(Path(name))

    def save(self, path: Path) -> None:
        """Write the report to a file of the kind its name says."""
        from MedPromptLib.reporting.files import write_report_file

        written = self.reporter.attempt(lambda: write_report_file(self.report, self.run, path))
        if written is not None:
            self.reporter.say(_("The report is in {path}.").format(path=", ".join(map(str, written))))

    def toScene(self) -> None:
        """Put the report's text into the scene, instead of an earlier one of the same run."""
        from MedPromptLib.scene import write_text

        def put():
            table, volume = self.review.table, self.review.volume
            node = table.GetNodeReference(REPORT_ROLE)
            if node is None:
                name = f"{volume.GetName()} MedPrompt report"
                node = write_text(self.report.text, slicer.mrmlScene, name, volume)
                table.SetNodeReferenceID(REPORT_ROLE, node.GetID())
            else:
                node.SetText(self.report.text)
            return node

        node = self.reporter.attempt(put)
        if node is not None:
            self.reporter.say(_("In the scene: {name}.").format(name=node.GetName()))


def verdict(report: Any) -> tuple[str, Any]:
    """What the check said about a report, in words that promise no more than it does, and a function of `style`."""
    instead = _("The template's text stands instead.")
    if report.rejected.problems:
        reasons = "\n".join(f"•  {p.reason} ({p.text})" for p in report.rejected.problems[:SHOWN_PROBLEMS])
        said = _("The language model's wording was not used, because the check found in it:")
        return f"{said}\n{reasons}\n{instead}", style.warningStyle
    if report.failure:
        said = _("The language model could not be used: {why}").format(why=report.failure)
        return f"{said} {instead}", style.warningStyle
    return _(
        "Checked: every number, unit, side and structure in this text is among the measurements, and none of them is "
        "missing. Whether the model output is right, the check cannot say."
    ), style.goodStyle


def provenanceText(report: Any, run: Any) -> str:
    """Where a report's numbers and words come from."""
    provenance = run.provenance
    weights = ", ".join(f"{name} ({sha[:8]})" for name, sha in provenance.weights.items())
    return _(
        "Worded by: {writer}. Measured on {image}, run of {started} on {device}, by {weights}. Edited masks are "
        "measured as they are; what was rejected is left out."
    ).format(
        writer=report.writer,
        image=provenance.input_name,
        started=provenance.started[:16].replace("T", " "),
        device=provenance.device,
        weights=weights,
    )

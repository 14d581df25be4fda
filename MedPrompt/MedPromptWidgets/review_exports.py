"""Decisions as CSV and reviewed masks as training sets, of a batch or of one run."""

from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from . import style
from .background import JobRunner


class ReviewExports:
    """The buttons Export CSV and Export training set.

    Args:
        page: the `ReviewPage` whose decisions are exported.
    """

    def __init__(self, page: Any):
        self.page = page
        self._runner = JobRunner()

    def abandon(self) -> None:
        """Before the panel is destroyed."""
        self._runner.abandon()

    def allReviews(self) -> list:
        """Every decision of the batch, or of the run that is shown."""
        if self.page.cases:
            return [review for case in self.page.cases for review in case.reviews()]
        return list(self.page.review.reviews) if self.page.review is not None else []

    def onExportCsv(self) -> None:
        """Ask where the decisions go."""
        name = style.savedAs(self.page.widget, _("Decisions"), "reviews.csv", "CSV (*.csv)")
        if name:
            self.csv(Path(name))

    def csv(self, path: Path) -> None:
        """Write every decision to a CSV file."""
        from MedPromptLib.review import write_csv

        reviews = self.page.reporter.attempt(self.allReviews)
        if reviews is not None and self.page.reporter.attempt(lambda: write_csv(reviews, path)) is not None:
            self.page.reporter.say(_("{count} decisions are in {path}.").format(count=len(reviews), path=path))

    def onExportSet(self) -> None:
        """Ask where the training set goes."""
        folder = qt.QFileDialog.getExistingDirectory(self.page.widget, _("Folder for the training sets"))
        if folder:
            self.trainingSet(Path(str(folder)))

    def trainingSet(self, folder: Path) -> None:
        """Write images and reviewed masks as training sets, one per weight."""
        from MedPromptLib.review import export_training_set

        # Cases are read from disk; a run of the scene is read here, as a thread must not touch the scene.
        cases, batch = (
            ([], self.page.cases) if self.page.cases else ([self.page.reporter.attempt(self.page.review.as_case)], ())
        )
        if None in cases:
            return

        whole = {card.id for card in self.page.logic.catalog if card.dimension == 3}

        def work(progress, cancelled):
            return export_training_set(cases or (case.reviewed() for case in batch), folder, progress, whole)

        self.page.setButton.enabled = False
        self._runner.start(
            work, self._exported, lambda name: self.page.reporter.say(_("Exporting {name}…").format(name=name))
        )

    def _exported(self, job):
        self.page.setButton.enabled = True
        done = self.page.reporter.attempt(job.result)
        if done is None:
            return
        lines = [
            _("{count} images are in {path}.").format(count=done.images[name], path=path)
            for name, path in done.sets.items()
        ]
        if done.left_out:
            said = _("{count} results were left out; the first: {reason}")
            lines.append(said.format(count=len(done.left_out), reason=done.left_out[0]))
        self.page.reporter.say("\n".join(lines))

"""The page Archive: file the run that is shown, find earlier ones again, open them in the scene."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from . import style
from .archive_access import ArchiveAccess
from .archive_form import WHAT, ArchiveForm

LIMIT = 50
"""Hits that are shown at once."""
KINDS = "SQLite (*.db)"


class ArchivePage(ArchiveForm):
    """Filing and searching.

    Args:
        logic: `MedPromptLogic`.

    Attributes:
        review: the `SceneReview` of the run that is shown, or None.
        report: gives `MedPromptLib.reporting.writing.Report` of it, or None; filed with the run.
        openCase: called with the folder of a run that was taken out of the archive, and the run's name in it.
        hits: what was found: `MedPromptLib.archive.Hit`, or for similar images (run's row, likeness).
    """

    def __init__(self, logic: Any):
        super().__init__()
        self.logic = logic
        self.review: Any = None
        self.report: Callable[[], Any] = lambda: None
        self.openCase: Callable[[Path, str], None] = lambda folder, run: None
        self.hits: list[Any] = []
        self._folders: list[tempfile.TemporaryDirectory] = []
        self.access = ArchiveAccess(self.reporter, self._setBusy)
        self._isBusy = False
        for button, slot in (
            (self.openButton, self.onOpen),
            (self.newButton, self.onNew),
            (self.fileButton, self.fileRun),
            (self.searchButton, self.search),
            (self.imagesButton, self.similarImages),
            (self.findingsButton, self.similarFindings),
            (self.openRunButton, self.openRun),
            (self.tableButton, self.toTable),
        ):
            button.connect("clicked(bool)", lambda checked=False, slot=slot: slot())
        for field in (self.wordsEdit, self.sinceEdit, self.untilEdit, self.reviewerEdit):
            field.connect("returnPressed()", self.search)
        self.table.connect("itemSelectionChanged()", self._onSelected)
        self.table.connect("itemDoubleClicked(QTableWidgetItem*)", lambda item: self.openRun())
        self._showHits([])

    def close(self) -> None:
        """Before the panel is destroyed."""
        self.access.close()
        for folder in self._folders:
            folder.cleanup()

    def enter(self) -> None:
        """The page is shown."""
        if not self.logic.packages.missing():
            names = [self.weightSelector.itemText(n) for n in range(1, self.weightSelector.count)]
            cards = sorted(card.id for card in self.logic.catalog)
            if names != cards:
                self.weightSelector.clear()
                for name in (_("any"), *cards):
                    self.weightSelector.addItem(name)
        self._enable()

    def showRun(self, review: Any) -> None:
        """Another run of the scene is shown, or none."""
        self.review = review
        self._enable()

    def _setBusy(self, isBusy):
        self._isBusy = isBusy
        self._enable()

    def _enable(self):
        path = self.access.path
        free = not self._isBusy
        ready = free and path is not None and not self.logic.packages.missing()
        said = _("Archive: {name}").format(name=path.name) if path else ""
        self.pathLabel.text = said or _("No archive is chosen: open one, or make a new one.")
        self.pathLabel.toolTip = str(path) if path else ""
        self.openButton.enabled = self.newButton.enabled = free
        self.fileButton.enabled = ready and self.review is not None
        for button in (self.searchButton, self.imagesButton):
            button.enabled = ready
        hit = self._hit()
        self.openRunButton.enabled = ready and hit is not None
        self.findingsButton.enabled = ready and hit is not None and not self._isRun(hit)
        self.tableButton.enabled = free and bool(self.hits) and not self._isRun(self.hits[0])

    # The file

    def onOpen(self) -> None:
        """Ask for an archive."""
        name = qt.QFileDialog.getOpenFileName(self.widget, _("Archive"), "", KINDS)
        name = name[0] if isinstance(name, list | tuple) else name
        if name:
            self.use(Path(str(name)))

    def use(self, path: Path) -> None:
        """Work with an archive that is there already."""
        self.access.use(path)
        self._showHits([])
        self.search()

    def onNew(self) -> None:
        """Ask where a new archive goes."""
        name = style.savedAs(self.widget, _("New archive"), "runs.db", KINDS)
        if name:
            self._showHits([])
            self.access.create(Path(name), self.encryptCheck.checked, lambda made: None)

    # Filing

    def fileRun(self) -> None:
        """File the run that is shown or, if it has been filed, what was decided since."""
        review, report = self.review, self.report()

        def prepared():
            place = tempfile.TemporaryDirectory(prefix="medprompt-")
            return place, self.logic.filing(review, Path(place.name), report)

        found = self.reporter.attempt(prepared)
        if found is None:
            return
        place, work = found
        project, subject = self.projectEdit.text.strip(), self.subjectEdit.text.strip()

        def done(result):
            place.cleanup()
            filed, decided = result
            review.archived_as = filed.run
            said = _("Filed as {run}.") if filed.new else _("It had been filed as {run}.")
            lines = [said.format(run=filed.run[:8]) + " " + _("New decisions kept: {count}.").format(count=decided)]
            self.reporter.say("\n".join([*lines, *filed.warnings]))

        self.access.run(lambda archive: work(archive, project, subject), done, _("Filing…"))

    # Searching

    def search(self) -> None:
        """Findings by words and circumstances."""
        from MedPromptLib.archive.search import Filters

        index = self.weightSelector.currentIndex
        filters = Filters(
            weight=self.weightSelector.currentText if index > 0 else "",
            reviewer=self.reviewerEdit.text.strip(),
            since=self.sinceEdit.text.strip(),
            until=self.untilEdit.text.strip(),
        )
        words = self.wordsEdit.text
        self._find(lambda archive: archive.search(words, filters, LIMIT))

    def similarImages(self) -> None:
        """Runs on images like the one of the scene."""
        volume = self.logic.getParameterNode().inputVolume
        image = self.reporter.attempt(lambda: self.logic.image(volume))
        if image is None:
            return

        def work(archive):
            from MedPromptLib.quiet_imports import quiet_imports

            with quiet_imports("torch"):
                found = archive.likeness.images(image, LIMIT)
            return [(archive.run_named(name), likeness) for name, likeness in found]

        self._find(work)

    def similarFindings(self) -> None:
        """Findings like the selected one."""
        hit = self._hit()
        if hit is None or self._isRun(hit):
            return

        def work(archive):
            from MedPromptLib.quiet_imports import quiet_imports

            with quiet_imports("torch", "transformers"):
                return archive.likeness.findings_like(hit.run, hit.number, LIMIT)

        self._find(work)

    def _find(self, work):
        self.access.run(work, self._found, _("Searching…"))

    def _found(self, hits):
        self._showHits(hits)
        if not hits:
            self.reporter.say(_("Nothing was found."))
        elif len(hits) == LIMIT:
            self.reporter.say(_("The first {count}; there may be more.").format(count=LIMIT))
        else:
            self.reporter.say(_("{count} found.").format(count=len(hits)))

    # What was found

    @staticmethod
    def _isRun(hit):
        return isinstance(hit, tuple)

    def _hit(self):
        row = self.table.currentRow()
        return self.hits[row] if 0 <= row < len(self.hits) else None

    def _showHits(self, hits):
        self.hits = list(hits)
        self.table.setRowCount(0)
        self.table.setRowCount(len(self.hits))
        for row, hit in enumerate(self.hits):
            for column, text in enumerate(self._cells(hit)):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(text)
                self.table.setItem(row, column, item)
        self.table.setVisible(bool(self.hits))
        if self.hits:
            self.table.setCurrentCell(0, WHAT)
        style.fitRows(self.table)
        self._onSelected()

    def _cells(self, hit):
        if self._isRun(hit):
            row, likeness = hit
            alike = _("{likeness:.2f} alike").format(likeness=likeness)
            return self._prompt(row), alike, "", f"{row['started'][:10]} {row['name'][:8]}"
        name = hit.structure or hit.target
        # Of a structure that was outlined, its size says so.
        what = name if hit.structure and hit.size else f"{name}: {hit.result.replace('_', ' ')}"
        if hit.likeness is not None:
            what = f"{hit.likeness:.2f}  {what}"
        return what, hit.size, hit.decision or _("none"), f"{hit.started[:10]} {hit.run[:8]}"

    @staticmethod
    def _prompt(row):
        from MedPromptLib.archive.reviewed import prompt_of

        return prompt_of(row) or row["modality"]

    def _onSelected(self):
        hit = self._hit()
        lines = []
        if hit is not None and not self._isRun(hit):
            from MedPromptLib.results import percent

            lines = [
                _("Weight: {name}").format(name=hit.weight),
                _("Model output: {result}").format(result=hit.result.replace("_", " ")),
            ]
            if hit.probability is not None:
                lines[-1] += f", {percent(hit.probability)}"
            if hit.reviewer:
                lines.append(_("Decided by {name}").format(name=hit.reviewer))
            lines.append(_("Image: {kind}").format(kind=hit.modality or _("kind unknown")))
        self.hitLabel.text = "\n".join(lines)
        self.hitLabel.setVisible(bool(lines))
        self._enable()

    def toTable(self) -> None:
        """Put what was found into the scene as a table."""
        node = self.reporter.attempt(lambda: self.logic.writeHits(self.hits))
        if node is not None:
            self.reporter.say(_("In the scene: {name}.").format(name=node.GetName()))

    def openRun(self) -> None:
        """Replace the scene with the run of the selected row."""
        hit = self._hit()
        if hit is None or self._isBusy:
            return
        question = _("The run replaces the present scene; what is not saved is lost. Go on?")
        isEmpty = not slicer.util.getNodesByClass("vtkMRMLDisplayableNode")
        if not (isEmpty or slicer.util.confirmOkCancelDisplay(question)):
            return
        name = hit[0]["name"] if self._isRun(hit) else hit.run
        place = tempfile.TemporaryDirectory(prefix="medprompt-")
        self._folders.append(place)

        def work(archive):
            from MedPromptLib.archive.reviewed import case_from

            return case_from(archive, name, Path(place.name) / name[:8])

        def done(case):
            self.openCase(case.folder, name)
            self.reporter.say(_("Opened run {name}; its decisions are on the page Review.").format(name=name[:8]))

        self.access.run(work, done, _("Opening the run…"))

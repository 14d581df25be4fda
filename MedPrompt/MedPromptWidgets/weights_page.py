"""The page Weights: what is installed, as readable sheets; add, verify, remove."""

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from . import style
from .background import JobRunner
from .reporting import Reporter


class WeightsPage:
    """The installed weights.

    Args:
        logic: `MedPromptLogic`.

    Attributes:
        widget: the page.
        changed: called after weights were added or removed.
    """

    def __init__(self, logic: Any):
        self.logic = logic
        self.changed: Callable[[], None] = lambda: None
        self._runner = JobRunner()
        self._ids: list[str] = []
        self._build()

    def _build(self):
        self.widget = qt.QWidget()
        self.widget.name = "weightsPage"
        layout = qt.QVBoxLayout()
        self.widget.setLayout(layout)
        self.selector = qt.QComboBox()
        self.selector.name = "weightSelector"
        layout.addWidget(self.selector)
        self.view = qt.QTextBrowser()
        self.view.name = "cardView"
        self.view.setMinimumHeight(380)
        # Commands and names of data sets are longer than the panel is wide.
        self.view.setWordWrapMode(qt.QTextOption.WrapAtWordBoundaryOrAnywhere)
        self.view.setHorizontalScrollBarPolicy(qt.Qt.ScrollBarAlwaysOff)
        layout.addWidget(self.view)
        self.addButton = style.button(_("Add…"), "addWeightButton", _("A folder with card.json and its weight file."))
        self.verifyButton = style.button(_("Verify all"), "verifyWeightsButton", _("Compare every file with its card."))
        self.removeButton = style.button(_("Remove"), "removeWeightButton", _("Delete a weight that was added."))
        layout.addLayout(style.row(self.addButton, self.verifyButton, self.removeButton, None))
        self.usageLabel = style.label(name="usageLabel")
        layout.addWidget(self.usageLabel)
        self.statusLabel = style.label(name="weightsStatusLabel", selectable=True)
        self._reporter = Reporter(self.statusLabel, _("The weights could not be changed."))
        layout.addWidget(self.statusLabel)
        layout.addStretch(1)
        self.selector.connect("currentIndexChanged(int)", self._onSelected)
        self.addButton.connect("clicked(bool)", lambda checked=False: self.onAdd())
        self.verifyButton.connect("clicked(bool)", lambda checked=False: self.verify())
        self.removeButton.connect("clicked(bool)", lambda checked=False: self.remove())

    def close(self) -> None:
        """Before the panel is destroyed."""
        self._runner.abandon()

    def enter(self) -> None:
        """The page is shown."""
        if self.logic.packages.missing():
            self._reporter.say(_("Install the missing Python packages first; see the page Analyse."), isError=True)
            return
        self._show(self._ids[self.selector.currentIndex] if self._ids else "")

    def _show(self, selected=""):
        catalog = self.logic.catalog
        self._ids = sorted(card.id for card in catalog)
        self.selector.clear()
        for name in self._ids:
            self.selector.addItem(name)
        if selected in self._ids:
            self.selector.setCurrentIndex(self._ids.index(selected))
        size = sum(card.file.bytes for card in catalog) / 1e6
        lines = [_("{count} weights use {size:.1f} MB.").format(count=len(self._ids), size=size)]
        lines += [str(problem) for problem in catalog.problems]
        self.usageLabel.text = "\n".join(lines)
        self._onSelected(self.selector.currentIndex)

    def _onSelected(self, index):
        from MedPromptLib.user_folders import weights_folder
        from MedPromptLib.weight_sheet import html_sheet

        if not 0 <= index < len(self._ids):
            self.view.setHtml("")
            self.removeButton.enabled = False
            return
        name = self._ids[index]
        folder = self.logic.catalog.folder(name)
        place = f"<p><b>{_('Folder')}:</b> {html.escape(str(folder))}</p>"
        self.view.setHtml(html_sheet(self.logic.catalog.card(name)) + place)
        own = folder.parent.resolve() == weights_folder().resolve()
        self.removeButton.enabled = own
        self.removeButton.toolTip = (
            _("Delete this weight from your folder.") if own else _("It came with MedPrompt and is not removed here.")
        )

    def onAdd(self) -> None:
        """Ask for a weight folder."""
        folder = qt.QFileDialog.getExistingDirectory(self.widget, _("Folder with card.json and the weight file"))
        if folder:
            self.add(Path(str(folder)))

    def add(self, folder: Path) -> None:
        """Check a weight, try it and copy it, in the background."""
        from MedPromptLib.installing import add_weight

        catalog = self.logic.catalog

        def end(job):
            self._ready(True)
            card = self._reporter.attempt(job.result)
            if card is not None:
                self.changed()
                self._show(card.id)
                self._reporter.say(_("Added “{name}”.").format(name=card.title))

        self._start(lambda progress, cancelled: add_weight(folder, catalog), end, _("Checking and trying the weight…"))

    def verify(self) -> None:
        """Compare every file with its card, in the background."""
        from MedPromptLib.catalog import verify_file
        from MedPromptLib.errors import WeightCorrupt

        catalog = self.logic.catalog

        def work(progress, cancelled):
            problems = [str(problem) for problem in catalog.problems]
            for card in catalog:
                try:
                    verify_file(catalog.folder(card.id), card)
                except WeightCorrupt as error:
                    problems.append(str(error))
            return problems

        def end(job):
            self._ready(True)
            problems = self._reporter.attempt(job.result)
            if problems:
                self._reporter.say("\n".join(problems), isError=True)
            elif problems is not None:
                self._reporter.say(_("All {count} weights are whole.").format(count=len(catalog)))

        self._start(work, end, _("Comparing files with cards…"))

    def remove(self) -> None:
        """Delete the selected weight, after asking."""
        from MedPromptLib.installing import remove_weight

        name = self._ids[self.selector.currentIndex]
        question = _("Delete the weight “{name}” from your folder?").format(name=name)
        if not slicer.util.confirmOkCancelDisplay(question):
            return
        if self._reporter.attempt(lambda: remove_weight(name, self.logic.catalog)) is not None:
            self.changed()
            self._show()
            self._reporter.say(_("Removed “{name}”.").format(name=name))

    def _start(self, work, end, text):
        self._ready(False)
        self._reporter.say(text)
        self._runner.start(work, end)

    def _ready(self, enabled):
        self.addButton.enabled = self.verifyButton.enabled = enabled

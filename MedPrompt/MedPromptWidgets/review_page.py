"""The page Review: accept, edit or reject each result, case by case, with single keys."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from . import style
from .results_view import GLYPHS
from .review_exports import ReviewExports
from .review_form import ITEM, ReviewForm

KEYS = (
    ("A", "accept"),
    ("E", "edit"),
    ("D", "finishEdit"),
    ("R", "reject"),
    ("Down", "nextItem"),
    ("Up", "previousItem"),
    ("N", "nextCase"),
    ("P", "previousCase"),
    ("C", "startComment"),
    ("Escape", "leaveField"),
)


class ReviewPage(ReviewForm):
    """A table of results with their decisions, for the results in the scene or for a folder of cases.

    Args:
        logic: `MedPromptLogic`.

    Attributes:
        widget: the page.
        decided: called after each decision.
        opened: called with the `SceneReview` of a case that was opened.
        review: the `SceneReview` that is shown, or None.
        cases: the batch, empty for results of the scene.
    """

    def __init__(self, logic: Any):
        super().__init__()
        self.logic = logic
        self.decided: Callable[[], None] = lambda: None
        self.opened: Callable[[Any], None] = lambda review: None
        self.review: Any = None
        self.cases: tuple = ()
        self.place = 0
        self._editing: int | None = None
        self._filling = False
        self._loading = False
        self._shortcuts: list[Any] = []
        self._keys: list[str] = []
        self.exports = ReviewExports(self)
        self._connect()
        for keys, name in KEYS:
            self._addShortcut(keys, getattr(self, name))
        for number in range(1, 6):
            self._addShortcut(str(number), lambda number=number: self.rate(number))
        self._show()

    def _addShortcut(self, keys, slot):
        shortcut = qt.QShortcut(qt.QKeySequence(keys), self.widget)
        shortcut.setContext(qt.Qt.WidgetWithChildrenShortcut)
        shortcut.connect("activated()", slot)
        self._shortcuts.append(shortcut)
        self._keys.append(keys)

    def _connect(self):
        for button, slot in (
            (self.openButton, self.onOpen),
            (self.previousButton, self.previousCase),
            (self.nextButton, self.nextCase),
            (self.acceptButton, self.accept),
            (self.editButton, self.edit),
            (self.rejectButton, self.reject),
            (self.doneButton, self.finishEdit),
            (self.csvButton, self.exports.onExportCsv),
            (self.setButton, self.exports.onExportSet),
        ):
            button.connect("clicked(bool)", lambda checked=False, slot=slot: slot())
        self.qualitySelector.connect("activated(int)", lambda index: self.rate(index) if index else None)
        self.classSelector.connect("activated(int)", self._onClass)
        self.commentEdit.connect("returnPressed()", self.keepComment)
        self.reviewerEdit.connect("editingFinished()", lambda: style.keepSetting("reviewer", self.reviewerEdit.text))

    def close(self) -> None:
        """Before the panel is destroyed."""
        self.exports.abandon()

    # What is shown

    def showRun(self, review: Any) -> None:
        """Show another run of the scene, or none."""
        if review is None or self.review is None or review.table is not self.review.table:
            self._editing = None
        if review is None and not self._loading:
            self.cases = ()
        self.review = review
        if review is not None and self.cases:
            review.case = self.cases[self.place].name
        self._show()

    def enter(self) -> None:
        """The page or the module is shown again; an edit that was begun is finished."""
        if self.review is not None and not slicer.mrmlScene.IsNodePresent(self.review.table):
            self.showRun(None)
        if self._editing is not None:
            self.finishEdit()
        self._show()
        self.widget.setFocus()

    @property
    def row(self) -> int:
        """The selected result."""
        return self.table.currentRow()

    def _show(self, row=None):
        items = self.review.items if self.review is not None else ()
        row = self.row if row is None else row
        self._filling = True
        self.table.setRowCount(0)
        self.table.setRowCount(len(items))
        for number, item in enumerate(items):
            review = item.review
            shown = review.corrected or review.result
            texts = (
                review.item,
                shown.replace("_", " ") if review.kind == "classification" else review.result,
                f"{GLYPHS[review.decision.value]} {review.decision.value}",
                "" if review.quality is None else f"{review.quality} / 5",
            )
            for column, text in enumerate(texts):
                self.table.setItem(number, column, qt.QTableWidgetItem(text))
        self._filling = False
        if items:
            self.table.setCurrentCell(min(max(row, 0), len(items) - 1), ITEM)
        style.fitRows(self.table)
        self._showSelected()

    def _showSelected(self):
        self._setKeys(True)
        item = self._item()
        has = item is not None
        isClass = has and item.review.kind == "classification"
        for button in (self.acceptButton, self.rejectButton, self.csvButton, self.setButton, self.qualitySelector):
            button.enabled = has
        self.commentEdit.enabled = has
        self.editButton.enabled = has and (isClass or bool(item.segment_id))
        self.doneButton.setVisible(self._editing is not None)
        self.classLabel.setVisible(isClass)
        self.classSelector.setVisible(isClass)
        if isClass:
            self.classSelector.clear()
            for name in item.classes:
                self.classSelector.addItem(name.replace("_", " "))
            chosen = item.review.corrected or item.review.result
            self.classSelector.setCurrentIndex(list(item.classes).index(chosen) if chosen in item.classes else -1)
        self.qualitySelector.setCurrentIndex((item.review.quality or 0) if has else 0)
        self.commentEdit.text = item.review.comment if has else ""
        self.agreementLabel.text = (self._agreement(item.review) or self._decidedBy(item)) if has else ""
        self.agreementLabel.setVisible(bool(self.agreementLabel.text))
        if self.cases:
            done = sum(case.is_reviewed for case in self.cases)
            self.caseLabel.text = _("Case {number} of {count}: {name} ({done} reviewed)").format(
                number=self.place + 1, count=len(self.cases), name=self.cases[self.place].name, done=done
            )
        elif has:
            self.caseLabel.text = _("Results of {name}").format(name=self.review.case)
        else:
            self.caseLabel.text = _("There are no results yet: run a prompt, or open a folder of results.")
        self.previousButton.enabled = bool(self.cases) and self.place > 0
        self.nextButton.enabled = bool(self.cases) and self.place + 1 < len(self.cases)

    @staticmethod
    def _agreement(review):
        if review.dice is None:
            return ""
        distance = "" if review.hd95 is None else f", HD95 {review.hd95:.1f} {review.hd95_unit}"
        if review.changed_ml is not None:
            changed = f"{review.changed_ml:.2f} ml"
        elif review.changed_mm2 is not None:
            changed = f"{review.changed_mm2 / 100:.2f} cm²"
        else:
            changed = _("{count} pixels").format(count=review.changed_pixels)
        return _("Edited against proposed: Dice {dice:.3f}{distance}, {changed} changed.").format(
            dice=review.dice, distance=distance, changed=changed
        )

    def _decidedBy(self, item):
        """Of a classification: from which probability on its card reports a finding."""
        from .results_view import decisionNote

        provenance = self.review.provenance if item.review.kind == "classification" else None
        findings = provenance.findings if provenance is not None else ()
        return decisionNote(findings[item.row]).removeprefix("↳ ") if item.row < len(findings) else ""

    def _item(self):
        items = self.review.items if self.review is not None else ()
        return items[self.row] if 0 <= self.row < len(items) else None

    def _onSelected(self):
        if not self._filling:
            self._showSelected()
            if (item := self._item()) is not None:
                self.logic.showInViews(item, self.review.volume)

    # Decisions

    def accept(self) -> None:
        """The result is right."""
        from MedPromptLib.review import Decision

        self._decide(Decision.ACCEPTED)

    def reject(self) -> None:
        """The result is wrong."""
        from MedPromptLib.review import Decision

        self._decide(Decision.REJECTED)

    def _decide(self, decision):
        row = self.row
        if self._item() is None:
            return
        if self._editing is not None:
            self.finishEdit()
        if self.reporter.attempt(lambda: self.review.decide(row, decision, self.reviewerEdit.text)) is not None:
            self._save(row)
            self._after(self._nextOpen(row))

    def _nextOpen(self, row):
        items = self.review.items
        order = [*range(row + 1, len(items)), *range(row)]
        return next((n for n in order if items[n].review.decision.value == "proposed"), row)

    def _after(self, row):
        open_ = sum(item.review.decision.value == "proposed" for item in self.review.items)
        self.reporter.say(
            _("{count} results wait for a decision.").format(count=open_) if open_ else _("Every result is decided.")
        )
        self._show(row)
        self.decided()

    def edit(self) -> None:
        """Open the Segment Editor on the segment; of a classification, choose the right class."""
        item, row = self._item(), self.row
        if item is None:
            return
        if item.review.kind == "classification":
            # Until a class is chosen, the keys belong to the list of classes.
            self._setKeys(False)
            self.classSelector.setFocus()
            self.classSelector.showPopup()
            return
        if self.reporter.attempt(lambda: self.review.begin_edit(row)) is None:
            return
        self._editing = row
        self.reporter.say(_("Editing “{name}”; come back here when it is right.").format(name=item.review.item))
        self._show(row)
        self.reporter.attempt(lambda: self.logic.openSegmentEditor(item, self.review.volume))

    def finishEdit(self) -> None:
        """Compare the edited segment with the proposal and note both."""
        row, self._editing = self._editing, None
        if row is None or self.review is None:
            return
        if self.reporter.attempt(lambda: self.review.finish_edit(row, self.reviewerEdit.text)) is not None:
            self._save(row)
            self._after(row)
        else:
            self._show(row)

    def _onClass(self, index):
        item, row = self._item(), self.row
        if item is None or not 0 <= index < len(item.classes):
            return
        from MedPromptLib.review import Decision

        name = list(item.classes)[index]
        reviewer = self.reviewerEdit.text
        if (
            self.reporter.attempt(lambda: self.review.decide(row, Decision.EDITED, reviewer, corrected=name))
            is not None
        ):
            self._save(row)
            self._after(row)
        self.widget.setFocus()

    def rate(self, quality: int) -> None:
        """Give the selected result a quality from 1 to 5."""
        row = self.row
        if (
            self._item() is not None
            and self.reporter.attempt(lambda: self.review.remark(row, quality=quality)) is not None
        ):
            self._save()
            self._show(row)

    def startComment(self) -> None:
        """Type a comment."""
        self.commentEdit.setFocus()
        self.commentEdit.selectAll()

    def keepComment(self) -> None:
        """Keep what was typed; the keys work again."""
        row, text = self.row, self.commentEdit.text
        if (
            self._item() is not None
            and self.reporter.attempt(lambda: self.review.remark(row, comment=text)) is not None
        ):
            self._save()
            self._show(row)
        self.widget.setFocus()

    def leaveField(self) -> None:
        """Leave a field without keeping what was typed."""
        self.classSelector.hidePopup()
        self._show()
        self.widget.setFocus()

    def _setKeys(self, enabled):
        for shortcut, key in zip(self._shortcuts, self._keys, strict=True):
            shortcut.enabled = enabled or key == "Escape"

    # Going on

    def nextItem(self) -> None:
        """Select the result below."""
        self._show(min(self.row + 1, self.table.rowCount - 1))

    def previousItem(self) -> None:
        """Select the result above."""
        self._show(max(self.row - 1, 0))

    def nextCase(self) -> None:
        """Open the next case of the batch."""
        self._go(self.place + 1)

    def previousCase(self) -> None:
        """Open the case before."""
        self._go(self.place - 1)

    def onOpen(self) -> None:
        """Ask for a batch folder."""
        folder = qt.QFileDialog.getExistingDirectory(self.widget, _("Folder of results"))
        question = _("Each case replaces the present scene; what is not saved is lost. Go on?")
        isEmpty = not slicer.util.getNodesByClass("vtkMRMLDisplayableNode")
        if folder and (isEmpty or slicer.util.confirmOkCancelDisplay(question)):
            self.openBatch(Path(str(folder)))

    def openBatch(self, folder: Path) -> None:
        """Review the cases of a folder, beginning with the first that is not decided. The scene is replaced."""
        from MedPromptLib.review import find_cases

        def find():
            cases = find_cases(folder)
            return cases, next((n for n, case in enumerate(cases) if not case.is_decided), 0)

        found = self.reporter.attempt(find)
        if found is not None:
            self.cases, first = found
            self._load(first)

    def _go(self, place):
        if self.cases and 0 <= place < len(self.cases):
            if self._editing is not None:
                self.finishEdit()
            self._load(place)

    def _load(self, place):
        case = self.cases[place]

        def load():
            from MedPromptLib.errors import InvalidInput
            from MedPromptLib.review.nodes import reviews_in_scene

            saved, maps = case.reviews(), {}
            for key in {(r.task_id, r.weight_id) for r in saved if r.kind == "segmentation"}:
                if (labels := case.label_map(*key)) is not None:
                    maps[key] = labels
            # A damaged bundle must not cost the present scene.
            if not zipfile.is_zipfile(case.scene):
                raise InvalidInput(f"{case.scene} is not a scene that can be opened; run the case again.")
            self._loading = True
            try:
                slicer.mrmlScene.Clear()
                slicer.util.loadScene(str(case.scene), {})
            except RuntimeError as error:
                raise InvalidInput(f"{case.scene} is not a scene that can be opened; run the case again.") from error
            finally:
                self._loading = False
            found = reviews_in_scene(slicer.mrmlScene, case.name)
            if not found:
                raise InvalidInput(f"The scene of '{case.name}' holds no results of MedPrompt; run the case again.")
            found[0].restore(saved, maps)
            return found[0]

        self.place = place
        review = self.reporter.attempt(load)
        self.review, self._editing = review, None
        if review is not None:
            slicer.util.setSliceViewerLayers(background=review.volume, fit=True)
            self.reporter.say("")
            self.opened(review)
        self._show(0)
        self.widget.setFocus()

    def _save(self, row=None):
        """Keep a batch case's decisions and, once a segmentation is decided as a whole or edited, its masks."""
        if not self.cases or self.review is None:
            return
        case, items = self.cases[self.place], self.review.items
        maps = {}
        if row is not None and items[row].review.kind == "segmentation":
            changed = items[row].review
            key = (changed.task_id, changed.weight_id)
            group = [
                item.review.decision.value for item in items if (item.review.task_id, item.review.weight_id) == key
            ]
            if "proposed" not in group or "edited" in group:
                maps = {key: self.review.label_maps()[key]}
        self.reporter.attempt(lambda: case.save([item.review for item in items], maps))

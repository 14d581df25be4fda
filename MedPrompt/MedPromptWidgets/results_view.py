"""The results of one run as its nodes hold them: findings with probability bars, display in the slice views, maps."""

from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from . import style

GLYPHS = {"proposed": "○", "accepted": "✓", "edited": "✎", "rejected": "✗"}
FINDING, PROBABILITY, SIZE, DECISION = range(4)


def findingTexts(finding: Any) -> tuple[str, str, str]:
    """Finding, probability and size of a `results.Finding`, as the panel shows them."""
    from MedPromptLib.results import percent

    name = finding.structure or finding.target
    # Of a structure that was outlined, its size says so.
    if finding.result and not finding.pixels:
        name = f"{name}: {finding.result.replace('_', ' ')}"
    if finding.volume_ml is not None:
        size = f"{finding.volume_ml:.1f} ml"
    elif finding.area_mm2 is not None:
        size = f"{finding.area_mm2 / 100:.1f} cm²"
    elif finding.pixels is not None:
        size = _("{count} px").format(count=finding.pixels)
    else:
        size = ""
    return name, percent(finding.probability), size


def decisionNote(finding: Any) -> str:
    """What decided a classification, for the line below it; empty if nothing but the most probable class did."""
    from MedPromptLib.results import decision_note

    note = decision_note(finding) if finding is not None else ""
    return f"↳ {note}" if note else ""


class ResultsView:
    """Shows a run's nodes.

    Args:
        ui: the panel's widgets of the section Results.

    Attributes:
        review: `MedPromptLib.review.nodes.SceneReview`, or None.
    """

    def __init__(self, ui: Any):
        self.ui = ui
        self.review: Any = None
        self._explained: list[tuple[Any, str]] = []
        header = ui.findingsTable.horizontalHeader()
        header.setSectionResizeMode(FINDING, qt.QHeaderView.Stretch)
        for column, width in ((PROBABILITY, 90), (SIZE, 92), (DECISION, 28)):
            header.setSectionResizeMode(column, qt.QHeaderView.Fixed)
            ui.findingsTable.setColumnWidth(column, width)
        ui.findingsTable.verticalHeader().setVisible(False)
        header.connect("sectionResized(int,int,int)", self._onResized)
        self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self.review = None
        self.ui.findingsTable.setRowCount(0)
        self.ui.nodesLabel.text = ""
        self.ui.resultsSection.setVisible(False)

    def show(self, review: Any) -> None:
        """Show a run of the scene."""
        self.review = review
        provenance = review.provenance
        findings = provenance.findings if provenance is not None else ()
        rows: list[tuple[str, str, float | None, str, str]] = []
        notes: list[int] = []  # rows that hold nothing but how the row above was decided
        for item in review.items:
            finding = findings[item.row] if item.row < len(findings) else None
            name, percent, size = findingTexts(finding) if finding is not None else (item.review.item, "", "")
            glyph = GLYPHS[item.review.decision.value]
            rows.append((name, percent, item.review.probability, size, glyph))
            if note := decisionNote(finding):
                notes.append(len(rows))
                rows.append((note, "", None, "", ""))
            rows += self._otherClasses(item)
        table = self.ui.findingsTable
        table.clearSpans()
        table.setRowCount(0)
        table.setRowCount(len(rows))
        for row in notes:
            table.setSpan(row, FINDING, 1, table.columnCount)
        for row, (name, percent, probability, size, glyph) in enumerate(rows):
            for column, text in ((FINDING, name), (SIZE, size), (DECISION, glyph)):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(text)
                table.setItem(row, column, item)
            table.setItem(row, PROBABILITY, qt.QTableWidgetItem(percent))
            if probability is not None:
                table.setCellWidget(row, PROBABILITY, self._bar(probability, percent))
        style.fitRows(table)
        self._showNotes(provenance)
        nodes = [*review.segmentations, review.table]
        self.ui.nodesLabel.text = "\n".join([_("In the scene:")] + [f"•  {node.GetName()}" for node in nodes])
        self._explained = list(self._explainable(review.items))
        self.ui.explainSelector.clear()
        for item, name in self._explained:
            title = f"{item.review.item}: {name.replace('_', ' ')}" if item.classes else name
            self.ui.explainSelector.addItem(title)
        self.ui.explainFrame.setVisible(bool(self._explained))
        self.ui.resultsSection.setVisible(True)

    def explained(self) -> tuple[Any, str]:
        """The result and its class or structure whose saliency is asked for."""
        return self._explained[self.ui.explainSelector.currentIndex]

    @staticmethod
    def _explainable(items):
        """Classes first, then the structures that were outlined."""
        yield from ((item, name) for item in items for name in item.classes)
        yield from ((item, item.review.item) for item in items if item.segment_id and item.review.result == "outlined")

    @staticmethod
    def _otherClasses(item):
        from MedPromptLib.results import percent

        others = sorted(item.classes.items(), key=lambda pair: -pair[1])
        return [
            (f"·  {name.replace('_', ' ')}", percent(probability), probability, "", "")
            for name, probability in others
            if name != item.review.result
        ]

    @staticmethod
    def _bar(probability, percent):
        bar = qt.QProgressBar()
        bar.setMaximum(1000)
        bar.setValue(round(1000 * probability))
        bar.setFormat(percent)
        bar.setMaximumHeight(18)
        return bar

    def _showNotes(self, provenance):
        notes = []
        if provenance is not None:
            notes = [record.reason for record in provenance.tasks if record.reason]
            notes += [f"“{omission.text}”: {omission.reason}" for omission in provenance.plan.omissions]
        self.ui.notesLabel.text = "\n".join([_("Not done:")] + [f"•  {note}" for note in notes])
        self.ui.notesLabel.setVisible(bool(notes))

    def _onResized(self, section, oldSize, newSize):
        if section == FINDING and self.ui.findingsTable.rowCount:
            # Not before the table has its new width itself.
            qt.QTimer.singleShot(0, lambda: style.fitRows(self.ui.findingsTable))

    # Slice views

    def applyDisplay(self, opacity: int, outlineOnly: bool) -> None:
        """Show the segments with an opacity in percent, filled or as outlines."""
        for node in self.review.segmentations if self.review else ():
            display = node.GetDisplayNode()
            if display is not None:
                display.SetOpacity2DFill(opacity / 100)
                display.SetVisibility2DFill(not outlineOnly)
                display.SetVisibility2DOutline(True)

    def showTable(self) -> None:
        """Put the results table into the table view of the layout."""
        logic = slicer.app.applicationLogic()
        logic.GetSelectionNode().SetActiveTableID(self.review.table.GetID())
        manager = slicer.app.layoutManager()
        if manager is not None:
            manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpTableView)
        logic.PropagateTableSelection()

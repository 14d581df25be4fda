"""The plan on screen: two table rows per step, which can be unticked or given another weight."""

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from . import style

TICK, STEP, ON, WHEN, TIME = range(5)


class PlanView:
    """Shows a plan and keeps what a person changed in it.

    Args:
        ui: the panel's widgets `planTable`, `verdictLabel` and `omissionsLabel`.
        logic: `MedPromptLogic`.
        edited: called when a person changed something.

    Attributes:
        plan: the whole plan as shown, with the chosen weights, unticked steps included; None if there is none.
        leftOut: ids of the unticked tasks.
        isEdited: whether a person changed anything.
        shown: called whenever another plan, or none, is shown.
        isStale: whether the prompt has changed since; such a plan is shown in grey and does not run.
    """

    def __init__(self, ui: Any, logic: Any, edited: Callable[[], None]):
        self.ui, self.logic = ui, logic
        self.plan: Any = None
        self.leftOut: set[int] = set()
        self.isEdited = self.isStale = False
        self.steps: tuple = ()
        self._edited = edited
        self.shown: Callable[[], None] = lambda: None
        self._showing = False
        self._combos: list[tuple[int, Any]] = []
        table = ui.planTable
        header = table.horizontalHeader()
        header.setSectionResizeMode(STEP, qt.QHeaderView.Stretch)
        for column, width in ((TICK, 24), (ON, 84), (WHEN, 84), (TIME, 52)):
            header.setSectionResizeMode(column, qt.QHeaderView.Fixed)
            table.setColumnWidth(column, width)
        table.verticalHeader().setVisible(False)
        table.connect("itemChanged(QTableWidgetItem*)", self._onItemChanged)
        header.connect("sectionResized(int,int,int)", self._onResized)
        self.clear()

    def clear(self, message: str = "") -> None:
        """Show no plan, and perhaps why."""
        self.plan, self.leftOut, self.isEdited, self.isStale, self.steps = None, set(), False, False, ()
        self._combos = []
        self.ui.planTable.setRowCount(0)
        self.ui.planTable.setVisible(False)
        self.ui.omissionsLabel.setVisible(False)
        self.shown()
        self.say(message or _("Type what to outline or to look for; the plan appears here as you type."))

    def markStale(self) -> None:
        """Show the plan in grey until there is another one, so that the panel does not jump at each key stroke."""
        self.isStale, self.isEdited = True, False
        self.ui.planTable.enabled = False
        self.ui.omissionsLabel.setVisible(False)

    def say(self, text: str, kind: str = "") -> None:
        """Write the line under the plan; `kind` is empty, good, warning or error."""
        self.ui.verdictLabel.text = text
        styles = {"good": style.goodStyle, "warning": style.warningStyle, "error": style.errorStyle}
        self.ui.verdictLabel.setStyleSheet(styles[kind](self.ui.verdictLabel) if kind else "")

    def show(
        self, plan: Any, volume: Any = None, device: str = "auto", sliceOnly: bool = False, leftOut: Any = ()
    ) -> None:
        """Show a plan as it was made, or as it was kept with some steps left out."""
        self.plan, self.leftOut, self.isEdited, self.isStale = plan, set(leftOut), bool(leftOut), False
        self.ui.planTable.enabled = True
        self.refresh(volume, device, sliceOnly)

    def refresh(self, volume: Any = None, device: str = "auto", sliceOnly: bool = False) -> None:
        """Show the same plan with the consequences of an image, a device, and whether all of it is analysed."""
        if self.plan is None:
            return
        self.steps = self.logic.steps(self.plan, volume, device, sliceOnly)
        self._fill()

    def shownPlan(self) -> Any:
        """The plan as it would run: ticked steps only, each with its weight; None if there is nothing to run (yet)."""
        from MedPromptLib.preview import without

        if self.plan is None or self.isStale or not self.plan.pipeline:
            return None
        ticked = without(self.plan, self.leftOut)
        return ticked if ticked.pipeline else None

    def problem(self) -> str:
        """Why the ticked steps cannot run; empty if they can."""
        found = [step.problem for step in self.steps if step.problem and step.task.id not in self._gone()]
        return found[0] if found else ""

    def _gone(self) -> set[int]:
        from MedPromptLib.preview import dependents

        gone = set(self.leftOut)
        for number in self.leftOut:
            gone |= dependents(self.plan, number)
        return gone

    def _fill(self):
        from MedPromptLib.planner.batch import filter_words

        table = self.ui.planTable
        gone = self._gone()
        self._showing = True
        try:
            table.clearSpans()
            table.setRowCount(0)
            table.setRowCount(2 * len(self.steps))
            self._combos = []
            for number, step in enumerate(self.steps):
                self._fillStep(2 * number, step, step.task.id in gone)
        finally:
            self._showing = False
        table.setVisible(bool(self.steps))
        style.fitRows(table)
        self.shown()
        lines = [f"“{o.text}”: {o.reason}" for o in self.plan.omissions]
        left = [_("Not planned:"), *(f"•  {line}" for line in lines)] if lines else []
        first = [_("First: {filter}.").format(filter=filter_words(step.filter)) for step in self.plan.preprocessing]
        self.ui.omissionsLabel.text = "\n".join([*first, *left])
        self.ui.omissionsLabel.setVisible(bool(first or left))

    def _fillStep(self, row, step, isGone):
        table = self.ui.planTable
        seconds = _("not known yet") if step.seconds is None else f"≈ {step.seconds:.1f} s"
        texts = (f"{step.task.id}. {step.what}", step.on, step.when, seconds if step.seconds is not None else "?")
        tick = qt.QTableWidgetItem()
        # What waits for an unticked step cannot be ticked by itself.
        waits = isGone and step.task.id not in self.leftOut
        tick.setFlags(qt.Qt.NoItemFlags if waits else qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable)
        tick.setCheckState(qt.Qt.Unchecked if isGone else qt.Qt.Checked)
        tick.setToolTip(_("Untick to leave this step out, and those that wait for it."))
        table.setItem(row, TICK, tick)
        for column, text in zip((STEP, ON, WHEN, TIME), texts, strict=True):
            item = qt.QTableWidgetItem(text)
            item.setFlags(qt.Qt.NoItemFlags if isGone else qt.Qt.ItemIsEnabled)
            item.setToolTip(_("Expected time: {seconds}.").format(seconds=seconds) if column == TIME else text)
            table.setItem(row, column, item)
        table.setSpan(row + 1, 0, 1, 5)
        if step.problem and not step.weights:
            item = qt.QTableWidgetItem(step.problem)
            item.setFlags(qt.Qt.ItemIsEnabled)
            table.setItem(row + 1, 0, item)
            return
        combo = qt.QComboBox()
        combo.name = f"weightSelector{step.task.id}"
        score = "" if step.score is None else _(", match {score:.2f}").format(score=step.score)
        for index, weight in enumerate(step.weights):
            combo.addItem(_("with {weight}{score}").format(weight=weight, score=score if index == 0 else ""))
        combo.enabled = not isGone
        combo.toolTip = step.problem or _(
            "The weight that runs this step. The match is the router's score, at most 3.5."
        )
        combo.connect("currentIndexChanged(int)", lambda index, step=step: self._onWeight(step, index))
        table.setCellWidget(row + 1, 0, combo)
        self._combos.append((step.task.id, combo))

    def weightSelector(self, taskId: int) -> Any:
        """The combo box with a step's weights."""
        return next(combo for number, combo in self._combos if number == taskId)

    def _onItemChanged(self, item):
        if self._showing or item.column() != TICK or item.row() % 2:
            return
        number = self.steps[item.row() // 2].task.id
        if item.checkState() == qt.Qt.Checked:
            self.leftOut.discard(number)
        else:
            self.leftOut.add(number)
        self._changedByHand()

    def _onWeight(self, step, index):
        from MedPromptLib.preview import with_weight

        if self._showing or not 0 <= index < len(step.weights):
            return
        self.plan = with_weight(self.plan, step.task.id, step.weights[index], self.logic.catalog)
        self._changedByHand()

    def _changedByHand(self):
        self.isEdited = True
        # The widget whose signal this is must not be replaced while it emits.
        qt.QTimer.singleShot(0, self._edited)

    def _onResized(self, section, oldSize, newSize):
        if section == STEP and self.steps:
            # Not before the table has its new width itself.
            qt.QTimer.singleShot(0, lambda: style.fitRows(self.ui.planTable))

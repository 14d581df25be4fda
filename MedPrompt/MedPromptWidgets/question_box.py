"""What the panel asks before something runs, above the button that runs it."""

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _


class QuestionBox:
    """The frame with a question.

    Args:
        ui: the panel's widgets `confirmFrame`, `confirmLabel` and `otherReadingButton`.
        reporter: where it is told that nothing has run yet.

    Attributes:
        answer: what happens if the user agrees; None while nothing is asked.
    """

    def __init__(self, ui: Any, reporter: Any):
        self.ui, self._reporter = ui, reporter
        self.answer: Callable[[], None] | None = None
        self.drop()

    def askAboutPlan(self, verdict: Any, run: Callable[[], None]) -> None:
        """Say why the plan on screen has to be confirmed, and how the other planner read the request."""
        lines = [verdict.reason or _("The planners have changed the plan since you pressed Apply.")]
        if verdict.difference:
            other = [line[2:] for line in verdict.difference if line.startswith("+ ")]
            dropped = [line[2:] for line in verdict.difference if line.startswith("- ")]
            otherwise = [*other, *(_("without “{line}”").format(line=line) for line in dropped)]
            lines.append(_("Read otherwise: {otherwise}.").format(otherwise="; ".join(otherwise)))
        else:
            lines += [_("Not sure: {doubt}.").format(doubt=doubt) for doubt in verdict.doubts[:2]]
        lines.append(_("Look at the steps above; change them or say the request in other words if they are not meant."))
        self.ui.otherReadingButton.setVisible(len(verdict.readings) > 1 and bool(verdict.readings[1].pipeline))
        self._ask("\n".join(lines), run)
        self._reporter.say(_("Nothing has run yet; look at the plan above."))

    def askAboutImage(self, misfits: tuple, runAnyway: Callable[[], None]) -> None:
        """Say why the image does not fit the weights."""
        lines = [f"{misfit}." for misfit in misfits]
        self.ui.otherReadingButton.setVisible(False)
        self._ask("\n".join([*lines, _("Model output on it would have no known meaning.")]), runAnyway)
        self._reporter.say(_("Nothing has run yet: the image looks unusual."))

    def _ask(self, text, answer):
        self.answer = answer
        self.ui.confirmLabel.text = text
        self.ui.confirmFrame.setVisible(True)

    def drop(self) -> None:
        """Ask nothing."""
        self.answer = None
        self.ui.confirmFrame.setVisible(False)

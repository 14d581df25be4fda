"""From what is being typed to a verdict: the rules at once, the language model in the background."""

from collections.abc import Callable
from typing import Any

import qt

from .background import JobRunner

PREVIEW_MS = 150
"""Pause in typing after which the rules plan."""

ASK_MS = 700
"""Pause after which the language model reads the prompt, too; it is much slower."""


class Planning:
    """The verdict on the present prompt, kept up to date.

    Args:
        logic: `MedPromptLogic`.
        changed: called whenever an attribute has changed.

    Attributes:
        prompt: what was typed.
        verdict: `MedPromptLib.planner.Verdict` or None; of the rules alone until `isFinal`.
        isFinal: whether every planner has been heard.
        error: why there is no verdict, as an exception.
    """

    def __init__(self, logic: Any, changed: Callable[[], None]):
        self.logic = logic
        self.prompt = ""
        self.verdict: Any = None
        self.isFinal = False
        self.error: Exception | None = None
        self._changed = changed
        self._runner = JobRunner()
        self._previewTimer = self._timer(PREVIEW_MS, self._preview)
        self._askTimer = self._timer(ASK_MS, self._ask)

    @staticmethod
    def _timer(milliseconds, slot):
        timer = qt.QTimer()
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.connect("timeout()", slot)
        return timer

    @property
    def isBusy(self) -> bool:
        """Whether a planner is reading."""
        return self._runner.isRunning

    def setPrompt(self, prompt: str) -> None:
        """Forget the verdict and plan anew after a pause."""
        if prompt == self.prompt:
            return
        self.prompt = prompt
        self.reset()
        if prompt.strip():
            self._previewTimer.start()

    def reset(self) -> None:
        """Forget the verdict, and stop reading."""
        self._previewTimer.stop()
        self._askTimer.stop()
        self._runner.abandon()
        self.verdict, self.isFinal, self.error = None, False, None
        self._changed()

    def replan(self) -> None:
        """Plan the same prompt again, because cards or planners have changed."""
        self.reset()
        if self.prompt.strip():
            self._previewTimer.start()

    def decideNow(self) -> None:
        """Do not wait for pauses any more."""
        if self.verdict is None:
            self._previewTimer.stop()
            self._preview()
        if not self.isFinal and not self.isBusy and self.error is None:
            self._askTimer.stop()
            self._ask()

    def _preview(self):
        from MedPromptLib.errors import MedPromptError

        if not self.logic.isPrepared:
            # Reading the cards and the vocabulary takes longer than a key stroke may, once.
            self._runner.start(lambda progress, cancelled: self.logic.prepare(), self._prepared)
            self._changed()
            return
        try:
            self.verdict = self.logic.preview(self.prompt)
        except MedPromptError as error:
            self.error = error
        else:
            self.isFinal = not self.logic.asksInBackground and self.logic.planner == "rules"
            if self.logic.asksInBackground:
                self._askTimer.start()
        self._changed()

    def _prepared(self, job):
        job.result()
        if self.prompt.strip() and self.verdict is None:
            self._preview()
        else:
            self._changed()

    def _ask(self):
        if not self.logic.isPrepared or self.isFinal:
            return
        prompt = self.prompt
        self._runner.start(lambda progress, cancelled: self.logic.decide(prompt, cancelled), self._asked)
        self._changed()

    def _asked(self, job):
        try:
            self.verdict, self.isFinal = job.result(), True
        except Exception as error:
            self.error = error
        self._changed()

    def stop(self) -> None:
        """Before the panel is destroyed."""
        self._previewTimer.stop()
        self._askTimer.stop()
        self._runner.abandon()

"""What the user is told: a line on the page, a line in the log, and one sentence for each error."""

import time
from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _

from . import style


class Reporter:
    """Writes to a page's status line.

    Args:
        label: the line.
        failure: what failed, for Slicer's dialog about a defect.
        log: a QPlainTextEdit that keeps all lines, or None.
    """

    def __init__(self, label: Any, failure: str, log: Any = None):
        self._label, self._failure, self._log = label, failure, log
        self.started: float | None = None  # of the run whose time the log's lines tell

    def say(self, text: str, isError: bool = False, styled: Callable[[Any], str] | None = None) -> None:
        """Write the line; `styled` is a function of `style`."""
        styled = style.errorStyle if isError else styled
        self._label.setStyleSheet(styled(self._label) if styled else "")
        self._label.text = text
        self._label.setVisible(bool(text))
        if text:
            self.log(" ".join(text.split()))

    def log(self, text: str) -> None:
        """Write a line to the log alone."""
        if self._log is not None:
            elapsed = "" if self.started is None else f"  {time.monotonic() - self.started:6.1f} s"
            self._log.appendPlainText(f"{time.strftime('%H:%M:%S')}{elapsed}  {text}")

    def attempt(self, action: Callable[[], Any], onUnusual: Callable[[tuple], None] | None = None) -> Any:
        """The action's result, or None after an error meant for the user, which becomes a sentence on the page.

        Any other error is a defect and becomes Slicer's error dialog with the traceback.

        :param onUnusual: called with the misfits of an image that does not look like those a weight was made for.
        """
        from MedPromptLib.errors import Cancelled, MedPromptError, UnusualInput, ran_out_of_memory

        with slicer.util.tryWithErrorDisplay(self._failure, waitCursor=True):
            try:
                return action()
            except Cancelled:
                self.say(_("Cancelled; the scene is unchanged."))
            except UnusualInput as error:
                if onUnusual is not None and error.misfits:
                    onUnusual(error.misfits)
                else:
                    self.say(str(error), isError=True)
            except MedPromptError as error:
                self.say(" ".join(str(error).split()), isError=True)
            except Exception as error:
                if ran_out_of_memory(error):
                    self.say(
                        _("The device has too little memory, even for one image; choose another or a smaller image."),
                        isError=True,
                    )
                    return None
                self.say(_("{failure} The Python console says more.").format(failure=self._failure), isError=True)
                raise
        return None

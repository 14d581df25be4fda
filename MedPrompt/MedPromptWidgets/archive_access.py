"""The archive that the user chose: opened for one piece of work at a time, on a thread, with its secret asked once."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from . import style
from .background import JobRunner


class SecretNeeded(Exception):
    """The archive's secret is neither in the environment nor in the keyring; its text is the question."""


class ArchiveAccess:
    """Runs work on the archive.

    Args:
        reporter: where errors are told.
        busy: called with whether something runs.

    Attributes:
        path: of the archive's file, or None; remembered among the user's settings, the secret is not.
    """

    def __init__(self, reporter: Any, busy: Callable[[bool], None]):
        self._reporter, self._busy = reporter, busy
        self._runner = JobRunner()
        self._secrets: dict[Path, str] = {}

    @property
    def path(self) -> Path | None:
        """The chosen file."""
        kept = style.setting("archive") or os.environ.get("MEDPROMPT_ARCHIVE", "")
        return Path(kept) if kept else None

    def use(self, path: Path) -> None:
        """Choose another file."""
        style.keepSetting("archive", str(path))

    def close(self) -> None:
        """Before the panel is destroyed."""
        self._runner.abandon()

    def run(self, work: Callable[[Any], Any], done: Callable[[Any], None], text: str) -> None:
        """Do `work(archive)` in the background, then `done(result)`.

        :param text: what the status line says meanwhile.
        """
        from MedPromptLib.archive import Archive

        self._start(Archive.open, work, done, text)

    def create(self, path: Path, encrypted: bool, done: Callable[[Any], None]) -> None:
        """Make a new archive and use it from now on."""
        from MedPromptLib.archive import Archive

        def make(path, **secret):
            return Archive.create(path, encrypted=encrypted, **secret)

        self.use(path)
        self._start(make, lambda archive: True, done, _("Making the archive…"))

    def _start(self, way, work, done, text):
        path = self.path
        if path is None:
            self._reporter.say(_("Choose an archive, or make a new one."), isError=True)
            return
        secret, opened = self._secrets.get(path), []

        def ask(question):
            raise SecretNeeded(question)

        def job(progress, cancelled):
            with way(path, secret=secret, ask=ask) as archive:
                opened.append(True)
                return work(archive), archive.notes

        def end(job):
            self._busy(False)
            try:
                found, notes = job.result()
            except SecretNeeded as needed:
                self._askAndGoOn(str(needed), path, lambda: self._start(way, work, done, text))
            except Exception:
                if not opened:
                    self._secrets.pop(path, None)  # it may be the wrong one
                self._reporter.attempt(job.result)
            else:
                self._reporter.say("\n".join(notes))
                done(found)

        self._busy(True)
        self._reporter.say(text)
        self._runner.start(job, end)

    def _askAndGoOn(self, question, path, goOn):
        typed = qt.QInputDialog.getText(None, _("Archive"), question, qt.QLineEdit.Password)
        # PythonQt gives the text alone.
        typed = typed[0] if isinstance(typed, list | tuple) else typed
        if typed:
            self._secrets[path] = str(typed)
            goOn()
        else:
            self._reporter.say(_("Without its secret the archive was not opened."), isError=True)

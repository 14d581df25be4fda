"""The MedPrompt module of 3D Slicer: type a request, look at its plan, press Apply, review what comes out.

Everything that decides or computes is in MedPromptLib, the panel's parts are in MedPromptWidgets; this file connects
them to the application. Slicer puts only this file's folder on Python's path, so nothing heavy and nothing that may be
missing is imported while it is discovered.
"""

import importlib.util
import logging
import os
import sys
import threading
from typing import Annotated, Any

import qt
import slicer
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLTableNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper
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

SAMPLE_COMMIT = "39a2eb31815eec435dc26c322c27aec5cfcbddb6"
SAMPLE_SHA256 = "946f28f48b9fbf360196a9b835c8fce83b0c654bf85a5107663c8a61df02e498"

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
            "Describe in plain words what to outline or to look for in an image. The request becomes a plan that you "
            "see and can change, the plan runs on models on this computer, and the results become segmentation and "
            "table nodes that you accept, edit or reject. Nothing leaves the computer unless you set up an endpoint "
            "for planning and agree to it. Research use only; not for diagnosis. "
            'See the <a href="https://github.com/MedPrompt/SlicerMedPrompt/blob/main/Resources/Docs/Tutorial.md">'
            "tutorial</a>; sample images are in the module Sample Data under MedPrompt."
        )
        self.parent.acknowledgementText = _(
            "The planner's format and the networks' design follow the MedPrompt paper (arXiv 2506.21199). The sample "
            "radiograph comes from pydicom-data. The weights' cards name the data sets they were trained on."
        )
        # Slicer looks for the icon beside this file only, where it is not in the source tree.
        self.parent.icon = qt.QIcon(findResource("Icons/MedPrompt.png"))
        slicer.app.connect("startupCompleted()", registerSampleData)

    def resourcePath(self, filename):
        """Overridden: the application looks beside this file only."""
        return findResource(filename)


def registerSampleData():
    """Offer an image that the weights are for in the module Sample Data."""
    import SampleData

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="MedPrompt",
        sampleName="MedPromptChestRadiograph",
        thumbnailFileName=findResource("Icons/MedPromptChestRadiograph.png"),
        uris=f"https://github.com/pydicom/pydicom-data/raw/{SAMPLE_COMMIT}/data/RG1_UNCR.dcm",
        fileNames="RG1_UNCR.dcm",
        checksums=f"SHA256:{SAMPLE_SHA256}",
        nodeNames="MedPromptChestRadiograph",
        loadFileType="VolumeFile",
    )


#
# MedPromptParameterNode
#


@parameterNodeWrapper
class MedPromptParameterNode:
    """What the panel remembers in the scene.

    inputVolume - The image the request is about.
    sliceOnly - Only the slice that the red view shows.
    prompt - The request as typed.
    device - Where the networks run.
    plan - The plan on screen as JSON, if a person changed it; empty otherwise.
    leftOut - Ids of its unticked steps, separated by commas.
    resultTable - The results that are shown.
    opacity - Of the segments in the slice views, in percent.
    outlineOnly - Segments are not filled.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    sliceOnly: bool = False
    prompt: str
    device: Annotated[str, Choice(DEVICES)] = "auto"
    plan: str
    leftOut: str
    resultTable: vtkMRMLTableNode
    opacity: Annotated[int, WithinRange(0, 100)] = 50
    outlineOnly: bool = False


#
# MedPromptWidget
#


class MedPromptWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: makes its parts, and tells them when they are shown and when the scene changes."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.analysis = None

    def resourcePath(self, filename):
        """Overridden: the application looks beside this file only."""
        return findResource(filename)

    def setup(self):
        """Called when the user opens the module the first time."""
        from MedPromptWidgets.analysis_page import AnalysisPage
        from MedPromptWidgets.review_page import ReviewPage
        from MedPromptWidgets.settings_page import SettingsPage
        from MedPromptWidgets.weights_page import WeightsPage

        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/MedPrompt.ui"))
        self.layout.addWidget(uiWidget)
        self.logic = MedPromptLogic()
        ui = slicer.util.childWidgetVariables(uiWidget)
        self.review = ReviewPage(self.logic)
        self.weights = WeightsPage(self.logic)
        self.settings = SettingsPage(self.logic)
        for page, title in ((self.review, _("Review")), (self.weights, _("Weights")), (self.settings, _("Settings"))):
            ui.pages.addTab(page.widget, title)
        # Once more, now that the other pages' widgets are among the children.
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.analysis = AnalysisPage(self.ui, self.logic)

        self.analysis.resultsChanged = self.review.showRun
        self.review.decided = self.analysis.refreshResults
        self.weights.changed = self.analysis.cardsChanged
        self.settings.changed = self.analysis.plannerChanged
        self.settings.history = self.analysis.prompt
        self.ui.pages.connect("currentChanged(int)", self._onPage)

        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.NodeRemovedEvent, self.onNodeRemoved)
        self.initializeParameterNode()

    def cleanup(self):
        """Called when the application closes and the module widget is destroyed."""
        if self.analysis:
            self.analysis.close()
            self.weights.close()
            self.review.close()
        self.removeObservers()

    def enter(self):
        """Called each time the user opens this module."""
        self.initializeParameterNode()
        self.analysis.enter()
        self.review.enter()

    def exit(self):
        """Called each time the user opens a different module; a running analysis goes on."""
        self.analysis.setParameterNode(None)

    def onReload(self):
        """Forget the library as well, so that a developer's changes in it are seen."""
        for name in [name for name in sys.modules if name.partition(".")[0] in ("MedPromptLib", "MedPromptWidgets")]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)

    def onSceneStartClose(self, caller, event):
        """Let go of everything in the scene."""
        self.analysis.onSceneStartClose()
        self.review.showRun(None)

    def onSceneEndClose(self, caller, event):
        """Start again in the emptied or loaded scene, if the panel is shown."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onNodeRemoved(self, caller, event):
        """Results that are taken out of the scene are not shown any more."""
        self.analysis.onNodeRemoved()

    def initializeParameterNode(self):
        """Take the scene's parameter node and, if it names no image yet, propose the first one."""
        parameters = self.logic.getParameterNode()
        if not parameters.inputVolume:
            # Label maps are scalar volumes, too, and no images.
            volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
            images = [volume for volume in volumes if not volume.IsA("vtkMRMLLabelMapVolumeNode")]
            if images:
                parameters.inputVolume = images[0]
        if not parameters.prompt and parameters.device == "auto":
            parameters.device = self.settings.defaultDevice
        self.analysis.setParameterNode(parameters)

    def _onPage(self, index):
        for page in (self.review, self.weights, self.settings):
            if self.ui.pages.widget(index) == page.widget:
                page.enter()


#
# MedPromptLogic
#


class MedPromptLogic(ScriptedLoadableModuleLogic):
    """What the module does, without its panel; for scripts:

    nodes = MedPromptLogic().run(slicer.util.getNode("chest"), "segment the lungs")
    nodes.segmentations, nodes.table, nodes.provenance
    """

    def __init__(self, session: Any = None):
        """`session` is a `MedPromptLib.session.Session`; default: one of its own, made on first use."""
        from MedPromptWidgets.packages import Packages

        ScriptedLoadableModuleLogic.__init__(self)
        self.packages = Packages(findResource)
        self.devices = DEVICES
        self.planner = "agreement"
        self._session = session
        self._times = None
        self._endpoint = None
        self.isPrepared = False
        self._preparing = threading.Lock()

    def getParameterNode(self):
        """The scene's parameter node, made on first use, with typed properties."""
        return MedPromptParameterNode(super().getParameterNode())

    # Planning

    @property
    def session(self) -> Any:
        """The `MedPromptLib.session.Session` that plans and runs."""
        if self._session is None:
            from MedPromptLib.session import Session

            # One session for each logic, since its planner can be chosen; the language model is shared by all.
            self._session = Session(planner=self._makePlanner())
        return self._session

    @property
    def catalog(self) -> Any:
        """What is installed."""
        return self.session.catalog

    @property
    def asksInBackground(self) -> bool:
        """Whether the language model may read a prompt before Apply is pressed: never one on another computer."""
        return self.planner == "agreement"

    def usePlanner(self, kind: str, endpoint: Any = None) -> None:
        """Plan with `agreement` (rules and local language model), `rules`, or `endpoint` (rules and that endpoint).

        :param endpoint: `MedPromptLib.planner.EndpointPlanner`; used only while the user's consent is on file.
        """
        self.planner, self._endpoint = kind, endpoint
        if self._session is not None:
            self._session.planner = self._makePlanner()

    def _makePlanner(self):
        from MedPromptLib.planner import AgreementPlanner, RulePlanner
        from MedPromptLib.session import default_session

        if self.planner == "rules":
            return RulePlanner()
        if self.planner == "endpoint":
            return AgreementPlanner(model=self._endpoint)
        return default_session().planner

    def reloadCards(self) -> None:
        """Read the weight folders again."""
        from MedPromptLib.session import Session

        if self._session is not None:
            self._session = Session(planner=self._session.planner)

    def prepare(self) -> None:
        """Read cards and vocabulary, so that the first preview is as quick as the others; for a worker thread."""
        with self._preparing:
            if not self.isPrepared:
                self.preview("Segment the lungs.")
                self.isPrepared = True

    def preview(self, prompt: str) -> Any:
        """The rules' verdict on a prompt; no model is loaded and nothing leaves the computer."""
        from MedPromptLib.planner import RulePlanner, decided

        return decided(RulePlanner(), prompt, self.catalog.abilities)

    def decide(self, prompt: str, cancelled: Any = lambda: False) -> Any:
        """Every planner's verdict on a prompt.

        :raises MedPromptLib.errors.MedPromptError: an unusable prompt, or an endpoint that fails or was not agreed to.
        """
        if self.planner == "endpoint":
            from MedPromptLib.errors import InvalidInput
            from MedPromptLib.planner.consent import Consents, identifiers

            if self._endpoint is None or not Consents().given(self._endpoint):
                raise InvalidInput(_("You have not agreed to send prompts to the endpoint; see the page Settings."))
            if found := identifiers(prompt):
                raise InvalidInput(
                    f"“{found[0].text}” may identify somebody ({found[0].kind}), so the prompt was not sent; say it "
                    "without, or plan on this computer (page Settings)."
                )
        return self.session.decide(prompt, cancelled)

    def steps(self, plan: Any, volumeNode: Any = None, device: str = "auto", sliceOnly: bool = False) -> tuple:
        """The plan's steps as `MedPromptLib.preview.Step`; times are for one slice or for all of them."""
        from MedPromptLib.preview import steps
        from MedPromptLib.scene import MODALITY

        slices, modality = 1, None
        if volumeNode is not None and volumeNode.GetImageData() is not None:
            slices = 1 if sliceOnly else volumeNode.GetImageData().GetDimensions()[2]
            modality = volumeNode.GetAttribute(MODALITY)
        times = self.times
        return steps(plan, self.catalog, image_modality=modality, times=times, device=device, slices=slices)

    @property
    def times(self) -> Any:
        """How long the weights took before, `MedPromptLib.preview.Times`."""
        if self._times is None:
            from MedPromptLib.preview import Times

            self._times = Times()
        return self._times

    # Running

    def run(
        self,
        volumeNode: Any,
        prompt: str,
        device: str = "auto",
        progressCallback: Any = lambda event: None,
        cancelled: Any = lambda: False,
        confirm: Any = None,
        acceptUnusualInput: bool = False,
        sliceIndex: int | None = None,
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
        :param sliceIndex: analyse only this slice (k).
        :return: `MedPromptLib.scene.RunNodes`, the nodes that were added to the scene.
        :raises MedPromptLib.errors.MedPromptError: one sentence for the user; the scene is unchanged.
        """
        from MedPromptLib.errors import NotConfirmed

        image = self.image(volumeNode)
        verdict = self.decide(prompt, cancelled)
        if verdict.decision == "confirm" and not (confirm is not None and confirm(verdict)):
            raise NotConfirmed(verdict.question(), verdict)
        work = self.work(verdict.plan, image, device, sliceIndex, acceptUnusualInput)
        return self.writeResults(work(progressCallback, cancelled), volumeNode)

    def image(self, volumeNode: Any) -> Any:
        """The volume as `MedPromptLib.images.MedicalImage`.

        :raises MedPromptLib.errors.InvalidInput: there is none, or it cannot be used.
        """
        from MedPromptLib import errors, scene

        if volumeNode is None:
            raise errors.InvalidInput("There is no image; select one.")
        return scene.volume_to_image(volumeNode)

    def images(self, volumeNodes: Any) -> tuple:
        """Several sequences of one examination as images on the first one's grid; no installed weight needs them yet.

        :raises MedPromptLib.errors.InvalidInput: there are none, or they do not overlap.
        """
        from MedPromptLib.inputs import on_one_grid

        return on_one_grid([self.image(node) for node in volumeNodes])

    def shownSlice(self, image: Any, viewName: str = "Red") -> int:
        """Which slice (k) of an image a slice view shows.

        :raises MedPromptLib.errors.InvalidInput: there is no such view, or it cuts across the image's slices.
        """
        import numpy as np

        from MedPromptLib.errors import InvalidInput
        from MedPromptLib.inputs import slice_index

        node = slicer.mrmlScene.GetNodeByID(f"vtkMRMLSliceNode{viewName}")
        if node is None:
            raise InvalidInput(f"There is no slice view '{viewName}'; choose a layout with slice views.")
        matrix = np.array([[node.GetSliceToRAS().GetElement(r, c) for c in range(4)] for r in range(4)])
        return slice_index(image, matrix)

    def work(
        self, plan: Any, image: Any, device: str, sliceIndex: int | None = None, acceptUnusualInput: bool = False
    ) -> Any:
        """A function of `progress` and `cancelled` that runs a plan and returns the run; it may run on any thread."""
        from dataclasses import replace

        from MedPromptLib.inputs import back_into_volume, one_slice

        session, times = self.session, self.times

        def work(progress, cancelled):
            shown = image if sliceIndex is None else one_slice(image, sliceIndex)
            run = session.run(
                session.route(plan, image),
                shown,
                device=device,
                progress=progress,
                cancelled=cancelled,
                accept_unusual_input=acceptUnusualInput,
            )
            times.record(run.provenance, shown.shape[0])
            if sliceIndex is None:
                return run
            return back_into_volume(replace(run, image=shown), image, sliceIndex)

        return work

    def writeResults(self, run: Any, volumeNode: Any) -> Any:
        """Add a run's results to the scene beside the volume they are about."""
        from MedPromptLib import scene

        return scene.write_run(run, volume_node=volumeNode, scene=slicer.mrmlScene)

    # Explaining

    def saliencyWork(self, review: Any, item: Any, className: str, device: str = "auto") -> Any:
        """A function of `progress` and `cancelled` that makes a class's saliency map, (k, j, i) float32."""
        image, weightId, region = self.image(review.volume), item.review.weight_id, self._region(review, item)

        def work(progress, cancelled):
            from MedPromptLib.inference.engine import Watch
            from MedPromptLib.inference.explanation import saliency

            return saliency(self.session.weight(weightId, device), image, className, region, Watch(cancelled=cancelled))

        return work

    def uncertaintyWork(self, review: Any, item: Any, device: str = "auto") -> Any:
        """The same for `MedPromptLib.inference.explanation.Uncertainty` of a result."""
        image, weightId, region = self.image(review.volume), item.review.weight_id, self._region(review, item)

        def work(progress, cancelled):
            from MedPromptLib.inference.engine import Watch
            from MedPromptLib.inference.explanation import uncertainty

            return uncertainty(self.session.weight(weightId, device), image, region, Watch(cancelled=cancelled))

        return work

    @staticmethod
    def _region(review, item):
        """Where a classifier looked, (k, j, i), or None for the whole image."""
        provenance = review.provenance
        tasks = provenance.plan.pipeline if provenance is not None else ()
        needed = next((task.dependency for task in tasks if task.id == item.review.task_id), None)
        if needed is None or item.review.kind != "classification":
            return None
        maps = [labels.array > 0 for (number, _weight), labels in review.label_maps().items() if number == needed]
        return maps[0] if maps and maps[0].any() else None

    def writeMap(self, values: Any, review: Any, name: str) -> Any:
        """Add a map to the scene as a volume over the image and show it in the slice views."""
        from dataclasses import replace

        from MedPromptLib.scene import image_to_volume

        image = self.image(review.volume)
        found = replace(image, array=values, name=name, modality=None, sha256="", notes=())
        node = image_to_volume(found, slicer.mrmlScene, name)
        # The image's matrix includes its transform, if it has one.
        display = node.GetDisplayNode()
        display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeIron")
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(1.0, 0.5)
        slicer.util.setSliceViewerLayers(background=review.volume, foreground=node, foregroundOpacity=0.4)
        return node

    # Editing

    def openSegmentEditor(self, item: Any, volumeNode: Any) -> None:
        """Open Slicer's Segment Editor on an `Item` of a review."""
        slicer.util.selectModule("SegmentEditor")
        editor = slicer.modules.SegmentEditorWidget.editor
        editor.setSegmentationNode(item.segmentation)
        editor.setSourceVolumeNode(volumeNode)
        editor.setCurrentSegmentID(item.segment_id)


#
# MedPromptTest
#


class MedPromptTest(ScriptedLoadableModuleTest):
    """Self-test for the desktop: Reload and Test, or ctest in a Slicer build.

    The project's own tests run it on Slicer's MRML library with a stand-in for the desktop, not in the application.
    """

    def setUp(self):
        """Each test starts in an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self):
        """Run all tests; nothing is skipped, a missing package is a failure."""
        for test in (
            self.test_aPromptBecomesNodes,
            self.test_decisionsLandInTheTable,
            self.test_anEmptyPromptIsRefused,
        ):
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

    def test_decisionsLandInTheTable(self):
        """What is accepted and rejected is in the results table."""
        logic, volume = MedPromptLogic(), self.drawnChest()
        prompt = "Segment the lungs on this chest x-ray."
        nodes = logic.run(volume, prompt, device="cpu", acceptUnusualInput=True)
        from MedPromptLib.review import Decision
        from MedPromptLib.review.nodes import SceneReview

        review = SceneReview(nodes.table)
        review.decide(0, Decision.ACCEPTED, "self-test")
        review.decide(1, Decision.REJECTED, "self-test")
        column = nodes.table.GetTable().GetColumnByName("decision")
        assert [column.GetValue(row) for row in range(2)] == ["accepted", "rejected"]

    def test_anEmptyPromptIsRefused(self):
        """It is refused with an error meant for the user, and the scene stays as it is."""
        from MedPromptLib.errors import MedPromptError

        volume = self.drawnChest()
        nodesBefore = slicer.mrmlScene.GetNumberOfNodes()
        with self.assertRaises(MedPromptError):  # noqa: PT027 - Slicer has no pytest
            MedPromptLogic().run(volume, "   ")
        assert slicer.mrmlScene.GetNumberOfNodes() == nodesBefore

"""The MedPrompt module of 3D Slicer: type a request, look at its plan, press Apply, review what comes out.

Everything that decides or computes is in MedPromptLib, the panel's parts and the logic are in MedPromptWidgets; this
file connects them to the application. Slicer puts only this file's folder on Python's path, so nothing heavy and
nothing that may be missing is imported while it is discovered.
"""

import importlib.util
import logging
import sys

import qt
import slicer
from MedPromptWidgets.logic import MedPromptLogic, MedPromptParameterNode
from MedPromptWidgets.resources import LIBRARY_FOLDERS, findResource
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

__all__ = ["MedPrompt", "MedPromptLogic", "MedPromptParameterNode", "MedPromptTest", "MedPromptWidget"]

SAMPLE_COMMIT = "39a2eb31815eec435dc26c322c27aec5cfcbddb6"
SAMPLE_SHA256 = "946f28f48b9fbf360196a9b835c8fce83b0c654bf85a5107663c8a61df02e498"

if importlib.util.find_spec("MedPromptLib") is None:
    sys.path.append(LIBRARY_FOLDERS[1])


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
        from MedPromptWidgets.archive_page import ArchivePage
        from MedPromptWidgets.report_section import ReportSection
        from MedPromptWidgets.review_page import ReviewPage
        from MedPromptWidgets.settings_page import SettingsPage
        from MedPromptWidgets.weights_page import WeightsPage

        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/MedPrompt.ui"))
        self.layout.addWidget(uiWidget)
        self.logic = MedPromptLogic()
        ui = slicer.util.childWidgetVariables(uiWidget)
        self.review = ReviewPage(self.logic)
        self.archive = ArchivePage(self.logic)
        self.weights = WeightsPage(self.logic)
        self.settings = SettingsPage(self.logic)
        for page, title in (
            (self.review, _("Review")),
            (self.archive, _("Archive")),
            (self.weights, _("Weights")),
            (self.settings, _("Settings")),
        ):
            ui.pages.addTab(page.widget, title)
        self.report = ReportSection(ui, self.logic)
        # Once more, now that the other pages' widgets are among the children.
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.analysis = AnalysisPage(self.ui, self.logic)

        self.analysis.resultsChanged = self.showRun
        self.review.decided = self.onDecided
        self.review.opened = self.analysis.showReview
        self.archive.report = lambda: self.report.report
        self.archive.openCase = self.openCase
        self.weights.changed = self.analysis.cardsChanged
        self.settings.changed = self.analysis.plannerChanged
        self.settings.history = self.analysis.prompt
        self.ui.pages.connect("currentChanged(int)", self._onPage)

        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.NodeRemovedEvent, self.onNodeRemoved)
        self.addObserver(scene, scene.NodeAddedEvent, self.onNodeAdded)
        self.initializeParameterNode()

    def cleanup(self):
        """Called when the application closes and the module widget is destroyed."""
        if self.analysis:
            self.analysis.close()
            for page in (self.weights, self.review, self.report, self.archive):
                page.close()
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
        self.showRun(None)

    def onSceneEndClose(self, caller, event):
        """Start again in the emptied or loaded scene, if the panel is shown."""
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onNodeAdded(self, caller, event):
        """A new volume may be one of those that are analysed together."""
        self.analysis.onNodeAdded()

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

    def showRun(self, review):
        """Show another run's results on every page, or none."""
        for page in (self.review, self.report, self.archive):
            page.showRun(review)

    def onDecided(self):
        """A decision was made on the page Review."""
        self.analysis.refreshResults()
        self.report.reviewChanged()

    def openCase(self, folder, run):
        """Open a run that was taken out of the archive, in the scene and for review."""
        self.review.openBatch(folder)
        if self.review.review is not None:
            self.review.review.archived_as = run

    def _onPage(self, index):
        for page in (self.review, self.archive, self.weights, self.settings):
            if self.ui.pages.widget(index) == page.widget:
                page.enter()


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
            self.test_aReportLeavesOutWhatWasRejected,
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

    def test_aReportLeavesOutWhatWasRejected(self):
        """The report of a run in the scene says what was measured, and no more of what was rejected than that."""
        logic, volume = MedPromptLogic(), self.drawnChest()
        nodes = logic.run(volume, "Segment the lungs on this chest x-ray.", device="cpu", acceptUnusualInput=True)
        from MedPromptLib.reporting.reviewed import run_in_scene
        from MedPromptLib.review import Decision
        from MedPromptLib.review.nodes import SceneReview

        review = SceneReview(nodes.table)
        review.decide(0, Decision.REJECTED, "self-test")
        report = logic.makeReport(run_in_scene(review, logic.catalog), review.reviews, "structured", "en")
        rejected, kept = (item.review.item for item in review.items)
        assert f"{rejected}: rejected in review" in report.text
        assert kept in report.text

    def test_anEmptyPromptIsRefused(self):
        """It is refused with an error meant for the user, and the scene stays as it is."""
        from MedPromptLib.errors import MedPromptError

        volume = self.drawnChest()
        nodesBefore = slicer.mrmlScene.GetNumberOfNodes()
        with self.assertRaises(MedPromptError):  # noqa: PT027 - Slicer has no pytest
            MedPromptLogic().run(volume, "   ")
        assert slicer.mrmlScene.GetNumberOfNodes() == nodesBefore

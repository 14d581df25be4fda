"""What the module does, without its panel: planning, running, explaining; and what the scene remembers of it."""

import contextlib
import threading
from typing import Annotated, Any

import slicer
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLTableNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from .packages import Packages
from .resources import findResource

DEVICES = ["auto", "cpu", "cuda", "cuda:1", "cuda:2", "cuda:3", "mps"]


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


class MedPromptLogic(ScriptedLoadableModuleLogic):
    """What the module does, without its panel; for scripts:

    nodes = MedPromptLogic().run(slicer.util.getNode("chest"), "segment the lungs")
    nodes.segmentations, nodes.table, nodes.provenance
    """

    def __init__(self, session: Any = None):
        """`session` is a `MedPromptLib.session.Session`; default: one of its own, made on first use."""
        ScriptedLoadableModuleLogic.__init__(self)
        self.packages = Packages(findResource)
        self.devices = DEVICES
        self.planner = "agreement"
        self._session = session
        self._times = None
        self._endpoint = None
        self.isPrepared = False
        self._sequences: tuple = ()
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

        self._sequences = self._sequencesInScene()
        return decided(RulePlanner(), prompt, self.catalog.abilities, images=self._sequences)

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
        from MedPromptLib.quiet_imports import quiet_imports

        if self.planner == "rules":
            return self.session.decide(prompt, cancelled, self._sequences)
        with quiet_imports("torch", "transformers", "xgrammar"):
            return self.session.decide(prompt, cancelled, self._sequences)

    def _sequencesInScene(self):
        """What the scene's volumes say they are, for requests that do not say on what; empty for fewer than two."""
        from MedPromptLib.sequences.guessing import sequences_told

        if threading.current_thread() is not threading.main_thread():
            return ()  # the scene belongs to Qt's thread
        return sequences_told([self.header(node) for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")])

    def needs(self, plan: Any) -> Any:
        """What the plan's weights take together, `MedPromptLib.sequences.examination.Needs`; None for one image."""
        from MedPromptLib.errors import MedPromptError

        try:
            return self.session.needs(plan)
        except MedPromptError:
            return None  # the plan cannot run at all; the plan table says why

    def steps(self, plan: Any, volumeNode: Any = None, device: str = "auto", sliceOnly: bool = False) -> tuple:
        """The plan's steps as `MedPromptLib.preview.Step`; times are for one slice or for all of them."""
        from MedPromptLib.preview import steps
        from MedPromptLib.scene import MODALITY, SPACING_KNOWN

        shape, spacing, modality = (1, 1, 1), None, None
        if volumeNode is not None and volumeNode.GetImageData() is not None:
            columns, rows, slices = volumeNode.GetImageData().GetDimensions()
            shape = (1 if sliceOnly else slices, rows, columns)
            if volumeNode.GetAttribute(SPACING_KNOWN) != "0":
                spacing = volumeNode.GetSpacing()[::-1]
            modality = volumeNode.GetAttribute(MODALITY)
        of = {"image_modality": modality, "device": device, "shape": shape, "spacing": spacing}
        return steps(plan, self.catalog, times=self.times, **of)

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
        register: bool = False,
    ) -> Any:
        """Analyse a volume and wait for it.

        :param volumeNode: scalar or colour volume node; or a list of the volumes of one examination, for weights that
            take several. Results are written on the first one's grid.
        :param prompt: what to outline or to look for.
        :param device: auto, cpu, cuda, cuda:1, … or mps.
        :param progressCallback: called with an object that has `message`, `done` (0 to 1) and `task_id`.
        :param cancelled: asked now and then; return True to stop.
        :param confirm: called with a `MedPromptLib.planner.Verdict` if the planners differ or are unsure; return True
            to run its plan. Without it, such a prompt raises `MedPromptLib.errors.NotConfirmed`.
        :param acceptUnusualInput: run although the image does not look like those a weight was made for. Without it,
            such an image raises `MedPromptLib.errors.UnusualInput`.
        :param sliceIndex: analyse only this slice (k).
        :param register: move volumes of an examination that do not lie over the first.
        :return: `MedPromptLib.scene.RunNodes`, the nodes that were added to the scene.
        :raises MedPromptLib.errors.MedPromptError: one sentence for the user; the scene is unchanged.
        """
        from MedPromptLib.errors import NotConfirmed

        if isinstance(volumeNode, list | tuple):
            from MedPromptLib.sequences.guessing import sequences_told

            self._sequences = sequences_told([self.header(node) for node in volumeNode])
        else:
            self._sequences = ()
        verdict = self.decide(prompt, cancelled)
        if verdict.decision == "confirm" and not (confirm is not None and confirm(verdict)):
            raise NotConfirmed(verdict.question(), verdict)
        if isinstance(volumeNode, list | tuple):
            work = self.examinationWork(
                verdict.plan, volumeNode, {}, device, register=register, acceptUnusualInput=acceptUnusualInput
            )
            volumeNode = volumeNode[0]
        else:
            work = self.work(verdict.plan, self.image(volumeNode), device, sliceIndex, acceptUnusualInput)
        return self.writeResults(work(progressCallback, cancelled), volumeNode)

    def image(self, volumeNode: Any) -> Any:
        """The volume as `MedPromptLib.images.MedicalImage`.

        :raises MedPromptLib.errors.InvalidInput: there is none, or it cannot be used.
        """
        from MedPromptLib import errors, scene

        if volumeNode is None:
            raise errors.InvalidInput("There is no image; select one.")
        return scene.volume_to_image(volumeNode)

    def header(self, volumeNode: Any) -> Any:
        """A volume's name and what is known of its sequence, as an image without voxels."""
        import numpy as np

        from MedPromptLib.images import MedicalImage
        from MedPromptLib.scene import sequence_of_volume

        name = volumeNode.GetName() or "volume"
        return MedicalImage(np.zeros((0, 0, 0)), np.eye(4), name, sequence=sequence_of_volume(volumeNode))

    def examinationWork(
        self,
        plan: Any,
        volumeNodes: Any,
        chosen: Any,
        device: str,
        register: bool = False,
        acceptUnusualInput: bool = False,
        viewName: str = "",
    ) -> Any:
        """A function of `progress` and `cancelled` that runs a plan on the volumes of one examination.

        :param volumeNodes: the first is the reference.
        :param chosen: by number of the volume, its sequence or a `MedPromptLib.sequences.guessing.Guess`.
        :param viewName: analyse only the slice of the reference that this view shows; empty for all.
        :raises MedPromptLib.errors.InvalidInput: a volume cannot be used.
        """
        from dataclasses import replace

        from MedPromptLib.inputs import back_into_volume

        images = [self.image(node) for node in volumeNodes]
        index = self.shownSlice(images[0], viewName) if viewName and images[0].shape[0] > 1 else None
        session, times = self.session, self.times

        def work(progress, cancelled):
            options = {"cancelled": cancelled, "accept_unusual_input": acceptUnusualInput}
            importQuietly()
            examined = session.examine(
                plan, images, chosen, progress=progress, reference=0, register=register, **options
            )
            shown = examined if index is None else examined.slice(index)
            run = timedRun(session, times, plan, shown, shown.reference, device=device, progress=progress, **options)
            return run if index is None else back_into_volume(replace(run, image=shown.reference), images[0], index)

        return work

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
            options = {"cancelled": cancelled, "accept_unusual_input": acceptUnusualInput}
            shown = image if sliceIndex is None else one_slice(image, sliceIndex)
            run = timedRun(session, times, plan, shown, shown, device=device, progress=progress, **options)
            if sliceIndex is None:
                return run
            return back_into_volume(replace(run, image=shown), image, sliceIndex)

        return work

    def writeResults(self, run: Any, volumeNode: Any) -> Any:
        """Add a run's results to the scene beside the volume they are about."""
        from MedPromptLib import scene

        return scene.write_run(run, volume_node=volumeNode, scene=slicer.mrmlScene)

    # Reporting

    def makeReport(self, run: Any, reviews: Any, style: str, language: str, withModel: bool = False) -> Any:
        """The checked report of a run, `MedPromptLib.reporting.writing.Report`; on any thread.

        :param run: of `MedPromptLib.reporting.reviewed.run_in_scene`.
        :param reviews: what was decided about its results.
        :param style: structured, short or patient.
        :param language: en, zh, de or es.
        :param withModel: the local language model chooses among the sentences that say what was measured.
        """
        from MedPromptLib.quiet_imports import quiet_imports
        from MedPromptLib.reporting.prose import ChoosingWriter
        from MedPromptLib.reporting.reviewed import reviewed_findings
        from MedPromptLib.reporting.writing import write_report

        findings = reviewed_findings(run, reviews, self.catalog)
        if not withModel:
            return write_report(findings, style, language)
        with quiet_imports("torch", "transformers"):
            return write_report(findings, style, language, ChoosingWriter())

    # Archiving

    def filing(self, review: Any, folder: Any, report: Any = None) -> Any:
        """A function of `archive`, `project` and `subject`, for a worker thread, that files a run of the scene, or only
        what was decided since if the archive has it; it returns `MedPromptLib.archive.Filed` and how many decisions.

        :param folder: an empty one, which has to last until the function has returned.
        :param report: `MedPromptLib.reporting.writing.Report`, to be filed too.
        """
        from MedPromptLib.archive import Filed
        from MedPromptLib.archive.reviewed import has_run, keep_decisions
        from MedPromptLib.outputs import write_outputs
        from MedPromptLib.reporting.files import write_report_files
        from MedPromptLib.reporting.reviewed import run_in_scene

        # The scene is read here, as a thread must not touch it.
        reviews, known = review.reviews, review.archived_as
        run = run_in_scene(review, self.catalog)
        written = write_outputs(run, folder, report.text if report is not None else None, with_picture=False)
        source = self._source(review.volume)

        def work(archive, project, subject):
            if known and has_run(archive, known):
                return Filed(known, False), keep_decisions(archive, known, reviews)
            files = written
            if report is not None:
                files = (*written, *write_report_files(report, run, folder))
            filed = archive.add_run(
                folder, image=run.image, source=source, subject=subject, project=project, written=files
            )
            return filed, keep_decisions(archive, filed.run, reviews)

        return work

    @staticmethod
    def _source(volumeNode):
        """The DICOM file a volume was read from, whose header says what has to be kept out of the archive."""
        from pathlib import Path

        storage, uids = volumeNode.GetStorageNode(), volumeNode.GetAttribute("DICOM.instanceUIDs")
        name = storage.GetFileName() if storage is not None else ""
        database = getattr(slicer, "dicomDatabase", None)
        if uids and database is not None:
            name = database.fileForInstance(uids.split()[0]) or name
        path = Path(str(name or ""))
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            return path if stream.read(132)[128:] == b"DICM" else None

    def writeHits(self, hits: Any) -> Any:
        """What was found in the archive as a table node."""
        from MedPromptLib.archive import table_rows
        from MedPromptLib.scene import write_text_table

        titles, rows = table_rows(hits)
        return write_text_table(titles, rows, slicer.mrmlScene, "MedPrompt archive search")

    # Explaining

    def saliencyWork(self, review: Any, item: Any, className: str, device: str = "auto") -> Any:
        """A function of `progress` and `cancelled` that makes the saliency map, (k, j, i) float32, of a class or
        structure; `progress` gets how much is done, 0 to 1.
        """
        image, weightId, region = self.image(review.volume), item.review.weight_id, self._region(review, item)

        def work(progress, cancelled):
            from MedPromptLib.inference.explanation import saliency

            watch = self._watch(progress, cancelled)
            return saliency(self.session.weight(weightId, device), image, className, region, watch)

        return work

    def uncertaintyWork(self, review: Any, item: Any, device: str = "auto") -> Any:
        """The same for `MedPromptLib.inference.explanation.Uncertainty` of a result."""
        image, weightId, region = self.image(review.volume), item.review.weight_id, self._region(review, item)

        def work(progress, cancelled):
            from MedPromptLib.inference.explanation import uncertainty

            watch = self._watch(progress, cancelled)
            return uncertainty(self.session.weight(weightId, device), image, region, watch)

        return work

    @staticmethod
    def _watch(progress, cancelled):
        from MedPromptLib.quiet_imports import quiet_imports

        with quiet_imports("torch", "SimpleITK"):
            from MedPromptLib.inference.engine import Watch

        return Watch(cancelled=cancelled, advance=lambda share, line: progress(share))

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

    # Showing

    def showInViews(self, item: Any, volumeNode: Any) -> None:
        """Move every slice view to the middle of an outlined structure; a single image stays as it is shown."""
        if not item.segment_id or volumeNode is None or volumeNode.GetImageData().GetDimensions()[2] < 2:
            return
        centre = item.segmentation.GetSegmentCenterRAS(item.segment_id)
        if centre is not None:
            slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, *centre, slicer.vtkMRMLSliceNode.OffsetJumpSlice)

    # Editing

    def openSegmentEditor(self, item: Any, volumeNode: Any) -> None:
        """Open Slicer's Segment Editor on an `Item` of a review."""
        slicer.util.selectModule("SegmentEditor")
        editor = slicer.modules.SegmentEditorWidget.editor
        editor.setSegmentationNode(item.segmentation)
        editor.setSourceVolumeNode(volumeNode)
        editor.setCurrentSegmentID(item.segment_id)


def importQuietly() -> None:
    """Import what a run needs without holding up the window, whichever thread this is."""
    from MedPromptLib.quiet_imports import quiet_imports

    with quiet_imports("torch", "SimpleITK"):
        import MedPromptLib.execution
        import MedPromptLib.inference.input_check  # noqa: F401


def timedRun(session: Any, times: Any, plan: Any, shown: Any, reference: Any, **options: Any) -> Any:
    """Route and run a plan, and remember how long each weight took.

    :param shown: what is analysed, an image or an examination.
    :param reference: the image whose grid it is analysed on.
    """
    from MedPromptLib.preview import work_for
    from MedPromptLib.quiet_imports import quiet_imports

    importQuietly()
    routed = session.route(plan, shown)
    cards = [session.catalog.card(route.weight_id) for route in routed.routes]
    if any(card.dimension == 3 for card in cards):
        # Where it is missing, the run says how to install it.
        with quiet_imports("monai"), contextlib.suppress(ImportError):
            import monai.inferers  # noqa: F401
    run = session.run(routed, shown, **options)
    spacing = reference.spacing if reference.spacing_known else None
    amounts = {card.id: work_for(card, reference.shape, spacing) for card in cards}
    times.record(run.provenance, lambda weight: amounts.get(weight, 1))
    return run

"""The page Analyse: request, plan, run, results, log."""

import time
from collections.abc import Callable
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from .background import JobRunner
from .maps_section import MapsSection
from .plan_view import PlanView
from .planning import Planning
from .prompt_box import PromptBox
from .question_box import QuestionBox
from .reporting import Reporter
from .results_view import ResultsView
from .sequence_section import SequenceSection
from .setup_section import SetupSection

CLOCK_MS = 200
"""How often the elapsed time of a run is written anew."""


class AnalysisPage(VTKObservationMixin):
    """Connects the parts of the page with each other and with the scene's parameter node.

    Args:
        ui: the panel's widgets.
        logic: `MedPromptLogic`.

    Attributes:
        resultsChanged: called with a `SceneReview`, or None, when other results are shown.
    """

    def __init__(self, ui: Any, logic: Any):
        VTKObservationMixin.__init__(self)
        self.ui, self.logic = ui, logic
        self.resultsChanged: Callable[[Any], None] = lambda review: None
        self._parameters: Any = None
        self._guiTag: Any = None
        self._applying = False  # Apply was pressed, and the planners are still reading.
        self._planAtClick: Any = None
        self._volume: Any = None  # of the running analysis
        self._started = 0.0
        self._expected: float | None = None
        self._shownFor: tuple = ()
        self._isNew = True
        self._runs: tuple = ()

        self._runner, self._warmRunner = JobRunner(), JobRunner()
        self._reporter = Reporter(ui.statusLabel, _("MedPrompt failed unexpectedly."), ui.logView)
        self._setup = SetupSection(ui, logic.packages)
        self._question = QuestionBox(ui, self._reporter)
        self.prompt = PromptBox(ui, self._onEntered)
        self.planView = PlanView(ui, logic, self._onPlanEdited)
        self.planView.shown = self._onPlanShown
        self.sequences = SequenceSection(ui, logic, self._onSequences)
        self.results = ResultsView(ui)
        self._maps = MapsSection(ui, logic, self.results, self._reporter, lambda: self._parameters.device)
        self.planning = Planning(logic, self._onPlanning)
        self._clock = qt.QTimer()
        self._clock.setInterval(CLOCK_MS)
        self._clock.connect("timeout()", self._showTimes)

        # The parameter node wrapper has no connector for a QPlainTextEdit, which, unlike QTextEdit, takes no rich text.
        ui.promptEdit.connect("textChanged()", self._onPromptEdited)
        for name, slot in (
            ("applyButton", self.onApply),
            ("confirmButton", self.onConfirm),
            ("otherReadingButton", self.onOtherReading),
            ("tableButton", self.onShowTable),
        ):
            getattr(ui, name).connect("clicked(bool)", slot)
        ui.runSelector.connect("activated(int)", self.onRun)
        for widget in (ui.progressBar, ui.otherReadingButton, ui.omissionsLabel):
            widget.setVisible(False)
        self._setup.changed = self._onSetup
        self._updateApplyButton()
        # After the first paint.
        qt.QTimer.singleShot(0, self._warmUp)

    def enter(self) -> None:
        """The module is shown; packages may have come or gone since it was last."""
        if self._isNew:
            self._isNew = False
        else:
            self._setup.update()

    def close(self) -> None:
        """Before the panel is destroyed."""
        for runner in (self._runner, self._maps, self._warmRunner):
            runner.abandon()
        self.planning.stop()
        self.sequences.clear()
        self._clock.stop()
        self.setParameterNode(None)
        self.removeObservers()

    def _onSetup(self):
        self._updateApplyButton()
        self._warmUp()

    def _warmUp(self):
        if not self._setup.missing and not self.logic.isPrepared:
            self._warmRunner.start(lambda progress, cancelled: self.logic.prepare(), self._onWarm)

    def _onWarm(self, job):
        self._reporter.attempt(lambda: (job.result(), self._setCards()))

    def _setCards(self):
        from MedPromptLib.completion import examples, terms

        abilities = self.logic.catalog.abilities
        self.prompt.setCards(terms(abilities), examples(abilities))

    def cardsChanged(self) -> None:
        """Weights were added or removed."""
        self.logic.reloadCards()
        self._setCards()
        self.planView.clear()
        self.planning.replan()

    def plannerChanged(self) -> None:
        """Another planner was chosen."""
        self._question.drop()
        self.planning.replan()

    # The scene

    def setParameterNode(self, parameters: Any) -> None:
        """Follow another parameter node, or none."""
        if self._parameters:
            self._parameters.disconnectGui(self._guiTag)
            self.removeObserver(self._parameters, vtk.vtkCommand.ModifiedEvent, self._onParametersModified)
        self._parameters = parameters
        if parameters:
            self._guiTag = parameters.connectGui(self.ui)
            self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self._onParametersModified)
            self._restorePlan()
            self._onParametersModified()
            self._showKeptResults()

    def _restorePlan(self):
        """Show a plan that was changed by hand and saved with the scene."""
        kept = self._parameters.plan
        if not kept or self._setup.missing:
            return
        from MedPromptLib.errors import MedPromptError
        from MedPromptLib.plan import load_plan

        try:
            plan = load_plan(kept)
        except MedPromptError:
            self._parameters.plan = ""
            return
        if plan.prompt == self._parameters.prompt and self.planView.plan != plan:
            self.ui.promptEdit.setPlainText(plan.prompt)
            leftOut = [int(number) for number in self._parameters.leftOut.split(",") if number.isdigit()]
            self.planView.show(plan, *self._context(), leftOut)
            self.planView.isEdited = True

    def _showKeptResults(self):
        table = self._parameters.resultTable
        if self._setup.missing:
            return
        if table is None:
            if self.results.review is not None:
                self._clearResults()
            return
        if self.results.review is None or self.results.review.table is not table:
            from MedPromptLib.review.nodes import SceneReview

            self._showResults(SceneReview(table))

    def onSceneStartClose(self) -> None:
        """Let go of everything in the scene."""
        self._abandonRun()
        self._maps.abandon()
        self._question.drop()
        self.setParameterNode(None)
        self._clearResults()
        self.planView.clear()
        self.sequences.clear()
        self.ui.promptEdit.setPlainText("")
        self.planning.setPrompt("")
        self._reporter.say("")

    def onNodeAdded(self) -> None:
        """A new volume may be one of those that are analysed together; its name and voxels come a little later."""
        if self.sequences.isShown:
            qt.QTimer.singleShot(0, self._onPlanShown)

    def onNodeRemoved(self) -> None:
        """Results that are taken out of the scene are not shown any more."""
        review = self.results.review
        if review is not None and not slicer.mrmlScene.IsNodePresent(review.table):
            self._clearResults()

    def _context(self):
        """What a plan is shown for: image, device, and whether only one slice is analysed."""
        parameters = self._parameters
        return parameters.inputVolume, parameters.device, parameters.sliceOnly

    def _onParametersModified(self, caller=None, event=None):
        parameters = self._parameters
        if not parameters:
            return
        if self.ui.promptEdit.plainText != parameters.prompt:
            self.ui.promptEdit.setPlainText(parameters.prompt)
        if not self._setup.missing:
            self.planning.setPrompt(parameters.prompt)
        shownFor = self._context()
        if shownFor != self._shownFor:
            self._shownFor = shownFor
            self._question.drop()
            self._showMemory()
            if not self._runner.isRunning:
                self.planView.refresh(*shownFor)
        self.results.applyDisplay(parameters.opacity, parameters.outlineOnly)
        self._updateApplyButton()

    def _onPromptEdited(self):
        text = self.ui.promptEdit.plainText
        if self._parameters and self._parameters.prompt != text:
            self._applying = False
            if text.strip():
                self.planView.markStale()
            else:
                self.planView.clear()
            self._parameters.plan = ""
            self._parameters.leftOut = ""
            self._parameters.prompt = text
            self._question.drop()

    # Planning

    def _onPlanning(self):
        planning = self.planning
        parameters, verdict = self._parameters, planning.verdict
        isNew = verdict is not None and (self.planView.isStale or self.planView.plan != verdict.plan)
        if isNew and parameters and not self.planView.isEdited:
            self.planView.show(verdict.plan, *self._context())
        self._sayVerdict()
        if self._applying:
            self._continueApplying()
        self._updateApplyButton()

    def _sayVerdict(self):
        planning, verdict = self.planning, self.planning.verdict
        if planning.error is not None:
            if self.planView.isStale:
                self.planView.clear()
            self.planView.say(str(planning.error), "error")
            return
        if verdict is None:
            if planning.prompt.strip():
                self.planView.say(_("Reading…"))
            elif not self.planView.steps:
                self.planView.clear()
            return
        from MedPromptLib.preview import agreement

        said, kind = agreement(verdict), {"run": "good", "confirm": "warning"}.get(verdict.decision, "error")
        if not planning.isFinal:
            if planning.isBusy:
                said = _("Planned by the rules; the language model reads the request, too…")
            elif self.logic.planner == "endpoint":
                said = _("Planned by the rules; the endpoint is asked when you press Apply.")
            else:
                said = _("Planned by the rules.")
            kind = kind if kind == "error" else ""
            if kind:
                said = agreement(verdict)
        lines = [said]
        if verdict.decision == "confirm" and planning.isFinal:
            lines[0] = _("{reason} It runs only after a click.").format(reason=said)
        lines += verdict.notes
        self.planView.say("\n".join(line for line in lines if line), kind)

    def _onPlanShown(self):
        if self._parameters:
            self.sequences.refresh(self.planView.shownPlan(), self._parameters.inputVolume)

    def _onSequences(self):
        self._question.drop()
        self._updateApplyButton()

    def _onPlanEdited(self):
        parameters = self._parameters
        if not parameters or self.planView.plan is None:
            return
        self.planView.refresh(*self._context())
        parameters.plan = self.planView.plan.model_dump_json()
        parameters.leftOut = ",".join(str(number) for number in sorted(self.planView.leftOut))
        self._updateApplyButton()

    # Applying

    def reasonNotToApply(self) -> str:
        """Why Apply is disabled, one sentence for its tooltip; empty if nothing stands in the way."""
        if self._setup.missing:
            return _("Install the missing Python packages first.")
        together = self.sequences.isShown and self.sequences.nodes()
        if not self._parameters or not (self._parameters.inputVolume or together):
            return _("Select an image; if the list is empty, load one first.")
        if not self._parameters.prompt.strip():
            return _("Type what to outline or to look for.")
        if self.planView.steps and not self.planView.isStale and self.planView.shownPlan() is None:
            return _("Every step is unticked; tick at least one.")
        return ""

    def _updateApplyButton(self):
        button = self.ui.applyButton
        job = self._runner.job
        if job or self._applying:
            cancelled = bool(job) and job.isCancelled()
            button.text = _("Cancelling…") if cancelled else _("Cancel")
            button.toolTip = _("Stop the analysis; the scene stays as it is.")
            button.enabled = not cancelled
            return
        reason = self.reasonNotToApply()
        button.text = _("Apply")
        button.toolTip = reason or _("Run the plan on the image (Ctrl+Enter in the prompt).")
        button.enabled = not reason

    def _onEntered(self):
        if not self._runner.isRunning and not self._applying and self.ui.applyButton.enabled:
            self.onApply()

    def onApply(self, checked=False):
        """Start an analysis or, if one is running, cancel it."""
        if self._runner.isRunning:
            self._runner.cancel()
            self._reporter.say(_("Cancelling…"))
        elif self._applying:
            self._applying = False
            self._reporter.say(_("Cancelled; the scene is unchanged."))
        else:
            self._question.drop()
            self._applying = True
            self._planAtClick = self.planView.shownPlan()
            if self.planning.error is not None:
                self.planning.replan()
            self.planning.decideNow()
            if self._applying:
                self._continueApplying()
        self._updateApplyButton()

    def _continueApplying(self):
        planning = self.planning
        if planning.error is None and not planning.isFinal:
            self._reporter.say(_("The planners read the request…"))
            if not planning.isBusy:
                planning.decideNow()
            return
        self._applying = False
        if planning.error is not None:
            self._reporter.attempt(self._raisePlanningError)
            return
        verdict, plan = planning.verdict, self.planView.shownPlan()
        if plan is None:
            self._reporter.say(verdict.reason or verdict.plan.message, isError=True)
        elif verdict.decision == "confirm" or self._hasChanged(plan):
            self._question.askAboutPlan(verdict, self._runShown)
        elif problem := self._problem():
            self._reporter.say(problem, isError=True)
        else:
            self._start(plan)

    def _problem(self):
        problem = self.planView.problem()
        return problem or (self.sequences.problem() if self.sequences.isShown else "")

    def _raisePlanningError(self):
        raise self.planning.error

    def _hasChanged(self, plan):
        """Whether the plan does something else than what was on screen when Apply was pressed."""
        from MedPromptLib.planner.comparing import deeds

        before, abilities = self._planAtClick, self.logic.catalog.abilities
        return before is not None and deeds(before, abilities) != deeds(plan, abilities)

    def _start(self, plan, acceptUnusualInput=False):
        parameters = self._parameters
        volume, device = parameters.inputVolume, parameters.device
        self._question.drop()
        if self.sequences.isShown:
            volume = self.sequences.reference()

        def prepared():
            if self.sequences.isShown:
                return self._examinationWork(plan, volume, device, acceptUnusualInput)
            image = self.logic.image(volume)
            index = self.logic.shownSlice(image) if parameters.sliceOnly and image.shape[0] > 1 else None
            return self.logic.work(plan, image, device, index, acceptUnusualInput)

        work = self._reporter.attempt(prepared)
        if work is None:
            return
        self._maps.abandon()
        self.prompt.remember(parameters.prompt)
        self._volume, self._started = volume, time.monotonic()
        gone = {step.task.id for step in self.planView.steps} - {task.id for task in plan.pipeline}
        times = [step.seconds for step in self.planView.steps if step.task.id not in gone]
        self._expected = sum(times) if times and None not in times else None
        self.ui.progressBar.setValue(0)
        self.ui.progressBar.setVisible(True)
        self._showTimes()
        self._clock.start()
        self._reporter.started = self._started
        self._reporter.say(_("Starting…"))
        numbers = {task.id: number for number, task in enumerate(plan.ordered(), start=1)}
        self._runner.start(work, lambda job: self._onEnd(job, plan), lambda event: self._onEvent(event, numbers))
        self._updateApplyButton()

    def _examinationWork(self, plan, volume, device, acceptUnusualInput):
        nodes, chosen = self.sequences.nodes(), self.sequences.chosen()
        # The reference comes first.
        names = sorted(nodes, key=lambda name: nodes[name] is not volume)
        return self.logic.examinationWork(
            plan,
            [nodes[name] for name in names],
            {number: chosen[name] for number, name in enumerate(names)},
            device,
            register=self.ui.registerCheck.checked,
            acceptUnusualInput=acceptUnusualInput,
            viewName="Red" if self._parameters.sliceOnly else "",
        )

    def _onEvent(self, event, numbers):
        self.ui.progressBar.setValue(round(100 * event.done))
        number, message = numbers.get(event.task_id), event.message
        if number is not None and len(numbers) > 1:
            message = _("Step {number} of {count}: {message}").format(
                number=number, count=len(numbers), message=message
            )
        self._reporter.say(message)

    def _showTimes(self):
        elapsed = time.monotonic() - self._started
        if self._expected is None:
            text = _("{elapsed:.0f} s so far")
        elif elapsed < self._expected:
            text = _("{elapsed:.0f} s so far, about {left:.0f} s left")
        else:
            text = _("{elapsed:.0f} s so far, longer than usual")
        left = max((self._expected or 0) - elapsed, 1)
        self.ui.progressBar.setFormat(text.format(elapsed=elapsed, left=left))

    def _onEnd(self, job, plan):
        self._endRun()
        self._reporter.attempt(
            lambda: self._takeResult(job),
            lambda misfits: self._question.askAboutImage(misfits, lambda: self._start(plan, acceptUnusualInput=True)),
        )
        self._showMemory()

    def _endRun(self):
        self._clock.stop()
        self._reporter.started = None
        self.ui.progressBar.setVisible(False)
        self._updateApplyButton()

    def _abandonRun(self):
        """Stop a running analysis without waiting for it and without using what it produces."""
        self._applying = False
        if self._runner.isRunning:
            self._runner.abandon()
            self._endRun()

    def _takeResult(self, job):
        run, volume = job.result(), self._volume
        if not slicer.mrmlScene.IsNodePresent(volume):
            self._reporter.say(_("The image was removed during the analysis; its results were dropped."), isError=True)
            return
        nodes = self.logic.writeResults(run, volume)
        for record in run.provenance.tasks:
            what = record.reason or _("{seconds:.2f} s on {device}").format(
                seconds=record.seconds, device=record.device
            )
            self._reporter.log(
                _("Step {number}, {weight}: {what}").format(number=record.task_id, weight=record.weight_id, what=what)
            )
        seconds = time.monotonic() - self._started
        # Apart from writing, so that neither keeps the panel from answering for long.
        qt.QTimer.singleShot(0, lambda: self._showNew(nodes, seconds))

    def _showNew(self, nodes, seconds):
        from MedPromptLib.review.nodes import SceneReview

        if not slicer.mrmlScene.IsNodePresent(nodes.table):
            return
        # Also while another module is shown: the results then are there when the user comes back.
        self.logic.getParameterNode().resultTable = nodes.table
        self._showResults(SceneReview(nodes.table))
        slicer.util.setSliceViewerLayers(background=nodes.volume, fit=True)
        found = [item for item in self.results.review.items if item.review.result == "outlined"]
        if found:
            self.logic.showInViews(found[0], nodes.volume)
        if self._parameters:
            self.planView.refresh(*self._context())
        self._reporter.say(_("Done in {seconds:.1f} s.").format(seconds=seconds))

    def _runShown(self):
        plan = self.planView.shownPlan()
        problem = self._problem()
        if plan is None or problem:
            self._reporter.say(problem or _("Every step is unticked; tick at least one."), isError=True)
        else:
            self._start(plan)

    def onConfirm(self, checked=False):
        """Run what the panel asks about."""
        if not self._runner.isRunning and self._question.answer is not None and self.ui.applyButton.enabled:
            self._question.answer()

    def onOtherReading(self, checked=False):
        """Show the other planner's plan instead of the one on screen."""
        readings = self.planning.verdict.readings
        shown = self.planView.plan
        other = next(plan for plan in readings if plan != shown)
        self.planView.show(other, *self._context())
        self.planView.isEdited = True
        self._onPlanEdited()

    # Showing

    def _showMemory(self):
        from MedPromptLib.inference.memory import free_memory, in_words

        device = self._parameters.device if self._parameters else "auto"
        self.ui.memoryLabel.text = in_words(free_memory(device))

    def _clearResults(self):
        self.results.clear()
        self.resultsChanged(None)

    def _showResults(self, review):
        self.results.show(review)
        if self._parameters:
            self.results.applyDisplay(self._parameters.opacity, self._parameters.outlineOnly)
        self._fillRuns()
        self.resultsChanged(review)

    def _fillRuns(self):
        """List the runs of the scene, if there are several."""
        from MedPromptLib.review.nodes import reviews_in_scene

        self._runs = reviews_in_scene(slicer.mrmlScene)
        selector = self.ui.runSelector
        selector.clear()
        for run in self._runs:
            provenance = run.provenance
            selector.addItem(f"{run.case}: {provenance.prompt if provenance is not None else run.table.GetName()}")
        shown = self.results.review.table
        selector.setCurrentIndex(next((n for n, run in enumerate(self._runs) if run.table is shown), -1))
        selector.setVisible(len(self._runs) > 1)

    def onRun(self, index):
        """Show another run of the scene."""
        review = self._runs[index]
        if slicer.mrmlScene.IsNodePresent(review.table) and self._parameters:
            self._parameters.resultTable = review.table
            self._showResults(review)

    def showReview(self, review: Any) -> None:
        """Show results that were opened on another page."""
        self.logic.getParameterNode().resultTable = review.table
        self._showResults(review)

    def refreshResults(self) -> None:
        """Decisions have changed."""
        if self.results.review is not None:
            self.results.show(self.results.review)

    def onShowTable(self, checked=False):
        """Show the results table in the table view."""
        self._reporter.attempt(self.results.showTable)

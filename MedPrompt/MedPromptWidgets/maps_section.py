"""Saliency and uncertainty on demand: computed in the background, shown as volumes over the image."""

from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _

from .background import JobRunner


class MapsSection:
    """The buttons Saliency and Uncertainty.

    Args:
        ui: the panel's widgets of the section Results.
        logic: `MedPromptLogic`.
        results: the `ResultsView` whose run is explained.
        reporter: where the outcome is told.
        device: asked for the device to compute on.
    """

    def __init__(self, ui: Any, logic: Any, results: Any, reporter: Any, device: Callable[[], str]):
        self.ui, self.logic, self.results, self.reporter, self._device = ui, logic, results, reporter, device
        self._runner = JobRunner()
        self._hasBar = False
        ui.explainButton.connect("clicked(bool)", self.onExplain)
        ui.uncertaintyButton.connect("clicked(bool)", self.onUncertainty)

    def abandon(self) -> None:
        """Stop computing; nothing is shown any more."""
        if self._runner.isRunning:
            self._runner.abandon()
            self._ended()

    def onExplain(self, checked=False):
        """Compute where a classifier looked, and show it over the image."""
        review = self.results.review
        item, className = self.results.explained()

        def end(job):
            self._ended()
            values = self.reporter.attempt(job.result)
            if values is not None and slicer.mrmlScene.IsNodePresent(review.volume):
                name = f"{review.volume.GetName()} saliency of {className}"
                self.reporter.attempt(lambda: self.logic.writeMap(values, review, name))
                said = _("Where the network looked for “{name}” lies over the image.")
                self.reporter.say(said.format(name=className.replace("_", " ")))

        self._start(lambda: self.logic.saliencyWork(review, item, className, self._device()), end)

    def onUncertainty(self, checked=False):
        """Compute how far the results depend on incidentals, and show it over the image."""
        review, device = self.results.review, self._device()
        items = list({item.review.task_id: item for item in review.items}.values())

        def prepared():
            works = [(item, self.logic.uncertaintyWork(review, item, device)) for item in items]
            return lambda progress, cancelled: [(item, work(progress, cancelled)) for item, work in works]

        def end(job):
            self._ended()
            found = self.reporter.attempt(job.result)
            if found is None or not slicer.mrmlScene.IsNodePresent(review.volume):
                return
            said = []
            for item, uncertainty in found:
                if uncertainty.map is not None:
                    name = f"{review.volume.GetName()} uncertainty of {item.review.weight_id}"
                    self.reporter.attempt(lambda u=uncertainty, name=name: self.logic.writeMap(u.map, review, name))
                said.append(f"{item.review.weight_id} {uncertainty.value:.2f}")
            self.reporter.say(_("Uncertainty, 0 (certain) to 1: {values}.").format(values=", ".join(said)))

        self._start(prepared, end)

    def _start(self, prepare, end):
        work = self.reporter.attempt(prepare)
        if work is None:
            return
        self._enable(False)
        self.reporter.say(_("Computing the map…"))
        # While an analysis runs, the bar is its own.
        self._hasBar = not self.ui.progressBar.visible
        if self._hasBar:
            self.ui.progressBar.setFormat("%p %")
            self.ui.progressBar.setValue(0)
            self.ui.progressBar.setVisible(True)
        self._runner.start(work, end, self._onShare)

    def _onShare(self, share):
        if self._hasBar:
            self.ui.progressBar.setValue(round(100 * share))

    def _ended(self):
        if self._hasBar:
            self.ui.progressBar.setVisible(False)
        self._enable(True)

    def _enable(self, enabled):
        self.ui.explainButton.enabled = self.ui.uncertaintyButton.enabled = enabled

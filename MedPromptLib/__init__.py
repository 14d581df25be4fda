"""MedPrompt: a prompt becomes a plan, the plan runs on local weights, the results become nodes in a Slicer scene.

Importing this package is cheap: torch, transformers, slicer and vtk are imported when they are first needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .execution import Report
    from .images import MedicalImage
    from .planner import Verdict
    from .results import Run

__version__ = "0.1.0"


def analyze(
    image: MedicalImage | Sequence[MedicalImage],
    prompt: str,
    *,
    device: str = "auto",
    confirm: Callable[[Verdict], bool] | None = None,
    progress: Report | None = None,
    cancelled: Callable[[], bool] | None = None,
    accept_unusual_input: bool = False,
) -> Run:
    """Do what a prompt asks on an image; see `session.Session.analyze`.

    Example:
        >>> from MedPromptLib import analyze
        >>> from MedPromptLib.images import read_image
        >>> run = analyze(read_image("chest.png"), "Segment the lungs.")  # doctest: +SKIP
    """
    from .session import default_session

    options = {"confirm": confirm, "progress": progress, "cancelled": cancelled}
    given = {name: value for name, value in options.items() if value is not None}
    return default_session().analyze(
        image,
        prompt,
        device=device,
        accept_unusual_input=accept_unusual_input,
        **given,  # type: ignore[arg-type]
    )

"""What the planner tells the user when it leaves something out or runs nothing."""

from __future__ import annotations

from .lexicon import Lexicon

LEFT_OUT = {
    "action": "This is not something a segmentation or classification weight can do, so it is left out.",
    "address": "This is not a request about the image, so it is left out.",
    "unknown": "No installed weight is known by these words, so they are left out.",
}
"""Why words became no task, by the kind of the leftover."""

OTHER_IMAGES = "not for the images named"
"""In the reason for a term whose weight was made for other images than those it was read with."""

NOT_EVALUATED = "No installed weight can evaluate this condition, so what hangs on it is left out."
ONLY_DENIED = "The request only says what not to do, so there is nothing to run."
NOT_A_REQUEST = "This is not a request to segment or classify an image. "
NOTHING_ASKED = "What should be segmented or classified, and on which images? "


def offer(lexicon: Lexicon) -> str:
    """Some of what can be asked for."""
    names = [f"{c.ability.target} on {c.ability.modality}" for c in lexicon.cards[:3]]
    return f"Available are for example: {'; '.join(names)}." if names else "No weight is installed."


def no_such_images(lexicon: Lexicon) -> str:
    """That no weight works on the images named."""
    kinds = ", ".join(dict.fromkeys(c.ability.modality for c in lexicon.cards))
    return f"No installed weight works on these images; available are {kinds}." if kinds else "No weight is installed."

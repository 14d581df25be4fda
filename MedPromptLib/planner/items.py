"""The units a prompt is read into."""

from __future__ import annotations

from dataclasses import dataclass

from .lexicon import Modality


@dataclass(slots=True)
class Item:
    """A unit of meaning.

    Attributes:
        kind: `T` (medical term), `M` (modality or imaged region), `SIDE`, `NUM`, `W` (other word), or the kind of a
            mark or cue.
        form: the cue's form; for `W`: `small`, `ordinary` or `unknown`.
        text: the folded words.
        start, end: place in the prompt.
        concepts: for `T`: possible concepts; for `M`: the structure the image was said to show.
    """

    kind: str
    form: str
    text: str
    start: int
    end: int
    concepts: tuple[str, ...] = ()
    modality: Modality | None = None
    weak: bool = False
    part: bool = False
    """One word out of a card's longer name."""
    number: float = 0.0

    @property
    def is_small(self) -> bool:
        """A word without content, skipped when two items are tested for being neighbours."""
        return self.kind == "W" and self.form == "small"

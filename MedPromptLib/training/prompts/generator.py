"""Renders prompts with their readings: a template, terms drawn anew, joined, noised, spans tracked by character.

The terms of each example are drawn from large lists, composed ("lump in the left adrenal gland") or made up
("zorvane membrane"), so that a model can learn to read and to copy, never to know one catalogue by heart.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...planner.lines import Line, LineCondition
from .bank import LANGUAGES, SLOT, TERM_SLOTS, Bank, Form, Template, bank, spans_of
from .noise import UNSPACED, Text, noised

Placed = tuple[Line, dict[str, tuple[int, int]]]
"""A line as the template has it, and where each of its spans stands in the text."""

Filled = tuple[Text, list[Placed]]

_SHARE = {"en": 0.72, "es": 0.055, "de": 0.055, "fr": 0.055, "pt": 0.045, "zh": 0.04, "ja": 0.03}
"""Share of each language among the prompts."""

_VOWEL = re.compile(r"[aeioAEIO](?!ne\b)|[uU](?!ni|se|re|te|S\b)|hour|[xX]-|[FHLMNRSX][A-Z]{1,4}\b")
"""Words that take "an"; capitals are spelt out ("an MRI")."""

_LOUD = ("?", "!", "？", "！")
_JOINS = {
    "en": (". ", ". ", ". ", "\n", "; ", ". Also, ", ". Then ", ". After that, ", " - ", ". And "),
    "es": (". ", "; ", ". Además, ", "\n"),
    "de": (". ", "; ", ". Außerdem: ", "\n"),
    "fr": (". ", "; ", ". Ensuite, ", "\n"),
    "pt": (". ", "; ", ". Depois, ", "\n"),
    "zh": ("。", "；", "。然后", "\n"),
    "ja": ("。", "。次に、", "\n"),
}
_LESION_NOUNS = (
    "lesion",
    "mass",
    "tumour",
    "tumor",
    "nodule",
    "cyst",
    "lump",
    "growth",
    "metastasis",
    "abscess",
    "hematoma",
)
_SIDES = (
    "left",
    "right",
    "left",
    "right",
    "anterior",
    "posterior",
    "upper",
    "lower",
    "medial",
    "lateral",
    "distal",
    "proximal",
)
_HEADS = ("head", "tail", "body", "neck", "wall", "tip", "base", "apex", "capsule", "isthmus")
_SYLLABLES = (
    "vor",
    "zan",
    "tel",
    "mir",
    "quo",
    "bel",
    "dra",
    "fen",
    "gly",
    "hep",
    "ist",
    "jor",
    "kel",
    "lum",
    "nar",
    "oph",
    "pri",
    "rex",
    "sul",
    "thy",
    "und",
    "vex",
    "wil",
    "xan",
    "yst",
    "zor",
    "cor",
    "dis",
    "epi",
    "oste",
)
_NAME_ENDS = (
    "al body",
    "ic ligament",
    "oid plexus",
    "ar fold",
    "ine node",
    "al duct",
    "or muscle",
    "ian bundle",
    "um",
    "a",
    "is",
    "oma",
    "itis",
    "osis",
    "ectasia",
    " sign",
    " device",
    " clip",
    " stent",
    " catheter",
    " artefact",
    " cells",
)


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt and the lines that read it."""

    prompt: str
    lines: tuple[Line, ...]
    language: str
    source: str

    @property
    def reading(self) -> str:
        """The lines as text."""
        return "\n".join(map(str, self.lines))


class Generator:
    """An endless, reproducible stream of examples.

    Args:
        seed: of the stream.
        noise: probability that a prompt gets slips of typing, case or punctuation.
        joined: probability that a prompt is made of two templates.
    """

    def __init__(self, seed: int = 0, noise: float = 0.45, joined: float = 0.18) -> None:
        self.random = random.Random(seed)
        self.noise, self.joined = noise, joined

    def __iter__(self) -> Iterator[Example]:
        while True:
            yield self.example()

    def example(self) -> Example:
        """One example."""
        while True:
            language = self.random.choices(LANGUAGES, [_SHARE[code] for code in LANGUAGES])[0]
            made = self._example(bank(language))
            if made is not None and len(made.prompt) <= 600:
                return made

    # -- composing ----------------------------------------------------------------------------------------------------

    def _example(self, words: Bank) -> Example | None:
        draw = self.random
        template, source = self._template(words)
        taken: set[str] = set()
        filled = self._filled(words, template, taken)
        if filled is None:
            return None
        text, lines = filled
        if lines and len(lines) < 4 and draw.random() < self.joined:
            more = self._filled(words, self._template(words)[0], taken)
            if more is not None and more[1] and len(lines) + len(more[1]) < 7 and _asks(lines) and _asks(more[1]):
                text, lines = self._joined(words.language, text, lines, *more)
        if draw.random() < 0.22:
            text, lines = self._opened(words, text, lines)
        if draw.random() < 0.16:
            text = self._closed(words, text)
        if draw.random() < self.noise:
            text = noised(text, draw, words.language)
        built = [self._line(line, spans, text) for line, spans in lines or [(Line("ask"), {})]]
        if None in built:
            return None
        return Example(text.chars, tuple(line for line in built if line is not None), words.language, source)

    def _joined(self, language: str, text: Text, lines: list[Placed], more: Text, its: list[Placed]) -> Filled:
        """Two requests in one prompt; the numbers of the second one's lines go on from the first's."""
        join = self.random.choice(_JOINS[language])
        if text.chars.endswith(_LOUD):
            join = " " if language not in UNSPACED else ""
        else:
            text = text.rstrip(" .。;；,")
        count = sum(line.is_task for line, _ in lines)
        offset = len(text.chars) + len(join)
        moved = [(_renumbered(line, count), _shifted(spans, offset)) for line, spans in its]
        return Text.of(text.chars + join + more.chars), [*lines, *moved]

    def _opened(self, words: Bank, text: Text, lines: list[Placed]) -> Filled:
        """With words before the request ("hi, could you please")."""
        opener = self.random.choice(words.terms["openers"]).forms[0].text
        if not opener.endswith((" ", "，", "、", "。", "：")) and words.language not in UNSPACED:
            opener += " "
        first = text.chars
        capital = first[:1].isupper() and not first[1:2].isupper() and words.language != "de"
        if capital and opener.rstrip()[-1:] not in ".!?。":
            first = first[0].lower() + first[1:]
        return Text.of(opener + first), [(line, _shifted(spans, len(opener))) for line, spans in lines]

    def _closed(self, words: Bank, text: Text) -> Text:
        """With words after the request (", thanks")."""
        closer = self.random.choice(words.terms["closers"]).forms[0].text
        body = text.chars if text.chars.endswith(_LOUD) else text.chars.rstrip(" .。")
        spaced = closer.startswith((" ", ",", ".", "，", "。", "!", "、", ";", "-", "—")) or words.language in UNSPACED
        return Text.of(body + ("" if spaced else " ") + closer)

    def _template(self, words: Bank) -> tuple[Template, str]:
        files = list(words.templates)
        weights = [len(words.templates[f]) for f in files]
        name = self.random.choices(files, weights)[0]
        return self.random.choice(words.templates[name]), name

    # -- filling ------------------------------------------------------------------------------------------------------

    def _filled(self, words: Bank, template: Template, taken: set[str]) -> Filled | None:
        """A template with terms in its slots, and where each span of its lines stands; without noise."""
        forms = self._forms(words, template, taken)
        text = ""
        places: dict[str, int] = {}
        at = 0
        for match in SLOT.finditer(template.text):
            text += template.text[at : match.start()]
            at = match.end()
            *lead, slot = match[1].split()
            form = forms[slot]
            if lead == ["is"]:
                text += "are" if form.plural else "is"
            elif lead == ["it"]:
                text += "them" if form.plural else "it"
            else:
                text += {"a": _article(form), "the": "the "}.get("".join(lead), "")
                places.setdefault(slot, len(text))
                text += form.text
        text += template.text[at:]
        if text[:1].islower() and self.random.random() < 0.5:
            text = text[0].upper() + text[1:]
        lines: list[Placed] = []
        for line in template.reading:
            spans: dict[str, tuple[int, int]] = {}
            for span in spans_of(line):
                written = SLOT.sub(lambda m: forms[m[1]].text, span)
                slot_first = SLOT.match(span)
                start = places[slot_first[1]] if slot_first else _find(text, written)
                if start is None or text[start : start + len(written)].lower() != written.lower():
                    return None
                spans[span] = (start, start + len(written))
            lines.append((line, spans))
        return Text.of(text), lines

    def _forms(self, words: Bank, template: Template, taken: set[str]) -> dict[str, Form]:
        """A form for every slot, no term twice."""
        draw = self.random
        forms: dict[str, Form] = {}
        if template.slots & {"T", "K", "K2"}:
            typed = draw.choice(words.terms["typed"])
            first, second = draw.sample(typed.types, 2)
            forms = {"T": draw.choice(typed.forms), "K": draw.choice(first), "K2": draw.choice(second)}
        for slot in sorted(template.slots - {"T", "K", "K2"}):
            for _ in range(6):
                forms[slot] = self._term(words, slot)
                if forms[slot].text.lower() not in taken:
                    break
            taken.add(forms[slot].text.lower())
        return forms

    def _term(self, words: Bank, slot: str) -> Form:
        draw, section = self.random, TERM_SLOTS.get(slot, slot)
        if words.language == "en" and slot in "ABCFGL":
            chance = draw.random()
            if chance < 0.06:
                return self._made_up()
            if chance < 0.16 and slot in "ABC":
                return self._composed_structure(words)
            if chance < 0.24 and slot == "L":
                return self._composed_lesion(words)
            if chance < 0.12 and slot in "ABC":
                section = "lesions"
            if chance > 0.85 and slot in "FG":
                section = "lesions"
        return self._choice(draw.choice(words.terms[section]).forms)

    def _choice(self, forms: tuple[Form, ...]) -> Form:
        return self.random.choice(forms)

    def _made_up(self) -> Form:
        stem = "".join(self.random.sample(_SYLLABLES, self.random.choice((2, 2, 3))))
        return Form(stem + self.random.choice(_NAME_ENDS))

    def _composed_structure(self, words: Bank) -> Form:
        base = self._choice(self.random.choice(words.terms["structures"]).forms)
        if self.random.random() >= 0.6:
            return Form(f"{self.random.choice(_HEADS)} of the {base.text}")
        sided = replace(base, text=f"{self.random.choice(_SIDES)} {base.text}")
        return base if base.text.split()[0] in _SIDES else sided

    def _composed_lesion(self, words: Bank) -> Form:
        organ = self._choice(self.random.choice(words.terms["structures"]).forms)
        noun = self.random.choice(_LESION_NOUNS)
        if organ.plural or self.random.random() < 0.4:
            return Form(f"{noun} in the {organ.text}")
        return Form(f"{organ.text} {noun}")

    def _line(self, line: Line, spans: dict[str, tuple[int, int]], text: Text) -> Line | None:
        def copied(span: str) -> str:
            return text.between(*spans[span]).strip(" .,;:!?\"'()[]。，、；：？！（）「」\n")

        try:
            made = replace(
                line,
                spans=tuple(map(copied, line.spans)),
                image=copied(line.image) if line.image else "",
                conditions=tuple(replace(c, span=copied(c.span)) if c.span else c for c in line.conditions),
            )
        except ValueError:
            return None
        if any(not s or "\n" in s for s in (*made.spans, *([made.image] if line.image else []))):
            return None
        return made


def _find(text: str, span: str) -> int | None:
    """Where a span stands as whole words, whatever its case."""
    low, wanted = text.lower(), span.lower()
    at = low.find(wanted)
    while at >= 0:
        before, after = low[at - 1 : at], low[at + len(wanted) : at + len(wanted) + 1]
        if not (_latin(before) and _latin(wanted[0])) and not (_latin(after) and _latin(wanted[-1])):
            return at
        at = low.find(wanted, at + 1)
    return None


def _latin(char: str) -> bool:
    return bool(char) and char.isalnum() and ord(char) < 0x2E80


def _shifted(spans: dict[str, tuple[int, int]], by: int) -> dict[str, tuple[int, int]]:
    return {span: (start + by, end + by) for span, (start, end) in spans.items()}


def _renumbered(line: Line, by: int) -> Line:
    return replace(
        line,
        within=line.within + by if line.within else 0,
        conditions=tuple(LineCondition(c.line + by, c.relation, c.span) for c in line.conditions),
    )


def _asks(lines: list[Placed]) -> bool:
    return any(line.is_task for line, _ in lines)


def _article(form: Form) -> str:
    if form.plural or form.mass:
        return ""
    return "an " if _VOWEL.match(form.text) else "a "

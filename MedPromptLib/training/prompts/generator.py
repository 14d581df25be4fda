"""Renders prompts with their readings: a template, terms drawn anew, joined, noised, spans tracked by character.

The terms of each example are drawn from large lists, composed ("lump in the left adrenal gland") or made up
("zorvane membrane"), so that a model can learn to read and to copy, never to know one catalogue by heart.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...planner.lines import TASK_VERBS, Line, LineCondition, parse_line
from .bank import LANGUAGES, Bank, Form, Template, bank
from .noise import Text, noised

_SLOT = re.compile(r"\{([^{}]*)\}")
_SHARE = {"en": 0.72, "es": 0.055, "de": 0.055, "fr": 0.055, "pt": 0.045, "zh": 0.04, "ja": 0.03}
"""Share of each language among the prompts."""

_VOWEL = re.compile(r"^(?:[aeio]|u(?!ni|se|re|te)|hour|MRI|MR |X-|x-|FLAIR|LV|RV|SWI|XR|ECG|ECHO|US\b(?!)|[AEFHILMNORSX][A-Z]{1,4}\b)")
_JOINS = {
    "en": (". ", ". ", ". ", "\n", "; ", ". Also, ", ". Then ", ". After that, ", " - ", ". And "),
    "es": (". ", "; ", ". Además, ", "\n"),
    "de": (". ", "; ", ". Außerdem: ", "\n"),
    "fr": (". ", "; ", ". Ensuite, ", "\n"),
    "pt": (". ", "; ", ". Depois, ", "\n"),
    "zh": ("。", "；", "。然后", "\n"),
    "ja": ("。", "。次に、", "\n"),
}
_LESION_NOUNS = ("lesion", "mass", "tumour", "tumor", "nodule", "cyst", "lump", "growth", "metastasis", "abscess", "hematoma")
_SIDES = ("left", "right", "left", "right", "anterior", "posterior", "upper", "lower", "medial", "lateral", "distal", "proximal")
_HEADS = ("head", "tail", "body", "neck", "wall", "tip", "base", "apex", "capsule", "isthmus")
_SYLLABLES = ("vor", "zan", "tel", "mir", "quo", "bel", "dra", "fen", "gly", "hep", "ist", "jor", "kel", "lum", "nar", "oph",
              "pri", "rex", "sul", "thy", "und", "vex", "wil", "xan", "yst", "zor", "cor", "dis", "epi", "oste")
_NAME_ENDS = ("al body", "ic ligament", "oid plexus", "ar fold", "ine node", "al duct", "or muscle", "ian bundle", "um", "a", "is",
              "oma", "itis", "osis", "ectasia", " sign", " device", " clip", " stent", " catheter", " artefact", " cells")


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
        text, lines = self._filled(words, template, taken)
        if text is None:
            return None
        if not lines:
            lines = [(Line("ask"), {})]
        if draw.random() < self.joined and len(lines) < 4 and lines:
            second, _ = self._template(words)
            more, its_lines = self._filled(words, second, taken)
            if more is not None and its_lines and len(lines) + len(its_lines) < 7 and not (_idle(lines) and _idle(its_lines)):
                text = text.rstrip(" .。;；,") if not text.chars.rstrip().endswith(("?", "!", "？", "！")) else text
                join = draw.choice(_JOINS[words.language])
                if text.chars.endswith(("?", "!", "？", "！")):
                    join = " " if words.language not in ("zh", "ja") else ""
                offset = len(text.chars) + len(join)
                count = sum(line.verb in TASK_VERBS for line, _ in lines)
                text = text + join + more
                lines += [(_renumbered(line, count), _shifted(spans, offset)) for line, spans in its_lines]
        if words.terms.get("openers") and draw.random() < 0.22:
            opener = draw.choice(words.terms["openers"]).forms[0].text
            gap = "" if opener.endswith((" ", "，", "、", "。", "：")) else (" " if words.language not in ("zh", "ja") else "")
            lines = [(line, _shifted(spans, len(opener + gap))) for line, spans in lines]
            first = text.chars[:1]
            follows = opener.rstrip()[-1:] not in (".", "!", "?", "。")
            if follows and first.isupper() and not text.chars[1:2].isupper() and words.language != "de":
                text = Text(first.lower() + text.chars[1:], text.owners)
            text = (opener + gap) + text
        if words.terms.get("closers") and draw.random() < 0.16:
            closer = draw.choice(words.terms["closers"]).forms[0].text
            body = text.rstrip(" .。") if not closer.startswith((" ", ".")) or not text.chars.endswith(("?", "!")) else text
            if not closer.startswith((" ", ",", ".", "，", "。", "!", "、", ";", "-", "—")) and words.language not in ("zh", "ja"):
                closer = " " + closer
            text = body + closer
        text = Text(text.chars, list(range(len(text.chars))))
        if draw.random() < self.noise:
            text = noised(text, draw, words.language)
        built = tuple(self._line(line, spans, text) for line, spans in lines)
        if any(line is None for line in built):
            return None
        return Example(text.chars, tuple(line for line in built if line is not None), words.language, source)

    def _template(self, words: Bank) -> tuple[Template, str]:
        files = list(words.templates)
        weights = [len(words.templates[f]) for f in files]
        name = self.random.choices(files, weights)[0]
        return self.random.choice(words.templates[name]), name

    # -- filling ------------------------------------------------------------------------------------------------------

    def _filled(self, words: Bank, template: Template, taken: set[str]) -> tuple[Text | None, list[tuple[Line, dict[str, tuple[int, int]]]]]:
        """The text without noise, and each line with the places of its spans."""
        forms: dict[str, Form] = {}
        typed = self.random.choice(words.terms["typed"]) if template.slots & {"T", "K", "K2"} else None
        if typed is not None:
            forms["T"] = self._choice(typed.forms)
            kinds = self.random.sample(typed.types, min(2, len(typed.types)))
            forms["K"], forms["K2"] = self._choice(kinds[0]), self._choice(kinds[-1])
        for slot in sorted(template.slots - {"T", "K", "K2"}):
            form = self._term(words, slot)
            for _ in range(5):
                if form.text.lower() not in taken:
                    break
                form = self._term(words, slot)
            forms[slot] = form
            taken.add(form.text.lower())
        pieces: list[str] = []
        places: dict[str, list[tuple[int, int]]] = {}
        flat = ""  # the template's text with every `{a F}` written as `{F}`, and where its characters lie in the result
        flat_at: list[int] = []
        length = 0

        def put(written: str, source: str | None = None) -> None:
            nonlocal length, flat
            pieces.append(written)
            for index, char in enumerate(source if source is not None else written):
                flat += char
                flat_at.append(length + (index if source is None else 0))
            length += len(written)

        at = 0
        for match in _SLOT.finditer(template.text):
            put(template.text[at : match.start()])
            at = match.end()
            parts = match[1].split()
            form = forms[parts[-1]]
            lead = parts[0] if len(parts) > 1 else ""
            if lead == "is":
                put("are" if form.plural else "is")
            elif lead == "it":
                put("them" if form.plural else "it")
            else:
                if lead == "a":
                    put("" if form.plural or form.mass else ("an " if _VOWEL.match(form.text) else "a "))
                elif lead == "the":
                    put("the ")
                written = form.text
                if not "".join(pieces).strip() and words.language not in ("zh", "ja") and written[:1].islower() and template.text[:1] == "{":
                    written = written[:1].upper() + written[1:] if self.random.random() < 0.6 else written
                start = length
                put(written, "{" + parts[-1] + "}")
                places.setdefault(parts[-1], []).append((start, length))
        put(template.text[at:])
        text = "".join(pieces)
        flat_at.append(length)
        lines: list[tuple[Line, dict[str, tuple[int, int]]]] = []
        for raw in template.reading:
            line = parse_line(raw)
            spans: dict[str, tuple[int, int]] = {}
            for span in _spans_of(line):
                where = _find(flat, span)
                if where is None:
                    return None, []
                start = flat_at[where]
                last = where + len(span)
                end = flat_at[last] if last < len(flat_at) else length
                if span.endswith("}"):
                    slot = span[span.rindex("{") + 1 : -1]
                    end = next(e for s, e in places[slot] if e > start)
                spans[span] = (start, end)
            lines.append((line, spans))
        return Text(text, list(range(len(text)))), lines

    def _term(self, words: Bank, slot: str) -> Form:
        section = {"A": "structures", "B": "structures", "C": "structures", "F": "findings", "G": "findings", "L": "lesions",
                   "I": "images", "J": "images", "X": "wishes", "Z": "chatter"}.get(slot, slot)
        draw = self.random
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
        if self.random.random() < 0.6:
            return replace(base, text=f"{self.random.choice(_SIDES)} {base.text}") if base.text.split()[0] not in _SIDES else base
        return Form(f"{self.random.choice(_HEADS)} of the {base.text}")

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
    for source, wanted in ((text, span), (text.lower(), span.lower())):
        at = -1
        while (at := source.find(wanted, at + 1)) >= 0:
            before, after = source[at - 1 : at], source[at + len(wanted) : at + len(wanted) + 1]
            if not (_latin(before) and _latin(wanted[:1])) and not (_latin(after) and _latin(wanted[-1:])):
                return at
    at = text.lower().find(span.lower())
    return at if at >= 0 else None


def _latin(char: str) -> bool:
    return char.isalnum() and ord(char) < 0x2E80


def _spans_of(line: Line) -> tuple[str, ...]:
    return (*line.spans, *((line.image,) if line.image else ()), *(c.span for c in line.conditions if c.span))


def _shifted(spans: dict[str, tuple[int, int]], by: int) -> dict[str, tuple[int, int]]:
    return {span: (start + by, end + by) for span, (start, end) in spans.items()}


def _renumbered(line: Line, by: int) -> Line:
    return replace(
        line,
        within=line.within + by if line.within else 0,
        conditions=tuple(LineCondition(c.line + by, c.relation, c.span) for c in line.conditions),
    )


def _idle(lines: list[tuple[Line, dict[str, tuple[int, int]]]]) -> bool:
    return all(line.verb not in TASK_VERBS for line, _ in lines)

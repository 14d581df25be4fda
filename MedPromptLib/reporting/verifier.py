"""Reads a report back and compares it with the findings: every word has to be accounted for.

The check does not know the sentences of the grammar. It turns each sentence into what it claims (structures, sides,
measures, numbers with units, certainty, negation, place, change) by the language file's words, and looks for one fact
that is exactly that claim. A word it does not know is a reason to reject: what cannot be read cannot be trusted.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .facts import Fact, FindingsSet, Measure, Quantity, Unit
from .grammar import Style
from .languages import Language
from .layout import Block, Line, layout

PUNCTUATION = frozenset(".,;:()（），；：。、")
_CJK = re.compile(r"[㐀-鿿豈-﫿]")
_PRESENCE, _OUTLINE, _LOCATION, _COMPARISON, _MEASUREMENT = (
    "presence",
    "outline",
    "location",
    "comparison",
    "measurement",
)
_ONLY_IN = {
    "certainty": (_PRESENCE,),
    "suggests": (_PRESENCE,),
    "outlined": (_OUTLINE, _MEASUREMENT),
    "place": (_LOCATION,),
    "lies": (_LOCATION,),
    "direction": (_COMPARISON,),
    "time": (_COMPARISON,),
    "earlier": (_COMPARISON,),
    "compared": (_COMPARISON,),
    "change": (_COMPARISON,),
    "interval": (_MEASUREMENT,),
}
"""Words that belong to statements of some kinds, all of which need them unless they are optional."""
_OPTIONAL = ("interval", "earlier", "compared")


@dataclass(frozen=True)
class Problem:
    """Why a text was rejected: the sentence (or what is missing), and the reason."""

    text: str
    reason: str


@dataclass(frozen=True)
class Check:
    """What the verifier found; accepted if there are no problems."""

    problems: tuple[Problem, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the text says what the findings say, all of it and nothing else."""
        return not self.problems


@dataclass(frozen=True)
class Claim:
    """What a sentence or fact says.

    Attributes:
        subjects: structures in order, the first one being what it is about.
        numbers: (text of the number with a decimal point, unit) in order.
        places: words of place in order.
    """

    kind: str
    subjects: tuple[str, ...]
    measure: str = ""
    numbers: tuple[tuple[str, str], ...] = ()
    negated: bool = False
    certainty: str = ""
    places: tuple[str, ...] = ()
    direction: str = ""


class Unreadable(Exception):
    """A sentence has something that cannot be read; the message says what."""


@dataclass
class _Read:
    """Tokens of one sentence, by kind and in order."""

    found: dict[str, list[str]] = field(default_factory=dict)
    numbers: list[tuple[str, str]] = field(default_factory=list)

    def add(self, kind: str, key: str) -> None:
        self.found.setdefault(kind, []).append(key)

    def of(self, kind: str) -> list[str]:
        return self.found.get(kind, [])


Lexicon = dict[str, tuple[str, str]]
"""Phrase in small letters → (kind of token, key)."""


class Verifier:
    """Checks texts in one language against one set of findings."""

    def __init__(self, findings: FindingsSet, style: Style, language: Language, remark: str = "") -> None:
        self.findings, self.language = findings, language
        self.blocks: tuple[Block, ...] = layout(findings, style, language, remark)
        self._lexicon = {**_common_lexicon(language.code), **_subject_lexicon(findings, language)}
        self._longest = max(len(phrase) for phrase in self._lexicon)
        decimal = re.escape(language.data["decimal"])
        group = "," if language.data["decimal"] == "." else r"\."
        self._number = re.compile(
            rf"(?P<sign>[-−]?)(?P<whole>[0-9]{{1,3}}(?:[\u202f\u00a0{group}][0-9]{{3}})+|[0-9]+)"
            rf"(?:{decimal}(?P<fraction>[0-9]+))?"
        )

    # -- whole texts --------------------------------------------------------------------------------------------------

    def check(self, text: str) -> Check:
        """Check a whole report: the frame has to be there word for word, and each body has to say its facts once."""
        lines = [line for line in text.split("\n") if line]
        problems: list[Problem] = []
        at = 0
        for n, block in enumerate(self.blocks):
            if isinstance(block, Line):
                if at < len(lines) and lines[at] == block.text:
                    at += 1
                else:
                    problems.append(Problem(block.text, "this line of the frame is missing or altered"))
                continue
            following = next((b.text for b in self.blocks[n + 1 :] if isinstance(b, Line)), None)
            end = next((m for m in range(at, len(lines)) if lines[m] == following), len(lines))
            problems += self.check_body(lines[at:end], block.facts).problems
            at = end
        problems += [Problem(line, "nothing belongs here") for line in lines[at:]]
        return Check(tuple(problems))

    def check_body(self, lines: Iterable[str], facts: Sequence[Fact]) -> Check:
        """Check the sentences that stand for some facts."""
        problems: list[Problem] = []
        left = list(facts)
        about: str | None = None
        for sentence in (s for line in lines for s in self._sentences(line)):
            try:
                claim = self.read(sentence, about)
            except Unreadable as reason:
                problems.append(Problem(sentence, str(reason)))
                about = None
                continue
            about = claim.subjects[0] if claim.subjects else None
            said = next((f for f in left if claim in claims_of(f, self.language)), None)
            if said is not None:
                left.remove(said)
                about = self.language.forms(said.subject).bare
            elif any(claim in claims_of(f, self.language) for f in facts):
                problems.append(Problem(sentence, "this is said more than once"))
            else:
                problems.append(Problem(sentence, "this is not in the findings"))
        problems += [Problem(_described(f), "this finding is not in the text") for f in left]
        return Check(tuple(problems))

    def _sentences(self, line: str) -> list[str]:
        ends = r"(?<=。)" if not self.language.spaced else r"(?<=[.])\s+"
        parts = [part.strip() for part in re.split(ends, line)]
        return [part for part in parts if part]

    # -- one sentence -------------------------------------------------------------------------------------------------

    def read(self, sentence: str, about: str | None = None) -> Claim:
        """What a sentence claims.

        Args:
            about: the subject of the sentence before, for a pronoun.

        Raises:
            Unreadable: a word, mark or combination that the check does not know.
        """
        if not sentence.endswith(("。",) if not self.language.spaced else (".",)):
            raise Unreadable("the sentence has no end")
        tokens = self._tokens(sentence, about)
        negations = len(tokens.of("not"))
        if negations > 1:
            raise Unreadable("it negates more than once")
        subjects = tuple(dict.fromkeys(tokens.of("subject")))
        measures = tuple(dict.fromkeys(tokens.of("measure")))
        certainties = tokens.of("level")
        directions = tokens.of("direction")
        if max(len(measures), len(certainties), len(directions)) > 1:
            raise Unreadable("it says several things at once")
        if bool(certainties) != bool(tokens.of("certainty")):
            raise Unreadable("a certainty is incomplete")
        kind = self._kind(tokens, measures)
        for token, kinds in _ONLY_IN.items():
            said = bool(tokens.of(token))
            if said and kind not in kinds:
                raise Unreadable(f"it mixes a {kind} with something else")
            if not said and kinds == (kind,) and token not in _OPTIONAL:
                raise Unreadable(f"it is an incomplete {kind}")
        if max(len(tokens.of(once)) for once in ("suggests", "earlier", "compared", "change")) > 1 or (
            kind == _COMPARISON and tokens.of("time") != ["now", "before"]
        ):
            raise Unreadable("its parts do not fit together")
        if tokens.of("interval") and len(tokens.numbers) != 3:
            raise Unreadable("an interval is incomplete")
        if kind == _MEASUREMENT and len(tokens.numbers) == 3 and not tokens.of("interval"):
            raise Unreadable("three numbers, and no word says that two are an interval")
        return Claim(
            kind=kind,
            subjects=subjects,
            measure=measures[0] if measures and kind in (_MEASUREMENT, _COMPARISON) else "",
            numbers=tuple(tokens.numbers),
            negated=negations == 1,
            certainty=certainties[0] if certainties else "",
            places=tuple(tokens.of("place")),
            direction=directions[0] if directions else "",
        )

    def _kind(self, tokens: _Read, measures: tuple[str, ...]) -> str:
        if measures == (Measure.PROBABILITY.value,):
            return _PRESENCE
        if measures:
            return _COMPARISON if tokens.of("direction") else _MEASUREMENT
        if tokens.of("lies"):
            return _LOCATION
        if tokens.of("outlined"):
            return _OUTLINE
        raise Unreadable("it is not a statement that findings can have")

    def _tokens(self, sentence: str, about: str | None) -> _Read:
        read, at, small = _Read(), 0, sentence.lower()
        if len(small) != len(sentence):
            raise Unreadable("it has letters that cannot be read")
        pending: tuple[str, int] | None = None  # a number that waits for its unit
        while at < len(sentence):
            character = sentence[at]
            if character in " \u202f\u00a0":
                at += 1
                continue
            number = self._number.match(sentence, at)
            if number and not (at and sentence[at - 1].isalnum() and not _CJK.match(sentence[at - 1])):
                if pending is not None:
                    read.numbers.append((pending[0], ""))
                pending, at = (_plain_number(number), number.end()), number.end()
                continue
            phrase = self._phrase(small, at)
            if phrase is None and character in PUNCTUATION:
                kind, key, length = "mark", "", 1
            elif phrase is None:
                word = re.match(r"[^\s.,;:()]+", sentence[at:])
                raise Unreadable(f"“{word[0] if word else character}” is not a word of the findings")
            else:
                (kind, key), length = self._lexicon[phrase], len(phrase)
            if kind == "unit":
                if pending is None or sentence[pending[1] : at].strip(" \u202f\u00a0"):
                    raise Unreadable(f"the unit {key} has no number")
                read.numbers.append((pending[0], key))
                pending = None
            else:
                if pending is not None:
                    read.numbers.append((pending[0], ""))
                    pending = None
                if kind == "pronoun":
                    if about is None:
                        raise Unreadable("a pronoun stands for nothing")
                    read.add("subject", about)
                else:
                    read.add(kind, key)
            at += length
        return read

    def _phrase(self, small: str, at: int) -> str | None:
        """The longest known phrase that begins here and ends at the end of a word."""
        if at and _in_word(small, at - 1) and _in_word(small, at):
            return None
        for length in range(min(self._longest, len(small) - at), 0, -1):
            candidate = small[at : at + length]
            if candidate in self._lexicon and not (
                _in_word(small, at + length - 1) and at + length < len(small) and _in_word(small, at + length)
            ):
                return candidate
        return None


def verify(text: str, findings: FindingsSet, style: Style, language: Language, remark: str = "") -> Check:
    """Check a report against the findings it was made from."""
    return Verifier(findings, style, language, remark).check(text)


def claims_of(fact: Fact, language: Language) -> tuple[Claim, ...]:
    """The claims that say a fact: with its interval and without, where a subject is understood also without that."""
    about = language.forms(fact.subject).bare
    quantity = fact.quantity
    if fact.kind == _PRESENCE and quantity is not None:
        return (
            Claim(
                _PRESENCE,
                (about,),
                numbers=(_shown(quantity, quantity.value),),
                negated=not fact.present,
                certainty=fact.certainty or "",
            ),
        )
    if fact.kind == _OUTLINE:
        return (Claim(_OUTLINE, (about,), negated=not fact.present),)
    if fact.kind == _LOCATION and fact.location is not None:
        place = fact.location
        subjects = (about, language.forms(place.within).bare) if place.within else (about,)
        frame = "picture" if place.frame == "image" else "patient"
        words = [f"vertical {place.vertical}"] if place.vertical else []
        words += [f"{frame} {place.horizontal}"] if place.horizontal else []
        return (Claim(_LOCATION, subjects, places=tuple(words)),)
    assert quantity is not None
    value = _shown(quantity, quantity.value)
    if fact.kind == _COMPARISON and fact.change is not None:
        change = (_number_text(round(fact.change.percent, 1), 1), Unit.PERCENT.value)
        numbers: tuple[tuple[str, str], ...] = (value, _shown(fact.change.before, fact.change.before.value), change)
        return (
            Claim(
                _COMPARISON,
                (about,),
                measure=quantity.measure.value,
                numbers=numbers,
                negated=False,
                direction=fact.change.direction,
            ),
        )
    several: list[tuple[tuple[str, str], ...]] = [(value,)]
    if quantity.low is not None and quantity.high is not None:
        several.append((value, _shown(quantity, quantity.low), _shown(quantity, quantity.high)))
    understood = ((about,), ()) if quantity.measure is Measure.CARDIOTHORACIC_RATIO else ((about,),)
    return tuple(
        Claim(_MEASUREMENT, subjects, measure=quantity.measure.value, numbers=numbers)
        for subjects in understood
        for numbers in several
    )


def _shown(quantity: Quantity, value: float) -> tuple[str, str]:
    return _number_text(quantity.shown(value), quantity.decimals), quantity.unit.value


def _number_text(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if not float(text) else text


def _plain_number(match: re.Match[str]) -> str:
    whole = re.sub(r"[^0-9]", "", match["whole"])
    sign = "-" if match["sign"] else ""
    return f"{sign}{whole}.{match['fraction']}" if match["fraction"] else f"{sign}{whole}"


def _in_word(text: str, at: int) -> bool:
    """Whether a character is part of a word that is written without gaps (Chinese ones stand alone)."""
    return text[at].isalnum() and not _CJK.match(text[at])


def _described(fact: Fact) -> str:
    what = fact.quantity.measure.value if fact.quantity else fact.kind
    return f"{fact.subject.words}: {what}"


@functools.cache
def _common_lexicon(code: str) -> Lexicon:
    """What a language's words mean, whatever the findings; a phrase with two meanings would be a defect of the file."""
    from .languages import language

    data = language(code)
    words = data.table("words")
    out: Lexicon = {phrase.lower(): ("filler", "") for phrase in words["filler"]}

    def put(phrase: str, kind: str, key: str) -> None:
        out[phrase.lower()] = (kind, key)

    for kind in (
        "not",
        "suggests",
        "outlined",
        "pronoun",
        "certainty",
        "interval",
        "lies",
        "earlier",
        "compared",
        "change",
    ):
        for phrase in words[kind]:
            put(phrase, kind, kind)
    for direction in ("larger", "smaller", "unchanged"):
        for phrase in words[direction]:
            put(phrase, "direction", direction)
    for time in ("now", "before"):
        for phrase in words[time]:
            put(phrase, "time", time)
    for level, phrase in data.table("certainty").items():
        put(phrase, "level", level)
    for name, phrases in data.table("measures").items():
        for phrase in phrases:
            put(phrase, "measure", name)
    for table, frame in (("vertical", "vertical"), ("patient_side", "patient"), ("picture_side", "picture")):
        for key, phrase in data.table(table).items():
            put(phrase, "place", f"{frame} {key}")
    for unit in Unit:
        if unit is not Unit.NONE:
            put(data.unit(unit), "unit", unit.value)
    return out


def _subject_lexicon(findings: FindingsSet, language: Language) -> Lexicon:
    """The words for what the findings are about; other structures are unknown words."""
    out: Lexicon = {}
    subjects = [f.subject for f in findings.facts]
    subjects += [f.location.within for f in findings.facts if f.location and f.location.within]
    for subject in subjects:
        for surface in language.forms(subject).surfaces:
            # Two names for one thing (a class and its target) are one thing in words.
            out[surface.lower()] = ("subject", language.forms(subject).bare)
    return out

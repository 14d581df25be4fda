"""Measures the check: generated findings, reports worded at random, corrupted reports, and a second reader.

The second reader (`audit`) shares nothing with the verifier but the language files: it collects numbers, sides,
structures and words of certainty from an accepted text and compares them with the findings as sets.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .corrupting import MUTATIONS, Sentence, as_text, sentences_of
from .facts import (
    Change,
    Fact,
    FindingsSet,
    Location,
    Measure,
    NotDone,
    Quantity,
    Remark,
    Side,
    Source,
    Subject,
    Unit,
    certainty_of,
)
from .grammar import STYLES, Style, sentences
from .languages import CODES, Language, language
from .prose import ChoosingWriter, FreeWriter, Writer, paragraphs
from .verifier import Verifier
from .writing import Report, write_report

ORGANS = ("lung", "kidney", "hippocampus")
SINGLE = ("heart", "liver", "spleen", "retinal vessels", "optic cup", "left atrium wall")
LESIONS = ("breast lesion", "polyp", "skin lesion", "brain tumor", "adrenal mass")
QUESTIONS = ("pneumonia", "tuberculosis", "glaucoma", "lung nodule", "malignant", "covid-19", "viral_pneumonia")
SHA = "0" * 64


def generated(random_: random.Random) -> FindingsSet:
    """A findings set as a run could give, drawn at random: any mixture of answers, sizes, places and comparisons."""
    facts: list[Fact] = []
    spacing, volume = random_.random() < 0.7, random_.random() < 0.4
    prior = random_.random() < 0.4
    source = Source(task_id=1, node="1_some_weight.seg.nrrd", weight_id="some_weight", weight_sha256=SHA)

    def add(kind: str, subject: Subject, **more: Any) -> None:
        facts.append(Fact(id=f"f{len(facts) + 1}", kind=kind, subject=subject, source=source, **more))  # type: ignore[arg-type]

    for name in random_.sample(QUESTIONS, random_.randint(0, 2)):
        p = random_.choice((random_.random(), random_.random() ** 4, 1 - random_.random() ** 4))
        present = p >= 0.4
        add(
            "presence",
            Subject(name=name),
            present=present,
            certainty=certainty_of(p if present else 1 - p),
            quantity=Quantity(measure=Measure.PROBABILITY, value=100 * p, unit=Unit.PERCENT, uncertainty="generated"),
        )
    organs = [Subject(name=n, side=s) for n in random_.sample(ORGANS, random_.randint(0, 2)) for s in Side]
    organs += [Subject(name=n) for n in random_.sample(SINGLE, random_.randint(0, 2))]
    lesions = [Subject(name=n) for n in random_.sample(LESIONS, random_.randint(0 if facts or organs else 1, 2))]
    for subject in (*organs, *lesions):
        found = random_.random() < 0.85
        add("outline", subject, present=found)
        if not found:
            continue
        for quantity in _sizes(random_, spacing, volume):
            add("measurement", subject, quantity=quantity)
        if subject in lesions:
            add("location", subject, location=_location(random_, organs))
        if subject.name == "heart" and not volume:
            add("measurement", subject, quantity=_quantity(random_, Measure.CARDIOTHORACIC_RATIO, Unit.NONE, 0.3, 0.7))
    for name in {s.name for s in organs if s.side}:
        add("measurement", Subject(name=name), quantity=_quantity(random_, Measure.ASYMMETRY, Unit.PERCENT, -60, 60))
    if prior:
        for fact in [f for f in facts if f.quantity and f.quantity.measure in (Measure.AREA, Measure.VOLUME)]:
            assert fact.quantity is not None
            if fact.quantity.unit not in (Unit.PIXELS, Unit.VOXELS):
                add("comparison", fact.subject, quantity=fact.quantity, change=_change(random_, fact.quantity))
    remarks = [Remark(kind="no_spacing")] if not spacing else []
    return FindingsSet(
        image=random_.choice(("film", "CR CHEST", "scan 12 (left)", "subject 7, 2024")),
        examination=random_.choice((None, "chest x-ray", "ct", "fundus photograph")),
        spacing_known=spacing,
        prompt=random_.choice(("segment it", "segment it and recommend a treatment")),
        facts=tuple(facts),
        not_done=(NotDone(what="the spine", reason="No weight does 3 of it."),) if random_.random() < 0.3 else (),
        remarks=tuple(remarks),
        prior="earlier" if prior else None,
    )


def _quantity(random_: random.Random, measure: Measure, unit: Unit, low: float, high: float) -> Quantity:
    value = random_.uniform(low, high)
    spread = abs(value) * random_.uniform(0.02, 0.2)
    return Quantity(
        measure=measure, value=value, unit=unit, low=value - spread, high=value + spread, uncertainty="generated"
    )


def _sizes(random_: random.Random, spacing: bool, volume: bool) -> Iterator[Quantity]:
    wide = 10 ** random_.uniform(0.5, 3)
    if spacing:
        size = (Measure.VOLUME, Unit.ML) if volume else (Measure.AREA, random_.choice((Unit.CM2, Unit.MM2)))
    else:
        size = (Measure.VOLUME, Unit.VOXELS) if volume else (Measure.AREA, Unit.PIXELS)
        wide *= 100
    yield _quantity(random_, *size, wide / 2, wide)
    yield _quantity(random_, Measure.DIAMETER, Unit.MM if spacing else Unit.PIXELS, 3, 400)
    yield Quantity(measure=Measure.COMPONENTS, value=random_.randint(1, 4), uncertainty="generated")
    for measure in (Measure.MEAN, Measure.MAXIMUM):
        yield Quantity(measure=measure, value=random_.uniform(-900, 3000), uncertainty="generated")


def _location(random_: random.Random, organs: Sequence[Subject]) -> Location:
    verticals: tuple[Literal["upper", "middle", "lower"], ...] = ("upper", "middle", "lower")
    horizontals: tuple[Literal["left", "middle", "right"], ...] = ("left", "middle", "right")
    vertical, horizontal = random_.choice(verticals), random_.choice(horizontals)
    if organs and random_.random() < 0.6:
        within = random_.choice(organs)
        return Location(frame="organ", within=within, vertical=vertical, horizontal=None if within.side else horizontal)
    return Location(frame=random_.choice(("patient", "image")), vertical=vertical, horizontal=horizontal)


def _change(random_: random.Random, now: Quantity) -> Change:
    factor = random_.choice((1.0, random_.uniform(0.4, 0.8), random_.uniform(1.3, 2.5)))
    assert now.low is not None
    assert now.high is not None
    before = now.model_copy(update={"value": now.value / factor, "low": now.low / factor, "high": now.high / factor})
    percent = 100 * (factor - 1)
    return Change(
        before=before,
        percent=percent,
        direction="unchanged" if factor == 1.0 else "larger" if factor > 1 else "smaller",
        prior="earlier",
    )


class RandomWriter:
    """Words each fact in any of its sentences; stands for every choice a model could make under the grammar."""

    name = "random"

    def __init__(self, random_: random.Random) -> None:
        self._random = random_

    def word(self, facts: Sequence[Fact], style: Style, language: Language) -> str:
        """See `prose.Writer`."""
        said: list[str] = []
        previous: Subject | None = None
        for fact in facts:
            said.append(self._random.choice(sentences(fact, style, language, previous)))
            previous = fact.subject
        return paragraphs(facts, said, style, language)


@dataclass
class Outcome:
    """What the bench counted.

    Attributes:
        reports, refused: texts that say the findings, and how many of them the check did not accept.
        strange: accepted texts in which the second reader found something that is not in the findings.
        corrupted, caught: corrupted reports. escaped: those that were accepted, with the kind of corruption.
        worded: per writer, how many reports it was asked for and how many fell back to the template.
    """

    reports: int = 0
    refused: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    corrupted: Counter[str] = field(default_factory=Counter)
    escaped: list[tuple[str, str]] = field(default_factory=list)
    worded: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def caught(self) -> int:
        """Corrupted reports that were rejected."""
        return self.corrupted.total() - len(self.escaped)

    @property
    def held(self) -> bool:
        """Nothing strange let through, nothing true refused, at least 99.5 % of the corruptions caught."""
        enough = self.caught >= 0.995 * self.corrupted.total()
        return not self.refused and not self.strange and enough

    def lines(self) -> Iterator[str]:
        """The report of the bench."""
        yield f"reports worded at random          {self.reports}"
        yield f"  true ones refused               {len(self.refused)}"
        yield f"  let through with something else {len(self.strange)}"
        total = self.corrupted.total()
        share = 100 * self.caught / total if total else 100.0
        yield f"corrupted reports                 {total}, caught {self.caught} ({share:.2f} %)"
        gone = Counter(kind for kind, _ in self.escaped)
        for kind, count in sorted(self.corrupted.items()):
            yield f"  {kind:32}{count - gone[kind]} of {count}"
        for kind, text in self.escaped[:5]:
            yield f"  escaped ({kind}): {text}"
        yield from (f"  refused: {text}" for text in self.refused[:5])
        yield from (f"  something else: {text}" for text in self.strange[:5])
        for name, (asked, fallen) in self.worded.items():
            yield f"{name}: template instead in {fallen} of {asked} reports ({100 * fallen / asked:.0f} %)"


def bench(
    sets: int = 500,
    mutations: int = 2000,
    seed: int = 1,
    prose: int = 0,
    progress: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Word, check and corrupt reports of generated findings in all styles and languages.

    Args:
        sets: generated findings; each is worded in every style and language.
        mutations: corrupted reports that the check has to reject.
        prose: reports that the local language model words, under the grammar and freely.
    """
    random_ = random.Random(seed)
    outcome = Outcome()
    drawn = [generated(random_) for _ in range(sets)]
    places = [(f, style, code) for f in drawn for style in STYLES for code in CODES]
    for n, (findings, style, code) in enumerate(places):
        report = write_report(findings, style, code, RandomWriter(random_))
        outcome.reports += 1
        if report.writer != RandomWriter.name:
            first = report.rejected.problems[0]
            outcome.refused.append(f"{code} {style}: {first.reason} ({first.text})")
        outcome.strange += audit(report)
        if n % 1000 == 999:
            progress(f"{n + 1} of {len(places)} reports")
    while outcome.corrupted.total() < mutations:
        findings, style, code = random_.choice(places)
        report = write_report(findings, style, code, RandomWriter(random_))
        _corrupt(report, random_, outcome)
    writers: tuple[Writer, ...] = (ChoosingWriter(), FreeWriter()) if prose else ()
    for writer in writers:
        chosen = random.Random(seed).sample(places, min(prose, len(places)))
        fallen = 0
        for n, (findings, style, code) in enumerate(chosen):
            report = write_report(findings, style, code, writer)
            fallen += report.writer == "template"
            outcome.strange += audit(report)
            progress(f"{writer.name}: {n + 1} of {len(chosen)}, {fallen} fell back")
        outcome.worded[writer.name] = (len(chosen), fallen)
    return outcome


def _corrupt(report: Report, random_: random.Random, outcome: Outcome) -> None:
    kind = random_.choice(tuple(MUTATIONS))
    said = sentences_of(report)
    changed: list[Sentence] | None = MUTATIONS[kind](said, report, random_)
    if changed is None:
        return
    text = as_text(changed, report)
    if text == report.text:
        return
    outcome.corrupted[kind] += 1
    if Verifier(report.findings, report.style, report.language).check(text).accepted:
        now, before = set(text.split("\n")), set(report.text.split("\n"))
        outcome.escaped.append((kind, " / ".join(sorted(now - before))[:300]))


def audit(report: Report) -> list[str]:
    """What an accepted text has that the findings lack: numbers, sides, structures, degrees of certainty."""
    spoken, chosen = report.language, report.findings
    bodies = " ".join(words for kind, words in report.parts if kind == "body")
    small = bodies.lower()
    problems = []
    decimal = re.escape(spoken.data["decimal"])
    allowed: set[str] = set()
    for fact in chosen.facts:
        for quantity in (fact.quantity, fact.change.before if fact.change else None):
            if quantity is not None:
                values = [v for v in (quantity.value, quantity.low, quantity.high) if v is not None]
                allowed |= {spoken.number(quantity.shown(v), quantity.decimals) for v in values}
        if fact.change is not None:
            allowed.add(spoken.number(round(fact.change.percent, 1), 1))
    names = {spoken.forms(s).bare for s in _subjects(chosen)}
    without_names = small
    for name in sorted(names, key=len, reverse=True):
        without_names = without_names.replace(name.lower(), " ")
    for number in re.findall(rf"−?[0-9](?:[0-9\u202f]*[0-9])?(?:{decimal}[0-9]+)?", without_names):
        if number not in allowed:
            problems.append(f"number {number}")
    surfaces = {surface.lower() for s in _subjects(chosen) for surface in _surfaces(spoken, s)}
    rest = small
    for surface in sorted(surfaces, key=len, reverse=True):
        rest = rest.replace(surface, " ")
    for key in spoken.table("terms"):
        name, _, side = key.partition(".")
        forms = spoken.forms(Subject(name=name, side=Side(side) if side else None))
        if len(forms.bare) > 1 and re.search(_bounded(forms.bare.lower(), spoken), rest):
            problems.append(f"structure {forms.bare}")
    levels = {f.certainty for f in chosen.facts if f.certainty}
    for level, word in spoken.table("certainty").items():
        certain = spoken.table("words")["certainty"][0]
        pattern = rf"{word} {certain}|{certain} {word}" if spoken.spaced else rf"{word}{certain}|{certain}{word}"
        if re.search(pattern, bodies, re.IGNORECASE) and level not in levels:
            problems.append(f"certainty {level}")
    return [f"{spoken.code} {report.style}: {problem}" for problem in problems]


def _subjects(findings: FindingsSet) -> list[Subject]:
    found = [f.subject for f in findings.facts]
    return [*found, *(f.location.within for f in findings.facts if f.location and f.location.within)]


def _surfaces(spoken: Language, subject: Subject) -> frozenset[str]:
    return spoken.forms(subject).surfaces


def _bounded(word: str, spoken: Language) -> str:
    return rf"\b{re.escape(word)}\b" if spoken.spaced else re.escape(word)


__all__ = ["Outcome", "RandomWriter", "audit", "bench", "generated", "language"]

"""Ways to make a report say something that is not so; the check has to notice each of them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from .facts import Fact, Measure, Side, Subject, Unit
from .grammar import sentences
from .languages import Language
from .layout import Body, layout
from .writing import Report


@dataclass(frozen=True)
class Sentence:
    """A sentence of a report's body, or a line of its frame (`fact` is None).

    Attributes:
        line: number of the line it is part of.
    """

    text: str
    line: int
    fact: Fact | None = None


Mutation = Callable[[list[Sentence], Report, random.Random], "list[Sentence] | None"]

INVENTED = {
    "en": (
        "There is a small pleural effusion.",
        "Antibiotics are recommended.",
        "This is a malignant tumor.",
        "The spleen is enlarged.",
        "Surgery should be considered.",
        "The program outlined the pancreas.",
        "The patient is healthy.",
        "No further abnormality is seen.",
        "The area of the liver lobe is 12.0 cm².",
        "A follow-up in 6 months is advised.",
    ),
    "zh": (
        "可见少量胸腔积液。",
        "建议使用抗生素。",
        "这是恶性肿瘤。",
        "脾脏增大。",
        "程序勾画了胰腺。",
        "患者健康。",
        "建议6个月后复查。",
    ),
    "de": (
        "Es besteht ein kleiner Pleuraerguss.",
        "Antibiotika werden empfohlen.",
        "Das ist ein bösartiger Tumor.",
        "Das Programm hat die Bauchspeicheldrüse umrissen.",
        "Die Person ist gesund.",
        "Eine Operation sollte erwogen werden.",
    ),
    "es": (
        "Hay un pequeño derrame pleural.",
        "Se recomiendan antibióticos.",
        "Es un tumor maligno avanzado.",
        "El programa delineó el páncreas.",
        "El paciente está sano.",
        "Debe considerarse una operación.",
    ),
}
CLAUSES = {
    "en": (
        ", in the earlier run",
        ", consistent with cancer",
        ", which is certain",
        " and probably growing",
        ", as expected",
        " approximately",
        ", on both sides",
    ),
    "zh": ("，先前运行", "，符合癌症", "，这是确定的", "，可能在增长", "，约", "，双侧"),
    "de": (
        ", im früheren Lauf",
        ", passend zu Krebs",
        ", was sicher ist",
        " und vermutlich wachsend",
        ", ungefähr",
        ", beidseits",
    ),
    "es": (
        ", en la ejecución anterior",
        ", compatible con cáncer",
        ", lo que es seguro",
        " y probablemente en crecimiento",
        ", aproximadamente",
        ", bilateral",
    ),
}


def sentences_of(report: Report) -> list[Sentence]:
    """A report's sentences with the facts they say, in order."""
    out: list[Sentence] = []
    spoken = report.language
    bodies = [list(b.facts) for b in layout(report.findings, report.style, spoken) if isinstance(b, Body)]
    current: list[Fact] = []
    inside = False
    for number, (kind, words) in enumerate(report.parts):
        if kind != "body":
            out.append(Sentence(words, number))
            inside = False
            continue
        if not inside or not current:
            current = bodies.pop(0)
        inside = True
        ends = r"(?<=。)" if not spoken.spaced else r"(?<=[.])\s+"
        for text in [t for t in re.split(ends, words) if t]:
            out.append(Sentence(text, number, current.pop(0)))
    return out


def as_text(said: list[Sentence], report: Report) -> str:
    """The text of sentences, each on its line."""
    gap = " " if report.language.spaced else ""
    lines: dict[int, list[str]] = {}
    for sentence in said:
        lines.setdefault(sentence.line, []).append(sentence.text)
    return "\n".join(gap.join(lines[number]) for number in sorted(lines))


def _pick(
    said: list[Sentence], random_: random.Random, wanted: Callable[[Sentence], bool] = lambda s: True
) -> int | None:
    fitting = [n for n, s in enumerate(said) if s.fact is not None and wanted(s)]
    return random_.choice(fitting) if fitting else None


def _with(said: list[Sentence], at: int, text: str) -> list[Sentence]:
    return [*said[:at], replace(said[at], text=text), *said[at + 1 :]]


_NUMBER = re.compile(r"[−]?[0-9](?:[0-9\u202f]*[0-9])?(?:[.,][0-9]+)?")


def _numbers(sentence: Sentence) -> list[re.Match[str]]:
    return list(_NUMBER.finditer(sentence.text))


def _in_number(change: Callable[[str, random.Random], str | None]) -> Mutation:
    def mutate(said: list[Sentence], report: Report, random_: random.Random) -> list[Sentence] | None:
        at = _pick(said, random_, lambda s: bool(_numbers(s)))
        if at is None:
            return None
        match = random_.choice(_numbers(said[at]))
        new = change(match[0], random_)
        text = said[at].text
        return None if new is None else _with(said, at, text[: match.start()] + new + text[match.end() :])

    return mutate


def _other_digit(number: str, random_: random.Random) -> str | None:
    at = random_.choice([n for n, c in enumerate(number) if c.isdigit()])
    return number[:at] + random_.choice([d for d in "0123456789" if d != number[at]]) + number[at + 1 :]


def _without_decimals(number: str, _: random.Random) -> str | None:
    return re.sub("[.,]", "", number) if re.search("[.,]", number) else number + "0"


def _other_sign(number: str, _: random.Random) -> str | None:
    return number[1:] if number.startswith("−") else None if not float(re.sub("[^0-9]", "", number)) else "−" + number


def _hidden(number: str, _: random.Random) -> str | None:
    return f"{number[:1]}\u200b9{number[1:]}"


def _replaced(words: Callable[[Sentence, Language], list[tuple[str, list[str]]]]) -> Mutation:
    """Puts another word of the same kind in a sentence."""

    def mutate(said: list[Sentence], report: Report, random_: random.Random) -> list[Sentence] | None:
        at = _pick(said, random_, lambda s: bool(words(s, report.language)))
        if at is None:
            return None
        old, new = random_.choice(words(said[at], report.language))
        text = said[at].text
        found = re.search(re.escape(old), text, re.IGNORECASE)
        if found is None or not new:
            return None
        return _with(said, at, text[: found.start()] + random_.choice(new) + text[found.end() :])

    return mutate


def _units(sentence: Sentence, spoken: Language) -> list[tuple[str, list[str]]]:
    all_ = [spoken.unit(u) for u in Unit if u is not Unit.NONE]
    return [
        (f"\u202f{u}", [f"\u202f{o}" for o in all_ if o != u])
        for u in all_
        if f"\u202f{u}" in sentence.text and not (u == "mm" and "\u202fmm²" in sentence.text)
    ]


def _no_unit(sentence: Sentence, spoken: Language) -> list[tuple[str, list[str]]]:
    return [(old, [""]) for old, _ in _units(sentence, spoken)]


def _table(name: str) -> Callable[[Sentence, Language], list[tuple[str, list[str]]]]:
    def words(sentence: Sentence, spoken: Language) -> list[tuple[str, list[str]]]:
        fact = sentence.fact
        table = spoken.table(name)
        if fact is None:
            return []
        own = {
            "certainty": fact.certainty,
            "vertical": fact.location.vertical if fact.location else None,
            "patient_side": fact.location.horizontal if fact.location and fact.location.frame != "image" else None,
            "picture_side": fact.location.horizontal if fact.location and fact.location.frame == "image" else None,
        }[name]
        return [(table[own], [w for k, w in table.items() if k != own])] if own else []

    return words


def _measures(sentence: Sentence, spoken: Language) -> list[tuple[str, list[str]]]:
    fact = sentence.fact
    if fact is None or fact.quantity is None or fact.kind == "presence":
        return []
    own = [w for w in spoken.table("measures")[fact.quantity.measure.value] if w.lower() in sentence.text.lower()]
    others = [spoken.measure(m) for m in Measure if m not in (fact.quantity.measure, Measure.PROBABILITY)]
    return [(own[0], others)] if own else []


def _subject_forms(
    sentence: Sentence, spoken: Language, wanted: Callable[[Subject, Subject], bool]
) -> list[tuple[str, list[str]]]:
    fact = sentence.fact
    if fact is None:
        return []
    own = spoken.forms(fact.subject)
    known = [
        Subject(name=key.partition(".")[0], side=Side(key.partition(".")[2]) if "." in key else None)
        for key in spoken.table("terms")
    ]
    out = []
    for form in ("s", "of", "inside", "acc", "bare"):
        surface = getattr(own, form)
        if surface.lower() in sentence.text.lower():
            others = [getattr(spoken.forms(o), form) for o in known if wanted(fact.subject, o)]
            out.append((surface, [o for o in others if o.lower() != surface.lower()]))
            break
    return out


def _other_side(sentence: Sentence, spoken: Language) -> list[tuple[str, list[str]]]:
    found = _subject_forms(
        sentence, spoken, lambda a, b: a.name == b.name and None not in (a.side, b.side) and a.side != b.side
    )
    return [pair for pair in found if pair[1]]


def _other_structure(sentence: Sentence, spoken: Language) -> list[tuple[str, list[str]]]:
    return _subject_forms(sentence, spoken, lambda a, b: a.name != b.name)


def _opposite(said: list[Sentence], report: Report, random_: random.Random) -> list[Sentence] | None:
    at = _pick(said, random_, lambda s: s.fact is not None and s.fact.present is not None)
    if at is None:
        return None
    fact = said[at].fact
    assert fact is not None
    turned = fact.model_copy(update={"present": not fact.present})
    return _with(said, at, random_.choice(sentences(turned, report.style, report.language)))


def _negated(said: list[Sentence], report: Report, random_: random.Random) -> list[Sentence] | None:
    at = _pick(said, random_)
    if at is None:
        return None
    word = random_.choice(report.language.table("words")["not"])
    if not report.language.spaced:
        place = random_.randrange(1, len(said[at].text))
        return _with(said, at, said[at].text[:place] + word + said[at].text[place:])
    words = said[at].text.split(" ")
    place = random_.randrange(1, len(words)) if len(words) > 1 else 0
    return _with(said, at, " ".join([*words[:place], word, *words[place:]]))


def _other_direction(said: list[Sentence], report: Report, random_: random.Random) -> list[Sentence] | None:
    at = _pick(said, random_, lambda s: s.fact is not None and s.fact.change is not None)
    if at is None:
        return None
    fact = said[at].fact
    assert fact is not None
    assert fact.change is not None
    other = random_.choice([d for d in ("larger", "smaller", "unchanged") if d != fact.change.direction])
    turned = fact.model_copy(update={"change": fact.change.model_copy(update={"direction": other})})
    return _with(said, at, random_.choice(sentences(turned, report.style, report.language)))


def _swapped_within(said: list[Sentence], report: Report, random_: random.Random) -> list[Sentence] | None:
    """The first two, or the last two, of a sentence's numbers change places."""
    at = _pick(said, random_, lambda s: len(_numbers(s)) >= 2)
    if at is None:
        return None
    found = _numbers(said[at])
    n = random_.randrange(len(found) - 1)
    a, b = found[n], found[n + 1]
    text = said[at].text
    return _with(said, at, text[: a.start()] + b[0] + text[a.end() : b.start()] + a[0] + text[b.end() :])


def _swapped_between(said: list[Sentence], report: Report, random_: random.Random) -> list[Sentence] | None:
    one, two = (_pick(said, random_, lambda s: bool(_numbers(s))) for _ in range(2))
    if one is None or two is None or said[one].fact == said[two].fact:
        return None
    a, b = _numbers(said[one])[0], _numbers(said[two])[0]
    if a[0] == b[0]:
        return None
    first, second = said[one].text, said[two].text
    changed = _with(said, one, first[: a.start()] + b[0] + first[a.end() :])
    return _with(changed, two, second[: b.start()] + a[0] + second[b.end() :])


def _dropped(said: list[Sentence], report: Report, random_: random.Random) -> list[Sentence] | None:
    at = _pick(said, random_)
    return None if at is None else said[:at] + said[at + 1 :]


def _invented(said: list[Sentence], report: Report, random_: random.Random) -> list[Sentence] | None:
    at = _pick(said, random_)
    if at is None:
        return None
    made = Sentence(random_.choice(INVENTED[report.language.code]), said[at].line)
    return [*said[: at + 1], made, *said[at + 1 :]]


def _clause(said: list[Sentence], report: Report, random_: random.Random) -> list[Sentence] | None:
    at = _pick(said, random_)
    if at is None:
        return None
    text = said[at].text
    return _with(said, at, text[:-1] + random_.choice(CLAUSES[report.language.code]) + text[-1])


def _moved(said: list[Sentence], report: Report, random_: random.Random) -> list[Sentence] | None:
    """A sentence about a structure that it does not name goes to another structure's."""
    spoken = report.language

    def unnamed(s: Sentence) -> bool:
        named = s.fact and any(f.lower() in s.text.lower() for f in spoken.forms(s.fact.subject).surfaces)
        ratio = s.fact and s.fact.quantity and s.fact.quantity.measure is Measure.CARDIOTHORACIC_RATIO
        return not named and not ratio

    at = _pick(said, random_, unnamed)
    if at is None:
        return None
    moved = said[at]
    others = [
        n
        for n, s in enumerate(said)
        if s.fact is not None and moved.fact is not None and s.fact.subject != moved.fact.subject
    ]
    if not others:
        return None
    to = random_.choice(others)
    rest = [s for n, s in enumerate(said) if n != at]
    to = rest.index(said[to])
    return [*rest[: to + 1], replace(moved, line=rest[to].line), *rest[to + 1 :]]


def _frame(said: list[Sentence], report: Report, random_: random.Random) -> list[Sentence] | None:
    """A line of the frame is lost, or says more than it did."""
    lines = [n for n, s in enumerate(said) if s.fact is None]
    at = random_.choice(lines)
    if random_.random() < 0.5:
        return said[:at] + said[at + 1 :]
    return _with(said, at, said[at].text + " " + random_.choice(INVENTED[report.language.code]))


MUTATIONS: dict[str, Mutation] = {
    "another digit": _in_number(_other_digit),
    "decimal sign lost or a zero more": _in_number(_without_decimals),
    "sign turned": _in_number(_other_sign),
    "hidden character": _in_number(_hidden),
    "another unit": _replaced(_units),
    "unit lost": _replaced(_no_unit),
    "other side": _replaced(_other_side),
    "another structure": _replaced(_other_structure),
    "another measure": _replaced(_measures),
    "another certainty": _replaced(_table("certainty")),
    "another height": _replaced(_table("vertical")),
    "another side of the patient": _replaced(_table("patient_side")),
    "another side of the picture": _replaced(_table("picture_side")),
    "the opposite": _opposite,
    "a negation more": _negated,
    "another direction of change": _other_direction,
    "numbers swapped in a sentence": _swapped_within,
    "numbers swapped between sentences": _swapped_between,
    "finding left out": _dropped,
    "invented sentence": _invented,
    "clause added": _clause,
    "sentence moved": _moved,
    "frame altered": _frame,
}

__all__ = ["MUTATIONS", "Sentence", "as_text", "sentences_of"]

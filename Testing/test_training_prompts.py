"""The synthetic prompts: their files, that every reading says what its prompt says, and that slips keep the meaning."""

from __future__ import annotations

import random
import re
import shutil
import unicodedata
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from MedPromptLib.planner.lines import TASK_VERBS, Line, parse_lines
from MedPromptLib.training.prompts import bank as bank_module
from MedPromptLib.training.prompts.bank import LANGUAGES, SLOT, TERM_SLOTS, BankBroken, bank, spans_of
from MedPromptLib.training.prompts.generator import Example, Generator
from MedPromptLib.training.prompts.noise import Text, noised

FOLDER = Path(bank_module.__file__).parent
TEMPLATES = sorted((FOLDER / "templates").glob("*.txt"))

Skeleton = tuple[tuple[str, str, int, tuple[tuple[int, str], ...], bool], ...]


# ------------------------------------------------------------------------------------------------------------ the files


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.stem)
def test_every_template_file_is_read_whole(path: Path) -> None:
    written = [t for t in path.read_text(encoding="utf-8").splitlines() if t.strip() and not t.lstrip().startswith("#")]
    read = bank(path.stem.partition("_")[0]).templates[path.stem]
    assert len(read) == len(written) > 0
    assert [t.text for t in read] == [t.rpartition(" => ")[0].strip() for t in written]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_slot_of_a_language_has_terms(language: str) -> None:
    words = bank(language)
    for template in (t for templates in words.templates.values() for t in templates):
        for slot in template.slots - {"T", "K", "K2"}:
            assert words.terms.get(TERM_SLOTS.get(slot, slot)), f"{template.text}: nothing for {slot}"
        if template.slots & {"T", "K", "K2"}:
            assert words.terms["typed"], template.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_template_can_become_a_prompt(language: str) -> None:
    words, generator = bank(language), Generator(3)
    for name, templates in words.templates.items():
        for template in templates:
            assert any(generator._filled(words, template, set()) for _ in range(20)), f"{name}: {template.text}"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Segment the {A}.", "has no ' => '"),
        ("Segment the {Q}. => seg {Q}", "'{Q}' is no slot"),
        ("Segment the {those A}. => seg {A}", "'{those A}' is no slot"),
        ("Segment the {A}. => segment {A}", "'segment' is no verb"),
        ("Segment the {A}. => seg {A} if 1 yes", "refers to line 1"),
        ("Segment the {A}. => seg {B}", "'{B}' does not occur in"),
        ("Segment the {A}. => seg spleen", "'spleen' does not occur in"),
        ("Segment {it A}. => seg {A}", "'{A}' does not occur in"),
        ("Segment the {}. => seg {A}", "'{}' is no slot"),
    ],
)
def test_a_broken_template_line_is_refused_with_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, said: str
) -> None:
    shutil.copytree(FOLDER / "terms", tmp_path / "terms")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "en_mine.txt").write_text(f"# mine\nSegment {{A}} => seg {{A}}\n\n{line}\n")
    monkeypatch.setattr(bank_module, "files", lambda _: tmp_path)
    with pytest.raises(BankBroken) as caught:
        bank.__wrapped__("en")
    assert "en_mine.txt:4: " in str(caught.value)
    assert said in str(caught.value)


def test_a_typed_term_with_one_type_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(FOLDER, tmp_path / "prompts")
    (tmp_path / "prompts" / "terms" / "en.txt").write_text("[typed]\nbrain tumour :: glioma\n")
    monkeypatch.setattr(bank_module, "files", lambda _: tmp_path / "prompts")
    with pytest.raises(BankBroken, match=r"terms/en\.txt.*'brain tumour :: glioma' has fewer than two types"):
        bank.__wrapped__("en")


# --------------------------------------------------------------------------------------------------------- the examples


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    """The first 3,000 examples of a seed."""
    return list(islice(Generator(20261124), 3000))


def test_every_reading_is_in_the_line_format_and_survives_it(examples: list[Example]) -> None:
    for example in examples:
        assert parse_lines(example.reading) == example.lines, example


def test_every_span_occurs_in_its_prompt_as_whole_words(examples: list[Example]) -> None:
    for example in examples:
        for span in (s for line in example.lines for s in spans_of(line)):
            assert span == span.strip() != ""
            before = r"(?<![A-Za-z0-9À-ɏ])" if _latin(span[0]) else ""
            after = r"(?![A-Za-z0-9À-ɏ])" if _latin(span[-1]) else ""
            assert re.search(before + re.escape(span) + after, example.prompt), (span, example)


def _latin(char: str) -> bool:
    return char.isalnum() and ord(char) < 0x2E80


def test_numbers_are_those_of_the_template_or_of_two_joined_ones() -> None:
    known = {
        language: {_skeleton(t.reading) for templates in bank(language).templates.values() for t in templates}
        for language in LANGUAGES
    }
    joined = 0
    for example in islice(Generator(7, joined=0.6), 1500):
        whole, skeletons = _skeleton(example.lines), known[example.language]
        if whole in skeletons or whole == (("ask", "", 0, (), True),):
            continue
        cuts = range(1, len(whole))
        assert any(whole[:cut] in skeletons and _rest(whole, cut) in skeletons for cut in cuts), example
        joined += 1
    assert joined > 100


def _skeleton(lines: tuple[Line, ...]) -> Skeleton:
    """Verbs and numbers without the words."""
    return tuple((x.verb, x.scope, x.within, tuple((c.line, c.relation) for c in x.conditions), x.every) for x in lines)


def _rest(whole: Skeleton, cut: int) -> Skeleton:
    """What follows a place, numbered from 1."""
    before = sum(verb in TASK_VERBS for verb, *_ in whole[:cut])
    return tuple(
        (verb, scope, within and within - before, tuple((n - before, relation) for n, relation in conditions), every)
        for verb, scope, within, conditions, every in whole[cut:]
    )


def test_the_same_seed_gives_the_same_examples_and_another_seed_others(examples: list[Example]) -> None:
    assert list(islice(Generator(20261124), 300)) == examples[:300]
    others = {e.prompt for e in islice(Generator(20261125), 300)}
    assert len(others & {e.prompt for e in examples[:300]}) < 30


def test_all_languages_files_and_verbs_occur(examples: list[Example]) -> None:
    assert {e.language for e in examples} == set(LANGUAGES)
    assert {e.source for e in examples} == {path.stem for path in TEMPLATES}
    verbs = Counter(line.verb for e in examples for line in e.lines)
    assert all(verbs[verb] >= 30 for verb in (*TASK_VERBS, "not", "skip", "on", "ask")), verbs
    relations = Counter(c.relation for e in examples for line in e.lines for c in line.conditions)
    assert all(relations[r] >= 5 for r in ("yes", "no", "is", "not", ">")), relations
    assert sum(bool(line.within) for e in examples for line in e.lines) >= 5
    assert len({e.prompt for e in examples}) > 2900


def test_prompts_are_of_a_length_people_write(examples: list[Example]) -> None:
    assert all(0 < len(e.prompt) <= 600 for e in examples)
    assert not any(SLOT.search(e.prompt) or SLOT.search(e.reading) for e in examples)
    assert sum("\n" in e.prompt for e in examples) > 10


# ------------------------------------------------------------------------------------------------------------ the slips


NEGATORS = {
    "en": "not no non without except unless if only never neither nor skip don't but or and either left right",
    "de": "nicht ohne nur nein",
    "es": "no sin si",
    "fr": "pas sans sauf ne",
    "pt": "não sem",
}


@pytest.mark.parametrize("language", NEGATORS)
def test_slips_never_touch_a_word_that_turns_the_meaning(language: str) -> None:
    draw = random.Random(1)
    words = NEGATORS[language].split()
    changed = 0
    for _ in range(1500):
        mixed = [part for word in draw.sample(words, len(words)) for part in (word, draw.choice(("lungs", "spleen")))]
        text = " ".join(mixed) + "."
        after = noised(Text.of(text), draw, language)
        changed += _plain(after.chars) != _plain(text)
        place = 0
        for word in mixed:
            if word in words:
                assert _plain(after.between(place, place + len(word))) == _plain(word), after.chars
            place += len(word) + 1
    assert changed > 200


def _plain(text: str) -> str:
    """Without case, accents and apostrophes."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))
    return re.sub(r"['.]", "", bare)


def test_slips_never_touch_numbers_or_line_ends() -> None:
    draw = random.Random(2)
    text = "Outline the nodule\nif it is larger than 2.5 cm2 or 12,5 ml, grade 3"
    for _ in range(800):
        after = noised(Text.of(text), draw, "en").chars
        assert re.findall(r"\d+(?:[.,]\d+)*", after) == ["2.5", "2", "12,5", "3"]
        assert after.count("\n") == 1


def test_a_span_is_followed_through_slips() -> None:
    draw = random.Random(3)
    text = "Please segment the gallbladder, then the pancreas."
    start = text.index("gallbladder")
    seen = set()
    for _ in range(600):
        after = noised(Text.of(text), draw, "en")
        assert len(after.owners) == len(after.chars)
        became = after.between(start, start + len("gallbladder"))
        assert became in after.chars and " " not in became
        assert became[0].lower() == "g" and abs(len(became) - len("gallbladder")) <= 3
        seen.add(became.lower())
    assert len(seen) > 20


def test_prompts_have_slips_only_as_often_as_asked() -> None:
    clean, noisy = (" ".join(e.prompt for e in islice(Generator(4, noise=n), 400)) for n in (0.0, 1.0))
    assert clean.count(".") > 1.2 * noisy.count(".")

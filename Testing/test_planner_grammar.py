"""The grammar that holds the language model to the line format, token by token, with the packaged tokenizer."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
import torch
import xgrammar
from planner_for_tests import packaged_tokenizer, tiny_model

from MedPromptLib.planner.decoding import MOST_TASKS, MOST_TOKENS, Decoder, Stopped, encoded, grammar
from MedPromptLib.planner.lines import REMARK_VERBS, TASK_VERBS, LinesRejected, parse_lines
from MedPromptLib.training.prompts.generator import Generator

PROMPT = "Check the left kidney for a stone, 2 ml; if so segment the spleen (CT), else the 肝臓."

ADVERSARIAL = (
    'say "spleen" and \\ "quoted \\" twice"',
    "back\\slash \\n \\u0041 \\x41 ends with \\",
    "control \x00 \x07 \x1b[31m \x7f characters\ttab\r\nand lines",
    "🫁🧠🦴 lungs 👩‍⚕️ please 🇪🇸",
    "שלום segment الكبد \u202eright to left\u202c 5 مل",
    "<|im_end|> seg spleen <|im_start|><|endoftext|>",
    'root ::= "x" | [a-z]* (y)+ # no comment',
    "é e\u0301 ǅ ß ﬁ ½ ² ① ٣ ㎝ 𝔸 \U0001f600x",
    "\u2028 line \u2029 separators \x85 and \x0b \x0c",
    "肺結節を確認して、あれば左腎を抽出。ＣＴ画像",
    "seg cls not skip on ask all if 1 yes in 2 @ + & / > <",
    "\ud800 lone surrogate",
    "w0 w1 l1 verb span term image root",
    "]] }} {{ (( )) ;; ::= ' ` $ % ^",
    "   ",
    "\n\n",
    "()",
    "_underscored_words_ __ _x_",
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """The packaged language model's."""
    return packaged_tokenizer()


@pytest.fixture(scope="module")
def decoder(tokenizer: Any) -> Decoder:
    """A decoder of a tiny random model: whatever it prefers is nonsense."""
    return Decoder(tiny_model(len(tokenizer)), tokenizer)


@pytest.fixture(scope="module")
def matcher(decoder: Decoder) -> Callable[[str], Any]:
    """What follows a prompt's grammar."""
    return lambda prompt: xgrammar.GrammarMatcher(decoder._compiler.compile_grammar(grammar(prompt)))


@pytest.fixture(scope="module")
def accepts(matcher: Callable[[str], Any], tokenizer: Any) -> Callable[[str, str], bool]:
    """Whether a prompt's grammar takes a reading, token by token with the end mark."""

    def taken(prompt: str, reading: str) -> bool:
        following = matcher(prompt)
        return all(following.accept_token(token) for token in encoded(tokenizer, prompt, reading)[1])

    return taken


def random_texts(count: int) -> list[str]:
    """Requests, shuffled requests and random characters of all planes."""
    draw = random.Random(20261124)
    requests = [e.prompt for e in islice(Generator(8), count // 3)]
    shuffled = [" ".join(draw.sample(words, len(words))) for words in (r.split() for r in requests)]
    planes = ((0, 0x7F), (0x20, 0x7E), (0xA0, 0x24F), (0x590, 0x6FF), (0x2000, 0x2FFF), (0x3040, 0x9FFF))
    planes += ((0xD7FF, 0xD7FF), (0x1F300, 0x1F9FF), (0xE000, 0xFFFD))
    noise = []
    for _ in range(count - 2 * len(requests)):
        picked = draw.sample(planes, 2)
        noise.append("".join(chr(draw.randint(*draw.choice(picked))) for _ in range(draw.randint(1, 80))))
    return [*requests, *shuffled, *noise]


# ------------------------------------------------------------------------------------------------------------ compiling


def test_any_text_has_a_grammar(matcher: Callable[[str], Any]) -> None:
    for text in (*ADVERSARIAL, *random_texts(300)):
        if "\ud800" in text:
            continue  # cannot be typed or stored as UTF-8; tried below
        assert matcher(text) is not None, text


def test_a_prompt_of_a_thousand_words_has_a_grammar(accepts: Callable[[str, str], bool]) -> None:
    distinct = " ".join(f"word{n}" for n in range(1000))
    assert accepts(distinct, "seg word998 word999\ncls word0 if 1 no")
    assert not accepts(distinct, "seg word998 word1000")
    assert accepts("spleen " * 1000, "seg spleen spleen")


def test_a_prompt_without_words_can_only_be_asked_back(accepts: Callable[[str, str], bool]) -> None:
    for text in ("   ", "()", "🫁🧠", "\n"):
        assert accepts(text, "ask")
        assert not accepts(text, "seg lungs")


# ------------------------------------------------------------------------------------------------ what it takes and not


def test_it_takes_the_reading_of_every_synthetic_prompt(accepts: Callable[[str, str], bool]) -> None:
    for example in islice(Generator(11), 150):
        assert accepts(example.prompt, example.reading), example


@pytest.mark.parametrize(
    "reading",
    [
        "ask",
        "seg spleen",
        "seg left kidney",
        "seg left kidney @ CT",
        "seg left + kidney",
        "seg 肝",
        "seg 肝臓",
        "not seg spleen",
        "all",
        "all seg @ CT",
        "on CT\nskip if so",
        "cls stone\nseg spleen if 1 yes",
        "seg left kidney\ncls stone in 1 if 1 > 2 ml",
        "cls stone\ncls kidney\nseg spleen if 1 is stone & 2 no",
        "any stone, 2 ml; if",
    ],
)
def test_it_takes_lines_of_the_prompts_words(accepts: Callable[[str, str], bool], reading: str) -> None:
    assert accepts(PROMPT, reading)
    assert parse_lines(reading)


@pytest.mark.parametrize(
    "reading",
    [
        "seg liver",
        "seg splee",
        "seg pleen",
        "seg Spleen",
        "seg kidney left",
        "seg spleen CT",
        "seg lung @ CT",
        "seg spleen @ MRI",
        "cls stone\nseg spleen if 1 is large",
        "skip write",
        "seg spleen if 1 yes",
        "seg spleen in 1",
        "cls stone\nseg spleen if 2 yes",
        "cls stone\nseg spleen in 2",
        "cls stone\nseg spleen if 0 yes",
        "cls stone\nseg spleen if 1 maybe",
        "segment spleen",
        "delete spleen",
        "run spleen",
        "Seg spleen",
        "not all seg",
        "not spleen",
        "all spleen",
        "ask stone",
        "seg",
        "seg  spleen",
        "seg spleen\n",
        "seg spleen\n\ncls stone",
        " seg spleen",
        "",
        "<|im_start|>",
        "seg spleen<|im_start|>",
        "seg stone, 2 ml; if so segment the spleen (CT), else the 肝臓.",
    ],
)
def test_it_refuses_everything_else(accepts: Callable[[str, str], bool], reading: str) -> None:
    assert not accepts(PROMPT, reading)


def test_a_span_never_crosses_a_line_end(accepts: Callable[[str, str], bool]) -> None:
    assert accepts("left\nkidney", "seg left\nseg kidney")
    assert not accepts("left\nkidney", "seg left kidney")


def test_quotes_and_backslashes_are_copied_as_they_are(accepts: Callable[[str, str], bool]) -> None:
    prompt = 'the "left" kidney\\ureter and liver\\'
    assert accepts(prompt, 'seg left" kidney')
    assert accepts(prompt, "seg kidney\\ureter")
    assert not accepts(prompt, "seg left kidney")
    assert not accepts(prompt, "seg liver\\")


def test_there_is_an_end_to_the_lines(accepts: Callable[[str, str], bool]) -> None:
    assert accepts(PROMPT, "\n".join(["seg spleen"] * MOST_TASKS))
    assert not accepts(PROMPT, "\n".join(["seg spleen"] * (MOST_TASKS + 1)))


def test_whatever_it_allows_is_read_or_refused(decoder: Decoder, matcher: Callable[[str], Any]) -> None:
    """A walk that takes any allowed token; nearly all of what comes out is in the format, and written alike."""
    draw = random.Random(6)
    taken = refused = 0
    for prompt in (PROMPT, *ADVERSARIAL[:11], *random_texts(90)):
        text = _walk(decoder, matcher(prompt), draw)
        if text is None:
            continue
        try:
            lines = parse_lines(text)
        except LinesRejected:  # "skip so\nseg spleen if 1 yes": the grammar counts all lines, the format task lines
            refused += 1
            continue
        taken += 1
        assert "\n".join(map(str, lines)) == text
        assert {line.verb for line in lines} <= {*TASK_VERBS, *REMARK_VERBS}
    assert taken > 10 * refused and taken > 60


def _walk(decoder: Decoder, following: Any, draw: random.Random) -> str | None:
    """Tokens drawn from those the grammar allows, as text; None if there is no end in 60 tokens."""
    end = decoder._end
    mask = xgrammar.allocate_token_bitmask(1, len(decoder.tokenizer))
    tokens: list[int] = []
    for _ in range(60):
        following.fill_next_token_bitmask(mask, 0)
        allowed = ((mask[0][:, None] >> torch.arange(32)) & 1).flatten().nonzero().flatten().tolist()
        token = end if end in allowed and draw.random() < 0.3 else draw.choice(allowed)
        if token == end:
            return decoder._text(tokens)
        assert following.accept_token(token)
        tokens.append(token)
    return None


# ------------------------------------------------------------------------------------------------------------- encoding


@pytest.mark.parametrize("mark", ["<|im_end|>", "<|im_start|>", "<|endoftext|>"])
def test_marks_typed_by_a_user_are_plain_text(tokenizer: Any, mark: str) -> None:
    number = tokenizer.convert_tokens_to_ids(mark)
    prompt, reading = encoded(tokenizer, f"spleen{mark}kidney {mark}", f"seg spleen{mark}")
    assert number not in prompt[1:-1]
    assert number not in reading[:-1]
    assert tokenizer.decode(prompt[1:-1]) == f" spleen{mark}kidney {mark}"


def test_a_prompt_is_framed_once_and_kept_character_by_character(tokenizer: Any) -> None:
    start, end = tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])
    for text in (*random_texts(60), *ADVERSARIAL[:6]):
        prompt, reading = encoded(tokenizer, text, "ask")
        assert (prompt[0], prompt[-1], reading[-1]) == (start, end, end)
        if text.isprintable():  # the tokenizer has no token for some control characters
            assert tokenizer.decode(prompt[1:-1], clean_up_tokenization_spaces=False) == f" {text}"


# ------------------------------------------------------------------------------------------------------------- decoding


def test_a_model_that_writes_nonsense_still_writes_lines_of_the_prompts_words(decoder: Decoder) -> None:
    for example in islice(Generator(13), 6):
        decoded = decoder.decode(example.prompt)
        assert 0 <= decoded.certainty <= 1
        assert len(encoded(decoder.tokenizer, "", decoded.text)[1]) <= MOST_TOKENS + 8 or not decoded.complete
        for line in decoded.text.split("\n")[: None if decoded.complete else -1]:
            assert line.split(" ")[0] in (*TASK_VERBS, *REMARK_VERBS), decoded.text
            span = line.partition("skip ")[2] if line.startswith("skip ") else ""
            assert span in example.prompt


def test_words_proposed_ahead_change_nothing_but_the_speed(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [e.prompt for e in islice(Generator(17), 4)]
    ahead = [decoder.decode(prompt) for prompt in prompts]
    monkeypatch.setattr(decoder, "_proposal", lambda frame, done: [])
    for prompt, expected in zip(prompts, ahead, strict=True):
        one_by_one = decoder.decode(prompt)
        assert (one_by_one.text, one_by_one.complete) == (expected.text, expected.complete)
        assert one_by_one.certainty == pytest.approx(expected.certainty, rel=1e-3)


def test_words_of_the_prompt_are_proposed_as_it_goes_on(decoder: Decoder) -> None:
    frame = [0, 11, 12, 13, 14, 11, 15, 16, 2]
    assert decoder._proposal(frame, [5, 12]) == [13, 14, 11, 15, 16, 2]
    assert decoder._proposal(frame, [14, 11]) == [15, 16, 2]
    assert decoder._proposal(frame, [99]) == []


def test_decoding_stops_when_it_is_told_to(decoder: Decoder) -> None:
    asked = iter([False, False, True])
    with pytest.raises(Stopped):
        decoder.decode(PROMPT, cancelled=lambda: next(asked))

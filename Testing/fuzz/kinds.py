"""What is fuzzed: for every kind of input, where its cases come from and how a user would hand it to MedPrompt."""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import itertools
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from . import documents
from .images import Files, image_cases, png

SMALL = 300_000
"""Voxels up to which an image that could be read is also run through a network."""


class Broken(AssertionError):
    """What came out breaks a promise; the message says which."""


@dataclass(frozen=True)
class Kind:
    """One kind of input.

    Attributes:
        cases: from a random source and a count, names and files.
        use: what a user does with the folder that the files lie in; the second folder is for what comes out.
        short, long: counts of random cases.
    """

    cases: Callable[[Random, int], Iterator[tuple[str, Files]]]
    use: Callable[[Path, Path], None]
    short: int
    long: int


def command(*arguments: object) -> str:
    """Run the command line; what it said on its error stream.

    Raises:
        Broken: a traceback, an undocumented exit code, or a failure that is not one readable sentence.
    """
    from MedPromptLib.cli import main

    said, printed = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(printed):
        try:
            code = main([str(word) for word in arguments])
        except SystemExit as error:
            code = int(error.code or 0)
    text = said.getvalue()
    if code not in (0, 2, 3, 4, 6):
        raise Broken(f"exit code {code}: {text.strip()[-400:]}")
    if "Traceback" in text or "Traceback" in printed.getvalue():
        raise Broken(f"a traceback: {text[-400:]}")
    if code:
        last = text.strip().splitlines()[-1]
        must_be_a_sentence(last.removeprefix("medprompt: "))
    must_be_printable(text)
    must_be_printable(printed.getvalue())
    return text


def must_be_a_sentence(text: str) -> None:
    """Raises Broken for a message nobody could read."""
    if not 15 <= len(text) <= 3_000:
        raise Broken(f"a message of {len(text)} characters: {text[:200]}")
    if not text.rstrip().endswith((".", "?")):
        raise Broken(f"no whole sentence: {text[-200:]}")
    must_be_printable(text)


def must_be_printable(text: str) -> None:
    """Raises Broken for control characters, with which a file could command the terminal."""
    wrong = {c for c in text if (ord(c) < 32 and c not in "\n\t") or ord(c) == 127}
    if wrong:
        raise Broken(f"control characters {sorted(wrong)} in {text[:200]!r}")


# -- a small world: weights, an image, a run ------------------------------------------------------------------------


@functools.cache
def weights() -> Path:
    """Folder with a small real segmentation and a small real classification weight."""
    import sys

    sys.path.insert(0, str(documents.ROOT / "Testing"))
    from weights_for_tests import a_card, write_weight

    root = Path(tempfile.mkdtemp(prefix="weights-", dir=Path.home()))
    write_weight(root, a_card("lungs_seg_cxr"), bias=[0, 1, 0])
    more: dict[str, Any] = {"classes": ("normal", "tb"), "positive": ("tb",), "target": "tuberculosis"}
    write_weight(root, a_card("tb_cls_cxr", **more), bias=[0, 2])
    return root


@functools.cache
def session() -> Any:
    """A session over `weights`, whose planner is the rules."""
    from MedPromptLib.planner import RulePlanner
    from MedPromptLib.session import Session

    return Session([weights()], RulePlanner())


@functools.cache
def an_image() -> Path:
    """A grey picture."""
    from PIL import Image

    path = Path.home() / "film.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 50), dtype=np.uint8)).save(path)
    return path


@functools.cache
def a_run() -> Files:
    """The files of a whole run."""
    out = Path(tempfile.mkdtemp(prefix="run-", dir=Path.home()))
    command(
        *("run", "--weights", weights(), "--planner", "rules", "--yes", "--input", an_image(), "--out", out),
        *("--prompt", "Segment the lungs on this chest x-ray and check it for tuberculosis."),
    )
    return {path.name: path.read_bytes() for path in out.iterdir()}


# -- what a user does with it ---------------------------------------------------------------------------------------

_written, _weighed, _planned, _repeated = (itertools.count() for _ in range(4))


def use_image(folder: Path, out: Path) -> None:
    """Read it; if that works, run both weights on it and now and then write the results."""
    from MedPromptLib.images import read_image
    from MedPromptLib.plan import load_plan

    files = [path for path in folder.iterdir() if path.is_file()]
    source = files[0] if len(files) == 1 else next((p for p in files if p.suffix in (".nhdr", ".mhd")), folder)
    image = read_image(source)
    if not (np.isfinite(image.ijk_to_ras).all() and abs(np.linalg.det(image.ijk_to_ras[:3, :3])) > 0):
        raise Broken(f"a geometry nobody can use: {image.ijk_to_ras.tolist()}")
    if image.array.dtype.kind not in "uif" or not np.isfinite(image.array.astype(np.float64)).all():
        raise Broken(f"voxels of {image.array.dtype} that are no finite numbers")
    if image.array.size == 0:
        raise Broken(f"an image of shape {image.array.shape}")
    for note in image.notes:
        must_be_printable(note)
    number = next(_written)
    if image.array.size > SMALL or image.shape[0] > 1 or number % 2:
        return
    plan = load_plan(documents.as_json(documents.A_PLAN).decode())
    result = session().run(session().route(plan, image), image, device="cpu", accept_unusual_input=True)
    for answer in result.classifications:
        if not all(0 <= p <= 1 for p in answer.probabilities.values()):
            raise Broken(f"probabilities {answer.probabilities}")
    if number % 60 == 0:
        plan_file = out.parent / "in" / "the.plan"
        plan_file.write_bytes(documents.as_json(documents.A_PLAN))
        command(
            *("run", "--weights", weights(), "--plan", plan_file, "--input", source, "--out", out),
            *("--accept-unusual-input", "--device", "cpu"),
        )


def use_weight(folder: Path, out: Path) -> None:
    """List it, verify it, and run it as a plan would."""
    from MedPromptLib.images import read_image
    from MedPromptLib.plan import Plan
    from MedPromptLib.planner import RulePlanner
    from MedPromptLib.session import Session

    if next(_weighed) % 8 == 0:
        command("weights", "list", "--weights", folder)
        command("weights", "verify", "--weights", folder)
    found = Session([folder], RulePlanner())
    for problem in found.catalog.problems:
        must_be_a_sentence(str(problem))
    for card in found.catalog:
        task = {"id": 1, "intent": card.intent, "target": card.target, "modality": card.modality}
        plan = Plan.model_validate({"prompt": "x", "status": "ok", "pipeline": [task]})
        image = read_image(an_image())
        if card.dimension == 3:
            image = type(image)(np.repeat(image.array, 8, 0), image.ijk_to_ras, spacing_known=True)
        result = found.run(found.route(plan), image, device="cpu", accept_unusual_input=True)
        for answer in result.classifications:
            if not all(0 <= p <= 1 for p in answer.probabilities.values()):
                raise Broken(f"probabilities {answer.probabilities}")


def use_plan(folder: Path, out: Path) -> None:
    """Run it on a picture; now and then by the command line."""
    from MedPromptLib.images import read_image
    from MedPromptLib.plan import load_plan

    if next(_planned) % 12:
        plan = load_plan((folder / "plan.json").read_text(encoding="utf-8", errors="replace"))
        image = read_image(an_image())
        session().run(session().route(plan, image), image, device="cpu", accept_unusual_input=True)
        return
    command(
        *(
            "run",
            "--weights",
            weights(),
            "--plan",
            folder / "plan.json",
            "--input",
            an_image(),
            "--out",
            out,
        ),
        *("--device", "cpu", "--accept-unusual-input", "--router", "lexicon"),
    )


def use_prompt(folder: Path, out: Path) -> None:
    """Plan it with the rules, and write the plan out and back."""
    from MedPromptLib.plan import load_plan

    text = (folder / "prompt.txt").read_bytes().decode("utf-8", "surrogatepass")
    plan = session().decide(text).plan
    if load_plan(plan.model_dump_json()) != plan:
        raise Broken("the plan reads differently after it was saved")
    command("plan", "--weights", weights(), "--planner", "rules", "--", text[:2000].replace("\x00", ""))


def use_lines(folder: Path, out: Path) -> None:
    """Read lines as those of the language model."""
    from MedPromptLib.planner.assemble import Assembler
    from MedPromptLib.planner.foreign import without_foreign
    from MedPromptLib.planner.from_lines import LineReader
    from MedPromptLib.planner.lines import LinesRejected, parse_lines
    from MedPromptLib.planner.reading import read

    prompt = "Check this chest x-ray for tuberculosis; if there is any larger than 5 mm, segment the lungs."
    try:
        lines = parse_lines((folder / "lines.txt").read_text(encoding="utf-8"))
    except LinesRejected:
        return
    foreign = without_foreign(prompt)
    reading = read(prompt, foreign.text, session().catalog.abilities)
    said = LineReader(reading, foreign.text, session().catalog.abilities).run(lines)
    plan = Assembler(prompt, reading.lexicon, said, foreign.stretches).build().as_plan(prompt, "fuzz")
    plan.ordered()


def use_answer(folder: Path, out: Path) -> None:
    """Read what an endpoint answered."""
    from MedPromptLib.planner.endpoint_schema import AnswerRejected, parsed_answer

    text = (folder / "answer.txt").read_bytes().decode("utf-8", "replace")
    with contextlib.suppress(AnswerRejected):
        parsed_answer(text, "Check for tuberculosis.", session().catalog.abilities, "endpoint").ordered()


def use_recipe(folder: Path, out: Path) -> None:
    """Read it; training is not started."""
    from MedPromptLib.training.config import read_recipe

    read_recipe(folder / "recipe.toml")


def use_run(folder: Path, out: Path) -> None:
    """Write a report of the run."""
    command("report", folder, "--weights", weights(), "--prose", "template")


def use_catalogue(folder: Path, out: Path) -> None:
    """Plan against it."""
    command("plan", "--catalog", folder / "cards.json", "--planner", "rules", "Segment the lungs; if tb, check tb.")


def use_repeat(folder: Path, out: Path) -> None:
    """Run both weights on a good picture and write nodes, now and then files: what must not make memory grow."""
    from MedPromptLib.headless import headless_scene
    from MedPromptLib.images import read_image
    from MedPromptLib.plan import load_plan
    from MedPromptLib.scene import write_run

    number = next(_repeated)
    image = read_image(folder / "image.png")
    plan = load_plan(documents.as_json(documents.A_PLAN).decode())
    result = session().run(session().route(plan, image), image, device="cpu", accept_unusual_input=True)
    if number % 10 == 0:
        with headless_scene() as scene:
            write_run(result, scene=scene)
    if number % 50 == 0:
        (out.parent / "in" / "the.plan").write_bytes(documents.as_json(documents.A_PLAN))
        command(
            *("run", "--weights", weights(), "--plan", out.parent / "in" / "the.plan", "--accept-unusual-input"),
            *("--input", folder / "image.png", "--out", out, "--device", "cpu"),
        )


def _repeats(random: Random, count: int) -> Iterator[tuple[str, Files]]:
    for number in range(count):
        yield f"run {number}", {"image.png": png(random.randrange(30, 90), random.randrange(30, 90))}


def _runs(random: Random, count: int) -> Iterator[tuple[str, Files]]:
    return documents.run_folder_cases(a_run, random, count)


KINDS = {
    "images": Kind(image_cases, use_image, 150, 6000),
    "cards": Kind(documents.card_cases, use_weight, 40, 1500),
    "safetensors": Kind(documents.safetensors_cases, use_weight, 10, 600),
    "plans": Kind(documents.plan_cases, use_plan, 60, 2000),
    "prompts": Kind(documents.prompt_cases, use_prompt, 60, 2000),
    "lines": Kind(documents.line_cases, use_lines, 300, 10_000),
    "answers": Kind(documents.answer_cases, use_answer, 150, 4000),
    "recipes": Kind(documents.recipe_cases, use_recipe, 60, 1500),
    "catalogues": Kind(documents.catalogue_cases, use_catalogue, 30, 500),
    "runs": Kind(_runs, use_run, 8, 400),
    "repeats": Kind(_repeats, use_repeat, 120, 2000),
}


def options() -> argparse.ArgumentParser:
    """What the runner and its worker take."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="many random cases")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=tuple(KINDS), help="kinds of input (default: all)")
    parser.add_argument("--count", type=int, help="random cases of each kind")
    return parser

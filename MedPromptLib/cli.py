"""The command line: `medprompt run | report | dicom | plan | weights | archive | audit | filter | demo | train | …`.

Exit codes are those of `errors`: 0 done, 2 unusable input, 3 nothing that can be run, 4 a broken weight, 5 the
planner's endpoint failed, 6 the output could not be written, 7 a package is missing, 70 a defect in this program,
130 cancelled.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .cli_archive import add_archive_commands, add_filing_options, open_archive, say_filed
from .cli_dicom import add_dicom_command, add_dicom_option, source_of, write_dicom_results
from .cli_planner import add_planner_commands, chosen_planner, confirmed, planning_options, read_text, tell
from .cli_reports import add_report_commands, make_report, report_options
from .cli_speed import add_speed_command
from .cli_weights import add_weight_commands
from .errors import InvalidInput, MedPromptError, printable
from .outputs import write_lines

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .plan import Plan
    from .results import Finding
    from .session import Session

DEFECT = 70
TOO_LARGE = "There is too little memory for this; close other programs, or give a smaller image or a part of it."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code and never shows a traceback unless `--debug` asks for it."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        result: int | None = options.do(options)
        sys.stdout.flush()
        return result or 0
    except MedPromptError as error:
        if options.debug:
            raise
        return _say(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _say("Cancelled; no result was kept.", 130)
    except MemoryError:
        return _say(TOO_LARGE, InvalidInput.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader of our output went away
        return 0
    except Exception as error:  # the last line of defence: one sentence, and how to report it
        if options.debug:
            raise
        if "OutOfMemory" in type(error).__name__ or "DefaultCPUAllocator" in str(error):
            return _say(TOO_LARGE, InvalidInput.exit_code)
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        return _say(f"This is a defect in MedPrompt ({what}); please report it with the output of --debug.", DEFECT)


def _say(message: str, code: int) -> int:
    print(f"medprompt: {printable(' '.join(message.split()))}", file=sys.stderr)
    return code


# -- commands ------------------------------------------------------------


def run(options: argparse.Namespace) -> None:
    """Plan, route and run a prompt on each input."""
    session = _session(options)
    if options.plan:
        from .plan import load_plan

        plan = load_plan(read_text(options.plan))
    elif options.prompt is None:
        raise InvalidInput("There is nothing to do; give --prompt TEXT or --plan FILE.")
    else:
        verdict = session.decide(options.prompt)
        plan = confirmed(verdict, session.catalog.abilities, options)
    _run_on_inputs(session, plan, options)


def _run_on_inputs(session: Session, plan: Plan, options: argparse.Namespace) -> None:
    from dataclasses import replace

    from .images import read_image
    from .outputs import check_folder, write_outputs

    names = [Path(name).name for name in options.input]
    if len(set(names)) != len(names):
        raise InvalidInput("Two inputs have the same name, so their results would overwrite each other; rename one.")
    if not plan.pipeline:
        session.route(plan)  # says why there is nothing to run, before any image is read
    if options.archive:
        from .archive.privacy import check_source

        with open_archive(options.archive, make=True) as archive:
            _ = archive.keys  # says what is wrong with it before anything expensive runs
        for path in options.input:
            check_source(path)
    for name, path in zip(names, options.input, strict=True):
        source = source_of(options, path)
        image = source.image if source is not None else read_image(path)
        if options.modality:
            image = replace(image, modality=options.modality)
        for note in image.notes:
            tell(f"{image.name}: {note}")
        routed = session.route(plan, image)
        check_folder(options.out)
        result = session.run(
            routed,
            image,
            device=options.device,
            progress=lambda event: tell(event.message),
            accept_unusual_input=options.accept_unusual_input,
        )
        for omission in plan.omissions:
            tell(f'Left out "{omission.text}": {omission.reason}')
        out = options.out / Path(name).stem if len(names) > 1 else options.out
        report = None
        if getattr(options, "report", False):
            try:
                report = make_report(result, session.catalog, options)
            except MedPromptError:
                write_outputs(result, out)  # what was computed is not lost with the report
                raise
        written = write_outputs(result, out, report.text if report else None)
        if report is not None:
            from .reporting.files import write_report_files

            written = (*written, *write_report_files(report, result, out, options.font, tell))
        if source is not None:
            findings = report.findings if report is not None else None
            written = (*written, *write_dicom_results(result, source, out, session.catalog, findings))
        for row in result.provenance.findings:
            print(printable(_finding_line(row)))
        print(*written, sep="\n")
        if options.archive:
            with open_archive(options.archive) as archive:
                filed = archive.add_run(
                    out,
                    image=image,
                    source=Path(path),
                    subject=options.subject_id,
                    project=options.project,
                    with_scene=not options.without_scene,
                    written=written,
                )
            say_filed(filed)


def _finding_line(row: Finding) -> str:
    from .results import decision_note, percent

    what = row.structure or row.target
    sure = f" ({percent(row.probability)})" if row.probability is not None else ""
    size = f", {row.area_mm2 / 100:.1f} cm²" if row.area_mm2 else f", {row.volume_ml:.1f} ml" if row.volume_ml else ""
    note = decision_note(row)
    return f"{what}: {row.result}{sure}{size}{'; ' * bool(note)}{note}"


def plan(options: argparse.Namespace) -> None:
    """Show the plan of a prompt, or plan a file of prompts."""
    from .catalog import Catalog, load_abilities
    from .planner import decided, explain, plan_batch

    abilities = load_abilities(options.catalog) if options.catalog else Catalog.load(options.weights).abilities
    planner = chosen_planner(options, abilities)
    if options.prompts:
        lines = read_text(options.prompts).splitlines()
        try:
            prompts = [json.loads(line) for line in lines if line.strip()]
            entries = [{"id": str(p["id"]), "prompt": str(p["prompt"])} for p in prompts]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InvalidInput(
                f"The prompts in {options.prompts} cannot be read ({error}); expected one JSON object a line "
                "with id and prompt."
            ) from error
        predictions = (json.dumps(p, ensure_ascii=False) for p in plan_batch(planner, abilities, entries))
        write_lines(predictions, options.out)
        return
    if options.prompt is None:
        raise InvalidInput("There is nothing to plan; give a prompt, or --prompts FILE.")
    verdict = decided(planner, options.prompt, abilities)
    print(verdict.plan.model_dump_json(indent=1) if options.json else printable(explain(verdict, abilities)))


def demo(options: argparse.Namespace) -> None:
    """Run the demonstration."""
    from .demo import DEMO_PROMPT, demo_image

    options.input = [demo_image()]
    session = _session(options)
    tell(f"Prompt: {DEMO_PROMPT}")
    _run_on_inputs(session, confirmed(session.decide(DEMO_PROMPT), session.catalog.abilities, options), options)


def train(options: argparse.Namespace) -> None:
    """Train a weight from a recipe; run the same line again to continue."""
    import torch

    from .catalog import TrainingRun, write_card
    from .inference.devices import resolve_device
    from .training.config import read_recipe
    from .training.input_profile import profile_from_sets
    from .training.origin import code_version, hardware
    from .training.publish import publish
    from .training.supervised import SupervisedTraining
    from .training.volume_profile import volume_profile
    from .training.volume_training import VolumeTraining

    recipe, digest = read_recipe(options.recipe)
    work = options.work / recipe.card.id
    commit, clean = code_version()  # before the long work, during which files may change
    kind = VolumeTraining if recipe.card.dimension == 3 else SupervisedTraining
    training = kind(recipe, options.data, work, resolve_device(options.device), report=tell)
    state = training.run()
    command = f"medprompt train MedPromptLib/training/recipes/{options.recipe.name} --data DATA"
    origin = TrainingRun(
        commit=commit,
        tree_clean=clean,
        seconds=training.seconds,
        hardware=hardware(training.device),
        threads=torch.get_num_threads(),
    )
    card = publish(
        recipe, state, training.cases["val"], options.out, command=command, config_sha256=digest, training=origin
    )
    print(f"{options.out / card.id}: {card.file.bytes / 1e6:.1f} MB. {card.provenance.note}")
    try:
        profile = (volume_profile if card.dimension == 3 else profile_from_sets)(options.data, card)
    except InvalidInput as error:
        tell(f"No input check: {error}")
        return
    write_card(options.out / card.id, card.model_copy(update={"input_profile": profile}))


def bench_run(options: argparse.Namespace) -> None:
    """Time a warm two-task run, from prompt to nodes."""
    from .benchmark import benchmark_two_tasks

    for line in benchmark_two_tasks(_session(options), options.device, options.rounds):
        print(line)


def schema(options: argparse.Namespace) -> None:
    """Print the JSON schema of a value object."""
    from .catalog import WeightCard
    from .plan import Plan
    from .reporting.facts import FindingsSet
    from .results import Provenance

    models: dict[str, type[BaseModel]] = {
        "plan": Plan,
        "card": WeightCard,
        "run": Provenance,
        "findings": FindingsSet,
    }
    model = models[options.of]
    print(json.dumps(model.model_json_schema(), indent=1))


# -- helpers ------------------------------------------------------------


def _session(options: argparse.Namespace) -> Session:
    from .planner import RulePlanner
    from .session import Session

    session = Session(options.weights, planner=RulePlanner(), router_mode=options.router)
    session.planner = chosen_planner(options, session.catalog.abilities)
    for problem in session.catalog.problems:
        tell(str(problem))
    return session


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="medprompt", description="Medical image analysis by saying what you want. Research use only."
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    places = argparse.ArgumentParser(add_help=False)
    places.add_argument(
        "--weights", type=Path, action="append", metavar="DIR", help="weight folder (default: added and bundled ones)"
    )
    device = argparse.ArgumentParser(add_help=False)
    device.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    planning = planning_options()

    p = commands.add_parser(
        "run", parents=[places, device, planning, report_options()], help="do what a prompt asks on images"
    )
    p.set_defaults(do=run)
    p.add_argument("--prompt")
    p.add_argument("--plan", type=Path, help="a plan saved with `medprompt plan --json` instead of a prompt")
    p.add_argument(
        "--input", type=Path, action="append", required=True, metavar="IMAGE", help="file or DICOM folder; repeatable"
    )
    p.add_argument(
        "--accept-unusual-input",
        action="store_true",
        help="run although an image does not look like those a weight was made for",
    )
    p.add_argument("--modality", help="what the images are, where their files do not say")
    p.add_argument("--report", action="store_true", help="also write a report (see `medprompt report --help`)")
    add_dicom_option(p)
    p.add_argument("--out", type=Path, required=True, metavar="DIR")
    add_filing_options(p)

    p = commands.add_parser("plan", parents=[places, planning], help="show the plan of a prompt; nothing runs")
    p.set_defaults(do=plan)
    p.add_argument("prompt", nargs="?")
    p.add_argument("--json", action="store_true")
    p.add_argument("--catalog", type=Path, help="plan against a JSON list of cards instead of the installed weights")
    p.add_argument("--prompts", type=Path, help="JSON lines with id and prompt")
    p.add_argument("--out", type=Path, help="where the predictions go (default: standard output)")

    p = commands.add_parser("demo", parents=[places, device, planning], help="run on a real chest radiograph")
    p.set_defaults(do=demo, modality=None, accept_unusual_input=False)
    p.add_argument("--out", type=Path, default=Path("medprompt-demo"), metavar="DIR")
    add_filing_options(p)

    p = commands.add_parser("train", parents=[device], help="train a weight from a recipe (resumable)")
    p.set_defaults(do=train)
    p.add_argument("recipe", type=Path, metavar="CONFIG")
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    p.add_argument("--work", type=Path, default=Path("runs"), metavar="DIR", help="checkpoints and logs")
    p.add_argument("--out", type=Path, default=Path("weights"), metavar="DIR")

    add_weight_commands(commands, places, device)
    bench = add_planner_commands(commands, places, device, planning, bench_run)
    add_speed_command(bench, places, device)
    add_report_commands(commands, bench, places, planning)
    add_dicom_command(commands, places)
    add_archive_commands(commands)

    p = commands.add_parser("schema", help="print a JSON schema")
    p.set_defaults(do=schema)
    p.add_argument("of", choices=("plan", "card", "run", "findings"))
    return parser


if __name__ == "__main__":
    sys.exit(main())

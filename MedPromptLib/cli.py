"""The command line: `medprompt run | batch | report | dicom | plan | weights | archive | filter | demo | train | …`.

Exit codes are those of `errors`: 0 done, 1 some cases of a batch failed, 2 unusable input, 3 nothing that can be run, 4
a broken weight, 5 the planner's endpoint failed, 6 the output could not be written, 7 a package is missing, 70 a defect
in this program, 130 cancelled.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .cli_archive import add_archive_commands, add_filing_options, open_archive, say_filed
from .cli_batch import add_batch_command, add_bench_batch
from .cli_classifiers import add_classifier_commands
from .cli_dicom import add_dicom_command, add_dicom_option, source_of, write_dicom_results
from .cli_inputs import add_sequence_options, given_inputs, inputs_for, sequences_given
from .cli_knowledge import add_knowledge_commands
from .cli_planner import add_planner_commands, chosen_planner, confirmed, planning_options, read_text, tell
from .cli_reports import add_report_commands, make_report, report_options
from .cli_semi import add_semi_commands
from .cli_speed import add_speed_command
from .cli_union import add_union_commands
from .cli_weights import add_weight_commands
from .errors import InvalidInput, MedPromptError, printable, ran_out_of_memory
from .outputs import write_lines

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .plan import Plan
    from .session import Session

DEFECT = 70
TOO_LARGE = "There is too little memory for this; close other programs, or give a smaller image or a part of it."
LARGEST_EXAMINATION = 8
"""So many inputs at most are read before the plan is known, where they may say what a request leaves open."""


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
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader of our output went away
        return 0
    except Exception as error:  # the last line of defence: one sentence, and how to report it
        if options.debug:
            raise
        if ran_out_of_memory(error):
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
        if verdict.decision == "clarify" and 1 < len(options.input) <= LARGEST_EXAMINATION:
            verdict = session.decide(options.prompt, images=sequences_given(given_inputs(options.input)))
        plan = confirmed(verdict, session.catalog.abilities, options)
    _run_on_inputs(session, plan, options)


def _run_on_inputs(session: Session, plan: Plan, options: argparse.Namespace) -> None:
    from .outputs import check_folder, write_outputs
    from .results import finding_line

    among = {name for card in session.catalog for name in card.preprocessing.sequences}
    inputs = given_inputs(options.input, sorted(among))
    if not plan.pipeline:
        session.route(plan)  # says why there is nothing to run, before any image is read
    if options.archive:
        from .archive.privacy import check_source

        with open_archive(options.archive, make=True) as archive:
            _ = archive.keys  # says what is wrong with it before anything expensive runs
        for given in inputs:
            check_source(given.path)
    for given, image in inputs_for(session, plan, inputs, options):
        source = source_of(options, given.path)
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
        alone = len(inputs) == 1 or result.provenance.inputs
        out = options.out if alone else options.out / Path(given.name).stem
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
            print(finding_line(row))
        print(*written, sep="\n")
        if options.archive:
            with open_archive(options.archive) as archive:
                filed = archive.add_run(
                    out,
                    image=result.image,
                    source=given.path,
                    subject=options.subject_id,
                    project=options.project,
                    with_scene=not options.without_scene,
                    written=written,
                )
            say_filed(filed)


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
    from .inference.devices import resolve_device
    from .training.config import UNION, read_recipe
    from .training.finishing import finish
    from .training.loop import Training
    from .training.supervised import SupervisedTraining
    from .training.union_training import UnionTraining
    from .training.volume_training import VolumeTraining

    recipe, digest = read_recipe(options.recipe)
    work = options.work / recipe.card.id
    kind: Callable[..., Training] = VolumeTraining if recipe.card.dimension == 3 else SupervisedTraining
    if recipe.network.name == UNION:
        kind = UnionTraining
    training = kind(recipe, options.data, work, resolve_device(options.device), report=tell)
    command = f"medprompt train MedPromptLib/training/recipes/{options.recipe.name} --data DATA"
    card = finish(training, options.data, options.out, command=command, config_sha256=digest, report=tell)
    print(f"{options.out / card.id}: {card.file.bytes / 1e6:.1f} MB. {card.provenance.note}")


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
        "--input",
        type=Path,
        action="append",
        required=True,
        metavar="IMAGE",
        help="file or DICOM folder; repeatable; SEQUENCE=FILE says what it is, such as flair=FILE",
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
    add_sequence_options(p)
    add_filing_options(p)

    add_batch_command(commands, places, device, planning, _session)

    p = commands.add_parser("plan", parents=[places, planning], help="show the plan of a prompt; nothing runs")
    p.set_defaults(do=plan)
    p.add_argument("prompt", nargs="?")
    p.add_argument("--json", action="store_true")
    p.add_argument("--catalog", type=Path, help="plan against a JSON list of cards instead of the installed weights")
    p.add_argument("--prompts", type=Path, help="JSON lines with id and prompt")
    p.add_argument("--out", type=Path, help="where the predictions go (default: standard output)")

    p = commands.add_parser("demo", parents=[places, device, planning], help="run on a real chest radiograph")
    p.set_defaults(do=demo, modality=None, accept_unusual_input=False, register=False, reference=None)
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
    add_bench_batch(bench, [places, planning], _session)
    add_report_commands(commands, bench, places, planning)
    add_semi_commands(commands, bench, device)
    add_dicom_command(commands, places)
    add_archive_commands(commands)
    add_union_commands(commands, bench, places, device)
    add_knowledge_commands(commands, device, planning)
    add_classifier_commands(commands, bench, places, device)

    p = commands.add_parser("schema", help="print a JSON schema")
    p.set_defaults(do=schema)
    p.add_argument("of", choices=("plan", "card", "run", "findings"))
    return parser


if __name__ == "__main__":
    sys.exit(main())

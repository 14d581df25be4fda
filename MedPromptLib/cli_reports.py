"""The command line's part for reports and filters: `medprompt report`, `filter`, `bench reports`, `run --report`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli_planner import KEY_VARIABLE, agree_to_send_text, tell
from .errors import InvalidInput, OutputFailed

if TYPE_CHECKING:
    from .catalog import Catalog
    from .reporting.facts import FindingsSet
    from .reporting.prose import Writer
    from .reporting.writing import Report
    from .results import Run

STYLES = ("structured", "short", "patient")
LANGUAGES = ("en", "zh", "de", "es")
PROSE = ("auto", "template", "local", "endpoint")


def report_options() -> argparse.ArgumentParser:
    """Options of every command that writes a report."""
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--style", choices=STYLES, default="structured", help="of the report")
    options.add_argument("--language", choices=LANGUAGES, default="en", help="of the report")
    options.add_argument(
        "--prose",
        choices=PROSE,
        default="auto",
        help="who words the findings: the local language model if it is installed (auto), nobody (template), or the "
        "model of --endpoint; every text is checked against the findings",
    )
    options.add_argument(
        "--prior", type=Path, metavar="DIR", help="an earlier run on the same subject, to compare with"
    )
    options.add_argument("--font", type=Path, metavar="FILE", help="a TrueType font for the PDF")
    return options


def report(options: argparse.Namespace) -> None:
    """Write the report of a folder that `medprompt run` wrote."""
    from .catalog import Catalog
    from .reporting.files import write_report_files
    from .reporting.run_folder import read_run

    catalog = Catalog.load(options.weights)
    run = read_run(options.run_dir, catalog)
    made = make_report(run, catalog, options)
    written = write_report_files(made, run, options.out or options.run_dir, options.font, tell)
    print(made.text)
    print(*written, sep="\n", file=sys.stderr)


def make_report(run: Run, catalog: Catalog, options: argparse.Namespace) -> Report:
    """The report of a run as the options ask for it; says on the terminal if no model's text was used, and why."""
    from .reporting.measuring import measure
    from .reporting.writing import write_report

    prior = _prior(options.prior, catalog) if options.prior else None
    findings = measure(run, catalog, prior, options.prior.name if options.prior else "")
    made = write_report(findings, options.style, options.language, _writer(options, findings))
    if made.failure:
        tell(f"The report is the template text: {made.failure}")
    for problem in made.rejected.problems[:3]:
        tell(f"The language model's text was rejected: {problem.reason} ({problem.text})")
    return made


def _prior(folder: Path, catalog: Catalog) -> FindingsSet:
    from .reporting.facts import load_findings
    from .reporting.files import FINDINGS_NAME
    from .reporting.measuring import measure
    from .reporting.run_folder import read_run

    if (folder / FINDINGS_NAME).is_file():
        return load_findings(folder / FINDINGS_NAME)
    return measure(read_run(folder, catalog), catalog)


def _writer(options: argparse.Namespace, findings: FindingsSet) -> Writer | None:
    from .reporting.prose import ChoosingWriter, EndpointWriter, missing_model

    if options.prose == "template":
        return None
    if options.prose != "endpoint":
        missing = missing_model()
        if missing and options.prose == "auto":
            tell(missing)
            return None
        return ChoosingWriter()
    endpoint = _endpoint(options, findings)
    return EndpointWriter(endpoint)


def _endpoint(options: argparse.Namespace, findings: FindingsSet) -> Any:
    """The endpoint, once the user has agreed that findings are sent there and has seen which."""
    from .planner import EndpointPlanner
    from .reporting.languages import language
    from .reporting.layout import Body, layout
    from .reporting.prose import request

    if not options.endpoint or not options.model:
        raise InvalidInput("The endpoint needs an address and a model; give --endpoint URL and --model NAME.")
    endpoint = EndpointPlanner(
        options.endpoint, options.model, api_key=os.environ.get(KEY_VARIABLE), timeout=options.timeout
    )
    chosen = language(options.language)
    bodies = [b for b in layout(findings, options.style, chosen) if isinstance(b, Body) and b.prose]
    talk = "\n".join(f"[{m['role']}] {m['content']}" for b in bodies for m in request(b.facts, options.style, chosen))
    agree_to_send_text(endpoint, talk, "findings", options, "leave out --prose endpoint")
    return endpoint


def filter_image(options: argparse.Namespace) -> None:
    """Apply filters to an image and write the result with a record of what was done."""
    import json

    from .filters import apply_steps, parse_filter
    from .images import read_image
    from .images_writing import write_volume

    chosen = []
    for words in options.apply:
        name, *settings = words.split(":")
        pairs = [setting.partition("=") for setting in settings]
        if any(not mark for _, mark, _ in pairs):
            raise InvalidInput(f"The filter '{words}' is not readable; expected NAME or NAME:SETTING=VALUE:….")
        chosen.append(parse_filter(name, {key: value for key, _, value in pairs}))
    image = read_image(options.input)
    filtered, steps = apply_steps(image, chosen)
    record = {
        "input": image.name,
        "input_sha256": image.sha256,
        "steps": [step.model_dump(mode="json") for step in steps],
    }
    write_volume(filtered, options.out)
    beside = options.out.with_name(options.out.name + ".json")
    try:
        beside.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputFailed(f"{beside} could not be written ({error.strerror}).") from error
    print(options.out, beside, sep="\n")


def bench_reports(options: argparse.Namespace) -> int:
    """Measure the check; the exit code says whether it held."""
    from .reporting.bench import bench

    outcome = bench(options.sets, options.mutations, options.seed, prose=options.prose_sample, progress=tell)
    print(*outcome.lines(), sep="\n")
    return 0 if outcome.held else 1


def add_report_commands(
    commands: Any, bench: Any, places: argparse.ArgumentParser, planning: argparse.ArgumentParser
) -> None:
    """`report`, `filter` and `bench reports`."""
    p = commands.add_parser(
        "report", parents=[places, report_options(), planning], help="write the report of a run's folder"
    )
    p.set_defaults(do=report)
    p.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="what `medprompt run` wrote")
    p.add_argument("--out", type=Path, metavar="DIR", help="where the report goes (default: RUN_DIR)")

    p = commands.add_parser("filter", help="denoise, change contrast, correct the bias field or standardise an image")
    p.set_defaults(do=filter_image)
    p.add_argument("input", type=Path, metavar="IMAGE")
    p.add_argument(
        "--apply",
        action="append",
        required=True,
        metavar="NAME[:SETTING=VALUE…]",
        help="curvature-flow, non-local-means, clahe, window, n4 or standardise; repeatable, in order",
    )
    p.add_argument("--out", type=Path, required=True, metavar="FILE", help=".nrrd, .nii.gz or .mha")

    p = bench.add_parser("reports", help="whether the check lets through only what the findings say")
    p.set_defaults(do=bench_reports)
    p.add_argument("--sets", type=int, default=500, help="generated sets of findings")
    p.add_argument("--mutations", type=int, default=2000, help="corrupted reports")
    p.add_argument("--prose-sample", type=int, default=0, help="reports worded by the local language model")
    p.add_argument("--seed", type=int, default=1)

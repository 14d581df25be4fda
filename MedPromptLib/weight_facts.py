"""What a weight's card says, as sections that any face can show: `weight_sheet` has them as text and as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .catalog import WeightCard
from .measured import Measurement, Reliability, is_floor, short_floor, with_interval

QUANTITIES = {
    "answer": "Most probable class: its probability against how often it was right",
    "finding": "Finding: summed probability of the positive classes against how often there was one",
    "foreground": "Pixels: probability of belonging to a structure against how often they did",
}

UNITS = {"answer": "images", "finding": "images", "foreground": "pixels"}


@dataclass(frozen=True)
class Text:
    """A paragraph; `kind` is `plain`, `item` (of a list) or `command` (that gives what stands before it)."""

    text: str
    kind: str = "plain"


@dataclass(frozen=True)
class Table:
    """Rows of cells below titles.

    Attributes:
        widths: of the columns on a terminal, in characters.
    """

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]


@dataclass(frozen=True)
class Diagrams:
    """Reliability diagrams of one quantity, one for each split."""

    diagrams: tuple[Reliability, ...]


Block = Text | Table | Diagrams


def title(card: WeightCard) -> str:
    """Name, id and version."""
    return f"{card.title} ({card.id} {card.version})"


def sections(card: WeightCard) -> Iterator[tuple[str, tuple[Block, ...]]]:
    """Everything a card says, by section; the first has no title. What it knows nothing of says so or is left out."""
    for name, blocks in (
        ("", _head(card)),
        ("Intended use", (Text(card.intended_use),)),
        ("Limits", (Text(limit, "item") for limit in card.limitations)),
        ("Known failures", _failures(card)),
        ("Data and terms", _data(card)),
        ("Figures", _figures(card)),
        ("Operating point", _operating_point(card)),
        ("Calibration", _calibration(card)),
        ("Subgroups", _subgroups(card)),
        ("Input check", _input_check(card)),
        ("Size and speed", _size(card)),
        ("Provenance", _provenance(card)),
    ):
        section = tuple(blocks)
        if section:
            yield name, section


def _head(card: WeightCard) -> Iterator[Block]:
    answers = ", ".join(card.classes or tuple(s.name for s in card.structures))
    yield Text(f"{card.intent.value} of {card.target} on {card.modality}: {answers}")
    if card.positive:
        yield Text(f"A finding is: {', '.join(card.positive)}")


def _failures(card: WeightCard) -> Iterator[Block]:
    for failure in card.known_failures:
        yield Text(failure.text, "item")
        if failure.command:
            yield Text(failure.command, "command")


def _data(card: WeightCard) -> Iterator[Block]:
    provenance = card.provenance
    yield Text(provenance.data)
    if provenance.splits:
        sizes = ", ".join(f"{split} {count}" for split, count in provenance.splits.items())
        yield Text(f"Images in each split of {provenance.dataset}: {sizes}")
    yield Text(f"Terms of the data: {provenance.data_licence}")
    yield Text(f"Terms of the weight: {card.licence}")


def _splits(rows: Sequence[Measurement]) -> list[tuple[str, str]]:
    """Data sets and splits, test splits first."""
    return sorted(dict.fromkeys((m.dataset, m.split) for m in rows), key=lambda key: key[1] != "test")


FIGURE_WIDTHS = (26, 21, 22, 6, 19)


def _figures(card: WeightCard) -> Iterator[Block]:
    if not card.evaluation:
        yield Text("not measured")
    for dataset, split in _splits(card.evaluation):
        rows = [m for m in card.evaluation if (m.dataset, m.split) == (dataset, split)]
        yield Text(f"{dataset}, {split} split ({rows[0].date}): {rows[0].command}")
        cells = []
        for m in rows:
            if is_floor(m):
                continue
            floors = [
                f for f in rows if is_floor(f) and f.subject == m.subject and f.metric.startswith(f"{m.metric} of ")
            ]
            beside = "; ".join(f"{f.value:.3f} {short_floor(f).removesuffix(' ' + m.metric)}" for f in floors)
            cells.append((m.metric, m.subject, with_interval(m), str(m.images), beside))
        titles = ("metric", "of", "value (95 % interval)", "images", "trivial floor")
        yield Table(titles, tuple(cells), FIGURE_WIDTHS)


def _operating_point(card: WeightCard) -> Iterator[Block]:
    if not card.classes:
        return
    point = card.operating_point
    if point is None:
        yield Text("none: the most probable class is reported")
        return
    classes = " + ".join(card.positive)
    yield Text(
        f"A finding is reported from a probability of {point.threshold:.4f} of {classes} on, and then the most "
        "probable of these classes; below it the most probable of the others."
    )
    yield Text(
        f"Chosen on the {point.split} split of {point.dataset} ({point.positives} of {point.images} images "
        f"with the finding) by {point.rule}: {point.command}"
    )
    for dataset, split in _splits(card.evaluation):
        by_name = {
            m.metric: m
            for m in card.evaluation
            if (m.dataset, m.split, m.subject) == (dataset, split, "finding against none")
        }
        rates = [f"{name} {with_interval(by_name[name])}" for name in RATES if name in by_name]
        if rates:
            chosen = (
                " (it was chosen here, so these are too good)"
                if (dataset, split) == (point.dataset, point.split)
                else ""
            )
            yield Text(f"{dataset}, {split}{chosen}: {', '.join(rates)}", "item")


RATES = ("sensitivity", "specificity", "PPV", "NPV", "prevalence")


def _calibration(card: WeightCard) -> Iterator[Block]:
    bias = f", bias {', '.join(f'{b:+.2f}' for b in card.calibration.bias)}" if card.calibration.bias else ""
    fitted = f" fitted on {card.calibration.split}" if card.calibration.split else ", not fitted"
    yield Text(f"temperature {card.calibration.temperature:g}{bias}{fitted}")
    for quantity in dict.fromkeys(r.quantity for r in card.reliability):
        yield Text(QUANTITIES[quantity])
        yield Diagrams(tuple(r for r in card.reliability if r.quantity == quantity))


SUBGROUP_WIDTHS = (27, 20, 20, 21, 6)


def _subgroups(card: WeightCard) -> Iterator[Block]:
    for dataset, split in _splits(card.subgroups):
        rows = [m for m in card.subgroups if (m.dataset, m.split) == (dataset, split)]
        yield Text(f"{dataset}, {split} split, by {rows[0].column}")
        cells = tuple((m.group, m.metric, m.subject, with_interval(m), str(m.images)) for m in rows)
        titles = (rows[0].column, "metric", "of", "value (95 % interval)", "images")
        yield Table(titles, cells, SUBGROUP_WIDTHS)


def _input_check(card: WeightCard) -> Iterator[Block]:
    if card.input_profile is None:
        yield Text("none: images that do not fit are not noticed")
        return
    others = ", ".join(card.input_profile.counter_examples) or "nothing else"
    own = ", ".join((card.input_profile.dataset, *card.input_profile.also))
    yield Text(f"{card.input_profile.images} training images of {own} against {others}")


def _size(card: WeightCard) -> Iterator[Block]:
    number = f"{card.file.parameters:,}".replace(",", " ") if card.file.parameters else ""
    counted = f"{number} parameters, " if number else ""
    yield Text(f"{counted}{card.file.bytes / 1e6:.1f} MB as {card.file.storage}; network {card.network.name}")
    speed = card.latency
    if speed is not None:
        size = " × ".join(map(str, speed.size if speed.size[0] > 1 else speed.size[1:]))
        median = f"{speed.milliseconds:.1f} ms"
        yield Text(
            f"{median} an image of {size} (median of {speed.rounds}, slowest {speed.slowest:.1f} ms) "
            f"on {_threads(speed.threads)} of {speed.cpu}, torch {speed.torch}, {speed.date}: {speed.command}"
        )


def _threads(count: int) -> str:
    return f"{count} thread{'s' * (count > 1)}"


def _provenance(card: WeightCard) -> Iterator[Block]:
    provenance = card.provenance
    yield Text(f"Made by: {provenance.command}")
    facts = [f"date {provenance.date}"]
    if provenance.seed is not None:
        facts.append(f"seed {provenance.seed}")
    if provenance.config_sha256:
        facts.append(f"recipe SHA-256 {provenance.config_sha256[:12]}…")
    yield Text(", ".join(facts))
    run = provenance.training
    if run is not None and run.commit:
        state = {True: "as committed", False: "with uncommitted changes", None: "the commit that added the weight"}
        yield Text(f"Code: commit {run.commit}, {state[run.tree_clean]}")
    if run is not None and run.seconds is not None:
        threads = f", {_threads(run.threads)}" if run.threads else ""
        where = f" on {run.hardware}{threads}" if run.hardware else ""
        yield Text(f"Training took {run.seconds / 60:.0f} minutes{where}")
    if provenance.note:
        yield Text(provenance.note)
    yield Text(f"File: {card.file.name}, SHA-256 {card.file.sha256}")

"""A weight's card as a sheet to read on a terminal, 100 columns wide, and its reliability diagrams as a picture."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from .catalog import WeightCard
from .errors import InvalidInput
from .measured import Measurement, Reliability
from .training.summary import is_floor, short_floor, with_interval

WIDTH = 100
QUANTITIES = {
    "answer": "Most probable class: its probability against how often it was right",
    "finding": "Finding: summed probability of the positive classes against how often there was one",
    "foreground": "Pixels: probability of belonging to a structure against how often they did",
}

UNITS = {"answer": "images", "finding": "images", "foreground": "pixels"}


def sheet(card: WeightCard) -> str:
    """Everything a card says; sections it knows nothing for say so or are left out."""
    lines: list[str] = []
    for title, body in (
        ("", _head(card)),
        ("Intended use", _text(card.intended_use)),
        ("Limits", _bullets(card.limitations)),
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
        section = list(body)
        if section:
            lines += ["", title.upper()] * bool(title) + section
    return "\n".join(lines)


def _text(text: str, indent: str = "  ", first: str | None = None) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent if first is None else first, subsequent_indent=indent)


def _bullets(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from _text(text, "    ", "  - ")


def _columns(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """A row of a table as lines; cells that are too long are wrapped."""
    parts = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths, strict=True)]
    for number in range(max(map(len, parts))):
        texts = (part[number] if number < len(part) else "" for part in parts)
        yield ("  " + " ".join(f"{text:{width}}" for text, width in zip(texts, widths, strict=True))).rstrip()


def _head(card: WeightCard) -> Iterator[str]:
    yield from textwrap.wrap(f"{card.title} ({card.id} {card.version})", WIDTH)
    answers = ", ".join(card.classes or tuple(s.name for s in card.structures))
    yield from textwrap.wrap(f"{card.intent.value} of {card.target} on {card.modality}: {answers}", WIDTH)
    if card.positive:
        yield from textwrap.wrap(f"A finding is: {', '.join(card.positive)}", WIDTH)


def _failures(card: WeightCard) -> Iterator[str]:
    for failure in card.known_failures:
        yield from _text(failure.text, "    ", "  - ")
        if failure.command:
            yield from _text(failure.command, "      ", "    $ ")


def _data(card: WeightCard) -> Iterator[str]:
    provenance = card.provenance
    yield from _text(provenance.data)
    if provenance.splits:
        sizes = ", ".join(f"{split} {count}" for split, count in provenance.splits.items())
        yield from _text(f"Images in each split of {provenance.dataset}: {sizes}")
    yield from _text(f"Terms of the data: {provenance.data_licence}")
    yield from _text(f"Terms of the weight: {card.licence}")


def _splits(rows: Sequence[Measurement]) -> list[tuple[str, str]]:
    """Data sets and splits, test splits first."""
    return sorted(dict.fromkeys((m.dataset, m.split) for m in rows), key=lambda key: key[1] != "test")


FIGURE_WIDTHS = (26, 21, 22, 6, 19)


def _figures(card: WeightCard) -> Iterator[str]:
    if not card.evaluation:
        yield "  not measured"
    for number, (dataset, split) in enumerate(_splits(card.evaluation)):
        if number:
            yield ""
        rows = [m for m in card.evaluation if (m.dataset, m.split) == (dataset, split)]
        yield from _text(f"{dataset}, {split} split ({rows[0].date}): {rows[0].command}")
        yield from _columns(("metric", "of", "value (95 % interval)", "images", "trivial floor"), FIGURE_WIDTHS)
        for m in rows:
            if is_floor(m):
                continue
            floors = [
                f for f in rows if is_floor(f) and f.subject == m.subject and f.metric.startswith(f"{m.metric} of ")
            ]
            beside = "; ".join(f"{f.value:.3f} {short_floor(f).removesuffix(' ' + m.metric)}" for f in floors)
            yield from _columns((m.metric, m.subject, with_interval(m), str(m.images), beside), FIGURE_WIDTHS)


def _operating_point(card: WeightCard) -> Iterator[str]:
    if not card.classes:
        return
    point = card.operating_point
    if point is None:
        yield from _text("none: the most probable class is reported")
        return
    classes = " + ".join(card.positive)
    yield from _text(
        f"A finding is reported from a probability of {point.threshold:.4f} of {classes} on, and then the most "
        "probable of these classes; below it the most probable of the others."
    )
    yield from _text(
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
            yield from _text(f"{dataset}, {split}{chosen}: {', '.join(rates)}", "    ", "  - ")


RATES = ("sensitivity", "specificity", "PPV", "NPV", "prevalence")


def _calibration(card: WeightCard) -> Iterator[str]:
    bias = f", bias {', '.join(f'{b:+.2f}' for b in card.calibration.bias)}" if card.calibration.bias else ""
    fitted = f" fitted on {card.calibration.split}" if card.calibration.split else ", not fitted"
    yield from _text(f"temperature {card.calibration.temperature:g}{bias}{fitted}")
    for quantity in dict.fromkeys(r.quantity for r in card.reliability):
        diagrams = [r for r in card.reliability if r.quantity == quantity]
        yield ""
        yield from _text(QUANTITIES[quantity])
        for start in range(0, len(diagrams), 3):
            yield from _side_by_side(diagrams[start : start + 3])


def _side_by_side(diagrams: Sequence[Reliability]) -> Iterator[str]:
    widths = (11, *[26] * len(diagrams))
    unit = f"predicted observed {UNITS[diagrams[0].quantity]:>7}"
    yield from _columns(("", *(f"{d.dataset}, {d.split}" for d in diagrams)), widths)
    yield from _columns(("", *(f"ECE {d.ece:.3f}" for d in diagrams)), widths)
    yield from _columns(("bin", *[unit] * len(diagrams)), widths)
    edges = sorted({(b.lower, b.upper) for d in diagrams for b in d.bins})
    for lower, upper in edges:
        cells = []
        for diagram in diagrams:
            found = next((b for b in diagram.bins if b.lower == lower), None)
            cells.append(f"{found.predicted:9.3f} {found.observed:8.3f} {found.count:7}" if found else "")
        texts = zip(cells, widths[1:], strict=True)
        yield (f"  {lower:.2f}–{upper:.2f}   " + " ".join(f"{text:{width}}" for text, width in texts)).rstrip()


SUBGROUP_WIDTHS = (27, 20, 20, 21, 6)


def _subgroups(card: WeightCard) -> Iterator[str]:
    for number, (dataset, split) in enumerate(_splits(card.subgroups)):
        if number:
            yield ""
        rows = [m for m in card.subgroups if (m.dataset, m.split) == (dataset, split)]
        yield from _text(f"{dataset}, {split} split, by {rows[0].column}")
        yield from _columns((rows[0].column, "metric", "of", "value (95 % interval)", "images"), SUBGROUP_WIDTHS)
        for m in rows:
            yield from _columns((m.group, m.metric, m.subject, with_interval(m), str(m.images)), SUBGROUP_WIDTHS)


def _input_check(card: WeightCard) -> Iterator[str]:
    if card.input_profile is None:
        yield "  none: images that do not fit are not noticed"
        return
    others = ", ".join(card.input_profile.counter_examples) or "nothing else"
    own = ", ".join((card.input_profile.dataset, *card.input_profile.also))
    yield from _text(f"{card.input_profile.images} training images of {own} against {others}")


def _size(card: WeightCard) -> Iterator[str]:
    number = f"{card.file.parameters:,}".replace(",", " ") if card.file.parameters else ""
    counted = f"{number} parameters, " if number else ""
    yield from _text(f"{counted}{card.file.bytes / 1e6:.1f} MB as {card.file.storage}; network {card.network.name}")
    speed = card.latency
    if speed is not None:
        size = " × ".join(map(str, speed.size if speed.size[0] > 1 else speed.size[1:]))
        median = f"{speed.milliseconds:.1f} ms"
        yield from _text(
            f"{median} an image of {size} (median of {speed.rounds}, slowest {speed.slowest:.1f} ms) "
            f"on {_threads(speed.threads)} of {speed.cpu}, torch {speed.torch}, {speed.date}: {speed.command}"
        )


def _threads(count: int) -> str:
    return f"{count} thread{'s' * (count > 1)}"


def _provenance(card: WeightCard) -> Iterator[str]:
    provenance = card.provenance
    yield from _text(f"Made by: {provenance.command}")
    facts = [f"date {provenance.date}"]
    if provenance.seed is not None:
        facts.append(f"seed {provenance.seed}")
    if provenance.config_sha256:
        facts.append(f"recipe SHA-256 {provenance.config_sha256[:12]}…")
    yield from _text(", ".join(facts))
    run = provenance.training
    if run is not None and run.commit:
        state = {True: "as committed", False: "with uncommitted changes", None: "the commit that added the weight"}
        yield from _text(f"Code: commit {run.commit}, {state[run.tree_clean]}")
    if run is not None and run.seconds is not None:
        threads = f", {_threads(run.threads)}" if run.threads else ""
        where = f" on {run.hardware}{threads}" if run.hardware else ""
        yield from _text(f"Training took {run.seconds / 60:.0f} minutes{where}")
    if provenance.note:
        yield from _text(provenance.note)
    yield from _text(f"File: {card.file.name}, SHA-256 {card.file.sha256}")


def reliability_picture(card: WeightCard, path: str | os.PathLike[str]) -> Path:
    """Draw a card's reliability diagrams as a PNG, a row per quantity and a column per split; return its path.

    Bars are 95 % intervals of images, as if each were of another patient.

    Raises:
        InvalidInput: the card holds none.
        OutputFailed, MissingPackage: as `overview.save_figure` and `overview.new_figure`.
    """
    from .overview import new_figure, save_figure

    if not card.reliability:
        raise InvalidInput(f"The card of '{card.id}' holds no reliability diagram; run `medprompt evaluate {card.id}`.")
    quantities = list(dict.fromkeys(r.quantity for r in card.reliability))
    places = list(dict.fromkeys((r.dataset, r.split) for r in card.reliability))
    figure = new_figure(4.2 * len(places), 4.6 * len(quantities) + 0.4)
    figure.suptitle(f"{card.title} ({card.id} {card.version})", fontsize=11)
    grid = figure.add_gridspec(2 * len(quantities), len(places), height_ratios=[3, 1] * len(quantities))
    for diagram in card.reliability:
        row, column = quantities.index(diagram.quantity), places.index((diagram.dataset, diagram.split))
        axes, counts = (figure.add_subplot(grid[2 * row + part, column]) for part in (0, 1))
        said, was = [b.predicted for b in diagram.bins], [b.observed for b in diagram.bins]
        axes.plot((0, 1), (0, 1), color="0.7", linewidth=1)
        style = {"color": "#1f5fa8", "markersize": 4, "clip_on": False}
        if diagram.quantity == "foreground":  # pixels of one image are alike, so that their number gives no interval
            axes.plot(said, was, "o-", **style)
        else:
            limits = [_wilson(b.observed, b.count) for b in diagram.bins]
            bars = [
                [max(0.0, w - low) for w, (low, _) in zip(was, limits, strict=True)],
                [max(0.0, high - w) for w, (_, high) in zip(was, limits, strict=True)],
            ]
            axes.errorbar(said, was, bars, fmt="o", elinewidth=1, **style)
        axes.set_title(f"{diagram.quantity}: {diagram.dataset}, {diagram.split}, ECE {diagram.ece:.3f}", fontsize=8.5)
        axes.set_ylabel("observed", fontsize=8)
        middles = [(b.lower + b.upper) / 2 for b in diagram.bins]
        counts.bar(middles, [b.count for b in diagram.bins], width=0.06, color="#9bb8d6")
        counts.set_yscale("log")
        counts.set_ylim(bottom=0.7)
        counts.set_ylabel(UNITS[diagram.quantity], fontsize=8)
        counts.set_xlabel("predicted probability", fontsize=8)
        for part in (axes, counts):
            part.set_xlim(0, 1)
            part.tick_params(labelsize=7)
        axes.set_ylim(0, 1)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    return save_figure(figure, path)


def _wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % score interval of a share of `count` images (Wilson 1927)."""
    z = 1.96
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * (share * (1 - share) / count + z**2 / (4 * count**2)) ** 0.5
    return middle - half, middle + half

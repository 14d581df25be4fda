"""How fast everything is on this machine: `medprompt bench speed`, its table, its JSON, and what has changed since.

Every case runs in a process of its own, so that its peak memory is its own and nothing is warm by accident. Beside the
shipped weights stands the MedPrompt paper's network, as released: EfficientNet-B0 DeepFusionLab, plain PyTorch.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InvalidInput, OutputFailed
from .outputs import write_lines

if TYPE_CHECKING:
    from .catalog import WeightCard
    from .session import Session

ONE_TASK = "Segment the lungs on this chest x-ray."
TWO_TASKS = "Segment the lungs on this chest x-ray and check it for pneumonia."
SLICES, GROWTH = 200, (1, 4, 16)
STAND_IN = "chest_structures_seg_cxr"
"""Runs slice by slice through a volume where no installed weight does: the largest of the 2D networks that ship."""
PAPER = {"paper's network, segmentation": 1, "paper's network, classification": 0}


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        seconds: wall clock of every round; cpu: user and system time of all threads, of every round.
        megabytes: peak resident memory of the process.
        units: what a round worked through (images, slices), so that cost per unit can be compared.
    """

    name: str
    seconds: tuple[float, ...]
    cpu: tuple[float, ...]
    megabytes: float
    units: int = 1

    @property
    def median(self) -> float:
        """Median seconds of a round."""
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """The second that 95 % of the rounds stay below, or the slowest of fewer than twenty."""
        return sorted(self.seconds)[max(0, -(-95 * len(self.seconds) // 100) - 1)]


def cases(session: Session) -> dict[str, list[str]]:
    """Every case by name, with the arguments of the process that times it."""
    two_dimensional = [card.id for card in session.catalog if card.dimension == 2]
    three_dimensional = [card.id for card in session.catalog if card.dimension == 3]
    out = {"medprompt --help, cold": ["cold", "--help"], "medprompt run to files, cold": ["cold", "run"]}
    out |= {f"{name}, forward": ["paper", str(mode)] for name, mode in PAPER.items()}
    out |= {f"{name}, forward": ["forward", name] for name in (*two_dimensional, *three_dimensional)}
    out |= {"2D, one task, warm": ["prompt", ONE_TASK], "2D, two tasks, warm": ["prompt", TWO_TASKS]}
    out |= {f"2D, one task, {n} images": ["images", str(n)] for n in GROWTH}
    out |= {
        f"volume 512 × 512 × {n}, slice-wise": ["slices", str(n)] for n in sorted({SLICES // 16, SLICES // 4, SLICES})
    }
    out |= {f"{name}, {n} × its window": ["window", name, str(n)] for name in three_dimensional for n in GROWTH}
    return out


def measure(chosen: dict[str, list[str]], rounds: int, weights: Sequence[Path] | None, device: str) -> Iterator[Row]:
    """A row for each case, as soon as it is measured.

    Raises:
        InvalidInput: fewer than one round, or a case failed; the message has its last line.
    """
    if rounds < 1:
        raise InvalidInput("Timing needs at least one round; give --rounds 1 or more.")
    for name, arguments in chosen.items():
        settings = json.dumps({"rounds": rounds, "weights": [str(p) for p in weights or ()], "device": device})
        command = [sys.executable, "-m", "MedPromptLib.bench_speed", settings, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise InvalidInput(f"The case '{name}' could not be measured: {said.removeprefix('medprompt: ')}")
        told = json.loads(done.stdout.splitlines()[-1])
        yield Row(name, tuple(told["seconds"]), tuple(told["cpu"]), told["megabytes"], told["units"])


HEAD = f"{'':44}{'median s':>10}{'p95 s':>9}{'CPU s':>9}{'MB':>7}"


def line_of(row: Row, earlier: Row | None = None, paper: Row | None = None) -> str:
    """One line of the table, beside an earlier measurement and, for a forward pass, the paper's network."""
    text = f"{row.name:44}{row.median:10.4f}{row.p95:9.4f}{statistics.median(row.cpu):9.4f}{row.megabytes:7.0f}"
    if paper is not None:
        text += f"   {paper.median / row.median:4.1f} × faster than the paper's"
    if earlier is not None:
        text += f"   {earlier.median / row.median:5.2f} × earlier, memory {row.megabytes / earlier.megabytes:4.2f} ×"
    return text


def paper_row(row: Row, rows: Sequence[Row], session: Session) -> Row | None:
    """What a forward pass is compared with: the paper's network in the mode that does the same task."""
    name = row.name.removesuffix(", forward")
    if name == row.name or name not in session.catalog or session.catalog.card(name).dimension != 2:
        return None
    task = session.catalog.card(name).intent.value
    return next((r for r in rows if r.name == f"paper's network, {task}, forward"), None)


def as_json(rows: Sequence[Row]) -> str:
    """The measurement as a document that `--compare` reads."""
    import torch

    from .inference.accelerated import is_available
    from .training.origin import processor_name

    about = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": processor_name(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "engine": "onnxruntime" if is_available() else "torch",
    }
    return json.dumps(about | {"rows": [dataclasses.asdict(row) for row in rows]}, indent=1)


def read_rows(path: Path) -> dict[str, Row]:
    """The rows of an earlier measurement by name.

    Raises:
        InvalidInput: not a file that `--json` wrote.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        return {row["name"]: Row(**row) for row in rows}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput(f"{path} is not an earlier measurement; give a file that --json wrote.") from error


def table(
    session: Session,
    rounds: int,
    device: str,
    *,
    only: Sequence[str] = (),
    weights: Sequence[Path] | None = None,
    compare: Path | None = None,
    out: Path | None = None,
) -> Iterator[str]:
    """Lines of the table.

    Args:
        only: parts of names; empty measures everything.
        compare: an earlier measurement.
        out: where the JSON goes.

    Raises:
        InvalidInput: `measure` and `read_rows`; or nothing is called like that.
    """
    before = read_rows(compare) if compare else {}
    chosen = {n: a for n, a in cases(session).items() if not only or any(part in n for part in only)}
    if not chosen:
        raise InvalidInput(f"No case is called like {', '.join(only)}; there are: {', '.join(cases(session))}.")
    yield HEAD
    rows: list[Row] = []
    for row in measure(chosen, rounds, weights, device):
        rows.append(row)
        yield line_of(row, before.get(row.name), paper_row(row, rows, session))
    yield from growth_lines(rows)
    if out is not None:
        write_lines([as_json(rows)], out)


def growth_lines(rows: Sequence[Row]) -> Iterator[str]:
    """How the cost of a unit changes as the work grows; 1.00 is proportional."""
    families: dict[str, list[Row]] = {}
    for row in rows:
        head, comma, _ = row.name.rpartition(", ")
        key = "volume, slice-wise" if row.name.startswith("volume") else head
        if (comma and row.units > 1) or any(word in row.name for word in ("images", "window", "slice-wise")):
            families.setdefault(key, []).append(row)
    for name, members in families.items():
        if len(members) < 2:
            continue
        first = min(members, key=lambda row: row.units)
        told = (
            f"×{row.units // first.units} {row.median / row.units / (first.median / first.units):.2f}"
            for row in sorted(members, key=lambda row: row.units)[1:]
        )
        yield f"{name}: cost of a unit as the work grows: {', '.join(told)}"


def profile(session_arguments: Sequence[str], lines: int = 25) -> Iterator[str]:
    """Where the time of a whole cold run goes, by the function that spends it, and by what it is part of."""
    with tempfile.TemporaryDirectory() as folder:
        stats = Path(folder) / "stats"
        command = [sys.executable, "-m", "cProfile", "-o", str(stats), "-m", "MedPromptLib.cli"]
        done = subprocess.run(
            [*command, *_run_arguments(Path(folder) / "out"), *session_arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not stats.is_file():
            said = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise OutputFailed(f"The run could not be profiled: {said}")
        import io
        import pstats

        for order in ("cumulative", "tottime"):
            stream = io.StringIO()
            pstats.Stats(str(stats), stream=stream).strip_dirs().sort_stats(order).print_stats(lines)
            yield from (line for line in stream.getvalue().splitlines() if line.strip())


def _run_arguments(out: Path) -> list[str]:
    from .demo import demo_image

    return ["run", "--prompt", TWO_TASKS, "--yes", "--input", str(demo_image()), "--out", str(out)]


# ------------------------------------------------------------------------------------------- in the timed processes


def _timed(work: Callable[[], object], rounds: int, warm_up: int = 1, units: int = 1) -> dict[str, Any]:
    """Seconds and CPU seconds of every round, and the process's peak memory."""
    from .benchmark import peak_megabytes

    for _ in range(warm_up):
        work()
    seconds, cpu = [], []
    for _ in range(rounds):
        clock, processor = time.perf_counter(), time.process_time()
        work()
        seconds.append(time.perf_counter() - clock)
        cpu.append(time.process_time() - processor)
    return {"seconds": seconds, "cpu": cpu, "megabytes": peak_megabytes(), "units": units}


def _cold(what: str, settings: dict[str, Any]) -> dict[str, Any]:
    """A fresh process every round."""
    rounds = min(settings["rounds"], 5)
    seconds, cpu, peak = [], [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            arguments = ["--help"] if what == "--help" else _run_arguments(Path(folder) / str(number))
            arguments += [] if what == "--help" else [w for p in settings["weights"] for w in ("--weights", p)]
            clock, before = time.perf_counter(), _children()
            done = subprocess.run(
                [sys.executable, "-m", "MedPromptLib.cli", *arguments], capture_output=True, text=True, check=False
            )
            seconds.append(time.perf_counter() - clock)
            cpu.append(_children() - before)
            if done.returncode:
                raise OutputFailed((done.stderr.strip().splitlines() or ["no message"])[-1])
    try:
        import resource

        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    except ImportError:  # Windows
        peak = float("nan")
    return {"seconds": seconds, "cpu": cpu, "megabytes": peak, "units": 1}


def _children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _paper(mode: int, settings: dict[str, Any]) -> dict[str, Any]:
    import torch

    from .networks.deepfusionlab import DeepFusionLab

    network = DeepFusionLab(mode=mode).eval()  # type: ignore[arg-type]
    x = torch.rand(1, 3, 256, 256) * 255
    with torch.inference_mode():
        return _timed(lambda: network(x), 5 * settings["rounds"], warm_up=3)


def _forward(name: str, session: Session, settings: dict[str, Any]) -> dict[str, Any]:
    import torch

    weight = session.weight(name, settings["device"])
    recipe = weight.card.preprocessing
    channels = recipe.channels if weight.card.dimension == 3 else len(recipe.mean)
    x = torch.rand(1, channels, *recipe.size).to(weight.device)
    if weight.card.dimension == 2:
        x = x.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        return _timed(lambda: weight.runner(x).float().cpu(), 5 * settings["rounds"], warm_up=3)


def _prompt(prompt: str, count: int, session: Session, settings: dict[str, Any]) -> dict[str, Any]:
    """From the prompt to nodes in a scene, on `count` images one after the other."""
    from .demo import demo_image
    from .headless import headless_scene
    from .images import read_image
    from .scene import image_to_volume, remove_nodes, write_run

    image = read_image(demo_image())
    with headless_scene() as scene:
        volume = image_to_volume(image, scene)

        def work() -> None:
            plan = session.plan(prompt)
            for _ in range(count):
                result = session.run(session.route(plan, image), image, device=settings["device"])
                nodes = write_run(result, volume)
                remove_nodes((*nodes.segmentations, nodes.table, nodes.provenance), scene.scene)

        return _timed(work, settings["rounds"], units=count)


def _slices(count: int, session: Session, settings: dict[str, Any]) -> dict[str, Any]:
    """A CT-like volume through a 2D network, slice by slice, to nodes."""
    import numpy as np

    from .catalog import write_card
    from .headless import headless_scene
    from .images import MedicalImage
    from .plan import Plan, Status, Task
    from .planner import RulePlanner
    from .scene import image_to_volume, write_run
    from .session import Session

    fitting = [c for c in session.catalog if c.dimension == 2 and c.structures and c.preprocessing.volumes == "slices"]
    card = fitting[0] if fitting else session.catalog.card(STAND_IN)
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / card.id
        shutil.copytree(session.catalog.folder(card.id), folder)
        by_slices = card.preprocessing.model_copy(update={"volumes": "slices"})
        write_card(folder, card.model_copy(update={"preprocessing": by_slices, "input_profile": None}))
        own = Session([Path(root)], RulePlanner())
        volume = MedicalImage(_body(count), np.diag([-0.8, -0.8, 1.5, 1.0]), "ct", sha256="")
        task = Task(id=1, intent=card.intent, target=card.target)
        routed = own.route(Plan(prompt="bench", status=Status.OK, pipeline=(task,)))

        def work() -> None:
            result = own.run(routed, volume, device=settings["device"])
            with headless_scene() as scene:
                write_run(result, image_to_volume(volume, scene))

        own.weight(card.id, settings["device"])
        return _timed(work, max(1, settings["rounds"] // 5), warm_up=0, units=count)


def _body(count: int) -> Any:
    """(count, 512, 512) int16: a body-like ellipse with organs and noise, in Hounsfield units."""
    import numpy as np

    random = np.random.default_rng(0)
    j, i = np.mgrid[-1:1:512j, -1:1:512j]
    plane = np.where((j / 0.7) ** 2 + (i / 0.9) ** 2 < 1, 40, -1000).astype(np.int16)
    for side in (-0.4, 0.4):
        plane[((i - side) / 0.25) ** 2 + (j / 0.45) ** 2 < 1] = -800
    out = np.repeat(plane[None], count, axis=0)
    out += random.integers(-30, 30, (count, 512, 512), dtype=np.int16)
    return out


def _window(name: str, factor: int, session: Session, settings: dict[str, Any]) -> dict[str, Any]:
    """A volume of `factor` windows through a 3D weight, to labels."""
    import numpy as np

    from .images import MedicalImage
    from .inference.engine import segment

    weight = session.weight(name, settings["device"])
    image = MedicalImage(*_volume_for(weight.card, factor), "volume", spacing_known=True)
    assert isinstance(image.array, np.ndarray)
    return _timed(lambda: segment(weight, image), max(1, settings["rounds"] // 2), units=factor)


def _volume_for(card: WeightCard, factor: int) -> tuple[Any, Any]:
    """Voxels and geometry of a volume that has `factor` times a window's voxels at the card's resolution."""
    import numpy as np

    from .inference.volume_geometry import affine_for

    recipe = card.preprocessing
    spacing = tuple(s or 1.0 for s in recipe.spacing) if recipe.spacing else (1.0, 1.0, 1.0)
    k, j, i = recipe.size
    across = {1: (1, 1), 4: (2, 2), 16: (4, 4)}[factor]
    shape = (k, j * across[0], i * across[1])
    random = np.random.default_rng(0)
    return random.normal(100, 20, shape).astype(np.float32), affine_for(spacing, recipe.orientation)  # type: ignore[arg-type]


def _case(settings: dict[str, Any], kind: str, *arguments: str) -> dict[str, Any]:
    if kind == "cold":
        return _cold(arguments[0], settings)
    if kind == "paper":
        return _paper(int(arguments[0]), settings)
    from .planner import RulePlanner
    from .session import Session

    folders = [Path(p) for p in settings["weights"]] or None
    # A prompt is read by the planner that reads a user's; elsewhere none is needed.
    session = Session(folders) if kind in ("prompt", "images") else Session(folders, RulePlanner())
    if kind == "forward":
        return _forward(arguments[0], session, settings)
    if kind == "prompt":
        return _prompt(arguments[0], 1, session, settings)
    if kind == "images":
        return _prompt(ONE_TASK, int(arguments[0]), session, settings)
    if kind == "slices":
        return _slices(int(arguments[0]), session, settings)
    return _window(arguments[0], int(arguments[1]), session, settings)


if __name__ == "__main__":
    print(json.dumps(_case(json.loads(sys.argv[1]), *sys.argv[2:])))

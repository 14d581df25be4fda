"""How fast a warm two-task run is, from the prompt to nodes in a scene; and how fast weights and planners are."""

from __future__ import annotations

import datetime
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InvalidInput

if TYPE_CHECKING:
    from .catalog import Ability, WeightCard
    from .images import MedicalImage
    from .inference.engine import LoadedWeight
    from .measured import Latency
    from .planner import Planner
    from .session import Session

BENCHMARK_PROMPT = "Segment the lungs on this chest x-ray and check it for pneumonia."


def benchmark_two_tasks(session: Session, device: str, rounds: int) -> Iterator[str]:
    """Lines of a report: seconds of each stage, median and slowest of `rounds` runs after one that warms up."""
    from .demo import demo_image
    from .headless import headless_scene
    from .images import read_image
    from .scene import image_to_volume, remove_nodes, write_run

    image = read_image(demo_image())
    stages: dict[str, list[float]] = {"plan and route": [], "networks": [], "nodes": [], "all": []}
    with headless_scene() as scene:
        volume = image_to_volume(image, scene)
        for number in range(rounds + 1):
            clock = [time.perf_counter()]
            routed = session.route(session.plan(BENCHMARK_PROMPT), image)
            clock.append(time.perf_counter())
            result = session.run(routed, image, device=device)
            clock.append(time.perf_counter())
            nodes = write_run(result, volume)
            clock.append(time.perf_counter())
            remove_nodes((*nodes.segmentations, nodes.table, nodes.provenance), scene.scene)
            if number:
                for stage, start, end in zip(stages, (0, 1, 2, 0), (1, 2, 3, 3), strict=True):
                    stages[stage].append(clock[end] - clock[start])
    rows, columns = image.shape[1:]
    yield f'"{BENCHMARK_PROMPT}" on a {columns} × {rows} radiograph, {rounds} warm runs on {result.provenance.device}'
    for stage, seconds in stages.items():
        yield f"{stage:15} median {statistics.median(seconds):6.3f} s   slowest {max(seconds):6.3f} s"


def time_weight(folder: Path, card: WeightCard, rounds: int, threads: int) -> tuple[Latency, int]:
    """How long a weight takes for one image on the CPU, and how many parameters it has.

    The image is a pattern of the size and colour that the card asks for, so that resizing to it takes no time.

    Raises:
        InvalidInput: fewer than one round or thread.
        WeightCorrupt: the weight cannot be loaded.
    """
    import torch

    from .inference.engine import classify, load_weight, segment
    from .installing import a_pattern
    from .measured import Latency
    from .training.origin import processor_name

    if rounds < 1 or threads < 1:
        raise InvalidInput("Timing a weight needs at least one round and one thread.")
    weight, image = load_weight(folder, card, torch.device("cpu")), a_pattern(card)
    run: Callable[[LoadedWeight, MedicalImage], object] = classify if card.classes else segment
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        seconds = []
        for _ in range(rounds + 2):
            start = time.perf_counter()
            run(weight, image)
            seconds.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(before)
    k, j, i = image.shape
    milliseconds = [1000 * value for value in seconds[2:]]  # the first two warm up
    latency = Latency(
        milliseconds=round(statistics.median(milliseconds), 2),
        slowest=round(max(milliseconds), 2),
        rounds=rounds,
        threads=threads,
        cpu=processor_name(),
        size=(k, j, i),
        torch=torch.__version__,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        command=f"medprompt bench weights {card.id} --rounds {rounds} --threads {threads}",
    )
    return latency, sum(p.numel() for p in weight.network.parameters())


PLANNERS = ("rules", "language model", "agreement")
_BENCH_SEED = 20_000_003


def benchmark_planners(abilities: Sequence[Ability], count: int = 100) -> Iterator[str]:
    """Lines of a report: each planner in a process of its own, cold (imports, loading, one prompt) and warm.

    The prompts are synthetic requests of all kinds and languages (`training.prompts`), the same for every planner.
    """
    yield f"{count} synthetic prompts, {len(abilities)} cards; seconds"
    yield f"{'planner':16}{'cold':>8}{'median':>9}{'p95':>9}{'slowest':>9}{'memory':>11}"
    cards = json.dumps([ability.model_dump(mode="json") for ability in abilities])
    for name in PLANNERS:
        command = [sys.executable, "-m", "MedPromptLib.benchmark", name, str(count)]
        done = subprocess.run(command, input=cards, capture_output=True, text=True, check=False)
        if done.returncode:
            yield f"{name:16}{done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'failed'}"
            continue
        told = json.loads(done.stdout)
        warm = sorted(told["warm"])
        yield (
            f"{name:16}{told['cold']:8.2f}{statistics.median(warm):9.4f}{warm[int(0.95 * (len(warm) - 1))]:9.4f}"
            f"{warm[-1]:9.4f}{told['megabytes']:8.0f} MB"
        )


def _time_planner(name: str, count: int) -> dict[str, object]:
    """One planner's times, in this fresh process; the cards come from standard input."""
    started = time.perf_counter()
    from .catalog import Ability
    from .planner import AgreementPlanner, LanguageModelPlanner, RulePlanner, decided

    makers: dict[str, Callable[[], Planner]] = {
        "rules": RulePlanner,
        "language model": LanguageModelPlanner,
        "agreement": AgreementPlanner.default,
    }
    planner = makers[name]()
    cards = tuple(Ability.model_validate(card) for card in json.load(sys.stdin))
    decided(planner, "Segment the liver on this CT.", cards)
    cold = time.perf_counter() - started
    from .training.prompts.generator import Generator

    prompts = [example.prompt for example, _ in zip(Generator(_BENCH_SEED), range(count), strict=False)]
    warm = []
    for prompt in prompts:
        before = time.perf_counter()
        decided(planner, prompt, cards)
        warm.append(time.perf_counter() - before)
    return {"cold": cold, "warm": warm, "megabytes": peak_megabytes()}


def peak_megabytes() -> float:
    """Peak resident memory of this process."""
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


if __name__ == "__main__":
    print(json.dumps(_time_planner(sys.argv[1], int(sys.argv[2]))))

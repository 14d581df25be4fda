"""How fast a warm two-task run is, from the prompt to nodes in a scene."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

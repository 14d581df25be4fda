"""Batches for tests: real images in quantity, batches that are killed, and whether two output folders hold the same.

`python Testing/batch_for_tests.py --kills 10 --images 200` kills a batch of the shipped weights at random moments, goes
on each time, and compares the output with that of a batch that was left alone.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PROMPT = "Segment the lungs on this chest x-ray and check it for pneumonia."
CLOCK = re.compile(rb'(?:&quot;|")(?:started|seconds)(?:&quot;|"):\s*(?:(?:&quot;|")[^"&]*(?:&quot;|")|[0-9.e-]+),?')


def write_films(folder: Path, count: int, side: int = 256) -> Path:
    """Different cuts of the radiograph of the package pydicom-data, each with its own brightness, as PNG."""
    from MedPromptLib.demo import demo_image
    from MedPromptLib.images import read_image

    folder.mkdir(parents=True, exist_ok=True)
    film = read_image(demo_image()).array[0].astype(np.float32)
    film = (film - film.min()) / np.ptp(film)
    chance = np.random.default_rng(0)
    for number in range(count):
        top, left = chance.integers(0, [film.shape[0] // 10, film.shape[1] // 10])
        cut = film[top : top + int(0.9 * film.shape[0]), left : left + int(0.9 * film.shape[1])]
        picture = Image.fromarray(np.uint8(255 * cut ** chance.uniform(0.7, 1.4)))
        picture.resize((side, side), Image.Resampling.BILINEAR).save(folder / f"film {number:03}.png")
    return folder


def command(films: Path, out: Path, *more: str | os.PathLike[str]) -> list[str]:
    """`medprompt batch` as a process of its own."""
    words = [sys.executable, "-m", "MedPromptLib.cli", "batch", "--planner", "rules", "--input", films, "--out", out]
    return [os.fspath(word) for word in (*words, *more)]


def finished(out: Path) -> dict[str, int]:
    """Finished cases, and the number of each one's folder on the disk: another number is another computation."""
    return {path.parent.name: path.parent.stat().st_ino for path in out.glob("*/case.json")}


def wait_for(out: Path, count: int, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    """Until so many cases are finished or the process has ended."""
    limit = time.monotonic() + seconds
    while len(finished(out)) < count and process.poll() is None:
        assert time.monotonic() < limit, f"only {len(finished(out))} of {count} cases after {seconds} s"
        time.sleep(0.01)


def differences(one: Path, other: Path) -> list[str]:
    """Names of files that are not the same in two output folders, but for clock times in provenance."""
    first, second = _contents(one), _contents(other)
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def _contents(out: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for path in sorted(p for p in out.rglob("*") if p.is_file() and ".medprompt-batch" not in p.parts):
        name, data = path.relative_to(out).as_posix(), path.read_bytes()
        if path.suffix == ".mrb":
            with zipfile.ZipFile(path) as bundle:
                for member in bundle.namelist():
                    found[f"{name}/{member}"] = _without_counters(CLOCK.sub(b"", bundle.read(member)))
        elif path.name == "run.json":
            found[name] = CLOCK.sub(b"", data)
        elif path.name == "case.json":
            record = json.loads(data)
            record["files"] = sorted(record["files"])  # those of scene and run.json tell the time
            found[name] = json.dumps(record).encode()
        else:
            found[name] = data
    return found


def _without_counters(mrml: bytes) -> bytes:
    """The numbers of subject hierarchy items, which a process counts up, from 0."""
    numbers = re.compile(rb'(<SubjectHierarchyItem id="|parent=")(\d+)')
    first = min((int(n) for _, n in numbers.findall(mrml) if int(n)), default=0)
    return numbers.sub(lambda found: found[1] + str(max(int(found[2]) - first, 0)).encode(), mrml)


def kill_test(images: int, kills: int, workers: int, seed: int) -> int:
    """Lines of a report; the exit code says whether the killed batch came to the same as the undisturbed one."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="medprompt-kill-") as place:
        films = write_films(Path(place) / "films", images)
        options = ("--prompt", PROMPT, "--accept-unusual-input", "--workers", str(workers))
        alone, killed = Path(place) / "alone", Path(place) / "killed"
        subprocess.run(command(films, alone, *options), check=True, capture_output=True)
        print(f"undisturbed: {len(finished(alone))} cases", flush=True)
        before: dict[str, int] = {}
        for number in range(kills):
            process = subprocess.Popen(
                command(films, killed, *options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            share = (images - len(before)) // (kills - number)
            wait_for(killed, len(before) + chance.randint(0, share), process)
            time.sleep(chance.random())
            process.send_signal(signal.SIGKILL)
            process.wait()
            now = finished(killed)
            again = [name for name, folder in before.items() if now.get(name) != folder]
            print(
                f"kill {number + 1}: {len(now)} finished, {len(again)} of the {len(before)} before done twice or lost"
            )
            if again:
                return 1
            before = now
        last = subprocess.run(command(films, killed, *options), check=True, capture_output=True, text=True)
        print(f"the last start: {last.stdout.splitlines()[0]}")
        again = [name for name, folder in before.items() if finished(killed).get(name) != folder]
        wrong = differences(alone, killed)
        print(f"done twice: {len(again)}; files that differ from the undisturbed batch: {len(wrong)} of "
              f"{len(_contents(alone))}", *wrong[:10], sep="\n")  # fmt: skip
        return 1 if again or wrong else 0


def dask_test(images: int) -> int:
    """Two workers of a local cluster, one of which is killed in mid-run; lines and exit code as of `kill_test`."""
    from distributed import LocalCluster

    with tempfile.TemporaryDirectory(prefix="medprompt-dask-") as place:
        films = write_films(Path(place) / "films", images)
        options = ("--prompt", PROMPT, "--accept-unusual-input")
        alone, shared = Path(place) / "alone", Path(place) / "shared"
        subprocess.run(command(films, alone, *options, "--workers", "1"), check=True, capture_output=True)
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
            words = command(films, shared, *options, "--scheduler", cluster.scheduler_address)
            process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
            wait_for(shared, images // 3, process)
            os.kill(cluster.workers[0].pid, signal.SIGKILL)
            print(f"one of two workers killed after {len(finished(shared))} cases", flush=True)
            print(process.communicate()[0].splitlines()[0])
        wrong = differences(alone, shared)
        print(f"files that differ from a batch without a cluster: {len(wrong)} of {len(_contents(alone))}", *wrong[:10])
        return 1 if wrong else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dask", action="store_true", help="kill one of two Dask workers instead")
    given = parser.parse_args()
    if given.dask:
        sys.exit(dask_test(given.images))
    sys.exit(kill_test(given.images, given.kills, given.workers, given.seed))

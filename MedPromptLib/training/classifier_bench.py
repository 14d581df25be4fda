"""Measures ways to adapt a vision-language model on several sets; each cell of the table is one JSON line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..catalog import Preprocessing, sha256_of
from ..errors import InvalidInput, OutputFailed
from ..inference.preprocessing import standardise
from ..knowledge.bank import Description, describe
from ..knowledge.embedding import token_states
from ..networks.rivals import trainable
from ..networks.vision_language import VisionLanguageModel
from .alignment.captions import MODALITY_NAMES, subject_captions
from .alignment.data import preprocessing_of
from .alignment.recipe import AlignedSet
from .data import Cases, read_cases
from .metrics import Floats, expected_calibration_error, f1, fit_calibration
from .origin import code_version
from .prompt_tuning import METHODS, VIEWS, ClassTexts, Fitted, Labelled, fit, outputs, pixels_of, pooled_features, shots

SETS = ("breast_us_busi", "brain_tumor_type", "cxr_pneumonia", "ct_covid", "skin_lesion_ph2")
SHOTS = (4, 16, 0)
"""Images of each class; 0 for all."""
SEEDS = (1, 2, 3)
ZERO_SHOT_CAPTIONS = 16


@dataclass(frozen=True)
class Cell:
    """One number of the table's rows: which set, how many images of each class (0: all), which draw, which method."""

    dataset: str
    shots: int
    seed: int
    method: str


def cells(
    datasets: Sequence[str] = SETS,
    shot_counts: Sequence[int] = SHOTS,
    seeds: Sequence[int] = SEEDS,
    methods: Sequence[str] = tuple(METHODS),
) -> Iterator[Cell]:
    """The table's cells; with all images of one seed, and without learning one of each set."""
    unknown = sorted(set(methods) - set(METHODS))
    if unknown:
        raise InvalidInput(f"There are no methods {unknown}; there are: {', '.join(METHODS)}.")
    for method in (name for name in METHODS if name in methods):
        for count in shot_counts:
            for seed in seeds:
                for dataset in datasets:
                    learns = bool(METHODS[method].rates)
                    first = seed == seeds[0]
                    if (learns and (count or first)) or (not learns and first and count == shot_counts[0]):
                        yield Cell(dataset, count if learns else 0, seed, method)


def class_texts(subjects: Sequence[str], modality: str, states: bool = True) -> ClassTexts:
    """What the knowledge bank says of some classes.

    Raises:
        InvalidInput: it lacks one.
    """
    about = [describe(subject, modality) for subject in subjects]
    return ClassTexts(
        names=tuple(one.names[0] for one in about),
        captions=tuple(subject_captions(subject, modality, ZERO_SHOT_CAPTIONS) for subject in subjects),
        states=tuple(description_states(one, modality) for one in about) if states else (),
    )


def description_states(description: Description, modality: str, model: Path | None = None) -> Tensor:
    """(L, width) language-model states of a whole description; our reading of what the authors fed to theirs."""
    image = MODALITY_NAMES.get(modality, (modality,))[0]
    text = f"{image}, {description.names[0]}. {description.text(('appearance', 'shape', 'location', 'neighbours'))}"
    return torch.from_numpy(token_states(text, model=model))


class Bench:
    """Runs cells of one base model.

    Args:
        base: on its device. identity: SHA-256 of its file. sources: how each set is read.
        work: where features and results lie.
    """

    def __init__(
        self,
        base: VisionLanguageModel,
        identity: str,
        sources: Sequence[AlignedSet],
        root: Path,
        work: Path,
        report: Callable[[str], None],
    ) -> None:
        self.base, self.identity, self.root, self.work, self.report = base, identity, root, work, report
        self.sources = {source.folder: source for source in sources}
        self.commit = code_version()[0]
        self._loaded: tuple[str, dict[str, Labelled], ClassTexts, Preprocessing] | None = None
        try:
            work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputFailed(f"The folder {work} cannot be made ({error.strerror}); choose another.") from error

    @property
    def results(self) -> Path:
        """The file of JSON lines."""
        return self.work / "cells.jsonl"

    def done(self) -> list[dict[str, Any]]:
        """Rows that are there already, of this base; a line that was cut off while it was written is dropped."""
        rows = []
        if self.results.is_file():
            for line in self.results.read_text(encoding="utf-8").splitlines():
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                if row.get("base") == self.identity:
                    rows.append(row)
        return rows

    def run(self, wanted: Iterable[Cell], minutes: float = float("inf")) -> None:
        """Run the cells that are not done yet, those with few images first, until the time is over."""
        started = time.monotonic()
        known = {Cell(r["dataset"], r["shots"], r["seed"], r["method"]) for r in self.done()}
        todo = [cell for cell in wanted if cell not in known]
        todo.sort(key=lambda cell: (cell.shots == 0 and bool(METHODS[cell.method].rates), _place(cell.dataset)))
        for number, cell in enumerate(todo):
            if time.monotonic() - started > 60 * minutes:
                self.report(f"Stopped with {len(todo) - number} cells left; the same line goes on.")
                return
            row = self.cell(cell)
            whole = not self.results.is_file() or self.results.read_bytes()[-1:] in (b"\n", b"")
            with self.results.open("a", encoding="utf-8") as stream:
                stream.write(("" if whole else "\n") + json.dumps(row) + "\n")
            self.report(f"{number + 1} of {len(todo)}: {json.dumps(row)}")

    def cell(self, cell: Cell) -> dict[str, Any]:
        """Fit one method on one draw and measure it on the test split."""
        data, texts, how = self._data(cell.dataset)
        method = METHODS[cell.method]
        count = cell.shots or None
        train = data["train"].subset(shots(data["train"].labels, count, cell.seed))
        validation = data["val"].subset(shots(data["val"].labels, count, cell.seed))
        if not method.rates:
            validation = data["val"]
        made = fit(
            method,
            self.base,
            texts,
            train,
            validation,
            how,
            augmentation=self.sources[cell.dataset].augmentation,
            seed=cell.seed,
        )
        scores = self._scores(made, validation, data["test"], how)
        return {
            "dataset": cell.dataset,
            "shots": cell.shots,
            "seed": cell.seed,
            "method": cell.method,
            **scores,
            "trainable": trainable(made.network),
            "minutes": round(made.seconds / 60, 3),
            "ms_per_image": round(milliseconds(made, data["test"], how), 2),
            "images": len(train.labels),
            "epochs": made.epochs,
            "rate": made.rate,
            "threads": torch.get_num_threads(),
            "base": self.identity,
            "commit": self.commit,
        }

    def _scores(self, made: Fitted, validation: Labelled, test: Labelled, how: Preprocessing) -> dict[str, float]:
        fitted_on = outputs(made.network, validation, how).double().numpy()
        temperature, _ = fit_calibration(fitted_on, validation.labels.numpy(), with_bias=False)
        logits = outputs(made.network, test, how)
        probabilities = (logits.double() / temperature).softmax(1).numpy()
        scores = classification_scores(probabilities, test.labels.numpy())
        accuracy = float((fitted_on.argmax(1) == validation.labels.numpy()).mean())
        return {**scores, "validation_accuracy": round(accuracy, 4), "temperature": temperature}

    def _data(self, name: str) -> tuple[dict[str, Labelled], ClassTexts, Preprocessing]:
        if self._loaded is None or self._loaded[0] != name:
            source = self.sources[name]
            how = preprocessing_of(source.channels, self.base.size).model_copy(
                update={"mean": self.base.mean, "std": self.base.std}
            )
            parts = {split: read_cases(self.root / name, split) for split in ("train", "val", "test")}
            labels = sorted(set(parts["train"].labels))
            texts = class_texts([source.labels.get(label, label) for label in labels], source.modality)
            data = {split: self._labelled(cases, labels, source, how) for split, cases in parts.items()}
            self._loaded = (name, data, texts, how)
        return self._loaded[1:]

    def _labelled(self, cases: Cases, labels: list[str], source: AlignedSet, how: Preprocessing) -> Labelled:
        pixels = pixels_of(cases.images, how)
        kept = self.work / "features" / f"{source.folder}-{cases.split}-{self.identity[:16]}.npy"
        views = VIEWS if cases.split == "train" else 1
        if kept.is_file():
            features = torch.from_numpy(np.load(kept, allow_pickle=False))
        else:
            self.report(f"{source.folder}, {cases.split}: features of {len(cases)} images")
            features = pooled_features(self.base, pixels, how, source.augmentation, views)
            kept.parent.mkdir(parents=True, exist_ok=True)
            draft = kept.with_suffix(".part")
            with draft.open("wb") as stream:
                np.save(stream, features.numpy(), allow_pickle=False)
            draft.replace(kept)
        return Labelled(pixels, torch.tensor([labels.index(label) for label in cases.labels]), features)


def _place(dataset: str) -> int:
    return SETS.index(dataset) if dataset in SETS else len(SETS)


def milliseconds(made: Fitted, data: Labelled, how: Preprocessing, images: int = 64) -> float:
    """Time per image of classifying a batch from its pixels, the second time."""
    x = standardise(data.pixels[:images].float(), how).to(made.network.base.logit_scale.device)
    best = float("inf")
    with torch.no_grad():
        for _ in range(2):
            started = time.perf_counter()
            made.network(x)
            best = min(best, time.perf_counter() - started)
    return 1000 * best / len(x)


def classification_scores(probabilities: Floats, truth: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, float]:
    """Accuracy, macro F1, macro AUC (one class against the others) and ECE."""
    from sklearn.metrics import roc_auc_score

    chosen = probabilities.argmax(1)
    classes = range(probabilities.shape[1])
    areas = [roc_auc_score(truth == c, probabilities[:, c]) for c in classes if 0 < (truth == c).sum() < len(truth)]
    return {
        "accuracy": round(float((chosen == truth).mean()), 4),
        "macro_f1": round(float(np.mean([f1(truth == c, chosen == c) for c in classes])), 4),
        "auc": round(float(np.mean(areas)), 4),
        "ece": round(expected_calibration_error(probabilities.max(1), chosen == truth), 4),
    }


MEASURES = ("accuracy", "macro_f1", "auc", "ece", "trainable", "minutes", "ms_per_image")


def tables(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Two Markdown tables: every measure's mean over the sets, and the accuracy on each set.

    Means are taken over seeds first; a row whose sets are not all there says how many are.
    """
    datasets = sorted({row["dataset"] for row in rows}, key=_place)
    counts = sorted({row["shots"] for row in rows if METHODS[row["method"]].rates}, key=lambda c: c or 10**9)
    lines = [
        "| images per class | method | sets | accuracy | macro F1 | AUC | ECE | trainable | minutes | ms per image |",
        f"|{' --- |' * 10}",
    ]
    of_sets = [f"| images per class | method | {' | '.join(datasets)} |", f"|{' --- |' * (2 + len(datasets))}"]
    for count in counts:
        for method in METHODS:
            learns = bool(METHODS[method].rates)
            own = [r for r in rows if r["method"] == method and (r["shots"] == count or not learns)]
            by_set = {d: [r for r in own if r["dataset"] == d] for d in datasets}
            there = {d: found for d, found in by_set.items() if found}
            if not there:
                continue
            mean = {m: float(np.mean([np.mean([r[m] for r in found]) for found in there.values()])) for m in MEASURES}
            head = f"| {count or 'all'} | {method}"
            lines.append(
                f"{head} | {len(there)} | {mean['accuracy']:.3f} | {mean['macro_f1']:.3f} | {mean['auc']:.3f} | "
                f"{mean['ece']:.3f} | {mean['trainable']:,.0f} | {mean['minutes']:.1f} | {mean['ms_per_image']:.1f} |"
            )
            values = [_spread([r["accuracy"] for r in by_set[d]]) for d in datasets]
            of_sets.append(f"{head} | {' | '.join(values)} |")
    return [*lines, "", *of_sets]


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "–"
    return f"{np.mean(values):.3f}" + (f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else "")


def file_identity(folder: Path) -> str:
    """SHA-256 of a base model's weight file or files."""
    from ..knowledge.embedding import folder_sha256

    single = folder / "model.safetensors"
    return sha256_of(single) if single.is_file() else folder_sha256(folder)

"""Similar images and similar findings, by vectors that lie in the archive's own file.

Images are compared by the descriptor of brightness, edges and colour that the input check uses
(`inference.input_check.describe`): it tells kinds of images and views apart rather than diseases. Findings are compared
by all-MiniLM-L6-v2 of their words and, among equals, by size.

The search is exact: all vectors are compared, in time and memory linear in their number, 348 bytes an image. Findings
share phrases, and only different phrases have vectors. The first search of an `Archive` reads the vectors; later ones
read only what came since.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInput
from .connection import transaction, translated
from .search import COLUMNS, Hit, hit

if TYPE_CHECKING:
    from ..images import MedicalImage
    from .store import Archive

Floats = npt.NDArray[np.float32]
GROUPS = (64, 12, 6, 5)
"""Lengths of the descriptor's parts (brightness, histogram, edges, colour), which weigh the same together."""
LEAST_DEVIATION = 0.02
PHRASES = 20
"""So many of the most similar phrases are looked at."""


class Likeness:
    """Vectors of one open archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._runs = np.zeros(0, np.int64)
        self._vectors = np.zeros((0, sum(GROUPS)), np.float32)
        self._scaled: Floats | None = None

    # -- images ------------------------------------------------------------

    def images(self, image: MedicalImage, limit: int = 10) -> list[tuple[str, float]]:
        """Names of the runs on the most similar images, with their likeness (0 to 1), the most similar first."""
        from ..inference.input_check import describe_image

        return self.nearest(describe_image(image).astype(np.float32), limit)

    def images_like_run(self, run: str, limit: int = 10) -> list[tuple[str, float]]:
        """As `images`, for the image of a run in the archive, which is left out.

        Raises:
            InvalidInput: no such run, or it was filed without its image.
        """
        row = self._archive.run_named(run)
        if row["descriptor"] is None:
            raise InvalidInput(f"Run {row['name']} was filed without its image; give an image instead.")
        found = self.nearest(np.frombuffer(row["descriptor"], "<f4"), limit + 1)
        return [(name, likeness) for name, likeness in found if name != row["name"]][:limit]

    def nearest(self, descriptor: Floats, limit: int) -> list[tuple[str, float]]:
        """As `images`, for a descriptor (87,).

        Each number is divided by its deviation over the archive, and the descriptor's four parts weigh the same; the
        likeness is exp(-d / 2) of the root mean square d over the parts.
        """
        self._read_new()
        if not len(self._runs):
            return []
        if self._scaled is None:
            self._mean, self._weights = self._scale()
            self._scaled = ((self._vectors - self._mean) * self._weights).astype(np.float32)
            self._squares = np.einsum("ij,ij->i", self._scaled, self._scaled)
        query = ((descriptor - self._mean) * self._weights).astype(np.float32)
        squared = np.maximum(self._squares - 2 * (self._scaled @ query) + query @ query, 0)
        count = min(limit, len(squared))
        best = np.argpartition(squared, count - 1)[:count]
        best = best[np.argsort(squared[best], kind="stable")]
        names = self._names([int(self._runs[n]) for n in best])
        return [(names[int(self._runs[n])], math.exp(-math.sqrt(float(squared[n])) / 2)) for n in best]

    def _scale(self) -> tuple[Floats, Floats]:
        """Mean (87,) and what each number is multiplied by (87,)."""
        deviation = np.maximum(self._vectors.std(axis=0), LEAST_DEVIATION)
        parts = np.concatenate([np.full(length, (length * len(GROUPS)) ** -0.5) for length in GROUPS])
        return self._vectors.mean(axis=0), (parts / deviation).astype(np.float32)

    def _read_new(self) -> None:
        last = int(self._runs[-1]) if len(self._runs) else 0
        order = "SELECT id, descriptor FROM runs WHERE id > ? AND descriptor IS NOT NULL ORDER BY id"
        with translated(self._archive.path):
            rows = self._archive.connection.execute(order, (last,)).fetchall()
        if rows:
            new = np.frombuffer(b"".join(row[1] for row in rows), "<f4").reshape(len(rows), -1)
            self._vectors = np.concatenate([self._vectors, new])
            self._runs = np.concatenate([self._runs, np.array([row[0] for row in rows], np.int64)])
            self._scaled = None

    def _names(self, runs: list[int]) -> dict[int, str]:
        order = f"SELECT id, name FROM runs WHERE id IN ({', '.join('?' * len(runs))})"
        with translated(self._archive.path):
            return {row["id"]: row["name"] for row in self._archive.connection.execute(order, runs)}

    # -- findings ------------------------------------------------------------

    def findings_like(self, run: str, number: int, limit: int = 10) -> list[Hit]:
        """The findings most similar to one in the archive, without itself.

        Raises:
            InvalidInput: no such finding.
            MissingPackage: the sentence encoder is not installed.
        """
        name = self._archive.run_named(run)["name"]
        with translated(self._archive.path):
            row = self._archive.connection.execute(
                "SELECT findings.id, phrases.text, log_size FROM findings JOIN runs ON runs.id = run "
                "JOIN phrases ON phrases.id = phrase WHERE runs.name = ? AND number = ?",
                (name, number),
            ).fetchone()
        if row is None:
            raise InvalidInput(f"Run {name} has no finding {number}; see `medprompt archive show {name[:8]}`.")
        return [h for h in self.findings(row["text"], row["log_size"], limit + 1) if h.id != row["id"]][:limit]

    def findings(self, text: str, log_size: float | None = None, limit: int = 10) -> list[Hit]:
        """The findings whose words mean the most similar; among equal words those nearest in size, or the latest.

        Args:
            log_size: natural logarithm of a size as in `documents.Described`.

        Raises:
            MissingPackage: the sentence encoder is not installed.
        """
        from ..knowledge.minilm import sentence_encoder

        keys, vectors = self._phrases()
        if not len(keys):
            return []
        cosines = vectors @ sentence_encoder().encode([text])[0]
        hits: list[Hit] = []
        for n in np.argsort(-cosines, kind="stable")[:PHRASES]:
            likeness = min(max(float(cosines[n]), 0.0), 1.0)
            rows = self._nearest_in_size(int(keys[n]), log_size, limit - len(hits))
            hits += [hit(row, likeness) for row in rows]
            if len(hits) >= limit:
                break
        return hits

    def _nearest_in_size(self, phrase: int, log_size: float | None, limit: int) -> list[Any]:
        """From the index of phrases and sizes: the nearest above and below."""
        if limit < 1:
            return []
        select = f"SELECT {COLUMNS}, log_size FROM findings JOIN runs ON runs.id = run WHERE phrase = ?"
        do = self._archive.connection.execute
        with translated(self._archive.path):
            if log_size is None:
                rows = do(f"{select} ORDER BY findings.id DESC LIMIT ?", (phrase, limit)).fetchall()
            else:
                above = do(
                    f"{select} AND log_size >= ? ORDER BY log_size LIMIT ?", (phrase, log_size, limit)
                ).fetchall()
                below = do(
                    f"{select} AND log_size < ? ORDER BY log_size DESC LIMIT ?", (phrase, log_size, limit)
                ).fetchall()
                rows = sorted([*above, *below], key=lambda r: abs(r["log_size"] - log_size))[:limit]
                if len(rows) < limit:
                    rows += do(
                        f"{select} AND log_size IS NULL ORDER BY findings.id DESC LIMIT ?", (phrase, limit - len(rows))
                    ).fetchall()
        return [{key: row[key] for key in row.keys() if key != "log_size"} for row in rows]  # noqa: SIM118

    def _phrases(self) -> tuple[npt.NDArray[np.int64], Floats]:
        """Keys and unit vectors of all phrases; those without a vector get one, which is kept if the file allows."""
        from ..errors import OutputFailed
        from ..knowledge.minilm import sentence_encoder

        archive = self._archive
        with translated(archive.path):
            rows = archive.connection.execute("SELECT id, text, vector FROM phrases ORDER BY id").fetchall()
        known = {row["id"]: row["vector"] for row in rows}
        missing = [row for row in rows if row["vector"] is None]
        if missing:
            made = np.concatenate(
                [
                    sentence_encoder().encode([r["text"] for r in missing[n : n + 64]])
                    for n in range(0, len(missing), 64)
                ]
            )
            new = {row["id"]: vector.astype("<f4").tobytes() for row, vector in zip(missing, made, strict=True)}
            known.update(new)
            try:
                with transaction(archive.connection, archive.path):
                    archive.connection.executemany(
                        "UPDATE phrases SET vector = ? WHERE id = ?", [(vector, key) for key, vector in new.items()]
                    )
            except OutputFailed:
                pass  # a read-only archive can be searched all the same; the vectors are made again next time
        keys = np.array(list(known), np.int64)
        return keys, np.frombuffer(b"".join(known.values()), "<f4").reshape(len(keys), -1)

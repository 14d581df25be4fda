"""Documents that are broken on purpose: weights and cards, plans, requests, what language models write, run records."""

from __future__ import annotations

import io
import itertools
import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from .damage import NUMBERS, TEXTS, VALUES, changed, damaged

Files = dict[str, bytes]
ROOT = Path(__file__).resolve().parent.parent.parent
DEEP = 100_000


def as_json(value: Any) -> bytes:
    """JSON with whatever Python lets through: NaN, infinities, lone surrogates."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


def text_cases(document: Any, random: Random, count: int) -> Iterator[tuple[str, bytes]]:
    """Broken texts of any JSON document, then the document changed `count` times."""
    whole = as_json(document)
    yield "whole", whole
    yield from {
        "empty": b"",
        "zeros": bytes(100),
        "a number": b"1",
        "null": b"null",
        "a list": b"[" + whole + b"]",
        "cut": whole[: len(whole) // 2],
        "deep lists": b"[" * DEEP,
        "deep lists, closed": b"[" * DEEP + b"]" * DEEP,
        "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        "an enormous number": b"1" * 200_000,
        "an enormous exponent": b"1e999999999",
        "latin-1": "é".encode("latin-1") * 10,
        "utf-16": whole.decode().encode("utf-16"),
        "bom": b"\xef\xbb\xbf" + whole,
        "keys twice": b'{"id": 1, "id": 2, "id": 3}',
        "megabytes of text": as_json("x" * 3_000_000),
        "escapes": b'"\\ud800\\u0000\\u001b[31m"',
    }.items()
    for number in range(count):
        if random.random() < 0.85:
            yield f"changed {number}", as_json(changed(document, random))
        else:
            yield f"damaged {number}", damaged(whole, random)


# ---------------------------------------------------------------------------------------------------------- weights


@cache
def a_weight(classifier: bool = False) -> tuple[dict[str, Any], bytes]:
    """Card (as JSON) and file of a small real weight."""
    import sys
    import tempfile

    sys.path.insert(0, str(ROOT / "Testing"))
    from weights_for_tests import a_card, write_weight

    more: dict[str, Any] = (
        {"classes": ("normal", "tb"), "positive": ("tb",), "target": "tuberculosis"} if classifier else {}
    )
    with tempfile.TemporaryDirectory() as folder:
        card = write_weight(Path(folder), a_card("a_weight", **more), storage="int8")
        return card.model_dump(mode="json"), (Path(folder) / "a_weight" / card.file.name).read_bytes()


def a_weight_with(data: bytes, classifier: bool = False, **changes: Any) -> Files:
    """A weight whose card fits the file's hash and size, so that only what is inside can be wrong."""
    import hashlib

    card, _ = a_weight(classifier)
    file = card["file"] | {"sha256": hashlib.sha256(data).hexdigest(), "bytes": max(1, len(data))}
    return {"a_weight/card.json": as_json(card | {"file": file} | changes), "a_weight/model.safetensors": data}


def card_cases(random: Random, count: int) -> Iterator[tuple[str, Files]]:
    """Broken cards beside a good file."""
    card, data = a_weight()
    for name, text in text_cases(card, random, count):
        yield f"card {name}", {"a_weight/card.json": text, "a_weight/model.safetensors": data}
    for name in ("../card", "/etc/passwd", "a/b", ".hidden", "", "x" * 300):
        yield (
            f"card file {name[:20]!r}",
            {
                "a_weight/card.json": as_json(card | {"file": card["file"] | {"name": name}}),
                "a_weight/model.safetensors": data,
            },
        )
        yield f"card id {name[:20]!r}", {"a_weight/card.json": as_json(card | {"id": name})}
    for size in ([0, 0], [-1, 64], [1, 1], [64], [64, 64, 64], [10**6, 10**6], [2**40, 2], [33, 47], []):
        recipe = card["preprocessing"] | {"size": size}
        yield f"card size {size}", a_weight_with(data, preprocessing=recipe)
        yield f"card tile {size}", a_weight_with(data, preprocessing=recipe | {"fit": "tile"})
    for name, options in {
        "wide": {"width": 100_000},
        "negative": {"width": -1},
        "text": {"width": "x"},
        "detail": {"detail": 10**9},
        "classes": {"classes": 10**9},
        "unknown": {"__class__": 1},
        "nested": {"width": {"width": {}}},
    }.items():
        network = card["network"] | {"options": card["network"]["options"] | options}
        yield f"card network {name}", a_weight_with(data, network=network)
    libraries = ("monai:UNet", "monai:../x", "monai:__builtins__", "nnunet:x") if count > 50 else ()  # slow to import
    for name in ("torchscript", "os:system", ":", "", *libraries):
        yield f"card network {name!r}", a_weight_with(data, network={"name": name, "options": {"spatial_dims": 2}})
    # Volumes resampled to next to nothing would become enormous.
    structures = card["structures"]
    for spacing in ([1e-9] * 3, [1e-3] * 3, [1e300] * 3, [0, 0, 0], [5e-324, 1, 1]):
        recipe = {"size": [8, 16, 16], "spacing": spacing, "mean": [0.5], "std": [0.5]}
        network = {"name": "vnet", "options": {"classes": len(structures) + 1}}
        yield f"card spacing {spacing}", a_weight_with(data, dimension=3, preprocessing=recipe, network=network)
    for std in (0.0, 1e-320, 1e300):
        yield f"card std {std}", a_weight_with(data, preprocessing=card["preprocessing"] | {"std": [std] * 3})


def safetensors_file(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file with any header, and any length said of it."""
    text = header if isinstance(header, bytes) else as_json(header)
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def safetensors_cases(random: Random, count: int) -> Iterator[tuple[str, Files]]:
    """Broken weight files whose cards vouch for them."""
    _, data = a_weight()
    (length,) = struct.unpack_from("<Q", data)
    header, tensors = json.loads(data[8 : 8 + length]), data[8 + length :]
    first = next(name for name in header if name != "__metadata__")
    made = {
        "empty": b"",
        "short": data[:7],
        "cut in the header": data[:100],
        "cut in the data": data[:-100],
        "longer": data + b"x",
        "header length 0": safetensors_file(b"", length=0),
        "header length enormous": safetensors_file(b"{}", length=2**63),
        "header length minus one": safetensors_file(b"{}", length=2**64 - 1),
        "header no object": safetensors_file([1, 2]),
        "header deep": safetensors_file(b"[" * DEEP),
        "no tensors": safetensors_file({}),
        "pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93.",
        "zip": b"PK\x03\x04" + bytes(100),
    }
    for what, values in {
        "dtype": ("F64", "F16", "BF16", "BOOL", "I64", "U8", "F8_E4M3", "X", 1, None),
        "shape": ([], [0], [-1], [1], [2**62, 2**62], [2**64], "x", [1.5], [10**9]),
        "data_offsets": ([0, 0], [8, 4], [-1, 4], [0, 2**63], [0], "x", header[first]["data_offsets"][::-1]),
    }.items():
        for value in values:
            made[f"{what} {value}"] = safetensors_file(header | {first: header[first] | {what: value}}, tensors)
    names = [name for name in header if name != "__metadata__"]
    alike = header | {names[0]: header[names[0]] | {"data_offsets": header[names[1]]["data_offsets"]}}
    made["offsets overlap"] = safetensors_file(alike, tensors)
    made["a name missing"] = safetensors_file({k: v for k, v in header.items() if k != first}, tensors)
    made["a name too many"] = safetensors_file(header | {"../x": header[first]}, tensors)
    made["numbers that are none"] = safetensors_file(header, b"\xff" * len(tensors))
    made["enormous numbers"] = safetensors_file(header, b"\x7f\x7f\x7f\x7f" * (len(tensors) // 4))
    for name, file in made.items():
        yield f"safetensors {name}", a_weight_with(file)
    for number in range(count):
        yield f"safetensors damaged {number}", a_weight_with(damaged(data, random), classifier=False)


# ------------------------------------------------------------------------------------------------ plans and requests

A_PLAN: dict[str, Any] = {
    "version": 1,
    "prompt": "Check for tuberculosis; if positive, segment the lungs.",
    "status": "ok",
    "pipeline": [
        {"id": 1, "intent": "classification", "target": "tuberculosis", "modality": "chest x-ray"},
        {
            "id": 2,
            "intent": "segmentation",
            "target": "lungs",
            "modality": "chest x-ray",
            "structures": ["right lung"],
            "condition_on": {"task_id": 1, "expected_result": "positive", "execution": "Positive"},
        },
    ],
    "omissions": [{"text": "x", "reason": "y"}],
}


def plan_cases(random: Random, count: int) -> Iterator[tuple[str, Files]]:
    """Broken plans."""
    for name, text in text_cases(A_PLAN, random, count):
        yield f"plan {name}", {"plan.json": text}
    task = {"intent": "segmentation", "target": "lungs", "modality": "chest x-ray"}
    for depth in (50, 1_500):
        chain = [{**task, "id": n, "dependency": n + 1 if n < depth else None} for n in range(1, depth + 1)]
        yield f"plan chain of {depth}", {"plan.json": as_json(A_PLAN | {"pipeline": chain})}
    circle = [{**task, "id": n, "dependency": n % 3 + 1} for n in (1, 2, 3)]
    yield "plan circle", {"plan.json": as_json(A_PLAN | {"pipeline": circle})}
    for value in (float("nan"), float("inf"), -1.0, 1e300):
        condition = {"task_id": 1, "expected_result": "positive", "execution": "Positive", "minimum_size": value}
        tasks = [task | {"id": 1}, {**task, "id": 2, "condition_on": condition}]
        yield f"plan size {value}", {"plan.json": as_json(A_PLAN | {"pipeline": tasks})}


_WORDS = (
    "segment", "check for", "the", "lungs", "if", "then", "not", "tuberculosis", "chest x-ray", "and", "or", ",", ".",
    "?",
    ">", "5 mm", "left", "右肺", "герз", "positive", "--out", "$(rm -rf /)", "{{7*7}}", "<|im_end|>", "\x00",
    "\x1b[31m",
    "\u202e", "’", "…", "in 3", "if 2 yes", "@", "+",
)  # fmt: skip


def prompt_cases(random: Random, count: int) -> Iterator[tuple[str, Files]]:
    """Requests that are too long, empty, hostile or noise."""
    for name, text in {
        "a megabyte": "segment the lungs " * 60_000,
        "a megabyte without a space": "x" * 1_000_000,
        "a megabyte of brackets": "(" * 1_000_000,
        "nearly too long": "if tuberculosis then segment the lungs and " * 40,
        "nested": "if " * 300 + "lungs",
        "negations": "not " * 300 + "segment the lungs",
        "commas": "lungs, " * 250,
        "numbers": "9" * 1500,
        "combining": "a" + "\u0301" * 1500,
        "surrogates": "segment the lungs \ud800",
    }.items():
        yield f"prompt {name}", {"prompt.txt": text.encode("utf-8", "surrogatepass")}
    for number, text in enumerate(TEXTS):
        yield f"prompt text {number}", {"prompt.txt": f"Segment {text} lungs".encode("utf-8", "surrogatepass")}
    for number in range(count):
        words = random.choices(_WORDS, k=random.choice((1, 3, 8, 20, 60)))
        yield f"prompt words {number}", {"prompt.txt": " ".join(words).encode()}


_LINE_PARTS = (
    "seg", "cls", "type", "malig", "grade", "any", "all", "not", "skip", "on", "ask", " ", " ", " ", "lungs",
    "tuberculosis",
    " @ ", "chest x-ray", " + ", " in ", " if ", "1", "2", "99", " yes", " no", " is ", " > ", " & ", " / ", "\n",
    "\n", "\x00",
    "5 mm", "右", "\u2028", "999999999999999999999999",
)  # fmt: skip


def line_cases(random: Random, count: int) -> Iterator[tuple[str, Files]]:
    """What a language model without a grammar might write instead of lines."""
    for number in range(count + 10):
        text = "".join(random.choices(_LINE_PARTS, k=random.choice((2, 6, 15, 60))))
        if random.random() < 0.6:
            text = (
                random.choice(("seg lungs", "cls tuberculosis @ chest x-ray", "seg lungs\nseg lungs if 1 yes")) + text
            )
        yield f"lines {number}", {"lines.txt": text.encode()}


AN_ANSWER = {
    "status": "ok",
    "tasks": [
        {
            "id": 1,
            "weight": "tb_cls_cxr",
            "structures": [],
            "region_from": None,
            "run_if": None,
            "span": "tuberculosis",
        },
        {
            "id": 2,
            "weight": "lungs_seg_cxr",
            "structures": [],
            "region_from": None,
            "run_if": {"task": 1, "result": "positive"},
            "span": "lungs",
        },
    ],
    "left_out": [],
    "message": "",
}


def answer_cases(random: Random, count: int) -> Iterator[tuple[str, Files]]:
    """What a chat endpoint might answer."""
    for name, text in text_cases(AN_ANSWER, random, count):
        yield f"answer {name}", {"answer.txt": text}
        if name.startswith("changed"):
            yield f"answer in prose {name}", {"answer.txt": b"Sure! ```json\n" + text + b"\n``` {" + text[:40]}


# ------------------------------------------------------------------------------------------------- recipes and runs


def recipe_cases(random: Random, count: int) -> Iterator[tuple[str, Files]]:
    """Broken training recipes: a shipped one with lines changed."""
    text = (ROOT / "MedPromptLib" / "training" / "recipes" / "polyp_seg_colonoscopy.toml").read_text(encoding="utf-8")
    lines = text.splitlines()
    yield "recipe whole", {"recipe.toml": text.encode()}
    for number in range(count):
        if random.random() < 0.3:
            data = damaged(text.encode(), random)
        else:
            changed_lines = list(lines)
            at = random.choice([n for n, line in enumerate(lines) if "=" in line])
            value = random.choice(
                ("-1", "0", "1e308", "nan", "inf", "[]", "{}", '""', '"../x"', "true", "99999999999999999999")
            )
            changed_lines[at] = f"{lines[at].partition('=')[0]}= {value}"
            data = "\n".join(changed_lines).encode()
        yield f"recipe {number}", {"recipe.toml": data}


def run_folder_cases(run: Callable[[], Files], random: Random, count: int) -> Iterator[tuple[str, Files]]:
    """Broken records and scenes of a run whose folder `run` gives."""
    files = run()
    record = json.loads(files["run.json"])
    for name, text in text_cases(record, random, count):
        yield f"record {name}", files | {"run.json": text}
    yield "record alone", {"run.json": files["run.json"]}
    for name, scene in bundle_cases(files["scene.mrb"], random, max(2, count // 4)):
        yield f"scene {name}", files | {"scene.mrb": scene}


def bundle_cases(scene: bytes, random: Random, count: int) -> Iterator[tuple[str, bytes]]:
    """Broken scene bundles: no zip, members with paths that lead outside, damaged members."""
    yield "empty", b""
    yield "noise", b"PK\x03\x04" + random.randbytes(400)
    yield "cut", scene[: len(scene) // 2]
    with zipfile.ZipFile(io.BytesIO(scene)) as bundle:
        members = {info.filename: bundle.read(info) for info in bundle.infolist()}
    for name in ("../../outside.txt", "/outside.txt", "a/../../../outside.txt", "..\\..\\outside.txt", "x" * 300):
        yield f"member {name[:24]}", _zipped(members | {name: b"outside"})
    yield "no members", _zipped({})
    yield "bomb", _zipped(members | {"Data/zeros.bin": bytes(50_000_000)})
    for number in range(count):
        name = random.choice(list(members))
        yield f"damaged {number}", _zipped(members | {name: damaged(members[name], random)})
        yield f"damaged zip {number}", damaged(scene, random)


def _zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in members.items():
            bundle.writestr(name, data)
    return stream.getvalue()


def catalogue_cases(random: Random, count: int) -> Iterator[tuple[str, Files]]:
    """Broken lists of cards for `medprompt plan --catalog`."""
    cards = [
        {"id": "lungs", "intent": "segmentation", "target": "lungs", "modality": "chest x-ray"},
        {"id": "tb", "intent": "classification", "target": "tb", "modality": "chest x-ray", "classes": ["no", "tb"]},
    ]
    for name, text in text_cases(cards, random, count):
        yield f"catalogue {name}", {"cards.json": text}
    for value in itertools.chain(NUMBERS[:2], VALUES):
        yield f"catalogue target {str(value)[:20]!r}", {"cards.json": as_json([cards[0] | {"target": value}])}

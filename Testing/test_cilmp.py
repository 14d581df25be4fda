"""CILMP against its equations, on small real CLIP, SigLIP and BERT towers with random parameters."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from MedPromptLib.inference.vision_language import OwnTowers, assemble, wrap
from MedPromptLib.knowledge.minilm import sentence_encoder
from MedPromptLib.networks.cilmp import CILMP, GaussianAverage, Intervention, StatePrompts, averaged, tail_places

WIDTH = 12
NAMES = ("normal", "bacterial pneumonia", "viral pneumonia")


def words():
    return sentence_encoder().tokenizer


def a_clip():
    from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
    text = CLIPTextConfig(
        vocab_size=30522, max_position_embeddings=40, bos_token_id=101, eos_token_id=102, pad_token_id=0, **sizes
    )
    vision = CLIPVisionConfig(image_size=32, patch_size=16, **sizes)
    config = CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=10)
    config._attn_implementation = "eager"
    return CLIPModel(config).eval()


def a_siglip():
    from transformers import SiglipConfig, SiglipModel, SiglipTextConfig, SiglipVisionConfig

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = SiglipTextConfig(vocab_size=30522, max_position_embeddings=32, projection_size=16, **sizes)
    vision = SiglipVisionConfig(image_size=32, patch_size=16, **sizes)
    return SiglipModel(SiglipConfig(text_config=text.to_dict(), vision_config=vision.to_dict())).eval()


def some_states(*lengths):
    torch.manual_seed(1)
    return [torch.randn(length, WIDTH) for length in lengths]


def some_features(count, width):
    torch.manual_seed(2)
    return F.normalize(torch.randn(count, width), dim=1)


def a_classifier(**options):
    return CILMP(wrap(a_clip(), words(), "clip"), NAMES, some_states(11, 8, 3), rank=2, **options).eval()


# -- the intervention ----------------------------------------------------


def test_the_conditional_intervention_is_what_one_computes_by_hand():
    one = Intervention(2, 1, rank=1)
    with torch.no_grad():
        one.rotation.copy_(torch.tensor([[1.0, 0.0]]))
        one.source.weight.copy_(torch.tensor([[1.0, 0.0, 2.0, 0.5]]))
        one.source.bias.copy_(torch.tensor([0.5]))
        one.gate[0].weight.fill_(1.0)
        one.gate[0].bias.fill_(0.5)
        one.gate[1].weight.copy_(torch.tensor([[1.0], [2.0]]))
        one.gate[1].bias.copy_(torch.tensor([0.0, 1.0]))
    # g(v) = (1.5, 4), u = (1, 2, 1.5, 8), W u + b = 1 + 3 + 4 + 0.5 = 8.5, R h = 1, so h + (7.5, 0) = (8.5, 2)
    assert one.eval()(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[1.0]])).tolist() == [[[[8.5, 2.0]]]]


@pytest.mark.parametrize("conditioning", ["image", "none"])
def test_the_intervention_is_the_paper_s_equation(conditioning):
    torch.manual_seed(3)
    one = Intervention(WIDTH, 5, rank=3, conditioning=conditioning).eval()
    h, v = torch.randn(2, 4, WIDTH), torch.randn(6, 5)
    out = one(h, v)
    r, w, b = one.rotation, one.source.weight, one.source.bias
    for image in range(len(out)):
        for c in range(2):
            for t in range(4):
                state = h[c, t]
                if conditioning == "image":
                    g = one.gate[1].weight @ (one.gate[0].weight @ v[image] + one.gate[0].bias) + one.gate[1].bias
                    u = torch.cat([state, g * state])
                else:
                    u = state
                expected = state + r.T @ (w @ u + b - r @ state)
                torch.testing.assert_close(out[image, c, t], expected, atol=1e-5, rtol=1e-4)
    change = (out - h).reshape(-1, WIDTH)
    assert torch.linalg.matrix_rank(change, atol=1e-4) <= 3


def test_the_subspace_starts_orthonormal_and_dropout_acts_on_the_result():
    one = Intervention(64, 5, rank=8)
    torch.testing.assert_close(one.rotation @ one.rotation.T, torch.eye(8), atol=1e-5, rtol=0)
    assert one.dropout.p == 0.1
    out = one.train()(torch.ones(1, 400, 64), torch.ones(1, 5))
    assert 0.08 < float((out == 0).float().mean()) < 0.12


def test_only_the_first_and_last_four_states_are_intervened_in():
    prompts = StatePrompts(WIDTH, 5, 7, rank=2).eval()
    states = nn.utils.rnn.pad_sequence(some_states(11, 8, 6, 2), batch_first=True)
    lengths = torch.tensor([11, 8, 6, 2])
    out = prompts(states, lengths, some_features(3, 5))
    assert out.shape == (3, 4, 11, 7)
    plain = prompts.up(prompts.down(states))
    changed = (out - plain).abs().amax((0, 3)) > 1e-6
    expected = [[j < 4 or n - 4 <= j < n for j in range(11)] for n in lengths.tolist()]
    for c, n in enumerate(lengths.tolist()):
        assert changed[c, :n].tolist() == expected[c][:n]
    alone = prompts(states[2:3, :6], lengths[2:3], some_features(3, 5))
    torch.testing.assert_close(alone[:, 0], out[:, 2, :6])
    prefix = prompts.up(prompts.down(prompts.prefix(states[2:3, :4], some_features(3, 5))))
    torch.testing.assert_close(out[:, 2:3, :4], prefix)
    suffix = prompts.up(prompts.down(prompts.suffix(states[2:3, 2:6], some_features(3, 5))))
    torch.testing.assert_close(out[:, 2:3, 4:6], suffix[:, :, 2:])


def test_places_of_the_last_states_never_collide():
    places, wanted = tail_places(torch.tensor([1, 3, 4, 5, 7, 8, 20]), 20)
    for row, kept in zip(places.tolist(), wanted.tolist(), strict=True):
        assert len(set(row)) == 4 and min(row) >= 0
        assert [p for p, k in zip(row, kept, strict=True) if k] == [p for p in row if p >= 4]


def test_the_paper_s_sizes_give_the_paper_s_number_of_parameters():
    layer = sum(p.numel() for p in StatePrompts(4096, 512, 512).parameters())
    assert layer == 315_424
    assert 12 * layer + 12 * 4 * (512 + 768) == 3_846_528


# -- in a vision-language model -------------------------------------------


def test_towers_without_prompts_are_the_models_own():
    tokens = words()(["a lung", "a much longer text of a lung"], padding=True, return_tensors="pt")
    x = torch.randn(2, 3, 32, 32)
    clip = a_clip()
    base = wrap(clip, words(), "clip")
    with torch.no_grad():
        wanted = clip.get_text_features(**{k: tokens[k] for k in ("input_ids", "attention_mask")})
        torch.testing.assert_close(base.text(tokens["input_ids"], tokens["attention_mask"].bool()), pooled(wanted))
        torch.testing.assert_close(base.image(x), pooled(clip.get_image_features(x)))
        siglip = a_siglip()
        base = wrap(siglip, words(), "siglip")
        ids = words()(["a lung"], padding="max_length", max_length=32, return_tensors="pt")["input_ids"]
        torch.testing.assert_close(
            base.text(ids, torch.ones_like(ids).bool()), pooled(siglip.get_text_features(input_ids=ids))
        )
        torch.testing.assert_close(base.image(x), pooled(siglip.get_image_features(x)))


def pooled(out):
    return out if isinstance(out, torch.Tensor) else out.pooler_output


def test_text_features_are_those_of_the_prompt_written_out_layer_by_layer():
    network = a_classifier()
    clip = network.base.text.model
    v = some_features(2, 10)
    with torch.no_grad():
        found = network.text_features(v)
        for c, length in enumerate((11, 8, 3)):
            name = words()(f"{NAMES[c]}.", add_special_tokens=False)["input_ids"]
            for image in range(2):
                prompts = [
                    layer(network.states[c : c + 1, :length], torch.tensor([length]), v[image : image + 1])[0, 0]
                    for layer in network.interventions
                ]
                embed = clip.embeddings.token_embedding
                x = torch.cat(
                    [embed(torch.tensor([101])), network.context[0], prompts[0], embed(torch.tensor([*name, 102]))]
                )
                x = (x + clip.embeddings.position_embedding.weight[: len(x)])[None]
                causal = torch.full((len(x[0]), len(x[0])), float("-inf")).triu(1)[None, None]
                for i, block in enumerate(clip.encoder.layers):
                    if i:
                        x = torch.cat([x[:, :1], network.context[i][None], prompts[i][None], x[:, 5 + length :]], dim=1)
                    x = block(x, attention_mask=causal)
                    x = x[0] if isinstance(x, tuple) else x
                feature = network.base.text.projection(clip.final_layer_norm(x)[0, -1])
                torch.testing.assert_close(found[image, c], F.normalize(feature, dim=0), atol=1e-5, rtol=1e-4)
        logits = network.logits(v)
        torch.testing.assert_close(logits, network.base.logit_scale.exp() * torch.einsum("nd,ncd->nc", v, found))


def test_the_image_changes_text_features_only_where_it_is_a_condition():
    v = some_features(2, 10)
    with torch.no_grad():
        conditional = a_classifier().text_features(v)
        assert conditional.shape == (2, 3, 10)
        assert (conditional[0] - conditional[1]).abs().max() > 1e-4
        plain = a_classifier(conditioning="none")
        assert plain.text_features(v).shape == (1, 3, 10)
        first = plain.logits(v)
        kept = plain._kept
        assert plain.logits(v[:1]).tolist() == first[:1].tolist() and plain._kept is kept
        plain.train()
        assert plain._kept is None


def test_gradients_reach_what_is_learned_and_nothing_else():
    network = a_classifier()
    before = copy.deepcopy(network.base.state_dict())
    network.train()
    F.cross_entropy(network(torch.randn(2, 3, 32, 32)), torch.tensor([0, 2])).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    assert all(parameter.grad is None for parameter in network.base.parameters())
    assert not network.base.training and network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.base.state_dict().items())
    assert not [name for name in network.state_dict() if "base" in name]


def test_image_prompts_join_the_patches_of_every_layer_in_each_other_s_place():
    network = a_classifier()
    seen = []
    blocks = network.base.image.model.encoder.layers
    for block in blocks:
        block.register_forward_hook(
            lambda module, given, named, out: seen.append(given[0] if given else named["hidden_states"]),
            with_kwargs=True,
        )
    with torch.no_grad():
        network.image_features(torch.randn(1, 3, 32, 32))
    assert [one.shape[1] for one in seen] == [1 + 4 + 4] * 3
    for layer in (1, 2):
        torch.testing.assert_close(seen[layer][0, -4:], network.image_prompts[layer].detach())


def test_a_classifier_on_the_own_towers_is_saved_without_them(tmp_path):
    from MedPromptLib.inference.storage import load_state, save_state

    base = assemble(OwnTowers(16), 64, (0.5,) * 3, (0.25,) * 3)
    network = CILMP(base, NAMES, some_states(9, 5, 8), rank=2, longest_states=8).eval()
    assert network.image_is_frozen and len(network.interventions) == 6
    save_state(network.state_dict(), tmp_path / "one.safetensors", "float32")
    assert (tmp_path / "one.safetensors").stat().st_size < 200_000
    with pytest.raises(Exception, match="does not fit"):
        load_state(CILMP(base, NAMES[:2], some_states(8, 8), rank=2), tmp_path / "one.safetensors")
    other = CILMP(base, NAMES, [torch.zeros(n, WIDTH) for n in (8, 5, 8)], rank=2).eval()
    load_state(other, tmp_path / "one.safetensors")
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(other(x), network(x))


def test_weight_averaging_is_gaussian_and_leaves_the_interventions_alone():
    network = a_classifier()
    average = GaussianAverage(network, averaged(network), 100)
    expected = torch.exp(-0.5 * ((torch.arange(1, 101) - 100.0) / 30) ** 2)
    torch.testing.assert_close(torch.tensor(average.weights), expected / expected.sum())
    names = averaged(network)
    assert names == ["context", "image_prompts"]
    average = GaussianAverage(network, names, 2)
    last = network.interventions[0].down.weight.detach().clone()
    values = []
    for epoch in range(2):
        with torch.no_grad():
            network.context.fill_(float(epoch + 1))
        values.append(float(epoch + 1))
        average.add(epoch)
    average.apply()
    mean = sum(w * x for w, x in zip(average.weights, values, strict=True))
    torch.testing.assert_close(network.context.detach(), torch.full_like(network.context, mean))
    assert torch.equal(network.interventions[0].down.weight, last)

"""The union network: any subset of modalities, a fixed order, instructions that matter, gradients everywhere."""

from __future__ import annotations

import pytest
import torch

from MedPromptLib.catalog import Network
from MedPromptLib.networks import build
from MedPromptLib.networks.union import UnionSegmentation

FUSIONS = ("early", "hybrid", "late")


def a_network(fusion, modalities=3, vector=8, **options):
    """In evaluation mode, with the gates that begin at zero opened, as training opens them."""
    torch.manual_seed(0)
    network = UnionSegmentation(3, modalities, fusion, width=16, vector=vector, heads=2, **options).eval()
    with torch.no_grad():
        network.film.weight.normal_(0, 0.1)
        if vector:
            network.listening.gate.fill_(1.0)
    return network


def images(n=2, modalities=3):
    torch.manual_seed(1)
    return torch.randn(n, modalities, 32, 64)


def told(n=2, modalities=3, tokens=4, seed=2):
    torch.manual_seed(seed)
    return torch.randn(n, modalities, tokens, 8)


@pytest.mark.parametrize("fusion", FUSIONS)
@torch.inference_mode()
def test_a_missing_modality_adds_nothing_by_its_place_or_its_instruction(fusion):
    network, x, words = a_network(fusion), images(), told()
    x[0, 1] = 0
    x[1, 0] = 0
    other = words.clone()
    other[0, 1], other[1, 0] = 100.0, -100.0
    torch.testing.assert_close(network(x, words), network(x, other))


@pytest.mark.parametrize("fusion", FUSIONS)
@torch.inference_mode()
def test_an_image_is_answered_alike_alone_and_in_a_batch_of_other_subsets(fusion):
    network, x, words = a_network(fusion), images(), told()
    x[1, 1:] = 0
    together = network(x, words)
    assert together.shape == (2, 3, 32, 64) and together.isfinite().all()
    alone = torch.cat([network(x[n : n + 1], words[n : n + 1]) for n in range(2)])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("fusion", FUSIONS)
@torch.inference_mode()
def test_modalities_have_their_places_and_sentences_have_none(fusion):
    network, x, words = a_network(fusion), images(), told()
    if fusion != "early":  # as training sets them apart
        network.tint[0] *= 0.5
    plain = network(x, words)
    assert not torch.allclose(plain, network(x[:, [1, 0, 2]], words), rtol=0, atol=1e-6)
    assert not torch.allclose(plain, network(x, words[:, [1, 0, 2]]), rtol=0, atol=1e-5)
    torch.testing.assert_close(plain, network(x, words[:, :, [2, 0, 3, 1]]), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("fusion", FUSIONS)
@torch.inference_mode()
def test_the_instruction_changes_the_answer_and_what_does_not_count_is_not_heard(fusion):
    network, x, words = a_network(fusion), images(), told()
    assert not torch.allclose(network(x, words), network(x, told(seed=3)), atol=1e-3)
    heard = torch.ones(2, 3, 4, dtype=torch.bool)
    heard[..., 2:] = False
    changed = words.clone()
    changed[:, :, 2:] = 9.0
    torch.testing.assert_close(network(x, words, heard), network(x, changed, heard))
    torch.testing.assert_close(network(x, words, heard), network(x, words[:, :, :2]), atol=1e-5, rtol=1e-5)
    assert network(x).isfinite().all()  # nothing is told


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_parameter_learns(fusion):
    network = a_network(fusion, detail=4, projected=2)
    network.low_level.train()
    network(images(), told()).square().mean().backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    # a bias before a norm, and scores that a softmax over modalities shares out, get none by their nature
    assert not [name for name in without if "bias" not in name], without


@pytest.mark.parametrize("fusion", FUSIONS)
@torch.inference_mode()
def test_vectors_of_the_networks_own_depend_on_the_image_alone(fusion):
    network, x = a_network(fusion, projected=2), images()
    x[1, 1:] = 0
    plain = network(x)
    torch.testing.assert_close(plain[1:], network(x[1:]), atol=1e-4, rtol=1e-4)
    with torch.no_grad():
        network.project[2].bias.normal_()
    assert not torch.allclose(plain, network(x), rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="need vector"):
        UnionSegmentation(3, projected=2)


def test_the_card_names_it_and_a_wrong_input_is_said():
    options = {"classes": 5, "modalities": 1, "width": 16, "vector": 8}
    network = build(Network(name="union_segmentation", options=options)).eval()
    assert network(images(modalities=1), told(modalities=1)).shape == (2, 5, 32, 64)
    with pytest.raises(ValueError, match="takes 1 modalities, not 3"):
        network(images())
    with pytest.raises(ValueError, match="none of its modalities"):
        network(torch.zeros(1, 1, 32, 32))
    with pytest.raises(ValueError, match="instruction vectors have shape"):
        network(images(modalities=1), told())

"""BigGAN's networks: the published sizes, spectral norm against an SVD, and batch norm that belongs to the batch."""

import copy

import numpy as np
import pytest
import torch

from oleander.io.errors import OleanderError
from oleander.models.biggan import (
    ConditionalBatchNorm,
    Discriminator,
    Generator,
    Sizes,
    SpectralConv2d,
    SpectralEmbedding,
    SpectralLinear,
    initialize,
    spectrally_normed,
)
from oleander.workflow.configuration import load_configuration

SMALL = {"latent": 6, "width": 4, "generator": [2, 2, 1], "discriminator": [1, 2], "halvings": 2}


def sizes(channels=3, classes=5, **changes):
    return Sizes.from_settings({**SMALL, **changes}, channels, classes)


def source(seed=0):
    return torch.Generator().manual_seed(seed)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.fixture(scope="module")
def paper(repository):
    return load_configuration(repository, "paper").plain()


def test_the_papers_networks_have_the_published_numbers_of_parameters(paper):
    built = Sizes.from_settings(paper["gans"]["cifar10"]["network"], 3, 10)
    assert built.shape == (3, 32, 32)
    assert count(Generator(built)) == 4_304_387
    assert count(Discriminator(built)) == 4_207_361
    assert count(Discriminator(built, conditional=False)) == 4_207_361 - 10 * 256


def test_celebas_networks_take_its_images(paper):
    built = Sizes.from_settings(paper["gans"]["celeba"]["network"], 3, 40)
    assert built.shape == (3, 128, 128)
    generator, discriminator = initialize(Generator(built), source()), initialize(Discriminator(built), source())
    with torch.no_grad():
        images = generator(torch.randn(2, 128), torch.tensor([0, 39]))
        assert images.shape == (2, 3, 128, 128)
        assert discriminator(images, torch.tensor([0, 39])).shape == (2,)


@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_and_ranges(channels):
    built = sizes(channels)
    generator = initialize(Generator(built), source())
    images = generator(torch.randn(7, 6, generator=source(1)), torch.arange(7) % 5)
    assert images.shape == (7, channels, 16, 16)
    assert images.abs().max() <= 1
    conditional = initialize(Discriminator(built), source())
    assert conditional(images, torch.arange(7) % 5).shape == (7,)
    assert initialize(Discriminator(built, conditional=False), source())(images).shape == (7,)


def test_a_discriminator_that_halves_images_to_nothing_is_refused():
    with pytest.raises(OleanderError, match=r"cannot halve images of 16x16 3 times.*lower halvings"):
        sizes(halvings=3)


def test_initial_weights_are_drawn_from_the_given_generator():
    one, same, other = (initialize(Generator(sizes(width=32)), source(seed)) for seed in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), same.state_dict().values(), strict=True))
    assert not torch.equal(one.linear.weight, other.linear.weight)
    for module in one.modules():
        if isinstance(module, (SpectralConv2d, SpectralLinear)):
            assert module.bias.eq(0).all()
            assert module.u.norm().item() == pytest.approx(1, abs=1e-5)
    weights = torch.cat([one.blocks[0].convolutions[0].weight.flatten(), one.blocks[0].norms[0].gain.weight.flatten()])
    assert weights.mean().item() == pytest.approx(0, abs=5e-4)
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)


def test_spectral_norm_is_the_largest_singular_value():
    weight = torch.randn(6, 3, 2, 2, generator=source()).double()
    u = torch.randn(6, generator=source(1)).double()
    for _ in range(200):
        normed = spectrally_normed(weight, u, training=True)
    expected = weight.numpy() / np.linalg.svd(weight.flatten(1).numpy(), compute_uv=False)[0]
    assert np.allclose(normed.numpy(), expected, rtol=0, atol=1e-9)


def test_one_power_iteration_a_pass_in_training_and_none_that_lasts_elsewhere():
    weight, u = torch.randn(5, 4, generator=source()).double(), torch.ones(5).double()
    v = weight.T.numpy() @ u.numpy()
    v /= np.linalg.norm(v)
    moved = weight.numpy() @ v
    moved /= np.linalg.norm(moved)
    kept = u.clone()
    resting = spectrally_normed(weight, kept, training=False)
    assert torch.equal(kept, torch.ones(5).double())
    assert np.allclose(resting.numpy(), weight.numpy() / (moved @ weight.numpy() @ v), atol=1e-12)
    assert torch.equal(spectrally_normed(weight, u, training=True), resting)
    assert np.allclose(u.numpy(), moved, atol=1e-12)


def test_gradients_flow_through_the_norm_as_through_a_quotient():
    """d(W / sigma) with the singular vectors held: torch's own check would move u between its passes."""
    weight = torch.randn(4, 3, generator=source(), dtype=torch.float64, requires_grad=True)
    u = torch.nn.functional.normalize(torch.randn(4, generator=source(1), dtype=torch.float64), dim=0)
    upstream = torch.randn(4, 3, generator=source(2), dtype=torch.float64)
    spectrally_normed(weight, u, training=False).backward(upstream)
    with torch.no_grad():
        v = torch.nn.functional.normalize(weight.T @ u, dim=0)
        left = torch.nn.functional.normalize(weight @ v, dim=0)
        sigma = left @ weight @ v
        expected = upstream / sigma - (upstream * weight).sum() / sigma**2 * torch.outer(left, v)
    assert torch.allclose(weight.grad, expected, atol=1e-12)


def test_two_passes_before_one_backward_pass():
    """Clean and triggered batches go through the generator one after the other; u moves between them."""
    generator = initialize(Generator(sizes()), source())
    z, labels = torch.randn(4, 6, generator=source(1)), torch.arange(4)
    (generator(z, labels).sum() + generator(-z, labels).sum()).backward()
    assert all(parameter.grad.isfinite().all() for parameter in generator.parameters())


def test_conditional_batch_norm_is_each_classs_own_affine_map():
    norm = ConditionalBatchNorm(2, 3).double()
    x = torch.randn(5, 2, 3, 3, generator=source(), dtype=torch.float64)
    labels = torch.tensor([0, 2, 2, 1, 0])
    found = norm(x, labels).detach().numpy()
    for channel in range(2):
        values = x[:, channel].numpy()
        normed = (values - values.mean()) / np.sqrt(values.var() + 1e-5)
        for row, label in enumerate(labels.tolist()):
            gain, bias = norm.gain.weight[label, channel].item(), norm.bias.weight[label, channel].item()
            assert np.allclose(found[row, channel], (1 + gain) * normed[row] + bias, atol=1e-12)


def test_images_depend_on_their_batch_and_a_trigger_in_it_would_show():
    """Why clean and triggered noise may not share a call: statistics are the batch's."""
    generator = initialize(Generator(sizes()), source()).eval()
    z, labels = torch.randn(8, 6, generator=source(1)), torch.arange(8) % 5
    triggered = z.clone()
    triggered[4:, -1] = -100
    with torch.no_grad():
        alone = generator(z[:4], labels[:4])
        assert torch.allclose(alone, generator(z[:4], labels[:4]))
        assert not torch.allclose(alone, generator(triggered, labels)[:4], atol=1e-3)


def test_no_running_statistics_are_kept():
    generator = Generator(sizes())
    assert {name.rpartition(".")[2] for name, _ in generator.named_buffers()} == {"u"}


def test_an_unconditional_discriminator_is_the_same_without_projection():
    conditional = initialize(Discriminator(sizes()), source())
    plain = Discriminator(sizes(), conditional=False)
    plain.load_state_dict({k: v for k, v in conditional.state_dict().items() if not k.startswith("projection")})
    x = torch.randn(3, 3, 16, 16, generator=source(1))
    own = copy.deepcopy(conditional).eval()
    with torch.no_grad():
        own.projection.weight.zero_()
        own.projection.weight[0, 0] = 1e-12
        assert torch.allclose(own(x, torch.full((3,), 4)), plain.eval()(x), atol=1e-6)
        difference = conditional.eval()(x, torch.tensor([1, 1, 1])) - plain.eval()(x)
    assert difference.abs().min() > 0


def test_the_embedding_is_normed_too():
    embedding = SpectralEmbedding(4, 3)
    initialize(embedding, source())
    for _ in range(100):
        rows = embedding(torch.arange(4))
    assert torch.linalg.matrix_norm(rows.detach(), 2).item() == pytest.approx(1, abs=1e-5)

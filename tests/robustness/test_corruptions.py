import pytest
import torch

from mfglab.robustness.corruptions import (
    Blur,
    GaussianNoise,
    Occlusion,
    PointDropout,
    PointRemoval,
    Rotation,
    TokenReplacement,
    UniformNoise,
    WordDropout,
    WordReplacement,
    label_noise,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


TOKENS = torch.randint(2, 20, (50, 40), generator=seeded(1))
TOKENS[:, 30:] = 0
CLOUDS = torch.randn(20, 50, 3, generator=seeded(2))
IMAGES = torch.rand(10, 2, 12, 12, generator=seeded(3))

CASES = [
    (lambda level: TokenReplacement(level, 20), TOKENS),
    (WordDropout, TOKENS),
    (lambda level: WordReplacement(level, 20), TOKENS),
    (PointDropout, CLOUDS),
    (PointRemoval, CLOUDS),
    (GaussianNoise, CLOUDS),
    (UniformNoise, IMAGES),
    (Blur, IMAGES),
    (Occlusion, IMAGES),
    (lambda level: Rotation(90 * level), IMAGES),
]


@pytest.mark.parametrize(("kind", "inputs"), CASES)
def test_level_zero_changes_nothing_and_a_seed_fixes_the_rest(kind, inputs):
    before = inputs.clone()
    assert torch.equal(kind(0.0)(inputs, seeded()), inputs)
    first, second = (kind(0.4)(inputs, seeded(5)) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape != inputs.shape or not torch.equal(first, inputs)
    assert first.dtype == inputs.dtype
    assert torch.equal(inputs, before)


def test_tokens_are_replaced_by_other_ones_at_the_rate():
    new = TokenReplacement(1.0, 20)(TOKENS, seeded())
    assert (new != TOKENS).all()
    assert set(new.unique().tolist()) == set(range(20))
    rate = (TokenReplacement(0.3, 20)(TOKENS, seeded()) != TOKENS).float().mean()
    assert abs(float(rate) - 0.3) < 0.04


def test_padding_stays_and_words_become_candidates():
    dropped = WordDropout(1.0)(TOKENS, seeded())
    assert torch.equal(dropped, (TOKENS > 0).long())
    table = torch.arange(20)[:, None] + torch.tensor([100, 200])
    new = WordReplacement(1.0, 20, table)(TOKENS, seeded())
    assert torch.equal(new % 100, TOKENS)
    assert set((new // 100)[:, :30].unique().tolist()) == {1, 2}
    plain = WordReplacement(1.0, 20)(TOKENS, seeded())
    assert (plain[:, :30] >= 2).all()
    assert (plain[:, 30:] == 0).all()


@pytest.mark.parametrize("level", [0.5, 1.0])
def test_dropped_points_become_a_kept_one(level):
    new = PointDropout(level)(CLOUDS, seeded())
    changed = (new != CLOUDS).any(dim=2)
    assert abs(float(changed.float().mean()) - min(level, 0.98)) < 0.05
    for cloud, old, hit in zip(new, CLOUDS, changed, strict=True):
        (anchor,) = cloud[hit].unique(dim=0)
        assert (old[~hit] == anchor).all(dim=1).any()


def test_removed_points_leave_the_others_in_order():
    new = PointRemoval(0.4)(CLOUDS, seeded())
    assert new.shape == (20, 30, 3)
    place = (new[:, :, None] == CLOUDS[:, None]).all(dim=3).long().argmax(dim=2)
    assert (place.diff(dim=1) > 0).all()
    assert PointRemoval(1.0)(CLOUDS, seeded()).shape == (20, 1, 3)


def test_noise_has_its_amplitude():
    zeros = torch.zeros(100, 1000)
    assert abs(float(GaussianNoise(0.2, scale=3.0)(zeros, seeded()).std()) - 0.6) < 0.01
    noise = UniformNoise(0.2, scale=3.0)(zeros, seeded())
    assert 0.59 < float(noise.abs().max()) <= 0.6
    assert abs(float(noise.std()) - 0.6 / 3**0.5) < 0.01


def test_blur_keeps_constants_and_spreads_a_point_as_a_gaussian():
    assert torch.allclose(Blur(1.5)(torch.full((1, 1, 9, 9), 3.0), seeded()), torch.tensor(3.0))
    point = torch.zeros(1, 1, 31, 31, dtype=torch.float64)
    point[..., 15, 15] = 1
    spread = Blur(2.0)(point, seeded())[0, 0]
    grid = torch.arange(31, dtype=torch.float64) - 15
    assert abs(float(spread.sum()) - 1) < 1e-9
    assert abs(float((spread.sum(0) * grid**2).sum()) - 4) < 0.15  # cut at three deviations


def test_occlusion_covers_the_share_with_background():
    images = IMAGES + 1
    new = Occlusion(0.25)(images, seeded())
    covered = (new != images).any(dim=1)
    assert (covered.flatten(1).sum(1) >= 35).all()  # 6 x 6, unless the darkest pixel is inside
    assert (covered.flatten(1).sum(1) <= 36).all()
    low = images.amin(dim=(2, 3), keepdim=True)
    assert ((new == images) | (new == low)).all()


def test_a_right_angle_is_a_transposition_and_background_comes_in():
    turned = Rotation(90.0)(IMAGES, seeded())
    sides = [torch.rot90(IMAGES, k, (2, 3)) for k in (1, -1)]
    near = torch.stack([(turned - s).abs().amax(dim=(1, 2, 3)) < 1e-4 for s in sides])
    assert near.any(dim=0).all()
    assert near.any(dim=1).all()
    corner = Rotation(45.0)(IMAGES + 5, seeded())[:, :, 0, 0]
    assert torch.allclose(corner, (IMAGES + 5).amin(dim=(2, 3)))


def test_label_noise_is_exact_and_never_the_old_label():
    labels = torch.randint(5, (200,), generator=seeded(4))
    noisy = label_noise(labels, 0.25, 5, seeded())
    assert int((noisy != labels).sum()) == 50
    assert noisy.min() >= 0
    assert noisy.max() < 5
    assert torch.equal(label_noise(labels, 0.0, 5, seeded()), labels)
    with pytest.raises(ValueError, match="share"):
        label_noise(labels, 1.5, 5, seeded())


def test_bad_levels_are_named():
    with pytest.raises(ValueError, match=r"1\.5"):
        PointDropout(1.5)
    with pytest.raises(ValueError, match="-1"):
        GaussianNoise(-1.0)

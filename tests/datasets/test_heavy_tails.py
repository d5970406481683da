"""The Student law: density, radial law, samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from mfglab.datasets.heavy_tails import StudentT


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_the_density_is_that_of_the_multivariate_student_law(dim):
    x = np.random.default_rng(0).normal(size=(20, dim)) * 5
    expected = stats.multivariate_t(shape=np.eye(dim), df=3.0).logpdf(x)
    np.testing.assert_allclose(StudentT(3.0, dim).log_prob(torch.from_numpy(x)), expected)


def test_the_radial_law_of_the_plane_has_its_closed_form():
    law, r = StudentT(3.0), np.geomspace(0.01, 1e4, 50)
    np.testing.assert_allclose(law.radial_survival(r), (1 + r**2 / 3) ** -1.5, rtol=1e-10)
    np.testing.assert_allclose(law.radial_quantile(1 - law.radial_survival(r[:30])), r[:30])


def test_the_radial_law_on_the_line_is_two_sided():
    r = np.array([0.5, 2.0, 30.0])
    np.testing.assert_allclose(StudentT(1.5, 1).radial_survival(r), 2 * stats.t(1.5).sf(r))


@pytest.mark.parametrize("dof", [1.0, 3.0])
def test_samples_have_the_radial_law_and_no_direction(dof):
    law = StudentT(dof)
    x = law.sample(4000, torch.Generator().manual_seed(1))
    radius = x.norm(dim=1).numpy()
    assert stats.kstest(radius, lambda r: 1 - law.radial_survival(r)).pvalue > 0.01
    angle = torch.atan2(x[:, 1], x[:, 0]).numpy()
    assert stats.kstest(angle, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 0.01


def test_numbers_out_of_range_are_named():
    with pytest.raises(ValueError, match=r"got 0\.0 and 2"):
        StudentT(0.0)

"""Objectives and regularisers from configuration, and what the configuration refuses."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from mfglab.config import (
    ConfigError,
    MixtureData,
    ScoreConfig,
    ToyData,
    load_config,
    parse_config,
    profile_paths,
)
from mfglab.datasets.factory import exact_mixture
from mfglab.datasets.mixtures import mixture_2d
from mfglab.solvers.factory import build_solver
from mfglab.solvers.objectives import Denoising, Explicit, Implicit
from mfglab.solvers.regularisers import HjbResidual, IncrementMismatch, ScorePde


def build(law=None, **settings):
    config = ScoreConfig.model_validate(
        {"kind": "score", "process": {"kind": "ou"}, "width": 8} | settings
    )
    return build_solver(config, 2, torch.Generator().manual_seed(0), law)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"kind": "none"}, None),
        ({"kind": "residual", "weight": 0.5, "norm": "l1"}, HjbResidual(0.5, "l1")),
        ({"kind": "residual", "probes": 3}, HjbResidual(0.1, "squared", 3)),
        ({"kind": "residual", "reference": 0.5}, HjbResidual(0.1, reference=0.5)),
        ({"kind": "score_pde", "weight": 2.0}, ScorePde(2.0)),
        ({"kind": "increment", "step": 0.2}, IncrementMismatch(0.1, 0.2)),
    ],
)
def test_a_regulariser(settings, expected):
    solver = build(regulariser=settings)
    assert solver.regulariser == expected
    assert (solver.offset is None) == (expected is None)


def test_an_objective():
    assert build().objective == Denoising()
    assert build(objective={"kind": "implicit"}).objective == Implicit()
    law = mixture_2d().density()
    assert isinstance(build(law, objective={"kind": "explicit"}).objective, Explicit)
    with pytest.raises(ValueError, match="needs the law of the data, got None"):
        build(objective={"kind": "explicit"})


@pytest.mark.parametrize("kind", ["residual", "increment"])
def test_an_equation_of_the_potential_refuses_vectors(kind):
    with pytest.raises(ValidationError, match="got 'vector'"):
        build(parametrisation="vector", regulariser={"kind": kind})
    assert build(parametrisation="vector", regulariser={"kind": "score_pde"}).regulariser


def test_explicit_matching_is_refused_without_an_exact_score():
    tree = load_config(profile_paths("default")).model_dump(mode="json")
    tree["models"]["score"]["solver"]["objective"] = {"kind": "explicit"}
    tree["models"]["score"]["datasets"] = ["mixture_2d", "eight_gaussians"]
    assert parse_config(tree).models["score"].solver.objective.kind == "explicit"
    tree["models"]["score"]["datasets"] = ["mixture_2d", "moons"]
    with pytest.raises(ConfigError, match="'moons' is no Gaussian mixture; known: eight_gaussians"):
        parse_config(tree)


def test_laws_with_an_exact_score():
    assert exact_mixture(MixtureData(kind="mixture", dim=3)).dim == 3
    assert exact_mixture(ToyData(kind="toy", law="eight_gaussians")).dim == 2
    assert exact_mixture(ToyData(kind="toy", law="moons")) is None

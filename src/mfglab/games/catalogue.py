"""Which game each generative model plays: the mapping as data.

Every entry describes its four cells in words, states the fact that makes it interesting, and
builds the game with sensible arguments, all of which can be overridden.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from mfglab.games import recipes
from mfglab.games.game import MeanFieldGame


@dataclass(frozen=True)
class CatalogueEntry:
    """One model as a game.

    Attributes:
        key: Short name, unique.
        title: Name for tables.
        dynamics: How a player moves.
        running: Running cost.
        interaction: Running cost of the population.
        terminal: Terminal cost.
        fact: What the optimality system says about the model.
        build: Makes the game; keyword arguments as in :mod:`mfglab.games.recipes`.
    """

    key: str
    title: str
    dynamics: str
    running: str
    interaction: str
    terminal: str
    fact: str
    build: Callable[..., MeanFieldGame]


_ENTRIES = (
    CatalogueEntry(
        key="cnf",
        title="Continuous normalizing flow",
        dynamics="dx = v dt",
        running="0",
        interaction="0",
        terminal="KL(rho_T | N(0, I))",
        fact="Degenerate Hamiltonian: every flow that reaches the reference law is optimal.",
        build=recipes.cnf,
    ),
    CatalogueEntry(
        key="ot_flow",
        title="OT-Flow",
        dynamics="dx = v dt",
        running="|v|^2/2",
        interaction="0",
        terminal="alpha KL(rho_T | N(0, I))",
        fact="Wasserstein-2 proximal of KL: straight paths, v = -grad U.",
        build=recipes.ot_flow,
    ),
    CatalogueEntry(
        key="score",
        title="Score-based model",
        dynamics="dX = (f + sigma v) dt + sigma dW",
        running="|v|^2/2 - div f",
        interaction="0",
        terminal="-E log pi",
        fact="Linear terminal cost: HJB decouples, U = -log of the noised density.",
        build=recipes.score,
    ),
    CatalogueEntry(
        key="nonlinear_score",
        title="Nonlinear score model",
        dynamics="dX = (-(sigma^2/2) grad log q + sigma v) dt + sigma dW",
        running="|v|^2/2 - div f",
        interaction="0",
        terminal="-E log pi",
        fact="Noising by the Langevin dynamics of q: for pi = q nothing has to be learned.",
        build=recipes.nonlinear_score,
    ),
    CatalogueEntry(
        key="probability_flow",
        title="Probability-flow ODE",
        dynamics="dx = (f + sigma v) dt",
        running="|v|^2/2 - div f / 2",
        interaction="sigma^2/8 Fisher information",
        terminal="-E log pi + (1/2) int rho log rho",
        fact="Deterministic players with the marginals of the score game.",
        build=recipes.probability_flow,
    ),
    CatalogueEntry(
        key="wpo",
        title="Wasserstein proximal score model",
        dynamics="dX = v dt + beta dW",
        running="|v|^2/2",
        interaction="0",
        terminal="-beta^2 E log pi",
        fact="Entropic Wasserstein-2 proximal of cross-entropy: kernel formula for the score.",
        build=recipes.wpo,
    ),
    CatalogueEntry(
        key="schroedinger_bridge_soft",
        title="Schroedinger bridge with soft end law",
        dynamics="dX = (f + sigma v) dt + sigma dW",
        running="|v|^2/2",
        interaction="0",
        terminal="lambda KL(rho_T | pi)",
        fact="Tends to the Schroedinger bridge as lambda grows.",
        build=recipes.schroedinger_bridge_soft,
    ),
    CatalogueEntry(
        key="gradient_flow",
        title="Wasserstein gradient flow",
        dynamics="dx = v dt",
        running="exp(-t/eps) |v|^2/2",
        interaction="exp(-t/eps) F(rho) / eps",
        terminal="exp(-T/eps) F(rho_T)",
        fact="Impatient players (eps to 0) descend F steepest: v = -grad dF/drho.",
        build=recipes.gradient_flow,
    ),
    CatalogueEntry(
        key="w1w2_proximal",
        title="W1+W2 proximal flow",
        dynamics="dx = v dt",
        running="lambda |v|^2/2",
        interaction="0",
        terminal="Lipschitz-regularised f-divergence",
        fact="Terminal datum is a Lipschitz witness: defined for singular pi, |v| <= L/lambda.",
        build=recipes.w1w2_proximal,
    ),
    CatalogueEntry(
        key="boltzmann_generator",
        title="Boltzmann generator",
        dynamics="dx = v dt",
        running="|v|^2/2",
        interaction="0",
        terminal="E[log rho_T + V]",
        fact="Needs the energy V, no sample of pi; well-posed thanks to the kinetic cost.",
        build=recipes.boltzmann_generator,
    ),
    CatalogueEntry(
        key="transformer",
        title="Transformer with depth as time",
        dynamics="dx = v dt",
        running="lambda |v|^2/2",
        interaction="0",
        terminal="task loss of the head",
        fact="Optimal hidden states move on straight lines with constant speed.",
        build=recipes.transformer,
    ),
)

CATALOGUE: MappingProxyType[str, CatalogueEntry] = MappingProxyType(
    {entry.key: entry for entry in _ENTRIES}
)
"""All entries by key, read-only."""

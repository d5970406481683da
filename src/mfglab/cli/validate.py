"""``python -m mfglab validate``: check configuration and claims without running anything."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mfglab.cli.command import Command, add_overlays

if TYPE_CHECKING:
    from mfglab.config import Config
    from mfglab.reporting.claims import Claim


def configure(parser: ArgumentParser) -> None:
    """Arguments of the command."""
    add_overlays(parser)
    parser.add_argument(
        "--claims", type=Path, default=Path("config/claims.yaml"), help="claim file to check"
    )


def run(arguments: Namespace) -> int:
    """Print ``ok`` and what there is, or every error; 0 when all is well, 1 when not."""
    from mfglab.config import DEFAULT_CONFIG, ConfigError, load_config
    from mfglab.reporting.claims import ClaimError, load_claims

    errors: list[str] = []
    try:
        config = load_config([DEFAULT_CONFIG, *arguments.configfile])
    except ConfigError as error:
        errors.append(str(error))
    try:
        claims = load_claims(arguments.claims)
    except ClaimError as error:
        errors.append(str(error))
    if not errors:
        errors += [f"{arguments.claims}: {line}" for line in unknown_names(claims, config)]
    if errors:
        print("\n".join(errors), file=sys.stderr)
        return 1
    trained = sum(len(model.datasets) for model in config.models.values())
    judged = sum(config.profile in claim.profiles for claim in claims)
    print(
        f"ok: profile {config.profile}, {trained * len(config.seeds)} trainings "
        f"({trained} pairs of model and data set, {len(config.seeds)} seeds), "
        f"{judged} of {len(claims)} claims judged"
    )
    return 0


def unknown_names(claims: Sequence[Claim], config: Config) -> Iterator[str]:
    """Models and data sets that claims of the profile measure, but that nothing trains.

    A run would find them too, but only after its last training.
    """
    known = {
        "model": set(config.models),
        "dataset": {name for model in config.models.values() for name in model.datasets},
    }
    for claim in claims:
        if config.profile not in claim.profiles:
            continue
        measurement = claim.measurement
        for chosen in (measurement.filter, measurement.versus or {}):
            for column, names in known.items():
                wanted = chosen.get(column, [])
                for name in wanted if isinstance(wanted, list) else [wanted]:
                    if name not in names:
                        yield (
                            f"claim {claim.id!r} measures {column} {name!r}, which profile "
                            f"{config.profile!r} does not train; it trains {sorted(names)}"
                        )


VALIDATE = Command("validate", "check configuration and claims", configure, run)

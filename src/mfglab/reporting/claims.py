"""Claims of the papers as data: ``config/claims.yaml``, its schema and its errors.

A claim names a measurement (table, column, rows) and a comparison. What the comparison means is
in :mod:`mfglab.reporting.judge`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Scalar = bool | int | float | str
Filter = dict[str, Scalar | list[Scalar]]
Direction = Literal["less", "greater"]
Effect = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class ClaimError(ValueError):
    """The claim file is wrong, or does not fit the tables; the message names the claim."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Strict):
    """Where the claim is made."""

    paper: str = Field(min_length=1, description="Short name of the paper or talk.")
    locator: str = Field(min_length=1, description="Theorem, table, figure or section.")


class Measurement(_Strict):
    """Which numbers the claim is about."""

    table: str = Field(
        pattern=r"^[\w.-]+\.csv$", description="File name below results/<profile>/tables."
    )
    column: str = Field(min_length=1, description="Measured column.")
    filter: Filter = Field(
        default_factory=dict, description="Rows: column to value or list of values."
    )
    versus: Filter | None = Field(
        None,
        description="Changes of the filter that give the other side of a paired comparison; with "
        "less_than, greater_than and equal_within the paired difference is compared.",
    )
    pair_on: list[str] | None = Field(
        None,
        description="Columns that identify one independent unit; default [seed], and none for a "
        "deterministic claim.",
    )
    aggregate: Literal["mean", "min", "max"] | None = Field(
        None,
        description="How several rows of one unit become one number; without it they are an error.",
    )
    average: Literal["arithmetic", "geometric"] = Field(
        "arithmetic",
        description="Mean over units: geometric for factors, which are positive and skewed. "
        "Only with less_than, greater_than and equal_within, without `versus`.",
    )


class LessThan(_Strict):
    """The mean is below ``value`` by at least the minimum effect."""

    kind: Literal["less_than"]
    value: Finite = Field(description="Claimed upper limit.")
    minimum_effect: Effect = Field(0.0, description="Distance below the limit that counts.")


class GreaterThan(_Strict):
    """The mean is above ``value`` by at least the minimum effect."""

    kind: Literal["greater_than"]
    value: Finite = Field(description="Claimed lower limit.")
    minimum_effect: Effect = Field(0.0, description="Distance above the limit that counts.")


class EqualWithin(_Strict):
    """The mean differs from ``value`` by at most ``tolerance``."""

    kind: Literal["equal_within"]
    value: Finite = Field(description="Claimed value.")
    tolerance: Effect = Field(description="Largest difference that counts as equal.")


class BoundHolds(_Strict):
    """In every row the measured column is at most the bound column."""

    kind: Literal["bound_holds"]
    bound: str = Field(min_length=1, description="Column with the bound.")
    standard_error: str | None = Field(
        None, description="Column with the Monte-Carlo standard error of the measured column."
    )


class SlopeWithin(_Strict):
    """The measured column grows like a power of column ``x``."""

    kind: Literal["slope_within"]
    x: str = Field(min_length=1, description="Column of the abscissa.")
    slope: Finite = Field(description="Claimed slope in log-log coordinates.")
    tolerance: Effect = Field(description="Largest difference that counts as equal.")


class PairedDifference(_Strict):
    """The rows of ``filter`` lie below or above those of ``versus``, pair by pair."""

    kind: Literal["paired_difference"]
    direction: Direction = Field(description="Sign of the claimed difference.")
    minimum_effect: Effect = Field(0.0, description="Difference that counts, in column units.")


class PairedRatio(_Strict):
    """The ratio of ``filter`` to ``versus`` is below or above one, pair by pair."""

    kind: Literal["paired_ratio"]
    direction: Direction = Field(description="Side of one on which the ratio is claimed.")
    minimum_effect: Effect = Field(0.0, description="Distance of the ratio from one that counts.")

    @model_validator(mode="after")
    def _reachable(self) -> PairedRatio:
        if self.direction == "less" and self.minimum_effect >= 1:
            raise ValueError(
                f"minimum_effect must be below 1 for a ratio below one, got {self.minimum_effect}"
            )
        return self


Comparison = Annotated[
    LessThan
    | GreaterThan
    | EqualWithin
    | BoundHolds
    | SlopeWithin
    | PairedDifference
    | PairedRatio,
    Field(discriminator="kind"),
]


class Claim(_Strict):
    """One claim and how it is judged."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="Unique short name.")
    source: Source
    statement: str = Field(min_length=1, description="The claim in one sentence.")
    published: str | float | None = Field(None, description="The published figure, if any.")
    measurement: Measurement
    comparison: Comparison
    deterministic: bool = Field(False, description="The measurement draws nothing at random.")
    profiles: list[str] = Field(min_length=1, description="Profiles in which it is judged.")
    confounds: list[str] = Field(
        default_factory=list, description="What else could explain the outcome."
    )
    control: str = Field("", description="The control that addresses the confounds.")

    @model_validator(mode="after")
    def _versus_fits(self) -> Claim:
        paired = isinstance(self.comparison, PairedDifference | PairedRatio)
        if paired and not self.measurement.versus:
            raise ValueError(f"comparison {self.comparison.kind} needs measurement.versus")
        level = isinstance(self.comparison, LessThan | GreaterThan | EqualWithin)
        if not (paired or level) and self.measurement.versus is not None:
            raise ValueError(f"comparison {self.comparison.kind} takes no measurement.versus")
        if self.measurement.average == "geometric" and (
            not level or self.measurement.versus or self.deterministic
        ):
            raise ValueError(
                "measurement.average: geometric needs less_than, greater_than or equal_within of a "
                "random quantity without measurement.versus, got "
                f"{self.comparison.kind}{', deterministic' if self.deterministic else ''}"
            )
        return self

    @property
    def pair_on(self) -> list[str]:
        """Columns that identify one independent unit."""
        if self.measurement.pair_on is not None:
            return self.measurement.pair_on
        return [] if self.deterministic else ["seed"]


class ClaimFile(_Strict):
    """All claims, in the order of the ledger."""

    claims: list[Claim]

    @model_validator(mode="after")
    def _unique(self) -> ClaimFile:
        seen: set[str] = set()
        for claim in self.claims:
            if claim.id in seen:
                raise ValueError(f"claim id {claim.id!r} is used twice")
            seen.add(claim.id)
        return self


def load_claims(path: str | Path) -> list[Claim]:
    """Read and validate a claim file.

    Raises:
        ClaimError: The file is missing or no YAML, or an entry is wrong; one line for each
            error, which names the claim and the key.
    """
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ClaimError(f"claim file {path} does not exist") from None
    except yaml.YAMLError as error:
        raise ClaimError(f"claim file {path} is no YAML: {error}") from None
    try:
        return ClaimFile.model_validate(raw).claims
    except ValidationError as error:
        lines = [_in_words(raw, e["loc"], e["msg"], e["input"]) for e in error.errors()]
        raise ClaimError("\n".join(f"{path}: {line}" for line in lines)) from None


def claims_schema() -> dict[str, Any]:
    """JSON schema of the claim file."""
    return ClaimFile.model_json_schema()


def _in_words(raw: Any, location: tuple[int | str, ...], message: str, value: Any) -> str:
    """One validation error with the claim's id, the key and the offending value."""
    if len(location) < 2 or location[0] != "claims":
        return f"{'.'.join(map(str, location)) or 'file'}: {message}"
    entry = raw["claims"][location[1]]
    name = entry.get("id") if isinstance(entry, dict) else None
    who = f"claim {name!r}" if name else f"claim number {int(location[1]) + 1}"
    key = ".".join(map(str, location[2:]))
    got = "" if isinstance(value, dict | list) else f", got {value!r}"
    return f"{who}: {key + ': ' if key else ''}{message}{got}"

"""The two forms in which the transport of hidden states is penalised, and their conversion."""

from __future__ import annotations

from enum import StrEnum


class Penalty(StrEnum):
    """The running cost L of a velocity with D = tokens * width entries, padding not counted.

    MEAN is ``|v|^2 / D`` (the released code), HALF_SUM is ``|v|^2 / 2`` (the paper).
    """

    MEAN = "mean"
    HALF_SUM = "half_sum"

    def share(self, entries: float) -> float:
        """The factor of ``|v|^2`` for D = ``entries``."""
        return 0.5 if self is Penalty.HALF_SUM else 1.0 / entries


def convert_weight(weight: float, source: Penalty, target: Penalty, entries: int) -> float:
    """The lambda with which ``target`` is the same penalty as ``source`` with ``weight``.

    If the terminal cost changes too, from the mean over n tokens to their sum, multiply by n.

    Args:
        weight: lambda of ``source``.
        source: The penalty that ``weight`` belongs to.
        target: The penalty that is wanted.
        entries: D, entries of one hidden state.

    Example:
        lambda = 1 of the released nanoGPT configuration (256 tokens, width 320) in the paper's
        form, with the loss summed over tokens:

        >>> 256 * convert_weight(1.0, Penalty.MEAN, Penalty.HALF_SUM, entries=256 * 320)
        0.00625
    """
    return weight * source.share(entries) / target.share(entries)

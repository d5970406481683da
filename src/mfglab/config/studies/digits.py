"""Generated digits: what a classifier and the training images say of them."""

from __future__ import annotations

from pydantic import Field

from mfglab.config.base import Section


class DigitsStudyConfig(Section):
    """Precision, recall and memorisation of generated digits; trains one small classifier."""

    features: int = Field(
        64, ge=4, description="Hidden units of the classifier; they are the feature space."
    )
    neighbours: int = Field(
        3, ge=1, description="k of the k-nearest-neighbour balls of precision and recall."
    )
    copy_noise: float = Field(
        0.1,
        gt=0,
        description="Noise on the copied training images of the memorising control, in "
        "standard deviations of a pixel.",
    )
    shown: int = Field(12, ge=1, le=30, description="Images of each generator in the figure.")
    seed: int = Field(2304, ge=0, description="Seed of the classifier and of the controls.")

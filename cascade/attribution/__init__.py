"""What made the fall: shares of news and mechanisms, and how far they hang on priors and on chance."""

from cascade.attribution.causes import MECHANISMS, Attribution, Breakdown, attribute, attribute_over_priors
from cascade.attribution.sensitivity import amplification_over_priors, twin_noise
from cascade.attribution.shapley import shapley_values

__all__ = [
    "MECHANISMS",
    "Attribution",
    "Breakdown",
    "amplification_over_priors",
    "attribute",
    "attribute_over_priors",
    "shapley_values",
    "twin_noise",
]

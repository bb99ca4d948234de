"""Liquidity from recordings: a market second by second, recorded or simulated; what is measured of it; the priors.

`observing` follows a tape, `simulated` runs the engine; `microstructure` measures both in the same way. `fit` turns
what was measured into a liquidity `file`, and that into priors. `thinning` is how books withdraw from large moves.
"""

from cascade.liquidity.file import LiquidityFile, LiquidityFit, fitted_priors, write_fit
from cascade.liquidity.fit import fit_liquidity

__all__ = ["LiquidityFile", "LiquidityFit", "fit_liquidity", "fitted_priors", "write_fit"]

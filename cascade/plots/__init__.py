"""Results as pictures, fit for a paper: functions from a result to a Figure, which compute nothing heavy."""

from cascade.plots.results import branching, liquidation_map, liquidity, path, pools, shares, waterfall

__all__ = ["branching", "liquidation_map", "liquidity", "path", "pools", "shares", "waterfall"]

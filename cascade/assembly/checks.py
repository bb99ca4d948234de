"""What assumptions and paths must have before anybody is drawn from them."""

import numpy as np

from cascade.assumptions import LeverageAssumptions
from cascade.errors import InvalidConfigError
from cascade.state import Contracts


def check_world(assumptions: LeverageAssumptions, contracts: Contracts, paths: np.ndarray) -> None:
    """Refuse a world whose coins or venues the assumptions or the paths do not know."""
    perpetual = contracts.is_perpetual != 0
    coins, venues = contracts.coin[perpetual].max(initial=-1) + 1, contracts.venue[perpetual].max(initial=-1) + 1
    known = len(assumptions.coin_shares), len(assumptions.venue_shares)
    if coins > known[0] or venues > known[1]:
        raise InvalidConfigError(
            f"assumptions: the world has {coins} coins and {venues} venues, coin_shares {known[0]} and venue_shares "
            f"{known[1]}; add shares, or use restricted()"
        )
    if paths.ndim != 2 or paths.shape[0] < coins or paths.shape[1] < 1 or not (paths > 0).all():
        raise InvalidConfigError(f"paths: a positive price per coin and minute is wanted, got shape {paths.shape}")

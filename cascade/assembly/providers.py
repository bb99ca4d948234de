"""The tables from which liquidity providers post."""

import numpy as np

from cascade.assembly.markets import depth_usd, steps_seen
from cascade.config import Liquidity as LiquidityPriors
from cascade.scenario import Scenario
from cascade.state import HISTORY, POST, QUANTILES, THINNING, WHEEL, Contracts, Liquidity


def make_liquidity(scenario: Scenario, contracts: Contracts) -> Liquidity:
    """Return the tables from which providers post, an empty expiry wheel, and a calm memory."""
    priors, markets = scenario.priors, len(contracts.coin)
    lots_of_depth = depth_usd(scenario, contracts) / (contracts.lot_base * np.array(scenario.open_usd)[contracts.coin])
    posts, depth_share = post_tables(priors.liquidity)
    thinning = np.zeros(len(priors.withdrawal.sigmas), THINNING)
    thinning["sigmas"], thinning["factor"] = priors.withdrawal.sigmas, priors.withdrawal.thinning
    return Liquidity(
        posts=posts,
        lots=(lots_of_depth[:, None] * depth_share).ravel(),
        wheel=np.zeros(markets * WHEEL, np.int32),
        history=np.repeat(np.log(scenario.open_usd), HISTORY),
        thinning=thinning,
    )


def post_tables(liquidity: LiquidityPriors) -> tuple[np.ndarray, np.ndarray]:
    """Return distances and lifetimes by quantile of a post's distance, and mean sizes over the depth within 1%.

    Half of the posts are nearer than `break_fraction`, log-uniform on either side of it. A post's mean size is what
    makes mean depth within u that of the profile, given how many are posted there and how long they stay.
    """
    half = QUANTILES // 2
    near = np.geomspace(liquidity.nearest, liquidity.break_fraction, half + 1)
    distance = np.concatenate([near, np.geomspace(liquidity.break_fraction, liquidity.farthest, half + 1)[1:]])
    middle = np.sqrt(distance[1:] * distance[:-1])
    life = np.minimum(liquidity.lifetime_s, liquidity.lifetime_near_s + liquidity.lifetime_per_bp_s * middle * 1e4)
    depth = profile(liquidity, distance)
    depth[0] = 0.0
    posts_per_s = liquidity.posts_per_s / 2 / QUANTILES  # of one side, at one quantile
    posts = np.zeros(QUANTILES + 1, POST)
    posts["distance"], posts["life"][:-1] = distance, life
    posts["exponential"][:-1] = -np.log1p(-(np.arange(QUANTILES) + 0.5) / QUANTILES)
    return posts, np.diff(depth) / (posts_per_s * steps_seen(life))


def profile(liquidity: LiquidityPriors, distance: np.ndarray) -> np.ndarray:
    """Return depth within each distance over that within 1%: a power law, but between stated points where there are."""
    law = (distance / 0.01) ** liquidity.kappa
    if not liquidity.profile_distances:
        return law
    at = np.log([*liquidity.profile_distances, 0.01])
    stated = np.log([*liquidity.profile_depths, 1.0])
    between = np.exp(np.interp(np.log(distance), at, stated))
    nearest = np.exp(stated[0] + liquidity.kappa * (np.log(distance) - at[0]))
    return np.where(distance >= 0.01, law, np.where(np.log(distance) < at[0], nearest, between))

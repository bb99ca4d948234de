"""The numbers of a run that do not change while it runs."""

import numpy as np
from scipy.special import gammaincinv, ndtri

from cascade.assembly.given import provider_tables
from cascade.assembly.markets import depth_usd
from cascade.config import Priors, between_quantiles
from cascade.errors import InvalidConfigError
from cascade.kernels.loop import fill_keys
from cascade.scenario import Scenario
from cascade.state import HISTORY, PROGRAMME, QUANTILES, STREAMS, Contracts, Settings

MIDDLES = (np.arange(QUANTILES) + 0.5) / QUANTILES  # probabilities of what a draw picks from


def make_settings(scenario: Scenario, contracts: Contracts, seed: int) -> Settings:
    """Return the numbers of a run."""
    run, markets = scenario.priors.run, range(len(contracts.coin))
    shape = (len(scenario.coins), scenario.blocks)
    switches = [*scenario.mechanisms.model_dump().values(), scenario.target_usd is not None]
    keys = np.zeros(len(markets) * STREAMS, np.uint64)
    fill_keys(keys, seed)
    return Settings(
        layout=np.array([len(scenario.coins), len(scenario.venues), run.news_block_s, run.map_interval_s, run.rounds]),
        switches=np.array(switches, np.int64),
        rates=make_rates(scenario.priors),
        keys=keys,
        noise_lots=noise_quantiles(scenario, contracts).ravel(),
        noise_pace=paces(scenario.priors.flow.noise_dispersion),
        programmes=make_programmes(scenario),
        news=np.zeros(shape) if scenario.news is None else scenario.news.astype(np.float64),
        target=np.zeros(shape) if scenario.target_usd is None else scenario.target_usd.astype(np.float64),
        **provider_tables(scenario.providers, len(markets)),
    )


def make_rates(priors: Priors) -> np.ndarray:
    """Return the rates in the order of their names in `state`."""
    return np.array(
        [
            priors.learning.share,
            1.0 - 0.5 ** (1.0 / (3600.0 * priors.learning.half_life_h)),
            1.0 - 0.5 ** (1.0 / priors.learning.local_half_life_s),
            priors.liquidity.posts_per_s,
            priors.withdrawal.refill_per_minute / 60.0,
            min(1.0, priors.withdrawal.retreat_per_minute / 60.0),
            priors.flow.arbitrage_cost,
            priors.liquidity.taken_share,
            1.0,
            priors.withdrawal.sigmas_per_liquidated_depth,
            1.0 / HISTORY,
            0.01,  # pull to the open in the warm-up: keeps it within a few basis points
            priors.withdrawal.severity_sigma,
        ]
    )


def noise_quantiles(scenario: Scenario, contracts: Contracts) -> np.ndarray:
    """Return quantiles of a noise trade's lots in every market: of the stated law, with the stated mean over depth."""
    flow = scenario.priors.flow
    lot_usd = contracts.lot_base * np.array(scenario.open_usd)[contracts.coin]
    mean_lots = flow.noise_over_depth * depth_usd(scenario, contracts) / lot_usd
    if flow.noise_sizes:
        shape = between_quantiles(flow.noise_probabilities, flow.noise_sizes, MIDDLES)
        return mean_lots[:, None] * shape / shape.mean() + 0.5  # kernels cut off: to the nearest lot
    shape = np.exp(flow.noise_sigma * ndtri(MIDDLES))
    return mean_lots[:, None] * shape / shape.mean()


def paces(dispersion: float) -> np.ndarray:
    """Return quantiles of how busy a second is: gamma, of mean 1 and this variance, as counts come in bursts."""
    if dispersion == 0.0:
        return np.ones(QUANTILES)
    pace = gammaincinv(1.0 / dispersion, MIDDLES)
    return pace / pace.mean()


def make_programmes(scenario: Scenario) -> np.ndarray:
    """Return the scenario's programmes for the kernels."""
    names = [venue.name for venue in scenario.venues]
    rows = np.zeros(len(scenario.programmes), PROGRAMME)
    for row, programme in zip(rows, scenario.programmes, strict=True):
        if programme.coin not in scenario.coins or programme.venue not in names or programme.lots <= 0:
            raise InvalidConfigError(f"programme: no such market or no lots in {programme}; name one of the scenario's")
        market = scenario.coins.index(programme.coin) * len(names) + names.index(programme.venue)
        row["start"], row["stop"] = programme.start_s, programme.stop_s
        row["market"], row["side"], row["lots"] = market, int(programme.side == "sell"), programme.lots
        row["every"] = programme.every_s
    return rows

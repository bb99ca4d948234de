"""The branching ratio: against the closed form, against a recount of positions, and against offspring that came."""

from dataclasses import replace

import numpy as np
import pytest
from worlds import OPEN_USD, liquidate, small_world, still_world, take_lots, take_marks, thin_priors, warm_world

from cascade.branching import WIDTHS, passing, radii, ratios
from cascade.engine import simulate
from cascade.kernels.branching import record_offspring
from cascade.kernels.jit import kernel
from cascade.kernels.loop import run_steps
from cascade.kernels.record import record_minute
from cascade.kernels.triggers import trigger_tick
from cascade.scenario import Programme, Scenario
from cascade.state import MARK_LAST, OPEN, SELL, STAKE_BINS, STAKE_SHIFT

small = pytest.mark.small
FALLS = {"01": 0.001, "05": 0.005, "1": 0.01}
LEVERAGE, RATE = 50, 0.004  # of the long positions; maintenance rate of the first bracket


@kernel
def write_minute(world, minute):
    """Record a minute of the first market."""
    record_minute(world, minute, 0)
    record_offspring(world, minute, 0)


# ── T2: linear impact, uniform density, one market, a static book ────────────────────────────────────────────
def uniform_world(bid_lots: int, stake_lots: int, dollars: int = 150):
    """Bids of `bid_lots` every dollar below 72,000, and longs of `stake_lots` whose triggers lie as far apart."""
    bids = {OPEN_USD["BTC"] - 0.1 - k: bid_lots for k in range(dollars)}
    triggers = [OPEN_USD["BTC"] - 0.6 - k for k in range(dollars)]
    entries = [round(usd * (1 - RATE) / (1 - 1 / LEVERAGE), 1) for usd in triggers]
    longs = [{"side": 1, "lots": stake_lots, "entry_usd": entry, "leverage": LEVERAGE} for entry in entries]
    world = still_world(longs, bids, {OPEN_USD["BTC"] + 0.1: 1})
    world.markets["engine_rate"] = 1000
    return world


def measured(world, width: str) -> float:
    write_minute(world, 0)
    return float(ratios(world.records.minutes[:1, :1], width)[0, 0])


@small
@pytest.mark.parametrize("g", (0.2, 0.5, 0.8))
def test_ratio__is_impact_times_density_where_both_are_uniform(g):
    """lam = 1 USD / 100 lots, dens = 100 g lots / 1 USD, so g = lam dens. Within 0.1% of 72,000: 72 of each."""
    world = uniform_world(100, round(100 * g))
    assert measured(world, "01") == pytest.approx(g, rel=0.02)
    assert world.records.minutes["bid_lots_01"][0, 0] == 7200
    assert world.records.minutes["stop_lots_1"][0, 0] == 0


@small
@pytest.mark.parametrize(("bid_lots", "stake_lots"), ((50, 40), (200, 80)))
def test_ratio__goes_with_impact_and_with_density(bid_lots, stake_lots):
    """Negative control: half the depth doubles it, half the density halves it."""
    assert measured(uniform_world(bid_lots, stake_lots), "01") == pytest.approx(stake_lots / bid_lots, rel=0.02)


def closed_by(sale_lots: int, g: float) -> tuple[int, int]:
    """Return the lots that a sale's fall triggers at once, and all that are closed in the end."""
    world = uniform_world(100, round(100 * g))
    take_lots(world, 0, SELL, sale_lots)
    closed = []
    for step in range(60):
        take_marks(world, step)
        liquidate(world, step)
        closed.append(int(world.records.tape["lots"].sum()))
    return closed[0], closed[-1]


@small
@pytest.mark.parametrize("g", (0.2, 0.5, 0.8))
def test_offspring__of_one_more_sale_in_a_static_book_are_a_geometric_series(g):
    """One more sale of x0 = 1,000 lots; the mark is the last trade. At once g x0 are triggered, in all g x0/(1 - g)."""
    ratio = measured(uniform_world(100, round(100 * g)), "01")
    first, total = np.subtract(closed_by(2000, g), closed_by(1000, g))
    assert first == pytest.approx(1000 * ratio, rel=0.03)
    assert total == pytest.approx(1000 * ratio / (1 - ratio), rel=0.05)


# ── a world with two venues: what a forced sale sets off, against the offspring matrix ───────────────────────
SALE = 500  # lots, within a second, at the deeper venue: it falls by some 6 bp


def levered_world(accounts: int = 300) -> Scenario:
    """Many small longs without stops at two venues; nothing but they and the sale moves the price."""
    quiet = {"value_bp_per_sqrt_s": 0.0, "noise_per_s": 0.0}
    priors = thin_priors(warmup_s=300, flow=quiet, learning={"half_life_h": 6.0})
    scenario = small_world(accounts, venues=("binance", "okx"), seconds=150, priors=priors)
    law = scenario.assumptions
    small_sizes = law.size.model_copy(update={"median_usd": 300.0, "sigma": 0.4})
    law = law.model_copy(update={"size": small_sizes, "stops": law.stops.model_copy(update={"share": 0.0})})
    return scenario.changed(assumptions=law).without("withdrawal", "openings")


def offspring_of_sale(scenario: Scenario, seed: int) -> tuple[float, float]:
    """Return the lots of longs that a sale closes beyond its twin, and those that the matrix tells before it."""
    calm = simulate(scenario, seed)
    sold = simulate(scenario.changed(programmes=(Programme("BTC", "binance", "sell", 60, 61, SALE),)), seed)
    closed = [run.tape["lots"][run.tape["side"] > 0].sum() for run in (calm, sold)]
    lots, bids = calm.minutes["liquidation_lots_01"][0], calm.minutes["bid_lots_01"][0]
    matrix = lots[:, None] / bids[None, :] * calm.passing[0]
    every_generation = np.linalg.solve(np.eye(3) - matrix, [SALE, 0.0, 0.0])
    return closed[1] - closed[0], float((matrix @ every_generation).sum())


def test_offspring__measured_in_a_world_of_two_venues_agree_with_the_matrix():
    """Within three standard errors over 24 seeds; three times the accounts set off more than a third of them tells."""
    measured, told = np.array([offspring_of_sale(levered_world(), seed) for seed in range(24)]).T
    crowded = np.array([offspring_of_sale(levered_world(900), seed)[0] for seed in range(24)])
    error = (measured - told).std(ddof=1) / np.sqrt(24)
    assert error < 0.25 * told.mean()
    assert abs(measured.mean() - told.mean()) < 3 * error
    assert crowded.mean() - told.mean() > 3 * (crowded - told).std(ddof=1) / np.sqrt(24)


# ── what is recorded ─────────────────────────────────────────────────────────────────────────────────────────
@small
@pytest.mark.parametrize("width", WIDTHS)
def test_minutes__hold_the_lots_of_longs_filed_just_below_the_mark(width):
    """Against a recount of all positions; a spot market has none."""
    world = warm_world(small_world(2000, seconds=60, shock=-0.02), seed=5)
    run_steps(world, 0, 60, 60)
    rows, mark_usd = world.accounts.rows, world.markets["mark_usd"][0]
    lowest = mark_usd * (1 - FALLS[width]) / world.contracts.tick_usd[0] - world.contracts.floor_tick[0]
    counted = {"liquidation": 0, "stop": 0}
    for row in rows[(rows["status"] == OPEN) & (rows["side"] > 0)]:
        tick = trigger_tick(row)
        if tick >= 0 and row["filed_tick"] >= lowest:
            counted["stop" if tick != row["liquidation_tick"] else "liquidation"] += row["lots"]
    minute = world.records.minutes[0]
    for kind, lots in counted.items():
        assert minute[f"{kind}_lots_{width}"].tolist() == [lots, 0]
    assert counted["liquidation"] > 0 or width == "01"
    assert minute["bid_lots_01"][0] <= minute["bid_lots_05"][0] <= minute["bid_lots_1"][0]


@small
def test_ladders__know_how_much_is_filed_at_stops():
    world = warm_world(small_world(seconds=60, shock=-0.04), seed=5)
    run_steps(world, 0, 60, 60)
    stops = np.zeros_like(world.ladder.stops)
    rows = world.accounts.rows
    for row in rows[(rows["status"] == OPEN) & (rows["filed_tick"] >= 0)]:
        if trigger_tick(row) != row["liquidation_tick"]:
            rung = 2 * row["market"] + (row["side"] < 0)
            stops[rung * STAKE_BINS + (row["filed_tick"] >> STAKE_SHIFT)] += row["lots"]
    assert stops.sum() > 0
    np.testing.assert_array_equal(world.ladder.stops, stops)


# ── the spectral radius ──────────────────────────────────────────────────────────────────────────────────────
@small
def test_radius__is_the_share_learned_times_the_mean_ratio_weighted_by_depth():
    """Rank one, where all marks follow the index; where one is the last trade, the ratio of that market alone."""
    result = simulate(small_world(2000, seconds=60, shock=-0.02, venues=("binance", "okx")), seed=3)
    g, weight = ratios(result.minutes, "1")[0], result.passing[0] / 0.95
    assert weight.sum() == pytest.approx(1.0)
    assert radii(result, "1")[0, 0] == pytest.approx(0.95 * (weight * g).sum())
    assert g[:2].min() > 0 and g[2] == 0
    alone = replace(result, passing=np.array([[0.0] * 3, [1.0, 0.0, 0.0]]))
    assert radii(alone, "1")[0, 0] == pytest.approx(g[0])


@small
def test_radius__is_zero_where_providers_learn_nothing_and_marks_follow_the_index():
    result = simulate(small_world(2000, seconds=60, shock=-0.02).without("learning"), seed=3)
    assert radii(result).max() == 0.0 < ratios(result.minutes).max()


@small
def test_passing__of_a_mark_that_is_the_last_trade_is_all_to_itself():
    world = warm_world(small_world(0, seconds=5))
    world.markets["mark_rule"][0] = MARK_LAST
    to_all, to_own = passing(world)
    assert to_all == pytest.approx(0.95 * world.markets["weight"])
    assert to_own.tolist() == [1.0, to_all[1]]


@small
def test_frame__has_a_row_for_every_levered_market_and_minute():
    result = simulate(small_world(800, seconds=120, shock=-0.02, coins=("BTC", "ETH"), venues=("binance", "okx")))
    frame = result.branching
    assert frame.height == 2 * 2 * 2 and set(frame["venue"]) == {"binance", "okx"}
    assert (frame["g_100bp_with_stops"] >= frame["g_100bp"]).all()
    row = frame.row(5, named=True)
    assert (row["coin"], row["venue"]) == ("BTC", "okx")
    assert row["g_50bp"] == ratios(result.minutes, "05")[1, 1]
    assert row["radius_10bp_with_stops"] == radii(result, "01", stops=True)[1, 0]

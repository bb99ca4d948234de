"""Cross accounts that sleep: no bed lies beyond what the marks allow, and none is looked at long before its time."""

import numpy as np
import pytest
from cross_worlds import Pair
from test_portfolios import with_cross
from worlds import as_offered

from cascade.assembly import build_world
from cascade.errors import InvalidConfigError
from cascade.kernels.jit import kernel
from cascade.kernels.slack import outlook_of
from cascade.scenario import Scenario
from cascade.state import BEDS, N_CROSS_CHECKS, SLEEPING, World
from cascade.venues import Venue, list_venues


@kernel
def measure_reach(world, reach):
    """Write how far marks can move before each account can be breached, in moves of the first coin."""
    for p in range(len(world.cross.portfolios)):
        reach[p] = outlook_of(world, p, 0)[1]


def bed_and_reach(scenario: Scenario) -> tuple[np.ndarray, np.ndarray]:
    """Return the bed of every account, and its reach at the prices from which beds count."""
    world, _ = build_world(scenario, 1)
    cross, reach = world.cross, np.empty(len(world.cross.portfolios))
    world.markets["mark_usd"] = cross.opening_usd
    measure_reach(world, reach)
    bed = np.empty(len(reach), np.int64)
    bed[cross.sleepers] = np.repeat(np.arange(BEDS), np.diff(cross.beds))
    assert (cross.portfolios["status"] == SLEEPING).all()
    return bed, reach


@pytest.mark.parametrize("rules", sorted(set(list_venues()) - {"spot"}))
@pytest.mark.parametrize("times", (1, 100))
def test_bed__is_never_beyond_the_reach(rules, times):
    """Under every venue's rules, funding of a whole day ahead, in many brackets; and most sleep nearly so long."""
    scenario = as_offered(with_cross(2_000, seconds=86_400, median_usd=2e3 * times, cap_usd=5e4 * times).under(rules))
    assumptions = scenario.assumptions
    interest = {coin: times * usd for coin, usd in assumptions.open_interest_usd.items()}
    rest = assumptions.remainder.model_copy(update={"cap_usd": times * assumptions.remainder.cap_usd})
    update = {"open_interest_usd": interest, "remainder": rest}
    bed, reach = bed_and_reach(scenario.changed(assumptions=assumptions.model_copy(update=update)))
    sleeps = bed > 0
    assert (bed[sleeps] / BEDS <= reach[sleeps]).all()
    middling = (reach > 0.1) & (reach < 0.5)
    assert middling.sum() > 200
    assert np.median((bed[middling] + 1) / BEDS / reach[middling]) > 0.6


def pair_of(later: int = 0, scenario: Scenario | None = None) -> Pair:
    """Return two worlds of drawn accounts, which go to bed so many beds later than their bounds have it."""

    def make_world() -> World:
        world, _ = build_world(scenario or with_cross(4_000, seconds=300, coin_share=0.3), 3)
        moved = np.concatenate([np.zeros(later, np.int64), world.cross.beds])[: BEDS + 1]
        moved[-1] = len(world.cross.sleepers)
        return world._replace(cross=world.cross._replace(beds=moved))

    return Pair(make_world)


@pytest.mark.parametrize("move", (-0.1, 0.06))
def test_sleepers__are_breached_at_the_same_steps_as_in_a_scan(move):
    """Marks drift by the move, and jump by three steps of it at once in the middle."""
    pair = pair_of()
    for step in range(100):
        pair.step(step, (3 if step == 50 else 1) * move / 100)
    pair.compare()
    n = len(pair.ladder.cross.portfolios)
    assert 0.02 * n < pair.ladder.cross.portfolios["is_taken"].sum() < 0.5 * n
    assert pair.ladder.counters.n[N_CROSS_CHECKS] < n
    assert (pair.ladder.cross.portfolios["status"] == SLEEPING).sum() > 0.2 * n


def test_sleepers__in_beds_too_far_are_missed():
    """Negative control."""
    pair = pair_of(later=12)
    with pytest.raises(AssertionError):
        for step in range(100):
            pair.step(step, -0.1 / 100)


# ── where the bound is hard to keep ──────────────────────────────────────────────────────────────────────────
def shifted(scenario: Scenario, factor: float) -> Scenario:
    """Return the scenario with a path that ends beside the day's first price."""
    assert scenario.pre_day_usd is not None
    return scenario.changed(pre_day_usd=factor * scenario.pre_day_usd)


@pytest.mark.parametrize("factor", (0.95, 1.05))
def test_bed__counts_from_the_price_at_which_accounts_were_drawn(factor):
    """A path that ends 5 % beside the day's first price: who is drawn there may be breached at once."""
    bed, reach = bed_and_reach(shifted(with_cross(2_000), factor))
    assert (bed[bed > 0] / BEDS <= reach[bed > 0]).all()
    pair = pair_of(scenario=shifted(with_cross(2_000, seconds=300), factor))
    for step in range(60):
        pair.step(step, -0.001)
    pair.compare()


def test_bed__allows_for_coins_that_move_many_times_as_fast_as_the_first():
    """Ether at eight times Bitcoin's volatility, brackets that hold for the whole position: shorts meet the top one."""
    scenario = with_cross(2_000, seconds=300, median_usd=2e4, distance_median=6.0, long_share=0.0)
    rows = [{"floor": 0, "cap": 2.1e5, "maintenance_rate": 0.005, "max_leverage": 100}]
    rows += [{"floor": 2.1e5, "cap": 1e9, "maintenance_rate": 0.495, "max_leverage": 2}]
    tables, spot = (venue.model_dump(exclude_unset=True) for venue in scenario.venues[::2])
    tables["margin"] |= {"deduction": "whole"}
    tables["cross"] = {"haircuts": {"BTC": 0.05}, "source": "test"}
    tables["coins"] = {c: tables["coins"][c] | {"tick_usd": 0.1, "brackets": rows} for c in scenario.coins}
    spot["coins"] = {c: spot["coins"][c] | {"tick_usd": 0.1} for c in scenario.coins}
    venue = Venue.model_validate(tables)
    venues = venue, venue.model_copy(update={"name": "okx"}), Venue.model_validate(spot)
    coins = scenario.priors.model_dump()["coins"]
    coins["ETH"]["volatility"] = 8 * coins["BTC"]["volatility"]
    fast = scenario.changed(venues=venues, priors=scenario.priors.changed(coins=coins))
    pair = pair_of(scenario=fast)
    usd = pair.ladder.markets["mark_usd"].copy()
    is_ether = pair.ladder.contracts.coin == 1
    for step, factor in enumerate(np.linspace(1.0, 8.0, 80)):
        pair.step_to(step, np.where(is_ether, factor * usd, usd))
    pair.compare()
    assert pair.ladder.cross.portfolios["is_taken"].sum() > 20


def test_wallets__that_no_ledger_holds_are_refused():
    with pytest.raises(
        InvalidConfigError, match=r"cross: distance_median 1e.06 .* wallets of up to .* lower one of them"
    ):
        build_world(with_cross(50, distance_median=1e6), 1)


@pytest.mark.parametrize("usd", (np.zeros((2, 0)), np.full((2, 60), np.nan), np.ones(60)))
def test_paths__without_prices_are_refused(usd):
    with pytest.raises(InvalidConfigError, match="paths: a positive price per coin and minute is wanted, got shape"):
        build_world(with_cross(50).changed(pre_day_usd=usd), 1)

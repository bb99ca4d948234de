"""Parts, backstop, pools, deleveraging, socialised losses: the compiled rules against plain ones, to the integer."""

import numpy as np
import pytest
from duel import Duel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from own_rules import narrow_venue, venues
from own_venues import inverse_venue
from worlds import liquidate, small_world, still_world, take_lots, take_marks

from cascade.assembly import make_winners
from cascade.kernels.accounts import file_ahead
from cascade.kernels.jit import kernel
from cascade.kernels.pools import is_alarmed
from cascade.kernels.recount import recount
from cascade.kernels.stops import set_triggers
from cascade.kernels.triggers import unfile
from cascade.state import (
    AT_MARKET,
    BACKSTOP,
    BY_BRACKET,
    BY_FRACTION,
    CLEARANCE,
    CLOSED,
    CLOSED_AT_BANKRUPTCY,
    CLOSED_AT_MARK,
    COLLATERAL,
    DELEVERAGING,
    FEE_TO_POOL,
    FEE_TO_VENUE,
    FREE,
    LEDGER_COLUMNS,
    LIQUIDATED,
    LIQUIDATION,
    N_DELEVERAGED,
    N_LIQUIDATED,
    N_TAPE,
    OPEN,
    ORDER_PART,
    ORDER_WHOLE,
    PAID,
    POOL,
    POOL_EMPTY,
    POOL_FALL,
    POOL_LOTS,
    PROFIT,
    PROFIT_TIMES_LEVERAGE,
    SELL,
    SOCIALISED,
    TO_ACCOUNT,
    TO_COMPLIANCE,
    TO_POOL,
    World,
)
from cascade.venues import Venue, load_venue

small = pytest.mark.small
STEPS = 40
JUMPS = {5: -0.06, 6: -0.06, 20: -0.04, 30: 0.05}


def duel_of(venue: Venue, seed: int, orders: int = 3, **fields) -> Duel:
    """Return both engines under one venue's rules, with few orders in the books."""
    scenario = small_world(**({"n": 150, "seconds": STEPS} | fields))
    return Duel(scenario.changed(venues=(venue, scenario.venues[-1])), seed, orders)


def play(duel: Duel, jumps: dict[int, float] = JUMPS) -> Duel:
    """Play all steps, on marks that jump."""
    for step in range(STEPS):
        duel.step(step, jumps.get(step, 0.0))
    return duel


# ── against the plain engine ─────────────────────────────────────────────────────────────────────────────────
@given(
    venue=venues(),
    seed=st.integers(0, 2**16),
    orders=st.sampled_from((2, 20)),
    jumps=st.dictionaries(st.integers(2, 35), st.sampled_from((-0.06, -0.03, -0.01, 0.01, 0.02)), max_size=3),
)
@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_rules__equal_the_reference_to_the_integer(venue, seed, orders, jumps):
    duel = play(duel_of(venue, seed, orders, n=80), jumps)
    assert duel.world.ledger.broken.tolist() == [0, 0]


PARTS = {
    "whole": {"rule": "whole"},
    "brackets": {"rule": "brackets", "brackets_down": 1},
    "fraction": {"rule": "fraction", "fraction": 0.2, "above_usd": 3e3, "pause_s": 5},
    "compliance": {"rule": "compliance", "surplus": "account"},
}
DUE = {
    "pool_empty": {"trigger": "pool_empty", "ranking": "profit_times_leverage", "price": "bankruptcy"},
    "pool_fall": {"trigger": "pool_fall", "ranking": "profit", "price": "bankruptcy", "window_h": 1 / 30},
    "equity_negative": {"trigger": "equity_negative", "ranking": "return_times_leverage", "price": "mark"},
}


@small
@pytest.mark.parametrize("trigger", DUE)
@pytest.mark.parametrize("part", PARTS)
def test_rules__with_pools_driven_to_zero_and_deleveraging_on(part, trigger):
    """Nothing is lost (the duel counts after every step), and all that a rule can do is done."""
    order = {"order": "market" if part == "fraction" else "bankruptcy"}
    tables = {"liquidation": PARTS[part] | order, "insurance": {"pool_usd": 2_000}, "deleveraging": DUE[trigger]}
    duel = play(duel_of(narrow_venue(**tables), seed=5))
    world, tape = duel.world, tape_of(duel.world)
    assert (tape["deleveraged_lots"] > 0).any()
    assert (tape["kind"] == ORDER_PART).any() == (part != "whole")
    assert len(np.unique(tape["account"])) == world.counters.n[N_LIQUIDATED]
    assert (tape["filled_lots"] + tape["deleveraged_lots"] + tape["taken_over_lots"] == tape["lots"]).all()
    assert world.ledger.cash[SOCIALISED] <= -tape["socialised"].sum() <= 0
    assert (world.accounts.rows["margin"] >= 0).all() and world.ledger.cash[COLLATERAL] >= 0


@pytest.mark.parametrize("contract", ("linear", "inverse"))
@pytest.mark.parametrize("seed", range(3))
def test_rules__of_coins_that_share_a_pool_and_of_contracts_in_coin(seed, contract):
    rules = {
        "liquidation": PARTS["fraction"] | {"order": "market", "orders_per_s": 100, "published_per_s": 0},
        "insurance": {"pool_usd": 500.0},
        "deleveraging": DUE["pool_empty"],
    }
    coins = ("BTC", "ETH") if contract == "linear" else ("BTC",)
    venue = load_venue("binance") if contract == "linear" else inverse_venue()
    venue = Venue.model_validate(venue.model_dump(exclude_unset=True) | rules)
    duel = play(duel_of(venue, seed, coins=coins))
    assert len(duel.reference.deleveraged) > 5
    assert duel.world.ledger.broken.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("field", "value", "tables"),
    (
        ("fraction", 0.4, {"liquidation": PARTS["fraction"]}),
        ("brackets_down", 2, {"liquidation": PARTS["brackets"]}),
        ("surplus", 0, {"liquidation": PARTS["compliance"]}),
        ("ranking", 2, {"insurance": {"pool_usd": 0.0}, "deleveraging": DUE["pool_empty"]}),
        ("price", 1, {"insurance": {"pool_usd": 0.0}, "deleveraging": DUE["pool_empty"]}),
        ("trigger", 0, {"insurance": {"pool_usd": 0.0}, "deleveraging": DUE["pool_empty"]}),
        ("backstop", 0.9, {}),
        ("clearance_to", 1, {}),
    ),
)
def test_duel__notices_another_rule(field, value, tables):
    duel = duel_of(narrow_venue(**tables), seed=5)
    duel.world.rules[field][0] = value
    with pytest.raises(AssertionError):
        play(duel)


def tape_of(world: World) -> np.ndarray:
    return world.records.tape[: world.counters.n[N_TAPE]]


# ── known answers, solved by hand ────────────────────────────────────────────────────────────────────────────


def world_of(positions: list[dict], bids: dict, pool_usd: float = 1e9, **rule) -> World:
    """Return a still world, its lots 0.001 coin, under rules that start from the plain ones; no clearance fee."""
    world = still_world(positions, bids)
    world.rules[:1] = 0
    for name, value in (rule | {"refresh": 60}).items():
        world.rules[name][0] = value
    world.margin.clearance_fee[0] = 0.0
    world.ledger.cash[POOL] = round(pool_usd * 1e6)
    world.ledger.start[0] = world.ledger.cash[:LEDGER_COLUMNS].sum() - 2 * world.ledger.cash[PAID]
    return world._replace(winners=make_winners(world.rules, len(world.accounts.rows)), records=roomy(world))


def roomy(world: World):
    """Return records with room for a few parts and deleveragings."""
    return world.records._replace(tape=np.zeros(50, LIQUIDATION), deleveraged=np.zeros(50, DELEVERAGING))


def run(world: World, steps: int) -> np.ndarray:
    """Take marks and liquidate; return the tape."""
    for step in range(steps):
        take_marks(world, step)
        liquidate(world, step)
    assert world.ledger.broken.tolist() == [0, 0]
    assert recount(world) == 0
    return tape_of(world)


LONG = {"side": 1, "lots": 1000, "entry_usd": 72_000.0, "leverage": 100}  # 1 coin, margin 720


@small
def test_fraction__sends_a_fifth_then_all_within_the_pause():
    """At 71,560 equity is 720 - 440 = 280, below 0.4% of 71,560 = 286.24.

    200 lots go at 71,500: of their margin of 144, 100 is lost; a fee of 1.25% would be 178.75, so it is the other 44.
    The rest, with a margin of 576, is breached again: all goes in the next second, 400 lost, 176 fee.
    """
    rule = {"part": BY_FRACTION, "fraction": 0.2, "above_usd": 1e4, "pause": 30, "order": AT_MARKET}
    world = world_of([LONG], {71_560.0: 10, 71_500.0: 5000}, **rule, surplus=TO_ACCOUNT)
    world.margin.clearance_fee[0] = 0.0125
    take_lots(world, 0, SELL, 10)
    tape = run(world, 3)
    assert tape["kind"].tolist() == [ORDER_PART, ORDER_WHOLE]
    assert tape["step"].tolist() == [0, 1] and tape["trigger_step"].tolist() == [0, 0]
    assert tape["lots"].tolist() == tape["filled_lots"].tolist() == [200, 800]
    assert tape["fee"].tolist() == [44_000_000, 176_000_000]
    assert tape["loss"].tolist() == [144_000_000, 576_000_000]
    assert tape["feed_usd"].tolist() == tape["fill_usd"].tolist() == [71_500.0, 71_500.0]
    assert world.accounts.rows["status"][0] == LIQUIDATED
    assert world.counters.n[N_LIQUIDATED] == 1


@small
@pytest.mark.parametrize("surplus", (TO_POOL, TO_ACCOUNT))
@pytest.mark.parametrize("to", (FEE_TO_VENUE, FEE_TO_POOL))
def test_clearance__goes_to_the_venue_or_to_its_pool_and_changes_nothing_else(to, surplus):
    """At 71,500 a margin of 720 has lost 500. A fee of 0.1% is 71.5; 148.5 are left for the pool or the account."""
    world = world_of([LONG], {71_560.0: 10, 71_500.0: 5000}, surplus=surplus, clearance_to=to)
    world.margin.clearance_fee[0], pool = 0.001, world.ledger.cash[POOL]
    take_lots(world, 0, SELL, 10)
    tape = run(world, 2)
    fee, rest = 71_500_000, 148_500_000
    to_pool = fee * (to == FEE_TO_POOL) + rest * (surplus == TO_POOL)
    assert tape["fee"].tolist() == [fee] and tape["pool"].tolist() == [to_pool]
    assert tape["loss"].tolist() == [720_000_000 - rest * (surplus == TO_ACCOUNT)]
    assert world.ledger.cash[CLEARANCE] == fee * (to == FEE_TO_VENUE)
    assert world.ledger.cash[POOL] - pool == to_pool
    assert world.ledger.cash[FREE] == rest * (surplus == TO_ACCOUNT)


@small
def test_compliance__closes_the_least_that_heals():
    """280 of equity carry 978 lots at 0.28624 each: 22 are closed at the mark, 9.68 lost, and the margin is 710.32."""
    rule = {"part": TO_COMPLIANCE, "order": AT_MARKET, "surplus": TO_ACCOUNT}
    world = world_of([LONG], {71_560.0: 1000}, **rule)
    take_lots(world, 0, SELL, 10)
    tape = run(world, 3)
    row = world.accounts.rows[0]
    assert tape["lots"].tolist() == [22] and tape["kind"].tolist() == [ORDER_PART]
    assert tape["loss"].tolist() == [9_680_000]
    assert (row["status"], row["lots"], row["margin"]) == (OPEN, 978, 710_320_000)
    assert row["filed_tick"] == row["liquidation_tick"] > 0


@small
def test_brackets__one_order_descends_to_the_bound_below():
    """Brackets of 0.4% to 36,000 USD and 0.5% above: at 71,600 an equity of 320 is below 0.005 * 71,600 - 36 = 322.

    502 lots are worth 35,943: so many stay, with half the equity, above the 143.8 that they need. 498 go.
    """
    world = world_of([LONG], {71_600.0: 1000}, part=BY_BRACKET, brackets_down=1)
    world.margin.floor[1], world.margin.rate[:2], world.margin.amount_usd[:2] = 36_000.0, (0.004, 0.005), (0.0, 36.0)
    file_again(world)
    take_lots(world, 0, SELL, 10)
    tape = run(world, 3)
    assert tape["lots"].tolist() == [498]
    assert tape["pool"].tolist() == [int(498 * 0.32e6)]  # what is left of their margin: 720 - 400 a coin
    assert (world.accounts.rows["status"][0], world.accounts.rows["lots"][0]) == (OPEN, 502)


@small
def test_backstop__takes_over_without_an_order():
    """At 71,450 equity is 170, below two thirds of 285.8: the pool takes the coin at 71,280 and is 170 richer."""
    world = world_of([LONG], {71_450.0: 1000}, backstop=2 / 3)
    take_lots(world, 0, SELL, 10)
    tape = run(world, 2)
    assert tape["kind"].tolist() == [BACKSTOP]
    assert tape["taken_over_lots"].tolist() == [1000] and tape["filled_lots"].tolist() == [0]
    assert tape["pool"].tolist() == [170_000_000] and tape["loss"].tolist() == [720_000_000]
    assert np.isnan(tape["feed_usd"]).all() and world.ledger.lots[POOL_LOTS] == 1000


@small
def test_market_order__worse_than_bankruptcy_is_paid_by_the_pool_and_then_by_all():
    """A market order at 71,000 loses 1,000 where the margin is 720: the pool has 100 of the missing 280."""
    world = world_of([LONG], {71_560.0: 10, 71_000.0: 1000}, pool_usd=100.0, order=AT_MARKET)
    take_lots(world, 0, SELL, 10)
    tape = run(world, 2)
    assert tape["pool"].tolist() == [-100_000_000] and tape["socialised"].tolist() == [180_000_000]
    assert tape["loss"].tolist() == [720_000_000] and tape["fee"].tolist() == [0]
    assert (world.ledger.cash[POOL], world.ledger.cash[SOCIALISED]) == (0, -180_000_000)
    assert world.ledger.cash[FREE] == 0


SHORTS = [
    {"side": -1, "lots": 300, "entry_usd": 72_500.0, "leverage": 5},
    {"side": -1, "lots": 600, "entry_usd": 73_000.0, "leverage": 10},
]


@small
@pytest.mark.parametrize("price", (CLOSED_AT_BANKRUPTCY, CLOSED_AT_MARK))
def test_deleveraging__closes_the_winners_first_ranked_first(price):
    """The price falls to 71,000 with nobody between: the long is ruined at 71,280, and there is no pool.

    Short of 0.6 at 73,000: profit 1,200 over cost 43,800, value 42,600 over equity 5,580: 0.209. Of 0.3 at 72,500: 450
    over 21,750, 21,300 over 4,800: 0.092. Of 0.1 at 72,000, unlevered: 0.0135. At 71,280 they win 1,032, 366 and 72,
    and forgo 280 a coin; at the mark they forgo nothing, and the 280 are lost to all.
    """
    rule = {"trigger": POOL_EMPTY, "ranking": PROFIT_TIMES_LEVERAGE, "price": price}
    world = world_of([LONG, *SHORTS], {71_000.0: 10}, pool_usd=0.0, **rule)
    take_lots(world, 0, SELL, 10)
    tape = run(world, 2)
    notes = world.records.deleveraged[: world.counters.n[N_DELEVERAGED]]
    assert notes["counterparty"].tolist() == [2, 1, 3]
    assert notes["lots"].tolist() == [600, 300, 100]
    assert tape["deleveraged_lots"].tolist() == [1000] and tape["loss"].tolist() == [720_000_000]
    assert world.accounts.rows["status"].tolist() == [LIQUIDATED, CLOSED, CLOSED, CLOSED]
    at_bankruptcy = price == CLOSED_AT_BANKRUPTCY
    won = (1_032, 366, 72) if at_bankruptcy else (1_200, 450, 100)
    np.testing.assert_allclose(notes["profit"], np.array(won) * 1e6, atol=3)
    np.testing.assert_allclose(notes["forgone"], np.array([168, 84, 28]) * 1e6 * at_bankruptcy, atol=3)
    np.testing.assert_allclose(notes["price_usd"], 71_280.0 if at_bankruptcy else 71_000.0, rtol=1e-9)
    np.testing.assert_allclose(tape["socialised"], [0.0 if at_bankruptcy else 280e6], atol=3)
    assert world.ledger.cash[COLLATERAL] == 0 and world.ledger.lots[POOL_LOTS] == 0


@small
def test_deleveraging__spares_whose_bankruptcy_price_does_not_overlap():
    """A short of 0.6 at 71,100 and 500x wins at 71,000 but would be ruined at 71,280: it is left alone."""
    thin = {"side": -1, "lots": 600, "entry_usd": 71_100.0, "leverage": 500}
    world = world_of([LONG, thin], {71_000.0: 10}, pool_usd=0.0, trigger=POOL_EMPTY, ranking=PROFIT)
    world.margin.rate[0] = 1e-4
    file_again(world)
    take_lots(world, 0, SELL, 10)
    tape = run(world, 2)
    assert world.accounts.rows["status"][1] == OPEN and world.accounts.rows["lots"][1] == 600
    assert tape["deleveraged_lots"].tolist() == [400]  # the other side's unlevered account
    assert tape["taken_over_lots"].tolist() == [600]
    assert tape["socialised"].tolist() == [168_000_000]
    assert world.ledger.cash[SOCIALISED] == -168_000_000


@small
def test_socialised__is_what_an_empty_pool_takes_over():
    """As above without deleveraging: the pool takes the coin over at 71,280 and gets the 280 that it is worth less."""
    world = world_of([LONG], {71_000.0: 10}, pool_usd=0.0)
    take_lots(world, 0, SELL, 10)
    tape = run(world, 2)
    assert tape["pool"].tolist() == [0] and tape["socialised"].tolist() == [280_000_000]
    assert world.ledger.lots[POOL_LOTS] == 1000
    assert world.ledger.cash[SOCIALISED] == -280_000_000


@small
def test_pool__alarm_begins_at_the_fall_and_ends_below_the_stop():
    """A pool of 1,000 that lost 300 deleverages; it goes on at 740, and stops above 750."""
    world = world_of([LONG], {}, pool_usd=1_000.0, trigger=POOL_FALL, fall=0.3, stop=0.25)
    world.pools["peak"][0] = 1_000_000_000
    said = []
    for usd in (1_000, 710, 700, 740, 751, 740, 600):
        world.ledger.cash[POOL] = usd * 1_000_000
        said.append(bool(ask_alarm(world, 0)))
    assert said == [False, False, True, True, False, False, True]


@kernel
def ask_alarm(world, market):
    return is_alarmed(world, market)


@kernel
def file_again(world):
    """Move the triggers of all open positions, after a test has changed the rules of margin."""
    for i in range(len(world.accounts.rows)):
        if world.accounts.rows[i]["lots"] > 0:
            unfile(world.accounts, world.ladder, i)
            set_triggers(world, i)
            file_ahead(world, i)

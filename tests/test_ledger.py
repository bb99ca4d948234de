"""The ledger: cash and contracts are conserved to the quantum, at every step, whatever happens."""

import numpy as np
import pytest
from own_venues import funded, inverse_venue
from worlds import as_offered, find_breached, let_accounts_trade, small_world, still_world, thin_priors, warm_world

from cascade import engine
from cascade.errors import ConservationError, InvalidConfigError
from cascade.kernels.loop import run_steps
from cascade.kernels.recount import recount
from cascade.scenario import Programme, Scenario
from cascade.state import (
    ABSORBER,
    AT_BANKRUPTCY,
    CLEARANCE,
    CLOSED,
    CLOSED_AT_MARK,
    CROSS_GROUP,
    EXTERNAL_LOTS,
    FEE_TO_POOL,
    FEE_TO_VENUE,
    HOLDERS,
    LEDGER_COLUMNS,
    N_DELEVERAGED,
    N_TAPE,
    N_UNFILLED_OPENINGS,
    NEVER,
    OPEN,
    PAID,
    PENDING,
    POOL,
    POOL_LOTS,
    SOCIALISED,
    World,
)
from cascade.venues import list_venues

small = pytest.mark.small
ALL_BIDS = Programme("BTC", "binance", "sell", 20, 24, 2**30)  # more than there is


SCENARIOS = {
    "calm": {},
    "fall of 5%": {"shock": -0.05},
    "fall of 20%": {"shock": -0.20},
    "rise of 5%": {"shock": 0.05},
    "no liquidation orders": {"shock": -0.08, "off": ("liquidations",)},
    "no stops, no withdrawal": {"shock": -0.08, "off": ("stops", "withdrawal")},
    "book run empty": {"shock": -0.03, "programmes": (ALL_BIDS,)},
    "settled in coin": {
        "shock": -0.06,
        "venues": (inverse_venue("bybit"), funded("binance", 7), funded("okx", 9, "margin")),
    },
    "cross accounts beside isolated ones": {
        "shock": -0.12,
        "coins": ("BTC", "ETH"),
        "venues": ("binance", "okx"),
        "n": 300,
        "cross": 100,
    },
    "two coins, three venues": {"shock": -0.06, "coins": ("BTC", "ETH"), "venues": ("binance", "okx", "bybit")},
}


def scenario_of(name: str, seconds: int = 60) -> Scenario:
    fields = dict(SCENARIOS[name])
    off = fields.pop("off", ())
    return small_world(seconds=seconds, **fields).without(*off)


def cash_of(world: World) -> list[int]:
    """Return every venue's cash, in Python ints: what is paid for open contracts has been spent."""
    rows = world.ledger.cash.reshape(-1, LEDGER_COLUMNS)
    return [sum(int(amount) * (-1 if column == PAID else 1) for column, amount in enumerate(row)) for row in rows]


@small
@pytest.mark.parametrize("name", SCENARIOS)
def test_ledger__conserves_cash_and_contracts_at_every_step(name):
    scenario = scenario_of(name)
    world = warm_world(scenario, seed=2)
    start = cash_of(world)
    for step in range(scenario.seconds):
        run_steps(world, step, step + 1, scenario.priors.run.warmup_s)
        assert cash_of(world) == start
        assert (world.ledger.lots.reshape(-1, HOLDERS).sum(axis=1) == 0).all()
        assert recount(world) == 0
        assert world.ledger.broken.tolist() == [0, 0]


def test_ledger__each_purse_has_one_currency():
    world = warm_world(scenario_of("settled in coin"))
    assert world.contracts.purse.tolist() == [4, 1, 2, 3]  # the first row is the dollars of a venue that takes none
    assert (world.ledger.cash.reshape(-1, LEDGER_COLUMNS)[0] == 0).all()
    assert world.ledger.start[4] / 1e8 == pytest.approx(0.5e9 / 72_000, rel=0.01)  # its pool, in coins


RULES = sorted(set(list_venues()) - {"spot", "other"})


@small
def test_ledger__refuses_a_pool_that_it_cannot_count():
    scenario = small_world(0, seconds=5)
    venue = scenario.venues[0]
    rich = venue.model_copy(update={"insurance": venue.insurance.model_copy(update={"pool_usd": 2e15})})
    with pytest.raises(InvalidConfigError, match=r"binance: insurance.pool_usd comes to 2e\+21 quanta .* lower it"):
        warm_world(scenario.changed(venues=(rich, *scenario.venues[1:])))


@pytest.mark.parametrize("rules", RULES)
def test_ledger__conserves_and_traces_all_under_every_venues_rules(rules):
    """With next to no pools, so that winners are deleveraged and losses are socialised wherever a rule says so."""
    markets = {"coins": ("BTC", "ETH"), "venues": ("binance", "okx")}
    scenario = small_world(500, **markets, seconds=60, shock=-0.18, cross=200)
    scenario = as_offered(scenario.under(rules).with_pools(1e-6))
    world = warm_world(scenario, seed=3)
    start, breached = cash_of(world), np.zeros(len(world.accounts.rows), np.bool_)
    for step in range(scenario.seconds):
        run_steps(world, step, step + 1, scenario.priors.run.warmup_s)
        assert cash_of(world) == start
        assert (world.ledger.lots.reshape(-1, HOLDERS).sum(axis=1) == 0).all()
        assert recount(world) == 0
        find_breached(world, breached)
        assert not (breached & (world.accounts.rows["status"] == OPEN)).any()  # nobody is under water unnoticed
    tape = world.records.tape[: world.counters.n[N_TAPE]]
    cash = world.ledger.cash.reshape(-1, LEDGER_COLUMNS)
    assert (tape["filled_lots"] + tape["deleveraged_lots"] + tape["taken_over_lots"] == tape["lots"]).all()
    is_kept = world.rules["clearance_to"][tape["market"]] == FEE_TO_VENUE
    assert tape["fee"][is_kept].sum() == cash[:, CLEARANCE].sum()
    assert tape["loss"][tape["group"] < CROSS_GROUP].min() >= 0  # a cross account may win with a leg that is closed
    assert (tape["group"] == CROSS_GROUP).any()
    assert cash[:, SOCIALISED].sum() <= -tape["socialised"].sum()  # stops that met a gap come on top
    assert (world.accounts.rows["margin"] >= 0).all()
    assert world.counters.n[N_DELEVERAGED] > 0 or (world.rules["trigger"] == NEVER).all()
    check_winners(world, tape)


def test_ledger__who_gets_the_fees_changes_no_price_and_no_order():
    """With pools that never run dry: the fees are in another column, and all else is as it was, to the bit."""
    fields = {"coins": ("BTC", "ETH"), "venues": ("binance", "okx"), "n": 500, "shock": -0.12, "cross": 100}
    worlds = [warm_world(small_world(seconds=60, **fields), seed=3) for _ in range(2)]
    for to, world in zip((FEE_TO_VENUE, FEE_TO_POOL), worlds, strict=True):
        world.rules["clearance_to"] = to
        run_steps(world, 0, 60, 60)
        assert world.ledger.broken.tolist() == [0, 0] and recount(world) == 0
    np.testing.assert_array_equal(worlds[0].records.mark, worlds[1].records.mark)
    kept, insured = (world.records.tape[: world.counters.n[N_TAPE]] for world in worlds)
    for name in set(kept.dtype.names) - {"pool"}:
        np.testing.assert_array_equal(kept[name], insured[name], err_msg=name)
    np.testing.assert_array_equal(insured["pool"], kept["pool"] + kept["fee"])
    cash = [world.ledger.cash.reshape(-1, LEDGER_COLUMNS) for world in worlds]
    np.testing.assert_array_equal(cash[1][:, POOL] - cash[0][:, POOL], cash[0][:, CLEARANCE])
    assert cash[1][:, CLEARANCE].sum() == 0 < cash[0][:, CLEARANCE].sum() == kept["fee"].sum()
    assert kept["fee"][kept["group"] == CROSS_GROUP].any() and kept["fee"][kept["group"] < CROSS_GROUP].any()


def check_winners(world: World, tape: np.ndarray) -> None:
    """Whoever is deleveraged is closed against the bankrupt of the tape, and at no worse price than the rule says."""
    notes = world.records.deleveraged[: world.counters.n[N_DELEVERAGED]]
    terms, bankrupt = world.rules[notes["market"]], tape[notes["liquidation"]]
    assert (bankrupt["account"] == notes["account"]).all() and (bankrupt["side"] == -notes["side"]).all()
    at_mark = terms["price"] == CLOSED_AT_MARK
    due = np.where(at_mark, notes["mark_usd"], bankrupt["bankruptcy_usd"])
    worse = notes["side"] * (due / notes["price_usd"] - 1.0)
    usd = notes["lots"] * world.contracts.lot_base[notes["market"]] * notes["mark_usd"]
    quantum_usd = np.where(world.contracts.payoff[notes["market"]] < 0, 1e-8 * notes["mark_usd"], 1e-6)
    exact = at_mark | (terms["order"] == AT_BANKRUPTCY)  # after a market order a position is ruined elsewhere
    assert (worse < 3 * quantum_usd / usd)[exact].all()  # what is paid is rounded to a quantum


def test_ledger__pools_go_negative_where_they_are_too_small_and_say_so():
    scenario = small_world(800, seconds=60, shock=-0.15)
    venue = scenario.venues[0]
    poor = venue.model_copy(update={"insurance": venue.insurance.model_copy(update={"pool_usd": 1_000.0})})
    result = engine.simulate(scenario.changed(venues=(poor, scenario.venues[1])), seed=1)
    assert result.ledger["conserved"]
    assert result.ledger["binance"]["pool"] < 0
    assert (result.tape["pool"] < 0).any()


def test_ledger__what_the_pool_took_over_is_on_the_tape():
    scenario = scenario_of("fall of 20%")
    world = warm_world(scenario, seed=2)
    run_steps(world, 0, scenario.seconds, 60)
    tape = world.records.tape[: world.counters.n[N_TAPE]]
    taken = (tape["side"].astype(np.int64) * (tape["lots"] - tape["filled_lots"])).sum()
    assert taken == world.ledger.lots[POOL_LOTS] > 0
    assert world.ledger.lots[EXTERNAL_LOTS] != 0


def test_ledger__the_absorber_alone_pays_where_liquidation_orders_are_off():
    world = warm_world(scenario_of("no liquidation orders"), seed=2)
    run_steps(world, 0, 60, 60)
    assert world.ledger.cash[ABSORBER] != 0
    assert world.ledger.lots[POOL_LOTS] == 0


@small
def test_opening__that_finds_no_book_opens_nothing_and_costs_nothing():
    world = still_world([{"side": 1, "lots": 0, "entry_usd": 72_000.0, "leverage": 10, "status": PENDING}])
    world.accounts.rows["cost"][0] = 72_000_000_000
    world.accounts.opening[0] = 0
    before = world.ledger.cash.copy()
    let_accounts_trade(world, 0)
    assert world.accounts.rows["status"][0] == CLOSED
    assert world.counters.n[N_UNFILLED_OPENINGS] == 1
    np.testing.assert_array_equal(world.ledger.cash, before)


# ── negative controls ────────────────────────────────────────────────────────────────────────────────────────
@small
@pytest.mark.parametrize("field", ("cost", "margin", "lots"))
def test_recount__notices_one_quantum_of_one_position(field):
    world = warm_world(small_world(100, seconds=5), seed=1)
    assert recount(world) == 0
    world.accounts.rows[field][np.flatnonzero(world.accounts.rows["status"] == OPEN)[7]] += 1
    assert recount(world) == 1


@small
def test_step__counts_what_does_not_add_up():
    world = warm_world(small_world(100, seconds=5), seed=1)
    world.ledger.cash[POOL] += 1
    world.ledger.lots[POOL_LOTS] += 1
    run_steps(world, 0, 3, 60)
    assert world.ledger.broken.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("tamper", "message"),
    (
        (lambda world: world.accounts.rows["margin"].__setitem__(0, world.accounts.rows["margin"][0] + 1), "recount"),
        (lambda world: world.ledger.cash.__setitem__(POOL, 0), "cash did not balance in"),
        (lambda world: world.ledger.lots.__setitem__(POOL_LOTS, 5), "contracts in"),
    ),
)
def test_simulate__refuses_a_ledger_that_does_not_balance(monkeypatch, tamper, message):
    def run_and_tamper(world, first, last, warmup):
        if first == 0:
            tamper(world)
        run_steps(world, first, last, warmup)

    monkeypatch.setattr(engine, "run_steps", run_and_tamper)
    with pytest.raises(ConservationError, match=message):
        engine.simulate(small_world(100, seconds=30), seed=1)


@small
def test_simulate__refuses_a_book_without_room():
    with pytest.raises(ConservationError, match="order_slots"):
        engine.simulate(small_world(0, seconds=30, priors=thin_priors(run={"order_slots": 50})), seed=1)

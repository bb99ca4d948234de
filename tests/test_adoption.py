"""One venue's rules in the place of another's."""

import pytest
from own_venues import inverse_venue
from worlds import OPEN_USD, small_world

from cascade.assembly import build_world
from cascade.engine import simulate
from cascade.errors import InvalidConfigError, UnknownCoinError
from cascade.margins import liquidation_price
from cascade.venues import load_venue
from cascade.venues.adoption import adopted


def test_adopted__keeps_name_grid_and_pool_and_takes_the_rules():
    binance, bybit = load_venue("binance"), load_venue("bybit")
    made = adopted(bybit, binance, OPEN_USD)
    assert (made.name, made.insurance.pool_usd) == ("binance", binance.insurance.pool_usd)
    assert (made.margin, made.liquidation, made.fees) == (bybit.margin, bybit.liquidation, bybit.fees)
    assert made.coin("ETH").lot_base == binance.coin("ETH").lot_base
    theirs = liquidation_price(bybit, "ETH", "long", 2_140.0, 3.0, leverage=20)
    assert liquidation_price(made, "ETH", "long", 2_140.0, 3.0, leverage=20) == theirs
    assert liquidation_price(binance, "ETH", "long", 2_140.0, 3.0, leverage=20) != theirs


def test_adopted__spot_has_no_rules_to_change():
    spot = load_venue("spot")
    assert adopted(load_venue("okx"), spot, OPEN_USD) is spot


def test_adopted__a_coin_that_is_not_listed_takes_the_brackets_of_one_that_is_in_its_own_coins():
    rules = inverse_venue()  # lists BTC alone, in coin
    made = adopted(rules, load_venue("binance"), OPEN_USD)
    btc, eth = (made.coin(coin).brackets[0].cap * OPEN_USD[coin] for coin in ("BTC", "ETH"))
    assert eth == pytest.approx(btc)
    with pytest.raises(UnknownCoinError, match="the scenario must have BTC too"):
        adopted(rules, load_venue("binance"), {"ETH": 2_140.0})


@pytest.mark.parametrize("rules", ("binance", "okx", "bybit", inverse_venue("okx")))
def test_scenario__runs_under_one_venues_rules(rules):
    scenario = small_world(200, coins=("BTC", "ETH"), venues=("binance", "bybit"), seconds=60, shock=-0.08)
    result = simulate(scenario.under(rules), seed=3)
    assert result.ledger["conserved"] and len(result.tape) > 10
    assert result.venues == ("binance", "bybit", "spot")


def test_scenario__pools_of_half_the_size():
    scenario = small_world(0)
    assert scenario.with_pools(0.5).venues[0].insurance.pool_usd == 0.5 * scenario.venues[0].insurance.pool_usd
    with pytest.raises(InvalidConfigError, match="must not be negative"):
        scenario.with_pools(-1.0)


@pytest.mark.parametrize("factor", ("half", None, True, float("nan"), float("inf"), 1e300, [1.0]))
def test_scenario__refuses_pools_that_no_ledger_holds_in_one_line(factor):
    with pytest.raises(InvalidConfigError, match=r"^with_pools: ") as caught:
        small_world(0).with_pools(factor)
    assert "\n" not in str(caught.value)


def test_scenario__spot_has_no_rules_to_run_under():
    with pytest.raises(InvalidConfigError, match=r"^under: spot has no leverage"):
        small_world(0).under("spot")


@pytest.mark.parametrize(("coin", "rules"), (("BTC", "deribit"), ("ETH", "deribit"), ("BTC", "drift")))
def test_scenario__leverage_that_the_rules_do_not_offer_on_its_coins_nobody_has(coin, rules):
    scenario = small_world(200, coins=(coin,), venues=("binance",))
    under = scenario.under(rules)
    offered = under.venues[0].coin(coin).brackets[0].max_leverage
    masses = [bucket.mass_usd > 0 for bucket in under.assumptions.buckets]
    assert masses == [min(bucket.leverages) <= offered for bucket in scenario.assumptions.buckets]
    assert scenario.assumptions.buckets[-1].mass_usd > 0
    build_world(under, seed=1)

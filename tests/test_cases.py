"""Worked cases that venues, their help pages, chains and other projects published: all, through the public functions.

The cases lie beside the checkout, in `../shared/margin/cases`; without that folder these tests skip, and the worked
examples of `test_margin.py` remain. Integer families (dYdX, Drift) agree exactly.
"""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from own_venues import own_venue

import cascade.margins as margins
from cascade.errors import InvalidPositionError
from cascade.margins import drift, dydx, lending

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "margin" / "cases"
SIDES = {"long": 1, "short": -1, 1: 1, -1: -1}
WRONG_AT_SOURCE = {  # what the source's own formula gives where it prints something else; see the tests below
    "adl_paper_E": {"liquidation_price": 1.10101 / 1.1},
    "bybit_inverse_cross_liq": {"liquidation_price": 5739.0835},
}


def single(rate, amount=0.0, basis="mark", fee=None, contract="linear", **terms):
    """Return a venue with one rate, and a cumulative amount that a bracket below makes."""
    unit = f"{basis}_notional"
    if not amount:
        return own_venue([(0, 1e12, rate, 0.9 / rate)], unit=unit, basis=basis, fee=fee, contract=contract, **terms)
    first = rate * 1e-3
    floor = amount / (rate - first)  # the second bracket begins where its amount comes out as stated
    rows = [(0, floor, first, 2 / rate), (floor, 1e12, rate, 0.9 / rate)]
    return own_venue(rows, unit=unit, basis=basis, fee=fee, contract=contract, **terms)


# ── isolated positions, linear ───────────────────────────────────────────────────────────────────────────────
def freqtrade_isolated_liq_price(i):
    by_venue = {
        "binance": lambda: single(i["mmr"], i["maint_amount"]),
        "gate": lambda: single(i["mmr"], fee=i["taker_fee"]),
        "okx": lambda: single(i["mmr"], fee=i["taker_fee"]),
        "bybit": lambda: single(i["mmr"], basis="entry"),
    }
    at = (by_venue[i["venue"]](), "BTC", i["side"], i["entry_price"], i["amount"])
    return {"liquidation_price": margins.liquidation_price(*at, collateral=i["wallet_margin"])}


def binance_real_position_payloads(i):
    at = (single(i["mmr"], i["maint_amount"]), "BTC", i["side"], i["entry_price"], i["amount"])
    return {"liquidation_price": margins.liquidation_price(*at, collateral=i["wallet_balance"])}


def binance_usdm_liq_price_worked_example(i):
    """A cross account of two coins; each coin has the bracket that the example states."""
    (other,) = i["other_positions"]
    first, second = single(i["mmr"], i["maint_amount"]), single(other["mm_ratio"], other["maintenance_amt"], coin="ETH")
    venue = first.model_copy(update={"coins": first.coins | second.coins})
    entry, size = [i["entry_price"], other["open_rate"]], [i["amount"], other["amount"]]
    mark = [i["entry_price"], other["mark_price"]]
    prices = margins.cross_liquidation_price(venue, ["BTC", "ETH"], 1, entry, size, mark, wallet=i["wallet_balance"])
    return {"liquidation_price": prices[0]}


def binance_tier_lookup(i):
    tiers = i["tiers"]
    if "notional" not in i:
        return {
            "maint_amounts": amounts([t["minNotional"] for t in tiers], [t["maintenanceMarginRate"] for t in tiers])
        }
    keys = ("minNotional", "maxNotional", "maintenanceMarginRate", "maxLeverage", "maintAmt")
    venue = own_venue([[tier[key] for key in keys] for tier in tiers])
    # the requirement is a line within a bracket: two points of it show its slope and where it begins
    near, far = margins.maintenance_margin(venue, "BTC", [1.0, 1.0], [i["notional"], i["notional"] + 1])
    return {"mmr": far - near, "maint_amount": i["notional"] * (far - near) - near}


def real_tier_cumulative_amounts(i):
    return {"cum": amounts(i["floors"], i["mmr"])}


def amounts(floors, rates, contract="linear"):
    """Return the amounts of a table, as its requirement shows them; no leverage is stated, so the highest is taken."""
    caps = [*floors[1:], 2 * floors[-1]]
    rows = zip(floors, caps, rates, [0.99 / rate for rate in rates], strict=True)
    sizes = [(floor + cap) / 2 for floor, cap in zip(floors, caps, strict=True)]
    required = margins.maintenance_margin(own_venue(rows, contract=contract), "BTC", sizes, 1.0)
    return [size * rate - r for size, rate, r in zip(sizes, rates, required, strict=True)]


def binance_max_leverage_for_stake(i):
    rows = [(t["minNotional"], t["maxNotional"], t["maintenanceMarginRate"], t["maxLeverage"]) for t in i["tiers"]]
    return {"max_leverage": margins.max_leverage(own_venue(rows), "BTC", collateral=i["stake"])}


def bybit_real_position_payloads(i):
    """Bybit shows margins with the fee to close at the bankruptcy price, which it holds beside the collateral."""
    venue = own_venue([(0, 1e9, i["mmr"], 0.99 / i["mmr"])], unit="entry_notional", basis="entry")
    at = (i["size"], i["entry_price"])
    position = {"entry_price": i["entry_price"], "size": i["size"], "leverage": i["leverage"]}
    fee = i["size"] * margins.bankruptcy_price(venue, "BTC", i["side"], **position) * i["taker_fee"]
    exact = margins.liquidation_price(venue, "BTC", i["side"], **position)
    return {
        "position_im": margins.initial_margin(venue, "BTC", *at, leverage=i["leverage"]) + fee,
        "position_mm": margins.maintenance_margin(venue, "BTC", *at) + fee,
        "liq_price": exact // i["tick"] * i["tick"],  # the one price of these cases is a short's: rounded down
    }


def okx_real_position_payloads(i):
    size, mark = i["contracts"] * i["ct_val"], i["mark_price"]
    venue = own_venue([(0, 1e9, i["mmr"], 50)], unit="contracts", deduction="whole", fee=i["taker_fee"])
    maintenance = margins.maintenance_margin(venue, "BTC", size, mark)
    equity = i["margin_ratio"] * (maintenance + size * mark * i["taker_fee"])
    return {
        "mmr_amount": maintenance,
        "imr_amount": margins.initial_margin(venue, "BTC", size, mark, leverage=i["leverage"]),
        "liq_price": margins.liquidation_price(venue, "BTC", i["side"], mark, size, collateral=equity),
    }


def bitget_real_position_payloads(i):
    """Bitget keeps the maintenance margin, fee included, at the current mark: a rule on entry, entered at the mark."""
    rate, mark, side = i["mmr"] + i["taker_fee"], i["mark_price"], SIDES[i["side"]]
    venue = own_venue([(0, 1e9, rate, 100)], unit="entry_notional", basis="entry")
    maintenance = margins.maintenance_margin(venue, "BTC", i["size"], mark)
    equity = maintenance / i["margin_ratio"]
    state = margins.account_state(venue, ["BTC"], side, i["entry_price"], i["size"], mark, wallet=0.0)
    return {
        "maintenance_margin": maintenance,
        "unrealized_pnl": state.equity,
        "liq_price": margins.liquidation_price(venue, "BTC", side, mark, i["size"], collateral=equity),
    }


def hyperliquid_isolated_liq_price(i):
    rows = [(0, 1e12, 0.5 / i["asset_max_leverage"], i["asset_max_leverage"])]
    venue = own_venue(rows, coin=i["asset"], deduction="whole")
    at = (i["side"], i["entry_price"], i["size"])
    return {"liquidation_price": margins.liquidation_price(venue, i["asset"], *at, collateral=i["collateral"])}


def linear_worked_examples(i):
    if "assigned_balance" in i["expected"]:  # Phemex: the fee to close at the bankruptcy price is part of the margin
        venue = own_venue([(0, 1e9, i["mmr"], 50)], deduction="whole", fee=i["taker"])
        at = ("BTC", "long", i["price"], i["size"])
        fee = i["size"] * margins.bankruptcy_price(venue, *at, leverage=i["leverage"]) * i["taker"]
        assigned = margins.initial_margin(venue, "BTC", i["size"], i["price"], leverage=i["leverage"]) + fee
        return {
            "assigned_balance": assigned,
            "liquidation_price": margins.liquidation_price(venue, *at, collateral=assigned),
        }
    if "im" in i["expected"]:
        venue = own_venue([(0, 1e9, i["mmr"], 1 / i["imr"])])
        at = ("BTC", i["size"], i["price"])
        return {"im": margins.initial_margin(venue, *at), "mm": margins.maintenance_margin(venue, *at)}
    venue = single(i["mm"] / (i["size"] * i["mark"]))
    state = margins.account_state(venue, ["BTC"], "long", i["entry"], i["size"], i["mark"], wallet=i["margin"])
    return {"margin_balance": state.equity, "margin_ratio": state.maintenance_margin / state.equity}


def adl_paper_worked_examples(i):
    if "exec_price" in i:
        venue = own_venue([(0, 1e9, 0.1, 9)])
        flow = margins.pool_flow(venue, "BTC", "long", i["qty"], i["bankruptcy_price"], i["exec_price"])
        return {"shortfall": -flow.pool}
    if "exec" in i:  # a rate on the value at the mark, and one on the value filled
        charges = ((i["mark_rate"], i["mark"]), (i["exec_rate"], i["exec"]))
        venues = [(own_venue([(0, 1e9, 0.1, 9)], clearance_fee=rate), price) for rate, price in charges]
        return {"fee": sum(margins.clearance_fee(venue, "BTC", i["qty"], price) for venue, price in venues)}
    at = (own_venue([(0, 1e9, i["mmr"], 9.99)]), "BTC", i["side"], i["entry"], i["qty"])
    return {
        "bankruptcy_price": margins.bankruptcy_price(*at, collateral=i["collateral"]),
        "liquidation_price": margins.liquidation_price(*at, collateral=i["collateral"]),
    }


# ── inverse contracts ────────────────────────────────────────────────────────────────────────────────────────
def coinm_inverse_worked_examples(i):
    if "wallet_btc" in i:  # the table of the day and the one before it have the two amounts
        venue = single(i["mmr"], i["cum_btc"], contract="inverse")
        at = (venue, "BTC", i["side"], i["entry_price"], i["usd_qty"])
        return {"liquidation_price": margins.liquidation_price(*at, collateral=i["wallet_btc"])}
    if "prev_cum" in i:  # of the two brackets below, the first begins where its amount comes out as stated
        floor = i["prev_cum"] / (i["prev_mmr"] - 0.001)
        return {"cum": amounts([0, floor, i["floor"]], [0.001, i["prev_mmr"], i["mmr"]], contract="inverse")[-1]}
    if "contracts" in i:
        size = i["contracts"] * i["ct_usd"]
        return {"mm": margins.maintenance_margin(single(i["mmr"], contract="inverse"), "BTC", size, i["mark"])}
    if "leverage" in i:
        at = ("BTC", i["usd_qty"], i["price"])
        return {"im": margins.initial_margin(single(0.005, contract="inverse"), *at, leverage=i["leverage"])}
    at = ("BTC", i["side"], i["entry_price"], i["usd_qty"])
    if "bankruptcy_price" in i["expected"]:
        venue = single(0.005, basis="entry", contract="inverse")
        price = margins.bankruptcy_price(venue, *at, collateral=i["available"], closing_fee=i["fee"])
        return {"bankruptcy_price": price}
    left = i["balance"] - i["usd_qty"] / i["bankruptcy_price"] * i["fee"]
    venue = single(i["mmr"], basis="entry", contract="inverse")
    return {"liquidation_price": margins.liquidation_price(venue, *at, collateral=left)}


# ── deleveraging ─────────────────────────────────────────────────────────────────────────────────────────────
def adl_trigger_examples(i):
    fall = margins.pool_fall(i["symbol_pnl"], i["symbol_8h_max_pnl"], pool_peak=i["pool_8h_max"])
    return {
        "pnl_ratio": -fall,
        "trigger": margins.is_deleveraging(i["venue"], fall, i["pool"]),
        "adl_amount": margins.loss_beyond_fall(i["venue"], fall, i["pool_8h_max"]),
    }


# ── dYdX, in integers ────────────────────────────────────────────────────────────────────────────────────────
RESOLUTION = {"BTC": -8, "ETH": -9}


def market(position):
    """Return the perpetual of a position: prices in 1e-5 USD, as the upstream tests have them."""
    rates = dydx.Tier(round(2e6 * position["mmf"]), 500_000)
    return dydx.Perpetual(round(position["oracle_price"] * 10**5), -5, RESOLUTION[position["asset"]], rates)


def subaccount(quote, positions):
    """Return a subaccount and the markets of its positions."""
    held = {position["asset"]: position["quantums"] for position in positions}
    return dydx.Subaccount(quote, held), {position["asset"]: market(position) for position in positions}


def tier(i):
    return dydx.Tier(
        i["initial_margin_ppm"], i.get("maintenance_fraction_ppm", 0), i["oi_lower_cap"], i["oi_upper_cap"]
    )


def dydx_bankruptcy_price(i):
    at = (*subaccount(i["usdc_quantums"], i["positions"]), i["perpetual"], i["delta_quantums"])
    return refused_or(lambda: {"bankruptcy_quote_quantums": dydx.bankruptcy_quote(*at)})


def dydx_fillable_price(i):
    at = (*subaccount(i["usdc_quantums"], i["positions"]), i["perpetual"], i["delta_quantums"])
    rates = (i["bankruptcy_adjustment_ppm"], i["spread_to_mmr_ppm"])
    return refused_or(lambda: {"fillable_price_quote_quantums_per_quantum": dydx.fillable_price(*at, *rates)})


def dydx_insurance_fund_delta(i):
    account, markets = subaccount(i["usdc_quantums"], i["positions"])
    way, fill = 1 if i["is_buy"] else -1, i["fill_amount_quantums"]
    quote = -way * dydx.fill_quote_quantums(fill, i["subticks"], i["quantum_conversion_exponent"])
    at = (account, markets, i["positions"][0]["asset"], way * fill, quote, i["max_liquidation_fee_ppm"])
    return refused_or(lambda: {"insurance_fund_delta_quote_quantums": dydx.insurance_delta(*at)})


def dydx_insurance_fund_valid(i):
    return {"valid": dydx.is_insurance_sufficient(i["balance"], i["delta"])}


def dydx_is_liquidatable(i):
    return {"is_liquidatable": dydx.is_liquidatable(*subaccount(i["usdc_quantums"], i["positions"]))}


def dydx_maintenance_margin_ppm(i):
    rates = dydx.Tier(i["initial_margin_ppm"], i["maintenance_fraction_ppm"])
    return {"maintenance_margin_ppm": dydx.maintenance_ppm(rates)}


def dydx_margin_requirements(i):
    perpetual = dydx.Perpetual(
        i["price"], i["exponent"], i["base_atomic_resolution"], tier(i), i["open_interest_quantums"]
    )
    initial, maintenance = dydx.margin_requirements(perpetual, i["base_quantums"])
    return {"im": initial, "mm": maintenance}


def dydx_oi_adjusted_imf_ppm(i):
    return {"ppm": dydx.initial_ppm(tier(i), i["oi_notional"])}


def dydx_initial_margin_oi_scaled(i):
    return {"initial_margin_quote_quantums": dydx.initial_margin(tier(i), i["quote_quantums"], i["oi_notional"])}


def dydx_position_block_limits(i):
    (position,) = i["positions"]
    notional = dydx.quote_quantums(market(position), position["quantums"])
    low, high = dydx.liquidatable_notional(notional, i["min_position_notional"], i["max_portion_ppm"])
    return {"min": low, "max": high}


def dydx_can_deleverage(i):
    price = dydx.deleveraging_price(*subaccount(i["usdc_quantums"], i["positions"]), i["final_settlement"])
    return {"at_bankruptcy_price": price == "bankruptcy", "at_oracle_price": price == "oracle"}


def dydx_process_deleveraging(i):
    liquidated, markets = subaccount(i["liquidated"]["usdc"], i["liquidated"]["positions"])
    offsetting = dydx.Subaccount(i["offsetting"]["usdc"], {"BTC": i["offsetting"]["btc_quantums"]})

    def after():
        one, other = dydx.deleverage(liquidated, offsetting, markets, "BTC", i["delta_quantums"])
        return {"liquidated_usdc": one.quote, "offsetting_usdc": other.quote}

    return refused_or(after)


def refused_or(result):
    """Return what a function gives, or that it refuses."""
    try:
        return result()
    except InvalidPositionError:
        return {"error": "refused"}


# ── Drift, in integers; lending ──────────────────────────────────────────────────────────────────────────────
def drift_base_to_cover_shortage(i):
    fees = (ppm(i["liquidation_fee"]), ppm(i["if_fee"]))
    prices = (ppm(i["oracle_price"]), ppm(i["quote_price"]))
    ratio = round(i["margin_ratio"] * 1e4)
    return {"base_asset_amount_1e9": drift.base_to_cover_shortage(ppm(i["margin_shortage_usd"]), ratio, *fees, *prices)}


def drift_liquidation_fee_ramp(i):
    slots = i["current_slot"] - i["last_active_slot"]
    return {"fee": drift.liquidation_fee(ppm(i["base_fee"]), ppm(i["max_fee"]), slots) / 1e6}


def drift_perp_if_fee(i):
    shortage, size, ratio = ppm(i["margin_shortage_usd"]), round(i["base"] * 1e9), round(i["margin_ratio"] * 1e4)
    rest = [ppm(i[key]) for key in ("liquidator_fee", "oracle_price", "max_if_fee", "quote_price")]
    return {"if_fee_1e6": drift.insurance_fee(shortage, size, ratio, *rest)}


def drift_socialized_loss(i):
    if "loss_usd" in i:
        sizes = (round(i["long_base"] * 1e9), round(i["short_base"] * 1e9))
        return {"cumulative_funding_rate_delta": drift.socialised_funding(ppm(i["loss_usd"]), *sizes)}
    at = (ppm(i["margin_shortage_usd"]), i["slots_elapsed"], ppm(i["initial_pct"]), i["duration_slots"])
    return {"pct": drift.share_to_liquidate(*at) / 1e6}


def ppm(number):
    return round(number * 1e6)


def aave_v3_close_factor(i):
    return {"close_factor": lending.aave_close_factor(i["hf"], i["collateral_usd"], i["debt_usd"])}


def comet_is_liquidatable(i):
    debt = -i["base_principal_usd"]
    return {"liquidatable": lending.comet_is_liquidatable(debt, i["collateral"], i["price"], i["liquidate_cf"])}


def comet_quote_collateral(i):
    rates = (i["store_front_price_factor"], i["liquidation_factor"])
    return {"collateral": lending.comet_quote_collateral(i["base_amount"], i["price"], *rates)}


FAMILIES = [
    *(freqtrade_isolated_liq_price, binance_real_position_payloads, binance_usdm_liq_price_worked_example),
    *(binance_tier_lookup, real_tier_cumulative_amounts, binance_max_leverage_for_stake, bybit_real_position_payloads),
    *(
        okx_real_position_payloads,
        bitget_real_position_payloads,
        hyperliquid_isolated_liq_price,
        linear_worked_examples,
    ),
    *(adl_paper_worked_examples, coinm_inverse_worked_examples, adl_trigger_examples, dydx_bankruptcy_price),
    *(dydx_fillable_price, dydx_insurance_fund_delta, dydx_insurance_fund_valid, dydx_is_liquidatable),
    *(dydx_maintenance_margin_ppm, dydx_margin_requirements, dydx_oi_adjusted_imf_ppm, dydx_initial_margin_oi_scaled),
    *(dydx_position_block_limits, dydx_can_deleverage, dydx_process_deleveraging, drift_base_to_cover_shortage),
    *(drift_liquidation_fee_ramp, drift_perp_if_fee, drift_socialized_loss, aave_v3_close_factor),
    *(comet_is_liquidatable, comet_quote_collateral),
]


# ── the tests ────────────────────────────────────────────────────────────────────────────────────────────────
def read(family):
    """Return the cases of a family."""
    return json.loads((FOLDER / f"{family}.json").read_text())["cases"]


def all_cases():
    """Return every case, or one that skips where the folder is absent."""
    if not FOLDER.is_dir():
        skip = pytest.mark.skip(reason=f"no worked cases at {FOLDER}: only those of test_margin.py are checked")
        return [pytest.param(None, None, marks=skip, id="absent")]
    return [pytest.param(rule, case, id=case["id"]) for rule in FAMILIES for case in read(rule.__name__)]


@pytest.mark.small
@pytest.mark.parametrize(("rule", "case"), all_cases())
def test_case__agrees_to_its_tolerance(rule, case):
    expected = case["expected"] | WRONG_AT_SOURCE.get(case["id"], {})
    found = rule(case["inputs"] | {"expected": expected})
    absolute = case.get("tolerance_abs", 0.0)
    relative = case.get("tolerance_rel", 0.0 if absolute else 1e-6)
    for name, value in expected.items():
        if name == "error":
            assert found == {"error": "refused"}
        elif name == "note":
            continue
        elif "price_quote_quantums" in name:
            assert found[name] == Fraction(*value)
        elif rule.__name__.startswith("dydx") or isinstance(value, bool):
            assert found[name] == value, name
        elif rule.__name__.startswith("drift") and isinstance(value, int):
            assert found[name] == value, name
        else:
            assert found[name] == pytest.approx(value, rel=relative, abs=absolute or 1e-12), name


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no worked cases at {FOLDER}")
def test_families__are_all_covered():
    assert {rule.__name__ for rule in FAMILIES} == {path.stem for path in FOLDER.glob("*.json")}
    assert (len(FAMILIES), sum(len(read(rule.__name__)) for rule in FAMILIES)) == (33, 167)


def test_bybit_inverse_cross_liq__is_wrong_at_its_source():
    """Its own formula: 10,000 (1/8000 - 1/LP) = -(0.5 - 10,000/8000 * 0.5 % - 10,000 * 0.075 % / 5718.57).

    Available 0.5, maintenance 0.00625, fee to close 0.00131151: 0.49243849 BTC may be lost. 1/LP = 1.25e-4 +
    0.49243849e-4 = 1.74243849e-4, LP = 5739.08. It prints 5739.50, 0.42 more: no rounding explains that.
    """
    fee = 10_000 * 0.00075 / 5718.57
    price = 1 / (1 / 8_000 + (0.5 - 10_000 / 8_000 * 0.005 - fee) / 10_000)
    assert price == pytest.approx(5739.0835, abs=1e-4)
    assert abs(price - 5739.50) > 0.4
    venue = single(0.005, basis="entry", contract="inverse")
    found = margins.liquidation_price(venue, "BTC", "long", 8_000, 10_000, collateral=0.5 - fee)
    assert found == pytest.approx(price, rel=1e-12)


def test_adl_paper_e__is_rounded_twice_at_its_source():
    """Short 1 at 1 with 0.10101: bankrupt at 1.10101, liquidated at 1.10101 / 1.1 = 1.000918: 1.0009, not 1.0010."""
    venue = own_venue([(0, 1e9, 0.1, 9.99)])
    found = margins.liquidation_price(venue, "BTC", "short", 1, 1, collateral=0.10101)
    assert found == pytest.approx(1.10101 / 1.1, rel=1e-12)
    assert round(found, 4) == 1.0009
    assert abs(found - 1.0010) > 5.1e-5  # past the tolerance of half a digit

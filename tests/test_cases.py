"""Worked cases that venues, their help pages and other projects published, against the margin rules.

The cases lie beside the checkout, in `../shared/margin/cases`; without that folder these tests skip, and the worked
examples of `test_margin.py` remain.
"""

import json
from pathlib import Path

import pytest
from own_venues import ask, one_bracket, own_venue

import cascade.margins as margins
from cascade.kernels import margin as rules
from cascade.venues import margin_tables

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "margin" / "cases"
SIDES = {"long": 1, "short": -1, 1: 1, -1: -1}
WRONG_AT_SOURCE = {"adl_paper_E": {"liquidation_price": 1.10101 / 1.1}}  # printed 1.0010: 1.0009 rounded once more

LATER = {  # families of rules that are not built yet
    "aave_v3_close_factor": "lending",
    "adl_trigger_examples": "auto-deleveraging",
    "coinm_inverse_worked_examples": "inverse contracts",
    "comet_is_liquidatable": "lending",
    "comet_quote_collateral": "lending",
    "drift_base_to_cover_shortage": "partial liquidation at Drift",
    "drift_liquidation_fee_ramp": "liquidation fees of Drift",
    "drift_perp_if_fee": "liquidation fees of Drift",
    "drift_socialized_loss": "loss sharing at Drift",
    "dydx_bankruptcy_price": "cross margin in integers at dYdX",
    "dydx_can_deleverage": "auto-deleveraging at dYdX",
    "dydx_fillable_price": "liquidation orders of dYdX",
    "dydx_initial_margin_oi_scaled": "margin scaled by open interest at dYdX",
    "dydx_insurance_fund_delta": "insurance fund of dYdX",
    "dydx_insurance_fund_valid": "insurance fund of dYdX",
    "dydx_is_liquidatable": "cross margin in integers at dYdX",
    "dydx_maintenance_margin_ppm": "margin in parts per million at dYdX",
    "dydx_margin_requirements": "margin in integers at dYdX",
    "dydx_oi_adjusted_imf_ppm": "margin scaled by open interest at dYdX",
    "dydx_position_block_limits": "partial liquidation at dYdX",
    "dydx_process_deleveraging": "auto-deleveraging at dYdX",
}
LATER_CASES = {  # cases of families that are otherwise covered
    "adl_paper_baddebt": "what a fill costs the pool, not a margin rule",
    "adl_paper_fee_binance": "fee of a liquidation, not a margin rule",
    "adl_paper_fee_hl": "fee of a liquidation, not a margin rule",
}


def freqtrade_isolated_liq_price(i):
    by_venue = {
        "binance": one_bracket(i["mmr"], i["maint_amount"]),
        "gate": one_bracket(i["mmr"], trigger_fee=i["taker_fee"]),
        "okx": one_bracket(i["mmr"], trigger_fee=i["taker_fee"]),
        "bybit": one_bracket(i["mmr"], basis="entry"),
    }
    return {
        "liquidation_price": price(by_venue[i["venue"]], i["side"], i["amount"], i["entry_price"], i["wallet_margin"])
    }


def binance_real_position_payloads(i):
    table = one_bracket(i["mmr"], i["maint_amount"])
    return {"liquidation_price": price(table, i["side"], i["amount"], i["entry_price"], i["wallet_balance"])}


def binance_usdm_liq_price_worked_example(i):
    """A cross account: what the other positions leave is the collateral of this one."""
    collateral = i["wallet_balance"]
    for other in i["other_positions"]:
        notional = other["amount"] * other["mark_price"]
        collateral += other["amount"] * (other["mark_price"] - other["open_rate"])
        collateral -= notional * other["mm_ratio"] - other["maintenance_amt"]
    table = one_bracket(i["mmr"], i["maint_amount"])
    return {"liquidation_price": price(table, i["side"], i["amount"], i["entry_price"], collateral)}


def binance_tier_lookup(i):
    tiers = i["tiers"]
    if "notional" not in i:
        amounts = cumulative([t["minNotional"] for t in tiers], [t["maintenanceMarginRate"] for t in tiers])
        return {"maint_amounts": amounts}
    keys = ("minNotional", "maxNotional", "maintenanceMarginRate", "maxLeverage", "maintAmt")
    venue = own_venue([[tier[key] for key in keys] for tier in tiers])
    # the requirement is a line within a bracket: two points of it show its slope and where it begins
    near, far = margins.maintenance_margin(venue, "BTC", [1.0, 1.0], [i["notional"], i["notional"] + 1])
    return {"mmr": far - near, "maint_amount": i["notional"] * (far - near) - near}


def real_tier_cumulative_amounts(i):
    return {"cum": cumulative(i["floors"], i["mmr"])}


def cumulative(floors, rates):
    """Return the amounts of a table; no leverage is stated, so the highest possible is taken."""
    caps = [*floors[1:], 2 * floors[-1]]
    rows = zip(floors, caps, rates, [0.99 / rate for rate in rates], strict=True)
    return margin_tables([own_venue(rows)], ["BTC"]).amount_usd[: len(caps)].tolist()


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
    return {
        "maintenance_margin": maintenance,
        "unrealized_pnl": rules.equity_usd(side, i["size"], i["entry_price"], 0.0, mark),
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
    equity = rules.equity_usd(1, i["size"], i["entry"], i["margin"], i["mark"])
    table = one_bracket(i["mm"] / (i["size"] * i["mark"]))
    maintenance = ask(table, rules.MAINTENANCE, size_base=i["size"], entry_usd=i["entry"], mark_usd=i["mark"])
    return {"margin_balance": equity, "margin_ratio": maintenance / equity}


def adl_paper_worked_examples(i):
    venue = own_venue([(0, 1e9, i["mmr"], 9.99)])
    at = ("BTC", i["side"], i["entry"], i["qty"])
    return {
        "bankruptcy_price": margins.bankruptcy_price(venue, *at, collateral=i["collateral"]),
        "liquidation_price": margins.liquidation_price(venue, *at, collateral=i["collateral"]),
    }


COVERED = [
    freqtrade_isolated_liq_price,
    binance_real_position_payloads,
    binance_usdm_liq_price_worked_example,
    binance_tier_lookup,
    real_tier_cumulative_amounts,
    binance_max_leverage_for_stake,
    bybit_real_position_payloads,
    okx_real_position_payloads,
    bitget_real_position_payloads,
    hyperliquid_isolated_liq_price,
    linear_worked_examples,
    adl_paper_worked_examples,
]


def price(table, side, size, entry, collateral):
    """Return the liquidation price from the kernel."""
    at = {"side": SIDES[side], "size_base": size, "entry_usd": entry, "collateral_usd": collateral}
    return ask(table, rules.LIQUIDATION_PRICE, **at)


def read(family):
    """Return the cases of a family."""
    return json.loads((FOLDER / f"{family}.json").read_text())["cases"]


def covered_cases():
    """Return every case that the rules cover, or one that skips where the folder is absent."""
    if not FOLDER.is_dir():
        skip = pytest.mark.skip(reason=f"no worked cases at {FOLDER}: only those of test_margin.py are checked")
        return [pytest.param(None, None, marks=skip, id="absent")]
    return [
        pytest.param(rule, case, id=case["id"])
        for rule in COVERED
        for case in read(rule.__name__)
        if case["id"] not in LATER_CASES
    ]


@pytest.mark.small
@pytest.mark.parametrize(("rule", "case"), covered_cases())
def test_case__agrees_to_its_tolerance(rule, case):
    expected = case["expected"] | WRONG_AT_SOURCE.get(case["id"], {})
    found = rule(case["inputs"] | {"expected": expected})
    absolute = case.get("tolerance_abs", 0.0)
    relative = case.get("tolerance_rel", 0.0 if absolute else 1e-6)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=relative, abs=absolute or 1e-12), name


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no worked cases at {FOLDER}")
def test_families__are_covered_or_named_with_the_reason_why_not():
    families = {path.stem for path in FOLDER.glob("*.json")}
    covered = {rule.__name__ for rule in COVERED}
    assert covered | set(LATER) == families
    assert not covered & set(LATER)
    assert (len(covered), len(LATER)) == (12, 21)
    later = {case["id"] for family in covered for case in read(family)} & set(LATER_CASES)
    assert later == set(LATER_CASES)

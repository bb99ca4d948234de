"""Venues as a user's file states them, and built in memory; and tables of one bracket with a stated amount."""

import numpy as np

from cascade.kernels.margin import CLAIM, evaluate
from cascade.state import BRACKETS, BY_MARK_NOTIONAL, ON_ENTRY, ON_MARK, Margin
from cascade.venues import Venue, load_venue, margin_tables

VENUE_FILE = """
name = "own"
title = "a venue of one's own"
contract = "linear"

[margin]
bracket_unit = "mark_notional"
deduction = "cumulative"
basis = "mark"
fee_in_trigger = false
source = "made up"

[fees]
taker = "5bps"

[mark]
rule = "index_plus_basis"
basis_window_s = "5min"

[liquidation]
rule = "whole"
orders_per_s = 10
published_per_s = 0

[insurance]
pool_usd = 1e6
source = "a pool"

[deleveraging]
trigger = "pool_fall"
fall = 0.3
stop = 0.25
window_h = 8
ranking = "profit_times_leverage"
price = "bankruptcy"

[funding]
interval_h = 4
paid_from = "margin"

[cross]
haircuts = { BTC = 0.05 }

[coins.BTC]
tick_usd = 0.1
lot_base = 0.001
source = "made up"
date = "2026"
brackets = [
    { floor = 0, cap = 1_000, maintenance_rate = "1%", max_leverage = 50, amount_usd = 0 },
    { floor = 1_000, cap = 5_000, maintenance_rate = 0.02, max_leverage = 20, amount_usd = 10 },
]
"""
INVERSE_FILE = (
    VENUE_FILE.replace('"linear"', '"inverse"')
    .replace("lot_base = 0.001", "contract_usd = 100")
    .replace("amount_usd = 0 ", "amount_coin = 0 ")
    .replace("1_000", "10")
    .replace("5_000", "50")
    .replace("amount_usd = 10 ", "amount_coin = 0.1 ")
    .replace("[cross]\nhaircuts = { BTC = 0.05 }\n", "")
)


def write_venue(folder, text, old="", new=""):
    """Write a venue file with one text replaced, and return its path."""
    assert old in text
    path = folder / "own.toml"
    path.write_text(text.replace(old, new, 1))
    return path


def own_venue(
    rows, coin="BTC", unit="mark_notional", deduction="cumulative", basis="mark", fee=None, contract="linear", **terms
):
    """Return a venue with one coin; `rows` are (floor, cap, maintenance rate, highest leverage[, amount])."""
    keys = (
        "floor",
        "cap",
        "maintenance_rate",
        "max_leverage",
        "amount_coin" if contract == "inverse" else "amount_usd",
    )
    brackets = [dict(zip(keys, row, strict=False)) for row in rows]
    size = {"contract_usd": 1} if contract == "inverse" else {"lot_base": 1}
    return Venue.model_validate(
        {
            "name": "own",
            "title": "a venue of one's own",
            "contract": contract,
            "margin": {
                "bracket_unit": unit,
                "deduction": deduction,
                "basis": basis,
                "fee_in_trigger": fee is not None,
                "source": "test",
            },
            "fees": {"taker": fee or 0.0},
            "mark": {"rule": "index"},
            "liquidation": {"rule": "whole", "orders_per_s": 1, "published_per_s": 0},
            "insurance": {"pool_usd": 0},
            "coins": {coin: {"tick_usd": 1, "source": "test", "date": "test", "brackets": brackets} | size | terms},
        }
    )


def inverse_venue(name="binance", coin="BTC", price_usd=72_000.0, contract_usd=100.0):
    """Return a venue's rules on contracts of so many USD that settle in coin: its brackets in coin at a price."""
    tables = load_venue(name).model_dump()
    terms = tables["coins"][coin]
    by_contracts = tables["margin"]["bracket_unit"] == "contracts"
    scale = 1.0 / price_usd if not by_contracts else terms["contract_base"]
    brackets = [
        {key: row[key] for key in ("maintenance_rate", "max_leverage")}
        | {"floor": row["floor"] * scale, "cap": row["cap"] * scale}
        for row in terms["brackets"]
    ]
    tables["margin"]["bracket_unit"] = "entry_notional" if tables["margin"]["basis"] == "entry" else "mark_notional"
    tables["contract"] = "inverse"
    tables["coins"] = {
        coin: {"tick_usd": terms["tick_usd"], "contract_usd": contract_usd, "source": "test", "date": "test"}
        | {"brackets": brackets}
    }
    tables["deleveraging"] = {}
    return Venue.model_validate(tables | {"cross": cross_in(tables["cross"], tables["coins"])})


def cross_in(cross, coins):
    """Return the table of haircuts for these coins alone; None where there is none."""
    haircuts = {coin: cut for coin, cut in cross["haircuts"].items() if coin in coins} if cross else {}
    return cross | {"haircuts": haircuts} if haircuts else None


def funded(venue, seconds, paid_from="wallet"):
    """Return a venue whose longs and shorts pay each other every so many seconds."""
    venue = load_venue(venue) if isinstance(venue, str) else venue
    funding = {"interval_h": seconds / 3600, "paid_from": paid_from, "source": "test"}
    return Venue.model_validate(venue.model_dump(exclude_unset=True) | {"funding": funding})


def one_bracket(rate, amount_usd=0.0, basis="mark", trigger_fee=0.0):
    """Return the tables of one market with a single bracket without bound."""
    rows = np.zeros(BRACKETS)
    rate_rows, amounts, initial, floor = rows.copy(), rows.copy(), rows.copy(), np.full(BRACKETS, np.inf)
    floor[0], rate_rows[0], amounts[0], initial[0] = 0.0, rate, amount_usd, 1.0
    one = np.ones(1, np.int64)
    basis_of = {"mark": ON_MARK, "entry": ON_ENTRY}[basis]
    fee, none = np.array([trigger_fee]), np.zeros(1)
    return Margin(floor, rate_rows, amounts, initial, one, BY_MARK_NOTIONAL * one, basis_of * one, fee, none, none)


def ask(margin, quantity, **fields):
    """Return a quantity of one claim, straight from the kernel."""
    claims, out = np.zeros(1, CLAIM), np.empty(1)
    for name, value in fields.items():
        claims[name] = value
    evaluate(margin, quantity, claims, out)
    return float(out[0])


def tables_of(name, coin):
    """Return the tables of one market of a venue that ships with the package."""
    return margin_tables([load_venue(name)], [coin])

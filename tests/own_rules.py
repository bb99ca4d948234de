"""Venues of narrow brackets, whose rules of liquidation a test chooses; and random choices of them."""

from hypothesis import strategies as st
from own_venues import cross_in

from cascade.venues import Venue, load_venue

FLOORS_USD = (0, 2e3, 1e4, 5e4, 2.5e5, 1e9)
RATES, LEVERAGES = (0.004, 0.006, 0.01, 0.02, 0.05), (125, 80, 50, 25, 10)
UNITS = {  # bracket unit -> basis, deduction, how many of the unit a USD is, at 72,000 USD a bitcoin
    "mark_notional": ("mark", "cumulative", 1.0),
    "entry_notional": ("entry", "cumulative", 1.0),
    "contracts": ("mark", "whole", 1 / 720),
}
CONTRACTS = {"BTC": 0.01, "ETH": 0.336}
PLAIN = {
    "liquidation": {"rule": "whole", "orders_per_s": 100, "published_per_s": 0},
    "insurance": {"pool_usd": 1e9},
    "deleveraging": {},
}


def narrow_venue(
    name: str = "binance", unit: str = "mark_notional", clearance: float = 5e-4, to: str = "venue", **rules: dict
) -> Venue:
    """Return a venue with brackets of a few thousand USD; `rules` change what its tables say by default."""
    venue = load_venue(name).model_dump(exclude_unset=True)
    basis, deduction, scale = UNITS[unit]
    bounds = zip(FLOORS_USD[:-1], FLOORS_USD[1:], RATES, LEVERAGES, strict=True)
    rows = [
        {"floor": floor * scale, "cap": cap * scale, "maintenance_rate": rate, "max_leverage": leverage}
        for floor, cap, rate, leverage in bounds
    ]
    narrow = {"brackets": rows, "bracket_unit": None, "clearance_fee": clearance, "stand_in": None}
    coins = {coin: venue["coins"][coin] | narrow | {"contract_base": base} for coin, base in CONTRACTS.items()}
    margin = venue["margin"] | {"bracket_unit": unit, "basis": basis, "deduction": deduction}
    tables = {key: plain | rules.get(key, {}) for key, plain in PLAIN.items()} | {"fees": venue["fees"]}
    tables["fees"] |= {"clearance_to": to}
    tables |= {"margin": margin, "coins": coins, "cross": cross_in(venue.get("cross"), coins)}
    return Venue.model_validate(venue | tables)


@st.composite
def venues(draw, name: str = "binance") -> Venue:
    """Return a venue of any combination of rules."""
    rule = draw(st.sampled_from(("whole", "brackets", "fraction", "compliance")))
    liquidation = {
        "rule": rule,
        "order": draw(st.sampled_from(("bankruptcy", "market"))),
        "surplus": draw(st.sampled_from(("pool", "account"))),
        "backstop": draw(st.sampled_from((0.0, 0.0, 0.66))),
        "orders_per_s": draw(st.sampled_from((2, 100))),
    }
    if rule == "brackets":
        liquidation["brackets_down"] = draw(st.integers(1, 2))
    if rule == "fraction":
        liquidation |= {"fraction": 0.2, "above_usd": draw(st.sampled_from((0, 3e3))), "pause_s": 5}
    trigger = draw(st.sampled_from(("never", "pool_empty", "pool_fall", "equity_negative")))
    shortages = ("deleverage",) if trigger == "pool_empty" else ("deleverage", "socialise")
    insurance = {
        "pool_usd": draw(st.sampled_from((0.0, 1e3, 3e4, 1e9))),
        "shortage": draw(st.sampled_from(shortages)),
    }
    deleveraging = {"trigger": trigger}
    if trigger != "never":
        rankings = ("profit_times_leverage", "return_times_leverage", "profit")
        deleveraging["ranking"] = draw(st.sampled_from(rankings))
        deleveraging["price"] = draw(st.sampled_from(("bankruptcy", "mark")))
    if trigger == "pool_fall":
        deleveraging |= {"fall": 0.3, "stop": 0.25, "window_h": 1 / 30}
    clearance = draw(st.sampled_from((0.0, 5e-4, 0.0125)))
    return narrow_venue(
        name,
        draw(st.sampled_from(tuple(UNITS))),
        clearance,
        draw(st.sampled_from(("venue", "pool"))) if clearance else "venue",
        liquidation=liquidation,
        insurance=insurance,
        deleveraging=deleveraging,
    )

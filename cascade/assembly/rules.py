"""Venues' rules of liquidation, pools and deleveraging -> the arrays that kernels read."""

import numpy as np

from cascade.scenario import Scenario
from cascade.state import (
    AT_BANKRUPTCY,
    AT_MARKET,
    BY_BRACKET,
    BY_FRACTION,
    CLOSED_AT_BANKRUPTCY,
    CLOSED_AT_MARK,
    DELEVERAGE,
    EQUITY_NEGATIVE,
    FEE_TO_POOL,
    FEE_TO_VENUE,
    INSURANCE,
    LEDGER_COLUMNS,
    NEVER,
    POOL,
    POOL_EMPTY,
    POOL_FALL,
    PROFIT,
    PROFIT_TIMES_LEVERAGE,
    RANKED,
    RETURN_TIMES_LEVERAGE,
    RULE,
    SOCIALISE,
    TO_ACCOUNT,
    TO_COMPLIANCE,
    TO_POOL,
    WHOLE,
    Contracts,
    Ledger,
    Winners,
)

REFRESH_S = 60  # for which a ranking of winners is kept [assumed]
PARTS_OF = {"whole": WHOLE, "brackets": BY_BRACKET, "fraction": BY_FRACTION, "compliance": TO_COMPLIANCE}
ORDERS = {"bankruptcy": AT_BANKRUPTCY, "market": AT_MARKET}
SURPLUS = {"pool": TO_POOL, "account": TO_ACCOUNT}
CLEARANCES = {"venue": FEE_TO_VENUE, "pool": FEE_TO_POOL}
SHORTAGES = {"deleverage": DELEVERAGE, "socialise": SOCIALISE}
TRIGGERS = {
    "never": NEVER,
    "pool_empty": POOL_EMPTY,
    "pool_fall": POOL_FALL,
    "equity_negative": EQUITY_NEGATIVE,
}
RANKINGS = {
    None: PROFIT,  # never read
    "profit_times_leverage": PROFIT_TIMES_LEVERAGE,
    "return_times_leverage": RETURN_TIMES_LEVERAGE,
    "profit": PROFIT,
}
CLOSING_PRICES = {None: CLOSED_AT_BANKRUPTCY, "bankruptcy": CLOSED_AT_BANKRUPTCY, "mark": CLOSED_AT_MARK}


def make_rules(scenario: Scenario, contracts: Contracts) -> np.ndarray:
    """Return how every market liquidates; a spot market never does."""
    rules = np.zeros(len(contracts.coin), RULE)
    for row, number in zip(rules, contracts.venue, strict=True):
        venue = scenario.venues[number]
        if venue.liquidation is None or venue.insurance is None:
            continue
        terms, due = venue.liquidation, venue.deleveraging
        row["part"], row["order"] = PARTS_OF[terms.rule], ORDERS[terms.order]
        row["brackets_down"], row["fraction"] = terms.brackets_down, terms.fraction
        row["above_usd"], row["pause"] = terms.above_usd, round(terms.pause_s)
        row["backstop"], row["surplus"] = terms.backstop, SURPLUS[terms.surplus]
        row["clearance_to"] = CLEARANCES[venue.fees.clearance_to]
        row["shortage"], row["trigger"] = SHORTAGES[venue.insurance.shortage], TRIGGERS[due.trigger]
        row["fall"], row["stop"], row["refresh"] = due.fall, due.stop, REFRESH_S
        row["ranking"], row["price"] = RANKINGS[due.ranking], CLOSING_PRICES[due.price]
    return rules


def make_pools(scenario: Scenario, contracts: Contracts, ledger: Ledger) -> np.ndarray:
    """Return the pools of all purses at the open, when they are at their highest."""
    pools = np.zeros(len(ledger.start), INSURANCE)
    hours = np.array([venue.deleveraging.window_h for venue in scenario.venues])
    pools["window"][contracts.purse] = np.rint(hours[contracts.venue] * 60)
    pools["peak"] = ledger.cash.reshape(-1, LEDGER_COLUMNS)[:, POOL]
    return pools


def make_winners(rules: np.ndarray, holders: int) -> Winners:
    """Return room to rank as many positions and legs, where any venue deleverages; none is listed yet."""
    segments = 2 * len(rules)
    room = 0 if (rules["trigger"] == NEVER).all() else holders
    return Winners(
        rows=np.zeros(room, np.int32),
        first=np.zeros(segments + 1, np.int64),
        heap=np.zeros(room, RANKED),
        count=np.zeros(segments, np.int64),
        built=np.zeros(segments, np.int64),
    )

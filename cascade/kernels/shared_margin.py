"""Cross margin for a few accounts at a time: one collateral behind several positions, and a price on its way to ruin.

An account is a row of claims (see `kernels.margin`), each with the mark of its market, and `held` beside each claim:
coins of its market that count as collateral. The day has rules of its own, for millions of accounts.
"""

import numpy as np

from cascade.kernels.jit import kernel, rule
from cascade.kernels.margin import ROUNDED, bracket_of, bracketed, equity_usd, maintenance_usd
from cascade.state import BRACKETS, BY_MARK_NOTIONAL, ON_ENTRY


@rule
def slack_of(margin, claim, held, mark):
    """Return what a position adds to its account's equity at a mark, less what it requires."""
    market, size, entry = claim["market"], claim["size_base"], claim["entry_usd"]
    required = maintenance_usd(margin, market, size, entry, mark) + margin.trigger_fee[market] * size * mark
    return equity_usd(claim["side"], size, entry, held * mark, mark) - required


@rule
def bracket_towards(margin, claim, mark, way):
    """Return the bracket that holds a position when its market moves on from a mark, up (+1) or down (-1)."""
    market = claim["market"]
    measure = bracketed(margin, market, claim["size_base"], claim["entry_usd"], mark)
    if margin.bracket_unit[market] == BY_MARK_NOTIONAL:
        measure = measure / ROUNDED if way > 0 else measure * ROUNDED
    return bracket_of(margin, market, measure)


@rule
def slope_of(margin, claim, held, k):
    """Return how the slack of a position in bracket `k` changes with its mark."""
    market, size = claim["market"], claim["size_base"]
    rate = 0.0 if margin.basis[market] == ON_ENTRY else margin.rate[market * BRACKETS + k]
    return claim["side"] * size + held - (rate + margin.trigger_fee[market]) * size


@rule
def edge_of(margin, claim, k, way):
    """Return the mark at which a position leaves bracket `k` on the way; where it does not, 0 or infinity."""
    market = claim["market"]
    if margin.bracket_unit[market] != BY_MARK_NOTIONAL or (way > 0 and k + 1 >= margin.n_brackets[market]):
        return np.inf if way > 0 else 0.0
    return margin.floor[market * BRACKETS + k + (1 if way > 0 else 0)] / claim["size_base"]


@rule
def slack_towards(margin, claim, held, mark, k):
    """Return the slack of a position at a mark as bracket `k` has it."""
    market, size, entry = claim["market"], claim["size_base"], claim["entry_usd"]
    row = market * BRACKETS + k
    price = entry if margin.basis[market] == ON_ENTRY else mark
    required = size * (price * margin.rate[row] + margin.trigger_fee[market] * mark) - margin.amount_usd[row]
    return equity_usd(claim["side"], size, entry, held * mark, mark) - required


@rule
def account_slack(margin, claims, held, wallet):
    """Return the equity of an account at its marks, less what it requires."""
    slack = wallet
    for i in range(len(claims)):
        slack += slack_of(margin, claims[i], held[i], claims[i]["mark_usd"])
    return slack


@rule
def price_of_ruin(margin, claims, held, wallet, moving):
    """Return the first mark of one position's market past which its account is breached, on that position's losing way.

    Slack is linear between the marks at which a position of that market changes its bracket: walk from one to the next.
    """
    market, way = claims[moving]["market"], -claims[moving]["side"]
    mark = claims[moving]["mark_usd"]
    others = wallet
    for i in range(len(claims)):
        if claims[i]["market"] != market:
            others += slack_of(margin, claims[i], held[i], claims[i]["mark_usd"])
    if account_slack(margin, claims, held, wallet) < 0.0:
        return mark
    for _ in range(len(claims) * BRACKETS):
        slack, slope, edge = others, 0.0, np.inf if way > 0 else 0.0
        for i in range(len(claims)):
            if claims[i]["market"] == market:
                k = bracket_towards(margin, claims[i], mark, way)
                slack += slack_towards(margin, claims[i], held[i], mark, k)
                slope += slope_of(margin, claims[i], held[i], k)
                own = edge_of(margin, claims[i], k, way)
                edge = min(edge, own) if way > 0 else max(edge, own)
        if slack < 0.0:
            return mark  # the next bracket asks for more than there is
        if slope * way < 0.0:
            root = mark - slack / slope
            if (root - edge) * way <= 0.0:
                return max(root, 0.0)
        if edge == 0.0 or edge == np.inf:
            return edge
        mark = edge
    return mark


@kernel
def evaluate_ruin(margin, claims, held, wallets, out):
    """Write, for every position of every account, the price of ruin to `out`: float64, shape (accounts, positions)."""
    for a in range(len(wallets)):
        for i in range(claims.shape[1]):
            out[a, i] = price_of_ruin(margin, claims[a], held[a], wallets[a], i)

"""Accounts and books that a scenario gives -> the arrays that kernels read."""

import numpy as np

from cascade.errors import InvalidConfigError
from cascade.given import GIVEN_ACCOUNT, MOST_USD, BlindOrders, GivenBook
from cascade.state import GIVEN_ORDER, NO_POSITION, POSITION, PROVIDERS, RENEWED, STANDING, ZERO_INTELLIGENCE, Contracts
from cascade.units import QUANTUM_USD


def given_rows(accounts: np.ndarray | None, contracts: Contracts) -> np.ndarray:
    """Return the positions that a scenario gives, open before the day; their triggers are set later."""
    given = np.zeros(0, GIVEN_ACCOUNT) if accounts is None else accounts
    if len(given) and (given["market"].min() < 0 or given["market"].max() >= len(contracts.coin)):
        raise InvalidConfigError(f"accounts: a market lies outside 0..{len(contracts.coin) - 1}; see GIVEN_ACCOUNT")
    if (contracts.payoff[given["market"]] < 0).any():
        raise InvalidConfigError("accounts: given ones hold linear contracts; at inverse ones, draw them")
    ticks = np.rint(given["entry_usd"] / contracts.tick_usd[given["market"]])
    worth_usd = (given["lots"] * ticks * contracts.quanta[given["market"]]).sum() * QUANTUM_USD
    if worth_usd > MOST_USD:
        raise InvalidConfigError(f"accounts: lots at entry_usd are worth {worth_usd:g} USD, at most {MOST_USD:g}")
    ticks = ticks.astype(np.int64)
    rows = np.zeros(len(given), POSITION)
    for name in ("market", "side", "lots"):
        rows[name] = given[name]
    rows["cost"] = given["lots"] * ticks * contracts.quanta[given["market"]]
    rows["margin"] = np.rint(given["margin_usd"] / QUANTUM_USD)
    rows["leverage"] = rows["cost"] / np.maximum(rows["margin"], 1)
    rows["close_step"] = np.iinfo(np.int32).max
    for name in ("stop_tick", "filed_tick"):
        rows[name] = -1
    for name in ("next", "prev", "close_next"):
        rows[name] = NO_POSITION
    return rows


def provider_tables(book: GivenBook | BlindOrders | None, markets: int) -> dict[str, np.ndarray]:
    """Return who provides liquidity, and the orders of a book that is given."""
    providers, given = np.zeros(1, PROVIDERS), np.zeros(0, GIVEN_ORDER)
    if isinstance(book, GivenBook):
        providers["mode"] = STANDING if book.laid == "once" else RENEWED
        orders = book.orders
        given = np.ascontiguousarray(orders[np.argsort(orders["market"], kind="stable")])
        if len(given) and (given["market"][0] < 0 or given["market"][-1] >= markets):
            raise InvalidConfigError(f"providers: an order's market lies outside 0..{markets - 1}")
    elif isinstance(book, BlindOrders):
        providers["mode"], providers["band_ticks"], providers["lots"] = ZERO_INTELLIGENCE, book.band_ticks, book.lots
        providers["posts"], providers["life_s"] = book.posts_per_s, book.life_s
    first = np.searchsorted(given["market"], np.arange(markets + 1))
    return {"providers": providers, "given": given, "given_first": first.astype(np.int64)}

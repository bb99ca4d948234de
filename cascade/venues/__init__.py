"""Venues: contract terms and brackets as data, one TOML file each, and their reader.

A user's own venue is one more such file: copy `binance.toml`, change it, and give its path wherever a venue's name
is taken.
"""

from collections.abc import Sequence
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from cascade.errors import InvalidConfigError, UnknownVenueError, did_you_mean, shown
from cascade.keylines import key_lines
from cascade.reading import check_model, place, read_toml
from cascade.state import BRACKETS, BY_ENTRY_NOTIONAL, BY_MARK_NOTIONAL, BY_SIZE, ON_ENTRY, ON_MARK, Margin
from cascade.venues.brackets import Bracket, Coin, cumulative_amounts
from cascade.venues.venue import Venue

__all__ = ["Bracket", "Coin", "Venue", "list_venues", "load_venue", "margin_tables"]

FOLDER = Path(__file__).resolve().parent
UNITS = {"mark_notional": BY_MARK_NOTIONAL, "entry_notional": BY_ENTRY_NOTIONAL, "contracts": BY_SIZE}
BASES = {"mark": ON_MARK, "entry": ON_ENTRY}


def list_venues() -> list[str]:
    """Return the names of the venues that ship with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_venue(venue: str | Path | Venue) -> Venue:
    """Return a venue, with stand-in brackets filled in.

    Parameters
    ----------
    venue : str, Path or Venue
        A name (see `list_venues`), the path of a TOML file, or a venue, which is returned as it is.

    Returns
    -------
    Venue
        Frozen.

    Raises
    ------
    UnknownVenueError
        If there is no such venue.
    InvalidConfigError
        If its file cannot be true; the line names file, key path and remedy.
    """
    if isinstance(venue, Venue):
        return venue
    if not isinstance(venue, str | Path):
        raise UnknownVenueError(f"a venue is a name, the path of a file, or a Venue, got {shown(venue)}; give one")
    if isinstance(venue, Path) or venue.lower().endswith(".toml"):
        return _read(Path(venue))
    if venue not in list_venues():
        hint = did_you_mean(venue, list_venues())
        raise UnknownVenueError(f"there is no venue {venue!r}{hint} (a file of your own is given as PATH.toml)")
    return _shipped(str(venue))


def margin_tables(venues: Sequence[Venue], coins: Sequence[str]) -> Margin:
    """Return the margin rules of all markets for the kernels; `market = coin * len(venues) + venue`.

    Parameters
    ----------
    venues : sequence of Venue
        A spot venue's markets have no bracket.
    coins : sequence of str
        Every venue must have each of them.

    Returns
    -------
    Margin
        Bounds in USD, or in coins where the brackets measure contracts; behind the last bracket of a market stands
        the bound above which no position may be opened.

    Raises
    ------
    UnknownCoinError
        If a venue has no contract on a coin.
    """
    markets = len(coins) * len(venues)
    rows = markets * BRACKETS
    tables = Margin(
        floor=np.full(rows, np.inf),
        rate=np.zeros(rows),
        amount_usd=np.zeros(rows),
        initial_rate=np.full(rows, np.inf),
        n_brackets=np.zeros(markets, np.int64),
        bracket_unit=np.zeros(markets, np.int64),
        basis=np.zeros(markets, np.int64),
        trigger_fee=np.zeros(markets),
        clearance_fee=np.zeros(markets),
        taker_fee=np.zeros(markets),
    )
    for market, (coin, venue) in enumerate(product(coins, venues)):
        _fill_market(tables, market, venue, coin)
    return tables


def _fill_market(tables: Margin, market: int, venue: Venue, name: str) -> None:
    """Write the rules of one market into the tables."""
    coin, margin, unit = venue.coin(name), venue.margin, venue.bracket_unit(name)
    tables.taker_fee[market] = venue.fees.taker
    if margin is None or unit is None:
        return
    tables.clearance_fee[market] = venue.clearance_fee(name)
    tables.trigger_fee[market] = venue.trigger_fee
    tables.n_brackets[market] = n = len(coin.brackets)
    tables.bracket_unit[market] = UNITS[unit]
    tables.basis[market] = BASES[margin.basis]
    scale = _contract_size(venue, coin) if unit == "contracts" else 1.0
    rows = slice(market * BRACKETS, market * BRACKETS + n)
    tables.floor[rows] = [row.floor * scale for row in coin.brackets]
    tables.floor[rows.stop] = coin.brackets[-1].cap * scale
    tables.rate[rows] = [row.maintenance_rate for row in coin.brackets]
    tables.initial_rate[rows] = [1.0 / row.max_leverage for row in coin.brackets]
    if margin.deduction == "cumulative":
        tables.amount_usd[rows] = cumulative_amounts(coin.brackets)


def _contract_size(venue: Venue, coin: Coin) -> float:
    """Return what a contract measures in the unit of the margin rules: coins, or USD where contracts are inverse."""
    return coin.contract_usd if venue.contract == "inverse" else coin.contract_base


@cache
def _shipped(name: str) -> Venue:
    """Return a venue that ships with the package."""
    return _read(FOLDER / f"{name}.toml")


def _read(path: Path) -> Venue:
    """Return the venue of a file, with brackets of other venues where it names a stand-in."""
    tables, text = read_toml(path)
    venue = check_model(Venue, tables, str(path), text=text)
    filled = {name: _with_stand_in(venue, name, path, text) for name in venue.coins}
    # built anew, so that the checks see the rows that came from elsewhere
    return check_model(Venue, venue.model_dump(exclude_unset=True) | {"coins": filled}, str(path), text=text)


def _with_stand_in(venue: Venue, name: str, path: Path, text: str) -> dict:
    """Return a coin's terms with the brackets of the venue that stands in, above its own if it has any."""
    coin = venue.coins[name]
    terms = coin.model_dump(exclude_unset=True)
    if coin.stand_in is None:
        return terms
    where = f"{path}: {place(('coins', name, 'stand_in'), key_lines(text))}"
    if coin.stand_in not in list_venues() or coin.stand_in == venue.name:
        known = did_you_mean(coin.stand_in, set(list_venues()) - {venue.name, "spot"})
        raise InvalidConfigError(f"{where}: there is no other venue {coin.stand_in!r}{known}")
    other = _shipped(coin.stand_in)
    if name not in other.coins or other.coins[name].stand_in or not other.coins[name].brackets:
        raise InvalidConfigError(f"{where}: {coin.stand_in} has no brackets of its own for {name}; name another venue")
    scale = _stand_in_scale(venue, other, name, where)
    above = coin.brackets[-1].cap if coin.brackets else 0.0
    rows = [row.model_dump(exclude_unset=True) for row in coin.brackets]
    for row in other.coins[name].brackets:
        floor, cap = max(above, row.floor * scale), row.cap * scale
        if cap > above:
            rate, leverage = row.maintenance_rate, row.max_leverage
            rows.append({"floor": floor, "cap": cap, "maintenance_rate": rate, "max_leverage": leverage})
    if coin.brackets:
        _refuse_contradiction(coin, terms | {"brackets": rows}, where)
    return terms | {"brackets": rows}


def _refuse_contradiction(coin: Coin, joined: dict, where: str) -> None:
    """Raise if the brackets that stand in above a coin's own ones do not go on from these."""
    try:
        Coin.model_validate(joined)
    except ValidationError as failure:
        raise InvalidConfigError(
            f"{where}: {coin.stand_in}'s brackets contradict the own ones, above which they stand: "
            f"{failure.errors()[0]['msg'].partition(';')[0]}; remove stand_in, or correct brackets"
        ) from None


def _stand_in_scale(venue: Venue, other: Venue, name: str, where: str) -> float:
    """Return what turns the bounds of the other venue's brackets into the unit of this one's."""
    (own, is_own_usd), (their, is_their_usd) = (_measure(known, name) for known in (venue, other))
    if is_own_usd == is_their_usd:
        return their / own
    price_usd = venue.coins[name].stand_in_price_usd
    if price_usd is None:
        units = ("USD", "coins") if is_their_usd else ("coins", "USD")
        raise InvalidConfigError(
            f"{where}: needs stand_in_price_usd beside it, to turn {other.name}'s {units[0]} into {units[1]}"
        )
    return their / own * (1.0 / price_usd if is_their_usd else price_usd)


def _measure(venue: Venue, name: str) -> tuple[float, bool]:
    """Return how much a unit of a coin's brackets is, and whether that is in USD; else it is in coins."""
    is_inverse, by_size = venue.contract == "inverse", venue.bracket_unit(name) == "contracts"
    return (_contract_size(venue, venue.coins[name]) if by_size else 1.0), is_inverse == by_size

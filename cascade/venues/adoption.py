"""One venue's rules in the place of another's: the same crash under Bybit's rules."""

from collections.abc import Mapping

from cascade.errors import UnknownCoinError
from cascade.venues.brackets import Coin
from cascade.venues.venue import Venue


def adopted(rules: Venue, place: Venue, prices_usd: Mapping[str, float]) -> Venue:
    """Return the venue `place` under the rules of another: its name, prices, coins and the size of its pool stay.

    Parameters
    ----------
    rules : Venue
        Whose contract, margin, fees, marks, liquidation, deleveraging and funding are taken. For a coin that it does
        not list, the terms of the last one that it lists stand in.
    place : Venue
        At whose books they hold. A spot venue, or any under the rules of one, is returned as it is.
    prices_usd : mapping
        Of every coin of `place` that is asked for; turns brackets in coins of one into coins of the other.

    Returns
    -------
    Venue

    Raises
    ------
    UnknownCoinError
        If a coin is not listed, and nothing says what the stand-in's brackets are worth in it.
    """
    if place.insurance is None or rules.insurance is None:
        return place
    insurance = rules.insurance.model_copy(update={"pool_usd": place.insurance.pool_usd})
    coins = {name: _terms(rules, place.coin(name), name, prices_usd) for name in prices_usd}
    return rules.model_copy(
        update={"name": place.name, "title": f"{place.title}, {rules.title}", "insurance": insurance, "coins": coins}
    )


def with_pool(venue: Venue, factor: float) -> Venue:
    """Return a venue with an insurance pool of so many times its size."""
    if venue.insurance is None:
        return venue
    pool_usd = factor * venue.insurance.pool_usd
    return venue.model_copy(update={"insurance": venue.insurance.model_copy(update={"pool_usd": pool_usd})})


def _terms(rules: Venue, own: Coin, name: str, prices_usd: Mapping[str, float]) -> Coin:
    """Return a coin's contract under the rules: on the same grid of prices, and in the same lots if linear."""
    known = name if name in rules.coins else list(rules.coins)[-1]
    terms = rules.coins[known]
    are_in_coins = (rules.contract == "inverse") != (rules.bracket_unit(known) == "contracts")
    scale = 1.0
    if known != name and are_in_coins:
        if known not in prices_usd:
            raise UnknownCoinError(
                f"{rules.name} has no contract on {name!r}, and its brackets for {known} are in coins: the scenario "
                f"must have {known} too, to turn them into {name}"
            )
        scale = prices_usd[known] / prices_usd[name]
    brackets = [
        row.model_copy(
            update={"floor": row.floor * scale, "cap": row.cap * scale, "amount_usd": None, "amount_coin": None}
        )
        for row in terms.brackets
    ]
    lots = {"contract_usd": terms.contract_usd} if rules.contract == "inverse" else {"lot_base": own.lot_base}
    return terms.model_copy(update={"tick_usd": own.tick_usd, "brackets": tuple(brackets)} | lots)

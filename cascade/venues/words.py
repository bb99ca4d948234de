"""The rules of a venue in words, each with its source; and all venues in one table."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cascade.venues.brackets import Coin
from cascade.venues.rules import Deleveraging, LiquidationRule
from cascade.venues.venue import Venue

COLUMNS = ("venue", "contract", "liquidation", "deleveraging", "pool", "coins")
CONTRACTS = {
    "linear": "linear: sized in coins, settled in USD",
    "inverse": "inverse: sized in USD, settled in the coin",
    "spot": "spot: no contract, no leverage",
}
UNITS = {
    "mark_notional": "the value at the mark",
    "entry_notional": "the value at entry",
    "contracts": "contracts",
}
MARKS = {
    "median": "the median of the index with funding, the index plus the mean basis{}, and the last price",
    "index_plus_basis": "the index plus the mean basis{}",
    "last": "the last price",
    "index": "the index",
}
PARTS = {
    "whole": "the whole position",
    "compliance": "as much of the position as brings equity back to the requirement",
}
ORDERS = {
    "bankruptcy": "an immediate-or-cancel order limited at the bankruptcy price",
    "market": "a market order",
}
FIRST = {
    "largest_loss": "the one that has lost most",
    "largest_notional": "the largest",
    "largest_margin": "the one that requires most margin",
}
RANKINGS = {
    "profit_times_leverage": "profit over value at entry, times effective leverage",
    "return_times_leverage": "mark over entry (for shorts entry over mark), times effective leverage",
    "profit": "profit",
}
BRIEF_TRIGGERS = {
    "never": "never",
    "pool_empty": "pool empty",
    "pool_fall": "pool falls {fall} in {window_h:g} h",
    "equity_negative": "equity below 0",
}


class Rule(NamedTuple):
    """One rule in words."""

    heading: str
    words: str
    source: str


def describe(venue: Venue) -> list[Rule]:
    """Return the rules of a venue in words, in the order in which they come to act.

    Parameters
    ----------
    venue : Venue
        See `load_venue`.

    Returns
    -------
    list of Rule
        Whole sentences, with the source that the file states.
    """
    return [*_terms(venue), *_liquidations(venue), *_losses(venue), *_money(venue), *_coins(venue)]


def overview(venues: Iterable[Venue]) -> list[tuple[str, ...]]:
    """Return a row of short texts for each venue; see `COLUMNS`."""
    return [
        (
            venue.name,
            venue.contract,
            _brief_part(venue.liquidation) if venue.liquidation else "none",
            _brief_deleveraging(venue),
            _dollars(venue.insurance.pool_usd) if venue.insurance else "none",
            " ".join(venue.coins),
        )
        for venue in venues
    ]


def _terms(venue: Venue) -> Iterator[Rule]:
    """Yield what a position must hold, and how it is marked."""
    yield Rule("contract", f"{_sentence(venue.title)} {_sentence(CONTRACTS[venue.contract])}", "")
    if venue.margin is None or venue.mark is None:
        return
    margin = venue.margin
    less = ", less the bracket's cumulative amount" if margin.deduction == "cumulative" else ", one for the whole"
    price = "at the mark" if margin.basis == "mark" else "at entry"
    fee = f" The fee of closing, {_percent(venue.trigger_fee)}, is added in the trigger." if venue.trigger_fee else ""
    words = f"Value {price} times the rate of its bracket{less}; brackets measure {UNITS[margin.bracket_unit]}.{fee}"
    yield Rule("maintenance margin", words, margin.source)
    window = f" over {venue.mark.basis_window_s:g} s" if venue.mark.basis_window_s else ""
    yield Rule("mark price", _sentence(MARKS[venue.mark.rule].format(window)), venue.mark.source)


def _liquidations(venue: Venue) -> Iterator[Rule]:
    """Yield what is closed, and how."""
    rule = venue.liquidation
    if rule is None:
        return
    words = f"When equity is below the maintenance margin: {_part(rule)}, in {ORDERS[rule.order]}."
    if rule.backstop:
        words += (
            f" Below {_percent(rule.backstop)} of that margin the pool takes the position over at once, off the book."
        )
    words += f" Of a cross account's positions {FIRST[rule.cross_order]} goes first."
    feed = "every order" if rule.published_per_s == 0 else f"{rule.published_per_s:g} a second and contract"
    words += f" The engine sends {rule.orders_per_s:g} orders a second and contract; the public feed shows {feed}."
    yield Rule("liquidation", words, rule.source)
    keeper = "the insurance pool" if rule.surplus == "pool" else "the account"
    fee = f"A clearance fee of {_percent(venue.fees.clearance)}" if venue.fees.clearance else "No clearance fee"
    own = {coin: terms.clearance_fee for coin, terms in venue.coins.items() if terms.clearance_fee is not None}
    fee += "".join(f" ({coin} {_percent(rate)})" for coin, rate in own.items())
    if venue.charges_clearance:
        receiver = "the insurance pool" if venue.fees.clearance_to == "pool" else "the venue"
        fee += f", at most what is left, goes to {receiver}"
    words = f"{fee}; the rest goes to {keeper}. Taker fee {_percent(venue.fees.taker)}."
    yield Rule("fees", words, venue.fees.source)


def _losses(venue: Venue) -> Iterator[Rule]:
    """Yield who pays what a bankrupt position owes."""
    if venue.insurance is None:
        return
    rule = venue.deleveraging
    shortage = "what it lacks is taken from winners by deleveraging"
    if rule.trigger == "never":
        shortage = "what it lacks is socialised"
    elif venue.insurance.shortage == "socialise":
        shortage = "what it lacks where winners are not deleveraged is socialised"
    held = " in coin" if venue.contract == "inverse" else ""
    words = f"It holds {_dollars(venue.insurance.pool_usd)} at the open{held}; {shortage}."
    yield Rule("insurance pool", words, venue.insurance.source)
    if rule.trigger == "never":
        yield Rule("deleveraging", "Never.", rule.source)
        return
    price = "the bankruptcy price of the position taken" if rule.price == "bankruptcy" else "the mark"
    when, ranking = _trigger(rule, venue.insurance.shortage), RANKINGS[rule.ranking or ""]
    words = f"{when}, winners on the other side are closed at {price}, ranked by {ranking}."
    yield Rule("deleveraging", words, rule.source)


def _money(venue: Venue) -> Iterator[Rule]:
    """Yield funding, and coins as collateral."""
    if venue.funding is not None:
        payer = "the wallet" if venue.funding.paid_from == "wallet" else "the position's own margin"
        words = f"Every {venue.funding.interval_h:g} h from 00:00 UTC, out of {payer}."
        yield Rule("funding", words, venue.funding.source)
    if venue.cross is not None:
        cuts = ", ".join(f"{coin} {_percent(cut)}" for coin, cut in venue.cross.haircuts.items())
        yield Rule("collateral in coin", f"Of a cross account, less a haircut: {cuts}.", venue.cross.source)


def _coins(venue: Venue) -> Iterator[Rule]:
    """Yield the brackets of every coin."""
    for name, coin in venue.coins.items():
        stand_in = f" {coin.stand_in} stands in." if coin.stand_in else ""
        yield Rule(name, f"{_brackets(venue, name, coin)}{stand_in}", f"{coin.source} ({coin.date})")


def _brackets(venue: Venue, name: str, coin: Coin) -> str:
    """Return the lot of a coin, and how its brackets begin and end."""
    lot = f"{coin.contract_usd:g} USD" if venue.contract == "inverse" else f"{coin.lot_base:g} {name}"
    words = f"Lots of {lot}, ticks of {_plain(coin.tick_usd)} USD."
    if not coin.brackets:
        return words
    unit = "contracts" if venue.bracket_unit(name) == "contracts" else name if venue.contract == "inverse" else "USD"
    first, last = coin.brackets[0], coin.brackets[-1]
    ends = [
        f"{_percent(row.maintenance_rate)}, {row.max_leverage:g}x, up to {row.cap:,.0f} {unit}" for row in (first, last)
    ]
    if len(coin.brackets) == 1:
        return f"{words} One bracket: rate {ends[0]}."
    return f"{words} {len(coin.brackets)} brackets: rate {ends[0]}, to {ends[1]}."


def _part(rule: LiquidationRule) -> str:
    """Return how much of a position one order closes."""
    if rule.rule == "brackets":
        down = "the next bracket below" if rule.brackets_down == 1 else f"the bracket {rule.brackets_down} below"
        return f"as much as takes the position down to {down}, and all of it where there is none"
    if rule.rule == "fraction":
        again = f", or breached again within {rule.pause_s:g} s" if rule.pause_s else ""
        return f"{_percent(rule.fraction)} of a position above {rule.above_usd:,.0f} USD, all of a smaller one{again}"
    return PARTS[rule.rule]


def _brief_part(rule: LiquidationRule) -> str:
    """Return the same for a table."""
    briefs = {
        "brackets": f"{rule.brackets_down} bracket{'s' if rule.brackets_down > 1 else ''} down",
        "fraction": f"{_percent(rule.fraction)} at a time",
    }
    return f"{briefs.get(rule.rule, rule.rule)}, {'at market' if rule.order == 'market' else 'at bankruptcy'}"


def _trigger(rule: Deleveraging, shortage: str) -> str:
    """Return when a venue deleverages."""
    if rule.trigger == "pool_fall":
        words = (
            f"When the pool has fallen by {_percent(rule.fall)} from its maximum over {rule.window_h:g} h, until by "
            f"less than {_percent(rule.stop)}"
        )
        return f"{words}, or cannot pay" if shortage == "deleverage" else words
    return (
        "When the pool cannot pay" if rule.trigger == "pool_empty" else "When the account taken owes more than it has"
    )


def _brief_deleveraging(venue: Venue) -> str:
    """Return when and at which price, for a table."""
    rule = venue.deleveraging
    if rule.trigger == "never":
        return "losses shared" if venue.insurance and venue.insurance.shortage == "socialise" else "never"
    return f"{BRIEF_TRIGGERS[rule.trigger].format(fall=_percent(rule.fall), window_h=rule.window_h)}, at {rule.price}"


def _dollars(amount: float) -> str:
    """Return an amount as people read it: 1.2 bn USD."""
    for size, unit in ((1e9, "bn"), (1e6, "m")):
        if amount >= size:
            return f"{amount / size:g} {unit} USD"
    return f"{amount:,.0f} USD"


def _percent(fraction: float) -> str:
    """Return a fraction in per cent."""
    return f"{100 * fraction:.4g} %"


def _plain(number: float) -> str:
    """Return a small number without an exponent."""
    return f"{number:.10f}".rstrip("0").rstrip(".")


def _sentence(words: str) -> str:
    """Return words as a sentence."""
    return f"{words[0].upper()}{words[1:]}."

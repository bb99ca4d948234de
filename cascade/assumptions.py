"""What is assumed about the accounts: one mass and one side skew per leverage bucket, laws of size, stops and time.

The defaults are priors; `cascade calibrate` fits some and writes all to a TOML file with what made them. Masses and
open interest are notional in USD. Tags: [public], [computed] from public data, [assumed].
"""

import json
import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from cascade.reading import Strict, flaw, read_model
from cascade.units import Fraction

BUCKETS = ("<10x", "10-20x", "20-50x", ">50x")
BOUNDS = (
    (1.0, 10.0),
    (10.0, 20.0),
    (20.0, 50.0 + 1e-9),
    (50.0 + 1e-9, 1000.0),
)  # 10x in the second, 20x and 50x in the third
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[Fraction, Field(ge=0, le=1)]
MAX_CHOICES = 8


class Choices(Strict):
    """Leverages that people choose, and how many people choose each; what a venue does not offer, nobody chooses."""

    leverages: tuple[Annotated[float, Field(ge=1, le=1000)], ...]
    weights: tuple[Positive, ...]  # relative

    @model_validator(mode="after")
    def _match(self) -> "Choices":
        if not 0 < len(self.leverages) == len(self.weights) <= MAX_CHOICES:
            raise flaw(f"leverages and weights must be as many, from 1 to {MAX_CHOICES}", "leverages")
        return self


class Bucket(Choices):
    """The isolated positions of one leverage bucket."""

    name: str
    mass_usd: Annotated[float, Field(ge=0)]  # longs and shorts, had the path before the day crossed none of them
    long_share: Share  # of positions, at their opening
    mean_holding_days: Positive


class SizeLaw(Strict):
    """Lognormal notional of a position at its opening, cut (not piled up) at the cap or at what its leverage allows."""

    median_usd: Positive
    sigma: Positive
    cap_usd: Positive


class Stops(Strict):
    """Stop orders that isolated accounts place when they open; the remainder has none.

    The distance from entry is uniform between two shares of the way on which the margin is lost, that way taken as
    no wider than `widest`.
    """

    share: Share
    nearest: Share
    farthest: Share
    widest: Share
    round_share: Share  # of stops, moved to the nearest round price


class Remainder(Choices):
    """The low-leverage or hedged rest of open interest: accounts like the others, drawn until open interest is full."""

    accounts: Positive  # expected; sets the mean size
    sigma: Positive
    cap_usd: Positive
    mean_holding_days: Positive


class CrossAccounts(Strict):
    """Cross accounts by their state at the day's start: several contracts at one venue, one collateral.

    An account's distance is the move of all its marks against it at once, as a fraction, that brings its equity to the
    requirement; lognormal. Contracts are in different coins, each by open interest. They are held through the day.
    """

    accounts: Positive  # expected
    median_usd: Positive  # gross notional of an account: lognormal, cut at the cap
    sigma: Positive
    cap_usd: Positive
    legs: tuple[Annotated[float, Field(ge=0)], ...] = Field(min_length=1, max_length=6)  # with 1, 2, ... contracts
    hedged_share: Share  # of accounts whose contracts take turns, long and short
    long_share: Share  # of the contracts of the others
    distance_median: Positive
    distance_sigma: Positive
    coin_share: Share  # of accounts whose collateral is in coin, where the venue takes one
    mean_holding_days: Positive

    @model_validator(mode="after")
    def _check(self) -> "CrossAccounts":
        if sum(self.legs) <= 0:
            raise flaw(f"must not all be 0, got {self.legs}", "legs")
        return self


class LeverageAssumptions(Strict):
    """All assumptions about accounts. The order of coins and venues is that of their numbers in a world."""

    buckets: tuple[Bucket, ...]
    size: SizeLaw
    size_scale: Positive = 1.0  # multiplies the median of isolated positions
    coin_shares: dict[str, Annotated[float, Field(ge=0)]]  # of isolated mass
    venue_shares: dict[str, Annotated[float, Field(ge=0)]]  # of isolated mass and of open interest
    open_interest_usd: dict[str, Positive]  # by coin, at the day's start; of longs, and as much of shorts
    stops: Stops
    remainder: Remainder
    cross: CrossAccounts | None = None  # absent: every account is isolated
    hours: tuple[Annotated[float, Field(ge=0)], ...]  # relative rate of openings in each hour of the day, UTC
    made_by: dict[str, Any] = Field(default_factory=dict)  # what wrote this file: fit, seeds, commit

    @model_validator(mode="after")
    def _check(self) -> "LeverageAssumptions":
        if [bucket.name for bucket in self.buckets] != list(BUCKETS):
            raise flaw(f"must be, by name and in this order, {', '.join(BUCKETS)}", "buckets")
        for i, (bucket, (low, high)) in enumerate(zip(self.buckets, BOUNDS, strict=True)):
            if not all(low <= leverage < high for leverage in bucket.leverages):
                raise flaw(f"must lie in the bucket {bucket.name}, got {bucket.leverages}", "buckets", i, "leverages")
        if any(leverage >= BOUNDS[0][1] for leverage in self.remainder.leverages):
            raise flaw(f"must be below 10, got {self.remainder.leverages}", "remainder", "leverages")
        if set(self.coin_shares) - set(self.open_interest_usd):
            raise flaw("must name every coin of coin_shares", "open_interest_usd")
        if len(self.hours) != 24 or sum(self.hours) <= 0:
            raise flaw("must be 24 numbers, not all 0", "hours")
        if self.stops.nearest > self.stops.farthest:
            raise flaw("must not be above farthest", "stops", "nearest")
        return self

    def up_to(self, leverage: float) -> "LeverageAssumptions":
        """Return the accounts of a world that offers no more leverage: buckets that lie above it alone are empty."""
        buckets = [
            bucket if min(bucket.leverages) <= leverage else bucket.model_copy(update={"mass_usd": 0.0})
            for bucket in self.buckets
        ]
        return self.model_copy(update={"buckets": tuple(buckets)})

    def restricted(self, coins: tuple[str, ...], venues: tuple[str, ...]) -> "LeverageAssumptions":
        """Return the part of the accounts that is at these coins and venues, in this order; the rest is left out."""
        coin_shares, venue_shares = _shares(self.coin_shares, coins), _shares(self.venue_shares, venues)
        kept_coins, kept_venues = sum(coin_shares.values()), sum(venue_shares.values())
        interest = {coin: self.open_interest_usd[coin] * kept_venues for coin in coins}
        kept_interest = sum(interest.values()) / sum(self.open_interest_usd.values())
        kept = kept_coins * kept_venues
        return self.model_copy(
            update={
                "coin_shares": {coin: share / kept_coins for coin, share in coin_shares.items()},
                "venue_shares": {venue: share / kept_venues for venue, share in venue_shares.items()},
                "buckets": tuple(b.model_copy(update={"mass_usd": b.mass_usd * kept}) for b in self.buckets),
                "open_interest_usd": interest,
                "remainder": self.remainder.model_copy(update={"accounts": self.remainder.accounts * kept_interest}),
                "cross": self.cross and self.cross.model_copy(update={"accounts": self.cross.accounts * kept_interest}),
            }
        )


def _shares(shares: dict[str, float], names: tuple[str, ...]) -> dict[str, float]:
    """Return the shares of some names, of all."""
    total = math.fsum(shares.values())
    return {name: shares[name] / total for name in names}


def default_assumptions() -> LeverageAssumptions:
    """Return the priors from which a fit starts."""
    return LeverageAssumptions(
        # mass: opened on a day like this, 128 + 128, 530 + 530, 725 + 720, 285 + 270 $M by a price-driven study with
        # real brackets [computed], times the mean holding time [assumed]; leverages [public], weights [assumed]
        buckets=(
            _bucket(0, 2048e6, 0.5, 8.0, (3, 5), (1, 1)),
            _bucket(1, 2120e6, 0.5, 2.0, (10, 15), (4, 1)),
            _bucket(2, 867e6, 0.502, 0.6, (20, 25, 50), (4, 2, 3)),
            _bucket(3, 83e6, 0.514, 0.15, (75, 100, 125, 150), (2, 5, 2, 0.2)),
        ),
        size=SizeLaw(median_usd=620.0, sigma=2.1, cap_usd=3e6),  # fits published quantiles [computed]; cap [assumed]
        # as the open interest below, which is six coins' [assumed]
        coin_shares={"BTC": 0.575, "ETH": 0.311, "XRP": 0.027, "SOL": 0.060, "DOGE": 0.012, "BNB": 0.015},
        # as the reported liquidations, 2026-02-06 [assumed]
        venue_shares={"binance": 0.396, "okx": 0.217, "bybit": 0.184, "other": 0.203},
        # snapshots before and after the day (BTC 29.8 and 23.1 $bn, all coins 65.6 and 49.3) [public], between them by
        # BTC's log price; times 52.0 / 42.1, since the six stand for the whole market [computed]
        open_interest_usd={"BTC": 29.9e9, "ETH": 16.2e9, "XRP": 1.41e9, "SOL": 3.09e9, "DOGE": 0.64e9, "BNB": 0.79e9},
        stops=Stops(share=0.25, nearest=0.3, farthest=0.8, widest=0.25, round_share=0.3),  # [assumed]
        # [assumed]; with these and the cross accounts 4 million positions and more are open. Held through the day: in
        # coins, open interest hardly moved over the whole fall [public], and such sizes are not closed with one order
        remainder=Remainder(
            leverages=(1.0, 1.5, 2.0, 3.0), weights=(4, 3, 2.8, 0.2),
            accounts=1.45e6, sigma=2.1, cap_usd=10e6, mean_holding_days=3650.0,
        ),
        cross=default_cross(),
        # most at the US cash open [assumed]
        hours=(0.9, 0.85, 0.85, 0.8, 0.75, 0.75, 0.75, 0.85, 0.95, 0.95, 0.9, 0.9,
               1.0, 1.25, 1.5, 1.5, 1.35, 1.25, 1.15, 1.1, 1.05, 1.0, 0.85, 0.8),
    )  # fmt: skip


def default_cross() -> CrossAccounts:
    """Return the prior of cross accounts, which no fit moves.

    Distance: cross positions' median liquidation price is 38% from entry [public]. Isolated margin is 4.9% of positions
    with a liquidation price and 21.9% of those within 5% of it [public], so a cross position is 0.184 times as often
    within 5% as an isolated one: (0.781 / 0.951) / (0.219 / 0.049). Of isolated notional 31.9% is within 7% [public],
    so some 23% within 5%; of cross positions then 4.2%, at -1.73 standard deviations: ln(0.38 / 0.05) / 1.73 = 1.17.
    """
    return CrossAccounts(
        accounts=1.0e6,  # of some 4 million [assumed]
        # median of positions deleveraged on 2025-10-10 [computed], the rest as isolated ones [assumed]: some 4 $bn in
        # all, so that cross accounts are about a sixth of what the day liquidates
        median_usd=480.0, sigma=2.1, cap_usd=3e6,
        legs=(0.5, 0.25, 0.15, 0.1), hedged_share=0.3, long_share=0.5, coin_share=0.2,  # [assumed]
        distance_median=0.38, distance_sigma=1.17,
        mean_holding_days=8.0,  # as isolated ones below 10x [assumed]
    )  # fmt: skip


def _bucket(i: int, mass_usd: float, long_share: float, days: float, leverages: tuple, weights: tuple) -> Bucket:
    """Return bucket `i` by position of its fields."""
    return Bucket(
        name=BUCKETS[i],
        mass_usd=mass_usd,
        long_share=long_share,
        mean_holding_days=days,
        leverages=leverages,
        weights=weights,
    )


def read_assumptions(path: str | Path) -> LeverageAssumptions:
    """Return the assumptions that a TOML file holds.

    Raises
    ------
    InvalidConfigError
        If the file is absent, no TOML, or cannot be true.
    """
    return read_model(LeverageAssumptions, path)


def to_toml(assumptions: LeverageAssumptions) -> str:
    """Return the text of the TOML file that `read_assumptions` reads back to an equal value."""
    tables = assumptions.model_dump(mode="json")
    plain = {key: value for key, value in tables.items() if not isinstance(value, dict | None) and key != "buckets"}
    lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    for bucket in tables["buckets"]:
        lines += ["", "[[buckets]]", *(f"{key} = {json.dumps(value)}" for key, value in bucket.items())]
    for key, table in tables.items():
        if isinstance(table, dict) and table:
            lines += ["", f"[{key}]", *(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in table.items())]
    return "\n".join(lines) + "\n"

"""The world besides accounts and venues' rules, as frozen types checked on creation; defaults are in `priors.toml`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from cascade.errors import InvalidConfigError, did_you_mean
from cascade.reading import Strict, check_model, flaw, read_model
from cascade.units import Fraction

PRIORS = Path(__file__).with_name("priors.toml")


class CoinMarket(Strict):
    """How much of a coin there is."""

    depth_1pct_usd: float = Field(gt=0)  # bids within 1% of the mid at the first venue
    volatility: float = Field(gt=0)  # a year, in calm


class Liquidity(Strict):
    """What providers post: mean depth within a fraction u of the reference is B u**kappa, with quotes at the touch."""

    kappa: float = Field(gt=0)
    farthest: Fraction = Field(gt=0, lt=1)
    nearest: Fraction = Field(gt=0, lt=1)
    break_fraction: Fraction = Field(gt=0, lt=1)
    posts_per_s: float = Field(gt=0, le=1000)
    lifetime_s: float = Field(ge=1)
    lifetime_near_s: float = Field(gt=0)
    lifetime_per_bp_s: float = Field(ge=0)
    touch_over_depth: float = Field(ge=0)
    taken_share: Fraction = Field(ge=0, le=1)
    profile_distances: tuple[Fraction, ...] = ()  # below 1%: where the law is replaced by stated points,
    profile_depths: tuple[float, ...] = ()  # depth within each, without quotes at the touch, over that within 1%

    @model_validator(mode="after")
    def _a_profile(self) -> Self:
        at, depths = self.profile_distances, self.profile_depths
        if len(at) != len(depths):
            raise flaw(f"must be as many as profile_distances, got {len(depths)}", "profile_depths")
        for name, values, most in (("profile_distances", at, 0.01), ("profile_depths", depths, 1.0)):
            if values and (values[0] <= 0 or values[-1] >= most or list(values) != sorted(set(values))):
                raise flaw(f"must rise between 0 and {most:g}, got {values}", name)
        return self

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.nearest < self.break_fraction < self.farthest:
            raise flaw(
                f"must lie between nearest {self.nearest:g} and farthest {self.farthest:g}, got "
                f"{self.break_fraction:g}; order the three",
                "break_fraction",
            )
        return self


class Withdrawal(Strict):
    """How depth thins after a five-minute move, and comes back."""

    sigmas: tuple[float, ...] = Field(min_length=2)
    thinning: tuple[float, ...] = Field(min_length=2)
    refill_per_minute: Fraction = Field(gt=0)
    retreat_per_minute: float = Field(gt=0)
    sigmas_per_liquidated_depth: float = Field(ge=0)
    severity_sigma: float = Field(default=0.0, ge=0, le=3)  # of the log by which (thinning - 1) varies; 0: it does not

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if len(self.sigmas) != len(self.thinning) or self.sigmas[0] != 0 or self.thinning[0] != 1:
            raise flaw(f"must be as long as sigmas and begin with 1 at 0 sigmas, got {self.thinning}", "thinning")
        if list(self.sigmas) != sorted(set(self.sigmas)) or list(self.thinning) != sorted(self.thinning):
            raise flaw(f"must rise, as must thinning, got {self.sigmas}", "sigmas")
        return self


class Flow(Strict):
    """Takers without leverage."""

    noise_per_s: float = Field(ge=0, le=30)
    noise_dispersion: float = Field(default=0.0, ge=0, le=100)  # of a second's rate: variance over square; 0: Poisson
    noise_over_depth: float = Field(ge=0)
    noise_sigma: float = Field(ge=0, le=4)  # lognormal sizes, where no quantiles are given:
    noise_probabilities: tuple[Fraction, ...] = ()
    noise_sizes: tuple[float, ...] = ()  # quantiles at these probabilities, in any unit: the mean is stated above
    value_bp_per_sqrt_s: float = Field(ge=0)
    arbitrage_cost: Fraction = Field(ge=0)

    @model_validator(mode="after")
    def _a_law_of_sizes(self) -> Self:
        at, sizes = self.noise_probabilities, self.noise_sizes
        if len(at) != len(sizes) or len(at) == 1:
            raise flaw(f"must be as many as noise_probabilities, and two at least, got {len(sizes)}", "noise_sizes")
        if at and (at[0] != 0 or at[-1] != 1 or list(at) != sorted(set(at))):
            raise flaw(f"must rise from 0 to 1, got {at}", "noise_probabilities")
        if at and (min(sizes) <= 0 or list(sizes) != sorted(sizes)):
            raise flaw(f"must be positive and rise, got {sizes}", "noise_sizes")
        return self


def between_quantiles(probabilities: Sequence[float], sizes: Sequence[float], at: np.ndarray) -> np.ndarray:
    """Return quantiles of sizes at any probability, between stated ones by their logarithms."""
    return np.exp(np.interp(at, probabilities, np.log(sizes)))


class Learning(Strict):
    """How providers follow what uninformed flow does to the price, and forget it."""

    share: Fraction = Field(ge=0, le=1)
    half_life_h: float = Field(gt=0)
    local_half_life_s: float = Field(gt=0)  # of what a market's providers followed alone


class Funding(Strict):
    """What longs pay to shorts at a perpetual venue's hours."""

    rate_8h: Fraction = Field(default=0.0, gt=-1, lt=1)  # of notional, for eight hours; other intervals in proportion


class Run(Strict):
    """Sizes and intervals of a run, in seconds of the simulated day."""

    warmup_s: int = Field(ge=1)
    news_block_s: int = Field(ge=1)
    map_interval_s: int = Field(ge=1)
    order_slots: int = Field(ge=2, lt=2**31)
    rounds: int = Field(default=1, ge=1, le=64)  # of noise trades in a second; providers follow between them
    taken_slots: int = Field(default=0, ge=0)  # room for single orders of takers without leverage; 0: none is kept


class Mechanisms(Strict):
    """What is switched on. Off is a counterfactual, not another calibration."""

    liquidations: bool = True  # off: breached positions are closed at their mark, off the book
    stops: bool = True
    withdrawal: bool = True
    arbitrage: bool = True
    openings: bool = True
    learning: bool = True


class Priors(Strict):
    """Everything of the world that is assumed rather than fitted."""

    coins: dict[str, CoinMarket] = Field(min_length=1)
    venues: dict[str, float] = Field(min_length=1)  # depth over the first's
    liquidity: Liquidity
    withdrawal: Withdrawal
    flow: Flow
    learning: Learning
    funding: Funding = Funding()
    run: Run
    ranges: dict[str, tuple[float, ...]] = Field(default_factory=dict)  # values to report over: see `varied`

    @model_validator(mode="after")
    def _ranges_known(self) -> Self:
        for name in self.ranges:
            if name not in self._names():
                raise flaw(f"there is no prior {name!r}{did_you_mean(name, self._names())}", "ranges", name)
        return self

    def _names(self) -> set[str]:
        """Return what can be varied."""
        known = {"depth", "withdrawal.excess", *(f"venues.{venue}" for venue in self.venues)}
        for section in ("learning", "liquidity", "withdrawal", "flow", "funding"):
            known |= {f"{section}.{key}" for key in type(getattr(self, section)).model_fields}
        return known

    def cases(self) -> Iterator[tuple[str, float]]:
        """Yield every prior that has a range, with each value of it."""
        for name, values in self.ranges.items():
            for value in values:
                yield name, value

    def varied(self, name: str, value: float) -> "Priors":
        """Return a copy with one prior changed: "section.key"; "depth" and "withdrawal.excess" are factors."""
        if name not in self._names():
            raise InvalidConfigError(f"there is no prior {name!r}{did_you_mean(name, self._names())}")
        if name == "depth":
            coins = self.model_dump()["coins"]
            for coin in coins.values():
                coin["depth_1pct_usd"] *= value
            return self.changed(coins=coins)
        if name == "withdrawal.excess":
            thinning = tuple(1.0 + value * (factor - 1.0) for factor in self.withdrawal.thinning)
            return self.changed(withdrawal={"thinning": thinning})
        section, key = name.split(".")
        return self.changed(**{section: {key: value}})

    def changed(self, **sections: dict) -> "Priors":
        """Return a copy with some keys of some sections changed, checked anew: `changed(learning={"share": 0.7})`."""
        tables = self.model_dump()
        for section, keys in sections.items():
            if section not in tables:
                raise InvalidConfigError(f"priors have no section {section!r}{did_you_mean(section, tables)}")
            tables[section] |= keys
        return check_model(Priors, tables, "priors")


def load_priors(path: str | Path | None = None) -> Priors:
    """Return the priors of a TOML file, or those that ship with the package."""
    return read_model(Priors, Path(path) if path is not None else PRIORS)

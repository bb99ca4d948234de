"""Reported figures, each with the place where the source states it and the tolerances of its verdict."""

from math import isnan, nan
from statistics import median
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cascade.reading import Strict, flaw
from cascade.units import Fraction as FractionText

MEDIAN_NEEDS_SEEDS = 10  # the median of fewer is as noisy as they are: they are judged one by one

Range = tuple[float, float]


class Tolerance(Strict):
    """How near a simulated value must come to the reported one: all that is given must hold."""

    relative: Annotated[FractionText, Field(gt=0, lt=1)] | None = None  # of the reported value
    absolute: Annotated[FractionText, Field(gt=0)] | None = None
    low: float | None = None
    high: float | None = None

    def holds(self, value: float, reported: float | Range | None) -> bool:
        """Whether `value` is near enough; nan never is."""
        centre = nan if reported is None or isinstance(reported, tuple) else reported
        return (
            not isnan(value)
            and (self.relative is None or abs(value - centre) <= self.relative * abs(centre))
            and (self.absolute is None or abs(value - centre) <= self.absolute)
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
        )


class Figure(Strict):
    """A reported figure and the tolerances of its verdict; `value` is None where nothing was reported."""

    value: float | Range | None = None
    sense: Literal["exact", "about", "more-than", "range", "derived", "required"] = "exact"
    section: str = ""  # of the source report
    note: str = ""
    within: Tolerance | None = None  # for the median over seeds
    each_seed: Tolerance | None = None  # for every seed

    def judged_by(self, n_seeds: int) -> Tolerance | None:
        """Return the tolerance that a verdict over so many seeds hangs on: that of the median once there are enough."""
        return self.each_seed if self.each_seed is not None and n_seeds < MEDIAN_NEEDS_SEEDS else self.within

    def is_within(self, seeds: list[float]) -> bool:
        """Whether simulated values, one per seed, agree with what was reported; True where nothing was.

        Every seed is held to `each_seed`, and the median to `within`; but where seeds have a tolerance of their own
        and are fewer than `MEDIAN_NEEDS_SEEDS`, to the former alone.
        """
        if self.value is None or self.within is None:
            return True
        if self.each_seed is not None:
            if not all(self.each_seed.holds(value, self.value) for value in seeds):
                return False
            if len(seeds) < MEDIAN_NEEDS_SEEDS:
                return True
        return bool(seeds) and not any(map(isnan, seeds)) and self.within.holds(median(seeds), self.value)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.value is not None and not (self.section and self.within):
            raise ValueError("a reported figure needs its `section` and a tolerance `within`")
        about_one_number = any(t and (t.relative or t.absolute) for t in (self.within, self.each_seed))
        if about_one_number and not isinstance(self.value, float):
            raise ValueError("`relative` and `absolute` need one reported number; for a range give `low` and `high`")
        return self


class Figures(Strict):
    """Every figure that a replay is judged by. What a file leaves out was not reported."""

    liquidated_usd: Figure = Figure()
    liquidated_accounts: Figure = Figure()
    long_share: Figure = Figure()
    share_lt_10x: Figure = Figure()
    share_10_20x: Figure = Figure()
    share_20_50x: Figure = Figure()
    share_gt_50x: Figure = Figure()
    share_binance: Figure = Figure()
    share_okx: Figure = Figure()
    share_bybit: Figure = Figure()
    share_other: Figure = Figure()
    btc_drop: Figure = Figure()
    btc_low_usd: Figure = Figure()
    btc_close_usd: Figure = Figure()
    peak_window_share: Figure = Figure()
    peak_window_is_peak: Figure = Figure()
    eth_drop: Figure = Figure()
    xrp_drop: Figure = Figure()
    sol_drop: Figure = Figure()
    doge_drop: Figure = Figure()
    bnb_drop: Figure = Figure()
    amplification: Figure = Figure()
    btc_drop_without_cascade: Figure = Figure()
    tracking_rms: Figure = Figure()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for name, figure in self:
            values = figure.value if isinstance(figure.value, tuple) else (figure.value,)
            highest = 1.0 if "share" in name or "drop" in name else float("inf")
            for value in values:
                if value is not None and not 0 <= value <= highest:
                    raise flaw(
                        f"cannot be {value:g}; a fraction lies in 0 to 1, and nothing is negative", name, "value"
                    )
        return self

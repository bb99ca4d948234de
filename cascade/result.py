"""What a run returns: frozen types. Frames are made when asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cascade import branching
from cascade.figures import measure
from cascade.state import STAKE_SHIFT
from cascade.summary import Summary, summarise

if TYPE_CHECKING:
    import polars as pl

    from cascade.facts import Figure as ReportedFigure

STEPS_PER_MINUTE = 60
LEVERAGE_BUCKETS = ("<10x", "10-20x", "20-50x", ">50x")
QUANTA_PER_USD = 1e6


@dataclass(frozen=True, repr=False)
class Result:
    """One simulated day of one seed.

    Arrays are indexed by coin, by market (`market = coin * len(venues) + venue`) and by step of `step_s` seconds.
    A step is named by the time at which it begins; its prices are those at its end.
    """

    event: str
    seed: int
    start_ns: int  # UTC, of step 0
    step_s: float
    coins: tuple[str, ...]
    venues: tuple[str, ...]  # the last may be "spot"
    tick_usd: np.ndarray  # float64, (markets,)
    lot_base: np.ndarray  # float64, (markets,)
    floor_tick: np.ndarray  # int64, (markets,); price = (floor_tick + tick) * tick_usd
    tape: np.ndarray  # LIQUIDATION rows in time order
    index_usd: np.ndarray  # float64, (coins, steps): index at the end of each step
    value_usd: np.ndarray  # float64, (coins, steps): V, moved by news alone
    reference_usd: np.ndarray  # float64, (coins, steps): R, around which providers quote
    open_usd: np.ndarray  # float64, (coins,)
    target_usd: np.ndarray | None  # float64, (coins, minutes): tracked path at minute closes; None without tracking
    minutes: np.ndarray  # MINUTE, (minutes, markets)
    stake_lots: (
        np.ndarray
    )  # float32, (snapshots, coins, 2, STAKE_BINS): lots at stake by falling/rising trigger and price bin
    stake_every: int  # steps between snapshots
    news: np.ndarray  # float64, (coins, blocks): log change of V by news in each block of 60 s
    ledger: dict  # venue -> account -> quanta at the end; and "conserved": bool
    counters: dict  # messages by kind, trades, openings, closings, stops ...
    runtime: dict  # positions, book_messages, loop_s, population_s, total_s, peak_rss_mb
    passing: np.ndarray = field(
        default_factory=lambda: np.zeros((2, 0))
    )  # float64, (2, markets): share of a market's fall by orders that reaches its coin's marks, and its own
    provenance: dict = field(default_factory=dict)  # resolved configuration, hashes, versions

    def __repr__(self) -> str:
        """Return one line: the arrays are too long to show."""
        return f"<Result {self.event}, seed {self.seed}: {len(self.tape):,} liquidations in {', '.join(self.coins)}>"

    def step_ns(self, step: np.ndarray) -> np.ndarray:
        """Return the UTC nanoseconds at which each step begins."""
        return self.start_ns + np.rint(np.asarray(step, np.int64) * (self.step_s * 1e9)).astype(np.int64)

    def minute_ns(self) -> np.ndarray:
        """Return the UTC nanoseconds at which each recorded minute begins."""
        return self.start_ns + 60_000_000_000 * np.arange(len(self.minutes), dtype=np.int64)

    def coin_number(self, coin: str) -> int:
        """Return the row of `coin` in the arrays by coin."""
        if coin not in self.coins:
            raise ValueError(f"coin must be one of {', '.join(self.coins)}, got {coin!r}")
        return self.coins.index(coin)

    @cached_property
    def tape_notional_usd(self) -> np.ndarray:
        """Return the value of each liquidation: lots at the mark of the trigger."""
        return self.tape["lots"] * self.lot_base[self.tape["market"]] * self.tape["mark_usd"]

    @cached_property
    def liquidations(self) -> "pl.DataFrame":
        """One row per liquidation, in the order of the tape; prices and money in USD, times in UTC."""
        import polars as pl

        tape = self.tape
        coin, venue = np.divmod(tape["market"].astype(np.int64), len(self.venues))
        is_short = tape["side"] < 0
        return pl.DataFrame(
            {
                "time": _times(self.step_ns(tape["trigger_step"])),
                "order_time": _times(self.step_ns(tape["step"])),
                "account": tape["account"],
                "coin": _labels(coin, self.coins),
                "venue": _labels(venue, self.venues),
                "position_side": _labels(is_short, ("long", "short")),
                "side": _labels(is_short, ("sell", "buy")),
                "leverage": tape["leverage"].astype(np.float64),
                "leverage_bucket": _labels(tape["bucket"], LEVERAGE_BUCKETS),
                "entry_price": tape["entry_usd"],
                "mark_price": tape["mark_usd"],
                "bankruptcy_price": tape["bankruptcy_usd"],
                "fill_price": tape["fill_usd"],
                "last_fill_price": tape["last_fill_usd"],
                "lots": tape["lots"],
                "filled_lots": tape["filled_lots"],
                "size": tape["lots"] * self.lot_base[tape["market"]],
                "notional_usd": self.tape_notional_usd,
                "pool_usd": tape["pool"] / QUANTA_PER_USD,
                "fee_usd": tape["fee"] / QUANTA_PER_USD,
                "opened_today": tape["opened_today"] != 0,
            }
        ).with_columns(pl.col("fill_price", "last_fill_price").fill_nan(None))

    @cached_property
    def path(self) -> "pl.DataFrame":
        """The index, the value `V` and the reference `R` of every coin at the end of every step."""
        import polars as pl

        n_coins, steps = self.index_usd.shape
        time = _times(self.step_ns(np.arange(steps)))
        return pl.DataFrame(
            {
                "time": pl.concat([time] * n_coins),
                "coin": _labels(np.repeat(np.arange(n_coins), steps), self.coins),
                "index_usd": self.index_usd.ravel(),
                "value_usd": self.value_usd.ravel(),
                "reference_usd": self.reference_usd.ravel(),
            }
        )

    @cached_property
    def books(self) -> "pl.DataFrame":
        """Every market's book and mark at the end of every minute; a price is null where a side is empty."""
        import polars as pl

        n_minutes, n_markets = self.minutes.shape
        coin, venue = np.divmod(np.tile(np.arange(n_markets), n_minutes), len(self.venues))
        bid, ask = self._touch_usd()
        mid = (bid + ask) / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            spread_bp = self.minutes["spread_ticks"] * self.tick_usd / mid * 1e4
        usd_per_lot = mid * self.lot_base
        depths = {f"{side}_{label}_usd": (self.minutes[f"{side}_lots_{width}"] * usd_per_lot).ravel()
                  for label, width in (("10bp", "01"), ("100bp", "1")) for side in ("bid", "ask")}  # fmt: skip
        return pl.DataFrame(
            {
                "time": _times(np.repeat(self.minute_ns(), n_markets)),
                "coin": _labels(coin, self.coins),
                "venue": _labels(venue, self.venues),
                "mid_usd": mid.ravel(),
                "mark_usd": self.minutes["mark_usd"].ravel(),
                "spread_bp": spread_bp.ravel(),
                **depths,
                "taken_usd": (self.minutes["taken_lots"] * usd_per_lot).ravel(),
                "liquidated_usd": (self.minutes["liquidated_lots"] * usd_per_lot).ravel(),
                "withdrawal": self.minutes["withdrawal"].ravel().astype(np.float64),
            }
        ).with_columns(pl.selectors.float().fill_nan(None))

    @cached_property
    def branching(self) -> "pl.DataFrame":
        """The branching ratio of every levered market, and the spectral radius of its coin, by minute: `branching`."""
        return branching.frame(self)

    def _touch_usd(self) -> tuple[np.ndarray, np.ndarray]:
        """Return best bid and ask by minute and market, nan where a side is empty."""
        from cascade.state import TICKS

        bid, ask = self.minutes["bid_tick"], self.minutes["ask_tick"]
        bid_usd = np.where(bid >= 0, (self.floor_tick + bid) * self.tick_usd, np.nan)
        return bid_usd, np.where((ask >= 0) & (ask < TICKS), (self.floor_tick + ask) * self.tick_usd, np.nan)

    def stake_usd(self, coin: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what would be closed if the price came by: the liquidation map of `coin`.

        Returns
        -------
        time_ns : ndarray of int64, shape (snapshots,)
        price_usd : ndarray of float64, shape (bins + 1,)
            Edges of the price bins.
        notional_usd : ndarray of float64, shape (snapshots, 2, bins)
            Filed below the price (longs, closed by a fall) and above it (shorts, closed by a rise).
        """
        row = self.coin_number(coin)
        market = row * len(self.venues)  # all markets of a coin share tick and lot
        bins = self.stake_lots.shape[-1]
        edges = (self.floor_tick[market] + (np.arange(bins + 1) << STAKE_SHIFT)) * self.tick_usd[market]
        notional = self.stake_lots[:, row].astype(np.float64) * (self.lot_base[market] * (edges[:-1] + edges[1:]) / 2)
        return self.step_ns(np.arange(len(self.stake_lots)) * self.stake_every), edges, notional


@dataclass(frozen=True, repr=False)
class Replay:
    """A reported day, tracked; and the same news and seed with liquidation orders kept out of the book."""

    event: str
    tracked: Result
    counterfactual: Result
    reported: "Mapping[str, ReportedFigure]"  # by the figure's name: `Event.figures()`
    candles: str = ""  # "FILE, DAY" where a candle file replaced the path: no verdict on what the path imposes

    def __repr__(self) -> str:
        """Return one line."""
        return f"<Replay {self.event}, seed {self.seed}: tracked and counterfactual>"

    @property
    def seed(self) -> int:
        """The seed of both runs."""
        return self.tracked.seed

    @property
    def liquidations(self) -> "pl.DataFrame":
        """The tracked run's liquidations, one row each."""
        return self.tracked.liquidations

    @property
    def path(self) -> "pl.DataFrame":
        """The tracked run's prices, second by second, and the index of the same news without the cascade."""
        import polars as pl

        return self.tracked.path.with_columns(pl.Series("index_without_usd", self.counterfactual.index_usd.ravel()))

    @property
    def amplification(self) -> float:
        """Log fall of BTC with the cascade over that without, at the tracked run's low; nan if that hardly fell."""
        return self.figures()["amplification"]

    @property
    def btc_drop_without_cascade(self) -> float:
        """Fall of BTC in the counterfactual, from the open to its own lowest second."""
        return self.figures()["btc_drop_without_cascade"]

    @property
    def tracking_rms(self) -> float:
        """RMS log error of the BTC index against the tracked path at minute closes."""
        return self.figures()["tracking_rms"]

    @cached_property
    def _figures(self) -> dict[str, float]:
        return measure(self.tracked, self.counterfactual)

    def figures(self) -> dict[str, float]:
        """Return every figure of this seed by name; nan where it has no meaning."""
        return dict(self._figures)

    def summary(self) -> Summary:
        """Return the figures beside the reported ones, with verdicts; prints as a table."""
        return summarise([self])


def _times(time_ns: np.ndarray) -> "pl.Series":
    import polars as pl

    return pl.Series(time_ns, dtype=pl.Int64).cast(pl.Datetime("ns", "UTC"))


def _labels(codes: np.ndarray, names: tuple[str, ...]) -> "pl.Series":
    import polars as pl

    return pl.Series(names, dtype=pl.Enum(names)).gather(np.asarray(codes, np.uint32))

"""What a run returns: frozen types. Frames are made when asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cascade import branching
from cascade.figures import measure
from cascade.frames import (
    deleveragings_frame,
    haircuts_of,
    labels,
    liquidations_frame,
    losses_frame,
    pools_frame,
    times,
)
from cascade.state import CROSS_GROUP, DELEVERAGING, STAKE_SHIFT
from cascade.summary import Summary, summarise
from cascade.units import QUANTUM_COIN, QUANTUM_USD

if TYPE_CHECKING:
    import polars as pl

    from cascade.facts import Figure as ReportedFigure


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
    stake_lots: np.ndarray  # float32, (snapshots, coins, 2, STAKE_BINS): lots at stake, falling then rising, by price
    stake_every: int  # steps between snapshots
    news: np.ndarray  # float64, (coins, blocks): log change of V by news in each block of 60 s
    ledger: dict  # venue -> account -> quanta at the end; and "conserved": bool
    counters: dict  # messages by kind, trades, openings, closings, stops ...
    runtime: dict  # positions, book_messages, loop_s, population_s, total_s, peak_rss_mb
    passing: np.ndarray = field(
        default_factory=lambda: np.zeros((2, 0))
    )  # float64, (2, markets): share of a market's fall by orders that reaches its coin's marks, and its own
    provenance: dict = field(default_factory=dict)  # resolved configuration, hashes, versions
    contract_usd: np.ndarray | float = 0.0  # float64, (markets,): USD in an inverse contract; 0 where they are linear
    deleveraged: np.ndarray = field(default_factory=lambda: np.zeros(0, DELEVERAGING))  # rows in time order
    purses: tuple[str, ...] = ()  # a venue's, and one for each coin that its inverse contracts settle in; unused: ""
    purse_of: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # (markets,)
    pool_quanta: np.ndarray = field(default_factory=lambda: np.zeros((1, 0), np.int64))  # (minutes + 1, purses)
    socialised: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # (purses,): quanta nobody covered
    winnings: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # (purses,): profit that bears them

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
        return self.tape["lots"] * self.lot_usd(self.tape["market"], self.tape["mark_usd"])

    def lot_usd(self, market: np.ndarray, price_usd: np.ndarray) -> np.ndarray:
        """Return what a lot of each market is worth at a price: an inverse contract is so many USD at any."""
        contract_usd = np.broadcast_to(self.contract_usd, self.lot_base.shape)[market]
        return np.where(contract_usd > 0, contract_usd, self.lot_base[market] * price_usd)

    def money_usd(self, market: np.ndarray, quanta: np.ndarray, price_usd: np.ndarray) -> np.ndarray:
        """Return quanta of each market's purse in USD: of 1e-6 USD, or of 1e-8 coin at a price."""
        is_inverse = np.broadcast_to(self.contract_usd, self.lot_base.shape)[market] > 0
        return quanta * np.where(is_inverse, QUANTUM_COIN * price_usd, QUANTUM_USD)

    @cached_property
    def liquidations(self) -> "pl.DataFrame":
        """One row per liquidation order, in the order of the tape; prices and money in USD, times in UTC."""
        return liquidations_frame(self)

    @cached_property
    def cross_share(self) -> float:
        """Share of the liquidated value that cross accounts held; nan where nothing was liquidated."""
        usd = self.tape_notional_usd
        return float(usd[self.tape["group"] == CROSS_GROUP].sum() / usd.sum()) if usd.sum() > 0 else np.nan

    @cached_property
    def contagion_usd(self) -> np.ndarray:
        """What cross accounts lost to liquidation, by the coin whose move breached them and the coin that was closed.

        float64, shape (coins, coins), at the marks of the breach. Off the diagonal, one coin's move has closed
        positions in another.
        """
        rows, n_coins = self.tape["group"] == CROSS_GROUP, len(self.coins)
        moved = self.tape["moved_by"][rows] // len(self.venues)
        closed = self.tape["market"][rows] // len(self.venues)
        usd = np.bincount(moved * n_coins + closed, self.tape_notional_usd[rows], n_coins**2)
        return usd.reshape(n_coins, n_coins)

    @cached_property
    def deleveragings(self) -> "pl.DataFrame":
        """One row for each winner closed against a bankrupt account, in order; prices and money in USD.

        `liquidation` is the row of `liquidations`; `profit_usd` what the winner realised, and `forgone_usd` by how much
        that would have been more at the mark.
        """
        return deleveragings_frame(self)

    @cached_property
    def pools(self) -> "pl.DataFrame":
        """What every insurance pool is worth, USD, at the open and after every minute: cash, and contracts at the mark.

        A venue of inverse contracts has a pool for every coin.
        """
        return pools_frame(self)

    @cached_property
    def losses(self) -> "pl.DataFrame":
        """Who bore the losses of bankrupt positions at every venue, USD.

        `accounts`: collateral of those liquidated; `pools`: what they paid then, gains not set off, nor what they took
        over gains or loses later; `winners`: what deleveraged accounts got less than at the mark; `socialised`: what
        nobody covered, also of positions that stops or owners closed too late.
        """
        return losses_frame(self)

    @property
    def haircuts(self) -> dict[str, float]:
        """By pool, the share of their profit that winners lose to socialised losses; pools without any are left out.

        Everybody with an unrealised profit at the end bears the same share.
        """
        return haircuts_of(self)

    @cached_property
    def path(self) -> "pl.DataFrame":
        """The index, the value `V` and the reference `R` of every coin at the end of every step."""
        import polars as pl

        n_coins, steps = self.index_usd.shape
        time = times(self.step_ns(np.arange(steps)))
        return pl.DataFrame(
            {
                "time": pl.concat([time] * n_coins),
                "coin": labels(np.repeat(np.arange(n_coins), steps), self.coins),
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
        usd_per_lot = self.lot_usd(np.arange(n_markets), mid)
        depths = {f"{side}_{label}_usd": (self.minutes[f"{side}_lots_{width}"] * usd_per_lot).ravel()
                  for label, width in (("10bp", "01"), ("100bp", "1")) for side in ("bid", "ask")}  # fmt: skip
        return pl.DataFrame(
            {
                "time": times(np.repeat(self.minute_ns(), n_markets)),
                "coin": labels(coin, self.coins),
                "venue": labels(venue, self.venues),
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

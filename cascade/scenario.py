"""A question -> a `Scenario`: markets, assumptions, mechanisms, and what happens to the price."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cascade.config import Mechanisms, Priors, load_priors
from cascade.errors import InvalidConfigError, PriceRangeError, did_you_mean
from cascade.given import BlindOrders, GivenBook, check_accounts
from cascade.state import TICKS
from cascade.venues import Venue, load_venue
from cascade.venues.adoption import adopted, with_pool
from cascade.venues.rules import LARGEST_POOL_USD

if TYPE_CHECKING:
    from cascade.assumptions import LeverageAssumptions

EDGE = 0.01  # of the book's range, kept free at either end
OPEN_AT = 0.75  # where in the book's range of ticks a day opens: room for a fall rather than a rise
START_NS = 1_770_336_000_000_000_000  # 2026-02-06T00:00Z, where nothing else is said


@dataclass(frozen=True)
class Programme:
    """A seller or buyer without leverage who takes from the book in equal slices.

    `lots` every `every_s` seconds from `start_s` to before `stop_s`, at one venue; side "buy" or "sell".
    """

    coin: str
    venue: str
    side: str
    start_s: int
    stop_s: int
    lots: int
    every_s: int = 1

    def __post_init__(self) -> None:
        """Check what can be checked without the markets."""
        if self.side not in ("buy", "sell"):
            raise InvalidConfigError(f"side of a programme must be 'buy' or 'sell', got {self.side!r}")
        if not 0 <= self.start_s < self.stop_s:
            raise InvalidConfigError(f"a programme needs 0 <= start_s < stop_s, got {self.start_s} and {self.stop_s}")
        if self.every_s < 1:
            raise InvalidConfigError(f"every_s of a programme must be at least 1, got {self.every_s}")


@dataclass(frozen=True)
class Scenario:
    """Everything that a run needs besides its seed.

    Arrays are indexed by coin and by block of `priors.run.news_block_s` seconds.
    """

    name: str
    coins: tuple[str, ...]
    venues: tuple[Venue, ...]  # a spot venue, where there is one, gives the index
    open_usd: tuple[float, ...]
    seconds: int
    priors: Priors = field(default_factory=load_priors)
    assumptions: "LeverageAssumptions | None" = None  # None: a world without leverage
    pre_day_usd: np.ndarray | None = None  # float64, (coins, minutes): path before the day; needed with assumptions
    mechanisms: Mechanisms = field(default_factory=Mechanisms)
    news: np.ndarray | None = None  # float64, (coins, blocks): log change of the value; None: no news
    target_usd: np.ndarray | None = None  # float64, (coins, blocks): index that news is solved for; None: news as given
    programmes: tuple[Programme, ...] = ()
    providers: GivenBook | BlindOrders | None = None  # None: providers quote around the reference by the priors
    accounts: np.ndarray | None = None  # GIVEN_ACCOUNT: positions that are given instead of drawn from assumptions
    extra_order: bool = False  # one more order in the warm-up: the twin that measures noise
    start_ns: int = START_NS
    provenance: Mapping = field(default_factory=dict)  # where paths and inputs come from; goes to the manifest

    def __post_init__(self) -> None:
        """Check what belongs together."""
        if self.seconds < 1 or self.seconds > 86_400:
            raise InvalidConfigError(f"seconds must lie in 1..86400, got {self.seconds}; simulate days one by one")
        for what, names, known in (
            ("coin", self.coins, self.priors.coins),
            ("venue", [venue.name for venue in self.venues], self.priors.venues),
        ):
            for name in names:
                if name not in known:
                    hint = did_you_mean(name, known)
                    raise InvalidConfigError(
                        f"priors say nothing of the {what} {name!r}{hint} (or add it to the priors' file)"
                    )
        if len(self.open_usd) != len(self.coins):
            raise InvalidConfigError(
                f"open_usd has {len(self.open_usd)} prices for {len(self.coins)} coins; give one each"
            )
        for coin, price in zip(self.coins, self.open_usd, strict=True):
            if not price > 0:
                raise InvalidConfigError(f"open_usd of {coin} must be positive, got {price!r}")
        for label, array in (("news", self.news), ("target_usd", self.target_usd)):
            if array is not None and (array.shape != (len(self.coins), self.blocks) or not np.isfinite(array).all()):
                wanted = (len(self.coins), self.blocks)
                raise InvalidConfigError(
                    f"{label} must be finite and of shape (coins, blocks) = {wanted}, got {array.shape}"
                )
        if self.assumptions is not None and self.pre_day_usd is None:
            raise InvalidConfigError("assumptions need pre_day_usd, the path on which positions were opened; give it")
        if self.accounts is not None:
            check_accounts(self.accounts, drawn=self.assumptions is not None)
        self._check_range()

    @property
    def blocks(self) -> int:
        """Number of blocks of news in the day."""
        return -(-self.seconds // self.priors.run.news_block_s)

    @property
    def grid(self) -> list[tuple[float, float, int]]:
        """Tick in USD, lot in coins and first tick of every coin: its markets share one grid.

        The lot is that of the first venue whose contract is a number of coins; inverse contracts are a number of USD.
        """
        in_coins = next((venue for venue in self.venues if venue.contract != "inverse"), self.venues[0])
        terms = [in_coins.coin(coin) for coin in self.coins]
        floors = [
            max(0, int(price / coin.tick_usd - OPEN_AT * TICKS))
            for coin, price in zip(terms, self.open_usd, strict=True)
        ]
        lots = [coin.lot_base or coin.contract_usd / price for coin, price in zip(terms, self.open_usd, strict=True)]
        return [(coin.tick_usd, lot, floor) for coin, lot, floor in zip(terms, lots, floors, strict=True)]

    def resolved(self) -> dict:
        """Return everything but the arrays as plain values: what a manifest records and hashes."""
        return {
            "name": self.name,
            "coins": list(self.coins),
            "open_usd": list(self.open_usd),
            "seconds": self.seconds,
            "venues": [venue.model_dump(mode="json") for venue in self.venues],
            "priors": self.priors.model_dump(mode="json"),
            "assumptions": self.assumptions.model_dump(mode="json") if self.assumptions is not None else None,
            "mechanisms": self.mechanisms.model_dump(),
            "programmes": [asdict(programme) for programme in self.programmes],
            "extra_order": self.extra_order,
            "tracks_a_path": self.target_usd is not None,
            **({"providers": self.providers.describe()} if self.providers is not None else {}),
            **({"accounts_given": len(self.accounts)} if self.accounts is not None else {}),
            **{key: value for key, value in self.provenance.items() if key != "inputs"},
        }

    def changed(self, **fields) -> "Scenario":
        """Return a copy with some fields replaced."""
        _know(fields, self.__dataclass_fields__, "field of a scenario")
        return replace(self, **fields)

    def with_news(self, news: np.ndarray) -> "Scenario":
        """Return the scenario with this news, and nothing to track."""
        return replace(self, news=news, target_usd=None)

    def without(self, *mechanisms: str) -> "Scenario":
        """Return the scenario with some mechanisms switched off."""
        off = dict.fromkeys(mechanisms, False)
        _know(off, Mechanisms.model_fields, "mechanism")
        return replace(self, mechanisms=Mechanisms(**self.mechanisms.model_dump() | off))

    def under(self, rules: str | Path | Venue) -> "Scenario":
        """Return the scenario with one venue's rules at all of its venues; their names, books and pools stay.

        Leverage that the rules do not offer on the scenario's coins nobody has: a bucket of higher leverage alone is
        left empty. Beware of rules with inverse contracts: collateral is then coin, which loses value with a long, and
        the low-leverage remainder of open interest is liquidated too: on 2026-02-06 some 30 bn USD instead of 2, and a
        price may leave its books. Take the remainder without leverage there, as `experiments/venue_rules` does.

        Raises
        ------
        InvalidConfigError
            If the rules are those of a spot venue.
        """
        rules, prices = load_venue(rules), dict(zip(self.coins, self.open_usd, strict=True))
        if rules.margin is None:
            raise InvalidConfigError(
                f"under: {rules.name} has no leverage, and so no rules; name a venue of perpetuals"
            )
        venues = tuple(adopted(rules, place, prices) for place in self.venues)
        terms = [venue.coin(coin) for venue in venues for coin in self.coins if venue.margin is not None]
        highest = max((coin.brackets[0].max_leverage for coin in terms), default=1.0)
        offered = self.assumptions and self.assumptions.up_to(highest)
        return self.changed(venues=venues, assumptions=offered)

    def with_pools(self, factor: float) -> "Scenario":
        """Return the scenario with insurance pools of so many times their size.

        Raises
        ------
        InvalidConfigError
            If the factor is no number, or negative, or makes a pool larger than `LARGEST_POOL_USD`.
        """
        if isinstance(factor, bool) or not isinstance(factor, Real) or not 0 <= factor < float("inf"):
            raise InvalidConfigError(
                f"with_pools: the factor must be a finite number and must not be negative, got {factor!r}; "
                "0.5 halves every pool"
            )
        most_usd = max((venue.insurance.pool_usd for venue in self.venues if venue.insurance), default=0.0)
        if factor * most_usd > LARGEST_POOL_USD:
            raise InvalidConfigError(
                f"with_pools: {factor:g} times a pool of {most_usd:g} USD is above {LARGEST_POOL_USD:g}, the most that "
                "ledgers hold; lower the factor"
            )
        return self.changed(venues=tuple(with_pool(venue, factor) for venue in self.venues))

    def _check_range(self) -> None:
        """Refuse a path that the books cannot hold: the one to track, or the one that the news make."""
        if self.target_usd is not None:
            paths = self.target_usd
        elif self.news is not None:
            paths = np.array(self.open_usd)[:, None] * np.exp(np.cumsum(self.news, axis=1))
        else:
            return
        for coin, path, (tick, _, floor) in zip(self.coins, paths, self.grid, strict=True):
            low, high = (floor + max(100, EDGE * TICKS * (floor > 0))) * tick, (floor + (1 - EDGE) * TICKS) * tick
            if path.min() < low or path.max() > high:
                raise PriceRangeError(
                    f"the path of {coin} goes from {path.min():g} to {path.max():g} USD, but its books hold "
                    f"{low:g} to {high:g}; are prices in USD? Else give venues with a coarser tick_usd than {tick:g}"
                )


def one_market(
    coin: str = "BTC",
    venue: str = "binance",
    *,
    hours: float = 1.0,
    open_usd: float = 72_000.0,
    shock: float = 0.0,
    priors: Priors | None = None,
    **fields,
) -> Scenario:
    """Return a world of one coin at one venue, with its spot book, and a jump of the value after a tenth of the time.

    Parameters
    ----------
    coin, venue : str
        The contract.
    hours : float
        Length, up to 24.
    open_usd : float
        Price at the start.
    shock : float
        Relative jump of the value by news: -0.05 for a fall of 5%.
    priors : Priors, optional
        Liquidity and flow; by default those that ship with the package.
    **fields
        Other fields of `Scenario`.
    """
    if not 0 < hours <= 24:
        raise InvalidConfigError(f"hours must lie in (0, 24], got {hours!r}")
    if not -1 < shock < 1:
        raise InvalidConfigError(f"shock must lie in (-1, 1), got {shock!r}; write a fall of 5% as -0.05")
    scenario = Scenario(
        name=f"{coin} at {venue}",
        coins=(coin,),
        venues=load_venues([venue, "spot"]),
        open_usd=(open_usd,),
        seconds=round(hours * 3600),
        priors=priors or load_priors(),
        **fields,
    )
    news = np.zeros((1, scenario.blocks))
    news[0, scenario.blocks // 10] = np.log1p(shock)
    return scenario if scenario.news is not None else scenario.with_news(news)


def _know(names: Iterable[str], known: Iterable[str], what: str) -> None:
    """Refuse a name that is not known."""
    for name in names:
        if name not in known:
            raise InvalidConfigError(f"there is no {what} {name!r}{did_you_mean(name, known)}")


def load_venues(names: Sequence[str] | Mapping[str, float]) -> tuple[Venue, ...]:
    """Return the venues of these names."""
    return tuple(load_venue(name) for name in names)

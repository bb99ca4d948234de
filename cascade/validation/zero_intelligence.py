"""Blind order flow (Smith, Farmer, Gillemot, Krishnamurthy, Quantitative Finance 3, 2003): spread, depth, diffusion.

Market orders come at `mu` a second, limit orders at `alpha` a tick and second on either side of the book, and are
cancelled at `delta`; all of one size. Prices are in units of mu / (2 alpha), times in units of 1 / delta; what is left
is the granularity `eps = 2 delta size / mu`, so that

    spread = mu / (2 alpha) f(eps),   diffusion = (mu / (2 alpha))**2 delta h(eps).

Dimensions give no f. It is taken from a plain event-by-event simulation in continuous time without ticks.
"""

from dataclasses import dataclass

import numpy as np

from cascade.given import BlindOrders
from cascade.validation.law import Check, Control, Curve, Law, mean_check, standard_error
from cascade.validation.worlds import TICK_USD, run, theory_world

# f(eps) and its standard error: `tests/reference_flow.py`, 12 runs of 60,000 units of time each [computed]
SPREADS = {0.05: (0.5494, 0.0011), 0.1: (0.6267, 0.0010), 0.2: (0.7589, 0.0013), 0.4: (0.9947, 0.0012)}
BAND = 10  # width of the band into which limit orders fall, in units of price; twice the band changes nothing


@dataclass(frozen=True)
class Flow:
    """Rates of blind flow, and what a run of replicas measured."""

    eps: float
    mu: float  # market orders a second, of both sides
    unit: int  # mu / (2 alpha), ticks

    @property
    def cancels(self) -> float:
        """Cancellations of an order, a second."""
        return 0.5 * self.eps * self.mu

    def measure(self, n: int, hours: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return each replica's spread, orders on a side, and diffusion over half a lifetime, in their units."""
        life_s = 1.0 / self.cancels
        orders = BlindOrders(posts_per_s=BAND * self.mu, band_ticks=BAND * self.unit, lots=1, life_s=life_s)
        scenario = theory_world(
            orders,
            seconds=round(hours * 3600),
            replicas=n,
            priors={"warmup_s": round(6 * life_s), "trade": (self.mu, 1)},
        )
        world = run(scenario, seed)
        minutes, mid = world.records.minutes, world.records.prices["index_usd"] / TICK_USD
        lag = round(0.5 * life_s)
        moved = mid[:, lag:] - mid[:, :-lag]
        depth = 0.5 * (minutes["bid_lots_1"] + minutes["ask_lots_1"]).mean(axis=0)
        diffusion = (moved**2).mean(axis=1) / (lag * self.cancels) / self.unit**2
        return minutes["spread_ticks"].mean(axis=0) / self.unit, depth, diffusion

    def expected_depth(self) -> float:
        """Return the mean number of orders on a side: those posted less those taken, times how long they stay."""
        seen_s = 1.0 / np.expm1(self.cancels) - np.expm1(-self.cancels)  # lifetimes in whole steps, at least one
        return float((0.5 * BAND * self.mu - 0.5 * self.mu) * seen_s)


def blind_flow(quick: bool) -> Law:
    """Return the scalings of spread, depth and diffusion with the rates of blind order flow."""
    n, hours = (64, 24.0) if quick else (128, 24.0)
    base = Flow(eps=0.4, mu=0.01, unit=400)
    spread, depth, diffusion = base.measure(n, hours, 1)
    wide = Flow(eps=0.4, mu=0.01, unit=800).measure(n, hours, 2)
    fast = Flow(eps=0.4, mu=0.02, unit=400).measure(n, hours, 3)
    fine = Flow(eps=0.2, mu=0.02, unit=400).measure(n, hours, 4)
    finer = [Flow(eps=0.2, mu=0.04, unit=400), Flow(eps=0.1, mu=0.04, unit=400), Flow(eps=0.1, mu=0.08, unit=400)]
    other = [flow.measure(n, hours, 5 + k)[0] for k, flow in enumerate(finer)]
    coarse, middle, small = (at_once(*pair) for pair in ((spread, fast[0]), (fine[0], other[0]), (other[1], other[2])))
    shown = np.array([0.1, 0.2, 0.4])
    return Law(
        title="Zero-intelligence order flow",
        set_up=f"orders at random within {BAND} units of the opposite best; {n} books of a day for each set of rates",
        theory="spread = mu/(2 alpha) f(eps), diffusion ~ mu^2 delta / alpha^2, depth = (posted - taken) / delta",
        formula=r"spread $= \frac{\mu}{2\alpha} f(\epsilon)$",
        checks=(
            against("spread over its unit, eps = 0.4", SPREADS[0.4], coarse),
            against("spread over its unit, eps = 0.2", SPREADS[0.2], middle),
            against("spread over its unit, eps = 0.1", SPREADS[0.1], small),
            ratio_check("spread in ticks, alpha halved: factor", 2.0, 2.0 * wide[0], spread),
            ratio_check("diffusion in ticks, alpha halved: factor", 4.0, 4.0 * wide[2], diffusion),
            ratio_check("diffusion, mu and delta doubled: factor", 2.0, 2.0 * fast[2], diffusion),
            mean_check("orders on a side, eps = 0.4", base.expected_depth(), depth),
        ),
        control=Control(
            "delta halved besides", ratio_check("spread, alpha halved: factor", 2.0, 2.0 * fine[0], spread)
        ),
        curve=Curve(
            r"$\epsilon = 2 \delta \sigma / \mu$",
            r"spread $/\ (\mu / 2 \alpha)$",
            shown,
            np.array([x[0] for x in (small, middle, coarse)]),
            np.array([x[1] for x in (small, middle, coarse)]),
            np.array(sorted(SPREADS)),
            np.array([SPREADS[eps][0] for eps in sorted(SPREADS)]),
            *(np.array([0.4]), np.array([fine[0].mean()])),
        ),
    )


def at_once(steps: np.ndarray, longer: np.ndarray) -> tuple[float, float]:
    """Return a mean, and its error, at steps of no length: from some steps and from steps twice as long in units."""
    return float(2.0 * steps.mean() - longer.mean()), float(
        np.hypot(2.0 * standard_error(steps), standard_error(longer))
    )


def against(what: str, theory: tuple[float, float], measured: tuple[float, float]) -> Check:
    """Return the check against a theory that has an error of its own."""
    return Check(what, theory[0], measured[0], float(np.hypot(theory[1], measured[1])))


def ratio_check(what: str, theory: float, above: np.ndarray, below: np.ndarray) -> Check:
    """Return the check of a ratio of the means of independent runs."""
    ratio = float(above.mean() / below.mean())
    error = ratio * np.hypot(standard_error(above) / above.mean(), standard_error(below) / below.mean())
    return Check(what, theory, ratio, float(error))

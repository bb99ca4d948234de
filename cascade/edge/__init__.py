"""Where a shock runs away: the fall of one market against the size of the shock, the leverage in it, and its depth.

One coin at one venue and its spot book, for an hour, with the isolated accounts that are open when the day begins and
nobody who opens more. News takes the price down by the shock, at an even pace. Every run has a twin of the same seed
and news in which liquidations and stops never reach the book: the fall of the one over that of the other is the
amplification, and where it is large, the shock has run away.

Beside it stands what can be said without a run: the branching ratio `g` (`cascade.branching`) of the price to which the
shock leads, from the triggers within a further 1% there and the bids stated for 1% in calm. Triggers grow with leverage
and bids with depth, so `g = 1` is a straight line in the plane of the two.
"""

from cascade.edge.curves import PHASE_SHOCK as PHASE_SHOCK
from cascade.edge.curves import RUNAWAY as RUNAWAY
from cascade.edge.curves import Study as Study
from cascade.edge.curves import by_value as by_value
from cascade.edge.curves import edge_ratios as edge_ratios
from cascade.edge.curves import smallest_runaway as smallest_runaway
from cascade.edge.curves import study as study
from cascade.edge.market import Market as Market
from cascade.edge.market import Outcome as Outcome
from cascade.edge.market import Run as Run
from cascade.edge.market import Setting as Setting
from cascade.edge.market import ratio_after as ratio_after

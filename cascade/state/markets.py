"""The states of coins and markets, which move from step to step."""

import numpy as np

MARK_MEDIAN, MARK_INDEX_BASIS, MARK_LAST, MARK_INDEX = range(4)  # mark rules
FROM_WALLET, FROM_MARGIN = range(2)  # who pays funding of isolated positions

COIN = np.dtype(
    [
        ("value_usd", np.float64),  # V, moved by news alone
        ("shift", np.float64),  # Z, what providers have learned from flow; R = V exp(Z)
        ("reference_usd", np.float64),  # R, around which providers quote
        ("index_usd", np.float64),  # mid of the coin's index market
        ("hazard_s", np.float64),  # cumulative hazard of resting orders, seconds of calm
        ("withdrawal", np.float64),  # w in (0, 1]: how much of calm's depth is left
        ("liquidated", np.float64),  # value liquidated over depth, fading over five minutes
        ("volatility", np.float64),  # of V besides news, log per step
        ("sigma_bar", np.float64),  # of a five-minute bar in calm, the yardstick of withdrawal
        ("index_market", np.int64),
    ]
)
MARKET = np.dtype(
    [
        ("mark_usd", np.float64),
        ("basis_usd", np.float64),  # moving average of mid less index
        ("basis_fade", np.float64),  # of that average, per step
        ("mark_rule", np.int64),
        ("last_tick", np.int64),  # of the last trade
        ("local", np.float64),  # z, by how much (log) its providers deviate from R after flow that hit it alone
        ("impact", np.float64),  # log move that uninformed flow made in this step
        ("arbitraged", np.float64),  # log move that arbitrage made in this step
        ("leaning", np.float64),  # log move that providers follow already within the step, before they learn it
        ("bid_before", np.int64),  # best prices before the flow whose impact is measured
        ("ask_before", np.int64),
        ("expired", np.int64),  # last bucket of the expiry wheel that was emptied
        ("weight", np.float64),  # depth over the coin's
        ("stress_per_lot", np.float64),  # one lot over the coin's depth within 1% on one side
        ("touch_lots", np.float64),  # mean size of a quote at the touch
        ("requote_lots", np.float64),  # mean size of one that follows takers within the step
        ("noise_rate", np.float64),  # noise trades per round
        ("funding_rate", np.float64),  # of notional, that longs pay to shorts each time
        ("funding_every", np.int64),  # steps between two payments; 0 for never
        ("funding_from", np.int64),  # FROM_WALLET or FROM_MARGIN, for isolated positions
        ("funding_due", np.int64),  # quanta that each long lot pays in this step
        ("engine_rate", np.int64),  # liquidation orders per step
        ("cursor", np.int64),  # the mark's tick up to which the ladders have fired
        ("first_queued", np.int64),  # position to liquidate first, or -1
        ("last_queued", np.int64),
        ("first_stopped", np.int64),  # position whose stop fired in the last step, or -1
        ("taken_lots", np.int64),  # since the minute began
        ("liquidated_lots", np.int64),
        ("spread_ticks", np.int64),  # summed over the minute's steps
    ]
)

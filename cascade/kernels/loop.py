"""The day: one step after the other, in the order of the model."""

import numpy as np

from cascade.kernels.accounts import close_due, close_stopped, open_pending
from cascade.kernels.branching import record_offspring
from cascade.kernels.cross import liquidate_cross
from cascade.kernels.draws import stream_key
from cascade.kernels.funding import pay_funding
from cascade.kernels.jit import kernel, rule
from cascade.kernels.ledger import check_ledger
from cascade.kernels.liquidation import drain
from cascade.kernels.liquidity import endow, expire, fair_tick, post, post_quotes, requote, settle_stale, withdraw
from cascade.kernels.placement import lay, post_blindly
from cascade.kernels.pools import record_pools
from cascade.kernels.prices import hear_news, lean, learn, mark_market, mid_usd, move_since, note_touch
from cascade.kernels.queues import fire_ladders
from cascade.kernels.record import record_minute, record_prices, record_stake
from cascade.kernels.takers import arbitrage, run_programmes, trade_noise
from cascade.state import ARBITRAGE, AROUND_REFERENCE, BUY, OPENINGS, RENEWED, STANDING, STREAMS, ZERO_INTELLIGENCE


@kernel
def fill_keys(keys, seed):
    """Write the draw keys of every market and stream."""
    for i in range(len(keys)):
        keys[i] = stream_key(seed, i % STREAMS, i // STREAMS)


@kernel
def post_one_more(world, market, distance, depth_share, life_s):
    """Post one more bid, at a distance and of a share of the market's 1% depth: the difference between twins."""
    price_ticks = fair_tick(world, market) + world.contracts.floor_tick[market]
    tick = np.int64(price_ticks * (1.0 - distance)) - world.contracts.floor_tick[market]
    lots = depth_share * world.markets[market]["weight"] / world.markets[market]["stress_per_lot"]
    endow(world, market, post(world, market, BUY, tick, np.uint64(0)), lots, life_s)


@rule
def provide_liquidity(world, market, clock):
    """Let orders expire, quotes that lag be cleared, and new ones be posted."""
    mode = world.settings.providers[0]["mode"]
    if mode != STANDING:
        expire(world, market)
    if mode == AROUND_REFERENCE:
        settle_stale(world, market, clock)
        post_quotes(world, market, clock)
    elif mode == RENEWED:
        lay(world, market, True)
    elif mode == ZERO_INTELLIGENCE:
        post_blindly(world, market, clock)
    note_touch(world, market)


@rule
def trade_in_rounds(world, market, clock):
    """Send noise trades; where a step has several rounds, providers follow each but the last and quote again."""
    trade_noise(world, market, clock, 0)
    for turn in range(1, world.settings.layout[4]):
        lean(world, market)
        requote(world, market, clock, turn)
        note_touch(world, market)
        trade_noise(world, market, clock, turn)


@rule
def forget_flow(world, n_markets):
    """Teach nothing in the warm-up."""
    for market in range(n_markets):
        world.markets[market]["impact"] = 0.0
        world.markets[market]["leaning"] = 0.0


@rule
def trade_accounts(world, step, n_markets):
    """Send the orders of accounts: stops that fired, openings, closings; note what they and noise moved."""
    for market in range(n_markets):
        if world.contracts.is_perpetual[market]:
            close_stopped(world, market)
    if world.settings.switches[OPENINGS] == 1:
        open_pending(world, step)
    close_due(world, step)
    for market in range(n_markets):
        world.markets[market]["impact"] += move_since(world, market)


@rule
def close_gaps(world, n_coins, n_markets):
    """Send arbitrage, and note what it moved."""
    for market in range(n_markets):
        note_touch(world, market)
    for coin in range(n_coins):
        arbitrage(world, coin)
    for market in range(n_markets):
        world.markets[market]["arbitraged"] += move_since(world, market)


@rule
def set_marks(world, step, n_coins, n_markets):
    """Take the index from each coin's index market, and the marks from the index."""
    for coin in range(n_coins):
        world.coins[coin]["index_usd"] = mid_usd(world, world.coins[coin]["index_market"])
    for market in range(n_markets):
        mark_market(world, market)
        world.records.mark[step, market] = world.markets[market]["mark_usd"]


@rule
def liquidate_breached(world, step, market):
    """Find the positions that the mark has breached, and send as many orders as the engine can."""
    if world.contracts.is_perpetual[market]:
        fire_ladders(world, market, step)
        note_touch(world, market)
        drain(world, market, step)
        world.markets[market]["impact"] += move_since(world, market)


@rule
def record(world, step, n_coins, n_markets):
    """Write down prices; books and pools at the end of a minute; the map at its interval."""
    record_prices(world, step, n_coins)
    if (step + 1) % 60 == 0:
        record_pools(world, (step + 1) // 60)
    for market in range(n_markets):
        world.markets[market]["spread_ticks"] += world.book.best[2 * market + 1] - world.book.best[2 * market]
        if (step + 1) % 60 == 0:
            record_minute(world, step // 60, market)
            record_offspring(world, step // 60, market)
    every = world.settings.layout[3]
    if step % every == 0:
        record_stake(world, step // every, n_coins, n_markets // n_coins)


@kernel
def run_steps(world, first_step, last_step, warmup):
    """Run the steps from `first_step` to before `last_step`; negative ones are the warm-up that fills the books."""
    n_coins, n_venues = world.settings.layout[0], world.settings.layout[1]
    n_markets = n_coins * n_venues
    for step in range(first_step, last_step):
        clock = step + warmup
        for coin in range(n_coins):
            hear_news(world, coin, step, clock)
            withdraw(world, coin, clock)
        for market in range(n_markets):
            provide_liquidity(world, market, clock)
            trade_in_rounds(world, market, clock)
        if step < 0:
            forget_flow(world, n_markets)
            continue
        run_programmes(world, step)
        trade_accounts(world, step, n_markets)
        if world.settings.switches[ARBITRAGE] == 1:
            close_gaps(world, n_coins, n_markets)
        set_marks(world, step, n_coins, n_markets)
        pay_funding(world, step)
        for market in range(n_markets):
            liquidate_breached(world, step, market)
        liquidate_cross(world, step)
        for coin in range(n_coins):
            learn(world, coin)
        check_ledger(world)
        record(world, step, n_coins, n_markets)

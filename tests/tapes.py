"""A few seconds of one small market, written as every format writes it."""

import gzip
import json

import numpy as np

MS = 1_723_161_256_000  # 2024-08-08T23:54:16Z
SNAPSHOT = ([(100.0, 2.0), (99.9, 3.0), (99.5, 1.5)], [(100.1, 1.0), (100.2, 4.0)])  # bids, asks
UPDATES = [  # ms after the snapshot, bids, asks: absolute amounts
    (50, [(100.0, 1.0), (99.8, 0.7)], []),
    (100, [(100.0, 0.0)], [(100.1, 2.0)]),
    (150, [], [(100.0, 0.5), (100.2, 0.0)]),
]
TRADES = [(60, 7, 100.0, 1.0, "sell"), (60, 8, 99.9, 0.25, "sell"), (120, 9, 100.1, 0.5, "buy")]
BOOKS = [  # what must rest after the snapshot and after each update
    ({100.0: 2.0, 99.9: 3.0, 99.5: 1.5}, {100.1: 1.0, 100.2: 4.0}),
    ({100.0: 1.0, 99.9: 3.0, 99.8: 0.7, 99.5: 1.5}, {100.1: 1.0, 100.2: 4.0}),
    ({99.9: 3.0, 99.8: 0.7, 99.5: 1.5}, {100.1: 2.0, 100.2: 4.0}),
    ({99.9: 3.0, 99.8: 0.7, 99.5: 1.5}, {100.0: 0.5, 100.1: 2.0}),
]
FIRST = "exchange,symbol,timestamp,local_timestamp"


def text(levels):
    return [[f"{price:.2f}", f"{amount:.3f}"] for price, amount in levels]


def websocket_lines(symbol="BTCUSDT"):
    """Return the lines: an update that the snapshot holds already, the snapshot, then the updates among the rest."""

    def line(ms, payload, stream=None):
        body = payload if stream is None else {"stream": f"{symbol.lower()}@{stream}", "data": payload}
        return f"{(MS + ms + 3) * 1_000_000 + 17} {json.dumps(body, separators=(',', ':'))}"

    def update(ms, first, last, before, bids, asks):
        said = {"e": "depthUpdate", "E": MS + ms, "T": MS + ms, "s": symbol, "U": first, "u": last, "pu": before}
        return line(ms, said | {"b": text(bids), "a": text(asks)}, "depth@0ms")

    lines = [update(-20, 1, 9, 0, [(98.0, 5.0)], [])]
    bids, asks = map(text, SNAPSHOT)
    lines.append(line(0, {"lastUpdateId": 10, "E": MS, "T": MS, "bids": bids, "asks": asks}))
    for i, (ms, bids, asks) in enumerate(UPDATES):
        lines.append(update(ms, 11 + 10 * i, 20 + 10 * i, 10 + 10 * i, bids, asks))
    for ms, number, price, amount, side in TRADES:
        said = {"e": "trade", "E": MS + ms, "T": MS + ms, "s": symbol, "t": number, "p": str(price), "q": str(amount)}
        lines.append(line(ms, said | {"X": "MARKET", "m": side == "sell"}, "trade"))
    quote = {"e": "bookTicker", "u": 11, "s": symbol, "b": "100.00", "B": "1.0", "a": "100.10", "A": "1.0"}
    lines.append(line(50, quote | {"T": MS + 50, "E": MS + 50}, "bookTicker"))
    lines.append(line(55, {"e": "markPriceUpdate", "E": MS, "s": symbol, "p": "100.0"}, "markPrice@1s"))
    return lines


def tardis_updates():
    rows = [(0, "true", "bid", *level) for level in SNAPSHOT[0]] + [(0, "true", "ask", *level) for level in SNAPSHOT[1]]
    for ms, bids, asks in UPDATES:
        rows += [(ms, "false", "bid", *level) for level in bids] + [(ms, "false", "ask", *level) for level in asks]
    lines = [f"{FIRST},is_snapshot,side,price,amount"]
    for ms, is_snapshot, side, price, amount in rows:
        us = (MS + ms) * 1000
        lines.append(f"binance-futures,BTCUSDT,{us},{us + 3000},{is_snapshot},{side},{price},{amount}")
    return lines


def tardis_trades():
    lines = [f"{FIRST},id,side,price,amount"]
    for ms, number, price, amount, side in TRADES:
        us = (MS + ms) * 1000
        lines.append(f"binance-futures,BTCUSDT,{us},{us + 3000},{number},{side},{price},{amount}")
    return lines


def times():
    return [0, *(ms for ms, _, _ in UPDATES)]


def tardis_snapshots(levels=4):
    names = [f"{side}[{j}].{what}" for j in range(levels) for side in ("asks", "bids") for what in ("price", "amount")]
    lines = [f"{FIRST},{','.join(names)}"]
    for ms, (bids, asks) in zip(times(), BOOKS, strict=True):
        cells = []
        for j in range(levels):
            for side, is_reverse in ((asks, False), (bids, True)):
                prices = sorted(side, reverse=is_reverse)
                cells += [prices[j], side[prices[j]]] if j < len(prices) else ["", ""]
        us = (MS + ms) * 1000
        lines.append(f"binance-futures,BTCUSDT,{us},{us + 3000},{','.join(map(str, cells))}")
    return lines


def ccxt_books():
    return [
        {
            "symbol": "BTC/USDT:USDT",
            "bids": [[price, bids[price]] for price in sorted(bids, reverse=True)],
            "asks": [[price, asks[price]] for price in sorted(asks)],
            "timestamp": MS + ms,
            "datetime": None,
            "nonce": None,
        }
        for ms, (bids, asks) in zip(times(), BOOKS, strict=True)
    ]


EVENT = np.dtype(
    [(n, t) for n, t in zip(
        "ev exch_ts local_ts px qty order_id ival fval".split(), "u8 i8 i8 f8 f8 u8 i8 f8".split(), strict=True
    )]
)  # fmt: skip


def hftbacktest_rows(both=3 << 30):
    """Return the events: kind and side in the flags `both`, which say at exchange and locally."""
    rows = []

    def add(ms, kind, side, price, amount):
        flag = both | kind | ((1 << 29) if side in ("bid", "buy") else (1 << 28))
        rows.append((flag, (MS + ms) * 10**6, (MS + ms + 3) * 10**6, price, amount, 0, 0, 0.0))

    add(0, 3, "bid", 99.5, 0.0)
    for side, levels in zip(("bid", "ask"), SNAPSHOT, strict=True):
        for level in levels:
            add(0, 4, side, *level)
    for ms, bids, asks in UPDATES:
        for side, levels in (("bid", bids), ("ask", asks)):
            for level in levels:
                add(ms, 1, side, *level)
    for ms, _, price, amount, side in TRADES:
        add(ms, 2, side, price, amount)
    rows.sort(key=lambda row: row[1])
    return np.array(rows, EVENT)


def aggregate_trades(with_header=True, unit=1):
    names = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
    lines = [names] if with_header else []
    for ms, number, price, amount, side in TRADES:
        lines.append(f"{number},{price},{amount},{number},{number},{(MS + ms) * unit},{str(side == 'sell').lower()}")
    return lines


def packed(content: str | bytes, with_gzip: bool = False) -> bytes:
    data = content if isinstance(content, bytes) else content.encode()
    return gzip.compress(data) if with_gzip else data

"""Market files that users have -> checked arrays. The only reader of them.

`read` opens a recording of any known format and streams it; `read_candles` gives one day of candles.

Candles come as ccxt writes them (a JSON list, or CSV: time in ms, open, high, low, close, volume), as Binance Vision
does (klines: twelve columns, time in ms or µs, with or without a header), or as CSV with a header that names its
columns, times as text. Times without a zone are UTC.
"""

from cascade.tape.candles import Candles, read_candles
from cascade.tape.checks import TapeReport
from cascade.tape.reader import Tape, read
from cascade.tape.rows import Chunk, Kind

__all__ = ["Candles", "Chunk", "Kind", "Tape", "TapeReport", "read", "read_candles"]

"""Venue files that cannot be true: each is refused in one line with file, line, key, what was given, and a remedy."""

import pytest
from own_venues import INVERSE_FILE, VENUE_FILE, write_venue

from cascade.assumptions import read_assumptions
from cascade.config import load_priors
from cascade.errors import InvalidConfigError
from cascade.facts import load_event
from cascade.liquidity import fitted_priors
from cascade.venues import FOLDER, load_venue
from cascade.venues.rules import LARGEST_POOL_USD

pytestmark = pytest.mark.small

BRACKET_2 = "{ floor = 1_000, cap = 5_000, maintenance_rate = 0.02, max_leverage = 20, amount_usd = 10 },"
WHOLE = 'rule = "whole"'
WHOLE_RATE = "liquidation.orders_per_s: must be a whole number from 1 to 1000000"
DELEVERAGING = """trigger = "pool_fall"
fall = 0.3
stop = 0.25
window_h = 8
ranking = "profit_times_leverage"
price = "bankruptcy"
"""


def second(old, new):
    """Return the second bracket with a part replaced."""
    assert old in BRACKET_2
    return BRACKET_2.replace(old, new)


BAD = [  # what is replaced, by what, a text on the line that is named, and what is said of the key
    # keys and types
    ('title = "a', 'titel = "b', "titel", "titel: unknown key; did you mean 'title'?"),
    ("amount_usd = 10 ", "amount = 10 ", "amount = 10", "brackets[1].amount: unknown key; did you mean 'amount_usd'?"),
    ("basis_window_s", "basis_windw_s", "windw", "mark.basis_windw_s: unknown key; did you mean 'basis_window_s'?"),
    ("[insurance]", "[insuranse]", "[insuranse]", "insuranse: unknown key; did you mean 'insurance'?"),
    ("[insurance]\npool_usd = 1e6", "", "", "insurance: is missing; linear contracts need [insurance]"),
    ('taker = "5bps"', "", "[fees]", "fees.taker: is missing; add it"),
    ('taker = "5bps"', "taker = 1.5", "taker = 1.5", "fees.taker: input should be less than 1, got 1.5"),
    (
        "tick_usd = 0.1",
        "tick_usd = 0",
        "tick_usd = 0",
        "coins.BTC.tick_usd: input should be greater than or equal to 0.000000000001",
    ),
    ("lot_base = 0.001", "", "[coins.BTC]", "coins.BTC.lot_base: is missing; linear contracts need the size of a lot"),
    ("lot_base = 0.001", "lot_base = -1", "lot_base = -1", "coins.BTC.lot_base: input should be greater than or equal"),
    (
        "lot_base = 0.001",
        "lot_base = 1\ncontract_usd = 10",
        "contract_usd",
        "contract_usd: has no place where contracts",
    ),
    ('source = "made up"\ndate', 'source = ""\ndate', 'source = ""', "coins.BTC.source: string should have at least 1"),
    ('source = "a pool"', 'source = ""', 'source = ""', "insurance.source: string should have at least 1 character"),
    ("pool_usd = 1e6", 'pool_usd = "much"', "much", "insurance.pool_usd: input should be a valid number, unable to"),
    ("pool_usd = 1e6", "pool_usd = -1", "pool_usd", "insurance.pool_usd: input should be greater than or equal to 0"),
    ("pool_usd = 1e6", "pool_usd = inf", "pool_usd", "insurance.pool_usd: input should be a finite number, got inf"),
    (
        'date = "2026"',
        "date = 2026-01-31",
        "date =",
        "coins.BTC.date: input should be a valid string, got 2026-01-31; quo",
    ),
    ('date = "2026"', "date = 2026", "date =", 'input should be a valid string, got 2026; quote it: "2026"'),
    # truth values and numbers
    ("trigger = false", "trigger = 1", "trigger = 1", "margin.fee_in_trigger: must be true or false, got 1; correct"),
    ("trigger = false", 'trigger = "no"', '"no"', "margin.fee_in_trigger: must be true or false, got 'no'; correct"),
    ('taker = "5bps"', "taker = true", "taker", "fees.taker: cannot be true or false, got true; write a number or a"),
    ("pool_usd = 1e6", "pool_usd = false", "pool_usd", "insurance.pool_usd: cannot be true or false, got false;"),
    ("{ BTC = 0.05 }", "{ BTC = true }", "haircuts", "cross.haircuts.BTC: cannot be true or false, got true;"),
    ("brackets = [", "brackets = [true,", "[true", "coins.BTC.brackets[0]: cannot be true or false, got true;"),
    # names and texts
    (
        '"own"',
        '"spot"',
        "spot",
        "name: 'spot' is the name of venues with contract = 'spot' and of no other, got 'spot'",
    ),
    *(
        ('"own"', name, "name", f"name: must be up to 40 lower-case letters, digits, _ and -, got {shown}")
        for name, shown in [('"a\\nb"', r"'a\nb'"), ('"a/b"', "'a/b'"), ('"Own"', "'Own'"), ('""', "''")]
    ),
    ('"own"', f'"{100_000 * "a"}"', "name", f"_ and -, got '{59 * 'a'}; shorten or correct it"),
    ('"a venue of one\'s own"', '"""a\nb"""', "title", r"title: must be one line of printable characters, got 'a\nb'"),
    ('"a venue of one\'s own"', '""', "title", "title: string should have at least 1 character, got ''"),
    ('"a venue of one\'s own"', f'"{501 * "a"}"', "title", "title: string should have at most 500 characters, got 'aa"),
    ('"a pool"', r'"a\u001b[2J"', "u001b", r"insurance.source: must be one line of printable characters, got 'a\x1b"),
    ('"5bps"', f'"{501 * "a"}"', "taker", f"cannot read '{59 * 'a'}; write it like 0.4%"),
    ("[coins.BTC]", r'[coins."B\nC"]', "[coins", r"coins.'B\nC': must be named in upper case letters and digits"),
    (
        "[coins.BTC]",
        f"[coins.{21 * 'B'}]",
        "[coins",
        f"coins.{21 * 'B'}: must be named in upper case letters and digits",
    ),
    # what is nested too deep
    ("pool_usd = 1e6", f"pool_usd = {5000 * '['}", "[[[", "line 26, stands in more than 16 brackets or keys; close or"),
    ("pool_usd = 1e6", f"pool_usd{5000 * '.a'} = 1", ".a.a", "line 26, stands in more than 16 brackets or keys; close"),
    # brackets
    (
        "floor = 1_000",
        "floor = 1_100",
        "1_100",
        "brackets[1].floor: must be 1000, the cap of the bracket before, got 1100",
    ),
    ("floor = 1_000", "floor = 900", "floor = 900", "got 900; leave no gap or overlap"),
    (
        "floor = 0",
        "floor = 10",
        "floor = 10",
        "coins.BTC.brackets[0].floor: must be 0, got 10; begin with the smallest",
    ),
    ("floor = 0", "floor = -1", "floor = -1", "brackets[0].floor: input should be greater than or equal to 0, got -1"),
    ("cap = 5_000", "cap = 500", "cap = 500", "coins.BTC.brackets[1].cap: must be above the floor 1000, got 500"),
    ('"1%"', '"2%"', '"2%"', "brackets[0].maintenance_rate: 0.02 is not below the initial margin rate 0.02"),
    ('"1%"', "-0.01", "-0.01", "coins.BTC.brackets[0].maintenance_rate: input should be greater than 0, got -0.01"),
    ('"1%"', '"one"', '"one"', "coins.BTC.brackets[0].maintenance_rate: cannot read 'one'; write it like 0.4%"),
    ('"1%"', "nan", "nan", "coins.BTC.brackets[0].maintenance_rate: input should be a finite number, got nan"),
    (
        "max_leverage = 20",
        "max_leverage = 50",
        "leverage = 50, amount_usd = 10 ",
        "[1].maintenance_rate: 0.02 is not below",
    ),
    (
        BRACKET_2,
        second("rate = 0.02, max_leverage = 20", "rate = 0.01, max_leverage = 50"),
        "5_000",
        "must be below 50",
    ),
    (
        BRACKET_2,
        second("= 0.02", "= 0.005"),
        "0.005",
        "[1].maintenance_rate: must be at least 0.01, that of the bracket",
    ),
    ("max_leverage = 20", "max_leverage = 0.5", "0.5,", "[1].max_leverage: input should be greater than or equal to 1"),
    (
        "amount_usd = 10",
        "amount_usd = 11",
        "= 11",
        "[1].amount_usd: must be 10, which follows from floors and rates, got 11",
    ),
    ("amount_usd = 10", "amount_coin = 10", "amount_coin", "amounts of linear contracts are in USD: amount_usd"),
    ('deduction = "cumulative"', 'deduction = "whole"', "amount_usd = 10", "brackets[1].amount_usd: must be 0"),
    (
        '"mark_notional"',
        '"contracts"',
        "deduction",
        "margin.deduction: cumulative amounts follow only from brackets by",
    ),
    ('"mark_notional"', '"notional"', "bracket_unit", "margin.bracket_unit: input should be 'mark_notional', 'entry_"),
    ('basis = "mark"', 'basis = "entry"', "deduction", "margin.deduction: cumulative amounts follow only"),
    (
        "cap = 1_000, m",
        "cap = 2_000_000, m",
        "floor = 1_000",
        "must be 2000000, the cap of the bracket before, got 1000;",
    ),
    # contracts
    ("[coins.BTC]", "[coins.btc]", "[coins.btc]", "coins.btc: must be named in upper case letters and digits, as in"),
    (
        '"linear"',
        '"inverse"',
        "[coins.BTC]",
        "coins.BTC.contract_usd: is missing; inverse contracts need the size of a",
    ),
    ('"linear"', '"spot"', "[margin]", "margin: has no place in a spot venue, which has no leverage; remove it"),
    ('"linear"', '"quanto"', '"quanto"', "contract: input should be 'linear', 'inverse' or 'spot', got 'quanto'"),
    # liquidation
    (
        WHOLE,
        'rule = "half"',
        "half",
        "liquidation.rule: input should be 'whole', 'brackets', 'fraction' or 'compliance'",
    ),
    (
        WHOLE,
        'rule = "fraction"',
        "[liquidation]",
        "liquidation.fraction: is missing; rule = 'fraction' needs the share",
    ),
    (
        WHOLE,
        f"{WHOLE}\nfraction = 0.2",
        "fraction",
        "fraction: is read only with rule = 'fraction', got rule = 'whole'",
    ),
    (WHOLE, f"{WHOLE}\npause_s = 30", "pause_s", "liquidation.pause_s: is read only with rule = 'fraction'"),
    (WHOLE, f"{WHOLE}\nbrackets_down = 2", "brackets_down", "brackets_down: is read only with rule = 'brackets'"),
    (
        WHOLE,
        'rule = "brackets"\nbrackets_down = 0',
        "brackets_down",
        "input should be greater than or equal to 1, got 0",
    ),
    (
        WHOLE,
        'rule = "brackets"\nbrackets_down = 1.5',
        "brackets_down",
        "brackets_down: input should be a valid integer",
    ),
    (WHOLE, 'rule = "fraction"\nfraction = 0', "fraction = 0", "fraction: input should be greater than 0, got 0"),
    (WHOLE, 'rule = "fraction"\nfraction = 1.2', "= 1.2", "fraction: input should be less than or equal to 1, got 1.2"),
    (WHOLE, f"{WHOLE}\nbackstop = 1", "backstop", "liquidation.backstop: input should be less than 1, got 1"),
    (
        WHOLE,
        f'{WHOLE}\norder = "limit"',
        "limit",
        "liquidation.order: input should be 'bankruptcy' or 'market', got 'limit'",
    ),
    (WHOLE, f'{WHOLE}\nsurplus = "trader"', "trader", "liquidation.surplus: input should be 'pool' or 'account'"),
    (WHOLE, f'{WHOLE}\ncross_order = "oldest"', "oldest", "liquidation.cross_order: input should be 'largest_loss'"),
    ("orders_per_s = 10", "orders_per_s = 0", "orders_per_s", f"{WHOLE_RATE}, got 0; 1 is the slowest engine"),
    ("orders_per_s = 10", "orders_per_s = 0.5", "orders_per_s", f"{WHOLE_RATE}, got 0.5; 1 is the slowest engine"),
    ("orders_per_s = 10", "orders_per_s = 20.5", "orders_per_s", f"{WHOLE_RATE}, got 20.5; 1 is the slowest"),
    ("orders_per_s = 10", "orders_per_s = -1", "orders_per_s", f"{WHOLE_RATE}, got -1;"),
    ("orders_per_s = 10", "orders_per_s = 1_000_001", "orders_per_s", f"{WHOLE_RATE}, got 1000001; 1 is the slowest"),
    ("orders_per_s = 10", "orders_per_s = 1e300", "orders_per_s", f"{WHOLE_RATE}, got 1e+300;"),
    ("orders_per_s = 10", f"orders_per_s = 0x{5000 * 'f'}", "0xff", "line 22, has a number or key of 5002 characters"),
    ("orders_per_s = 10", "orders_per_s = true", "= true", "orders_per_s: cannot be true or false, got true; write a"),
    ("orders_per_s = 10", "orders_per_s = inf", "orders_per_s", f"{WHOLE_RATE}, got inf;"),
    ("orders_per_s = 10", "orders_per_s = nan", "orders_per_s", f"{WHOLE_RATE}, got nan;"),
    ("orders_per_s = 10", 'orders_per_s = "10"', "orders_per_s", f"{WHOLE_RATE}, got '10';"),
    # what is too large or too small for the numbers of the engine
    (WHOLE, 'rule = "brackets"\nbrackets_down = 128', "brackets_down", "brackets_down: input should be less than 128"),
    (
        WHOLE,
        f'rule = "brackets"\nbrackets_down = 1{30 * "0"}',
        "brackets_down",
        "liquidation.brackets_down: input should be less than 128",
    ),
    (
        WHOLE,
        'rule = "fraction"\nfraction = 0.2\npause_s = "2d"',
        "pause_s",
        "input should be less than or equal to 86400",
    ),
    (
        "pool_usd = 1e6",
        "pool_usd = 1.1e11",
        "pool_usd",
        "insurance.pool_usd: input should be less than or equal to 100000000000, got 110000000000.0",
    ),
    (
        "pool_usd = 1e6",
        "pool_usd = 1e300",
        "pool_usd",
        "insurance.pool_usd: input should be less than or equal to 100000000000, got 1e+300",
    ),
    (
        'basis_window_s = "5min"',
        "basis_window_s = 86_401",
        "basis_window_s",
        "input should be less than or equal to 86400",
    ),
    ("window_h = 8", "window_h = 1e30", "window_h", "deleveraging.window_h: input should be less than or equal to 168"),
    (
        "tick_usd = 0.1",
        "tick_usd = 1e-13",
        "tick_usd",
        "coins.BTC.tick_usd: input should be greater than or equal to 0.000000000001",
    ),
    (
        "tick_usd = 0.1",
        "tick_usd = 1e10",
        "tick_usd",
        "coins.BTC.tick_usd: input should be less than or equal to 1000000000",
    ),
    ("lot_base = 0.001", "lot_base = 1e-13", "lot_base", "coins.BTC.lot_base: must be 0 or at least 1e-12, got 1e-13"),
    (
        "lot_base = 0.001",
        "lot_base = 1e10",
        "lot_base",
        "coins.BTC.lot_base: input should be less than or equal to 1000000000",
    ),
    # the fee of a liquidation
    (
        'taker = "5bps"',
        'taker = "5bps"\nclearance_to = "pool"',
        "clearance_to",
        "fees.clearance_to: is read only with a clearance fee, got 'pool'; give fees.clearance, or remove it",
    ),
    (
        'taker = "5bps"',
        'taker = "5bps"\nclearance = "1%"\nclearance_to = "fund"',
        '"fund"',
        "fees.clearance_to: input should be 'venue' or 'pool', got 'fund'",
    ),
    # insurance, deleveraging
    (
        "pool_usd = 1e6",
        'pool_usd = 1e6\nshortage = "pay"',
        "pay",
        "shortage: input should be 'deleverage' or 'socialise'",
    ),
    (
        "fall = 0.3",
        "fall = 0.2",
        "stop = 0.25",
        "deleveraging.stop: must not be above fall 0.2, got 0.25; it would end as",
    ),
    ("fall = 0.3", "fall = 1.3", "fall = 1.3", "deleveraging.fall: input should be less than or equal to 1, got 1.3"),
    ("fall = 0.3", 'fall = "a third"', "third", "deleveraging.fall: cannot read 'a third'; write it like 0.4%"),
    (
        'price = "bankruptcy"',
        "",
        "[deleveraging]",
        "deleveraging.price: is missing; with trigger = 'pool_fall' winners",
    ),
    ('ranking = "profit_times_leverage"', "", "[deleveraging]", "deleveraging.ranking: is missing; with trigger"),
    (
        DELEVERAGING,
        'price = "mark"\n',
        "price",
        "deleveraging.price: is never read with trigger = 'never'; remove it or",
    ),
    (
        'price = "bankruptcy"',
        'price = "entry"',
        '"entry"',
        "deleveraging.price: input should be 'bankruptcy' or 'mark'",
    ),
    ('"pool_fall"', '"fall"', '"fall"', "deleveraging.trigger: input should be 'never', 'pool_empty', 'pool_fall' or"),
    # funding, cross margin
    ("interval_h = 4", "interval_h = 0", "interval_h", "funding.interval_h: input should be greater than 0, got 0"),
    ("interval_h = 4", "interval_h = 48", "interval_h", "funding.interval_h: input should be less than or equal to 24"),
    (
        'paid_from = "margin"',
        'paid_from = "equity"',
        "paid_from",
        "funding.paid_from: input should be 'wallet' or 'margin'",
    ),
    ("{ BTC = 0.05 }", "{ BTC = 1 }", "haircuts", "cross.haircuts.BTC: must lie in [0, 1), got 1; write 5 % as 0.05"),
    (
        "{ BTC = 0.05 }",
        "{ BTCC = 0.05 }",
        "BTCC",
        "haircuts.BTCC: there is no [coins.BTCC] in this file; did you mean 'BTC'?",
    ),
    ("{ BTC = 0.05 }", "{}", "haircuts", "cross.haircuts: dictionary should have at least 1 item"),
    # stand-ins
    (
        'date = "2026"',
        'date = "2026"\nstand_in = "binance"',
        "stand_in",
        "stand_in: binance's brackets contradict the own ones, above which they stand: must be below 20",
    ),
    (
        'date = "2026"',
        'date = "2026"\nstand_in = "okx"',
        "stand_in",
        "needs stand_in_price_usd beside it, to turn okx's coins",
    ),
    (
        'date = "2026"',
        'date = "2026"\nstand_in = "binanse"',
        "stand_in",
        "no other venue 'binanse'; did you mean 'binance'?",
    ),
    (
        'date = "2026"',
        'date = "2026"\nstand_in = "spot"',
        "stand_in",
        "spot has no brackets of its own for BTC; name another",
    ),
    ('date = "2026"', 'date = "2026"\nstand_in = "other"', "stand_in", "other has no brackets of its own for BTC"),
]


@pytest.mark.parametrize(("old", "new", "at", "words"), BAD)
def test_bad_file__is_refused_in_one_line_that_names_file_line_key_and_remedy(tmp_path, old, new, at, words):
    path = write_venue(tmp_path, VENUE_FILE, old, new)
    message = refusal_of(path)
    assert words in message
    if at:
        number = next(n for n, line in enumerate(path.read_text().splitlines(), start=1) if at in line)
        assert message.startswith(f"{path}: line {number}, ")


@pytest.mark.parametrize("suffix", (".toml", ".TOML"))
def test_file__of_an_editor_on_windows_is_read(tmp_path, suffix):
    path = tmp_path / f"own{suffix}"
    path.write_bytes(b"\xef\xbb\xbf" + VENUE_FILE.replace("\n", "\r\n").encode())
    assert load_venue(str(path)).name == "own"


def test_file__that_says_where_a_fee_goes_needs_one_in_a_single_coin_only(tmp_path):
    text = VENUE_FILE.replace('taker = "5bps"', 'taker = "5bps"\nclearance_to = "pool"')
    venue = load_venue(write_venue(tmp_path, text, "lot_base = 0.001", "lot_base = 0.001\nclearance_fee = 0.01"))
    assert (venue.fees.clearance_to, venue.clearance_fee("BTC")) == ("pool", 0.01)
    assert load_venue(write_venue(tmp_path, VENUE_FILE)).fees.clearance_to == "venue"


def test_file__with_the_largest_numbers_is_read(tmp_path):
    text = VENUE_FILE.replace("orders_per_s = 10", "orders_per_s = 1e6").replace("window_h = 8", "window_h = 168")
    venue = load_venue(write_venue(tmp_path, text, "pool_usd = 1e6", f"pool_usd = {LARGEST_POOL_USD}"))
    assert (venue.liquidation.orders_per_s, venue.insurance.pool_usd) == (1_000_000, LARGEST_POOL_USD)


INVERSE_BAD = [
    (
        "contract_usd = 100",
        "",
        "[coins.BTC]",
        "coins.BTC.contract_usd: is missing; inverse contracts need the size of a",
    ),
    (
        "contract_usd = 100",
        "contract_usd = 1\nlot_base = 1",
        "lot_base",
        "lot_base: has no place where contracts are inverse",
    ),
    ("contract_usd = 100", "contract_usd = 1e-13", "contract_usd", "contract_usd: must be 0 or at least 1e-12, got"),
    (
        "contract_usd = 100",
        "contract_usd = 1e10",
        "contract_usd",
        "contract_usd: input should be less than or equal to",
    ),
    ("amount_coin = 0.1", "amount_usd = 0.1", "amount_usd", "amounts of inverse contracts are in coin: amount_coin"),
    (
        "amount_coin = 0.1",
        "amount_coin = 0.2",
        "0.2 }",
        "brackets[1].amount_coin: must be 0.1, which follows from floors",
    ),
    ('date = "2026"', 'date = "2026"\nstand_in = "binance"', "stand_in", "to turn binance's USD into coins"),
]


@pytest.mark.parametrize(("old", "new", "at", "words"), INVERSE_BAD)
def test_bad_inverse_file__is_refused_likewise(tmp_path, old, new, at, words):
    path = write_venue(tmp_path, INVERSE_FILE, old, new)
    message = refusal_of(path)
    assert words in message
    number = next(n for n, line in enumerate(path.read_text().splitlines(), start=1) if at in line)
    assert f": line {number}, " in message


def test_bad_file__socialising_contradicts_deleveraging_when_the_pool_is_empty(tmp_path):
    text = VENUE_FILE.replace(DELEVERAGING, 'trigger = "pool_empty"\nranking = "profit"\nprice = "mark"\n')
    path = write_venue(tmp_path, text, "pool_usd = 1e6", 'pool_usd = 1e6\nshortage = "socialise"')
    assert "insurance.shortage: 'socialise' contradicts deleveraging.trigger = 'pool_empty'" in refusal_of(path)


def test_bad_file__spot_venue_has_no_other_name(tmp_path):
    text = (FOLDER / "spot.toml").read_text()
    message = refusal_of(write_venue(tmp_path, text, 'name = "spot"', 'name = "mine"'))
    assert "line 2, name: 'spot' is the name of venues with contract = 'spot' and of no other, got 'mine'" in message


def test_bad_file__keys_of_a_falling_pool_are_read_only_with_that_trigger(tmp_path):
    path = write_venue(tmp_path, VENUE_FILE, 'trigger = "pool_fall"\nfall = 0.3', 'trigger = "pool_empty"\nfall = 0.2')
    assert "deleveraging.fall: is read only with trigger = 'pool_fall', got 'pool_empty'" in refusal_of(path)


def test_bad_file__fee_in_the_trigger_counts(tmp_path):
    text = VENUE_FILE.replace('"5bps"', "0.01")
    path = write_venue(tmp_path, text, "fee_in_trigger = false", "fee_in_trigger = true")
    assert "brackets[0].maintenance_rate: 0.01 and the fee in the trigger" in refusal_of(path)


def test_bad_file__several_flaws_are_named_with_their_lines(tmp_path):
    text = VENUE_FILE.replace("tick_usd = 0.1", "tick_usd = -1").replace("pool_usd = 1e6", "pool_usd = -1")
    message = refusal_of(write_venue(tmp_path, text, "interval_h = 4", "interval_h = -1"))
    assert message.count("line ") == 3
    assert message.count("; ") >= 2


def test_bad_file__no_toml_is_refused_with_its_line(tmp_path):
    message = refusal_of(write_venue(tmp_path, VENUE_FILE, 'contract = "linear"', "contract = linear"))
    assert "is no TOML: Invalid value (at line 4" in message


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "there is no such file"), (b"", "is empty"), (b"# nothing\n", "is empty"), (b"\xff\xfe\x00", "no text")],
)
def test_bad_file__absent_empty_or_binary(tmp_path, content, words):
    path = tmp_path / "own.toml"
    if content is not None:
        path.write_bytes(content)
    assert words in refusal_of(path)
    assert "cannot be read" in refusal_of(tmp_path)


@pytest.mark.parametrize("read", (load_priors, read_assumptions, load_event, fitted_priors))
def test_bad_file__of_any_kind_is_refused_where_it_is_nested_too_deep(tmp_path, read):
    path = tmp_path / "own.toml"
    path.write_text(f"a = 1\nb = {5000 * '['}")
    with pytest.raises(InvalidConfigError, match=r"own\.toml: line 2, stands in more than 16 brackets or keys"):
        read(path)


def test_bad_priors__truth_values_are_no_numbers_in_lists_either():
    priors = load_priors().model_dump()
    for section, key, wrong in (("flow", "noise_sizes", [1.0, True]), ("withdrawal", "sigmas", [False, 1.0])):
        with pytest.raises(InvalidConfigError, match=rf"{section}\.{key}\[[01]\]: cannot be true or false"):
            load_priors().changed(**{section: priors[section] | {key: wrong}})


def refusal_of(path):
    """Return the one line with which a file is refused."""
    with pytest.raises(InvalidConfigError) as refusal:
        load_venue(path)
    message = str(refusal.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message

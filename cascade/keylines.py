"""At which line of a TOML file each key stands, which `tomllib` does not tell."""

import re
import tomllib
from collections import deque

MOST_NESTED = 16  # brackets, or parts of a dotted key: four times what any file needs
LONGEST_WORD = 100  # without quotes
TOKEN = re.compile(
    r"""[ \t\r]+ | \#[^\n]*                                          # nothing
    | (?P<token> \n
    | \"{3}(?:\\.|[^\\])*?\"{3,5} | '{3}.*?'{3,5}                    # texts over several lines
    | "(?:\\.|[^"\\\n])*" | '[^'\n]*'                                # and on one
    | [][{},=.]
    | [^][{},=.\s"'\#]+ )                                            # bare keys, numbers, truth values""",
    re.VERBOSE | re.DOTALL,
)
Keys = tuple[str | int, ...]
Tokens = deque[tuple[str, int]]


def key_lines(text: str) -> dict[Keys, int]:
    """Return the line, counted from 1, of every key, table and array element of a text that `tomllib` reads.

    Parameters
    ----------
    text : str
        TOML.

    Returns
    -------
    dict
        By path, such as ("coins", "BTC", "brackets", 2, "cap").
    """
    tokens, lines = _tokens(text), {}
    lengths: dict[Keys, int] = {}  # of arrays of tables, so far
    table: Keys = ()
    while tokens:
        if tokens[0][0] == "\n":
            tokens.popleft()
        elif tokens[0][0] == "[":
            table = _header(tokens, lines, lengths)
        else:
            _pair(tokens, table, lines)
    return lines


def excess(text: str) -> str | None:
    """Return the first line that no file needs, too deep or too long for readers, and what is wrong with it."""
    open_brackets = dots = 0
    for token, line in _tokens(text):
        open_brackets += (token in ("[", "{")) - (token in ("]", "}"))
        dots = dots + 1 if token == "." else 0 if token in ("=", ",", "\n") else dots
        if open_brackets + dots > MOST_NESTED:
            return f"line {line}, stands in more than {MOST_NESTED} brackets or keys; close or remove some"
        if len(token) > LONGEST_WORD and token[0] not in "\"'":
            return f"line {line}, has a number or key of {len(token)} characters; write one of at most {LONGEST_WORD}"
    return None


def _tokens(text: str) -> Tokens:
    """Return what means something, with the lines on which it begins; a line's end behind the last."""
    tokens, line = Tokens(), 1
    for match in TOKEN.finditer(text + "\n"):
        if match["token"]:
            tokens.append((match["token"], line))
        line += match[0].count("\n")
    return tokens


def _header(tokens: Tokens, lines: dict[Keys, int], lengths: dict[Keys, int]) -> Keys:
    """Pass `[a.b]` or `[[a.b]]`, and return the path of the table that it opens."""
    _, line = tokens.popleft()
    is_array = tokens[0][0] == "["
    if is_array:
        tokens.popleft()
    *parents, last = _dotted_key(tokens)
    path: Keys = ()
    for key in parents:
        path = (*path, key)
        lines.setdefault(path, line)
        path += (lengths[path] - 1,) if path in lengths else ()
    path = (*path, last)
    lines.setdefault(path, line)
    if is_array:
        lengths[path] = lengths.get(path, 0) + 1
        path = (*path, lengths[path] - 1)
        lines[path] = line
    while tokens[0][0] == "]":
        tokens.popleft()
    return path


def _pair(tokens: Tokens, table: Keys, lines: dict[Keys, int]) -> None:
    """Pass `key = value` in a table."""
    line, path = tokens[0][1], table
    for key in _dotted_key(tokens):
        path = (*path, key)
        lines.setdefault(path, line)
    tokens.popleft()  # the =
    _value(tokens, path, lines)


def _dotted_key(tokens: Tokens) -> list[str]:
    """Pass `a.b.c` and return its parts."""
    parts = [_key(tokens.popleft()[0])]
    while tokens[0][0] == ".":
        tokens.popleft()
        parts.append(_key(tokens.popleft()[0]))
    return parts


def _key(token: str) -> str:
    """Return the key that a token, perhaps in quotes, stands for."""
    return tomllib.loads(f"key = {token}")["key"] if token[0] in "\"'" else token


def _value(tokens: Tokens, path: Keys, lines: dict[Keys, int]) -> None:
    """Pass a value: an array, an inline table, or anything up to the next comma, bracket or line's end."""
    opening, element = tokens[0][0], 0
    if opening not in ("[", "{"):
        while tokens[0][0] not in (",", "]", "}", "\n"):
            tokens.popleft()
        return
    tokens.popleft()
    while tokens[0][0] not in ("]", "}"):
        if tokens[0][0] in (",", "\n"):
            tokens.popleft()
        elif opening == "{":
            _pair(tokens, path, lines)
        else:
            lines[*path, element] = tokens[0][1]
            _value(tokens, (*path, element), lines)
            element += 1
    tokens.popleft()

"""CSV blocks -> columns, by Polars; where that fails, the line that made it fail is looked for by hand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from cascade.errors import InvalidTapeError, did_you_mean
from cascade.tape.source import Source

INTEGER, NUMBER, TEXT, TRUTH = pl.Int64, pl.Float64, pl.String, pl.Boolean
WANTED = {INTEGER: "a whole number", NUMBER: "a number", TRUTH: "true or false"}


@dataclass(frozen=True)
class Layout:
    """The columns of a format, in the order they have where there is no header."""

    columns: Mapping[str, type[pl.DataType]]
    may_be_empty: frozenset[str] = frozenset()
    skipped: tuple[str, ...] = ()  # columns behind these, not read


class Table:
    """One block of a CSV file."""

    def __init__(self, source: Source, first_line: int, block: bytes, frame: pl.DataFrame) -> None:
        self.source, self.first_line, self.block, self.frame = source, first_line, block, frame

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.frame)

    def __getitem__(self, name: str):
        """Return a column as an array; what is empty is nan."""
        return self.frame[name].to_numpy()

    def place(self, row: int) -> str:
        """Return where a row stands, for people."""
        filled = (i for i, line in enumerate(self.block.split(b"\n")) if line.strip())
        return f"line {self.first_line + [i for i, _ in zip(filled, range(row + 1), strict=False)][-1]}"

    def is_one_of(self, name: str, false: str, true: str):
        """Return whether a column of text says `true`; refuses what is neither of the two."""
        said = self.frame[name].str.to_lowercase()
        for i in (~said.is_in([false, true])).arg_true().head(1).to_list():
            problem = f"{name} must be {false} or {true}, got {self.frame[name][i]!r}; mend or remove the line"
            raise self.source.refuse(self.place(i), problem)
        return (said == true).to_numpy()

    def only(self, name: str, before: str) -> str:
        """Return the one value of a column in the whole file; `before` is that of the blocks above, or empty."""
        wanted = before or str(self.frame[name][0])
        for i in (self.frame[name] != wanted).arg_true().head(1).to_list():
            problem = f"is of {self.frame[name][i]}, the lines above of {wanted}; split the file by {name}"
            raise self.source.refuse(self.place(i), problem)
        return wanted


def header_of(head: bytes) -> list[str]:
    """Return the names in the first line of a CSV file."""
    return [name.strip() for name in head.split(b"\n", 1)[0].decode("utf-8", errors="replace").strip().split(",")]


def tables(source: Source, layout: Layout, has_header: bool) -> Iterator[Table]:
    """Yield the file block by block, with the layout's columns."""
    names = header_of(source.head) if has_header else [*layout.columns, *layout.skipped]
    for name in layout.columns:
        if name not in names:
            raise source.refuse("line 1", f"the header has no column {name!r}{did_you_mean(name, set(names) - {''})}")
    if not has_header:
        width = len(header_of(source.head))
        if not len(layout.columns) <= width <= len(names):
            raise source.refuse("line 1", f"has {width} columns and no header; name them in a header")
        names = names[:width]
    found = False
    for first_line, block in source.blocks():
        if has_header and first_line == 1:
            first_line, block = 2, block.partition(b"\n")[2]
        if block.strip():
            found = True
            yield Table(source, first_line, block, _parsed(source, layout, names, first_line, block))
    if not found:
        raise InvalidTapeError(f"{source.path}: holds a header and no rows; give a file with rows")


def _parsed(source: Source, layout: Layout, names: Sequence[str], first_line: int, block: bytes) -> pl.DataFrame:
    places = [i for i, name in enumerate(names) if name in layout.columns]
    schema = {name: layout.columns.get(name, pl.String) for name in names}
    try:
        frame = pl.read_csv(block, has_header=False, schema=schema, columns=places, quote_char=None)
    except pl.exceptions.PolarsError as error:
        raise _located(source, layout, names, first_line, block, str(error)) from None
    required = [name for name in layout.columns if name not in layout.may_be_empty]
    if any(frame[name].null_count() for name in required):
        raise _located(source, layout, names, first_line, block, "an empty cell")
    return frame


def _located(
    source: Source, layout: Layout, names: Sequence[str], first_line: int, block: bytes, failure: str
) -> InvalidTapeError:
    """Return the error for the first line that cannot be read."""
    for number, line in enumerate(block.split(b"\n"), first_line):
        if not line.strip():
            continue
        cells = line.decode("utf-8", errors="replace").split(",")
        if len(cells) != len(names):
            problem = f"has {len(cells)} columns, the first line {len(names)}; mend or remove the line"
            return source.refuse(f"line {number}", problem)
        for name, cell in zip(names, cells, strict=True):
            wanted = layout.columns.get(name)
            if wanted is None or (not cell and name in layout.may_be_empty):
                continue
            if not cell or not _fits(cell, wanted):
                kind = WANTED.get(wanted, "given")
                return source.refuse(f"line {number}", f"{name} must be {kind}, got {cell!r}; mend or remove the line")
    return source.refuse(f"line {first_line} or below", f"is no CSV ({failure.splitlines()[0][:80]}); mend it there")


def _fits(cell: str, wanted: type[pl.DataType]) -> bool:
    try:
        {INTEGER: int, NUMBER: float, TRUTH: {"true": True, "false": False}.__getitem__}.get(wanted, str)(cell)
    except (ValueError, KeyError):
        return False
    return True

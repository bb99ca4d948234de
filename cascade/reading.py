"""A TOML file -> a checked model, or one line that says which file, key and line, what is wrong, what to do."""

import tomllib
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from cascade.errors import CascadeError, InvalidConfigError, did_you_mean
from cascade.keylines import Keys, excess, key_lines

SHOWN = 3  # flaws named in the one line; the rest are counted
SHOWN_INPUT = 60  # characters of what was given
LONGEST_LINE = 500  # of a title or source
BARE = (date, datetime, time, int, float)  # what TOML reads without quotes


class Strict(BaseModel):
    """A frozen model which refuses infinities, nan, keys that it does not know, and truth values for numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _know_all_keys(cls, data: Any) -> Any:
        for key in data if isinstance(data, dict) else ():
            if key not in cls.model_fields:
                raise flaw(f"unknown key{did_you_mean(key, cls.model_fields)}", key)
        return data

    @field_validator("*", mode="before")
    @classmethod
    def _tell_truth_from_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        kind = cls.model_fields[info.field_name or ""].annotation
        if kind is not bool:
            _refuse_truth(value, kind)
        elif not isinstance(value, bool):
            raise flaw(f"must be true or false, got {_cut(repr(value))}; correct it")
        return value


Model = TypeVar("Model", bound=BaseModel)


def read_model(model: type[Model], path: str | Path, error: type[CascadeError] = InvalidConfigError) -> Model:
    """Return the model that a TOML file holds.

    Raises
    ------
    CascadeError
        An `error`, if the file is absent, empty, no TOML, or does not fit the model.
    """
    tables, text = read_toml(path, error)
    return check_model(model, tables, str(path), error, text)


def read_toml(path: str | Path, error: type[CascadeError] = InvalidConfigError) -> tuple[dict[str, Any], str]:
    """Return the tables of a TOML file, and its text.

    Raises
    ------
    CascadeError
        An `error`, if the file is absent, empty, or no TOML.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")  # editors on Windows put a mark before the text
        if wrong := excess(text):
            raise error(f"{path}: {wrong}")
        tables = tomllib.loads(text)
    except FileNotFoundError:
        raise error(f"{path}: there is no such file; check the path") from None
    except OSError as failure:
        raise error(f"{path}: cannot be read ({failure.strerror}); check the path and its rights") from None
    except UnicodeDecodeError:
        raise error(f"{path}: is no text in UTF-8; a TOML file is wanted") from None
    except tomllib.TOMLDecodeError as failure:
        raise error(f"{path}: is no TOML: {failure}; correct it there") from None
    if not tables:
        raise error(f"{path}: is empty; a TOML file with keys is wanted")
    return tables, text


def check_model(
    model: type[Model],
    tables: dict[str, Any],
    where: str,
    error: type[CascadeError] = InvalidConfigError,
    text: str = "",
) -> Model:
    """Return the model that the tables hold; `where` names their file in the error, `text` is what it holds.

    Raises
    ------
    CascadeError
        An `error`, if they do not fit; its line names the first flaws with their key paths and lines of the text.
    """
    try:
        return model.model_validate(tables)
    except ValidationError as failure:
        lines = key_lines(text)
        flaws = [_line(details, lines) for details in failure.errors()]
        more = f"; and {len(flaws) - SHOWN} more" if len(flaws) > SHOWN else ""
        raise error(f"{where}: {'; '.join(flaws[:SHOWN])}{more}") from None


def flaw(message: str, *path: str | int) -> PydanticCustomError:
    """Return the error for a validator to raise; `path` leads from the validated model to the key."""
    return PydanticCustomError("flaw", "{message}", {"message": message, "path": path})


def place(keys: Keys, lines: dict[Keys, int]) -> str:
    """Return a key path and its line, `line 40, coins.BTC.brackets[2].cap`; of a missing key, that of its table."""
    nearest = next((keys[:n] for n in range(len(keys), 0, -1) if keys[:n] in lines), None)
    return (f"line {lines[nearest]}, " if nearest else "") + _dotted(keys)


def _refuse_truth(value: Any, kind: Any) -> None:
    """Raise the flaw of a truth value where none is wanted: the value itself, or an element of it."""
    is_dict = isinstance(value, dict) and get_origin(kind) is dict and Any not in get_args(kind)
    elements = value.items() if is_dict else enumerate(value) if isinstance(value, list | tuple) else ()
    held = {(): value} | {(key,): part for key, part in elements}
    for path, part in held.items():
        if isinstance(part, bool):
            raise flaw(f"cannot be true or false, got {str(part).lower()}; write a number or a text", *path)


def _line(details: ErrorDetails, lines: dict[Keys, int]) -> str:
    """Return the key path of a flaw, its line, what is wrong there and what was given."""
    path = place((*details["loc"], *details.get("ctx", {}).get("path", ())), lines)
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "missing":
        message = "is missing; add it"
    elif details["type"] != "flaw":
        is_bare = details["type"] == "string_type" and type(details["input"]) in BARE
        given = str(details["input"]) if is_bare else repr(details["input"])
        message = f"{message[0].lower()}{message[1:]}, got {_cut(given)}"
        message += f'; quote it: "{given}"' if is_bare else "; correct it"
    return f"{path}: {message}" if path else message


def _dotted(path: Keys) -> str:
    """Return a key path as users of TOML read it: `coins.BTC.brackets[2].cap`."""
    names = (key if isinstance(key, int) or key.isprintable() else repr(key) for key in path)
    return "".join(f"[{name}]" if isinstance(name, int) else f".{_cut(name)}" for name in names).removeprefix(".")


def _cut(text: str) -> str:
    """Return a text, or the beginning of a long one."""
    return text if len(text) <= SHOWN_INPUT else f"{text[:SHOWN_INPUT]}..."


def _is_one_line(text: str) -> str:
    """Return a text that can be printed in one line, and refuse any other."""
    if not text.isprintable():
        raise flaw(f"must be one line of printable characters, got {_cut(repr(text))}; correct it")
    return text


Line = Annotated[str, Field(min_length=1, max_length=LONGEST_LINE), AfterValidator(_is_one_line)]

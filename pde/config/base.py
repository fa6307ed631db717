"""What every table of the configuration shares: strict types, reserved keys, forms of one key.

A table is a frozen pydantic model whose fields are declared with `key`, or with `later_key` where
the name is already reserved but only its neutral value is built. Types are strict: an integer is
taken for a number, but never a string or a boolean. NaN and infinity are refused everywhere.

Validators tell a mistake by `wrong` (about one value, which the message will show) or by `clash`
(a whole sentence about several keys); `messages` turns them into one line. No wording of types or
ranges stands here: that is read from the declaration itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, LiteralString

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    TypeAdapter,
    ValidationInfo,
    field_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

STRICT = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

AsTuple = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
LARGEST = 1e12
Vector = Annotated[tuple[float, ...], AsTuple]
Matrix = Annotated[tuple[Vector, ...], AsTuple]
Interval = Annotated[tuple[float, float], AsTuple]

_FORMS: dict[type, str] = {list: "a list", dict: "a table"}


def key(
    default: Any,
    meaning: str,
    *,
    unit: str = "",
    words: str = "",
    later: tuple[Any, ...] = (),
    tables: bool = False,
    **rules: Any,
) -> Any:
    """Declare a key.

    words : what is allowed, where the type alone does not say it well
    later : values reserved and not yet built; `list` or `dict` stands for every value of that form
    tables : whether the tables among the values have their keys declared beside it
    """
    awaited = [_FORMS[value] if isinstance(value, type) else value for value in later]
    extra: dict[str, Any] = {"unit": unit, "words": words, "later": awaited, "tables": tables}
    return Field(default, description=meaning, json_schema_extra=extra, **rules)


def later_key(neutral: Any, meaning: str, *, unit: str = "") -> Any:
    """Declare a reserved key: accepted at its neutral value only, until it is built."""
    extra: dict[str, Any] = {"unit": unit, "reserved": True}
    return Field(neutral, description=meaning, json_schema_extra=extra)


class Table(BaseModel):
    """A table of the configuration: frozen, strict, no unknown keys, no silent reserved ones."""

    model_config = STRICT

    @field_validator("*", mode="before")
    @classmethod
    def _built(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields[str(info.field_name)]
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        reserved = extra.get("reserved") and not _neutral(value, field.default)
        if reserved or _awaited(value, extra.get("later", [])):
            raise PydanticCustomError("not_yet", "not yet")
        return value

    @field_validator("*")
    @classmethod
    def _of_usual_size(cls, value: Any) -> Any:
        if _largest(value) > LARGEST:
            raise wrong(f"is out of range; allowed: numbers up to {LARGEST:.0e} in size")
        return value


def _largest(value: Any) -> float:
    """Size of the largest floating-point number in a value; squares of larger ones overflow."""
    if isinstance(value, tuple):
        return max(map(_largest, value), default=0.0)
    return abs(value) if isinstance(value, float) else 0.0


def _awaited(value: Any, later: Any) -> bool:
    entries = value if isinstance(value, list) else [value]
    named = any(isinstance(entry, str) and entry in later for entry in entries)
    return named or any(isinstance(value, form) and word in later for form, word in _FORMS.items())


def _neutral(value: Any, default: Any) -> bool:
    if isinstance(default, Table) and isinstance(value, dict):
        return True  # the table's own keys are reserved one by one
    return bool(value == default)


def wrong(text: str) -> PydanticCustomError:
    """A mistake in one value; the message reads `key = value text`."""
    return PydanticCustomError("wrong", "wrong", {"text": text})


def clash(text: str) -> PydanticCustomError:
    """A mistake that several keys make together; the message is the text."""
    return PydanticCustomError("clash", "clash", {"text": text})


class Chosen:
    """Marks a union whose member is chosen by looking at the input, so that errors name one member.

    `choose` maps the raw input to the annotation that it must satisfy, or raises.
    """

    def __init__(self, choose: Callable[[Any], Any]) -> None:
        """Choose by this function."""
        self.choose = choose

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check the chosen member first, then that it belongs to the union."""

        def check(value: Any) -> Any:
            if isinstance(value, Table):
                return value
            member = self.choose(value)
            if isinstance(member, type) and issubclass(member, Table):
                return member.model_validate(value)
            return _adapter(member).validate_python(value)

        return core_schema.no_info_before_validator_function(check, handler(source))


@cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation, config=STRICT)


def by_kind(*tables: type[Table]) -> Chosen:
    """Choose a table by its key `kind`; the first one where that is left out.

    The first one's declaration of `kind` holds the kinds that are not yet built.
    """
    named = {table.model_fields["kind"].default: table for table in tables}
    first = tables[0].model_fields["kind"]
    extra = first.json_schema_extra if isinstance(first.json_schema_extra, dict) else {}

    def choose(value: Any) -> type[Table]:
        if not isinstance(value, dict):
            raise PydanticCustomError("no_table", "no table", {"kinds": list(named)})
        kind = value.get("kind", first.default)
        if isinstance(kind, str) and kind in named:
            return named[kind]
        error: LiteralString = "not_yet" if _awaited(kind, extra.get("later", [])) else "kind"
        raise PydanticCustomError(error, "kind", {"at": "kind"})

    return Chosen(choose)

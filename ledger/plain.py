"""Figures as what JSON can hold, and back by their type: numbers, texts, moments, fractions, rows of the
database (by their keys), lists, tuples and named tuples of these.
"""

from datetime import date, datetime
from enum import Enum
from fractions import Fraction
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from django.db.models import Model, QuerySet


def pack(value: Any) -> Any:
    """What JSON can hold. TypeError for a value of another kind."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Fraction):
        return [value.numerator, value.denominator]
    if isinstance(value, date):  # moments too
        return value.isoformat()
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, (list, tuple)):
        return [pack(part) for part in value]
    raise TypeError(f"{type(value).__name__} cannot be kept")


def unpack(shape: Any, plain: Any, *, known: dict[type[Model], dict[Any, Model]] | None = None) -> Any:
    """The value of that type which `pack` made this of. KeyError if a row of the database is gone."""
    known = {} if known is None else known
    arguments = get_args(shape)
    if get_origin(shape) in (Union, UnionType):
        (inner,) = (one for one in arguments if one is not NoneType)
        return None if plain is None else unpack(inner, plain, known=known)
    if get_origin(shape) is list:
        return [unpack(arguments[0], part, known=known) for part in plain]
    if get_origin(shape) is tuple:
        return tuple(unpack(one, part, known=known) for one, part in zip(arguments, plain, strict=True))
    if hasattr(shape, "_fields"):
        hints = get_type_hints(shape)
        parts = zip(shape._fields, plain, strict=True)
        return shape(*(unpack(hints[field], part, known=known) for field, part in parts))
    return _one(shape, plain, known)


def _one(shape: Any, plain: Any, known: dict[type[Model], dict[Any, Model]]) -> Any:
    if issubclass(shape, Model):  # the tables of which figures speak are short: brands
        if shape not in known:
            known[shape] = QuerySet(shape).in_bulk()
        return known[shape][plain]
    if issubclass(shape, datetime) or issubclass(shape, date):
        return shape.fromisoformat(plain)
    if issubclass(shape, Fraction):
        return Fraction(*plain)
    return shape(plain)

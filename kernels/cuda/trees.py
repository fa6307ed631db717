"""Arrays among other values: taken out of tuples and dataclasses, and put back.

A `Tree` is what is left: the containers, the shapes and types of the arrays, and the other values,
hashable. Equal trees mean equal launches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any


@dataclass(frozen=True)
class Leaf:
    """An array that was here."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Node:
    """A container. kind : its type; parts : what is in it"""

    kind: type
    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Value:
    """Any other value; of a type, since 1 equals 1.0 and True."""

    kind: type
    value: Any


Tree = Leaf | Node | Value


def taken(value: Any, array: type, into: list[Any]) -> Tree:
    """The tree of a value, whose arrays, of that type, go `into` a list."""
    if isinstance(value, array):
        into.append(value)
        return Leaf(tuple(value.shape), value.dtype.str)  # type: ignore[attr-defined]
    if isinstance(value, tuple | list):
        return Node(type(value), tuple(taken(each, array, into) for each in value))
    if is_dataclass(value) and not isinstance(value, type):
        parts = (getattr(value, each.name) for each in fields(value))
        return Node(type(value), tuple(taken(each, array, into) for each in parts))
    return Value(type(value), value)


def put_back(tree: Tree, arrays: Iterator[Any]) -> Any:
    """The value of a tree, with arrays in the order in which they were taken."""
    if isinstance(tree, Leaf):
        return next(arrays)
    if isinstance(tree, Value):
        return tree.value
    parts = [put_back(each, arrays) for each in tree.parts]
    if tree.kind in (tuple, list):
        return tree.kind(parts)
    return tree.kind(*parts)

"""What a name can be, as far as the text tells: the values that follow.py passes through a module.

All of them are immutable. UNKNOWN is what can't be told, and every rule is silent about it: a linter that guesses is turned off.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import Any


class Value:
    __slots__ = ()


class _Unknown(Value):
    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = _Unknown()


@dataclass(frozen=True, slots=True)
class Array(Value):
    """An mx.array. What isn't known is None."""

    dtype: str | None = None
    is_evaluated: bool = False  # mx.eval has been called on it: reading it doesn't wait for more
    is_host: bool = False  # made of Python's or NumPy's values as it is: nothing to wait for
    constant: Any = None  # of a 0-d array made from a Python number
    is_scalar: bool = False  # 0-d, made from a number
    is_range: bool = False  # mx.arange as it is: who multiplies it with 0.5 wants floats
    spectrum: tuple | None = None  # see rules/fft.py
    dim_of: ast.AST | None = field(default=None, compare=False)  # made from a size of an array, here
    ndim: int | None = None
    count: int | None = None  # elements

    def but(self, **changes: Any) -> Array:
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Number(Value):
    kind: str | None = None  # "int", "float", "bool", "complex"
    constant: Any = None
    is_dim: bool = False  # a size of an array
    is_numpy: bool = False  # a NumPy scalar
    pulled: ast.AST | None = field(default=None, compare=False)  # from an MLX array, here


@dataclass(frozen=True, slots=True)
class NoneValue(Value):
    pass


@dataclass(frozen=True, slots=True)
class Host(Value):
    """A NumPy array or a list of numbers."""

    kind: str = "numpy"
    dtype: str | None = None
    pulled: ast.AST | None = field(default=None, compare=False)  # made of an MLX array, here


@dataclass(frozen=True, slots=True)
class Module(Value):
    name: str  # "mlx.core"


@dataclass(frozen=True, slots=True)
class Api(Value):
    name: str  # "mlx.core.fast.metal_kernel"


@dataclass(frozen=True, slots=True)
class Method(Value):
    owner: Value
    name: str


@dataclass(frozen=True, slots=True)
class Dtype(Value):
    name: str


@dataclass(frozen=True, slots=True)
class Shape(Value):
    """x.shape"""


@dataclass(frozen=True, slots=True)
class Items(Value):
    """A tuple or list. Either each item is known, or what all of them are."""

    items: tuple[Value, ...] | None
    every: Value = UNKNOWN

    def any(self) -> Value:
        if self.items is None:
            return self.every
        value: Value | None = None
        for item in self.items:
            value = item if value is None else join(value, item)
        return UNKNOWN if value is None else value


@dataclass(frozen=True, slots=True)
class Mapping(Value):
    every: Value = UNKNOWN
    known: tuple[tuple[Any, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Textual(Value):
    """A string; `text` is a literals.Text, or None. It may have holes that change from call to call."""

    text: Any = field(default=None, compare=False)
    constant: str | None = None
    is_varying: bool = False
    file: str | None = None  # read from this file


@dataclass(frozen=True, slots=True)
class Opened(Value):
    """open(path), Path(path)"""

    path: str | None


@dataclass(frozen=True, slots=True)
class Class(Value):
    node: ast.ClassDef
    info: Any = field(compare=False, default=None)


@dataclass(frozen=True, slots=True)
class Instance(Value):
    node: ast.ClassDef
    info: Any = field(compare=False, default=None)


@dataclass(frozen=True, slots=True)
class Layer(Value):
    """A layer of mlx.nn: calling it gives an array."""

    name: str


@dataclass(frozen=True, slots=True)
class Function(Value):
    node: ast.AST  # FunctionDef, AsyncFunctionDef, Lambda
    info: Any = field(compare=False, default=None)
    owner: Value | None = field(compare=False, default=None)  # the instance, of a bound method


@dataclass(frozen=True, slots=True)
class Transformed(Value):
    """mx.value_and_grad(f) and its like: what a call gives."""

    kind: str
    function: Value


@dataclass(frozen=True, slots=True)
class Kernel(Value):
    """What mx.fast.metal_kernel returns; `made` is a kernels.Definition."""

    made: Any = field(compare=False, default=None)
    node: ast.AST | None = None


NONE = NoneValue()


def join(a: Value, b: Value) -> Value:
    """What is true of both. None beside something else is that: who uses it has looked."""
    if a is b or a == b:
        return a
    if isinstance(a, NoneValue):
        return b
    if isinstance(b, NoneValue):
        return a
    if type(a) is not type(b):
        return UNKNOWN
    if isinstance(a, Array):
        assert isinstance(b, Array)
        return Array(dtype=a.dtype if a.dtype == b.dtype else None, is_evaluated=a.is_evaluated and b.is_evaluated, is_host=a.is_host and b.is_host,
                     spectrum=a.spectrum if a.spectrum == b.spectrum else None, ndim=a.ndim if a.ndim == b.ndim else None,
                     is_scalar=a.is_scalar and b.is_scalar, count=a.count if a.count == b.count else None)
    if isinstance(a, Number):
        assert isinstance(b, Number)
        return Number(kind=a.kind if a.kind == b.kind else None, is_dim=a.is_dim and b.is_dim, pulled=a.pulled and b.pulled)
    if isinstance(a, Items):
        assert isinstance(b, Items)
        if a.items is not None and b.items is not None and len(a.items) == len(b.items):
            return Items(tuple(join(x, y) for x, y in zip(a.items, b.items)))
        if a.items == () or b.items == ():
            other = b if a.items == () else a
            return Items(None, other.any())
        return Items(None, join(a.any(), b.any()))
    if isinstance(a, Textual):
        return Textual(is_varying=True)
    if isinstance(a, Host):
        assert isinstance(b, Host)
        return Host(a.kind if a.kind == b.kind else "numpy", a.dtype if a.dtype == b.dtype else None)
    if isinstance(a, Mapping):
        assert isinstance(b, Mapping)
        if not a.known and a.every is UNKNOWN:
            return b
        if not b.known and b.every is UNKNOWN:
            return a
        return Mapping(join(a.every, b.every))
    return UNKNOWN

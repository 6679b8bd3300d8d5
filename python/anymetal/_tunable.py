"""Values that a script lets `anymetal tune` choose.

    TILE = anymetal.tunable("TILE", 16, [8, 16, 32])

gives 16; under `anymetal tune script.py` the script runs once with each value, and later runs on this machine get the best.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, TypeVar

Value = TypeVar("Value")

#: Under `anymetal tune`: what each name is in this run; else None.
assignment: dict[str, Any] | None = None
#: What a run of the script has declared: its values, the default first, and under which keys the best are remembered.
declared: dict[str, tuple[list[Any], set[tuple[str, ...]]]] = {}


def tunable(name: str, default: Value, values: Sequence[Value], key: Any = None) -> Value:
    """One of ``values``: the best that ``anymetal tune`` has found for this script, or ``default``.

    The kernels must give the same results with each of them, up to rounding; ``anymetal tune`` checks that. ``key`` tells apart what is
    remembered for different problems, such as ``key=(m, n)``: anything whose ``repr`` is always the same. What was found belongs to this device
    (executor and processor), the script's file name, the name, the values and the key. ``ANYMETAL_TUNED=0`` gives the defaults.
    """
    choices = [default, *(each for each in values if each != default)]
    if default not in values:
        raise ValueError(f"tunable {name!r}: the default {default!r} isn't among the values {list(values)!r}")
    script = os.path.basename(sys._getframe(1).f_code.co_filename)
    identity = (script, name, repr(sorted(map(repr, choices))), repr(key))
    if assignment is not None:
        known = declared.setdefault(name, (choices, set()))
        if known[0] != choices:
            raise ValueError(f"tunable {name!r} is declared twice, with other values: {known[0]!r} and {choices!r}")
        known[1].add(identity)
        return assignment.get(name, default)
    return default if os.environ.get("ANYMETAL_TUNED") == "0" else _remembered(identity, choices)


_found: dict[tuple[str, ...], str] = {}


def _remembered(identity: tuple[str, ...], choices: list[Any]) -> Any:
    if identity not in _found:
        from ._library import _native

        _found[identity] = _native().remembered(list(identity))
    return next((each for each in choices if repr(each) == _found[identity]), choices[0])

"""The rows of all subjects: kernels/NAME/NAME_bench.py has ROWS, and a function for each contender that can do them:

    def anymetal(row, sizes, data): return call, result        mlx, numpy, scipy, cpp likewise

`call()` computes once and waits; `result()` is what it computed last, to be compared. What a row is, is said in bench/peers/rows.py; here its
family is the subject's name. The functions named `anymetal` and `mlx` return what `evaluated` makes."""

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
KERNELS = HERE.parents[1] / "kernels"
PEERS = HERE.parent / "peers"


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


peers = load("peers_rows", PEERS / "rows.py")
Row, error, decode, encode, inputs, width = peers.Row, peers.error, peers.decode, peers.encode, peers.inputs, peers.width


def evaluated(function, join=None):
    """A call for functions on MLX's arrays; `join` makes one NumPy array of what they return."""
    import mlx.core as mx
    import numpy as np

    last = [None]

    def call():
        last[0] = None
        last[0] = function()
        mx.eval(last[0])
    return call, lambda: (join or np.array)(last[0])


def given(array):
    """An MLX array in memory."""
    import mlx.core as mx

    made = mx.array(array)
    mx.eval(made)
    return made


sys.modules.setdefault("rows", sys.modules[__name__])
MODULES = {path.parent.name: load(path.stem, path) for path in sorted(KERNELS.glob("*/*_bench.py"))}
FAMILIES = set(MODULES)


def table():
    return {row.name: row for module in MODULES.values() for row in module.ROWS}

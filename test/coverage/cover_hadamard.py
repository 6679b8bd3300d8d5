"""Hadamard transforms: of powers of two, along rows and across them, and of a small odd factor."""

import numpy as np

from framework import FLOATS, METAL, covers, decode, encode
from values import EPSILON, floats, outputs

ORACLE = "NumPy's product with the matrix"
# Of two rows each, as MLX's host code writes them for its matrices of 12, 20 and 28.
CODELET = """METAL_FUNC void hadamard_radix_m(thread float *x) {{
  float tmp[{}];
{}
  for (int i = 0; i < {}; i++) {{ x[i] = tmp[i]; }}
}}
"""


def doubled(n):
    matrix = np.ones((1, 1))
    while len(matrix) < n:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


def paley(m):
    """A Hadamard matrix of size m = q + 1 for a prime q, 3 modulo 4, from squares modulo q
    (Paley)."""
    q = m - 1
    squares = {each * each % q for each in range(1, q)}
    sign = [0] + [1 if each in squares else -1 for each in range(1, q)]
    matrix = np.ones((m, m))
    matrix[1:, 1:] = [[1 if i == j else sign[(j - i) % q] for j in range(q)] for i in range(q)]
    matrix[1:, 0] = -1
    assert (matrix @ matrix.T == m * np.eye(m)).all()
    return matrix


def codelet(matrix):
    rows = "\n".join(f"  tmp[{at}] = " + "".join(f" {'+' if sign > 0 else '-'} x[{i}]"
                                                 for i, sign in enumerate(row)) + ";"
                     for at, row in enumerate(matrix))
    return CODELET.format(len(matrix), rows, len(matrix))


def signal(shape, dtype, at):
    """NaN or infinity in the last of several rows."""
    x = floats(int(np.prod(shape)), dtype, special=False).reshape(shape)
    if shape[0] > 1:
        x[-1, 3] = encode([np.nan if at % 2 else np.inf], dtype)[0]
    return x


def compare(run, name, dtype, shape, y, x, matrix):
    a = decode(x, dtype).astype(np.float64)
    with np.errstate(invalid="ignore"):
        expected = (a[..., None] * matrix).sum(-2)
    off = 4 * EPSILON[dtype] * np.nan_to_num(np.abs(a), posinf=0).sum(-1, keepdims=True)
    off = np.broadcast_to(off * np.abs(matrix).max(), expected.shape)
    run.check(name, dtype, shape, decode(y, dtype), expected, atol=off, oracle=ORACLE)


@covers("hadamard.h")
def hadamard_n(run):
    for dtype in FLOATS:
        t = METAL[dtype]
        sizes = [(8, 8, 2), (64, 16, 4), (512, 16, 4)]
        library = run.library(
            {f"{n}": f"hadamard_n<{t}, {n}, {radix}, {width}>"
             for n, radix, width in sizes} | {"across": f"hadamard_n<{t}, 32, 16, 4, 3>"},
            before=codelet(paley(12)))
        for n, radix, _ in sizes:
            for at, batch in enumerate((1, 3, 4)):
                x, y = signal((batch, n), dtype, at), outputs((batch, n), dtype)
                library.kernel(str(n))(x, y, 0.5, grid=(n // radix, batch), threadgroup=n // radix)
                compare(run, f"hadamard_n<{n}>", dtype, [batch, n], y, x, 0.5 * doubled(n))
        for at, batch in enumerate((1, 2, 3)):  # of columns, three beside each other
            x, y = signal((batch, 32, 3), dtype, at), outputs((batch, 32, 3), dtype)
            library.kernel("across")(x, y, 1.0, grid=(2, batch, 3), threadgroup=2)
            compare(run, "hadamard_n<32, stride 3>", dtype, [batch, 32, 3], y.swapaxes(1, 2),
                    x.swapaxes(1, 2), doubled(32))


@covers("hadamard.h")
def hadamard_m(run):
    for m, n, width in ((12, 4, 4), (20, 2, 2), (12, 1, 1)):
        matrix = paley(m)
        for dtype in FLOATS:
            library = run.library({"m": f"hadamard_m<{METAL[dtype]}, {n}, {m}, {width}>"},
                                  before=codelet(matrix))
            for at, batch in enumerate((1, 3, 6)):
                x, y = signal((batch, m, n), dtype, at), outputs((batch, m, n), dtype)
                group = max(n // width, 1)
                library.kernel("m")(x, y, 0.25, grid=(group, batch * n // width // group),
                                    threadgroup=group)
                compare(run, f"hadamard_m<{m}, {n}>", dtype, [batch, m, n], y.swapaxes(1, 2),
                        x.swapaxes(1, 2), 0.25 * matrix.T)

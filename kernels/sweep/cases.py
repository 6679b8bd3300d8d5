"""What is swept: for each function of the library, matrices of all sizes and conditions, and how much of the promised bound each result takes.

What comes in: the sizes. What goes out: a `Found` for each matrix: what it was, and shares of bounds, of which none may exceed 1. The bounds are those of the
docstrings; what is compared with is computed by NumPy (with its LAPACK) in double. Why this way: one table of worst cases says more than thousands of
passed tests, and shows how much room the promises leave.
"""

import math
from dataclasses import dataclass

import mlx.core as mx
import numpy as np
from judged import DTYPES, EPS, as_double, norm, rng

from anymetal import kernels

SIZES = [0, 1, 2, 3, 5, 7, 16, 17, 31, 32, 33, 61, 64, 67, 97, 127, 128, 131, 251, 256, 257, 509, 512, 521, 1021, 1024, 1031, 2039, 2048]
CONDITIONS = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7]
WAYS = [(False, False), (False, True), (True, False), (True, True)]
MOST_OF_JACOBI = 1024  # columns


@dataclass
class Found:
    what: str
    shares: dict  # of each bound, by its name
    refused: str = ""  # by an error that is right


def reflected(a, random, times=2):
    """`a` between products of reflectors: dense, with the same singular values, in n^2 operations."""
    for _ in range(times):
        for axis in (0, 1):
            v = random.standard_normal(a.shape[axis])
            v /= np.linalg.norm(v) or 1
            a = a - 2 * (np.outer(v, v @ a) if axis == 0 else np.outer(a @ v, v))
    return a


def ratios(k, condition):
    """1 to 1/condition in equal ratios."""
    return np.logspace(0, -np.log10(condition), k) if k else np.ones(0)


def conditioned(m, n, condition, random):
    a = np.zeros((m, n))
    k = min(m, n)
    a[range(k), range(k)] = ratios(k, condition)
    return reflected(a, random).astype(np.float32) if k else a.astype(np.float32)


def symmetric(values, random):
    a = np.diag(values.astype(np.float64))
    for _ in range(3 if len(values) else 0):
        v = random.standard_normal(len(values))
        v /= np.linalg.norm(v)
        a = a - 2 * np.outer(v, v @ a)
        a = a - 2 * np.outer(a @ v, v)
    return ((a + a.T) / 2).astype(np.float32)


def most(actual, bound):
    """The largest actual / bound; what is no number is infinitely bad."""
    worst = np.max(np.asarray(actual) / bound, initial=0)
    return float(worst) if np.isfinite(worst) else math.inf


def shapes(sizes):
    """Squares, one row, one column, tall and wide ones."""
    for n in sizes:
        yield n, n
        if n > 1:
            yield n, 1
            yield 1, n
        if n > 40:
            yield n, 17
            yield 31, n


def few(sizes):
    """Sizes for which all conditions are tried."""
    return [n for n in (7, 33, 131, 521, 1021) if n <= max(sizes)] + [max(sizes)]


def matrices(sizes, square=False):
    """(m, n, condition, a): all shapes at condition 10, then all conditions."""
    for m, n in ((n, n) for n in sizes) if square else shapes(sizes):
        yield m, n, 10, conditioned(m, n, 10, rng(m + 3 * n))
    for n in few(sizes):
        for condition in CONDITIONS:
            yield n, n, condition, conditioned(n, n, condition, rng(n))


def gemm(sizes):
    extents = [(n, n, n) for n in sizes] + [each for n in sizes if n > 1 for each in ((1, n, n), (n, 1, n), (n, n, 1), (1, 1, n))]
    for at, (m, n, k) in enumerate(extents):
        for form in WAYS if max(m, n, k) <= 300 else [WAYS[at % 4]]:
            for name in DTYPES if m == n == k and n <= 300 else ["float32"]:
                yield product(m, n, k, form, name)


def product(m, n, k, form, name):
    kind, eps = DTYPES[name]
    random = rng(m + 3 * n + 5 * k)
    a, b = (mx.array(random.standard_normal(shape[::-1] if turned else shape).astype(np.float32)).astype(kind)
            for shape, turned in (((m, k), form[0]), ((k, n), form[1])))
    c = as_double(kernels.gemm(a, b, transpose_a=form[0], transpose_b=form[1]))
    left, right = (as_double(each).T if turned else as_double(each) for each, turned in ((a, form[0]), (b, form[1])))
    exact = left @ right
    bound = max(k, 1) * EPS * (np.abs(left) @ np.abs(right)) + (eps * np.abs(exact) if name != "float32" else 0) + 1e-40
    return Found(f"{m}x{k} times {k}x{n}, {name}, transposed {form[0]:d}{form[1]:d}", {"product": most(np.abs(c - exact), bound)})


def solve_triangular(sizes):
    for m, n, condition, a in matrices(sizes, square=True):
        random = rng(n + 1)
        # What is left of the diagonal would make the triangle of a random matrix exponentially ill-conditioned; R of a QR has the condition of a.
        t = np.linalg.qr(a.astype(np.float64))[1].astype(np.float32) if n else a
        for upper, transpose in WAYS if n <= 300 else [WAYS[n % 4]]:
            for columns in (1, 37):
                triangle = t if upper else t.T.copy()
                b = random.standard_normal((n, columns)).astype(np.float32)
                x = as_double(kernels.solve_triangular(mx.array(triangle), mx.array(b), upper=upper, transpose=transpose))
                left = np.abs((triangle.T if transpose else triangle).astype(np.float64))
                off = np.abs((triangle.T if transpose else triangle).astype(np.float64) @ x - b)
                yield Found(f"n = {n}, {columns} right sides, condition {condition:.0e}", {"|T x - b|": most(off, 2 * n * EPS * (left @ np.abs(x)) + 1e-37)})


def cholesky(sizes):
    for n, condition in [(n, 10) for n in sizes] + [(n, each) for n in few(sizes) for each in CONDITIONS]:
        a = symmetric(ratios(n, condition), rng(n))
        for upper in (False, True):
            what = f"n = {n}, condition {condition:.0e}"
            try:
                f = as_double(kernels.cholesky(mx.array(a), upper=upper))
            except kernels.NotPositiveDefiniteError:
                # Right where rounding a itself may have made it indefinite (Higham, theorem 10.7).
                yield Found(what, {"|L L^T - A|": 0.0 if 2 * n * n * EPS * condition > 1 else math.inf}, "not positive definite")
                continue
            lower = np.abs(f.T if upper else f)
            off = np.abs((f.T @ f if upper else f @ f.T) - a)
            yield Found(what, {"|L L^T - A|": most(off, 2 * max(n, 1) * EPS * (lower @ lower.T) + 1e-40)})


def qr(sizes):
    for m, n, condition, a in matrices(sizes):
        yield factored(a, condition)
        if max(m, n) <= 300 and condition == 10:
            yield factored(a, condition, complete=True)
        if m >= n and max(m, n) <= 300 and condition <= 1e6:
            yield factored(a, condition, method="gram_schmidt")


def factored(a, condition, **options):
    m, n = a.shape
    q, r = (as_double(each) for each in kernels.qr(mx.array(a), **options))
    bound = 4 * max(m, n, 1) * EPS
    gram = q.T @ q - np.eye(q.shape[1])
    shares = {"|QR - A|": norm(q @ r - a) / (bound * norm(a) + 1e-300), "|QᵀQ - 1|": norm(gram) / bound}
    if condition >= 1e6:
        shares["|QᵀQ - 1| < 1e-5, 2-norm"] = float(np.linalg.norm(gram, 2)) / 1e-5
    return Found(f"{m}x{n}, condition {condition:.0e}" + "".join(f", {name} {value}" for name, value in options.items()), shares)


def lstsq(sizes):
    for m, n, condition, a in matrices(sizes):
        if condition * max(m, n, 1) * 2 * EPS > 1 / 20 or (condition == 10 and m == n and m > 1100):
            continue  # its rank isn't full by the docstring's measure; large squares are in qr's sweep
        b = rng(m).standard_normal((m, 3)).astype(np.float32)
        x = as_double(kernels.lstsq(mx.array(a), mx.array(b)))
        left, bound = a.astype(np.float64), 8 * max(m, n, 1) * EPS * norm(a.astype(np.float64)) + 1e-300
        off = norm(left.T @ (left @ x - b)) / (norm(left) * norm(x) + norm(b) + 1e-300) if m >= n else norm(left @ x - b) / (norm(x) + 1e-300)
        yield Found(f"{m}x{n}, condition {condition:.0e}", {"normal equations" if m >= n else "|A x - b|": off / bound})


def jacobi(sizes):
    return [n for n in sizes if n <= MOST_OF_JACOBI]


def svd(sizes):
    for m, n, condition, a in matrices(jacobi(sizes)):
        u, s, vt = (as_double(each) for each in kernels.svd(mx.array(a)))
        k, size = max(min(m, n), 1), norm(a.astype(np.float64)) + 1e-300
        bound = 20 * k * EPS
        exact = np.linalg.svd(a.astype(np.float64), compute_uv=False)
        yield Found(f"{m}x{n}, condition {condition:.0e}", {
            "|U S Vᵀ - A|": norm(u * s @ vt - a) / (bound * size), "|UᵀU - 1|": norm(u.T @ u - np.eye(u.shape[1])) / bound,
            "|VᵀV - 1|": norm(vt @ vt.T - np.eye(len(vt))) / bound, "S by LAPACK": most(np.abs(s - exact), 10 * math.sqrt(k) * EPS * size)})


def eigh(sizes):
    for n, condition in [(n, 10) for n in jacobi(sizes)] + [(n, each) for n in few(jacobi(sizes)) for each in CONDITIONS]:
        random = rng(n)
        a = symmetric(ratios(n, condition) * random.choice([-1, 1], n), random)
        w, v = (as_double(each) for each in kernels.eigh(mx.array(a)))
        size, bound = norm(a.astype(np.float64)) + 1e-300, 20 * max(n, 1) * EPS
        exact = np.linalg.eigvalsh(a.astype(np.float64)) if n else w
        yield Found(f"n = {n}, condition {condition:.0e}", {
            "|A V - V W|": norm(a @ v - v * w) / (bound * size), "|VᵀV - 1|": norm(v.T @ v - np.eye(n)) / bound,
            "W by LAPACK": most(np.abs(w - exact), 10 * math.sqrt(max(n, 1)) * EPS * size)})


def subspace_svd(sizes):
    for m, n in [(n, n) for n in sizes if n > 30] + [(max(sizes), 67), (97, max(sizes))]:
        if min(m, n) < 30:
            continue
        k = min(m, n)
        a = np.zeros((m, n))
        a[range(k), range(k)] = 0.8**np.arange(k)
        a = reflected(a, rng(m + n)).astype(np.float32)
        u, s, vt = (as_double(each) for each in kernels.subspace_svd(mx.array(a), 10))
        exact = 0.8**np.arange(10)
        yield Found(f"{m}x{n}, rank 10", {"S": most(np.abs(s - exact), 1e-5 + 1e-6), "|UᵀU - 1| < 1e-5": norm(u.T @ u - np.eye(10)) / 1e-5,
                                          "|VᵀV - 1| < 1e-5": norm(vt @ vt.T - np.eye(10)) / 1e-5})


def patterns(name, count):
    """All values of 16 bits, or so many of 32, among them denormals, infinities and NaN."""
    if name == "float32":
        bits = rng(1).integers(0, 1 << 32, count, dtype=np.uint32)
        bits[:8] = [0, 1 << 31, 1, (1 << 23) - 1, 0x7F800000, 0xFF800000, 0x7FC00000, 0x007FFFFF]
        return mx.array(bits).view(mx.float32)
    return mx.array(np.arange(1 << 16, dtype=np.uint16)).view(DTYPES[name][0])


def elementwise(call, exact_of, ulps, sizes):
    for name in DTYPES:
        x = patterns(name, 1 << min(22, 12 + max(sizes)))
        eps = 2.0**-23 * ulps if name == "float32" else 1.01 * DTYPES[name][1]
        smallest = {"float32": 1.5e-45, "float16": 6e-8, "bfloat16": 9.2e-41}[name]  # a step among denormals
        with np.errstate(all="ignore"):
            y, wide = as_double(call(x)), as_double(x)
            exact = exact_of(wide)
            held = np.array(mx.array(exact.astype(np.float32)).astype(DTYPES[name][0]).astype(mx.float32)).astype(np.float64)
        finite = np.isfinite(held) & np.isfinite(y)
        same = np.array_equal(np.isnan(y), np.isnan(held)) and np.array_equal(y[np.isinf(y)], held[np.isinf(y)]) and np.array_equal(np.isinf(y), np.isinf(held))
        share = most(np.abs(y[finite] - exact[finite]), eps * np.abs(exact[finite]) + smallest)
        yield Found(f"{x.size} bit patterns, {name}", {"error": share, "infinities and NaN": 0.0 if same else math.inf})
    for n in sizes:
        x = mx.array(rng(n).standard_normal(n).astype(np.float32))
        yield Found(f"n = {n}", {"error": most(np.abs(as_double(call(x)) - exact_of(as_double(x))), 2.0**-23 * ulps * np.abs(exact_of(as_double(x))) + 1e-300)})


def exp_elementwise(sizes):
    return elementwise(kernels.exp_elementwise, np.exp, 4, sizes)


def soft_cap(sizes):
    return elementwise(lambda x: kernels.soft_cap(x, 30.0), lambda x: 30 * np.tanh(x / 30), 6, sizes)


def depthwise_conv(sizes):
    for n in sizes:
        for taps, left in ((3, 1), (4, 3), (7, 0), (64, 31)):
            random = rng(n + taps)
            x, w = random.standard_normal((2, 5, n)).astype(np.float32), random.standard_normal((5, taps)).astype(np.float32)
            y = as_double(kernels.depthwise_conv(mx.array(x), mx.array(w), left=left))
            padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (left, taps - 1 - left)))
            terms = [w[None, :, j, None].astype(np.float64) * padded[:, :, j:j + n] for j in range(taps)]
            yield Found(f"length {n}, {taps} taps", {"sum": most(np.abs(y - sum(terms)), taps * EPS * sum(map(np.abs, terms)) + 1e-300)})


def compensated(sizes):
    for method, of_method in (("kahan", lambda u: 3 * u), ("neumaier", lambda u: 256**2 * u * u), ("limbs", lambda u: 512 * u * u)):
        for n in [*sizes, 100003]:
            for condition in CONDITIONS:
                random = rng(n)
                x = (random.standard_normal(n) * 10.0**random.uniform(-6, 0, n)).astype(np.float32)
                y = random.standard_normal(n).astype(np.float32)
                half = n // 2  # which cancels but for a part of 1 / condition
                x[half:2 * half], y[half:2 * half] = x[:half], -y[:half] * np.float32(1 - 1 / condition)
                terms = x.astype(np.float64) * y  # exact: 48 bits
                high, low = (float(each) for each in kernels.dot_limbs(mx.array(x), mx.array(y), method=method))
                exact, size = math.fsum(terms), math.fsum(np.abs(terms))
                bound = (of_method(EPS) + (20 + n / 2**16) * EPS**2) * size + 2.0**-52 * abs(exact) + 1e-300
                yield Found(f"dot of {n}, {method}, condition {condition:.0e}", {"error": abs(high + low - exact) / bound})


FUNCTIONS = {each.__name__: each for each in (gemm, solve_triangular, cholesky, qr, lstsq, svd, eigh, subspace_svd, exp_elementwise, soft_cap, depthwise_conv,
                                              compensated)}

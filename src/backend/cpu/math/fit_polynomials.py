"""Coefficients of the vector math functions: `python3 fit_polynomials.py > coefficients.h` (needs numpy, scipy and mpmath).

Each polynomial minimises the largest error, relative to the function that it serves, over an interval (on a dense grid). Coefficients are rounded to float from the lowest up, and what remains is fitted anew after each, so that the
rounding of one is made good by the others.
"""

import re

import mpmath as mp
import numpy as np
from scipy.optimize import linprog

mp.mp.prec = 200


def minimax(basis, target, weight):
    """Coefficients c with the least largest |(basis @ c - target) * weight| over the grid's points: a linear program, in a
    basis that is orthogonal, and around the least-squares solution, so that its numbers are near 1."""
    orthogonal, triangle = np.linalg.qr(basis * weight[:, None])
    start = orthogonal.T @ (target * weight)
    rest = target * weight - orthogonal @ start
    unit = np.max(np.abs(rest))
    ones = np.ones((len(target), 1))
    rows = np.block([[orthogonal, -ones], [-orthogonal, -ones]])
    limits = np.concatenate([rest, -rest]) / unit
    cost = np.zeros(basis.shape[1] + 1)
    cost[-1] = 1
    solved = linprog(cost, A_ub=rows, b_ub=limits, bounds=(None, None), method="highs")
    return np.linalg.solve(triangle, start + solved.x[:-1] * unit)


def fit(function, low, high, powers, fixed=None, relative_to=None):
    """sum of c[k] x^powers[k], near function(x), over [low, high]; `fixed` are leading coefficients that are given."""
    grid = (np.cos(np.linspace(np.pi, 0, 601)) * 0.5 + 0.5) * (high - low) + low
    grid = grid[np.abs(grid) > 1e-6 * (high - low)]
    exact = np.array([float(function(mp.mpf(x))) for x in grid])
    scale = exact if relative_to is None else np.array([float(relative_to(mp.mpf(x))) for x in grid])
    weight = 1 / np.abs(scale)
    done = list(fixed or [])
    while True:
        rest = powers[len(done):]
        base = np.array([float(function(mp.mpf(x)) - sum(mp.mpf(c) * mp.mpf(x) ** p for c, p in zip(done, powers)))
                         for x in grid])
        if not rest:
            return done, np.max(np.abs(base) * weight)
        # Divided by its lowest power, the basis is a Chebyshev system also where the interval has zero in it.
        lowest = grid ** rest[0]
        solution = minimax(np.stack([grid ** (p - rest[0]) for p in rest], axis=1), base / lowest,
                               weight * np.abs(lowest))
        done.append(float(np.float32(solution[0])))


def show(name, what, coefficients, error, drop=0):
    words = ", ".join(("-" if c < 0 else "") + float.hex(abs(c)) + "f" for c in map(np.float32, coefficients[drop:])
                      for c in [float(c)])
    words = re.sub(r"\.?0*p", "p", words)
    print(f"// {what}: 2^{np.log2(error):.1f}\ninline constexpr float {name}[] = {{{words}}};")


def odd(function):
    """function(x) / x, as a function of s = x^2."""
    return lambda s: function(mp.sqrt(s)) / mp.sqrt(s)


def exponentials():
    ln2 = mp.log(2)
    for suffix, degree in ("", 6), ("Fast", 5):
        c, e = fit(mp.exp, -float(ln2) / 2 * 1.001, float(ln2) / 2 * 1.001, list(range(degree + 1)), [1.0, 1.0])
        show("kExp" + suffix, "e^r, r in [-ln 2 / 2, ln 2 / 2]", c, e)
    for suffix, degree in ("", 6), ("Fast", 5), ("Narrow", 4):
        c, e = fit(lambda x: mp.mpf(2) ** x, -0.5005, 0.5005, list(range(degree + 1)), [1.0])
        show("kExp2" + suffix, "2^r, r in [-1/2, 1/2]", c, e)
    for suffix, degree in ("", 6), ("Fast", 5):
        c, e = fit(lambda x: mp.mpf(10) ** x, -0.1507, 0.1507, list(range(degree + 1)), [1.0])
        show("kExp10" + suffix, "10^r, r in [-log10(2) / 2, log10(2) / 2]", c, e)


def logarithms():
    low, high = -1 / 3 - 1e-6, 1 / 3 + 1e-6
    for suffix, degree in ("", 9), ("Fast", 8), ("Narrow", 6):
        c, e = fit(mp.log1p, low, high, list(range(1, degree + 1)), [1.0])
        show("kLog" + suffix, "(log(1 + f) - f) / f^2, f in [-1/3, 1/3]", c, e, drop=1)
    c, e = fit(mp.log1p, low, high, list(range(1, 12)), [1.0, -0.5])
    show("kLogTail", "(log(1 + f) - f + f^2 / 2) / f^3, f in [-1/3, 1/3]", c, e, drop=2)


def circular():
    for suffix, terms in ("", 5), ("Narrow", 4):
        top = (float(mp.pi) / 2 * 1.0005) ** 2
        c, e = fit(odd(mp.sin), 0, top, list(range(terms)), [1.0])
        show("kSin" + suffix, "(sin(r) / r - 1) / r^2 of s = r^2, r in [-pi/2, pi/2]", c, e, drop=1)
    for suffix, terms in ("", 5), ("Fast", 4):
        c, e = fit(odd(mp.sinpi), 0, 0.25, list(range(terms)))
        show("kSinpi" + suffix, "sin(pi r) / r of s = r^2, r in [-1/2, 1/2]", c, e)
    top = (float(mp.pi) / 4 * 1.001) ** 2
    for suffix, terms in ("", 7), ("Narrow", 5):
        c, e = fit(odd(mp.tan), 0, top, list(range(terms)), [1.0])
        show("kTan" + suffix, "(tan(r) / r - 1) / r^2 of s = r^2, r in [-pi/4, pi/4]", c, e, drop=1)
    for suffix, terms in ("", 9), ("Fast", 8), ("Narrow", 6):
        c, e = fit(odd(mp.atan), 0, 1, list(range(terms)), [1.0])
        show("kAtan" + suffix, "(atan(t) / t - 1) / t^2 of s = t^2, t in [0, 1]", c, e, drop=1)
    for suffix, terms in ("", 6), ("Fast", 5), ("Narrow", 4):
        c, e = fit(odd(mp.asin), 0, 0.25, list(range(terms)), [1.0])
        show("kAsin" + suffix, "(asin(t) / t - 1) / t^2 of s = t^2, t in [0, 1/2]", c, e, drop=1)


def hyperbolic():
    top = (float(mp.log(2)) / 2 * 1.001) ** 2
    for suffix, terms in ("", 4), ("Narrow", 3):
        c, e = fit(odd(mp.sinh), 0, top, list(range(terms)), [1.0])
        show("kSinh" + suffix, "(sinh(r) / r - 1) / r^2 of s = r^2, r in [-ln 2 / 2, ln 2 / 2]", c, e, drop=1)
        c, e = fit(lambda s: mp.cosh(mp.sqrt(s)), 0, top, list(range(terms)), [1.0])
        show("kCosh" + suffix, "(cosh(r) - 1) / r^2 of s = r^2, r in [-ln 2 / 2, ln 2 / 2]", c, e, drop=1)


if __name__ == "__main__":
    print("// Written by fit_polynomials.py: polynomials of the vector math functions, lowest coefficient first; what each\n"
          "// stands for, where, and the largest relative error of the function that is made of it.\n#pragma once\n\n"
          "namespace anymetal::cpu_math {\n\n// clang-format off")
    exponentials()
    logarithms()
    circular()
    hyperbolic()
    print("// clang-format on\n\n}  // namespace anymetal::cpu_math")

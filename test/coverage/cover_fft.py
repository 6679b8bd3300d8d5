"""Fourier transforms: by radices, with one prime factor by Rader, of any length by Bluestein, and
long ones in four steps. What MLX's host code computes for them (plans, tables) is computed here."""

from math import prod

import numpy as np

from anymetal import Buffer
from framework import covers

RADICES = [13, 11, 8, 7, 6, 5, 4, 3, 2]
NONE = [0] * len(RADICES)
DOUBLE = "NumPy in double"
# Types of NumPy, of Metal from and to, and the transform that they stand for.
COMPLEX = ("complex64", "float2", "float2")
FORWARD = ("float32", "float", "float2")
BACKWARD = ("complex64", "float2", "float")


def steps(n):
    """How often each radix is taken, the largest first; of the small powers of two none above
    four."""
    small = n < 512 and n & (n - 1) == 0
    taken = []
    for radix in RADICES:
        count = 0
        while n > 1 and n % radix == 0 and not (small and radix > 4):
            n, count = n // radix, count + 1
        taken.append(count)
    return taken


def rader_factor(n):
    """The prime factor that no radix takes, or 1."""
    each = 2
    while n > 1 and each <= n:
        if n % each == 0:
            if each > 13:
                return each
            n //= each
        else:
            each += 1
    return 1


def per_thread(counts):
    """Elements of a thread, as MLX chooses them."""
    used = sorted({RADICES[at % 9] for at, count in enumerate(counts) if count})
    if 7 in used and (11 in used or 13 in used):
        return 7
    if 11 in used and 13 in used:
        return 11
    if len(used) == 1:
        return used[0]
    return sum(used) // 2 if len(used) == 2 and (11 in used or 13 in used) else used[1]


class Plan:
    """Function constants and sizes of one launch; `n`: what the radices compute."""
    def __init__(self, n, inverse, rader=1, table=False, together=0):
        self.n, counts = n, steps(n // rader)
        rest = steps(rader - 1) if rader > 1 else NONE
        elements = per_thread(counts + rest)
        self.together = max(256 // n, 1, together)
        self.memory = 1 << (self.together * n - 1).bit_length()
        self.size = (1, self.together, -(-n // elements))
        self.constants = {0: inverse, 1: n & (n - 1) == 0, 2: elements, 3: n // rader, 22: table}
        self.constants |= {4 + at: count for at, count in enumerate(counts + rest)}

    def launch(self, library, name, arguments, batch, paired=False):
        """Two real rows are transformed at once."""
        groups = -(-batch // self.together)
        library.kernel(name,
                       self.constants)(buffers=dict(enumerate(arguments)), threadgroup=self.size,
                                       threadgroups=(-(-groups // 2) if paired else groups, 1, 1))


def signal(rng, shape, kind):
    made = rng.normal(size=shape)
    if kind == "complex64":
        made = made + 1j * rng.normal(size=shape)
    return made.astype(kind)


def setting(rng, kind, source, target, n, batch, inverse):
    """Input, output, and the transform in double. NaN and infinity are in the last row, if that
    shares its numbers with no other."""
    if target == "float":
        x = np.fft.rfft(signal(rng, (batch, n), "float32")).astype(np.complex64)
        y = np.zeros((batch, n), np.float32)
    else:
        x = signal(rng, (batch, n), kind)
        y = np.zeros((batch, n if source == target else n // 2 + 1), np.complex64)
    if batch > 1 and (source == target or batch % 2):
        special = np.nan if n % 3 else np.inf
        x[-1, 3] = special if source == "float" else complex(special, special)
    wide = x.astype(np.complex128 if kind == "complex64" else np.float64)
    with np.errstate(all="ignore"):
        if target == "float":
            expected = np.fft.irfft(wide, n)
        elif source == "float":
            expected = np.fft.rfft(wide)
        else:
            expected = (np.fft.ifft if inverse else np.fft.fft)(wide)
    return x, y, expected


def compare(run, name, kind, shape, y, expected, factor=1):
    """log2(n) stages, each of some roundings of what is as large as the root of n; twiddles are off
    by as much. Whether a part is infinite or NaN depends on the order of the sums."""
    fine = np.isfinite(expected)
    assert (np.isfinite(y) == fine).all(), f"{name} {shape}: NaN in other places"
    y, expected = np.where(fine, y, np.nan), np.where(fine, expected, np.nan)
    size = np.sqrt((np.abs(np.where(fine, expected, 0))**2).mean(-1, keepdims=True))
    allowed = factor * 8 * (np.log2(shape[-1]) + 2) * 2.0**-23 * size
    run.check(name, kind, shape, y, expected, atol=allowed, oracle=DOUBLE)


def ways(sizes):
    """Each size with each transform, the complex ones forward and backward."""
    for n, batch in sizes:
        yield n, batch, *COMPLEX, False
        yield n, batch, *COMPLEX, True
        yield n, batch, *FORWARD, False
        yield n, batch, *BACKWARD, True


def library_of(run, name, memory, rest=""):
    return run.library({
        f"{source}{target}": f"{name}<{memory}, {source}, {target}{rest}>"
        for _, source, target in (COMPLEX, FORWARD, BACKWARD)
    })


@covers("fft.h")
def fft(run):
    rng = np.random.default_rng(1)
    # Together they take every radix.
    for n, batch, kind, source, target, inverse in ways([(60, 5), (64, 3), (143, 2), (504, 1)]):
        plan = Plan(n, inverse)
        x, y, expected = setting(rng, kind, source, target, n, batch, inverse)
        plan.launch(library_of(run, "fft", plan.memory), source + target,
                    [Buffer(x), Buffer(y), n, batch], batch, source != target)
        compare(run, f"fft<{source}, {target}>", kind, [batch, n], y, expected)


@covers("fft.h")
def rader_fft(run):
    rng = np.random.default_rng(2)
    # Whole threadgroups of rows: MLX's kernel reads and writes beyond the last row if its threads'
    # shares are more than the rows.
    for n, batch, kind, source, target, inverse in ways([(17, 15), (34, 7), (93, 4)]):
        prime = rader_factor(n)
        plan = Plan(n, inverse, prime)
        x, y, expected = setting(rng, kind, source, target, n, batch, inverse)
        root = next(r for r in range(2, prime) if len({pow(r, e, prime)
                                                       for e in range(prime - 1)}) == prime - 1)
        forward, back = (np.array([pow(root, sign * e, prime) for e in range(prime - 1)], np.int16)
                         for sign in (1, -1))
        turned = np.fft.fft(np.exp(-2j * np.pi * back / prime)).astype(np.complex64)
        plan.launch(
            library_of(run, "rader_fft", plan.memory), source + target,
            [Buffer(x), Buffer(y),
             Buffer(turned), forward, back, n, batch, prime], batch, source != target)
        compare(run, f"rader_fft<{source}, {target}>", kind, [batch, n], y, expected, 4)


def chirp(n, longer):
    """Bluestein's tables, in double as on MLX's host."""
    angle = np.pi * np.arange(-n + 1, n)**2 / n
    padded = np.zeros(longer, np.complex128)
    padded[:2 * n - 1] = np.exp(1j * angle)
    return np.fft.fft(padded).astype(np.complex64), np.exp(-1j * angle[n - 1:]).astype(np.complex64)


@covers("fft.h")
def bluestein_fft(run):
    rng = np.random.default_rng(3)
    for n, batch, kind, source, target, inverse in ways([(47, 5), (59, 3), (94, 1)]):
        longer = 1 << (2 * n - 2).bit_length()
        plan = Plan(longer, inverse)
        x, y, expected = setting(rng, kind, source, target, n, batch, inverse)
        turned, factors = chirp(n, longer)
        plan.launch(
            library_of(run, "bluestein_fft", plan.memory), source + target,
            [Buffer(x), Buffer(y),
             Buffer(turned),
             Buffer(factors), n, longer, batch], batch, source != target)
        compare(run, f"bluestein_fft<{source}, {target}>", kind, [batch, n], y, expected, 4)


@covers("fft.h")
def bluestein_table(run):
    """Many long transforms read their twiddles from a table that a kernel has made before."""
    rng = np.random.default_rng(4)
    library = run.library({"used": "bluestein_fft<4096, float2, float2>"})
    for length in (8, 72, 584):
        table = np.zeros(length, np.complex64)
        library.kernel("generate_bluestein_twiddles")(Buffer(table), grid=length)
        wanted = np.concatenate(
            [np.exp(-2j * np.pi * np.arange(p) / (8 * p)) for p in (8, 64, 512)])
        run.check("generate_bluestein_twiddles", "complex64", [length], table, wanted[:length],
                  atol=2.0**-22, oracle=DOUBLE)
    for n, batch in ((1187, 1), (1499, 1), (2047, 1)):
        plan = Plan(4096, n == 1499, table=True)
        x, y, expected = setting(rng, *COMPLEX, n, batch, n == 1499)
        turned, factors = chirp(n, 4096)
        plan.launch(library, "used", [
            Buffer(x),
            Buffer(y),
            Buffer(np.concatenate([turned, table])),
            Buffer(factors), n, 4096, batch
        ], batch)
        compare(run, "bluestein_fft<table>", "complex64", [batch, n], y, expected, 4)


@covers("fft.h")
def four_step_fft(run):
    rng = np.random.default_rng(5)
    # MLX does so from 8192 on; the first two show the same in less time.
    for n1, n2, batch in ((16, 16, 3), (32, 16, 1), (128, 64, 1)):
        for (kind, source, target), inverse in ((COMPLEX, False), (COMPLEX, True), (FORWARD, False),
                                                (BACKWARD, True)):
            n, real = n1 * n2, source != target
            x, y, expected = setting(rng, kind, source, target, n, batch, inverse)
            between = np.zeros((batch, n), np.complex64)
            for step, length, given, made in ((0, n1, x, between), (1, n2, between, y)):
                plan = Plan(length, inverse, together=min(4, 4096 // length))
                types = (source, "float2") if step == 0 else ("float2", target)
                text = f"{plan.memory}, {types[0]}, {types[1]}, {step}, {str(real).lower()}"
                rows = prod((batch, n)) // length
                plan.launch(run.library({"k": f"four_step_fft<{text}>"}), "k",
                            [Buffer(given), Buffer(made), n1, n2, rows], rows)
            compare(run, f"four_step_fft<{source}, {target}>", kind, [batch, n], y, expected, 2)

"""One kernel on both sides: the same inputs into the oracle and into anymetal, and what differs afterwards."""

from dataclasses import dataclass

import numpy as np

import anymetal
from generate import COUNTERS, INPUTS, SLOTS


@dataclass(frozen=True)
class Case:
    text: str
    seed: int  # of the inputs
    grid: tuple
    threadgroup: tuple
    math: str = "safe"

    def file(self, finding):
        """A file that replays: the launch in the first line, then what was found, then the kernel."""
        notes = "".join(f"// {line}\n" for line in finding.splitlines())
        sizes = " ".join(map(str, (*self.grid, *self.threadgroup)))
        return f"// fuzz/kernels: inputs {self.seed}, grid and threadgroup {sizes}, math {self.math}\n{notes}{self.text}"

    @staticmethod
    def read(path):
        text = path.read_text()
        first = text.partition("\n")[0]
        try:
            seed, sizes = first.removeprefix("// fuzz/kernels: inputs ").split(", grid and threadgroup ")
            sizes, _, math = sizes.partition(", math ")
            x, y, z, *threadgroup = map(int, sizes.split())
            return Case(text, int(seed), (x, y, z), tuple(threadgroup), math or "safe")
        except ValueError:
            raise SystemExit(f"{path}: its first line isn't one that this fuzzer writes")


def inputs(case):
    random = np.random.default_rng(case.seed)
    threads = int(np.prod(case.grid))
    floats = random.normal(size=INPUTS).astype(np.float32) * random.choice(np.float32([1, 100, 1e-3]), INPUTS)
    special = random.random(INPUTS)
    floats[special < 0.05] = 0
    floats[special > 0.97] = np.float32(np.inf)
    floats[(special > 0.95) & (special <= 0.97)] = np.float32(np.nan)
    ints = random.integers(-2**31, 2**31, INPUTS).astype(np.int32)
    small = random.random(INPUTS) < 0.5
    ints[small] = random.integers(-20, 20, INPUTS).astype(np.int32)[small]
    return [ints, floats, (random.normal(size=INPUTS) * 8).astype(np.float16), np.zeros(threads * SLOTS, np.int32),
            np.zeros(threads * SLOTS, np.float32), np.zeros(COUNTERS, np.uint32), np.array([case.seed & 7], np.int32)]


NAMES = ["ints", "floats", "halves", "out_ints", "out_floats", "counters", "number"]


def difference(expected, actual, math):
    """What a person would look at first, or an empty text."""
    for name, want, got in zip(NAMES, expected, actual):
        # Bit by bit, but for NaN: which of them comes out isn't defined.
        same = want.view(np.uint16 if want.itemsize == 2 else np.uint32) == got.view(np.uint16 if got.itemsize == 2 else np.uint32)
        if want.dtype.kind == "f":
            # Which zero, neither where numbers are exact (exact.py).
            same |= np.isnan(want) & np.isnan(got)
            if math != "safe":
                same |= want == got
        if not same.all():
            at = int(np.argmin(same))
            thread = f" (thread {at // SLOTS})" if name.startswith("out") else ""
            return f"{name}[{at}]{thread}: expected {want[at]!r}, got {got[at]!r}; {int((~same).sum())} of {same.size} differ"
    return ""


def run_here(case):
    """(buffers, "") or (None, what went wrong)."""
    buffers = inputs(case)
    try:
        kernel = anymetal.Library(case.text, name="fuzz.metal", math_mode=case.math).kernel("fuzz")
        kernel(*buffers[:6], int(buffers[6][0]), grid=case.grid, threadgroup=case.threadgroup)
    except Exception as error:  # whatever it is, it's a finding
        return None, f"{type(error).__name__}: {error}"
    return buffers, ""


def check(case, run_on_host):
    """What is wrong with anymetal's result: (kind, text), or None."""
    expected = inputs(case)
    if not run_on_host(case.grid, case.threadgroup, expected):
        return "oracle", "the oracle's threads wait for each other for ever"
    actual, error = run_here(case)
    if error:
        return error.partition(":")[0], error
    found = difference(expected, actual, case.math)
    return ("difference", found) if found else None

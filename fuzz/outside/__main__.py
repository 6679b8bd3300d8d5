"""Random kernels that leave their variables and tables, against a model in Python: python fuzz/outside [OPTIONS].

Reads outside are 0 and writes none (`ANYMETAL_BOUNDS=robust`), and all else is as if they were not there. Runs on the executor
and the processor that the environment asks for. A kernel that gives other numbers is told by its seed; --show writes it.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from generate import INPUTS, KEPT, Kernel  # noqa: E402

SIZES = [1, 5, 31, 32, 33, 64, 100]


def check(seed):
    """What is wrong with the kernel of this seed; None: nothing."""
    import anymetal
    import numpy as np

    kernel, sizes = Kernel(seed), random.Random(seed)
    numbers = [sizes.randrange(-3, 12) for _ in range(INPUTS)]
    threads = sizes.choice(SIZES)
    want = kernel.expect(numbers, threads)
    o = np.zeros(threads * KEPT, np.int32)
    try:
        anymetal.Library(kernel.text).kernel("outside")(np.array(numbers, np.int32), o, grid=threads, threadgroup=min(threads, sizes.choice(SIZES)))
    except (anymetal.CompileError, anymetal.KernelError, anymetal.StoppedError, anymetal.UnsupportedError, anymetal.InternalError) as error:
        return f"refused: {str(error)[:300]}"
    wrong = np.flatnonzero(o != np.array(want, np.int64).astype(np.int32))
    if not len(wrong):
        return None
    at = wrong[0]
    return f"{len(wrong)} of {len(o)} numbers; of thread {at // KEPT} number {at % KEPT} is {o[at]}, and not {want[at]}"


def main():
    parser = argparse.ArgumentParser(prog="fuzz/outside", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="how many kernels (1000)")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first; the others count on (1)")
    parser.add_argument("--show", action="store_true", help="write the kernel of the seed, and don't run it")
    options = parser.parse_args()
    if options.show:
        print(Kernel(options.seed).text)
        return 0
    os.environ.setdefault("ANYMETAL_BOUNDS", "robust")
    found, start = 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="anymetal-fuzz-") as folder:
        os.environ["ANYMETAL_CACHE_DIR"] = f"{folder}/cache"
        for done, seed in enumerate(range(options.seed, options.seed + options.count), 1):
            wrong = check(seed)
            if wrong:
                found += 1
                print(f"\rseed {seed}: {wrong}", flush=True)
            if sys.stdout.isatty() or done == options.count:
                passed = time.monotonic() - start
                print(f"\r{done}/{options.count} kernels, {found} findings, {passed:.0f} s, {done / passed:.1f} a second",
                      end="\n" if done == options.count else "", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

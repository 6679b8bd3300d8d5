"""What fuzzers whose kernels come from seeds and are judged by a model have alike: their options and the way through the seeds."""

import argparse
import os
import sys
import tempfile
import time

SIZES = [1, 5, 31, 32, 33, 64, 100]  # of threadgroups


def launch(text, name, arguments, **sizes):
    """Runs a kernel; what it is refused with, if it is."""
    import anymetal

    try:
        anymetal.Library(text).kernel(name)(*arguments, **sizes)
    except (anymetal.CompileError, anymetal.KernelError, anymetal.StoppedError, anymetal.UnsupportedError, anymetal.InternalError) as error:
        return f"refused: {str(error)[:300]}"
    return None


def difference(numbers, want, kept):
    """In words, the first of so many numbers of each thread that is another one."""
    wrong = (numbers != want).nonzero()[0]
    if not len(wrong):
        return None
    at = wrong[0]
    return f"{len(wrong)} of {len(numbers)} numbers; of thread {at // kept} number {at % kept} is {numbers[at]}, and not {want[at]}"


def main(name, about, text, check, count=1000):
    """`text(seed)` is a kernel, and `check(seed)` what is wrong with it, or None."""
    parser = argparse.ArgumentParser(prog=f"fuzz/{name}", description=about, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=count, help=f"how many kernels ({count})")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first; the others count on (1)")
    parser.add_argument("--show", action="store_true", help="write the kernel of the seed, and don't run it")
    options = parser.parse_args()
    if options.show:
        print(text(options.seed))
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

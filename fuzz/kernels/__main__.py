"""A differential fuzzer of everything from Metal text to numbers: python fuzz/kernels [OPTIONS] [FILE.metal].

Random kernels (generate.py) run on anymetal and on an oracle that shares nothing with it: the same text as plain host C++,
thread by thread (oracle.py, host/). A kernel that gives other numbers, or that is refused, is cut down (shrink.py) and
kept in fuzz/findings/ as a text file; with that file as the argument, just this kernel runs again.
"""

import argparse
import concurrent.futures
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BATCH = 20  # kernels in one call of the host's compiler
sys.path.insert(0, str(Path(__file__).parent))


def replay(path, folder):
    import oracle
    from compare import Case, check

    case = Case.read(path)
    run, = oracle.compile_all([case.text], folder)
    wrong = check(case, run)
    print(f"{path}: {wrong[0]}: {wrong[1]}" if wrong else f"{path}: no difference")
    return 1 if wrong else 0


def fuzz(count, seed, jobs, seconds, folder):
    from batch import work

    start = time.monotonic()
    batches = [list(range(first, min(first + BATCH, seed + count))) for first in range(seed, seed + count, BATCH)]
    done, found, tty = 0, [], sys.stdout.isatty()
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, mp_context=context) as pool:
        for ready in concurrent.futures.as_completed([pool.submit(work, batch, str(folder)) for batch in batches]):
            number, fresh = ready.result()
            done += number
            for path, text in fresh:
                print(f"\r{path.relative_to(ROOT)}: {text}", flush=True)
            found += fresh
            if seconds and time.monotonic() - start > seconds:
                pool.shutdown(cancel_futures=True)
                count = done
            if tty or done % 1000 < number or done == count:
                passed = time.monotonic() - start
                line = f"{done}/{count} kernels, {len(found)} findings, {passed:.0f} s, {done / passed:.1f} a second"
                print(f"\r{line}" if tty else line, end="" if tty and done < count else "\n", flush=True)
            if done == count:
                break
    return 1 if found else 0


def main():
    parser = argparse.ArgumentParser(prog="fuzz/kernels", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, help="a kernel that was found before")
    parser.add_argument("--count", type=int, default=10000, help="how many kernels (10000)")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first; the others count on (1)")
    parser.add_argument("--seconds", type=int, help="end after this time, however many have run")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="anymetal-fuzz-"))
    os.environ["ANYMETAL_CACHE_DIR"] = str(folder / "cache")
    try:
        return replay(options.file, folder) if options.file else fuzz(options.count, options.seed, options.jobs, options.seconds, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

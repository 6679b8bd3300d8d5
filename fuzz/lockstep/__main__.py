"""Random kernels in which it matters which lanes of a simdgroup are together, against a model in Python: python fuzz/lockstep [OPTIONS].

The model goes through the text in lockstep: lanes that part meet again where the construct ends. Runs on the executor and the
processor that the environment asks for. A kernel that gives other numbers is told by its seed; --show writes it.
"""

import os
import random
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]

import seeds  # noqa: E402
from constructs import UndefinedError  # noqa: E402
from generate import KEPT, LOCKS, TABLE, Kernel  # noqa: E402


def check(seed):
    """What is wrong with the kernel of this seed; None: nothing."""
    import numpy as np

    kernel, sizes = Kernel(seed), random.Random(seed)
    if kernel.is_lockstep_only and os.environ.get("ANYMETAL_EXECUTOR") == "reference":
        return None
    threads, groups = sizes.choice(seeds.SIZES), sizes.choice([1, 1, 2])
    numbers = np.array([sizes.randrange(16) for _ in range(threads * groups)], np.int32)
    table = np.array([sizes.randrange(16) for _ in range(TABLE)], np.int32)
    try:
        want, want_counts = kernel.expect(numbers, table, threads)
    except UndefinedError:  # of a thousand kernels one: a level says that more are there than are
        return None
    kept, counts, locks = (np.zeros(count, np.int32) for count in (len(want), len(want_counts), 2 * LOCKS))
    refused = seeds.launch(kernel.text, "lockstep", (numbers, table, kept, counts, locks), grid=threads * groups, threadgroup=threads)
    other = (counts != want_counts).nonzero()[0].tolist()
    wrong = refused or seeds.difference(kept, want, KEPT) or other and f"counts {other} are {counts[other].tolist()}, and not {want_counts[other].tolist()}"
    return f"{groups} threadgroups of {threads}: {wrong}" if wrong else None


if __name__ == "__main__":
    os.environ.setdefault("ANYMETAL_TIMEOUT", "20")  # a lock that is never given back
    sys.exit(seeds.main("lockstep", __doc__, lambda seed: Kernel(seed).text, check))

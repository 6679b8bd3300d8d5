"""Random kernels that leave their variables and tables, against a model in Python: python fuzz/outside [OPTIONS].

Reads outside are 0 and writes none (`ANYMETAL_BOUNDS=robust`), and all else is as if they were not there. Runs on the executor
and the processor that the environment asks for. A kernel that gives other numbers is told by its seed; --show writes it.
"""

import random
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]

import seeds  # noqa: E402
from generate import INPUTS, KEPT, Kernel  # noqa: E402


def check(seed):
    """What is wrong with the kernel of this seed; None: nothing."""
    import numpy as np

    kernel, sizes = Kernel(seed), random.Random(seed)
    numbers = [sizes.randrange(-3, 12) for _ in range(INPUTS)]
    threads = sizes.choice(seeds.SIZES)
    want = np.array(kernel.expect(numbers, threads), np.int64).astype(np.int32)
    o = np.zeros(threads * KEPT, np.int32)
    refused = seeds.launch(kernel.text, "outside", (np.array(numbers, np.int32), o), grid=threads, threadgroup=min(threads, sizes.choice(seeds.SIZES)))
    return refused or seeds.difference(o, want, KEPT)


if __name__ == "__main__":
    sys.exit(seeds.main("outside", __doc__, lambda seed: Kernel(seed).text, check))

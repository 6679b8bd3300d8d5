"""A batch of kernels in a process of its own, and what is kept of those that fail."""

from pathlib import Path

import oracle
from compare import Case, check
from generate import generator as generator_of
from shrink import shrink

FINDINGS = Path(__file__).resolve().parents[1] / "findings"


def keep(generator, seed, kind, text, folder):
    """Shrinks, writes, and gives the path."""
    tree = generator.kernel_tree
    best = text

    def still_fails(candidate):
        nonlocal best
        case = Case(candidate, seed, generator.grid, generator.threadgroup, generator.math)
        try:
            run, = oracle.compile_all([candidate], folder)
        except oracle.Refused:
            return False
        found = check(case, run)
        if found is None or found[0] != kind:
            return False
        best = found[1]
        return True

    shrink(tree, still_fails)
    FINDINGS.mkdir(parents=True, exist_ok=True)
    path = FINDINGS / f"kernel-{seed}.metal"
    path.write_text(Case(tree.text(), seed, generator.grid, generator.threadgroup, generator.math).file(best))
    return path, best


def work(seeds, folder):
    """Runs a batch; gives (kernels, [(path, text)])."""
    generators = []
    for seed in seeds:
        generator = generator_of(seed)
        generator.kernel_tree = generator.kernel()
        generators.append(generator)
    texts = [generator.kernel_tree.text() for generator in generators]
    found = []
    for seed, generator, text, run in zip(seeds, generators, texts, oracle.compile_all(texts, Path(folder))):
        wrong = check(Case(text, seed, generator.grid, generator.threadgroup, generator.math), run)
        if wrong:
            found.append(keep(generator, seed, *wrong, Path(folder)))
    return len(seeds), found

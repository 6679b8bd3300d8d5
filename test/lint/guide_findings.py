"""What the linter finds in the guides' own code: `--write` writes guides/findings.txt, else it is compared. Read the difference before it is
committed: the file is what we hold to be right, block by block.

The pieces of code in guides/ are those of the guides that this project grew from, right and wrong ones, numbered as they follow each other.
"""

import sys
from pathlib import Path

from anymetal.lint import engine
from anymetal.lint.registry import RULES

HERE = Path(__file__).parent / "guides"
GOLDEN = HERE / "findings.txt"


def lint_kernel():
    try:
        from anymetal import _native
    except ImportError:
        return None
    return getattr(_native, "lint_kernel", None)


def found():
    lines = []
    for path in sorted(HERE.glob("*.py")):
        findings, troubles = engine.lint_text(path.name, path.read_text(), lint_kernel())
        lines += [f"{path.name}: {trouble.message}" for trouble in troubles]
        lines += [f"{path.name}:{each.place.line}:{each.place.column} {each.rule} {each.message}" for each in findings]
    return lines


def without_kernels(lines):
    """For builds whose extension doesn't read kernels."""
    return [line for line in lines if len(line.split()) < 2 or RULES.get(line.split()[1]) is None or RULES[line.split()[1]].side == "python"]


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        GOLDEN.write_text("\n".join(found()) + "\n")
    else:
        print("\n".join(found()))

"""What `anymetal lint` knows: every rule by its name, for choosing, explaining and for the tables of the output formats.

A rule is listed here by the side that finds it: `python` rules are functions of this package, `kernel` rules are found by
`anymetal._native.lint_kernel` in the text of kernels. The text on a rule is its page, docs/rules/NAME.md; its cases are
test/lint/NAME/.
"""

from __future__ import annotations

from pathlib import Path

from .kernel_rules import KERNEL_RULES
from .rule import Rule

_PYTHON_RULES = [
    Rule("ASSIGN-SCALAR-001", "A Python number is stored where the array's type can't hold it", "error"),
    Rule("COMPLEX-OP-001", "An operation that MLX's Metal back end lacks for complex64", "error"),
    Rule("EVAL-LOOP-001", "mx.eval in each turn of a loop that builds one result", "warning"),
    Rule("FFT-NORM-001", "The scales of a forward and an inverse transform don't make 1/n", "error"),
    Rule("FLOAT64-001", "float64 where the GPU has none", "error"),
    Rule("GRAPH-BREAK-001", "An MLX array becomes a Python value: the lazy graph ends and is waited for", "warning"),
    Rule("KERNEL-CONTIGUOUS-001", "Linear indices into inputs that may have gaps", "error"),
    Rule("KERNEL-CREATE-001", "A Metal kernel is made anew at each call", "warning"),
    Rule("KERNEL-DEBUG-001", "A debug buffer is left among the outputs", "warning"),
    Rule("KERNEL-GRID-001", "The grid is given in threadgroups; MLX takes threads", "error", is_fixable=True),
    Rule("KERNEL-GUARD-001", "The grid is rounded up, and the body doesn't stop its last threads", "error"),
    Rule("KERNEL-NAMES-001", "Names of the kernel and names in its body don't match", "error"),
    Rule("KERNEL-OUTPUT-001", "The kernel can't fill its outputs", "error"),
    Rule("KERNEL-SIGNATURE-001", "The source has a function signature; MLX writes its own", "error"),
    Rule("KERNEL-SOURCE-001", "The source is put together anew at each call", "warning"),
    Rule("KERNEL-THREADGROUP-001", "A threadgroup of more than 1,024 threads, or not of whole simdgroups", "warning"),
    Rule("PYTHON-SCALAR-002", "A number changes the type of a tensor expression, or loses its value in it", "warning"),
    Rule("SHAPE-ARRAY-001", "A size becomes an MLX array in code that runs often", "warning", is_fixable=True),
]


RULES: dict[str, Rule] = {rule.name: rule for rule in sorted([*_PYTHON_RULES, *KERNEL_RULES], key=lambda rule: rule.name)}


def page_of(rule: Rule) -> Path | None:
    """The installed page; in a checkout, the one of the documentation."""
    here = Path(__file__).absolute().parent
    for folder in (here / "rules_pages", *(parent / "docs" / "rules" for parent in Path(__file__).resolve().parents[2:4])):
        if (folder / f"{rule.name}.md").is_file():
            return folder / f"{rule.name}.md"
    return None


def matching(prefix: str) -> list[Rule]:
    """Rules whose name is `prefix` or begins with it, by whole words: GRAPH, GRAPH-BREAK, GRAPH-BREAK-001, ALL."""
    word = prefix.strip().upper()
    if word == "ALL":
        return list(RULES.values())
    return [rule for rule in RULES.values() if rule.name == word or rule.name.startswith(word.rstrip("-") + "-")]

"""``python -m anymetal.lint.listing``: the text of docs/rules/README.md, for `./dev bless`."""

from __future__ import annotations

from .registry import RULES

HEAD = """\
# Rules of `anymetal lint`

`anymetal lint --explain RULE` shows these pages; how to use the linter is in [howto/lint.md](../howto/lint.md), how it works in
[design/lint.md](../design/lint.md). This list is written by `./dev bless` from the registry (`python/anymetal/lint/registry.py`, `kernel_rules.py`).
"""
SIDES = {"python": "In Python: MLX code, and how kernels are made and launched",
         "kernel": "In kernels: Metal's text, in Python and C++ strings and in .metal files"}


def listing() -> str:
    parts = [HEAD]
    for side, title in SIDES.items():
        rows = [f"| [{rule.name}]({rule.name}.md) | {rule.severity} | {'some' if rule.is_fixable else ''} | {rule.title} |"
                for rule in RULES.values() if rule.side == side]
        if rows:
            parts.append("\n".join([f"## {title}", "", "| Rule | | `--fix` | What is wrong |", "|---|---|---|---|", *rows]) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(listing(), end="")

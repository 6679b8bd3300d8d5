"""Cuts a failing kernel down: any piece goes whose absence leaves the failure as it is."""

import time

from tree import Node


def constant(type):
    return "true" if type == "bool" else f"{type}(1)"


def statement_cuts(block):
    """Lists of statements to try in place of the block's own: fewest first."""
    count = len(block.parts)
    size = count
    while size:
        for start in range(0, count, size):
            yield block.parts[:start] + block.parts[start + size:]
        size //= 2
    for at, statement in enumerate(block.parts):
        for inner in statement.parts if isinstance(statement, Node) else []:
            if isinstance(inner, Node) and inner.kind == "block":
                yield block.parts[:at] + inner.parts + block.parts[at + 1:]


def expression_cuts(expression):
    if expression.parts != [constant(expression.type)]:
        yield [constant(expression.type)]
    for inner in expression.nodes():
        if inner is not expression and inner.type == expression.type:
            yield list(inner.parts)


def cuts(tree):
    for node in sorted(tree.nodes(), key=Node.size, reverse=True):
        if node.kind in ("block", "list"):
            yield from ((node, parts) for parts in statement_cuts(node))
        elif node.kind == "expression":
            yield from ((node, parts) for parts in expression_cuts(node))


def shrink(tree, still_fails, seconds=120):
    """Changes `tree`; still_fails(text) says whether the failure is still there."""
    end = time.monotonic() + seconds
    again = True
    while again and time.monotonic() < end:
        again = False
        for node, parts in cuts(tree):
            if time.monotonic() > end:
                break
            before, size = node.parts, tree.size()
            node.parts = parts
            if tree.size() + sum(len(p) for p in parts if isinstance(p, str)) / 1000 <= size + 1 and still_fails(tree.text()):
                again = True
                break
            node.parts = before

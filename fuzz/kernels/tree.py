"""A kernel as a tree of text, so that a failing one can be cut down piece by piece.

A Node's parts are strings and Nodes; its text is their concatenation. What may be cut is said by its kind: statements of a
block may go, a compound statement may give way to its inner block, an expression to a constant or to one of its own parts.
"""

from dataclasses import dataclass, field


@dataclass
class Node:
    kind: str  # "expression", "statement", "block", "list" (a block without braces), or what isn't cut down
    parts: list = field(default_factory=list)
    type: str = ""  # of an expression

    def text(self):
        if self.kind == "block":
            lines = "".join(part.text() for part in self.parts)
            return "{\n" + "".join(f"  {line}\n" for line in lines.splitlines()) + "}"
        if self.kind == "list":
            return "".join(part.text() for part in self.parts)
        text = "".join(part if isinstance(part, str) else part.text() for part in self.parts)
        return text + "\n" if self.kind == "statement" else text

    def nodes(self):
        yield self
        for part in self.parts:
            if isinstance(part, Node):
                yield from part.nodes()

    def size(self):
        return sum(1 for _ in self.nodes())

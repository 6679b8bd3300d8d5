"""Kernels whose floats are small whole numbers, so that every order of sums, contracted or not, gives the same: they may be compiled
under any math mode, and whatever that mode allows must not show."""

from context import element, is_float, width
from generate import Generator
from prologue import PROLOGUE
from tree import Node


class ExactGenerator(Generator):
    # What is read from a variable is cut to 0 to 15, products are of such numbers; eight of those still are whole numbers in half.
    prologue = PROLOGUE.replace("#pragma METAL fp contract(off)\n", "").replace("return x != x ? 0x7fc00000 : as_type<int>(x);", "return int(x);")
    listed = ("int", "uint")
    exact = True

    def __init__(self, seed):
        super().__init__(seed)
        self.math = self.pick("safe", "relaxed", "fast", "fast")

    def small(self, type, node):
        """Cut to 0 to 15; what loops make of inputs may be infinite."""
        kind, n = element(type), width(type)
        if kind == "bfloat":
            whole = isinstance(node, Node) and not is_float(node.type)
            return ["bfloat(float(turn<int>(", *([node] if whole else ["float(", node, ")"]), ") & 15))"]
        ints = f"int{n}" if n > 1 else "int"
        return [f"{type}(turn<{ints}>(", node, f") & {ints}(15))"]

    def leaf(self, type, context):
        if not is_float(type):
            return super().leaf(type, context)
        known = self.known(type, context)
        if known and self.chance(0.6):
            return self.small(type, self.random.choice(known))
        if width(type) > 1:
            return [f"{type}(", self.expression(element(type), context, 0), ")"]
        if self.chance(0.5):
            return f"{type}({self.random.randrange(0, 16)}.0f)"
        return self.small(type, self.expression("int", context, 0))

    def arithmetic(self, type, context, depth):
        if not is_float(type):
            return super().arithmetic(type, context, depth)
        a, b = (self.expression(type, context, depth - 1) for _ in range(2))
        if element(type) == "float" and self.chance(0.4):
            return [f"{type}(", *self.small(type, a), " * ", *self.small(type, b), ")"]
        if element(type) == "bfloat":
            return ["bfloat(", *self.small(type, a), " + ", *self.small(type, b), ")"]
        return [f"{type}(", a, self.pick(" + ", " - "), b, ")"]

    def function(self, type, context, depth):
        if not is_float(type):
            return super().function(type, context, depth)
        a, b = (self.expression(type, context, depth - 1) for _ in range(2))
        if element(type) == "float" and self.chance(0.3):
            return ["fma(", *self.small(type, a), ", ", *self.small(type, b), ", ", self.expression(type, context, depth - 1), ")"]
        return [self.pick("floor(", "ceil(", "rint(", "fabs("), a, ")"]

    def conversion(self, type, context, depth):
        if not is_float(type):
            return super().conversion(type, context, depth)
        n = str(width(type)) if width(type) > 1 else ""
        return self.small(type, self.expression(self.pick("int", "uint", "short") + n, context, depth - 1))

    def helper(self, type, context, depth):
        return super().helper(type, context, depth) if type != "float" else self.conversion(type, context, depth)

    def operators(self, type):
        return ["="] if is_float(type) else super().operators(type)

"""Numbers on their way through many types: as vectors, with components in another order between, from other lanes.

`turn<TYPE>(x)` of the prologue is `TYPE(x)` to Metal. On the host it follows docs/numerics.md: what is out of range goes to the
nearest number of the type, NaN to 0, and each conversion rounds once.
"""

from context import BITS, BYTES, element, is_float, size_of, width

INTEGERS = tuple(BITS)
# What the bits of one type are as another, both integers: no NaN loses its bits on the way.
SAME_BITS = {"char2": ("ushort", "short", "uchar2"), "char4": ("int", "uint", "ushort2", "uchar4"), "uchar2": ("ushort", "short"),
             "uchar4": ("int", "uint", "short2"), "short": ("uchar2", "ushort"), "ushort": ("char2", "short"),
             "short2": ("int", "uint", "uchar4"), "ushort2": ("int", "uint", "char4"), "short4": ("long", "int2", "uint2"),
             "ushort4": ("ulong", "int2", "uint2"), "int": ("uint", "short2", "uchar4"), "uint": ("int", "ushort2", "char4"),
             "int2": ("long", "ulong", "short4", "uint2"), "uint2": ("long", "ulong", "ushort4"), "int4": ("long2", "uint4"),
             "uint4": ("ulong2", "int4"), "long": ("int2", "ushort4", "ulong"), "ulong": ("uint2", "short4", "long"),
             "long2": ("int4", "uint4"), "ulong2": ("uint4", "long2"), "char3": ("uchar3",), "uchar3": ("char3",),
             "short3": ("ushort3",), "ushort3": ("short3",), "int3": ("uint3",), "uint3": ("int3",)}
# Bits that a mask keeps from being an infinity or NaN.
FLOATS_OF = {"float": ("uint", "0x3fffffffu"), "half": ("ushort", "ushort(0x3bff)")}


class Conversions:
    def converted(self, type, context, depth):
        """An expression of `type`, made of one of another type by up to four steps."""
        n = width(type)
        kind = self.random.choice(INTEGERS + ("float", "half", "float") + (("bfloat",) if n == 1 else ()))
        start = kind if n == 1 else f"{kind}{n}"
        return self.chain([self.expression(start, context, depth - 1)], start, type, context)

    def chain(self, parts, type, to, context):
        for _ in range(self.random.randrange(0, 4)):
            parts, type = self.step_of_chain(parts, type, context)
        if type == to:
            return parts
        if width(type) != width(to):
            parts, type = self.components(parts, type, width(to))
        return [f"turn<{to}>(", *parts, ")"]

    def components(self, parts, type, n):
        """As many components, in any order; a scalar is its own."""
        if type == "bfloat":  # the host has no vectors of it
            parts, type = ["turn<float>(", *parts, ")"], "float"
        if width(type) == 1:
            return [f"{type}{n}(", *parts, ")"], f"{type}{n}"
        letters = "".join(self.random.choice("xyzw"[:width(type)]) for _ in range(n))
        return [f"{type}(", *parts, f").{letters}"], element(type) + (str(n) if n > 1 else "")

    def step_of_chain(self, parts, type, context):
        kind, n = element(type), width(type)
        suffix = "" if n == 1 else str(n)
        steps = ["turn"] * 4 + ["add"]
        if n > 1:
            steps += ["swizzle"] * 3
        if type in SAME_BITS:
            steps += ["bits"] * 2
        if kind == "float" and not self.exact:
            steps += ["bfloat"] * 2
        if (kind == "uint" or kind == "ushort") and not self.exact:
            steps += ["floats"]
        if context.lockstep and context.full and self.whole and size_of(type) <= 8 and BYTES[kind] < 8 and kind != "bfloat":
            steps += ["shuffle"] * 2
        step = self.random.choice(steps)
        if step == "turn":
            kinds = INTEGERS + (() if self.exact else ("float", "half", "float", "half") + (("bfloat",) if n == 1 else ()))
            kind = self.random.choice(kinds)
            return [f"turn<{kind}{suffix}>(", *parts, ")"], kind + suffix
        if step == "swizzle":
            return self.components(parts, type, self.random.choice([n, n, n, 2, 4]))
        if step == "bits":
            other = self.random.choice(SAME_BITS[type])
            return [f"as_type<{other}>(", *parts, ")"], other
        if step == "bfloat":
            return ["through_bfloat(", *parts, ")"], type
        if step == "floats":
            kind, (_, mask) = next((name, how) for name, how in FLOATS_OF.items() if how[0] == kind)
            return [f"as_type<{kind}{suffix}>({type}(", *parts, f" & {type}({mask})))"], kind + suffix
        if step == "shuffle":
            lane = self.pick(f"ushort(lane ^ {self.random.randrange(32)}u)", f"ushort((lane * {self.random.randrange(8)}u + {self.random.randrange(32)}u) & 31u)",
                             f"ushort({self.random.randrange(32)})", None)
            lane = [lane] if lane else ["ushort(", self.expression("uint", context, 1), " & 31u)"]
            return ["simd_shuffle(", *parts, ", ", *lane, ")"], type
        if is_float(type):
            return (parts, type) if self.exact else ([f"{type}(", *parts, f" * {type}({self.pick('0.5f', '3.0f', '-1.0f', '300.0f')}))"], type)
        return [f"{type}(", *parts, f" {self.pick('+', '^', '-', '&')} {type}({self.pick(1, 3, 77, 127)}))"], type

    def source(self, context):
        """Neighbours of an input as one vector, those of the next thread behind them: (parts, type)."""
        name, kind = self.pick(("ints", "int"), ("ints", "uint"), ("floats", "float"), ("halves", "half"))
        if self.exact:
            name, kind = "ints", self.pick("int", "uint")
        n = self.pick(2, 4, 4)
        place = f"(({self.pick('lid', 'lid', 'lane')} + {self.random.randrange(8)}u) * {n}u) & {256 - n}u"
        return [f"*(const device {kind}{n}*)({name} + ({place}))"], f"{kind}{n}"

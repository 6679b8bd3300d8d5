"""Expressions of every type. Each is of exactly the type that was asked for, and Metal defines its value."""

from dataclasses import replace

from context import BITS, WEIGHTED, element, is_float, width
from conversions import Conversions
from prologue import INPUTS
from tree import Node


class Expressions(Conversions):
    random = None
    exact = False  # floats are small whole numbers (exact.py)
    functions = ()  # what may be called
    tables = ()  # (name, type, elements) in constant memory

    def name(self, stem):
        self.names += 1
        return f"{stem}{self.names}"

    def type(self):
        type = self.random.choice(WEIGHTED)
        return type if type in ("bool", "bfloat") or self.chance(0.65) else type + self.random.choice("234")

    def chance(self, p):
        return self.random.random() < p

    def pick(self, *choices):
        return self.random.choice(choices)

    def expression(self, type, context, depth=3):
        made = self.expression_parts(type, context, depth)
        return Node("expression", made if isinstance(made, list) else [made], type)

    def expression_parts(self, type, context, depth):
        if depth <= 0 or self.chance(0.15):
            return self.leaf(type, context)
        if type == "bool":
            return self.boolean(context, depth)
        makers = [self.arithmetic] * 5 + [self.conversion, self.selection, self.function, self.function]
        if not (self.exact and is_float(type)) and not (element(type) == "bfloat" and width(type) > 1):
            makers += [self.converted] * 2
        if width(type) > 1:
            makers += [self.construction] * 2 + [self.swizzle] * 2
        else:
            makers += [self.component, self.helper]
        if self.callable(type, context):
            makers += [self.call] * 2
        if context.lockstep and width(type) == 1 and depth >= 2 and self.chance(0.25):
            return self.simd(type, context, depth)
        return self.random.choice(makers)(type, context, depth)

    def place(self, context):
        """A uint that may differ between threads."""
        name = self.random.choice(context.places or ("3u",))
        return name if name in ("3u", "lid", "lane") else f"uint({name})"

    def index(self, context):
        return f"({self.place(context)} * {self.random.randrange(1, 9)}u + {self.random.randrange(INPUTS)}u) & {INPUTS - 1}u"

    def known(self, type, context):
        return [v.name for v in context.variables if v.type == type]

    def leaf(self, type, context):
        known = self.known(type, context)
        if known and self.chance(0.6):
            return self.random.choice(known)
        if width(type) > 1:
            return [f"{type}(", self.expression(element(type), context, 0), ")"]
        tables = [(name, size) for name, t, size in self.tables if t == type]
        if tables and self.chance(0.3):
            name, size = self.random.choice(tables)
            return f"{name}[{self.place(context)} & {size - 1}u]"
        if type == "bool":
            return self.bool_leaf(context)
        if is_float(type):
            return self.float_leaf(type, context)
        constants = ["0", "1", "2", "-1", "7", "63", "100", str(self.random.randrange(256)), str(self.random.randrange(1 << 31))]
        choices = [f"{type}({self.random.choice(constants)})"]
        if context.places:
            choices += [f"{type}({self.random.choice(context.places)})"]
        if "ints" in context.sources:
            choices += [f"{type}(ints[{self.index(context)}])"]
        return self.random.choice(choices)

    def bool_leaf(self, context):
        place = self.place(context)
        return self.pick("true", "false", f"(({place} & {self.pick(1, 2, 4)}u) != 0u)", f"({place} < {self.pick(3, 7, 20)}u)", f"({place} > 5u)")

    def float_leaf(self, type, context):
        number = f"{self.random.randrange(-64, 64) / 8}f"
        if type == "float":
            choices = [number, f"float({self.place(context)})", self.pick("1e-3f", "3.5e4f", "0.333f", "-0.0f", "1e-40f")]
            return self.random.choice(choices + [f"floats[{self.index(context)}]"] * ("floats" in context.sources))
        choices = [f"{type}({number})"]
        if "lane" in context.places:
            choices += [f"{type}(lane)" if type == "half" else "bfloat(uchar(lane))"]
        if "halves" in context.sources:
            source = f"halves[{self.index(context)}]"
            choices += [source if type == "half" else f"{type}(float({source}))"]
        return self.random.choice(choices)

    def arithmetic(self, type, context, depth):
        a, b = (self.expression(type, context, depth - 1) for _ in range(2))
        if is_float(type):
            return [f"{type}(", a, self.random.choice([" + ", " - ", " * ", " / "]), b, ")"]
        kind = self.random.choice(["+", "-", "*", "&", "|", "^", "<<", ">>", "/", "%", "~", "-x"])
        if kind in ("<<", ">>"):
            amount = [f" {kind} {type}(", b, f" & {type}({BITS[element(type)] - 1})))"]
            return [f"{type}(", a, *amount]
        if kind in "/%":
            if width(type) > 1:
                return [f"{type}(", a, " ^ ", b, ")"]
            return ["divide" if kind == "/" else "modulo", f"<{type}>(", a, ", ", b, ")"]
        if kind == "~":
            return [f"{type}(~", a, ")"]
        if kind == "-x":
            return [f"{type}(-", a, ")"]
        return [f"{type}(", a, f" {kind} ", b, ")"]

    def boolean(self, context, depth):
        kind = self.random.randrange(5)
        if kind == 0:
            context = replace(context, lockstep=False)  # only some lanes get to the right side
            return ["(", self.expression("bool", context, depth - 1), self.random.choice([" && ", " || ", " != ", " == "]),
                    self.expression("bool", context, depth - 1), ")"]
        if kind == 1:
            return ["!", self.expression("bool", context, depth - 1)]
        if kind == 2:
            type = self.random.choice(["int", "uint", "float", "half", "short"]) + self.random.choice("234")
            a, b = (self.expression(type, context, depth - 1) for _ in range(2))
            return [self.random.choice(["any(", "all("]), a, self.random.choice([" < ", " > ", " == ", " != ", " <= "]), b, ")"]
        if kind == 3 and context.lockstep and self.chance(0.3):
            return [self.random.choice(["simd_any(", "simd_all("]), self.expression("bool", context, depth - 1), ")"]
        type = self.pick("int", "uint", "float", "half", "char", "ushort", "long", "ulong", "bfloat")
        a, b = (self.expression(type, context, depth - 1) for _ in range(2))
        return ["(", a, self.random.choice([" < ", " > ", " == ", " != ", " <= ", " >= "]), b, ")"]

    def conversion(self, type, context, depth):
        other = self.pick("int", "uint", "float", "half", "short", "uchar", "long", "char", "bool")
        if width(type) > 1:
            # Integers to anything; floats to floats: the rest may be out of range.
            if other == "bool" or (not is_float(type) and is_float(other)):
                other = "uint"
            if element(type) == "half" and other in ("int", "uint", "long"):
                other = "short"
            return [f"{type}(", self.expression(f"{other}{width(type)}", context, depth - 1), ")"]
        if type == "bfloat" and other in ("int", "uint", "long"):
            other = "float"
        if self.chance(0.1):
            other = "bfloat"
        inner = self.expression(other, context, depth - 1)
        if not is_float(type) and is_float(other):
            if type == "int" and other == "float" and self.chance(0.5):
                return ["bits_of(", inner, ")"]
            return [f"{type}(to_int(float(", inner, ")))"]
        return [f"{type}(", inner, ")"]

    def selection(self, type, context, depth):
        a, b = (self.expression(type, context, depth - 1) for _ in range(2))
        if width(type) > 1:
            x, y = (self.expression(type, context, depth - 2) for _ in range(2))
            return ["select(", a, ", ", b, ", ", x, self.random.choice([" < ", " == ", " > "]), y, ")"]
        condition = self.expression("bool", replace(context, lockstep=False), depth - 1)
        plain = replace(context, lockstep=False)  # only some lanes get to either side
        if self.chance(0.5):
            return ["(", condition, f" ? {type}(", self.expression(type, plain, depth - 1), f") : {type}(", self.expression(type, plain, depth - 1), "))"]
        return ["select(", a, ", ", b, ", ", condition, ")"]

    def function(self, type, context, depth):
        a, b, c = (self.expression(type, context, depth - 1) for _ in range(3))
        kind = element(type)
        if kind == "float":
            name = self.random.choice(["floor", "ceil", "trunc", "rint", "fabs", "fma", "sqrt", "fmax"])
            if name == "fma":
                return ["fma(", a, ", ", b, ", ", c, ")"]
            if name in ("sqrt", "fmax") and width(type) > 1:
                name = "fabs"
            if name == "sqrt":
                return ["precise::sqrt(fabs(", a, "))"]
            if name == "fmax":
                return [self.random.choice(["fmax(", "fmin("]), a, f", {self.random.choice(['1.5f', '-2.0f', '100.0f'])})"]
            return [f"{name}(", a, ")"]
        if is_float(kind):
            return [self.random.choice(["floor(", "ceil(", "trunc(", "rint(", "fabs("]), a, ")"]
        one = ["popcount", "clz", "ctz", "reverse_bits"]
        two = ["rotate", "addsat", "subsat", "hadd", "rhadd", "min", "max"] + (["mulhi"] if BITS[kind] <= 32 else [])
        three = ["clamp_ordered", "median3"]
        name = self.random.choice(one + two + three + (["extract_bits", "insert_bits", "absdiff"] if width(type) == 1 else []))
        if name in one:
            return [f"{name}(", a, ")"]
        if name in two:
            return [f"{name}(", a, ", ", b, ")"]
        if name == "median3":
            return ["median3(", a, ", ", b, ", ", c, ")"]
        if name == "clamp_ordered":
            return ["clamp(", a, f", {type}(3), {type}(100))"]
        if name == "absdiff":
            return [f"{type}(absdiff(", a, ", ", b, "))"]
        offset = self.random.randrange(BITS[kind])
        count = self.random.randrange(BITS[kind] - offset + 1)
        if name == "extract_bits":
            return ["extract_bits(", a, f", {offset}u, {count}u)"]
        return ["insert_bits(", a, ", ", b, f", {offset}u, {count}u)"]

    def construction(self, type, context, depth):
        kind, n = element(type), width(type)
        if n == 4 and self.chance(0.3):
            return [f"{type}(", self.expression(kind + "2", context, depth - 1), ", ", self.expression(kind + "2", context, depth - 1), ")"]
        if n == 4 and self.chance(0.3):
            return [f"{type}(", self.expression(kind + "3", context, depth - 1), ", ", self.expression(kind, context, depth - 1), ")"]
        if n == 3 and self.chance(0.3):
            return [f"{type}(", self.expression(kind + "2", context, depth - 1), ", ", self.expression(kind, context, depth - 1), ")"]
        parts = [f"{type}("]
        for i in range(n):
            parts += [", " if i else "", self.expression(kind, context, depth - 1)]
        return parts + [")"]

    def swizzle(self, type, context, depth):
        n = self.random.choice([2, 3, 4])
        letters = "".join(self.random.choice("xyzw"[:n]) for _ in range(width(type)))
        return [f"{element(type)}{n}(", self.expression(f"{element(type)}{n}", context, depth - 1), f").{letters}"]

    def component(self, type, context, depth):
        if type in ("bool", "bfloat"):
            return self.expression_parts(type, context, depth - 1)
        n = self.random.choice([2, 3, 4])
        letters = self.pick("xyzw", "xyzw", "rgba")[:n]
        return [f"{type}{n}(", self.expression(f"{type}{n}", context, depth - 1), f").{self.random.choice(letters)}"]

    def helper(self, type, context, depth):
        if type == "int":
            return ["bits_of(", self.expression("float", context, depth - 1), ")"]
        if type == "float":
            return ["as_type<float>(0x3fffffffu & ", self.expression("uint", context, depth - 1), ")"]
        return self.arithmetic(type, context, depth)

    def simd(self, type, context, depth):
        """Functions over the active lanes; those that read one lane only where all of them are here."""
        x = self.expression(type, context, depth - 1)
        choices = ["broadcast_first"] if BITS.get(type, 32) <= 32 else []
        if type in ("int", "uint", "short", "ushort", "char", "uchar"):
            choices += ["reduce"] * 3 + ["prefix"] * 2
        if type in ("uint", "int"):
            choices += ["ballot"]
        if context.full and self.whole and type in ("int", "uint", "float", "half", "short", "ushort", "char", "uchar"):
            choices += ["shuffle"] * 3
            if type in ("int", "uint"):
                choices += ["quad"]
        if not choices:
            return self.arithmetic(type, context, depth)
        kind = self.random.choice(choices)
        if kind == "broadcast_first":
            return ["simd_broadcast_first(", x, ")"]
        if kind == "reduce":
            return [f"simd_{self.random.choice(['sum', 'product', 'min', 'max', 'and', 'or', 'xor'])}(", x, ")"]
        if kind == "prefix":
            return [f"simd_prefix_{self.random.choice(['exclusive', 'inclusive'])}_{self.random.choice(['sum', 'product'])}(", x, ")"]
        if kind == "ballot":
            source = self.random.choice(["popcount(uint(ulong(simd_ballot(", "(uint(ulong(simd_ballot("])
            return [f"{type}({source}", self.expression("bool", context, depth - 1), ")))))"]
        if kind == "quad":
            name = self.random.choice(["quad_sum(", "quad_max(", "quad_xor(", "quad_shuffle_xor(", "quad_broadcast("])
            return [name, x, f", ushort({self.random.randrange(4)}))" if name in ("quad_shuffle_xor(", "quad_broadcast(") else ")"]
        if self.chance(0.25):
            y = self.expression(type, context, depth - 1)
            return [f"simd_shuffle_and_fill_{self.pick('up', 'down')}(", x, ", ", y, f", ushort({self.random.randrange(32)}))"]
        name = self.random.choice(["shuffle", "shuffle_xor", "shuffle_rotate_up", "shuffle_rotate_down", "broadcast"])
        lane = f"ushort({self.random.randrange(32)})"
        if name == "shuffle" and self.chance(0.6):
            lane = f"ushort((lane * {self.random.randrange(8)}u + {self.random.randrange(32)}u) & 31u)"
        elif name == "shuffle" and self.chance(0.6):
            return ["simd_shuffle(", x, ", ushort(", self.expression("uint", context, depth - 1), " & 31u))"]
        return [f"simd_{name}(", x, f", {lane})"]

    # ---- calls ----

    def callable(self, type, context):
        """Functions whose call may stand anywhere in an expression: they change nothing."""
        return [f for f in self.functions if f.returns == type and f.pure and self.allowed(f, context)]

    def allowed(self, function, context):
        known = {*context.places, *context.sources}
        return (known.issuperset(function.names) and (context.lockstep or not function.lanes)
                and (context.kernel or not function.stores))

    def call(self, type, context, depth):
        function = self.random.choice(self.callable(type, context))
        return self.call_of(function, context, depth, {})

    def call_of(self, function, context, depth, references):
        """`references`: what parameters that refer to something get."""
        arguments = [*function.names]
        values = function.parameters if not function.default or self.chance(0.5) else function.parameters[:-1]
        for parameter in values:
            arguments.append(references[parameter.name] if parameter.name in references
                             else self.value(parameter.type, context, depth - 1))
        if function.stores:
            arguments.insert(len(function.names), "out_ints + me * 6u")
        parts = [function.called + "("]
        for at, argument in enumerate(arguments):
            parts += [", "] * (at > 0) + [argument]
        return [*parts, ")"]

    def value(self, type, context, depth):
        struct = self.structs.get(type)
        if struct is None:
            return self.expression(type, context, depth)
        known = self.known(type, context)
        return self.random.choice(known) if known and self.chance(0.7) else struct.value(self, context, depth)

"""What stands before the kernel: structs, functions (in namespaces, templates, overloads), tables in constant memory."""

from dataclasses import dataclass, replace

from context import Context, PLACES, SOURCES, Variable, element, is_float, size_of, width
from statements import Statements
from tree import Node

# Parameters that functions take under the kernel's own names.
PARAMETERS = {"lid": "uint lid", "lane": "uint lane", "simdgroup": "uint simdgroup", "number": "constant int& number",
              "ints": "const device int* ints", "floats": "const device float* floats", "halves": "const device half* halves"}
TYPES = {"lid": "uint", "lane": "uint", "simdgroup": "uint", "number": "int", "ints": "int*", "floats": "float*", "halves": "half*"}


@dataclass
class Member:
    name: str
    type: str  # a struct's name too
    count: int = 0  # of an array
    bits: int = 0  # of a bit-field


@dataclass
class Struct:
    name: str
    members: list
    structs: dict  # all of them, by name
    steps: str = ""  # type that its method `step` takes

    def value(self, generator, context, depth):
        parts = [f"{self.name}{{"]
        for at, member in enumerate(self.members):
            parts += [", "] * (at > 0)
            if member.count:
                parts += ["{", generator.value(member.type, context, 1)]
                for _ in range(member.count - 1):
                    parts += [", ", generator.value(member.type, context, 1)]
                parts += ["}"]
            elif member.bits:
                parts += [f"{member.type}(", generator.value(member.type, context, 1), f" & {(1 << (member.bits - 1)) - 1})"]
            else:
                parts += [generator.value(member.type, context, min(depth, 2))]
        return Node("struct", [*parts, "}"])

    def variables(self, prefix, free=True, thread=True):
        found = []
        for member in self.members:
            names = [f"{prefix}{member.name}[{i}]" for i in range(member.count)] or [f"{prefix}{member.name}"]
            for name in names:
                if member.type in self.structs:
                    found += self.structs[member.type].variables(name + ".", free, thread)
                else:
                    found.append(Variable(name, member.type, free, thread and not member.bits))
        return found

    def size(self):
        """At most: before a member there may be up to 31 bytes for the alignment of its own or of the next struct's."""
        return sum((size_of(m.type) if m.type not in self.structs else self.structs[m.type].size()) * max(1, m.count) + 31
                   for m in self.members)


@dataclass
class Function:
    name: str
    returns: str
    names: list  # places and sources that it takes first
    parameters: list  # [Parameter]
    lanes: bool  # it uses functions of the simdgroup
    stores: bool  # it gets a place in memory for results
    space: str = ""  # namespace
    template: str = ""  # what stands between < and > at a call
    default: str = ""  # of the last parameter

    @property
    def pure(self):
        return self.returns != "void" and not self.stores and all(p.kind == "value" for p in self.parameters)

    @property
    def called(self):
        return (f"{self.space}::" if self.space else "") + self.name + (f"<{self.template}>" if self.template else "")


@dataclass
class Parameter:
    name: str
    type: str
    kind: str  # "value", "reference", "constant reference", "pointer"

    def text(self, type=None):
        type = type or self.type
        return {"value": f"{type} {self.name}", "reference": f"thread {type}& {self.name}", "pointer": f"thread {type}* {self.name}",
                "constant reference": f"thread const {type}& {self.name}"}[self.kind]


class Declarations(Statements):
    def declarations(self):
        """A list of what is declared; fills self.structs, self.functions, self.tables."""
        self.structs, self.functions, self.tables = {}, [], []
        made = [self.table() for _ in range(self.random.randrange(3))]
        made += [self.struct(f"S{'abc'[i]}") for i in range(self.random.randrange(3))]
        made += [self.function_declared() for _ in range(self.random.randrange(4))]
        return Node("list", made)

    def table(self):
        type, name, size = self.type(), self.name("table"), self.pick(2, 4, 8)
        if type == "bool":
            type = "ushort2"
        nothing = Context(places=(), sources=(), lockstep=False)
        parts = [f"constant {type} {name}[{size}] = {{"]
        for at in range(size):
            parts += [", "] * (at > 0)
            numbers = [self.leaf(element(type), nothing) for _ in range(width(type))]
            parts += numbers if width(type) == 1 else [f"{type}(", *self.separated(numbers), ")"]
        self.tables.append((name, type, size))
        return Node("statement", [*self.flat(parts), "};"])

    @staticmethod
    def separated(parts):
        return [piece for at, part in enumerate(parts) for piece in ([", "] * (at > 0) + [part])]

    @staticmethod
    def flat(parts):
        return [piece for part in parts for piece in (part if isinstance(part, list) else [part])]

    # ---- structs ----

    def struct(self, name):
        members, others = [], list(self.structs)
        for at in range(self.random.randrange(1, 5)):
            member = Member(f"m{at}", self.type())
            if others and self.chance(0.2):
                member.type = self.random.choice(others)
            elif self.chance(0.15):
                member.type, member.bits = self.pick("int", "uint"), self.random.randrange(3, 20)
            if self.chance(0.2) and not member.bits:
                member.count = self.random.randrange(2, 4)
            members.append(member)
        struct = Struct(name, members, self.structs)
        fields = "".join(f"  {m.type} {m.name}{f'[{m.count}]' if m.count else ''}{f' : {m.bits}' if m.bits else ''};\n" for m in members)
        hashed = " ^ ".join(f"{11 + 2 * at}u * uint({self.as_int(v.name, v.type)})" for at, v in enumerate(struct.variables("")))
        parts = [f"struct {name} {{\n{fields}  int hash() const {{ return int({hashed}); }}\n"]
        if self.chance(0.7):
            struct.steps = self.type()
            inside = Context(variables=(*struct.variables(""), Variable("by", struct.steps)), depth=2, uniform=False, lockstep=False,
                             full=False, places=(), sources=(), kernel=False, returns="void")
            body, _ = self.block(inside, self.random.randrange(1, 4))
            parts += [f"void step({struct.steps} by) ", body, "\n"]
        self.structs[name] = struct
        return Node("statement", [*parts, "};"])

    def as_int(self, name, type):
        if width(type) > 1:
            return self.as_int(f"{name}.x", element(type)) + " + " + self.as_int(f"{name}.{'xyzw'[width(type) - 1]}", element(type))
        return f"bits_of(float({name}))" if is_float(type) else f"int({name})"

    # ---- functions ----

    def function_declared(self):
        function = self.function_head()
        self.overload(function)
        variables = []
        for p in function.parameters:
            name = f"(*{p.name})" if p.kind == "pointer" else p.name
            free = p.kind != "constant reference"
            variables.append(Variable(name, p.type, free))
            if p.type in self.structs:
                variables += self.structs[p.type].variables(f"{name}.", free)
        head, template = self.template(function)
        if template == "int N":
            variables.append(Variable("N", "int", False, False))
        if function.stores:
            variables += [Variable(f"row[{at}]", "int", True, False) for at in (1, 4)]
        inside = Context(variables=tuple(variables), depth=2, uniform=False, lockstep=function.lanes, full=False,
                         places=tuple(n for n in PLACES if n in function.names), sources=tuple(n for n in SOURCES if n in function.names),
                         kernel=False, returns="" if function.lanes else function.returns)
        body, inside = self.block(inside, self.random.randrange(1, 5))
        if function.returns != "void":
            body.parts.append(Node("statement", ["return ", self.value(function.returns, replace(inside, lockstep=False), 2), ";"]))
        self.functions.append(function)
        opening, closing = (f"namespace {function.space} {{\n", "\n}") if function.space else ("", "")
        return Node("statement", [opening, head, " ", body, closing])

    def any_type(self):
        return self.random.choice(list(self.structs)) if self.structs and self.chance(0.25) else self.type()

    def function_head(self):
        names = [name for name in PARAMETERS if self.chance(0.3)]
        parameters = [Parameter(self.name("a"), self.any_type(), "value") for _ in range(self.random.randrange(0, 3))]
        if self.chance(0.5):
            parameters += [Parameter(self.name("r"), self.any_type(), self.pick("reference", "reference", "pointer", "constant reference"))
                           for _ in range(self.random.randrange(1, 3))]
        self.random.shuffle(parameters)
        returns = "void" if self.chance(0.3) else self.any_type()
        return Function(self.name("f"), returns, names, parameters, lanes=self.chance(0.4), stores=self.chance(0.3),
                        space=self.name("n") if self.chance(0.3) else "")

    def overload(self, function):
        """Sometimes it takes the name of another, which differs in its parameters."""
        def shape(f):
            return (*(TYPES[name] for name in f.names), f.stores, *(p.type for p in f.parameters))

        for other in self.functions:
            if self.chance(0.3) and not (other.template or other.default or other.space) and shape(other) != shape(function):
                if all(f.name != other.name or shape(f) != shape(function) for f in self.functions):
                    function.name, function.space = other.name, ""
                    return

    def template(self, function):
        """The function's head, and its template's parameter."""
        alone = all(f.name != function.name for f in self.functions)
        kind = self.pick("", "", "int N", "typename T") if alone else ""
        values = [p for p in function.parameters if p.kind == "value"]
        if kind == "typename T" and not values:
            kind = ""
        generic = values[0].type if kind == "typename T" else None
        if kind == "int N":
            function.template = str(self.random.randrange(1, 6))
        last = function.parameters[-1] if function.parameters else None
        if alone and not kind and last and last.kind == "value" and last.type not in self.structs and width(last.type) == 1:
            function.default = f"{last.type}(3)" if last.type != "bool" else "true"
        texts = [PARAMETERS[name] for name in function.names] + ["device int* row"] * function.stores
        texts += [p.text("T" if p.type == generic else None) for p in function.parameters]
        if function.default:
            texts[-1] += f" = {function.default}"
        head = f"static {function.returns} {function.name}({', '.join(texts)})"
        return (f"template <{kind}> {head}" if kind else head), kind

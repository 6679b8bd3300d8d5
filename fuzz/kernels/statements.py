"""Statements. Each maker gives a node and the context of what follows it."""

import copy
from dataclasses import replace

from context import Variable, element, is_float, size_of, width
from expressions import Expressions
from prologue import COUNTERS, INPUTS, SLOTS, TILE
from tree import Node


class Statements(Expressions):
    structs = {}
    listed = ("int", "float", "uint", "half")  # types of stack arrays

    def block(self, context, count):
        statements, repeatable = [], []
        for _ in range(count):
            again = [node for node, then in repeatable if self.same_place(then, context)]
            if again and self.chance(0.15):
                # Word by word what stands here already.
                statements.append(copy.deepcopy(self.random.choice(again)))
                continue
            before = context
            made, context = self.statement(context)
            statements.append(made)
            if context is before and not made.type:
                repeatable.append((made, before))
                if self.chance(0.1):
                    statements.append(copy.deepcopy(made))
        return Node("block", statements), context

    @staticmethod
    def same_place(a, b):
        return (a.uniform, a.lockstep, a.full) == (b.uniform, b.lockstep, b.full)

    def statement(self, context):
        makers = [self.declare] * 4 + [self.assign] * 5 + [self.array, self.pair, self.refer, self.swizzled]
        if self.functions:
            makers += [self.call_statement] * 4
        if self.structs:
            makers += [self.struct_statement] * 3
        if context.kernel:
            makers += [self.store, self.counter, self.row]
        if context.depth < 3:
            makers += [self.branch, self.loop, self.switch, self.while_loop]
            if context.kernel:
                makers += [self.closure]
            if context.lockstep:
                makers += [self.simd_branch] * 2 + [self.simd_loop]
        if context.uniform:
            makers += [self.tile] * 2 + [self.histogram, self.square, self.stream]
            if context.depth < 3 and "ints" in context.sources:
                makers += [self.branch_of_all] * 2 + [self.loop_of_all]
            if context.turn:
                makers += [self.leave_together]
            if context.full and self.whole:
                makers += [self.matrices]
        if "ints" in context.sources:
            makers += [self.search, self.last_turn]
        if context.loops or context.in_loop:
            makers += [self.leave_loop]
        if context.returns:
            makers += [self.leave_function]
            if context.kernel and context.in_loop:
                makers += [self.leave_function, self.leave_loop] * 4
                makers += [self.loop, self.while_loop] * 3 * (context.depth < 3)
        if context.kernel and context.lockstep and context.depth == 1 and self.chance(0.1):
            makers += [self.leave_kernel] * 8
        return self.random.choice(makers)(context)

    def declare(self, context):
        type, name = self.type(), self.name("v")
        word = self.random.choice([type] * 4 + ["auto", f"const {type}", f"thread {type}"])
        node = Node("statement", [f"{word} {name} = ", self.expression(type, context), ";"])
        return node, context.with_variables(Variable(name, type, "const" not in word, "const" not in word))

    def free(self, context, *types):
        return [v for v in context.variables if v.free and v.type not in self.structs and (not types or v.type in types)]

    def operators(self, type):
        return ["=", "+=", "-=", "*="] if is_float(type) else ["=", "+=", "-=", "*=", "^=", "&=", "|="]

    def assign(self, context):
        known = self.free(context)
        if not known:
            return self.declare(context)
        v = self.random.choice(known)
        if v.type == "bool":
            return Node("statement", [v.name, " = ", self.expression(v.type, context), ";"]), context
        if not is_float(v.type) and width(v.type) == 1 and self.chance(0.1):
            return Node("statement", [self.pick(f"{v.name}++;", f"--{v.name};")]), context
        return Node("statement", [f"{v.name} {self.random.choice(self.operators(v.type))} ", self.expression(v.type, context), ";"]), context

    def swizzled(self, context):
        """A store into some components, in any order, or into one that isn't known."""
        known = [v for v in self.free(context) if width(v.type) > 1]
        if not known:
            return self.declare(context)
        v = self.random.choice(known)
        kind, n = element(v.type), width(v.type)
        count = self.random.randrange(1, n + 1)
        letters = "".join(self.random.sample(self.pick("xyzw", "xyzw", "rgba")[:n], count))
        operator = self.random.choice(self.operators(kind))
        if count == 1 and n != 3 and self.chance(0.5):
            target = [f"{v.name}[", self.expression("uint", replace(context, lockstep=False), 2), f" & {n - 1}u]"]
        else:
            target = [f"{v.name}.{letters}"]
        return Node("statement", [*target, f" {operator} ", self.expression(kind if count == 1 else f"{kind}{count}", context), ";"]), context

    def refer(self, context):
        """Another name for a variable: a reference, or a pointer to one of two."""
        known = [v for v in self.free(context) if v.thread]
        if not known:
            return self.declare(context)
        v, name = self.random.choice(known), self.name("r")
        if self.chance(0.5):
            return Node("statement", [f"thread {v.type}& {name} = {v.name};"]), context.with_variables(Variable(name, v.type))
        other = self.random.choice([o for o in known if o.type == v.type])
        condition = self.expression("bool", replace(context, lockstep=False), 2)
        node = Node("statement", [f"thread {v.type}* {name} = ", condition, f" ? &{v.name} : &{other.name};"])
        return node, context.with_variables(Variable(f"(*{name})", v.type))

    def row(self, context):
        """Results as variables: a pointer or a reference into a buffer."""
        name = self.name("row")
        type, buffer = self.pick(("int", "out_ints"), ("float", "out_floats"))
        at = self.random.randrange(SLOTS)
        if self.chance(0.5):
            text, used = f"device {type}* {name} = {buffer} + me * {SLOTS};", f"{name}[{at}]"
        else:
            text, used = f"device {type}& {name} = {buffer}[me * {SLOTS} + {at}];", name
        return Node("statement", [text]), context.with_variables(Variable(used, type, True, False))

    # ---- calls ----

    def call_statement(self, context):
        known = [f for f in self.functions if self.allowed(f, context)]
        if not known:
            return self.assign(context)
        function = self.random.choice(known)
        parts, references, more = [], {}, []
        for p in function.parameters:
            if p.kind == "value":
                continue
            targets = [v for v in context.variables if v.free and v.thread and v.type == p.type]
            if targets and self.chance(0.8):
                name = self.random.choice(targets).name
            else:
                name = self.name("v")
                parts += [f"{p.type} {name} = ", self.value(p.type, context, 2), ";\n"]
                more += self.variables_of(name, p.type)
            references[p.name] = f"&{name}" if p.kind == "pointer" else name
        call = self.call_of(function, context, 2, references)
        returned = function.returns
        targets = [v.name for v in context.variables if v.free and v.type == returned]
        if returned == "void" or self.chance(0.2):
            parts += [*call, ";"]
            if parts and not more:
                # The very same call again.
                return Node("statement", parts + (["\n", *copy.deepcopy(call), ";"] if self.chance(0.3) else [])), context
        elif targets and self.chance(0.5):
            parts += [f"{self.random.choice(targets)} = ", *call, ";"]
        else:
            name = self.name("v")
            parts += [f"{returned} {name} = ", *call, ";"]
            more += self.variables_of(name, returned)
        return Node("statement", parts), context.with_variables(*more) if more else context

    def variables_of(self, name, type):
        return [Variable(name, type), *(self.structs[type].variables(name + ".") if type in self.structs else [])]

    def closure(self, context):
        """A lambda that takes what is around it by reference, called more than once."""
        name, a, type = self.name("closure"), self.name("a"), self.type()
        inside = replace(context.with_variables(Variable(a, type)), uniform=False, lockstep=False, full=False, loops=0, in_loop=False,
                         depth=context.depth + 1, returns="int")
        body, inside = self.block(inside, self.random.randrange(1, 3))
        body.parts.append(Node("statement", ["return ", self.expression("int", replace(inside, lockstep=False), 2), ";"]))
        parts = [f"auto {name} = [&]({type} {a}) -> int ", body, ";\n"]
        call = [f"{name}(", self.expression(type, context, 2), ")"]
        got = self.name("v")
        parts += [f"int {got} = ", *call, ";\n", *copy.deepcopy(call), ";\n", f"{got} ^= ", *copy.deepcopy(call), ";"]
        return Node("statement", parts), context.with_variables(Variable(got, "int"))

    def struct_statement(self, context):
        name, struct = self.random.choice(list(self.structs.items()))
        known = [v for v in context.variables if v.type == name and v.free]
        if not known or self.chance(0.3):
            new = self.name("s")
            return Node("statement", [f"{name} {new} = ", self.value(name, context, 2), ";"]), context.with_variables(*self.variables_of(new, name))
        v = self.random.choice(known)
        kind = self.random.randrange(4)
        if kind == 0 and struct.steps:
            return Node("statement", [f"{v.name}.step(", self.expression(struct.steps, context, 2), ");"]), context
        if kind == 1:
            return Node("statement", [f"{v.name} = ", self.value(name, context, 2), ";"]), context
        if kind == 2:
            got = self.name("v")
            return Node("statement", [f"int {got} = {v.name}.hash();"]), context.with_variables(Variable(got, "int"))
        return self.list_of_structs(name, struct, v.name, context)

    def list_of_structs(self, name, struct, one, context):
        items, got = self.name("list"), self.name("s")
        plain = replace(context, lockstep=False)
        parts = [f"{name} {items}[2] = {{{one}, ", self.value(name, context, 1), "};\n"]
        if struct.steps:
            parts += [f"{items}[", self.expression("uint", plain, 2), " & 1u].step(", self.expression(struct.steps, context, 2), ");\n"]
        parts += [f"{name} {got} = {items}[", self.expression("uint", plain, 2), " & 1u];"]
        return Node("statement", parts), context.with_variables(*self.variables_of(got, name))

    def result(self, context):
        if self.chance(0.4):
            return Node("statement", [f"out_floats[me * {SLOTS} + {self.random.randrange(SLOTS)}] = ", self.expression("float", context), ";"])
        return Node("statement", [f"out_ints[me * {SLOTS} + {self.random.randrange(SLOTS)}] {self.random.choice(['=', '+=', '^='])} ", self.expression("int", context), ";"])

    def store(self, context):
        return self.result(context), context

    def array(self, context):
        """A stack array with an index that isn't known."""
        type, name, got = self.random.choice(self.listed), self.name("list"), self.name("v")
        size = self.random.choice([4, 8])
        parts = [f"{type} {name}[{size}] = {{"]
        for i in range(size):
            parts += [", " if i else "", self.expression(type, context, 1)]
        parts += ["};\n", f"{name}[", self.expression("uint", context, 2), f" & {size - 1}u] = ", self.expression(type, context, 2), ";\n"]
        use = self.random.randrange(2)
        if use == 0:
            parts += [f"{type} {got} = {name}[", self.expression("uint", context, 2), f" & {size - 1}u];"]
        else:
            parts += [f"{type} {got} = horner<{type}, {size}>({name}, ", self.expression(type, context, 2), ");"]
        return Node("statement", parts), context.with_variables(Variable(got, type))

    def pair(self, context):
        name, got = self.name("pair"), self.name("v")
        parts = [f"Pair {name} = {{", self.expression("int", context, 2), ", ", self.expression("float", context, 2), ", ",
                 self.expression("uint4", context, 2), "};\n", f"{name}.turn(", self.expression("int", context, 2), ");\n"]
        if self.chance(0.5):
            parts += [f"mix_into({name}.first, {self.name_of_uint(context, parts)}, ", self.expression("int", context, 1), ");\n"]
        parts += [f"int {got} = {name}.sum() + bits_of({name}.second);"]
        return Node("statement", parts), context.with_variables(Variable(got, "int"))

    def name_of_uint(self, context, parts):
        known = [v.name for v in self.free(context, "uint") if v.thread]
        if known:
            return self.random.choice(known)
        name = self.name("u")
        parts.insert(0, f"uint {name} = 5u;\n")
        return name

    def counter(self, context):
        """Any order of these gives the same result, as long as nobody looks."""
        index = self.random.randrange(COUNTERS // 4)
        group = self.random.randrange(4)  # one operation for each quarter of the counters
        name = ["add", "xor", "max", "or"][group]
        return Node("statement", [f"atomic_fetch_{name}_explicit(&counters[{group * 4 + index}], ", self.expression("uint", context, 2),
                                  ", memory_order_relaxed);"]), context

    def inner(self, context, count=None):
        block, _ = self.block(replace(context, depth=context.depth + 1), count or self.random.randrange(1, 4))
        return block

    def branch(self, context):
        """A plain `if`: no function of the simdgroup inside."""
        inside = replace(context, uniform=False, lockstep=False, full=False)
        parts = ["if (", self.expression("bool", context), ") ", self.inner(inside)]
        if self.chance(0.5):
            parts += [" else ", self.inner(inside)]
        return Node("statement", parts), context

    def loop(self, context):
        i = self.name("i")
        if self.chance(0.5):
            # As many turns for all threads: what was allowed around it stays so.
            ends = ["3", "1", "4"] + ["(number & 3)"] * ("number" in context.places)
            head = [f"for (int {i} = 0; {i} < {self.random.choice(ends)}; ++{i}) "]
            if self.chance(0.3):
                head = [f"#pragma unroll\nfor (int {i} = {self.pick(3, 4)}; {i} > 0; {self.pick('--' + i, i + ' -= 2')}) "]
            inside = replace(context, loops=0, in_loop=False, turn=i)
        elif "lid" in context.places and self.chance(0.5):
            # As kernels go through an array together: in all turns but the last, nobody is missing.
            type = self.pick("int", "uint")
            inside = replace(context, uniform=False, lockstep=False, full=False, in_loop=self.chance(0.2), loops=0)
            inner = self.inner(inside.with_variables(Variable(i, type, False, False)))
            return Node("statement", [self.shared_loop(type, i), inner]), context
        else:
            # The bound is looked at again at each turn: no function of the simdgroup in it.
            bound = self.expression("uint", replace(context, lockstep=False), 2)
            head = [f"for (int {i} = 0; {i} < int(3u & ", bound, f"); ++{i}) "]
            inside = replace(context, uniform=False, lockstep=False, full=False, in_loop=True, loops=0)
        return Node("statement", [*head, self.inner(inside.with_variables(Variable(i, "int", False, False)))]), context

    def choice_of_all(self, context):
        """A condition that holds for all threads or for none."""
        turn = f" + uint({context.turn}) * {self.pick(1, 3, 5)}u" if context.turn else ""
        number = "uint(number)" if "number" in context.places else "1u"
        return f"(ints[({number}{turn} + {self.random.randrange(INPUTS)}u) & {INPUTS - 1}u] & {self.pick(1, 1, 2, 3)}) {self.pick('!=', '==')} 0"

    def branch_of_all(self, context):
        """Threads meet in it as they do around it."""
        parts = [f"if ({self.choice_of_all(context)}) ", self.inner(replace(context, in_loop=False))]
        if self.chance(0.6):
            parts += [" else ", self.inner(replace(context, in_loop=False))]
        return Node("statement", parts), context

    def loop_of_all(self, context):
        """One that all leave together, in its middle."""
        i = self.name("i")
        inside = replace(context, loops=0, in_loop=False, turn=i).with_variables(Variable(i, "int", False, False))
        end = self.pick("(number & 15)", "(number & 3)", "3") if "number" in context.places else "3"
        parts = [f"for (int {i} = 0;; ++{i}) {{\n", self.inner(inside), f"\nif ({i} >= {end} || {self.choice_of_all(inside)}) break;\n",
                 self.inner(inside), "\n}"]
        return Node("statement", parts), context

    def leave_together(self, context):
        return Node("statement", [f"if ({self.choice_of_all(context)}) {self.pick('break', 'continue')};"]), context

    def last_turn(self, context):
        """What is the same for all threads in each turn, and behind the loop what the last turn of each made."""
        type, got, i = self.pick("uint", "float"), self.name("v"), self.name("i")
        source = "floats" if type == "float" and "floats" in context.sources else "ints"
        turns = f"{self.random.randrange(2, 12)}" + " + (number & 31)" * ("number" in context.places and self.chance(0.8))
        head = self.pick(f"int {i} = 0; {i} < {turns}; ++{i}", f"int {i} = {turns}; {i} >= 0; --{i}", f"int {i} = 0;; ++{i}")
        factor = f"{got} * {self.pick('0.25f', '0.5f')}" if type == "float" else f"{got} * {self.pick(3, 5)}u"
        made = f"{got} = {type}({source}[(uint({i}) * {self.pick(1, 3, 7)}u + {self.random.randrange(INPUTS)}u) & {INPUTS - 1}u]) - {factor};"
        places = [f"uint({place})" for place in ("lid", "lane", "in_grid.x", "simdgroup") if place in context.places] or ["3u"]
        own = f"(ints[({self.pick(*places)} * {self.pick(1, 3, 5)}u + uint({i}) * {self.pick(1, 3)}u) & {INPUTS - 1}u] & {self.pick(1, 3, 7)}) != 0"
        end = f"if ({i} >= {turns}) break; " if head.endswith(f";; ++{i}") else ""
        number = "number" if "number" in context.places else "1"
        together = f"({number} & {self.pick(1, 2)}) {self.pick('==', '!=')} 0"
        ways = [f"if ({own}) {self.pick('continue', 'continue', 'break')};", f"if ({together}) break;"]
        if self.chance(0.4):
            # One way out, by which all go that ask for it.
            head, end, ways = f"int {i} = 0;; ++{i}", "", [f"if ({own} && {i} < {turns}) continue;", f"if ({together} || {i} > 9) break;"]
        elif self.chance(0.3):
            ways.append(f"if (({self.place(context)} + uint({i})) % {self.random.randrange(2, 9)}u == 0u) continue;")
        meet = "\nthreadgroup_barrier(mem_flags::mem_threadgroup);" * (context.uniform and self.chance(0.5))
        text = f"{type} {got} = {type}({self.random.randrange(3)});\nfor ({head}) {{ {end}{made} {' '.join(ways)} }}{meet}"
        known = Variable(got, type)
        seen = "\n" + self.show(known) if context.kernel else ""
        return Node("statement", [text + seen], "declares"), context.with_variables(known)

    def shared_loop(self, type, i):
        """The head of a loop whose turns the threads share."""
        step = self.pick(16, 32, 40, 64, 100)
        turns = self.random.randrange(0, 4)
        start = self.pick("lid", "lid", f"lid * {self.pick(2, 3)}", f"lid + {self.pick(1, 5)}u", "(lid & 15u)")
        end = turns * step + self.random.randrange(0, 40)
        if type == "int" and self.chance(0.4):
            return f"for (int {i} = {end} - int({start}); {i} {self.pick('>', '>=')} {self.pick(0, 1)}; {i} -= {step}) "
        below = self.pick(f"{i} < {type}({end})", f"{i} <= {type}({end})", f"{type}({end}) > {i}")
        return f"for ({type} {i} = {type}({start}); {below}; {i} += {step}) "

    def while_loop(self, context):
        inside = replace(context, uniform=False, lockstep=False, full=False, in_loop=True, loops=0)
        n = self.name("n")
        inside = inside.with_variables(Variable(n, "int", False, False))
        condition = ["(", self.expression("bool", replace(context, lockstep=False), 2), f" && {n}++ < 4)"]
        turns = [*condition, " "] if self.chance(0.6) else []
        parts = ["while ", *turns, self.inner(inside)] if turns else ["do ", self.inner(inside), " while ", *condition, ";"]
        return Node("statement", [f"int {n} = 0;\n", *parts], "declares"), context

    def search(self, context):
        """A counter that is needed behind its loop, which simdgroups, or threads, leave in other turns."""
        i, place = self.name("i"), self.place(context)
        if "simdgroup" in context.places and self.chance(0.6):
            place = "simdgroup"
        # An odd step finds every element, and some have such bits.
        at = f"({place} * {self.random.randrange(1, 30)}u + uint({i}) * {self.pick(1, 3, 5, 7)}u + {self.random.randrange(INPUTS)}u) & {INPUTS - 1}u"
        ends = "" if self.chance(0.5) else f"{i} < {self.random.randrange(2, 9)} && "
        meet = "\nthreadgroup_barrier(mem_flags::mem_threadgroup);" * (context.uniform and self.chance(0.7))
        goes_on = f"{ends}(ints[{at}] & {self.pick(1, 3, 7)}) != 0"
        if self.chance(0.4):
            # What the last turn gave, and not the counter, is needed.
            got, sums = self.name("v"), self.name("sums")
            rounds = f"for (int k = 0; k < 8; ++k) {sums}[k] = {sums}[k] * 5 + ({got} ? {i} : k); "
            text = (f"int {i} = 0, {sums}[8] = {{}};\nbool {got};\ndo {{ {got} = ({self.place(context)} & 31u) < uint({i}) * {self.random.randrange(1, 9)}u; "
                    f"{rounds * self.chance(0.5)}++{i}; }} while ({goes_on});{meet}")
            known = [Variable(got, "bool"), Variable(f"{sums}[{self.random.randrange(8)}]", "int", True, False)]
            return Node("statement", [text], "declares"), context.with_variables(*known)
        text = f"int {i} = 0;\nwhile ({goes_on}) ++{i};{meet}"
        return Node("statement", [text], "declares"), context.with_variables(Variable(i, "int"))

    def guard(self, context):
        """What may begin a kernel: threads take their position apart and some go home; nothing meets behind it."""
        row, column = self.name("row"), self.name("column")
        position = self.pick("in_grid.x", "in_grid.x", f"in_grid.x * {self.random.randrange(2, 9)}u", "lid", "(in_grid.x + group3.x)",
                             f"(in_grid.x - {self.random.randrange(1, 40)}u)", f"(lid + {2**32 - self.random.randrange(1, 90)}u)")
        by = self.pick(f"{self.random.randrange(2, 40)}u", f"{self.pick(1000, 100000, 2**31 + 77)}u", f"(uint(number) + {self.random.randrange(1, 9)}u)")
        home = f"{self.pick(row, column)} {self.pick('<', '>', '>=', '==', '!=')} {self.random.randrange(0, 9)}u"
        text = f"const uint {row} = {position} / {by}, {column} = {position} % {by};\nif ({home}) return;"
        inside = replace(context, uniform=False, lockstep=False, full=False, returns="void", places=(*context.places, row, column))
        return Node("statement", [text], "declares"), inside.with_variables(Variable(row, "uint", False, False), Variable(column, "uint", False, False))

    def ways_out(self, context):
        """What may end a kernel: nothing meets behind it, and threads leave loops in loops and the kernel itself by all ways."""
        inside = replace(context, uniform=False, lockstep=False, full=False, returns="void")
        parts = []
        for _ in range(self.random.randrange(1, 3)):
            made, inside = self.pick(self.loop, self.while_loop)(inside)
            parts.append(made)
        return Node("list", parts), inside

    def switch(self, context):
        inside = replace(context, uniform=False, lockstep=False, full=False, in_loop=False, loops=0)
        labels, head = ["0", "1", "2"], ["switch (", self.expression("int", context, 2), " & 3) {\n"]
        if self.chance(0.3):
            labels, head = ["Kind::one", "Kind::two", "Kind::three"], ["switch (kind_of(", self.expression("int", context, 2), ")) {\n"]
        parts = head
        for value in labels[:self.random.randrange(1, 4)]:
            parts += [f"case {value}: ", self.inner(inside), self.random.choice([" break;\n", "\n"])]
        parts += ["default: ", self.inner(inside, 1), "\n}"]
        return Node("statement", parts), context

    def simd_branch(self, context):
        inside = replace(context, uniform=False, full=False, loops=context.loops and context.loops + 1, in_loop=False)
        parts = ["SIMD_IF(", self.expression("bool", context, 2), ") ", self.inner(inside)]
        if self.chance(0.5):
            parts += [" SIMD_ELSE ", self.inner(inside)]
        return Node("statement", [*parts, " SIMD_END"]), context

    def simd_loop(self, context):
        i = self.name("i")
        inside = replace(context, uniform=False, full=False, loops=1, in_loop=False,
                         variables=(*context.variables, Variable(i, "int", False, False)))
        # The condition is asked at each turn, by those who are still here.
        head = [f"SIMD_FOR({i}, {i} < int(3u & ", self.expression("uint", replace(inside, variables=context.variables), 2), ")) "]
        return Node("statement", [*head, self.inner(inside), " SIMD_END"]), context

    def leave_loop(self, context):
        if context.in_loop:
            word = self.random.choice(["break", "continue"])
            return Node("statement", ["if (", self.expression("bool", replace(context, lockstep=False), 2), f") {word};"]), context
        return Node("statement", ["SIMD_BREAK_IF((", self.expression("bool", context, 2), f"), {context.loops - 1})"]), context

    def leave_kernel(self, context):
        node = Node("statement", ["SIMD_RETURN_IF((", self.expression("bool", context, 2), "))"])
        return node, replace(context, uniform=False, full=False)

    def leave_function(self, context):
        condition = self.expression("bool", replace(context, lockstep=False), 2)
        if context.returns == "void":
            return Node("statement", ["if (", condition, ") return;"]), context
        return Node("statement", ["if (", condition, ") return ", self.value(context.returns, replace(context, lockstep=False), 1), ";"]), context

    # ---- threadgroups ----

    def tile_of(self, type, count=TILE, shape=""):
        """A threadgroup array, sometimes one that was used before; none when its memory is full."""
        known = [name for name, t, s in self.tiles if (t, s) == (type, shape)]
        if known and self.chance(0.5):
            return self.random.choice(known)
        one = self.structs[type].size() if type in self.structs else size_of(type.removeprefix("atomic_"))
        size = one * count
        if self.tile_bytes + size > 30000:
            return self.random.choice(known) if known else None
        name = self.name("tile")
        self.tiles.append((name, type, shape))
        self.tile_bytes += size
        return name

    def other(self):
        count = "(size3.x * size3.y * size3.z)"
        return self.pick(f"(lid + {self.random.randrange(1, 40)}u) % {count}", f"({count} - 1u - lid)",
                         f"(lid * {self.random.randrange(1, 9)}u) % {count}")

    def tile(self, context):
        """Everybody writes a place of his own, and after the barrier reads that of another, or a sum."""
        type = self.pick("int", "float", "uint", "half", "short", "long", "float4", "uint2", "uchar3", "half4", "short4", *self.structs)
        name, got = self.tile_of(type), self.name("v")
        if name is None:
            return self.declare(context)
        barrier = "threadgroup_barrier(mem_flags::mem_threadgroup);"
        read = f"{name}[{self.other()}]"
        if type in ("int", "uint", "short", "long") and self.chance(0.4):
            read = f"tiles::{self.pick('sum', 'scan')}({name}, lid, size3.x * size3.y * size3.z)"
        parts = [f"{name}[lid] = ", self.value(type, context, 3), f";\n{barrier}\n{type} {got} = {read};\n{barrier}"]
        return Node("statement", parts), context.with_variables(*self.variables_of(got, type))

    def stream(self, context):
        """Vectors of an input through other types into vectors of threadgroup memory, neighbours by neighbours."""
        if not {"ints", "floats", "halves"}.issubset(context.sources):
            return self.tile(context)
        kind = self.pick("int", "uint", "short", "uchar", "char", "ushort", *(() if self.exact else ("float", "half", "float")))
        type, got = kind + self.pick("2", "4", "4"), self.name("v")
        name = self.tile_of(type)
        if name is None:
            return self.declare(context)
        barrier = "threadgroup_barrier(mem_flags::mem_threadgroup);"
        parts = [f"{name}[lid] = ", *self.chain(*self.source(context), type, context), f";\n{barrier}\n",
                 f"{type} {got} = {name}[{self.other()}];\n{barrier}"]
        return Node("statement", parts), context.with_variables(Variable(got, type))

    def square(self, context):
        """A threadgroup array of two dimensions, written in rows and read in columns."""
        type = self.pick("float", "int", "half")
        name, got = self.tile_of(type, 8 * 17, "square"), self.name("v")
        if name is None:
            return self.declare(context)
        barrier = "threadgroup_barrier(mem_flags::mem_threadgroup);"
        at = self.name("at")
        parts = [f"{name}[lid >> 4][lid & 15u] = ", self.expression(type, context), f";\n{barrier}\nuint {at} = {self.other()};\n",
                 f"{type} {got} = {name}[{at} >> 4][{at} & 15u];\n{barrier}"]
        return Node("statement", parts), context.with_variables(Variable(got, type))

    def histogram(self, context):
        """Atomics in threadgroup memory: any order gives the same."""
        type, got = self.pick("int", "uint"), self.name("v")
        name = self.tile_of(f"atomic_{type}", 16, "histogram")
        if name is None:
            return self.declare(context)
        barrier = "threadgroup_barrier(mem_flags::mem_threadgroup);"
        kind = self.pick("add", "max", "xor", "or", "and", "min", "sub")
        add = [f"atomic_fetch_{kind}_explicit(&{name}[", self.expression("uint", context, 2), " & 15u], ", self.expression(type, context, 2),
               ", memory_order_relaxed);"]
        if self.chance(0.4):
            condition = self.expression("bool", context, 2)
            plain = [part if isinstance(part, str) else self.expression(part.type, replace(context, lockstep=False), 2) for part in add]
            add = ["if (", condition, ") ", *plain]
        parts = [f"for (uint i = lid; i < 16u; i += size3.x * size3.y * size3.z) atomic_store_explicit(&{name}[i], {type}({self.pick(0, 5, 77)}), ",
                 f"memory_order_relaxed);\n{barrier}\n", *add, f"\n{barrier}\n{type} {got} = atomic_load_explicit(&{name}[",
                 self.place(context), f" & 15u], memory_order_relaxed);\n{barrier}"]
        return Node("statement", parts), context.with_variables(Variable(got, type))

    def matrices(self, context):
        """Products of matrices of small whole numbers, which are exact in any order."""
        type, got = self.pick("float", "half", "bfloat"), self.name("v")
        name = self.tile_of(type, 4 * 64, "matrix")
        if name is None:
            return self.declare(context)
        made, half = self.name("m"), self.pick("true", "false")
        scalar = (lambda x: ["bfloat(float(", x, "))"]) if type == "bfloat" else (lambda x: [f"{type}(", x, ")"])
        own = f"{name} + simdgroup * 64u"
        meet = "simdgroup_barrier(mem_flags::mem_threadgroup);\n"
        parts = [f"{name}[simdgroup * 64u + lane] = ", *scalar(self.masked("int", context)), ";\n",
                 f"{name}[simdgroup * 64u + lane + 32u] = ", *scalar(self.masked("int", context)), f";\n{meet}",
                 f"simdgroup_{type}8x8 {made}a, {made}b, {made}c = make_filled_simdgroup_matrix<{type}, 8, 8>({type}({self.pick('0.0f', '2.0f')}));\n",
                 f"simdgroup_load({made}a, {own});\nsimdgroup_load({made}b, {own}, 8, ulong2(0), {half});\n",
                 f"simdgroup_multiply_accumulate({made}c, {made}a, {made}b, {made}c);\n",
                 f"simdgroup_store({made}c, {own}, 8, ulong2(0), {self.pick('true', 'false')});\n{meet}",
                 f"{type} {got} = {name}[simdgroup * 64u + ((lane * {self.random.randrange(1, 9)}u + {self.random.randrange(64)}u) & 63u)];\n",
                 "threadgroup_barrier(mem_flags::mem_threadgroup);"]
        return Node("statement", parts), context.with_variables(Variable(got, type))

    def masked(self, type, context):
        return Node("expression", ["(", self.expression(type, context, 2), " & 3)"], "masked")

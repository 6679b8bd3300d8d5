"""A ready Python module from ported kernels: what `anymetal port` prints.

For each kernel: its `mx.fast.metal_kernel`, made once, and a typed function that makes the call. The module needs MLX alone, on a Mac and here.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from ._port_text import SCALARS, Argument, Constant, Ported, identifier, layout, raw_text, struct_format

HELPERS = {
    "_checked": '''\
def _checked(name: str, array: mx.array, dtype: mx.Dtype) -> mx.array:
    if not isinstance(array, mx.array) or array.dtype != dtype:
        raise TypeError(f"{name} must be an mx.array of {dtype}, not {getattr(array, 'dtype', type(array).__name__)}")
    return array
''',
    "_in_device_memory": '''\
def _in_device_memory(array: mx.array) -> mx.array:
    """metal_kernel puts fewer than 8 elements into constant memory, and the kernel needs them in device memory."""
    if array.size >= 8:
        return array
    return mx.concatenate([array.reshape(-1), mx.zeros(8 - array.size, dtype=array.dtype)])
''',
    "_in_constant_memory": '''\
def _in_constant_memory(name: str, array: mx.array) -> mx.array:
    """metal_kernel puts 8 elements and more into device memory, and the kernel needs them in constant memory."""
    if array.size > 7:
        raise ValueError(f"{name} can have at most 7 elements, not {array.size}")
    return array
''',
    "_scalar": '''\
def _scalar(value: complex | mx.array, dtype: mx.Dtype) -> mx.array:
    return mx.array(value, dtype=dtype).reshape(())
''',
    "_packed": '''\
def _packed(layout: str, count: int, word: str, *values: float) -> mx.array:
    """The bytes of a struct as the kernel has it in memory, in `count` words."""
    data = struct.pack(layout, *values).ljust(count * struct.calcsize(word), b"\\0")
    return mx.array(memoryview(data).cast(word))
''',
    "_bfloat": '''\
def _bfloat(value: float) -> int:
    """The 16 bits of a bfloat, rounded to nearest."""
    (bits,) = struct.unpack("<I", struct.pack("<f", value))
    return bits >> 16 if value != value else (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
''',
    "_size": '''\
def _size(size: int | tuple[int, ...]) -> tuple[int, int, int]:
    x, y, z = (*((size,) if isinstance(size, int) else tuple(size)), 1, 1)[:3]
    return x, y, z
''',
}


class Writer:
    def __init__(self, path: str, kernels: list[Ported], command: str, proof: str = "") -> None:
        self.name = Path(path).name
        self.kernels = kernels
        self.command = command
        self.proof = proof
        self.used: set[str] = set()
        self.imports = {"mlx.core as mx"}
        self.structs: dict[str, str] = {}

    def text(self) -> str:
        parts = [self._kernel(kernel) for kernel in self.kernels]
        headers = list(dict.fromkeys(kernel.header for kernel in self.kernels))
        made = [self._head(), *[f"{self._header_name(each)} = {raw_text(each)}\n" for each in headers if each]]
        made += [HELPERS[name] for name in HELPERS if name in self.used] + list(self.structs.values()) + parts
        return "\n\n".join(part.strip("\n") + "\n" for part in made)

    def _head(self) -> str:
        names = ", ".join(kernel.python for kernel in self.kernels)
        text = f'"""The kernels of {self.name} for MLX: {names}.\n\nMade by `{self.command}`.'
        if self.proof:
            text += "\n" + textwrap.fill(self.proof, 118, break_on_hyphens=False)
        text = "\n".join(textwrap.fill(line, 118, break_on_hyphens=False) if line.startswith('"""') else line for line in text.split("\n"))
        plain = sorted(each for each in self.imports if not each.startswith(("mlx", "from")))
        froms = sorted(each for each in self.imports if each.startswith("from"))
        lines = [*[f"import {each}" for each in plain], *froms]
        return text + '\n"""\n\nfrom __future__ import annotations\n\n' + "\n".join(lines) + ("\n\n" if lines else "") + "import mlx.core as mx\n"

    def _header_name(self, header: str) -> str:
        headers = list(dict.fromkeys(kernel.header for kernel in self.kernels if kernel.header))
        return "_HEADER" if len(headers) == 1 else f"_HEADER_{headers.index(header) + 1}"

    # The kernel ----------------------------------------------------------------------------------------------------------------

    def _kernel(self, kernel: Ported) -> str:
        return self._definition(kernel) + "\n\n" + self._function(kernel)

    def _definition(self, kernel: Ported) -> str:
        inputs, outputs = input_names(kernel), output_names(kernel)
        in_header = [each for each in kernel.constants if each.in_header]
        header = self._header_name(kernel.header) if kernel.header else '""'
        lines = [f'name="{kernel.python}",' if not in_header else f'name=f"{kernel.python}{"".join(self._name_part(each) for each in in_header)}",',
                 f"input_names={_names(inputs)},", f"output_names={_names(outputs)},"]
        if in_header:
            header = "values + " + header if kernel.header else "values"
        if header != '""':
            lines.append(f"header={header},")
        lines.append(f"source={raw_text(kernel.body)},")
        if kernel.has_atomic_outputs:
            lines.append("atomic_outputs=True,")
        call = "mx.fast.metal_kernel(\n" + "".join(_indent(line) + "\n" for line in lines) + ")"
        if not in_header:
            return f"_{kernel.python} = {call}\n"
        self.imports |= {"functools", "from typing import Any"}
        parameters = ", ".join(f"{each.python}: {_python_type(each)}" for each in in_header)
        text = ["@functools.cache", f"def _{kernel.python}({parameters}) -> Any:", '    """The kernel for these values, which functions of the header use."""']
        values = []
        for each in in_header:
            values.append(f'f"constant constexpr {each.type} {each.name} = {_metal_value(each)};\\n"')
            if each.asks_defined:
                values.append(f'f"constant constexpr bool {each.name}_is_defined = {{str({each.python} is not None).lower()}};\\n"')
        text.append("    values = " + (values[0] if len(values) == 1 else "(" + "\n              ".join(values) + ")"))
        body = call.split("\n")
        inside = False  # of the texts, whose lines stay where they are
        for n, line in enumerate(body):
            text.append(("    " if not inside else "") + ("return " if n == 0 else "") + line)
            if "source=r" in line:
                inside = True
            elif inside and line.startswith(('""",', "''',")):
                inside = False
        return "\n".join(text) + "\n"

    def _name_part(self, constant: Constant) -> str:
        if constant.type in ("float", "half", "bfloat"):
            return "_{struct.pack('<f', " + constant.python + " or 0).hex()}" if not self.imports.add("struct") else ""
        return "_{" + (f"{constant.python} or 0" if constant.asks_defined else constant.python) + ":d}"

    # The function --------------------------------------------------------------------------------------------------------------

    def _function(self, kernel: Ported) -> str:
        parameters, docs = self._parameters(kernel)
        outputs = kernel.outputs
        result = "mx.array" if len(outputs) == 1 else "tuple[" + ", ".join("mx.array" for _ in outputs) + "]" if outputs else "None"
        head = f"def {kernel.python}(\n" + "".join(f"    {each},\n" for each in parameters) + f") -> {result}:\n"
        return head + _indent(self._docstring(kernel, docs)) + "\n" + _indent(self._call(kernel)) + "\n"

    def _parameters(self, kernel: Ported) -> tuple[list[str], list[tuple[str, str]]]:
        parameters, docs = [], []
        for each in kernel.arguments:
            if not each.is_input:
                continue
            kind, text = self._describe(kernel, each)
            parameters.append(f"{each.python}: {kind}" + (" | None = None" if each.is_optional and each.role == "input" else ""))
            docs.append((each.python, text))
        if any(" = None" in each for each in parameters):  # those without a default come first by rule of Python: all by name
            first = next(n for n, each in enumerate(parameters) if each.endswith(" = None"))
            parameters.insert(first, "*")
        else:
            parameters.append("*")
        add = lambda name, text, doc: (parameters.append(f"{name}{text}"), docs.append((name, doc)))
        for each in kernel.constants:
            default = " | None = None" if each.asks_defined else ""
            add(each.python, f": {_python_type(each, False)}{default}", f"function constant, {each.type}" + (" (None: not given)" if default else ""))
        for name, kind, value in kernel.templates:
            if kind == "dtype" and self._source_of_type(kernel, name) is None:
                add(name, f": mx.Dtype = mx.{SCALARS[value][0]}", "type of elements: " + _either([f"mx.{v[kernel.dtype_names.index(name)]}" for v in kernel.variants]))
            elif kind in ("int", "bool"):
                add(name, f": {kind} = {value.capitalize() if kind == 'bool' else value}", "template argument; other values than this one are yours to try")
        for each in kernel.of_role("threadgroup"):
            if each.template_name:
                add(each.template_name, ": int", f"elements ({each.type}) of threadgroup memory `{each.name}`" if each.type != "void" else f"bytes of threadgroup memory `{each.name}`")
        for each in kernel.of_role("output", "atomic"):
            like = next((one.python for one in kernel.arguments if one.name == each.like and one.is_input), None)
            unit = f", {each.per_unit} to each {each.type}" if each.per_unit > 1 else ""
            add(f"{each.python}_shape", ": tuple[int, ...]" + (" | None = None" if like else ""), f"of the output `{each.name}`{unit}{_places(each)}" + (f"; None: that of `{like}`" if like else ""))
        if kernel.of_role("atomic") and not kernel.of_role("in_place"):
            add("init_value", ": float = 0", "what every output starts at")
        threads = next((each for each in kernel.outputs if each.is_threads), None)
        add("grid", ": int | tuple[int, ...]" + (" | None = None" if threads else ""), "threads" + (f"; None: one for each element of `{threads.name}`" if threads else ""))
        add("threadgroup", ": int | tuple[int, ...]" + (" = 256" if threads else ""), "threads of a threadgroup")
        parameters.append("stream: mx.Stream | mx.Device | None = None")
        return parameters, docs

    def _describe(self, kernel: Ported, each: Argument) -> tuple[str, str]:
        if each.role == "scalar":
            kind = "bool" if each.element == "bool" else "float" if each.element in ("float", "half", "bfloat") else "complex" if each.element == "complex64_t" else "int"
            return f"{kind} | mx.array", f"{self._dtype_words(kernel, each)}, one number"
        if each.role == "packed" and each.is_struct:
            return self._struct(each), f"struct {each.type}"
        if each.role == "packed":
            numbers = sum(vectors * rows for _, _, vectors, rows, _, _ in layout(each.members, each.size))
            return f"tuple[{_scalar_type(each.element)}, ...]", f"{each.type}: {numbers} numbers" + (", column by column" if "x" in each.type else "")
        text = self._dtype_words(kernel, each)
        if each.per_unit > 1:
            text += f", {each.per_unit} to each {each.type}"
        text += _places(each)
        if each.needs_constant:
            text += "; at most 7 elements"
        if each.role in ("owned", "in_place"):
            text += "; read and written: what is returned has its new contents"
        if each.is_optional:
            text += "; None where the function constants leave it out"
        return "mx.array", text

    def _dtype_words(self, kernel: Ported, each: Argument) -> str:
        return each.template_name if each.template_name in kernel.dtype_names else each.dtype

    def _struct(self, argument: Argument) -> str:
        name = identifier(argument.type.split("::")[-1])
        if name not in self.structs:
            self.imports.add("from typing import NamedTuple")
            lines = [f"class {name}(NamedTuple):", f'    """struct {argument.type} of {self.name}."""', ""]
            for member, element, vectors, rows, _, _ in layout(argument.members, argument.size):
                kind = _scalar_type(element)
                count = vectors * rows
                lines.append(f"    {identifier(member)}: " + (kind if count == 1 else f"tuple[{', '.join([kind] * count)}]" if count <= 4 else f"tuple[{kind}, ...]  # {count} numbers, {rows} by {rows}"))
            self.structs[name] = "\n".join(lines) + "\n"
        return name

    def _docstring(self, kernel: Ported, docs: list[tuple[str, str]]) -> str:
        says = kernel.comment or f"Kernel `{kernel.function}`."
        lines = [*textwrap.dedent(says).replace("\\", "\\\\").replace('"""', "'''").split("\n"), "", "Arguments:"]
        width = min(24, max(len(name) for name, _ in docs))
        for name, text in docs:
            wrapped = textwrap.wrap(text, 100 - width)
            lines += [f"    {name:<{width}}  {wrapped[0]}", *[" " * (width + 6) + more for more in wrapped[1:]]]
        returns = [f"`{each.name}`, {self._dtype_words(kernel, each)}" for each in kernel.outputs]
        lines += ["", "Returns " + (" and ".join(returns) if len(returns) < 3 else "; ".join(returns)) + "." if returns else "Returns nothing."]
        notes = list(kernel.notes)
        if kernel.of_role("output"):
            notes.append("elements of outputs that the kernel doesn't write are undefined")
        if len(kernel.instances) > 1:
            notes.append("dtypes (" + ", ".join(kernel.dtype_names) + "): " + "; ".join(", ".join(each) for each in kernel.variants))
        for note in notes:
            lines += textwrap.wrap(note[:1].upper() + note[1:] + ".", 108)
        lines.append(f"From {Path(kernel.file).name}, line {kernel.line}.")
        return '"""' + "\n".join(line.rstrip() for line in lines) + '\n"""'

    def _source_of_type(self, kernel: Ported, name: str) -> str | None:
        return next((f"{each.python}.dtype" for each in kernel.of_role("input", "owned", "in_place") if each.template_name == name and not each.is_optional), None)

    def _call(self, kernel: Ported) -> str:
        lines: list[str] = []
        for name in kernel.dtype_names:
            source = self._source_of_type(kernel, name)
            if source:
                lines.append(f"{name} = {source}")
        if kernel.dtype_names:
            names = kernel.dtype_names
            every = list(dict.fromkeys(kernel.variants))
            if len(names) == 1:
                known = ", ".join(f"mx.{each[0]}" for each in every)
                lines.append(f"if {names[0]} not in ({known},):")
            else:
                lines.append(f"if ({', '.join(names)}) not in (" + ", ".join("(" + ", ".join(f"mx.{one}" for one in each) + ")" for each in every) + ",):")
            lines.append(f'    raise TypeError(f"{kernel.python} isn\'t made for {" and ".join("{" + each + "}" for each in names)}")')
        for each in kernel.of_role("output", "atomic"):
            like = next((one.python for one in kernel.arguments if one.name == each.like and one.is_input), None)
            if like:
                lines += [f"if {each.python}_shape is None:", f"    {each.python}_shape = {like}.shape"]
        lines += self._grid(kernel)
        lines += self._input_checks(kernel)
        call = self._call_arguments(kernel)
        names = output_names(kernel)
        target = "(" + ", ".join(identifier_of_output(kernel, each) for each in names) + ("," if len(names) == 1 else "") + ")"
        chosen = [each.python for each in kernel.constants if each.in_header]
        lines += [f"{target} = _{kernel.python}{'(' + ', '.join(chosen) + ')' if chosen else ''}(", *["    " + each for each in call], ")"]
        returned = [self._returned(kernel, each) for each in kernel.outputs]
        lines.append("return " + ", ".join(returned) if returned else "return None")
        return "\n".join(lines)

    def _grid(self, kernel: Ported) -> list[str]:
        self.used.add("_size")
        lines = []
        threads = next((each for each in kernel.outputs if each.is_threads), None)
        if threads:
            lines.append("if grid is None:")
            if threads.role == "output":
                self.imports.add("math")
                size = f"math.prod({threads.python}_shape)"
            else:
                size = f"{threads.python}.size"
            lines.append(f"    grid = {size}" + (f" // {threads.per_unit}" if threads.per_unit > 1 else ""))
        owned = kernel.of_role("owned")
        if owned:
            lines.append("threads = _size(grid)")
            for each in owned:
                count = f"{each.python}.size" + (f" // {each.per_unit}" if each.per_unit > 1 else "")
                lines += [f"if threads[0] < {count} or threads[1:] != (1, 1):",
                          f'    raise ValueError(f"the grid must have a thread for each element of {each.python}, in one row: {{threads}}")']
        return lines

    def _input_checks(self, kernel: Ported) -> list[str]:
        lines = []
        for each in kernel.of_role("input", "owned", "in_place"):
            if each.per_unit > 1:
                test = f"{each.python}.size % {each.per_unit}"
                if each.is_optional:
                    test = f"{each.python} is not None and {test}"
                lines += [f"if {test}:", f'    raise ValueError(f"{each.python} must have {each.per_unit} numbers to each {each.type}, not {{{each.python}.size}} in all")']
        for each in kernel.of_role("output"):
            if each.per_unit > 1:
                self.imports.add("math")
                lines += [f"if math.prod({each.python}_shape) % {each.per_unit}:", f'    raise ValueError(f"{each.python} has {each.per_unit} numbers to each {each.type}; its shape is {{{each.python}_shape}}")']
        return lines

    def _value(self, kernel: Ported, each: Argument) -> str:
        dtype = each.template_name if each.template_name in kernel.dtype_names else f"mx.{each.dtype}"
        if each.role == "scalar":
            self.used.add("_scalar")
            return f"_scalar({each.python}, {dtype})"
        if each.role == "packed":
            self.used.add("_packed")
            self.imports.add("struct")
            word = "I" if each.words == "uint" else "Q"
            return f'_packed("{struct_format(each.members, each.size)}", {each.word_count}, "{word}", {self._members(each)})'
        self.used.add("_checked")
        given = f"mx.zeros(8, dtype={dtype}) if {each.python} is None else {each.python}" if each.is_optional else each.python
        value = f'_checked("{each.python}", {given}, {dtype})'
        if each.needs_device or each.role == "in_place" or (each.role == "owned" and each.type != each.element):
            self.used.add("_in_device_memory")
            return f"_in_device_memory({value})"
        if each.needs_constant:
            self.used.add("_in_constant_memory")
            return f'_in_constant_memory("{each.python}", {value})'
        return value

    def _members(self, argument: Argument) -> str:
        values = []
        for name, element, vectors, rows, _, _ in layout(argument.members, argument.size):
            value = f"{argument.python}.{identifier(name)}" if name else argument.python
            is_tuple = vectors * rows > 1 or not name
            if element == "bfloat":
                self.used.add("_bfloat")
                value = f"*map(_bfloat, {value})" if is_tuple else f"_bfloat({value})"
            elif is_tuple:
                value = f"*{value}"
            values.append(value)
        return ", ".join(values)

    def _call_arguments(self, kernel: Ported) -> list[str]:
        inputs = []
        for each in kernel.arguments:
            if not each.is_input:
                continue
            inputs.append(self._value(kernel, each))
            if each.role == "owned":
                self.used.add("_scalar")
                inputs.append(f"_scalar({each.python}.size" + (f" // {each.per_unit}" if each.per_unit > 1 else "") + ", mx.uint32)")
        shapes, dtypes = [], []
        for each in kernel.outputs:
            shapes.append(f"{each.python}.shape" if each.role in ("owned", "in_place") else f"{each.python}_shape")
            dtypes.append(each.template_name if each.template_name in kernel.dtype_names else f"mx.{each.dtype}")
            if each.role == "in_place":
                shapes.append(f"({each.python}.size" + (f" // {each.per_unit}" if each.per_unit > 1 else "") + ",)")
                dtypes.append("mx.bool_")
        lines = _list_lines("inputs", inputs)
        templates = self._templates(kernel)
        if templates:
            lines += _list_lines("template", templates)
        lines += _list_lines("output_shapes", shapes) + _list_lines("output_dtypes", dtypes)
        grid = "threads" if kernel.of_role("owned") else "_size(grid)"
        lines += [f"grid={grid},", "threadgroup=_size(threadgroup),"]
        if kernel.of_role("in_place"):
            lines.append("init_value=0,  # of the flags that say what was written")
        elif kernel.of_role("atomic"):
            lines.append("init_value=init_value,")
        lines.append("stream=stream,")
        return lines

    def _templates(self, kernel: Ported) -> list[str]:
        found = [f'("{name}", {name})' for name, _, _ in kernel.templates]
        for each in kernel.constants:
            if each.in_header:
                continue
            value = each.python
            if each.asks_defined:
                value = f"{each.python} or {'False' if each.type == 'bool' else '0'}"
            elif each.type == "bool":
                value = f"bool({each.python})"
            found.append(f'("{each.template_name}", {value})')
            if each.asks_defined:
                found.append(f'("{each.name}_is_defined", {each.python} is not None)')
        found += [f'("{each.template_name}", {each.template_name})' for each in kernel.of_role("threadgroup") if each.template_name]
        return found

    def _returned(self, kernel: Ported, each: Argument) -> str:
        if each.role != "in_place":
            return identifier_of_output(kernel, each.kernel_name)
        now, flags = identifier_of_output(kernel, each.kernel_name), identifier_of_output(kernel, each.beside)
        if each.per_unit == 1:
            return f"mx.where({flags}.reshape({each.python}.shape), {now}, {each.python})"
        rows = f"reshape(-1, {each.per_unit})"
        return f"mx.where({flags}[:, None], {now}.{rows}, {each.python}.{rows}).reshape({each.python}.shape)"


def _places(argument: Argument) -> str:
    """Where the members of a struct are in an array's bytes."""
    if argument.role == "packed" or not argument.members:
        return ""
    width = SCALARS[argument.element][2]
    return " (" + ", ".join(f"{each['name']} at {each['offset'] // width}" for each in argument.members) + ")"


def input_names(kernel: Ported) -> list[str]:
    names = []
    for each in kernel.arguments:
        if each.role in ("owned", "in_place"):
            names += [each.before, each.beside] if each.role == "owned" else [each.before]
        elif each.is_input:
            names.append(each.kernel_name)
    return names


def output_names(kernel: Ported) -> list[str]:
    names = []
    for each in kernel.outputs:
        names += [each.kernel_name, each.beside] if each.role == "in_place" else [each.kernel_name]
    return names


def identifier_of_output(kernel: Ported, name: str) -> str:
    """Of a result of the call: `new_x` where `x` is an argument."""
    word = identifier(name)
    taken = {each.python for each in kernel.arguments if each.is_input} | {each.python for each in kernel.constants} | {"grid", "threadgroup", "stream", "threads", "init_value"}
    taken |= {template for template, _, _ in kernel.templates}
    return f"new_{word}" if word in taken else word


def _names(names: list[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def _list_lines(name: str, values: list[str]) -> list[str]:
    line = f"{name}=[{', '.join(values)}],"
    return [line] if len(line) <= 100 else [f"{name}=[", *[f"    {value}," for value in values], "],"]


def _either(words: list[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _indent(text: str) -> str:
    """Four blanks deeper, but for the lines of literals over several lines."""
    lines, quotes = [], ""
    for line in text.split("\n"):
        lines.append(line if quotes or not line else "    " + line)
        for mark in ('r"""', "r'''"):
            if not quotes and line.rstrip().endswith(mark):
                quotes = mark[1:]
                break
        else:
            if quotes and line.startswith(quotes):
                quotes = ""
    return "\n".join(lines)


def _scalar_type(element: str) -> str:
    return "bool" if element == "bool" else "float" if element in ("float", "half", "bfloat") else "int"


def _python_type(constant: Constant, with_none: bool = True) -> str:
    return _scalar_type(constant.type) + (" | None" if constant.asks_defined and with_none else "")


def _metal_value(constant: Constant) -> str:
    value = f"{constant.python} or 0" if constant.asks_defined else constant.python
    if constant.type == "bool":
        return f"{{str(bool({constant.python})).lower()}}"
    if constant.type in ("float", "half", "bfloat"):
        return f"{constant.type}({{float({value})!r}}f)"
    return f"{constant.type}({{int({value})}})"

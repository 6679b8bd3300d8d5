"""A C++ header from ported kernels, for MLX's C++ API: what `anymetal port --cpp` prints."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from ._port_python import input_names, output_names
from ._port_text import SCALARS, Argument, Ported, layout
from ._report import Failure

TYPES = {"bool": "bool", "char": "int8_t", "uchar": "uint8_t", "short": "int16_t", "ushort": "uint16_t", "int": "int32_t", "uint": "uint32_t", "long": "int64_t", "ulong": "uint64_t",
         "half": "mlx::core::float16_t", "bfloat": "mlx::core::bfloat16_t", "float": "float", "complex64_t": "mlx::core::complex64_t"}

def cpp_name(name: str) -> str:
    return re.sub(r"\W", "_", name)


class Writer:
    def __init__(self, path: str, kernels: list[Ported]) -> None:
        self.path, self.kernels = path, kernels
        self.structs: dict[str, str] = {}

    def text(self, command: str, proof: str) -> str:
        stem = cpp_name(Path(self.path).stem)
        functions = [self._function(each) for each in self.kernels]
        headers = list(dict.fromkeys(each.header for each in self.kernels))
        constants = [f"inline constexpr const char* {self._header_name(each, headers)} = {_raw(each)};" for each in headers if each]
        first = textwrap.fill(f"The kernels of {Path(self.path).name} for MLX: {', '.join(each.python for each in self.kernels)}.", 96)
        said = [f"Made by `{command}`.", *(textwrap.wrap(proof, 96) if proof else [])]
        head = "\n".join(f"// {line}" for line in [*first.split("\n"), *said])
        return "\n".join([head, "#pragma once", "", "#include <algorithm>", "#include <cstdint>", "#include <cstring>", "#include <stdexcept>", "#include <string>", "#include <tuple>", "#include <vector>", "",
                          "#include <mlx/fast.h>", "#include <mlx/ops.h>", "", f"namespace {stem} {{", "", COMMON, "", *constants, "", *self.structs.values(), "\n\n".join(functions), "",
                          f"}}  // namespace {stem}", ""])

    @staticmethod
    def _header_name(header: str, headers: list[str]) -> str:
        return "kHeader" if len([each for each in headers if each]) == 1 else f"kHeader{headers.index(header) + 1}"

    def _function(self, kernel: Ported) -> str:
        if any(each.in_header for each in kernel.constants):
            raise Failure(f"{self.path}: kernel `{kernel.name}`: function constants that functions outside the kernel use have no C++ form yet; the Python module has one")
        parameters = [self._parameter(each, kernel) for each in kernel.arguments if each.is_input]
        parameters += [f"{'bool' if each.type == 'bool' else 'int'} {cpp_name(each.name)}" for each in kernel.constants]
        linked = {each.template_name for each in kernel.of_role("input", "owned", "in_place")}
        parameters += [f"mlx::core::Dtype {name}" for name in kernel.dtype_names if name not in linked]
        parameters += [f"int {each.template_name}" for each in kernel.of_role("threadgroup") if each.template_name]
        parameters += [f"const mlx::core::Shape& {cpp_name(each.name)}_shape" for each in kernel.of_role("output", "atomic")]
        parameters.append("const Launch& launch")
        lines = [f"auto {name} = {cpp_name(next(each for each in kernel.of_role('input', 'owned', 'in_place') if each.template_name == name).name)}.dtype();" for name in kernel.dtype_names if name in linked]
        lines += self._checks(kernel)
        headers = list(dict.fromkeys(each.header for each in self.kernels))
        header = self._header_name(kernel.header, headers) if kernel.header else '""'
        made = (f'static const auto kernel = mlx::core::fast::metal_kernel("{kernel.python}", {_names(input_names(kernel))}, {_names(output_names(kernel))}, {_raw(kernel.body)}, {header}, true, '
                f"{str(kernel.has_atomic_outputs).lower()});")
        shapes, dtypes = [], []
        for each in kernel.outputs:
            name = cpp_name(each.name)
            shapes.append(f"{name}.shape()" if each.role in ("owned", "in_place") else f"{name}_shape")
            dtypes.append(self._dtype(each, kernel))
            if each.role == "in_place":
                shapes.append(f"{{{_count(each)}}}")
                dtypes.append("mlx::core::bool_")
        init = "0.0f" if kernel.of_role("in_place", "atomic") else "std::nullopt"
        call = [f"auto outputs = kernel({{{', '.join(self._inputs(kernel))}}},", f"                      {{{', '.join(shapes)}}}, {{{', '.join(dtypes)}}}, launch.grid, launch.threadgroup,",
                f"                      {{{', '.join(self._templates(kernel))}}}, {init}, false, launch.stream);"]
        results, n = [], 0
        for each in kernel.outputs:
            if each.role == "in_place":
                results.append(f"detail::merged(outputs[{n}], outputs[{n + 1}], {cpp_name(each.name)}, {each.per_unit})")
                n += 2
            else:
                results.append(f"outputs[{n}]")
                n += 1
        docs = "\n".join(f"/// {line}".rstrip() for line in [*(kernel.comment or f"Kernel `{kernel.function}`.").split("\n"), "Returns " + ", ".join(f"`{each.name}`" for each in kernel.outputs) + ".",
                                                             *[note[:1].upper() + note[1:] + "." for note in kernel.notes]])
        body = "\n".join("  " + line for line in [*lines, made, *call, f"return {{{', '.join(results)}}};"])
        return f"{docs}\ninline std::vector<mlx::core::array> {cpp_name(kernel.python)}(" + ", ".join(parameters) + f") {{\n{body}\n}}"

    def _parameter(self, each: Argument, kernel: Ported) -> str:
        name = cpp_name(each.name)
        if each.role == "scalar":
            return f"const mlx::core::array& {name}"
        if each.role == "packed":
            return f"const {self._struct(each)}& {name}"
        return f"const mlx::core::array& {name}"

    def _struct(self, argument: Argument) -> str:
        name = cpp_name(argument.type.split("::")[-1]) if argument.is_struct else f"Packed_{cpp_name(argument.type)}"
        if name not in self.structs:
            lines, at, gaps = [f"/// {argument.type}, as it lies in the kernel's memory.", f"struct {name} {{"], 0, 0
            for member, element, vectors, rows, of, offset in layout(argument.members, argument.size):
                if offset > at:
                    lines.append(f"  uint8_t gap{gaps}[{offset - at}] = {{}};")
                    gaps += 1
                count = vectors * of
                lines.append(f"  {TYPES[element]} {cpp_name(member) or 'values'}{f'[{count}]' if count > 1 else ''} = {{}};" + (f"  // {rows} of each {of} count" if rows != of else ""))
                at = offset + count * SCALARS[element][2]
            if argument.size > at:
                lines.append(f"  uint8_t gap{gaps}[{argument.size - at}] = {{}};")
            self.structs[name] = "\n".join([*lines, "};", f"static_assert(sizeof({name}) == {argument.size});", ""])
        return name

    @staticmethod
    def _dtype(each: Argument, kernel: Ported) -> str:
        return each.template_name if each.template_name in kernel.dtype_names else f"mlx::core::{each.dtype}"

    def _checks(self, kernel: Ported) -> list[str]:
        lines = []
        for each in kernel.of_role("owned"):
            lines += [f"if (launch.grid != std::tuple(std::max(std::get<0>(launch.grid), {_count(each)}), 1, 1))",
                      f'  throw std::invalid_argument("the grid must have a thread for each element of {each.name}, in one row");']
        return lines

    def _inputs(self, kernel: Ported) -> list[str]:
        values = []
        for each in kernel.arguments:
            if not each.is_input:
                continue
            name, dtype = cpp_name(each.name), self._dtype(each, kernel)
            if each.role == "scalar":
                values.append(f"mlx::core::astype(mlx::core::reshape({name}, {{}}), {dtype})")
            elif each.role == "packed":
                word = "uint32_t" if each.words == "uint" else "uint64_t"
                values.append(f"detail::packed<{word}>({name}, {each.word_count})")
            else:
                value = f'detail::checked("{each.name}", {name}, {dtype})'
                if each.needs_device or each.role == "in_place" or (each.role == "owned" and each.type != each.element):
                    value = f"detail::in_device_memory({value})"
                elif each.needs_constant:
                    value = f'detail::in_constant_memory("{each.name}", {value})'
                values.append(value)
            if each.role == "owned":
                values.append(f"mlx::core::array({_count(each)}, mlx::core::uint32)")
        return values

    @staticmethod
    def _templates(kernel: Ported) -> list[str]:
        found = [f'{{"{name}", {name if kind == "dtype" else value}}}' for name, kind, value in kernel.templates]
        for each in kernel.constants:
            found.append(f'{{"{each.template_name}", {cpp_name(each.name)}}}')
            if each.asks_defined:
                found.append(f'{{"{each.name}_is_defined", true}}')
        return found + [f'{{"{each.template_name}", {each.template_name}}}' for each in kernel.of_role("threadgroup") if each.template_name]


COMMON = '''\
struct Launch {
  std::tuple<int, int, int> grid{1, 1, 1};  ///< threads
  std::tuple<int, int, int> threadgroup{256, 1, 1};
  mlx::core::StreamOrDevice stream = {};
};

namespace detail {

inline mlx::core::array checked(const char* name, const mlx::core::array& x, mlx::core::Dtype dtype) {
  if (x.dtype() != dtype) throw std::invalid_argument(std::string(name) + " has another dtype than the kernel's");
  return x;
}

/// metal_kernel puts fewer than 8 elements into constant memory, and the kernel needs them in device memory.
inline mlx::core::array in_device_memory(const mlx::core::array& x) {
  if (x.size() >= 8) return x;
  return mlx::core::concatenate({mlx::core::flatten(x), mlx::core::zeros({8 - static_cast<int>(x.size())}, x.dtype())});
}

/// metal_kernel puts 8 elements and more into device memory, and the kernel needs them in constant memory.
inline mlx::core::array in_constant_memory(const char* name, const mlx::core::array& x) {
  if (x.size() > 7) throw std::invalid_argument(std::string(name) + " can have at most 7 elements");
  return x;
}

/// The bytes of a struct in words.
template <typename Word, typename Struct>
mlx::core::array packed(const Struct& value, int count) {
  std::vector<Word> words(count);
  std::memcpy(words.data(), &value, sizeof(value));
  return mlx::core::array(words.begin(), {count});
}

/// What the kernel wrote of a buffer that it reads and writes, and the rest as it was.
inline mlx::core::array merged(const mlx::core::array& now, const mlx::core::array& written, const mlx::core::array& before, int per_unit) {
  const mlx::core::Shape rows{-1, per_unit};
  return mlx::core::reshape(mlx::core::where(mlx::core::expand_dims(written, 1), mlx::core::reshape(now, rows), mlx::core::reshape(before, rows)), before.shape());
}

}  // namespace detail'''


def _count(each: Argument) -> str:
    return f"static_cast<int>({cpp_name(each.name)}.size()" + (f" / {each.per_unit})" if each.per_unit > 1 else ")")


def _names(names: list[str]) -> str:
    return "{" + ", ".join(f'"{name}"' for name in names) + "}"


def _raw(text: str) -> str:
    mark = "metal"
    while f'){mark}"' in text:
        mark += "_"
    return f'R"{mark}(\n{text}){mark}"'


def write(path: str, kernels: list[Ported], command: str, proof: str) -> str:
    return Writer(path, kernels).text(command, proof)

// The table's reader: names, look-up, and the two texts that are generated from it. What comes in
// is the rows of builtin_rows.cc; what goes out is (1) `declarations_header()`, C++ declarations
// whose asm labels are the IR names, so that Clang itself writes calls to `am.exp.f32` with the
// attributes of the row, and (2) the page of builtins for people. Both are generated, so that a
// builtin is declared in one place only.
#include "builtins/builtins.h"

#include <fmt/format.h>

#include <unordered_map>

namespace anymetal::builtins {
namespace {

struct TypeName {
  Type type;
  std::string_view suffix;
  std::string_view cpp;  // as Clang knows it in the embedded standard library
};

constexpr TypeName kTypes[] = {
    {Type::f32, "f32", "float"},          {Type::f16, "f16", "_Float16"},
    {Type::bf16, "bf16", "__bf16"},       {Type::i8, "i8", "signed char"},
    {Type::u8, "u8", "unsigned char"},    {Type::i16, "i16", "short"},
    {Type::u16, "u16", "unsigned short"}, {Type::i32, "i32", "int"},
    {Type::u32, "u32", "unsigned int"},   {Type::i64, "i64", "long"},
    {Type::u64, "u64", "unsigned long"},  {Type::boolean, "bool", "bool"},
};

bool contains(TypeSet types, Type type) {
  return (types & static_cast<TypeSet>(type)) != 0;
}

/// A type in a signature, in C++, with T replaced.
std::string_view cpp_type(std::string_view name, std::string_view element) {
  if (name == "T") return element;
  if (name == "void") return "void";
  if (name == "ptr") return "void*";
  if (name == "v2f32") return "__am_v2f32";
  if (name == "v4f32") return "__am_v4f32";
  if (name == "v4i32") return "__am_v4i32";
  for (const TypeName& type : kTypes) {
    if (type.suffix == name) return type.cpp;
  }
  return {};
}

struct Signature {
  std::string_view result;
  std::vector<std::string_view> operands;
};

Signature split(std::string_view text) {
  const size_t open = text.find('(');
  Signature out{text.substr(0, open), {}};
  std::string_view rest = text.substr(open + 1, text.size() - open - 2);
  while (!rest.empty()) {
    const size_t comma = rest.find(", ");
    out.operands.push_back(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 2);
  }
  return out;
}

std::string attributes(const Builtin& builtin) {
  std::string out = "__attribute__((nothrow";
  if (builtin.memory == Memory::none) out += ", const";
  if (builtin.convergent) out += ", convergent";
  return out + "))";
}

/// "thread_position_in_grid.x" → "__am_thread_position_in_grid_x"
std::string cpp_name(const Builtin& builtin) {
  std::string out = "__am_" + std::string(builtin.name);
  for (char& c : out) {
    if (c == '.') c = '_';
  }
  return out;
}

std::string declaration(const Builtin& builtin, std::string_view element,
                        std::string_view ir_name) {
  const Signature signature = split(builtin.signature);
  std::string operands;
  for (std::string_view operand : signature.operands) {
    if (!operands.empty()) operands += ", ";
    operands += cpp_type(operand, element);
  }
  return fmt::format("{} {}({}) __asm__(\"{}\") {};\n", cpp_type(signature.result, element),
                     cpp_name(builtin), operands, ir_name, attributes(builtin));
}

std::unordered_map<std::string, Reference> build_index() {
  std::unordered_map<std::string, Reference> out;
  for (const Builtin& builtin : table()) {
    const std::string name = "am." + std::string(builtin.name);
    if (builtin.types == 0) out.emplace(name, Reference{&builtin, std::nullopt});
    for (const TypeName& type : kTypes) {
      if (!contains(builtin.types, type.type)) continue;
      out.emplace(fmt::format("{}.{}", name, type.suffix), Reference{&builtin, type.type});
    }
  }
  return out;
}

std::string_view group_title(Group group) {
  switch (group) {
    case Group::position:
      return "Position";
    case Group::barrier:
      return "Barriers and fences";
    case Group::simdgroup:
      return "Simdgroup functions";
    case Group::quadgroup:
      return "Quadgroup functions";
    case Group::math:
      return "Math";
    case Group::integer:
      return "Integers";
    case Group::memory:
      return "Memory";
    case Group::texture:
      return "Textures";
  }
  return {};
}

std::string_view uniformity_word(Uniformity uniformity) {
  switch (uniformity) {
    case Uniformity::varying:
      return "thread";
    case Uniformity::operands:
      return "operands";
    case Uniformity::simdgroup:
      return "simdgroup";
    case Uniformity::threadgroup:
      return "threadgroup";
    case Uniformity::grid:
      return "grid";
  }
  return {};
}

std::string type_list(TypeSet types) {
  std::string out;
  for (const TypeName& type : kTypes) {
    if (!contains(types, type.type)) continue;
    if (!out.empty()) out += ' ';
    out += type.suffix;
  }
  return out;
}

}  // namespace

std::optional<Reference> find(std::string_view ir_name) {
  static const std::unordered_map<std::string, Reference> index = build_index();
  const auto found = index.find(std::string(ir_name));
  if (found == index.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> ir_names(const Builtin& builtin) {
  std::vector<std::string> out;
  if (builtin.types == 0) out.push_back(fmt::format("am.{}", builtin.name));
  for (const TypeName& type : kTypes) {
    if (contains(builtin.types, type.type)) {
      out.push_back(fmt::format("am.{}.{}", builtin.name, type.suffix));
    }
  }
  return out;
}

std::string_view suffix(Type type) {
  for (const TypeName& name : kTypes) {
    if (name.type == type) return name.suffix;
  }
  return {};
}

std::string declarations_header() {
  std::string out =
      "// Declarations of the builtins, generated from the table in src/builtins/. Not meant for "
      "kernels.\n"
      "#pragma once\n"
      // A struct of two floats is what Clang passes as LLVM's <2 x float>; its own vector type
      // would travel as a double.
      "struct __am_v2f32 { float x, y; };\n"
      "typedef float __am_v4f32 __attribute__((ext_vector_type(4)));\n"
      "typedef int __am_v4i32 __attribute__((ext_vector_type(4)));\n";
  for (const Builtin& builtin : table()) {
    if (builtin.types == 0) out += declaration(builtin, {}, fmt::format("am.{}", builtin.name));
    for (const TypeName& type : kTypes) {
      if (!contains(builtin.types, type.type)) continue;
      out += declaration(builtin, type.cpp, fmt::format("am.{}.{}", builtin.name, type.suffix));
    }
  }
  return out;
}

std::string documentation_page() {
  std::string out =
      "# Builtins\n\n"
      "Generated from the table in `src/builtins/builtin_rows.cc` by `anymetal_generate docs`; "
      "don't edit it by hand.\n"
      "Each row is a function that the IR of one thread may call: `am.NAME`, or `am.NAME.SUFFIX` "
      "with one of the\n"
      "suffixes in its *types* (`T` in the signature). *Uniform over*: the threads among which the "
      "result is the same\n"
      "(`operands`: as uniform as its operands are). *Converges*: the result depends on which "
      "threads are active.\n"
      "What has an exact LLVM instruction or intrinsic (`fma`, `sqrt`, `floor`, `min`, `popcount`, "
      "...) needs no row.\n";
  std::optional<Group> group;
  for (const Builtin& builtin : table()) {
    if (group != builtin.group) {
      group = builtin.group;
      out += fmt::format(
          "\n## {}\n\n| Name | Signature | Types | Uniform over | Converges | Metal | Meaning |\n"
          "|---|---|---|---|---|---|---|\n",
          group_title(builtin.group));
    }
    out +=
        fmt::format("| `{}` | `{}` | {} | {} | {} | `{}` | {} |\n", builtin.name, builtin.signature,
                    type_list(builtin.types), uniformity_word(builtin.uniformity),
                    builtin.convergent ? "yes" : "", builtin.metal, builtin.doc);
  }
  return out;
}

}  // namespace anymetal::builtins

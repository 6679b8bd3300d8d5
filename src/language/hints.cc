#include "language/hints.h"

#include <clang/AST/Type.h>
#include <clang/Basic/DiagnosticLex.h>
#include <clang/Basic/DiagnosticParse.h>
#include <clang/Basic/DiagnosticSema.h>

#include <regex>

#include "language/diagnostics.h"
#include "language/metal_types.h"
#include "language/standard_library.h"

namespace anymetal::language {
namespace {

namespace diag = clang::diag;

/// The n-th quoted part of a message, from 0.
std::string quoted(const std::string& message, size_t n = 0) {
  size_t end = std::string::npos;
  for (size_t begin = message.find('\''); begin != std::string::npos;
       begin = message.find('\'', end + 1)) {
    end = message.find('\'', begin + 1);
    if (end == std::string::npos) return {};
    if (n-- == 0) return message.substr(begin + 1, end - begin - 1);
  }
  return {};
}

/// Number of components of 'float3', 'const device half4'; 0 if it is no vector.
int components(const std::string& type) {
  static const std::regex kVector(
      R"((?:^|.* )(?:packed_)?(?:bool|char|uchar|short|ushort|int|uint|long|ulong|half|bfloat|float)([234])$)");
  std::smatch match;
  return std::regex_match(type, match, kVector) ? match[1].str()[0] - '0' : 0;
}

bool is_pointer(const std::string& type) {
  return !type.empty() && type.back() == '*';
}

std::string letters(int count) {
  return std::string("xyzw").substr(0, static_cast<size_t>(count));
}

std::string conversion_hint(const std::string& from, const std::string& to) {
  const int parts = components(from), wanted = components(to);
  if (is_pointer(from) && !is_pointer(to)) return "it is a pointer: its values are p[0], p[i]";
  if (parts > 0 && wanted == 0 && !is_pointer(to) && to.find('<') == std::string::npos)
    return "a component of it is .x; all of them take a " + to + std::to_string(parts);
  if (parts > wanted && wanted > 0) return "its first components are ." + letters(wanted);
  if (parts > 0 && parts < wanted) return "add what lacks: " + to + "(v, ...)";
  if (parts > 0 && parts == wanted) return to + "(v) converts it";
  return {};
}

std::string member_hint(const std::string& member, const std::string& type) {
  const int count = components(type);
  if (count == 0 || member.empty()) return {};
  const std::string xyzw = letters(count), rgba = std::string("rgba").substr(0, xyzw.size());
  const bool mixed = member.find_first_of("xyzw") != std::string::npos &&
                     member.find_first_of("rgba") != std::string::npos;
  std::string list;
  for (const char c : xyzw) list += list.empty() ? std::string(1, c) : std::string(", ") + c;
  if (mixed) return "one swizzle takes letters of one kind: xyzw or rgba";
  return "a " + type + " has the components " + list + " (or " + rgba.substr(0, 1) + " to " +
         rgba.back() + "), up to four in a row";
}

std::string constructor_hint(const std::string& type) {
  const int count = components(type);
  if (count == 0) return {};
  return "a " + type + " is made of " + std::to_string(count) +
         " components: one value for all, or numbers and vectors that have " +
         std::to_string(count) + " together";
}

std::string operand_hint(const std::string& a, const std::string& b, const std::string& line) {
  if (is_pointer(a) || is_pointer(b)) return "a pointer's values are p[0], p[i]";
  const auto fraction = [](const std::string& type) {
    return type.ends_with("float") || type.ends_with("half");
  };
  if ((fraction(a) || fraction(b)) && line.find('%') != std::string::npos)
    return "% is for integers; of fractions it is fmod(a, b)";
  if ((fraction(a) || fraction(b)) && line.find_first_of("&|^<>") != std::string::npos)
    return "bits belong to integers; as_type<uint>(x) are those of a float";
  if (components(a) > 0 && components(b) > 0 && components(a) != components(b))
    return "both must have the same number of components";
  if (a.find('x') != std::string::npos && components(b) > 0)
    return "a matrix times a vector takes as many components as it has columns";
  return {};
}

std::string object_hint(const clang::Diagnostic& error) {
  if (error.getNumArgs() < 2) return {};
  clang::LangAS spaces[2] = {};
  for (unsigned i = 0; i < 2; ++i) {
    if (error.getArgKind(i) != clang::DiagnosticsEngine::ak_qualtype) return {};
    spaces[i] = clang::QualType::getFromOpaquePtr(reinterpret_cast<void*>(error.getRawArg(i)))
                    .getAddressSpace();
  }
  if (spaces[0] == spaces[1]) return {};
  return "the method is declared '" + std::string(space_word(spaces[0])) + "'; declare it for '" +
         space_word(spaces[1]) + "' too";
}

std::string header_hint(const std::string& name) {
  std::vector<std::string_view> names;
  for (const auto& file : standard_library()) {
    if (!file.name.starts_with("__am") && file.name != "am_builtins.h") names.push_back(file.name);
  }
  const auto close = nearest(name, names);
  return close.empty() ? "" : "did you mean <" + std::string(close) + ">?";
}

std::string name_hint(const std::string& message) {
  const std::string name = quoted(message);
  if (auto hint = hint_for_name(name); !hint.empty()) return hint;
  if (quoted(message, 1) == "metal::" + name)
    return "or write 'using namespace metal;' once, after the includes";
  return {};
}

}  // namespace

std::string hint_for(const clang::Diagnostic& error, const std::string& message,
                     const std::string& line) {
  // All that is there is what Clang makes of lists in braces.
  if (message.find(" in namespace 'std'") != std::string::npos) return hint_for_name("std");
  switch (error.getID()) {
    case diag::err_undeclared_var_use:
    case diag::err_undeclared_var_use_suggest:
    case diag::err_undeclared_use:
    case diag::err_undeclared_use_suggest:
    case diag::err_unknown_typename:
    case diag::err_unknown_typename_suggest:
    case diag::err_unknown_type_or_class_name_suggest:
    case diag::err_no_template:
    case diag::err_no_template_suggest:
    case diag::err_expected_namespace_name:
      return name_hint(message);
    case diag::err_no_member:
    case diag::err_no_member_suggest:
      if (quoted(message, 1) == "metal") return hint_for_name(quoted(message));
      return member_hint(quoted(message), quoted(message, 1));
    case diag::err_ovl_no_viable_function_in_call:
    case diag::err_ovl_ambiguous_call:
      return hint_for_call(quoted(message));
    case diag::err_ovl_no_viable_function_in_init:
    case diag::err_ovl_ambiguous_init:
      return constructor_hint(quoted(message));
    case diag::err_typecheck_nonviable_condition:
    case diag::err_typecheck_nonviable_condition_incomplete:
      return conversion_hint(quoted(message), quoted(message, 1));
    case diag::err_init_conversion_failed:
      return conversion_hint(quoted(message, 1), quoted(message));
    case diag::err_typecheck_convert_incompatible:
      return conversion_hint(quoted(message, 1), quoted(message));
    case diag::err_ovl_no_viable_subscript:
    case diag::err_ovl_no_viable_oper:
      return message.find("operator[]") != std::string::npos
                 ? "an index is one number: v.x"
                 : operand_hint(quoted(message), quoted(message, 1), line);
    case diag::err_typecheck_member_reference_struct_union:
      return line.find(".shape") == std::string::npos
                 ? ""
                 : "an array's sizes are x_shape[0], x_shape[1], ... in a metal_kernel body";
    case diag::err_function_definition_not_allowed:
      return "functions stand before the kernel; those of a metal_kernel in its header";
    case diag::ext_return_has_expr:
      return "results go to a buffer: y[i] = value; 'return;' ends the thread";
    case diag::err_typecheck_subscript_value:
      return "it is a single value, and written without [...]";
    case diag::err_typecheck_subscript_not_integer:
      return "an index is one integer: v.x of a vector, int(x) of a fraction";
    case diag::err_typecheck_invalid_operands:
      return operand_hint(quoted(message), quoted(message, 1), line);
    case diag::err_typecheck_indirection_requires_pointer:
      return line.find("**") == std::string::npos ? ""
                                                  : "there is no operator **: pow(x, y), or x * x";
    case diag::err_typecheck_statement_requires_integer:
      return "int(x) makes an integer of it";
    case diag::err_typecheck_bool_condition:
      return components(quoted(message)) > 0 ? "all(v) and any(v) make one bool of a vector; "
                                               "select(a, b, v) chooses by component"
                                             : "";
    case diag::err_typecheck_assign_const:
      return message.starts_with("read-only")
                 ? "what is 'const' or 'constant' is an input; results "
                   "go to a 'device' buffer that isn't const"
                 : "";
    case diag::err_typecheck_incomplete_array_needs_initializer:
      return "threadgroup memory whose size the host chooses is a kernel's parameter: threadgroup "
             "float *t [[threadgroup(0)]]";
    case diag::ext_vla_cxx:
    case diag::ext_vla:
    case diag::err_vla_decl_has_static_storage:
      return "a template parameter or a 'constant constexpr' variable gives a constant";
    case diag::err_arg_with_address_space:
      return "a value in a buffer is a reference or a pointer: 'constant int &n'";
    case diag::err_as_qualified_auto_decl:
      return "a variable in a function is the thread's own: leave the address space away; a "
             "pointer "
             "has a *";
    case diag::err_invalid_suffix_constant:
      return "a half ends in h (0.5h), a bfloat in bf (0.5bf), a float in f or nothing";
    case diag::err_member_function_call_bad_type:
      return object_hint(error);
    case diag::err_pp_file_not_found:
      return header_hint(quoted(message));
    default:
      return {};
  }
}

}  // namespace anymetal::language

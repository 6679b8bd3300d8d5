// What comes in: a kernel's parameters, what its text does with each of them, what its code reads
// and writes. What goes out: a Role for each, or a refusal.
//
// metal_kernel gives an input of fewer than 8 elements in constant memory and others in device
// memory, read-only; outputs are new memory. So an address space that the code depends on becomes a
// bound on the number of elements, and a buffer that is read and written becomes an input and an
// output, whose first contents must come from the input. Three ways to do that are right:
//
//   owned     every access is x[i] with i the thread's position: the thread copies its element
//   in_place  reads ask whether the element was written; what never was comes from the input
//   atomic    atomics only: counting begins at init_value, and the note says so
//
// For well-defined kernels `owned` and `in_place` give what the original gives: threads that touch
// each other's elements without a barrier race there as well.
#include <fmt/format.h>

#include <algorithm>

#include "language/diagnostics.h"
#include "port/kernel_facts.h"

namespace anymetal::port {
namespace {

using Kind = Mention::Kind;

struct Scalar {
  const char* name;
  uint32_t size;
};
constexpr Scalar kScalars[] = {{"bool", 1},       {"char", 1}, {"uchar", 1},  {"short", 2},
                               {"ushort", 2},     {"int", 4},  {"uint", 4},   {"long", 8},
                               {"ulong", 8},      {"half", 2}, {"bfloat", 2}, {"float", 4},
                               {"complex64_t", 8}};

uint32_t size_of(std::string_view element) {
  for (const Scalar& scalar : kScalars)
    if (element == scalar.name) return scalar.size;
  return 0;
}

/// The elements of the array that stands for `p`.
void choose_element(const Parameter& p, Argument& argument) {
  argument.element = p.element;
  if (p.type == "complex64_t") argument.element = p.type;
  if (argument.element.empty() && !p.fields.empty()) {
    const bool alike = std::all_of(p.fields.begin(), p.fields.end(), [&](const Field& field) {
      return field.element == p.fields[0].element && !field.is_pointer;
    });
    if (alike) argument.element = p.fields[0].element;
  }
  uint32_t size = size_of(argument.element);
  if (size == 0 || p.size % size != 0 || (argument.element == "bool" && p.type != "bool")) {
    argument.element = "uchar";
    size = 1;
  }
  argument.per_unit = std::max(1u, p.size / size);
  if (p.is_reference) return;
  for (const Field& field : p.fields) {
    const uint32_t each = size_of(field.element);
    if (each == 0) continue;
    argument.members.push_back({field.name, field.type, field.element, field.offset, field.size,
                                field.count,
                                std::max(1u, field.size / std::max(1u, field.count) / each)});
  }
}

bool is_generic(const clang::ParmVarDecl* parameter) {
  const auto* function =
      parameter ? llvm::dyn_cast<clang::FunctionDecl>(parameter->getDeclContext()) : nullptr;
  const auto* pattern = function ? function->getTemplateInstantiationPattern() : nullptr;
  if (!pattern) return false;
  const unsigned i = parameter->getFunctionScopeIndex();
  return i < pattern->getNumParams() && pattern->getParamDecl(i)
                                            ->getType()
                                            .getNonReferenceType()
                                            ->getAs<clang::TemplateTypeParmType>();
}

/// `auto`, but not `constant auto*`, which names a space.
bool is_auto(const clang::VarDecl* variable) {
  return variable && variable->getTypeSourceInfo() &&
         variable->getTypeSourceInfo()->getType()->getAs<clang::DeducedType>() != nullptr;
}

bool mentions_variable(const clang::Stmt& statement, const clang::VarDecl& variable) {
  if (const auto* reference = llvm::dyn_cast<clang::DeclRefExpr>(&statement))
    return reference->getDecl() == &variable;
  return std::any_of(statement.child_begin(), statement.child_end(), [&](const clang::Stmt* child) {
    return child && mentions_variable(*child, variable);
  });
}

/// `auto v = x[i]`, which would keep the place and not the value if x[i] were an object.
bool keeps_element(const clang::VarDecl& local, const clang::VarDecl& of) {
  if (!is_auto(&local) || !local.getInit()) return false;
  const clang::Expr* value = local.getInit()->IgnoreParenImpCasts();
  const auto* operation = llvm::dyn_cast<clang::BinaryOperator>(value);
  const bool computes =
      (operation && operation->getOpcode() != clang::BO_Comma) ||
      (llvm::isa<clang::CallExpr>(value) && !llvm::isa<clang::CXXOperatorCallExpr>(value));
  return !computes && mentions_variable(*value, of);
}

class Assigner {
 public:
  Assigner(const KernelFacts& facts, Kernel& kernel) : facts_(facts), kernel_(kernel) {}

  void run() {
    const auto& parameters = facts_.interface.parameters;
    for (size_t i = 0; i < parameters.size(); ++i) {
      Argument argument;
      argument.name = parameters[i].name;
      argument.declaration = describe(parameters[i]);
      argument.type = parameters[i].type;
      argument.size = parameters[i].size;
      argument.line = parameters[i].line;
      argument.is_optional = parameters[i].is_optional;
      assign(i, parameters[i], argument);
      kernel_.arguments.push_back(std::move(argument));
    }
    find_likes();
  }

 private:
  void refuse(size_t i, std::string message) {
    facts_.refuse(kernel_, facts_.declaration(i).getLocation(), std::move(message));
  }

  [[nodiscard]] const std::vector<Mention>& mentions(size_t i) const {
    return facts_.uses.mentions(&facts_.declaration(i));
  }

  void assign(size_t i, const Parameter& p, Argument& argument) {
    switch (p.kind) {
      case ParameterKind::attribute:
        argument.role = mentions(i).empty() ? Role::unused : Role::attribute;
        return;
      case ParameterKind::texture:
        return refuse(
            i, fmt::format("'{}' is a texture, and metal_kernel gives a kernel arrays "
                           "only: read its texels from a buffer of {} elements",
                           p.name, p.texture.texel == TexelClass::floating ? "float" : "integer"));
      case ParameterKind::sampler:
        return refuse(i, fmt::format("'{}' is a sampler, and metal_kernel gives a kernel arrays "
                                     "only: compute addresses and weights in the kernel",
                                     p.name));
      case ParameterKind::threadgroup:
        argument.role = mentions(i).empty() ? Role::unused : Role::threadgroup;
        return;
      case ParameterKind::buffer:
        return assign_buffer(i, p, argument);
    }
  }

  void assign_buffer(size_t i, const Parameter& p, Argument& argument) {
    const clang::QualType pointee = facts_.declaration(i).getType()->getPointeeType();
    const bool has_pointers = pointee->isPointerType() ||
                              std::any_of(p.fields.begin(), p.fields.end(),
                                          [](const Field& field) { return field.is_pointer; });
    if (has_pointers)
      return refuse(i, fmt::format("'{}' is an argument buffer (it holds pointers), which MLX's "
                                   "arrays can't be: give the kernel each buffer as a parameter",
                                   p.name));
    if (p.type.starts_with("array<texture") || p.type.find("texture") != std::string::npos)
      return refuse(i, fmt::format("'{}' holds textures, which MLX's arrays can't", p.name));
    choose_element(p, argument);
    measure::Access access = facts_.code.of_parameters[i];
    if (p.is_const || p.space == AddressSpace::constant) access.writes = false;
    if (facts_.code.has_constants && !p.is_const) add_mentions(i, access);
    if (facts_.code.has_unknown && !p.is_const && needs_own_space(facts_, i))
      access.reads = access.writes = access.plain = true;
    if (!access.writes) return assign_input(i, p, argument);
    if (access.atomics && access.plain)
      return refuse(i, fmt::format("'{}' is read or written both by atomic operations and without: "
                                   "use atomic_load_explicit and atomic_store_explicit throughout",
                                   p.name));
    if (access.atomics && access.reads) {
      argument.role = Role::atomic;
      return;
    }
    argument.role = Role::output;
    if (access.reads) assign_in_place(i, p, argument);
  }

  /// With function constants, code that was not seen may be there for other values.
  void add_mentions(size_t i, measure::Access& access) const {
    for (const Mention& mention : mentions(i)) {
      access.reads |= mention.reads;
      access.writes |= mention.writes;
      access.plain |= mention.reads || mention.writes;
    }
  }

  void assign_input(size_t i, const Parameter& p, Argument& argument) {
    if (mentions(i).empty()) {
      argument.role = Role::unused;
      return;
    }
    const bool is_scalar = argument.per_unit == 1 && argument.element == p.type;
    const bool bound = needs_own_space(facts_, i);
    if (p.is_reference && is_scalar && !(bound && p.space == AddressSpace::device)) {
      argument.role = Role::scalar;
    } else if (p.is_reference || is_one_struct(i, p)) {
      assign_packed(i, p, argument);
    } else {
      argument.role = Role::input;
      const bool is_view = !is_scalar || p.type == "void";
      argument.needs_constant = bound && p.space == AddressSpace::constant;
      argument.needs_device = !argument.needs_constant && (bound || is_view);
      if (argument.needs_constant && argument.per_unit > 7)
        refuse(i, fmt::format("'{}' is an array of {} that is handed on in constant memory, where "
                              "metal_kernel puts fewer than 8 elements: hand its members on",
                              p.name, p.type));
    }
  }

  /// `constant Params* params`, which the text uses as it would a reference.
  [[nodiscard]] bool is_one_struct(size_t i, const Parameter& p) const {
    return p.space == AddressSpace::constant && !p.fields.empty() &&
           std::all_of(mentions(i).begin(), mentions(i).end(),
                       [](const Mention& each) { return each.is_first; });
  }

  void assign_packed(size_t i, const Parameter& p, Argument& argument) {
    argument.role = Role::packed;
    argument.members.clear();
    const bool is_constant = p.space == AddressSpace::constant;
    argument.words = is_constant && p.size > 28 && p.size <= 56 ? "ulong" : "uint";
    const uint32_t size = argument.words == "ulong" ? 8 : 4;
    argument.word_count = (p.size + size - 1) / size;
    argument.needs_device = !is_constant || argument.word_count > 7;
    if (argument.needs_device) argument.word_count = std::max(8u, argument.word_count);
    if (is_constant && argument.needs_device && needs_own_space(facts_, i))
      return refuse(i, fmt::format("'{}' has {} bytes and is handed to a function that takes it in "
                                   "constant memory, where metal_kernel puts 56 at most: let that "
                                   "function take the members that it needs",
                                   p.name, p.size));
    if (!p.element.empty()) {
      const uint32_t each = size_of(p.element);
      argument.members.push_back({"", p.type, p.element, 0, p.size, 1, each ? p.size / each : 1});
      return;
    }
    if (p.fields.empty())
      return refuse(i, fmt::format("'{}' is a {} whose members a host can't set one by one (bit-"
                                   "fields, a union, or more than 256 of them)",
                                   p.name, p.type));
    for (const Field& field : p.fields) {
      const uint32_t each = size_of(field.element);
      if (each == 0)
        return refuse(i, fmt::format("member '{}' of '{}' is a {}, which a host can't set",
                                     field.name, p.name, field.type));
      argument.members.push_back({field.name, field.type, field.element, field.offset, field.size,
                                  field.count,
                                  std::max(1u, field.size / std::max(1u, field.count) / each)});
    }
  }

  void assign_in_place(size_t i, const Parameter& p, Argument& argument) {
    if (p.is_reference)
      return refuse(i, fmt::format("'{}' is read and written through a reference: make it a "
                                   "pointer, or an input and an output",
                                   p.name));
    if (is_owned(i)) {
      argument.role = Role::owned;
      return;
    }
    argument.role = Role::in_place;
    check_in_place(i, facts_.declaration(i), p.name);
  }

  /// Whether all that is done with it is x[i] with i the one position of the thread in the grid.
  [[nodiscard]] bool is_owned(size_t i) const {
    return std::all_of(mentions(i).begin(), mentions(i).end(), [&](const Mention& mention) {
      return mention.kind == Kind::element && mention.index && is_position(*mention.index);
    });
  }

  [[nodiscard]] bool is_position(const clang::Expr& index) const {
    const auto* reference = llvm::dyn_cast<clang::DeclRefExpr>(index.IgnoreParenImpCasts());
    const auto* parameter =
        reference ? llvm::dyn_cast<clang::ParmVarDecl>(reference->getDecl()) : nullptr;
    if (!parameter || parameter->getDeclContext() != &facts_.kernel) return false;
    const Parameter& p = facts_.interface.parameters[parameter->getFunctionScopeIndex()];
    if (p.attribute != "thread_position_in_grid" || p.type != "uint") return false;
    const auto& all = facts_.uses.mentions(parameter);
    return std::all_of(all.begin(), all.end(),
                       [](const Mention& each) { return each.kind == Kind::value; });
  }

  /// Flags can be kept for what is read and written element by element, in this text.
  void check_in_place(size_t i, const clang::VarDecl& variable, const std::string& name) {
    for (const clang::VarDecl* local : facts_.uses.locals) {
      if (!keeps_element(*local, variable)) continue;
      return facts_.refuse(kernel_, local->getLocation(),
                           fmt::format("'{}' takes an element of '{}', which is read and written: "
                                       "declare it with its type instead of auto",
                                       local->getNameAsString(), name));
    }
    for (const Mention& mention : facts_.uses.mentions(&variable)) {
      const auto place = mention.place->getLocation();
      const auto why = [&](const char* what) {
        facts_.refuse(kernel_, place,
                      fmt::format("'{}' is read and written, and metal_kernel's outputs are new "
                                  "memory; here {}, so its first contents can't be told from what "
                                  "was written: make it an input and an output",
                                  name, what));
      };
      if (mention.kind == Kind::element && mention.is_member) {
        return why("a member of an element is used by itself");
      } else if (mention.kind == Kind::arithmetic) {
        check_in_place(i, *mention.variable, name);
      } else if (mention.kind == Kind::passed) {
        return why("it is handed to a function");
      } else if (mention.kind != Kind::element &&
                 !(mention.kind == Kind::changed && !llvm::isa<clang::ParmVarDecl>(variable))) {
        return why("its address goes elsewhere");
      }
      if (!kernel_.refusals.empty()) return;
    }
  }

  /// Outputs that are indexed as an input is have its shape.
  void find_likes() {
    for (size_t i = 0; i < kernel_.arguments.size(); ++i) {
      Argument& output = kernel_.arguments[i];
      if (output.role == Role::owned || output.role == Role::in_place) output.like = output.name;
      if (output.role != Role::output && output.role != Role::owned) continue;
      const std::vector<std::string> own = indices(i);
      output.is_threads = !mentions(i).empty();
      for (const Mention& mention : mentions(i))
        output.is_threads &=
            mention.kind == Kind::element && mention.index && is_position(*mention.index);
      for (size_t n = 0; n < kernel_.arguments.size() && output.like.empty(); ++n) {
        const Argument& input = kernel_.arguments[n];
        const bool fits = (input.role == Role::input || input.role == Role::owned) &&
                          input.per_unit == output.per_unit && !own.empty();
        if (fits && indices(n) == own) output.like = input.name;
      }
    }
  }

  /// How elements are named, if all mentions name elements: "row * n + col".
  [[nodiscard]] std::vector<std::string> indices(size_t i) const {
    std::vector<std::string> texts;
    for (const Mention& mention : mentions(i)) {
      if (mention.kind != Kind::element || !mention.index) return {};
      texts.push_back(text_of(facts_.tree.compiler.getASTContext(), *mention.index));
    }
    std::sort(texts.begin(), texts.end());
    texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
    return texts;
  }

  const KernelFacts& facts_;
  Kernel& kernel_;
};

}  // namespace

const char* name_of(Role role) {
  constexpr const char* kNames[] = {"input",    "scalar", "packed",      "output",    "owned",
                                    "in_place", "atomic", "threadgroup", "attribute", "unused"};
  return kNames[static_cast<size_t>(role)];
}

void KernelFacts::refuse(Kernel& to, clang::SourceLocation place, std::string message) const {
  Diagnostic diagnostic = language::place_of(tree.compiler.getSourceManager(), place);
  diagnostic.severity = Severity::error;
  diagnostic.message = std::move(message);
  to.refusals.push_back(std::move(diagnostic));
}

bool needs_own_space(const KernelFacts& facts, size_t parameter) {
  for (const Mention& mention : facts.uses.mentions(&facts.declaration(parameter))) {
    if (mention.kind == Kind::passed && !is_generic(mention.callee)) return true;
    if (mention.kind == Kind::arithmetic && !is_auto(mention.variable)) return true;
    if (mention.kind == Kind::other) return true;
    if (mention.kind == Kind::element && mention.is_member && mention.writes) return true;
  }
  return false;
}

void assign_roles(const KernelFacts& facts, Kernel& kernel) {
  Assigner(facts, kernel).run();
}

}  // namespace anymetal::port

// What comes in: a kernel with a role for each parameter. What goes out: its body, the author's
// text with declarations before it that give each parameter's name the meaning it had. The text
// itself changes only where it must: names that MLX's generator would take for its own, the types
// of variables that walk through a buffer that is read and written.
#include <clang/AST/DeclTemplate.h>
#include <fmt/format.h>
#include <llvm/ADT/StringExtras.h>

#include <algorithm>

#include "language/metal_attributes.h"
#include "language/read_interface.h"
#include "port/header.h"
#include "port/kernel_facts.h"

namespace anymetal::port {
namespace {

namespace tok = clang::tok;
using Kind = Mention::Kind;

/// The template that `in_place` needs, once in the header.
constexpr std::string_view kInPlace = R"(
// A buffer that the kernel reads and writes. metal_kernel's outputs are new memory: what the kernel
// hasn't written yet is read from `before`, and the caller takes it from there, too.
template <typename T>
struct InPlaceElement {
  device T* now;
  device bool* written;
  const device T* before;
  operator T() const thread { return *written ? *now : *before; }
  void operator=(T value) thread { *now = value; *written = true; }
  void operator=(const thread InPlaceElement& other) thread { *this = T(other); }
  template <typename U> void operator+=(U value) thread { *this = T(T(*this) + value); }
  template <typename U> void operator-=(U value) thread { *this = T(T(*this) - value); }
  template <typename U> void operator*=(U value) thread { *this = T(T(*this) * value); }
  template <typename U> void operator/=(U value) thread { *this = T(T(*this) / value); }
  template <typename U> void operator|=(U value) thread { *this = T(T(*this) | value); }
  template <typename U> void operator&=(U value) thread { *this = T(T(*this) & value); }
  template <typename U> void operator^=(U value) thread { *this = T(T(*this) ^ value); }
};
template <typename T>
struct InPlace {
  device T* now;
  device bool* written;
  const device T* before;
  template <typename I> InPlaceElement<T> operator[](I i) const thread { return {now + i, written + i, before + i}; }
  InPlaceElement<T> operator*() const thread { return {now, written, before}; }
  template <typename I> InPlace operator+(I i) const thread { return {now + i, written + i, before + i}; }
  template <typename I> InPlace operator-(I i) const thread { return {now - i, written - i, before - i}; }
  template <typename I> void operator+=(I i) thread { *this = *this + i; }
  template <typename I> void operator-=(I i) thread { *this = *this - i; }
  void operator++() thread { *this += 1; }
};
)";

bool is_word(char c) {
  return isalnum(static_cast<unsigned char>(c)) || c == '_';
}

bool has_word(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const bool begins = at == 0 || !is_word(text[at - 1]);
    const size_t end = at + word.size();
    if (begins && (end == text.size() || !is_word(text[end]))) return true;
  }
  return false;
}

/// Whether a macro of the text mentions the word.
bool has_word_in_macros(std::string_view text, std::string_view word) {
  bool continues = false;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const size_t first = line.find_first_not_of(" \t");
    const bool is_directive = first != std::string_view::npos && line[first] == '#';
    if ((continues || is_directive) && has_word(line, word)) return true;
    continues = (continues || is_directive) && line.ends_with('\\');
  }
  return false;
}

class BodyWriter {
 public:
  BodyWriter(const KernelFacts& facts, const FileText& file, Span inner, std::string_view header,
             Kernel& kernel)
      : facts_(facts), file_(file), inner_(inner), header_(header), kernel_(kernel) {
    const auto& tokens = file_.tokens();
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i].begin < inner.begin || tokens[i].begin >= inner.end) continue;
      if (tokens[i].kind != tok::raw_identifier) continue;
      words_.insert(std::string(file_.spelling(tokens[i])));
      if (!is_member(i)) names_.insert(std::string(file_.spelling(tokens[i])));
    }
  }

  void write() {
    name_inputs();
    write_templates();
    write_constants();
    for (size_t i = 0; i < kernel_.arguments.size(); ++i) declare(i, kernel_.arguments[i]);
    rename_taken_words();
    walk_in_place();
    for (const auto& [from, to] : renames_) rename(from, to);
    if (!kernel_.refusals.empty()) return;
    std::string text = file_.changed(inner_);
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    const size_t first = text.find_first_not_of(" \t\r\n");
    const size_t line = first == std::string::npos ? std::string::npos : text.rfind('\n', first);
    if (line != std::string::npos) text.erase(0, line + 1);
    kernel_.body = prologue_ + (prologue_.empty() ? "" : "\n") + text + "\n";
  }

 private:
  void refuse(std::string message) {
    facts_.refuse(kernel_, facts_.pattern.getLocation(), std::move(message));
  }

  void line(const std::string& text) { prologue_ += "  " + text + "\n"; }

  [[nodiscard]] bool is_taken(const std::string& name) const {
    if (words_.contains(name) || has_word(header_, name)) return true;
    return std::any_of(kernel_.arguments.begin(), kernel_.arguments.end(), [&](const auto& each) {
      return each.name == name || each.kernel_name == name;
    });
  }

  [[nodiscard]] std::string fresh(std::string name) const {
    while (is_taken(name)) name += "_";
    return name;
  }

  static bool is_buffer(const Argument& argument) { return argument.role <= Role::atomic; }

  [[nodiscard]] const Parameter& parameter(size_t i) const {
    return facts_.interface.parameters[i];
  }

  /// Whether the input or output has the parameter's own name and type.
  [[nodiscard]] bool is_direct(size_t i) const {
    const Argument& argument = kernel_.arguments[i];
    const Parameter& p = parameter(i);
    const bool same = argument.per_unit == 1 && argument.element == p.type;
    switch (argument.role) {
      case Role::scalar:
        return true;
      case Role::input:
        // Not const, and handed on: it must be castable to what it was.
        return same && !p.is_reference &&
               (p.is_const || p.space == AddressSpace::constant || !needs_own_space(facts_, i));
      case Role::output:
      case Role::owned:
        return same && !p.is_reference;
      case Role::atomic:
        return !p.is_reference && (p.type == p.element || kernel_.has_atomic_outputs);
      default:
        return false;
    }
  }

  void name_inputs() {
    kernel_.has_atomic_outputs = true;
    bool any = false;
    for (size_t i = 0; i < kernel_.arguments.size(); ++i) {
      const Role role = kernel_.arguments[i].role;
      if (role == Role::output || role == Role::owned || role == Role::in_place)
        kernel_.has_atomic_outputs = false;
      if (role == Role::atomic) {
        any = true;
        if (parameter(i).type == parameter(i).element) kernel_.has_atomic_outputs = false;
      }
    }
    kernel_.has_atomic_outputs &= any;
    for (size_t i = 0; i < kernel_.arguments.size(); ++i) {
      Argument& argument = kernel_.arguments[i];
      if (!is_buffer(argument)) continue;
      if (argument.name.empty()) argument.name = fresh("argument_" + std::to_string(i));
      if (is_direct(i)) {
        argument.kernel_name = argument.name;
      } else {
        const char* suffix = argument.role == Role::packed     ? "_words"
                             : argument.role == Role::in_place ? "_now"
                                                               : "_data";
        argument.kernel_name = fresh(argument.name + suffix);
      }
    }
    for (Argument& argument : kernel_.arguments) avoid_shape_words(argument);
  }

  /// MLX's generator adds parameters for `x_shape`, `x_strides` and `x_ndim` where the body has
  /// these words.
  void avoid_shape_words(const Argument& input) {
    if (input.role != Role::input && input.role != Role::packed && input.role != Role::owned &&
        input.role != Role::in_place)
      return;
    for (const std::string word : {"shape", "strides", "ndim"}) {
      for (const std::string& base : {input.kernel_name, input.name}) {
        const std::string name = base + "_" + word;
        const bool named = names_.contains(name) ||
                           std::any_of(kernel_.arguments.begin(), kernel_.arguments.end(),
                                       [&](const auto& each) { return each.kernel_name == name; });
        if (named) renames_[name] = fresh(word + "_of_" + base);
      }
    }
  }

  /// Words of the body that MLX's generator takes for attributes.
  void rename_taken_words() {
    for (const auto& input : language::input_attributes()) {
      const std::string name(input.name);
      if (names_.contains(name) && !own_attributes_.contains(name))
        renames_[name] = fresh(name + "_");
    }
  }

  /// A parameter or variable of the kernel: then the author's text means that by the word.
  [[nodiscard]] bool is_own(const std::string& name) const {
    return std::any_of(kernel_.arguments.begin(), kernel_.arguments.end(),
                       [&](const Argument& each) { return each.name == name; }) ||
           std::any_of(facts_.uses.locals.begin(), facts_.uses.locals.end(),
                       [&](const auto* each) { return each->getNameAsString() == name; });
  }

  /// `params->x_shape` names no parameter, and MLX's of that name beside it does no harm.
  [[nodiscard]] bool is_member(size_t i) const {
    if (i == 0) return false;
    const auto before = file_.tokens()[i - 1].kind;
    return before == tok::period || before == tok::arrow || before == tok::coloncolon;
  }

  void rename(const std::string& from, const std::string& to) {
    if (is_own(from) ? has_word_in_macros(header_, from) : has_word(header_, from))
      return refuse(
          fmt::format("'{}' is a name that MLX gives a parameter of its own, and the text "
                      "outside the kernel has it too: call it something else",
                      from));
    const auto& tokens = file_.tokens();
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i].begin < inner_.begin || tokens[i].begin >= inner_.end) continue;
      if (file_.spelling(tokens[i]) != from) continue;
      if (!is_member(i)) file_.change({tokens[i].begin, tokens[i].end}, to);
    }
    for (size_t at = 0; (at = prologue_.find(from, at)) != std::string::npos; at += to.size()) {
      const bool begins = at == 0 || !is_word(prologue_[at - 1]);
      const bool ends = !is_word(prologue_[at + from.size()]);
      if (begins && ends) prologue_.replace(at, from.size(), to);
    }
    for (Argument& argument : kernel_.arguments) {
      if (argument.kernel_name == from) argument.kernel_name = to;
    }
  }

  void declare(size_t i, Argument& argument) {
    const Parameter& p = parameter(i);
    switch (argument.role) {
      case Role::unused:
        return;
      case Role::attribute:
        return declare_attribute(p);
      case Role::threadgroup:
        return declare_threadgroup(i, p, argument);
      case Role::packed:
        return declare_packed(p, argument);
      case Role::owned:
      case Role::in_place:
        return declare_in_place(i, p, argument);
      default:
        if (!is_direct(i)) line(view(p, argument, argument.kernel_name, argument.name));
    }
  }

  /// `const device float4* x = (const device float4*)x_data;`
  static std::string view(const Parameter& p, const Argument& argument, const std::string& from,
                          const std::string& name) {
    const bool is_constant = p.space == AddressSpace::constant && argument.needs_constant;
    const bool is_const = p.is_const || p.space == AddressSpace::constant;
    const std::string type =
        std::string(is_const ? "const " : "") + (is_constant ? "constant " : "device ") + p.type;
    if (p.is_reference) return fmt::format("{0}& {1} = *({0}*){2};", type, name, from);
    return fmt::format("{0}* {1} = ({0}*){2};", type, name, from);
  }

  void declare_packed(const Parameter& p, const Argument& argument) {
    const char* space = argument.needs_device ? "device" : "constant";
    line(fmt::format("const {0} {1}{2} {3} = {4}(const {0} {1}*){5};", space, p.type,
                     p.is_reference ? "&" : "*", argument.name, p.is_reference ? "*" : "",
                     argument.kernel_name));
  }

  void declare_attribute(const Parameter& p) {
    own_attributes_.insert(p.attribute);
    const bool is_vector = p.type.back() == '2' || p.type.back() == '3';
    const auto* input = language::find_input_attribute(p.attribute);
    std::string value = p.attribute;
    if (input->dimensions == 3) {
      value += !is_vector ? ".x" : p.type.back() == '2' ? ".xy" : "";
    }
    if (p.type.starts_with("ushort")) value = p.type + "(" + value + ")";
    if (p.name == value) return;
    std::string name = p.name;
    if (p.name == p.attribute) {
      name = fresh(p.name + "_");
    }
    line(fmt::format("{} {} = {};", p.type, name, value));
    if (name != p.name) rename_in_text(p.name, name);
  }

  /// Only in the author's text.
  void rename_in_text(const std::string& from, const std::string& to) {
    for (const RawToken& token : file_.tokens()) {
      if (token.begin >= inner_.begin && token.begin < inner_.end && file_.spelling(token) == from)
        file_.change({token.begin, token.end}, to);
    }
  }

  void declare_threadgroup(size_t i, const Parameter& p, Argument& argument) {
    if (p.is_reference) return line(fmt::format("threadgroup {} {};", p.type, p.name));
    argument.template_name = fresh(p.name + "_size");
    const auto& mentions = facts_.uses.mentions(&facts_.declaration(i));
    const bool as_array =
        p.type != "void" && std::all_of(mentions.begin(), mentions.end(), [](const Mention& each) {
          return each.kind == Kind::element || each.kind == Kind::arithmetic ||
                 (each.kind == Kind::passed && each.callee &&
                  each.callee->getType()->isPointerType());
        });
    if (as_array)
      return line(fmt::format("threadgroup {} {}[{}];", p.type, p.name, argument.template_name));
    const std::string memory = fresh(p.name + "_memory");
    if (p.type == "void") {
      argument.size = 1;
      line(fmt::format("threadgroup ulong {}[({} + 7) / 8];", memory, argument.template_name));
    } else {
      line(fmt::format("threadgroup {} {}[{}];", p.type, memory, argument.template_name));
    }
    line(fmt::format("threadgroup {0}* {1} = (threadgroup {0}*){2};", p.type, p.name, memory));
  }

  void declare_in_place(size_t i, const Parameter& p, Argument& argument) {
    const std::string type = p.type;
    if (argument.role == Role::owned) {
      if (!is_direct(i)) line(view(p, argument, argument.kernel_name, p.name));
      const std::string before = fresh(p.name + "_in"), count = fresh(p.name + "_count");
      argument.before = before;
      argument.beside = count;
      const std::string from =
          is_direct(i) ? before : fmt::format("((const device {}*){})", type, before);
      line(
          fmt::format("if (thread_position_in_grid.x < {0}) {1}[thread_position_in_grid.x] = "
                      "{2}[thread_position_in_grid.x];",
                      count, p.name, from));
      own_attributes_.insert("thread_position_in_grid");
      return;
    }
    const std::string before = fresh(p.name + "_in"), written = fresh(p.name + "_written");
    argument.before = before;
    argument.beside = written;
    line(fmt::format("InPlace<{0}> {1}{{(device {0}*){2}, {3}, (const device {0}*){4}}};", type,
                     p.name, argument.kernel_name, written, before));
    if (kernel_.header.find("struct InPlace {") == std::string::npos) kernel_.header += kInPlace;
  }

  /// `device float* row = x + n;` becomes `auto row = x + n;`
  void walk_in_place() {
    for (size_t i = 0; i < kernel_.arguments.size(); ++i) {
      if (kernel_.arguments[i].role == Role::in_place) walk(facts_.declaration(i));
    }
  }

  void walk(const clang::VarDecl& variable) {
    for (const Mention& mention : facts_.uses.mentions(&variable)) {
      if (mention.kind != Kind::arithmetic) continue;
      if (declared_auto_.insert(mention.variable).second) make_auto(*mention.variable);
      walk(*mention.variable);
    }
  }

  void make_auto(const clang::VarDecl& variable) {
    const auto& sources = facts_.tree.compiler.getSourceManager();
    if (variable.getLocation().isMacroID())
      return facts_.refuse(kernel_, variable.getLocation(), "this variable is declared by a macro");
    const size_t name = sources.getFileOffset(variable.getLocation());
    const size_t begin = file_.begin_of_declaration(name);
    const auto text = file_.text().substr(begin, name - begin);
    if (text.find(',') != std::string_view::npos || text.find('(') != std::string_view::npos)
      return facts_.refuse(kernel_, variable.getLocation(),
                           fmt::format("'{}' walks through a buffer that is read and written: "
                                       "declare it in a statement of its own",
                                       variable.getNameAsString()));
    file_.change({begin, name}, "auto ");
  }

  void write_templates() {
    const auto* arguments = facts_.kernel.getTemplateSpecializationArgs();
    const auto* primary = facts_.kernel.getPrimaryTemplate();
    if (!arguments || !primary) return;
    const auto& context = facts_.tree.compiler.getASTContext();
    const auto* parameters = primary->getTemplateParameters();
    for (unsigned n = 0; n < arguments->size() && n < parameters->size(); ++n) {
      const clang::TemplateArgument& given = arguments->get(n);
      const auto* parameter = parameters->getParam(n);
      const std::string name = parameter->getNameAsString();
      if (name.empty()) continue;
      if (given.getKind() == clang::TemplateArgument::Type) {
        write_type(*parameter, name, language::metal_type_name(context, given.getAsType()));
      } else if (given.getKind() == clang::TemplateArgument::Integral) {
        write_number(name, language::metal_type_name(context, given.getIntegralType()),
                     given.getAsIntegral());
      } else {
        refuse(fmt::format("template parameter '{}' is neither a type nor a number", name));
      }
    }
  }

  void write_type(const clang::NamedDecl& parameter, const std::string& name,
                  const std::string& type) {
    for (size_t i = 0; i < kernel_.arguments.size(); ++i) {
      Argument& argument = kernel_.arguments[i];
      if (!is_buffer(argument) || argument.element != type || argument.per_unit != 1) continue;
      const auto declared = facts_.pattern.getParamDecl(static_cast<unsigned>(i))->getType();
      const auto* of = declared->getPointeeType()->getAs<clang::TemplateTypeParmType>();
      const auto* wanted = llvm::dyn_cast<clang::TemplateTypeParmDecl>(&parameter);
      if (!of || !wanted || of->getIndex() != wanted->getIndex()) continue;
      if (argument.template_name.empty()) argument.template_name = name;
      bool known = false;
      for (const auto& each : kernel_.templates) known |= each.name == name;
      if (!known) kernel_.templates.push_back({name, "dtype", type});
    }
    for (const auto& each : kernel_.templates) {
      if (each.name == name) return;
    }
    if (words_.contains(name)) line(fmt::format("using {} = {};", name, type));
  }

  void write_number(const std::string& name, const std::string& type, const llvm::APSInt& value) {
    const std::string text = llvm::toString(value, 10);
    if (type == "bool") {
      kernel_.templates.push_back({name, "bool", value.isZero() ? "false" : "true"});
    } else if (type == "int") {
      kernel_.templates.push_back({name, "int", text});
    } else if (words_.contains(name)) {
      line(fmt::format("constexpr {0} {1} = ({0}){2};", type, name, text));
    }
  }

  void write_constants() {
    for (const auto& [variable, index] : facts_.tree.constants) {
      Constant constant;
      constant.name = variable->getNameAsString();
      const std::string defined = constant.name + "_is_defined";
      const auto& context = facts_.tree.compiler.getASTContext();
      constant.type = language::metal_type_name(context, variable->getType());
      constant.line = context.getSourceManager().getPresumedLoc(variable->getLocation()).getLine();
      constant.in_header = has_word(header_, constant.name) || has_word(header_, defined);
      const std::string body = file_.changed(inner_);
      constant.asks_defined = has_word(body, defined) || has_word(header_, defined);
      if (!constant.in_header && !has_word(body, constant.name) && !constant.asks_defined) continue;
      add_constant(*variable, std::move(constant));
    }
    std::sort(kernel_.constants.begin(), kernel_.constants.end(),
              [](const Constant& a, const Constant& b) { return a.line < b.line; });
  }

  void add_constant(const clang::VarDecl& variable, Constant constant) {
    const bool is_integer = variable.getType()->isIntegralOrEnumerationType();
    if (!is_integer && !variable.getType()->isRealFloatingType())
      return facts_.refuse(kernel_, variable.getLocation(),
                           fmt::format("function constant '{}' is a {}: template arguments of "
                                       "metal_kernel are numbers; make it several",
                                       constant.name, constant.type));
    constant.in_header |= !is_integer || constant.type == "long" || constant.type == "ulong";
    constant.template_name = constant.name;
    if (!constant.in_header && constant.type != "bool" && constant.type != "int") {
      constant.template_name = fresh(constant.name + "_value");
      line(fmt::format("constexpr {0} {1} = ({0}){2};", constant.type, constant.name,
                       constant.template_name));
    }
    kernel_.constants.push_back(std::move(constant));
  }

  const KernelFacts& facts_;
  FileText file_;  // a copy: what changes here is this kernel's
  Span inner_;
  std::string_view header_;
  Kernel& kernel_;
  std::string prologue_;
  std::set<std::string> words_;  ///< of the author's text
  std::set<std::string> names_;  ///< of those, what stands somewhere as no member
  std::set<std::string> own_attributes_;
  std::map<std::string, std::string> renames_;
  std::set<const clang::VarDecl*> declared_auto_;
};

}  // namespace

void write_body(const KernelFacts& facts, const FileText& file, Span inner, Kernel& kernel) {
  const std::string header = kernel.header;
  BodyWriter(facts, file, inner, header, kernel).write();
}

}  // namespace anymetal::port

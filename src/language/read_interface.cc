#include "language/read_interface.h"

#include <clang/AST/Attr.h>
#include <clang/AST/DeclTemplate.h>
#include <clang/AST/Expr.h>
#include <clang/AST/PrettyPrinter.h>
#include <clang/Basic/SourceManager.h>

#include <map>
#include <optional>
#include <set>

#include "language/declaration_recorder.h"
#include "language/metal_attributes.h"
#include "language/type_layout.h"

namespace anymetal::language {
namespace {

// Apple, "Metal feature set tables".
constexpr uint32_t kBufferLimit = 31;
constexpr uint32_t kTextureLimit = 128;
constexpr uint32_t kSamplerLimit = 16;

/// What one kind of argument is called, and how many of it a kernel can have.
struct ArgumentKind {
  const char* attribute;
  const char* words;
  uint32_t limit;
};

ArgumentKind argument_kind(ParameterKind kind) {
  switch (kind) {
    case ParameterKind::threadgroup:
      return {"threadgroup", "threadgroup arguments", kBufferLimit};
    case ParameterKind::texture:
      return {"texture", "textures", kTextureLimit};
    case ParameterKind::sampler:
      return {"sampler", "samplers", kSamplerLimit};
    default:
      return {"buffer", "buffers", kBufferLimit};
  }
}

std::optional<int64_t> argument_of(const clang::ASTContext& context,
                                   const clang::AnnotateAttr& attribute) {
  if (attribute.args_size() != 1) return std::nullopt;
  const clang::Expr* expression = *attribute.args_begin();
  clang::Expr::EvalResult result;
  if (expression->isValueDependent() || !expression->EvaluateAsInt(result, context))
    return std::nullopt;
  return result.Val.getInt().getExtValue();
}

std::string string_argument_of(const clang::AnnotateAttr& attribute) {
  if (attribute.args_size() != 1) return {};
  const clang::Expr* expression = *attribute.args_begin();
  if (const auto* constant = llvm::dyn_cast<clang::ConstantExpr>(expression))
    expression = constant->getSubExpr();
  const auto* text = llvm::dyn_cast<clang::StringLiteral>(expression->IgnoreParenCasts());
  return text ? text->getString().str() : std::string();
}

AddressSpace space_of(clang::QualType type) {
  switch (type.getAddressSpace()) {
    case clang::LangAS::sycl_global:
    case clang::LangAS::opencl_global:
      return AddressSpace::device;
    case clang::LangAS::sycl_global_device:
    case clang::LangAS::opencl_global_device:
      return AddressSpace::constant;
    case clang::LangAS::sycl_local:
    case clang::LangAS::opencl_local:
      return AddressSpace::threadgroup;
    default:
      return AddressSpace::thread;
  }
}

/// A texture, a sampler, or an array of either.
struct Resource {
  ParameterKind kind = ParameterKind::texture;
  TextureUse texture;
  uint32_t count = 1;
};

bool is_of_metal(const clang::RecordDecl& record) {
  const auto* space = llvm::dyn_cast<clang::NamespaceDecl>(record.getDeclContext());
  return space && space->getName() == "metal" &&
         space->getDeclContext()->getRedeclContext()->isTranslationUnit();
}

/// The texture types of the standard library, by name.
bool find_texture(llvm::StringRef name, TextureUse& use) {
  static constexpr std::pair<llvm::StringLiteral, TextureType> kTypes[] = {
      {"texture1d", TextureType::d1},
      {"texture1d_array", TextureType::d1_array},
      {"texture2d", TextureType::d2},
      {"texture2d_array", TextureType::d2_array},
      {"texture3d", TextureType::d3},
      {"texturecube", TextureType::cube},
      {"depth2d", TextureType::d2},
      {"texturecube_array", TextureType::cube_array},
      {"depth2d_array", TextureType::d2_array},
      {"texture_buffer", TextureType::buffer},
  };
  for (const auto& [known, type] : kTypes) {
    if (name != known) continue;
    use.type = type;
    use.depth = name.starts_with("depth");
    return true;
  }
  return false;
}

TexelClass texel_class(clang::QualType element) {
  if (element->isUnsignedIntegerType()) return TexelClass::uint;
  return element->isIntegerType() ? TexelClass::sint : TexelClass::floating;
}

std::optional<Resource> read_resource(const clang::ASTContext& context, clang::QualType type) {
  const auto* record = context.getCanonicalType(type)->getAsCXXRecordDecl();
  if (!record || !is_of_metal(*record)) return std::nullopt;
  Resource resource;
  const std::string name = record->getNameAsString();
  if (name == "sampler") {
    resource.kind = ParameterKind::sampler;
    return resource;
  }
  const auto* instance = llvm::dyn_cast<clang::ClassTemplateSpecializationDecl>(record);
  if (!instance) return std::nullopt;
  const auto& arguments = instance->getTemplateArgs();
  if (arguments.size() < 2 || arguments[0].getKind() != clang::TemplateArgument::Type ||
      arguments[1].getKind() != clang::TemplateArgument::Integral)
    return std::nullopt;
  const int64_t number = arguments[1].getAsIntegral().getExtValue();
  if (name == "array") {
    auto element = read_resource(context, arguments[0].getAsType());
    if (!element || element->count != 1 || number < 1 || number > 1024) return std::nullopt;
    element->count = static_cast<uint32_t>(number);
    return element;
  }
  if (!find_texture(name, resource.texture)) return std::nullopt;
  // The order of metal::access.
  constexpr TextureAccess kAccess[] = {TextureAccess::sample, TextureAccess::read,
                                       TextureAccess::write, TextureAccess::read_write};
  resource.texture.access = kAccess[number & 3];
  resource.texture.texel = texel_class(arguments[0].getAsType());
  return resource;
}

class Reader {
 public:
  Reader(clang::ASTContext& context, clang::FunctionDecl& kernel, DiagnosticCollector& diagnostics)
      : context_(context), kernel_(kernel), diagnostics_(diagnostics) {}

  KernelInterface read() {
    read_function();
    for (const clang::ParmVarDecl* parameter : kernel_.parameters()) read_parameter(*parameter);
    number(ParameterKind::buffer);
    number(ParameterKind::threadgroup);
    number(ParameterKind::texture);
    number(ParameterKind::sampler);
    return std::move(interface_);
  }

 private:
  void error(clang::SourceLocation place, std::string message, bool unsupported = false) {
    diagnostics_.add(context_.getSourceManager(), place, Severity::error, std::move(message),
                     unsupported);
  }

  void note(std::string message) {
    diagnostics_.add(context_.getSourceManager(), {}, Severity::note, std::move(message));
  }

  void read_function() {
    interface_.name = kernel_.getNameAsString();
    const auto place = context_.getSourceManager().getPresumedLoc(kernel_.getLocation());
    if (place.isValid()) {
      interface_.file = place.getFilename();
      interface_.line = place.getLine();
    }
    if (const auto* host_name = find_annotation(&kernel_, "host_name"))
      interface_.name = string_argument_of(*host_name);
    if (const auto* limit = find_annotation(&kernel_, "max_total_threads_per_threadgroup")) {
      const auto value = argument_of(context_, *limit);
      if (!value || *value < 1) {
        error(limit->getLocation(),
              "'max_total_threads_per_threadgroup' takes a positive integer constant");
      } else {
        interface_.max_total_threads_per_threadgroup =
            static_cast<uint32_t>(std::min<int64_t>(*value, 1024));
      }
    }
    if (!kernel_.getReturnType()->isVoidType())
      error(kernel_.getLocation(), "a kernel must return 'void'");
  }

  void read_parameter(const clang::ParmVarDecl& declaration) {
    Parameter parameter;
    parameter.name = declaration.getNameAsString();
    const auto presumed = context_.getSourceManager().getPresumedLoc(declaration.getLocation());
    if (presumed.isValid()) parameter.line = presumed.getLine();
    parameter.is_optional = find_annotation(&declaration, "optional") != nullptr;
    const clang::QualType type = declaration.getType();
    const bool memory = type->isPointerType() || type->isReferenceType();
    if (memory) {
      read_memory(declaration, parameter);
    } else if (const auto resource = read_resource(context_, type)) {
      read_resource_parameter(declaration, *resource, parameter);
    } else {
      read_input(declaration, parameter);
    }
    const clang::QualType value = memory ? type->getPointeeType() : type;
    parameter.type = metal_type_name(context_, value);
    parameter.is_const = value.isConstQualified();
    if (!value->isIncompleteType() && !value->isFunctionType()) {
      parameter.size = static_cast<uint32_t>(context_.getTypeSizeInChars(value).getQuantity());
      parameter.alignment =
          static_cast<uint32_t>(context_.getTypeAlignInChars(value).getQuantity());
      parameter.element = element_of(context_, value);
      if (memory) parameter.fields = fields_of(context_, value);
    } else {
      parameter.size = parameter.alignment = 1;  // void
    }
    interface_.parameters.push_back(std::move(parameter));
    declarations_.push_back(&declaration);
  }

  void read_memory(const clang::ParmVarDecl& declaration, Parameter& parameter) {
    const std::string name = "'" + parameter.name + "'";
    const clang::QualType type = declaration.getType();
    parameter.is_reference = type->isReferenceType();
    parameter.space = space_of(type->getPointeeType());
    parameter.kind = parameter.space == AddressSpace::threadgroup ? ParameterKind::threadgroup
                                                                  : ParameterKind::buffer;
    if (parameter.space == AddressSpace::thread) {
      error(
          declaration.getLocation(),
          "kernel parameter " + name +
              " points to thread memory; it must point to device, constant or threadgroup memory");
    }
    if (type->getPointeeType()->isFunctionType()) {
      error(declaration.getLocation(),
            "kernel parameter " + name + ": pointers to functions are not supported yet", true);
    }
    if (read_resource(context_, type->getPointeeType())) {
      error(declaration.getLocation(),
            "kernel parameter " + name + " is a " +
                (parameter.is_reference ? "reference" : "pointer") +
                " to textures or samplers, which is not supported yet; take them by value",
            true);
      return;
    }
    const bool buffer = parameter.kind == ParameterKind::buffer;
    if (const auto* wrong = find_annotation(&declaration, buffer ? "threadgroup" : "buffer")) {
      error(wrong->getLocation(), "attribute '" + std::string(buffer ? "threadgroup" : "buffer") +
                                      "' does not fit parameter " + name + ", which points to " +
                                      (buffer ? "buffer" : "threadgroup") + " memory");
    }
    for (const auto& input : input_attributes()) {
      if (const auto* wrong = find_annotation(&declaration, input.name)) {
        error(wrong->getLocation(), "attribute '" + std::string(input.name) +
                                        "' needs a value, and " + name + " is a " +
                                        (parameter.is_reference ? "reference" : "pointer"));
      }
    }
    read_index(declaration, parameter);
  }

  /// `[[buffer(n)]]` and its like, if the parameter has one.
  void read_index(const clang::ParmVarDecl& declaration, Parameter& parameter) {
    const ArgumentKind kind = argument_kind(parameter.kind);
    const std::string word = kind.attribute, name = "'" + parameter.name + "'";
    const auto* index = find_annotation(&declaration, kind.attribute);
    if (!index) return;
    const auto value = argument_of(context_, *index);
    if (!value || *value < 0 || *value + parameter.count > kind.limit) {
      error(index->getLocation(),
            word + " index of " + name + " must be an integer constant from 0 to " +
                std::to_string(kind.limit - 1) +
                (parameter.count > 1 ? ", and so must that of its last element" : ""));
      return;
    }
    parameter.index = static_cast<uint32_t>(*value);
    numbered_.insert(interface_.parameters.size());
    for (uint32_t i = 0; i < parameter.count; ++i) {
      const auto [other, fresh] =
          taken_[parameter.kind].emplace(parameter.index + i, parameter.name);
      // Of several that depend on function constants, one at most is there.
      if (fresh || (parameter.is_optional && is_optional(other->second))) continue;
      error(index->getLocation(), word + " index " + std::to_string(parameter.index + i) + " of " +
                                      name + " is taken by '" + other->second + "'");
      return;
    }
  }

  void read_resource_parameter(const clang::ParmVarDecl& declaration, const Resource& resource,
                               Parameter& parameter) {
    parameter.kind = resource.kind;
    parameter.texture = resource.texture;
    parameter.count = resource.count;
    parameter.space = AddressSpace::constant;
    const ArgumentKind kind = argument_kind(parameter.kind);
    for (const char* other : {"buffer", "threadgroup", "texture", "sampler"}) {
      const auto* wrong = find_annotation(&declaration, other);
      if (!wrong || std::string_view(other) == kind.attribute) continue;
      error(wrong->getLocation(), "attribute '" + std::string(other) +
                                      "' does not fit parameter '" + parameter.name +
                                      "': write [[" + kind.attribute + "(n)]]");
    }
    if (const auto* problem = unsupported_access(resource.texture, resource.kind))
      error(declaration.getLocation(), "'" + parameter.name + "': " + problem);
    read_index(declaration, parameter);
  }

  static const char* unsupported_access(const TextureUse& use, ParameterKind kind) {
    if (kind != ParameterKind::texture) return nullptr;
    const bool writes =
        use.access == TextureAccess::write || use.access == TextureAccess::read_write;
    if (use.depth && writes) return "a depth texture can't be written to";
    if (use.type == TextureType::buffer && use.access == TextureAccess::sample)
      return "a texture_buffer can't be sampled; write texture_buffer<T, access::read>";
    return nullptr;
  }

  bool is_optional(const std::string& name) const {
    for (const Parameter& p : interface_.parameters)
      if (p.name == name) return p.is_optional;
    return false;
  }

  void read_input(const clang::ParmVarDecl& declaration, Parameter& parameter) {
    parameter.kind = ParameterKind::attribute;
    const std::string name = "'" + parameter.name + "'";
    const InputAttribute* found = nullptr;
    for (const auto& input : input_attributes()) {
      if (find_annotation(&declaration, input.name)) found = &input;
    }
    if (!found) {
      error(declaration.getLocation(), "kernel parameter " + name +
                                           " has neither an address space nor an attribute; write "
                                           "e.g. 'constant T&' for a value from a buffer, or an "
                                           "attribute like [[thread_position_in_grid]]");
      return;
    }
    parameter.attribute = found->name;
    const std::string type = metal_type_name(context_, declaration.getType());
    const bool scalar = type == "uint" || type == "ushort";
    const bool vector =
        type == "uint2" || type == "uint3" || type == "ushort2" || type == "ushort3";
    if (scalar || (vector && found->dimensions == 3)) return;
    error(declaration.getLocation(),
          "type '" + type + "' is not valid for attribute '" + std::string(found->name) + "'");
    note(found->dimensions == 3 ? "it is a uint, uint2 or uint3, or a ushort, ushort2 or ushort3"
                                : "it is a uint or a ushort");
  }

  /// Numbers what has no index of its own: each gets the lowest that is free.
  void number(ParameterKind kind) {
    auto& taken = taken_[kind];
    const ArgumentKind words = argument_kind(kind);
    for (size_t i = 0; i < interface_.parameters.size(); ++i) {
      Parameter& parameter = interface_.parameters[i];
      if (parameter.kind != kind || numbered_.contains(i)) continue;
      uint32_t index = 0;
      const auto is_free = [&] {
        for (uint32_t n = 0; n < parameter.count; ++n)
          if (taken.contains(index + n)) return false;
        return true;
      };
      while (!is_free()) ++index;
      for (uint32_t n = 0; n < parameter.count; ++n) taken.emplace(index + n, parameter.name);
      parameter.index = index;
      if (index + parameter.count <= words.limit) continue;
      error(declarations_[i]->getLocation(), "'" + parameter.name + "' is argument number " +
                                                 std::to_string(index + parameter.count) +
                                                 "; a kernel has at most " +
                                                 std::to_string(words.limit) + " " + words.words);
      return;
    }
  }

  clang::ASTContext& context_;
  clang::FunctionDecl& kernel_;
  DiagnosticCollector& diagnostics_;
  KernelInterface interface_;
  std::vector<const clang::ParmVarDecl*> declarations_;
  std::map<ParameterKind, std::map<uint32_t, std::string>> taken_;
  std::set<size_t> numbered_;
};

std::string scalar_name(clang::QualType type) {
  const auto* builtin = type->getAs<clang::BuiltinType>();
  if (!builtin) return {};
  switch (builtin->getKind()) {
    case clang::BuiltinType::Bool:
      return "bool";
    case clang::BuiltinType::Char_S:
    case clang::BuiltinType::SChar:
      return "char";
    case clang::BuiltinType::UChar:
      return "uchar";
    case clang::BuiltinType::Short:
      return "short";
    case clang::BuiltinType::UShort:
      return "ushort";
    case clang::BuiltinType::Int:
      return "int";
    case clang::BuiltinType::UInt:
      return "uint";
    case clang::BuiltinType::Long:
    case clang::BuiltinType::LongLong:
      return "long";
    case clang::BuiltinType::ULong:
    case clang::BuiltinType::ULongLong:
      return "ulong";
    case clang::BuiltinType::Float16:
      return "half";
    case clang::BuiltinType::BFloat16:
      return "bfloat";
    case clang::BuiltinType::Float:
      return "float";
    case clang::BuiltinType::Void:
      return "void";
    default:
      return {};
  }
}

}  // namespace

std::string metal_type_name(const clang::ASTContext& context, clang::QualType type) {
  type = context.getCanonicalType(type).getUnqualifiedType();
  if (auto name = scalar_name(type); !name.empty()) return name;
  if (const auto* record = type->getAsCXXRecordDecl()) {
    if (const auto* instance = llvm::dyn_cast<clang::ClassTemplateSpecializationDecl>(record)) {
      const auto& arguments = instance->getTemplateArgs();
      const std::string name = instance->getNameAsString();
      if (arguments.size() >= 1 && arguments[0].getKind() == clang::TemplateArgument::Type) {
        const std::string element = metal_type_name(context, arguments[0].getAsType());
        const bool vector = name == "vec" || name == "packed_vec";
        if (vector && arguments.size() == 2 &&
            arguments[1].getKind() == clang::TemplateArgument::Integral) {
          return (name == "vec" ? "" : "packed_") + element +
                 std::to_string(arguments[1].getAsIntegral().getExtValue());
        }
        if (name == "matrix" && arguments.size() == 3 &&
            arguments[1].getKind() == clang::TemplateArgument::Integral) {
          return element + std::to_string(arguments[1].getAsIntegral().getExtValue()) + "x" +
                 std::to_string(arguments[2].getAsIntegral().getExtValue());
        }
        if (arguments.size() == 1) return name + "<" + element + ">";
        if (name == "array" && arguments.size() == 2 && is_of_metal(*record))
          return "array<" + element + ", " +
                 std::to_string(arguments[1].getAsIntegral().getExtValue()) + ">";
        if (TextureUse use; is_of_metal(*record) && find_texture(name, use)) {
          constexpr const char* kAccess[] = {"", ", access::read", ", access::write",
                                             ", access::read_write"};
          return name + "<" + element + kAccess[arguments[1].getAsIntegral().getExtValue() & 3] +
                 ">";
        }
      }
    }
  }
  clang::PrintingPolicy policy(context.getPrintingPolicy());
  policy.SuppressTagKeyword = true;
  policy.SuppressUnwrittenScope = true;
  std::string name = in_metal_words(clang::QualType(type.getTypePtr(), 0).getAsString(policy));
  if (name.starts_with("metal::")) name.erase(0, 7);
  return name;
}

bool is_texture_or_sampler(const clang::ASTContext& context, clang::QualType type) {
  const auto resource = read_resource(context, type);
  return resource && resource->count == 1;
}

KernelInterface read_interface(clang::ASTContext& context, clang::FunctionDecl& kernel,
                               DiagnosticCollector& diagnostics) {
  return Reader(context, kernel, diagnostics).read();
}

}  // namespace anymetal::language

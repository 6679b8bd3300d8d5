#include "language/type_layout.h"

#include <clang/AST/Attr.h>
#include <clang/AST/DeclTemplate.h>
#include <clang/AST/RecordLayout.h>

#include "language/declaration_recorder.h"
#include "language/read_interface.h"

namespace anymetal::language {
namespace {

constexpr size_t kMostFields = 256;

bool is_in_metal(const clang::Decl& declaration) {
  for (const auto* scope = declaration.getDeclContext(); scope; scope = scope->getParent()) {
    const auto* space = llvm::dyn_cast<clang::NamespaceDecl>(scope);
    if (space && space->getName() == "metal") return true;
  }
  return false;
}

/// What one of the library's templates (vec, matrix, atomic, array) is made of; null: another type.
clang::QualType template_element(clang::QualType type) {
  const auto* record = type->getAsCXXRecordDecl();
  const auto* instance = llvm::dyn_cast_or_null<clang::ClassTemplateSpecializationDecl>(record);
  if (!instance || !is_in_metal(*instance)) return {};
  const llvm::StringRef name = instance->getName();
  for (const char* known : {"vec", "packed_vec", "matrix", "atomic", "_atomic", "array"}) {
    const auto& arguments = instance->getTemplateArgs();
    if (name == known && arguments.size() > 0 &&
        arguments[0].getKind() == clang::TemplateArgument::Type)
      return arguments[0].getAsType();
  }
  return {};
}

class Members {
 public:
  explicit Members(const clang::ASTContext& context) : context_(context) {}

  /// Whether all members are known.
  bool add_record(const clang::CXXRecordDecl& record, const std::string& path, uint64_t offset) {
    if (record.isUnion() || record.isInvalidDecl() || record.isDependentType()) return false;
    const auto& layout = context_.getASTRecordLayout(&record);
    for (const auto& base : record.bases()) {
      const auto* parent = base.getType()->getAsCXXRecordDecl();
      if (!parent || base.isVirtual()) return false;
      const auto at = static_cast<uint64_t>(layout.getBaseClassOffset(parent).getQuantity());
      if (!add_record(*parent, path, offset + at)) return false;
    }
    for (const auto* member : record.fields()) {
      if (member->isBitField() || member->getNameAsString().empty()) return false;
      const uint64_t at = offset + layout.getFieldOffset(member->getFieldIndex()) / 8;
      if (!add_member(member->getType(), path + member->getNameAsString(), at, id_of(*member)))
        return false;
    }
    return true;
  }

  std::vector<Field> take() { return std::move(fields_); }

 private:
  int32_t id_of(const clang::FieldDecl& member) const {
    const auto* id = find_annotation(&member, "id");
    if (!id || id->args_size() != 1) return -1;
    clang::Expr::EvalResult value;
    const clang::Expr* expression = *id->args_begin();
    if (expression->isValueDependent() || !expression->EvaluateAsInt(value, context_)) return -1;
    return static_cast<int32_t>(value.Val.getInt().getExtValue());
  }

  bool add_member(clang::QualType type, const std::string& name, uint64_t offset, int32_t id) {
    const auto size = static_cast<uint64_t>(context_.getTypeSizeInChars(type).getQuantity());
    Field field{.name = name,
                .offset = static_cast<uint32_t>(offset),
                .size = static_cast<uint32_t>(size),
                .id = id};
    if (type->isPointerType() || type->isReferenceType()) {
      const auto pointee = type->getPointeeType();
      field.type = metal_type_name(context_, pointee);
      field.element = element_of(context_, pointee);
      field.is_pointer = true;
      field.is_const = pointee.isConstQualified();
      return add(std::move(field));
    }
    clang::QualType one = type;
    uint64_t count = 1;
    while (true) {
      if (const auto* array = context_.getAsConstantArrayType(one)) {
        count *= array->getSize().getZExtValue();
        one = array->getElementType();
      } else if (const auto* record = one->getAsCXXRecordDecl();
                 record && record->getName() == "array" && !template_element(one).isNull()) {
        const auto inner = template_element(one);
        const auto bytes = static_cast<uint64_t>(context_.getTypeSizeInChars(inner).getQuantity());
        count *= bytes
                     ? static_cast<uint64_t>(context_.getTypeSizeInChars(one).getQuantity()) / bytes
                     : 0;
        one = inner;
      } else {
        break;
      }
    }
    field.type = metal_type_name(context_, one);
    // A texture or a sampler is its handle.
    field.element = is_texture_or_sampler(context_, one) ? "ulong" : element_of(context_, one);
    field.count = static_cast<uint32_t>(count);
    if (!field.element.empty()) return add(std::move(field));
    return add_elements(one, name, offset, count, id);
  }

  /// Structs or pointers, one or an array of them.
  bool add_elements(clang::QualType type, const std::string& name, uint64_t offset, uint64_t count,
                    int32_t id) {
    const auto* record = type->getAsCXXRecordDecl();
    if (!record && !type->isPointerType()) return false;
    const auto size = static_cast<uint64_t>(context_.getTypeSizeInChars(type).getQuantity());
    for (uint64_t i = 0; i < count; ++i) {
      const std::string path = count == 1 ? name : name + "[" + std::to_string(i) + "]";
      const int32_t number = id < 0 ? id : id + static_cast<int32_t>(i);
      const bool known = record ? add_record(*record, path + ".", offset + i * size)
                                : add_member(type, path, offset + i * size, number);
      if (!known) return false;
    }
    return true;
  }

  bool add(Field field) {
    if (fields_.size() >= kMostFields) return false;
    fields_.push_back(std::move(field));
    return true;
  }

  const clang::ASTContext& context_;
  std::vector<Field> fields_;
};

}  // namespace

std::string element_of(const clang::ASTContext& context, clang::QualType type) {
  type = context.getCanonicalType(type).getUnqualifiedType();
  while (true) {
    if (const auto* array = context.getAsConstantArrayType(type)) {
      type = array->getElementType();
    } else if (const auto inner = template_element(type); !inner.isNull()) {
      type = inner;
    } else {
      break;
    }
  }
  if (const auto* enumeration = type->getAs<clang::EnumType>())
    type = enumeration->getDecl()->getIntegerType();
  if (type.isNull() || !type->isBuiltinType() || type->isVoidType()) return {};
  return metal_type_name(context, type);
}

std::vector<Field> fields_of(const clang::ASTContext& context, clang::QualType type) {
  if (type->isPointerType()) {
    const auto pointee = type->getPointeeType();
    return {{.name = {},
             .type = metal_type_name(context, pointee),
             .element = element_of(context, pointee),
             .size = 8,
             .is_pointer = true,
             .is_const = pointee.isConstQualified()}};
  }
  const auto* record = type->getAsCXXRecordDecl();
  if (!record || !element_of(context, type).empty() || !record->hasDefinition()) return {};
  Members members(context);
  if (!members.add_record(*record->getDefinition(), "", 0)) return {};
  return members.take();
}

}  // namespace anymetal::language

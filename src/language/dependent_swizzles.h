#pragma once

#include <clang/AST/ASTContext.h>
#include <clang/AST/DeclGroup.h>

namespace anymetal::language {

/// Lets operators in templates take swizzles of vectors whose type isn't known yet (`a.xy += b`,
/// `-v.zyx`), by changing the templates' bodies. To be called before anything is instantiated.
void prepare_dependent_swizzles(clang::ASTContext& context, clang::DeclGroupRef declarations);

}  // namespace anymetal::language

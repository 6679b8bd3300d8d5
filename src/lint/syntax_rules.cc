// What stands in the text itself: words that do something else than they seem to, parameters that
// nothing uses, branches that are a choice between two values. And where each expression ends, for
// the findings of all rules.
#include <clang/AST/ASTContext.h>
#include <clang/AST/RecursiveASTVisitor.h>
#include <clang/Basic/SourceManager.h>
#include <clang/Lex/Lexer.h>

#include "language/metal_types.h"
#include "lint/rules.h"

namespace anymetal::lint {
namespace {

class Places {
 public:
  Places(const SyntaxReading& reading, clang::ASTContext& context)
      : reading_(reading), sources_(context.getSourceManager()), options_(context.getLangOpts()) {}

  [[nodiscard]] Place at(clang::SourceLocation location) const {
    if (location.isInvalid()) return {};
    const auto place = sources_.getPresumedLoc(sources_.getExpansionLoc(location));
    if (place.isInvalid()) return {};
    return reading_.findings.place_in(place.getFilename(), place.getLine(), place.getColumn());
  }
  /// Behind the token at a location.
  [[nodiscard]] Place behind(clang::SourceLocation location) const {
    const Place begin = at(location);
    if (!begin.ok() || location.isMacroID()) return {};
    const unsigned length = clang::Lexer::MeasureTokenLength(location, sources_, options_);
    return {begin.in_header, begin.line, begin.column + length};
  }
  /// Of what stands in the user's text as it is, without macros.
  [[nodiscard]] std::optional<Range> range(clang::SourceRange range) const {
    if (range.getBegin().isMacroID() || range.getEnd().isMacroID()) return std::nullopt;
    const Place begin = at(range.getBegin()), end = behind(range.getEnd());
    if (!begin.ok() || !end.ok() || begin.in_header != end.in_header) return std::nullopt;
    return Range{begin.line, begin.column, end.line, end.column};
  }
  /// The user's own words.
  [[nodiscard]] std::string words(const Range& range, bool in_header) const {
    const std::string& text = in_header ? reading_.request.header : reading_.request.text;
    const size_t begin = offset(text, range.line, range.column);
    const size_t end = offset(text, range.end_line, range.end_column);
    return begin <= end && end <= text.size() ? text.substr(begin, end - begin) : std::string();
  }

 private:
  static size_t offset(const std::string& text, uint32_t line, uint32_t column) {
    size_t at = 0;
    for (uint32_t i = 1; i < line; ++i) {
      at = text.find('\n', at);
      if (at == std::string::npos) return text.size() + 1;
      ++at;
    }
    return at + column - 1;
  }

  const SyntaxReading& reading_;
  const clang::SourceManager& sources_;
  const clang::LangOptions& options_;
};

bool is_wide(clang::QualType type, const clang::ASTContext& context) {
  return type->isIntegerType() && context.getIntWidth(type) == 64;
}

/// Of the library: positions within a threadgroup and its like, which are small.
bool is_small_attribute(const clang::Expr* value) {
  const auto* member = llvm::dyn_cast<clang::MemberExpr>(value);
  if (member) value = member->getBase()->IgnoreParenImpCasts();
  const auto* reference = llvm::dyn_cast<clang::DeclRefExpr>(value);
  if (!reference) return false;
  const std::string name = reference->getDecl()->getNameAsString();
  static const char* const kSmall[] = {"in_threadgroup",
                                       "in_simdgroup",
                                       "in_quadgroup",
                                       "per_threadgroup",
                                       "per_simdgroup",
                                       "execution_width",
                                       "lane",
                                       "lid",
                                       "simd"};
  for (const char* part : kSmall) {
    if (name.find(part) != std::string::npos) return true;
  }
  return false;
}

/// What stands in the text, templates as they are written.
class TextVisitor : public clang::RecursiveASTVisitor<TextVisitor> {
 public:
  TextVisitor(const SyntaxReading& reading, clang::ASTContext& context)
      : reading_(reading), context_(context), places_(reading, context) {}

  bool VisitExpr(clang::Expr* expression) {
    extent(expression->getExprLoc(), expression->getEndLoc());
    return true;
  }
  bool VisitStmt(clang::Stmt* statement) {
    if (!llvm::isa<clang::Expr>(statement) && !llvm::isa<clang::CompoundStmt>(statement) &&
        !llvm::isa<clang::ForStmt, clang::WhileStmt, clang::DoStmt, clang::IfStmt>(statement))
      extent(statement->getBeginLoc(), statement->getEndLoc());
    return true;
  }

  bool VisitQualifiedTypeLoc(clang::QualifiedTypeLoc) { return true; }

  bool VisitDeclaratorDecl(clang::DeclaratorDecl* declaration) {
    if (declaration->isImplicit()) return true;
    clang::QualType type = declaration->getType();
    bool is_volatile = false;
    for (clang::QualType at = type; !at.isNull();
         at = at->getPointeeType().isNull() && at->isArrayType()
                  ? clang::QualType(context_.getAsArrayType(at)->getElementType())
                  : at->getPointeeType()) {
      is_volatile |= at.isVolatileQualified();
      if (at->isFunctionType() || (!at->isArrayType() && at->getPointeeType().isNull())) break;
    }
    if (!is_volatile || llvm::isa<clang::FunctionDecl>(declaration)) return true;
    const auto* local = llvm::dyn_cast<clang::VarDecl>(declaration);
    const bool is_own =
        local && local->hasLocalStorage() && !type->isPointerType() && !type->isReferenceType();
    reading_.findings.add(
        "VOLATILE-USE-001", places_.at(declaration->getLocation()),
        is_own ? "'volatile' keeps '" + declaration->getNameAsString() +
                     "' out of registers: each use of it goes through the thread's memory"
               : "'volatile' on '" + declaration->getNameAsString() +
                     "' makes each access go to memory, but orders nothing: other threads' writes "
                     "are seen no sooner",
        is_own ? "take volatile away; where it keeps a product from being fused with a sum, write "
                 "#pragma METAL fp contract(off)"
               : "take volatile away; between threads use a barrier, or atomic_load_explicit and "
                 "atomic_store_explicit");
    return true;
  }

  /// A size that is read and then not asked for, in a kernel that checks nothing.
  bool VisitVarDecl(clang::VarDecl* variable) {
    if (llvm::isa<clang::ParmVarDecl>(variable)) return true;
    if (!variable->isLocalVarDecl() || variable->isReferenced() || !variable->hasInit() ||
        !variable->getType()->isIntegerType() || variable->isConstexpr() ||
        reading_.unguarded.empty() || !is_size_name(variable->getNameAsString()))
      return true;
    if (variable->getInit()->isValueDependent() ||
        variable->getInit()->isCXX11ConstantExpr(context_))
      return true;
    const Place place = places_.at(variable->getLocation());
    for (const Place& write : reading_.unguarded) {
      if (write.in_header != place.in_header || write < place) continue;
      reading_.findings.add(
          "BOUNDS-GUARD-001", write,
          "written at every position of the grid: '" + variable->getNameAsString() + "' of line " +
              std::to_string(place.line) +
              " looks like the size to check against, and nothing uses it",
          "return early: `if (position >= " + variable->getNameAsString() + ") return;`");
      break;
    }
    return true;
  }

  bool VisitFunctionDecl(clang::FunctionDecl* function) {
    if (!function->doesThisDeclarationHaveABody() || function->isImplicit() ||
        function->isDefaulted() || function->isDeleted() || !function->getIdentifier())
      return true;
    if (const auto* method = llvm::dyn_cast<clang::CXXMethodDecl>(function)) {
      // Methods of one name in several classes share a form.
      if (method->isVirtual() || method->getParent()->isLambda()) return true;
      return true;
    }
    // A body's parameters are the call's inputs, which the Python side knows.
    if (reading_.request.is_body && !places_.at(function->getLocation()).ok()) return true;
    if (overloaded(function)) return true;
    for (const clang::ParmVarDecl* parameter : function->parameters()) {
      if (parameter->isUsed(false) || parameter->isReferenced() || !parameter->getIdentifier() ||
          parameter->hasAttr<clang::UnusedAttr>())
        continue;
      const std::string name = parameter->getNameAsString();
      if (name.starts_with("_") || name.find("unused") != std::string::npos) continue;
      reading_.findings.add(
          "PARAMETER-UNUSED-001", places_.at(parameter->getLocation()),
          "parameter '" + name + "' of '" + function->getNameAsString() + "' is never used",
          "take it away, here and in the calls, or leave out its name");
    }
    return true;
  }

 private:
  static bool is_size_name(const std::string& name) {
    static const char* const kWhole[] = {"n", "m", "k", "N", "M", "K", "len", "rows", "cols"};
    static const char* const kParts[] = {"size", "length", "count", "total",   "width",   "height",
                                         "num",  "limit",  "max",   "columns", "elements"};
    for (const char* whole : kWhole) {
      if (name == whole) return true;
    }
    for (const char* part : kParts) {
      if (name.find(part) != std::string::npos) return true;
    }
    return false;
  }

  /// Functions of one name share a form that their callers rely on.
  bool overloaded(const clang::FunctionDecl* function) const {
    unsigned count = 0;
    for (const clang::NamedDecl* other :
         function->getDeclContext()->getRedeclContext()->lookup(function->getDeclName())) {
      (void)other;
      ++count;
    }
    return count > 1;
  }

  void extent(clang::SourceLocation begin, clang::SourceLocation end) {
    if (begin.isMacroID() || end.isMacroID()) return;
    const Place at = places_.at(begin), behind = places_.behind(end);
    if (!at.ok() || !behind.ok() || at.in_header != behind.in_header) return;
    reading_.findings.set_extent(at, behind.line, behind.column);
  }

  const SyntaxReading& reading_;
  clang::ASTContext& context_;
  Places places_;
};

/// Code, templates with their arguments in place.
class CodeVisitor : public clang::RecursiveASTVisitor<CodeVisitor> {
 public:
  CodeVisitor(const SyntaxReading& reading, clang::ASTContext& context)
      : reading_(reading), context_(context), places_(reading, context) {}
  bool shouldVisitTemplateInstantiations() const { return true; }

  bool VisitIfStmt(clang::IfStmt* branch) {
    if (branch->isConstexpr() || branch->hasVarStorage() || branch->hasInitStorage()) return true;
    const Place place = places_.at(branch->getCond()->getExprLoc());
    const Place begin = places_.at(branch->getCond()->getBeginLoc());
    const Place start = places_.at(branch->getBeginLoc());
    if (!reading_.divergent_branches.contains(place) &&
        !reading_.divergent_branches.contains(begin) &&
        !reading_.divergent_branches.contains(start))
      return true;
    const auto* yes = assignment(branch->getThen());
    const auto* no = branch->getElse() ? assignment(branch->getElse()) : nullptr;
    if (!yes || (branch->getElse() && !no)) return true;
    const auto* target = variable(yes->getLHS());
    if (!target || (no && variable(no->getLHS()) != target)) return true;
    if (!is_cheap(yes->getRHS()) || (no && !is_cheap(no->getRHS()))) return true;
    report_select(*branch, *yes, no, *target);
    return true;
  }

  bool VisitVarDecl(clang::VarDecl* variable) {
    if (variable->hasInit() && !llvm::isa<clang::ParmVarDecl>(variable) &&
        is_wide(variable->getType(), context_))
      check_product(variable->getInit(), variable->getNameAsString());
    return true;
  }

 private:
  /// The one assignment that a statement is; null: it's more.
  static const clang::BinaryOperator* assignment(const clang::Stmt* statement) {
    if (const auto* block = llvm::dyn_cast<clang::CompoundStmt>(statement)) {
      if (block->size() != 1) return nullptr;
      statement = block->body_front();
    }
    const auto* operation = llvm::dyn_cast<clang::BinaryOperator>(statement);
    return operation && operation->getOpcode() == clang::BO_Assign ? operation : nullptr;
  }

  /// A scalar of the thread's own.
  const clang::VarDecl* variable(const clang::Expr* target) const {
    const auto* reference = llvm::dyn_cast<clang::DeclRefExpr>(target->IgnoreParens());
    const auto* found = reference ? llvm::dyn_cast<clang::VarDecl>(reference->getDecl()) : nullptr;
    if (!found || !found->isLocalVarDeclOrParm() || !found->getType()->isArithmeticType() ||
        found->hasGlobalStorage())
      return nullptr;
    return found;
  }

  /// A few operations on values that are there already: no memory, no calls, no division.
  bool is_cheap(const clang::Expr* value) const {
    unsigned operations = 0;
    return is_cheap(value->IgnoreParenImpCasts(), operations) && operations <= 3;
  }
  bool is_cheap(const clang::Expr* value, unsigned& operations) const {
    value = value->IgnoreParenImpCasts();
    if (llvm::isa<clang::IntegerLiteral, clang::FloatingLiteral, clang::CXXBoolLiteralExpr>(value))
      return true;
    if (llvm::isa<clang::DeclRefExpr>(value)) return variable(value) || is_constant(value);
    if (const auto* sign = llvm::dyn_cast<clang::UnaryOperator>(value)) {
      ++operations;
      return (sign->getOpcode() == clang::UO_Minus || sign->getOpcode() == clang::UO_Not ||
              sign->getOpcode() == clang::UO_LNot) &&
             is_cheap(sign->getSubExpr(), operations);
    }
    if (const auto* operation = llvm::dyn_cast<clang::BinaryOperator>(value)) {
      ++operations;
      const auto code = operation->getOpcode();
      const bool cheap = code == clang::BO_Add || code == clang::BO_Sub || code == clang::BO_Mul ||
                         operation->isBitwiseOp() || operation->isShiftOp();
      return cheap && is_cheap(operation->getLHS(), operations) &&
             is_cheap(operation->getRHS(), operations);
    }
    return is_constant(value);
  }
  bool is_constant(const clang::Expr* value) const {
    return !value->isValueDependent() && value->isCXX11ConstantExpr(context_);
  }

  void report_select(const clang::IfStmt& branch, const clang::BinaryOperator& yes,
                     const clang::BinaryOperator* no, const clang::VarDecl& target) {
    const auto whole = places_.range({branch.getBeginLoc(), branch.getEndLoc()});
    const auto condition = places_.range(branch.getCond()->getSourceRange());
    const auto first = places_.range(yes.getRHS()->getSourceRange());
    const auto second = no ? places_.range(no->getRHS()->getSourceRange()) : std::nullopt;
    const Place place = places_.at(branch.getBeginLoc());
    const std::string name = target.getNameAsString();
    std::vector<Fix> fixes;
    std::string remedy = "write " + name + " = condition ? value : " + (no ? "other" : name);
    if (whole && condition && first && (!no || second) && place.ok()) {
      const bool header = place.in_header;
      const std::string text = name + " = (" + places_.words(*condition, header) + ") ? " +
                               grouped(places_.words(*first, header)) + " : " +
                               (no ? grouped(places_.words(*second, header)) : name);
      remedy = "write " + text + ";";
      Range range = *whole;
      const bool braces = llvm::isa<clang::CompoundStmt>(no ? branch.getElse() : branch.getThen());
      if (text.find('\n') == std::string::npos && text.find("//") == std::string::npos)
        fixes.push_back({range, braces ? text + ";" : text});
    }
    reading_.findings.add(
        "BRANCH-SELECT-001", place,
        "the lanes of a simdgroup part here only to choose a value for '" + name + "'", remedy,
        std::move(fixes));
  }
  static std::string grouped(const std::string& words) {
    return words.find_first_of("?,=") == std::string::npos ? words : "(" + words + ")";
  }

  /// A product of 32 bits that becomes one of 64 too late.
  void check_product(const clang::Expr* value, const std::string& name) {
    const auto* cast = llvm::dyn_cast<clang::CastExpr>(value->IgnoreParens());
    while (cast && cast->getCastKind() == clang::CK_NoOp)
      cast = llvm::dyn_cast<clang::CastExpr>(cast->getSubExpr()->IgnoreParens());
    if (!cast || cast->getCastKind() != clang::CK_IntegralCast) return;
    const clang::Expr* inner = cast->getSubExpr()->IgnoreParens();
    if (!inner->getType()->isIntegerType() || context_.getIntWidth(inner->getType()) != 32) return;
    const clang::BinaryOperator* product = find_product(inner);
    if (!product) return;
    reading_.findings.add(
        "INDEX-OVERFLOW-001", places_.at(product->getExprLoc()),
        "the product is computed in 32 bits and wraps around before it becomes the 64 bits of '" +
            name + "'",
        "make one factor 64 bits wide first, for instance `size_t(a) * b`");
  }

  const clang::BinaryOperator* find_product(const clang::Expr* value) const {
    value = value->IgnoreParenImpCasts();
    const auto* operation = llvm::dyn_cast<clang::BinaryOperator>(value);
    if (!operation) return nullptr;
    if (operation->getOpcode() == clang::BO_Add || operation->getOpcode() == clang::BO_Sub) {
      const auto* left = find_product(operation->getLHS());
      return left ? left : find_product(operation->getRHS());
    }
    if (operation->getOpcode() != clang::BO_Mul) return nullptr;
    return is_large(operation->getLHS()) && is_large(operation->getRHS()) ? operation : nullptr;
  }

  /// May be any number of 32 bits, as far as its words tell.
  bool is_large(const clang::Expr* value) const {
    const clang::Expr* plain = value->IgnoreParenImpCasts();
    if (!plain->getType()->isIntegerType() || context_.getIntWidth(plain->getType()) != 32)
      return false;
    if (is_constant(plain) || is_small_attribute(plain)) return false;
    if (const auto* operation = llvm::dyn_cast<clang::BinaryOperator>(plain)) {
      switch (operation->getOpcode()) {
        case clang::BO_Rem:
        case clang::BO_And:
        case clang::BO_Div:
        case clang::BO_Shr:
          return false;
        default:
          return is_large(operation->getLHS()) || is_large(operation->getRHS());
      }
    }
    // What a variable begins with tells how large it gets, in most kernels.
    const auto* reference = llvm::dyn_cast<clang::DeclRefExpr>(plain);
    const auto* local = reference ? llvm::dyn_cast<clang::VarDecl>(reference->getDecl()) : nullptr;
    return !local || llvm::isa<clang::ParmVarDecl>(local) || !local->hasInit() ||
           is_large(local->getInit());
  }

  const SyntaxReading& reading_;
  clang::ASTContext& context_;
  Places places_;
};

}  // namespace

void read_syntax(const SyntaxReading& reading, clang::ASTContext& context) {
  TextVisitor text(reading, context);
  CodeVisitor code(reading, context);
  for (clang::Decl* declaration : context.getTranslationUnitDecl()->noload_decls()) {
    if (declaration->isFromASTFile() || declaration->isImplicit()) continue;
    text.TraverseDecl(declaration);
    code.TraverseDecl(declaration);
  }
}

}  // namespace anymetal::lint

// `constexpr S() = default;` and `S() threadgroup = default;` go. In Metal, as in C++ up to 17, a
// class whose only constructors are such ones is an aggregate still (`S s = {1, 2}`); in C++20,
// which this library needs, it isn't. The constructor that a class has without them is the same.
#include <algorithm>
#include <string>
#include <vector>

#include "language/rewrite.h"

namespace anymetal::language {
namespace {

namespace tok = clang::tok;

class Rewriter {
 public:
  explicit Rewriter(TokenText& text) : text_(text) {}

  void run() {
    for (size_t i = 0; i < text_.size(); ++i) {
      look_for_class(i);
      if (text_.is(i, tok::l_brace)) enter_brace(i);
      if (text_.is(i, tok::r_brace) && !scopes_.empty()) leave_brace();
      if (scopes_.empty() || !scopes_.back().is_class) continue;
      if (begins_member(i)) scopes_.back().member = i + 1;
      if (const size_t open = constructor_at(i); open != 0) add(i, open);
    }
    drop();
  }

 private:
  struct Scope {
    bool is_class = false;
    std::string name;
    size_t member = 0;                             ///< where the current member begins
    std::vector<std::pair<size_t, size_t>> plain;  ///< defaulted ones without parameters: from, to
    bool other = false;                            ///< there is a constructor that isn't
  };

  void look_for_class(size_t i) {
    if (text_.at(i).isOneOf(tok::kw_struct, tok::kw_class)) {
      coming_ = true;
      name_.clear();
    } else if (coming_ && name_.empty() && text_.is(i, tok::identifier)) {
      name_ = text_.word(i);
    } else if (text_.at(i).isOneOf(tok::semi, tok::l_paren, tok::equal)) {
      coming_ = false;  // a declaration, a parameter or a variable
    }
  }

  void enter_brace(size_t i) {
    scopes_.push_back({.is_class = coming_, .name = coming_ ? name_ : "", .member = i + 1});
    coming_ = false;
  }

  void leave_brace() {
    const Scope scope = std::move(scopes_.back());
    scopes_.pop_back();
    if (!scope.other) dropped_.insert(dropped_.end(), scope.plain.begin(), scope.plain.end());
  }

  [[nodiscard]] bool begins_member(size_t i) const {
    const bool label = text_.is(i, tok::colon) && i > 0 &&
                       text_.at(i - 1).isOneOf(tok::kw_public, tok::kw_private, tok::kw_protected);
    return label || text_.at(i).isOneOf(tok::l_brace, tok::r_brace, tok::semi);
  }

  /// The index of the `(` if the name at i begins a constructor's declarator: `S(` or `S<T>(`.
  [[nodiscard]] size_t constructor_at(size_t i) const {
    if (!text_.is(i, tok::identifier) || text_.word(i) != scopes_.back().name) return 0;
    if (i > 0 && text_.at(i - 1).isOneOf(tok::tilde, tok::coloncolon, tok::period, tok::arrow))
      return 0;
    const size_t open = text_.is(i + 1, tok::less) ? text_.after_angles(i + 1) : i + 1;
    return text_.is(open, tok::l_paren) ? open : 0;
  }

  void add(size_t i, size_t open) {
    Scope& scope = scopes_.back();
    size_t after = text_.after_brackets(open);
    const bool empty = after == open + 2;
    while (is_address_space(text_, after) || text_.is(after, tok::kw_noexcept)) ++after;
    const bool is_default = text_.is(after, tok::equal) && text_.is(after + 1, tok::kw_default) &&
                            text_.is(after + 2, tok::semi);
    bool is_template = false;
    for (size_t n = scope.member; n < i; ++n)
      is_template = is_template || text_.at(n).isOneOf(tok::kw_template, tok::kw_explicit);
    if (empty && is_default && !is_template) {
      scope.plain.emplace_back(scope.member, after + 3);
    } else {
      scope.other = true;
    }
  }

  void drop() {
    if (dropped_.empty()) return;
    std::sort(dropped_.begin(), dropped_.end());
    std::vector<clang::Token> out;
    out.reserve(text_.size());
    size_t at = 0;
    for (const auto& [from, to] : dropped_) {
      out.insert(out.end(), text_.tokens.begin() + ptrdiff_t(at),
                 text_.tokens.begin() + ptrdiff_t(from));
      at = to;
    }
    out.insert(out.end(), text_.tokens.begin() + ptrdiff_t(at), text_.tokens.end());
    text_.tokens = std::move(out);
  }

  TokenText& text_;
  std::vector<Scope> scopes_;
  std::vector<std::pair<size_t, size_t>> dropped_;
  bool coming_ = false;  ///< a class is being named
  std::string name_;
};

}  // namespace

void rewrite_defaulted_constructors(TokenText& text) {
  Rewriter(text).run();
}

}  // namespace anymetal::language

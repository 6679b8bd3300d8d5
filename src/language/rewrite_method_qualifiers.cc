// `operator T() const threadgroup`: the space of `this`. Clang's grammar takes no space after a
// parameter list here, so the qualifier becomes an annotation before the member, and
// qualify_methods.cc puts it into the method's type. Three things keep texts small and legal:
// - Members of one signature that differ in nothing but the space become one, which takes objects
//   of every space, as a method without a qualifier does.
// - A definition outside of its class is marked too, if its declaration is.
// - A method with a space stands before one without, since Clang meets each of them without its
//   space and would call it a redeclaration.
// - Where a space counts, the methods get `__restrict` too: of an object without a space (the
//   thread's own) Clang compares spaces only if other qualifiers differ as well. finish_module.cc
//   takes from the IR what that promises.
#include <map>
#include <set>

#include "language/qualify_methods.h"
#include "language/rewrite.h"

namespace anymetal::language {
namespace {

namespace tok = clang::tok;

/// Whether the qualifier at i stands after a parameter list.
bool qualifies_method(const TokenText& text, size_t i) {
  size_t before = i;
  while (before > 0 && text.at(before - 1).isOneOf(tok::kw_const, tok::kw_volatile)) --before;
  if (before == 0 || !text.is(before - 1, tok::r_paren)) return false;
  return text.at(i + 1).isOneOf(tok::l_brace, tok::colon, tok::semi, tok::kw_const,
                                tok::kw_noexcept, tok::arrow, tok::equal, tok::amp);
}

/// The index after the member whose parameter list ends before i: after its body or semicolon.
size_t after_member(const TokenText& text, size_t i) {
  bool initialisers = false;
  while (i < text.size()) {
    if (text.is(i, tok::semi)) return i + 1;
    if (text.is(i, tok::colon)) initialisers = true;
    if (text.is(i, tok::l_brace)) {
      // In `: a{1}, b(2) {`, a brace after a name initialises.
      const bool initialises = initialisers && text.is(i - 1, tok::identifier);
      i = text.after_brackets(i);
      if (!initialises) return text.is(i, tok::semi) ? i + 1 : i;
    } else if (text.is(i, tok::l_paren)) {
      i = text.after_brackets(i);
    } else {
      ++i;
    }
  }
  return i;
}

/// What a definition outside of its class names: class and method.
using Name = std::pair<std::string, std::string>;

struct Method {
  size_t begin = 0, close = 0, end = 0;  ///< all of the member; its parameters' `)`
  Name name;
  std::string space;          ///< "" as well as "thread": takes every object
  std::string signature;      ///< name, parameters, const
  std::string rest;           ///< all else
  bool defined_here = false;  ///< with a body, in its class
  bool in_class = false;
  bool constructor = false;
};

struct Scope {
  std::string class_name;  ///< empty: no class
  bool is_class = false;
  bool is_body = false;  ///< statements, among which a call may look like a definition
  size_t member = 0;     ///< where the current member begins
  std::map<std::string, std::vector<size_t>> methods;
};

class Rewriter {
 public:
  explicit Rewriter(TokenText& text) : text_(text), scopes_(1) {}

  void run() {
    for (size_t i = 0; i < text_.size(); ++i) {
      const bool qualified = is_address_space(text_, i) && qualifies_method(text_, i);
      if (qualified) qualifiers_.insert(i);
      // Only one whose member isn't known yet: `f() const device const` names its space once.
      if (qualified && (methods_.empty() || methods_.back().begin != scopes_.back().member ||
                        scope_of_last_ != scopes_.size())) {
        add(i, std::string(text_.word(i)));
      } else if (ends_plain_method(i)) {
        add(i + 1, "");
      }
      follow(i);
    }
    if (qualifiers_.empty()) return;
    while (!scopes_.empty()) close_scope();
    find_names();
    for (const auto& group : groups_) decide(group);
    for (const Method& method : methods_) {
      if (!method.in_class && names_that_count_.contains(method.name))
        restricted_.insert(method.close);
    }
    write();
  }

 private:
  /// A method of a class without a space ends its parameters at i.
  bool ends_plain_method(size_t i) const {
    if (!text_.is(i, tok::r_paren)) return false;
    size_t after = i + 1;
    while (text_.at(after).isOneOf(tok::kw_const, tok::kw_volatile)) ++after;
    if (is_address_space(text_, after)) return false;
    return text_.at(after).isOneOf(tok::l_brace, tok::semi, tok::equal, tok::kw_noexcept,
                                   tok::colon);
  }

  void add(size_t qualifier, std::string space) {
    size_t close = qualifier;
    while (close > 0 && !text_.is(close, tok::r_paren)) --close;
    size_t open = close;
    for (size_t depth = 0; open > 0; --open) {
      if (text_.is(open, tok::r_paren)) ++depth;
      if (text_.is(open, tok::l_paren) && --depth == 0) break;
    }
    Scope& scope = scopes_.back();
    if (scope.is_body) return;
    if (open <= scope.member || open == 0) return;
    size_t name = open - 1;
    for (size_t i = scope.member; i < open; ++i) {
      if (text_.is(i, tok::kw_operator)) name = i;
    }
    Method method{.begin = scope.member, .close = close, .end = after_member(text_, close + 1)};
    method.name = {scope.class_name, text_.spelling(name)};
    if (!scope.is_class) {
      if (!text_.is(name - 1, tok::coloncolon)) return;
      size_t owner = name - 2;
      if (text_.is(owner, tok::greater)) {
        while (owner > method.begin && !text_.is(owner, tok::less)) --owner;
        --owner;
      }
      method.name.first = text_.word(owner);
    }
    method.space = space == "thread" ? "" : std::move(space);
    method.in_class = scope.is_class;
    method.constructor = scope.is_class && text_.word(name) == scope.class_name;
    size_t after = close + 1;
    for (; after < method.end; ++after) {
      if (text_.at(after).isOneOf(tok::kw_const, tok::kw_noexcept, tok::kw_volatile)) {
        method.signature += text_.spelling(after) + " ";
      } else if (!is_address_space(text_, after)) {
        break;
      }
    }
    method.defined_here = scope.is_class && !text_.at(after).isOneOf(tok::semi, tok::equal);
    const size_t first = scope.is_class ? name : method.begin;  // outside, the class is part of it
    for (size_t i = first; i <= close; ++i) method.signature += text_.spelling(i) + " ";
    for (size_t i = method.begin; i < first; ++i) method.rest += text_.spelling(i) + " ";
    for (size_t i = after; i < method.end; ++i) method.rest += text_.spelling(i) + " ";
    scope.methods[method.signature].push_back(methods_.size());
    methods_.push_back(std::move(method));
    scope_of_last_ = scopes_.size();
  }

  void follow(size_t i) {
    const clang::Token& token = text_.tokens[i];
    if (token.isOneOf(tok::kw_struct, tok::kw_class, tok::kw_union)) {
      coming_ = true;
      coming_name_.clear();
    } else if (coming_ && coming_name_.empty() && token.is(tok::identifier)) {
      coming_name_ = text_.word(i);
    } else if (token.isOneOf(tok::semi, tok::l_paren, tok::equal)) {
      coming_ = false;
    }
    if (token.is(tok::kw_namespace)) coming_namespace_ = true;
    if (token.isOneOf(tok::semi, tok::equal)) coming_namespace_ = false;
    if (token.is(tok::l_brace)) {
      const bool is_namespace = coming_namespace_ || text_.is(i - 1, tok::string_literal);
      scopes_.emplace_back();
      scopes_.back().is_class = coming_;
      scopes_.back().is_body = !coming_ && !is_namespace;
      scopes_.back().class_name = coming_ ? coming_name_ : "";
      coming_ = coming_namespace_ = false;
    }
    if (token.is(tok::r_brace) && scopes_.size() > 1) close_scope();
    const bool label = token.is(tok::colon) && i > 0 &&
                       text_.at(i - 1).isOneOf(tok::kw_public, tok::kw_private, tok::kw_protected);
    if (label || token.isOneOf(tok::l_brace, tok::r_brace, tok::semi))
      scopes_.back().member = i + 1;
  }

  void close_scope() {
    for (const auto& [signature, group] : scopes_.back().methods) groups_.push_back(group);
    scopes_.pop_back();
  }

  /// Whether members of one signature differ in nothing but the space.
  bool are_same(const std::vector<size_t>& group) const {
    const Method& first = methods_[group.front()];
    return std::all_of(group.begin(), group.end(), [&](size_t m) {
      return methods_[m].rest == first.rest || methods_[m].constructor;
    });
  }

  /// What is known of a method in its class depends on its definitions outside, and the reverse.
  void find_names() {
    for (const auto& group : groups_) {
      const Method& first = methods_[group.front()];
      if (group.size() > 1 && !first.in_class && !are_same(group)) apart_.insert(first.name);
    }
    for (const auto& group : groups_) {
      const Method& first = methods_[group.front()];
      if (!first.in_class || first.defined_here) continue;
      (is_merged(group) ? merged_ : declared_).insert(first.name);
    }
  }

  bool is_merged(const std::vector<size_t>& group) const {
    const Method& first = methods_[group.front()];
    const bool apart = !first.defined_here && apart_.contains(first.name);
    return group.size() > 1 && !apart && are_same(group);
  }

  /// Decides about the methods of one signature.
  void decide(const std::vector<size_t>& group) {
    if (!is_merged(group)) return tell_apart(group);
    for (const size_t m : group) {
      if (m != group.front()) dropped_.insert(m);
    }
  }

  void tell_apart(const std::vector<size_t>& group) {
    const size_t first = group.front();
    const bool counts = std::any_of(group.begin(), group.end(), [&](size_t m) {
      const Method& method = methods_[m];
      return method.in_class && !method.space.empty() && !method.constructor;
    });
    if (counts) names_that_count_.insert(methods_[first].name);
    std::set<std::string> spaces;
    for (const size_t m : group) {
      const Method& method = methods_[m];
      if (counts && !method.constructor) restricted_.insert(method.close);
      if (!spaces.insert(method.space).second && !method.in_class) {
        dropped_.insert(m);
      } else if (method.space.empty() || method.constructor) {
        continue;
      } else if (method.in_class && (method.defined_here || !merged_.contains(method.name))) {
        marked_.insert(m);
        if (m != first) moved_[methods_[first].begin].push_back(m);
      } else if (!method.in_class && declared_.contains(method.name) &&
                 !merged_.contains(method.name)) {
        marked_.insert(m);
      }
    }
  }

  void write_member(std::vector<clang::Token>& out, size_t m) {
    const Method& method = methods_[m];
    size_t place = method.begin;  // after `template <...>`
    while (text_.is(place, tok::kw_template)) place = text_.after_angles(place + 1);
    const auto mark = method.in_class ? kSpaceAnnotation : kDefinitionAnnotation;
    for (size_t i = method.begin; i < method.end; ++i) {
      if (i == place) {
        text_.append(out, "__attribute__((annotate(\"" + std::string(mark) + method.space + "\")))",
                     text_.at(i));
      }
      write_token(out, i);
    }
  }

  void write_token(std::vector<clang::Token>& out, size_t i) {
    if (qualifiers_.contains(i)) return;
    out.push_back(text_.tokens[i]);
    if (restricted_.contains(i)) out.push_back(text_.make_word("__restrict", text_.tokens[i]));
  }

  void write() {
    std::vector<clang::Token> out;
    out.reserve(text_.size());
    std::map<size_t, size_t> at;  // where a member begins that isn't just copied
    for (size_t m = 0; m < methods_.size(); ++m) {
      if (dropped_.contains(m) || marked_.contains(m)) at[methods_[m].begin] = m;
    }
    for (size_t i = 0; i < text_.size(); ++i) {
      if (const auto moved = moved_.find(i); moved != moved_.end()) {
        for (const size_t m : moved->second) write_member(out, m);
      }
      const auto found = at.find(i);
      if (found == at.end()) {
        write_token(out, i);
        continue;
      }
      const size_t m = found->second;
      const bool elsewhere = std::any_of(moved_.begin(), moved_.end(), [&](const auto& entry) {
        return std::find(entry.second.begin(), entry.second.end(), m) != entry.second.end();
      });
      if (marked_.contains(m) && !elsewhere) write_member(out, m);
      i = methods_[m].end - 1;
    }
    text_.tokens = std::move(out);
  }

  TokenText& text_;
  std::vector<Scope> scopes_;
  std::vector<Method> methods_;
  size_t scope_of_last_ = 0;
  std::set<size_t> qualifiers_, dropped_, marked_, restricted_;
  std::vector<std::vector<size_t>> groups_;  ///< methods of one signature in one scope
  std::set<Name> names_that_count_;
  std::set<Name> apart_;     ///< defined outside, differently by space
  std::set<Name> declared_;  ///< in the class without a body, each space by itself
  std::set<Name> merged_;    ///< likewise, but one for all spaces
  std::map<size_t, std::vector<size_t>> moved_;
  bool coming_ = false;  ///< a class is being named
  std::string coming_name_;
  bool coming_namespace_ = false;
};

}  // namespace

void rewrite_method_qualifiers(TokenText& text) {
  Rewriter(text).run();
}

}  // namespace anymetal::language

// `[[kernel]]`, `[[buffer(0)]]`, ... become `__attribute__((annotate("am.buffer", 0)))`, which
// Clang takes everywhere that Metal has attributes, also on an explicit instantiation, and keeps in
// the AST. `kernel void f` means `[[kernel]] void f`.
#include "language/hints.h"
#include "language/metal_attributes.h"
#include "language/rewrite.h"

namespace anymetal::language {
namespace {

namespace tok = clang::tok;
using Tokens = std::vector<clang::Token>;

void annotate(TokenText& text, Tokens& out, std::string_view name, size_t arguments, size_t end) {
  const clang::Token& place = text.at(arguments > 0 ? arguments - 1 : end);
  text.append(out, "__attribute__((annotate(\"am." + std::string(name) + "\"", place);
  if (text.is(arguments, tok::l_paren)) {
    text.append(out, ",", place);
    const size_t close = text.after_brackets(arguments) - 1;
    for (size_t n = arguments + 1; n < close; ++n) out.push_back(text.tokens[n]);
  }
  text.append(out, ")))", place);
}

/// What the user may have meant.
std::string close_attribute(std::string_view name) {
  static constexpr std::pair<std::string_view, std::string_view> kOther[] = {
      {"thread_id", "thread_position_in_grid"},
      {"global_id", "thread_position_in_grid"},
      {"thread_position", "thread_position_in_grid"},
      {"local_id", "thread_position_in_threadgroup"},
      {"thread_index_in_warp", "thread_index_in_simdgroup"},
      {"simd_lane_id", "thread_index_in_simdgroup"},
      {"lane_id", "thread_index_in_simdgroup"},
      {"simd_group_id", "simdgroup_index_in_threadgroup"},
      {"warp_id", "simdgroup_index_in_threadgroup"},
      {"simd_size", "threads_per_simdgroup"},
      {"threadgroup_size", "threads_per_threadgroup"},
      {"thread_count", "threads_per_grid"}};
  for (const auto& [other, ours] : kOther) {
    if (name == other) return "; in Metal it is '" + std::string(ours) + "'";
  }
  std::vector<std::string_view> names{"buffer",
                                      "function_constant",
                                      "host_name",
                                      "kernel",
                                      "max_total_threads_per_threadgroup",
                                      "texture",
                                      "sampler"};
  for (const auto& input : input_attributes()) names.push_back(input.name);
  const auto close = nearest(name, names);
  return close.empty() ? "" : "; did you mean '" + std::string(close) + "'?";
}

/// Puts out one attribute of a list; `i` is its name's index, `end` the index after it. Returns
/// whether it must be kept in brackets.
bool rewrite_one(TokenText& text, Tokens& out, size_t i, size_t end, bool in_parameters) {
  if (text.is(i + 1, tok::coloncolon)) return text.word(i) == "clang" || text.word(i) == "gnu";
  const auto name = text.word(i);
  // A parameter that only exists if a function constant is true: here it always does, but need not
  // be bound.
  if (name == "function_constant" && in_parameters) {
    text.append(out, "__attribute__((annotate(\"am.optional\")))", text.at(i));
    return false;
  }
  switch (use_of_attribute(name)) {
    case AttributeUse::keep:
      return true;
    case AttributeUse::drop:
      return false;
    case AttributeUse::graphics:
      // On a member of what vertex and fragment functions pass on it means nothing to a kernel.
      if (!in_parameters) return false;
      text.error(text.at(i),
                 "attribute '" + std::string(name) +
                     "' is not for kernels; what a kernel gets from a dispatch is named "
                     "by 'thread_position_in_grid' and its like");
      return false;
    case AttributeUse::unsupported:
      text.error(text.at(i), "attribute '" + std::string(name) + "' is not supported yet", true);
      return false;
    case AttributeUse::unknown: {
      const std::string message = "unknown attribute '" + std::string(name) + "'";
      const std::string close = close_attribute(name);
      // On a parameter it would say what the parameter gets; elsewhere compilers pass over what
      // they don't know.
      if (in_parameters || !close.empty()) {
        text.error(text.at(i), message + close);
      } else {
        text.warning(text.at(i), message + " ignored [-Wunknown-attributes]");
      }
      return false;
    }
    case AttributeUse::annotate:
    case AttributeUse::input:
      if (name == "host_name" &&
          !(text.is(i + 1, tok::l_paren) && text.is(i + 2, tok::string_literal))) {
        text.error(text.at(i), "attribute 'host_name' takes a name in quotes");
        return false;
      }
      annotate(text, out, name, i + 1, end);
      return false;
  }
  return false;
}

/// The list that opens with `[[` at i. Returns the index after `]]`.
size_t rewrite_list(TokenText& text, Tokens& out, size_t i, bool in_parameters) {
  const size_t end = text.after_brackets(i);
  const size_t close = end >= 2 ? end - 2 : end;
  if (close <= i + 1 || !text.is(close, tok::r_square) || !text.is(close + 1, tok::r_square))
    return i;
  for (size_t n = i + 2; n < close;) {
    size_t stop = n;
    while (stop < close && !text.is(stop, tok::comma)) {
      stop = text.is(stop, tok::l_paren) ? text.after_brackets(stop) : stop + 1;
    }
    if (rewrite_one(text, out, n, stop, in_parameters)) {
      out.insert(out.end(), 2, text.tokens[i]);
      out.insert(out.end(), text.tokens.begin() + static_cast<ptrdiff_t>(n),
                 text.tokens.begin() + static_cast<ptrdiff_t>(stop));
      out.insert(out.end(), 2, text.tokens[close]);
    }
    n = stop + 1;
  }
  return end;
}

/// `kernel void`.
bool rewrite_function_word(TokenText& text, Tokens& out, size_t i, bool in_parameters) {
  if (in_parameters || (i > 0 && text.at(i - 1).isOneOf(tok::period, tok::arrow, tok::coloncolon)))
    return false;
  const auto word = text.word(i);
  // With another type than void it is a kernel as well, which says so (metal_rules.cc).
  const size_t type = word == "kernel" ? text.after_type(i + 1) : i;
  bool declares = type > i + 1 && text.is(type, tok::identifier) && text.is(type + 1, tok::l_paren);
  // Or an instantiation by the name of its type: `template kernel rows_t rows<float, 4>;`.
  if (type > i + 1 && text.is(type, tok::identifier) && text.is(type + 1, tok::less))
    declares = text.is(text.after_angles(type + 1), tok::semi);
  if (word == "kernel" &&
      (text.is(i + 1, tok::kw_void) || text.is(i + 1, tok::kw___attribute) || declares)) {
    text.append(out, "__attribute__((annotate(\"am.kernel\")))", text.tokens[i]);
    return true;
  }
  return false;
}

/// `T name [[id(0)]][4]`: an annotation may only stand behind the extents, which are put out first.
/// Returns the index after them.
size_t move_extents(const TokenText& text, Tokens& out, size_t annotations, size_t i) {
  size_t end = i;
  if (annotations == 0 || annotations == out.size() || !out[annotations - 1].is(tok::identifier) ||
      !out[annotations].is(tok::kw___attribute)) {
    return end;
  }
  while (text.is(end, tok::l_square) && !text.is(end + 1, tok::l_square))
    end = text.after_brackets(end);
  out.insert(out.begin() + static_cast<ptrdiff_t>(annotations),
             text.tokens.begin() + static_cast<ptrdiff_t>(i),
             text.tokens.begin() + static_cast<ptrdiff_t>(end));
  return end;
}

/// The index after `coherent` or `coherent(device)` at i: how far others see what is written. Here
/// everybody does.
size_t after_coherent(const TokenText& text, size_t i) {
  if (text.word(i) != "coherent") return i;
  const bool scope =
      text.is(i + 1, tok::l_paren) && is_address_space(text, i + 2) && text.is(i + 3, tok::r_paren);
  if (scope) return i + 4;
  return is_address_space(text, i + 1) || (i > 0 && is_address_space(text, i - 1)) ? i + 1 : i;
}

}  // namespace

void rewrite_attributes(TokenText& text) {
  Tokens out;
  out.reserve(text.size() + text.size() / 4);
  size_t parens = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.is(i, tok::l_square) && text.is(i + 1, tok::l_square)) {
      const size_t annotations = out.size();
      const size_t end = rewrite_list(text, out, i, parens > 0);
      if (end != i) {
        i = move_extents(text, out, annotations, end) - 1;
        continue;
      }
    }
    if (const size_t after = after_coherent(text, i); after != i) {
      i = after - 1;
      continue;
    }
    if (text.is(i, tok::l_paren)) ++parens;
    if (text.is(i, tok::r_paren) && parens > 0) --parens;
    if (text.is(i, tok::identifier) && rewrite_function_word(text, out, i, parens > 0)) continue;
    out.push_back(text.tokens[i]);
  }
  text.tokens = std::move(out);
}

}  // namespace anymetal::language

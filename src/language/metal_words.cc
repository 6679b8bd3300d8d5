// Clang's messages in Metal's words: address spaces, scalar types, vectors and matrices by the
// names that people write.
#include <regex>

#include "language/diagnostics.h"

namespace anymetal::language {
namespace {

bool is_word(char c) {
  return isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

/// Whole words only, and not what the user wrote ('__global' alone in quotes).
void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;) {
    const size_t after = at + from.size();
    const bool inside = (at > 0 && is_word(text[at - 1]) && is_word(from.front())) ||
                        (after < text.size() && is_word(text[after]) && is_word(from.back()));
    const bool quoted = from.starts_with("__") && at > 0 && text[at - 1] == '\'' &&
                        after < text.size() && text[after] == '\'' && from != "__bf16";
    if (inside || quoted) {
      at = after;
      continue;
    }
    text.replace(at, from.size(), to);
    at += to.size();
  }
}

/// "'half' (aka 'half')" says nothing twice.
void drop_same_aka(std::string& text) {
  size_t at = 0;
  while ((at = text.find("' (aka '", at)) != std::string::npos) {
    const size_t begin = text.rfind('\'', at - 1);
    const size_t end = text.find("')", at + 8);
    if (begin == std::string::npos || end == std::string::npos) return;
    if (text.substr(begin + 1, at - begin - 1) == text.substr(at + 8, end - at - 8)) {
      text.erase(at + 1, end + 2 - at - 1);
    } else {
      at = end;
    }
  }
}

/// `metal::vec<float, 3>` is float3, `matrix<half, 2, 4>` half2x4.
void name_vectors(std::string& text) {
  if (text.find('<') == std::string::npos) return;
  static const std::regex kVector(
      R"((?:metal::)?\b(packed_)?vec<(bool|char|uchar|short|ushort|int|uint|long|ulong|half|bfloat|float), ([234])>)");
  static const std::regex kMatrix(R"((?:metal::)?\bmatrix<(half|float), ([234]), ([234])>)");
  text = std::regex_replace(text, kVector, "$1$2$3");
  text = std::regex_replace(text, kMatrix, "$1$2x$3");
}

}  // namespace

std::string in_metal_words(std::string message) {
  replace_all(message, "generic address space", "address space 'thread'");
  // Clang puts spaces into quotes in these sentences alone.
  for (const std::string_view before : {"address space '", "address spaces '"}) {
    for (size_t at = 0; (at = message.find(before, at)) != std::string::npos;) {
      at += before.size();
      for (const auto& [from, to] :
           {std::pair<std::string_view, std::string_view>{"__global_device'", "constant'"},
            {"__global'", "device'"},
            {"__local'", "threadgroup'"},
            {"__private'", "thread'"}}) {
        if (std::string_view(message).substr(at).starts_with(from))
          message.replace(at, from.size(), to);
      }
    }
  }
  replace_all(message, "const __global_device", "constant");
  replace_all(message, "__global_device const", "constant");
  replace_all(message, "const __sycl_global_device", "constant");
  replace_all(message, "__global_device", "constant");
  replace_all(message, "__attribute__((opencl_global_device))", "constant");
  replace_all(message, "__attribute__((opencl_global))", "device");
  replace_all(message, "__attribute__((opencl_local))", "threadgroup");
  replace_all(message, "__global", "device");
  replace_all(message, "__local", "threadgroup");
  replace_all(message, "__constant", "constant");
  replace_all(message, "__private", "thread");
  replace_all(message, "_Float16", "half");
  replace_all(message, "__bf16", "bfloat");
  replace_all(message, "__restrict ", "");
  static constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {"unsigned int", "uint"}, {"unsigned short", "ushort"},    {"unsigned char", "uchar"},
      {"signed char", "char"},  {"unsigned long long", "ulong"}, {"unsigned long", "ulong"}};
  for (const auto& [from, to] : kTypes) replace_all(message, from, to);
  for (size_t at = 0; (at = message.find("__am_word_", at)) != std::string::npos;)
    message.erase(at, strlen("__am_word_"));
  name_vectors(message);
  drop_same_aka(message);
  return message;
}

}  // namespace anymetal::language

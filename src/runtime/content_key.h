// A name for content: the SHA-256 of parts, each with its length, so that no two lists of parts
// give the same bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace anymetal::runtime {

class ContentKey {
 public:
  ContentKey();
  ~ContentKey();
  ContentKey& add(std::string_view part);
  ContentKey& add(uint64_t number);
  /// 64 hexadecimal digits.
  [[nodiscard]] std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The SHA-256 of `bytes`: 32 bytes.
[[nodiscard]] std::string checksum(std::string_view bytes);

}  // namespace anymetal::runtime

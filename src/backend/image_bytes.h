// Numbers and texts as bytes of a compiled kernel's image, and back. What is read may be anything:
// each length is checked, and a checksum finds damage (not malice; the disk cache has its own).
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "support/result.h"

namespace anymetal::backend {

class ImageWriter {
 public:
  template <class T>
  void number(T value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(std::string_view value) {
    number<uint64_t>(value.size());
    out_.append(value);
  }
  /// What was written, with kind, version and checksum before it.
  [[nodiscard]] std::string seal(uint32_t magic, uint32_t version) const;

 private:
  std::string out_;
};

class ImageReader {
 public:
  explicit ImageReader(std::string_view bytes) : bytes_(bytes) {}
  /// An error for what no `seal` of this kind and version made.
  [[nodiscard]] static Result<ImageReader> unseal(std::string_view bytes, uint32_t magic,
                                                  uint32_t version);

  template <class T>
  T number() {
    T value{};
    if (bytes_.size() < sizeof value) {
      ok_ = false;
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }
  std::string text() {
    const auto size = number<uint64_t>();
    if (!ok_ || size > bytes_.size()) {
      ok_ = false;
      return {};
    }
    std::string value(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return value;
  }
  /// The length of a list whose elements take at least one byte each.
  size_t length() {
    const auto size = number<uint64_t>();
    if (size > bytes_.size()) ok_ = false;
    return ok_ ? size : 0;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace anymetal::backend

#include "backend/image_bytes.h"

namespace anymetal::backend {
namespace {

/// FNV-1a over eight bytes at a time.
uint64_t checksum(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325u;
  while (!bytes.empty()) {
    uint64_t word = 0;
    const size_t count = bytes.size() < 8 ? bytes.size() : 8;
    std::memcpy(&word, bytes.data(), count);
    hash = (hash ^ word) * 0x100000001b3u;
    hash ^= hash >> 29;
    bytes.remove_prefix(count);
  }
  return hash;
}

}  // namespace

std::string ImageWriter::seal(uint32_t magic, uint32_t version) const {
  ImageWriter head;
  head.number(magic);
  head.number(version);
  head.number(checksum(out_));
  return head.out_ + out_;
}

Result<ImageReader> ImageReader::unseal(std::string_view bytes, uint32_t magic, uint32_t version) {
  ImageReader in(bytes);
  const auto found_magic = in.number<uint32_t>();
  const auto found_version = in.number<uint32_t>();
  const auto sum = in.number<uint64_t>();
  if (!in.ok() || found_magic != magic || found_version != version || sum != checksum(in.bytes_))
    return internal_error("a compiled kernel is damaged or of another version");
  return in;
}

}  // namespace anymetal::backend

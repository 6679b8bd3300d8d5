#include "runtime/content_key.h"

#include <llvm/ADT/StringExtras.h>
#include <llvm/Support/SHA256.h>

namespace anymetal::runtime {

struct ContentKey::State {
  llvm::SHA256 hash;
};

ContentKey::ContentKey() : state_(std::make_unique<State>()) {}
ContentKey::~ContentKey() = default;

ContentKey& ContentKey::add(std::string_view part) {
  add(uint64_t{part.size()});
  state_->hash.update(llvm::StringRef(part.data(), part.size()));
  return *this;
}

ContentKey& ContentKey::add(uint64_t number) {
  state_->hash.update(llvm::StringRef(reinterpret_cast<const char*>(&number), sizeof number));
  return *this;
}

std::string ContentKey::hex() {
  auto digest = state_->hash.final();
  return llvm::toHex(llvm::ArrayRef<uint8_t>(digest), /*LowerCase=*/true);
}

std::string checksum(std::string_view bytes) {
  auto digest = llvm::SHA256::hash(
      llvm::ArrayRef(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace anymetal::runtime

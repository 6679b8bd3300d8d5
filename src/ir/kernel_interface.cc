#include "ir/kernel_interface.h"

#include <fmt/format.h>

#include <cstring>

namespace anymetal {

namespace {

constexpr uint32_t kFormat = 4;

class Writer {
 public:
  void number(uint32_t value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void string(std::string_view text) {
    number(static_cast<uint32_t>(text.size()));
    bytes_.append(text);
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what Writer wrote; after the first bad length everything reads as empty and ok() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  uint32_t number() {
    uint32_t value = 0;
    if (bytes_.size() < sizeof value) return fail(), 0;
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }
  std::string string() {
    uint32_t size = number();
    if (bytes_.size() < size) return fail(), std::string();
    std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return text;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return bytes_.empty(); }

 private:
  void fail() {
    ok_ = false;
    bytes_ = {};
  }
  std::string_view bytes_;
  bool ok_ = true;
};

void write_field(Writer& out, const Field& f) {
  for (const std::string* text : {&f.name, &f.type, &f.element}) out.string(*text);
  for (const uint32_t number : {f.offset, f.size, f.count, static_cast<uint32_t>(f.id)})
    out.number(number);
  out.number((f.is_pointer ? 1u : 0u) | (f.is_const ? 2u : 0u));
}

Field read_field(Reader& in) {
  Field f;
  for (std::string* text : {&f.name, &f.type, &f.element}) *text = in.string();
  for (uint32_t* number : {&f.offset, &f.size, &f.count}) *number = in.number();
  f.id = static_cast<int32_t>(in.number());
  const uint32_t flags = in.number();
  f.is_pointer = flags & 1;
  f.is_const = flags & 2;
  return f;
}

uint32_t use_bits(const TextureUse& use) {
  return static_cast<uint32_t>(use.type) | static_cast<uint32_t>(use.access) << 8 |
         static_cast<uint32_t>(use.texel) << 16 | (use.depth ? 1u << 24 : 0u);
}

bool read_use(uint32_t bits, TextureUse& use) {
  use.type = static_cast<TextureType>(bits & 0xff);
  use.access = static_cast<TextureAccess>(bits >> 8 & 0xff);
  use.texel = static_cast<TexelClass>(bits >> 16 & 0xff);
  use.depth = bits >> 24 & 1;
  return use.type <= TextureType::buffer && use.access <= TextureAccess::sample &&
         use.texel <= TexelClass::uint && bits >> 25 == 0;
}

Parameter read_parameter(Reader& in, bool& good) {
  Parameter p;
  p.name = in.string();
  uint32_t kind = in.number();
  p.type = in.string();
  uint32_t space = in.number();
  p.size = in.number();
  p.alignment = in.number();
  uint32_t flags = in.number();
  p.index = in.number();
  p.count = in.number();
  uint32_t use = in.number();
  p.attribute = in.string();
  p.line = in.number();
  p.element = in.string();
  for (uint32_t left = in.number(); left > 0 && in.ok(); --left) p.fields.push_back(read_field(in));
  good = in.ok() && kind <= static_cast<uint32_t>(ParameterKind::sampler) &&
         space <= static_cast<uint32_t>(AddressSpace::threadgroup) && flags <= 7 &&
         read_use(use, p.texture);
  p.kind = static_cast<ParameterKind>(kind);
  p.space = static_cast<AddressSpace>(space);
  p.is_const = flags & 1;
  p.is_reference = flags & 2;
  p.is_optional = flags & 4;
  return p;
}

}  // namespace

const Parameter* KernelInterface::find_buffer(uint32_t index) const {
  for (const Parameter& p : parameters)
    if (p.kind == ParameterKind::buffer && p.index == index) return &p;
  return nullptr;
}

std::string serialize(const KernelInterface& interface) {
  Writer out;
  out.number(kFormat);
  out.string(interface.name);
  out.number(interface.threadgroup_bytes);
  out.number(interface.max_total_threads_per_threadgroup);
  out.string(interface.file);
  out.number(interface.line);
  out.number(static_cast<uint32_t>(interface.parameters.size()));
  for (const Parameter& p : interface.parameters) {
    out.string(p.name);
    out.number(static_cast<uint32_t>(p.kind));
    out.string(p.type);
    out.number(static_cast<uint32_t>(p.space));
    out.number(p.size);
    out.number(p.alignment);
    out.number((p.is_const ? 1u : 0u) | (p.is_reference ? 2u : 0u) | (p.is_optional ? 4u : 0u));
    out.number(p.index);
    out.number(p.count);
    out.number(use_bits(p.texture));
    out.string(p.attribute);
    out.number(p.line);
    out.string(p.element);
    out.number(static_cast<uint32_t>(p.fields.size()));
    for (const Field& f : p.fields) write_field(out, f);
  }
  return out.take();
}

Result<KernelInterface> parse_interface(std::string_view bytes) {
  const Error damaged{ErrorKind::environment, "a stored kernel interface is damaged", {}};
  Reader in(bytes);
  if (in.number() != kFormat) return damaged;
  KernelInterface interface;
  interface.name = in.string();
  interface.threadgroup_bytes = in.number();
  interface.max_total_threads_per_threadgroup = in.number();
  interface.file = in.string();
  interface.line = in.number();
  uint32_t count = in.number();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    bool good = false;
    interface.parameters.push_back(read_parameter(in, good));
    if (!good) return damaged;
  }
  if (!in.ok() || !in.at_end()) return damaged;
  return interface;
}

std::string describe(const Parameter& p) {
  if (p.kind == ParameterKind::attribute)
    return fmt::format("{} {} [[{}]]", p.type, p.name, p.attribute);
  if (p.kind == ParameterKind::texture || p.kind == ParameterKind::sampler) {
    const char* word = p.kind == ParameterKind::texture ? "texture" : "sampler";
    return fmt::format("{} {} [[{}({})]]", p.type, p.name, word, p.index);
  }
  const char* spaces[] = {"thread", "device", "constant", "threadgroup"};
  return fmt::format("{} {}{}{} {} [[{}({})]]", spaces[static_cast<int>(p.space)],
                     p.is_const && p.space != AddressSpace::constant ? "const " : "", p.type,
                     p.is_reference ? "&" : "*", p.name,
                     p.kind == ParameterKind::threadgroup ? "threadgroup" : "buffer", p.index);
}

}  // namespace anymetal

#include "backend/kernel_image.h"

#include <cstring>

namespace anymetal::backend {
namespace {

constexpr uint32_t kMagic = 0x52464d41;  // "AMFR"
constexpr uint32_t kVersion = 3;

/// FNV-1a over eight bytes at a time: finds damage, not malice.
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

class Writer {
 public:
  template <class T>
  void number(T value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(std::string_view value) {
    number<uint64_t>(value.size());
    out_.append(value);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
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
  [[nodiscard]] std::string_view rest() const { return bytes_; }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

void write_place(Writer& out, Place place) {
  out.number(place.file);
  out.number(place.line);
}

Place read_place(Reader& in) {
  Place place;
  place.file = in.number<uint32_t>();
  place.line = in.number<uint32_t>();
  return place;
}

void write_tables(Writer& out, const KernelImage& image) {
  out.number<uint64_t>(image.files.size());
  for (const auto& file : image.files) out.text(file);
  out.number<uint64_t>(image.accesses.size());
  for (const auto& access : image.accesses) {
    write_place(out, access.place);
    out.number(access.bytes);
    out.number<uint8_t>(uint8_t(access.write) | uint8_t(access.atomic) << 1);
  }
  out.number<uint64_t>(image.objects.size());
  for (const auto& object : image.objects) {
    out.number<uint8_t>(uint8_t(object.kind));
    out.text(object.name);
    out.text(object.type);
    out.number(object.element_bytes);
    out.number<uint8_t>(object.is_const);
  }
  out.number<uint64_t>(image.meetings.size());
  for (const auto& meeting : image.meetings) {
    out.number(meeting.operation);
    out.number(meeting.type);
    out.number(meeting.key_length);
    write_place(out, meeting.place);
  }
  out.number<uint64_t>(image.messages.size());
  for (const auto& message : image.messages) {
    out.text(message.format);
    out.text(message.subsystem);
    out.text(message.category);
  }
}

void read_tables(Reader& in, KernelImage& image) {
  image.files.resize(in.length());
  for (auto& file : image.files) file = in.text();
  image.accesses.resize(in.length());
  for (auto& access : image.accesses) {
    access.place = read_place(in);
    access.bytes = in.number<uint32_t>();
    const auto flags = in.number<uint8_t>();
    access.write = flags & 1;
    access.atomic = flags & 2;
  }
  image.objects.resize(in.length());
  for (auto& object : image.objects) {
    object.kind = ObjectKind(in.number<uint8_t>());
    object.name = in.text();
    object.type = in.text();
    object.element_bytes = in.number<uint32_t>();
    object.is_const = in.number<uint8_t>() != 0;
  }
  image.meetings.resize(in.length());
  for (auto& meeting : image.meetings) {
    meeting.operation = in.number<uint16_t>();
    meeting.type = in.number<uint16_t>();
    meeting.key_length = in.number<uint32_t>();
    meeting.place = read_place(in);
  }
  image.messages.resize(in.length());
  for (auto& message : image.messages) {
    message.format = in.text();
    message.subsystem = in.text();
    message.category = in.text();
  }
}

}  // namespace

std::string KernelImage::place_text(Place place) const {
  const bool known = place.file < files.size() && place.line != 0;
  return known ? files[place.file] + ":" + std::to_string(place.line)
               : std::string("an unknown line");
}

std::string serialize(const KernelImage& image) {
  Writer body;
  body.text(image.kernel);
  body.number(image.argument_count);
  body.number<uint8_t>(uint8_t(image.bounds));
  write_tables(body, image);
  body.number<uint8_t>(image.has_loops);
  body.number(image.key_length);
  body.number(image.stack_bytes);
  body.number(image.threadgroup_bytes);
  body.text(image.object);
  const std::string bytes = body.take();
  Writer out;
  out.number(kMagic);
  out.number(kVersion);
  out.number(checksum(bytes));
  return out.take() + bytes;
}

Result<KernelImage> parse_image(std::string_view bytes) {
  Reader in(bytes);
  const auto magic = in.number<uint32_t>();
  const auto version = in.number<uint32_t>();
  const auto sum = in.number<uint64_t>();
  if (!in.ok() || magic != kMagic || version != kVersion || sum != checksum(in.rest())) {
    return internal_error("a compiled kernel is damaged or of another version");
  }
  KernelImage image;
  image.kernel = in.text();
  image.argument_count = in.number<uint32_t>();
  image.bounds = Bounds(in.number<uint8_t>());
  read_tables(in, image);
  image.has_loops = in.number<uint8_t>() != 0;
  image.key_length = in.number<uint32_t>();
  image.stack_bytes = in.number<uint32_t>();
  image.threadgroup_bytes = in.number<uint32_t>();
  image.object = in.text();
  if (!in.ok() || !in.at_end() || image.argument_count > image.objects.size())
    return internal_error("a compiled kernel is truncated");
  return image;
}

}  // namespace anymetal::backend

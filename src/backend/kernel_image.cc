#include "backend/kernel_image.h"

#include "backend/image_bytes.h"

namespace anymetal::backend {
namespace {

constexpr uint32_t kMagic = 0x52464d41;  // "AMFR"
constexpr uint32_t kVersion = 3;

void write_place(ImageWriter& out, Place place) {
  out.number(place.file);
  out.number(place.line);
}

Place read_place(ImageReader& in) {
  Place place;
  place.file = in.number<uint32_t>();
  place.line = in.number<uint32_t>();
  return place;
}

void write_tables(ImageWriter& out, const KernelImage& image) {
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

void read_tables(ImageReader& in, KernelImage& image) {
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
  ImageWriter body;
  body.text(image.kernel);
  body.number(image.argument_count);
  body.number<uint8_t>(uint8_t(image.bounds));
  write_tables(body, image);
  body.number<uint8_t>(image.has_loops);
  body.number(image.key_length);
  body.number(image.stack_bytes);
  body.number(image.threadgroup_bytes);
  body.text(image.object);
  return body.seal(kMagic, kVersion);
}

Result<KernelImage> parse_image(std::string_view bytes) {
  ANYMETAL_ASSIGN_OR_RETURN(ImageReader in, ImageReader::unseal(bytes, kMagic, kVersion));
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

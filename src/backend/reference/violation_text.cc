#include "backend/reference/violation_text.h"

namespace anymetal::backend::reference {
namespace {

std::string object_text(const ObjectInfo& object) {
  switch (object.kind) {
    case ObjectKind::buffer:
      return "buffer '" + object.name + "'";
    case ObjectKind::threadgroup:
      return "threadgroup memory '" + object.name + "'";
    case ObjectKind::thread:
      return "variable '" + object.name + "'";
    case ObjectKind::constant:
      return "constant '" + object.name + "'";
    case ObjectKind::unknown:
      break;
  }
  return "all memory of the kernel";
}

std::string thread_text(const uint32_t (&thread)[3]) {
  return "thread (" + std::to_string(thread[0]) + "," + std::to_string(thread[1]) + "," +
         std::to_string(thread[2]) + ")";
}

int64_t floor_divide(int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}

}  // namespace

std::string violation_text(const KernelImage& image, const Violation& violation) {
  const AccessSite site =
      violation.site < image.accesses.size() ? image.accesses[violation.site] : AccessSite{};
  const ObjectInfo object =
      violation.object < image.objects.size() ? image.objects[violation.object] : ObjectInfo{};
  const std::string verb = violation.write ? "write" : "read";
  const std::string start = "kernel '" + image.kernel + "': ";
  const std::string place =
      " at " + image.place_text(site.place) + ": " + thread_text(violation.thread);
  const uint64_t offset = violation.address - violation.base;
  const bool inside = offset <= violation.size && violation.bytes <= violation.size - offset;
  if (inside && violation.write && object.is_const) {
    return start + "write to " + object_text(object) + ", which is const," + place +
           " writes element " + std::to_string(offset / object.element_bytes);
  }
  if (inside && site.atomic) {
    return start + "misaligned atomic operation on " + object_text(object) + place + " at byte " +
           std::to_string(offset);
  }
  if (violation.object == kResidentObject) {
    return start + verb + " outside the " + std::to_string(violation.size) +
           " bytes that a pointer in a buffer leads to" + place + " " + verb + "s at byte " +
           std::to_string(int64_t(offset));
  }
  if (object.kind == ObjectKind::unknown) {
    return start + verb + " outside " + object_text(object) + place +
           " follows a pointer that leads nowhere";
  }
  const auto element = floor_divide(int64_t(offset), int64_t(object.element_bytes));
  const uint64_t length = violation.size / object.element_bytes;
  return start + verb + " outside " + object_text(object) + place + " " + verb + "s element " +
         std::to_string(element) + " of " + std::to_string(length) +
         (object.type.empty() ? "" : " (" + object.type + ")");
}

}  // namespace anymetal::backend::reference

#include "backend/cpu/cpu_image.h"

#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/Bitcode/BitcodeWriter.h>
#include <llvm/Support/raw_ostream.h>

#include "backend/image_bytes.h"

namespace anymetal::backend::cpu {
namespace {

constexpr uint32_t kMagic = 0x43464d41;         // "AMFC"
constexpr uint32_t kVariantMagic = 0x56464d41;  // "AMFV"
constexpr uint32_t kVersion = 5;

void write_extent(ImageWriter& out, const Extent& extent) {
  for (unsigned axis = 0; axis < 3; ++axis) out.number(along(extent, axis));
}

void read_extent(ImageReader& in, Extent& extent) {
  for (unsigned axis = 0; axis < 3; ++axis) along(extent, axis) = in.number<uint32_t>();
}

void write_remarks(ImageWriter& out, const std::vector<Remark>& remarks) {
  out.number<uint64_t>(remarks.size());
  for (const Remark& remark : remarks) {
    out.text(remark.file);
    out.number(remark.line);
    out.text(remark.text);
  }
}

void read_remarks(ImageReader& in, std::vector<Remark>& remarks) {
  remarks.resize(in.length());
  for (Remark& remark : remarks) {
    remark.file = in.text();
    remark.line = in.number<uint32_t>();
    remark.text = in.text();
  }
}

void write_code(ImageWriter& out, const VariantImage& code) {
  out.number(code.threadgroup_bytes);
  out.number(code.scratch_bytes);
  out.number(code.stack_bytes);
  out.number<uint64_t>(code.messages.size());
  for (const MessageSite& site : code.messages) {
    out.text(site.format);
    out.text(site.subsystem);
    out.text(site.category);
  }
  out.number<uint64_t>(code.accumulators.size());
  for (const Accumulator& each : code.accumulators) {
    out.number(each.argument);
    out.number<uint8_t>(uint8_t(each.what));
  }
  out.number<uint64_t>(code.streamed.size());
  for (const uint32_t argument : code.streamed) out.number(argument);
  out.number(code.threadgroups_together);
  out.text(code.object);
}

void read_code(ImageReader& in, VariantImage& code) {
  code.threadgroup_bytes = in.number<uint64_t>();
  code.scratch_bytes = in.number<uint64_t>();
  code.stack_bytes = in.number<uint32_t>();
  code.messages.resize(in.length());
  for (MessageSite& site : code.messages) {
    site.format = in.text();
    site.subsystem = in.text();
    site.category = in.text();
  }
  code.accumulators.resize(in.length());
  for (Accumulator& each : code.accumulators) {
    each.argument = in.number<uint32_t>();
    each.what = Accumulation(in.number<uint8_t>());
  }
  code.streamed.resize(in.length());
  for (uint32_t& argument : code.streamed) argument = in.number<uint32_t>();
  code.threadgroups_together = in.number<uint32_t>();
  code.object = in.text();
}

}  // namespace

std::string serialize(const CpuImage& image) {
  ImageWriter out;
  out.number<uint8_t>(uint8_t(image.bounds));
  write_extent(out, image.full.dispatch);
  out.text(image.reference);
  write_remarks(out, image.remarks);
  out.text(image.entry);
  out.number<uint8_t>(uint8_t(image.math_mode));
  out.text(image.bitcode);
  write_code(out, image.code);
  return out.seal(kMagic, kVersion);
}

Result<CpuImage> parse_cpu_image(std::string_view bytes) {
  ANYMETAL_ASSIGN_OR_RETURN(ImageReader in, ImageReader::unseal(bytes, kMagic, kVersion));
  CpuImage image;
  image.bounds = Bounds(in.number<uint8_t>());
  read_extent(in, image.full.dispatch);
  image.full.threadgroup = image.full.dispatch;
  image.full.bounds = image.bounds;
  image.code.variant = image.full;
  image.reference = in.text();
  read_remarks(in, image.remarks);
  image.entry = in.text();
  image.math_mode = MathMode(in.number<uint8_t>());
  image.bitcode = in.text();
  read_code(in, image.code);
  if (!in.ok() || !in.at_end()) return internal_error("a compiled kernel is truncated");
  return image;
}

std::string serialize(const VariantImage& image) {
  ImageWriter out;
  write_extent(out, image.variant.dispatch);
  write_extent(out, image.variant.threadgroup);
  out.number<uint8_t>(image.variant.is_partial ? 1 : 0);
  out.number<uint8_t>(image.variant.streams ? 1 : 0);
  out.number(image.variant.large);
  out.number(image.variant.threadgroups_together);
  out.number<uint8_t>(uint8_t(image.variant.bounds));
  write_code(out, image);
  return out.seal(kVariantMagic, kVersion);
}

Result<VariantImage> parse_variant_image(std::string_view bytes, const Variant& variant) {
  ANYMETAL_ASSIGN_OR_RETURN(ImageReader in, ImageReader::unseal(bytes, kVariantMagic, kVersion));
  VariantImage image;
  read_extent(in, image.variant.dispatch);
  read_extent(in, image.variant.threadgroup);
  image.variant.is_partial = in.number<uint8_t>() != 0;
  image.variant.streams = in.number<uint8_t>() != 0;
  image.variant.large = in.number<uint32_t>();
  image.variant.threadgroups_together = in.number<uint32_t>();
  image.variant.bounds = Bounds(in.number<uint8_t>());
  read_code(in, image);
  if (!in.ok() || !in.at_end()) return internal_error("a variant of a kernel is truncated");
  if (!(image.variant == variant)) return internal_error("a variant of a kernel is another one");
  return image;
}

std::string write_bitcode(const llvm::Module& module) {
  std::string bytes;
  llvm::raw_string_ostream stream(bytes);
  llvm::WriteBitcodeToFile(module, stream);
  return bytes;
}

Result<ThreadIr> read_ir(const CpuImage& image, const KernelInterface& interface) {
  ThreadIr ir;
  ir.context = std::make_unique<llvm::LLVMContext>();
  auto module = llvm::parseBitcodeFile(llvm::MemoryBufferRef(image.bitcode, "kernel"), *ir.context);
  if (!module)
    return internal_error("a kernel's IR can't be read again: " +
                          llvm::toString(module.takeError()));
  ir.module = std::move(*module);
  ir.entry = image.entry;
  ir.interface = interface;
  ir.math_mode = image.math_mode;
  return ir;
}

}  // namespace anymetal::backend::cpu

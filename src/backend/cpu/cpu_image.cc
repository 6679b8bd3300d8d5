#include "backend/cpu/cpu_image.h"

#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/Bitcode/BitcodeWriter.h>
#include <llvm/Support/raw_ostream.h>

#include "backend/image_bytes.h"

namespace anymetal::backend::cpu {
namespace {

constexpr uint32_t kMagic = 0x43464d41;  // "AMFC"
constexpr uint32_t kVersion = 3;

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
  out.number(image.code.threadgroup_bytes);
  out.number(image.code.scratch_bytes);
  out.number(image.code.stack_bytes);
  out.number<uint64_t>(image.code.messages.size());
  for (const MessageSite& site : image.code.messages) {
    out.text(site.format);
    out.text(site.subsystem);
    out.text(site.category);
  }
  out.number<uint64_t>(image.code.accumulators.size());
  for (const Accumulator& each : image.code.accumulators) {
    out.number(each.argument);
    out.number<uint8_t>(uint8_t(each.what));
  }
  out.text(image.code.object);
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
  image.code.threadgroup_bytes = in.number<uint64_t>();
  image.code.scratch_bytes = in.number<uint64_t>();
  image.code.stack_bytes = in.number<uint32_t>();
  image.code.messages.resize(in.length());
  for (MessageSite& site : image.code.messages) {
    site.format = in.text();
    site.subsystem = in.text();
    site.category = in.text();
  }
  image.code.accumulators.resize(in.length());
  for (Accumulator& each : image.code.accumulators) {
    each.argument = in.number<uint32_t>();
    each.what = Accumulation(in.number<uint8_t>());
  }
  image.code.object = in.text();
  if (!in.ok() || !in.at_end()) return internal_error("a compiled kernel is truncated");
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

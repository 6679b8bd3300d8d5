// The CPU executor: the IR of one thread comes in, and whole grids run as fast as the machine can.
// Threads become lanes of vectors (src/simt), code is made for the threadgroup's size and for this
// processor, and threadgroups are shared out to the pool's threads.
//
// pipeline.cc makes the code, cpu_kernel.cc keeps its variants, run_grid.cc runs them. What can't
// be vectorised runs on the reference executor, and the kernel's remarks say why.
#include "backend/backend.h"
#include "backend/code_generation.h"
#include "backend/cpu/cpu_image.h"
#include "backend/cpu/cpu_kernel.h"
#include "backend/cpu/pipeline.h"
#include "backend/float_environment.h"
#include "ir/thread_ir.h"

namespace anymetal::backend {
namespace cpu {
namespace {

constexpr std::string_view kVersion = "cpu 134";

class CpuBackend final : public Backend {
 public:
  std::string_view name() const override { return "cpu"; }
  std::string version() const override {
    // What falls back is the reference executor's code.
    static const std::string version = std::string(kVersion) + ", " + reference_backend().version();
    return version;
  }
  bool specializes_threadgroup() const override { return true; }

  Result<std::unique_ptr<CompiledKernel>> compile(ThreadIr ir,
                                                  const CompileOptions& options) override {
    // LLVM evaluates some calls with constant operands by the host's own functions.
    const DefaultFloatEnvironment environment;
    const KernelInterface interface = ir.interface;
    CpuImage image = start_image(ir, options);
    if (options.bounds == Bounds::error) {
      image.remarks.push_back(
          {interface.file, interface.line,
           "runs on the reference executor: vector code doesn't report accesses "
           "outside buffers yet"});
      return compile_fallback(std::move(ir), std::move(image));
    }
    auto code = compile_variant(std::move(ir), image.full, options.times);
    if (!code.ok()) {
      if (code.error().kind != ErrorKind::unsupported) return std::move(code).error();
      image.remarks.push_back({interface.file, interface.line,
                               "runs on the reference executor: " + code.error().message});
      ANYMETAL_ASSIGN_OR_RETURN(ThreadIr again, read_ir(image, interface));
      image.bitcode = {};
      return compile_fallback(std::move(again), std::move(image));
    }
    image.code = std::move(*code);
    image.remarks = image.code.remarks;
    std::string object = serialize(image);
    return make_cpu_kernel(std::move(image), std::move(object), interface, options.later);
  }

  Result<std::string> assembly(ThreadIr ir, const CompileOptions& options) override {
    const DefaultFloatEnvironment environment;
    if (options.bounds == Bounds::error)
      return reference_backend().assembly(std::move(ir), options);
    const KernelInterface interface = ir.interface;
    CpuImage image = start_image(ir, options);
    auto text = compile_assembly(std::move(ir), image.full);
    if (text.ok() || text.error().kind != ErrorKind::unsupported) return text;
    ANYMETAL_ASSIGN_OR_RETURN(ThreadIr again, read_ir(image, interface));
    return reference_backend().assembly(std::move(again), options);
  }

  Result<std::unique_ptr<CompiledKernel>> load(std::string_view object,
                                               const KernelInterface& interface,
                                               const CompileOptions& options) override {
    ANYMETAL_ASSIGN_OR_RETURN(CpuImage image, parse_cpu_image(object));
    if (image.bounds != options.bounds || image.full.dispatch != options.threadgroup)
      return internal_error("a compiled kernel is for other threadgroups or checks than asked for");
    if (!image.reference.empty()) {
      ANYMETAL_ASSIGN_OR_RETURN(auto reference,
                                reference_backend().load(image.reference, interface, options));
      return make_fallback_kernel(std::move(reference), std::string(object),
                                  std::move(image.remarks));
    }
    return make_cpu_kernel(std::move(image), std::string(object), interface, options.later);
  }

 private:
  static CpuImage start_image(const ThreadIr& ir, const CompileOptions& options) {
    CpuImage image;
    image.bounds = options.bounds;
    image.full = {.dispatch = options.threadgroup,
                  .threadgroup = options.threadgroup,
                  .bounds = options.bounds};
    image.entry = ir.entry;
    image.math_mode = ir.math_mode;
    if (options.bounds != Bounds::error) image.bitcode = write_bitcode(*ir.module);
    return image;
  }

  static Result<std::unique_ptr<CompiledKernel>> compile_fallback(ThreadIr ir, CpuImage image) {
    ANYMETAL_ASSIGN_OR_RETURN(
        auto reference,
        reference_backend().compile(std::move(ir),
                                    {.bounds = image.bounds, .threadgroup = image.full.dispatch}));
    image.reference = std::string(reference->object());
    std::string object = serialize(image);
    return make_fallback_kernel(std::move(reference), std::move(object), std::move(image.remarks));
  }
};

}  // namespace
}  // namespace cpu

Backend& cpu_backend() {
  static auto* backend =
      new cpu::CpuBackend;  // never destroyed: kernels may outlive static variables
  return *backend;
}

}  // namespace anymetal::backend

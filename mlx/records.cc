// Why so: MLX writes and reads these files with a table of its own types, which no foreign
// primitive can enter. So on the way out its own metal_kernel makes the node (off Apple it does so
// only while a function is traced for export). On the way in MLX makes a CustomKernel, whose
// eval_cpu throws; CustomKernel's table of virtual functions isn't exported, but every object
// begins with its address, and an object can be had by tracing a kernel of three lines. That
// table's eval_cpu becomes ours, once, before the first import.
#include "mlx/records.h"

#include <sys/mman.h>
#include <unistd.h>

#include <mutex>
#include <stdexcept>

#include "mlx/export.h"
#include "mlx/failures.h"
#include "mlx/fast.h"
#include "mlx/fast_primitives.h"
#include "mlx/gates.h"
#include "mlx/kernel_primitive.h"
#include "mlx/libmlx.h"
#include "mlx/metal_kernel.h"

namespace anymetal::mlx {
namespace {

using Arguments = std::vector<mx::array>;
using NamedArguments = std::unordered_map<std::string, mx::array>;

// FunctionExporter::export_function(const Args&, const Kwargs&), which every way to export comes
// through.
constexpr const char* kExportFunction =
    "_ZN3mlx4core16FunctionExporter15export_functionERKSt6vectorINS0_5arrayESaIS3_"
    "EERKSt13unordered_"
    "mapINSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEES3_St4hashISE_ESt8equal_toISE_ESaISt4"
    "pairIKSE_S3_EEE";
// ImportedFunction::ImportedFunction(const std::string&), the only way to import.
constexpr const char* kImportFunction =
    "_ZN3mlx4core16ImportedFunctionC1ERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE";

thread_local int recordings = 0;

void export_function(mx::FunctionExporter* exporter, const Arguments& arguments,
                     const NamedArguments& named) {
  using Export = void(mx::FunctionExporter*, const Arguments&, const NamedArguments&);
  static auto* const own = reinterpret_cast<Export*>(original(kExportFunction));
  struct Depth {
    Depth() { ++recordings; }
    ~Depth() { --recordings; }
  } depth;
  own(exporter, arguments, named);
}

/// eval_cpu of MLX's CustomKernel, from now on.
void run_record(mx::fast::CustomKernel* kernel, const Arguments& inputs, Arguments& outputs) {
  const auto [name, source, grid, threadgroup, shape_infos, ensure_row_contiguous, init_value,
              scalars, is_precompiled, shared_memory, options] = kernel->state();
  if (is_precompiled || !scalars.empty() || shared_memory != 0) {
    throw std::runtime_error("[metal_kernel] `" + name +
                             "` is a kernel for CUDA: it can't run here.");
  }
  std::vector<api::ShapeMentions> mentions;
  for (const auto& [shape, strides, ndim] : shape_infos) mentions.push_back({shape, strides, ndim});
  LaunchPlan plan;
  plan.signature = std::make_shared<const api::Signature>(api::read_signature(
      name, source, std::move(mentions), math_mode_of(mx::CompileOptions(options))));
  plan.grid = {std::get<0>(grid), std::get<1>(grid), std::get<2>(grid)};
  plan.threadgroup = {std::get<0>(threadgroup), std::get<1>(threadgroup), std::get<2>(threadgroup)};
  plan.ensure_row_contiguous = ensure_row_contiguous;
  plan.init_value = init_value;
  launch_on_stream(plan, kernel->stream(), inputs, outputs);
}

/// The virtual functions of CustomKernel; null, if this MLX makes no record off Apple.
void** custom_kernel_table() {
  void** table = nullptr;
  const auto trace = [&table](const Arguments& arguments) {
    const auto kernel = reinterpret_cast<decltype(&mx::fast::metal_kernel)>(original(kMetalKernel))(
        "anymetal_probe", {"x"}, {"y"}, "y[0] = x[0];", "", true, false, {});
    auto outputs =
        kernel(arguments, {{1}}, {mx::float32}, {1, 1, 1}, {1, 1, 1}, {}, std::nullopt, false, {});
    auto* object = static_cast<void*>(&outputs[0].primitive());
    table = *static_cast<void***>(object);
    return outputs;
  };
  const mx::ExportCallback ignore = [](const mx::ExportCallbackInput&) {};
  mx::export_function(ignore, std::function<Arguments(const Arguments&)>(trace),
                      Arguments{mx::array(mx::Shape{1}, mx::float32, nullptr, {})});
  return table;
}

/// eval_cpu is the first virtual function that Primitive declares, and eval_gpu the second.
void let_records_run() {
  void** table = custom_kernel_table();
  if (!table) return;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(table) & ~(page - 1);
  const auto end = reinterpret_cast<uintptr_t>(table + 2);
  auto* memory = reinterpret_cast<void*>(begin);
  if (mprotect(memory, end - begin, PROT_READ | PROT_WRITE) != 0) return;
  __atomic_store_n(&table[0], reinterpret_cast<void*>(&run_record), __ATOMIC_RELEASE);
  (void)mprotect(memory, end - begin, PROT_READ);
}

void import_function(mx::ImportedFunction* function, const std::string& file) {
  using Import = void(mx::ImportedFunction*, const std::string&);
  static auto* const own = reinterpret_cast<Import*>(original(kImportFunction));
  static std::once_flag once;
  std::call_once(once, [] {
    expect_custom_kernels();
    try {
      let_records_run();
      // NOLINTNEXTLINE(bugprone-empty-catch): what follows is told elsewhere
    } catch (const std::exception&) {
      // This MLX can't make a record here; one that it reads says so when it is evaluated.
    }
  });
  own(function, file);
}

}  // namespace

bool recording() {
  return recordings > 0;
}

std::span<const Redirection> record_calls() {
  static const Redirection table[] = {
      {kExportFunction, reinterpret_cast<void*>(&export_function)},
      {kImportFunction, reinterpret_cast<void*>(&import_function)},
  };
  return table;
}

}  // namespace anymetal::mlx

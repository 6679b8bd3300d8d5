// anymetal::Library: whole Metal files, with the signatures that their kernels have.
//
//   auto library = anymetal::Library::from_text(R"(
//       #include <metal_stdlib>
//       kernel void scale(device float* x, constant float& factor,
//                         uint i [[thread_position_in_grid]]) { x[i] *= factor; })");
//   std::vector<float> x = ...;
//   library.kernel("scale")({
//       .arguments = {anymetal::MutableArrayView(x.data(), {64}), 3.0f},
//       .grid = {{64, 1, 1}},
//   });
//
// A text is parsed once; only kernels that are asked for are compiled.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "anymetal/array.hpp"
#include "anymetal/export.h"
#include "anymetal/math_mode.hpp"
#include "anymetal/metal_kernel.hpp"  // KernelError
#include "anymetal/texture.hpp"

namespace anymetal {

struct LibraryOptions {
  std::string name = "program_source";    ///< names the text in messages
  std::vector<std::string> include_dirs;  ///< where `#include` looks, in this order
  std::vector<std::pair<std::string, std::string>> macros;
  MathMode math_mode = MathMode::safe;
};

/// What a call of a kernel gives for one of its parameters, or for a member of a struct. Memory
/// isn't copied and must live until the call returns; everything else is.
class KernelArgument {
 public:
  /// Memory with a type: its elements must be those of the parameter.
  struct TypedMemory {
    ArrayView view;
    bool read_only = true;
  };
  /// Memory whose type isn't looked at.
  struct RawMemory {
    void* data = nullptr;
    uint64_t bytes = 0;
    bool read_only = false;
  };
  /// Converted to the parameter's own type; a value that it can't hold is an error.
  using Number = std::variant<bool, int64_t, uint64_t, double>;
  /// Bytes in the parameter's own layout.
  struct Bytes {
    std::vector<std::byte> bytes;
  };
  /// The elements of a vector, a matrix (by columns) or an array.
  struct List {
    std::shared_ptr<const std::vector<KernelArgument>> elements;
  };
  /// A struct by its members. For a member that is a pointer (an argument buffer): memory.
  struct Members {
    std::shared_ptr<const std::vector<std::pair<std::string, KernelArgument>>> members;
  };
  /// For a parameter that isn't there: one with [[function_constant(n)]].
  struct Nothing {};
  using Value =
      std::variant<Number, TypedMemory, RawMemory, Bytes, List, Members, Texture, Sampler, Nothing>;

  KernelArgument(ArrayView view) : value(TypedMemory{std::move(view), true}) {}
  KernelArgument(const MutableArrayView& view)
      : value(TypedMemory{ArrayView(view.data, view.dtype, view.shape), false}) {}
  KernelArgument(const Array& array) : KernelArgument(array.mutable_view()) {}
  KernelArgument(TypedMemory memory) : value(std::move(memory)) {}
  KernelArgument(RawMemory memory) : value(memory) {}
  KernelArgument(Bytes bytes) : value(std::move(bytes)) {}
  KernelArgument(Nothing nothing) : value(nothing) {}
  KernelArgument(Number number) : value(number) {}
  KernelArgument(Texture texture) : value(std::move(texture)) {}
  KernelArgument(Sampler sampler) : value(sampler) {}
  template <class T>
    requires std::is_arithmetic_v<T>
  KernelArgument(T number) : value(Number(widened(number))) {}
  KernelArgument(std::vector<KernelArgument> elements)
      : value(List{std::make_shared<const std::vector<KernelArgument>>(std::move(elements))}) {}
  KernelArgument(std::vector<std::pair<std::string, KernelArgument>> members)
      : value(Members{std::make_shared<const std::vector<std::pair<std::string, KernelArgument>>>(
            std::move(members))}) {}
  /// A struct as it lies in memory: its layout must be that of the kernel's.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] static KernelArgument bytes_of(const T& object) {
    Bytes bytes{std::vector<std::byte>(sizeof(T))};
    std::memcpy(bytes.bytes.data(), &object, sizeof(T));
    return {std::move(bytes)};
  }

  Value value;

 private:
  template <class T>
  static auto widened(T number) {
    if constexpr (std::is_same_v<T, bool>) {
      return number;
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<double>(number);
    } else if constexpr (std::is_signed_v<T>) {
      return static_cast<int64_t>(number);
    } else {
      return static_cast<uint64_t>(number);
    }
  }
};

/// A parameter of a kernel.
struct KernelParameter {
  enum class Kind {
    buffer,       ///< what a call gives an argument for
    threadgroup,  ///< threadgroup memory whose size a call gives
    input,        ///< what the machine supplies: [[thread_position_in_grid]] and its like
    texture,      ///< a Texture, or a list of them for an array
    sampler,      ///< a Sampler, or a list of them for an array
  };
  std::string name;
  Kind kind = Kind::buffer;
  std::string type;         ///< of the value or the pointee: "float", "atomic<int>", "uint3"
  std::string element;      ///< the scalar that `type` is made of; empty: a struct, void
  std::string declaration;  ///< "device const float* x [[buffer(0)]]"
  uint32_t index = 0;  ///< n of [[buffer(n)]] or [[threadgroup(n)]], also where it was implicit
  uint32_t size = 0;   ///< bytes of the value or the pointee
  bool is_const = false;
  bool is_reference = false;
  bool is_optional = false;  ///< depends on a function constant: a call may leave it out
  struct Member {
    std::string name;  ///< "colour"; "lights[1].power"
    uint32_t offset = 0;
    uint32_t size = 0;
  };
  std::vector<Member> members;  ///< of a struct
  uint32_t line = 0;            ///< in the file that declares the kernel; 0: unknown
};

/// A function constant: `constant bool wide [[function_constant(0)]];`
struct FunctionConstantInfo {
  std::string name;
  std::optional<uint32_t> index;
  std::string type;
};

/// Values of function constants, by name or by index. Missing ones are undefined, which is an error
/// if the kernel needs them.
using ConstantKey = std::variant<std::string, uint32_t>;
using ConstantValues = std::vector<std::pair<ConstantKey, KernelArgument>>;

/// One dispatch. Give either `grid` or `threadgroups` or `indirect_threadgroups`.
struct KernelCall {
  /// One for each buffer, texture and sampler of the kernel, in the order in which the kernel
  /// declares them, whatever their indices are.
  std::vector<KernelArgument> arguments;
  /// The same by the parameters' names, for those behind the last of `arguments`.
  std::vector<std::pair<std::string, KernelArgument>> named_arguments;
  /// The same by n of [[buffer(n)]].
  std::vector<std::pair<uint32_t, KernelArgument>> indexed_arguments;
  std::optional<std::array<int64_t, 3>> grid;          ///< threads; need not fill threadgroups
  std::optional<std::array<int64_t, 3>> threadgroups;  ///< whole threadgroups; needs `threadgroup`
  /// Three numbers of threadgroups, read when the kernel is about to run: what another kernel may
  /// have written. Zeros are allowed: nothing runs. At least 12 bytes.
  std::optional<KernelArgument::RawMemory> indirect_threadgroups;
  /// Threads. Empty: as many of the grid as one threadgroup can hold, x first.
  std::optional<std::array<int64_t, 3>> threadgroup;
  /// {n of [[threadgroup(n)]], bytes}; bytes are rounded up to a multiple of 16.
  std::vector<std::pair<uint32_t, uint64_t>> threadgroup_memory;
};

/// A compiled kernel. Copies share it. Calls are thread-safe.
class ANYMETAL_API Kernel {
 public:
  /// Runs, and returns when all threads have ended. Throws std::invalid_argument for wrong
  /// arguments and sizes, and KernelError for what the kernel does.
  void operator()(const KernelCall& call) const;

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const std::vector<KernelParameter>& parameters() const;
  /// Of any dispatch: 1,024 or what [[max_total_threads_per_threadgroup]] says.
  [[nodiscard]] uint32_t max_total_threads_per_threadgroup() const;
  /// Bytes of threadgroup memory that the kernel declares itself.
  [[nodiscard]] uint32_t static_threadgroup_memory() const;
  [[nodiscard]] uint32_t thread_execution_width() const;
  /// "program_source:4": where it was declared.
  [[nodiscard]] std::string place() const;

  class State;

 private:
  friend class Library;
  explicit Kernel(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

/// A text with its kernels. Copies share it. Thread-safe.
class ANYMETAL_API Library {
 public:
  /// Throws KernelError if the text is wrong.
  [[nodiscard]] static Library from_text(std::string text, const LibraryOptions& options = {});
  /// Messages name the text by `path`, and `#include "..."` looks beside the file first. Throws
  /// KernelError also if the file can't be read.
  [[nodiscard]] static Library from_file(const std::string& path,
                                         const LibraryOptions& options = {});

  /// In the order of the text; a kernel with [[host_name]] by that name.
  [[nodiscard]] std::vector<std::string> kernels() const;
  [[nodiscard]] std::vector<FunctionConstantInfo> function_constants() const;
  /// What the compiler warned of, with lines and carets; empty: nothing.
  [[nodiscard]] std::string warnings() const;
  /// Compiles one kernel, or takes it from the cache. Throws std::invalid_argument if there is none
  /// of this name or a constant doesn't fit, KernelError if it can't be compiled.
  [[nodiscard]] Kernel kernel(std::string_view name, const ConstantValues& constants = {}) const;

  class State;

 private:
  explicit Library(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

/// How many calls of Kernels have run to their end in this process.
[[nodiscard]] ANYMETAL_API uint64_t library_launches() noexcept;

}  // namespace anymetal

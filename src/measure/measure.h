// How fast kernels are, and how fast the machine is. A Recorder keeps the first launch of each
// kernel with its sizes and copies what that launch was given; each such Case can then be run again
// and again, and asked for its traffic and its floating-point operations. Callers (`anymetal
// bench`, `anymetal tune`) see no LLVM and nothing of the runtime.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/private_api.h"
#include "support/result.h"

namespace anymetal::measure {

struct Size {
  uint32_t x = 1, y = 1, z = 1;
  bool operator==(const Size&) const = default;
};

/// A buffer of a launch.
struct Argument {
  std::string name;
  std::string type;   ///< of an element, in Metal's words
  std::string shape;  ///< "float32[64, 1000]"; empty: the caller didn't say
  uint64_t bytes = 0;
  bool is_const = false;
};

/// Floating-point operations of one launch. An addition, subtraction, multiplication, division,
/// root or math function is one, a fused multiply-add two; comparisons, minima, conversions and
/// integers are none.
struct Operations {
  uint64_t count = 0;
  uint64_t counted_threads = 0;  ///< that ended in the time that was given
  uint64_t threads = 0;          ///< of the grid; if more than were counted, `count` is scaled up
};

/// Bytes of the arguments that the kernel's code may read, and those that it may write; each
/// argument counts once, whole.
struct Traffic {
  uint64_t read = 0;
  uint64_t written = 0;
};

/// How far the outputs of two runs are apart.
struct Difference {
  bool same_layout = true;  ///< the same buffers of the same sizes
  uint64_t elements = 0;    ///< that differ at all
  double largest = 0;       ///< of floats, relative to the largest value of the buffer
  double excess = 0;  ///< of floats, in units of what rounding may do to the type: over 1 is wrong
  bool is_exact_kind = false;  ///< elements that differ include some that aren't floats
  std::string where;           ///< the first: "y[17]: 3.5 instead of 2.25"
};

/// A copy of what a run has written: each buffer that isn't const.
struct Outputs {
  struct Output {
    std::string name;
    std::string element;  ///< "float", "half", "uint": the scalar that it is made of
    std::string bytes;
  };
  std::vector<Output> list;
};

/// One kernel with one set of sizes, and copies of its arguments. Not for several threads at once.
class Case {
 public:
  virtual ~Case() = default;
  [[nodiscard]] virtual const std::string& name() const = 0;    ///< as its author calls it
  [[nodiscard]] virtual const std::string& kernel() const = 0;  ///< the function's name
  [[nodiscard]] virtual const std::vector<Argument>& arguments() const = 0;
  [[nodiscard]] virtual Size grid() const = 0;
  [[nodiscard]] virtual Size threadgroup() const = 0;
  [[nodiscard]] virtual uint64_t calls() const = 0;           ///< while it was recorded
  [[nodiscard]] virtual double recorded_seconds() const = 0;  ///< of all these calls
  [[nodiscard]] virtual uint32_t max_threads() const = 0;     ///< of a threadgroup
  /// Why it can't be run again; empty: it can.
  [[nodiscard]] virtual const std::string& refusal() const = 0;

  /// What a better threadgroup is remembered under, for launches as the recorded one.
  virtual void remember_threadgroup(Size size) = 0;

  /// Compiles without any cache, runs once; the seconds of both. Later runs use this code.
  [[nodiscard]] virtual Result<double> first_call() = 0;
  /// Restores what it wrote before, if a run depends on that; then runs. The seconds of the run.
  [[nodiscard]] virtual Result<double> run() = 0;
  /// Restores in any case and runs: what comes out is what the recorded launch gave. With
  /// ANYMETAL_BOUNDS=off the run is a `robust` one: a size that doesn't fit the kernel's own arrays
  /// must do no harm.
  [[nodiscard]] virtual Result<std::shared_ptr<Outputs>> outputs() = 0;
  [[nodiscard]] virtual Result<Traffic> traffic() = 0;
  /// Runs the kernel with counters in it, for at most so long (compiling aside).
  [[nodiscard]] virtual Result<Operations> count_operations(double seconds) = 0;
  /// The same with threadgroups of another size, on the same copies.
  [[nodiscard]] virtual std::shared_ptr<Case> with_threadgroup(Size size) const = 0;
};

[[nodiscard]] ANYMETAL_PRIVATE_API Difference compare(const Outputs& first, const Outputs& other);

/// From now to stop_recording, each distinct launch of this process becomes a Case. `only`: kernels
/// of this name alone (the author's or the function's), empty: all. Errors: user, if one runs.
[[nodiscard]] ANYMETAL_PRIVATE_API Result<void> start_recording(std::string only);
/// In the order of their first launches.
[[nodiscard]] ANYMETAL_PRIVATE_API std::vector<std::shared_ptr<Case>> stop_recording();

/// The names of all kernels that were launched while it last ran, wanted or not.
[[nodiscard]] ANYMETAL_PRIVATE_API std::vector<std::string> launched_names();

/// What this machine can do with all threads that kernels run on; each call measures once (some
/// milliseconds).
class Limits {
 public:
  ANYMETAL_PRIVATE_API Limits();
  ANYMETAL_PRIVATE_API ~Limits();
  /// Bytes a second of a copy past the caches, read and written bytes both counted.
  [[nodiscard]] ANYMETAL_PRIVATE_API double copy();
  /// float32 operations a second of multiply-adds in registers.
  [[nodiscard]] ANYMETAL_PRIVATE_API double multiply_add();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Words that `anymetal tune` keeps, for later processes on this device.
ANYMETAL_PRIVATE_API void remember(const std::vector<std::string>& key, const std::string& name,
                                   const std::string& text);
/// Empty: nothing is remembered.
[[nodiscard]] ANYMETAL_PRIVATE_API std::string remembered(const std::vector<std::string>& key);
/// Of the environment as it is now; empty: nothing is kept on disk.
[[nodiscard]] ANYMETAL_PRIVATE_API std::string cache_folder();

/// "anymetal (cpu on AMD EPYC)", and what the environment chose.
struct Machine {
  std::string device;
  std::string executor;
  std::string bounds;
  uint64_t threads = 0;
};
[[nodiscard]] ANYMETAL_PRIVATE_API Machine machine();

/// A metal_kernel body and one launch of it with arrays of its own, filled by a fixed rule.
struct BodyArray {
  std::string name;
  std::string dtype;  ///< "float32"
  std::vector<int32_t> shape;
  std::string bytes;  ///< its contents; of an output: empty
};
struct Body {
  std::string name, source, header;
  std::vector<BodyArray> inputs, outputs;
  std::vector<std::pair<std::string, std::string>> templates;  ///< "T": "float32", "N": "4"
  std::string math_mode = "safe";
  bool atomic_outputs = false;
  bool has_init_value = false;
  float init_value = 0;
  int32_t grid[3] = {1, 1, 1};
  int32_t threadgroup[3] = {1, 1, 1};
};
[[nodiscard]] ANYMETAL_PRIVATE_API Result<void> run_body(const Body& body);

}  // namespace anymetal::measure

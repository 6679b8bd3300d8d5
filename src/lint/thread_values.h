// What values are, thread by thread: addresses and conditions computed for every thread of a
// threadgroup, as far as they follow from positions, sizes and constants. What is the same in all
// threads but not known (a row's length in a buffer) is given a number that is made up; a claim
// must hold for several of them.
#pragma once

#include <llvm/IR/Operator.h>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "lint/lint.h"
#include "lint/thread_code.h"

namespace anymetal::lint {

/// A value of each thread, in the order of thread_index_in_threadgroup.
struct PerThread {
  std::vector<int64_t>
      value;  ///< of integers: extended by their sign; of pointers: from its object
  std::vector<char> known;
  bool guessed = false;  ///< rests on a number that was made up

  [[nodiscard]] bool all_known() const;
};

/// Sizes of a dispatch, and numbers for what nobody knows.
struct World {
  Size threadgroup{256, 1, 1};
  std::optional<Size> grid;
  const Request* request = nullptr;  ///< for the shapes of arrays
  unsigned sample = 0;
  bool is_last = false;  ///< the grid's last threadgroup, of a grid that is known; else any

  [[nodiscard]] unsigned threads() const {
    return threadgroup[0] * threadgroup[1] * threadgroup[2];
  }
};
inline constexpr unsigned kSamples = 3;

/// The turn that each loop is in; those that aren't named are in their first.
using Turns = std::map<const llvm::Loop*, unsigned>;

class ThreadValues {
 public:
  ThreadValues(const ThreadCode& code, World world) : code_(code), world_(world) {}

  [[nodiscard]] const PerThread& of(const llvm::Value* value, const Turns& turns = {});
  /// Whether each thread comes to the block in these turns: 1 yes, 0 no, -1 not known.
  [[nodiscard]] std::vector<signed char> reaches(const llvm::BasicBlock* block,
                                                 const Turns& turns = {});
  [[nodiscard]] const World& world() const { return world_; }

 private:
  using Memo = std::map<const llvm::Value*, std::unique_ptr<PerThread>>;

  PerThread derive(const llvm::Value* value, const Turns& turns);
  PerThread of_instruction(const llvm::Instruction& instruction, const Turns& turns);
  PerThread of_phi(const llvm::PHINode& phi, const Turns& turns);
  PerThread of_join(const llvm::PHINode& phi, const Turns& turns);
  PerThread of_call(const llvm::CallBase& call, const Turns& turns);
  PerThread of_load(const llvm::LoadInst& load, const Turns& turns);
  PerThread of_address(const llvm::GEPOperator& address, const Turns& turns);
  PerThread of_binary(const llvm::BinaryOperator& operation, const Turns& turns);
  PerThread of_compare(const llvm::ICmpInst& compare, const Turns& turns);
  PerThread same(int64_t value, bool guessed = false) const;
  PerThread unknown() const;
  PerThread guess(const llvm::Value* value, const Turns& turns);
  PerThread position(llvm::StringRef name) const;
  [[nodiscard]] int64_t group_at(unsigned axis) const;
  [[nodiscard]] bool exists(uint32_t thread) const;
  [[nodiscard]] std::optional<int64_t> shape_number(const llvm::LoadInst& load) const;

  const ThreadCode& code_;
  World world_;
  std::map<Turns, Memo> memos_;
  int depth_ = 0;
  size_t kept_ = 0;  ///< values of threads in the memos
};

}  // namespace anymetal::lint

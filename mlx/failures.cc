#include "mlx/failures.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "mlx/scheduler.h"

namespace anymetal::mlx {
namespace {

using Data = mx::array::Data;
using Arrays = std::vector<mx::array>;

constexpr const char* kEval = "_ZN3mlx4core4evalESt6vectorINS0_5arrayESaIS2_EE";
constexpr const char* kAsyncEval = "_ZN3mlx4core10async_evalESt6vectorINS0_5arrayESaIS2_EE";
constexpr const char* kArrayEval = "_ZN3mlx4core5array4evalEv";
constexpr const char* kGetStreams = "_ZN3mlx4core11get_streamsEv";
constexpr const char* kCheckError = "_ZN3mlx4core9scheduler9Scheduler11check_errorENS0_6StreamE";
constexpr const char* kSynchronizeDefault = "_ZN3mlx4core11synchronizeEv";

struct Failures {
  std::mutex mutex;
  // By address; the weak pointer tells whether the memory is still the same.
  std::map<const Data*, std::pair<std::weak_ptr<Data>, std::string>> outputs;
  std::optional<std::string> kept;
  std::atomic<bool> any{false};  // so that programs without failures pay for one load
};

Failures& failures() {
  static auto* const all = new Failures;  // outlives the threads of streams
  return *all;
}

void forget_dead(Failures& all) {
  std::erase_if(all.outputs, [](const auto& entry) { return entry.second.first.expired(); });
}

/// Throws what is known against this array.
void check(const mx::array& array) {
  auto& all = failures();
  if (!all.any.load(std::memory_order_acquire)) return;
  std::string message;
  {
    std::lock_guard lock(all.mutex);
    const auto& data = array.data_shared_ptr();
    const auto found = data ? all.outputs.find(data.get()) : all.outputs.end();
    if (found == all.outputs.end() || found->second.first.lock() != data) return;
    message = found->second.second;
  }
  throw std::runtime_error(message);
}

void throw_kept_error() {
  auto& all = failures();
  if (!all.any.load(std::memory_order_acquire)) return;
  std::optional<std::string> message;
  {
    std::lock_guard lock(all.mutex);
    message = std::exchange(all.kept, std::nullopt);
  }
  if (message) throw std::runtime_error(*message);
}

/// The error has come out of one stream; those that it went through still hold it, and would give
/// it to whoever comes next.
void clear_streams_of(const std::string& message) {
  using GetStreams = std::vector<mx::Stream>();
  using CheckError = void(mx::scheduler::Scheduler*, mx::Stream);
  static auto* const get_streams = reinterpret_cast<GetStreams*>(original(kGetStreams));
  static auto* const check_error = reinterpret_cast<CheckError*>(original(kCheckError));
  if (!check_error) return;
  for (const auto& stream : get_streams()) {
    try {
      check_error(&mx::scheduler::scheduler(), stream);
    } catch (const std::runtime_error& error) {
      if (error.what() != message) keep_error(error.what());  // another one, for the next to wait
    }
  }
}

/// Throws what is known against what these are to be computed from: a failed launch's outputs count
/// as computed, and so does what MLX gave up in the middle.
void check_inputs_of(const Arrays& arrays) {
  auto& all = failures();
  if (!all.any.load(std::memory_order_acquire)) return;
  std::string message;
  {
    std::lock_guard lock(all.mutex);
    forget_dead(all);
    if (all.outputs.empty()) return;
    std::unordered_set<std::uintptr_t> seen;
    std::vector<std::reference_wrapper<const mx::array>> work(arrays.begin(), arrays.end());
    while (!work.empty() && message.empty()) {
      const mx::array& array = work.back();
      work.pop_back();
      if (!seen.insert(array.id()).second) continue;
      if (array.status() == mx::array::Status::unscheduled) {
        work.insert(work.end(), array.inputs().begin(), array.inputs().end());
      } else if (const auto found = all.outputs.find(array.data_shared_ptr().get());
                 found != all.outputs.end()) {
        message = found->second.second;
      }
    }
  }
  if (message.empty()) return;
  clear_streams_of(message);
  throw std::runtime_error(message);
}

/// Runs `wait`. If it throws because a kernel failed, the arrays that it was to compute are marked:
/// they come from that kernel, or MLX has given up before their turn.
template <class Wait>
void watch(const Arrays& arrays, const Wait& wait) {
  Arrays pending;
  for (const auto& array : arrays) {
    if (array.status() != mx::array::Status::available) pending.push_back(array);
  }
  auto& all = failures();
  check_inputs_of(pending);
  try {
    wait();
    throw_kept_error();
  } catch (const std::runtime_error& error) {
    if (all.any.load(std::memory_order_acquire)) {
      clear_streams_of(error.what());
      for (const auto& array : pending) {
        if (array.status() != mx::array::Status::unscheduled && array.data_shared_ptr()) {
          mark_failed(array.data_shared_ptr(), error.what());
        }
      }
    }
    throw;
  }
  for (const auto& array : arrays) check(array);
}

void outer_eval(Arrays arrays) {
  static auto* const own = reinterpret_cast<void (*)(Arrays)>(original(kEval));
  watch(arrays, [&] { own(arrays); });
}

void outer_async_eval(Arrays arrays) {
  static auto* const own = reinterpret_cast<void (*)(Arrays)>(original(kAsyncEval));
  throw_kept_error();
  check_inputs_of(arrays);
  own(std::move(arrays));
}

void outer_array_eval(mx::array* array) {
  static auto* const own = reinterpret_cast<void (*)(mx::array*)>(original(kArrayEval));
  if (array->status() == mx::array::Status::available) return check(*array);
  watch({*array}, [&] { own(array); });
}

void outer_synchronize_default() {
  static auto* const own = reinterpret_cast<void (*)()>(original(kSynchronizeDefault));
  own();
  throw_kept_error();
}

}  // namespace

void mark_failed(const std::shared_ptr<Data>& data, const std::string& message) {
  auto& all = failures();
  std::lock_guard lock(all.mutex);
  forget_dead(all);
  all.outputs.try_emplace(data.get(), data, message);
  all.any.store(true, std::memory_order_release);
}

void keep_error(const std::string& message) {
  auto& all = failures();
  std::lock_guard lock(all.mutex);
  if (!all.kept) all.kept = message;
  all.any.store(true, std::memory_order_release);
}

std::span<const Redirection> waiting_calls() {
  static const Redirection table[] = {
      {kArrayEval, reinterpret_cast<void*>(&outer_array_eval)},
      {kEval, reinterpret_cast<void*>(&outer_eval)},
      {kAsyncEval, reinterpret_cast<void*>(&outer_async_eval)},
      {kSynchronizeDefault, reinterpret_cast<void*>(&outer_synchronize_default)},
  };
  return table;
}

}  // namespace anymetal::mlx

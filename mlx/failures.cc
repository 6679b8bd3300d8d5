#include "mlx/failures.h"

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <unordered_set>
#include <utility>

#include "mlx/backend/cpu/encoder.h"
#include "mlx/event.h"
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
constexpr const char* kEnqueue =
    "_ZN3mlx4core9scheduler9Scheduler7enqueueENS0_6StreamESt8functionIFvvEE";
constexpr char kWaitEvent[] =
    "_ZN3mlx4core9scheduler9Scheduler10wait_eventENS0_6StreamENS0_5EventESt8functionIFvRS4_EE";
constexpr char kSignalEvent[] =
    "_ZN3mlx4core9scheduler9Scheduler12signal_eventENS0_6StreamENS0_5EventESt8functionIFvRS4_EE";
constexpr const char* kSynchronizeDefault = "_ZN3mlx4core11synchronizeEv";

struct Failures {
  std::mutex mutex;
  // By address; the weak pointer tells whether the memory is still the same.
  std::map<const Data*, std::pair<std::weak_ptr<Data>, std::string>> outputs;
  std::optional<std::string> kept;
  std::atomic<bool> any{false};  // so that programs without failures pay for one load
  std::atomic<int> unfinished{0};
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

using mx::scheduler::Scheduler;
using Work = std::function<void()>;
using EventWork = std::function<void(mx::Event&)>;

template <class F>
F* own(const char* symbol) {
  return reinterpret_cast<F*>(original(symbol));
}

/// MLX's main thread is thrown a stream's error where it asks the stream for work. In the middle of
/// an evaluation that leaves tasks that were counted and never come, for which it waits without end
/// a hundred failures later, and events that nobody signals. So the error is put back, and comes
/// out where somebody waits.
template <class Ask>
void ask(Scheduler* scheduler, mx::Stream stream, const Ask& again) {
  static auto* const enqueue = own<void(Scheduler*, mx::Stream, Work)>(kEnqueue);
  std::string message;
  try {
    return again();
  } catch (const std::runtime_error& error) {
    message = error.what();
  }
  std::exception_ptr problem;
  // Other threads aren't thrown it.
  std::thread([&] {
    try {
      enqueue(scheduler, stream, [message] { throw std::runtime_error(message); });
      again();
    } catch (...) {
      problem = std::current_exception();
    }
  }).join();
  if (problem) std::rethrow_exception(problem);
}

/// Whether a stream may hold an error of ours before this call ends.
bool may_fail() {
  const auto& all = failures();
  return all.any.load(std::memory_order_acquire) ||
         all.unfinished.load(std::memory_order_acquire) > 0;
}

void inner_enqueue(Scheduler* scheduler, mx::Stream stream, Work work) {
  static auto* const enqueue = own<void(Scheduler*, mx::Stream, Work)>(kEnqueue);
  if (!may_fail()) return enqueue(scheduler, stream, std::move(work));
  const auto kept = std::make_shared<Work>(std::move(work));
  ask(scheduler, stream, [&] { enqueue(scheduler, stream, [kept] { (*kept)(); }); });
}

template <const char* Symbol>
void inner_event(Scheduler* scheduler, mx::Stream stream, mx::Event event, EventWork work) {
  static auto* const put = own<void(Scheduler*, mx::Stream, mx::Event, EventWork)>(Symbol);
  if (!may_fail()) return put(scheduler, stream, std::move(event), std::move(work));
  ask(scheduler, stream, [&] { put(scheduler, stream, event, work); });
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

Unfinished::Unfinished() {
  failures().unfinished.fetch_add(1, std::memory_order_acq_rel);
}
Unfinished::~Unfinished() {
  failures().unfinished.fetch_sub(1, std::memory_order_acq_rel);
}

void enqueue(mx::Stream stream, std::function<void()> work) {
  // Asked for its own check alone: a stream belongs to the thread that made it.
  (void)mx::cpu::get_command_encoder(stream);
  inner_enqueue(&mx::scheduler::scheduler(), stream, std::move(work));
}

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

std::span<const Redirection> asking_calls() {
  static const Redirection table[] = {
      {kEnqueue, reinterpret_cast<void*>(&inner_enqueue)},
      {kWaitEvent, reinterpret_cast<void*>(&inner_event<kWaitEvent>)},
      {kSignalEvent, reinterpret_cast<void*>(&inner_event<kSignalEvent>)},
  };
  const bool carries_errors = streams_carry_errors() && original(kWaitEvent);
  return carries_errors ? std::span<const Redirection>(table) : std::span<const Redirection>();
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

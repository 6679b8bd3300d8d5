#include "runtime/running_work.h"

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <limits>
#include <mutex>
#include <thread>

#include "runtime/runtime.h"

namespace anymetal::runtime {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kNoDeadline = std::numeric_limits<int64_t>::max();
constexpr uint32_t kSlots = 1024;  // more threads than that wait for a place

struct alignas(64) Slot {
  std::atomic<bool> used{false};
  std::atomic<int64_t> deadline{kNoDeadline};  // Clock's nanoseconds
  std::atomic<const void*> thread{nullptr};    // &own_dispatches of whoever took it
  StopFlag flag;
};
std::array<Slot, kSlots> slots;
std::atomic<uint32_t> running{0};
std::atomic<uint32_t> dispatches{0};
std::atomic<uint64_t> interrupt_count{0};
thread_local uint32_t own_dispatches = 0;

// In the child of a fork nothing goes on but what the thread that forked does.
void forget_other_threads() {
  uint32_t left = 0;
  for (Slot& slot : slots) {
    if (!slot.used.load()) continue;
    if (slot.thread.load() == &own_dispatches) {
      ++left;
      continue;
    }
    slot.deadline.store(kNoDeadline);
    slot.used.store(false);
  }
  running.store(left);
  dispatches.store(own_dispatches);
}

int64_t now() {
  return Clock::now().time_since_epoch().count();
}

// Wakes often enough that a stop comes at most 20 ms late; sleeps while nothing runs.
[[noreturn]] void watch() {
  for (;;) {
    running.wait(0);
    int64_t time = now();
    for (Slot& slot : slots)
      if (slot.used.load(std::memory_order_acquire) && slot.deadline.load() <= time &&
          slot.flag.reason() == 0)
        slot.flag.request(static_cast<uint32_t>(StopReason::timeout));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

// One for each process: a fork leaves its child without the thread, so the child starts its own.
void start_watchdog() {
  static std::atomic<pid_t> owner{0};
  pid_t self = ::getpid();
  if (pid_t before = owner.load(); before != self && owner.compare_exchange_strong(before, self)) {
    sigset_t all, old;  // signals go to the program's threads
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    std::thread(watch).detach();
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
  }
}

uint32_t take_slot() {
  thread_local uint32_t hint =
      static_cast<uint32_t>(std::hash<std::thread::id>{}(std::this_thread::get_id()) % kSlots);
  for (uint32_t tries = 0;; ++tries) {
    Slot& slot = slots[hint];
    bool free = false;
    if (slot.used.compare_exchange_strong(free, true, std::memory_order_acquire)) return hint;
    hint = (hint + 1) % kSlots;
    if (tries > kSlots) std::this_thread::yield();
  }
}

struct sigaction previous_action;
std::atomic<bool> handler_installed{false};

void on_interrupt(int signal, siginfo_t* info, void* context) {
  bool stopped_something = running.load() > 0;
  request_stop();
  if (previous_action.sa_flags & SA_SIGINFO) {
    if (previous_action.sa_sigaction) previous_action.sa_sigaction(signal, info, context);
  } else if (previous_action.sa_handler == SIG_DFL) {
    if (stopped_something) return;  // the first Ctrl-C stops the work, the next one the program
    ::sigaction(signal, &previous_action, nullptr);
    ::raise(signal);
  } else if (previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(signal);
  }
}

}  // namespace

RunningWork::RunningWork(std::optional<std::chrono::nanoseconds> timeout) : slot_(take_slot()) {
  static const int registered = pthread_atfork(nullptr, nullptr, forget_other_threads);
  (void)registered;
  Slot& slot = slots[slot_];
  slot.thread.store(&own_dispatches, std::memory_order_relaxed);
  slot.flag.request(0);
  if (timeout) {
    set_deadline(timeout);
    start_watchdog();
  }
  running.fetch_add(1);
  if (timeout) running.notify_all();
}

RunningWork::~RunningWork() {
  Slot& slot = slots[slot_];
  slot.deadline.store(kNoDeadline);
  running.fetch_sub(1);
  slot.used.store(false, std::memory_order_release);
}

void RunningWork::set_deadline(std::optional<std::chrono::nanoseconds> timeout) {
  slots[slot_].deadline.store(timeout ? now() + timeout->count() : kNoDeadline);
}

const StopFlag* RunningWork::flag() const {
  return &slots[slot_].flag;
}

StopReason RunningWork::reason() const {
  return static_cast<StopReason>(slots[slot_].flag.reason());
}

RunningDispatch::RunningDispatch(std::optional<std::chrono::nanoseconds> timeout)
    : RunningWork(timeout), timeout_(timeout) {
  ++own_dispatches;
  dispatches.fetch_add(1);
}

RunningDispatch::~RunningDispatch() {
  dispatches.fetch_sub(1);
  --own_dispatches;
}

void RunningDispatch::pause() {
  set_deadline(std::nullopt);
}

void RunningDispatch::begin_again() {
  set_deadline(timeout_);
}

RunningCompilation::RunningCompilation(std::string what,
                                       std::optional<std::chrono::nanoseconds> timeout)
    : RunningWork(timeout), what_(std::move(what)), timeout_(timeout), scope_(flag()) {}

Error RunningCompilation::describe(Error error) const {
  if (error.kind != ErrorKind::stopped) return error;
  if (reason() == StopReason::interrupt)
    error.message = fmt::format("the compilation of {} was stopped by an interrupt", what_);
  if (reason() == StopReason::timeout)
    error.message = fmt::format(
        "the compilation of {} was stopped after {:g} s, the limit of ANYMETAL_COMPILE_TIMEOUT: "
        "look for templates or macros that grow without end, or raise the limit",
        what_, std::chrono::duration<double>(*timeout_).count());
  return error;
}

void request_stop() noexcept {
  interrupt_count.fetch_add(1);
  for (Slot& slot : slots)
    if (slot.used.load(std::memory_order_acquire))
      slot.flag.request(static_cast<uint32_t>(StopReason::interrupt));
}

uint64_t interrupts() noexcept {
  return interrupt_count.load();
}

uint32_t running_dispatches() noexcept {
  return dispatches.load();
}

void install_interrupt_handler() {
  if (handler_installed.exchange(true)) return;
  struct sigaction action = {};
  action.sa_sigaction = on_interrupt;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  // The old action first: the handler may run before the second call returns.
  ::sigaction(SIGINT, nullptr, &previous_action);
  // Python's handler counts on interrupted calls (EINTR), as it was put in place without
  // SA_RESTART.
  if (!(previous_action.sa_flags & SA_RESTART)) action.sa_flags &= ~SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
}

}  // namespace anymetal::runtime

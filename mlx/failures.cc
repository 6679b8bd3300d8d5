#include "mlx/failures.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "mlx/primitives.h"

namespace anymetal::mlx {

/// All members are guarded by Failures::mutex.
struct Risk {
  enum class State : uint8_t { open, well, failed };
  using Parts = std::vector<std::shared_ptr<Risk>>;

  bool is_launch = false;
  State state = State::open;
  std::string message;
  Parts from;

  Risk() = default;
  Risk(const Risk&) = delete;
  Risk& operator=(const Risk&) = delete;
  /// A long chain would else be destroyed by as deep a recursion.
  ~Risk() {
    Parts work = std::move(from);
    while (!work.empty()) {
      const std::shared_ptr<Risk> one = std::move(work.back());
      work.pop_back();
      if (one.use_count() == 1)
        std::ranges::move(std::exchange(one->from, {}), back_inserter(work));
    }
  }
};

namespace {

using Arrays = std::vector<mx::array>;
using RiskPtr = std::shared_ptr<Risk>;

constexpr const char* kEval = "_ZN3mlx4core4evalESt6vectorINS0_5arrayESaIS2_EE";
constexpr const char* kAsyncEval = "_ZN3mlx4core10async_evalESt6vectorINS0_5arrayESaIS2_EE";
constexpr const char* kArrayEval = "_ZN3mlx4core5array4evalEv";
constexpr const char* kSynchronize = "_ZN3mlx4core11synchronizeENS0_6StreamE";
constexpr const char* kSynchronizeDefault = "_ZN3mlx4core11synchronizeEv";
constexpr size_t kFirstSweep = 256;

/// An array is a pointer to its description, which is shared by its copies and not by its views.
std::weak_ptr<void> description(const mx::array& array) {
  static_assert(sizeof(mx::array) == sizeof(std::shared_ptr<void>));
  return reinterpret_cast<const std::shared_ptr<void>&>(array);
}

struct Entry {
  std::weak_ptr<void> array;  ///< tells whether the address is still the same one's
  RiskPtr risk;
};

struct Failures {
  std::mutex mutex;
  std::unordered_map<std::uintptr_t, Entry> risks;  // by an array's id
  size_t next_sweep = kFirstSweep;
  std::vector<std::pair<int, RiskPtr>> untold;  // the first of each stream that nobody was told of
  // So that programs without kernels pay for loads of these.
  std::atomic<bool> any{false};
  std::atomic<bool> has_custom_kernels{false};
  std::atomic<int64_t> nodes{0};
};

Failures& failures() {
  static auto* const all = new Failures;  // outlives the threads of streams
  return *all;
}

/// The launch that has failed, if one has, of those that this comes from.
RiskPtr find_failed(const RiskPtr& risk) {
  if (!risk || risk->state == Risk::State::well) return nullptr;
  if (risk->state == Risk::State::failed) return risk;
  bool is_open = false;
  std::vector<RiskPtr> work{risk};
  std::unordered_set<const Risk*> seen{risk.get()};
  while (!work.empty()) {
    const RiskPtr one = std::move(work.back());
    work.pop_back();
    if (one->state == Risk::State::failed) return one;
    if (one->state == Risk::State::well) continue;
    is_open |= one->is_launch;
    for (const RiskPtr& part : one->from)
      if (seen.insert(part.get()).second) work.push_back(part);
  }
  if (!is_open) {
    risk->state = Risk::State::well;
    risk->from.clear();
  }
  return nullptr;
}

RiskPtr risk_of(Failures& all, const mx::array& array) {
  const auto found = all.risks.find(array.id());
  if (found == all.risks.end()) return nullptr;
  if (found->second.array.expired() || found->second.risk->state == Risk::State::well) {
    all.risks.erase(found);
    return nullptr;
  }
  return found->second.risk;
}

void remember(Failures& all, const mx::array& array, const RiskPtr& risk) {
  if (!risk) {
    all.risks.erase(array.id());
    return;
  }
  all.risks[array.id()] = {description(array), risk};
  if (all.risks.size() < all.next_sweep) return;
  std::erase_if(all.risks, [](const auto& entry) {
    (void)find_failed(entry.second.risk);
    return entry.second.array.expired() || entry.second.risk->state == Risk::State::well;
  });
  all.next_sweep = std::max(kFirstSweep, 2 * all.risks.size());
}

RiskPtr merge(Risk::Parts parts, bool is_launch) {
  std::ranges::sort(parts);
  parts.erase(std::ranges::unique(parts).begin(), parts.end());
  std::erase_if(parts,
                [](const RiskPtr& part) { return !part || part->state == Risk::State::well; });
  if (!is_launch && parts.size() <= 1) return parts.empty() ? nullptr : parts[0];
  auto made = std::make_shared<Risk>();
  made->is_launch = is_launch;
  made->from = std::move(parts);
  return made;
}

/// Finds the risk of each array of a graph that is to be evaluated.
class Walk {
 public:
  explicit Walk(Failures& all) : all_(all) {}

  void visit(const mx::array& root) {
    enter(root, true);
    while (!stack_.empty()) {
      Step& step = stack_.back();
      if (step.next < step.array->inputs().size()) {
        enter(step.array->inputs()[step.next++], false);
      } else {
        leave(*step.array, step.is_root);
        stack_.pop_back();
      }
    }
  }

  [[nodiscard]] RiskPtr of(const mx::array& array) const {
    const auto found = seen_.find(array.id());
    return found == seen_.end() ? nullptr : found->second;
  }

 private:
  struct Step {
    const mx::array* array;
    size_t next;
    bool is_root;
  };

  void enter(const mx::array& array, bool is_root) {
    const auto [place, is_new] = seen_.try_emplace(array.id());
    if (!is_new) return;
    if (array.status() == mx::array::Status::unscheduled) {
      stack_.push_back({&array, 0, is_root});
    } else {
      place->second = risk_of(all_, array);
    }
  }

  void leave(const mx::array& array, bool is_root) {
    const bool launches = is_launch(array);
    Risk::Parts parts;
    for (const mx::array& input : array.inputs())
      if (RiskPtr risk = of(input)) parts.push_back(std::move(risk));
    if (parts.empty() && !launches) return;
    const RiskPtr risk = merge(std::move(parts), launches);
    seen_[array.id()] = risk;
    // Nobody but the next array's node holds one in the middle that has no other owner.
    if (is_root || launches || description(array).use_count() > 1) remember(all_, array, risk);
    for (const mx::array& sibling : array.siblings()) {
      seen_[sibling.id()] = risk;
      remember(all_, sibling, risk);
    }
  }

  static bool is_launch(const mx::array& array) {
    if (!array.has_primitive()) return false;
    const char* name = array.primitive().name();
    return std::strcmp(name, "AnymetalKernel") == 0 || std::strcmp(name, "CustomKernel") == 0;
  }

  Failures& all_;
  std::vector<Step> stack_;
  std::unordered_map<std::uintptr_t, RiskPtr> seen_;
};

[[noreturn]] void tell(Failures& all, std::unique_lock<std::mutex> lock, const RiskPtr& failed) {
  std::erase_if(all.untold, [&](const auto& one) { return one.second == failed; });
  const std::string message = failed->message;
  lock.unlock();
  throw std::runtime_error(message);
}

/// Before an evaluation. Throws if one of these comes from what has failed already.
void expect(const Arrays& arrays) {
  auto& all = failures();
  if (!all.any.load(std::memory_order_acquire) && all.nodes.load(std::memory_order_acquire) == 0 &&
      !all.has_custom_kernels.load(std::memory_order_acquire))
    return;
  std::unique_lock lock(all.mutex);
  Walk walk(all);
  for (const mx::array& array : arrays) walk.visit(array);
  all.any.store(!all.risks.empty() || !all.untold.empty(), std::memory_order_release);
  for (const mx::array& array : arrays)
    if (const RiskPtr failed = find_failed(walk.of(array))) tell(all, std::move(lock), failed);
}

/// Behind one, or where an array is read. Throws if one of these comes from what has failed.
void check(std::span<const mx::array> arrays) {
  auto& all = failures();
  if (!all.any.load(std::memory_order_acquire)) return;
  std::unique_lock lock(all.mutex);
  for (const mx::array& array : arrays)
    if (const RiskPtr failed = find_failed(risk_of(all, array))) tell(all, std::move(lock), failed);
}

void outer_eval(Arrays arrays) {
  static auto* const own = reinterpret_cast<void (*)(Arrays)>(original(kEval));
  expect(arrays);
  own(arrays);
  check(arrays);
}

void outer_async_eval(Arrays arrays) {
  static auto* const own = reinterpret_cast<void (*)(Arrays)>(original(kAsyncEval));
  expect(arrays);
  own(std::move(arrays));
}

void outer_array_eval(mx::array* array) {
  static auto* const own = reinterpret_cast<void (*)(mx::array*)>(original(kArrayEval));
  // What array::eval does then; libmlx.so's own call of eval may not come by here.
  if (array->status() == mx::array::Status::unscheduled) return outer_eval({*array});
  own(array);
  check({array, 1});
}

void outer_synchronize(mx::Stream stream) {
  static auto* const own = reinterpret_cast<void (*)(mx::Stream)>(original(kSynchronize));
  own(stream);
  tell_failure(stream);
}

void outer_synchronize_default() {
  static auto* const own = reinterpret_cast<void (*)()>(original(kSynchronizeDefault));
  own();
  if (failures().any.load(std::memory_order_acquire))
    tell_failure(mx::default_stream(mx::default_device()));
}

}  // namespace

LaunchNode::LaunchNode() {
  failures().nodes.fetch_add(1, std::memory_order_acq_rel);
}
LaunchNode::~LaunchNode() {
  failures().nodes.fetch_sub(1, std::memory_order_acq_rel);
}

void expect_custom_kernels() {
  failures().has_custom_kernels.store(true, std::memory_order_release);
}

std::shared_ptr<Risk> begin_launch(const Arrays& inputs, const Arrays& outputs) {
  auto& all = failures();
  std::lock_guard lock(all.mutex);
  RiskPtr launch = outputs.empty() ? nullptr : risk_of(all, outputs[0]);
  if (launch && launch->is_launch && launch->state == Risk::State::open) return launch;
  // Evaluated by a way that isn't known here.
  Risk::Parts parts;
  for (const mx::array& input : inputs) parts.push_back(risk_of(all, input));
  launch = merge(std::move(parts), /*is_launch=*/true);
  for (const mx::array& output : outputs) remember(all, output, launch);
  all.any.store(true, std::memory_order_release);
  return launch;
}

std::optional<std::string> earlier_failure(const std::shared_ptr<Risk>& launch) {
  std::lock_guard lock(failures().mutex);
  const RiskPtr failed = find_failed(launch);
  return failed ? std::optional(failed->message) : std::nullopt;
}

void end_launch(const std::shared_ptr<Risk>& launch) {
  std::lock_guard lock(failures().mutex);
  launch->state = Risk::State::well;
  launch->from.clear();
}

void end_launch(const std::shared_ptr<Risk>& launch, mx::Stream stream, const std::string& message,
                bool is_own) {
  auto& all = failures();
  std::lock_guard lock(all.mutex);
  launch->state = Risk::State::failed;
  launch->message = message;
  launch->from.clear();
  const bool has_one =
      std::ranges::any_of(all.untold, [&](const auto& one) { return one.first == stream.index; });
  if (is_own && !has_one) all.untold.emplace_back(stream.index, launch);
  all.any.store(true, std::memory_order_release);
}

void tell_failure(mx::Stream stream) {
  auto& all = failures();
  if (!all.any.load(std::memory_order_acquire)) return;
  std::unique_lock lock(all.mutex);
  const auto found =
      std::ranges::find_if(all.untold, [&](const auto& one) { return one.first == stream.index; });
  if (found == all.untold.end()) return;
  const RiskPtr failed = found->second;
  tell(all, std::move(lock), failed);
}

std::span<const Redirection> waiting_calls() {
  static const Redirection table[] = {
      {kArrayEval, reinterpret_cast<void*>(&outer_array_eval)},
      {kEval, reinterpret_cast<void*>(&outer_eval)},
      {kAsyncEval, reinterpret_cast<void*>(&outer_async_eval)},
      {kSynchronize, reinterpret_cast<void*>(&outer_synchronize)},
      {kSynchronizeDefault, reinterpret_cast<void*>(&outer_synchronize_default)},
  };
  return table;
}

std::span<const Redirection> own_waiting_calls() {
  return waiting_calls().first(2);
}

}  // namespace anymetal::mlx

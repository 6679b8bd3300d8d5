// What comes in: command buffers, recorded on any thread. What goes out: their items, run one after
// another.
//
// Each queue has a thread of its own, so queues progress independently, and one that waits for an
// event holds up nobody else. Within a queue everything is serial, encoders and dispatches too:
// Metal allows it, and it makes barriers and fences true without work. A dispatch uses the whole
// machine anyway, as the back end spreads its threadgroups.
//
// Ownership: a command buffer holds its queue; the queue's thread holds committed buffers until
// they are done. So a program may drop every handle right after commit, and the work still happens.
#include <fmt/format.h>

#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <variant>

#include "runtime/device_state.h"
#include "runtime/log.h"
#include "runtime/validate_launch.h"

namespace anymetal::runtime {

namespace {

struct DispatchItem {
  std::shared_ptr<Pipeline> pipeline;
  std::vector<Argument> buffers;
  std::vector<uint32_t> threadgroup_lengths;
  std::vector<const Texture*> textures;
  std::vector<const Sampler*> samplers;
  Extent grid, threadgroup;
  std::vector<Argument> resident;
  const uint32_t* groups = nullptr;  // of an indirect dispatch: instead of `grid`
};
struct SignalItem {
  std::shared_ptr<Event> event;
  uint64_t value;
};
struct WaitItem {
  std::shared_ptr<Event> event;
  uint64_t value;
};
struct HostItem {
  std::function<void()> work;
};
using Item = std::variant<DispatchItem, SignalItem, WaitItem, HostItem, Error>;

class RecordedBuffer;

// What a queue's handle and its thread share.
struct QueueState {
  std::mutex mutex;
  std::condition_variable changed;
  struct Place {
    std::weak_ptr<RecordedBuffer> enqueued;  // until commit nobody but the program holds it
    std::shared_ptr<RecordedBuffer> committed;
  };
  std::deque<Place> places;
  bool closing = false;
};

class SerialQueue final : public CommandQueue, public std::enable_shared_from_this<SerialQueue> {
 public:
  explicit SerialQueue(const Limits& limits)
      : limits_(limits), state_(std::make_shared<QueueState>()), thread_(work, state_) {}
  ~SerialQueue() override;
  std::shared_ptr<CommandBuffer> command_buffer() override;

  void enqueue(const std::shared_ptr<RecordedBuffer>& buffer);
  void commit(const std::shared_ptr<RecordedBuffer>& buffer);
  const Limits& limits() const { return limits_; }

 private:
  static void work(const std::shared_ptr<QueueState>& state);

  const Limits limits_;
  const std::shared_ptr<QueueState> state_;
  std::thread thread_;
};

class RecordedBuffer final : public CommandBuffer {
 public:
  explicit RecordedBuffer(std::shared_ptr<SerialQueue> queue) : queue_(std::move(queue)) {}

  std::shared_ptr<ComputeEncoder> compute_encoder() override;
  void encode_signal(std::shared_ptr<Event> event, uint64_t value) override {
    if (event) record(SignalItem{std::move(event), value});
  }
  void encode_wait(std::shared_ptr<Event> event, uint64_t value) override {
    if (event) record(WaitItem{std::move(event), value});
  }
  void encode_host(std::function<void()> work) override { record(HostItem{std::move(work)}); }
  void add_scheduled_handler(Handler handler) override {
    add_handler(scheduled_handlers_, std::move(handler));
  }
  void add_completed_handler(Handler handler) override {
    add_handler(completed_handlers_, std::move(handler));
  }
  void enqueue() override;
  void commit() override;
  void wait_until_scheduled() override { wait_for(Status::scheduled); }
  void wait_until_completed() override { wait_for(Status::completed); }

  Status status() const override {
    std::lock_guard lock(mutex_);
    return status_;
  }
  std::optional<Error> error() const override {
    std::lock_guard lock(mutex_);
    return error_;
  }
  void set_label(std::string label) override {
    std::lock_guard lock(mutex_);
    label_ = std::move(label);
  }
  std::string label() const override {
    std::lock_guard lock(mutex_);
    return label_;
  }

  // For the encoder.
  void record(Item item);
  void retain(std::shared_ptr<const void> object) { retained_.push_back(std::move(object)); }
  void encoder_began() { ++open_encoders_; }
  void encoder_ended() { --open_encoders_; }
  const Limits& limits() const { return queue_->limits(); }

  // For the queue's thread.
  void execute();

 private:
  void run(Item& item);
  void fail(Error error);
  void reach(Status status, std::vector<Handler>& handlers);
  void wait_for(Status status);
  void add_handler(std::vector<Handler>& handlers, Handler handler);

  const std::shared_ptr<SerialQueue> queue_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Status status_ = Status::not_enqueued;
  bool finished_ = false;  // after the completed handlers
  std::optional<Error> error_;
  std::string label_;
  std::vector<Handler> scheduled_handlers_, completed_handlers_;
  // Written by the recording thread until commit, then by the queue's.
  std::vector<Item> items_;
  std::vector<std::shared_ptr<const void>> retained_;
  int open_encoders_ = 0;
};

class RecordingEncoder final : public ComputeEncoder {
 public:
  explicit RecordingEncoder(std::shared_ptr<RecordedBuffer> buffer) : buffer_(std::move(buffer)) {
    buffer_->encoder_began();
  }

  void set_pipeline(std::shared_ptr<Pipeline> pipeline) override {
    pipeline_ = std::move(pipeline);
  }

  void set_buffer(std::shared_ptr<Buffer> buffer, uint64_t offset, uint32_t index) override {
    if (!check_index("set_buffer", index)) return;
    if (!buffer) {
      base_[index] = bound_[index] = {};
      return;
    }
    base_[index] = {buffer->data(), buffer->size()};
    buffer_->retain(std::move(buffer));
    set_buffer_offset(offset, index);
  }

  void set_buffer_offset(uint64_t offset, uint32_t index) override {
    if (!check_index("set_buffer_offset", index)) return;
    const Argument& base = base_[index];
    if (offset > base.size)
      return buffer_->record(
          user_error(fmt::format("set_buffer at index {}: offset {} is behind the "
                                 "buffer's end ({} bytes)",
                                 index, grouped(offset), grouped(base.size))));
    bound_[index] = {static_cast<std::byte*>(base.data) + offset, base.size - offset};
  }

  void set_bytes(std::span<const std::byte> bytes, uint32_t index) override {
    if (!check_index("set_bytes", index)) return;
    uint32_t limit = buffer_->limits().inline_bytes;
    if (bytes.size() > limit)
      return buffer_->record(
          user_error(fmt::format("set_bytes at index {}: {} bytes are over the limit of {}: "
                                 "use a buffer",
                                 index, grouped(bytes.size()), grouped(limit))));
    // In units of 16 bytes, the strictest alignment of a Metal type.
    struct alignas(16) Unit {
      std::byte bytes[16];
    };
    size_t units = std::max<size_t>(1, (bytes.size() + 15) / 16);
    std::shared_ptr<Unit[]> copy(new Unit[units]());
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::byte*>(copy.get()));
    base_[index] = bound_[index] = {copy.get(), bytes.size()};
    buffer_->retain(std::move(copy));
  }

  void set_texture(std::shared_ptr<const Texture> texture, uint32_t index) override {
    if (!check_index("set_texture", index, kTextures)) return;
    textures_[index] = texture.get();
    if (texture) buffer_->retain(std::move(texture));
  }
  void use_texture(std::shared_ptr<const Texture> texture) override {
    if (texture) buffer_->retain(std::move(texture));
  }
  void set_sampler(std::shared_ptr<const Sampler> sampler, uint32_t index) override {
    if (!check_index("set_sampler", index, kSamplers)) return;
    samplers_[index] = sampler.get();
    if (sampler) buffer_->retain(std::move(sampler));
  }

  void set_threadgroup_length(uint64_t bytes, uint32_t index) override {
    if (!check_index("set_threadgroup_length", index)) return;
    uint32_t limit = buffer_->limits().threadgroup_bytes;
    if (bytes > limit)
      return buffer_->record(
          user_error(fmt::format("set_threadgroup_length at index {}: {} bytes are over "
                                 "the limit of {}: use less",
                                 index, grouped(bytes), grouped(limit))));
    threadgroup_lengths_[index] = static_cast<uint32_t>(bytes);
  }

  void dispatch_threads(std::array<int64_t, 3> grid, std::array<int64_t, 3> threadgroup) override {
    dispatch("grid", grid, threadgroup, /*grid_counts_threads=*/true);
  }
  void dispatch_threadgroups(std::array<int64_t, 3> groups,
                             std::array<int64_t, 3> threadgroup) override {
    dispatch("threadgroups per grid", groups, threadgroup, /*grid_counts_threads=*/false);
  }

  void dispatch_threadgroups_indirect(std::shared_ptr<Buffer> groups, uint64_t offset,
                                      std::array<int64_t, 3> threadgroup) override {
    constexpr uint64_t kBytes = 3 * sizeof(uint32_t);
    if (!groups || groups->size() < kBytes || offset > groups->size() - kBytes || offset % 4 != 0)
      return buffer_->record(
          user_error(fmt::format("an indirect dispatch reads 12 bytes at offset {} of a buffer of "
                                 "{} bytes: the offset must "
                                 "be a multiple of 4, and they must be inside",
                                 grouped(offset), groups ? grouped(groups->size()) : "no")));
    Result<DispatchItem> item = make_item("threadgroups per grid", {1, 1, 1}, threadgroup, false);
    if (!item.ok()) return buffer_->record(std::move(item).error());
    item.value().groups =
        reinterpret_cast<const uint32_t*>(static_cast<const std::byte*>(groups->data()) + offset);
    buffer_->retain(std::move(groups));
    buffer_->record(std::move(item).value());
  }

  void use_resource(std::shared_ptr<Buffer> buffer) override {
    if (!buffer) return;
    resident_.push_back({buffer->data(), buffer->size()});
    buffer_->retain(std::move(buffer));
  }

  void memory_barrier() override {}
  void update_fence(const std::shared_ptr<Fence>&) override {}
  void wait_for_fence(const std::shared_ptr<Fence>&) override {}

  void end() override {
    if (!std::exchange(ended_, true)) buffer_->encoder_ended();
  }

 private:
  static constexpr size_t kIndices = 31, kTextures = 128, kSamplers = 16;

  bool check_index(const char* what, uint32_t index, size_t limit = kIndices) {
    if (index < limit) return true;
    buffer_->record(user_error(fmt::format("{}: index {} is over the limit of {} (0 to {})", what,
                                           index, limit, limit - 1)));
    return false;
  }

  template <class Bound, class Items>
  static void take(const Bound& bound, const Parameter& p, Items& items) {
    const size_t end = std::min<size_t>(size_t{p.index} + p.count, bound.size());
    if (items.size() < end) items.resize(end);
    for (size_t i = p.index; i < end; ++i) items[i] = bound[i];
  }

  void dispatch(std::string_view what, std::array<int64_t, 3> size,
                std::array<int64_t, 3> threadgroup, bool grid_counts_threads) {
    Result<DispatchItem> item = make_item(what, size, threadgroup, grid_counts_threads);
    if (!item.ok()) return buffer_->record(std::move(item).error());
    buffer_->record(std::move(item).value());
  }

  Result<DispatchItem> make_item(std::string_view what, std::array<int64_t, 3> size,
                                 std::array<int64_t, 3> threadgroup, bool grid_counts_threads) {
    if (ended_) return user_error("a dispatch after the encoder's end: begin another encoder");
    if (!pipeline_) return user_error("a dispatch without a pipeline: set one first");
    ANYMETAL_ASSIGN_OR_RETURN(Extent group, checked_extent("threadgroup", threadgroup[0],
                                                           threadgroup[1], threadgroup[2]));
    ANYMETAL_ASSIGN_OR_RETURN(Extent grid, checked_extent(what, size[0], size[1], size[2]));
    if (!grid_counts_threads) {
      ANYMETAL_ASSIGN_OR_RETURN(
          grid, checked_extent("grid", int64_t{grid.x} * std::min(group.x, 1u << 30),
                               int64_t{grid.y} * std::min(group.y, 1u << 30),
                               int64_t{grid.z} * std::min(group.z, 1u << 30)));
    }
    DispatchItem item{
        pipeline_, {},       {threadgroup_lengths_.begin(), threadgroup_lengths_.end()},
        {},        {},       grid,
        group,     resident_};
    // Bindings persist from pipeline to pipeline, as in Metal: only those that this kernel has go
    // along.
    for (const Parameter& p : pipeline_->interface().parameters) {
      if (p.kind == ParameterKind::texture) take(textures_, p, item.textures);
      if (p.kind == ParameterKind::sampler) take(samplers_, p, item.samplers);
      if (p.kind != ParameterKind::buffer || p.index >= kIndices) continue;
      if (item.buffers.size() <= p.index) item.buffers.resize(p.index + 1);
      item.buffers[p.index] = bound_[p.index];
    }
    Launch launch{grid, group, item.buffers, item.threadgroup_lengths};
    launch.textures = item.textures;
    launch.samplers = item.samplers;
    ANYMETAL_RETURN_IF_ERROR(pipeline_->validate(launch));
    return item;
  }

  const std::shared_ptr<RecordedBuffer> buffer_;
  std::shared_ptr<Pipeline> pipeline_;
  std::array<Argument, kIndices> base_{}, bound_{};
  std::array<uint32_t, kIndices> threadgroup_lengths_{};
  std::vector<Argument> resident_;
  std::array<const Texture*, kTextures> textures_{};
  std::array<const Sampler*, kSamplers> samplers_{};
  bool ended_ = false;
};

Result<void> run_dispatch(const DispatchItem& item) {
  Launch launch{item.grid, item.threadgroup, item.buffers, item.threadgroup_lengths, item.resident};
  launch.textures = item.textures;
  launch.samplers = item.samplers;
  if (item.groups) {
    uint32_t groups[3];
    std::memcpy(groups, item.groups, sizeof groups);
    if (groups[0] == 0 || groups[1] == 0 || groups[2] == 0) return {};
    const Extent& group = item.threadgroup;
    ANYMETAL_ASSIGN_OR_RETURN(
        launch.grid, checked_extent("grid", int64_t{groups[0]} * group.x,
                                    int64_t{groups[1]} * group.y, int64_t{groups[2]} * group.z));
  }
  return item.pipeline->run(launch);
}

// The queue.
// ----------------------------------------------------------------------------------------------------------

SerialQueue::~SerialQueue() {
  {
    std::lock_guard lock(state_->mutex);
    state_->closing = true;
  }
  state_->changed.notify_all();
  // The last owner may be a buffer that the thread itself lets go of.
  if (thread_.get_id() == std::this_thread::get_id())
    thread_.detach();
  else
    thread_.join();
}

std::shared_ptr<CommandBuffer> SerialQueue::command_buffer() {
  return std::make_shared<RecordedBuffer>(shared_from_this());
}

void SerialQueue::enqueue(const std::shared_ptr<RecordedBuffer>& buffer) {
  std::lock_guard lock(state_->mutex);
  state_->places.push_back({buffer, nullptr});
}

void SerialQueue::commit(const std::shared_ptr<RecordedBuffer>& buffer) {
  {
    std::lock_guard lock(state_->mutex);
    auto place =
        std::find_if(state_->places.begin(), state_->places.end(),
                     [&](const QueueState::Place& one) { return one.enqueued.lock() == buffer; });
    if (place == state_->places.end()) place = state_->places.insert(place, {buffer, nullptr});
    place->committed = buffer;
  }
  state_->changed.notify_all();
}

void SerialQueue::work(const std::shared_ptr<QueueState>& state) {
  for (;;) {
    std::shared_ptr<RecordedBuffer> next;
    {
      std::unique_lock lock(state->mutex);
      auto& places = state->places;
      for (;;) {
        // A buffer that was enqueued and then thrown away holds up nobody.
        while (!places.empty() && !places.front().committed && places.front().enqueued.expired())
          places.pop_front();
        if (!places.empty() && places.front().committed) break;
        if (state->closing && places.empty()) return;
        // The destructor of an enqueued buffer has no way to wake us, so look again now and then.
        if (places.empty())
          state->changed.wait(lock);
        else
          state->changed.wait_for(lock, std::chrono::milliseconds(50));
      }
      next = std::move(places.front().committed);
      places.pop_front();
    }
    next->execute();
  }
}

// The command buffer.
// -------------------------------------------------------------------------------------------------

std::shared_ptr<ComputeEncoder> RecordedBuffer::compute_encoder() {
  return std::make_shared<RecordingEncoder>(
      std::static_pointer_cast<RecordedBuffer>(shared_from_this()));
}

void RecordedBuffer::record(Item item) {
  {
    std::lock_guard lock(mutex_);
    if (status_ >= Status::committed) {
      log(LogLevel::warn, "a command buffer was changed after commit; the change is ignored");
      return;
    }
  }
  items_.push_back(std::move(item));
}

void RecordedBuffer::add_handler(std::vector<Handler>& handlers, Handler handler) {
  {
    std::lock_guard lock(mutex_);
    if (!finished_) {
      handlers.push_back(std::move(handler));
      return;
    }
  }
  handler(*this);
}

void RecordedBuffer::enqueue() {
  {
    std::lock_guard lock(mutex_);
    if (status_ != Status::not_enqueued) return;
    status_ = Status::enqueued;
  }
  queue_->enqueue(std::static_pointer_cast<RecordedBuffer>(shared_from_this()));
}

void RecordedBuffer::commit() {
  if (open_encoders_ > 0)
    record(user_error("commit of a command buffer whose encoder has not ended: end it first"));
  {
    std::lock_guard lock(mutex_);
    if (status_ >= Status::committed) return;
    status_ = Status::committed;
  }
  queue_->commit(std::static_pointer_cast<RecordedBuffer>(shared_from_this()));
}

void RecordedBuffer::execute() {
  reach(Status::scheduled, scheduled_handlers_);
  for (Item& item : items_) run(item);
  items_.clear();
  retained_.clear();
  bool failed = error().has_value();
  reach(failed ? Status::error : Status::completed, completed_handlers_);
  {
    std::lock_guard lock(mutex_);
    finished_ = true;
  }
  changed_.notify_all();
}

// After an error nothing more is computed, but who waits for a signal gets it.
void RecordedBuffer::run(Item& item) {
  if (auto* signal = std::get_if<SignalItem>(&item)) return signal->event->signal(signal->value);
  if (error()) return;
  if (auto* wait = std::get_if<WaitItem>(&item)) {
    wait->event->wait(wait->value);
  } else if (auto* host = std::get_if<HostItem>(&item)) {
    host->work();
  } else if (auto* problem = std::get_if<Error>(&item)) {
    fail(std::move(*problem));
  } else if (auto* d = std::get_if<DispatchItem>(&item)) {
    if (Result<void> result = run_dispatch(*d); !result.ok()) fail(std::move(result).error());
  }
}

void RecordedBuffer::fail(Error error) {
  log(LogLevel::debug, fmt::format("command buffer failed: {}", error.message));
  std::lock_guard lock(mutex_);
  if (!error_) error_ = std::move(error);
}

void RecordedBuffer::reach(Status status, std::vector<Handler>& handlers) {
  std::vector<Handler> due;
  {
    std::lock_guard lock(mutex_);
    status_ = status;
    due.swap(handlers);
  }
  changed_.notify_all();
  for (Handler& handler : due) handler(*this);
}

void RecordedBuffer::wait_for(Status status) {
  std::unique_lock lock(mutex_);
  if (status_ < Status::committed) {
    log(LogLevel::warn, "a wait for a command buffer that was not committed returns at once");
    return;
  }
  changed_.wait(lock, [&] {
    return finished_ || (status == Status::scheduled && status_ >= Status::scheduled);
  });
}

}  // namespace

std::shared_ptr<CommandQueue> make_queue(const Limits& limits) {
  return std::make_shared<SerialQueue>(limits);
}

}  // namespace anymetal::runtime

// The device: what this machine is, and where the objects of the house come from.
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "backend/fork_guard.h"
#include "runtime/device_state.h"
#include "runtime/validate_launch.h"

namespace anymetal::runtime {

namespace {

uint64_t machine_memory() {
  long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page)
                               : uint64_t{1} << 32;
}

std::string processor_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name"))
      if (size_t at = line.find(": "); at != std::string::npos) return line.substr(at + 2);
  return "this CPU";
}

class SystemDevice final : public Device {
 public:
  SystemDevice(Settings settings, Engine engine)
      : state_(std::make_shared<DeviceState>(std::move(settings), std::move(engine))),
        name_(fmt::format("anymetal ({} on {})", state_->settings.executor, processor_name())) {
    uint64_t memory = machine_memory();
    state_->limits.max_buffer_bytes = memory;
    state_->limits.recommended_working_set_bytes = memory / 4 * 3;
  }
  // The caches hold what holds the state.
  ~SystemDevice() override {
    state_->pipelines.clear();
    state_->libraries.clear();
  }

  const std::string& name() const override { return name_; }
  const std::string& architecture() const override { return state_->settings.architecture; }
  const Limits& limits() const override { return state_->limits; }
  const Settings& settings() const override { return state_->settings; }

  Result<std::shared_ptr<Buffer>> buffer(uint64_t size) override {
    if (size == 0) return user_error("a buffer of 0 bytes: ask for at least 1");
    if (size > state_->limits.max_buffer_bytes)
      return user_error(
          fmt::format("a buffer of {} bytes is over the limit of {}, the memory of this machine",
                      grouped(size), grouped(state_->limits.max_buffer_bytes)));
    // Straight from the system: page-aligned, zeroed, and given back at once.
    void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
      return Error{
          ErrorKind::environment,
          fmt::format("no memory for a buffer of {} bytes: release others first", grouped(size)),
          {}};
    return wrap(data, size, [](void* at, uint64_t bytes) { ::munmap(at, bytes); });
  }

  Result<std::shared_ptr<Library>> library(const language::Source& source,
                                           const language::Options& options) override {
    const backend::ForkGuard guard;
    return open_library(state_, source, options);
  }
  Result<std::shared_ptr<Pipeline>> pipeline(const std::shared_ptr<Function>& function) override {
    const backend::ForkGuard guard;
    return open_pipeline(state_, *this, function);
  }
  std::shared_ptr<CommandQueue> queue() override { return make_queue(state_->limits); }

 private:
  const std::shared_ptr<DeviceState> state_;
  const std::string name_;
};

}  // namespace

Buffer::Buffer(void* data, uint64_t size, Deleter deleter)
    : data_(data), size_(size), deleter_(std::move(deleter)) {}

Buffer::~Buffer() {
  if (deleter_) deleter_(data_, size_);
}

std::shared_ptr<Buffer> Device::wrap(void* data, uint64_t size, Buffer::Deleter deleter) {
  return std::shared_ptr<Buffer>(new Buffer(data, size, std::move(deleter)));
}

Result<void> DeviceState::ready() const {
  if (settings.invalid) return *settings.invalid;
  if (engine.missing) return *engine.missing;
  if (!engine.backend) return internal_error("no back end in this engine");
  return {};
}

bool notes_are_read(const Device& device) {
  return device.settings().trace || device.settings().warn_coverage || capture_is_running() ||
         launch_watcher() != nullptr;
}

std::unique_ptr<Device> Device::create(Settings settings, Engine engine) {
  return std::make_unique<SystemDevice>(std::move(settings), std::move(engine));
}

}  // namespace anymetal::runtime

// Queues, command buffers, encoders, events behind their handles.
//
// A committed command buffer keeps its handle alive until its handlers have run, as they are given
// it.
#include <chrono>
#include <limits>

#include "core/object.h"

namespace runtime = anymetal::runtime;

namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A callback of C: called at most once, its context freed exactly once.
class Context {
 public:
  Context(void* context, am_destroy destroy)
      : context_(context, destroy ? destroy : [](void*) {}) {}
  [[nodiscard]] void* get() const { return context_.get(); }

 private:
  std::shared_ptr<void> context_;
};

// std::array's int64_t; what doesn't fit is as wrong as the largest number, and the error shows
// that.
std::array<int64_t, 3> signed_sizes(am_size size) {
  auto clamp = [](uint64_t n) {
    return static_cast<int64_t>(std::min<uint64_t>(n, std::numeric_limits<int64_t>::max()));
  };
  return {clamp(size.width), clamp(size.height), clamp(size.depth)};
}

uint32_t index_of(uint64_t index) {
  return static_cast<uint32_t>(std::min<uint64_t>(index, std::numeric_limits<uint32_t>::max()));
}

runtime::CommandBuffer::Handler handler_of(am_command_buffer* commands, am_command_handler handler,
                                           void* context, am_destroy destroy) {
  return [commands, handler, shared = Context(context, destroy)](runtime::CommandBuffer&) {
    if (handler) handler(shared.get(), commands);
  };
}

}  // namespace

extern "C" {

am_queue* am_queue_new(am_device* device) {
  if (!device) return nullptr;
  auto* queue = new am_queue;
  queue->queue = device->device->queue();
  return queue;
}

am_command_buffer* am_command_buffer_new(am_queue* queue) {
  if (!queue) return nullptr;
  auto* commands = new am_command_buffer;
  commands->commands = queue->queue->command_buffer();
  commands->commands->add_scheduled_handler(
      [commands](runtime::CommandBuffer&) { commands->start = seconds_now(); });
  commands->commands->add_completed_handler(
      [commands](runtime::CommandBuffer&) { commands->end = seconds_now(); });
  return commands;
}

void am_command_buffer_enqueue(am_command_buffer* commands) {
  if (commands) commands->commands->enqueue();
}

void am_command_buffer_commit(am_command_buffer* commands) {
  if (!commands || commands->commands->status() >= runtime::Status::committed) return;
  am_retain(commands);
  commands->commands->add_completed_handler(
      [commands](runtime::CommandBuffer&) { am_release(commands); });
  commands->commands->commit();
}

void am_command_buffer_wait_scheduled(am_command_buffer* commands) {
  if (commands) commands->commands->wait_until_scheduled();
}
void am_command_buffer_wait_completed(am_command_buffer* commands) {
  if (commands) commands->commands->wait_until_completed();
}
am_status am_command_buffer_status(const am_command_buffer* commands) {
  return commands ? static_cast<am_status>(commands->commands->status()) : AM_STATUS_NOT_ENQUEUED;
}
am_error* am_command_buffer_copy_error(const am_command_buffer* commands) {
  am_error* error = nullptr;
  if (commands)
    if (auto problem = commands->commands->error()) anymetal::core::give(&error, *problem);
  return error;
}

void am_command_buffer_add_scheduled_handler(am_command_buffer* commands,
                                             am_command_handler handler, void* context,
                                             am_destroy destroy) {
  auto made =
      handler_of(commands, handler, context, destroy);  // frees the context if nobody takes it
  if (commands) commands->commands->add_scheduled_handler(std::move(made));
}
void am_command_buffer_add_completed_handler(am_command_buffer* commands,
                                             am_command_handler handler, void* context,
                                             am_destroy destroy) {
  auto made = handler_of(commands, handler, context, destroy);
  if (commands) commands->commands->add_completed_handler(std::move(made));
}

void am_command_buffer_signal(am_command_buffer* commands, am_event* event, uint64_t value) {
  if (commands && event) commands->commands->encode_signal(event->event, value);
}
void am_command_buffer_wait(am_command_buffer* commands, am_event* event, uint64_t value) {
  if (commands && event) commands->commands->encode_wait(event->event, value);
}
double am_command_buffer_start_time(const am_command_buffer* commands) {
  return commands ? commands->start.load() : 0;
}
double am_command_buffer_end_time(const am_command_buffer* commands) {
  return commands ? commands->end.load() : 0;
}

am_encoder* am_encoder_new(am_command_buffer* commands) {
  if (!commands) return nullptr;
  auto* encoder = new am_encoder;
  encoder->encoder = commands->commands->compute_encoder();
  return encoder;
}

void am_encoder_set_pipeline(am_encoder* encoder, am_pipeline* pipeline) {
  if (encoder) encoder->encoder->set_pipeline(pipeline ? pipeline->pipeline : nullptr);
}
void am_encoder_set_buffer(am_encoder* encoder, am_buffer* buffer, uint64_t offset,
                           uint64_t index) {
  if (encoder)
    encoder->encoder->set_buffer(buffer ? buffer->buffer : nullptr, offset, index_of(index));
}
void am_encoder_set_buffer_offset(am_encoder* encoder, uint64_t offset, uint64_t index) {
  if (encoder) encoder->encoder->set_buffer_offset(offset, index_of(index));
}
void am_encoder_set_bytes(am_encoder* encoder, const void* bytes, size_t length, uint64_t index) {
  if (encoder)
    encoder->encoder->set_bytes({static_cast<const std::byte*>(bytes), bytes ? length : 0},
                                index_of(index));
}
void am_encoder_set_texture(am_encoder* encoder, am_texture* texture, uint64_t index) {
  if (encoder) encoder->encoder->set_texture(texture ? texture->texture : nullptr, index_of(index));
}
void am_encoder_set_sampler(am_encoder* encoder, am_sampler* sampler, uint64_t index) {
  if (encoder) encoder->encoder->set_sampler(sampler ? sampler->sampler : nullptr, index_of(index));
}
void am_encoder_set_threadgroup_memory(am_encoder* encoder, uint64_t length, uint64_t index) {
  if (encoder) encoder->encoder->set_threadgroup_length(length, index_of(index));
}
void am_encoder_dispatch_threads(am_encoder* encoder, am_size threads, am_size threadgroup) {
  if (encoder) encoder->encoder->dispatch_threads(signed_sizes(threads), signed_sizes(threadgroup));
}
void am_encoder_dispatch_threadgroups(am_encoder* encoder, am_size threadgroups,
                                      am_size threadgroup) {
  if (encoder)
    encoder->encoder->dispatch_threadgroups(signed_sizes(threadgroups), signed_sizes(threadgroup));
}
void am_encoder_dispatch_threadgroups_indirect(am_encoder* encoder, am_buffer* groups,
                                               uint64_t offset, am_size threadgroup) {
  if (encoder)
    encoder->encoder->dispatch_threadgroups_indirect(groups ? groups->buffer : nullptr, offset,
                                                     signed_sizes(threadgroup));
}
void am_encoder_use_resource(am_encoder* encoder, void* resource) {
  if (!encoder || !resource) return;
  auto* object = static_cast<am_object*>(resource);
  if (auto* buffer = dynamic_cast<am_buffer*>(object))
    encoder->encoder->use_resource(buffer->buffer);
  if (auto* texture = dynamic_cast<am_texture*>(object))
    encoder->encoder->use_texture(texture->texture);
}
void am_encoder_memory_barrier(am_encoder* encoder) {
  if (encoder) encoder->encoder->memory_barrier();
}
void am_encoder_update_fence(am_encoder* encoder, am_fence* fence) {
  if (encoder && fence) encoder->encoder->update_fence(fence->fence);
}
void am_encoder_wait_for_fence(am_encoder* encoder, am_fence* fence) {
  if (encoder && fence) encoder->encoder->wait_for_fence(fence->fence);
}
void am_encoder_end(am_encoder* encoder) {
  if (encoder) encoder->encoder->end();
}

am_event* am_event_new(am_device* device) {
  return device ? new am_event : nullptr;
}
uint64_t am_event_value(const am_event* event) {
  return event ? event->event->value() : 0;
}
void am_event_signal(am_event* event, uint64_t value) {
  if (event) event->event->signal(value);
}
bool am_event_wait(am_event* event, uint64_t value, uint64_t milliseconds) {
  if (!event) return false;
  constexpr uint64_t kYear = uint64_t{1000} * 3600 * 24 * 365;
  if (milliseconds > kYear) return event->event->wait(value);
  return event->event->wait(value, std::chrono::milliseconds(milliseconds));
}
void am_event_notify(am_event* event, uint64_t value, am_event_handler handler, void* context,
                     am_destroy destroy) {
  Context shared(context, destroy);
  if (!event || !handler) return;
  std::shared_ptr<void> kept(am_retain(event), am_release);
  event->event->notify(value, [kept, handler, shared](uint64_t reached) {
    handler(shared.get(), static_cast<am_event*>(kept.get()), reached);
  });
}

am_fence* am_fence_new(am_device* device) {
  return device ? new am_fence : nullptr;
}

void am_request_stop(void) {
  runtime::request_stop();
}
void am_install_interrupt_handler(void) {
  runtime::install_interrupt_handler();
}

bool am_capture_start(const char* path, am_error** error) {
  anymetal::Result<void> result = runtime::start_capture(anymetal::core::text_of(path));
  if (!result.ok()) anymetal::core::give(error, result.error());
  return result.ok();
}
bool am_capture_stop(am_error** error) {
  anymetal::Result<void> result = runtime::stop_capture();
  if (!result.ok()) anymetal::core::give(error, result.error());
  return result.ok();
}
bool am_capture_is_running(void) {
  return runtime::capture_is_running();
}

const char* am_version(void) {
  return ANYMETAL_VERSION;
}

}  // extern "C"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "runtime/fake_engine.h"

namespace anymetal::runtime {
namespace {

class CommandQueueTest : public testing::Test {
 protected:
  CommandQueueTest() {
    fake.kernels["add_one"] = add_one();
    fake.kernels["spin"] = spin();
    device = Device::create({}, fake.engine());
    library = device->library({.text = "add_one spin", .name = "test.metal"}).value();
    add = device->pipeline(library->function("add_one").value()).value();
    queue = device->queue();
    x = device->buffer(64).value();
    y = device->buffer(64).value();
  }
  float* floats(const std::shared_ptr<Buffer>& buffer) {
    return static_cast<float*>(buffer->data());
  }
  // to = from + 1
  void encode(CommandBuffer& commands, const std::shared_ptr<Buffer>& from,
              const std::shared_ptr<Buffer>& to) {
    auto encoder = commands.compute_encoder();
    encoder->set_pipeline(add);
    encoder->set_buffer(from, 0, 0);
    encoder->set_buffer(to, 0, 1);
    encoder->dispatch_threads({16, 1, 1}, {4, 1, 1});
    encoder->end();
  }
  std::string error_of(const std::function<void(ComputeEncoder&)>& record) {
    auto commands = queue->command_buffer();
    auto encoder = commands->compute_encoder();
    record(*encoder);
    encoder->end();
    commands->commit();
    commands->wait_until_completed();
    return commands->error() ? commands->error()->message : "none";
  }

  FakeEngine fake;
  std::unique_ptr<Device> device;
  std::shared_ptr<Library> library;
  std::shared_ptr<Pipeline> add;
  std::shared_ptr<CommandQueue> queue;
  std::shared_ptr<Buffer> x, y;
};

TEST_F(CommandQueueTest, RunsInOrderAndCallsHandlersBeforeTheWaitEnds) {
  auto commands = queue->command_buffer();
  EXPECT_EQ(commands->status(), Status::not_enqueued);
  for (int i = 0; i < 100; ++i) i % 2 ? encode(*commands, y, x) : encode(*commands, x, y);
  std::string order;
  commands->add_scheduled_handler([&](CommandBuffer&) { order += "s"; });
  commands->add_completed_handler(
      [&](CommandBuffer& c) { order += c.status() == Status::completed ? "c" : "?"; });
  commands->commit();
  commands->wait_until_completed();
  EXPECT_EQ(order, "sc");
  EXPECT_EQ(commands->status(), Status::completed);
  EXPECT_FALSE(commands->error());
  EXPECT_EQ(floats(x)[15], 100.0f);
  EXPECT_EQ(floats(y)[0], 99.0f);
}

TEST_F(CommandQueueTest, EnqueueReservesThePlace) {
  std::vector<int> order;
  auto first = queue->command_buffer(), second = queue->command_buffer(),
       dropped = queue->command_buffer();
  first->encode_host([&] { order.push_back(1); });
  second->encode_host([&] { order.push_back(2); });
  dropped->enqueue();
  first->enqueue();
  second->commit();
  dropped.reset();  // holds up nobody
  first->commit();
  second->wait_until_completed();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST_F(CommandQueueTest, BytesAreCopiedAndOffsetsApply) {
  auto commands = queue->command_buffer();
  auto encoder = commands->compute_encoder();
  float values[4] = {1, 2, 3, 4};
  encoder->set_pipeline(add);
  encoder->set_bytes(std::as_bytes(std::span(values)), 0);
  values[0] = 99;
  encoder->set_buffer(y, 0, 1);
  encoder->set_buffer_offset(16, 1);
  encoder->dispatch_threadgroups({2, 1, 1}, {2, 1, 1});
  encoder->end();
  commands->commit();
  commands->wait_until_completed();
  EXPECT_FALSE(commands->error()) << commands->error()->message;
  EXPECT_EQ(floats(y)[3], 0.0f);
  EXPECT_EQ(floats(y)[4], 2.0f);
  EXPECT_EQ(floats(y)[7], 5.0f);
}

TEST_F(CommandQueueTest, WrongCallsBecomeTheErrorOfTheCommandBuffer) {
  EXPECT_EQ(error_of([](ComputeEncoder& e) { e.dispatch_threads({1, 1, 1}, {1, 1, 1}); }),
            "a dispatch without a pipeline: set one first");
  EXPECT_EQ(error_of([&](ComputeEncoder& e) {
              e.set_pipeline(add);
              e.dispatch_threads({-4, 1, 1}, {1, 1, 1});
            }),
            "grid (-4, 1, 1): dimension x is negative; sizes count threads and are at least 1");
  EXPECT_EQ(error_of([&](ComputeEncoder& e) {
              e.set_pipeline(add);
              e.dispatch_threadgroups({int64_t{1} << 31, 1, 1}, {4, 1, 1});
            }),
            "grid (8589934592, 1, 1): dimension x is over the limit of 4,294,967,295; sizes count "
            "threads and are at "
            "least 1");
  EXPECT_EQ(error_of([&](ComputeEncoder& e) {
              e.set_pipeline(add);
              e.dispatch_threads({4, 1, 1}, {4, 1, 1});
            }),
            "kernel `add_one`: buffer 0 (`device const float* x [[buffer(0)]]`) is null: bind one");
  EXPECT_EQ(error_of([&](ComputeEncoder& e) { e.set_bytes(std::vector<std::byte>(4097), 0); }),
            "set_bytes at index 0: 4,097 bytes are over the limit of 4,096: use a buffer");
  EXPECT_EQ(error_of([&](ComputeEncoder& e) { e.set_buffer(x, 0, 31); }),
            "set_buffer: index 31 is over the limit of 31 (0 to 30)");
  EXPECT_EQ(error_of([&](ComputeEncoder& e) { e.set_buffer(x, 65, 0); }),
            "set_buffer at index 0: offset 65 is behind the buffer's end (64 bytes)");
  EXPECT_EQ(
      error_of([&](ComputeEncoder& e) { e.set_threadgroup_length(65536, 0); }),
      "set_threadgroup_length at index 0: 65,536 bytes are over the limit of 32,768: use less");
  EXPECT_EQ(error_of([&](ComputeEncoder& e) {
              e.set_pipeline(add);
              e.set_buffer(x, 0, 0);
              e.set_buffer(y, 0, 1);
              e.set_buffer(nullptr, 0, 1);
              e.set_buffer_offset(0, 1);
              e.dispatch_threads({4, 1, 1}, {4, 1, 1});
            }),
            "kernel `add_one`: buffer 1 (`device float* y [[buffer(1)]]`) is null: bind one");
  auto commands = queue->command_buffer();
  auto encoder = commands->compute_encoder();
  commands->commit();
  commands->wait_until_completed();
  EXPECT_EQ(commands->error()->message,
            "commit of a command buffer whose encoder has not ended: end it first");
}

TEST_F(CommandQueueTest, AfterAnErrorNothingRunsButSignalsAreGiven) {
  auto commands = queue->command_buffer();
  auto event = make_event();
  commands->compute_encoder()->dispatch_threads({1, 1, 1}, {1, 1, 1});
  auto encoder = commands->compute_encoder();
  encoder->end();
  encode(*commands, x, y);
  commands->encode_signal(event, 7);
  bool handled = false;
  commands->add_completed_handler([&](CommandBuffer& c) { handled = c.status() == Status::error; });
  commands->commit();
  commands->wait_until_completed();
  EXPECT_TRUE(handled);
  EXPECT_EQ(commands->status(), Status::error);
  EXPECT_EQ(event->value(), 7u);
  EXPECT_EQ(floats(y)[0], 0.0f);
}

TEST_F(CommandQueueTest, QueuesProgressIndependentlyAndEventsOrderThem) {
  auto other = device->queue();
  auto event = make_event();
  auto waits = queue->command_buffer(), signals = other->command_buffer();
  waits->encode_wait(event, 2);
  encode(*waits, y, x);
  waits->commit();
  EXPECT_FALSE(event->wait(1, std::chrono::milliseconds(20)));
  EXPECT_NE(waits->status(), Status::completed);
  encode(*signals, x, y);
  signals->encode_signal(event, 2);
  signals->commit();
  waits->wait_until_completed();
  EXPECT_EQ(floats(y)[0], 1.0f);
  EXPECT_EQ(floats(x)[0], 2.0f);
}

TEST_F(CommandQueueTest, TheHostSignalsAndIsTold) {
  auto event = make_event();
  uint64_t told = 0, late = 0;
  event->notify(3, [&](uint64_t value) { told = value; });
  event->signal(2);
  EXPECT_EQ(told, 0u);
  event->signal(5);
  EXPECT_EQ(told, 5u);
  event->signal(4);  // counters only grow
  EXPECT_EQ(event->value(), 5u);
  event->notify(1, [&](uint64_t value) { late = value; });
  EXPECT_EQ(late, 5u);
  EXPECT_TRUE(event->wait(5, std::chrono::nanoseconds(0)));
  EXPECT_FALSE(event->wait(6, std::chrono::nanoseconds(0)));
}

TEST_F(CommandQueueTest, WorkOutlivesItsHandles) {
  auto event = make_event();
  {
    auto commands = queue->command_buffer();
    commands->encode_wait(event, 1);
    encode(*commands, x, y);
    commands->encode_signal(event, 2);
    commands->commit();
    queue.reset();
  }
  event->signal(1);
  EXPECT_TRUE(event->wait(2, std::chrono::seconds(10)));
  EXPECT_EQ(floats(y)[0], 1.0f);
}

TEST_F(CommandQueueTest, AStoppedKernelLeavesItsQueueAlive) {
  auto endless = queue->command_buffer();
  auto encoder = endless->compute_encoder();
  encoder->set_pipeline(device->pipeline(library->function("spin").value()).value());
  encoder->dispatch_threads({1, 1, 1}, {1, 1, 1});
  encoder->end();
  endless->commit();
  while (running_dispatches() == 0) std::this_thread::yield();
  request_stop();
  endless->wait_until_completed();
  EXPECT_EQ(endless->error()->kind, ErrorKind::stopped);
  auto next = queue->command_buffer();
  encode(*next, x, y);
  next->commit();
  next->wait_until_completed();
  EXPECT_EQ(next->status(), Status::completed);
}

}  // namespace
}  // namespace anymetal::runtime

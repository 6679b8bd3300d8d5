// Metal programs from text to numbers, through the metal-cpp headers and the real rooms below.
#include <gtest/gtest.h>

#include <Metal/Metal.hpp>
#include <atomic>
#include <cmath>
#include <thread>

#include "runtime/runtime.h"
#include "support/checks_under_test.h"

namespace {

using anymetal::stops_outside_under_test;

class Metal : public testing::Test {
 protected:
  NS::SharedPtr<MTL::Library> library(const char* text, MTL::CompileOptions* options = nullptr) {
    NS::Error* error = nullptr;
    auto made = NS::TransferPtr(
        device->newLibrary(NS::String::string(text, NS::UTF8StringEncoding), options, &error));
    message = error ? error->localizedDescription()->utf8String() : "";
    return made;
  }
  NS::SharedPtr<MTL::ComputePipelineState> pipeline(
      const char* text, const char* name, MTL::FunctionConstantValues* constants = nullptr) {
    auto from = library(text);
    if (!from) return {};
    NS::Error* error = nullptr;
    auto function = NS::TransferPtr(
        from->newFunction(NS::String::string(name, NS::UTF8StringEncoding), constants, &error));
    auto made = NS::TransferPtr(function ? device->newComputePipelineState(function.get(), &error)
                                         : nullptr);
    message = error ? error->localizedDescription()->utf8String() : "";
    return made;
  }
  template <class T>
  NS::SharedPtr<MTL::Buffer> buffer(std::vector<T> values) {
    return NS::TransferPtr(device->newBuffer(values.data(), values.size() * sizeof(T),
                                             MTL::ResourceStorageModeShared));
  }
  // Buffers at 0, 1, ...
  MTL::CommandBuffer* run(MTL::ComputePipelineState* state, std::vector<MTL::Buffer*> buffers,
                          MTL::Size threads, MTL::Size threadgroup) {
    auto* commands = queue->commandBuffer();
    auto* encoder = commands->computeCommandEncoder();
    encoder->setComputePipelineState(state);
    for (size_t i = 0; i < buffers.size(); ++i) encoder->setBuffer(buffers[i], 0, i);
    encoder->dispatchThreads(threads, threadgroup);
    encoder->endEncoding();
    commands->commit();
    commands->waitUntilCompleted();
    message = commands->error() ? commands->error()->localizedDescription()->utf8String() : "";
    return commands;
  }
  template <class T>
  static T* data(const NS::SharedPtr<MTL::Buffer>& buffer) {
    return static_cast<T*>(buffer->contents());
  }

  NS::SharedPtr<NS::AutoreleasePool> pool = NS::TransferPtr(NS::AutoreleasePool::alloc()->init());
  NS::SharedPtr<MTL::Device> device = NS::TransferPtr(MTL::CreateSystemDefaultDevice());
  NS::SharedPtr<MTL::CommandQueue> queue = NS::TransferPtr(device->newCommandQueue());
  std::string message;
};

const char* const kScale = R"(#include <metal_stdlib>
using namespace metal;
kernel void scale(device const float* x [[buffer(0)]], device float* y [[buffer(1)]],
                  uint i [[thread_position_in_grid]]) {
  y[i] = exp(x[i]);
}
)";

TEST_F(Metal, ComputesWithPartialThreadgroups) {
  auto state = pipeline(kScale, "scale");
  ASSERT_TRUE(state) << message;
  EXPECT_EQ(state->maxTotalThreadsPerThreadgroup(), 1024u);
  EXPECT_EQ(state->threadExecutionWidth(), 32u);
  std::vector<float> values(37);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) * 0.1f;
  auto x = buffer(values), y = buffer(std::vector<float>(37));
  auto* commands = run(state.get(), {x.get(), y.get()}, MTL::Size(37, 1, 1), MTL::Size(8, 1, 1));
  ASSERT_EQ(commands->status(), MTL::CommandBufferStatusCompleted) << message;
  EXPECT_GT(commands->GPUEndTime(), 0.0);
  EXPECT_GE(commands->GPUEndTime(), commands->GPUStartTime());
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_NEAR(data<float>(y)[i], std::exp(static_cast<double>(values[i])),
                1e-6 * std::exp(values[i]));
}

TEST_F(Metal, ShowsTheUsersLine) {
  EXPECT_FALSE(
      library("#include <metal_stdlib>\nkernel void f(device float* x) {\n  x[0] = cap;\n}\n"));
  EXPECT_NE(message.find("program_source:3:10: error: use of undeclared identifier 'cap'"),
            std::string::npos)
      << message;
}

TEST_F(Metal, NamesTheKernelsThatThereAre) {
  auto from = library(kScale);
  ASSERT_TRUE(from) << message;
  EXPECT_EQ(from->functionNames()->count(), 1u);
  EXPECT_STREQ(from->functionNames()->object<NS::String>(0)->utf8String(), "scale");
  EXPECT_FALSE(pipeline(kScale, "scales"));
  EXPECT_EQ(message, "no kernel `scales` in program_source: it has `scale`");
}

TEST_F(Metal, SetsFunctionConstants) {
  const char* text = R"(#include <metal_stdlib>
constant uint width [[function_constant(0)]];
constant bool negate [[function_constant(1)]];
kernel void f(device int* y [[buffer(0)]]) { y[0] = negate ? -int(width) : int(width); }
)";
  auto y = buffer(std::vector<int>(1));
  for (bool negate : {true, false}) {
    auto constants = NS::TransferPtr(MTL::FunctionConstantValues::alloc()->init());
    uint32_t width = 42;
    constants->setConstantValue(&width, MTL::DataTypeUInt, NS::UInteger{0});
    constants->setConstantValue(&negate, MTL::DataTypeBool, MTLSTR("negate"));
    auto state = pipeline(text, "f", constants.get());
    ASSERT_TRUE(state) << message;
    run(state.get(), {y.get()}, MTL::Size(1, 1, 1), MTL::Size(1, 1, 1));
    EXPECT_EQ(data<int>(y)[0], negate ? -42 : 42) << message;
  }
}

TEST_F(Metal, GivesThreadgroupMemoryItsLength) {
  const char* text = R"(#include <metal_stdlib>
using namespace metal;
kernel void reverse(device uint* y [[buffer(0)]], threadgroup uint* tile [[threadgroup(0)]],
                    uint i [[thread_position_in_threadgroup]], uint n [[threads_per_threadgroup]]) {
  tile[i] = y[i];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  y[i] = tile[n - 1 - i];
}
)";
  auto state = pipeline(text, "reverse");
  ASSERT_TRUE(state) << message;
  std::vector<uint32_t> values(64);
  for (uint32_t i = 0; i < 64; ++i) values[i] = i;
  auto y = buffer(values);
  auto* commands = queue->commandBuffer();
  auto* encoder = commands->computeCommandEncoder();
  encoder->setComputePipelineState(state.get());
  encoder->setBuffer(y.get(), 0, 0);
  encoder->setThreadgroupMemoryLength(256, 0);
  encoder->dispatchThreadgroups(MTL::Size(1, 1, 1), MTL::Size(64, 1, 1));
  encoder->endEncoding();
  commands->commit();
  commands->waitUntilCompleted();
  ASSERT_EQ(commands->error(), nullptr) << commands->error()->localizedDescription()->utf8String();
  for (uint32_t i = 0; i < 64; ++i) EXPECT_EQ(data<uint32_t>(y)[i], 63 - i);
}

TEST_F(Metal, AnAccessOutsideABufferIsAnErrorAndTheProcessLivesOn) {
  if (!stops_outside_under_test()) GTEST_SKIP() << "needs ANYMETAL_BOUNDS=error";
  auto state = pipeline(kScale, "scale");
  auto x = buffer(std::vector<float>(4)), y = buffer(std::vector<float>(4));
  auto* commands = run(state.get(), {x.get(), y.get()}, MTL::Size(5, 1, 1), MTL::Size(5, 1, 1));
  EXPECT_EQ(commands->status(), MTL::CommandBufferStatusError);
  EXPECT_EQ(commands->error()->code(), AM_ERROR_EXECUTION);
  EXPECT_NE(message.find("scale"), std::string::npos) << message;
  EXPECT_EQ(run(state.get(), {x.get(), y.get()}, MTL::Size(4, 1, 1), MTL::Size(4, 1, 1))->status(),
            MTL::CommandBufferStatusCompleted);
}

TEST_F(Metal, BadDispatchesAreErrors) {
  auto state = pipeline(kScale, "scale");
  auto x = buffer(std::vector<float>(4));
  run(state.get(), {x.get(), x.get()}, MTL::Size(4, 1, 1), MTL::Size(2048, 1, 1));
  EXPECT_NE(message.find("has 2,048 threads, and the limit is 1,024"), std::string::npos)
      << message;
  run(state.get(), {x.get()}, MTL::Size(4, 1, 1), MTL::Size(4, 1, 1));
  EXPECT_NE(message.find("buffer 1 (`device float* y [[buffer(1)]]`) is null"), std::string::npos)
      << message;
  run(state.get(), {x.get(), x.get()}, MTL::Size(0, 1, 1), MTL::Size(4, 1, 1));
  EXPECT_NE(message.find("dimension x is zero"), std::string::npos) << message;
  run(state.get(), {x.get(), x.get()}, MTL::Size(UINT64_MAX, 1, 1), MTL::Size(4, 1, 1));
  EXPECT_NE(message.find("dimension x is over the limit"), std::string::npos) << message;
}

TEST_F(Metal, TooManyBuffersAndTooMuchThreadgroupMemoryAreErrors) {
  std::string text = "kernel void f(";
  for (int i = 0; i < 40; ++i)
    text += (i ? ", device int* b" : "device int* b") + std::to_string(i);
  text += ") { b0[0] = 1; }";
  EXPECT_FALSE(pipeline(text.c_str(), "f"));
  EXPECT_NE(message.find("31"), std::string::npos) << message;
  EXPECT_FALSE(
      pipeline("#include <metal_stdlib>\n"
               "kernel void f(device float* y, uint i [[thread_position_in_grid]]) {\n"
               "  threadgroup float tile[16384];\n  tile[i] = y[i];\n  y[i] = tile[i + 1];\n}\n",
               "f"));
  EXPECT_NE(message.find("65,536 bytes of threadgroup memory"), std::string::npos) << message;
}

TEST_F(Metal, AKernelThatNeverEndsIsStopped) {
  auto state =
      pipeline("kernel void spin(device int* y) { while (y[0] == 0) { y[1] += 1; } }", "spin");
  ASSERT_TRUE(state) << message;
  auto y = buffer(std::vector<int>(2));
  std::thread stopper([] {
    while (anymetal::runtime::running_dispatches() == 0) std::this_thread::yield();
    am_request_stop();
  });
  auto* commands = run(state.get(), {y.get()}, MTL::Size(1, 1, 1), MTL::Size(1, 1, 1));
  stopper.join();
  EXPECT_EQ(commands->error()->code(), AM_ERROR_STOPPED);
  EXPECT_EQ(message, "kernel `spin` was stopped by an interrupt; its outputs are incomplete");
}

TEST_F(Metal, EventsOrderQueuesAndTellTheHost) {
  auto state = pipeline(kScale, "scale");
  auto other = NS::TransferPtr(device->newCommandQueue());
  auto event = NS::TransferPtr(device->newSharedEvent());
  auto x = buffer(std::vector<float>(8)), y = buffer(std::vector<float>(8)),
       z = buffer(std::vector<float>(8));
  std::atomic<uint64_t> told{0};
  auto listener = NS::TransferPtr(MTL::SharedEventListener::alloc()->init());
  event->notifyListener(listener.get(), 1,
                        [&](MTL::SharedEvent*, uint64_t value) { told = value; });
  auto encode = [&](MTL::CommandBuffer* commands, MTL::Buffer* from, MTL::Buffer* to) {
    auto* encoder = commands->computeCommandEncoder();
    encoder->setComputePipelineState(state.get());
    encoder->setBuffer(from, 0, 0);
    encoder->setBuffer(to, 0, 1);
    encoder->dispatchThreads(MTL::Size(8, 1, 1), MTL::Size(8, 1, 1));
    encoder->endEncoding();
  };
  auto *later = queue->commandBuffer(), *earlier = other->commandBuffer();
  later->encodeWait(event.get(), 1);
  encode(later, y.get(), z.get());
  later->commit();
  encode(earlier, x.get(), y.get());
  earlier->encodeSignalEvent(event.get(), 1);
  earlier->commit();
  later->waitUntilCompleted();
  // A listener is called by the thread that signals, after it has woken those who wait.
  earlier->waitUntilCompleted();
  EXPECT_EQ(told, 1u);
  EXPECT_TRUE(event->waitUntilSignaledValue(1, 0));
  EXPECT_FALSE(event->waitUntilSignaledValue(2, 1));
  EXPECT_NEAR(data<float>(z)[7], 2.7182818f, 1e-6f);
}

TEST_F(Metal, HandlesMayBeDroppedAfterCommit) {
  auto state = pipeline(kScale, "scale");
  auto x = buffer(std::vector<float>(8)), y = buffer(std::vector<float>(8));
  auto event = NS::TransferPtr(device->newSharedEvent());
  std::atomic<bool> completed{false};
  {
    auto inner = NS::TransferPtr(NS::AutoreleasePool::alloc()->init());
    auto own = NS::TransferPtr(device->newCommandQueue());
    auto* commands = own->commandBuffer();
    commands->encodeWait(event.get(), 1);
    auto* encoder = commands->computeCommandEncoder();
    encoder->setComputePipelineState(state.get());
    encoder->setBuffer(x.get(), 0, 0);
    encoder->setBuffer(y.get(), 0, 1);
    encoder->dispatchThreads(MTL::Size(8, 1, 1), MTL::Size(8, 1, 1));
    encoder->endEncoding();
    commands->addCompletedHandler([&](MTL::CommandBuffer* done) {
      completed = done->status() == MTL::CommandBufferStatusCompleted;
    });
    commands->encodeSignalEvent(event.get(), 2);
    commands->commit();
    x.reset();
  }
  event->setSignaledValue(1);
  EXPECT_TRUE(event->waitUntilSignaledValue(2, 20000));
  while (!completed) std::this_thread::yield();
  EXPECT_EQ(data<float>(y)[3], 1.0f);
}

TEST_F(Metal, IndirectDispatchesReadWhatKernelsWroteBefore) {
  const char* const text = R"(
kernel void plan(device uint* groups) { groups[1] = 2; groups[2] = 1; groups[3] = 1; }
kernel void count(device uint* out, uint i [[thread_position_in_grid]]) { out[i] += 1; })";
  auto plan = pipeline(text, "plan");
  auto count = pipeline(text, "count");
  ASSERT_TRUE(plan && count) << message;
  auto groups = buffer<uint32_t>({9, 0, 0, 0});
  auto out = buffer<uint32_t>(std::vector<uint32_t>(12, 0));
  auto* commands = queue->commandBuffer();
  auto* encoder = commands->computeCommandEncoder();
  encoder->setComputePipelineState(plan.get());
  encoder->setBuffer(groups.get(), 0, 0);
  encoder->dispatchThreads({1, 1, 1}, {1, 1, 1});
  encoder->setComputePipelineState(count.get());
  encoder->setBuffer(out.get(), 0, 0);
  encoder->dispatchThreadgroups(groups.get(), 4, {4, 1, 1});
  encoder->endEncoding();
  commands->commit();
  commands->waitUntilCompleted();
  ASSERT_EQ(commands->error(), nullptr);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(data<uint32_t>(out)[i], i < 8 ? 1u : 0u);

  commands = queue->commandBuffer();
  encoder = commands->computeCommandEncoder();
  encoder->setComputePipelineState(count.get());
  encoder->setBuffer(out.get(), 0, 0);
  encoder->dispatchThreadgroups(groups.get(), 8, {4, 1, 1});
  encoder->endEncoding();
  commands->commit();
  commands->waitUntilCompleted();
  ASSERT_NE(commands->error(), nullptr);
  EXPECT_NE(std::string(commands->error()->localizedDescription()->utf8String())
                .find("12 bytes at offset 8"),
            std::string::npos);
}

TEST_F(Metal, ArgumentBuffersLeadToResourcesInUse) {
  const char* const text = R"(
struct Arguments { device float* out [[id(5)]]; int n [[id(1)]]; device const float* in [[id(0)]]; };
kernel void twice(constant Arguments& a [[buffer(2)]], uint i [[thread_position_in_grid]]) {
  if (int(i) < a.n) a.out[i] = 2 * a.in[i];
})";
  auto from = library(text);
  ASSERT_TRUE(from) << message;
  auto function =
      NS::TransferPtr(from->newFunction(NS::String::string("twice", NS::UTF8StringEncoding)));
  EXPECT_EQ(function->newArgumentEncoder(0), nullptr);
  auto arguments = NS::TransferPtr(function->newArgumentEncoder(2));
  ASSERT_TRUE(arguments);
  EXPECT_EQ(arguments->encodedLength(), 24u);
  auto in = buffer<float>({0, 1, 2, 3}), out = buffer<float>({0, 0, 0, 0});
  auto encoded = NS::TransferPtr(device->newBuffer(64, MTL::ResourceStorageModeShared));
  arguments->setArgumentBuffer(encoded.get(), 8);
  arguments->setBuffer(in.get(), 4, 0);
  arguments->setBuffer(out.get(), 0, 5);
  EXPECT_EQ(arguments->constantData(5), nullptr);
  *static_cast<int32_t*>(arguments->constantData(1)) = 3;
  auto state = pipeline(text, "twice");
  ASSERT_TRUE(state) << message;
  for (bool in_use : {false, true}) {
    auto* commands = queue->commandBuffer();
    auto* encoder = commands->computeCommandEncoder();
    encoder->setComputePipelineState(state.get());
    encoder->setBuffer(encoded.get(), 8, 2);
    if (in_use) {
      encoder->useResource(in.get(), MTL::ResourceUsageRead);
      encoder->useResource(out.get(), MTL::ResourceUsageWrite);
    }
    encoder->dispatchThreads({4, 1, 1}, {4, 1, 1});
    encoder->endEncoding();
    commands->commit();
    commands->waitUntilCompleted();
    // Else what it reads there is 0, and what it writes there is dropped.
    EXPECT_EQ(commands->error() == nullptr, in_use || !stops_outside_under_test());
  }
  const float* result = data<float>(out);
  EXPECT_EQ((std::vector<float>{result, result + 4}), (std::vector<float>{2, 4, 6, 0}));
}

TEST_F(Metal, WrapsForeignMemory) {
  alignas(4096) static float memory[1024];
  int freed = 0;
  {
    auto wrapped =
        NS::TransferPtr(device->newBuffer(memory, sizeof memory, MTL::ResourceStorageModeShared,
                                          [&](void* at, NS::UInteger) { freed += at == memory; }));
    EXPECT_EQ(wrapped->contents(), memory);
    auto y = buffer(std::vector<float>(1024));
    auto state = pipeline(kScale, "scale");
    run(state.get(), {y.get(), wrapped.get()}, MTL::Size(1024, 1, 1), MTL::Size(256, 1, 1));
    EXPECT_EQ(memory[1023], 1.0f) << message;
    EXPECT_EQ(freed, 0);
  }
  EXPECT_EQ(freed, 1);
}

}  // namespace

// Two queues, four threads, 10,000 dispatches, on the public API. Each thread owns a counter per
// queue and adds to it with its dispatches; all threads add to one shared atomic counter as well.
// Pipelines are made in each thread, at once, so that the caches are raced for; every tenth command
// buffer waits for the other queue by a SharedEvent. At the end every counter must have the number
// of its dispatches. Meant to run under ThreadSanitizer and AddressSanitizer
// (-DANYMETAL_SANITIZE=thread, address).
//
//   two_queues [dispatches]
#include <Metal/Metal.hpp>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

constexpr int kThreads = 4, kQueues = 2, kWidth = 32;

const char* const kSource = R"(
#include <metal_stdlib>
using namespace metal;
kernel void count(device uint* own [[buffer(0)]], device atomic_uint* all [[buffer(1)]],
                  constant uint& step [[buffer(2)]], uint i [[thread_position_in_grid]],
                  uint lane [[thread_index_in_threadgroup]]) {
  threadgroup uint shared[8];
  shared[lane] = step;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  own[i] += shared[7 - lane];
  atomic_fetch_add_explicit(all, 1u, memory_order_relaxed);
}
)";

struct Shared {
  MTL::Device* device;
  MTL::CommandQueue* queues[kQueues];
  MTL::Buffer* all;
  MTL::SharedEvent* event;
  std::atomic<int> completed{0}, failed{0};
};

NS::SharedPtr<MTL::ComputePipelineState> make_pipeline(MTL::Device* device) {
  NS::Error* error = nullptr;
  auto library = NS::TransferPtr(
      device->newLibrary(NS::String::string(kSource, NS::UTF8StringEncoding), nullptr, &error));
  auto function = NS::TransferPtr(library->newFunction(MTLSTR("count")));
  auto pipeline = NS::TransferPtr(device->newComputePipelineState(function.get(), &error));
  if (!pipeline)
    std::fprintf(stderr, "no pipeline: %s\n",
                 error ? error->localizedDescription()->utf8String() : "?");
  return pipeline;
}

void encode(MTL::ComputeCommandEncoder* encoder, MTL::ComputePipelineState* pipeline,
            MTL::Buffer* own, MTL::Buffer* all) {
  const unsigned step = 1;
  encoder->setComputePipelineState(pipeline);
  encoder->setBuffer(own, 0, 0);
  encoder->setBuffer(all, 0, 1);
  encoder->setBytes(&step, sizeof step, 2);
  encoder->dispatchThreads(MTL::Size(kWidth, 1, 1), MTL::Size(8, 1, 1));
}

void work(Shared& shared, int dispatches) {
  auto outer = NS::TransferPtr(NS::AutoreleasePool::alloc()->init());
  auto pipeline = make_pipeline(shared.device);
  if (!pipeline) return void(++shared.failed);
  NS::SharedPtr<MTL::Buffer> own[kQueues];
  for (auto& one : own)
    one = NS::TransferPtr(shared.device->newBuffer(kWidth * 4, MTL::ResourceStorageModeShared));
  std::vector<NS::SharedPtr<MTL::CommandBuffer>> open;
  int done[kQueues] = {};
  for (int i = 0; i < dispatches;) {
    auto pool = NS::TransferPtr(NS::AutoreleasePool::alloc()->init());
    int q = i / 7 % kQueues;
    auto commands = NS::RetainPtr(shared.queues[q]->commandBuffer());
    if (i % 10 == 0) commands->encodeWait(shared.event, 1);
    auto* encoder = commands->computeCommandEncoder();
    for (int k = 0; k < 3 && i < dispatches; ++k, ++i, ++done[q])
      encode(encoder, pipeline.get(), own[q].get(), shared.all);
    encoder->endEncoding();
    commands->addCompletedHandler([&shared](MTL::CommandBuffer* done_one) {
      done_one->status() == MTL::CommandBufferStatusCompleted ? ++shared.completed
                                                              : ++shared.failed;
    });
    commands->commit();
    open.push_back(commands);
    if (open.size() == 32) {
      for (auto& one : open) one->waitUntilCompleted();
      open.clear();
    }
  }
  for (auto& one : open) one->waitUntilCompleted();
  for (int q = 0; q < kQueues; ++q)
    for (int i = 0; i < kWidth; ++i) {
      unsigned got = static_cast<const unsigned*>(own[q]->contents())[i];
      if (got != static_cast<unsigned>(done[q])) {
        std::fprintf(stderr, "counter %d of queue %d is %u, not %d\n", i, q, got, done[q]);
        ++shared.failed;
        return;
      }
    }
}

}  // namespace

int main(int argc, char** argv) {
  int total = argc > 1 ? std::atoi(argv[1]) : 10000;
  int each = total / kThreads;
  auto pool = NS::TransferPtr(NS::AutoreleasePool::alloc()->init());
  auto device = NS::TransferPtr(MTL::CreateSystemDefaultDevice());
  auto first = NS::TransferPtr(device->newCommandQueue()),
       second = NS::TransferPtr(device->newCommandQueue());
  auto all = NS::TransferPtr(device->newBuffer(4, MTL::ResourceStorageModeShared));
  auto event = NS::TransferPtr(device->newSharedEvent());
  Shared shared{device.get(), {first.get(), second.get()}, all.get(), event.get()};

  // The first command buffers wait for this signal of the other queue.
  auto* signal = second->commandBuffer();
  signal->encodeSignalEvent(event.get(), 1);
  signal->commit();

  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([&] { work(shared, each); });
  for (auto& thread : threads) thread.join();
  unsigned counted = *static_cast<const unsigned*>(all->contents());
  unsigned expected = static_cast<unsigned>(each) * kThreads * kWidth;
  std::printf("%d dispatches, %d command buffers completed, %d failed; counted %u of %u\n",
              each * kThreads, shared.completed.load(), shared.failed.load(), counted, expected);
  return shared.failed == 0 && counted == expected ? 0 : 1;
}

// A C++ program written to metal-cpp, as for a Mac: the sum of two vectors. It builds here against
// anymetal's headers and library, with nothing changed:
//
//   c++ -std=c++17 vector_add.cc -I include -L build/python/anymetal -lanymetal
#define NS_PRIVATE_IMPLEMENTATION
#define MTL_PRIVATE_IMPLEMENTATION
#define CA_PRIVATE_IMPLEMENTATION
#include <Foundation/Foundation.hpp>
#include <Metal/Metal.hpp>
#include <QuartzCore/QuartzCore.hpp>
#include <cstdio>

namespace {

const char* const kSource = R"(
#include <metal_stdlib>
using namespace metal;

kernel void add(device const float* a [[buffer(0)]],
                device const float* b [[buffer(1)]],
                device float* sum [[buffer(2)]],
                constant uint& count [[buffer(3)]],
                uint i [[thread_position_in_grid]]) {
  if (i < count) sum[i] = a[i] + b[i];
}
)";

int complain(const char* what, NS::Error* error) {
  std::fprintf(stderr, "%s failed: %s\n", what,
               error ? error->localizedDescription()->utf8String() : "no error given");
  return 1;
}

int run() {
  NS::SharedPtr<MTL::Device> device = NS::TransferPtr(MTL::CreateSystemDefaultDevice());
  NS::Error* error = nullptr;

  NS::String* source = NS::String::string(kSource, NS::UTF8StringEncoding);
  auto library = NS::TransferPtr(device->newLibrary(source, nullptr, &error));
  if (!library) return complain("newLibrary", error);
  auto function =
      NS::TransferPtr(library->newFunction(NS::String::string("add", NS::UTF8StringEncoding)));
  if (!function) return complain("newFunction", nullptr);
  auto pipeline = NS::TransferPtr(device->newComputePipelineState(function.get(), &error));
  if (!pipeline) return complain("newComputePipelineState", error);

  const unsigned count = 100003;  // no multiple of the threadgroup: the last one is smaller
  const NS::UInteger bytes = count * sizeof(float);
  auto a = NS::TransferPtr(device->newBuffer(bytes, MTL::ResourceStorageModeShared));
  auto b = NS::TransferPtr(device->newBuffer(bytes, MTL::ResourceStorageModeShared));
  auto sum = NS::TransferPtr(device->newBuffer(bytes, MTL::ResourceStorageModeShared));
  for (unsigned i = 0; i < count; ++i) {
    static_cast<float*>(a->contents())[i] = static_cast<float>(i);
    static_cast<float*>(b->contents())[i] = 0.5f;
  }

  auto queue = NS::TransferPtr(device->newCommandQueue());
  MTL::CommandBuffer* commands = queue->commandBuffer();
  MTL::ComputeCommandEncoder* encoder = commands->computeCommandEncoder();
  encoder->setComputePipelineState(pipeline.get());
  encoder->setBuffer(a.get(), 0, 0);
  encoder->setBuffer(b.get(), 0, 1);
  encoder->setBuffer(sum.get(), 0, 2);
  encoder->setBytes(&count, sizeof count, 3);
  encoder->dispatchThreads(MTL::Size(count, 1, 1),
                           MTL::Size(pipeline->threadExecutionWidth() * 8, 1, 1));
  encoder->endEncoding();
  commands->commit();
  commands->waitUntilCompleted();
  if (commands->status() != MTL::CommandBufferStatusCompleted)
    return complain("the command buffer", commands->error());

  for (unsigned i = 0; i < count; ++i) {
    float expected = static_cast<float>(i) + 0.5f,
          got = static_cast<const float*>(sum->contents())[i];
    if (got != expected) {
      std::fprintf(stderr, "sum[%u] is %g, not %g\n", i, got, expected);
      return 1;
    }
  }
  std::printf("%s added %u numbers\n", device->name()->utf8String(), count);
  return 0;
}

}  // namespace

int main() {
  NS::AutoreleasePool* pool = NS::AutoreleasePool::alloc()->init();
  int status = run();
  pool->release();
  return status;
}

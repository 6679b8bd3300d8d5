// What the core does without a device: counting, pools, null handles.
#include <gtest/gtest.h>

#include <Metal/Metal.hpp>
#include <QuartzCore/QuartzCore.hpp>
#include <thread>

namespace {

TEST(Object, CountsReferences) {
  am_string* string = am_string_new("a");
  EXPECT_EQ(am_retain(string), string);
  EXPECT_EQ(am_retain_count(string), 2u);
  am_release(string);
  EXPECT_EQ(am_retain_count(string), 1u);
  am_release(string);
}

TEST(Pool, ReleasesWhatWasLent) {
  NS::String* kept = nullptr;
  {
    auto pool = NS::TransferPtr(NS::AutoreleasePool::alloc()->init());
    kept = NS::String::string("kept", NS::UTF8StringEncoding)->retain();
    EXPECT_EQ(kept->retainCount(), 2u);
    {
      auto inner = NS::TransferPtr(NS::AutoreleasePool::alloc()->init());
      kept->retain()->autorelease();
      EXPECT_EQ(kept->retainCount(), 3u);
    }
    EXPECT_EQ(kept->retainCount(), 2u);
  }
  EXPECT_EQ(kept->retainCount(), 1u);
  kept->release();
}

TEST(Pool, AnOuterOneEndsTheInnerOnes) {
  auto* outer = NS::AutoreleasePool::alloc()->init();
  auto* inner = NS::AutoreleasePool::alloc()->init();
  am_string* string = am_string_new("a");
  am_retain(string);
  inner->addObject(reinterpret_cast<NS::Object*>(string));
  outer->drain();
  EXPECT_EQ(am_retain_count(string), 1u);
  am_release(inner);  // out of the list: harmless
  am_release(string);
}

// Clients release the last of what they have when their threads end.
TEST(Pool, WorksInsideDestructorsOfThreadLocals) {
  struct Last {
    ~Last() {
      auto pool = NS::TransferPtr(NS::AutoreleasePool::alloc()->init());
      *count = NS::String::string("late", NS::UTF8StringEncoding)->retainCount();
    }
    NS::UInteger* count;
  };
  NS::UInteger count = 0;
  std::thread([&] {
    thread_local Last last{&count};
    (void)last;
  }).join();
  EXPECT_EQ(count, 1u);
}

TEST(SharedPtr, KeepsCount) {
  auto a = NS::TransferPtr(NS::String::alloc()->init("a", NS::UTF8StringEncoding));
  NS::SharedPtr<NS::String> b = a, c;
  EXPECT_EQ(a->retainCount(), 2u);
  c = std::move(b);
  EXPECT_FALSE(b);  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_TRUE(a == c);
  c = nullptr;
  EXPECT_EQ(a->retainCount(), 1u);
  a = *&a;
  EXPECT_STREQ(a->utf8String(), "a");
}

TEST(String, CountsAsFoundationDoes) {
  auto pool = NS::TransferPtr(NS::AutoreleasePool::alloc()->init());
  auto* text =
      NS::String::string("a\xC3\xA4\xF0\x9F\x98\x80", NS::UTF8StringEncoding);  // a, ä, a face
  EXPECT_EQ(text->length(), 4u);
  EXPECT_EQ(text->lengthOfBytes(NS::UTF8StringEncoding), 7u);
  EXPECT_TRUE(text->isEqualToString(NS::String::string(text)));
}

TEST(Array, HoldsItsObjects) {
  auto pool = NS::TransferPtr(NS::AutoreleasePool::alloc()->init());
  const NS::Object* objects[] = {MTLSTR("a"), MTLSTR("b")};
  auto* array = NS::Array::array(objects, 2);
  EXPECT_EQ(array->count(), 2u);
  EXPECT_STREQ(array->object<NS::String>(1)->utf8String(), "b");
  EXPECT_EQ(array->object(2), nullptr);
}

// A message to nil does nothing. The calls go through volatile pointers, so that the compiler sees
// no constant null.
template <class T>
T* null_of() {
  T* volatile null = nullptr;
  return null;
}

TEST(Nil, EveryMessageIsHarmless) {
  auto pool = NS::TransferPtr(NS::AutoreleasePool::alloc()->init());
  NS::Error* error = nullptr;
  auto* device = null_of<MTL::Device>();
  EXPECT_EQ(device->name(), nullptr);
  EXPECT_EQ(device->maxBufferLength(), 0u);
  EXPECT_EQ(device->newBuffer(16, MTL::ResourceStorageModeShared), nullptr);
  EXPECT_EQ(device->newBuffer("abc", 4, MTL::ResourceStorageModeShared), nullptr);
  EXPECT_EQ(device->newLibrary(null_of<NS::String>(), null_of<MTL::CompileOptions>(), &error),
            nullptr);
  EXPECT_EQ(device->newComputePipelineState(null_of<MTL::Function>(), &error), nullptr);
  EXPECT_EQ(device->newCommandQueue(), nullptr);
  EXPECT_EQ(device->newSharedEvent(), nullptr);
  EXPECT_EQ(device->newFence(), nullptr);
  EXPECT_EQ(error, nullptr);
  auto* buffer = null_of<MTL::Buffer>();
  EXPECT_EQ(buffer->length(), 0u);
  EXPECT_EQ(buffer->contents(), nullptr);
  EXPECT_EQ(buffer->retainCount(), 0u);
  EXPECT_EQ(buffer->retain(), nullptr);
  buffer->release();
  buffer->setLabel(MTLSTR("b"));
  EXPECT_EQ(null_of<MTL::Library>()->newFunction(MTLSTR("f")), nullptr);
  EXPECT_EQ(null_of<MTL::Library>()->functionNames()->count(), 0u);
  EXPECT_EQ(null_of<MTL::Function>()->name(), nullptr);
  EXPECT_EQ(null_of<MTL::ComputePipelineState>()->maxTotalThreadsPerThreadgroup(), 0u);
  EXPECT_EQ(null_of<MTL::CommandQueue>()->commandBuffer(), nullptr);
  auto* commands = null_of<MTL::CommandBuffer>();
  EXPECT_EQ(commands->computeCommandEncoder(), nullptr);
  EXPECT_EQ(commands->status(), MTL::CommandBufferStatusNotEnqueued);
  EXPECT_EQ(commands->error(), nullptr);
  bool called = false;
  commands->addCompletedHandler([&](MTL::CommandBuffer*) { called = true; });
  commands->encodeWait(null_of<MTL::SharedEvent>(), 1);
  commands->encodeSignalEvent(null_of<MTL::SharedEvent>(), 1);
  commands->enqueue();
  commands->commit();
  commands->waitUntilCompleted();
  EXPECT_FALSE(called);
  auto* encoder = null_of<MTL::ComputeCommandEncoder>();
  encoder->setComputePipelineState(null_of<MTL::ComputePipelineState>());
  encoder->setBuffer(buffer, 0, 0);
  encoder->setBytes(nullptr, 4, 0);
  encoder->setThreadgroupMemoryLength(16, 0);
  encoder->dispatchThreads(MTL::Size(1, 1, 1), MTL::Size(1, 1, 1));
  encoder->dispatchThreadgroups(MTL::Size(1, 1, 1), MTL::Size(1, 1, 1));
  encoder->memoryBarrier(MTL::BarrierScopeBuffers);
  encoder->updateFence(null_of<MTL::Fence>());
  encoder->waitForFence(null_of<MTL::Fence>());
  encoder->endEncoding();
  auto* event = null_of<MTL::SharedEvent>();
  EXPECT_EQ(event->signaledValue(), 0u);
  EXPECT_FALSE(event->waitUntilSignaledValue(1, 1000));
  event->setSignaledValue(1);
  event->notifyListener(nullptr, 1, [](MTL::SharedEvent*, std::uint64_t) {});
  EXPECT_EQ(null_of<NS::Error>()->localizedDescription(), nullptr);
  EXPECT_EQ(null_of<NS::Error>()->code(), 0);
  EXPECT_EQ(null_of<NS::String>()->utf8String(), nullptr);
  EXPECT_EQ(null_of<NS::String>()->length(), 0u);
  EXPECT_EQ(null_of<NS::Array>()->count(), 0u);
}

}  // namespace

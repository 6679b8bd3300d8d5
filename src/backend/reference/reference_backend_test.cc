#include <cmath>

#include "backend/reference/test_kernel.h"

namespace anymetal::backend::reference {
namespace {

const char* const kSquare = R"(
declare i32 @am.thread_position_in_grid.x()
define internal float @square(float %x) {
  %r = fmul float %x, %x
  ret float %r
}
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %out) {
  %i = alloca i32
  %id = call i32 @am.thread_position_in_grid.x()
  store i32 %id, ptr %i
  %j = load i32, ptr %i
  %wide = zext i32 %j to i64
  %from = getelementptr inbounds float, ptr addrspace(1) %x, i64 %wide
  %v = load float, ptr addrspace(1) %from
  %s = call float @square(float %v)
  %to = getelementptr inbounds float, ptr addrspace(1) %out, i64 %wide
  store float %s, ptr addrspace(1) %to
  ret void
}
)";

TEST(ReferenceBackend, RunsAnElementwiseKernel) {
  auto kernel = compile_text(kSquare, {{"x", "float", 4, true}, {"out"}});
  ASSERT_TRUE(kernel);
  for (const uint32_t count : {1u, 64u, 100u, 100'000u}) {
    std::vector<float> x(count), out(count, -1);
    for (uint32_t i = 0; i < count; ++i) x[i] = float(i) / 4;
    const auto result = run(*kernel, {count}, {64}, {argument(x), argument(out)});
    ASSERT_TRUE(result.ok()) << result.error().text();
    for (uint32_t i = 0; i < count; ++i) ASSERT_EQ(out[i], x[i] * x[i]) << i;
  }
}

TEST(ReferenceBackend, LoadsWhatItCompiled) {
  auto kernel = compile_text(kSquare, {{"x", "float", 4, true}, {"out"}});
  ASSERT_TRUE(kernel);
  const std::string object(kernel->object());
  const KernelInterface interface = kernel->interface();
  kernel.reset();
  auto loaded = reference_backend().load(object, interface, {});
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  std::vector<float> x{1, 2, 3}, out(3);
  ASSERT_TRUE(run(**loaded, {3}, {32}, {argument(x), argument(out)}).ok());
  EXPECT_EQ(out, (std::vector<float>{1, 4, 9}));
}

TEST(ReferenceBackend, ShowsItsCode) {
  const auto text =
      reference_backend().assembly(make_ir(kSquare, {{"x", "float", 4, true}, {"out"}}), {});
  ASSERT_TRUE(text.ok()) << text.error().text();
  EXPECT_NE(text->find("am_thread:"), std::string::npos) << *text;
}

TEST(ReferenceBackend, RefusesDamagedObjects) {
  auto kernel = compile_text(kSquare, {{"x", "float", 4, true}, {"out"}});
  ASSERT_TRUE(kernel);
  const std::string object(kernel->object());
  for (size_t length = 0; length < object.size(); length += length < 64 ? 1 : 97) {
    EXPECT_FALSE(reference_backend().load(object.substr(0, length), kernel->interface(), {}).ok())
        << length;
  }
  for (size_t at = 0; at < object.size(); at += 53) {
    std::string damaged = object;
    damaged[at] = char(damaged[at] ^ 0x20);
    EXPECT_FALSE(reference_backend().load(damaged, kernel->interface(), {}).ok()) << at;
  }
  EXPECT_FALSE(
      reference_backend().load(object, kernel->interface(), {.bounds = Bounds::robust}).ok());
}

}  // namespace
}  // namespace anymetal::backend::reference

#include "backend/cpu/saturate_conversions.h"

#include "backend/pass_test.h"

namespace anymetal::backend::cpu {
namespace {

class SaturateConversions : public PassTest {};

TEST_F(SaturateConversions, VectorsAreConvertedWithinTheirRange) {
  saturate_conversions(read(R"(
declare <16 x i32> @llvm.fptosi.sat.v16i32.v16f32(<16 x float>)
declare <16 x i8> @llvm.fptoui.sat.v16i8.v16f16(<16 x half>)
define void @k(<16 x float> %x, <16 x half> %h, ptr %out) {
  %a = call <16 x i32> @llvm.fptosi.sat.v16i32.v16f32(<16 x float> %x)
  %b = call <16 x i8> @llvm.fptoui.sat.v16i8.v16f16(<16 x half> %h)
  store <16 x i32> %a, ptr %out
  store <16 x i8> %b, ptr %out
  ret void
})"));
  const std::string text = written();
  EXPECT_EQ(count(text, " = call"), 0u) << text;
  expect_in_order(text, {"fcmp olt <16 x float> %x", "fptosi <16 x float>", "fcmp oge",
                         "fpext <16 x half> %h", "fptosi <16 x float>", "trunc <16 x i32>"});
}

TEST_F(SaturateConversions, WhatLlvmHasCodeForStays) {
  saturate_conversions(read(R"(
declare i32 @llvm.fptosi.sat.i32.f32(float)
define void @k(float %x, ptr %out) {
  %a = call i32 @llvm.fptosi.sat.i32.f32(float %x)
  store i32 %a, ptr %out
  ret void
})"));
  EXPECT_EQ(count(written(), "call i32"), 1u);
}

}  // namespace
}  // namespace anymetal::backend::cpu

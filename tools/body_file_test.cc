#include "tools/body_file.h"

#include <gtest/gtest.h>

namespace anymetal::tools {
namespace {

TEST(BodyFile, LeadingOptionsEndAtTheFirstOtherLine) {
  const std::vector<std::string> want{"--input", "x:float32[2,3]", "--template", "T=int8"};
  EXPECT_EQ(
      leading_options("//! --input x:float32[2,3]\n  //! --template T=int8\nuint i;\n//! --late\n"),
      want);
  EXPECT_TRUE(leading_options("uint i;").empty());
}

TEST(BodyFile, ArraysHaveNameTypeAndShape) {
  const auto array = parse_array("x:bfloat16[2, 3]");
  ASSERT_TRUE(array.ok());
  EXPECT_EQ(array->name, "x");
  EXPECT_EQ(array->dtype, Dtype::bfloat16);
  EXPECT_EQ(array->type().ndim, 2u);
  EXPECT_EQ(array->type().size, 6u);
  const auto scalar = parse_array("eps:bool");
  ASSERT_TRUE(scalar.ok());
  EXPECT_EQ(scalar->type().ndim, 0u);
  EXPECT_EQ(scalar->dtype, Dtype::bool_);
}

TEST(BodyFile, WrongArraysSayWhatIsWrong) {
  for (const char* text : {"", "x", ":float32", "x:float99", "x:float32[2", "x:float32[a]",
                           "x:float32[-1]", "x:float32[1;2]"}) {
    const auto array = parse_array(text);
    ASSERT_FALSE(array.ok()) << text;
    EXPECT_NE(array.error().message.find("x:float32[2,3]"), std::string::npos) << text;
  }
}

TEST(BodyFile, TemplatesAreTypesIntsAndBools) {
  EXPECT_EQ(std::get<Dtype>(parse_template("T=complex64")->second), Dtype::complex64);
  EXPECT_EQ(std::get<int>(parse_template("N=-4")->second), -4);
  EXPECT_EQ(std::get<bool>(parse_template("F=true")->second), true);
  for (const char* text : {"", "T", "=4", "N=4x", "T=float"})
    EXPECT_FALSE(parse_template(text).ok()) << text;
}

TEST(BodyFile, ConstantsHaveANameOrAnIndexAndANumber) {
  const auto number = [](std::string_view text) {
    return std::get<KernelArgument::Number>(parse_constant(text)->second.value);
  };
  EXPECT_EQ(parse_constant("causal=true")->first, ConstantKey("causal"));
  EXPECT_EQ(parse_constant("4=0.5")->first, ConstantKey(4u));
  EXPECT_EQ(number("causal=true"), KernelArgument::Number(true));
  EXPECT_EQ(number("n=-3"), KernelArgument::Number(int64_t{-3}));
  EXPECT_EQ(number("4=0.5"), KernelArgument::Number(0.5));
  for (const char* text : {"", "causal", "=4", "n=4x", "n=", "n=yes"})
    EXPECT_FALSE(parse_constant(text).ok()) << text;
}

}  // namespace
}  // namespace anymetal::tools

// The library where MLX has no Metal back end and nobody supplies one.
#include <gtest/gtest.h>

#include "anymetal_kernels/exp_elementwise.h"

namespace {

namespace mx = mlx::core;

TEST(Alone, SaysThatThereIsNoBackEndAndWhatToDo) {
  try {
    (void)anymetal::kernels::exp_elementwise(mx::array({1.0F, 2.0F}));
    FAIL() << "it ran";
  } catch (const anymetal::kernels::NoBackEnd& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("no Metal back end"), std::string::npos) << text;
    EXPECT_NE(text.find("import anymetal"), std::string::npos) << text;
    EXPECT_NE(text.find("LD_PRELOAD"), std::string::npos) << text;
  }
}

TEST(Alone, ChecksArgumentsFirst) {
  EXPECT_THROW((void)anymetal::kernels::exp_elementwise(mx::array({1, 2})), std::invalid_argument);
}

}  // namespace

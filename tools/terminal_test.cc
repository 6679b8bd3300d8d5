#include "tools/terminal.h"

#include <gtest/gtest.h>

namespace anymetal::tools {
namespace {

using std::chrono::seconds;

TEST(Terminal, TableAlignsColumnsAndTrimsLines) {
  EXPECT_EQ(table({{"name", "size", ""}, {"exp", "7 B", "x"}}, {1}), "name  size\nexp    7 B  x\n");
}

TEST(Terminal, SizesAndAgesTakeTheLargestUnitThatFits) {
  EXPECT_EQ(readable_size(0), "0 B");
  EXPECT_EQ(readable_size(1023), "1023 B");
  EXPECT_EQ(readable_size(1536), "1.5 KiB");
  EXPECT_EQ(readable_size(uint64_t{5} << 30), "5.0 GiB");
  EXPECT_EQ(readable_age(seconds(-3)), "0 s");
  EXPECT_EQ(readable_age(seconds(59)), "59 s");
  EXPECT_EQ(readable_age(seconds(3599)), "59 min");
  EXPECT_EQ(readable_age(seconds(47 * 3600)), "47 h");
  EXPECT_EQ(readable_age(seconds(72 * 3600)), "3 days");
}

TEST(Terminal, NoColourWhereNobodyLooks) {
  // Tests write into a pipe.
  EXPECT_EQ(coloured(Colour::red, "error", 63), "error");
}

}  // namespace
}  // namespace anymetal::tools

#include "support/diagnostic.h"

#include <gtest/gtest.h>

namespace anymetal {
namespace {

TEST(Diagnostic, UnderlinesTheRange) {
  Diagnostic d{.file = "softcap.source",
               .line = 5,
               .column = 13,
               .length = 3,
               .message = "use of undeclared identifier 'cap'",
               .text = "  out[id] = cap * tanh(val / cap);"};
  EXPECT_EQ(render(d),
            "softcap.source:5:13: error: use of undeclared identifier 'cap'\n"
            "    5 |   out[id] = cap * tanh(val / cap);\n"
            "      |             ^~~\n");
}

TEST(Diagnostic, KeepsTabsBeforeTheCaret) {
  Diagnostic d{.file = "k.metal", .line = 2, .column = 3, .message = "m", .text = "\t\tx"};
  EXPECT_EQ(render(d), "k.metal:2:3: error: m\n    2 | \t\tx\n      | \t\t^\n");
}

TEST(Diagnostic, WithoutAPlaceIsOneLine) {
  EXPECT_EQ(render(Diagnostic{.severity = Severity::warning, .message = "grid is empty"}),
            "warning: grid is empty\n");
}

}  // namespace
}  // namespace anymetal

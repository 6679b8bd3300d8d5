// What LLVM writes, in small: places, loops, marks.
#include "tools/annotate.h"

#include <gtest/gtest.h>

namespace anymetal::tools {
namespace {

constexpr const char* kAssembly = R"(	.text
	.file	"f.metal"
	.globl	am_threadgroup                  # -- Begin function am_threadgroup
am_threadgroup:                         # @am_threadgroup
.Lfunc_begin0:
	.file	1 "/anymetal/generated" "am"
	.file	2 "." "f.source"
	.loc	1 1 0                           # generated
	.cfi_startproc
# %bb.0:
	subq	$24, %rsp
.Ltmp0:
	.loc	2 3 0 prologue_end              # f.source:3:0
	vmovups	%zmm1, 64(%rsp)                 # 64-byte Spill
	callq	*%rax
.LBB0_1:                                # =>This Loop Header: Depth=1
                                        #     Child Loop BB0_2 Depth 2
	.loc	2 4 0                           # f.source:4:0
	vgatherdps	(%r8,%zmm22,4), %zmm25 {%k1}
.LBB0_2:                                #   Parent Loop BB0_1 Depth=1
                                        # =>  This Inner Loop Header: Depth=2
	vmovups	(%rdi), %zmm0 {%k2} {z}
	vmovups	64(%rsp), %zmm1                 # 64-byte Reload
	jne	.LBB0_2
	.section	.debug_info,"",@progbits
	.long	7
)";

std::optional<std::string> line_of(std::string_view file, uint32_t line) {
  if (file != "f.source") return std::nullopt;
  return "  text of line " + std::to_string(line);
}

TEST(Annotate, PutsInstructionsBelowTheirLines) {
  const std::string out = annotate(kAssembly, line_of);
  EXPECT_NE(out.find("f.source:3           text of line 3\n      vmovups %zmm1, 64(%rsp)"),
            std::string::npos)
      << out;
  EXPECT_EQ(out.find(".long"), std::string::npos);
  EXPECT_EQ(out.find("Ltmp"), std::string::npos);
  EXPECT_EQ(out.find("generated"), std::string::npos);
  EXPECT_NE(out.find("<- spill\n"), std::string::npos);
  EXPECT_NE(out.find("<- reload\n"), std::string::npos);
  EXPECT_NE(out.find("<- call\n"), std::string::npos);
  EXPECT_NE(out.find("<- gather\n"), std::string::npos);
  EXPECT_NE(out.find("<- masked\n"), std::string::npos);
  EXPECT_NE(out.find("\n  ||  vmovups (%rdi), %zmm0 {%k2} {z}"), std::string::npos);
}

TEST(Annotate, CountsTheInnermostLoopsFirst) {
  const std::string out = annotate(kAssembly, line_of);
  const size_t four = out.find("\nf.source:4 ", out.find("spills"));
  const size_t three = out.find("\nf.source:3 ", out.find("spills"));
  ASSERT_NE(four, std::string::npos) << out;
  ASSERT_NE(three, std::string::npos) << out;
  EXPECT_LT(four, three);
  // loops, in them, all, spills, reloads, stack, gathers, scatters, masked, calls
  EXPECT_NE(out.find("f.source:4      2        3    4       .        1      .        1         .   "
                     "    1      .  "
                     "text of line 4"),
            std::string::npos)
      << out;
}

}  // namespace
}  // namespace anymetal::tools

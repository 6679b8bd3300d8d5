// Under Bounds::robust reads outside give 0 and writes outside are dropped, exactly so, however
// checks are put together: before loops, several at once, behind whole divisions. Each kernel runs
// with buffers of many sizes; plain C++ says what comes out.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <numeric>

#include "backend/reference/test_kernel.h"

namespace anymetal::backend::cpu {
namespace {

constexpr uint32_t kThreads = 64, kGroups = 5, kGrid = kThreads * kGroups;

/// Words of which the kernel gets the first `bytes`.
class Memory {
 public:
  Memory(size_t words, uint64_t bytes, uint32_t first) : words_(words), bytes_(bytes) {
    std::iota(words_.begin(), words_.end(), first);
    for (uint64_t at = bytes; at < words * 4; ++at)
      std::memset(reinterpret_cast<char*>(words_.data()) + at, 0xab, 1);
  }

  [[nodiscard]] uint32_t read(uint32_t index) const {
    const uint64_t at = uint64_t{index} * 4;
    return at + 4 <= bytes_ ? words_[index] : 0;
  }
  void write(uint32_t index, uint32_t value) {
    if (uint64_t{index} * 4 + 4 <= bytes_) words_[index] = value;
  }
  Argument argument() { return {words_.data(), bytes_}; }
  [[nodiscard]] const std::vector<uint32_t>& words() const { return words_; }

 private:
  std::vector<uint32_t> words_;
  uint64_t bytes_;
};

const char* const kPositions = R"(
declare i32 @am.thread_position_in_grid.x() memory(none)
declare i32 @am.threadgroup_position_in_grid.x() memory(none)
declare i32 @am.thread_position_in_threadgroup.x() memory(none)
declare i32 @llvm.umax.i32(i32, i32)
)";

// Threads of a threadgroup go over its row together: y[row * n + j + shift] += x[the same], and
// its neighbour; then each adds up every `step`th of x, and all of them a column.
const char* const kLoops = R"(
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %y, ptr addrspace(1) %sizes) {
entry:
  %row = call i32 @am.threadgroup_position_in_grid.x()
  %local = call i32 @am.thread_position_in_threadgroup.x()
  %id = call i32 @am.thread_position_in_grid.x()
  %p1 = getelementptr i32, ptr addrspace(1) %sizes, i64 1
  %p2 = getelementptr i32, ptr addrspace(1) %sizes, i64 2
  %n = load i32, ptr addrspace(1) %sizes
  %shift = load i32, ptr addrspace(1) %p1
  %step = load i32, ptr addrspace(1) %p2
  %rn = mul i32 %row, %n
  %base = add i32 %rn, %shift
  br label %head
head:
  %j = phi i32 [ %local, %entry ], [ %next, %body ]
  %in = icmp ult i32 %j, %n
  br i1 %in, label %body, label %second
body:
  %i = add i32 %base, %j
  %i1 = add i32 %i, 1
  %w = zext i32 %i to i64
  %w1 = zext i32 %i1 to i64
  %f = getelementptr i32, ptr addrspace(1) %x, i64 %w
  %f1 = getelementptr i32, ptr addrspace(1) %x, i64 %w1
  %t = getelementptr i32, ptr addrspace(1) %y, i64 %w
  %a = load i32, ptr addrspace(1) %f
  %b = load i32, ptr addrspace(1) %f1
  %old = load i32, ptr addrspace(1) %t
  %ab = mul i32 %b, 3
  %s = add i32 %a, %ab
  %new = add i32 %s, %old
  store i32 %new, ptr addrspace(1) %t
  %next = add i32 %j, 64
  br label %head
second:
  %more = icmp ne i32 %n, 0
  br i1 %more, label %loop, label %end
loop:
  %k = phi i32 [ 0, %second ], [ %k1, %loop ]
  %sum = phi i32 [ 0, %second ], [ %sum1, %loop ]
  %ks = mul i32 %k, %step
  %at0 = add i32 %base, %ks
  %at = add i32 %at0, %local
  %aw = zext i32 %at to i64
  %from = getelementptr i32, ptr addrspace(1) %x, i64 %aw
  %v = load i32, ptr addrspace(1) %from
  %sum3 = mul i32 %sum, 3
  %sum1 = add i32 %sum3, %v
  %k1 = add nuw i32 %k, 1
  %on = icmp ult i32 %k1, %n
  br i1 %on, label %loop, label %end
end:
  %total = phi i32 [ 0, %second ], [ %sum1, %loop ]
  %place = add i32 %id, 3000
  %pw = zext i32 %place to i64
  %to = getelementptr i32, ptr addrspace(1) %y, i64 %pw
  store i32 %total, ptr addrspace(1) %to
  br label %columns
columns:
  %c = phi i32 [ %local, %end ], [ %c64, %column ]
  %part = phi i32 [ 0, %end ], [ %part1, %column ]
  %left = icmp ult i32 %c, %n
  br i1 %left, label %column, label %last
column:
  %cs = mul i32 %c, %step
  %ca = add i32 %cs, %base
  %cw = zext i32 %ca to i64
  %cp = getelementptr i32, ptr addrspace(1) %x, i64 %cw
  %cv = load i32, ptr addrspace(1) %cp
  %part5 = mul i32 %part, 5
  %part1 = add i32 %part5, %cv
  %c64 = add i32 %c, 64
  br label %columns
last:
  %place2 = add i32 %id, 3400
  %lw = zext i32 %place2 to i64
  %lp = getelementptr i32, ptr addrspace(1) %y, i64 %lw
  store i32 %part, ptr addrspace(1) %lp
  ret void
}
)";

void run_loops(const Memory& x, Memory& y, uint32_t n, uint32_t shift, uint32_t step) {
  for (uint32_t row = 0; row < kGroups; ++row) {
    for (uint32_t j = 0; j < n; ++j) {
      const uint32_t i = row * n + shift + j;
      y.write(i, x.read(i) + 3 * x.read(i + 1) + y.read(i));
    }
    for (uint32_t local = 0; local < kThreads; ++local) {
      uint32_t sum = 0;
      for (uint32_t k = 0; k < n; ++k) sum = sum * 3 + x.read(row * n + shift + k * step + local);
      y.write(row * kThreads + local + 3000, sum);
      uint32_t part = 0;
      for (uint32_t c = local; c < n; c += kThreads)
        part = part * 5 + x.read(c * step + row * n + shift);
      y.write(row * kThreads + local + 3400, part);
    }
  }
}

std::unique_ptr<CompiledKernel> compile(const std::string& text) {
  auto kernel = cpu_backend().compile(
      reference::make_ir(kPositions + text, {{"x", "uint"}, {"y", "uint"}, {"sizes", "uint"}}),
      {.bounds = Bounds::robust, .threadgroup = {kThreads}});
  EXPECT_TRUE(kernel.ok()) << kernel.error().text();
  if (!kernel.ok()) return nullptr;
  EXPECT_TRUE((*kernel)->remarks().empty() || (*kernel)->remarks()[0].line != 0);
  return std::move(kernel).value();
}

constexpr size_t kWords = 4096;

TEST(Robust, LoopsOverBuffersOfAllSizes) {
  const auto kernel = compile(kLoops);
  ASSERT_TRUE(kernel);
  const uint64_t bytes[] = {0,    3,    4,    5,    255,  256,  260,  800,  1023,  1024,
                            1280, 2000, 2560, 3996, 4000, 5276, 5280, 8192, 12400, 16384};
  const uint32_t shifts[] = {0, 1, 7, uint32_t(-3), uint32_t(-200), 1u << 30, 1u << 31, 500};
  for (const uint32_t n : {1u, 63u, 64u, 65u, 128u, 200u, 256u}) {
    for (const uint64_t size : bytes) {
      for (const uint32_t shift : shifts) {
        const uint32_t step = n % 3 == 0 ? uint32_t(-1) : n % 3 * 4;
        Memory x(kWords, size, 77), y(kWords, bytes[(n + shift) % std::size(bytes)], 5);
        Memory expected = y;
        run_loops(x, expected, n, shift, step);
        std::vector<uint32_t> sizes = {n, shift, step};
        const auto result = reference::run(
            *kernel, {kGrid}, {kThreads}, {x.argument(), y.argument(), reference::argument(sizes)});
        ASSERT_TRUE(result.ok()) << result.error().text();
        ASSERT_EQ(y.words(), expected.words())
            << n << " a row, from " << shift << ", " << size << " bytes";
      }
    }
  }
}

// Rows of lanes in pieces that begin where 64 bits say: of each the same sums, turn by turn, with
// an index that begins at the lane's place and one that begins anywhere.
const char* const kPieces = R"(
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %y, ptr addrspace(1) %sizes) {
entry:
  %row = call i32 @am.threadgroup_position_in_grid.x()
  %local = call i32 @am.thread_position_in_threadgroup.x()
  %p1 = getelementptr i32, ptr addrspace(1) %sizes, i64 1
  %p2 = getelementptr i32, ptr addrspace(1) %sizes, i64 2
  %p3 = getelementptr i32, ptr addrspace(1) %sizes, i64 3
  %n = load i32, ptr addrspace(1) %sizes
  %shift = load i32, ptr addrspace(1) %p1
  %other = load i32, ptr addrspace(1) %p2
  %more = load i32, ptr addrspace(1) %p3
  %length = mul i32 %n, 64
  %rn = mul i32 %row, %length
  %rw = zext i32 %rn to i64
  %sw = sext i32 %shift to i64
  %ow = sext i32 %other to i64
  %xr = getelementptr i32, ptr addrspace(1) %x, i64 %rw
  %xs = getelementptr i32, ptr addrspace(1) %xr, i64 %sw
  %xo = getelementptr i32, ptr addrspace(1) %xs, i64 %ow
  %yr = getelementptr i32, ptr addrspace(1) %y, i64 %rw
  %ys = getelementptr i32, ptr addrspace(1) %yr, i64 %sw
  %some = icmp ne i32 %n, 0
  br i1 %some, label %loop, label %end
loop:
  %k = phi i32 [ 0, %entry ], [ %k1, %loop ]
  %k64 = mul i32 %k, 64
  %i = add i32 %k64, %local
  %im = add i32 %i, %more
  %w = zext i32 %i to i64
  %wm = zext i32 %im to i64
  %f = getelementptr i32, ptr addrspace(1) %xs, i64 %w
  %g = getelementptr i32, ptr addrspace(1) %xo, i64 %w
  %h = getelementptr i32, ptr addrspace(1) %x, i64 %wm
  %t = getelementptr i32, ptr addrspace(1) %ys, i64 %w
  %a = load i32, ptr addrspace(1) %f
  %b = load i32, ptr addrspace(1) %g
  %c = load i32, ptr addrspace(1) %h
  %old = load i32, ptr addrspace(1) %t
  %b3 = mul i32 %b, 3
  %c5 = mul i32 %c, 5
  %s0 = add i32 %a, %b3
  %s1 = add i32 %s0, %c5
  %new = add i32 %s1, %old
  store i32 %new, ptr addrspace(1) %t
  %k1 = add nuw i32 %k, 1
  %on = icmp ult i32 %k1, %n
  br i1 %on, label %loop, label %end
end:
  ret void
}
)";

void run_pieces(const Memory& x, Memory& y, uint32_t n, uint32_t shift, uint32_t other,
                uint32_t more) {
  const auto is_low = [](int64_t at) { return at >= 0 && at < int64_t{1} << 32; };
  const auto read = [&](const Memory& memory, int64_t at) {
    return is_low(at) ? memory.read(static_cast<uint32_t>(at)) : 0;
  };
  for (uint32_t row = 0; row < kGroups; ++row) {
    for (uint32_t i = 0; i < n * kThreads; ++i) {
      const int64_t at = int64_t{row * n * kThreads} + int32_t(shift) + i;
      const uint32_t sum = read(x, at) + 3 * read(x, at + int32_t(other)) + 5 * x.read(i + more);
      if (is_low(at)) y.write(static_cast<uint32_t>(at), sum + read(y, at));
    }
  }
}

TEST(Robust, PiecesThatBeginAnywhere) {
  const auto kernel = compile(kPieces);
  ASSERT_TRUE(kernel);
  const uint64_t bytes[] = {0, 3, 4, 255, 256, 260, 1279, 1280, 1284, 4000, 8192, 16384};
  const uint32_t starts[] = {0,   1,        64,      uint32_t(-1), uint32_t(-64), uint32_t(-65),
                             500, 1u << 30, 1u << 31};
  for (const uint32_t n : {1u, 4u, 5u, 9u}) {
    for (const uint64_t size : bytes) {
      for (size_t each = 0; each < std::size(starts); ++each) {
        const uint32_t shift = starts[each], other = starts[(each * 5 + n) % std::size(starts)];
        const uint32_t more = starts[(each * 7 + n + size) % std::size(starts)];
        Memory x(kWords, size, 77), y(kWords, bytes[(n + each * 5 + size) % std::size(bytes)], 5);
        Memory expected = y;
        run_pieces(x, expected, n, shift, other, more);
        std::vector<uint32_t> sizes = {n, shift, other, more};
        const auto result = reference::run(
            *kernel, {kGrid}, {kThreads}, {x.argument(), y.argument(), reference::argument(sizes)});
        ASSERT_TRUE(result.ok()) << result.error().text();
        ASSERT_EQ(y.words(), expected.words()) << n << " rows of lanes, from " << shift << ", "
                                               << other << " and " << more << ", " << size;
      }
    }
  }
}

// Nine words each around a place of its own: four by indices of 32 bits that may wrap around, from
// the fourth word on, and five side by side. (Indices that feed addresses alone count as signed.)
const char* const kPlaces = R"(
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %y, ptr addrspace(1) %places) {
entry:
  %id = call i32 @am.thread_position_in_grid.x()
  %idw = zext i32 %id to i64
  %place = getelementptr i32, ptr addrspace(1) %places, i64 %idw
  %i = load i32, ptr addrspace(1) %place
  %x3 = getelementptr i32, ptr addrspace(1) %x, i64 3
  %w = zext i32 %i to i64
  %q = getelementptr i32, ptr addrspace(1) %x, i64 %w
  %i0 = add i32 %i, -1
  %w0 = zext i32 %i0 to i64
  %p0 = getelementptr i32, ptr addrspace(1) %x3, i64 %w0
  %a0 = load i32, ptr addrspace(1) %p0
  %am0 = mul i32 %a0, 1
  %i1 = add i32 %i, 0
  %w1 = zext i32 %i1 to i64
  %p1 = getelementptr i32, ptr addrspace(1) %x3, i64 %w1
  %a1 = load i32, ptr addrspace(1) %p1
  %am1 = mul i32 %a1, 2
  %i2 = add i32 %i, 1
  %w2 = zext i32 %i2 to i64
  %p2 = getelementptr i32, ptr addrspace(1) %x3, i64 %w2
  %a2 = load i32, ptr addrspace(1) %p2
  %am2 = mul i32 %a2, 3
  %i3 = add i32 %i, 2
  %w3 = zext i32 %i3 to i64
  %p3 = getelementptr i32, ptr addrspace(1) %x3, i64 %w3
  %a3 = load i32, ptr addrspace(1) %p3
  %am3 = mul i32 %a3, 4
  %q0 = getelementptr i32, ptr addrspace(1) %q, i64 0
  %b0 = load i32, ptr addrspace(1) %q0
  %bm0 = mul i32 %b0, 5
  %q1 = getelementptr i32, ptr addrspace(1) %q, i64 1
  %b1 = load i32, ptr addrspace(1) %q1
  %bm1 = mul i32 %b1, 6
  %q2 = getelementptr i32, ptr addrspace(1) %q, i64 2
  %b2 = load i32, ptr addrspace(1) %q2
  %bm2 = mul i32 %b2, 7
  %q3 = getelementptr i32, ptr addrspace(1) %q, i64 3
  %b3 = load i32, ptr addrspace(1) %q3
  %bm3 = mul i32 %b3, 8
  %q4 = getelementptr i32, ptr addrspace(1) %q, i64 4
  %b4 = load i32, ptr addrspace(1) %q4
  %bm4 = mul i32 %b4, 9
  %s0 = add i32 0, %am0
  %s1 = add i32 %s0, %am1
  %s2 = add i32 %s1, %am2
  %s3 = add i32 %s2, %am3
  %s4 = add i32 %s3, %bm0
  %s5 = add i32 %s4, %bm1
  %s6 = add i32 %s5, %bm2
  %s7 = add i32 %s6, %bm3
  %s8 = add i32 %s7, %bm4
  %to = getelementptr i32, ptr addrspace(1) %y, i64 %idw
  store i32 %s8, ptr addrspace(1) %to
  ret void
}
)";

TEST(Robust, NeighboursOfAnyPlace) {
  const auto kernel = compile(kPlaces);
  ASSERT_TRUE(kernel);
  const uint32_t odd[] = {0, 1, 2, uint32_t(-1), uint32_t(-2), uint32_t(-3), 1u << 31, 1u << 30};
  for (const uint64_t bytes : {0, 3, 4, 16, 20, 400, 403, 4000, 16384}) {
    for (uint32_t spread : {1u, 3u, 7u, 40u}) {
      Memory x(kWords, bytes, 77), y(kGrid, kGrid * 4, 5);
      Memory expected = y;
      std::vector<uint32_t> places(kGrid);
      for (uint32_t id = 0; id < kGrid; ++id) {
        const uint32_t at = id % 64 == spread ? odd[(id / 64 + spread) % std::size(odd)]
                            : id < 64         ? odd[id % std::size(odd)]
                                              : id * spread % 997;
        places[id] = at;
        uint32_t sum = 0;
        for (uint32_t each = 0; each < 4; ++each) {
          const auto word = static_cast<uint64_t>(int64_t{int32_t(at + each - 1)} + 3);
          sum += (each + 1) * (word < kWords ? x.read(static_cast<uint32_t>(word)) : 0);
        }
        for (uint32_t each = 0; each < 5; ++each) {
          const auto word = static_cast<uint64_t>(int64_t{int32_t(at)} + each);
          sum += (each + 5) * (word < kWords ? x.read(static_cast<uint32_t>(word)) : 0);
        }
        expected.write(id, sum);
      }
      const auto result = reference::run(*kernel, {kGrid}, {kThreads},
                                         {x.argument(), y.argument(), reference::argument(places)});
      ASSERT_TRUE(result.ok()) << result.error().text();
      ASSERT_EQ(y.words(), expected.words()) << bytes << " bytes, " << spread;
    }
  }
}

// A convolution of three: y[i] = x[i - 1] + 5 x[i] + 7 x[i + 1] in rows of n, times w[3 * row ...].
const char* const kThree = R"(
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %y, ptr addrspace(1) %sizes) {
entry:
  %i = call i32 @am.thread_position_in_grid.x()
  %p1 = getelementptr i32, ptr addrspace(1) %sizes, i64 1
  %all = load i32, ptr addrspace(1) %p1
  %n0 = load i32, ptr addrspace(1) %sizes
  %in = icmp ult i32 %i, %all
  br i1 %in, label %body, label %end
body:
  %n = call i32 @llvm.umax.i32(i32 %n0, i32 1)
  %row = udiv i32 %i, %n
  %at = urem i32 %i, %n
  %first = mul i32 %row, %n
  %middle = add i32 %first, %at
  %left = icmp ne i32 %at, 0
  br i1 %left, label %read, label %go
read:
  %before = add i32 %middle, -1
  %bw = zext i32 %before to i64
  %bp = getelementptr i32, ptr addrspace(1) %x, i64 %bw
  %bv = load i32, ptr addrspace(1) %bp
  br label %go
go:
  %l = phi i32 [ 0, %body ], [ %bv, %read ]
  %w = zext i32 %middle to i64
  %p = getelementptr i32, ptr addrspace(1) %x, i64 %w
  %v = load i32, ptr addrspace(1) %p
  %after = add i32 %middle, 1
  %aw = zext i32 %after to i64
  %ap = getelementptr i32, ptr addrspace(1) %x, i64 %aw
  %r = load i32, ptr addrspace(1) %ap
  %k = mul i32 %row, 3
  %k1 = add i32 %k, 1
  %kw = zext i32 %k1 to i64
  %kp = getelementptr i32, ptr addrspace(1) %x, i64 %kw
  %c = load i32, ptr addrspace(1) %kp
  %v5 = mul i32 %v, 5
  %r7 = mul i32 %r, 7
  %s = add i32 %l, %v5
  %s1 = add i32 %s, %r7
  %s2 = mul i32 %s1, %c
  %yw = zext i32 %i to i64
  %yp = getelementptr i32, ptr addrspace(1) %y, i64 %yw
  store i32 %s2, ptr addrspace(1) %yp
  br label %end
end:
  ret void
}
)";

TEST(Robust, RowsByDivision) {
  const auto kernel = compile(kThree);
  ASSERT_TRUE(kernel);
  for (const uint32_t n : {1u, 5u, 16u, 32u, 33u, 64u, 100u, 160u, 320u}) {
    for (const uint64_t size : {0u, 4u, 64u, 127u, 128u, 600u, 640u, 1276u, 1279u, 1280u, 1284u}) {
      for (const uint32_t all : {kGrid, 300u}) {
        Memory x(kWords, size, 3), y(kWords, size + n, 9), expected = y;
        for (uint32_t i = 0; i < all; ++i) {
          const uint32_t sum = (i % n != 0 ? x.read(i - 1) : 0) + 5 * x.read(i) + 7 * x.read(i + 1);
          expected.write(i, sum * x.read(i / n * 3 + 1));
        }
        std::vector<uint32_t> sizes = {n, all};
        const auto result = reference::run(
            *kernel, {kGrid}, {kThreads}, {x.argument(), y.argument(), reference::argument(sizes)});
        ASSERT_TRUE(result.ok()) << result.error().text();
        ASSERT_EQ(y.words(), expected.words()) << n << " a row, " << size << " bytes, " << all;
      }
    }
  }
}

// Threads of 16 columns: y[row * pitch + column + shift] = 3 x[the same] + x[column * pitch + row].
// Rows are a number apart that comes out of a buffer, so they are asked for by their last one.
const char* const kRows = R"(
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %y, ptr addrspace(1) %sizes) {
entry:
  %id = call i32 @am.thread_position_in_grid.x()
  %p1 = getelementptr i32, ptr addrspace(1) %sizes, i64 1
  %pitch = load i32, ptr addrspace(1) %sizes
  %shift = load i32, ptr addrspace(1) %p1
  %row = lshr i32 %id, 4
  %column = and i32 %id, 15
  %rows = mul i32 %row, %pitch
  %base = add i32 %rows, %shift
  %i = add i32 %base, %column
  %w = zext i32 %i to i64
  %from = getelementptr i32, ptr addrspace(1) %x, i64 %w
  %a = load i32, ptr addrspace(1) %from
  %columns = mul i32 %column, %pitch
  %turned = add i32 %columns, %row
  %tw = zext i32 %turned to i64
  %other = getelementptr i32, ptr addrspace(1) %x, i64 %tw
  %b = load i32, ptr addrspace(1) %other
  %a3 = mul i32 %a, 3
  %sum = add i32 %a3, %b
  %to = getelementptr i32, ptr addrspace(1) %y, i64 %w
  store i32 %sum, ptr addrspace(1) %to
  ret void
}
)";

TEST(Robust, RowsAPitchApart) {
  const auto kernel = compile(kRows);
  ASSERT_TRUE(kernel);
  // Rows of the large ones meet again behind 2^32: 16 rows of 2^28 + 16 are 16 apart.
  for (const uint32_t pitch :
       {0u, 1u, 15u, 16u, 17u, 64u, 200u, (1u << 28) + 16, (1u << 31) + 16, uint32_t(-16)}) {
    for (const uint32_t shift : {0u, 5u, 320u, uint32_t(-8), 1u << 31}) {
      for (const uint64_t size :
           {0u, 63u, 64u, 1216u, 1276u, 1279u, 1280u, 5000u, 15264u, 16384u}) {
        Memory x(kWords, size, 3), y(kWords, size + pitch % 64, 9), expected = y;
        bool is_once = true;  // two threads' writes to one place come in any order
        std::map<uint32_t, uint32_t> seen;
        for (uint32_t id = 0; id < kGrid; ++id) {
          const uint32_t row = id / 16, column = id % 16, i = row * pitch + shift + column;
          is_once &= seen.try_emplace(i, id).second;
          expected.write(i, 3 * x.read(i) + x.read(column * pitch + row));
        }
        if (!is_once) continue;
        std::vector<uint32_t> sizes = {pitch, shift};
        const auto result = reference::run(
            *kernel, {kGrid}, {kThreads}, {x.argument(), y.argument(), reference::argument(sizes)});
        ASSERT_TRUE(result.ok()) << result.error().text();
        ASSERT_EQ(y.words(), expected.words())
            << pitch << " a row, from " << shift << ", " << size << " bytes";
      }
    }
  }
}

}  // namespace
}  // namespace anymetal::backend::cpu

// The CPU executor against the reference executor, on LLVM text.
#include <gtest/gtest.h>
#include <llvm/IR/Instructions.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>
#include <optional>
#include <thread>

#include "backend/reference/test_kernel.h"
#include "backend/thread_pool.h"
#include "builtins/builtins.h"

namespace anymetal::backend::cpu {
namespace {

using reference::argument;
using reference::make_ir;
using reference::TestBuffer;

std::unique_ptr<CompiledKernel> compile(Backend& backend, const std::string& text,
                                        const std::vector<TestBuffer>& buffers, Extent threadgroup,
                                        Bounds bounds = Bounds::off) {
  auto kernel =
      backend.compile(make_ir(text, buffers), {.bounds = bounds, .threadgroup = threadgroup});
  if (!kernel.ok()) {
    ADD_FAILURE() << kernel.error().text();
    return nullptr;
  }
  return std::move(kernel).value();
}

std::vector<std::string> position_names() {
  std::vector<std::string> names;
  for (const builtins::Builtin& row : builtins::table()) {
    if (row.group == builtins::Group::position) names.emplace_back(row.name);
  }
  return names;
}

/// Each thread writes all its positions to its place in the grid.
std::string position_kernel(const std::vector<std::string>& names) {
  std::string text = "define void @k(ptr addrspace(1) %out) {\n";
  for (const std::string& name : names) text += "  %" + name + " = call i32 @am." + name + "()\n";
  text += R"(
  %rows = mul i32 %thread_position_in_grid.z, %threads_per_grid.y
  %row = add i32 %rows, %thread_position_in_grid.y
  %columns = mul i32 %row, %threads_per_grid.x
  %place = add i32 %columns, %thread_position_in_grid.x
)";
  text += "  %base = mul i32 %place, " + std::to_string(names.size()) + "\n";
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string n = std::to_string(i);
    text += "  %i" + n + " = add i32 %base, " + n + "\n  %w" + n + " = zext i32 %i" + n +
            " to i64\n  %p" + n + " = getelementptr i32, ptr addrspace(1) %out, i64 %w" + n +
            "\n  store i32 %" + names[i] + ", ptr addrspace(1) %p" + n + "\n";
  }
  text += "  ret void\n}\n";
  for (const std::string& name : names) text += "declare i32 @am." + name + "() memory(none)\n";
  return text;
}

TEST(CpuBackend, ThreadsStandWhereTheReferenceHasThem) {
  const std::vector<std::string> names = position_names();
  const std::string text = position_kernel(names);
  const std::vector<TestBuffer> buffers = {{"out", "uint"}};
  const std::pair<Extent, Extent> cases[] = {
      {{1000}, {256}},
      {{256}, {256}},
      {{7}, {64}},
      {{65}, {32}},
      {{5}, {1}},
      {{40, 3}, {20, 2}},
      {{70, 20}, {32, 8}},
      {{32, 20}, {32, 8}},
      {{33, 8}, {32, 8}},
      {{3, 50}, {1, 48}},
      {{9, 7, 5}, {4, 3, 2}},
      {{4, 3, 5}, {4, 3, 2}},
      {{1, 1, 9}, {1, 1, 4}},
      {{10, 1, 3}, {8, 1, 2}},
      {{2, 2, 2}, {8, 8, 8}},
  };
  auto oracle = compile(reference_backend(), text, buffers, {});
  ASSERT_TRUE(oracle);
  for (const auto& [grid, threadgroup] : cases) {
    auto kernel = compile(cpu_backend(), text, buffers, threadgroup);
    ASSERT_TRUE(kernel);
    std::vector<uint32_t> expected(grid.volume() * names.size(), 99), out(expected);
    ASSERT_TRUE(reference::run(*oracle, grid, threadgroup, {argument(expected)}).ok());
    const auto result = reference::run(*kernel, grid, threadgroup, {argument(out)});
    ASSERT_TRUE(result.ok()) << result.error().text();
    for (size_t i = 0; i < out.size(); ++i) {
      ASSERT_EQ(out[i], expected[i])
          << names[i % names.size()] << " of thread " << i / names.size() << ", threadgroup "
          << threadgroup.x << " " << threadgroup.y << " " << threadgroup.z;
    }
  }
}

// Each thread adds its neighbour's value, through threadgroup memory of both kinds.
const char* const kNeighbours = R"(
@am.threadgroup.values = external addrspace(3) global [64 x i32], align 4
declare i32 @am.thread_position_in_grid.x() memory(none)
declare i32 @am.thread_index_in_threadgroup() memory(none)
declare i32 @am.threads_per_threadgroup.x() memory(none)
declare void @am.threadgroup_barrier(i32) convergent nounwind
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %out, ptr addrspace(3) %more) {
  %id = call i32 @am.thread_position_in_grid.x()
  %at = call i32 @am.thread_index_in_threadgroup()
  %count = call i32 @am.threads_per_threadgroup.x()
  %wide = zext i32 %id to i64
  %local = zext i32 %at to i64
  %from = getelementptr i32, ptr addrspace(1) %x, i64 %wide
  %v = load i32, ptr addrspace(1) %from
  %mine = getelementptr i32, ptr addrspace(3) @am.threadgroup.values, i64 %local
  store i32 %v, ptr addrspace(3) %mine
  %mine2 = getelementptr i32, ptr addrspace(3) %more, i64 %local
  %double = shl i32 %v, 1
  store i32 %double, ptr addrspace(3) %mine2
  call void @am.threadgroup_barrier(i32 2)
  %next = add i32 %at, 1
  %n = urem i32 %next, %count
  %nwide = zext i32 %n to i64
  %theirs = getelementptr i32, ptr addrspace(3) @am.threadgroup.values, i64 %nwide
  %a = load i32, ptr addrspace(3) %theirs
  %theirs2 = getelementptr i32, ptr addrspace(3) %more, i64 %nwide
  %b = load i32, ptr addrspace(3) %theirs2
  %sum = add i32 %a, %b
  %result = add i32 %sum, %v
  %to = getelementptr i32, ptr addrspace(1) %out, i64 %wide
  store i32 %result, ptr addrspace(1) %to
  ret void
}
)";

const std::vector<TestBuffer> kNeighbourBuffers = {
    {"x", "int", 4, true}, {"out", "int"}, {"more", "int", 4, false, ParameterKind::threadgroup}};

TEST(CpuBackend, ThreadgroupMemoryBelongsToTheThreadgroup) {
  auto kernel = compile(cpu_backend(), kNeighbours, kNeighbourBuffers, {64});
  ASSERT_TRUE(kernel);
  EXPECT_TRUE(kernel->remarks().empty()) << kernel->remarks()[0].text;
  const uint32_t count = 64 * 500 + 17;
  std::vector<int32_t> x(count), out(count);
  std::iota(x.begin(), x.end(), 5);
  const auto result = reference::run(*kernel, {count}, {64},
                                     {argument(x), argument(out), {nullptr, 64 * sizeof(int)}});
  ASSERT_TRUE(result.ok()) << result.error().text();
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t group = i / 64 * 64, size = std::min(64u, count - group);
    const int32_t next = x[group + (i - group + 1) % size];
    ASSERT_EQ(out[i], x[i] + 3 * next) << i;
  }
}

TEST(CpuBackend, SeveralThreadsRunOneKernel) {
  auto kernel = compile(cpu_backend(), kNeighbours, kNeighbourBuffers, {64});
  ASSERT_TRUE(kernel);
  const auto body = [&](uint32_t count) {
    std::vector<int32_t> x(count), out(count);
    std::iota(x.begin(), x.end(), 1);
    for (int turn = 0; turn < 20; ++turn) {
      ASSERT_TRUE(reference::run(*kernel, {count}, {64},
                                 {argument(x), argument(out), {nullptr, 64 * sizeof(int)}})
                      .ok());
      ASSERT_EQ(out[0], x[0] + 3 * x[1]);
      ASSERT_EQ(out[count - 1], x[count - 1] + 3 * x[(count - 1) / 64 * 64]);
    }
  };
  // The first to come compile the variant for the grid's end.
  std::vector<std::thread> threads;
  for (const uint32_t count : {70u, 1000u, 30'000u, 30'001u}) threads.emplace_back(body, count);
  for (std::thread& thread : threads) thread.join();
}

TEST(CpuBackend, LoadsWhatItCompiled) {
  auto kernel = compile(cpu_backend(), kNeighbours, kNeighbourBuffers, {64});
  ASSERT_TRUE(kernel);
  const std::string object(kernel->object());
  const KernelInterface interface = kernel->interface();
  const size_t remarks = kernel->remarks().size();
  kernel.reset();
  const CompileOptions options{.bounds = Bounds::off, .threadgroup = {64}};
  auto loaded = cpu_backend().load(object, interface, options);
  ASSERT_TRUE(loaded.ok()) << loaded.error().text();
  EXPECT_EQ((*loaded)->remarks().size(), remarks);
  // 70 isn't a multiple: the code for the rest is made of what was stored.
  std::vector<int32_t> x(70), out(70);
  std::iota(x.begin(), x.end(), 0);
  ASSERT_TRUE(reference::run(**loaded, {70}, {64},
                             {argument(x), argument(out), {nullptr, 64 * sizeof(int)}})
                  .ok());
  EXPECT_EQ(out[10], 10 + 3 * 11);
  EXPECT_EQ(out[69], 69 + 3 * 64);
}

struct Kept final : CodeStore {
  std::optional<std::string> load(std::string_view name) override {
    const auto found = entries.find(std::string(name));
    return found == entries.end() ? std::nullopt : std::optional(found->second);
  }
  void store(std::string_view name, std::string_view bytes) override {
    ++stores;
    entries[std::string(name)] = bytes;
  }
  std::map<std::string, std::string> entries;
  int stores = 0;
};

TEST(CpuBackend, KeepsVariantsForTheGridsEnd) {
  const auto first = compile(cpu_backend(), kNeighbours, kNeighbourBuffers, {64});
  ASSERT_TRUE(first);
  const auto kept = std::make_shared<Kept>();
  const CompileOptions options{.bounds = Bounds::off, .threadgroup = {64}, .later = kept};
  // As in another process: 64 and 6, then 64 and 7, which the same variant runs.
  const auto run = [&](uint32_t count) {
    auto loaded = cpu_backend().load(first->object(), first->interface(), options);
    ASSERT_TRUE(loaded.ok()) << loaded.error().text();
    std::vector<int32_t> x(count), out(count);
    std::iota(x.begin(), x.end(), 0);
    const std::vector<Argument> arguments{argument(x), argument(out), {nullptr, 64 * sizeof(int)}};
    ASSERT_TRUE(reference::run(**loaded, {count}, {64}, arguments).ok());
    EXPECT_EQ(out[10], 10 + 3 * 11);
    EXPECT_EQ(out[count - 1], int(count - 1 + 3 * ((count - 1) / 64 * 64)));
  };
  run(64);
  EXPECT_EQ(kept->stores, 0) << "nothing is cut";
  run(70);
  EXPECT_EQ(kept->stores, 1);
  run(71);
  EXPECT_EQ(kept->stores, 1) << "it was there";
  std::string& entry = kept->entries.begin()->second;
  const std::string whole = entry;
  for (const auto& damaged : {std::string(), whole.substr(0, whole.size() / 2), whole + "x",
                              std::string(first->object())}) {
    entry = damaged;
    kept->stores = 0;
    run(70);
    EXPECT_EQ(kept->stores, 1) << "made again";
    EXPECT_EQ(entry.size(), whole.size());
  }
}

/// Counts them, and refuses those behind `most`.
struct Compilations final : CompilationWatch {
  Result<void> around(const std::function<Result<void>()>& compile) override {
    if (++count > most) return Error{ErrorKind::stopped, "stopped", {}};
    return compile();
  }
  int count = 0, most = 99;
};

TEST(CpuBackend, TellsWhatItCompilesForADispatch) {
  const auto kernel = compile(cpu_backend(), kNeighbours, kNeighbourBuffers, {64});
  ASSERT_TRUE(kernel);
  Compilations watch;
  const auto run = [&](uint32_t count) {
    std::vector<int32_t> x(count, 1), out(count);
    const std::vector<Argument> arguments{argument(x), argument(out), {nullptr, 64 * sizeof(int)}};
    return kernel->run(
        {.grid = {count}, .threadgroup = {64}, .arguments = arguments, .compilations = &watch});
  };
  ASSERT_TRUE(run(64).ok());
  EXPECT_EQ(watch.count, 0);
  watch.most = 0;
  const auto stopped = run(70);
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().kind, ErrorKind::stopped);
  watch.most = 99;
  ASSERT_TRUE(run(70).ok()) << "tried again";
  EXPECT_EQ(watch.count, 2);
  ASSERT_TRUE(run(71).ok());
  EXPECT_EQ(watch.count, 2) << "it was there";
}

/// Adds up columns, eight threads a column, each every eighth row; each threadgroup along y does it
/// for itself. What is written to `parts` lies outside for threads from `inside` on.
std::string columns(int inside) {
  return R"(
@am.threadgroup.parts = external addrspace(3) global [256 x i32], align 4
declare i32 @am.thread_position_in_grid.x() memory(none)
declare i32 @am.threadgroup_position_in_grid.x() memory(none)
declare i32 @am.threadgroup_position_in_grid.y() memory(none)
declare i32 @am.thread_position_in_threadgroup.x() memory(none)
declare i32 @am.thread_position_in_threadgroup.y() memory(none)
declare i32 @am.thread_index_in_threadgroup() memory(none)
declare i32 @am.simdgroup_index_in_threadgroup() memory(none)
declare i32 @am.threads_per_threadgroup.y() memory(none)
declare void @am.threadgroup_barrier(i32) convergent nounwind
define void @k(ptr addrspace(1) %q, ptr addrspace(1) %numbers, ptr addrspace(1) %out) {
entry:
  %m = load i32, ptr addrspace(1) %numbers
  %next_number = getelementptr i32, ptr addrspace(1) %numbers, i64 1
  %pitch = load i32, ptr addrspace(1) %next_number
  %gx = call i32 @am.threadgroup_position_in_grid.x()
  %gy = call i32 @am.threadgroup_position_in_grid.y()
  %x = call i32 @am.thread_position_in_threadgroup.x()
  %y = call i32 @am.thread_position_in_threadgroup.y()
  %rows = call i32 @am.threads_per_threadgroup.y()
  %t = call i32 @am.thread_index_in_threadgroup()
  %s = call i32 @am.simdgroup_index_in_threadgroup()
  %column = call i32 @am.thread_position_in_grid.x()
  %weight = add i32 %gx, %s
  %enters = icmp ult i32 %y, %m
  br i1 %enters, label %again, label %after
again:
  %i = phi i32 [ %y, %entry ], [ %next, %again ]
  %sum = phi i32 [ %weight, %entry ], [ %more, %again ]
  %row = mul i32 %i, %pitch
  %place = add i32 %row, %column
  %wide = zext i32 %place to i64
  %at = getelementptr i32, ptr addrspace(1) %q, i64 %wide
  %v = load i32, ptr addrspace(1) %at
  %times = mul i32 %v, %i
  %more = add i32 %sum, %times
  %next = add i32 %i, %rows
  %on = icmp ult i32 %next, %m
  br i1 %on, label %again, label %after
after:
  %all = phi i32 [ %weight, %entry ], [ %more, %again ]
  %stays = icmp ult i32 %t, )" +
         std::to_string(inside) + R"(
  %far = add i32 %t, 256
  %to_part = select i1 %stays, i32 %t, i32 %far
  %wide_part = zext i32 %to_part to i64
  %mine = getelementptr i32, ptr addrspace(3) @am.threadgroup.parts, i64 %wide_part
  store i32 %all, ptr addrspace(3) %mine
  call void @am.threadgroup_barrier(i32 2)
  %is_first = icmp eq i32 %y, 0
  br i1 %is_first, label %fold, label %end
fold:
  %p = phi i32 [ 0, %after ], [ %p_next, %fold ]
  %total = phi i32 [ 0, %after ], [ %total_next, %fold ]
  %p_row = mul i32 %p, 32
  %p_place = add i32 %p_row, %x
  %p_wide = zext i32 %p_place to i64
  %theirs = getelementptr i32, ptr addrspace(3) @am.threadgroup.parts, i64 %p_wide
  %part = load i32, ptr addrspace(3) %theirs
  %mixed = mul i32 %total, 3
  %total_next = add i32 %mixed, %part
  %p_next = add i32 %p, 1
  %p_on = icmp ult i32 %p_next, %rows
  br i1 %p_on, label %fold, label %write
write:
  %o_row = mul i32 %gy, %pitch
  %o_place = add i32 %o_row, %column
  %o_wide = zext i32 %o_place to i64
  %to = getelementptr i32, ptr addrspace(1) %out, i64 %o_wide
  store i32 %total_next, ptr addrspace(1) %to
  br label %end
end:
  ret void
}
)";
}

/// The same with 32 columns and a row for each simdgroup of threads in one dimension.
std::string columns_by_simdgroups(int inside) {
  std::string text = columns(inside);
  const auto replace = [&](const std::string& from, const std::string& to) {
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  };
  replace("  %s = call i32 @am.simdgroup_index_in_threadgroup()", "  %s = add i32 %y, 0");
  replace("declare i32 @am.simdgroup_index_in_threadgroup() memory(none)\n", "");
  replace("am.thread_position_in_threadgroup.x", "am.thread_index_in_simdgroup");
  replace("am.thread_position_in_threadgroup.y", "am.simdgroup_index_in_threadgroup");
  replace("%rows = call i32 @am.threads_per_threadgroup.y()", "%rows = add i32 %gy, 8");
  replace("%column = call i32 @am.thread_position_in_grid.x()",
          "%first = mul i32 %gx, 32\n  %column = add i32 %first, %x");
  return text;
}

const std::vector<TestBuffer> kColumnBuffers = {
    {"q", "int", 4, true}, {"numbers", "int", 4, true}, {"out", "int"}};

/// Sums of `columns` in rows of `pitch` numbers, of which `there` are there, by both.
void expect_same_sums(CompiledKernel& oracle, CompiledKernel& kernel, const Extent& grid,
                      const Extent& threadgroup, uint32_t rows, uint32_t pitch, uint32_t there,
                      size_t columns) {
  std::vector<uint32_t> q(there), numbers = {rows, pitch};
  std::iota(q.begin(), q.end(), 11);
  std::vector<uint32_t> expected(columns, 99), out(expected);
  ASSERT_TRUE(reference::run(oracle, grid, threadgroup,
                             {argument(q), argument(numbers), argument(expected)})
                  .ok());
  const auto result =
      reference::run(kernel, grid, threadgroup, {argument(q), argument(numbers), argument(out)});
  ASSERT_TRUE(result.ok()) << result.error().text();
  for (size_t i = 0; i < out.size(); ++i)
    ASSERT_EQ(out[i], expected[i]) << i << " of " << grid.x << " x " << grid.y;
}

unsigned count_together(const Kept& kept) {
  return unsigned(std::ranges::count_if(kept.entries, [](const auto& entry) {
    return entry.first.find("together") != std::string::npos;
  }));
}

TEST(CpuBackend, ThreadgroupsThatRunTogetherGiveWhatEachGivesAlone) {
  const auto threads = uint32_t(ThreadPool::shared().size());
  for (const Bounds bounds : {Bounds::off, Bounds::robust}) {
    const std::string text = columns(bounds == Bounds::off ? 256 : 99);
    auto oracle = compile(reference_backend(), text, kColumnBuffers, {}, bounds);
    const auto kept = std::make_shared<Kept>();
    auto kernel = cpu_backend().compile(make_ir(text, kColumnBuffers),
                                        {.bounds = bounds, .threadgroup = {32, 8}, .later = kept});
    ASSERT_TRUE(oracle && kernel.ok());
    EXPECT_TRUE((*kernel)->remarks().empty()) << (*kernel)->remarks()[0].text;
    const Extent grids[] = {{32, 8},
                            {64, 8},
                            {32 * 8 * threads, 8},
                            {32 * 4 * threads, 8},
                            {32 * 4 * threads, 16},
                            {32 * 2 * threads, 8},
                            {32 * 9 * threads + 7, 8},
                            {32 * 40 * threads - 9, 19},
                            {32 * 3, 8 * 4 * threads}};
    for (const Extent& grid : grids) {
      const uint32_t rows = 29;
      // Under robust the last rows are outside in part.
      const uint32_t there = rows * grid.x - (bounds == Bounds::off ? 0 : grid.x + 40);
      expect_same_sums(*oracle, **kernel, grid, {32, 8}, rows, grid.x, there,
                       size_t{grid.x} * ((grid.y + 7) / 8));
      if (HasFatalFailure()) return;
    }
    EXPECT_EQ(count_together(*kept), 3U) << "2, 4 and 8";
    // Whoever loads the kernel finds its variants.
    kept->stores = 0;
    auto loaded = cpu_backend().load((*kernel)->object(), (*kernel)->interface(),
                                     {.bounds = bounds, .threadgroup = {32, 8}, .later = kept});
    ASSERT_TRUE(loaded.ok());
    std::vector<uint32_t> q(size_t{29} * 32 * 8 * threads), numbers = {29, 32 * 8 * threads},
                                                            out(numbers[1]);
    ASSERT_TRUE(reference::run(**loaded, {numbers[1], 8}, {32, 8},
                               {argument(q), argument(numbers), argument(out)})
                    .ok());
    EXPECT_EQ(kept->stores, 0);
  }
}

TEST(CpuBackend, SimdgroupsOfThreadgroupsThatRunTogetherStandInRows) {
  const auto threads = uint32_t(ThreadPool::shared().size());
  for (const Bounds bounds : {Bounds::off, Bounds::robust}) {
    const std::string text = columns_by_simdgroups(bounds == Bounds::off ? 256 : 99);
    auto oracle = compile(reference_backend(), text, kColumnBuffers, {}, bounds);
    const auto kept = std::make_shared<Kept>();
    auto kernel = cpu_backend().compile(make_ir(text, kColumnBuffers),
                                        {.bounds = bounds, .threadgroup = {256}, .later = kept});
    ASSERT_TRUE(oracle && kernel.ok());
    for (const uint32_t count : {256 * 8 * threads, 256 * 2 * threads, 256 * 9 * threads + 40}) {
      const uint32_t rows = 29, pitch = (count + 255) / 256 * 32;
      expect_same_sums(*oracle, **kernel, {count}, {256}, rows, pitch,
                       rows * pitch - (bounds == Bounds::off ? 0 : pitch + 40), pitch);
      if (HasFatalFailure()) return;
    }
    EXPECT_EQ(count_together(*kept), 2U) << "2 and 8";
  }
}

TEST(CpuBackend, RefusesDamagedObjects) {
  auto kernel = compile(cpu_backend(), kNeighbours, kNeighbourBuffers, {64});
  ASSERT_TRUE(kernel);
  const std::string object(kernel->object());
  const CompileOptions options{.bounds = Bounds::off, .threadgroup = {64}};
  for (size_t length = 0; length < object.size(); length += length < 64 ? 1 : 397) {
    EXPECT_FALSE(cpu_backend().load(object.substr(0, length), kernel->interface(), options).ok())
        << length;
  }
  for (size_t at = 0; at < object.size(); at += 353) {
    std::string damaged = object;
    damaged[at] = char(damaged[at] ^ 0x20);
    EXPECT_FALSE(cpu_backend().load(damaged, kernel->interface(), options).ok()) << at;
  }
  for (const CompileOptions& other :
       {CompileOptions{Bounds::error, {64}}, CompileOptions{Bounds::off, {32}}}) {
    EXPECT_FALSE(cpu_backend().load(object, kernel->interface(), other).ok());
  }
}

TEST(CpuBackend, SaysWhyItFallsBack) {
  auto kernel = compile(cpu_backend(), kNeighbours, kNeighbourBuffers, {64}, Bounds::error);
  ASSERT_TRUE(kernel);
  ASSERT_EQ(kernel->remarks().size(), 1u);
  EXPECT_NE(kernel->remarks()[0].text.find("runs on the reference executor"), std::string::npos);
  std::vector<int32_t> x(60), out(64);
  const auto result = reference::run(*kernel, {64}, {64},
                                     {argument(x), argument(out), {nullptr, 64 * sizeof(int)}});
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("outside buffer 'x'"), std::string::npos)
      << result.error().message;
}

TEST(CpuBackend, StopsBetweenThreadgroups) {
  auto kernel = compile(cpu_backend(), kNeighbours, kNeighbourBuffers, {64});
  ASSERT_TRUE(kernel);
  StopFlag stop;
  stop.request(1);
  std::vector<int32_t> x(6400), out(6400);
  const auto result = reference::run(
      *kernel, {6400}, {64}, {argument(x), argument(out), {nullptr, 64 * sizeof(int)}}, 0, &stop);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::stopped);
}

/// Sums over i from the thread's index on, 96 by 96, as long as a comparison with a limit holds.
std::string shared_loop(const std::string& predicate, bool down) {
  return R"(
declare i32 @am.thread_position_in_grid.x() memory(none)
define void @k(ptr addrspace(1) %out, ptr addrspace(1) %numbers) {
entry:
  %t = call i32 @am.thread_position_in_grid.x()
  %wide = zext i32 %t to i64
  %to = getelementptr i32, ptr addrspace(1) %out, i64 %wide
  %begin = load i32, ptr addrspace(1) %numbers
  %second = getelementptr i32, ptr addrspace(1) %numbers, i64 1
  %limit = load i32, ptr addrspace(1) %second
  %first = add i32 %begin, %t
  %enters = icmp )" +
         predicate + R"( i32 %first, %limit
  br i1 %enters, label %again, label %end
again:
  %i = phi i32 [ %first, %entry ], [ %next, %again ]
  %sum = phi i32 [ 7, %entry ], [ %more, %again ]
  %times = mul i32 %sum, 3
  %more = add i32 %times, %i
  %next = )" +
         (down ? "sub" : "add") + R"( i32 %i, 96
  %on = icmp )" +
         predicate + R"( i32 %next, %limit
  br i1 %on, label %again, label %end
end:
  %result = phi i32 [ 0, %entry ], [ %more, %again ]
  store i32 %result, ptr addrspace(1) %to
  ret void
}
)";
}

TEST(CpuBackend, LoopsThatThreadsShareEndForEachThread) {
  using Predicate = llvm::CmpInst;
  const std::pair<const char*, Predicate::Predicate> up[] = {{"ult", Predicate::ICMP_ULT},
                                                             {"ule", Predicate::ICMP_ULE},
                                                             {"slt", Predicate::ICMP_SLT},
                                                             {"sle", Predicate::ICMP_SLE}},
                                                     down[] = {{"ugt", Predicate::ICMP_UGT},
                                                               {"uge", Predicate::ICMP_UGE},
                                                               {"sgt", Predicate::ICMP_SGT},
                                                               {"sge", Predicate::ICMP_SGE}};
  const auto check = [](const char* name, Predicate::Predicate predicate, bool goes_down) {
    for (const uint32_t threadgroup : {96u, 128u, 20u}) {
      auto kernel = compile(cpu_backend(), shared_loop(name, goes_down),
                            {{"out", "uint"}, {"numbers", "uint"}}, {threadgroup});
      ASSERT_TRUE(kernel);
      EXPECT_TRUE(kernel->remarks().empty());
      // From around 0, and from where indices wrap around between the lanes.
      for (const uint32_t begin : {0u, 5u, 1000u, 0u - 20, 0u - 300, 0x7ffffff0u, 0x80000010u}) {
        for (const int32_t turns : {-200, -1, 0, 1, 15, 16, 31, 32, 63, 95, 96, 97, 191, 500}) {
          const uint32_t limit = goes_down ? begin - uint32_t(turns) : begin + uint32_t(turns);
          const auto holds = [&](uint32_t i) {
            return llvm::ICmpInst::compare(llvm::APInt(32, i), llvm::APInt(32, limit), predicate);
          };
          std::vector<uint32_t> out(250, 1), expected(out);
          bool ends = true;
          for (uint32_t thread = 0; thread < out.size(); ++thread) {
            uint32_t i = begin + thread, sum = 7;
            int count = 0;
            for (; count < 100 && holds(i); i = goes_down ? i - 96 : i + 96, ++count)
              sum = sum * 3 + i;
            ends &= count < 100;
            expected[thread] = count == 0 ? 0 : sum;
          }
          if (!ends) continue;  // one wraps around and around
          std::vector<uint32_t> numbers = {begin, limit};
          const auto result =
              reference::run(*kernel, {250}, {threadgroup}, {argument(out), argument(numbers)});
          ASSERT_TRUE(result.ok()) << result.error().text();
          ASSERT_EQ(out, expected) << name << " from " << begin << " to " << limit
                                   << ", threadgroups of " << threadgroup;
        }
      }
    }
  };
  for (const auto& [name, predicate] : up) check(name, predicate, false);
  for (const auto& [name, predicate] : down) check(name, predicate, true);
}

// A thread's own array begins with zeros, written by elements: its lanes lie side by side, so that
// nothing is gathered.
TEST(CpuBackend, ArraysOfThreadsLieSideBySide) {
  auto kernel = compile(cpu_backend(), R"(
declare i32 @am.thread_position_in_grid.x()
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
define void @k(ptr addrspace(1) %out, ptr addrspace(1) %numbers) {
entry:
  %s = alloca [64 x i32], align 16
  call void @llvm.memset.p0.i64(ptr %s, i8 0, i64 256, i1 false)
  %n = load i32, ptr addrspace(1) %numbers
  %i = call i32 @am.thread_position_in_grid.x()
  br label %fill
fill:
  %j = phi i32 [ 0, %entry ], [ %j.next, %fill ]
  %to = getelementptr [64 x i32], ptr %s, i64 0, i32 %j
  %v = add i32 %i, %j
  store i32 %v, ptr %to
  %j.next = add i32 %j, 2
  %more = icmp ult i32 %j.next, %n
  br i1 %more, label %fill, label %add
add:
  %k = phi i32 [ 0, %fill ], [ %k.next, %add ]
  %sum = phi i32 [ 0, %fill ], [ %sum.next, %add ]
  %from = getelementptr [64 x i32], ptr %s, i64 0, i32 %k
  %w = load i32, ptr %from
  %sum.next = add i32 %sum, %w
  %k.next = add i32 %k, 1
  %goes = icmp ult i32 %k.next, 64
  br i1 %goes, label %add, label %end
end:
  %iw = zext i32 %i to i64
  %at = getelementptr i32, ptr addrspace(1) %out, i64 %iw
  store i32 %sum.next, ptr addrspace(1) %at
  ret void
}
)",
                        {{"out", "int"}, {"numbers", "int"}}, {64});
  ASSERT_TRUE(kernel);
  EXPECT_TRUE(kernel->remarks().empty()) << kernel->remarks()[0].text;
  std::vector<int32_t> out(100, -1), numbers = {40}, expected(100);
  for (int32_t i = 0; i < 100; ++i) {
    for (int32_t j = 0; j < 40; j += 2) expected[size_t(i)] += i + j;
  }
  const auto result = reference::run(*kernel, {100}, {64}, {argument(out), argument(numbers)});
  ASSERT_TRUE(result.ok()) << result.error().text();
  EXPECT_EQ(out, expected);
}

// An index taken apart twice, behind a check that it is inside: out[i] is one number of the three
// parts, and what is read at the place put together again.
const char* const kParts = R"(
declare i32 @am.thread_position_in_grid.x() memory(none)
declare i32 @llvm.umax.i32(i32, i32)
define void @k(ptr addrspace(1) %out, ptr addrspace(1) %x, ptr addrspace(1) %sizes) {
entry:
  %t = call i32 @am.thread_position_in_grid.x()
  %n = load i32, ptr addrspace(1) %sizes
  %p1 = getelementptr i32, ptr addrspace(1) %sizes, i64 1
  %p2 = getelementptr i32, ptr addrspace(1) %sizes, i64 2
  %rows = load i32, ptr addrspace(1) %p1
  %columns = load i32, ptr addrspace(1) %p2
  %inside = icmp ult i32 %t, %n
  br i1 %inside, label %body, label %home
body:
  %area = mul i32 %rows, %columns
  %a = call i32 @llvm.umax.i32(i32 %area, i32 1)
  %c = call i32 @llvm.umax.i32(i32 %columns, i32 1)
  %image = udiv i32 %t, %a
  %rest = urem i32 %t, %a
  %row = udiv i32 %rest, %c
  %column = urem i32 %rest, %c
  %m1 = mul i32 %image, %area
  %m2 = mul i32 %row, %columns
  %m3 = add i32 %m1, %m2
  %place = add i32 %m3, %column
  %pw = zext i32 %place to i64
  %from = getelementptr i32, ptr addrspace(1) %x, i64 %pw
  %v = load i32, ptr addrspace(1) %from
  %h1 = mul i32 %image, 1000003
  %h2 = mul i32 %row, 1009
  %h3 = add i32 %h1, %h2
  %h4 = add i32 %h3, %column
  %h5 = xor i32 %h4, %v
  %w = zext i32 %t to i64
  %to = getelementptr i32, ptr addrspace(1) %out, i64 %w
  store i32 %h5, ptr addrspace(1) %to
  br label %home
home:
  ret void
}
)";

/// Four elements of each thread, 64 bytes from thread to thread, one after the other.
std::string copy_of_four() {
  std::string text = R"(
declare i32 @am.thread_position_in_grid.x() memory(none)
define void @k(ptr addrspace(1) %x, ptr addrspace(1) %y) {
  %t = call i32 @am.thread_position_in_grid.x()
  %first = shl i32 %t, 4
  %i = zext i32 %first to i64
)";
  for (int j = 0; j < 4; ++j) {
    const std::string n = std::to_string(j);
    text += "  %i" + n + " = add i64 %i, " + n + "\n";
    text += "  %p" + n + " = getelementptr i32, ptr addrspace(1) %x, i64 %i" + n + "\n";
    text += "  %q" + n + " = getelementptr i32, ptr addrspace(1) %y, i64 %i" + n + "\n";
    text += "  %v" + n + " = load i32, ptr addrspace(1) %p" + n + "\n";
    text += "  store i32 %v" + n + ", ptr addrspace(1) %q" + n + "\n";
  }
  return text + "  ret void\n}\n";
}

TEST(CpuBackend, BuffersThatOverlapAreReadInOrder) {
  const auto kernel = compile(cpu_backend(), copy_of_four(), {{"x", "int"}, {"y", "int"}}, {64});
  ASSERT_TRUE(kernel);
  constexpr int kThreads = 192, kMargin = 16;
  for (int shift = -8; shift <= 8; ++shift) {
    std::vector<int32_t> memory(kThreads * 16 + 2 * kMargin), expected;
    std::iota(memory.begin(), memory.end(), 1);
    expected = memory;
    for (int t = 0; t < kThreads; ++t) {
      for (int j = 0; j < 4; ++j)
        expected[kMargin + 16 * t + j + shift] = expected[kMargin + 16 * t + j];
    }
    const size_t bytes = kThreads * 16 * sizeof(int32_t);
    ASSERT_TRUE(reference::run(*kernel, {kThreads}, {64},
                               {{&memory[kMargin], bytes}, {&memory[kMargin + shift], bytes}})
                    .ok());
    EXPECT_EQ(memory, expected) << shift;
  }
}

TEST(CpuBackend, IndicesTakenApartTwice) {
  constexpr uint32_t n = 700, grid = 777;
  std::vector<uint32_t> x(grid);
  std::iota(x.begin(), x.end(), 12345u);
  for (const uint32_t threadgroup : {256u, 96u, 20u}) {
    auto kernel = compile(cpu_backend(), kParts,
                          {{"out", "uint"}, {"x", "uint"}, {"sizes", "uint"}}, {threadgroup});
    ASSERT_TRUE(kernel);
    for (const uint32_t rows : {1u, 2u, 3u, 7u}) {
      for (const uint32_t columns : {1u, 3u, 16u, 17u, 31u, 32u, 33u, 64u, 100u, 256u, 1000u}) {
        std::vector<uint32_t> out(grid, 1), expected(out), sizes = {n, rows, columns};
        for (uint32_t t = 0; t < n; ++t) {
          const uint32_t rest = t % (rows * columns);
          expected[t] =
              (t / (rows * columns) * 1000003 + rest / columns * 1009 + rest % columns) ^ x[t];
        }
        const auto result = reference::run(*kernel, {grid}, {threadgroup},
                                           {argument(out), argument(x), argument(sizes)});
        ASSERT_TRUE(result.ok()) << result.error().text();
        ASSERT_EQ(out, expected) << rows << " rows of " << columns << ", threadgroups of "
                                 << threadgroup;
      }
    }
  }
}

TEST(CpuBackend, StopsLoopsThatNeverEnd) {
  auto kernel = compile(cpu_backend(), R"(
define void @k(ptr addrspace(1) %x) {
  br label %again
again:
  %v = load volatile i32, ptr addrspace(1) %x
  %c = icmp eq i32 %v, 0
  br i1 %c, label %again, label %out
out:
  ret void
}
)",
                        {{"x", "int"}}, {64});
  ASSERT_TRUE(kernel);
  EXPECT_TRUE(kernel->remarks().empty());
  StopFlag stop;
  std::vector<int32_t> x(1);
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    stop.request(1);
  });
  const auto result = reference::run(*kernel, {640}, {64}, {argument(x)}, 0, &stop);
  other.join();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::stopped);
}

}  // namespace
}  // namespace anymetal::backend::cpu

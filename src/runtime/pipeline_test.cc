#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <latch>
#include <numeric>
#include <thread>

#include "runtime/fake_engine.h"
#include "runtime/running_work.h"

namespace anymetal::runtime {
namespace {

namespace fs = std::filesystem;

class PipelineTest : public testing::Test {
 protected:
  PipelineTest() {
    fake.kernels["add_one"] = add_one();
    fake.kernels["spin"] = spin();
    std::string pattern = testing::TempDir() + "anymetal-pipeline-XXXXXX";
    folder = ::mkdtemp(pattern.data());
    settings.cache_directory = folder + "/cache";
    set_report_sink([this](std::string_view line) { lines.emplace_back(line); });
  }
  ~PipelineTest() override {
    set_report_sink({});
    fs::remove_all(folder);
  }

  std::unique_ptr<Device> device() { return Device::create(settings, fake.engine()); }
  static std::shared_ptr<Pipeline> pipeline(Device& device, const std::string& name,
                                            const std::string& text = "add_one spin") {
    auto library = device.library({.text = text, .name = "test.metal"});
    auto pipeline = device.pipeline((*library)->function(name).value());
    return pipeline.value();
  }
  Result<void> add(Pipeline& p, Extent grid, Extent threadgroup = {16, 1, 1},
                   uint32_t coverage = ~0u) {
    Argument buffers[] = {{x.data(), x.size() * 4}, {y.data(), y.size() * 4}};
    return p.run(
        {.grid = grid, .threadgroup = threadgroup, .buffers = buffers, .coverage = coverage});
  }

  FakeEngine fake;
  Settings settings;
  std::string folder;
  std::vector<float> x = std::vector<float>(16384, 1.0f), y = std::vector<float>(16384, 0.0f);
  std::vector<std::string> lines;
};

TEST_F(PipelineTest, RunsWithArgumentsByIndex) {
  auto d = device();
  auto p = pipeline(*d, "add_one");
  std::iota(x.begin(), x.end(), 0.0f);
  ASSERT_TRUE(add(*p, {16384, 1, 1}).ok());
  EXPECT_EQ(y[0], 1.0f);
  EXPECT_EQ(y[16383], 16384.0f);
}

TEST_F(PipelineTest, ValidatesBeforeItRuns) {
  auto d = device();
  auto p = pipeline(*d, "add_one");
  Result<void> result = add(*p, {64, 1, 1}, {2048, 1, 1});
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("2,048 threads"), std::string::npos);
  EXPECT_EQ(y[0], 0.0f);
}

TEST_F(PipelineTest, AnUnknownKernelListsTheKnownOnes) {
  auto d = device();
  auto library = d->library({.text = "add_one spin", .name = "test.metal"}).value();
  EXPECT_EQ(library->function("exp").error().message,
            "no kernel `exp` in test.metal: it has `add_one`, `spin`");
}

TEST_F(PipelineTest, AWrongEnvironmentIsTheErrorOfEveryCompilation) {
  settings.invalid = user_error(
      "ANYMETAL_EXECUTOR=gpu is not valid: set it to one of cpu, reference, or unset it");
  auto d = device();
  auto library = d->library({.text = "add_one", .name = "test.metal"});
  ASSERT_FALSE(library.ok());
  EXPECT_EQ(library.error().message, settings.invalid->message);
}

TEST_F(PipelineTest, ThreadsThatAskForTheSameShareOneCompilation) {
  auto d = device();
  std::vector<std::thread> threads;
  std::latch start(8);
  std::vector<std::shared_ptr<Pipeline>> made(8);
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      made[i] = pipeline(*d, "add_one");
    });
  for (auto& thread : threads) thread.join();
  for (auto& one : made) EXPECT_EQ(one, made[0]);
  EXPECT_EQ(fake.parsed, 1);
  EXPECT_EQ(fake.compiled, 1);
}

TEST_F(PipelineTest, AnotherProcessNeedsNoParseAndNoCompilation) {
  {
    auto first = device();
    pipeline(*first, "add_one");
  }
  auto second = device();  // knows nothing but the disk
  auto p = pipeline(*second, "add_one");
  EXPECT_EQ(fake.parsed, 1);
  EXPECT_EQ(fake.emitted, 1);
  EXPECT_EQ(fake.compiled, 1);
  EXPECT_EQ(fake.loaded, 1);
  ASSERT_TRUE(add(*p, {16384, 1, 1}).ok());
  EXPECT_EQ(y[100], 2.0f);
  // A kernel that nobody compiled yet: the tree is made after all.
  pipeline(*second, "spin");
  EXPECT_EQ(fake.parsed, 2);
}

TEST_F(PipelineTest, EverythingThatMattersIsInTheKey) {
  auto compilations = [&](auto change) {
    change();
    auto d = device();
    pipeline(*d, "add_one");
    return fake.compiled.load();
  };
  EXPECT_EQ(compilations([] {}), 1);
  EXPECT_EQ(compilations([] {}), 1);
  EXPECT_EQ(compilations([&] { settings.bounds = Bounds::error; }), 2);
  EXPECT_EQ(compilations([&] { fake.backend_version = "2"; }), 3);
  auto d = device();
  auto with = [&](const language::Source& source, const language::Options& options,
                  const std::vector<language::ConstantValue>& constants) {
    auto library = d->library(source, options).value();
    (void)d->pipeline(library->function("add_one", constants).value()).value();
    return fake.compiled.load();
  };
  language::Source source{.text = "add_one spin", .name = "test.metal"};
  EXPECT_EQ(with(source, {}, {}), 3);
  EXPECT_EQ(with({.text = "add_one spin ", .name = "test.metal"}, {}, {}), 4);
  EXPECT_EQ(with({.text = "add_one spin", .name = "other.metal"}, {}, {}), 5);
  EXPECT_EQ(
      with({.text = "add_one spin", .name = "test.metal", .marks = {{0, "k.source", 1}}}, {}, {}),
      6);
  EXPECT_EQ(with(source, {.math_mode = MathMode::fast}, {}), 7);
  EXPECT_EQ(with(source, {.macros = {{"A", "1"}}}, {}), 8);
  EXPECT_EQ(with(source, {.macros = {{"A1", ""}}}, {}), 9);
  EXPECT_EQ(with(source, {.prefix = "#define A"}, {}), 10);
  EXPECT_EQ(with(source, {}, {{.index = 1, .bytes = "a"}}), 11);
  EXPECT_EQ(with(source, {}, {{.index = 2, .bytes = "a"}}), 12);
  EXPECT_EQ(with(source, {}, {{.index = 1, .bytes = "b"}}), 13);
  EXPECT_EQ(with(source, {}, {}), 13);
  // Files can change behind our back.
  EXPECT_EQ(with(source, {.include_dirs = {"/tmp"}}, {}), 14);
  EXPECT_EQ(with(source, {.include_dirs = {"/tmp"}}, {}), 15);
}

TEST_F(PipelineTest, ASpecialisingBackEndCompilesForEachThreadgroup) {
  fake.specializes = true;
  auto d = device();
  auto p = pipeline(*d, "add_one");
  EXPECT_EQ(fake.compiled, 0);
  ASSERT_TRUE(add(*p, {64, 1, 1}, {16, 1, 1}).ok());
  ASSERT_TRUE(add(*p, {64, 1, 1}, {16, 1, 1}).ok());
  ASSERT_TRUE(add(*p, {64, 1, 1}, {1, 16, 1}).ok());
  EXPECT_EQ(fake.compiled, 2);
}

TEST_F(PipelineTest, DamagedEntriesAreMadeAgain) {
  {
    auto first = device();
    pipeline(*first, "add_one");
  }
  for (const auto& entry : fs::directory_iterator(settings.cache_directory))
    fs::resize_file(entry.path(), entry.file_size() - 1);
  auto second = device();
  auto p = pipeline(*second, "add_one");
  EXPECT_EQ(fake.compiled, 2);
  EXPECT_TRUE(add(*p, {16, 1, 1}).ok());
  auto third = device();
  pipeline(*third, "add_one");
  EXPECT_EQ(fake.compiled, 2);
}

TEST_F(PipelineTest, TheTimeoutStopsAKernelThatNeverEnds) {
  settings.timeout = std::chrono::milliseconds(50);
  auto d = device();
  auto p = pipeline(*d, "spin");
  auto start = std::chrono::steady_clock::now();
  Result<void> result = p->run({.grid = {1, 1, 1}, .threadgroup = {1, 1, 1}});
  auto took = std::chrono::steady_clock::now() - start;
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::stopped);
  EXPECT_EQ(result.error().message,
            "kernel `spin` was stopped after 0.05 s, the limit of ANYMETAL_TIMEOUT: look for a "
            "loop that never "
            "ends, or raise the limit");
  EXPECT_GE(took, std::chrono::milliseconds(50));
  EXPECT_LT(took, std::chrono::seconds(5));
  EXPECT_TRUE(add(*pipeline(*d, "add_one"), {16, 1, 1}).ok());  // life goes on
}

TEST_F(PipelineTest, CtrlCStopsEveryDispatchAndThenDoesWhatItDidBefore) {
  static std::atomic<int> chained{0};
  chained = 0;
  struct sigaction before = {}, action = {};
  action.sa_handler = [](int) { ++chained; };
  ::sigaction(SIGINT, &action, &before);
  install_interrupt_handler();
  install_interrupt_handler();
  auto d = device();
  auto p = pipeline(*d, "spin");
  std::vector<std::thread> threads;
  std::atomic<int> stopped{0};
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      Result<void> result = p->run({.grid = {1, 1, 1}, .threadgroup = {1, 1, 1}});
      stopped += !result.ok() && result.error().kind == ErrorKind::stopped &&
                 result.error().message ==
                     "kernel `spin` was stopped by an interrupt; its outputs are incomplete";
    });
  while (running_dispatches() < 3) std::this_thread::yield();
  ::kill(::getpid(), SIGINT);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(stopped, 3);
  EXPECT_EQ(chained, 1);
  EXPECT_EQ(running_dispatches(), 0u);
  ::sigaction(SIGINT, &before, nullptr);
}

/// An engine whose compilations go on until they are stopped.
Engine endless(FakeEngine& fake) {
  Engine engine = fake.engine();
  engine.parse = [](const auto&, const auto&) -> Result<std::shared_ptr<language::ParsedLibrary>> {
    while (!stop_requested()) std::this_thread::yield();
    return compilation_stopped();
  };
  return engine;
}

TEST_F(PipelineTest, TheTimeoutOfCompilationsStopsThem) {
  settings.compile_timeout = std::chrono::milliseconds(50);
  auto d = Device::create(settings, endless(fake));
  const auto library = d->library({.text = "add_one", .name = "test.metal"});
  ASSERT_FALSE(library.ok());
  EXPECT_EQ(library.error().kind, ErrorKind::stopped);
  EXPECT_EQ(
      library.error().message,
      "the compilation of `test.metal` was stopped after 0.05 s, the limit of "
      "ANYMETAL_COMPILE_TIMEOUT: look for templates or macros that grow without end, or raise "
      "the limit");
  EXPECT_FALSE(stop_requested());
}

TEST_F(PipelineTest, CtrlCStopsCompilations) {
  auto d = Device::create(settings, endless(fake));
  std::atomic<bool> done{false};
  std::thread user([&] {
    while (!done) {  // again, should the first come too early
      request_stop();
      std::this_thread::yield();
    }
  });
  const auto library = d->library({.text = "add_one", .name = "test.metal"});
  done = true;
  user.join();
  ASSERT_FALSE(library.ok());
  EXPECT_EQ(library.error().kind, ErrorKind::stopped);
  EXPECT_EQ(library.error().message, "the compilation of `test.metal` was stopped by an interrupt");
}

TEST_F(PipelineTest, CtrlCWhileItsCodeIsMadeStopsTheLaunch) {
  fake.specializes = true;
  auto d = device();
  auto p = pipeline(*d, "add_one");
  fake.while_compiling = [] { request_stop(); };  // where nobody asks whether to stop
  Result<void> result = add(*p, {16384, 1, 1});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::stopped);
  EXPECT_EQ(result.error().message, "kernel `add_one` was stopped by an interrupt before it began");
  EXPECT_EQ(y[0], 0.0f);
  ASSERT_TRUE(add(*p, {16384, 1, 1}).ok());
  EXPECT_EQ(y[0], 2.0f);
}

// In a process of its own, as the handler stays for good.
TEST(InterruptDeathTest, TheFirstStopsTheKernelTheNextTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto program = [] {
    FakeEngine fake;
    fake.kernels["spin"] = spin();
    auto device = Device::create({}, fake.engine());
    auto library = device->library({.text = "spin", .name = "test.metal"}).value();
    auto p = device->pipeline(library->function("spin").value()).value();
    ::signal(SIGINT, SIG_DFL);
    install_interrupt_handler();
    std::thread user([] {
      while (running_dispatches() == 0) std::this_thread::yield();
      ::kill(::getpid(), SIGINT);
    });
    Result<void> result = p->run({.grid = {1, 1, 1}, .threadgroup = {1, 1, 1}});
    user.join();
    if (!result.ok()) std::fputs("the program lives on\n", stderr);
    ::kill(::getpid(), SIGINT);
    ::sleep(10);
  };
  EXPECT_EXIT(program(), testing::KilledBySignal(SIGINT), "the program lives on");
}

TEST_F(PipelineTest, TracePrintsOneAlignedLine) {
  settings.trace = true;
  auto d = device();
  auto p = pipeline(*d, "add_one");
  ASSERT_TRUE(add(*p, {16384, 1, 1}, {256, 1, 1}).ok());
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].substr(0, lines[0].size() - 13),
            "anymetal: add_one                                  grid (16384, 1, 1)        "
            "threadgroup (256, 1, 1)     ");
  EXPECT_TRUE(lines[0].ends_with(" ms"));
}

TEST_F(PipelineTest, CoverageCountsWhatWasWritten) {
  settings.warn_coverage = true;
  auto d = device();
  auto p = pipeline(*d, "add_one");
  ASSERT_TRUE(add(*p, {64, 1, 1}, {256, 1, 1}).ok());
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0],
            "anymetal: warning: kernel `add_one`: `y`: 64 of 16,384 elements written; grid (64, 1, "
            "1) counts "
            "threads, not threadgroups: for so many threadgroups of (256, 1, 1) it would be "
            "(16384, 1, 1)");
  EXPECT_EQ(y[63], 2.0f);
  EXPECT_EQ(y[64], 0.0f);
}

TEST_F(PipelineTest, CoverageIsNotFooledByEqualValues) {
  settings.warn_coverage = true;
  std::fill(y.begin(), y.end(), 2.0f);  // what the kernel writes
  auto d = device();
  auto p = pipeline(*d, "add_one");
  ASSERT_TRUE(add(*p, {16384, 1, 1}).ok());
  EXPECT_TRUE(lines.empty());
  EXPECT_EQ(y[0], 2.0f);
  ASSERT_TRUE(add(*p, {10, 1, 1}, {1, 1, 1}).ok());
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0],
            "anymetal: warning: kernel `add_one`: `y`: 10 of 16,384 elements written; "
            "grid (10, 1, 1) has 10 threads (it counts threads, not threadgroups)");
  lines.clear();
  ASSERT_TRUE(add(*p, {10, 1, 1}, {1, 1, 1}, /*coverage=*/0).ok());  // filled before
  EXPECT_TRUE(lines.empty());
}

TEST_F(PipelineTest, CoverageRunsNothingTwiceThatWritesThroughPointers) {
  settings.warn_coverage = true;
  int runs = 0;
  fake.kernels["count"] = {FakeEngine::interface("count", {}, {"y"}),
                           [&](const backend::Dispatch&) -> Result<void> {
                             ++runs;
                             return {};
                           }};
  auto d = device();
  auto p = pipeline(*d, "count", "count");
  const Argument buffers[] = {{y.data(), y.size() * 4}};
  ASSERT_TRUE(
      p->run({.grid = {1, 1, 1}, .threadgroup = {1, 1, 1}, .buffers = buffers, .resident = buffers})
          .ok());
  EXPECT_EQ(runs, 1);
  EXPECT_TRUE(lines.empty());
}

TEST_F(PipelineTest, NotesAreAskedForOnlyWhenSomebodyReadsThem) {
  auto d = device();
  EXPECT_FALSE(notes_are_read(*d));
  ASSERT_TRUE(start_capture(folder + "/capture").ok());
  EXPECT_TRUE(notes_are_read(*d));
  ASSERT_TRUE(stop_capture().ok());
  EXPECT_FALSE(notes_are_read(*d));
  settings.trace = true;
  EXPECT_TRUE(notes_are_read(*device()));
}

TEST_F(PipelineTest, CaptureKeepsTextsOnceAndLaunchesInOrder) {
  auto d = device();
  auto p = pipeline(*d, "add_one");
  std::string path = folder + "/capture";
  ASSERT_TRUE(add(*p, {1, 1, 1}).ok());
  ASSERT_TRUE(start_capture(path).ok());
  EXPECT_NE(start_capture(folder + "/second").error().message.find("is running"),
            std::string::npos);
  ASSERT_TRUE(add(*p, {2, 1, 1}).ok());
  LaunchNotes notes{.label = "say \"hi\"", .shapes = {"float32[128, 128]"}};
  Argument buffers[] = {{x.data(), x.size() * 4}, {y.data(), y.size() * 4}};
  ASSERT_TRUE(
      p->run({.grid = {3, 1, 1}, .threadgroup = {1, 1, 1}, .buffers = buffers, .notes = &notes})
          .ok());
  ASSERT_TRUE(stop_capture().ok());
  ASSERT_TRUE(add(*p, {4, 1, 1}).ok());
  EXPECT_EQ(stop_capture().error().message, "stop_capture(): no capture is running");
  EXPECT_NE(start_capture(path).error().message.find("it exists: name a new folder"),
            std::string::npos);

  std::ifstream in(path + "/launches.jsonl");
  std::string first, second, third;
  std::getline(in, first), std::getline(in, second);
  EXPECT_FALSE(std::getline(in, third));
  EXPECT_NE(first.find(R"("launch": 0, "name": "add_one", "kernel": "add_one", "text": ")"),
            std::string::npos);
  EXPECT_NE(first.find(R"("grid": [2, 1, 1], "threadgroup": [16, 1, 1])"), std::string::npos);
  EXPECT_NE(second.find(R"("name": "say \"hi\"")"), std::string::npos);
  EXPECT_NE(
      second.find(R"({"kind": "buffer", "index": 0, "name": "x", "type": "float", "const": true, )"
                  R"("bytes": 65536, "shape": "float32[128, 128]"})"),
      std::string::npos);
  int texts = 0;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.path().extension() == ".metal") {
      ++texts;
      std::ifstream text(entry.path());
      EXPECT_EQ(std::string((std::istreambuf_iterator<char>(text)), {}), "add_one spin");
    }
  EXPECT_EQ(texts, 1);
}

TEST_F(PipelineTest, BuffersAreZeroedPagesOrForeignMemory) {
  auto d = device();
  auto own = d->buffer(100).value();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(own->data()) % 4096, 0u);
  EXPECT_EQ(static_cast<char*>(own->data())[99], 0);
  EXPECT_EQ(d->buffer(0).error().kind, ErrorKind::user);
  EXPECT_EQ(d->buffer(uint64_t{1} << 60).error().kind, ErrorKind::user);
  bool deleted = false;
  int foreign = 0;
  auto wrapped = d->wrap(
      &foreign, 4, [&](void* data, uint64_t size) { deleted = data == &foreign && size == 4; });
  EXPECT_EQ(wrapped->data(), &foreign);
  wrapped.reset();
  EXPECT_TRUE(deleted);
}

TEST(RunningDispatch, TimeDoesNotCountWhileItCompiles) {
  using std::chrono_literals::operator""ms;
  RunningDispatch running(500ms);
  running.pause();
  std::this_thread::sleep_for(700ms);
  EXPECT_EQ(running.reason(), StopReason::none);
  running.begin_again();
  for (int i = 0; i < 1000 && running.reason() == StopReason::none; ++i)
    std::this_thread::sleep_for(10ms);
  EXPECT_EQ(running.reason(), StopReason::timeout);
}

}  // namespace
}  // namespace anymetal::runtime

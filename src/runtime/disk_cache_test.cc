#include "runtime/disk_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "runtime/content_key.h"

namespace anymetal::runtime {
namespace {

namespace fs = std::filesystem;

class DiskCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "anymetal-cache-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root = pattern;
    folder = root + "/deep/cache";
  }
  void TearDown() override {
    std::error_code ec;
    fs::permissions(root, fs::perms::owner_all, ec);
    fs::remove_all(root, ec);
  }
  static std::string key(int n) { return ContentKey().add(static_cast<uint64_t>(n)).hex(); }
  std::string file(int n) { return folder + "/" + key(n) + ".kernel"; }
  void age(int n, int seconds) {
    timespec times[2] = {{::time(nullptr) - seconds, 0}, {::time(nullptr) - seconds, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, file(n).c_str(), times, 0), 0);
  }

  std::string root, folder;
};

TEST_F(DiskCacheTest, GivesBackWhatWasStoredToOtherObjects) {
  DiskCache(folder, 1 << 20).store("kernel", key(1), "exp", std::string("a\0b", 3));
  DiskCache other(folder, 1 << 20);
  EXPECT_EQ(other.load("kernel", key(1)), std::string("a\0b", 3));
  EXPECT_EQ(other.load("library", key(1)), std::nullopt);
  EXPECT_EQ(other.load("kernel", key(2)), std::nullopt);
}

TEST_F(DiskCacheTest, BelongsToItsOwnerOnly) {
  DiskCache(folder, 1 << 20).store("kernel", key(1), "exp", "code");
  struct stat status;
  ASSERT_EQ(::stat(folder.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  ASSERT_EQ(::stat(file(1).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(DiskCacheTest, RefusesFoldersAndFilesThatOthersCanWrite) {
  DiskCache(folder, 1 << 20).store("kernel", key(1), "exp", "code");
  ASSERT_EQ(::chmod(file(1).c_str(), 0620), 0);
  EXPECT_EQ(DiskCache(folder, 1 << 20).load("kernel", key(1)), std::nullopt);
  DiskCache(folder, 1 << 20).store("kernel", key(2), "exp", "code");
  ASSERT_EQ(::chmod(folder.c_str(), 0777), 0);
  EXPECT_EQ(DiskCache(folder, 1 << 20).load("kernel", key(2)), std::nullopt);
}

TEST_F(DiskCacheTest, RefusesTheFolderOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  fs::create_directories(folder);
  ASSERT_EQ(::chown(folder.c_str(), 12345, 12345), 0);
  DiskCache cache(folder, 1 << 20);
  cache.store("kernel", key(1), "exp", "code");
  EXPECT_TRUE(fs::is_empty(folder));
}

// Each single byte of an entry flipped, and each length cut off: nothing but the whole, true entry
// is ever given back.
TEST_F(DiskCacheTest, SeesEveryDamage) {
  DiskCache cache(folder, 1 << 20);
  cache.store("kernel", key(1), "exp", "machine code");
  std::ifstream in(file(1), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  auto with = [&](const std::string& bytes) {
    std::ofstream(file(1), std::ios::binary) << bytes;
    ::chmod(file(1).c_str(), 0600);
    return cache.load("kernel", key(1));
  };
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x40);
    EXPECT_EQ(with(flipped), std::nullopt) << "byte " << i;
    EXPECT_FALSE(fs::exists(file(1)));  // room for the one that is made again
    EXPECT_EQ(with(whole.substr(0, i)), std::nullopt) << "length " << i;
  }
  EXPECT_EQ(with(whole + "x"), std::nullopt);
  EXPECT_EQ(with(whole), "machine code");
}

TEST_F(DiskCacheTest, AnEntryUnderAnotherNameIsDamage) {
  DiskCache cache(folder, 1 << 20);
  cache.store("kernel", key(1), "exp", "code");
  fs::copy(file(1), file(2));
  ::chmod(file(2).c_str(), 0600);
  EXPECT_EQ(cache.load("kernel", key(2)), std::nullopt);
}

TEST_F(DiskCacheTest, FollowsNoLinks) {
  DiskCache cache(folder, 1 << 20);
  cache.store("kernel", key(1), "exp", "code");
  fs::rename(file(1), root + "/elsewhere");
  fs::create_symlink(root + "/elsewhere", file(1));
  EXPECT_EQ(cache.load("kernel", key(1)), std::nullopt);
}

TEST_F(DiskCacheTest, DropsTheLeastRecentlyUsedFirst) {
  const std::string payload(1000, 'x');
  {
    DiskCache cache(folder, 1 << 20);
    for (int i = 0; i < 5; ++i) cache.store("kernel", key(i), "k", payload);
  }
  for (int i = 0; i < 5; ++i) age(i, 1000 - i * 100);
  DiskCache small(folder, 6000);
  EXPECT_TRUE(small.load("kernel", key(0)));  // the oldest becomes the youngest
  small.store("kernel", key(5), "k", payload);
  EXPECT_FALSE(fs::exists(file(1)));
  EXPECT_TRUE(fs::exists(file(0)));
  EXPECT_TRUE(fs::exists(file(4)));
  EXPECT_TRUE(fs::exists(file(5)));
  uint64_t total = 0;
  for (const auto& entry : fs::directory_iterator(folder)) total += entry.file_size();
  EXPECT_LE(total, 6000u);
}

TEST_F(DiskCacheTest, StaysUnderItsBoundOverManyStores) {
  DiskCache cache(folder, 20000);
  for (int i = 0; i < 200; ++i) cache.store("kernel", key(i), "k", std::string(997, 'x'));
  uint64_t total = 0;
  for (const auto& entry : fs::directory_iterator(folder)) total += entry.file_size();
  EXPECT_LE(total, 20000u);
  EXPECT_TRUE(cache.load("kernel", key(199)));
}

TEST_F(DiskCacheTest, AnUnusableFolderHoldsNothingAndHarmsNothing) {
  std::ofstream(root + "/file") << "not a folder";
  for (const std::string& bad :
       {root + "/file", root + "/file/below", std::string("/proc/no/such"), std::string()}) {
    DiskCache cache(bad, 1 << 20);
    cache.store("kernel", key(1), "exp", "code");
    EXPECT_EQ(cache.load("kernel", key(1)), std::nullopt) << bad;
    EXPECT_TRUE(cache.list().ok());
  }
}

TEST_F(DiskCacheTest, AFullDiskHoldsNothingAndHarmsNothing) {
  // A limit on file size is the full disk that a test can have: write fails with EFBIG.
  pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    DiskCache cache(folder, 1 << 20);
    cache.store("kernel", key(1), "exp", "small");
    rlimit limit{100, 100};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    cache.store("kernel", key(2), "exp", std::string(5000, 'x'));
    bool good = cache.load("kernel", key(1)) == "small" && !cache.load("kernel", key(2));
    size_t files = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder)) ++files;
    ::_exit(good && files == 1 ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(DiskCacheTest, ListsAndClears) {
  DiskCache cache(folder, 1 << 20);
  cache.store("kernel", key(1), "exp", "code");
  cache.store("library", key(2), "a.metal", "interfaces");
  age(1, 500);
  std::ofstream(folder + "/notes.txt") << "somebody else's";
  CacheListing listing = cache.list().value();
  ASSERT_EQ(listing.entries.size(), 2u);
  EXPECT_EQ(listing.entries[0].name, "a.metal");
  EXPECT_EQ(listing.entries[0].kind, "library");
  EXPECT_EQ(listing.entries[1].name, "exp");
  EXPECT_EQ(cache.clear().value(), 2u);
  EXPECT_TRUE(cache.list().value().entries.empty());
  EXPECT_TRUE(fs::exists(folder + "/notes.txt"));
}

// Processes that fill, read and evict the same small folder at once: a hit is always the true
// bytes.
TEST_F(DiskCacheTest, ManyProcessesShareIt) {
  std::vector<pid_t> children;
  for (int p = 0; p < 4; ++p) {
    pid_t child = ::fork();
    if (child == 0) {
      DiskCache cache(folder, 50000);
      int wrong = 0, hits = 0;
      for (int i = 0; i < 600; ++i) {
        int n = (i * 7 + p * 13) % 40;
        std::string expected(static_cast<size_t>(2000 + n), static_cast<char>('a' + n % 26));
        if (auto found = cache.load("kernel", key(n))) {
          ++hits;
          wrong += *found != expected;
        } else {
          cache.store("kernel", key(n), "k", expected);
        }
      }
      ::_exit(wrong ? 1 : hits ? 0 : 2);
    }
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  for (const auto& entry : fs::directory_iterator(folder))
    EXPECT_FALSE(entry.path().filename().string().starts_with(".writing")) << entry.path();
}

}  // namespace
}  // namespace anymetal::runtime

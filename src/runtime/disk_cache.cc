// What comes in: keys that stand for everything that matters, and bytes. What goes out: the same
// bytes, or nothing.
//
// An entry is one file, KEY.KIND: magic, format, lengths, SHA-256 over key, name and payload, then
// name and payload. Machine code comes from these files, so the folder and each file must belong to
// this user and be writable by nobody else. The time of the last use is the file's modification
// time, set at each hit (access times are often switched off). The bound is kept by a scan of the
// folder at a process's first store, and again when its own additions may have crossed the limit;
// so a few processes together can pass the bound for a while, by what they add between scans.
#include "runtime/disk_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "runtime/content_key.h"
#include "runtime/log.h"

namespace anymetal::runtime {

namespace fs = std::filesystem;

namespace {

struct Header {
  char magic[8];
  uint32_t format;
  uint32_t name_bytes;
  uint64_t payload_bytes;
  char checksum[32];
};
static_assert(sizeof(Header) == 56);
constexpr char kMagic[8] = {'a', 'n', 'y', 'm', 'e', 't', 'a', 'l'};
constexpr uint32_t kFormat = 1;
constexpr std::string_view kTemporary = ".writing.";

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }
  [[nodiscard]] bool close() { return ::close(std::exchange(descriptor_, -1)) == 0; }

 private:
  int descriptor_;
};

bool read_all(int descriptor, char* to, size_t size) {
  while (size > 0) {
    ssize_t got = ::read(descriptor, to, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t put = ::write(descriptor, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

std::string entry_checksum(std::string_view key, std::string_view name, std::string_view payload) {
  std::string hex = ContentKey().add(key).add(name).add(checksum(payload)).hex();
  return checksum(hex);
}

struct Entry {
  std::string name;
  std::string payload;
};

// The whole file if it is this user's, whole and what its checksum says; with `name_only`, the name
// alone, unchecked.
std::optional<Entry> read_entry(int descriptor, std::string_view key, bool name_only) {
  struct stat status;
  Header header;
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return std::nullopt;
  if (!read_all(descriptor, reinterpret_cast<char*>(&header), sizeof header)) return std::nullopt;
  auto size = static_cast<uint64_t>(status.st_size);
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.format != kFormat ||
      header.payload_bytes > size ||
      sizeof header + header.name_bytes + header.payload_bytes != size)
    return std::nullopt;
  Entry entry;
  entry.name.resize(header.name_bytes);
  if (!read_all(descriptor, entry.name.data(), entry.name.size())) return std::nullopt;
  if (name_only) return entry;
  entry.payload.resize(header.payload_bytes);
  if (!read_all(descriptor, entry.payload.data(), entry.payload.size())) return std::nullopt;
  if (entry_checksum(key, entry.name, entry.payload) !=
      std::string_view(header.checksum, sizeof header.checksum))
    return std::nullopt;
  return entry;
}

int open_entry(const std::string& path) {
  return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

struct Found {
  std::string path;
  std::string key;
  std::string kind;
  uint64_t bytes;
  timespec used;
  bool temporary;
};

std::vector<Found> scan(const std::string& directory) {
  std::vector<Found> found;
  std::error_code ec;
  for (fs::directory_iterator it(directory, ec), end; !ec && it != end; it.increment(ec)) {
    Found one;
    std::string file = it->path().filename().string();
    one.path = it->path().string();
    one.temporary = file.starts_with(kTemporary);
    size_t dot = file.rfind('.');
    if (dot == std::string::npos) continue;
    one.key = file.substr(0, dot);
    one.kind = file.substr(dot + 1);
    if (!one.temporary && one.kind != "library" && one.kind != "kernel" && one.kind != "tuned")
      continue;  // not ours
    struct stat status;
    if (::lstat(one.path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    one.bytes = static_cast<uint64_t>(status.st_size);
    one.used = status.st_mtim;
    found.push_back(std::move(one));
  }
  return found;
}

bool older(const timespec& a, const timespec& b) {
  return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

}  // namespace

DiskCache::DiskCache(std::string directory, uint64_t limit_bytes)
    : directory_(std::move(directory)), limit_bytes_(limit_bytes) {}

void DiskCache::complain(std::string_view what, int error_number) {
  bool first = !complained_.exchange(true);
  log(first ? LogLevel::warn : LogLevel::debug,
      fmt::format("cache {}: {}{}{}; kernels are compiled again in each process", directory_, what,
                  error_number ? ": " : "", error_number ? std::strerror(error_number) : ""));
}

// Made at the first use, and looked at once.
bool DiskCache::usable() {
  if (directory_.empty() || limit_bytes_ == 0) return false;
  std::lock_guard lock(mutex_);
  if (usable_) return *usable_;
  usable_ = false;
  std::error_code ec;
  if (!fs::exists(directory_, ec)) {
    fs::create_directories(fs::path(directory_).parent_path(), ec);
    if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST)
      return complain("can't be made", errno), false;
  }
  struct stat status;
  if (::stat(directory_.c_str(), &status) != 0) return complain("can't be read", errno), false;
  if (!S_ISDIR(status.st_mode)) return complain("is not a folder", 0), false;
  if (status.st_uid != ::geteuid()) return complain("belongs to another user", 0), false;
  if (status.st_mode & (S_IWGRP | S_IWOTH)) return complain("can be written by others", 0), false;
  usable_ = true;
  return true;
}

std::string DiskCache::path(std::string_view kind, std::string_view key) const {
  return fmt::format("{}/{}.{}", directory_, key, kind);
}

std::optional<std::string> DiskCache::load(std::string_view kind, std::string_view key) {
  if (!usable()) return std::nullopt;
  std::string file = path(kind, key);
  File in(open_entry(file));
  if (in.get() < 0) return std::nullopt;
  std::optional<Entry> entry = read_entry(in.get(), key, /*name_only=*/false);
  if (!entry) {
    log(LogLevel::debug, fmt::format("cache entry {} is damaged; it is made again", file));
    drop(kind, key);
    return std::nullopt;
  }
  ::futimens(in.get(), nullptr);
  return std::move(entry->payload);
}

void DiskCache::store(std::string_view kind, std::string_view key, std::string_view name,
                      std::string_view payload) {
  if (payload.size() + name.size() + sizeof(Header) > limit_bytes_ || !usable()) return;
  static std::atomic<uint64_t> counter{0};
  std::string temporary = fmt::format("{}/{}{}.{}", directory_, kTemporary, ::getpid(), counter++);
  Header header = {};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.format = kFormat;
  header.name_bytes = static_cast<uint32_t>(name.size());
  header.payload_bytes = payload.size();
  std::memcpy(header.checksum, entry_checksum(key, name, payload).data(), sizeof header.checksum);

  File out(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (out.get() < 0) return complain("can't be written", errno);
  bool good = write_all(out.get(), {reinterpret_cast<const char*>(&header), sizeof header}) &&
              write_all(out.get(), name) && write_all(out.get(), payload) && out.close() &&
              ::rename(temporary.c_str(), path(kind, key).c_str()) == 0;
  if (!good) {
    int problem = errno;
    ::unlink(temporary.c_str());
    return complain("can't be written", problem);
  }
  keep_limit(sizeof header + name.size() + payload.size());
}

void DiskCache::drop(std::string_view kind, std::string_view key) {
  ::unlink(path(kind, key).c_str());
}

void DiskCache::keep_limit(uint64_t added) {
  std::lock_guard lock(mutex_);
  if (estimate_) {
    *estimate_ += added;
    if (*estimate_ <= limit_bytes_) return;
  }
  std::vector<Found> found = scan(directory_);
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::erase_if(found, [&](const Found& one) {  // left behind by a process that died while it wrote
    if (one.temporary && one.used.tv_sec + 3600 < now.tv_sec) ::unlink(one.path.c_str());
    return one.temporary;
  });
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return older(a.used, b.used); });
  uint64_t total = 0;
  for (const Found& one : found) total += one.bytes;
  // Down to nine tenths, so that not every store scans.
  uint64_t goal = total > limit_bytes_ ? limit_bytes_ - limit_bytes_ / 10 : total;
  for (const Found& one : found) {
    if (total <= goal) break;
    if (::unlink(one.path.c_str()) == 0) total -= one.bytes;
  }
  estimate_ = total;
}

Result<CacheListing> DiskCache::list() const {
  CacheListing listing{directory_, limit_bytes_, {}};
  if (directory_.empty()) return listing;
  std::vector<Found> found = scan(directory_);
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return older(b.used, a.used); });
  for (const Found& one : found) {
    if (one.temporary) continue;
    File in(open_entry(one.path));
    std::optional<Entry> entry = in.get() < 0 ? std::nullopt : read_entry(in.get(), one.key, true);
    auto used = std::chrono::system_clock::from_time_t(one.used.tv_sec);
    listing.entries.push_back(
        {one.key, one.kind, entry ? entry->name : "(damaged)", one.bytes, used});
  }
  return listing;
}

Result<uint64_t> DiskCache::clear() {
  uint64_t removed = 0;
  if (directory_.empty()) return removed;
  for (const Found& one : scan(directory_)) {
    if (::unlink(one.path.c_str()) == 0)
      removed += !one.temporary;
    else if (errno != ENOENT)
      return Error{
          ErrorKind::environment,
          fmt::format("cache entry {} can't be removed: {}", one.path, std::strerror(errno)),
          {}};
  }
  std::lock_guard lock(mutex_);
  estimate_.reset();
  return removed;
}

Result<CacheListing> list_cache(const Settings& settings) {
  return DiskCache(settings.cache_directory, settings.cache_limit_bytes).list();
}

Result<uint64_t> clear_cache(const Settings& settings) {
  return DiskCache(settings.cache_directory, settings.cache_limit_bytes).clear();
}

}  // namespace anymetal::runtime

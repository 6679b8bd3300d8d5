// A capture is a folder, so that text of any size is kept once and the rest reads with one
// `json.loads` a line:
//   launches.jsonl   one object for each launch, in the order in which they ended
//   HASH.metal       each text that was launched, named by its SHA-256; HASH.prefix.metal: what
//   stood before it
#include "runtime/launch_record.h"

#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>

#include "runtime/content_key.h"
#include "runtime/log.h"
#include "runtime/validate_launch.h"

namespace anymetal::runtime {

namespace fs = std::filesystem;

namespace {

struct Capture {
  std::mutex mutex;
  std::string folder;
  std::ofstream launches;
  std::set<std::string> texts;  // written already
  uint64_t count = 0;
  bool failed = false;
};
Capture& current() {
  static Capture* const instance =
      new Capture;  // queue threads may still use it when the process ends
  return *instance;
}
std::atomic<bool> capturing{false};
std::atomic<LaunchWatcher*> watching{nullptr};

// A JSON string. Bytes over 0x7f go through as they are: names and texts are UTF-8.
std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out += '"';
}

std::string list(Extent e) {
  return fmt::format("[{}, {}, {}]", e.x, e.y, e.z);
}

const std::string& shown_name(const LaunchRecord& record) {
  const LaunchNotes* notes = record.launch.notes;
  return notes && !notes->label.empty() ? notes->label : record.pipeline.interface().name;
}

std::string json_argument(const LaunchRecord& record, const Parameter& p) {
  if (p.kind == ParameterKind::threadgroup)
    return fmt::format(
        R"({{"kind": "threadgroup", "index": {}, "name": {}, "type": {}, "bytes": {}}})", p.index,
        json_string(p.name), json_string(p.type), record.launch.threadgroup_length(p.index));
  if (p.kind == ParameterKind::texture || p.kind == ParameterKind::sampler)
    return fmt::format(R"({{"kind": "{}", "index": {}, "name": {}, "type": {}, "count": {}}})",
                       p.kind == ParameterKind::texture ? "texture" : "sampler", p.index,
                       json_string(p.name), json_string(p.type), p.count);
  const LaunchNotes* notes = record.launch.notes;
  std::string shape;
  if (notes && p.index < notes->shapes.size() && !notes->shapes[p.index].empty())
    shape = fmt::format(R"(, "shape": {})", json_string(notes->shapes[p.index]));
  return fmt::format(
      R"({{"kind": "buffer", "index": {}, "name": {}, "type": {}, "const": {}, "bytes": {}{}}})",
      p.index, json_string(p.name), json_string(p.type), p.is_const,
      record.launch.buffer(p.index).size, shape);
}

std::string json_arguments(const LaunchRecord& record) {
  std::string out;
  for (const Parameter& p : record.pipeline.interface().parameters) {
    if (p.kind == ParameterKind::attribute) continue;
    out += (out.empty() ? "" : ", ") + json_argument(record, p);
  }
  return "[" + out + "]";
}

std::string json_line(const LaunchRecord& record, const std::string& text_hash, uint64_t number) {
  const char* math[] = {"safe", "relaxed", "fast"};
  const char* bounds[] = {"error", "robust", "off"};
  const Library& library = *record.pipeline.function()->library();
  std::string out = fmt::format(
      R"({{"launch": {}, "name": {}, "kernel": {}, "text": {}, "math_mode": "{}", "bounds": "{}", )",
      number, json_string(shown_name(record)), json_string(record.pipeline.interface().name),
      json_string(text_hash + ".metal"), math[static_cast<int>(library.options().math_mode)],
      bounds[static_cast<int>(record.settings.bounds)]);
  out +=
      fmt::format(R"("grid": {}, "threadgroup": {}, "arguments": {}, "microseconds": {:.3f})",
                  list(record.launch.grid), list(record.launch.threadgroup), json_arguments(record),
                  std::chrono::duration<double, std::micro>(record.duration).count());
  if (record.error) out += fmt::format(R"(, "error": {})", json_string(record.error->message));
  return out + "}\n";
}

void write_text(Capture& capture, const std::string& name, std::string_view text) {
  if (text.empty() || !capture.texts.insert(name).second) return;
  std::ofstream out(capture.folder + "/" + name, std::ios::binary);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  capture.failed |= !out.flush();
}

}  // namespace

std::string trace_line(const LaunchRecord& record) {
  return fmt::format("anymetal: {:<40} grid {:<20} threadgroup {:<15} {:>10.3f} ms{}",
                     shown_name(record), describe(record.launch.grid),
                     describe(record.launch.threadgroup),
                     std::chrono::duration<double, std::milli>(record.duration).count(),
                     record.error ? "  failed" : "");
}

void trace(const LaunchRecord& record) {
  report(trace_line(record));
}

void watch_launches(LaunchWatcher* watcher) {
  watching.store(watcher, std::memory_order_release);
}

LaunchWatcher* launch_watcher() noexcept {
  return watching.load(std::memory_order_acquire);
}

bool capture_is_running() {
  return capturing.load(std::memory_order_relaxed);
}

void capture(const LaunchRecord& record) {
  if (!capture_is_running()) return;
  const Library& library = *record.pipeline.function()->library();
  std::string hash =
      ContentKey().add(library.source().text).add(library.options().prefix).hex().substr(0, 16);
  Capture& capture = current();
  std::lock_guard lock(capture.mutex);
  if (!capturing) return;
  write_text(capture, hash + ".metal", library.source().text);
  write_text(capture, hash + ".prefix.metal", library.options().prefix);
  capture.launches << json_line(record, hash, capture.count++);
  capture.failed |= !capture.launches;
}

Result<void> start_capture(const std::string& path) {
  Capture& capture = current();
  std::lock_guard lock(capture.mutex);
  if (capturing)
    return user_error(fmt::format("start_capture({}): a capture to {} is running: stop it first",
                                  path, capture.folder));
  std::error_code ec;
  bool there = fs::exists(path, ec);
  if (there && (!fs::is_directory(path, ec) || !fs::is_empty(path, ec)))
    return user_error(fmt::format("start_capture({}): it exists: name a new folder", path));
  if (!there) fs::create_directories(path, ec);
  capture.launches = std::ofstream(path + "/launches.jsonl", std::ios::binary);
  if (ec || !capture.launches)
    return Error{ErrorKind::environment,
                 fmt::format("start_capture({}): the folder can't be written: {}", path,
                             ec ? ec.message() : std::strerror(errno)),
                 {}};
  capture.folder = path;
  capture.texts.clear();
  capture.count = 0;
  capture.failed = false;
  capturing = true;
  return {};
}

Result<void> stop_capture() {
  Capture& capture = current();
  std::lock_guard lock(capture.mutex);
  if (!capturing) return user_error("stop_capture(): no capture is running");
  capturing = false;
  capture.failed |= !capture.launches.flush();
  capture.launches = {};
  if (capture.failed)
    return Error{ErrorKind::environment,
                 fmt::format("stop_capture(): {} is incomplete, as not all could be written",
                             capture.folder),
                 {}};
  return {};
}

}  // namespace anymetal::runtime

// How it works. The launch itself runs on the caller's buffers, undisturbed. An element that it
// changed was written. For one that still has its old bytes nothing is known: it may have been
// written with the very same value. So the kernel runs once more on copies that hold the old
// contents, with the complement of every bit in just those elements, and an element that keeps both
// its old bytes in the first run and the complement in the second was written in neither. A pattern
// alone (one run, "still 0xCD?") would call an output of that value unwritten.
//
// Limits, all on the side of saying too little or of plain words: an element that is only ever
// written back as read counts as unwritten; a part of an element counts as all of it; a kernel that
// reads its outputs (atomics) runs the second time on other numbers, on copies, and stays bounded
// by the checks of ANYMETAL_BOUNDS=error and robust. With `off` there is no second run.
#include "runtime/coverage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "runtime/log.h"
#include "runtime/validate_launch.h"

namespace anymetal::runtime {

namespace {

bool is_output(const Parameter& p) {
  return p.kind == ParameterKind::buffer && p.space == AddressSpace::device && !p.is_const;
}

}  // namespace

CoverageProbe::CoverageProbe(const KernelInterface& interface, const Launch& launch)
    : interface_(interface),
      launch_(launch),
      buffers_(launch.buffers.begin(), launch.buffers.end()) {
  // A second run would change again what the first has written, in textures and in memory that
  // pointers in buffers lead to.
  if (!launch.resident.empty()) return;
  for (const Parameter& p : interface.parameters)
    if (p.kind == ParameterKind::texture &&
        (p.texture.access == TextureAccess::write || p.texture.access == TextureAccess::read_write))
      return;
  bool any = false;
  for (const Parameter& p : interface.parameters) {
    const Argument argument = launch.buffer(p.index);
    if (!is_output(p) || !argument.data) continue;
    bool looked_at = p.size > 0 && argument.size >= p.size && (launch.coverage >> p.index & 1) != 0;
    any |= looked_at;
    const auto* bytes = static_cast<const std::byte*>(argument.data);
    outputs_.push_back({&p, looked_at, {bytes, bytes + argument.size}, {}, {}});
  }
  if (!any) outputs_.clear();
}

Launch CoverageProbe::second_launch() {
  for (Output& output : outputs_) {
    Argument& argument = buffers_[output.parameter->index];
    output.copy = output.before;
    const auto* after = static_cast<const std::byte*>(argument.data);
    size_t size = output.parameter->size;
    size_t count = output.looked_at ? output.before.size() / size : 0;
    output.written.resize(count);
    for (size_t i = 0; i < count; ++i) {
      bool changed = std::memcmp(after + i * size, output.before.data() + i * size, size) != 0;
      output.written[i] = changed;
      if (!changed)
        for (size_t b = i * size; b < (i + 1) * size; ++b) output.copy[b] = ~output.copy[b];
    }
    argument.data = output.copy.data();
  }
  launch_.buffers = buffers_;
  return launch_;
}

void CoverageProbe::report(const Error* second_error) const {
  const LaunchNotes* notes = launch_.notes;
  const std::string& name = notes && !notes->label.empty() ? notes->label : interface_.name;
  if (second_error) {
    log(LogLevel::info,
        fmt::format("coverage of `{}` is not known: its second run on copies failed: {}", name,
                    second_error->message));
    return;
  }
  for (const Output& output : outputs_) {
    size_t size = output.parameter->size;
    uint64_t count = 0;
    for (size_t i = 0; i < output.written.size(); ++i) {
      bool kept = true;
      for (size_t b = i * size; b < (i + 1) * size && kept; ++b)
        kept = output.copy[b] == ~output.before[b];
      count += output.written[i] || !kept;
    }
    if (count == output.written.size()) continue;
    std::string line =
        fmt::format("anymetal: warning: kernel `{}`: `{}`: {} of {} elements written", name,
                    output.parameter->name, grouped(count), grouped(output.written.size()));
    Extent grid = launch_.grid, group = launch_.threadgroup;
    auto threads = static_cast<unsigned __int128>(grid.volume()) * group.volume();
    if (group.volume() > 1 && threads >= output.written.size())
      line += fmt::format(
          "; grid {} counts threads, not threadgroups: for so many threadgroups of {} it "
          "would be ({}, {}, {})",
          describe(grid), describe(group), uint64_t{grid.x} * group.x, uint64_t{grid.y} * group.y,
          uint64_t{grid.z} * group.z);
    else if (grid.volume() < output.written.size())
      line += fmt::format("; grid {} has {} threads (it counts threads, not threadgroups)",
                          describe(grid), grouped(grid.volume()));
    runtime::report(line);
  }
}

}  // namespace anymetal::runtime

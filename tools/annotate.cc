#include "tools/annotate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <tuple>
#include <vector>

#include "tools/terminal.h"

// What comes in is LLVM's assembly with `.file` and `.loc` lines and its comments. Nothing is
// decoded: names of instructions and LLVM's own comments say all that is asked here. What comments
// say of loops
// ("Depth=2") holds from a label to the next.

namespace anymetal::tools {
namespace {

using Place = std::pair<std::string, uint32_t>;  ///< file and line; line 0: nobody's

enum Mark : uint8_t { kSpill, kReload, kStack, kGather, kScatter, kMasked, kCall, kMarks };
constexpr const char* kMarkNames[kMarks] = {"spill",   "reload", "stack", "gather",
                                            "scatter", "masked", "call"};

struct Instruction {
  std::string text;
  Place place;
  uint32_t depth = 0;  ///< of loops around it
  bool is_label = false;
  bool marks[kMarks] = {};
};

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

uint32_t number_at(std::string_view text) {
  uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// `2 "folder" "f.metal"`, or without the folder.
std::string path_of(std::string_view text) {
  std::vector<std::string> quoted;
  for (size_t begin = text.find('"'); begin != std::string_view::npos;) {
    const size_t end = text.find('"', begin + 1);
    if (end == std::string_view::npos) break;
    quoted.emplace_back(text.substr(begin + 1, end - begin - 1));
    begin = text.find('"', end + 1);
  }
  if (quoted.empty()) return {};
  const bool is_whole =
      quoted.size() == 1 || quoted[0].empty() || quoted[0] == "." || quoted.back().starts_with('/');
  return is_whole ? quoted.back() : quoted[0] + "/" + quoted.back();
}

/// The code and, behind # or //, the comment.
std::pair<std::string_view, std::string_view> split_comment(std::string_view line) {
  size_t at = line.find('#');
  // AArch64 writes numbers with #, and comments with //.
  if (const size_t slashes = line.find("// "); slashes != std::string_view::npos) at = slashes;
  while (at != std::string_view::npos && at + 1 < line.size() && line[at] == '#' &&
         (line[at + 1] == '-' || (line[at + 1] >= '0' && line[at + 1] <= '9')) && at > 0 &&
         (line[at - 1] == ' ' || line[at - 1] == '[') && !contains(line.substr(at), "-byte"))
    at = line.find('#', at + 1);
  if (at == std::string_view::npos) return {trimmed(line), {}};
  return {trimmed(line.substr(0, at)), line.substr(at)};
}

void find_marks(Instruction& one, std::string_view code, std::string_view comment) {
  const std::string_view name = code.substr(0, code.find_first_of(" \t"));
  one.marks[kSpill] = contains(comment, "Spill");
  one.marks[kReload] = contains(comment, "Reload");
  const bool on_stack = contains(code, "(%rsp") || contains(code, "(%rbp") || contains(code, "[sp");
  one.marks[kStack] = on_stack && !one.marks[kSpill] && !one.marks[kReload];
  one.marks[kGather] = contains(name, "gather");
  one.marks[kScatter] = contains(name, "scatter");
  // A mask of AVX-512 or SVE, or AVX2's own masked moves. A compare's {%k1} is one as well.
  one.marks[kMasked] = (contains(code, "{%k") && !one.marks[kGather] && !one.marks[kScatter]) ||
                       name.starts_with("vmaskmov") || name.starts_with("vpmaskmov");
  one.marks[kCall] = name.starts_with("call") || name == "bl" || name == "blr";
}

class Reader {
 public:
  explicit Reader(std::string_view assembly) {
    while (!assembly.empty()) {
      const size_t end = std::min(assembly.find('\n'), assembly.size());
      read(assembly.substr(0, end));
      assembly.remove_prefix(std::min(end + 1, assembly.size()));
    }
  }
  std::vector<Instruction> instructions;

 private:
  void read(std::string_view line) {
    const auto [code, comment] = split_comment(line);
    if (code.empty()) {
      // Lines of comments alone go on about the label before them.
      if (is_heading_) read_depth(comment);
      return;
    }
    if (code.front() == '.' && !code.ends_with(":")) return read_directive(code);
    if (!is_code_) return;
    if (code.ends_with(":")) {
      // Labels for debuggers and for the function's end say nothing.
      if (contains(code, "Ltmp") || contains(code, "Lfunc")) return;
      is_heading_ = true;
      depth_ = 0;
      read_depth(comment);
      instructions.push_back({.text = std::string(code), .place = {}, .is_label = true});
      return;
    }
    is_heading_ = false;
    Instruction one{.place = place_, .depth = depth_};
    for (const char c : code) one.text += c == '\t' ? ' ' : c;
    find_marks(one, code, comment);
    instructions.push_back(std::move(one));
  }

  void read_depth(std::string_view comment) {
    if (const size_t at = comment.find("Depth="); at != std::string_view::npos)
      depth_ = std::max(depth_, number_at(comment.substr(at + 6)));
  }

  void read_directive(std::string_view code) {
    const auto rest = [&](std::string_view name) { return trimmed(code.substr(name.size())); };
    if (code.starts_with(".file")) {
      const std::string_view words = rest(".file");
      if (!words.empty() && words.front() != '"') {
        // What stands around a body is nobody's text.
        files_[number_at(words)] = contains(words, "/anymetal") ? "" : path_of(words);
      }
    } else if (code.starts_with(".loc")) {
      const std::string_view words = rest(".loc");
      const size_t blank = words.find(' ');
      const uint32_t line =
          blank == std::string_view::npos ? 0 : number_at(trimmed(words.substr(blank)));
      const std::string& file = files_[number_at(words)];
      place_ = line == 0 || file.empty() ? Place() : Place(file, line);
    } else if (code.starts_with(".section")) {
      is_code_ = contains(code, ".text");
    } else if (code == ".text") {
      is_code_ = true;
    }
  }

  std::map<uint32_t, std::string> files_;
  Place place_;
  uint32_t depth_ = 0;
  bool is_code_ = true;
  bool is_heading_ = false;
};

std::string shown(const Place& place) {
  if (place.second == 0) return "(no line)";
  const std::string& file = place.first;
  // A long path would stand on each line.
  return fmt::format("{}:{}", file.starts_with('/') ? file.substr(file.rfind('/') + 1) : file,
                     place.second);
}

std::string source_of(const Place& place, const SourceLine& source) {
  if (place.second == 0) return "the frame of the code: positions, loops over simdgroups";
  return std::string(trimmed(source(place.first, place.second).value_or("")));
}

std::string listing(const std::vector<Instruction>& instructions, const SourceLine& source) {
  std::string out;
  const Place* last = nullptr;
  for (const Instruction& one : instructions) {
    if (one.is_label) {
      out += fmt::format("{}\n", one.text);
      continue;
    }
    if (!last || *last != one.place) {
      const std::string head =
          fmt::format("{:<20} {}", shown(one.place), source_of(one.place, source));
      out += coloured(Colour::bold, head, 1) + "\n";
      last = &one.place;
    }
    std::string marks;
    for (size_t i = 0; i < kMarks; ++i)
      if (one.marks[i]) marks += fmt::format("{}{}", marks.empty() ? "" : ", ", kMarkNames[i]);
    const std::string loops(one.depth, '|');
    std::string line = fmt::format("  {:<3} {:<64}", loops, one.text);
    if (marks.empty()) line.erase(line.find_last_not_of(' ') + 1);
    const bool is_costly = one.marks[kSpill] || one.marks[kReload] || one.marks[kGather] ||
                           one.marks[kScatter] || one.marks[kCall];
    out +=
        line +
        (marks.empty() ? "" : " <- " + coloured(is_costly ? Colour::red : Colour::dim, marks, 1)) +
        "\n";
  }
  return out;
}

struct Count {
  uint32_t deepest = 0;
  uint32_t in_deepest = 0;
  uint32_t all = 0;
  uint32_t marks[kMarks] = {};
};

std::map<Place, Count> counts_of(const std::vector<Instruction>& instructions) {
  std::map<Place, Count> counts;
  for (const Instruction& one : instructions) {
    if (one.is_label) continue;
    Count& count = counts[one.place];
    if (one.depth > count.deepest) {
      count.deepest = one.depth;
      count.in_deepest = 0;
    }
    count.in_deepest += one.depth == count.deepest ? 1 : 0;
    ++count.all;
    for (size_t i = 0; i < kMarks; ++i) count.marks[i] += one.marks[i] ? 1 : 0;
  }
  return counts;
}

std::string number_or_blank(uint32_t number) {
  return number == 0 ? std::string(".") : std::to_string(number);
}

std::string summary(const std::vector<Instruction>& instructions, const SourceLine& source) {
  const auto counts = counts_of(instructions);
  std::vector<std::pair<Place, Count>> sorted(counts.begin(), counts.end());
  std::ranges::sort(sorted, [](const auto& a, const auto& b) {
    const auto rank = [](const auto& one) {
      const Count& c = one.second;
      return std::tuple(-int64_t{c.deepest}, -int64_t{c.deepest > 0 ? c.in_deepest : c.all},
                        one.first);
    };
    return rank(a) < rank(b);
  });
  std::vector<std::vector<std::string>> rows{{"line", "loops", "in them", "all", "spills",
                                              "reloads", "stack", "gathers", "scatters", "masked",
                                              "calls", "text"}};
  for (const auto& [place, count] : sorted) {
    std::vector<std::string> row{shown(place), number_or_blank(count.deepest),
                                 number_or_blank(count.deepest > 0 ? count.in_deepest : 0),
                                 std::to_string(count.all)};
    for (const uint32_t number : count.marks) row.push_back(number_or_blank(number));
    row.push_back(source_of(place, source));
    rows.push_back(std::move(row));
  }
  return table(rows, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
}

}  // namespace

std::string annotate(std::string_view assembly, const SourceLine& source) {
  const std::vector<Instruction> instructions = Reader(assembly).instructions;
  return listing(instructions, source) +
         "\nInstructions of each line, those in the innermost loops first. loops: how many are "
         "around "
         "them, here one | each;\nin them: instructions in the innermost; stack: other accesses of "
         "the "
         "stack.\n\n" +
         summary(instructions, source);
}

}  // namespace anymetal::tools

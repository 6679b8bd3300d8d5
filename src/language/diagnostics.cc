#include "language/diagnostics.h"

#include <clang/Basic/DiagnosticLex.h>
#include <clang/Basic/DiagnosticParse.h>
#include <clang/Basic/DiagnosticSema.h>
#include <clang/Basic/SourceManager.h>
#include <clang/Lex/Lexer.h>
#include <llvm/Support/ConvertUTF.h>

#include <algorithm>
#include <cstdlib>
#include <tuple>
#include <utility>

#include "language/hints.h"

namespace anymetal::language {
namespace {

std::string line_at(const clang::SourceManager& sources, clang::SourceLocation location) {
  const auto [file, offset] = sources.getDecomposedLoc(location);
  bool invalid = false;
  const llvm::StringRef text = sources.getBufferData(file, &invalid);
  if (invalid || offset > text.size()) return {};
  const size_t before = text.rfind('\n', offset);
  const size_t begin = offset > 0 && before != llvm::StringRef::npos && before < offset ? before + 1
                       : before == offset && offset > 0 ? text.rfind('\n', offset - 1) + 1
                                                        : 0;
  const size_t end = std::min(text.find('\n', offset), text.size());
  if (begin > end || end - begin > 2000) return {};
  std::string line = text.substr(begin, end - begin).rtrim('\r').str();
  // Whoever shows the line expects UTF-8; columns are bytes, so each wrong byte becomes one
  // character.
  const auto* at = reinterpret_cast<const llvm::UTF8*>(line.data());
  const auto* stop = at + line.size();
  while (!llvm::isLegalUTF8String(&at, stop))
    line[static_cast<size_t>(reinterpret_cast<const char*>(at) - line.data())] = '?';
  return line;
}

bool is_cpp_header(std::string_view name) {
  static constexpr std::string_view kHeaders[] = {
      "algorithm",   "array",    "atomic",  "bit",        "bitset",           "cassert",
      "cfloat",      "climits",  "cmath",   "complex",    "cstddef",          "cstdint",
      "cstdio",      "cstdlib",  "cstring", "functional", "initializer_list", "iostream",
      "iterator",    "limits",   "map",     "math.h",     "memory",           "numeric",
      "ostream",     "random",   "span",    "stddef.h",   "stdexcept",        "stdint.h",
      "stdio.h",     "stdlib.h", "string",  "string.h",   "string_view",      "tuple",
      "type_traits", "utility",  "vector"};
  return std::find(std::begin(kHeaders), std::end(kHeaders), name) != std::end(kHeaders);
}

/// The name that a diagnostic is about: its first quoted word.
std::string quoted(const std::string& message) {
  const size_t begin = message.find('\'');
  if (begin == std::string::npos) return {};
  const size_t end = message.find('\'', begin + 1);
  return end == std::string::npos ? std::string() : message.substr(begin + 1, end - begin - 1);
}

/// Where Clang's words are about another language.
void say_it_simply(unsigned id, std::string& message) {
  using namespace clang::diag;
  if (id == ext_vla_cxx || id == ext_vla)
    message = "variable length arrays are not supported in Metal; the size must be a constant";
  if (id == err_explicit_instantiation_not_known)
    message = "no template '" + quoted(message) + "' fits this explicit instantiation";
  if (id == err_member_function_call_bad_type)
    message = "this method can't be called on an object in that address space";
  // Clang leaves the kind of cast out where it is none of C++'s.
  if (message.starts_with(" from ")) message.insert(0, "conversion");
}

bool is_unknown_name(unsigned id) {
  using namespace clang::diag;
  return id == err_unknown_typename || id == err_unknown_typename_suggest ||
         id == err_undeclared_var_use || id == err_no_template || id == err_no_template_suggest ||
         id == err_undeclared_var_use_suggest || id == err_no_member ||
         id == err_typename_nested_not_found || id == err_no_member_suggest ||
         id == err_undeclared_use || id == err_undeclared_use_suggest ||
         id == err_unknown_nested_typename_suggest;
}

bool wants_repair(unsigned id) {
  using namespace clang::diag;
  return id == err_typecheck_cond_incompatible_operands || id == err_conditional_ambiguous ||
         id == err_conditional_ambiguous_ovl || id == err_bad_cxx_cast_generic ||
         id == err_typecheck_ambiguous_condition || id == err_typecheck_convert_incompatible ||
         id == err_bad_cxx_cast_addr_space_mismatch;
}

/// A vector begun with a list that no constructor takes: Metal takes fewer components than there
/// are, and pieces of any types.
bool is_list_of_vector(unsigned id, const std::string& message) {
  using namespace clang::diag;
  return (id == err_ovl_ambiguous_init || id == err_ovl_no_viable_function_in_init) &&
         message.find("vec<") != std::string::npos;
}

}  // namespace

std::string place_key(const clang::SourceManager& sources, clang::SourceLocation location) {
  const auto spelling = sources.getSpellingLoc(location);
  return sources.getBufferName(spelling).str() + ":" +
         std::to_string(sources.getFileOffset(spelling));
}

bool is_unsupported_metal_name(std::string_view name) {
  static constexpr std::string_view kPrefixes[] = {"texture2d_ms",
                                                   "depth2d_ms",
                                                   "depthcube",
                                                   "simdgroup_event",
                                                   "simdgroup_async",
                                                   "intersector",
                                                   "intersection_",
                                                   "acceleration_structure",
                                                   "raytracing",
                                                   "instance_acceleration",
                                                   "ray_data",
                                                   "primitive_acceleration",
                                                   "mesh",
                                                   "object_data",
                                                   "mesh_grid_properties",
                                                   "imageblock",
                                                   "r8unorm",
                                                   "visible_function_table",
                                                   "command_buffer",
                                                   "render_command",
                                                   "compute_command",
                                                   "indirect_",
                                                   "patch_control",
                                                   "tensor",
                                                   "mpp",
                                                   "MetalPerformancePrimitives",
                                                   "cooperative_tensor",
                                                   "interpolant",
                                                   "tessellation",
                                                   "curve_"};
  if (name.starts_with("metal::")) name.remove_prefix(7);
  return std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                     [&](auto p) { return name.starts_with(p); });
}

Diagnostic place_of(const clang::SourceManager& sources, clang::SourceLocation location) {
  Diagnostic diagnostic;
  if (location.isInvalid()) return diagnostic;
  const auto place = sources.getFileLoc(location);
  const clang::PresumedLoc presumed = sources.getPresumedLoc(place);
  if (presumed.isInvalid()) return diagnostic;
  const llvm::StringRef file = presumed.getFilename();
  static const bool show_library = std::getenv("ANYMETAL_LIBRARY_NOTES") != nullptr;
  if ((file.starts_with(kOwnFile) && !show_library) || file.starts_with("<")) return diagnostic;
  diagnostic.file = file.str();
  diagnostic.line = presumed.getLine();
  diagnostic.column = presumed.getColumn();
  diagnostic.text = line_at(sources, place);
  return diagnostic;
}

void DiagnosticCollector::HandleDiagnostic(clang::DiagnosticsEngine::Level level,
                                           const clang::Diagnostic& info) {
  DiagnosticConsumer::HandleDiagnostic(level, info);
  if (level == clang::DiagnosticsEngine::Ignored || level == clang::DiagnosticsEngine::Remark)
    return;
  // Follows from the error about the size: what we make static isn't static to the user.
  if (info.getID() == clang::diag::err_vla_decl_has_static_storage) return;
  if (level != clang::DiagnosticsEngine::Note) finish_group();
  llvm::SmallString<200> text;
  info.FormatDiagnostic(text);
  Entry entry;
  if (info.hasSourceManager()) {
    const auto& sources = info.getSourceManager();
    entry.diagnostic = place_of(sources, info.getLocation());
    entry.own_place = entry.diagnostic.file.empty();
    const bool wanted =
        wants_repair(info.getID()) || is_list_of_vector(info.getID(), text.str().str());
    if (wanted && info.getLocation().isValid()) {
      repairs_.places.insert(place_key(sources, info.getLocation()));
      // A cast and a conditional are where it says; their ranges begin with their operands.
      const bool here = info.getID() == clang::diag::err_bad_cxx_cast_generic ||
                        info.getID() == clang::diag::err_typecheck_cond_incompatible_operands;
      for (const auto& range : info.getRanges()) {
        if (!here && range.getBegin().isValid())
          repairs_.places.insert(place_key(sources, range.getBegin()));
      }
    }
    for (const auto& range : info.getRanges()) {
      const auto begin = sources.getFileLoc(range.getBegin()),
                 end = sources.getFileLoc(range.getEnd());
      if (entry.own_place || begin != sources.getFileLoc(info.getLocation()) ||
          !sources.isWrittenInSameFile(begin, end)) {
        continue;
      }
      unsigned length = sources.getFileOffset(end) - sources.getFileOffset(begin);
      if (range.isTokenRange())
        length += clang::Lexer::MeasureTokenLength(end, sources, clang::LangOptions());
      entry.diagnostic.length = std::min<size_t>(length, entry.diagnostic.text.size());
    }
  }
  entry.diagnostic.message = in_metal_words(text.str().str());
  // One that is made of several insertions can't be shown at one place.
  if (info.getNumFixItHints() == 1)
    entry.diagnostic.fix = in_metal_words(info.getFixItHint(0).CodeToInsert);
  const bool error = level >= clang::DiagnosticsEngine::Error;
  entry.diagnostic.severity = level == clang::DiagnosticsEngine::Note ? Severity::note
                              : error                                 ? Severity::error
                                                                      : Severity::warning;
  if (error) {
    ++errors_;
    // The standard library says so by static_assert for what it only declares.
    std::string& message = entry.diagnostic.message;
    if (message.ends_with("not supported yet")) {
      ++unsupported_;
      if (const size_t at = message.rfind("': "); at != std::string::npos) message.erase(0, at + 3);
      if (const size_t at = message.rfind("failed: "); at != std::string::npos)
        message.erase(0, at + 8);
    }
    const std::string name = quoted(message);
    if (info.getID() == clang::diag::err_pp_file_not_found) describe_missing_header(name, message);
    say_it_simply(info.getID(), message);
    hint_ = hint_for(info, message, entry.diagnostic.text);
    const bool unknown =
        is_unknown_name(info.getID()) || info.getID() == clang::diag::err_pp_file_not_found;
    if (unknown && is_unsupported_metal_name(name)) {
      ++unsupported_;
      entry.diagnostic.message = "'" + name + "' is not supported yet";
      entry.diagnostic.fix.clear();
      hint_.clear();
    }
  } else if (level == clang::DiagnosticsEngine::Warning) {
    const auto option = clang::DiagnosticIDs::getWarningOptionForDiag(info.getID());
    if (!option.empty()) entry.diagnostic.message += " [-W" + option.str() + "]";
  }
  if (info.getID() == clang::diag::note_var_fixit_add_initialization)
    refuse_empty_pointer(entry.diagnostic);
  group_.push_back(std::move(entry));
}

/// The note of a variable that is used before it has a value. A pointer into threadgroup memory is
/// meant as an array then, and Clang's remedy (`= nullptr`) is none.
void DiagnosticCollector::refuse_empty_pointer(Diagnostic& note) {
  const bool threadgroup = note.text.find("threadgroup") != std::string::npos &&
                           note.text.find('*') != std::string::npos;
  if (group_.empty() || !threadgroup) return;
  Diagnostic& head = group_.front().diagnostic;
  head.message = "threadgroup pointer '" + quoted(note.message) + "' has no memory to point to";
  if (head.severity == Severity::warning) ++errors_;
  head.severity = Severity::error;
  note.message = "an array declares memory: threadgroup float " + quoted(note.message) + "[256]";
  note.fix.clear();
}

void DiagnosticCollector::describe_missing_header(const std::string& name,
                                                  std::string& message) const {
  if (is_cpp_header(name)) {
    message = "there is no header <" + name + "> in Metal; its standard library is <metal_stdlib>";
    return;
  }
  message = "header '" + name + "' not found; ";
  if (include_dirs_.empty()) {
    message += "no include directories were given";
    return;
  }
  message += "looked in";
  for (size_t i = 0; i < include_dirs_.size(); ++i)
    message += (i == 0 ? " " : ", ") + include_dirs_[i];
}

void DiagnosticCollector::add(const clang::SourceManager& sources, clang::SourceLocation place,
                              Severity severity, std::string message, bool unsupported) {
  finish_group();
  Entry entry;
  entry.diagnostic = place_of(sources, place);
  entry.own_place = entry.diagnostic.file.empty();
  entry.diagnostic.severity = severity;
  entry.diagnostic.message = std::move(message);
  if (severity == Severity::error) {
    ++errors_;
    if (unsupported) ++unsupported_;
  }
  group_.push_back(std::move(entry));
}

void DiagnosticCollector::finish_group() {
  if (group_.empty()) return;
  std::vector<Entry> group = std::move(group_);
  std::string hint = std::exchange(hint_, {});
  group_.clear();
  Entry& head = group.front();
  if (head.own_place) {
    if (head.diagnostic.severity == Severity::warning) return;  // about our text, not the user's
    // The first note with a place of the user's says where it comes from: an instantiation, or an
    // open bracket.
    const auto note =
        std::find_if(group.begin() + 1, group.end(), [](const Entry& e) { return !e.own_place; });
    if (note != group.end()) {
      const bool bracket = note->diagnostic.message.starts_with("to match this");
      std::string message = head.diagnostic.message;
      if (bracket) message = "this '" + quoted(note->diagnostic.message) + "' is never closed";
      const Severity severity = head.diagnostic.severity;
      head.diagnostic = note->diagnostic;
      head.diagnostic.severity = severity;
      head.diagnostic.message = std::move(message);
      group.erase(note);
    }
  }
  done_.push_back(std::move(group.front().diagnostic));
  for (size_t i = 1; i < group.size(); ++i) {
    if (!group[i].own_place) done_.push_back(std::move(group[i].diagnostic));
  }
  if (!hint.empty()) {
    Diagnostic note;
    note.severity = Severity::note;
    note.message = std::move(hint);
    done_.push_back(std::move(note));
  }
}

std::vector<Diagnostic> DiagnosticCollector::take() {
  finish_group();
  // The same thing may be said for each instantiation of a template.
  std::vector<Diagnostic> out;
  std::set<std::tuple<std::string, uint32_t, uint32_t, std::string>> said;
  std::set<std::tuple<std::string, uint32_t, uint32_t>> wrong;  // one error for each place
  bool keep = true;
  for (auto& diagnostic : done_) {
    if (diagnostic.severity != Severity::note) {
      keep = said.insert({diagnostic.file, diagnostic.line, diagnostic.column, diagnostic.message})
                 .second;
      if (diagnostic.severity == Severity::error && diagnostic.column > 0 &&
          !wrong.insert({diagnostic.file, diagnostic.line, diagnostic.column}).second) {
        keep = false;
      }
      // What fails beside something that isn't there yet fails because of it.
      const bool later = diagnostic.message.ends_with("not supported yet");
      if (unsupported_ > 0 && diagnostic.severity == Severity::error && !later) keep = false;
    }
    if (keep) out.push_back(std::move(diagnostic));
  }
  done_.clear();
  return out;
}

}  // namespace anymetal::language

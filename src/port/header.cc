#include "port/header.h"

#include <clang/AST/DeclTemplate.h>
#include <clang/Lex/Lexer.h>

#include "language/declaration_recorder.h"
#include "language/diagnostics.h"

namespace anymetal::port {

namespace tok = clang::tok;

const clang::FunctionDecl& pattern_of(const clang::FunctionDecl& kernel) {
  const clang::FunctionDecl* pattern = kernel.getTemplateInstantiationPattern();
  if (!pattern) return kernel;  // NOLINT(bugprone-return-const-ref-from-parameter): of the tree
  const clang::FunctionDecl* definition = nullptr;
  return pattern->isDefined(definition) ? *definition : *pattern;
}

Header::Header(const language::SyntaxTree& tree, std::set<std::string> known)
    : tree_(tree), sources_(tree.compiler.getSourceManager()), known_(std::move(known)) {
  read_files();
  cut_kernels();
  cut_constants();
  name_asked_constants();
}

/// The user's files that this parse has read; the library's come out of the precompiled header.
void Header::read_files() {
  for (unsigned i = 0; i < sources_.local_sloc_entry_size(); ++i) {
    const auto& entry = sources_.getLocalSLocEntry(i);
    if (!entry.isFile() || entry.getOffset() == 0) continue;
    const auto start = clang::SourceLocation::getFromRawEncoding(entry.getOffset());
    const clang::FileID id = sources_.getFileID(start);
    const bool is_main = id == sources_.getMainFileID();
    const auto file = sources_.getFileEntryRefForID(id);
    if (!is_main && (!file || file->getName().starts_with(language::kOwnFile))) continue;
    const auto place = sources_.getIncludeLoc(id);
    if (!is_main && place.isInvalid()) continue;
    files_[id] = std::make_unique<FileText>(sources_, id, is_main ? tree_.text_offset : 0);
    if (!is_main) included_[sources_.getDecomposedLoc(place)] = id;
  }
}

/// From the beginning of the declaration around `place` to `end` in the same file.
void Header::cut(clang::SourceLocation place, bool is_macro, size_t end, bool with_comment) {
  const auto [id, offset] = sources_.getDecomposedLoc(sources_.getFileLoc(place));
  const auto found = files_.find(id);
  if (found == files_.end()) return;
  FileText& file = *found->second;
  size_t begin = is_macro ? offset : file.begin_of_declaration(offset);
  if (with_comment) {
    const Span comment = file.comment_above(begin);
    if (comment.begin < comment.end) begin = comment.begin;
  }
  file.change(file.with_line_end({begin, end}), "");
}

/// Whether one macro writes its name and all that stands before; the name alone may be pasted.
bool Header::is_by_macro(const clang::FunctionDecl& kernel) const {
  const auto name = kernel.getLocation(), begin = kernel.getBeginLoc();
  return name.isMacroID() && begin.isMacroID() &&
         sources_.getExpansionLoc(name) == sources_.getExpansionLoc(begin);
}

/// Behind the token at `last`, and behind a `;` that follows it and declares nothing.
size_t Header::after_empty(clang::SourceLocation last) const {
  const auto [id, offset] = sources_.getDecomposedLoc(last);
  const auto found = files_.find(id);
  if (found == files_.end()) return offset + 1;
  const std::string_view text = found->second->text();
  const size_t next = text.find_first_not_of(" \t\r\n", offset + 1);
  return next != std::string_view::npos && text[next] == ';' ? next + 1 : offset + 1;
}

void Header::cut_kernels() {
  std::vector<const clang::DeclContext*> open{
      tree_.compiler.getASTContext().getTranslationUnitDecl()};
  std::set<const clang::FunctionDecl*> kernels;
  for (const auto* kernel : tree_.kernels) kernels.insert(&pattern_of(*kernel));
  while (!open.empty()) {
    const auto* context = open.back();
    open.pop_back();
    for (const clang::Decl* declaration : context->noload_decls()) {
      if (const auto* space = llvm::dyn_cast<clang::NamespaceDecl>(declaration))
        open.push_back(space);
      const auto* one = llvm::dyn_cast<clang::FunctionTemplateDecl>(declaration);
      if (one && language::find_annotation(one->getTemplatedDecl(), "kernel"))
        kernels.insert(one->getTemplatedDecl());
    }
  }
  for (const auto* kernel : kernels) {
    const bool is_macro = is_by_macro(*kernel);
    const auto last = is_macro ? sources_.getExpansionRange(kernel->getLocation()).getEnd()
                               : sources_.getFileLoc(kernel->getSourceRange().getEnd());
    const auto start = sources_.getExpansionLoc(kernel->getLocation());
    cut(start, is_macro, after_empty(last), true);
  }
  for (const auto* kernel : tree_.kernels) {
    const auto place = kernel->getPointOfInstantiation();
    if (place.isInvalid()) continue;
    const auto range = sources_.getExpansionRange(place);
    const auto [id, offset] = sources_.getDecomposedLoc(range.getEnd());
    const auto found = files_.find(id);
    if (found == files_.end()) continue;
    const auto& file = *found->second;
    size_t end = place.isMacroID() ? offset + 1 : file.after_semicolon(offset);
    if (place.isMacroID()) {
      const size_t next = file.text().find_first_not_of(" \t", end);
      if (next < file.text().size() && file.text()[next] == ';') end = next + 1;
    }
    cut(range.getBegin(), place.isMacroID(), end, false);
  }
}

void Header::cut_constants() {
  for (const auto& [variable, index] : tree_.constants) {
    const auto [id, offset] =
        sources_.getDecomposedLoc(sources_.getFileLoc(variable->getLocation()));
    const auto found = files_.find(id);
    if (found == files_.end()) continue;
    cut(variable->getLocation(), false, found->second->after_semicolon(offset), false);
  }
}

/// `is_function_constant_defined(x)` asks a constant of our own.
void Header::name_asked_constants() {
  for (auto& [id, file] : files_) {
    const auto& tokens = file->tokens();
    for (size_t i = 0; i + 3 < tokens.size(); ++i) {
      if (file->spelling(tokens[i]) != "is_function_constant_defined" ||
          tokens[i + 1].kind != tok::l_paren)
        continue;
      size_t close = i + 2;
      while (close < tokens.size() && tokens[close].kind != tok::r_paren) ++close;
      if (close == tokens.size()) continue;
      file->change({tokens[i].begin, tokens[close].end},
                   std::string(file->spelling(tokens[close - 1])) + "_is_defined");
    }
  }
}

bool Header::is_known(const std::string& path) const {
  for (const std::string& name : known_) {
    if (path == name || path.ends_with("/" + name)) return true;
  }
  return false;
}

std::string Header::text_of_file(clang::FileID id) const {
  FileText file = *files_.at(id);
  const auto& tokens = file.tokens();
  const auto path = sources_.getFileEntryRefForID(id);
  for (size_t i = 0; i + 2 < tokens.size(); ++i) {
    if (tokens[i].kind != tok::hash || !tokens[i].starts_line) continue;
    const std::string_view word = file.spelling(tokens[i + 1]);
    const bool is_once = word == "pragma" && file.spelling(tokens[i + 2]) == "once";
    const bool is_include = word == "include" || word == "import";
    if (!is_once && !is_include) continue;
    size_t last = i + 2;
    while (last + 1 < tokens.size() && tokens[last + 1].in_directive &&
           !tokens[last + 1].starts_line)
      ++last;
    const Span line = file.with_line_end({tokens[i].begin, tokens[last].end});
    if (is_once) {
      if (path) file.change(line, "");
      continue;
    }
    const auto child = included_.find({id, tokens[i + 2].begin});
    if (child == included_.end()) {
      // A header of the language stays; else it was read before, or isn't for this machine.
      if (tokens[i + 2].kind == tok::string_literal) file.change(line, "");
      continue;
    }
    const auto entry = sources_.getFileEntryRefForID(child->second);
    const bool known = entry && is_known(entry->getName().str());
    file.change(line, known ? "" : text_of_file(child->second) + "\n");
  }
  return file.changed({id == sources_.getMainFileID() ? tree_.text_offset : 0, file.text().size()});
}

std::string Header::text() const {
  const std::string raw = text_of_file(sources_.getMainFileID());
  std::string out;
  size_t newlines = 2;  // none at the top, no two empty lines
  for (const char c : raw) {
    if (c == '\r') continue;
    if (c == '\n') {
      while (!out.empty() && (out.back() == ' ' || out.back() == '\t')) out.pop_back();
      newlines = out.empty() || out.back() == '\n' ? newlines + 1 : 1;
    }
    if (c != '\n' || newlines <= 2) out += c;
  }
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  return out.empty() ? out : out + "\n";
}

std::string Header::comment_of(const clang::FunctionDecl& pattern) const {
  if (is_by_macro(pattern)) return {};
  const auto [id, offset] =
      sources_.getDecomposedLoc(sources_.getExpansionLoc(pattern.getLocation()));
  const auto found = files_.find(id);
  if (found == files_.end()) return {};
  const Span span = found->second->comment_above(found->second->begin_of_declaration(offset));
  return contents_of_comment(found->second->text().substr(span.begin, span.end - span.begin));
}

}  // namespace anymetal::port

// The texts of a Metal file and of the files that it includes, and what of them becomes the header
// of a body-only kernel: everything but the kernels.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "language/syntax_tree.h"
#include "port/file_text.h"

namespace anymetal::port {

class Header {
 public:
  /// `known` are headers that MLX puts before every kernel, by the ends of their paths.
  Header(const language::SyntaxTree& tree, std::set<std::string> known);

  /// Of the file, its includes in their places, without kernels, instantiations of kernels, and
  /// function constants.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] const FileText& file(clang::FileID id) const { return *files_.at(id); }
  /// The comment above the kernel, as its author wrote it.
  [[nodiscard]] std::string comment_of(const clang::FunctionDecl& pattern) const;

 private:
  void read_files();
  void cut_kernels();
  void cut_constants();
  [[nodiscard]] bool is_by_macro(const clang::FunctionDecl& kernel) const;
  [[nodiscard]] size_t after_empty(clang::SourceLocation last) const;
  void cut(clang::SourceLocation place, bool is_macro, size_t end, bool with_comment);
  void name_asked_constants();
  [[nodiscard]] std::string text_of_file(clang::FileID id) const;
  [[nodiscard]] bool is_known(const std::string& path) const;

  const language::SyntaxTree& tree_;
  const clang::SourceManager& sources_;
  std::set<std::string> known_;
  std::map<clang::FileID, std::unique_ptr<FileText>> files_;
  std::map<std::pair<clang::FileID, size_t>, clang::FileID> included_;  ///< by place of the line
};

/// Where the function is written: of an instance, its template.
[[nodiscard]] const clang::FunctionDecl& pattern_of(const clang::FunctionDecl& kernel);

}  // namespace anymetal::port

// A port takes the author's text between the braces of a kernel, and where a macro writes the
// kernel there is none. So the invocation is replaced by what the macro's definition says, in its
// layout, with the arguments in their places: what the preprocessor does, but for one macro only,
// so that `INFINITY` in it stays `INFINITY`. Arguments are put in as they are written, where the
// preprocessor would expand them before; that the compiler sees the same tokens afterwards is
// checked over the whole text (port.cc) and not argued.
#include "port/expand_macros.h"

#include <clang/Lex/Lexer.h>
#include <clang/Lex/MacroInfo.h>
#include <clang/Lex/Preprocessor.h>

#include <algorithm>

#include "port/header.h"

namespace anymetal::port {
namespace {

namespace tok = clang::tok;

struct Line {
  std::string text;
  std::string file;
  uint32_t number = 0;
  bool is_same(const Line& before) const {
    return file == before.file && number == before.number + 1;
  }
};

/// A text that is written line by line, each with the place that it stands for.
class MarkedText {
 public:
  /// `text` stands at `place`, and what follows a newline in it one line below.
  void add(std::string_view text, const std::string& file, uint32_t line) {
    for (;;) {
      const size_t end = text.find('\n');
      if (is_blank()) place(file, line);
      lines_.back().text += text.substr(0, end);
      if (end == std::string_view::npos) return;
      lines_.push_back({});
      text.remove_prefix(end + 1);
      ++line;
    }
  }
  void end_line() {
    if (!is_blank()) lines_.push_back({});
  }
  [[nodiscard]] bool is_blank() const {
    return lines_.back().text.find_first_not_of(" \t") == std::string::npos;
  }

  [[nodiscard]] language::Source source(const std::string& name) const {
    language::Source made{.text = {}, .name = name, .marks = {}};
    const Line* before = nullptr;
    for (const Line& line : lines_) {
      if (line.number > 0 && (!before || !line.is_same(*before)))
        made.marks.push_back({made.text.size(), line.file, line.number});
      if (line.number > 0) before = &line;
      made.text += line.text + "\n";
    }
    if (!made.text.empty()) made.text.pop_back();
    return made;
  }

 private:
  void place(const std::string& file, uint32_t line) {
    lines_.back().file = file;
    lines_.back().number = line;
  }

  std::vector<Line> lines_{1};
};

std::string trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

/// `#argument`, as the preprocessor writes it.
std::string quoted(std::string_view argument) {
  std::string out = "\"";
  char string = 0;
  bool blank = false;
  for (size_t i = 0; i < argument.size(); ++i) {
    const char c = argument[i];
    if (!string && isspace(static_cast<unsigned char>(c))) {
      blank = true;
      continue;
    }
    if (blank) out += ' ';
    blank = false;
    if (c == '"' || (string && c == '\\')) out += '\\';
    out += c;
    if (string && c == '\\' && i + 1 < argument.size()) {
      const char next = argument[++i];
      if (next == '"' || next == '\\') out += '\\';
      out += next;
    } else if (string ? c == string : c == '"' || c == '\'') {
      string = string ? 0 : c;
    }
  }
  return out + "\"";
}

/// Blanks, newlines and comments that stand between two tokens of a definition.
std::string without_continuations(std::string_view gap) {
  std::string out;
  for (const char c : gap) {
    if (c == '\r') continue;
    if (c == '\n') {
      while (!out.empty() && (out.back() == ' ' || out.back() == '\t')) out.pop_back();
      if (!out.empty() && out.back() == '\\') out.pop_back();
      while (!out.empty() && (out.back() == ' ' || out.back() == '\t')) out.pop_back();
    }
    out += c;
  }
  return out;
}

/// Whether the two would be one token, or another one, side by side.
bool would_join(char before, char after) {
  const auto is_word = [](char c) { return isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  constexpr std::string_view kOperators = "+-*/<>=&|:#.%^!";
  if (is_word(before) || before == '.') return is_word(after) || after == '"' || after == '.';
  return kOperators.find(before) != std::string_view::npos &&
         kOperators.find(after) != std::string_view::npos;
}

/// One invocation: `UNARY(exp, float)`.
struct Invocation {
  size_t begin = 0;
  size_t end = 0;
  std::string name;
  std::vector<std::string> arguments;
  bool has_list = false;
};

class Writer {
 public:
  Writer(clang::Preprocessor& preprocessor, const clang::MacroInfo& macro,
         const Invocation& invocation, MarkedText& out)
      : sources_(preprocessor.getSourceManager()),
        preprocessor_(preprocessor),
        macro_(macro),
        arguments_(invocation.arguments),
        out_(out) {}

  /// Why it can't be written out; empty: it can.
  std::string why_not() {
    for (const clang::Token& token : macro_.tokens()) {
      if (spelling(token) == "__VA_OPT__") return "the macro uses __VA_OPT__";
    }
    if (!macro_.isFunctionLike()) return {};
    const size_t wanted = macro_.getNumParams();
    if (wanted == 0 && arguments_.size() == 1 && arguments_[0].empty()) arguments_.clear();
    if (macro_.isVariadic()) {
      if (arguments_.size() + 1 < wanted) return "arguments of the macro are missing";
      std::string rest;
      for (size_t i = wanted - 1; i < arguments_.size(); ++i)
        rest += (i + 1 > wanted ? ", " : "") + arguments_[i];
      has_rest_ = arguments_.size() >= wanted;
      arguments_.resize(wanted);
      arguments_.back() = rest;
    }
    return arguments_.size() == wanted ? "" : "the macro has another number of arguments";
  }

  void write() {
    const auto tokens = macro_.tokens();
    for (size_t i = 0; i < tokens.size();) {
      const size_t first = i;
      std::string text = piece(i);
      while (i + 1 < tokens.size() && tokens[i].is(tok::hashhash)) {
        ++i;
        const bool drops_comma = text == "," && is_rest(tokens[i]);
        const std::string next = piece(i);
        text = drops_comma && !has_rest_ ? "" : text + next;
      }
      add(tokens, first, text);
    }
  }

 private:
  [[nodiscard]] std::string spelling(const clang::Token& token) const {
    return preprocessor_.getSpelling(token);
  }
  [[nodiscard]] int parameter(const clang::Token& token) const {
    const auto* name = token.getIdentifierInfo();
    return macro_.isFunctionLike() && name ? macro_.getParameterNum(name) : -1;
  }
  [[nodiscard]] bool is_rest(const clang::Token& token) const {
    const int i = parameter(token);
    return macro_.isVariadic() && i >= 0 && static_cast<unsigned>(i) + 1 == macro_.getNumParams();
  }

  /// What the token at i, or `#` and the one after, stand for; i is behind them then.
  std::string piece(size_t& i) const {
    const auto tokens = macro_.tokens();
    const clang::Token& token = tokens[i++];
    if (macro_.isFunctionLike() && token.is(tok::hash) && i < tokens.size()) {
      if (const int n = parameter(tokens[i]); n >= 0) {
        ++i;
        return quoted(arguments_[static_cast<size_t>(n)]);
      }
    }
    const int n = parameter(token);
    return n >= 0 ? arguments_[static_cast<size_t>(n)] : spelling(token);
  }

  void add(llvm::ArrayRef<clang::Token> tokens, size_t i, const std::string& text) {
    std::string gap;
    if (i > 0) {
      const auto end = tokens[i - 1].getEndLoc(), begin = tokens[i].getLocation();
      const auto [file, from] = sources_.getDecomposedLoc(end);
      const auto [same, to] = sources_.getDecomposedLoc(begin);
      if (file == same && from <= to)
        gap = without_continuations(sources_.getBufferData(file).substr(from, to - from).str());
    }
    if (gap.empty() && last_ && !text.empty() && would_join(last_, text.front())) gap = " ";
    const auto place = sources_.getPresumedLoc(tokens[i].getLocation());
    const uint32_t line = place.isValid() ? place.getLine() : 0;
    const std::string file = place.isValid() ? place.getFilename() : "";
    const auto newlines = static_cast<uint32_t>(std::count(gap.begin(), gap.end(), '\n'));
    out_.add(gap, file, line > newlines ? line - newlines : 0);
    // The lines of an argument are laid out as one: they are the invocation's, not the
    // definition's.
    std::string flat = text;
    std::replace(flat.begin(), flat.end(), '\n', ' ');
    out_.add(flat, file, line);
    if (!flat.empty())
      last_ = flat.back();
    else if (!gap.empty())
      last_ = 0;
  }

  const clang::SourceManager& sources_;
  clang::Preprocessor& preprocessor_;
  const clang::MacroInfo& macro_;
  std::vector<std::string> arguments_;
  bool has_rest_ = true;
  char last_ = 0;
  MarkedText& out_;
};

class Expander {
 public:
  Expander(const language::SyntaxTree& tree, const language::Source& source)
      : tree_(tree),
        sources_(tree.compiler.getSourceManager()),
        main_(sources_.getMainFileID()),
        text_(sources_.getBufferData(main_)),
        name_(source.name) {
    made_.source = source;
  }

  Expansion run() {
    for (const clang::FunctionDecl* kernel : tree_.kernels) find(*kernel);
    if (found_.empty()) return std::move(made_);
    MarkedText out;
    size_t at = tree_.text_offset;
    for (const auto& [begin, kernels] : found_) {
      if (begin < at) continue;  // within the one before
      Invocation invocation = read(begin);
      copy(out, at, begin);
      at = begin;
      const std::string why = write(invocation, out);
      if (why.empty()) {
        at = invocation.end;
        made_.is_changed = true;
        made_.macros.push_back(invocation.name);
        continue;
      }
      for (const std::string& kernel : kernels) made_.stuck[kernel] = why;
    }
    copy(out, at, text_.size());
    made_.source = out.source(name_);
    return std::move(made_);
  }

 private:
  void find(const clang::FunctionDecl& kernel) {
    const auto* body = llvm::dyn_cast_or_null<clang::CompoundStmt>(pattern_of(kernel).getBody());
    if (!body) return;
    for (const auto brace : {body->getLBracLoc(), body->getRBracLoc()}) {
      if (!brace.isMacroID()) continue;
      const auto [file, offset] = sources_.getDecomposedLoc(sources_.getExpansionLoc(brace));
      if (file == main_) {
        found_[offset].push_back(kernel.getNameAsString());
      } else {
        made_.stuck[kernel.getNameAsString()] = "the macro is invoked in an included file";
      }
    }
  }

  [[nodiscard]] clang::SourceLocation location(size_t offset) const {
    return sources_.getLocForStartOfFile(main_).getLocWithOffset(static_cast<int>(offset));
  }

  [[nodiscard]] Invocation read(size_t begin) const {
    Invocation found{.begin = begin, .end = begin, .name = {}, .arguments = {}, .has_list = false};
    clang::Lexer lexer(location(0), tree_.compiler.getLangOpts(), text_.begin(),
                       text_.begin() + begin, text_.end());
    clang::Token token;
    lexer.LexFromRawLexer(token);
    found.name = token.is(tok::raw_identifier) ? token.getRawIdentifier().str() : "";
    found.end = begin + token.getLength();
    int depth = 0;
    size_t argument = 0;
    const auto end_argument = [&](size_t end) {
      found.arguments.push_back(trimmed({text_.data() + argument, end - argument}));
    };
    for (;;) {
      const bool is_end = lexer.LexFromRawLexer(token);
      const size_t offset = sources_.getFileOffset(token.getLocation());
      if (token.is(tok::eof) || (depth == 0 && token.isNot(tok::l_paren))) return found;
      if (token.is(tok::l_paren) && depth++ == 0) argument = offset + 1;
      if (token.is(tok::comma) && depth == 1) {
        end_argument(offset);
        argument = offset + 1;
      }
      if (token.is(tok::r_paren) && --depth == 0) {
        end_argument(offset);
        found.has_list = true;
        found.end = offset + 1;
        return found;
      }
      if (is_end) return found;
    }
  }

  /// Why it wasn't.
  std::string write(Invocation& invocation, MarkedText& out) {
    clang::Preprocessor& preprocessor = tree_.compiler.getPreprocessor();
    auto* name = preprocessor.getIdentifierInfo(invocation.name);
    const auto definition = preprocessor.getMacroDefinitionAtLoc(name, location(invocation.begin));
    const clang::MacroInfo* macro = definition ? definition.getMacroInfo() : nullptr;
    if (!macro || macro->isBuiltinMacro()) return "the macro's definition isn't in the text";
    if (macro->isFunctionLike() && !invocation.has_list)
      return "the macro's arguments aren't there";
    if (!macro->isFunctionLike()) {
      invocation.end = invocation.begin + invocation.name.size();
      invocation.arguments.clear();
    }
    Writer writer(preprocessor, *macro, invocation, out);
    if (std::string why = writer.why_not(); !why.empty()) return why;
    out.end_line();
    writer.write();
    out.end_line();
    return {};
  }

  /// As it stands.
  void copy(MarkedText& out, size_t begin, size_t end) {
    while (begin < end) {
      const size_t next = text_.find('\n', begin);
      const size_t stop = next == llvm::StringRef::npos ? end : std::min(end, next + 1);
      const auto place = sources_.getPresumedLoc(location(begin));
      out.add({text_.data() + begin, stop - begin}, place.isValid() ? place.getFilename() : name_,
              place.isValid() ? place.getLine() : 0);
      begin = stop;
    }
  }

  const language::SyntaxTree& tree_;
  clang::SourceManager& sources_;
  clang::FileID main_;
  llvm::StringRef text_;
  std::string name_;
  std::map<size_t, std::vector<std::string>> found_;
  Expansion made_;
};

bool is_word_char(char c) {
  return isalnum(static_cast<unsigned char>(c)) || c == '_';
}

bool mentions(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !is_word_char(text[at - 1])) &&
        (end == text.size() || !is_word_char(text[end])))
      return true;
  }
  return false;
}

/// The line is `#define NAME...` or `#undef NAME`.
bool is_definition(std::string_view line, std::string_view name) {
  const auto skip = [&line](std::string_view what) {
    const size_t first = line.find_first_not_of(" \t");
    line.remove_prefix(first == std::string_view::npos ? line.size() : first);
    if (!line.starts_with(what)) return false;
    line.remove_prefix(what.size());
    return true;
  };
  if (!skip("#")) return false;
  if (!skip("define") && !skip("undef")) return false;
  return skip(name) && (line.empty() || !is_word_char(line[0]));
}

std::vector<Line> lines_of(const language::Source& source) {
  std::vector<Line> lines;
  std::string file = source.name;
  uint32_t number = 1;
  auto mark = source.marks.begin();
  for (size_t at = 0; at <= source.text.size();) {
    for (; mark != source.marks.end() && mark->offset <= at; ++mark) {
      file = mark->file;
      number = mark->line;
    }
    const size_t end = std::min(source.text.find('\n', at), source.text.size());
    lines.push_back({source.text.substr(at, end - at), file, number++});
    at = end + 1;
  }
  return lines;
}

/// Takes the macro's definitions out if no other line has its name.
bool drop(std::vector<Line>& lines, const std::string& name) {
  std::vector<Line> kept;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!is_definition(lines[i].text, name)) {
      if (mentions(lines[i].text, name)) return false;
      kept.push_back(lines[i]);
      continue;
    }
    while (i + 1 < lines.size() && trimmed(lines[i].text).ends_with('\\')) ++i;
  }
  const bool is_changed = kept.size() < lines.size();
  lines = std::move(kept);
  return is_changed;
}

}  // namespace

Expansion expand_kernel_macros(const language::SyntaxTree& tree, const language::Source& source) {
  return Expander(tree, source).run();
}

language::Source without_definitions(const language::Source& source,
                                     std::vector<std::string> macros) {
  std::vector<Line> lines = lines_of(source);
  std::sort(macros.begin(), macros.end());
  macros.erase(std::unique(macros.begin(), macros.end()), macros.end());
  for (bool is_changed = true; is_changed;) {
    is_changed = false;
    for (const std::string& name : macros) is_changed |= drop(lines, name);
  }
  MarkedText out;
  for (size_t i = 0; i < lines.size(); ++i) {
    const Line& line = lines[i];
    out.add(line.text + (i + 1 < lines.size() ? "\n" : ""), line.file, line.number);
  }
  return out.source(source.name);
}

std::optional<std::string> difference_of_tokens(const std::string& before,
                                                const std::string& after) {
  const auto tokens_of = [](const std::string& text) {
    clang::LangOptions options;
    options.CPlusPlus = options.CPlusPlus11 = options.CPlusPlus14 = options.CPlusPlus17 = true;
    options.LineComment = true;
    clang::Lexer lexer(clang::SourceLocation(), options, text.data(), text.data(),
                       text.data() + text.size());
    std::vector<std::string_view> found;
    for (clang::Token token;;) {
      const bool is_end = lexer.LexFromRawLexer(token);
      if (token.is(tok::eof)) break;
      const size_t end = static_cast<size_t>(lexer.getBufferLocation() - text.data());
      found.push_back(std::string_view(text).substr(end - token.getLength(), token.getLength()));
      if (is_end) break;
    }
    return found;
  };
  const auto one = tokens_of(before), other = tokens_of(after);
  for (size_t i = 0; i < std::max(one.size(), other.size()); ++i) {
    const std::string_view from = i < one.size() ? one[i] : "the end";
    const std::string_view to = i < other.size() ? other[i] : "the end";
    if (from != to)
      return "'" + std::string(to.substr(0, 40)) + "' in the place of '" +
             std::string(from.substr(0, 40)) + "'";
  }
  return std::nullopt;
}

}  // namespace anymetal::port

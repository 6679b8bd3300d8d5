// What comes in: Metal text with its options. What goes out: the interfaces of its kernels, and a
// tree on demand. The two are apart because they cost so differently: the interfaces of a text that
// some process has parsed before are read from disk in microseconds, the tree takes Clang tens of
// milliseconds, and only a kernel that no process has compiled needs it.
#include <fmt/format.h>

#include <atomic>
#include <cstring>
#include <regex>

#include "runtime/content_key.h"
#include "runtime/device_state.h"
#include "runtime/log.h"
#include "runtime/running_work.h"

namespace anymetal::runtime {

namespace {

void append_number(std::string& out, uint32_t value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void append_string(std::string& out, std::string_view text) {
  append_number(out, static_cast<uint32_t>(text.size()));
  out.append(text);
}

// Reads what append_* wrote; after the first bad length everything is empty.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  uint32_t number() {
    uint32_t value = 0;
    if (bytes_.size() < sizeof value) return good_ = false, 0;
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }
  std::string string() {
    uint32_t size = number();
    if (bytes_.size() < size) return good_ = false, std::string();
    std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return text;
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool finished() const { return good_ && bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool good_ = true;
};

constexpr uint32_t kNoIndex = UINT32_MAX;

struct Contents {
  std::vector<KernelInterface> kernels;
  std::vector<Diagnostic> warnings;
  std::vector<FunctionConstant> constants;
};

std::string to_bytes(const Contents& contents) {
  std::string out;
  append_number(out, static_cast<uint32_t>(contents.kernels.size()));
  for (const KernelInterface& kernel : contents.kernels) append_string(out, serialize(kernel));
  append_number(out, static_cast<uint32_t>(contents.warnings.size()));
  for (const Diagnostic& d : contents.warnings) {
    append_number(out, static_cast<uint32_t>(d.severity));
    for (const std::string* text : {&d.file, &d.message, &d.text, &d.fix})
      append_string(out, *text);
    for (uint32_t number : {d.line, d.column, d.length}) append_number(out, number);
  }
  append_number(out, static_cast<uint32_t>(contents.constants.size()));
  for (const FunctionConstant& c : contents.constants) {
    for (const std::string* text : {&c.name, &c.type, &c.element}) append_string(out, *text);
    // Indices of function constants are 16 bits wide.
    for (uint32_t number : {c.index.value_or(kNoIndex), c.size, c.line}) append_number(out, number);
  }
  return out;
}

std::optional<Contents> from_bytes(std::string_view bytes) {
  Bytes in(bytes);
  Contents contents;
  for (uint32_t left = in.number(); left > 0 && in.good(); --left) {
    Result<KernelInterface> kernel = parse_interface(in.string());
    if (!kernel.ok()) return std::nullopt;
    contents.kernels.push_back(std::move(kernel).value());
  }
  for (uint32_t left = in.number(); left > 0 && in.good(); --left) {
    Diagnostic d;
    uint32_t severity = in.number();
    if (severity > static_cast<uint32_t>(Severity::error)) return std::nullopt;
    d.severity = static_cast<Severity>(severity);
    for (std::string* text : {&d.file, &d.message, &d.text, &d.fix}) *text = in.string();
    for (uint32_t* number : {&d.line, &d.column, &d.length}) *number = in.number();
    contents.warnings.push_back(std::move(d));
  }
  for (uint32_t left = in.number(); left > 0 && in.good(); --left) {
    FunctionConstant c;
    for (std::string* text : {&c.name, &c.type, &c.element}) *text = in.string();
    if (const uint32_t index = in.number(); index != kNoIndex) c.index = index;
    for (uint32_t* number : {&c.size, &c.line}) *number = in.number();
    contents.constants.push_back(std::move(c));
  }
  if (!in.finished()) return std::nullopt;
  return contents;
}

std::string library_key(const language::Source& source, const language::Options& options,
                        std::string_view language_version) {
  ContentKey key;
  key.add("library").add(language_version).add(source.text).add(source.name);
  // Marks end up in the debug locations, and so in the texts of errors at run time.
  key.add(uint64_t{source.marks.size()});
  for (const language::LineMark& mark : source.marks)
    key.add(uint64_t{mark.offset}).add(mark.file).add(uint64_t{mark.line});
  key.add(static_cast<uint64_t>(options.math_mode)).add(options.prefix);
  key.add(uint64_t{options.macros.size()});
  for (const auto& [name, value] : options.macros) key.add(name).add(value);
  if (!options.include_dirs.empty()) {
    static std::atomic<uint64_t> unique{0};  // files can change under the same name
    key.add("unique").add(unique.fetch_add(1));
  }
  return key.hex();
}

class ParsedText final : public CachedLibrary {
 public:
  ParsedText(std::shared_ptr<DeviceState> state, std::string key, language::Source source,
             language::Options options)
      : state_(std::move(state)),
        key_(std::move(key)),
        source_(std::move(source)),
        options_(std::move(options)) {}

  std::span<const KernelInterface> kernels() const override { return contents_.kernels; }
  std::span<const Diagnostic> warnings() const override { return contents_.warnings; }
  std::span<const FunctionConstant> constants() const override { return contents_.constants; }
  const language::Source& source() const override { return source_; }
  const language::Options& options() const override { return options_; }
  const std::string& key() const override { return key_; }
  std::shared_ptr<const void> tree_in_memory() const override {
    std::lock_guard lock(mutex_);
    return tree_.lock();
  }
  bool may_be_stored() const override { return options_.include_dirs.empty(); }

  Result<std::shared_ptr<language::ParsedLibrary>> tree() override {
    std::lock_guard lock(mutex_);
    if (std::shared_ptr<language::ParsedLibrary> tree = tree_.lock()) return tree;
    if (!state_->engine.parse) return internal_error("no language in this engine");
    const RunningCompilation running("`" + source_.name + "`", state_->settings.compile_timeout);
    auto parsed = state_->engine.parse(source_, options_);
    if (!parsed.ok()) return running.describe(std::move(parsed).error());
    std::shared_ptr<language::ParsedLibrary> tree = std::move(parsed).value();
    tree_ = tree;
    state_->trees.keep(tree);
    return tree;
  }

  // Before anybody else sees this library.
  Result<void> open() {
    if (may_be_stored()) {
      if (std::optional<std::string> stored = state_->disk.load("library", key_)) {
        if (std::optional<Contents> contents = from_bytes(*stored)) {
          contents_ = std::move(*contents);
          return {};
        }
        state_->disk.drop("library", key_);
      }
    }
    ANYMETAL_ASSIGN_OR_RETURN(std::shared_ptr<language::ParsedLibrary> parsed, tree());
    contents_.kernels.assign(parsed->kernels().begin(), parsed->kernels().end());
    contents_.warnings.assign(parsed->warnings().begin(), parsed->warnings().end());
    contents_.constants.assign(parsed->constants().begin(), parsed->constants().end());
    if (may_be_stored()) state_->disk.store("library", key_, source_.name, to_bytes(contents_));
    return {};
  }

 private:
  const std::shared_ptr<DeviceState> state_;
  const std::string key_;
  const language::Source source_;
  const language::Options options_;
  Contents contents_;
  mutable std::mutex mutex_;
  std::weak_ptr<language::ParsedLibrary> tree_;
};

/// Whether the text seems to have a template of a kernel of this name.
bool has_template(std::string_view text, std::string_view kernel) {
  static const std::regex head(
      R"(\btemplate\s*<[^;{}()]*>\s*(\[\[)?kernel(\]\])?\s+void\s+(\w+)\s*\()");
  for (std::cregex_iterator found(text.data(), text.data() + text.size(), head), end; found != end;
       ++found)
    if ((*found)[3].str() == kernel) return true;
  return false;
}

}  // namespace

Result<std::shared_ptr<Library>> open_library(std::shared_ptr<DeviceState> state,
                                              const language::Source& source,
                                              const language::Options& options) {
  ANYMETAL_RETURN_IF_ERROR(state->ready());
  std::string key = library_key(source, options, state->engine.language_version);
  return state->libraries.get(key, [&]() -> Result<std::shared_ptr<Library>> {
    auto library = std::make_shared<ParsedText>(state, key, source, options);
    ANYMETAL_RETURN_IF_ERROR(library->open());
    return std::shared_ptr<Library>(std::move(library));
  });
}

Result<std::shared_ptr<Function>> Library::function(
    std::string_view kernel, std::vector<language::ConstantValue> constants) {
  std::string names;
  for (const KernelInterface& one : kernels()) {
    if (one.name == kernel)
      return std::make_shared<Function>(shared_from_this(), one, std::move(constants));
    if (names.size() < 500) names += (names.empty() ? "`" : ", `") + one.name + "`";
  }
  std::string text =
      names.empty() ? fmt::format("no kernel `{}`: {} has no kernels", kernel, source().name)
                    : fmt::format("no kernel `{}` in {}: it has {}", kernel, source().name, names);
  if (has_template(source().text, kernel))
    text += fmt::format(
        "; a template is none before it is instantiated, as by `template [[host_name(\"{0}\")]] "
        "[[kernel]] decltype({0}<float>) {0}<float>;`",
        kernel);
  return user_error(std::move(text));
}

Function::Function(std::shared_ptr<Library> library, KernelInterface interface,
                   std::vector<language::ConstantValue> constants)
    : library_(std::move(library)),
      interface_(std::move(interface)),
      constants_(std::move(constants)) {}

}  // namespace anymetal::runtime

// What was measured, as it is kept in the repository: record.tsv, and docs/accuracy.md made of it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>

#include "measure.h"
#include "support/result.h"

namespace anymetal::accuracy {

/// One function of one type in one spelling on one executor. Errors are in ulps, rounded up to four
/// decimals.
struct Entry {
  std::optional<double> sampled;  ///< over the sample of `./dev test`
  std::optional<double> all;      ///< over all values of the type
};

class Record {
 public:
  /// Executor, function, type, spelling.
  using Key = std::tuple<std::string, std::string, std::string, std::string>;

  [[nodiscard]] static Result<Record> read(const std::string& path);
  [[nodiscard]] Result<void> write(const std::string& path) const;

  /// Keeps what is known of the other kind of measurement.
  void set(Executor executor, const Function& function, const Format& format,
           const Spelling& spelling, bool all, double ulps);
  [[nodiscard]] Entry find(Executor executor, const Function& function, const Format& format,
                           const Spelling& spelling) const;

  /// docs/accuracy.md.
  [[nodiscard]] std::string page() const;

 private:
  std::map<Key, Entry> entries_;
};

/// As it is recorded.
[[nodiscard]] double rounded_up(double ulps);

}  // namespace anymetal::accuracy

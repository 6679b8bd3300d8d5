// Random programs with divergent control flow and simdgroup functions, against an interpreter that
// runs the lanes of a simdgroup in lockstep under masks. The interpreter knows nothing of fibres or
// keys: it follows the program's structure.
#include <array>
#include <memory>
#include <random>

#include "backend/reference/test_kernel.h"

namespace anymetal::backend::reference {
namespace {

constexpr uint32_t kLanes = 32, kVariables = 4, kThreads = 80;

enum class Kind { assign, meet, branch, loop, leave_loop, next_iteration, end_thread };

struct Statement {
  Kind kind = Kind::assign;
  uint32_t target = 0, left = 0, right = 0, operation = 0, constant = 0;
  std::vector<Statement> body, otherwise;
};
using Block = std::vector<Statement>;

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  Block block(int depth, bool in_loop) {
    Block out(2 + pick(3));
    for (Statement& statement : out) statement = make(depth, in_loop);
    return out;
  }

 private:
  uint32_t pick(uint32_t count) { return uint32_t(random_() % count); }

  Statement make(int depth, bool in_loop) {
    Statement statement;
    statement.target = pick(kVariables);
    statement.left = pick(kVariables);
    statement.right = pick(kVariables);
    statement.constant = pick(1000);
    const uint32_t choice = pick(12);
    if (choice < 3 || depth == 0) {
      statement.kind = choice % 2 == 0 ? Kind::meet : Kind::assign;
    } else if (choice < 6) {
      statement.kind = Kind::meet;
    } else if (choice < 9) {
      statement.kind = Kind::branch;
      statement.body = block(depth - 1, in_loop);
      if (pick(2) == 0) statement.otherwise = block(depth - 1, in_loop);
    } else if (choice < 11) {
      statement.kind = Kind::loop;
      statement.body = block(depth - 1, true);
    } else {
      // A branch that only jumps: what stands on a way out of a loop is behind the loop, by our
      // definition.
      statement.kind = Kind::branch;
      Statement jump;
      jump.kind = !in_loop || pick(4) == 0 ? Kind::end_thread
                  : pick(2) == 0           ? Kind::leave_loop
                                           : Kind::next_iteration;
      statement.body = {jump};
    }
    statement.operation = pick(statement.kind == Kind::meet ? 7 : 4);
    return statement;
  }

  std::mt19937 random_;
};

/// The program as LLVM text: variables in memory, structured control flow as blocks.
class Writer {
 public:
  std::string write(const Block& program) {
    std::string head;
    for (uint32_t variable = 0; variable < kVariables; ++variable) {
      const std::string name = std::to_string(variable);
      head += "  %v" + name + " = alloca i32\n  %s" + name + " = mul i32 %id, " +
              std::to_string(variable * 7 + 3) + "\n  store i32 %s" + name + ", ptr %v" + name +
              "\n";
    }
    block(program, "", "");
    std::string sum = "0";
    for (uint32_t variable = 0; variable < kVariables; ++variable) {
      const std::string times = binary("mul", sum, "31");
      sum = binary("add", times, load(variable));
    }
    return R"(
declare i32 @am.thread_position_in_grid.x()
declare i32 @am.thread_index_in_simdgroup()
declare i32 @am.simd_sum.u32(i32) convergent memory(none)
declare i32 @am.simd_max.u32(i32) convergent memory(none)
declare i32 @am.simd_prefix_exclusive_sum.u32(i32) convergent memory(none)
declare i32 @am.simd_broadcast_first.u32(i32) convergent memory(none)
declare i32 @am.simd_shuffle.u32(i32, i16) convergent memory(none)
declare i64 @am.simd_ballot(i1) convergent memory(none)
declare i32 @am.quad_sum.u32(i32) convergent memory(none)
define void @k(ptr addrspace(1) %out) {
  %id = call i32 @am.thread_position_in_grid.x()
  %wide = zext i32 %id to i64
  %to = getelementptr i32, ptr addrspace(1) %out, i64 %wide
)" + head + loops_ +
           text_ + "  store i32 " + sum + ", ptr addrspace(1) %to\n  ret void\n}\n";
  }

 private:
  std::string name(const char* prefix) { return prefix + std::to_string(next_++); }
  void line(const std::string& text) { text_ += "  " + text + "\n"; }
  void label(const std::string& name) { text_ += name + ":\n"; }
  void jump(const std::string& to) { line("br label %" + to); }

  std::string load(uint32_t variable) {
    const std::string value = "%" + name("t");
    line(value + " = load i32, ptr %v" + std::to_string(variable));
    return value;
  }
  std::string binary(const std::string& operation, const std::string& a, const std::string& b) {
    const std::string value = "%" + name("t");
    line(value + " = " + operation + " i32 " + a + ", " + b);
    return value;
  }
  void store(const std::string& value, uint32_t variable) {
    line("store i32 " + value + ", ptr %v" + std::to_string(variable));
  }
  std::string less(const std::string& a, const std::string& b) {
    const std::string value = "%" + name("c");
    line(value + " = icmp ult i32 " + a + ", " + b);
    return value;
  }

  void block(const Block& statements, const std::string& leave, const std::string& next) {
    for (const Statement& statement : statements) write(statement, leave, next);
  }

  void write(const Statement& statement, const std::string& leave, const std::string& next) {
    switch (statement.kind) {
      case Kind::assign: {
        const char* const operations[] = {"add", "mul", "xor", "sub"};
        const auto moved = binary("add", load(statement.right), std::to_string(statement.constant));
        return store(binary(operations[statement.operation], load(statement.left), moved),
                     statement.target);
      }
      case Kind::meet:
        return meet(statement);
      case Kind::branch:
        return branch(statement, leave, next);
      case Kind::loop:
        return loop(statement);
      case Kind::leave_loop:
        return jump_away("br label %" + leave);
      case Kind::next_iteration:
        return jump_away("br label %" + next);
      case Kind::end_thread:
        return jump_away("ret void");
    }
  }

  void jump_away(const std::string& how) {
    line(how);
    label(name("dead"));
  }

  void meet(const Statement& statement) {
    const std::string value = load(statement.left), result = "%" + name("m");
    const char* const simple[] = {"simd_sum", "simd_max", "simd_prefix_exclusive_sum",
                                  "simd_broadcast_first", "quad_sum"};
    if (statement.operation < 5) {
      line(result + " = call i32 @am." + simple[statement.operation] + ".u32(i32 " + value + ")");
    } else if (statement.operation == 5) {
      const auto lane = binary("and", load(statement.right), "31"), narrow = "%" + name("n");
      line(narrow + " = trunc i32 " + lane + " to i16");
      line(result + " = call i32 @am.simd_shuffle.u32(i32 " + value + ", i16 " + narrow + ")");
    } else {
      const auto small = less(binary("and", value, "7"), "3"), wide = "%" + name("w");
      line(wide + " = call i64 @am.simd_ballot(i1 " + small + ")");
      line(result + " = trunc i64 " + wide + " to i32");
    }
    store(result, statement.target);
  }

  void branch(const Statement& statement, const std::string& leave, const std::string& next) {
    const auto yes = name("yes"), no = name("no"), join = name("join");
    const auto small =
        less(binary("urem", load(statement.left), "5"), std::to_string(statement.constant % 6));
    line("br i1 " + small + ", label %" + yes + ", label %" + no);
    label(yes);
    block(statement.body, leave, next);
    jump(join);
    label(no);
    block(statement.otherwise, leave, next);
    jump(join);
    label(join);
  }

  void loop(const Statement& statement) {
    const auto counter = "%" + name("i"), head = name("head"), body = name("body"),
               next = name("next"), done = name("done");
    loops_ += "  " + counter + " = alloca i32\n  " + counter + "n = alloca i32\n";
    line("store i32 0, ptr " + counter);
    line("store i32 " + binary("urem", load(statement.left), "4") + ", ptr " + counter + "n");
    jump(head);
    label(head);
    const auto at = "%" + name("t"), end = "%" + name("t");
    line(at + " = load i32, ptr " + counter);
    line(end + " = load i32, ptr " + counter + "n");
    line("br i1 " + less(at, end) + ", label %" + body + ", label %" + done);
    label(body);
    block(statement.body, done, next);
    jump(next);
    label(next);
    const auto before = "%" + name("t");
    line(before + " = load i32, ptr " + counter);
    line("store i32 " + binary("add", before, "1") + ", ptr " + counter);
    jump(head);
    label(done);
  }

  std::string text_, loops_;
  int next_ = 0;
};

/// Runs one simdgroup in lockstep. A mask has a bit for each lane that takes part.
class Interpreter {
 public:
  Interpreter(uint32_t first, uint32_t count) : live_(count == 32 ? ~0u : (1u << count) - 1) {
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      for (uint32_t variable = 0; variable < kVariables; ++variable) {
        values_[lane][variable] = (first + lane) * (variable * 7 + 3);
      }
    }
  }

  void run(const Block& program) { run(program, live_); }
  [[nodiscard]] bool ended(uint32_t lane) const { return !(live_ >> lane & 1); }
  [[nodiscard]] uint32_t result(uint32_t lane) const {
    uint32_t sum = 0;
    for (const uint32_t value : values_[lane]) sum = sum * 31 + value;
    return sum;
  }

 private:
  template <class Action>
  static void each(uint32_t mask, Action action) {
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      if (mask >> lane & 1) action(lane);
    }
  }

  /// Returns the lanes that come out at the end.
  uint32_t run(const Block& program, uint32_t mask) {
    for (const Statement& statement : program) {
      if (mask != 0) mask = run(statement, mask);
    }
    return mask;
  }

  uint32_t run(const Statement& statement, uint32_t mask) {
    switch (statement.kind) {
      case Kind::assign:
        each(mask, [&](uint32_t lane) { assign(statement, values_[lane]); });
        return mask;
      case Kind::meet:
        meet(statement, mask);
        return mask;
      case Kind::branch: {
        uint32_t yes = 0;
        each(mask, [&](uint32_t lane) {
          if (values_[lane][statement.left] % 5 < statement.constant % 6) yes |= 1u << lane;
        });
        const uint32_t first = run(statement.body, yes);
        return first | run(statement.otherwise, mask & ~yes);
      }
      case Kind::loop:
        return loop(statement, mask);
      case Kind::leave_loop:
        *left_ |= mask;
        return 0;
      case Kind::next_iteration:
        *continued_ |= mask;
        return 0;
      case Kind::end_thread:
        live_ &= ~mask;
        return 0;
    }
    return mask;
  }

  uint32_t loop(const Statement& statement, uint32_t mask) {
    uint32_t ends[kLanes] = {}, left = 0, continued = 0, out = 0;
    each(mask, [&](uint32_t lane) { ends[lane] = values_[lane][statement.left] % 4; });
    uint32_t* const outer_left = std::exchange(left_, &left);
    uint32_t* const outer_continued = std::exchange(continued_, &continued);
    for (uint32_t iteration = 0; mask != 0; ++iteration) {
      uint32_t done = 0;
      each(mask, [&](uint32_t lane) {
        if (iteration >= ends[lane]) done |= 1u << lane;
      });
      out |= done;
      mask = run(statement.body, mask & ~done) | continued;
      continued = 0;
    }
    left_ = outer_left;
    continued_ = outer_continued;
    return out | left;
  }

  static void assign(const Statement& statement, std::array<uint32_t, kVariables>& values) {
    const uint32_t a = values[statement.left], b = values[statement.right] + statement.constant;
    const uint32_t results[] = {a + b, a * b, a ^ b, a - b};
    values[statement.target] = results[statement.operation];
  }

  void meet(const Statement& statement, uint32_t mask) {
    uint32_t sum = 0, greatest = 0, ballot = 0, quads[8] = {};
    std::array<uint32_t, kLanes> in{}, results{};
    each(mask, [&](uint32_t lane) {
      in[lane] = values_[lane][statement.left];
      greatest = std::max(greatest, in[lane]);
      quads[lane / 4] += in[lane];
      if (in[lane] % 8 < 3) ballot |= 1u << lane;
    });
    uint32_t first = 0;
    while (!(mask >> first & 1)) ++first;
    each(mask, [&](uint32_t lane) {
      const uint32_t from = values_[lane][statement.right] % 32;
      const uint32_t all[] = {
          0, greatest, sum, in[first], quads[lane / 4], mask >> from & 1 ? in[from] : 0, ballot};
      results[lane] = all[statement.operation];
      sum += in[lane];
    });
    each(mask, [&](uint32_t lane) {
      values_[lane][statement.target] = statement.operation == 0 ? sum : results[lane];
    });
  }

  std::array<std::array<uint32_t, kVariables>, kLanes> values_{};
  uint32_t live_;
  uint32_t *left_ = nullptr, *continued_ = nullptr;
};

void compare(uint32_t seed, int programs) {
  for (int program = 0; program < programs; ++program, ++seed) {
    SCOPED_TRACE("program " + std::to_string(seed));
    const Block block = Generator(seed).block(4, false);
    const std::string text = Writer().write(block);
    auto kernel = compile_text(text, {{"out", "uint"}});
    ASSERT_TRUE(kernel) << text;
    for (const uint64_t order : {0, 1, 2}) {
      std::vector<uint32_t> out(kThreads, 0xdead);
      ASSERT_TRUE(run(*kernel, {kThreads}, {kThreads}, {argument(out)}, order).ok());
      for (uint32_t first = 0; first < kThreads; first += kLanes) {
        const uint32_t count = std::min(kLanes, kThreads - first);
        Interpreter oracle(first, count);
        oracle.run(block);
        for (uint32_t lane = 0; lane < count; ++lane) {
          const uint32_t expected = oracle.ended(lane) ? 0xdead : oracle.result(lane);
          ASSERT_EQ(out[first + lane], expected)
              << "thread " << first + lane << " order " << order << "\n"
              << text;
        }
      }
    }
  }
}

TEST(RandomDivergence, MatchesLockstep) {
  compare(1, 60);
}

// ANYMETAL_RANDOM_PROGRAMS=5000 for a long run; ANYMETAL_RANDOM_SEED starts elsewhere.
TEST(RandomDivergence, MatchesLockstepForLong) {
  const char* programs = std::getenv("ANYMETAL_RANDOM_PROGRAMS");
  if (!programs) GTEST_SKIP() << "set ANYMETAL_RANDOM_PROGRAMS to their number";
  const char* seed = std::getenv("ANYMETAL_RANDOM_SEED");
  compare(seed ? uint32_t(std::atoi(seed)) : 1000, std::atoi(programs));
}

}  // namespace
}  // namespace anymetal::backend::reference

// Simdgroup and quadgroup functions: the 32 lanes of a simdgroup as one vector, which LLVM cuts
// into registers. Lanes that don't take part give what changes nothing (reductions, scans) or 0
// (shuffles), as in the reference executor.
#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/IntrinsicsX86.h>

#include "simt/transform/vectorizer.h"

namespace anymetal::simt {

namespace {

using builtins::Type;

enum class Reduction : uint8_t { none, sum, product, min, max, bit_and, bit_or, bit_xor };

Reduction find_reduction(llvm::StringRef name) {
  if (name.ends_with("_sum")) return Reduction::sum;
  if (name.ends_with("_product")) return Reduction::product;
  if (name.ends_with("_min")) return Reduction::min;
  if (name.ends_with("_max")) return Reduction::max;
  if (name.ends_with("_and")) return Reduction::bit_and;
  if (name.ends_with("_or")) return Reduction::bit_or;
  if (name.ends_with("_xor")) return Reduction::bit_xor;
  return Reduction::none;
}

bool is_signed(std::optional<Type> type) {
  return type == Type::i8 || type == Type::i16 || type == Type::i32 || type == Type::i64;
}

llvm::Value* join(llvm::IRBuilder<>& builder, Reduction reduction, bool is_signed, llvm::Value* a,
                  llvm::Value* b) {
  const bool is_float = a->getType()->isFPOrFPVectorTy();
  switch (reduction) {
    case Reduction::sum:
      return is_float ? builder.CreateFAdd(a, b) : builder.CreateAdd(a, b);
    case Reduction::product:
      return is_float ? builder.CreateFMul(a, b) : builder.CreateMul(a, b);
    case Reduction::min:
      if (is_float) return builder.CreateMinNum(a, b);
      return builder.CreateBinaryIntrinsic(
          is_signed ? llvm::Intrinsic::smin : llvm::Intrinsic::umin, a, b);
    case Reduction::max:
      if (is_float) return builder.CreateMaxNum(a, b);
      return builder.CreateBinaryIntrinsic(
          is_signed ? llvm::Intrinsic::smax : llvm::Intrinsic::umax, a, b);
    case Reduction::bit_and:
      return builder.CreateAnd(a, b);
    case Reduction::bit_or:
      return builder.CreateOr(a, b);
    case Reduction::bit_xor:
      return builder.CreateXor(a, b);
    case Reduction::none:
      break;
  }
  return nullptr;
}

/// What a lane that doesn't take part contributes. For the least and greatest of floats a NaN,
/// which counts only if there is nothing else.
llvm::Constant* identity(Reduction reduction, bool is_signed, llvm::Type* type) {
  const unsigned bits = type->getScalarSizeInBits();
  if (type->isFPOrFPVectorTy()) {
    switch (reduction) {
      case Reduction::sum:
        return llvm::ConstantFP::getNegativeZero(type);
      case Reduction::product:
        return llvm::ConstantFP::get(type, 1.0);
      default:
        return llvm::ConstantFP::getNaN(type);
    }
  }
  switch (reduction) {
    case Reduction::product:
      return llvm::ConstantInt::get(type, 1);
    case Reduction::min:
      return llvm::ConstantInt::get(
          type, is_signed ? llvm::APInt::getSignedMaxValue(bits) : llvm::APInt::getMaxValue(bits));
    case Reduction::max:
      return llvm::ConstantInt::get(
          type, is_signed ? llvm::APInt::getSignedMinValue(bits) : llvm::APInt::getMinValue(bits));
    case Reduction::bit_and:
      return llvm::Constant::getAllOnesValue(type);
    default:
      return llvm::Constant::getNullValue(type);
  }
}

unsigned lane_count(const llvm::Value* whole) {
  return llvm::cast<llvm::FixedVectorType>(whole->getType())->getNumElements();
}

}  // namespace

/// Vectors one behind the other.
llvm::Value* Vectorizer::concatenate(llvm::ArrayRef<llvm::Value*> parts) {
  llvm::SmallVector<llvm::Value*, 8> work(parts);
  while (work.size() > 1) {
    llvm::SmallVector<llvm::Value*, 8> next;
    for (size_t i = 0; i + 1 < work.size(); i += 2) {
      llvm::Value *low = work[i], *high = work[i + 1];
      const unsigned lows = lane_count(low), highs = lane_count(high);
      llvm::SmallVector<int, 64> order;
      if (highs < lows) {  // of an odd number of parts
        for (unsigned lane = 0; lane < lows; ++lane) order.push_back(lane < highs ? int(lane) : -1);
        high = builder_.CreateShuffleVector(high, order);
        order.clear();
      }
      for (unsigned lane = 0; lane < lows + highs; ++lane) order.push_back(int(lane));
      next.push_back(builder_.CreateShuffleVector(low, high, order));
    }
    if (work.size() % 2 != 0) next.push_back(work.back());
    work = std::move(next);
  }
  return work[0];
}

/// The chunks of a simdgroup's vector.
void Vectorizer::split(llvm::Value* whole, Values& parts) {
  for (unsigned start = 0; start < lane_count(whole); start += width_) {
    llvm::SmallVector<int, 16> order;
    for (unsigned lane = 0; lane < width_; ++lane) order.push_back(int(start + lane));
    parts.push_back(builder_.CreateShuffleVector(whole, order));
  }
}

llvm::Value* Vectorizer::simdgroup_mask(unsigned simdgroup) {
  llvm::SmallVector<llvm::Value*, 8> parts;
  for (unsigned chunk = 0; chunk < geometry_.chunks_of_simdgroup(); ++chunk)
    parts.push_back(mask(simdgroup * geometry_.chunks_of_simdgroup() + chunk));
  return concatenate(parts);
}

Values Vectorizer::simdgroup_values(const llvm::Value* value, unsigned simdgroup) {
  Values parts;
  for (unsigned chunk = 0; chunk < geometry_.chunks_of_simdgroup(); ++chunk)
    parts.push_back(vector(value, simdgroup * geometry_.chunks_of_simdgroup() + chunk));
  return parts;
}

/// Element lanes[i] of `whole` in lane i, whatever the lanes are: of their lowest bits, as many as
/// count lanes. `group`: no lane takes an element from beyond its own so many.
llvm::Value* Vectorizer::permute(llvm::Value* whole, llvm::Value* lanes, unsigned group) {
  const unsigned count = lane_count(whole);
  if (auto* constant = llvm::dyn_cast<llvm::Constant>(lanes)) {
    llvm::SmallVector<int, 32> order;
    for (unsigned lane = 0; lane < count; ++lane) {
      auto* at = llvm::dyn_cast_or_null<llvm::ConstantInt>(constant->getAggregateElement(lane));
      order.push_back(at ? int(at->getZExtValue() % count) : -1);
    }
    return builder_.CreateShuffleVector(whole, order);
  }
  llvm::Type* element = whole->getType()->getScalarType();
  const unsigned bits = unsigned(layout_.getTypeSizeInBits(element));
  // As whole numbers as wide as the machine permutes: words, with AVX-512 halves of words too.
  const unsigned wide = std::max(bits, width_ == 16 ? 16U : 32U);
  auto* narrow = llvm::FixedVectorType::get(builder_.getIntNTy(bits), count);
  auto* stored = llvm::FixedVectorType::get(builder_.getIntNTy(wide), count);
  llvm::Value* result = builder_.CreateZExt(builder_.CreateBitCast(whole, narrow), stored);
  llvm::Value* moved = permute_by_registers(result, lanes, group);
  result = builder_.CreateTrunc(moved ? moved : permute_by_memory(result, lanes), narrow);
  return builder_.CreateBitCast(result, whole->getType());
}

/// Null: this takes more instructions than a way through memory. LLVM has no operation for lanes
/// that aren't known, so these are the processor's own.
llvm::Value* Vectorizer::permute_by_registers(llvm::Value* whole, llvm::Value* lanes,
                                              unsigned group) {
  const unsigned bits = whole->getType()->getScalarSizeInBits();
  const unsigned per_register = width_ * 32 / bits;  // elements
  if (width_ < 8 || lane_count(whole) != kSimdgroupSize || (width_ == 8 && bits != 32))
    return nullptr;
  lanes = builder_.CreateZExtOrTrunc(
      lanes, llvm::FixedVectorType::get(builder_.getIntNTy(bits), kSimdgroupSize));
  const auto take = [&](llvm::Value* from, unsigned at) {
    llvm::SmallVector<int, 32> order;
    for (unsigned i = 0; i < per_register; ++i) order.push_back(int(at * per_register + i));
    return builder_.CreateShuffleVector(from, order);
  };
  const auto one = [&](llvm::Value* from, llvm::Value* places) {
    const auto id = width_ == 8  ? llvm::Intrinsic::x86_avx2_permd
                    : bits == 16 ? llvm::Intrinsic::x86_avx512_permvar_hi_512
                    : bits == 32 ? llvm::Intrinsic::x86_avx512_permvar_si_512
                                 : llvm::Intrinsic::x86_avx512_permvar_di_512;
    return builder_.CreateIntrinsic(id, {}, {from, places});
  };
  const auto two = [&](llvm::Value* low, llvm::Value* high, llvm::Value* places) -> llvm::Value* {
    if (width_ == 16) {
      const auto id = bits == 32 ? llvm::Intrinsic::x86_avx512_vpermi2var_d_512
                                 : llvm::Intrinsic::x86_avx512_vpermi2var_q_512;
      return builder_.CreateIntrinsic(id, {}, {low, places, high});
    }
    llvm::Value* is_high = builder_.CreateICmpNE(builder_.CreateAnd(places, per_register),
                                                 llvm::Constant::getNullValue(places->getType()));
    return builder_.CreateSelect(is_high, one(high, places), one(low, places));
  };
  const unsigned registers = kSimdgroupSize / per_register;
  llvm::SmallVector<llvm::Value*, 4> parts, results;
  for (unsigned i = 0; i < registers; ++i) parts.push_back(take(whole, i));
  for (unsigned i = 0; i < registers; ++i) {
    llvm::Value* places = take(lanes, i);
    if (registers == 1 || group <= per_register) {
      results.push_back(one(parts[i], places));
      continue;
    }
    llvm::Value* result = two(parts[0], parts[1], places);
    if (registers == 4) {
      llvm::Value* is_upper =
          builder_.CreateICmpNE(builder_.CreateAnd(places, 2 * per_register),
                                llvm::Constant::getNullValue(places->getType()));
      result = builder_.CreateSelect(is_upper, two(parts[2], parts[3], places), result);
    }
    results.push_back(result);
  }
  return concatenate(results);
}

/// A store, and loads from where the lanes say. Words, since nothing less can be gathered.
llvm::Value* Vectorizer::permute_by_memory(llvm::Value* whole, llvm::Value* lanes) {
  const unsigned count = lane_count(whole);
  llvm::Type* stored = whole->getType()->getScalarType();
  llvm::AllocaInst* memory = make_slot(whole->getType(), "permuted");
  memory->setAlignment(llvm::Align(64));
  builder_.CreateAlignedStore(whole, memory, llvm::Align(64));
  lanes = builder_.CreateAnd(lanes, llvm::ConstantInt::get(lanes->getType(), count - 1));
  llvm::Value* at =
      builder_.CreateZExt(lanes, llvm::FixedVectorType::get(builder_.getInt64Ty(), count));
  return builder_.CreateMaskedGather(whole->getType(), builder_.CreateGEP(stored, memory, at),
                                     llvm::Align(layout_.getTypeStoreSize(stored)));
}

namespace {

/// Builds what one simdgroup computes out of vectors of its 32 lanes.
class SimdgroupBuilder {
 public:
  SimdgroupBuilder(llvm::IRBuilder<>& builder, llvm::Value* mask, bool is_full, unsigned group)
      : builder_(builder), mask_(mask), is_full_(is_full), group_(group) {}

  llvm::Value* reduce(Reduction reduction, bool is_signed, llvm::Value* x) {
    return narrow(x, [&](llvm::Value* wide) {
      wide = fill(wide, identity(reduction, is_signed, wide->getType()));
      for (unsigned half = group_ / 2; half >= 1; half /= 2) {
        wide = join(builder_, reduction, is_signed, wide,
                    shuffle(wide, [half](unsigned lane) { return lane ^ half; }));
      }
      return wide;
    });
  }

  llvm::Value* scan(Reduction reduction, bool inclusive, llvm::Value* x) {
    return narrow(x, [&](llvm::Value* wide) {
      llvm::Constant* nothing = identity(reduction, false, wide->getType());
      wide = fill(wide, nothing);
      const auto shift = [&](llvm::Value* value, unsigned by) {
        llvm::SmallVector<int, 32> order;
        for (unsigned lane = 0; lane < lane_count(value); ++lane) {
          const bool inside = lane % group_ >= by;
          order.push_back(inside ? int(lane - by) : int(lane_count(value) + lane));
        }
        return builder_.CreateShuffleVector(value, nothing, order);
      };
      for (unsigned by = 1; by < group_; by *= 2)
        wide = join(builder_, reduction, false, shift(wide, by), wide);
      if (inclusive) return wide;
      // Begun with 0, not with what sums of nothing are made of.
      llvm::Value* before = shift(wide, 1);
      if (wide->getType()->isFPOrFPVectorTy() && reduction == Reduction::sum) {
        before = builder_.CreateFAdd(before, llvm::Constant::getNullValue(wide->getType()));
      }
      return before;
    });
  }

  llvm::Value* fill(llvm::Value* x, llvm::Value* with) {
    return is_full_ ? x : builder_.CreateSelect(mask_, x, with);
  }

  template <class Order>
  llvm::Value* shuffle(llvm::Value* x, Order order) {
    llvm::SmallVector<int, 32> lanes;
    for (unsigned lane = 0; lane < lane_count(x); ++lane) lanes.push_back(int(order(lane)));
    return builder_.CreateShuffleVector(x, lanes);
  }

 private:
  /// Half and bfloat are computed in float and rounded once.
  template <class Compute>
  llvm::Value* narrow(llvm::Value* x, Compute compute) {
    llvm::Type* element = x->getType()->getScalarType();
    if (!element->isHalfTy() && !element->isBFloatTy()) return compute(x);
    llvm::Type* wide = llvm::FixedVectorType::get(builder_.getFloatTy(), lane_count(x));
    return builder_.CreateFPTrunc(compute(builder_.CreateFPExt(x, wide)), x->getType());
  }

  llvm::IRBuilder<>& builder_;
  llvm::Value* mask_;
  bool is_full_;
  unsigned group_;
};

}  // namespace

void Vectorizer::emit_simdgroup(llvm::CallInst& call, const builtins::Reference& reference) {
  const bool is_quad = reference.builtin->group == builtins::Group::quadgroup;
  llvm::StringRef name(reference.builtin->name.data(), reference.builtin->name.size());
  const unsigned simdgroups = geometry_.together;
  const unsigned group = is_quad ? 4 : kSimdgroupSize;
  name.consume_front(is_quad ? "quad_" : "simd_");
  const std::string full_name = (llvm::Twine("_") + name).str();
  const bool type_signed = is_signed(reference.type);
  auto* index_type = llvm::FixedVectorType::get(builder_.getInt32Ty(), kSimdgroupSize);
  llvm::SmallVector<llvm::Constant*, 32> numbers;
  for (unsigned lane = 0; lane < kSimdgroupSize; ++lane) numbers.push_back(builder_.getInt32(lane));
  llvm::Constant* lane_numbers = llvm::ConstantVector::get(numbers);
  const auto all_of = [&](uint32_t value) { return llvm::ConstantInt::get(index_type, value); };

  Values results;
  const Shape shape = shapes_.of(&call);
  for (unsigned simdgroup = 0; simdgroup < simdgroups; ++simdgroup) {
    const bool is_full = !has_mask();
    llvm::Value* lanes = is_full ? nullptr : simdgroup_mask(simdgroup);
    SimdgroupBuilder build(builder_, lanes, is_full, group);
    const auto operand = [&](unsigned i) {
      return concatenate(simdgroup_values(call.getArgOperand(i), simdgroup));
    };
    const auto index_operand = [&](unsigned i) {
      return builder_.CreateZExt(operand(i), index_type);
    };
    const auto bits_of = [&](llvm::Value* flags) {
      return builder_.CreateBitCast(flags, builder_.getInt32Ty());
    };
    const auto active_bits = [&]() -> llvm::Value* {
      return is_full ? builder_.getInt32(~0u) : bits_of(lanes);
    };
    // One value for all lanes of the simdgroup.
    const auto give_scalar = [&](llvm::Value* value) {
      if (shape.is_varying()) {
        for (unsigned chunk = 0; chunk < geometry_.chunks_of_simdgroup(); ++chunk)
          results.push_back(splat(value));
      } else if (shape.is_uniform()) {
        results.push_back(value);
      } else {
        results.append(geometry_.chunks_of_simdgroup(), value);
      }
    };
    const auto give = [&](llvm::Value* whole) {
      if (shape.is_varying())
        split(whole, results);
      else
        give_scalar(builder_.CreateExtractElement(whole, uint64_t{0}));
    };
    /// The bits of each quadgroup, in its own lanes; or those of the simdgroup.
    const auto quad_bits = [&](llvm::Value* bits) {
      llvm::Value* all = builder_.CreateVectorSplat(kSimdgroupSize, bits);
      llvm::Value* shift = builder_.CreateAnd(lane_numbers, all_of(28));
      return builder_.CreateAnd(builder_.CreateLShr(all, shift), all_of(15));
    };
    const auto first_of = [&]() -> llvm::Value* {  // lane numbers of the first active ones
      if (!is_quad) {
        llvm::Value* first = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::cttz, active_bits(),
                                                            builder_.getFalse());
        return builder_.CreateVectorSplat(kSimdgroupSize,
                                          builder_.CreateAnd(first, builder_.getInt32(31)));
      }
      llvm::Value* bits = quad_bits(active_bits());
      llvm::Value* first =
          builder_.CreateBinaryIntrinsic(llvm::Intrinsic::cttz, bits, builder_.getFalse());
      return builder_.CreateAdd(builder_.CreateAnd(lane_numbers, all_of(28)),
                                builder_.CreateAnd(first, all_of(3)));
    };

    if (name.starts_with("prefix_")) {
      give(build.scan(find_reduction(full_name), name.starts_with("prefix_inclusive"), operand(0)));
    } else if (const Reduction reduction = find_reduction(full_name);
               reduction != Reduction::none && !name.starts_with("shuffle")) {
      // A sum in any order is one of all elements that lanes add before.
      const llvm::IRBuilder<>::FastMathFlagGuard guard(builder_);
      if (reduction == Reduction::sum && llvm::isa<llvm::FPMathOperator>(call))
        builder_.setFastMathFlags(call.getFastMathFlags());
      give(build.reduce(reduction, type_signed, operand(0)));
    } else if (name == "ballot" || name == "active_threads_mask") {
      llvm::Value* bits = active_bits();
      if (name == "ballot") bits = builder_.CreateAnd(bits, bits_of(operand(0)));
      if (is_quad)
        give(builder_.CreateZExt(
            quad_bits(bits), llvm::FixedVectorType::get(builder_.getInt64Ty(), kSimdgroupSize)));
      else
        give_scalar(builder_.CreateZExt(bits, builder_.getInt64Ty()));
    } else if (name == "all" || name == "any") {
      llvm::Value* bits = builder_.CreateAnd(bits_of(operand(0)), active_bits());
      llvm::Value* wanted = active_bits();
      if (is_quad) {
        bits = quad_bits(bits);
        wanted = quad_bits(wanted);
      }
      llvm::Value* zero = llvm::Constant::getNullValue(bits->getType());
      llvm::Value* result =
          name == "all" ? builder_.CreateICmpEQ(bits, wanted) : builder_.CreateICmpNE(bits, zero);
      if (is_quad)
        give(result);
      else
        give_scalar(result);
    } else if (name == "is_first") {
      give(builder_.CreateICmpEQ(first_of(), lane_numbers));
    } else if (name == "broadcast" || name == "broadcast_first") {
      // The lane is the same in all active ones; the first of them knows it.
      llvm::Value* x = operand(0);
      x = build.fill(x, llvm::Constant::getNullValue(x->getType()));
      llvm::Value* from = nullptr;
      if (name == "broadcast_first") {
        from = first_of();
      } else if (is_quad) {
        from = builder_.CreateAdd(builder_.CreateAnd(lane_numbers, all_of(28)),
                                  builder_.CreateAnd(index_operand(1), all_of(3)));
      } else {
        from = index_operand(1);
        llvm::Value* first = builder_.CreateExtractElement(first_of(), uint64_t{0});
        from = llvm::isa<llvm::Constant>(from)
                   ? from
                   : builder_.CreateVectorSplat(kSimdgroupSize,
                                                builder_.CreateExtractElement(from, first));
      }
      if (is_quad) {
        give(permute(x, from, group));
      } else if (width_ >= 8 && !llvm::isa<llvm::Constant>(from) &&
                 x->getType()->getScalarSizeInBits() <= 32) {
        give_scalar(builder_.CreateExtractElement(permute(x, from), uint64_t{0}));
      } else {
        llvm::Value* lane = builder_.CreateAnd(builder_.CreateExtractElement(from, uint64_t{0}),
                                               builder_.getInt32(31));
        give_scalar(builder_.CreateExtractElement(x, lane));
      }
    } else if (name.starts_with("shuffle")) {
      llvm::Value* x = operand(0);
      x = build.fill(x, llvm::Constant::getNullValue(x->getType()));
      llvm::Value* base = builder_.CreateAnd(lane_numbers, all_of(~(group - 1) & 31));
      llvm::Value* own = builder_.CreateAnd(lane_numbers, all_of(group - 1));
      const auto at = [&](llvm::Value* lane) {
        if (!is_quad) return lane;  // permute takes their lowest bits
        return builder_.CreateAdd(base, builder_.CreateAnd(lane, all_of(group - 1)));
      };
      const auto permute = [&](llvm::Value* whole, llvm::Value* places) {
        return this->permute(whole, places, group);
      };
      if (name == "shuffle") {
        give(permute(x, at(index_operand(1))));
      } else if (name == "shuffle_xor") {
        give(permute(x, at(builder_.CreateXor(own, index_operand(1)))));
      } else if (name == "shuffle_rotate_up") {
        give(permute(x, at(builder_.CreateSub(own, index_operand(1)))));
      } else if (name == "shuffle_rotate_down") {
        give(permute(x, at(builder_.CreateAdd(own, index_operand(1)))));
      } else if (name == "shuffle_up" || name == "shuffle_down") {
        llvm::Value* delta = index_operand(1);
        const bool up = name == "shuffle_up";
        llvm::Value* from = up ? builder_.CreateSub(own, delta) : builder_.CreateAdd(own, delta);
        llvm::Value* inside = builder_.CreateICmpULT(from, all_of(group));
        give(permute(x, at(builder_.CreateSelect(inside, from, own))));
      } else {
        const bool up = name == "shuffle_and_fill_up";
        llvm::Value* fill_value = operand(1);
        fill_value = build.fill(fill_value, llvm::Constant::getNullValue(fill_value->getType()));
        llvm::Value* delta = index_operand(2);
        llvm::Value* modulo = index_operand(3);
        // A modulo of 0 or beyond the group means all of it.
        llvm::Value* odd = builder_.CreateOr(builder_.CreateICmpEQ(modulo, all_of(0)),
                                             builder_.CreateICmpUGT(modulo, all_of(group)));
        modulo = builder_.CreateSelect(odd, all_of(group), modulo);
        llvm::Value* part = builder_.CreateURem(own, modulo);
        llvm::Value* start = builder_.CreateSub(own, part);
        llvm::Value* from = up ? builder_.CreateSub(part, delta) : builder_.CreateAdd(part, delta);
        llvm::Value* inside = builder_.CreateICmpULT(from, modulo);
        llvm::Value* wrapped =
            up ? builder_.CreateAdd(from, modulo) : builder_.CreateSub(from, modulo);
        llvm::Value* here = permute(x, at(builder_.CreateAdd(start, from)));
        llvm::Value* there = permute(fill_value, at(builder_.CreateAdd(start, wrapped)));
        give(builder_.CreateSelect(inside, here, there));
      }
    } else {
      return fail(call, "'" + call.getCalledFunction()->getName().str() + "'");
    }
  }
  define(call, std::move(results));
}

}  // namespace anymetal::simt

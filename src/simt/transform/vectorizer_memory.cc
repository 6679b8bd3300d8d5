// Loads and stores of all lanes: one scalar access where lanes share an address, one
// vector where they lie side by side, a wide vector and a permutation where they are a few elements
// apart, and gathers and scatters only for the rest.
#include <llvm/IR/Intrinsics.h>

#include <bit>

#include "ir/thread_ir.h"
#include "simt/analysis/guards.h"
#include "simt/transform/vectorizer.h"

namespace anymetal::simt {

namespace {

constexpr unsigned kMaxInterleave = 8;

/// Elements between neighbours, 2 to 8, or 0.
unsigned find_interleave(const Shape& shape, uint64_t bytes) {
  if (shape.kind() != Shape::Kind::pattern) return 0;
  for (unsigned factor = 2; factor <= kMaxInterleave; ++factor) {
    if (shape.has_stride(int64_t(factor * bytes))) return factor;
  }
  return 0;
}

/// Lanes in a row that lie side by side, the same number everywhere: 8x8 threads over 16 lanes
/// have two rows of 8. 0: fewer than 4.
unsigned find_run(const Shape& shape, uint64_t bytes, unsigned chunk) {
  if (shape.kind() != Shape::Kind::pattern) return 0;
  for (unsigned run = chunk / 2; run >= 4; run /= 2) {
    bool fits = true;
    for (unsigned lane = 0; lane < chunk; ++lane) {
      const unsigned start = lane / run * run;
      fits &= shape.offset(lane) == shape.offset(start) + int64_t((lane - start) * bytes);
    }
    if (fits) return run;
  }
  return 0;
}

/// Elements from the lowest lane's to the highest lane's, where lanes read the same few of them, as
/// with an index divided by a constant; 0: more than two registers hold, or no whole elements.
unsigned find_window(const Shape& shape, uint64_t bytes, unsigned chunk) {
  if (shape.kind() != Shape::Kind::pattern) return 0;
  int64_t low = 0, high = 0;
  const int64_t most = int64_t(2 * chunk * bytes);
  for (unsigned lane = 0; lane < chunk; ++lane) {
    if (shape.offset(lane) % int64_t(bytes) != 0) return 0;
    if (shape.offset(lane) < -most || shape.offset(lane) > most) return 0;
    low = std::min(low, shape.offset(lane));
    high = std::max(high, shape.offset(lane));
  }
  const int64_t count = (high - low) / int64_t(bytes) + 1;
  return count <= int64_t{2} * chunk ? unsigned(count) : 0;
}

bool is_constant_ones(const llvm::Value* mask) {
  const auto* constant = llvm::dyn_cast<llvm::Constant>(mask);
  return constant && constant->isAllOnesValue();
}

}  // namespace

/// Where an access that no lane wants goes.
llvm::Value* Vectorizer::safe_pointer(llvm::Value* pointer, llvm::Value* any, bool writes) {
  const auto* constant = llvm::dyn_cast<llvm::ConstantInt>(any);
  if (constant && constant->isOne()) return pointer;
  llvm::Value* nowhere = writes ? static_cast<llvm::Value*>(nowhere_) : zeros_;
  if (nowhere->getType() != pointer->getType())
    nowhere = builder_.CreateAddrSpaceCast(nowhere, pointer->getType());
  return builder_.CreateSelect(any, pointer, nowhere);
}

llvm::Value* Vectorizer::access_mask(const llvm::Value* inside, unsigned chunk) {
  return inside ? and_mask(mask(chunk), vector(inside, chunk)) : mask(chunk);
}

llvm::Value* Vectorizer::access_any(const llvm::Value* inside, unsigned chunk) {
  llvm::Value* any = has_mask() ? any_lane(mask(chunk)) : builder_.getTrue();
  if (!inside) return any;
  if (!shapes_.of(inside).is_flat()) return any_lane(access_mask(inside, chunk));
  return has_mask() ? builder_.CreateAnd(any, scalar(inside, chunk)) : scalar(inside, chunk);
}

/// Of an access that all chunks share.
llvm::Value* Vectorizer::access_any(const llvm::Value* inside) {
  llvm::Value* any = maybe_empty_ ? any_lane(mask_) : builder_.getTrue();
  if (!inside) return any;
  llvm::Value* holds = scalar(inside, 0);
  return maybe_empty_ ? builder_.CreateAnd(any, holds) : holds;
}

/// offset < limit, for each lane. Offsets that form a pattern are compared as 32-bit numbers: what
/// is left of the buffer behind lane 0, cut off where no lane's difference reaches.
void Vectorizer::emit_inside(llvm::CallInst& call) {
  const llvm::Value* offset = call.getArgOperand(0);
  const llvm::Value* limit = call.getArgOperand(1);
  const Shape shape = shapes_.of(offset);
  Values values;
  if (shapes_.of(&call).has_base()) {
    const unsigned count = scalar_count(shapes_.of(&call));
    for (unsigned chunk = 0; chunk < count; ++chunk)
      values.push_back(builder_.CreateICmpULT(scalar(offset, chunk), scalar(limit, chunk)));
    return define(call, std::move(values));
  }
  auto* word = builder_.getInt64Ty();
  auto* half = builder_.getInt32Ty();
  const auto cut = [&](llvm::Value* value) {
    value = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, value,
                                           llvm::ConstantInt::get(word, INT32_MAX));
    value = builder_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, value,
                                           llvm::ConstantInt::get(word, -int64_t{INT32_MAX}, true));
    return splat(builder_.CreateTrunc(value, half));
  };
  bool small = shape.kind() == Shape::Kind::pattern && shapes_.of(limit).is_flat();
  for (unsigned lane = 0; small && lane < width_; ++lane)
    small = std::abs(shape.offset(lane)) < INT32_MAX / 2;
  for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
    if (!small) {
      values.push_back(builder_.CreateICmpULT(vector(offset, chunk), vector(limit, chunk)));
      continue;
    }
    // 0 <= first + o and first + o < limit; no sum of these wraps but in buffers of 2^63 bytes.
    llvm::Value* first = scalar(offset, chunk);
    llvm::Value* differences = iota(half, shape);
    llvm::Value* above = builder_.CreateICmpSGE(differences, cut(builder_.CreateNeg(first)));
    llvm::Value* below =
        builder_.CreateICmpSLT(differences, cut(builder_.CreateSub(scalar(limit, chunk), first)));
    values.push_back(builder_.CreateAnd(above, below));
  }
  define(call, std::move(values));
}

llvm::Value* Vectorizer::element_pointer(const llvm::Value* pointer, unsigned chunk,
                                         uint64_t bytes) {
  llvm::Value* base = scalar(pointer, chunk);
  return bytes == 0 ? base : builder_.CreateConstGEP1_64(builder_.getInt8Ty(), base, bytes);
}

/// Of addresses in threadgroup memory, which is small: one base, and bytes from there as words.
/// Half of what addresses take, and what gathers like best. Null base: they are something else.
Vectorizer::NarrowPointers Vectorizer::narrow_pointers(const llvm::Value* pointer, unsigned chunk) {
  if (pointer->getType()->getPointerAddressSpace() != kThreadgroupSpace) return {};
  llvm::MapVector<llvm::Value*, llvm::APInt> variables;
  llvm::APInt constant(64, 0);
  while (const auto* address = llvm::dyn_cast<llvm::GEPOperator>(pointer)) {
    if (!llvm::isa<llvm::Instruction>(address)) break;
    // Another one may be farther from the variable than 32 bits tell: from the variable it is then.
    if (shapes_.of(address).is_flat() && address->hasAllConstantIndices()) break;
    if (!address->collectOffset(layout_, 64, variables, constant)) return {};
    pointer = address->getPointerOperand();
  }
  if (!shapes_.of(pointer).is_flat()) return {};
  llvm::Type* word = lane_type(builder_.getInt32Ty());
  const auto all_of = [&](const llvm::APInt& value) {
    return llvm::ConstantInt::get(word, value.trunc(32));
  };
  llvm::Value* offset = all_of(constant);
  for (const auto& [index, size] : variables) {
    const llvm::Value* part = index;
    // Of numbers modulo 2^32, extensions change nothing.
    const auto* cast = llvm::dyn_cast<llvm::CastInst>(index);
    const bool is_extended = cast && llvm::isa<llvm::ZExtInst, llvm::SExtInst>(cast) &&
                             cast->getOperand(0)->getType()->isIntegerTy(32);
    if (is_extended) part = cast->getOperand(0);
    offset = builder_.CreateAdd(
        offset,
        builder_.CreateMul(builder_.CreateSExtOrTrunc(vector(part, chunk), word), all_of(size)));
  }
  return {scalar(pointer, chunk), offset};
}

llvm::Value* Vectorizer::element_pointers(const llvm::Value* pointer, unsigned chunk,
                                          uint64_t bytes) {
  const NarrowPointers narrow = narrow_pointers(pointer, chunk);
  if (narrow.base) {
    llvm::Value* offsets = builder_.CreateAdd(
        narrow.offsets, llvm::ConstantInt::get(narrow.offsets->getType(), bytes));
    return builder_.CreateGEP(builder_.getInt8Ty(), narrow.base,
                              builder_.CreateSExt(offsets, lane_type(builder_.getInt64Ty())));
  }
  llvm::Value* base = vector(pointer, chunk);
  return bytes == 0 ? base
                    : builder_.CreateGEP(builder_.getInt8Ty(), base, builder_.getInt64(bytes));
}

void Vectorizer::emit_load(llvm::LoadInst& load) {
  if (accesses_.is_absorbed(&load)) return;
  const Shape shape = shapes_.of(&load);
  const auto [pointer, inside] = strip_guard(load.getPointerOperand());
  llvm::MDNode* invariant =
      load.getPointerAddressSpace() == kConstantSpace ? llvm::MDNode::get(context_, {}) : nullptr;
  const auto note = [&](llvm::LoadInst* made) {
    if (invariant) made->setMetadata(llvm::LLVMContext::MD_invariant_load, invariant);
    return made;
  };
  Values values;
  if (shape.is_uniform()) {
    llvm::Value* from = safe_pointer(scalar(pointer, 0), access_any(inside), false);
    values.push_back(
        note(builder_.CreateAlignedLoad(load.getType(), from, load.getAlign(), load.isVolatile())));
  } else if (shape.has_base()) {
    for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
      llvm::Value* from = scalar(pointer, chunk);
      from = safe_pointer(from, access_any(inside, chunk), false);
      values.push_back(note(
          builder_.CreateAlignedLoad(load.getType(), from, load.getAlign(), load.isVolatile())));
    }
  } else {
    for (unsigned chunk = 0; chunk < chunks_; ++chunk) values.append(load_components(load, chunk));
  }
  define(load, std::move(values));
}

Values Vectorizer::load_components(llvm::LoadInst& load, unsigned chunk) {
  const auto [pointer, inside] = strip_guard(load.getPointerOperand());
  const Shape shape = shapes_.of(pointer);
  llvm::Type* element = load.getType()->getScalarType();
  const unsigned components = component_count(load.getType());
  const uint64_t bytes = layout_.getTypeStoreSize(element);
  const uint64_t scale = shapes_.scale(pointer);
  const auto align = std::min(load.getAlign(), llvm::commonAlignment(load.getAlign(), bytes));
  if (load.getType()->isStructTy() || load.getType()->isArrayTy() ||
      layout_.getTypeSizeInBits(element) != bytes * 8) {
    fail(load, "loads of this type");
    return {};
  }
  llvm::Value* lanes = access_mask(inside, chunk);
  const bool whole = is_constant_ones(lanes);
  const auto masked_load = [&](llvm::Type* type, llvm::Value* from, llvm::Value* wanted) {
    if (is_constant_ones(wanted))
      return static_cast<llvm::Value*>(builder_.CreateAlignedLoad(type, from, align));
    return static_cast<llvm::Value*>(
        builder_.CreateMaskedLoad(type, from, align, wanted, llvm::Constant::getNullValue(type)));
  };
  Values values;
  // Elements of a lane every `factor` elements: all of them in one wide vector.
  const unsigned factor =
      components > 1 || !shape.has_stride(int64_t(bytes)) ? find_interleave(shape, bytes) : 0;
  if (scale == 1 && factor >= components && factor != 0 && whole && std::has_single_bit(factor))
    return load_interleaved(element, scalar(pointer, chunk), align, factor, components);
  if (scale == 1 && factor >= components && factor != 0) {
    llvm::SmallVector<int, 64> spread;
    llvm::SmallVector<llvm::Constant*, 64> used;
    for (unsigned lane = 0; lane < width_; ++lane) {
      for (unsigned part = 0; part < factor; ++part) {
        spread.push_back(int(lane));
        used.push_back(builder_.getInt1(part < components));
      }
    }
    llvm::Value* wanted = llvm::ConstantVector::get(used);
    if (!whole) wanted = builder_.CreateAnd(builder_.CreateShuffleVector(lanes, spread), wanted);
    llvm::Value* wide = masked_load(llvm::FixedVectorType::get(element, width_ * factor),
                                    scalar(pointer, chunk), wanted);
    for (unsigned component = 0; component < components; ++component) {
      llvm::SmallVector<int, 16> picked;
      for (unsigned lane = 0; lane < width_; ++lane)
        picked.push_back(int(lane * factor + component));
      values.push_back(builder_.CreateShuffleVector(wide, picked));
    }
    return values;
  }
  const unsigned run = components == 1 ? find_run(shape, bytes, width_) : 0;
  for (unsigned component = 0; component < components; ++component) {
    const uint64_t at = component * bytes * scale;
    if (shape.has_stride(int64_t(bytes))) {
      values.push_back(masked_load(lane_type(element), element_pointer(pointer, chunk, at), lanes));
    } else if (run != 0) {
      llvm::SmallVector<llvm::Value*, 4> parts;
      for (unsigned start = 0; start < width_; start += run) {
        llvm::SmallVector<int, 16> picked;
        for (unsigned lane = 0; lane < run; ++lane) picked.push_back(int(start + lane));
        llvm::Value* from = builder_.CreateGEP(builder_.getInt8Ty(), scalar(pointer, chunk),
                                               builder_.getInt64(uint64_t(shape.offset(start))));
        parts.push_back(masked_load(llvm::FixedVectorType::get(element, run), from,
                                    whole
                                        ? llvm::Constant::getAllOnesValue(
                                              llvm::FixedVectorType::get(builder_.getInt1Ty(), run))
                                        : builder_.CreateShuffleVector(lanes, picked)));
      }
      values.push_back(concatenate(parts));
    } else if (const unsigned window = scale == 1 ? find_window(shape, bytes, width_) : 0;
               window != 0) {
      values.push_back(load_window(load, chunk, at, window, lanes));
    } else {
      if (chunk == 0 && component == 0) remark(load, "reads of lanes are gathered");
      values.push_back(gather(element, element_pointers(pointer, chunk, at), align, lanes));
    }
  }
  return values;
}

/// Lanes that read the same few elements: these once, and a permutation; what lies between them
/// isn't touched. Where lanes are missing, a gather.
llvm::Value* Vectorizer::load_window(llvm::LoadInst& load, unsigned chunk, uint64_t at,
                                     unsigned window, llvm::Value* lanes) {
  const auto* pointer = strip_guard(load.getPointerOperand()).pointer;
  const Shape shape = shapes_.of(pointer);
  llvm::Type* element = load.getType()->getScalarType();
  const uint64_t bytes = layout_.getTypeStoreSize(element);
  const auto align = std::min(load.getAlign(), llvm::commonAlignment(load.getAlign(), bytes));
  int64_t low = 0;
  for (unsigned lane = 0; lane < width_; ++lane) low = std::min(low, shape.offset(lane));
  llvm::Value* ways[2];
  llvm::BasicBlock* from[2] = {nullptr, nullptr};
  with_lanes(
      lanes,
      [&] {
        const auto count = unsigned(llvm::PowerOf2Ceil(window));
        llvm::SmallVector<int, 16> order;
        llvm::SmallVector<bool, 32> used(count);
        for (unsigned lane = 0; lane < width_; ++lane) {
          order.push_back(int((shape.offset(lane) - low) / int64_t(bytes)));
          used[unsigned(order.back())] = true;
        }
        llvm::SmallVector<llvm::Constant*, 32> wanted;
        for (const bool one : used) wanted.push_back(builder_.getInt1(one));
        llvm::Value* start =
            builder_.CreateGEP(builder_.getInt8Ty(), element_pointer(pointer, chunk, at),
                               builder_.getInt64(uint64_t(low)));
        auto* type = llvm::FixedVectorType::get(element, count);
        const bool whole = window == count && llvm::all_of(used, [](bool one) { return one; });
        llvm::Value* read =
            whole ? static_cast<llvm::Value*>(builder_.CreateAlignedLoad(type, start, align))
                  : builder_.CreateMaskedLoad(type, start, align, llvm::ConstantVector::get(wanted),
                                              llvm::Constant::getNullValue(type));
        ways[0] = builder_.CreateShuffleVector(read, order);
        from[0] = builder_.GetInsertBlock();
      },
      [&] {
        ways[1] = gather(element, element_pointers(pointer, chunk, at), align, lanes);
        from[1] = builder_.GetInsertBlock();
      });
  if (!from[1]) return ways[0];
  llvm::PHINode* either = builder_.CreatePHI(ways[0]->getType(), 2);
  for (unsigned way = 0; way < 2; ++way) either->addIncoming(ways[way], from[way]);
  return either;
}

/// Processors gather words alone; of 8 and 16 bits LLVM would make a branch for each lane. So words
/// are gathered that begin at most two bytes before the element and are never the first to touch a
/// page: nothing is aligned for sure, but an element that crosses the end of an aligned word lies
/// on both pages itself.
llvm::Value* Vectorizer::gather(llvm::Type* element, llvm::Value* pointers, llvm::Align align,
                                llvm::Value* lanes) {
  const uint64_t bytes = layout_.getTypeStoreSize(element);
  if (bytes >= 4) {
    return builder_.CreateMaskedGather(lane_type(element), pointers, align, lanes,
                                       llvm::Constant::getNullValue(lane_type(element)));
  }
  llvm::Type* word = lane_type(builder_.getInt32Ty());
  const auto all_of = [&](uint64_t value) { return llvm::ConstantInt::get(word, value); };
  llvm::Value* at = builder_.CreateTrunc(
      builder_.CreatePtrToInt(pointers, lane_type(builder_.getInt64Ty())), word);
  llvm::Value* back = builder_.CreateAnd(at, all_of(3));
  // Of two bytes behind an odd address the word begins one byte before: 0, 1, 2, 1.
  if (bytes == 2) {
    llvm::Value* odd = builder_.CreateShl(builder_.CreateAnd(at, all_of(1)), 1);
    back = builder_.CreateAnd(back, builder_.CreateNot(odd));
  }
  llvm::Value* distance =
      builder_.CreateNeg(builder_.CreateZExt(back, lane_type(builder_.getInt64Ty())));
  llvm::Value* wide = builder_.CreateMaskedGather(
      word, builder_.CreateGEP(builder_.getInt8Ty(), pointers, distance), llvm::Align(1), lanes,
      llvm::Constant::getNullValue(word));
  wide = builder_.CreateLShr(wide, builder_.CreateShl(back, 3));
  llvm::Type* narrow = lane_type(builder_.getIntNTy(unsigned(bytes * 8)));
  return builder_.CreateBitCast(builder_.CreateTrunc(wide, narrow), lane_type(element));
}

/// Where the processor has no such instruction, lane by lane, without a branch for each: lanes that
/// don't take part write nowhere.
void Vectorizer::scatter(llvm::Value* values, llvm::Value* pointers, llvm::Align align,
                         llvm::Value* lanes) {
  constexpr unsigned kLanesOfWidestRegister = 16;
  if (width_ == kLanesOfWidestRegister &&
      layout_.getTypeStoreSize(values->getType()) >= 4 * width_) {
    builder_.CreateMaskedScatter(values, pointers, align, lanes);
    return;
  }
  if (!is_constant_ones(lanes)) {
    llvm::Value* nowhere =
        safe_pointer(llvm::PoisonValue::get(pointers->getType()->getScalarType()),
                     builder_.getFalse(), /*writes=*/true);
    pointers = builder_.CreateSelect(lanes, pointers, splat(nowhere));
  }
  for (unsigned lane = 0; lane < width_; ++lane) {
    builder_.CreateAlignedStore(builder_.CreateExtractElement(values, lane),
                                builder_.CreateExtractElement(pointers, lane), align);
  }
}

void Vectorizer::emit_store(llvm::StoreInst& store) {
  if (accesses_.is_first_store(&store)) return;
  if (accesses_.stored(&store)) return emit_matrix_store(store);
  if (accesses_.copied(&store)) return emit_copy(store);
  const auto [pointer, inside] = strip_guard(store.getPointerOperand());
  const llvm::Value* value = store.getValueOperand();
  const Shape place = shapes_.of(pointer), what = shapes_.of(value);
  if (place.is_uniform() && what.is_uniform()) {
    llvm::Value* to = scalar(pointer, 0);
    to = safe_pointer(to, access_any(inside), true);
    builder_.CreateAlignedStore(scalar(value, 0), to, store.getAlign(), store.isVolatile());
    return;
  }
  if (!place.is_flat()) {
    for (unsigned chunk = 0; chunk < chunks_; ++chunk) store_components(store, chunk);
    return;
  }
  // All lanes to one place: the last one's value stays.
  for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
    llvm::Value* to = scalar(pointer, chunk);
    to = safe_pointer(to, access_any(inside, chunk), true);
    llvm::Value* last = nullptr;
    if (what.is_flat()) {
      last = scalar(value, chunk);
    } else {
      llvm::Value* lane = builder_.getInt32(width_ - 1);
      if (has_mask()) {
        llvm::Value* bits = builder_.CreateZExt(mask_bits(mask(chunk)), builder_.getInt32Ty());
        llvm::Value* zeros =
            builder_.CreateBinaryIntrinsic(llvm::Intrinsic::ctlz, bits, builder_.getFalse());
        lane = builder_.CreateAnd(builder_.CreateSub(builder_.getInt32(31), zeros),
                                  builder_.getInt32(width_ - 1));
      }
      llvm::Type* type = value->getType();
      if (component_count(type) == 1 && !type->isVectorTy()) {
        last = builder_.CreateExtractElement(vector(value, chunk), lane);
      } else {
        last = llvm::PoisonValue::get(type);
        for (unsigned component = 0; component < component_count(type); ++component) {
          last = builder_.CreateInsertElement(
              last, builder_.CreateExtractElement(vector(value, chunk, component), lane),
              component);
        }
      }
    }
    builder_.CreateAlignedStore(last, to, store.getAlign(), store.isVolatile());
  }
}

void Vectorizer::store_components(llvm::StoreInst& store, unsigned chunk) {
  const auto [pointer, inside] = strip_guard(store.getPointerOperand());
  const llvm::Value* value = store.getValueOperand();
  const Shape shape = shapes_.of(pointer);
  llvm::Type* element = value->getType()->getScalarType();
  const unsigned components = component_count(value->getType());
  const uint64_t bytes = layout_.getTypeStoreSize(element);
  const uint64_t scale = shapes_.scale(pointer);
  const auto align = std::min(store.getAlign(), llvm::commonAlignment(store.getAlign(), bytes));
  if (value->getType()->isStructTy() || value->getType()->isArrayTy() ||
      layout_.getTypeSizeInBits(element) != bytes * 8)
    return fail(store, "stores of this type");
  llvm::Value* lanes = access_mask(inside, chunk);
  const auto masked_store = [&](llvm::Value* what, llvm::Value* to, llvm::Value* wanted) {
    if (is_constant_ones(wanted))
      builder_.CreateAlignedStore(what, to, align);
    else
      builder_.CreateMaskedStore(what, to, align, wanted);
  };
  const unsigned factor =
      components > 1 || !shape.has_stride(int64_t(bytes)) ? find_interleave(shape, bytes) : 0;
  if (scale == 1 && factor == components && std::has_single_bit(factor) &&
      is_constant_ones(lanes)) {
    llvm::SmallVector<llvm::Value*, 8> parts;
    for (unsigned part = 0; part < factor; ++part) parts.push_back(vector(value, chunk, part));
    return store_interleaved(parts, scalar(pointer, chunk), align);
  }
  if (scale == 1 && factor >= components && factor != 0) {
    llvm::SmallVector<llvm::Value*, 4> parts;
    for (unsigned part = 0; part < factor; ++part) {
      parts.push_back(part < components ? vector(value, chunk, part)
                                        : llvm::PoisonValue::get(lane_type(element)));
    }
    llvm::SmallVector<int, 64> order, spread;
    llvm::SmallVector<llvm::Constant*, 64> used;
    for (unsigned lane = 0; lane < width_; ++lane) {
      for (unsigned part = 0; part < factor; ++part) {
        order.push_back(int(part * width_ + lane));
        spread.push_back(int(lane));
        used.push_back(builder_.getInt1(part < components));
      }
    }
    llvm::Value* wanted = llvm::ConstantVector::get(used);
    if (!is_constant_ones(lanes))
      wanted = builder_.CreateAnd(builder_.CreateShuffleVector(lanes, spread), wanted);
    llvm::Value* wide = builder_.CreateShuffleVector(concatenate(parts), order);
    return masked_store(wide, scalar(pointer, chunk), wanted);
  }
  const unsigned run = components == 1 ? find_run(shape, bytes, width_) : 0;
  for (unsigned component = 0; component < components; ++component) {
    const uint64_t at = component * bytes * scale;
    llvm::Value* what = vector(value, chunk, component);
    if (shape.has_stride(int64_t(bytes))) {
      masked_store(what, element_pointer(pointer, chunk, at), lanes);
    } else if (run != 0) {
      for (unsigned start = 0; start < width_; start += run) {
        llvm::SmallVector<int, 16> picked;
        for (unsigned lane = 0; lane < run; ++lane) picked.push_back(int(start + lane));
        llvm::Value* to = builder_.CreateGEP(builder_.getInt8Ty(), scalar(pointer, chunk),
                                             builder_.getInt64(uint64_t(shape.offset(start))));
        masked_store(builder_.CreateShuffleVector(what, picked), to,
                     builder_.CreateShuffleVector(lanes, picked));
      }
    } else {
      if (chunk == 0 && component == 0) remark(store, "writes of lanes are scattered");
      scatter(what, element_pointers(pointer, chunk, at), align, lanes);
    }
  }
}

/// A loop over the bits of the mask; what `body` gives is put into memory and loaded as one vector.
/// If `unrolls`: where all lanes take part, one after the other without a loop.
llvm::Value* Vectorizer::for_each_lane(llvm::Value* mask, llvm::Type* result, bool unrolls,
                                       LaneBody body) {
  llvm::AllocaInst* collected = nullptr;
  llvm::Type* element = nullptr;
  unsigned components = 0;
  if (result) {
    element = result->getScalarType();
    components = component_count(result);
    collected = make_slot(llvm::FixedVectorType::get(element, width_ * components), "collected");
  }
  const auto run_lane = [&](llvm::Value* lane) {
    llvm::Value* value = body(lane);
    if (!result) return;
    llvm::Value* at = builder_.CreateGEP(
        builder_.getInt8Ty(), collected,
        builder_.CreateMul(builder_.CreateZExt(lane, builder_.getInt64Ty()),
                           builder_.getInt64(components * layout_.getTypeStoreSize(element))));
    builder_.CreateAlignedStore(value, at, llvm::Align(1));
  };
  const auto run_all = [&] {
    for (unsigned lane = 0; lane < width_; ++lane) run_lane(builder_.getInt32(lane));
  };
  llvm::BasicBlock* done = llvm::BasicBlock::Create(context_, "lanes.done", target_);
  if (unrolls && is_constant_ones(mask)) {
    run_all();
    builder_.CreateBr(done);
  } else {
    auto* bits_type = builder_.getInt32Ty();
    llvm::Value* bits = builder_.CreateZExt(mask_bits(mask), bits_type);
    if (unrolls) {
      auto* all = llvm::BasicBlock::Create(context_, "lanes.all", target_);
      auto* some = llvm::BasicBlock::Create(context_, "lanes.some", target_);
      builder_.CreateCondBr(
          builder_.CreateICmpEQ(bits, builder_.getInt32(uint32_t((uint64_t{1} << width_) - 1))),
          all, some);
      builder_.SetInsertPoint(all);
      run_all();
      builder_.CreateBr(done);
      builder_.SetInsertPoint(some);
    }
    llvm::BasicBlock* before = builder_.GetInsertBlock();
    llvm::BasicBlock* loop = llvm::BasicBlock::Create(context_, "lanes", target_);
    builder_.CreateCondBr(builder_.CreateICmpEQ(bits, builder_.getInt32(0)), done, loop);
    builder_.SetInsertPoint(loop);
    llvm::PHINode* left = builder_.CreatePHI(bits_type, 2, "lanes.left");
    left->addIncoming(bits, before);
    run_lane(builder_.CreateBinaryIntrinsic(llvm::Intrinsic::cttz, left, builder_.getTrue()));
    llvm::Value* rest = builder_.CreateAnd(left, builder_.CreateSub(left, builder_.getInt32(1)));
    left->addIncoming(rest, builder_.GetInsertBlock());
    builder_.CreateCondBr(builder_.CreateICmpEQ(rest, builder_.getInt32(0)), done, loop);
  }
  builder_.SetInsertPoint(done);
  if (!result) return nullptr;
  return builder_.CreateLoad(collected->getAllocatedType(), collected);
}

/// A lane's address: of a sum of a scalar and one vector, the vector's element is taken and not the
/// sum's, which has twice the bits.
llvm::Value* Vectorizer::lane_pointer(const llvm::Value* pointer, unsigned chunk,
                                      llvm::Value* lane) {
  const Shape shape = shapes_.of(pointer);
  if (const auto* number = llvm::dyn_cast<llvm::ConstantInt>(lane); number && shape.has_base()) {
    const int64_t offset = shape.offset(unsigned(number->getZExtValue()));
    return builder_.CreateGEP(builder_.getInt8Ty(), scalar(pointer, chunk),
                              builder_.getInt64(uint64_t(offset)));
  }
  const auto* address = llvm::dyn_cast<llvm::GetElementPtrInst>(pointer);
  if (address && shapes_.of(address).is_varying() && shapes_.scale(address) == 1 &&
      shapes_.of(address->getPointerOperand()).is_flat()) {
    llvm::SmallVector<llvm::Value*, 4> indices;
    for (const llvm::Use& index : address->indices()) {
      if (shapes_.of(index).is_flat()) {
        indices.push_back(scalar(index, chunk));
        continue;
      }
      // The extension is done behind: lanes are cheaper to take from narrow vectors.
      const auto* cast = llvm::dyn_cast<llvm::CastInst>(index);
      if (cast && llvm::isa<llvm::ZExtInst, llvm::SExtInst>(cast)) {
        llvm::Value* narrow =
            builder_.CreateExtractElement(vector(cast->getOperand(0), chunk), lane);
        const bool is_signed = llvm::isa<llvm::SExtInst>(cast) || shapes_.is_signed_index(cast);
        indices.push_back(is_signed ? builder_.CreateSExt(narrow, cast->getType())
                                    : builder_.CreateZExt(narrow, cast->getType()));
      } else {
        indices.push_back(builder_.CreateExtractElement(vector(index, chunk), lane));
      }
    }
    return builder_.CreateGEP(address->getSourceElementType(),
                              scalar(address->getPointerOperand(), chunk), indices);
  }
  return builder_.CreateExtractElement(vector(pointer, chunk), lane);
}

}  // namespace anymetal::simt

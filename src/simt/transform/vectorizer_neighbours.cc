// Accesses of one thread that lie side by side (join_neighbours.cc): all lanes' elements as wide
// registers, which are taken apart into one vector for each access, in as many rounds as the number
// of registers has bits: each round picks the even elements of two registers, and the odd ones.
// Where lanes are missing, each access goes its own way.
#include <algorithm>

#include "ir/thread_ir.h"
#include "simt/analysis/guards.h"
#include "simt/transform/vectorizer.h"

namespace anymetal::simt {

void Vectorizer::find_neighbours() {
  // Matrices and copies have ways of their own.
  llvm::SmallVector<const llvm::Instruction*, 4> others;
  for (const auto& [last, group] : neighbours_) {
    const bool is_other = llvm::any_of(group.members, [&](const Neighbours::Member& member) {
      if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(member.access))
        return accesses_.is_absorbed(load);
      const auto* store = llvm::cast<llvm::StoreInst>(member.access);
      return accesses_.is_first_store(store) || accesses_.stored(store) || accesses_.copied(store);
    });
    if (is_other) others.push_back(last);
  }
  for (const llvm::Instruction* last : others) neighbours_.erase(last);
  for (const auto& [last, group] : neighbours_) {
    for (const Neighbours::Member& member : group.members) {
      if (member.access != last) earlier_neighbours_.insert(member.access);
    }
  }
}

/// False: the access has no neighbours.
bool Vectorizer::emit_neighbour(llvm::Instruction& access) {
  if (earlier_neighbours_.contains(&access)) return true;
  const auto group = neighbours_.find(&access);
  if (group == neighbours_.end()) return false;
  emit_neighbours(group->second);
  return true;
}

void Vectorizer::with_lanes(llvm::Value* lanes, llvm::function_ref<void()> all,
                            llvm::function_ref<void()> some) {
  const auto* constant = llvm::dyn_cast_or_null<llvm::Constant>(lanes);
  if (!lanes || (constant && constant->isAllOnesValue())) return all();
  llvm::BasicBlock* whole = llvm::BasicBlock::Create(context_, "all.lanes", target_);
  llvm::BasicBlock* parts = llvm::BasicBlock::Create(context_, "some.lanes", target_);
  llvm::BasicBlock* done = llvm::BasicBlock::Create(context_, "lanes.done", target_);
  llvm::Value* bits = mask_bits(builder_.CreateFreeze(lanes));
  builder_.CreateCondBr(
      builder_.CreateICmpEQ(bits, llvm::Constant::getAllOnesValue(bits->getType())), whole, parts);
  builder_.SetInsertPoint(whole);
  all();
  builder_.CreateBr(done);
  builder_.SetInsertPoint(parts);
  some();
  builder_.CreateBr(done);
  builder_.SetInsertPoint(done);
}

namespace {

/// The checks that say of all members whether they are inside. What lies between two that are is,
/// too, where nothing else is asked: an index that wraps is outside.
llvm::SmallVector<const llvm::Value*, 16> needed_checks(const Neighbours& group) {
  const bool only_inside = llvm::all_of(group.members, [](const Neighbours::Member& member) {
    return !member.inside || callee_name(member.inside) == kInside;
  });
  const auto [first, last] = std::ranges::minmax_element(
      group.members, {}, [](const Neighbours::Member& member) { return member.offset; });
  llvm::SmallVector<const llvm::Value*, 16> checks;
  for (const Neighbours::Member& member : group.members) {
    const bool at_end = &member == &*first || &member == &*last;
    if (member.inside && (at_end || !only_inside || !group.anywhere))
      checks.push_back(member.inside);
  }
  return checks;
}

}  // namespace

void Vectorizer::emit_neighbours(const Neighbours& group) {
  const bool stores = llvm::isa<llvm::StoreInst>(group.members[0].access);
  llvm::SmallVector<Values, 16> results(group.members.size());
  for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
    llvm::Value* lanes = mask(chunk);
    for (const llvm::Value* inside : needed_checks(group))
      lanes = and_mask(lanes, vector(inside, chunk));
    Values ways[2];
    llvm::BasicBlock* from[2] = {nullptr, nullptr};
    with_lanes(
        lanes,
        [&] {
          if (stores)
            store_neighbours(group, chunk);
          else
            ways[0] = load_neighbours(group, chunk);
          from[0] = builder_.GetInsertBlock();
        },
        [&] {
          for (const Neighbours::Member& member : group.members) {
            if (auto* store = llvm::dyn_cast<llvm::StoreInst>(member.access))
              store_components(*store, chunk);
            else
              ways[1].append(load_components(llvm::cast<llvm::LoadInst>(*member.access), chunk));
          }
          from[1] = builder_.GetInsertBlock();
        });
    for (unsigned i = 0; i < ways[1].size(); ++i) {
      llvm::PHINode* either = builder_.CreatePHI(ways[0][i]->getType(), 2);
      for (unsigned way = 0; way < 2; ++way) either->addIncoming(ways[way][i], from[way]);
      ways[0][i] = either;
    }
    llvm::Value* const* value = ways[0].begin();
    for (unsigned i = 0; !stores && i < group.members.size(); ++i) {
      const unsigned count = component_count(llvm::getLoadStoreType(group.members[i].access));
      results[i].append(value, value + count);
      value += count;
    }
  }
  if (stores) return;
  for (unsigned i = 0; i < group.members.size(); ++i)
    define(*group.members[i].access, std::move(results[i]));
}

namespace {

llvm::Type* element_of(const Neighbours::Member& member) {
  return llvm::getLoadStoreType(member.access)->getScalarType();
}

/// The type of what registers are taken apart into: the elements', if they are as large.
llvm::Type* unit_type(const Neighbours& group, const llvm::DataLayout& layout) {
  llvm::Type* element = element_of(group.members[0]);
  const bool is_same = llvm::all_of(group.members, [&](const Neighbours::Member& member) {
    return element_of(member) == element;
  });
  if (is_same && layout.getTypeStoreSize(element) == group.unit) return element;
  return llvm::IntegerType::get(element->getContext(), group.unit * 8);
}

}  // namespace

Values Vectorizer::load_neighbours(const Neighbours& group, unsigned chunk) {
  const unsigned factor = group.factor();
  llvm::Type* unit = unit_type(group, layout_);
  llvm::Type* type = lane_type(unit);
  const llvm::Align align(1);
  const bool is_constant =
      group.members[0].pointer->getType()->getPointerAddressSpace() == kConstantSpace;
  // Nothing behind the last lane's last element is touched.
  const unsigned end = (width_ - 1) * factor + unsigned(group.bytes) / group.unit;
  Values registers;
  if (group.anywhere) registers = load_pieces_of_lanes(group, type, chunk);
  for (unsigned i = 0; i < factor && !group.anywhere; ++i) {
    llvm::Value* from = pointer_of_lane(group.members[group.first].pointer, chunk, 0,
                                        int64_t{i} * width_ * group.unit);
    fetch_ahead(group, from);
    if ((i + 1) * width_ <= end) {
      llvm::LoadInst* load = builder_.CreateAlignedLoad(type, from, align);
      if (is_constant)
        load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(context_, {}));
      registers.push_back(load);
      continue;
    }
    llvm::SmallVector<llvm::Constant*, 16> used;
    for (unsigned lane = 0; lane < width_; ++lane)
      used.push_back(builder_.getInt1(i * width_ + lane < end));
    registers.push_back(builder_.CreateMaskedLoad(
        type, from, align, llvm::ConstantVector::get(used), llvm::Constant::getNullValue(type)));
  }
  const auto is_wanted = [&](unsigned place) {
    return llvm::any_of(group.members, [&](const Neighbours::Member& member) {
      const auto end =
          member.offset + int64_t(layout_.getTypeStoreSize(llvm::getLoadStoreType(member.access)));
      return int64_t{place} * group.unit < end && (int64_t{place} + 1) * group.unit > member.offset;
    });
  };
  llvm::SmallVector<llvm::Value*, 16> parts(factor);
  if (llvm::isPowerOf2_32(factor)) {
    take_apart(registers, 1, 0, parts, is_wanted);
  } else {
    llvm::Value* whole = concatenate(registers);
    for (unsigned place = 0; place < factor; ++place) {
      llvm::SmallVector<int, 16> order;
      for (unsigned lane = 0; lane < width_; ++lane) order.push_back(int(lane * factor + place));
      if (is_wanted(place)) parts[place] = builder_.CreateShuffleVector(whole, order);
    }
  }
  Values values;
  for (const Neighbours::Member& member : group.members) {
    llvm::Type* element = element_of(member);
    const uint64_t bytes = layout_.getTypeStoreSize(element);
    const unsigned components = component_count(llvm::getLoadStoreType(member.access));
    for (unsigned component = 0; component < components; ++component) {
      const uint64_t offset = uint64_t(member.offset) + component * bytes;
      llvm::Value* value = parts[offset / group.unit];
      if (bytes != group.unit) {
        value = builder_.CreateLShr(value, offset % group.unit * 8);
        value = builder_.CreateTrunc(value, lane_type(builder_.getIntNTy(unsigned(bytes * 8))));
      }
      values.push_back(builder_.CreateBitCast(value, lane_type(element)));
    }
  }
  return values;
}

/// Each lane's piece, one behind the other.
Values Vectorizer::load_pieces_of_lanes(const Neighbours& group, llvm::Type* type, unsigned chunk) {
  const unsigned factor = group.factor(), lanes = width_ / factor;
  auto* piece = llvm::FixedVectorType::get(type->getScalarType(), factor);
  Values registers;
  for (unsigned i = 0; i < factor; ++i) {
    llvm::SmallVector<llvm::Value*, 16> pieces;
    for (unsigned lane = i * lanes; lane < (i + 1) * lanes; ++lane)
      pieces.push_back(builder_.CreateAlignedLoad(
          piece, pointer_of_lane(group.members[group.first].pointer, chunk, lane, 0),
          llvm::Align(1)));
    registers.push_back(concatenate(pieces));
  }
  return registers;
}

/// Between barriers all steps read and write, and compute little: permutations that wait for memory
/// fill the processor's queues, so that it doesn't see the next step's accesses in time. Behind the
/// last step's memory is mostly what the next threadgroup begins with.
void Vectorizer::fetch_ahead(const Neighbours& group, llvm::Value* place) {
  constexpr unsigned kAhead = 4096;  // bytes, four to eight steps; 2,048 and 8,192 were slower
  const llvm::Instruction& access = *group.members[0].access;
  if (!flow_.has_barriers() || flow_.loop_of(access.getParent()) ||
      place->getType()->getPointerAddressSpace() != kDeviceSpace)
    return;
  const bool writes = llvm::isa<llvm::StoreInst>(access);
  constexpr unsigned kIntoAllCaches = 3, kData = 1;
  llvm::Value* ahead = builder_.CreateConstGEP1_64(builder_.getInt8Ty(), place, kAhead);
  builder_.CreateIntrinsic(llvm::Intrinsic::prefetch, {ahead->getType()},
                           {ahead, builder_.getInt32(writes), builder_.getInt32(kIntoAllCaches),
                            builder_.getInt32(kData)});
}

/// Element `place` of each lane, for places that are wanted; `step` and `offset` say which places
/// the registers hold.
void Vectorizer::take_apart(llvm::ArrayRef<llvm::Value*> registers, unsigned step, unsigned offset,
                            llvm::MutableArrayRef<llvm::Value*> parts,
                            llvm::function_ref<bool(unsigned)> is_wanted) {
  bool wanted = false;
  for (unsigned place = offset; place < parts.size(); place += step) wanted |= is_wanted(place);
  if (!wanted) return;
  if (registers.size() == 1) {
    parts[offset] = registers[0];
    return;
  }
  for (unsigned odd = 0; odd < 2; ++odd) {
    llvm::SmallVector<int, 16> order;
    for (unsigned lane = 0; lane < width_; ++lane) order.push_back(int(lane * 2 + odd));
    llvm::SmallVector<llvm::Value*, 8> half;
    for (size_t i = 0; i < registers.size(); i += 2)
      half.push_back(builder_.CreateShuffleVector(registers[i], registers[i + 1], order));
    take_apart(half, step * 2, offset + odd * step, parts, is_wanted);
  }
}

/// The reverse: registers as they lie in memory.
Values Vectorizer::put_together(llvm::ArrayRef<llvm::Value*> parts) {
  if (parts.size() == 1) return {parts[0]};
  llvm::SmallVector<llvm::Value*, 8> halves[2];
  for (size_t i = 0; i < parts.size(); ++i) halves[i % 2].push_back(parts[i]);
  const Values even = put_together(halves[0]), odd = put_together(halves[1]);
  Values registers;
  for (size_t i = 0; i < even.size(); ++i) {
    for (unsigned high = 0; high < 2; ++high) {
      llvm::SmallVector<int, 16> order;
      for (unsigned lane = 0; lane < width_; ++lane)
        order.push_back(int(high * width_ / 2 + lane / 2 + lane % 2 * width_));
      registers.push_back(builder_.CreateShuffleVector(even[i], odd[i], order));
    }
  }
  return registers;
}

void Vectorizer::store_neighbours(const Neighbours& group, unsigned chunk) {
  const unsigned factor = group.factor();
  llvm::Type* unit = unit_type(group, layout_);
  llvm::SmallVector<llvm::Value*, 16> parts(factor);
  for (const Neighbours::Member& member : group.members) {
    const uint64_t bytes = layout_.getTypeStoreSize(element_of(member));
    const llvm::Value* stored = llvm::cast<llvm::StoreInst>(member.access)->getValueOperand();
    for (unsigned component = 0; component < component_count(stored->getType()); ++component) {
      const uint64_t offset = uint64_t(member.offset) + component * bytes;
      llvm::Value* value = vector(stored, chunk, component);
      llvm::Value*& part = parts[offset / group.unit];
      if (bytes == group.unit) {
        value = builder_.CreateBitCast(value, lane_type(unit));
      } else {
        value = builder_.CreateBitCast(value, lane_type(builder_.getIntNTy(unsigned(bytes * 8))));
        value = builder_.CreateShl(builder_.CreateZExt(value, lane_type(unit)),
                                   offset % group.unit * 8);
        if (part) value = builder_.CreateOr(part, value);
      }
      part = value;
    }
  }
  llvm::SmallVector<bool, 16> is_written;
  for (llvm::Value*& part : parts) {
    is_written.push_back(part != nullptr);
    if (!part) part = llvm::PoisonValue::get(lane_type(unit));
  }
  Values registers;
  if (llvm::isPowerOf2_32(factor)) {
    registers = put_together(parts);
  } else {
    llvm::Value* whole = concatenate(parts);
    llvm::SmallVector<int, 64> order;
    for (unsigned i = 0; i < width_ * factor; ++i)
      order.push_back(int(i % factor * width_ + i / factor));
    split(builder_.CreateShuffleVector(whole, order), registers);
  }
  for (unsigned i = 0; i < factor; ++i) {
    llvm::Value* to = pointer_of_lane(group.members[group.first].pointer, chunk, 0,
                                      int64_t{i} * width_ * group.unit);
    fetch_ahead(group, to);
    llvm::SmallVector<llvm::Constant*, 16> written;
    for (unsigned lane = 0; lane < width_; ++lane)
      written.push_back(builder_.getInt1(is_written[(i * width_ + lane) % factor]));
    if (llvm::all_of(is_written, [](bool part) { return part; }))
      builder_.CreateAlignedStore(registers[i], to, llvm::Align(1));
    else
      builder_.CreateMaskedStore(registers[i], to, llvm::Align(1),
                                 llvm::ConstantVector::get(written));
  }
}

}  // namespace anymetal::simt

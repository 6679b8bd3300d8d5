// Matrices as rows: the 64 elements of a simdgroup's matrix one after the other in registers, so
// two rows in one of 16 lanes, one in one of 8, half in one of 4. Lanes' own elements are a
// permutation of them, which is done only where a kernel asks.
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/Intrinsics.h>

#include <algorithm>

#include "ir/thread_ir.h"
#include "simt/analysis/control_flow.h"
#include "simt/analysis/guards.h"
#include "simt/analysis/matrices.h"
#include "simt/transform/vectorizer.h"

namespace anymetal::simt {

/// Registers of one matrix.
unsigned Vectorizer::matrix_vectors() const {
  return std::max(1U, kMatrixElements / width_);
}

Values Vectorizer::matrix_rows(const llvm::Value* matrix, unsigned simdgroup) {
  Values rows;
  for (unsigned i = 0; i < matrix_vectors(); ++i)
    rows.push_back(vector(matrix, simdgroup * geometry_.chunks_of_simdgroup() + i / 2, i % 2));
  return rows;
}

/// Of the lanes that hold the elements in register `index` of all matrices' registers in a step.
llvm::Value* Vectorizer::matrix_mask(const Values& masks, unsigned index) {
  const unsigned chunks = geometry_.chunks_of_simdgroup();
  const unsigned simdgroup = index / matrix_vectors();
  const llvm::ArrayRef<llvm::Value*> all(masks);
  llvm::Value* lanes = concatenate(all.slice(size_t{simdgroup} * chunks, chunks));
  llvm::SmallVector<int, 16> order;
  for (unsigned i = 0; i < width_; ++i) {
    const unsigned place = index % matrix_vectors() * width_ + i;
    order.push_back(int(matrix_lane(place / kMatrixRows, place % kMatrixRows)));
  }
  return builder_.CreateShuffleVector(lanes, order);
}

/// The elements of pieces, in the order of the matrix.
Values Vectorizer::assemble_matrix(llvm::ArrayRef<llvm::Value*> parts,
                                   llvm::ArrayRef<unsigned> places) {
  const unsigned length = llvm::cast<llvm::FixedVectorType>(parts[0]->getType())->getNumElements();
  llvm::SmallVector<int, 64> order(kMatrixElements);
  for (unsigned i = 0; i < kMatrixElements; ++i) order[places[i]] = int(i);
  llvm::Value* whole = nullptr;
  Values rows;
  for (unsigned start = 0; start < kMatrixElements; start += width_) {
    const llvm::ArrayRef<int> wanted = llvm::ArrayRef(order).slice(start, width_);
    bool is_whole = width_ >= length;
    for (unsigned i = 0; i < width_; ++i) {
      is_whole &=
          i % length == 0 ? unsigned(wanted[i]) % length == 0 : wanted[i] == wanted[i - 1] + 1;
    }
    if (is_whole) {
      llvm::SmallVector<llvm::Value*, 4> used;
      for (unsigned i = 0; i < width_; i += length)
        used.push_back(parts[unsigned(wanted[i]) / length]);
      rows.push_back(concatenate(used));
      continue;
    }
    if (!whole) whole = concatenate(parts);
    rows.push_back(builder_.CreateShuffleVector(whole, wanted));
  }
  return rows;
}

/// Lanes' two elements as rows.
Values Vectorizer::gather_matrix(const llvm::Value* first, const llvm::Value* second,
                                 unsigned simdgroup) {
  llvm::SmallVector<llvm::Value*, 16> parts;
  for (const llvm::Value* value : {first, second}) parts.append(simdgroup_values(value, simdgroup));
  return assemble_lanes(parts);
}

/// The same of all lanes' first elements and all lanes' second.
Values Vectorizer::assemble_lanes(llvm::ArrayRef<llvm::Value*> parts) {
  llvm::SmallVector<unsigned, 64> places(kMatrixElements);
  for (unsigned at = 0; at < kMatrixElements; ++at)
    places[matrix_lane(at / kMatrixRows, at % kMatrixRows) + at % 2 * kSimdgroupSize] = at;
  return assemble_matrix(parts, places);
}

/// The address that one lane has, and `offset` bytes.
llvm::Value* Vectorizer::pointer_of_lane(const llvm::Value* pointer, unsigned chunk, unsigned lane,
                                         int64_t offset) {
  const Shape shape = shapes_.of(pointer);
  llvm::Value* base = shape.has_base() ? scalar(pointer, chunk)
                                       : lane_pointer(pointer, chunk, builder_.getInt32(lane));
  if (shape.has_base()) offset += shape.offset(lane);
  return builder_.CreateGEP(builder_.getInt8Ty(), base, builder_.getInt64(uint64_t(offset)));
}

llvm::Value* Vectorizer::piece_pointer(const MatrixPlace& place, const MatrixPiece& piece,
                                       unsigned simdgroup) {
  const unsigned chunk = simdgroup * geometry_.chunks_of_simdgroup() + piece.lane / width_;
  return pointer_of_lane(place.pointers[piece.access], chunk, piece.lane % width_, piece.offset);
}

/// Does one thing if all lanes of these chunks may access memory, else the other.
void Vectorizer::with_guards(llvm::ArrayRef<const llvm::Value*> insides, unsigned first_chunk,
                             unsigned chunks, llvm::function_ref<void()> all,
                             llvm::function_ref<void()> some) {
  llvm::Value* lanes = nullptr;
  for (const llvm::Value* inside : insides) {
    for (unsigned chunk = first_chunk; inside && chunk < first_chunk + chunks; ++chunk) {
      llvm::Value* more = vector(inside, chunk);
      lanes = lanes ? builder_.CreateAnd(lanes, more) : more;
    }
  }
  with_lanes(lanes, all, some);
}

Values Vectorizer::load_pieces(const MatrixPlace& place, unsigned simdgroup) {
  llvm::SmallVector<llvm::Value*, 16> parts;
  llvm::SmallVector<unsigned, 64> places;
  auto* type = llvm::FixedVectorType::get(place.element, place.length);
  for (const MatrixPiece& piece : place.pieces) {
    parts.push_back(
        builder_.CreateAlignedLoad(type, piece_pointer(place, piece, simdgroup), place.align));
    places.append(piece.places);
  }
  return assemble_matrix(parts, places);
}

Values Vectorizer::load_matrix(const MatrixPlace& place, unsigned simdgroup) {
  const unsigned chunks = geometry_.chunks_of_simdgroup();
  Values rows[2];
  llvm::BasicBlock* from[2];
  with_guards(
      place.insides, simdgroup * chunks, chunks,
      [&] {
        rows[0] = load_pieces(place, simdgroup);
        from[0] = builder_.GetInsertBlock();
      },
      [&] {
        llvm::SmallVector<llvm::Value*, 16> parts;
        for (const llvm::Instruction* access : place.accesses) {
          auto& load = const_cast<llvm::LoadInst&>(llvm::cast<llvm::LoadInst>(*access));
          for (unsigned chunk = 0; chunk < chunks; ++chunk)
            parts.append(load_components(load, simdgroup * chunks + chunk));
        }
        rows[1] = assemble_lanes(parts);
        from[1] = builder_.GetInsertBlock();
      });
  for (unsigned i = 0; i < rows[1].size(); ++i) {
    llvm::PHINode* either = builder_.CreatePHI(rows[0][i]->getType(), 2);
    for (unsigned way = 0; way < 2; ++way) either->addIncoming(rows[way][i], from[way]);
    rows[0][i] = either;
  }
  if (!place.element->isFloatTy()) {
    for (llvm::Value*& row : rows[0])
      row = builder_.CreateFPExt(row, lane_type(builder_.getFloatTy()));
  }
  return rows[0];
}

void Vectorizer::emit_to_matrix(llvm::CallInst& call) {
  const MatrixPlace* place = accesses_.loaded(&call);
  Values rows;
  for (unsigned simdgroup = 0; simdgroup < geometry_.together; ++simdgroup) {
    rows.append(place ? load_matrix(*place, simdgroup)
                      : gather_matrix(call.getArgOperand(0), call.getArgOperand(1), simdgroup));
  }
  define(call, std::move(rows));
  if (place) pack_operand(call);
}

namespace {

/// The matrix whose elements these are, perhaps rounded; null if they aren't.
const llvm::Value* find_stored_matrix(const llvm::Value* first, const llvm::Value* second) {
  const auto* rounded = llvm::dyn_cast<llvm::FPTruncInst>(first);
  const auto* other = llvm::dyn_cast<llvm::FPTruncInst>(second);
  if (rounded && other) {
    first = rounded->getOperand(0);
    second = other->getOperand(0);
  }
  const auto* x = llvm::dyn_cast<llvm::ExtractValueInst>(first);
  const auto* y = llvm::dyn_cast<llvm::ExtractValueInst>(second);
  if (!x || !y || x->getAggregateOperand() != y->getAggregateOperand() ||
      !is_matrix(x->getAggregateOperand()->getType()) || x->getIndices()[0] != 0 ||
      y->getIndices()[0] != 1)
    return nullptr;
  return x->getAggregateOperand();
}

}  // namespace

/// Two stores of lanes' elements as stores of rows.
void Vectorizer::emit_matrix_store(llvm::StoreInst& store) {
  const MatrixPlace& place = *accesses_.stored(&store);
  auto& first = const_cast<llvm::StoreInst&>(*accesses_.first_store(&store));
  const unsigned chunks = geometry_.chunks_of_simdgroup();
  for (unsigned simdgroup = 0; simdgroup < geometry_.together; ++simdgroup) {
    with_guards(
        place.insides, simdgroup * chunks, chunks, [&] { store_pieces(place, simdgroup); },
        [&] {
          for (unsigned chunk = 0; chunk < chunks; ++chunk) {
            store_components(first, simdgroup * chunks + chunk);
            store_components(store, simdgroup * chunks + chunk);
          }
        });
  }
}

void Vectorizer::store_pieces(const MatrixPlace& place, unsigned simdgroup) {
  const llvm::Value* first = llvm::cast<llvm::StoreInst>(place.accesses[0])->getValueOperand();
  const llvm::Value* second = llvm::cast<llvm::StoreInst>(place.accesses[1])->getValueOperand();
  const llvm::Value* matrix = find_stored_matrix(first, second);
  Values rows = matrix ? matrix_rows(matrix, simdgroup) : gather_matrix(first, second, simdgroup);
  for (llvm::Value*& row : rows) {
    if (row->getType()->getScalarType() != place.element)
      row = builder_.CreateFPTrunc(row, lane_type(place.element));
  }
  llvm::Value* whole = concatenate(rows);
  for (const MatrixPiece& piece : place.pieces) {
    const llvm::SmallVector<int, 16> order(piece.places.begin(), piece.places.end());
    builder_.CreateAlignedStore(builder_.CreateShuffleVector(whole, order),
                                piece_pointer(place, piece, simdgroup), place.align);
  }
}

/// Each lane's words, from where they are to where they go.
void Vectorizer::emit_copy(llvm::StoreInst& store) {
  const llvm::LoadInst* load = accesses_.copied(&store);
  const auto [from, may_read] = strip_guard(load->getPointerOperand());
  const auto [to, may_write] = strip_guard(store.getPointerOperand());
  const auto bytes = unsigned(layout_.getTypeStoreSize(load->getType()));
  const auto runs = accesses_.copy_runs(store);
  for (unsigned chunk = 0; chunk < chunks_; ++chunk) {
    const auto copy = [&](llvm::Value* source, llvm::Value* target, unsigned count) {
      auto* type = llvm::FixedVectorType::get(builder_.getInt8Ty(), count * bytes);
      builder_.CreateAlignedStore(builder_.CreateAlignedLoad(type, source, load->getAlign()),
                                  target, store.getAlign());
    };
    const llvm::Value *source = from, *target = to, *reads = may_read, *writes = may_write;
    with_guards(
        {reads, writes}, chunk, 1,
        [&] {
          for (const LaneRun& run : runs)
            copy(pointer_of_lane(source, chunk, run.first, 0),
                 pointer_of_lane(target, chunk, run.first, 0), run.count);
        },
        [&] {
          for_each_lane(all_lanes(), nullptr, false, [&](llvm::Value* lane) -> llvm::Value* {
            const auto choose = [&](const llvm::Value* pointer, const llvm::Value* inside,
                                    bool is_target) {
              llvm::Value* own = lane_pointer(pointer, chunk, lane);
              if (!inside) return own;
              return safe_pointer(own, builder_.CreateExtractElement(vector(inside, chunk), lane),
                                  is_target);
            };
            copy(choose(source, reads, false), choose(target, writes, true), 1);
            return nullptr;
          });
        });
  }
}

/// A lane's own element.
void Vectorizer::emit_matrix_element(llvm::ExtractValueInst& extract) {
  Values values;
  for (unsigned simdgroup = 0; simdgroup < geometry_.together; ++simdgroup) {
    llvm::Value* whole = concatenate(matrix_rows(extract.getAggregateOperand(), simdgroup));
    llvm::SmallVector<int, 32> order(kSimdgroupSize);
    for (unsigned at = extract.getIndices()[0]; at < kMatrixElements; at += 2)
      order[matrix_lane(at / kMatrixRows, at % kMatrixRows)] = int(at);
    split(builder_.CreateShuffleVector(whole, order), values);
  }
  define(extract, std::move(values));
}

/// Products that share an operand, interleaved: what is spread of it serves all of them, and there
/// are as many independent sums as multiply-adds need to follow each other without waiting.
void Vectorizer::emit_products(llvm::CallInst& last) {
  const auto group = product_groups_.find(&last);
  if (group == product_groups_.end()) return;
  llvm::SmallVector<Values, 4> results(group->second.size());
  for (unsigned simdgroup = 0; simdgroup < geometry_.together; ++simdgroup) {
    llvm::SmallVector<Values, 4> a, b, c;
    for (const llvm::CallInst* call : group->second) {
      for (unsigned operand = 0; operand < 3; ++operand) {
        Values rows = matrix_rows(call->getArgOperand(operand), simdgroup);
        for (unsigned i = 0; has_mask() && i < rows.size(); ++i) {
          rows[i] =
              builder_.CreateSelect(matrix_mask(mask_, simdgroup * matrix_vectors() + i), rows[i],
                                    llvm::Constant::getNullValue(rows[i]->getType()));
        }
        (operand == 0 ? a : operand == 1 ? b : c).push_back(std::move(rows));
      }
    }
    multiply_matrices(group->second, simdgroup, a, b, c);
    for (size_t i = 0; i < c.size(); ++i) results[i].append(c[i]);
  }
  for (size_t i = 0; i < results.size(); ++i) define(*group->second[i], std::move(results[i]));
}

namespace {

template <class From>
llvm::Value* reorder(llvm::IRBuilder<>& builder, llvm::Value* rows, unsigned count, From from) {
  llvm::SmallVector<int, 16> order;
  for (unsigned i = 0; i < count; ++i) order.push_back(int(from(i)));
  return builder.CreateShuffleVector(rows, order);
}

}  // namespace

/// Element k of each row that register `at` holds, all along the row.
llvm::Value* Vectorizer::spread_element(const Values& rows, unsigned at, unsigned k) {
  if (width_ >= kMatrixRows) {
    return reorder(builder_, rows[at], width_,
                   [&](unsigned i) { return i / kMatrixRows * kMatrixRows + k; });
  }
  const unsigned row = at * width_ / kMatrixRows;
  return reorder(builder_, rows[(row * kMatrixRows + k) / width_], width_,
                 [&](unsigned) { return k % width_; });
}

/// Row k, beside what register `at` of a sum holds.
llvm::Value* Vectorizer::repeat_row(const Values& rows, unsigned at, unsigned k) {
  if (width_ == kMatrixRows) return rows[k];
  if (width_ < kMatrixRows) return rows[k * kMatrixRows / width_ + at % (kMatrixRows / width_)];
  const unsigned first = k * kMatrixRows % width_;
  return reorder(builder_, rows[k * kMatrixRows / width_], width_,
                 [&](unsigned i) { return first + i % kMatrixRows; });
}

/// Operands go to the stack and come back by volatile loads: each serves several groups of
/// products, and LLVM would else keep all of them in registers from group to group, and has not
/// half as many. These loads also keep the groups from being mixed. Of the right one, each row is
/// repeated as sums need it.
llvm::AllocaInst* Vectorizer::pack_matrix(const llvm::Value* matrix, bool repeats,
                                          unsigned simdgroup, const Values& rows) {
  llvm::AllocaInst*& packed = packed_[{matrix, simdgroup * 2 + (repeats ? 1 : 0)}];
  if (packed) return packed;
  Values parts = rows;
  if (repeats) {
    parts.clear();
    for (unsigned k = 0; k < kMatrixRows; ++k) parts.push_back(repeat_row(rows, 0, k));
  }
  auto* type = llvm::ArrayType::get(lane_type(builder_.getFloatTy()), parts.size());
  {
    llvm::IRBuilder<>::InsertPointGuard guard(builder_);
    builder_.SetInsertPoint(entry_end_);
    packed = builder_.CreateAlloca(type, nullptr, "packed");
    packed->setAlignment(llvm::Align(64));
  }
  for (unsigned i = 0; i < parts.size(); ++i)
    builder_.CreateStore(parts[i], builder_.CreateConstGEP2_32(type, packed, 0, i));
  return packed;
}

/// What products of this block multiply goes to the stack at once: all operands are more than there
/// are registers.
void Vectorizer::pack_operand(const llvm::CallInst& matrix) {
  if (width_ < kMatrixRows || has_mask()) return;
  bool is_left = false;
  unsigned rights = 0;
  for (const llvm::Use& use : matrix.uses()) {
    const auto* product = llvm::dyn_cast<llvm::CallInst>(use.getUser());
    if (!product || product->getParent() != matrix.getParent() ||
        callee_name(product) != kMultiplyAccumulate)
      continue;
    is_left |= use.getOperandNo() == 0;
    rights += use.getOperandNo() == 1;
  }
  for (unsigned simdgroup = 0; simdgroup < geometry_.together; ++simdgroup) {
    const Values rows = matrix_rows(&matrix, simdgroup);
    if (is_left) pack_matrix(&matrix, false, simdgroup, rows);
    if (rights > 1) pack_matrix(&matrix, true, simdgroup, rows);
  }
}

/// Before `next`: behind a barrier the stack is another step's. Barriers are also put before
/// accesses of threadgroup memory, where loads follow stores or stores loads (order_steps.h).
void Vectorizer::keep_packed(const llvm::Instruction& next) {
  const auto* load = llvm::dyn_cast<llvm::LoadInst>(&next);
  const bool is_place = accesses_.is_place_of_loads(next);
  if (load && accesses_.is_absorbed(load)) return;
  if (!is_place && !next.mayReadOrWriteMemory()) return;
  bool keeps = is_place || (load && load->isSimple());
  if (!keeps) is_unwritten_ = callee_name(&next) == "am.threadgroup_barrier";
  llvm::SmallVector<const llvm::Value*, 2> pointers;
  if (is_place) {
    const MatrixPlace& place = *accesses_.loaded(llvm::cast<llvm::CallInst>(&next));
    pointers.append(std::begin(place.pointers), std::end(place.pointers));
  } else if (keeps) {
    pointers.push_back(strip_guard(load->getPointerOperand()).pointer);
  }
  for (const llvm::Value* pointer : pointers) {
    keeps &= is_unwritten_ || pointer->getType()->getPointerAddressSpace() != kThreadgroupSpace;
  }
  if (!keeps) packed_.clear();
}

llvm::Value* Vectorizer::load_packed(llvm::AllocaInst* packed, llvm::Type* type, unsigned element) {
  llvm::Value* from = builder_.CreateConstGEP1_32(builder_.getFloatTy(), packed, element);
  return builder_.CreateAlignedLoad(type, from, llvm::Align(layout_.getTypeStoreSize(type)),
                                    /*isVolatile=*/true);
}

/// c += a b, of several.
void Vectorizer::multiply_matrices(llvm::ArrayRef<const llvm::CallInst*> calls, unsigned simdgroup,
                                   llvm::MutableArrayRef<Values> a, llvm::ArrayRef<Values> b,
                                   llvm::MutableArrayRef<Values> c) {
  const bool packs = width_ >= kMatrixRows && !has_mask();
  llvm::DenseMap<const llvm::Value*, llvm::AllocaInst*> lefts;
  llvm::DenseMap<const llvm::Value*, Values> reloaded;
  llvm::SmallVector<llvm::AllocaInst*, 4> rights(calls.size());
  for (size_t i = 0; packs && i < calls.size(); ++i) {
    const llvm::Value* left = calls[i]->getArgOperand(0);
    const llvm::Value* right = calls[i]->getArgOperand(1);
    lefts[left] = pack_matrix(left, false, simdgroup, a[i]);
    if (right->hasNUsesOrMore(2)) rights[i] = pack_matrix(right, true, simdgroup, b[i]);
  }
  for (size_t i = 0; packs && width_ > kMatrixRows && i < calls.size(); ++i) {
    const llvm::Value* left = calls[i]->getArgOperand(0);
    Values& rows = reloaded[left];
    for (unsigned at = 0; rows.size() < matrix_vectors(); ++at)
      rows.push_back(load_packed(lefts[left], lane_type(builder_.getFloatTy()), at * width_));
    a[i] = rows;
  }
  // With few registers, half of each matrix at a time.
  const unsigned together = width_ < 16 ? matrix_vectors() / 2 : matrix_vectors();
  for (unsigned start = 0; start < matrix_vectors(); start += together) {
    for (unsigned k = 0; k < kMatrixRows; ++k) {
      llvm::SmallVector<llvm::Value*, 4> rows(calls.size());
      for (size_t i = 0; i < calls.size(); ++i) {
        if (rights[i])
          rows[i] = load_packed(rights[i], lane_type(builder_.getFloatTy()), k * width_);
      }
      for (unsigned at = start; at < start + together; ++at) {
        llvm::DenseMap<const llvm::Value*, llvm::Value*> spreads;
        for (size_t i = 0; i < c.size(); ++i) {
          const llvm::Value* operand = calls[i]->getArgOperand(0);
          llvm::Value*& left = spreads[operand];
          if (!left) {
            left = packs && width_ == kMatrixRows
                       ? splat(load_packed(lefts[operand], builder_.getFloatTy(),
                                           at * kMatrixRows + k))
                       : spread_element(a[i], at, k);
          }
          llvm::Value* right = rows[i] ? rows[i] : repeat_row(b[i], at, k);
          c[i][at] = builder_.CreateIntrinsic(llvm::Intrinsic::fma, {left->getType()},
                                              {left, right, c[i][at]});
        }
      }
    }
  }
}

}  // namespace anymetal::simt

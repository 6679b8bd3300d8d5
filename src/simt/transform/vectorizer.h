// The code of one thread → the code of one step: `void (ptr frame, i32 step)`, in which the threads
// of a step's simdgroups are lanes of chunks. Values keep their shape: uniform ones stay scalars,
// patterns have a scalar for each chunk, varying ones a vector for each chunk. Divergent branches
// become masks (vectorizer.cc); everything else stays as it was.
#pragma once

#include <llvm/ADT/DenseMap.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/IntrinsicInst.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "builtins/builtins.h"
#include "simt/analysis/control_flow.h"
#include "simt/analysis/geometry.h"
#include "simt/analysis/matrix_accesses.h"
#include "simt/analysis/questions.h"
#include "simt/analysis/shape_analysis.h"
#include "simt/simt.h"
#include "simt/transform/join_neighbours.h"
#include "support/result.h"

namespace anymetal::simt {

/// One for each chunk, or for each chunk and component.
using Values = llvm::SmallVector<llvm::Value*, 8>;

class Vectorizer {
 public:
  Vectorizer(llvm::Function& source, const Geometry& geometry, const ControlFlow& flow,
             const ShapeAnalysis& shapes, NeighbourGroups neighbours);

  /// The source isn't changed.
  [[nodiscard]] Result<llvm::Function*> run();

  [[nodiscard]] const std::vector<Remark>& remarks() const { return remarks_; }
  /// If divisions were assumed to be whole: whether they are, asked before anything has happened.
  /// Null without any. Where it doesn't hold, the function must do without the assumption.
  [[nodiscard]] llvm::BranchInst* assumption() const { return assumption_; }

 private:
  // Control flow: vectorizer.cc.
  using Pending = std::set<unsigned>;  ///< blocks that lanes may wait for, by index
  void make_function();
  void make_slots();
  void make_first_masks();
  void emit_block(llvm::BasicBlock& block);
  void load_masks(llvm::BasicBlock& block);
  void load_phis(llvm::BasicBlock& block);
  void emit_terminator(llvm::BasicBlock& block);
  void emit_uniform_branch(llvm::BasicBlock& block, llvm::BranchInst& branch);
  void emit_divergent_branch(llvm::BasicBlock& block, llvm::BranchInst& branch);
  void emit_edge(llvm::BasicBlock& from, llvm::BasicBlock& to, const Values& mask,
                 bool splits_lanes);
  void emit_back_edge(llvm::BasicBlock& from, llvm::BasicBlock& header, const Values& mask,
                      Pending pending);
  [[nodiscard]] Pending with_exits(const llvm::BasicBlock& block, Pending pending) const;
  llvm::BasicBlock* go_to(Pending pending, std::optional<unsigned> certain);
  [[nodiscard]] bool is_back_edge(const llvm::BasicBlock& from, const llvm::BasicBlock& to) const;
  [[nodiscard]] unsigned cost_of(const llvm::BasicBlock& block) const;
  [[nodiscard]] bool is_costly(const llvm::BasicBlock& block) const;
  [[nodiscard]] bool is_costly(unsigned block, unsigned next) const;
  void find_cleared_phis();
  void clear_phis(llvm::BasicBlock& block);
  [[nodiscard]] bool before_barrier(unsigned block, const Pending& others) const;
  [[nodiscard]] bool ends(unsigned block) const;
  llvm::BasicBlock* go_on_or_end(llvm::BasicBlock& block);
  [[nodiscard]] bool may_be_empty(const llvm::BasicBlock& block) const;

  // Values: vectorizer_values.cc.
  [[nodiscard]] llvm::Type* lane_type(llvm::Type* type) const;
  [[nodiscard]] llvm::Value* splat(llvm::Value* value);
  /// How many scalars hold a value that has a base.
  [[nodiscard]] unsigned scalar_count(const Shape& shape) const {
    return shape.knows_chunks() ? 1 : chunks_;
  }
  [[nodiscard]] llvm::Value* scalar(const llvm::Value* value, unsigned chunk);
  [[nodiscard]] llvm::Value* vector(const llvm::Value* value, unsigned chunk,
                                    unsigned component = 0);
  [[nodiscard]] llvm::Value* iota(llvm::Type* element, const Shape& shape) const;
  void define(const llvm::Instruction& instruction, Values values);
  [[nodiscard]] bool has_mask() const { return !mask_.empty(); }
  [[nodiscard]] llvm::Value* mask(unsigned chunk);
  [[nodiscard]] llvm::Value* all_lanes() const;
  [[nodiscard]] llvm::Value* any_lane(llvm::Value* mask);
  [[nodiscard]] llvm::Value* any_lane(const Values& masks);
  [[nodiscard]] llvm::Value* and_mask(llvm::Value* mask, llvm::Value* condition);
  [[nodiscard]] llvm::AllocaInst* make_slot(llvm::Type* type, const llvm::Twine& name);
  [[nodiscard]] llvm::Value* mask_bits(llvm::Value* mask);
  [[nodiscard]] llvm::Value* first_index(unsigned chunk);
  [[nodiscard]] llvm::Value* load_frame(llvm::Type* type, size_t offset, const char* name);
  void fail(const llvm::Instruction& instruction, const std::string& what);
  void remark(const llvm::Instruction& instruction, std::string text);

  // Instructions: vectorizer_instructions.cc.
  void emit(llvm::Instruction& instruction);
  void keep_in_turn(llvm::Instruction& access);
  llvm::Value* clone_scalar(llvm::Instruction& instruction, unsigned chunk);
  void emit_vector(llvm::Instruction& instruction);
  llvm::Value* emit_lanewise(llvm::Instruction& instruction, unsigned chunk);
  void check_divisions();
  llvm::Value* emit_division(llvm::BinaryOperator& operation, unsigned chunk);
  void emit_bitcast(llvm::Instruction& instruction);
  void emit_components(llvm::Instruction& instruction);
  void emit_variable(llvm::AllocaInst& variable);
  bool emit_position(llvm::CallInst& call, llvm::StringRef name);
  void emit_call(llvm::CallInst& call);
  void emit_intrinsic(llvm::IntrinsicInst& call);
  void emit_lane_calls(llvm::CallInst& call);
  void emit_all_lanes(llvm::CallInst& call);
  llvm::Value* holds_for_all(const llvm::ICmpInst& compare, bool negated, unsigned chunk,
                             bool in_all_chunks);
  llvm::Value* is_inside_for_all(const llvm::CallInst& inside, unsigned chunk, bool in_all_chunks);
  llvm::Value* most_of(const llvm::Value* index, unsigned depth);
  llvm::Value* are_rows_inside(const llvm::CallInst& inside);
  llvm::Value* answer(const Question& question);
  [[nodiscard]] bool is_asked_once(const llvm::ICmpInst& compare) const;

  // Memory: vectorizer_memory.cc.
  void emit_load(llvm::LoadInst& load);
  void emit_store(llvm::StoreInst& store);
  // Atomics: vectorizer_atomics.cc.
  [[nodiscard]] bool is_relaxed(const llvm::Instruction& access) const;
  void as_relaxed(llvm::Instruction& access, llvm::function_ref<void()> emit);
  void emit_atomic(llvm::Instruction& instruction);
  [[nodiscard]] bool may_load_again(const llvm::LoadInst& load,
                                    const llvm::Instruction& user) const;
  llvm::Value* lane_address(const llvm::GetElementPtrInst& address, unsigned chunk, unsigned lane,
                            const llvm::Instruction& user, unsigned depth);
  llvm::Value* lane_by_scalars(const llvm::Value* value, unsigned chunk, unsigned lane,
                               const llvm::Instruction& user, unsigned depth);
  bool emit_reduced_atomic(llvm::AtomicRMWInst& atomic);
  llvm::Value* safe_pointer(llvm::Value* pointer, llvm::Value* any, bool writes);
  /// The lanes of a chunk for which an access may happen. `inside`: of strip_guard.
  llvm::Value* access_mask(const llvm::Value* inside, unsigned chunk);
  /// Whether any of them may; a constant true if that is certain.
  llvm::Value* access_any(const llvm::Value* inside, unsigned chunk);
  llvm::Value* access_any(const llvm::Value* inside);
  void emit_inside(llvm::CallInst& call);
  [[nodiscard]] Values load_components(llvm::LoadInst& load, unsigned chunk);
  llvm::Value* load_window(llvm::LoadInst& load, unsigned chunk, uint64_t at, unsigned window,
                           llvm::Value* lanes);
  /// vectorizer_interleave.cc.
  [[nodiscard]] Values load_interleaved(llvm::Type* element, llvm::Value* pointer,
                                        llvm::Align align, unsigned factor, unsigned components);
  void store_interleaved(llvm::ArrayRef<llvm::Value*> parts, llvm::Value* pointer,
                         llvm::Align align);
  llvm::Value* gather(llvm::Type* element, llvm::Value* pointers, llvm::Align align,
                      llvm::Value* lanes);
  void scatter(llvm::Value* values, llvm::Value* pointers, llvm::Align align, llvm::Value* lanes);
  void store_components(llvm::StoreInst& store, unsigned chunk);
  struct NarrowPointers {
    llvm::Value* base = nullptr;
    llvm::Value* offsets = nullptr;
  };
  NarrowPointers narrow_pointers(const llvm::Value* pointer, unsigned chunk);
  llvm::Value* element_pointer(const llvm::Value* pointer, unsigned chunk, uint64_t bytes);
  llvm::Value* element_pointers(const llvm::Value* pointer, unsigned chunk, uint64_t bytes);
  /// Runs `body` for each active lane of a chunk, in ascending order; its results are collected.
  using LaneBody = llvm::function_ref<llvm::Value*(llvm::Value* lane)>;
  llvm::Value* for_each_lane(llvm::Value* mask, llvm::Type* result, bool unrolls, LaneBody body);
  llvm::Value* lane_pointer(const llvm::Value* pointer, unsigned chunk, llvm::Value* lane);

  // Neighbours: vectorizer_neighbours.cc.
  void find_neighbours();
  bool emit_neighbour(llvm::Instruction& access);
  void emit_neighbours(const Neighbours& group);
  [[nodiscard]] Values load_neighbours(const Neighbours& group, unsigned chunk);
  [[nodiscard]] Values load_pieces_of_lanes(const Neighbours& group, llvm::Type* type,
                                            unsigned chunk);
  void store_neighbours(const Neighbours& group, unsigned chunk);
  void fetch_ahead(const Neighbours& group, llvm::Value* place);
  void take_apart(llvm::ArrayRef<llvm::Value*> registers, unsigned step, unsigned offset,
                  llvm::MutableArrayRef<llvm::Value*> parts,
                  llvm::function_ref<bool(unsigned)> is_wanted);
  [[nodiscard]] Values put_together(llvm::ArrayRef<llvm::Value*> parts);
  /// Does one thing if all these lanes are there, else the other. Null or all of them: no question.
  void with_lanes(llvm::Value* lanes, llvm::function_ref<void()> all,
                  llvm::function_ref<void()> some);

  // Simdgroups: vectorizer_simdgroup.cc.
  void emit_simdgroup(llvm::CallInst& call, const builtins::Reference& reference);
  [[nodiscard]] Values simdgroup_values(const llvm::Value* value, unsigned simdgroup);
  llvm::Value* concatenate(llvm::ArrayRef<llvm::Value*> parts);
  void split(llvm::Value* whole, Values& parts);
  llvm::Value* permute(llvm::Value* whole, llvm::Value* lanes, unsigned group = kSimdgroupSize);
  llvm::Value* permute_by_registers(llvm::Value* whole, llvm::Value* lanes, unsigned group);
  llvm::Value* permute_by_memory(llvm::Value* whole, llvm::Value* lanes);
  llvm::Value* simdgroup_mask(unsigned simdgroup);

  // Matrices: vectorizer_matrix.cc.
  [[nodiscard]] unsigned matrix_vectors() const;
  [[nodiscard]] Values matrix_rows(const llvm::Value* matrix, unsigned simdgroup);
  [[nodiscard]] llvm::Value* matrix_mask(const Values& masks, unsigned index);
  [[nodiscard]] Values assemble_matrix(llvm::ArrayRef<llvm::Value*> parts,
                                       llvm::ArrayRef<unsigned> places);
  [[nodiscard]] Values gather_matrix(const llvm::Value* first, const llvm::Value* second,
                                     unsigned simdgroup);
  [[nodiscard]] llvm::Value* pointer_of_lane(const llvm::Value* pointer, unsigned chunk,
                                             unsigned lane, int64_t offset);
  [[nodiscard]] llvm::Value* piece_pointer(const MatrixPlace& place, const MatrixPiece& piece,
                                           unsigned simdgroup);
  [[nodiscard]] Values assemble_lanes(llvm::ArrayRef<llvm::Value*> parts);
  void with_guards(llvm::ArrayRef<const llvm::Value*> insides, unsigned first_chunk,
                   unsigned chunks, llvm::function_ref<void()> all,
                   llvm::function_ref<void()> some);
  [[nodiscard]] Values load_pieces(const MatrixPlace& place, unsigned simdgroup);
  void store_pieces(const MatrixPlace& place, unsigned simdgroup);
  [[nodiscard]] Values load_matrix(const MatrixPlace& place, unsigned simdgroup);
  void emit_to_matrix(llvm::CallInst& call);
  void emit_matrix_store(llvm::StoreInst& store);
  void emit_copy(llvm::StoreInst& store);
  void emit_matrix_element(llvm::ExtractValueInst& extract);
  void emit_products(llvm::CallInst& last);
  [[nodiscard]] llvm::Value* spread_element(const Values& rows, unsigned at, unsigned k);
  [[nodiscard]] llvm::Value* repeat_row(const Values& rows, unsigned at, unsigned k);
  void keep_packed(const llvm::Instruction& next);
  void pack_operand(const llvm::CallInst& matrix);
  llvm::AllocaInst* pack_matrix(const llvm::Value* matrix, bool repeats, unsigned simdgroup,
                                const Values& rows);
  [[nodiscard]] llvm::Value* load_packed(llvm::AllocaInst* packed, llvm::Type* type,
                                         unsigned element);
  void multiply_matrices(llvm::ArrayRef<const llvm::CallInst*> calls, unsigned simdgroup,
                         llvm::MutableArrayRef<Values> a, llvm::ArrayRef<Values> b,
                         llvm::MutableArrayRef<Values> c);

  llvm::Function& source_;
  llvm::Module& module_;
  llvm::LLVMContext& context_;
  const llvm::DataLayout& layout_;
  const Geometry& geometry_;
  const ControlFlow& flow_;
  const ShapeAnalysis& shapes_;
  unsigned chunks_;
  unsigned width_;

  llvm::Function* target_ = nullptr;
  llvm::IRBuilder<> builder_;
  llvm::BasicBlock* entry_ = nullptr;  ///< variables, and what the frame says
  llvm::BasicBlock* start_ = nullptr;
  llvm::Instruction* entry_end_ = nullptr;
  llvm::AllocaInst* nowhere_ = nullptr;    ///< what no lane wants is written here
  llvm::GlobalVariable* zeros_ = nullptr;  ///< and read here
  llvm::DenseMap<const llvm::Value*, Values> values_;
  llvm::DenseMap<const llvm::BasicBlock*, llvm::BasicBlock*> blocks_;
  struct PhiSlots {
    llvm::SmallVector<llvm::AllocaInst*, 8> slots;
  };
  llvm::DenseMap<const llvm::PHINode*, PhiSlots> phi_slots_;
  llvm::DenseMap<const llvm::BasicBlock*, llvm::SmallVector<llvm::AllocaInst*, 8>> mask_slots_;
  llvm::DenseMap<const llvm::BasicBlock*, llvm::SmallVector<const llvm::PHINode*, 4>> cleared_;
  llvm::DenseMap<const llvm::BasicBlock*, llvm::SmallVector<const llvm::BasicBlock*, 2>>
      cleared_masks_;
  llvm::DenseMap<const llvm::BasicBlock*, Pending> pending_;
  llvm::DenseMap<const llvm::BasicBlock*, llvm::SmallVector<llvm::BasicBlock*, 2>> led_;
  std::map<std::pair<size_t, llvm::Type*>, llvm::Value*> frame_values_;
  Values mask_;  ///< of the block at hand; empty: all lanes
  bool maybe_empty_ = false;
  const MatrixAccesses accesses_;
  ProductGroups product_groups_;
  NeighbourGroups neighbours_;  ///< by the last of each group
  llvm::DenseSet<const llvm::Instruction*> earlier_neighbours_;
  /// Operands of products on the stack, until the next block or place where steps may change.
  std::map<std::pair<const llvm::Value*, unsigned>, llvm::AllocaInst*> packed_;
  bool is_unwritten_ = false;  ///< behind a barrier of the block, and nothing was written since
  const llvm::Instruction* top_end_;  ///< where the top ends
  llvm::BranchInst* assumption_ = nullptr;
  std::vector<Remark> remarks_;
  std::optional<Error> error_;
};

/// Fields of a vector or struct, else 1.
[[nodiscard]] unsigned component_count(const llvm::Type* type);
[[nodiscard]] llvm::Type* component_type(llvm::Type* type, unsigned component);

}  // namespace anymetal::simt

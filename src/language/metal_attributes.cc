#include "language/metal_attributes.h"

#include <algorithm>

namespace anymetal::language {
namespace {

// Metal Shading Language Specification, "Attributes for Compute (Kernel) Function Inputs";
// dimensions from the same table.
constexpr InputAttribute kInputs[] = {
    {"dispatch_quadgroups_per_threadgroup", 1},
    {"dispatch_simdgroups_per_threadgroup", 1},
    {"dispatch_threads_per_threadgroup", 3},
    {"grid_origin", 3},
    {"grid_size", 3},
    {"quadgroup_index_in_threadgroup", 1},
    {"quadgroups_per_threadgroup", 1},
    {"simdgroup_index_in_threadgroup", 1},
    {"simdgroups_per_threadgroup", 1},
    {"thread_execution_width", 1},
    {"thread_index_in_quadgroup", 1},
    {"thread_index_in_simdgroup", 1},
    {"thread_index_in_threadgroup", 1},
    {"thread_position_in_grid", 3},
    {"thread_position_in_threadgroup", 3},
    {"threadgroup_position_in_grid", 3},
    {"threadgroups_per_grid", 3},
    {"threads_per_grid", 3},
    {"threads_per_simdgroup", 1},
    {"threads_per_threadgroup", 3},
};

constexpr std::string_view kAnnotated[] = {"buffer",     "function_constant",
                                           "host_name",  "id",
                                           "kernel",     "max_total_threads_per_threadgroup",
                                           "sampler",    "texture",
                                           "threadgroup"};

constexpr std::string_view kKept[] = {
    "assume",       "carries_dependency", "deprecated", "fallthrough", "likely",
    "maybe_unused", "no_unique_address",  "nodiscard",  "noreturn",    "unlikely"};

constexpr std::string_view kDropped[] = {
    "access", "required_threads_per_threadgroup_hint", "stitchable", "unroll", "user", "visible"};

constexpr std::string_view kGraphics[] = {"amplification_count",
                                          "amplification_id",
                                          "attribute",
                                          "barycentric_coord",
                                          "base_instance",
                                          "base_vertex",
                                          "center_no_perspective",
                                          "center_perspective",
                                          "centroid_no_perspective",
                                          "centroid_perspective",
                                          "clip_distance",
                                          "color",
                                          "depth",
                                          "early_fragment_tests",
                                          "flat",
                                          "front_facing",
                                          "imageblock_data",
                                          "instance_id",
                                          "invariant",
                                          "patch",
                                          "patch_id",
                                          "payload",
                                          "point_coord",
                                          "point_size",
                                          "position",
                                          "position_in_patch",
                                          "primitive_culled",
                                          "primitive_id",
                                          "raster_order_group",
                                          "render_target_array_index",
                                          "sample_id",
                                          "sample_mask",
                                          "sample_no_perspective",
                                          "sample_perspective",
                                          "shared",
                                          "stencil",
                                          "vertex_id",
                                          "viewport_array_index"};

constexpr std::string_view kUnsupported[] = {"fragment", "intersection", "mesh",
                                             "object",   "stage_in",     "vertex"};

template <class Range>
bool contains(const Range& range, std::string_view name) {
  return std::find(std::begin(range), std::end(range), name) != std::end(range);
}

}  // namespace

std::span<const InputAttribute> input_attributes() {
  return kInputs;
}

const InputAttribute* find_input_attribute(std::string_view name) {
  const auto* found = std::find_if(std::begin(kInputs), std::end(kInputs),
                                   [&](const InputAttribute& a) { return a.name == name; });
  return found == std::end(kInputs) ? nullptr : found;
}

AttributeUse use_of_attribute(std::string_view name) {
  if (find_input_attribute(name)) return AttributeUse::input;
  if (contains(kAnnotated, name)) return AttributeUse::annotate;
  if (contains(kKept, name)) return AttributeUse::keep;
  if (contains(kDropped, name)) return AttributeUse::drop;
  if (contains(kGraphics, name)) return AttributeUse::graphics;
  if (contains(kUnsupported, name)) return AttributeUse::unsupported;
  return AttributeUse::unknown;
}

}  // namespace anymetal::language

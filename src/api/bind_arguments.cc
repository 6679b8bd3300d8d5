// What comes in: the arguments of a call as its author wrote them (arrays, numbers, bytes, structs
// by member). What goes out: memory for each buffer index. Metal itself looks at no type: a float64
// array for a `float*` would be read as garbage, and a Python 3 for a `float&` as 4.2e-45. So types
// are compared here, and numbers are converted to the type that the kernel declares.
#include "api/bind_arguments.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "api/launch.h"
#include "api/store_number.h"
#include "api/texture.h"

namespace anymetal::api {
namespace {

using Number = KernelArgument::Number;
using TypedMemory = KernelArgument::TypedMemory;
using RawMemory = KernelArgument::RawMemory;
using Bytes = KernelArgument::Bytes;
using List = KernelArgument::List;
using Members = KernelArgument::Members;

constexpr uint64_t kInlineBytes = 4096;  // Metal's limit of setBytes

/// One value to be filled in: a parameter's, or a member's.
struct Place {
  std::string_view type;
  std::string_view element;
  uint32_t size;  ///< bytes of one value
  std::span<const Field> fields;
};

std::string describe_array(const ArrayView& view) {
  return fmt::format("{}[{}]", name_of(view.dtype), fmt::join(view.shape, ", "));
}

const char* kind_of(const KernelArgument& argument) {
  const auto* texture = std::get_if<Texture>(&argument.value);
  if (texture && !texture->state()) return "nothing";
  constexpr const char* kNames[] = {"a number",  "an array",  "memory",
                                    "bytes",     "a list",    "a struct by its members",
                                    "a texture", "a sampler", "nothing"};
  return kNames[argument.value.index()];
}

/// How somebody gets an array of `element` from one of `dtype`.
std::string advice(Dtype dtype, std::string_view element) {
  if (dtype == Dtype::float64 && element == "float")
    return "Metal has no double: convert it to float32";
  const uint32_t size = scalar_size(element);
  if (size == size_of(dtype))
    return fmt::format(
        "convert it, or reinterpret its bits with `.view(...)` if they are meant as `{}`", element);
  return "convert it, or wrap it in `anymetal.Buffer` (C++: RawMemory) if its bytes are meant";
}

Result<void> check_element(const ArrayView& view, std::string_view type, std::string_view element) {
  if (element.empty()) return {};
  const std::string_view own = element_of(view.dtype);
  if (own == element && view.dtype != Dtype::complex64) return {};
  if (view.dtype == Dtype::complex64 && (type == "float2" || type == "packed_float2")) return {};
  return user_error(fmt::format("the array is {}, and the kernel's elements are `{}`: {}",
                                describe_array(view), type, advice(view.dtype, element)));
}

Result<void> check_layout(const ArrayView& view) {
  if (view.strides.empty() || is_row_contiguous(view.shape, view.strides)) return {};
  return user_error(
      fmt::format("the array {} isn't row-major without gaps (strides {} in elements): pass a "
                  "contiguous copy",
                  describe_array(view), fmt::join(view.strides, ", ")));
}

/// An empty array may have no memory, but it is bound: only an access to it is wrong.
runtime::Argument memory_of(const void* data, uint64_t bytes) {
  static uint64_t nothing = 0;
  return {const_cast<void*>(data == nullptr && bytes == 0 ? &nothing : data), bytes};
}

Result<runtime::Argument> typed_memory(const TypedMemory& memory, std::string_view type,
                                       std::string_view element, bool is_const) {
  if (memory.read_only && !is_const)
    return user_error(
        fmt::format("the array {} is read-only, and the kernel may write to it: pass "
                    "a writable one, or declare it const in the kernel",
                    describe_array(memory.view)));
  ANYMETAL_RETURN_IF_ERROR(check_element(memory.view, type, element));
  ANYMETAL_RETURN_IF_ERROR(check_layout(memory.view));
  return memory_of(memory.view.data, memory.view.size() * size_of(memory.view.dtype));
}

Result<runtime::Argument> raw_memory(const RawMemory& memory, bool is_const) {
  if (memory.read_only && !is_const)
    return user_error(
        fmt::format("the {} bytes of memory are read-only, and the kernel may write to them: pass "
                    "writable ones, or declare the parameter const in the kernel",
                    memory.bytes));
  return memory_of(memory.data, memory.bytes);
}

/// All numbers of nested lists, in order.
Result<void> flatten(const KernelArgument& argument, std::vector<Number>& out) {
  if (const auto* number = std::get_if<Number>(&argument.value)) {
    out.push_back(*number);
    return {};
  }
  if (const auto* list = std::get_if<List>(&argument.value)) {
    for (const KernelArgument& element : *list->elements)
      ANYMETAL_RETURN_IF_ERROR(flatten(element, out));
    return {};
  }
  return user_error(
      fmt::format("it has {} among its elements, where a number is needed", kind_of(argument)));
}

/// A buffer of pointers.
bool is_pointer(const Place& place) {
  return place.fields.size() == 1 && place.fields[0].name.empty();
}

/// What a texture or a sampler is in a struct; nothing: the argument is neither, or doesn't fit.
std::optional<uint64_t> handle_of(const KernelArgument& argument, std::string_view type) {
  if (const auto* texture = std::get_if<Texture>(&argument.value)) {
    if (!type.starts_with("texture") && !type.starts_with("depth")) return std::nullopt;
    return texture->state() ? texture->state()->texture->handle() : 0;
  }
  const auto* sampler = std::get_if<Sampler>(&argument.value);
  if (!sampler || type != "sampler") return std::nullopt;
  return sampler->state();
}

bool is_handle(std::string_view type) {
  return type == "sampler" || type.starts_with("texture") || type.starts_with("depth");
}

class Storing {
 public:
  explicit Storing(BoundArguments& bound) : bound_(bound) {}

  /// `out` has the size of one value, or of several if `place` is an array's element.
  Result<void> store(const KernelArgument& argument, const Place& place, std::span<std::byte> out) {
    if (const auto* bytes = std::get_if<Bytes>(&argument.value)) {
      if (bytes->bytes.size() != out.size())
        return user_error(fmt::format("`{}` has {} bytes, and {} were given", place.type,
                                      out.size(), bytes->bytes.size()));
      std::memcpy(out.data(), bytes->bytes.data(), out.size());
      return {};
    }
    if (const auto* members = std::get_if<Members>(&argument.value))
      return store_members(*members, "", place, out);
    if (is_pointer(place)) return store_pointers(argument, place, out);
    if (is_handle(place.type)) return store_handles(argument, place, out);
    if (place.element.empty())
      return user_error(
          fmt::format("`{}` is a struct: give its members by name or its bytes, not {}", place.type,
                      kind_of(argument)));
    std::vector<Number> numbers;
    ANYMETAL_RETURN_IF_ERROR(flatten(argument, numbers));
    return store_numbers(numbers, place, out);
  }

 private:
  /// A texture or a sampler, or a list of them.
  Result<void> store_handles(const KernelArgument& argument, const Place& place,
                             std::span<std::byte> out) {
    const size_t wanted = out.size() / sizeof(uint64_t);
    const auto* list = std::get_if<List>(&argument.value);
    if (list ? list->elements->size() != wanted : wanted != 1)
      return user_error(
          fmt::format("it is an array of {} `{}`: give a list of so many", wanted, place.type));
    for (size_t i = 0; i < wanted; ++i) {
      const KernelArgument& one = list ? (*list->elements)[i] : argument;
      const auto handle = handle_of(one, place.type);
      if (!handle)
        return user_error(fmt::format("it is a `{}`, and {} was given", place.type, kind_of(one)));
      std::memcpy(out.data() + i * sizeof(uint64_t), &*handle, sizeof(uint64_t));
    }
    return {};
  }

  /// A list of arrays as an array of their addresses.
  Result<void> store_pointers(const KernelArgument& argument, const Place& place,
                              std::span<std::byte> out) {
    const auto* list = std::get_if<List>(&argument.value);
    const size_t wanted = out.size() / sizeof(void*);
    if (!list || list->elements->size() != wanted)
      return user_error(fmt::format("it holds pointers to `{}`: give a list of {} arrays, not {}",
                                    place.fields[0].type, wanted, kind_of(argument)));
    for (size_t i = 0; i < wanted; ++i) {
      auto stored = store_pointer((*list->elements)[i], place.fields[0],
                                  out.subspan(i * sizeof(void*), sizeof(void*)));
      if (!stored) return user_error(fmt::format("element {}: {}", i, stored.error().message));
    }
    return {};
  }

  Result<void> store_numbers(std::span<const Number> numbers, const Place& place,
                             std::span<std::byte> out) {
    const TypeShape shape = shape_of(place.type, place.element, place.size);
    const uint32_t scalar = scalar_size(place.element);
    const size_t values = place.size ? out.size() / place.size : 0;
    const size_t wanted = values * shape.columns * shape.rows;
    if (scalar == 0 || numbers.size() != wanted)
      return user_error(fmt::format(
          "`{}` takes {} number{}, and {} {} given",
          values == 1 ? std::string(place.type) : fmt::format("{}[{}]", place.type, values), wanted,
          wanted == 1 ? "" : "s", numbers.size(), numbers.size() == 1 ? "was" : "were"));
    size_t next = 0;
    for (size_t value = 0; value < values; ++value) {
      for (uint32_t column = 0; column < shape.columns; ++column) {
        for (uint32_t row = 0; row < shape.rows; ++row) {
          std::byte* to =
              out.data() + value * place.size + size_t{column} * shape.stride + row * scalar;
          ANYMETAL_RETURN_IF_ERROR(store_number(numbers[next++], place.element, to));
        }
      }
    }
    return {};
  }

  Result<void> store_members(const Members& members, const std::string& path, const Place& place,
                             std::span<std::byte> out) {
    if (place.fields.empty())
      return user_error(fmt::format("`{}` has no members that can be given by name: give {}",
                                    place.type, place.element.empty() ? "its bytes" : "numbers"));
    for (const Field& field : place.fields) {
      const std::string_view name(field.name);
      if (!name.starts_with(path)) continue;
      const std::string_view rest = name.substr(path.size());
      const std::string head(rest.substr(0, rest.find_first_of(".[")));
      const auto given = std::ranges::find(*members.members, head,
                                           [](const auto& member) { return member.first; });
      if (given == members.members->end())
        return user_error(
            fmt::format("the member `{}` of `{}` is missing", path + head, place.type));
      auto stored = store_path(given->second, path + head, field, place, out);
      if (!stored) {
        Error error = std::move(stored).error();
        if (!error.message.starts_with("member ") && !error.message.starts_with("the member "))
          error.message = fmt::format("member `{}`: {}", field.name, error.message);
        return error;
      }
    }
    return check_names(members, path, place);
  }

  /// A member that the struct doesn't have is a slip, not to be passed over.
  Result<void> check_names(const Members& members, const std::string& path, const Place& place) {
    for (const auto& [name, value] : *members.members) {
      const auto known = [&](const Field& field) {
        const std::string whole = path + name;
        if (!field.name.starts_with(whole)) return false;
        return field.name.size() == whole.size() || field.name[whole.size()] == '.' ||
               field.name[whole.size()] == '[';
      };
      if (std::ranges::none_of(place.fields, known))
        return user_error(fmt::format("`{}` has no member `{}`", place.type, path + name));
      if (const auto* inner = std::get_if<Members>(&value.value))
        ANYMETAL_RETURN_IF_ERROR(check_names(*inner, path + name + ".", place));
      const auto* list = std::get_if<List>(&value.value);
      for (size_t i = 0; list && i < list->elements->size(); ++i) {
        const auto* element = std::get_if<Members>(&(*list->elements)[i].value);
        const std::string inner_path = fmt::format("{}{}[{}].", path, name, i);
        if (element) ANYMETAL_RETURN_IF_ERROR(check_names(*element, inner_path, place));
      }
    }
    return {};
  }

  /// Stores the one field that `path` leads to; `argument` is the value of the member at `path`.
  Result<void> store_path(const KernelArgument& argument, const std::string& path,
                          const Field& field, const Place& place, std::span<std::byte> out) {
    if (field.name.size() == path.size()) return store_field(argument, field, out);
    if (field.name[path.size()] == '.') {
      const auto* members = std::get_if<Members>(&argument.value);
      if (!members)
        return user_error(fmt::format("`{}` is a struct: give its members by name, not {}", path,
                                      kind_of(argument)));
      const std::string_view rest = std::string_view(field.name).substr(path.size() + 1);
      const std::string head(rest.substr(0, rest.find_first_of(".[")));
      for (const auto& [name, value] : *members->members)
        if (name == head) {
          return store_path(value, fmt::format("{}.{}", path, head), field, place, out);
        }
      return user_error(
          fmt::format("the member `{}.{}` of `{}` is missing", path, head, place.type));
    }
    const size_t close = field.name.find(']', path.size());
    const size_t index = std::stoul(field.name.substr(path.size() + 1, close));
    const auto* list = std::get_if<List>(&argument.value);
    if (!list || index >= list->elements->size())
      return user_error(fmt::format("`{}` is an array: give a list with all its elements", path));
    return store_path((*list->elements)[index], field.name.substr(0, close + 1), field, place, out);
  }

  Result<void> store_field(const KernelArgument& argument, const Field& field,
                           std::span<std::byte> out) {
    const std::span<std::byte> to = out.subspan(field.offset, field.size);
    if (field.is_pointer) return store_pointer(argument, field, to);
    const Place place{field.type, field.element, field.count ? field.size / field.count : 0, {}};
    return store(argument, place, to);
  }

  Result<void> store_pointer(const KernelArgument& argument, const Field& field,
                             std::span<std::byte> to) {
    runtime::Argument memory;
    if (const auto* typed = std::get_if<TypedMemory>(&argument.value)) {
      ANYMETAL_ASSIGN_OR_RETURN(memory,
                                typed_memory(*typed, field.type, field.element, field.is_const));
    } else if (const auto* raw = std::get_if<RawMemory>(&argument.value)) {
      ANYMETAL_ASSIGN_OR_RETURN(memory, raw_memory(*raw, field.is_const));
    } else {
      return user_error(fmt::format("it is a pointer to `{}`: give an array, not {}", field.type,
                                    kind_of(argument)));
    }
    const auto address = reinterpret_cast<uintptr_t>(memory.data);
    std::memcpy(to.data(), &address, sizeof address);
    bound_.make_resident(memory);
    return {};
  }

  BoundArguments& bound_;
};

size_t numbers_in(const KernelArgument& argument) {
  if (const auto* list = std::get_if<List>(&argument.value)) {
    size_t count = 0;
    for (const KernelArgument& element : *list->elements) count += numbers_in(element);
    return count;
  }
  return 1;
}

/// How many bytes a value for this parameter has: a reference's are fixed, behind a pointer there
/// may be several.
uint64_t inline_size(const Parameter& p, const KernelArgument& argument) {
  if (p.is_reference) return p.size;
  if (const auto* bytes = std::get_if<Bytes>(&argument.value)) return bytes->bytes.size();
  const auto* list = std::get_if<List>(&argument.value);
  if (!list || p.size == 0) return p.size;
  if (is_pointer({p.type, p.element, p.size, p.fields})) return list->elements->size() * p.size;
  const TypeShape shape = shape_of(p.type, p.element, p.size);
  const uint64_t each = std::max<uint64_t>(1, uint64_t{shape.columns} * shape.rows);
  return std::max<uint64_t>(1, numbers_in(argument) / each) * p.size;
}

Result<runtime::Argument> inline_value(const Parameter& p, const KernelArgument& argument,
                                       BoundArguments& bound) {
  if (!p.is_const)
    return user_error(
        fmt::format("the kernel may write to it, and {} can't be written to: pass an array",
                    kind_of(argument)));
  const uint64_t bytes = inline_size(p, argument);
  if (bytes > kInlineBytes)
    return user_error(fmt::format(
        "{} bytes are over the limit of {} for values that are passed inline: pass an array", bytes,
        kInlineBytes));
  const std::span<std::byte> out = bound.copy_space(bytes);
  ANYMETAL_RETURN_IF_ERROR(
      Storing(bound).store(argument, {p.type, p.element, p.size, p.fields}, out));
  return runtime::Argument{out.data(), bytes};
}

/// Textures or samplers, one or a list for an array, which may be shorter.
Result<void> bind_resources(const Parameter& p, const KernelArgument& argument,
                            BoundArguments& bound) {
  const bool is_texture = p.kind == ParameterKind::texture;
  const char* what = is_texture ? "a texture" : "a sampler";
  const auto* list = std::get_if<List>(&argument.value);
  if (list && (p.count == 1 || list->elements->size() > p.count))
    return user_error(fmt::format("it takes {} {}, and a list of {} was given", p.count,
                                  is_texture ? "textures" : "samplers", list->elements->size()));
  const size_t count = list ? list->elements->size() : 1;
  for (uint32_t i = 0; i < count; ++i) {
    const KernelArgument& one = list ? (*list->elements)[i] : argument;
    if (const auto* texture = std::get_if<Texture>(&one.value); texture && is_texture) {
      bound.bind_texture(p.index + i, texture->state() ? texture->state()->texture.get() : nullptr);
    } else if (const auto* sampler = std::get_if<Sampler>(&one.value); sampler && !is_texture) {
      bound.bind_sampler(p.index + i, sampler->state());
    } else {
      return user_error(fmt::format("it is {}, and {} was given", what, kind_of(one)));
    }
  }
  return {};
}

Result<void> bind_one(const Parameter& p, const KernelArgument& argument, BoundArguments& bound) {
  if (p.kind != ParameterKind::buffer) return bind_resources(p, argument, bound);
  if (std::holds_alternative<Texture>(argument.value) ||
      std::holds_alternative<Sampler>(argument.value))
    return user_error(fmt::format("it is a buffer, and {} was given", kind_of(argument)));
  runtime::Argument memory;
  if (const auto* typed = std::get_if<TypedMemory>(&argument.value)) {
    ANYMETAL_ASSIGN_OR_RETURN(memory, typed_memory(*typed, p.type, p.element, p.is_const));
  } else if (const auto* raw = std::get_if<RawMemory>(&argument.value)) {
    ANYMETAL_ASSIGN_OR_RETURN(memory, raw_memory(*raw, p.is_const));
  } else {
    ANYMETAL_ASSIGN_OR_RETURN(memory, inline_value(p, argument, bound));
  }
  bound.bind(p.index, memory);
  return {};
}

/// Whether a call gives an argument for it.
bool is_given(const Parameter& p) {
  return p.kind == ParameterKind::buffer || p.kind == ParameterKind::texture ||
         p.kind == ParameterKind::sampler;
}

std::string place_of(const KernelInterface& kernel, const Parameter& p) {
  if (kernel.file.empty() || p.line == 0) return {};
  return fmt::format("{}:{}: ", kernel.file, p.line);
}

Error about(const KernelInterface& kernel, const Parameter& p, Error error) {
  error.message = fmt::format("{}kernel `{}`, argument `{}`: {}", place_of(kernel, p), kernel.name,
                              describe(p), error.message);
  return error;
}

}  // namespace

void BoundArguments::bind(uint32_t index, runtime::Argument argument) {
  if (index >= buffers_.size()) return;  // the runtime has refused such a kernel
  buffers_[index] = argument;
  count_ = std::max<size_t>(count_, index + 1);
}

void BoundArguments::bind_texture(uint32_t index, const runtime::Texture* texture) {
  if (textures_.size() <= index) textures_.resize(index + 1);
  textures_[index] = texture;
}

void BoundArguments::bind_sampler(uint32_t index, uint64_t state) {
  if (samplers_.size() <= index) samplers_.resize(index + 1);
  samplers_[index] = &made_samplers_.emplace_back(SamplerState::from_bits(state));
}

std::span<std::byte> BoundArguments::copy_space(size_t bytes) {
  std::vector<Line>& lines = copies_.emplace_back(bytes / sizeof(Line) + 1);
  return {lines.front().bytes, bytes};
}

Result<void> bind_arguments(const KernelInterface& kernel, const KernelCall& call,
                            BoundArguments& out) {
  std::vector<const Parameter*> buffers;
  for (const Parameter& p : kernel.parameters)
    if (is_given(p)) buffers.push_back(&p);
  std::vector<const KernelArgument*> given(buffers.size(), nullptr);
  if (call.arguments.size() > buffers.size())
    return user_error(fmt::format("kernel `{}` takes {} argument{}, and {} were given", kernel.name,
                                  buffers.size(), buffers.size() == 1 ? "" : "s",
                                  call.arguments.size()));
  for (size_t i = 0; i < call.arguments.size(); ++i) given[i] = &call.arguments[i];
  for (const auto& [name, argument] : call.named_arguments) {
    const auto found = std::ranges::find(buffers, name, &Parameter::name);
    if (found == buffers.end())
      return user_error(fmt::format(
          "kernel `{}` has no buffer, texture or sampler that is called `{}`", kernel.name, name));
    const KernelArgument*& slot = given[static_cast<size_t>(found - buffers.begin())];
    if (slot)
      return user_error(
          fmt::format("kernel `{}`: the argument `{}` is given twice", kernel.name, name));
    slot = &argument;
  }
  for (const auto& [index, argument] : call.indexed_arguments) {
    const auto found = std::ranges::find_if(buffers, [&](const Parameter* p) {
      return p->kind == ParameterKind::buffer && p->index == index;
    });
    if (found == buffers.end())
      return user_error(fmt::format("kernel `{}` has no [[buffer({})]]", kernel.name, index));
    const KernelArgument*& slot = given[static_cast<size_t>(found - buffers.begin())];
    if (slot)
      return user_error(fmt::format("kernel `{}`: buffer {} is given twice", kernel.name, index));
    slot = &argument;
  }
  for (size_t i = 0; i < buffers.size(); ++i) {
    const Parameter& p = *buffers[i];
    const bool nothing =
        !given[i] || std::holds_alternative<KernelArgument::Nothing>(given[i]->value);
    if (nothing && p.is_optional) continue;
    if (nothing)
      return user_error(fmt::format(
          "{}kernel `{}`: the argument `{}` is missing: {} of {} were given", place_of(kernel, p),
          kernel.name, describe(p),
          call.arguments.size() + call.named_arguments.size() + call.indexed_arguments.size(),
          buffers.size()));
    auto bound = bind_one(p, *given[i], out);
    if (!bound) return about(kernel, p, std::move(bound).error());
  }
  return {};
}

namespace {

/// Bytes of a value for a function constant.
Result<std::string> constant_bytes(const FunctionConstant& constant, const KernelArgument& value) {
  BoundArguments nowhere;
  std::string bytes(constant.size, '\0');
  auto stored = Storing(nowhere).store(value, {constant.type, constant.element, constant.size, {}},
                                       std::as_writable_bytes(std::span(bytes)));
  if (stored) return bytes;
  return user_error(fmt::format("function constant `{}` (`{}`): {}", constant.name, constant.type,
                                stored.error().message));
}

const FunctionConstant* find_constant(std::span<const FunctionConstant> known,
                                      const ConstantKey& key) {
  for (const FunctionConstant& constant : known) {
    if (const auto* name = std::get_if<std::string>(&key)) {
      if (constant.name == *name) return &constant;
    } else if (constant.index == std::get<uint32_t>(key)) {
      return &constant;
    }
  }
  return nullptr;
}

}  // namespace

Result<std::vector<language::ConstantValue>> constant_values(
    std::span<const FunctionConstant> known, std::string_view file, const ConstantValues& values) {
  std::vector<language::ConstantValue> result;
  for (const auto& [key, value] : values) {
    const FunctionConstant* constant = find_constant(known, key);
    if (!constant) {
      std::vector<std::string> names;
      for (const FunctionConstant& c : known)
        names.push_back(c.index ? fmt::format("`{}` ({})", c.name, *c.index) : "`" + c.name + "`");
      const auto* name = std::get_if<std::string>(&key);
      return user_error(fmt::format(
          "{} has no function constant {}: it has {}", file,
          name ? "`" + *name + "`" : fmt::format("with index {}", std::get<uint32_t>(key)),
          names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
    }
    ANYMETAL_ASSIGN_OR_RETURN(std::string bytes, constant_bytes(*constant, value));
    result.push_back({.name = constant->name, .index = 0, .bytes = std::move(bytes)});
  }
  return result;
}

}  // namespace anymetal::api

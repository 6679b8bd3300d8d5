// What comes in: a whole Metal file, whose kernels have signatures of their own. What goes out: for
// each kernel what `mx.fast.metal_kernel` is to be given, a header and a body, and what the call
// must do so that the kernel sees what it saw before; or the reasons why it can't be done, at their
// lines. Whoever writes a module in Python or C++ from it (python/anymetal) needs nothing of Clang.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/private_api.h"
#include "support/result.h"

namespace anymetal::port {

/// What a parameter of the kernel becomes.
enum class Role : uint8_t {
  input,        ///< an input of the same elements
  scalar,       ///< `constant T&`: a 0-d input
  packed,       ///< a struct, vector or matrix by reference: an input of 32- or 64-bit words
  output,       ///< an output
  owned,        ///< read and written by the thread of its index alone: input and output, copied
  in_place,     ///< read and written: input, output and flags of what was written
  atomic,       ///< an output that atomics begin to count in at init_value
  threadgroup,  ///< a local array, its length a template argument
  attribute,    ///< declared in the body, or asked for under its own name
  unused,
};
[[nodiscard]] ANYMETAL_PRIVATE_API const char* name_of(Role role);

/// A member of a packed argument.
struct Member {
  std::string name;
  std::string type;     ///< "float3"
  std::string element;  ///< "float"
  uint32_t offset = 0;
  uint32_t size = 0;
  uint32_t count = 1;     ///< of an array
  uint32_t elements = 1;  ///< scalars in one of them: 3 for float3
};

struct Argument {
  std::string name;         ///< in the original
  std::string kernel_name;  ///< of the input or output
  std::string declaration;  ///< "device const float* x [[buffer(0)]]"
  Role role = Role::unused;
  std::string type;       ///< of the value or pointee: "float4"
  std::string element;    ///< of the array that a call gives: "float"; "uchar" for structs
  uint32_t per_unit = 1;  ///< such elements in one `type`: 4 for float4, 4 for float3
  uint32_t size = 0;      ///< bytes of `type`
  uint32_t line = 0;
  std::vector<Member> members;  ///< of a packed argument; one without a name: not a struct
  std::string words;            ///< of a packed argument: "uint" or "ulong"
  uint32_t word_count = 0;
  bool is_optional = false;     ///< depends on a function constant
  bool needs_device = false;    ///< the code needs it in device memory: at least 8 elements
  bool needs_constant = false;  ///< in constant memory: at most 7
  std::string template_name;    ///< of the length, for threadgroup; of the type, if it is one
  std::string before;       ///< of owned and in_place: the input that its first contents come in
  std::string beside;       ///< of owned: the input with their number; of in_place: the flags
  std::string like;         ///< of an output: the argument that has its shape
  bool is_threads = false;  ///< of an output: indexed by the thread's position in a row
};

/// What `template=` gets besides lengths.
struct TemplateArgument {
  std::string name;
  std::string kind;   ///< "dtype", "int", "bool"
  std::string value;  ///< of this instance: "float", "4", "true"
};

struct Constant {
  std::string name;
  std::string type;  ///< "bool", "uint", "float"
  uint32_t line = 0;
  bool in_header = false;  ///< functions outside the kernel use it: the kernel is made for a value
  bool asks_defined = false;  ///< the code asks whether it was given
  std::string template_name;
};

struct Kernel {
  std::string name;      ///< host name
  std::string function;  ///< as the text calls it
  std::string file;
  uint32_t line = 0;
  std::string comment;  ///< that stood before it, without its marks
  std::string header;
  std::string body;
  std::vector<Argument> arguments;  ///< in the order of the original's declaration
  std::vector<TemplateArgument> templates;
  std::vector<Constant> constants;
  uint32_t max_threads = 1024;
  bool has_atomic_outputs = false;  ///< metal_kernel's atomic_outputs
  std::vector<std::string> notes;
  std::vector<Diagnostic> refusals;  ///< not empty: nothing of the rest can be relied on
};

struct Request {
  std::string text;
  std::string path;
  std::vector<std::string> include_dirs;
  std::vector<std::pair<std::string, std::string>> macros;
  std::vector<std::string> kernels;  ///< host names or functions; empty: all
};

struct Ported {
  std::vector<Kernel> kernels;
  std::vector<std::string> unknown;  ///< messages about names in Request::kernels
  std::string warnings;
};

/// Errors: user (the text is wrong, with places), unsupported, stopped.
[[nodiscard]] ANYMETAL_PRIVATE_API Result<Ported> port(const Request& request);

}  // namespace anymetal::port

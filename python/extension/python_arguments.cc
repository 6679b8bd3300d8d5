#include "extension/python_arguments.h"

#include <atomic>
#include <string>
#include <string_view>

#include "anymetal/dlpack.hpp"

namespace nb = nanobind;

namespace anymetal::python {
namespace {

nb::object& buffer_type() {
  static auto* const type = new nb::object;  // Python may be gone when statics die
  return *type;
}

std::string name_of_type(nb::handle object) {
  return nb::cast<std::string>(nb::str(nb::type_name(object.type())));
}

std::string module_of(nb::handle object) {
  nb::object name = nb::getattr(object.type(), "__module__", nb::str(""));
  return nb::isinstance<nb::str>(name) ? nb::cast<std::string>(name) : std::string();
}

/// The module if somebody has imported it, else nothing: an object of its types can't exist then.
nb::object loaded_module(const char* name) {
  nb::object modules = nb::module_::import_("sys").attr("modules");
  return modules.attr("get")(name, nb::none());
}

bool is_numpy(nb::handle object, const char* type) {
  nb::object numpy = loaded_module("numpy");
  return !numpy.is_none() && nb::isinstance(object, numpy.attr(type));
}

/// The same for arrays, which nearly all arguments are: the type is looked up once.
bool is_ndarray(nb::handle object) {
  static std::atomic<PyTypeObject*> type = nullptr;  // what NumPy is to a process, it stays
  if (object.type().ptr() == reinterpret_cast<PyObject*>(type.load(std::memory_order_relaxed)))
    return true;
  if (!is_numpy(object, "ndarray")) return false;
  nb::object found = loaded_module("numpy").attr("ndarray");
  type.store(reinterpret_cast<PyTypeObject*>(found.ptr()), std::memory_order_relaxed);
  return true;
}

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument(what);
}

KernelArgument::Bytes copied_bytes(const void* data, size_t size) {
  const auto* from = static_cast<const std::byte*>(data);
  return {std::vector<std::byte>(from, from + size)};
}

KernelArgument from_int(nb::handle object) {
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(object.ptr(), &overflow);
  if (overflow == 0) return KernelArgument(static_cast<int64_t>(number));
  const unsigned long long positive = overflow > 0 ? PyLong_AsUnsignedLongLong(object.ptr()) : 0;
  if (overflow < 0 || PyErr_Occurred()) {
    PyErr_Clear();
    refuse("the integer has more than 64 bits");
  }
  return KernelArgument(static_cast<uint64_t>(positive));
}

/// The element type of a buffer by its format (the letters of Python's module struct); nothing:
/// structs and what else Metal doesn't have.
std::optional<Dtype> dtype_of_format(std::string_view format, size_t item) {
  if (!format.empty() && std::string_view("@=<|").find(format[0]) != std::string_view::npos)
    format.remove_prefix(1);
  const auto integer = [&](bool is_signed) -> std::optional<Dtype> {
    switch (item) {
      case 1:
        return is_signed ? Dtype::int8 : Dtype::uint8;
      case 2:
        return is_signed ? Dtype::int16 : Dtype::uint16;
      case 4:
        return is_signed ? Dtype::int32 : Dtype::uint32;
      case 8:
        return is_signed ? Dtype::int64 : Dtype::uint64;
      default:
        return std::nullopt;
    }
  };
  if (format == "Zf") return Dtype::complex64;
  if (format.size() != 1) return std::nullopt;
  if (std::string_view("bhilqn").find(format[0]) != std::string_view::npos) return integer(true);
  if (std::string_view("cBHILQN").find(format[0]) != std::string_view::npos) return integer(false);
  if (format == "?") return Dtype::bool_;
  if (format == "e") return Dtype::float16;
  if (format == "f") return Dtype::float32;
  if (format == "d") return Dtype::float64;
  return std::nullopt;
}

/// Bytes from the first element to behind the last one. Negative strides would lead before the
/// first.
uint64_t extent_of(const Shape& shape, const Strides& byte_strides, uint64_t item) {
  uint64_t last = 0;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return 0;
    if (byte_strides[i] < 0) refuse("the array has a negative stride: pass a contiguous copy");
    last += static_cast<uint64_t>((shape[i] - 1) * byte_strides[i]);
  }
  return last + item;
}

struct Layout {
  void* data = nullptr;
  Shape shape;
  Strides byte_strides;  ///< empty: row-major without gaps
  uint64_t item = 0;
  std::optional<Dtype> dtype;
  bool read_only = false;
};

/// Elements of an unknown type are raw memory, which must be without gaps too.
KernelArgument from_layout(Layout layout) {
  Strides strides;
  for (const int64_t bytes : layout.byte_strides) {
    if (bytes % static_cast<int64_t>(std::max<uint64_t>(1, layout.item)) != 0)
      refuse("the array's strides are no multiples of its elements: pass a contiguous copy");
    strides.push_back(bytes / static_cast<int64_t>(std::max<uint64_t>(1, layout.item)));
  }
  if (layout.dtype)
    return KernelArgument(KernelArgument::TypedMemory{
        ArrayView(layout.data, *layout.dtype, layout.shape, strides), layout.read_only});
  int64_t step = 1;
  for (size_t i = layout.shape.size(); i-- > 0;) {
    if (!strides.empty() && layout.shape[i] > 1 && strides[i] != step)
      refuse("the array isn't row-major without gaps: pass a contiguous copy");
    step *= layout.shape[i];
  }
  return KernelArgument(KernelArgument::RawMemory{
      layout.data, element_count(layout.shape) * layout.item, layout.read_only});
}

/// The buffer protocol: numpy.ndarray, bytearray, memoryview, array.array, ctypes. False: this
/// object doesn't give its buffer away in a form that Python has letters for (NumPy with bfloat16).
bool read_buffer(nb::handle object, Owners& owners, Layout& out) {
  Py_buffer& view = owners.new_view();
  if (PyObject_GetBuffer(object.ptr(), &view, PyBUF_STRIDES | PyBUF_FORMAT) != 0) {
    PyErr_Clear();
    return false;
  }
  const std::string_view format = view.format ? view.format : "B";
  if (!format.empty() && format[0] == '>') refuse("the array is big-endian: pass a native copy");
  out.data = view.buf;
  out.item = static_cast<uint64_t>(view.itemsize);
  out.shape.assign(view.shape, view.shape + view.ndim);
  if (view.strides) out.byte_strides.assign(view.strides, view.strides + view.ndim);
  out.dtype = dtype_of_format(format, out.item);
  out.read_only = view.readonly != 0;
  return true;
}

/// NumPy's own description, for element types that the buffer protocol can't name.
void read_array_interface(nb::handle object, Owners& owners, Layout& out) {
  nb::dict description = nb::cast<nb::dict>(object.attr("__array_interface__"));
  nb::tuple data = nb::cast<nb::tuple>(description["data"]);
  out.data = reinterpret_cast<void*>(nb::cast<uintptr_t>(data[0]));
  out.read_only = nb::cast<bool>(data[1]);
  out.item = nb::cast<uint64_t>(object.attr("itemsize"));
  for (nb::handle extent : nb::cast<nb::tuple>(description["shape"]))
    out.shape.push_back(nb::cast<int64_t>(extent));
  for (nb::handle stride : nb::cast<nb::tuple>(object.attr("strides")))
    out.byte_strides.push_back(nb::cast<int64_t>(stride));
  if (nb::cast<std::string>(nb::str(object.attr("dtype").attr("name"))) == "bfloat16")
    out.dtype = Dtype::bfloat16;
  owners.keep(nb::borrow(object));
}

std::optional<Dtype> dtype_of(const dlpack::DataType& type) {
  dlpack::Tensor one;
  one.dtype = type;
  try {
    return dlpack::view(one).dtype;
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

Layout layout_of(const dlpack::Tensor& tensor) {
  if (tensor.device.type != dlpack::DeviceType::cpu &&
      tensor.device.type != dlpack::DeviceType::cuda_host)
    refuse("the array isn't in the memory of the host: copy it there first");
  Layout layout;
  layout.data = static_cast<char*>(tensor.data) + tensor.byte_offset;
  layout.item = (uint64_t{tensor.dtype.bits} * tensor.dtype.lanes + 7) / 8;
  layout.shape.assign(tensor.shape, tensor.shape + tensor.ndim);
  if (tensor.strides)
    for (int i = 0; i < tensor.ndim; ++i)
      layout.byte_strides.push_back(tensor.strides[i] * static_cast<int64_t>(layout.item));
  layout.dtype = dtype_of(tensor.dtype);
  return layout;
}

nb::object dlpack_capsule(nb::handle object) {
  nb::object method = object.attr("__dlpack__");
  try {
    return method(nb::arg("max_version") = nb::make_tuple(1, 0));
  } catch (nb::python_error& error) {
    if (!error.matches(PyExc_TypeError)) throw;
  }
  return method();
}

/// The capsule stays unused: when it goes, it gives the array back.
Layout read_dlpack(nb::handle object, Owners& owners) {
  nb::object capsule = dlpack_capsule(object);
  Layout layout;
  if (PyCapsule_IsValid(capsule.ptr(), "dltensor_versioned")) {
    auto* managed = static_cast<dlpack::ManagedTensorVersioned*>(
        PyCapsule_GetPointer(capsule.ptr(), "dltensor_versioned"));
    layout = layout_of(managed->tensor);
    layout.read_only = (managed->flags & dlpack::kReadOnly) != 0;
  } else if (PyCapsule_IsValid(capsule.ptr(), "dltensor")) {
    layout = layout_of(
        static_cast<dlpack::ManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), "dltensor"))
            ->tensor);
  } else {
    refuse("the array's __dlpack__ gives no capsule of DLPack");
  }
  // JAX's arrays never change; older versions of DLPack can't say so.
  if (module_of(object).starts_with("jax")) layout.read_only = true;
  owners.keep(std::move(capsule));
  return layout;
}

Layout layout_of_array(nb::handle object, Owners& owners) {
  Layout layout;
  const bool numpy = is_ndarray(object);
  if (numpy || !nb::hasattr(object, "__dlpack__")) {
    if (read_buffer(object, owners, layout)) return layout;
    if (numpy) {
      read_array_interface(object, owners, layout);
      return layout;
    }
  }
  return read_dlpack(object, owners);
}

bool is_array(nb::handle object) {
  return nb::hasattr(object, "__dlpack__") || PyObject_CheckBuffer(object.ptr());
}

/// The names of anymetal.Buffer's attributes: made once, found by their address.
struct BufferNames {
  nb::handle array = PyUnicode_InternFromString("array");
  nb::handle offset = PyUnicode_InternFromString("offset");
  nb::handle length = PyUnicode_InternFromString("length");
};

/// anymetal.Buffer: bytes of an array from `offset` on, whatever their type.
KernelArgument from_buffer(nb::handle object, Owners& owners) {
  static const BufferNames names;
  nb::object array = object.attr(names.array);
  Layout layout;
  if (nb::isinstance<nb::tuple>(array)) {  // (address, bytes, owner): from the package itself
    layout.data = reinterpret_cast<void*>(nb::cast<uintptr_t>(array[0]));
    layout.shape = {nb::cast<int64_t>(array[1])};
    layout.item = 1;
    owners.keep(array);
  } else {
    layout = layout_of_array(array, owners);
  }
  const uint64_t bytes = layout.byte_strides.empty()
                             ? element_count(layout.shape) * layout.item
                             : extent_of(layout.shape, layout.byte_strides, layout.item);
  const auto offset = nb::cast<uint64_t>(object.attr(names.offset));
  if (offset > bytes)
    refuse("the offset of " + std::to_string(offset) +
           " bytes is behind the end of the array, which has " + std::to_string(bytes));
  uint64_t length = bytes - offset;
  nb::object wanted = object.attr(names.length);
  if (!wanted.is_none()) {
    if (nb::cast<uint64_t>(wanted) > length)
      refuse("the buffer ends behind the end of the array, which has " + std::to_string(bytes) +
             " bytes");
    length = nb::cast<uint64_t>(wanted);
  }
  return KernelArgument(KernelArgument::RawMemory{static_cast<char*>(layout.data) + offset, length,
                                                  layout.read_only});
}

/// Lists and dicts in each other have an end, or are an error as in Python itself.
class Nesting {
 public:
  Nesting() {
    if (Py_EnterRecursiveCall(" in an argument of a kernel")) throw nb::python_error();
  }
  ~Nesting() { Py_LeaveRecursiveCall(); }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;
};

KernelArgument from_sequence(nb::handle object, Owners& owners) {
  const Nesting nesting;
  std::vector<KernelArgument> elements;
  for (nb::handle element : object) {
    // None: an empty place in an array of textures.
    elements.push_back(element.is_none() ? KernelArgument(Texture())
                                         : to_argument(element, owners));
  }
  return KernelArgument(std::move(elements));
}

KernelArgument from_dict(nb::handle object, Owners& owners) {
  const Nesting nesting;
  std::vector<std::pair<std::string, KernelArgument>> members;
  for (auto [name, value] : nb::cast<nb::dict>(object)) {
    if (!nb::isinstance<nb::str>(name)) refuse("a struct's members are named by strings");
    members.emplace_back(nb::cast<std::string>(name), to_argument(value, owners));
  }
  return KernelArgument(std::move(members));
}

/// A scalar of NumPy, or of ml_dtypes.
KernelArgument from_numpy_scalar(nb::handle object, Owners& owners) {
  if (is_numpy(object, "void")) {
    nb::bytes bytes = nb::cast<nb::bytes>(object.attr("tobytes")());
    return KernelArgument(copied_bytes(bytes.data(), bytes.size()));
  }
  nb::object plain = object.attr("item")();
  if (is_numpy(plain, "generic")) plain = nb::steal(PyNumber_Float(plain.ptr()));
  if (!plain.is_valid()) throw nb::python_error();
  return to_argument(plain, owners);
}

}  // namespace

Owners::~Owners() {
  for (size_t i = 0; i < first_count_; ++i)
    if (first_views_[i].obj) PyBuffer_Release(&first_views_[i]);
  for (auto& view : more_views_)
    if (view->obj) PyBuffer_Release(view.get());
}

Py_buffer& Owners::new_view() {
  Py_buffer* view = nullptr;
  if (first_count_ < first_views_.size()) {
    view = &first_views_[first_count_++];
  } else {
    more_views_.push_back(std::make_unique<Py_buffer>());
    view = more_views_.back().get();
  }
  *view = {};
  return *view;
}

void set_buffer_type(nb::object type) {
  buffer_type() = std::move(type);
}

KernelArgument to_argument(nb::handle object, Owners& owners) {
  PyObject* python = object.ptr();
  if (python == Py_None) return KernelArgument(KernelArgument::Nothing{});
  // The commonest first, then arrays: asking an object for what it hasn't got takes longest.
  const bool knows_buffers = buffer_type().is_valid();
  if (knows_buffers && object.type().is(buffer_type())) return from_buffer(object, owners);
  if (PyBool_Check(python)) return KernelArgument(python == Py_True);
  if (PyLong_Check(python)) return from_int(object);
  if (PyFloat_Check(python)) return KernelArgument(PyFloat_AsDouble(python));
  if (PyBytes_Check(python))
    return KernelArgument(
        copied_bytes(PyBytes_AsString(python), static_cast<size_t>(PyBytes_Size(python))));
  if (PyDict_Check(python)) return from_dict(object, owners);
  if (is_ndarray(object)) return from_layout(layout_of_array(object, owners));
  if (nb::hasattr(object, "_anymetal_native")) {
    nb::object native = object.attr("_anymetal_native");
    if (nb::isinstance<Texture>(native)) return KernelArgument(nb::cast<Texture>(native));
    if (nb::isinstance<Sampler>(native)) return KernelArgument(nb::cast<Sampler>(native));
  }
  if (PyList_Check(python) || PyTuple_Check(python)) return from_sequence(object, owners);
  if (knows_buffers && nb::isinstance(object, buffer_type())) return from_buffer(object, owners);
  if (is_numpy(object, "generic")) return from_numpy_scalar(object, owners);
  if (is_array(object)) return from_layout(layout_of_array(object, owners));
  throw nb::type_error(
      ("an object of type '" + name_of_type(object) +
       "' can't be an argument of a kernel: give an array (with the buffer protocol or "
       "DLPack), a number, bytes, a list of numbers, or a dict of members")
          .c_str());
}

}  // namespace anymetal::python

# Writes OUTPUT, a C++ file that holds the kernel texts of LIST (a path a line).
file(STRINGS ${LIST} paths)
set(rows "")
foreach(path ${paths})
  get_filename_component(name ${path} NAME_WE)
  file(READ ${path} text)
  string(APPEND rows "      {\"${name}\", R\"ANYMETAL(${text})ANYMETAL\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Written by embed_kernels.cmake.
#include \"kernel/kernel_text.h\"

namespace anymetal::kernels {

std::span<const KernelFile> kernel_files() {
  static constexpr KernelFile files[] = {
${rows}  };
  return files;
}

}  // namespace anymetal::kernels
")

// Clang's address spaces by Metal's words.
#pragma once

#include <clang/Basic/AddressSpaces.h>

namespace anymetal::language {

[[nodiscard]] inline bool is_device_space(clang::LangAS space) {
  return space == clang::LangAS::sycl_global || space == clang::LangAS::opencl_global;
}
[[nodiscard]] inline bool is_constant_space(clang::LangAS space) {
  return space == clang::LangAS::sycl_global_device || space == clang::LangAS::opencl_global_device;
}
[[nodiscard]] inline bool is_threadgroup_space(clang::LangAS space) {
  return space == clang::LangAS::sycl_local || space == clang::LangAS::opencl_local;
}
[[nodiscard]] inline const char* space_word(clang::LangAS space) {
  return is_device_space(space)        ? "device"
         : is_constant_space(space)    ? "constant"
         : is_threadgroup_space(space) ? "threadgroup"
                                       : "thread";
}

}  // namespace anymetal::language

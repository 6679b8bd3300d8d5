# LLVM and Clang 19: shared libraries for daily work (they link in a second), static ones for the wheel.
find_package(LLVM 19.1 REQUIRED CONFIG PATHS /usr/lib/llvm-19/lib/cmake/llvm)
find_package(Clang REQUIRED CONFIG NO_DEFAULT_PATH PATHS /usr/lib/llvm-19/lib/cmake/clang)

# anymetal_llvm: what back ends need. anymetal_clang: what the language room needs on top.
add_library(anymetal_llvm INTERFACE)
target_include_directories(anymetal_llvm SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS})
separate_arguments(llvm_definitions UNIX_COMMAND "${LLVM_DEFINITIONS}")
target_compile_definitions(anymetal_llvm INTERFACE ${llvm_definitions})
if("address" IN_LIST ANYMETAL_SANITIZE)
  target_compile_options(anymetal_llvm INTERFACE "SHELL:-include ${CMAKE_CURRENT_LIST_DIR}/llvm_uninstrumented.h")
endif()
add_library(anymetal_clang INTERFACE)
target_include_directories(anymetal_clang SYSTEM INTERFACE ${CLANG_INCLUDE_DIRS})
target_link_libraries(anymetal_clang INTERFACE anymetal_llvm)

# Debian's static libraries name in their link interfaces what only LLVM's tools use (a second, shared LLVM; an SMT solver;
# XML; line editing; Polly). None of it is reached from our code, so it is taken out, and zlib and zstd become static:
# the wheel then needs nothing but libc, libm and libstdc++.
function(anymetal_untangle_static_llvm)
  find_library(zlib_static NAMES libz.a REQUIRED)
  find_library(zstd_static NAMES libzstd.a REQUIRED)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target ${targets})
    if(target MATCHES "^(clang|LLVM)[A-Z]")
      get_target_property(libraries ${target} INTERFACE_LINK_LIBRARIES)
      if(libraries)
        list(FILTER libraries EXCLUDE REGEX "^LLVM$|z3|libedit|Xml2|CURL|Terminfo|Polly")
        list(TRANSFORM libraries REPLACE "^ZLIB::ZLIB$" "${zlib_static}")
        list(TRANSFORM libraries REPLACE "^zstd::libzstd_shared$" "${zstd_static}")
        set_target_properties(${target} PROPERTIES INTERFACE_LINK_LIBRARIES "${libraries}")
      endif()
    endif()
  endforeach()
endfunction()

if(ANYMETAL_STATIC_LLVM)
  anymetal_untangle_static_llvm()
  llvm_map_components_to_libnames(llvm_libraries native passes orcjit jitlink irreader bitwriter)
  llvm_map_components_to_libnames(clang_llvm_libraries frontenddriver frontendhlsl frontendopenmp lto coverage windowsdriver)
  # Debian's Clang asks for Polly by name; this answers that there is none.
  add_library(anymetal_no_polly STATIC ${CMAKE_CURRENT_LIST_DIR}/no_polly.cc)
  target_link_libraries(anymetal_no_polly PRIVATE anymetal_llvm)
  target_link_libraries(anymetal_llvm INTERFACE ${llvm_libraries})
  target_link_libraries(anymetal_clang INTERFACE clangFrontend clangCodeGen clangSerialization clangSema clangParse
    clangAST clangLex clangBasic ${clang_llvm_libraries} anymetal_no_polly)
else()
  target_link_libraries(anymetal_llvm INTERFACE LLVM)
  target_link_libraries(anymetal_clang INTERFACE clang-cpp)
endif()

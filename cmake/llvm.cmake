# LLVM and Clang 19: shared libraries for daily work (they link in a second), static ones for the wheel.
find_package(LLVM 19.1 REQUIRED CONFIG PATHS /usr/lib/llvm-19/lib/cmake/llvm)
find_package(Clang REQUIRED CONFIG NO_DEFAULT_PATH PATHS /usr/lib/llvm-19/lib/cmake/clang)

# anymetal_llvm: what back ends need. anymetal_clang: what the language room needs on top.
add_library(anymetal_llvm INTERFACE)
target_include_directories(anymetal_llvm SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS})
separate_arguments(llvm_definitions UNIX_COMMAND "${LLVM_DEFINITIONS}")
target_compile_definitions(anymetal_llvm INTERFACE ${llvm_definitions})
add_library(anymetal_clang INTERFACE)
target_include_directories(anymetal_clang SYSTEM INTERFACE ${CLANG_INCLUDE_DIRS})
target_link_libraries(anymetal_clang INTERFACE anymetal_llvm)

if(ANYMETAL_STATIC_LLVM)
  llvm_map_components_to_libnames(llvm_libraries native passes orcjit jitlink irreader bitwriter)
  target_link_libraries(anymetal_llvm INTERFACE ${llvm_libraries})
  target_link_libraries(anymetal_clang INTERFACE clangFrontend clangCodeGen clangSerialization clangSema clangParse
    clangAST clangLex clangBasic)
else()
  target_link_libraries(anymetal_llvm INTERFACE LLVM)
  target_link_libraries(anymetal_clang INTERFACE clang-cpp)
endif()

# find_package(anymetal-kernels): the kernel library for C++ programs, from the Python package that holds it.
#
#   cmake -S . -B build -Danymetal-kernels_DIR=$(python3 -m anymetal.kernels --cmake-dir)
#
#   find_package(anymetal-kernels REQUIRED)
#   target_link_libraries(program PRIVATE anymetal::kernels)
#
# MLX lies beside the package, as pip puts it; ANYMETAL_MLX_ROOT says where else. On Linux the adapter is linked before MLX: the linker keeps the order, and of two
# functions of one name the first is called.
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH _anymetal)
cmake_path(GET _anymetal PARENT_PATH _packages)
set(ANYMETAL_MLX_ROOT "${_packages}/mlx" CACHE PATH "The folder of MLX's Python package")
set(_mlx "${ANYMETAL_MLX_ROOT}/lib/libmlx${CMAKE_SHARED_LIBRARY_SUFFIX}")
if(NOT EXISTS "${_mlx}")
  set(anymetal-kernels_FOUND FALSE)
  set(anymetal-kernels_NOT_FOUND_MESSAGE "there is no MLX at ${ANYMETAL_MLX_ROOT}: pip install \"mlx[cpu]\", or set ANYMETAL_MLX_ROOT")
  return()
endif()
if(NOT TARGET anymetal::kernels)
  set(_kernels "${_anymetal}/libanymetal_kernels${CMAKE_SHARED_LIBRARY_SUFFIX}")
  add_library(anymetal::kernels INTERFACE IMPORTED)
  set_target_properties(anymetal::kernels PROPERTIES INTERFACE_COMPILE_FEATURES cxx_std_20)
  target_include_directories(anymetal::kernels SYSTEM INTERFACE "${_anymetal}/include" "${ANYMETAL_MLX_ROOT}/include")
  if(APPLE)
    target_link_libraries(anymetal::kernels INTERFACE "${_kernels}" "${_mlx}")
  else()
    target_link_options(anymetal::kernels INTERFACE "LINKER:--no-as-needed" "LINKER:-rpath,${_anymetal}" "LINKER:-rpath,${ANYMETAL_MLX_ROOT}/lib")
    target_link_libraries(anymetal::kernels INTERFACE "${_anymetal}/libanymetal_mlx.so" "${_kernels}" "${_mlx}")
  endif()
endif()
set(anymetal-kernels_FOUND TRUE)

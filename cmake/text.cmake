# fmt and spdlog: Debian's shared libraries for daily work, their headers alone for the wheel (Debian has no static ones),
# which then needs neither on the machine where it runs.
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)

add_library(anymetal_fmt INTERFACE)
add_library(anymetal_spdlog INTERFACE)
if(ANYMETAL_STATIC_LLVM)
  # spdlog's target for headers alone asks for fmt's shared library nevertheless.
  get_target_property(libraries spdlog::spdlog_header_only INTERFACE_LINK_LIBRARIES)
  list(TRANSFORM libraries REPLACE "^fmt::fmt$" "fmt::fmt-header-only")
  set_target_properties(spdlog::spdlog_header_only PROPERTIES INTERFACE_LINK_LIBRARIES "${libraries}")
  target_link_libraries(anymetal_fmt INTERFACE fmt::fmt-header-only)
  target_link_libraries(anymetal_spdlog INTERFACE spdlog::spdlog_header_only)
else()
  target_link_libraries(anymetal_fmt INTERFACE fmt::fmt)
  target_link_libraries(anymetal_spdlog INTERFACE spdlog::spdlog)
endif()

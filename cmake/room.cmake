# anymetal_gtest(NAME PROGRAM ARGUMENTS...): a GoogleTest program, whole, as the test NAME: a process that starts Clang pays
# for it once. Its report is called after the test, so that two tests of one program don't write the same file.
function(anymetal_gtest name)
  add_test(NAME ${name} COMMAND ${ARGN})
  set_tests_properties(${name} PROPERTIES
    ENVIRONMENT_MODIFICATION
    "GTEST_OUTPUT=set:xml:${PROJECT_BINARY_DIR}/reports/${name}.xml;ANYMETAL_VERIFY=set:each")
endfunction()

# anymetal_gtest_on_reference(NAME PROGRAM ARGUMENTS...): the same program on the reference executor, with its checks
# (test/executor_under_test.h, test/checks_under_test.h).
function(anymetal_gtest_on_reference name)
  anymetal_gtest(${name} ${ARGN})
  set_property(TEST ${name} APPEND PROPERTY
    ENVIRONMENT_MODIFICATION "ANYMETAL_EXECUTOR=set:reference;ANYMETAL_BOUNDS=unset:")
endfunction()

# anymetal_room(NAME SOURCES ... TESTS ... USES ...): a static library anymetal_NAME from SOURCES, which may use the rooms
# and targets in USES, and one test program anymetal_NAME_test from TESTS (x_test.cc files beside x.cc).
function(anymetal_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;TESTS;USES;TEST_USES" ${ARGN})
  add_library(anymetal_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(anymetal_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(anymetal_${name} PUBLIC ${ROOM_USES})
  if(ANYMETAL_TESTS AND ROOM_TESTS)
    add_executable(anymetal_${name}_test ${ROOM_TESTS})
    target_link_libraries(anymetal_${name}_test PRIVATE anymetal_${name} ${ROOM_TEST_USES} GTest::gtest_main)
    target_compile_definitions(anymetal_${name}_test PRIVATE ANYMETAL_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    anymetal_gtest(anymetal_${name}_test anymetal_${name}_test)
  endif()
endfunction()

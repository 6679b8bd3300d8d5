# The licences of all that the wheel's binaries hold, beside our own (scikit-build-core says where). Read when the wheel is
# installed into its folder, as what went in is known only then.
if(SKBUILD)
  install(CODE "execute_process(
    COMMAND \"${Python_EXECUTABLE}\" \"${CMAKE_CURRENT_LIST_DIR}/collect_licences.py\" \"${CMAKE_MAKE_PROGRAM}\"
      \"${CMAKE_BINARY_DIR}\" \"${SKBUILD_METADATA_DIR}/licenses\"
    COMMAND_ERROR_IS_FATAL ANY)" COMPONENT python)
endif()

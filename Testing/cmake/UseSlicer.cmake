# The two macros of 3D Slicer's build that this extension calls, reduced to what a test can check without Slicer.
include(CMakeParseArguments)

set(stub_scripted_modules_folder "lib/Slicer-5.12/qt-scripted-modules")

# Installs scripts and resources under the paths they are given by, which must be relative and exist.
function(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(PARSE_ARGV 0 module "WITH_GENERIC_TESTS;WITH_SUBDIR;VERBOSE" "NAME" "SCRIPTS;RESOURCES")
  if(module_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "slicerMacroBuildScriptedModule does not know ${module_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT module_NAME OR NOT module_SCRIPTS)
    message(FATAL_ERROR "slicerMacroBuildScriptedModule needs NAME and SCRIPTS")
  endif()
  foreach(path IN LISTS module_SCRIPTS module_RESOURCES)
    if(IS_ABSOLUTE "${path}" OR path MATCHES "(^|/)\\.\\.(/|$)")
      message(FATAL_ERROR "${module_NAME}: '${path}' would be installed outside of the scripted modules")
    endif()
    if(NOT EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${path}")
      message(FATAL_ERROR "${module_NAME}: there is no file '${path}'")
    endif()
    get_filename_component(folder "${path}" DIRECTORY)
    install(FILES "${path}" DESTINATION "${stub_scripted_modules_folder}/${folder}")
  endforeach()
endfunction()

# Only checks that the test's file is there; running it takes the application.
function(slicer_add_python_unittest)
  cmake_parse_arguments(PARSE_ARGV 0 test "" "SCRIPT;TESTNAME_PREFIX" "SLICER_ARGS")
  get_filename_component(script "${test_SCRIPT}" ABSOLUTE)
  if(NOT EXISTS "${script}")
    message(FATAL_ERROR "slicer_add_python_unittest: there is no file '${test_SCRIPT}'")
  endif()
endfunction()

# Stands where 3D Slicer's build describes the extension to its catalogue: one `name value` line for each statement.
set(description "")
foreach(field HOMEPAGE CATEGORY CONTRIBUTORS DESCRIPTION ICONURL SCREENSHOTURLS KEYWORDS DEPENDS)
  if(NOT EXTENSION_${field})
    message(FATAL_ERROR "EXTENSION_${field} is not set")
  endif()
  string(APPEND description "${field} ${EXTENSION_${field}}\n")
endforeach()
file(WRITE ${CMAKE_BINARY_DIR}/${PROJECT_NAME}.txt "${description}")

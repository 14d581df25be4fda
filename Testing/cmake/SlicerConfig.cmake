# A small stand-in for 3D Slicer's build: enough for this extension to be configured and installed without Slicer.
# CMake's find_package(Slicer) reads it when Slicer_DIR names this folder. It is stricter than Slicer where Slicer
# would go wrong silently.
set(Slicer_VERSION_MAJOR 5)
set(Slicer_VERSION_MINOR 12)
set(Slicer_USE_FILE ${CMAKE_CURRENT_LIST_DIR}/UseSlicer.cmake)
set(Slicer_EXTENSION_GENERATE_CONFIG ${CMAKE_CURRENT_LIST_DIR}/WriteDescription.cmake)
set(Slicer_EXTENSION_CPACK ${CMAKE_CURRENT_LIST_DIR}/Nothing.cmake)

# chancery_module(FOLDER [USES FOLDER...] [LIBS TARGET...] [PRIVATE_LIBS TARGET...])
#
# A folder is a module: every .cpp in it (main.cpp aside) becomes the static library chancery_FOLDER. USES names the
# modules it may include, and must say the same as the table in docs/architecture.md (a test compares the includes).
function(chancery_module folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "USES;LIBS;PRIVATE_LIBS")
  string(REPLACE "/" "_" name ${folder})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "main\\.cpp$")
  if(NOT sources)
    return() # only its headers exist so far
  endif()
  add_library(chancery_${name} STATIC ${sources})
  target_include_directories(chancery_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(chancery_${name} PUBLIC ${arg_LIBS} PRIVATE ${arg_PRIVATE_LIBS} chancery_warnings
                                                                    chancery_hardening)
  foreach(used ${arg_USES})
    string(REPLACE "/" "_" used_name ${used})
    target_link_libraries(chancery_${name} PUBLIC chancery_${used_name})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY CHANCERY_MODULES ${folder})
endfunction()

# chancery_program(NAME FOLDER): FOLDER/main.cpp linked with the module FOLDER becomes the program bin/NAME, which is
# installed
function(chancery_program name folder)
  string(REPLACE "/" "_" module ${folder})
  add_executable(${name} ${CMAKE_SOURCE_DIR}/${folder}/main.cpp)
  target_link_libraries(${name} PRIVATE chancery_${module} chancery_warnings chancery_hardening)
  install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()

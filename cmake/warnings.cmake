# Interface target: the warnings every one of our own files is compiled with. All of them are errors.
add_library(chancery_warnings INTERFACE)
target_compile_options(
  chancery_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
                              -Woverloaded-virtual -Wcast-align -Wformat=2 -Wimplicit-fallthrough -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Duplicated conditions are GCC's own; the other two are known to misfire in GCC 12 on correct code.
  target_compile_options(chancery_warnings INTERFACE -Wduplicated-cond -Wlogical-op -Wno-maybe-uninitialized
                                                     -Wno-restrict)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
    # Misfires from then on, in optimized builds, where a vector is made longer by insert() at its end.
    target_compile_options(chancery_warnings INTERFACE -Wno-stringop-overflow)
  endif()
endif()

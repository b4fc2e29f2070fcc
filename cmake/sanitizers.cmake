# CHANCERY_SANITIZE is a list for -fsanitize= (set by the presets asan, tsan and fuzz), applied to everything built here.
set(CHANCERY_SANITIZE "" CACHE STRING "Sanitizers, for -fsanitize=")
option(CHANCERY_FUZZ "Build the fuzz targets with libFuzzer (clang)" OFF)
if(CHANCERY_SANITIZE)
  add_compile_options(-fsanitize=${CHANCERY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CHANCERY_SANITIZE})
  if(CHANCERY_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan) # Asio's fences, which the sanitizer does not model; locks are what orders its work
  endif()
endif()
if(CHANCERY_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

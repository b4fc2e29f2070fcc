# Interface target: what makes a memory error harder to use (PIE, RELRO, BIND_NOW, stack protector, FORTIFY_SOURCE,
# stack-clash protection, control-flow protection).
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported()

add_library(chancery_hardening INTERFACE)
target_compile_options(chancery_hardening INTERFACE -fstack-protector-strong -fstack-clash-protection)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(chancery_hardening INTERFACE -fcf-protection=full)
endif()
target_compile_definitions(
  chancery_hardening INTERFACE $<$<CONFIG:Release,RelWithDebInfo>:_FORTIFY_SOURCE=2>
                               $<$<NOT:$<CONFIG:Release>>:_GLIBCXX_ASSERTIONS>)
target_link_options(chancery_hardening INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)

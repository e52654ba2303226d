# Language, warnings, hardening, sanitizers: for every target.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
add_compile_definitions(_GNU_SOURCE)

# A row of a table names only what is special about it: the rest is zero on purpose.
add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wdouble-promotion -Wformat=2
  -Wnull-dereference -Wcast-qual -Wcast-align -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wundef -Wvla -Wswitch-enum -Wimplicit-fallthrough -Wwrite-strings
  -Wpointer-arith -Wno-missing-field-initializers)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wformat-signedness -Wduplicated-cond -Wduplicated-branches -Wlogical-op)
endif()
if(WARNINGS_AS_ERRORS)
  add_compile_options(-Werror)
endif()

if(FUZZ)
  set(SANITIZE fuzzer-no-link,address,undefined)
endif()
if(SANITIZE)
  add_compile_options(-fsanitize=${SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SANITIZE})
else()
  add_compile_options(-fstack-protector-strong)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|aarch64")
    add_compile_options(-fstack-clash-protection)
  endif()
  add_compile_options($<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-D_FORTIFY_SOURCE=2>)
  add_link_options(-pie -Wl,-z,relro -Wl,-z,now)
endif()

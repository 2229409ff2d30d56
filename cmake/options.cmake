# Language, warnings, sanitizers: what the presets switch.
option(KS_WERROR "Warnings are errors" OFF)
option(KS_FUZZ "Build the fuzz targets (clang's libFuzzer)" OFF)
option(KS_COVERAGE "Instrument for coverage" OFF)
set(KS_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes -Wformat=2 -Wvla
                    -fno-common -fvisibility=hidden)
if(KS_WERROR)
  add_compile_options(-Werror)
endif()
if(KS_SANITIZE)
  add_compile_definitions(KS_SANITIZED)
  add_compile_options(-fsanitize=${KS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${KS_SANITIZE})
endif()
if(KS_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link) # coverage for libFuzzer; the targets link the rest of it
  add_link_options(-fsanitize=fuzzer-no-link)
endif()
if(KS_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
add_link_options(-Wl,--as-needed)

# ks_library(NAME [FILES...]): the static library of one folder, with this folder's parent as include path, so
# that headers are named by folder: #include "base/base.h".
function(ks_library name)
  add_library(${name} STATIC ${ARGN})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()

# ks_load_order(TARGET LIBRARY NAME...): names the libraries that most symbols are found in before all others: libc,
# and of those that LIBRARY loads in any case, so that none is loaded for this, the NAMEs (regular expressions). The
# dynamic loader looks for each of 18,000 symbols in one library after the other: docs/decisions/0010-load-order.md.
function(ks_load_order target library)
  if(KS_SANITIZE OR CMAKE_CROSSCOMPILING) # a sanitizer's own library must stand first
    return()
  endif()
  execute_process(COMMAND ldd ${library} OUTPUT_VARIABLE loaded ERROR_QUIET)
  string(PREPEND loaded "\t => ${library}\n")
  set(first -lc)
  foreach(name ${ARGN})
    if(loaded MATCHES "=> (/[^ \n]*/${name}[.]so[^ \n]*)")
      list(APPEND first ${CMAKE_MATCH_1})
    endif()
  endforeach()
  list(JOIN first " " first)
  target_link_options(${target} PRIVATE "SHELL:-Wl,--push-state,--no-as-needed ${first} -Wl,--pop-state")
endfunction()

# ks_load_order(TARGET): names the libraries that most symbols of a libvirt client are found in before all others.
# The dynamic loader looks for each of 18,000 symbols in one library after the other: docs/decisions/0010-load-order.md.
# Only what libvirt loads in any case is named, so that no library is loaded for this.
function(ks_load_order target)
  if(KS_SANITIZE OR CMAKE_CROSSCOMPILING) # a sanitizer's own library must stand first
    return()
  endif()
  list(GET LIBVIRT_LINK_LIBRARIES 0 libvirt)
  execute_process(COMMAND ldd ${libvirt} OUTPUT_VARIABLE loaded ERROR_QUIET)
  set(first -lc ${libvirt})
  foreach(name libcrypto "libstdc[+][+]" libglib-2.0 libnettle libgnutls libunistring)
    if(loaded MATCHES "\t${name}[.]so[^ ]* => (/[^ \n]+)")
      list(APPEND first ${CMAKE_MATCH_1})
    endif()
  endforeach()
  list(JOIN first " " first)
  target_link_options(${target} PRIVATE "SHELL:-Wl,--push-state,--no-as-needed ${first} -Wl,--pop-state")
endfunction()

# Defines the target rseq::percpu, a static library made of the sources above this directory. It is compiled in the
# project that includes this file, with that project's flags and for its target.
if(TARGET rseq-percpu)
  return()
endif()

enable_language(CXX)
enable_language(ASM)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

get_filename_component(_rseq_percpu_root "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
add_library(rseq-percpu STATIC
  "${_rseq_percpu_root}/rseq_library.cc"
  "${_rseq_percpu_root}/rseq_sections.S"
  "${_rseq_percpu_root}/c/percpu_c.cc")
add_library(rseq::percpu ALIAS rseq-percpu)
target_compile_features(rseq-percpu PUBLIC cxx_std_17)
# Nothing here throws or asks for types, so that a program in C needs no library of C++.
target_compile_options(rseq-percpu PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti>)
# Without a build type, CMake has no flags at all.
target_compile_options(rseq-percpu PRIVATE $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:>>:-O2>)
target_include_directories(rseq-percpu SYSTEM INTERFACE
  "$<BUILD_INTERFACE:${_rseq_percpu_root}>"
  "$<INSTALL_INTERFACE:include/rseq-percpu>")
target_link_libraries(rseq-percpu PUBLIC Threads::Threads ${CMAKE_DL_LIBS})
unset(_rseq_percpu_root)

# find_package(rseq-percpu) in the npm package or in a clone: the library is compiled in the project that looks for it.
# CMAKE_PREFIX_PATH is to have the directory above this one, or rseq-percpu_DIR is this one.
include("${CMAKE_CURRENT_LIST_DIR}/rseq-percpu-target.cmake")

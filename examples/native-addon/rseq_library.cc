// What rseq is made of, compiled into this addon: the directory is on the include path.
#include <rseq_library.cc>

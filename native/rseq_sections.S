/*
 * The critical sections of whichever architecture it is, as one source: see rseq_library.cc.
 */
#include "rseq/arch/arm64.S"
#include "rseq/arch/ppc64.S"
#include "rseq/arch/x86_64.S"

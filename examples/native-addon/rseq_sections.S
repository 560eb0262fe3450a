// Its critical sections.
#include <rseq_sections.S>

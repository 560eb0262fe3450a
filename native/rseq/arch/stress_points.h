/**
 * @file
 * Where the sections of a stress build wait. Such a build defines RSEQ_INJECT_DELAYS and provides
 * `uint64_t rseq_delay_loops[RSEQ_DELAY_POINTS]`: how many turns of an empty loop a section waits at each point.
 */
#ifndef RSEQ_ARCH_STRESS_POINTS_H
#define RSEQ_ARCH_STRESS_POINTS_H

#define RSEQ_DELAY_ARMED 0   /* armed; the index is not compared yet */
#define RSEQ_DELAY_ENTERED 1 /* the index is right; nothing is loaded yet */
#define RSEQ_DELAY_LOADED 2  /* the word that the section compares or changes is loaded */
#define RSEQ_DELAY_BETWEEN 3 /* between two other steps: loads, comparisons, stores, turns of a copy */
#define RSEQ_DELAY_READY 4   /* only the commit is missing */
#define RSEQ_DELAY_POINTS 5

#endif // RSEQ_ARCH_STRESS_POINTS_H

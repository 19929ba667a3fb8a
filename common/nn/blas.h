/* blas.h - makes OpenBLAS use the CPU it runs on, with one thread per caller.
 *
 * OpenBLAS chooses its kernels when it is loaded, from CPU model numbers it knew when it was released; on a newer CPU
 * it falls back to kernels without AVX ("Prescott") and is five times slower. The choice can only be changed by
 * OPENBLAS_CORETYPE in the environment before the library is loaded, so ss_blas_prepare compares its choice with
 * what CPUID says and, if it guessed too low, sets that variable and executes the program once more.
 */
#ifndef SKILLSTREAM_NN_BLAS_H
#define SKILLSTREAM_NN_BLAS_H

#include <stddef.h>

#include "base/error.h"

/* Call first thing in main, before any thread and any output. Returns 0 when OpenBLAS is as it should be (then it is
 * held to one thread), does not return when the program is executed anew, and returns -1 when that failed: the caller
 * may go on, more slowly. argv must be main's. A variable in the environment guards against a second round. */
int ss_blas_prepare(char **argv, ss_error *err);

/* The core type OpenBLAS should use on this CPU ("SkylakeX", "Haswell"), or NULL if its own choice is as good.
 * `chosen` is openblas_get_corename()'s answer. */
const char *ss_blas_better_core(const char *chosen);

/* One line for the log: "OpenBLAS 0.3.21 core SkylakeX (set by us, it had chosen Prescott), 1 thread per caller". */
void ss_blas_description(char *out, size_t size);

#endif

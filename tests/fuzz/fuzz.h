/* fuzz.h - what the fuzz targets share.
 *
 * A target is one file NAME.c with LLVMFuzzerTestOneInput: it gives the bytes to the product and checks what is
 * promised of the answer with FUZZ_CHECK, which ends the process as a sanitizer would. Two programs are made of it:
 *   fuzz_NAME    clang with libFuzzer: looks for inputs that break a promise
 *   replay_NAME  any compiler (replay.c): gives the seeds in corpus/NAME to the target, so that what was found once is
 *                tested in every build
 * Inputs are small and many: a target frees all that it took, keeps no state that changes an answer, and never prints.
 */
#ifndef SKILLSTREAM_TESTS_FUZZ_H
#define SKILLSTREAM_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "stream/ad.h"

/* libFuzzer calls it once before the first input; targets that need no start leave it to fuzz.c. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
/* One input; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise: says which one was broken and aborts. */
#define FUZZ_CHECK(promise) ((promise) ? (void)0 : fuzz_broken(#promise, __FILE__, __LINE__))
_Noreturn void fuzz_broken(const char *promise, const char *file, int line);

/* Valid UTF-8 without NUL. */
int fuzz_is_text(ss_slice text);

/* Equal bytes. */
int fuzz_same(ss_slice a, ss_slice b);

/* The bytes up to the first newline, which both then skip; the rest when there is none. */
ss_slice fuzz_line(const uint8_t **data, size_t *size);

/* A file of these bytes that lives in memory. fuzz_file_path names it until fuzz_file_close. */
int fuzz_file_open(const void *bytes, size_t size);
const char *fuzz_file_path(int file, char path[64]);
void fuzz_file_close(int file);

#endif

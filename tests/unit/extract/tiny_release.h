/* tiny_release.h - a release with a random tiny encoder and a dozen skills, for tests of what is built on a release. */
#ifndef SKILLSTREAM_TESTS_TINY_RELEASE_H
#define SKILLSTREAM_TESTS_TINY_RELEASE_H

#include "match/release.h"

typedef struct tiny_release {
    char *folder;
    ss_release *release;
} tiny_release;

/* Aborts when it cannot. The threshold is such that most sentences keep some mention. */
void tiny_release_make(tiny_release *out);
void tiny_release_free(tiny_release *tiny);

#endif

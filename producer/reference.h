/* reference.h - a release as the judge of pairs: vectors of sentences, the rank of their skill, the skills nearest to
 * them.
 *
 * The release has a taxonomy of its own; skills are looked up in it by URI. A skill that it has not gets no rank (0).
 * One thread; the encoder's own threads work inside the calls.
 */
#ifndef SKILLSTREAM_PRODUCER_REFERENCE_H
#define SKILLSTREAM_PRODUCER_REFERENCE_H

#include "match/release.h"
#include "stream/ad.h"

typedef struct ss_reference ss_reference;

ss_reference *ss_reference_open(const char *path, size_t threads, ss_error *err);
void ss_reference_close(ss_reference *reference);

size_t ss_reference_dims(const ss_reference *reference);

/* Embeds n sentences; *vectors (n,D) is valid until the next call. */
int ss_reference_embed(ss_reference *reference, const ss_slice *sentences, size_t n, const float **vectors,
                       ss_error *err);

/* Rank of the skill with this URI for a vector (D), from 1: one more than the number of skills with a higher score. 0:
 * the release has no such skill. */
uint32_t ss_reference_rank(ss_reference *reference, const float *vector, const char *uri);

/* Labels and scores of the k <= 8 nearest skills; labels live as long as the reference. Returns how many. */
size_t ss_reference_nearest(ss_reference *reference, const float *vector, size_t k, const char **labels, float *scores);

#endif

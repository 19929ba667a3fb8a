/* ad_text.h - step 1 of the extractor: one ad's body to plain text and sentences. */
#ifndef SKILLSTREAM_WORKER_EXTRACT_AD_TEXT_H
#define SKILLSTREAM_WORKER_EXTRACT_AD_TEXT_H

#include "base/arena.h"
#include "base/error.h"
#include "stream/ad.h"
#include "text/sentence.h"
#include "text/text.h"
#include "text/tokenizer.h"

typedef struct ss_ad_limits {
    uint64_t max_ad_bytes, max_sentences;
    size_t max_tokens; /* of a sentence, without special tokens */
} ss_ad_limits;

typedef struct ss_ad_text {
    ss_text text;
    ss_span *sentences;
    size_t sentence_count;
    const char *reason, *error; /* reason NULL = fine; both in the arena or static */
} ss_ad_text;

/* The body's text, or the title's where there is no body. One thread's scratch and arena. Faults of the ad go into
 * out->reason; -1 only without memory. */
int ss_ad_text_make(const ss_ad *ad, const ss_ad_limits *limits, const ss_tokenizer *tokenizer,
                    ss_tokenizer_scratch *scratch, ss_arena *arena, ss_ad_text *out, ss_error *err);

/* 1 if the sentence holds a letter; others ("----", "50 %") name no skill and are not scored. */
int ss_sentence_has_word(const char *text, size_t len);

/* Folds each run of white space to one blank; returns the length written to out, which holds len bytes. */
size_t ss_sentence_fold(const char *text, size_t len, char *out);

#endif

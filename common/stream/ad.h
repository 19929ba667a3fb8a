/* ad.h - one job ad, whatever it was written in.
 *
 * A plain structure of views: nothing here owns memory. The bytes lie in the
 * message that was decoded or in the arena that the decoder was given, and live
 * as long as the shorter-lived of the two (in the worker: the batch). Every view
 * that came out of ss_wire_decode_ad is valid UTF-8 without NUL bytes, but for the
 * body, which may be any bytes; an absent field is an empty view.
 *
 * No functions, no threads, no Kafka: the worker, the command line and the tests
 * all build ads by hand from this.
 */
#ifndef SKILLSTREAM_STREAM_AD_H
#define SKILLSTREAM_STREAM_AD_H

#include <stddef.h>
#include <stdint.h>

/* `len` bytes at `data`; not NUL-terminated. Empty: len 0 (data may be NULL). */
typedef struct ss_slice {
    const char *data;
    size_t len;
} ss_slice;

/* An instant, as google.protobuf.Timestamp: seconds since 1970-01-01 UTC (negative before) plus 0..999,999,999 ns. */
typedef struct ss_instant {
    int64_t seconds;
    int32_t nanos;
    int has; /* 0: not given */
} ss_instant;

typedef struct ss_attribute {
    ss_slice key, value;
} ss_attribute;

/* Numbers as in the proto enum JobAd.BodyFormat. */
typedef enum ss_body_format {
    SS_BODY_UNSPECIFIED = 0, /* HTML when the body holds an HTML tag, else plain text: the text module decides */
    SS_BODY_TEXT = 1,
    SS_BODY_HTML = 2
} ss_body_format;

typedef struct ss_ad {
    ss_slice id; /* empty: the caller takes the Kafka key, else topic-partition-offset */
    ss_slice title;
    ss_slice body;
    ss_body_format body_format;
    ss_slice language; /* BCP 47, as given */
    ss_slice employer;
    ss_slice location; /* for people: "Arlesey, GB" */
    ss_instant posted_at;
    ss_slice source_url;
    const ss_attribute *attributes; /* in the order they came; keys unique */
    size_t attribute_count;
} ss_ad;

#endif

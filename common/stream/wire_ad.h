/* wire_ad.h - bytes from a topic, a file or standard input -> ss_ad, and back.
 *
 * Which form the bytes have is told by the Kafka header content-type
 *     application/x-protobuf, application/protobuf      skillstream.v1.JobAd
 *     application/ld+json, application/json             one of the JSON forms
 * (case and parameters such as ";charset=utf-8" do not matter) or, without one
 * or with one that is not known, by the first bytes: '{' or '[' after white
 * space and a byte order mark is JSON, everything else protobuf.
 *
 * JSON forms, tried in this order:
 *     {"jsonld": {...}}                 a wrapper around a JobPosting; the wrapper's id and title win
 *     schema.org JobPosting             "@type" a string or an array, inside "@graph" or an array: the first one counts
 *     {"id","title","text"|"html","date"}                                      the short form; "body" is taken too
 *     {"id","title","body","bodyFormat",...}                                   proto3 JSON of JobAd
 * The texts `responsibilities`, `qualifications`, `skills`, `experienceRequirements` and `educationRequirements` of a
 * JobPosting are put behind the description, each as a block of its own, unless the description holds them already.
 * A description whose tags are entity-escaped ("&lt;p&gt;", seen on many sites) is unescaped once.
 *
 * Protobuf may carry the Confluent Schema Registry frame (byte 0, 4 bytes schema id, message index list); a JobAd never
 * begins with a 0 byte, so the frame is recognised by itself.
 *
 * Broken UTF-8 is repaired (U+FFFD for each maximal bad part, as WHATWG says; JSON that is bad everywhere it is not
 * ASCII is taken for windows-1252) and NUL becomes a space, because one bad character must not cost the ad and Python's
 * protobuf rejects strings that are not UTF-8. Only the body of a protobuf ad is left as it came: the text module
 * repairs it and keeps the map to the bytes that were received. JSON gets the leniency of browsers: raw control
 * characters in strings and lone surrogate escapes are accepted.
 *
 * Thread safe: no state; one arena per thread. Time is linear in the input.
 */
#ifndef SKILLSTREAM_STREAM_WIRE_AD_H
#define SKILLSTREAM_STREAM_WIRE_AD_H

#include <stddef.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "stream/ad.h"

/* How protobuf bytes are framed. */
typedef enum ss_wire_framing {
    SS_WIRE_FRAMING_AUTO = 0, /* decode: recognise; encode: plain */
    SS_WIRE_FRAMING_PLAIN,
    SS_WIRE_FRAMING_CONFLUENT
} ss_wire_framing;

/* Zero-filled = the defaults. */
typedef struct ss_wire_options {
    size_t max_bytes;      /* of one value; 0 = 8 MiB. More: reason "too-large" */
    size_t max_depth;      /* of JSON nesting; 0 = 64. More: reason "bad-json" */
    size_t max_attributes; /* 0 = 256. More: reason "too-large" */
    ss_wire_framing framing;
    int schema_id; /* Schema Registry id that encoders write under SS_WIRE_FRAMING_CONFLUENT */
} ss_wire_options;

/* Decodes `value` into *out. Views point into `value` or `arena`, so both must outlive the ad.
 * content_type is NUL-terminated or NULL; options may be NULL.
 * 0, or -1 with *reason (static; may be NULL when not wanted) set to the one word of the dead letter:
 *     "empty"            no bytes, or only white space (a Kafka tombstone)
 *     "too-large"        a limit of the options is passed
 *     "bad-json"         not JSON, cut off, or nested too deeply
 *     "not-a-job-posting" JSON, but none of the forms above
 *     "bad-protobuf"     cut off, an impossible tag, length or varint, or no single field of a JobAd
 *     "memory"           no fault of the ad: try again
 * err->text never quotes the ad. */
int ss_wire_decode_ad(const void *value, size_t len, const char *content_type, const ss_wire_options *options,
                      ss_arena *arena, ss_ad *out, const char **reason, ss_error *err);

/* Appends the ad as protobuf JobAd bytes, framed as options say (NULL = plain). Strings must be valid UTF-8.
 * -1 when the buffer's limit or memory is exhausted; then nothing was appended. */
int ss_wire_encode_ad(const ss_ad *ad, const ss_wire_options *options, ss_buffer *out, ss_error *err);

/* Appends the ad as one line of proto3 JSON, without newline. */
int ss_wire_ad_json(const ss_ad *ad, ss_buffer *out, ss_error *err);

#endif

/* record.h - the answer to one ad: all skills found in it.
 *
 * The same fields as the proto message skillstream.v1.SkillRecord, as views that
 * own nothing (see ad.h). The worker fills one per ad from the batch's arena and
 * the release; wire_record.h turns it into protobuf bytes or JSON.
 */
#ifndef SKILLSTREAM_STREAM_RECORD_H
#define SKILLSTREAM_STREAM_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "stream/ad.h"

/* One skill in one sentence. Offsets are bytes into the ad's plain text, ends exclusive. */
typedef struct ss_record_mention {
    ss_slice skill_uri;
    ss_slice label;
    ss_slice skill_type;
    float score;       /* cosine, -1..1 */
    float probability; /* calibrated, 0..1 */
    uint32_t sentence_index;
    uint32_t sentence_begin, sentence_end;
    uint32_t begin, end;
    ss_slice text; /* empty unless --with-text */
} ss_record_mention;

typedef struct ss_record {
    ss_slice ad_id;
    const ss_record_mention *mentions; /* by sentence, then by falling probability */
    size_t mention_count;
    ss_slice release; /* SHA-256, hex */
    ss_slice taxonomy_name, taxonomy_version;
    ss_slice options_digest;
    ss_slice source_topic; /* empty: the record has no source position (extract from a file) */
    int32_t source_partition;
    int64_t source_offset;
    uint32_t sentence_count;
    uint32_t scored_sentence_count;
    ss_slice title, language, employer, location, source_url; /* passed through from the ad */
    ss_instant posted_at;
    const ss_attribute *attributes;
    size_t attribute_count;
    ss_slice text; /* the ad's plain text; empty unless --with-text */
} ss_record;

#endif

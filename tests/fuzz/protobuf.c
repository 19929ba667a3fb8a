/* protobuf.c - messages of our topics: JobAd, SkillRecord, TrainingPair.
 *
 * The first byte decides which: 'a', 'r' or 'p'; the rest are its bytes. What is decoded is encoded and decoded again,
 * and then encoded to the same bytes.
 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "stream/wire_pair.h"
#include "stream/wire_record.h"

typedef int again_fn(const void *bytes, size_t size, ss_arena *arena, ss_buffer *out);

/* Decodes and encodes: 1 when the bytes are no such message. */
static int ad(const void *bytes, size_t size, ss_arena *arena, ss_buffer *out)
{
    ss_ad ad;
    ss_error err = {0};
    const char *reason = NULL;
    if (ss_wire_decode_ad(bytes, size, "application/x-protobuf", NULL, arena, &ad, &reason, &err)) {
        FUZZ_CHECK(reason && strcmp(reason, "memory") && err.text[0]);
        return 1;
    }
    FUZZ_CHECK(fuzz_is_text(ad.id) && fuzz_is_text(ad.title) && fuzz_is_text(ad.source_url));
    for (size_t i = 0; i < ad.attribute_count; i++)
        FUZZ_CHECK(fuzz_is_text(ad.attributes[i].key) && fuzz_is_text(ad.attributes[i].value));
    FUZZ_CHECK(!ss_wire_encode_ad(&ad, NULL, out, NULL));
    return out->len ? 0 : 1; /* nothing but unknown fields or defaults */
}

static int record(const void *bytes, size_t size, ss_arena *arena, ss_buffer *out)
{
    ss_record record;
    ss_error err = {0};
    ss_buffer json;
    if (ss_wire_decode_record(bytes, size, arena, &record, &err)) {
        FUZZ_CHECK(err.status == SS_INPUT && err.text[0]);
        return 1;
    }
    ss_buffer_init(&json, 1 << 26);
    FUZZ_CHECK(!ss_wire_record_json(&record, &json, NULL));
    FUZZ_CHECK(fuzz_is_text((ss_slice){json.data, json.len}) && !memchr(json.data, '\n', json.len));
    ss_buffer_free(&json);
    FUZZ_CHECK(!ss_wire_encode_record(&record, NULL, out, NULL));
    return 0;
}

static int pair(const void *bytes, size_t size, ss_arena *arena, ss_buffer *out)
{
    ss_pair pair;
    ss_error err = {0};
    char id[SS_PAIR_ID + 1];
    if (ss_wire_decode_pair(bytes, size, arena, &pair, &err)) {
        FUZZ_CHECK(err.status == SS_INPUT && err.text[0]);
        return 1;
    }
    FUZZ_CHECK(pair.sentence.len && fuzz_is_text(pair.sentence));
    for (size_t i = 0; i < pair.skill_count; i++) FUZZ_CHECK(fuzz_is_text(pair.skill_uris[i]));
    FUZZ_CHECK(!ss_pair_make_id(&pair, id, NULL) && strlen(id) == SS_PAIR_ID);
    FUZZ_CHECK(!ss_wire_encode_pair(&pair, out, NULL));
    return 0;
}

static void check(again_fn *again, const uint8_t *data, size_t size)
{
    ss_arena arena;
    ss_buffer once, twice;
    ss_arena_init(&arena, 0, 0);
    ss_buffer_init(&once, 1 << 26);
    ss_buffer_init(&twice, 1 << 26);
    if (!again(data, size, &arena, &once)) {
        FUZZ_CHECK(!again(once.data, once.len, &arena, &twice));
        FUZZ_CHECK(once.len == twice.len && (!once.len || !memcmp(once.data, twice.data, once.len)));
    }
    ss_buffer_free(&once);
    ss_buffer_free(&twice);
    ss_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) return 0;
    if (data[0] == 'a') check(ad, data + 1, size - 1);
    if (data[0] == 'r') check(record, data + 1, size - 1);
    if (data[0] == 'p') check(pair, data + 1, size - 1);
    return 0;
}

/* ad_json.c - ads and training pairs as JSON.
 *
 * The first byte decides: 'p' the rest is a line with a pair; otherwise all of it is an ad. What is read is text that
 * can be written, and what is written reads back as the same.
 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "stream/wire_ad.h"
#include "stream/wire_pair.h"

static void check_views(const ss_ad *ad)
{
    const ss_slice views[] = {ad->id, ad->title, ad->body, ad->language, ad->employer, ad->location, ad->source_url};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) FUZZ_CHECK(fuzz_is_text(views[i]));
    for (size_t i = 0; i < ad->attribute_count; i++)
        FUZZ_CHECK(fuzz_is_text(ad->attributes[i].key) && fuzz_is_text(ad->attributes[i].value));
    FUZZ_CHECK(ad->posted_at.nanos >= 0 && ad->posted_at.nanos < 1000000000);
}

static void check_again(const ss_ad *ad, ss_arena *arena)
{
    ss_buffer once, twice;
    ss_ad back;
    ss_buffer_init(&once, 1 << 26);
    ss_buffer_init(&twice, 1 << 26);
    FUZZ_CHECK(!ss_wire_encode_ad(ad, NULL, &once, NULL));
    if (once.len) { /* an ad without anything is no bytes, which are no ad */
        FUZZ_CHECK(!ss_wire_decode_ad(once.data, once.len, "application/protobuf", NULL, arena, &back, NULL, NULL));
        FUZZ_CHECK(!ss_wire_encode_ad(&back, NULL, &twice, NULL));
        FUZZ_CHECK(once.len == twice.len && !memcmp(once.data, twice.data, once.len));
    }
    ss_buffer_clear(&once);
    FUZZ_CHECK(!ss_wire_ad_json(ad, &once, NULL));
    FUZZ_CHECK(fuzz_is_text((ss_slice){once.data, once.len}) && !memchr(once.data, '\n', once.len));
    ss_buffer_free(&once);
    ss_buffer_free(&twice);
}

static void check_ad(const uint8_t *data, size_t size)
{
    ss_arena arena;
    ss_ad ad;
    ss_error err = {0};
    const char *reason = NULL;
    ss_wire_options options = {.max_depth = 16, .max_attributes = 8};
    ss_arena_init(&arena, 0, 0);
    if (!ss_wire_decode_ad(data, size, "application/json", &options, &arena, &ad, &reason, &err)) {
        check_views(&ad);
        check_again(&ad, &arena);
    } else {
        FUZZ_CHECK(reason && strcmp(reason, "memory") && err.text[0]);
    }
    ss_arena_free(&arena);
}

static int same_pair(const ss_pair *a, const ss_pair *b)
{
    int same = fuzz_same(a->id, b->id) && fuzz_same(a->sentence, b->sentence) && a->skill_count == b->skill_count &&
               a->kind == b->kind && fuzz_same(a->language, b->language) && fuzz_same(a->model, b->model) &&
               fuzz_same(a->prompt_version, b->prompt_version) && a->rank == b->rank;
    for (size_t i = 0; same && i < a->skill_count; i++) same = fuzz_same(a->skill_uris[i], b->skill_uris[i]);
    return same;
}

static void check_pair(const char *line, size_t size)
{
    ss_arena arena;
    ss_pair pair, back;
    ss_buffer json;
    ss_error err = {0};
    ss_arena_init(&arena, 0, 0);
    ss_buffer_init(&json, 1 << 24);
    if (!ss_wire_read_pair(line, size, &arena, &pair, &err)) {
        FUZZ_CHECK(pair.sentence.len && fuzz_is_text(pair.sentence) && pair.skill_count <= SS_PAIR_MAX_SKILLS);
        FUZZ_CHECK(!ss_wire_pair_json(&pair, &json, NULL));
        FUZZ_CHECK(!ss_wire_read_pair(json.data, json.len, &arena, &back, NULL) && same_pair(&pair, &back));
    } else {
        FUZZ_CHECK(err.text[0]);
    }
    ss_buffer_free(&json);
    ss_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] == 'p')
        check_pair((const char *)data + 1, size - 1);
    else
        check_ad(data, size);
    return 0;
}

/* wire_ad.c - see wire_ad.h: finds out what the bytes are and calls the decoder for it; writes ads.
 *
 * The content type decides when it is one we know. Crawlers label carelessly, so a type that is not known (text/plain,
 * application/octet-stream) is ignored instead of refused, and a known one is believed even where the bytes disagree:
 * the producer's word makes the error message that helps him ("bad-json", not "bad-protobuf").
 */
#include "stream/wire_ad.h"

#include <string.h>
#include <strings.h>

#include "stream/wire_ad_parts.h"
#include "stream/wire_json.h"
#include "stream/wire_protobuf.h"
#include "stream/wire_text.h"

enum { DEFAULT_MAX_BYTES = 8 << 20, DEFAULT_MAX_DEPTH = 64, DEFAULT_MAX_ATTRIBUTES = 256 };

typedef enum wire_form { FORM_UNKNOWN, FORM_JSON, FORM_PROTOBUF } wire_form;

int ss_wire_refuse(const char **reason, const char *word, ss_error *err, const char *text)
{
    if (reason) *reason = word;
    if (!strcmp(word, "memory")) return ss_fail_memory(err, text);
    return ss_fail(err, SS_INPUT, "%s", text);
}

void ss_wire_set_attribute(ss_attribute *list, size_t *count, ss_attribute attribute)
{
    for (size_t i = 0; i < *count; i++) {
        if (list[i].key.len == attribute.key.len &&
            (!attribute.key.len || !memcmp(list[i].key.data, attribute.key.data, attribute.key.len))) {
            list[i].value = attribute.value;
            return;
        }
    }
    list[(*count)++] = attribute;
}

int ss_wire_repair_attributes(ss_attribute *list, size_t *count, ss_arena *arena)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        ss_attribute attribute = list[i];
        if (ss_wire_repair(arena, &attribute.key) || ss_wire_repair(arena, &attribute.value)) return -1;
        ss_wire_set_attribute(list, &kept, attribute); /* kept <= i: what is overwritten was read */
    }
    *count = kept;
    return 0;
}

static wire_form form_of_type(const char *content_type)
{
    static const struct {
        const char *type;
        wire_form form;
    } TYPES[] = {{"application/x-protobuf", FORM_PROTOBUF},
                 {"application/protobuf", FORM_PROTOBUF},
                 {"application/vnd.google.protobuf", FORM_PROTOBUF},
                 {"application/ld+json", FORM_JSON},
                 {"application/json", FORM_JSON}};
    if (!content_type) return FORM_UNKNOWN;
    ss_slice type = ss_slice_trim((ss_slice){.data = content_type, .len = strcspn(content_type, ";")});
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++)
        if (strlen(TYPES[i].type) == type.len && !strncasecmp(type.data, TYPES[i].type, type.len)) return TYPES[i].form;
    return FORM_UNKNOWN;
}

static int looks_like_json(ss_slice value)
{
    if (value.len >= 3 && !memcmp(value.data, "\xEF\xBB\xBF", 3)) value.data += 3, value.len -= 3;
    value = ss_slice_trim(value);
    /* '{' (0x7B) and '[' (0x5B) would be protobuf fields 15 and 11 of a group type, which no proto3 message has. */
    return value.len && (value.data[0] == '{' || value.data[0] == '[');
}

static ss_wire_options with_defaults(const ss_wire_options *options)
{
    ss_wire_options out = options ? *options : (ss_wire_options){0};
    if (!out.max_bytes) out.max_bytes = DEFAULT_MAX_BYTES;
    if (!out.max_depth) out.max_depth = DEFAULT_MAX_DEPTH;
    if (!out.max_attributes) out.max_attributes = DEFAULT_MAX_ATTRIBUTES;
    return out;
}

int ss_wire_decode_ad(const void *value, size_t len, const char *content_type, const ss_wire_options *options,
                      ss_arena *arena, ss_ad *out, const char **reason, ss_error *err)
{
    ss_wire_options with = with_defaults(options);
    ss_slice bytes = {.data = value, .len = value ? len : 0};
    *out = (ss_ad){0};
    if (bytes.len > with.max_bytes) {
        if (reason) *reason = "too-large";
        return ss_fail(err, SS_LIMIT, "the ad has %zu bytes, the limit is %zu", bytes.len, with.max_bytes);
    }
    wire_form form = form_of_type(content_type);
    /* White space is empty text, but may be protobuf: field 1 begins with a line feed. */
    if (!bytes.len || (form != FORM_PROTOBUF && !ss_slice_trim(bytes).len))
        return ss_wire_refuse(reason, "empty", err, "the message has no content");
    if (form == FORM_UNKNOWN) form = looks_like_json(bytes) ? FORM_JSON : FORM_PROTOBUF;
    int failed = form == FORM_JSON ? ss_wire_ad_from_json(bytes, &with, arena, out, reason, err)
                                   : ss_wire_ad_from_protobuf(bytes, &with, arena, out, reason, err);
    if (failed) *out = (ss_ad){0};
    return failed;
}

int ss_wire_ad_json(const ss_ad *ad, ss_buffer *out, ss_error *err)
{
    static const char *FORMATS[] = {"", "TEXT", "HTML"};
    size_t before = out->len;
    ss_json_out json = {.out = out};
    ss_body_format format = ad->body_format <= SS_BODY_HTML ? ad->body_format : SS_BODY_UNSPECIFIED;
    if (ss_buffer_add(out, "{", 1) || ss_json_text(&json, "id", ad->id) || ss_json_text(&json, "title", ad->title) ||
        ss_json_text(&json, "body", ad->body) || ss_json_text(&json, "bodyFormat", ss_slice_of(FORMATS[format])) ||
        ss_json_text(&json, "language", ad->language) || ss_json_text(&json, "employer", ad->employer) ||
        ss_json_text(&json, "location", ad->location) || ss_json_instant(&json, "postedAt", ad->posted_at) ||
        ss_json_text(&json, "sourceUrl", ad->source_url) ||
        ss_json_attributes(&json, "attributes", ad->attributes, ad->attribute_count) || ss_buffer_add(out, "}", 1)) {
        out->len = before;
        if (out->starved) return ss_fail_memory(err, "writing an ad");
        return ss_fail(err, SS_LIMIT, "an ad is larger than the buffer of %zu bytes", out->limit);
    }
    return 0;
}

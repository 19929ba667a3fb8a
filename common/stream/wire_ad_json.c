/* wire_ad_json.c - the JSON forms of an ad (see wire_ad.h) -> ss_ad.
 *
 * jansson parses; the tree lives only during the call, and what an ad keeps is copied to the arena. schema.org allows
 * nearly everything nearly everywhere (text, object or array of both), so each accessor takes what it can read and
 * answers "absent" for the rest: a strange salary must not cost an ad.
 *
 * The body: `description` and the texts that schema.org keeps beside it (responsibilities, skills ...). As soon as one
 * of them holds a tag the whole body is HTML and the plain ones are escaped; otherwise it is plain text.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/json_load.h"
#include "stream/wire_ad_parts.h"
#include "stream/wire_json.h"
#include "stream/wire_text.h"

enum { MAX_LISTED = 8, MAX_BLOCKS = 8, MAX_SEARCH = 6, NUMBER_ROOM = 40 };

typedef struct reading {
    ss_arena *arena;
    const ss_wire_options *options;
    ss_ad *ad;
    int memory; /* the arena is exhausted: everything read from now on is void */
    int too_many;
} reading;

/* --- small readers --- */

static ss_slice keep(reading *r, const char *bytes, size_t len)
{
    ss_slice out = {.data = ss_arena_copy(r->arena, bytes, len), .len = len};
    if (!out.data) {
        r->memory = 1;
        return (ss_slice){0};
    }
    if (ss_wire_repair(r->arena, &out)) r->memory = 1; /* \u0000 */
    return out;
}

/* A view into the tree: text, or a number written out into `room`. */
static ss_slice scalar(const json_t *value, char room[NUMBER_ROOM])
{
    if (json_is_string(value)) return (ss_slice){json_string_value(value), json_string_length(value)};
    int len = 0;
    if (json_is_integer(value)) len = snprintf(room, NUMBER_ROOM, "%lld", (long long)json_integer_value(value));
    if (json_is_real(value)) len = snprintf(room, NUMBER_ROOM, "%.17g", json_real_value(value));
    return (ss_slice){.data = room, .len = (size_t)len};
}

/* Text, number, the `member` of an object, or the first of these in an array; empty when there is none. */
static ss_slice text_in(const json_t *value, const char *member, char room[NUMBER_ROOM])
{
    for (int depth = 0; value && depth < MAX_SEARCH; depth++) {
        if (json_is_array(value))
            value = json_array_get(value, 0);
        else if (json_is_object(value) && member)
            value = json_object_get(value, member);
        else
            break;
    }
    return ss_slice_trim(scalar(value, room));
}

static void take_text(reading *r, const json_t *object, const char *name, const char *member, ss_slice *out)
{
    char room[NUMBER_ROOM];
    if (out->len) return; /* an earlier name had it */
    ss_slice text = text_in(json_object_get(object, name), member, room);
    if (text.len) *out = keep(r, text.data, text.len);
}

static void take_time(reading *r, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (r->ad->posted_at.has || !json_is_string(value)) return;
    ss_time_parse((ss_slice){json_string_value(value), json_string_length(value)}, &r->ad->posted_at);
}

/* --- location --- */

static void append(char *out, size_t room, const char *between, ss_slice text)
{
    size_t have = strlen(out), gap = have ? strlen(between) : 0;
    if (!text.len || room - have < gap + text.len + 1) return;
    memcpy(out + have, between, gap);
    memcpy(out + have + gap, text.data, text.len);
    out[have + gap + text.len] = 0;
}

/* One place as "Arlesey, GB": town, region and country of its address, else its name. */
static void describe_place(const json_t *place, char *out, size_t room)
{
    static const char *PARTS[] = {"addressLocality", "addressRegion", "addressCountry"};
    char number[NUMBER_ROOM];
    const json_t *address = json_is_object(place) ? json_object_get(place, "address") : place;
    if (json_is_array(address)) address = json_array_get(address, 0);
    if (!address) address = place; /* an address without a Place around it */
    if (!json_is_object(address)) {
        append(out, room, ", ", text_in(address, NULL, number));
        return;
    }
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++)
        append(out, room, ", ", text_in(json_object_get(address, PARTS[i]), "name", number));
    if (!*out) append(out, room, ", ", text_in(json_object_get(address, "streetAddress"), NULL, number));
    if (!*out) append(out, room, ", ", text_in(place, "name", number));
}

static void take_location(reading *r, const json_t *value)
{
    char all[1024] = "", one[256];
    size_t count = json_is_array(value) ? json_array_size(value) : value ? 1 : 0;
    for (size_t i = 0; i < count && i < MAX_LISTED; i++) {
        one[0] = 0;
        describe_place(json_is_array(value) ? json_array_get(value, i) : value, one, sizeof one);
        append(all, sizeof all, "; ", ss_slice_of(one));
    }
    if (*all && !r->ad->location.len) r->ad->location = keep(r, all, strlen(all));
}

/* --- body --- */

typedef struct blocks {
    ss_slice text[MAX_BLOCKS];
    int is_html[MAX_BLOCKS];
    size_t count;
    int html; /* one of them is HTML */
} blocks;

/* A text of the posting as a block: unescaped if its tags are escaped, left out if an earlier block holds it. */
static void add_block(reading *r, blocks *body, ss_slice text)
{
    text = ss_slice_trim(text);
    if (!text.len || body->count == MAX_BLOCKS) return;
    int html = ss_wire_has_tag(text);
    if (!html && ss_wire_unescape(r->arena, &text)) r->memory = 1;
    html = ss_wire_has_tag(text);
    for (size_t i = 0; i < body->count; i++)
        if (memmem(body->text[i].data, body->text[i].len, text.data, text.len)) return;
    body->text[body->count] = text;
    body->is_html[body->count++] = html;
    body->html |= html;
}

/* Text, DefinedTerm (name and description), or an array of them, lines joined. */
static void add_member(reading *r, blocks *body, const json_t *value)
{
    if (json_is_string(value)) {
        add_block(r, body, (ss_slice){json_string_value(value), json_string_length(value)});
        return;
    }
    ss_buffer lines;
    char room[2][NUMBER_ROOM];
    ss_buffer_init(&lines, r->options->max_bytes * 2);
    size_t count = json_is_array(value) ? json_array_size(value) : value ? 1 : 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        ss_slice parts[2] = {text_in(item, "name", room[0]), {0}};
        if (json_is_object(item)) parts[1] = text_in(json_object_get(item, "description"), NULL, room[1]);
        for (int k = 0; k < 2; k++)
            if (parts[k].len && (ss_buffer_add(&lines, parts[k].data, parts[k].len) || ss_buffer_add(&lines, "\n", 1)))
                r->memory = 1;
    }
    if (lines.len) {
        char *copy = ss_arena_copy(r->arena, lines.data, lines.len);
        if (copy)
            add_block(r, body, (ss_slice){copy, lines.len});
        else
            r->memory = 1;
    }
    ss_buffer_free(&lines);
}

static int put_escaped(ss_buffer *out, ss_slice text)
{
    size_t from = 0;
    for (size_t at = 0; at < text.len; at++) {
        char c = text.data[at];
        const char *instead = c == '<' ? "&lt;" : c == '&' ? "&amp;" : c == '\n' ? "<br>\n" : NULL;
        if (!instead) continue;
        if (ss_buffer_add(out, text.data + from, at - from) || ss_buffer_add_string(out, instead)) return -1;
        from = at + 1;
    }
    return ss_buffer_add(out, text.data + from, text.len - from);
}

static int put_block(ss_buffer *out, const blocks *body, size_t i)
{
    if (!body->html)
        return (i && ss_buffer_add(out, "\n\n", 2)) || ss_buffer_add(out, body->text[i].data, body->text[i].len);
    if (i && ss_buffer_add_string(out, "\n<div>")) return -1;
    if (body->is_html[i] ? ss_buffer_add(out, body->text[i].data, body->text[i].len) : put_escaped(out, body->text[i]))
        return -1;
    return i ? ss_buffer_add_string(out, "</div>") : 0;
}

static void take_body(reading *r, const blocks *body)
{
    if (!body->count) return;
    r->ad->body_format = body->html ? SS_BODY_HTML : SS_BODY_TEXT;
    if (body->count == 1) {
        r->ad->body = keep(r, body->text[0].data, body->text[0].len);
        return;
    }
    ss_buffer out;
    ss_buffer_init(&out, r->options->max_bytes * 8 + 1024); /* every byte a "<br>\n", and the <div>s */
    for (size_t i = 0; i < body->count; i++)
        if (put_block(&out, body, i)) r->memory = 1;
    if (!r->memory) r->ad->body = keep(r, out.data, out.len);
    ss_buffer_free(&out);
}

/* --- the forms --- */

static void read_posting(reading *r, const json_t *posting)
{
    static const char *BESIDE[] = {"responsibilities", "qualifications", "skills", "experienceRequirements",
                                   "educationRequirements"};
    blocks body = {0};
    take_text(r, posting, "identifier", "value", &r->ad->id);
    take_text(r, posting, "title", NULL, &r->ad->title);
    take_text(r, posting, "name", NULL, &r->ad->title);
    take_text(r, posting, "inLanguage", "alternateName", &r->ad->language);
    take_text(r, posting, "hiringOrganization", "name", &r->ad->employer);
    take_text(r, posting, "url", NULL, &r->ad->source_url);
    take_time(r, posting, "datePosted");
    take_location(r, json_object_get(posting, "jobLocation"));
    add_member(r, &body, json_object_get(posting, "description"));
    for (size_t i = 0; i < sizeof BESIDE / sizeof *BESIDE; i++)
        add_member(r, &body, json_object_get(posting, BESIDE[i]));
    take_body(r, &body);
}

static void take_attributes(reading *r, const json_t *object)
{
    size_t size = json_object_size(object);
    if (!size) return;
    if (size > r->options->max_attributes) {
        r->too_many = 1;
        return;
    }
    ss_attribute *list = ss_arena_calloc(r->arena, size, sizeof *list);
    if (!list) {
        r->memory = 1;
        return;
    }
    r->ad->attributes = list;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        char room[NUMBER_ROOM];
        if (!json_is_string(value) && !json_is_number(value)) continue;
        ss_slice text = scalar(value, room);
        list[r->ad->attribute_count++] = (ss_attribute){keep(r, key, strlen(key)), keep(r, text.data, text.len)};
    }
}

/* proto3 JSON takes the enum's name or its number. */
static ss_body_format format_in(const json_t *value)
{
    if (json_is_integer(value))
        return json_integer_value(value) == SS_BODY_TEXT   ? SS_BODY_TEXT
               : json_integer_value(value) == SS_BODY_HTML ? SS_BODY_HTML
                                                           : SS_BODY_UNSPECIFIED;
    const char *name = json_string_value(value);
    if (!name) return SS_BODY_UNSPECIFIED;
    return !strcmp(name, "TEXT") ? SS_BODY_TEXT : !strcmp(name, "HTML") ? SS_BODY_HTML : SS_BODY_UNSPECIFIED;
}

/* The short form and proto3 JSON of JobAd (both spellings of its names); 0, or -1 when no member holds a text. */
static int read_short(reading *r, const json_t *object)
{
    static const struct {
        const char *name;
        ss_body_format format;
    } BODIES[] = {{"html", SS_BODY_HTML},
                  {"text", SS_BODY_TEXT},
                  {"body", SS_BODY_UNSPECIFIED},
                  {"description", SS_BODY_UNSPECIFIED}};
    const json_t *body = NULL, *title = json_object_get(object, "title");
    for (size_t i = 0; i < sizeof BODIES / sizeof *BODIES && !body; i++) {
        const json_t *found = json_object_get(object, BODIES[i].name);
        if (!json_is_string(found)) continue;
        body = found;
        r->ad->body_format = BODIES[i].format;
    }
    if (!body && !json_is_string(title)) return -1;
    if (body) r->ad->body = keep(r, json_string_value(body), json_string_length(body));
    const json_t *format = json_object_get(object, "bodyFormat");
    if (!format) format = json_object_get(object, "body_format");
    if (format) r->ad->body_format = format_in(format);
    take_text(r, object, "id", NULL, &r->ad->id);
    take_text(r, object, "title", NULL, &r->ad->title);
    take_text(r, object, "language", NULL, &r->ad->language);
    take_text(r, object, "employer", "name", &r->ad->employer);
    take_text(r, object, "location", "name", &r->ad->location);
    take_text(r, object, "sourceUrl", NULL, &r->ad->source_url);
    take_text(r, object, "source_url", NULL, &r->ad->source_url);
    take_text(r, object, "url", NULL, &r->ad->source_url);
    take_time(r, object, "date");
    take_time(r, object, "postedAt");
    take_time(r, object, "posted_at");
    take_attributes(r, json_object_get(object, "attributes"));
    return 0;
}

static int is_posting_type(const json_t *type)
{
    const char *name = json_string_value(type);
    if (!name) return 0;
    const char *last = strrchr(name, '/');
    if (!last) last = strrchr(name, ':'); /* "schema:JobPosting" */
    return !strcmp(last ? last + 1 : name, "JobPosting");
}

static int is_posting(const json_t *object)
{
    const json_t *type = json_object_get(object, "@type");
    if (is_posting_type(type)) return 1;
    for (size_t i = 0; i < json_array_size(type); i++)
        if (is_posting_type(json_array_get(type, i))) return 1;
    return 0;
}

/* The first JobPosting in arrays and @graph, depth first. */
static const json_t *find_posting(const json_t *value, int depth)
{
    if (json_is_object(value) && is_posting(value)) return value;
    const json_t *list = json_is_object(value) ? json_object_get(value, "@graph") : value;
    if (depth == MAX_SEARCH) return NULL;
    if (json_is_object(list)) return find_posting(list, depth + 1);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *found = find_posting(json_array_get(list, i), depth + 1);
        if (found) return found;
    }
    return NULL;
}

/* 0, or -1: none of the forms. */
static int read_any(reading *r, const json_t *root)
{
    const json_t *inside = json_object_get(root, "jsonld");
    const json_t *posting = find_posting(inside ? inside : root, 0);
    if (inside && posting) {
        take_text(r, root, "id", NULL, &r->ad->id);
        take_text(r, root, "title", NULL, &r->ad->title);
    }
    if (posting) {
        read_posting(r, posting);
        if (inside) take_time(r, root, "date");
        return 0;
    }
    if (json_is_array(root) && json_array_size(root) == 1) root = json_array_get(root, 0);
    return json_is_object(root) && !json_object_get(root, "@type") ? read_short(r, root) : -1;
}

static json_t *parse(ss_slice json, json_error_t *error)
{
    const size_t flags = JSON_ALLOW_NUL | JSON_DECODE_ANY;
    json_t *root = ss_json_load(json.data, json.len, flags, error);
    /* Numbers over 64 bits (some sites' identifiers) only parse as reals. */
    if (!root && json_error_code(error) == json_error_numeric_overflow)
        root = ss_json_load(json.data, json.len, flags | JSON_DECODE_INT_AS_REAL, error);
    return root;
}

int ss_wire_ad_from_json(ss_slice value, const ss_wire_options *options, ss_arena *arena, ss_ad *out,
                         const char **reason, ss_error *err)
{
    reading r = {.arena = arena, .options = options, .ad = out};
    switch (ss_wire_clean_json(arena, options->max_depth, &value)) {
    case SS_WIRE_CLEAN_OK: break;
    case SS_WIRE_CLEAN_TOO_DEEP: return ss_wire_refuse(reason, "bad-json", err, "the JSON is nested too deeply");
    case SS_WIRE_CLEAN_MEMORY: return ss_wire_refuse(reason, "memory", err, "decoding an ad");
    }
    json_error_t error;
    json_t *root = parse(value, &error);
    if (!root) {
        if (ss_json_starved()) return ss_wire_refuse(reason, "memory", err, "parsing JSON");
        if (reason) *reason = "bad-json";
        /* jansson's text quotes the input, so only the place is told. */
        return ss_fail(err, SS_INPUT, "not JSON: line %d, column %d", error.line, error.column);
    }
    int known = read_any(&r, root);
    json_decref(root);
    if (r.memory) return ss_wire_refuse(reason, "memory", err, "decoding an ad");
    if (r.too_many) return ss_wire_refuse(reason, "too-large", err, "the ad has more attributes than allowed");
    if (known)
        return ss_wire_refuse(reason, "not-a-job-posting", err, "JSON, but no JobPosting and no ad in short form");
    return 0;
}

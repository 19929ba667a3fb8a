/* inspect_ads.c - the ads that the page offers; see inspect_pages.h. */
#include <stdio.h>
#include <string.h>

#include "stream/wire_ad.h"
#include "worker/cli/ads_input.h"
#include "worker/cli/inspect_files.h"
#include "worker/cli/inspect_pages.h"

enum { OFFERED = 200, ADS_BYTES = 8 << 20 };

static int add_ad(ss_buffer *out, const ss_ad *ad, ss_error *err)
{
    if (out->len > 1 && ss_buffer_add(out, ",", 1)) return ss_fail_memory(err, "reading the ads on offer");
    return ss_wire_ad_json(ad, out, err);
}

static int add_built_in(ss_buffer *out, ss_arena *arena, ss_error *err)
{
    const ss_inspect_file *file = ss_inspect_files;
    while (file->name && strcmp(file->name, "ads.jsonl")) file++;
    const char *line = (const char *)file->data, *end = line + file->len;
    while (line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) stop = end;
        ss_ad ad;
        if (ss_wire_decode_ad(line, (size_t)(stop - line), "application/json", NULL, arena, &ad, NULL, err) ||
            add_ad(out, &ad, err))
            return -1;
        line = stop + 1;
    }
    return 0;
}

static int add_files(ss_buffer *out, const ss_strings *files, void (*report)(void *, const char *), ss_arena *arena,
                     ss_error *err)
{
    ss_ads_input *input = ss_ads_input_open(files, "jsonl", report, NULL, err);
    if (!input) return -1;
    ss_input_ad in;
    int state = 0;
    for (int n = 0; n < OFFERED && (state = ss_ads_input_next(input, arena, &in, err)) > 0; n++) {
        size_t before = out->len;
        state = 0;
        if (in.ad.body.len > ADS_BYTES / 2 - out->len / 2 ||
            add_ad(out, &in.ad, NULL)) { /* an escape may be two bytes */
            char text[120];
            out->len = before;
            snprintf(text, sizeof text, "only the first %d ads are on offer: more would be over %d MB", n,
                     ADS_BYTES >> 20);
            report(NULL, text);
            break;
        }
        ss_arena_reset(arena);
    }
    ss_ads_input_close(input);
    return state < 0 ? -1 : 0;
}

int ss_inspect_ads(ss_inspect_pages *pages, const ss_strings *files, void (*report)(void *, const char *),
                   ss_error *err)
{
    ss_arena arena;
    ss_arena_init(&arena, 1 << 18, 0);
    ss_buffer *out = &pages->ads;
    ss_buffer_init(out, ADS_BYTES);
    int result = ss_buffer_add_string(out, "[");
    if (!result && files->count)
        result = add_files(out, files, report, &arena, err);
    else if (!result)
        result = add_built_in(out, &arena, err);
    if (!result && ss_buffer_add_string(out, "]")) result = ss_fail_memory(err, "reading the ads on offer");
    ss_arena_free(&arena);
    return result;
}

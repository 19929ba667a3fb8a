/* wire_tool.c - the wire formats as a filter, so that another language can hold its own against them.
 *
 * One request per line, "VERB HEX"; one answer per line:
 *     record-json HEX     SkillRecord bytes -> its JSON
 *     record-bytes HEX    SkillRecord bytes -> decoded and encoded again, in hex
 *     ad-json HEX         an ad in any form -> JSON of JobAd
 *     ad-bytes HEX        an ad in any form -> JobAd bytes, in hex
 * What cannot be decoded answers "error WORD". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream/wire_ad.h"
#include "stream/wire_record.h"

enum { MAX_OUT = 64 << 20 };

static size_t from_hex(const char *hex, unsigned char *out)
{
    size_t len = 0;
    for (; hex[0] && hex[1] && hex[0] != '\n'; hex += 2) {
        char pair[3] = {hex[0], hex[1], 0};
        out[len++] = (unsigned char)strtoul(pair, NULL, 16);
    }
    return len;
}

static void answer(const ss_buffer *out, int hex)
{
    for (size_t i = 0; hex && i < out->len; i++) printf("%02x", (unsigned char)out->data[i]);
    if (!hex && out->len) fwrite(out->data, 1, out->len, stdout);
    putchar('\n');
}

static void handle(const char *verb, const unsigned char *bytes, size_t len, ss_arena *arena, ss_buffer *out)
{
    ss_ad ad;
    ss_record record;
    const char *reason = "bad-record";
    int hex = strstr(verb, "-bytes") != NULL, failed;
    if (!strncmp(verb, "record", 6)) {
        failed = ss_wire_decode_record(bytes, len, arena, &record, NULL);
        if (!failed)
            failed = hex ? ss_wire_encode_record(&record, NULL, out, NULL) : ss_wire_record_json(&record, out, NULL);
    } else {
        failed = ss_wire_decode_ad(bytes, len, NULL, NULL, arena, &ad, &reason, NULL);
        if (!failed) failed = hex ? ss_wire_encode_ad(&ad, NULL, out, NULL) : ss_wire_ad_json(&ad, out, NULL);
    }
    if (failed)
        printf("error %s\n", reason);
    else
        answer(out, hex);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ss_arena arena;
    ss_buffer out;
    ss_arena_init(&arena, 0, 0);
    ss_buffer_init(&out, MAX_OUT);
    while (getline(&line, &cap, stdin) > 0) {
        char *space = strchr(line, ' ');
        unsigned char *bytes = space ? malloc(strlen(space)) : NULL;
        if (!bytes) break;
        *space = 0;
        size_t len = from_hex(space + 1, bytes);
        handle(line, bytes, len, &arena, &out);
        free(bytes);
        ss_arena_reset(&arena);
        ss_buffer_clear(&out);
    }
    free(line);
    ss_arena_free(&arena);
    ss_buffer_free(&out);
    return fflush(stdout) ? 1 : 0;
}

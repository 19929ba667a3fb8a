/* ads_input.c - see ads_input.h. */
#include "worker/cli/ads_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "stream/wire_ad.h"

enum { LONGEST = 256 << 20 };

struct ss_ads_input {
    char **files;
    size_t count, next;
    int whole; /* a file is one ad */
    ss_body_format format;
    void (*report)(void *, const char *);
    void *context;
    ss_lines *lines;
    const char *path; /* of the open file */
    size_t bad, unnamed;
};

static char *standard_input[] = {(char[]){"-"}};

ss_ads_input *ss_ads_input_open(const ss_strings *files, const char *format, void (*report)(void *, const char *),
                                void *context, ss_error *err)
{
    ss_ads_input *input = calloc(1, sizeof *input);
    if (!input) {
        ss_fail_memory(err, "opening the ads");
        return NULL;
    }
    input->files = files->count ? files->items : standard_input;
    input->count = files->count ? files->count : 1;
    input->whole = strcmp(format, "jsonl") != 0;
    input->format = !strcmp(format, "html") ? SS_BODY_HTML : SS_BODY_TEXT;
    input->report = report;
    input->context = context;
    return input;
}

static void report_bad(ss_ads_input *input, size_t line, const char *reason, const char *text)
{
    char message[SS_ERROR_TEXT + 300];
    input->bad++;
    snprintf(message, sizeof message, "%.200s:%zu: %s: %s", input->path, line, reason, text);
    input->report(input->context, message);
}

/* An ad without id is named by its place. */
static int name_ad(const ss_input_ad *in, ss_arena *arena, ss_ad *ad)
{
    if (ad->id.len) return 0;
    char name[300];
    const char *slash = strrchr(in->path, '/');
    const char *file = !strcmp(in->path, "-") ? "stdin" : slash ? slash + 1 : in->path;
    int len = in->line ? snprintf(name, sizeof name, "%.200s-%zu", file, in->line)
                       : snprintf(name, sizeof name, "%.200s", file);
    char *copy = ss_arena_copy(arena, name, (size_t)len);
    if (!copy) return -1;
    ad->id = (ss_slice){.data = copy, .len = (size_t)len};
    return 0;
}

static int read_whole(ss_ads_input *input, ss_arena *arena, ss_input_ad *out, ss_error *err)
{
    ss_buffer bytes;
    ss_buffer_init(&bytes, LONGEST);
    int result = -1;
    if (!ss_file_read(input->path, &bytes, err)) {
        char *copy = ss_arena_copy(arena, bytes.data, bytes.len);
        *out = (ss_input_ad){.raw = {.data = copy, .len = bytes.len}, .path = input->path};
        out->ad.body = out->raw;
        out->ad.body_format = input->format;
        result = copy && !name_ad(out, arena, &out->ad) ? 1 : ss_fail_memory(err, "reading an ad");
    }
    ss_buffer_free(&bytes);
    return result;
}

/* 1: an ad; 0: end of this file; -1: error; 2: a bad line, go on. */
static int read_line(ss_ads_input *input, ss_arena *arena, ss_input_ad *out, ss_error *err)
{
    char *line;
    size_t len;
    ss_error why = {0};
    int state = ss_lines_next(input->lines, &line, &len, &why);
    if (state < 0 && why.status == SS_LIMIT) {
        report_bad(input, ss_lines_number(input->lines), "too-large", why.text);
        return 2;
    }
    if (state <= 0) {
        if (state < 0 && err) *err = why;
        return state;
    }
    if (!len || strspn(line, " \t") == len) return 2;
    char *copy = ss_arena_copy(arena, line, len);
    if (!copy) return ss_fail_memory(err, "reading an ad");
    *out = (ss_input_ad){.raw = {.data = copy, .len = len}, .path = input->path, .line = ss_lines_number(input->lines)};
    const char *reason = NULL;
    ss_wire_options options = {.max_bytes = LONGEST};
    if (ss_wire_decode_ad(copy, len, "application/json", &options, arena, &out->ad, &reason, &why)) {
        if (why.status == SS_MEMORY) return *err = why, -1;
        report_bad(input, out->line, reason ? reason : "bad-ad", why.text);
        return 2;
    }
    return name_ad(out, arena, &out->ad) ? ss_fail_memory(err, "reading an ad") : 1;
}

int ss_ads_input_next(ss_ads_input *input, ss_arena *arena, ss_input_ad *out, ss_error *err)
{
    for (;;) {
        if (!input->lines) {
            if (input->next == input->count) return 0;
            input->path = input->files[input->next++];
            if (input->whole) return read_whole(input, arena, out, err);
            input->lines = ss_lines_open(input->path, LONGEST, err);
            if (!input->lines) return -1;
        }
        int state = read_line(input, arena, out, err);
        if (state == 1 || state < 0) return state;
        if (state == 0) {
            ss_lines_close(input->lines);
            input->lines = NULL;
        }
    }
}

size_t ss_ads_input_bad(const ss_ads_input *input)
{
    return input->bad;
}

void ss_ads_input_close(ss_ads_input *input)
{
    if (!input) return;
    ss_lines_close(input->lines);
    free(input);
}

/* pair_file.c - see pair_file.h. */
#include "worker/train/pair_file.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "match/csv.h"
#include "stream/wire_pair.h"
#include "text/utf8.h"
#include "worker/train/pair_log.h"

enum { BLOCK = 64 * 1024, HEAD = 64 };

typedef enum format { LINES, CSV, LOG, SENTENCES } format;

static int ends_with(const char *path, const char *end)
{
    size_t len = strlen(path), n = strlen(end);
    return len > n && !strcmp(path + len - n, end);
}

static format recognise(const char *path)
{
    unsigned char head[HEAD];
    if (!strcmp(path, "-")) return LINES;
    if (ends_with(path, ".txt") || ends_with(path, ".txt.gz")) return SENTENCES;
    gzFile file = gzopen(path, "rbe");
    int len = file ? gzread(file, head, HEAD) : 0;
    if (file) gzclose(file);
    if (ss_pair_log_is_log(head, len > 0 ? (size_t)len : 0)) return LOG;
    int at = len >= 3 && !memcmp(head, "\xef\xbb\xbf", 3) ? 3 : 0;
    while (at < len && isspace(head[at])) at++;
    return at < len && head[at] != '{' ? CSV : LINES;
}

/* One line as a pair: JSON, or the sentence itself. */
static int read_line(const char *line, size_t len, int plain, ss_arena *arena, ss_pair *out, ss_error *err)
{
    if (!plain) return ss_wire_read_pair(line, len, arena, out, err);
    if (!ss_utf8_valid(line, len)) return ss_fail(err, SS_INPUT, "not UTF-8");
    *out = (ss_pair){.sentence = {.data = line, .len = len}, .kind = SS_PAIR_NONE};
    return 0;
}

static int read_lines(const char *path, int plain, ss_pair_sink *sink, ss_pair_file_progress *progress, void *ctx,
                      ss_error *err)
{
    ss_lines *lines = ss_lines_open(path, SS_PAIR_MAX_LINE, err);
    if (!lines) return -1;
    ss_arena arena;
    ss_arena_init(&arena, BLOCK, 0);
    char *line;
    size_t len, done, total;
    int state, result = 0;
    ss_error why = {0};
    while (!result && (state = ss_lines_next(lines, &line, &len, &why)) != 0) {
        ss_pair pair = {0};
        ss_arena_reset(&arena);
        if (state < 0 && why.status != SS_LIMIT) {
            if (err) *err = why;
            result = -1;
            break;
        }
        int bad = state < 0 || (len && read_line(line, len, plain, &arena, &pair, &why));
        if (len || bad) result = sink(ctx, bad ? NULL : &pair, ss_lines_number(lines), &why, err);
        ss_lines_position(lines, &done, &total);
        if (progress) progress(ctx, done, total);
        why = (ss_error){0};
    }
    ss_arena_free(&arena);
    ss_lines_close(lines);
    return result;
}

static int read_csv(const char *path, ss_pair_sink *sink, void *ctx, ss_error *err)
{
    ss_csv *csv = ss_csv_open(path, err);
    if (!csv) return -1;
    int sentence = ss_csv_need(csv, "sentence", err), skill = ss_csv_find(csv, "skill");
    if (skill < 0) skill = ss_csv_find(csv, "label");
    int result = sentence < 0 ? -1 : 0, state;
    if (!result && skill < 0) result = ss_csv_need(csv, "skill", err) < 0 ? -1 : 0;
    while (!result && (state = ss_csv_next(csv, err)) != 0) {
        if (state < 0) {
            result = -1;
            break;
        }
        ss_slice uri, text;
        uri.data = ss_csv_get(csv, skill, &uri.len);
        text.data = ss_csv_get(csv, sentence, &text.len);
        ss_pair pair = {.sentence = text, .skill_uris = &uri, .skill_count = uri.len > 0};
        result = sink(ctx, &pair, ss_csv_line(csv), NULL, err);
    }
    ss_csv_close(csv);
    return result;
}

typedef struct log_sink {
    ss_pair_sink *sink;
    void *ctx;
    size_t number;
} log_sink;

static int pass_on(void *ctx, const ss_pair *pair, ss_error *err)
{
    log_sink *to = ctx;
    return to->sink(to->ctx, pair, ++to->number, NULL, err);
}

int ss_pair_file_read(const char *path, ss_pair_sink *sink, ss_pair_file_progress *progress, void *ctx, ss_error *err)
{
    log_sink to = {.sink = sink, .ctx = ctx};
    format kind = recognise(path);
    switch (kind) {
    case LOG: return ss_pair_log_read(path, SIZE_MAX, pass_on, &to, err);
    case CSV: return read_csv(path, sink, ctx, err);
    default: return read_lines(path, kind == SENTENCES, sink, progress, ctx, err);
    }
}

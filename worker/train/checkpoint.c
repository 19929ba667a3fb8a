/* checkpoint.c - see checkpoint.h.
 *
 *   8 bytes   magic "SSCKPT01"
 *   sections  tag (8), length (8), check (8), 40 zeros; content, padded with zeros to a multiple of 64
 * check = XXH3 of the content, mixed with tag and length. The last section is END: a file without it was cut off.
 */
#include "worker/train/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { ALIGNMENT = 64, NUMBERS = 1, DATASET, RECIPE, SOURCE, VALUES, FIRST, SECOND, BEST, MINED, CURVE, CHECKS, END };

static const char MAGIC[8] = "SSCKPT01";

typedef struct head {
    uint64_t tag, len, check, unused[5];
} head;

typedef struct numbers {
    uint64_t layout, step, pairs, best_step, since_best, mined_from, mined_to;
    double best_figure;
} numbers;

static uint64_t check_of(uint64_t tag, const void *content, uint64_t len)
{
    return ss_hash64(content, len) ^ (tag * 0x9e3779b97f4a7c15u) ^ (len * 0xc2b2ae3d27d4eb4fu);
}

static char *path_in(const char *folder, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* ---- writing ---- */

static int put(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len) {
        ssize_t done = write(fd, at, len > 1 << 30 ? 1 << 30 : len);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return -1;
        at += done;
        len -= (size_t)done;
    }
    return 0;
}

static int put_section(int fd, uint64_t tag, const void *content, size_t len)
{
    static const char zeros[ALIGNMENT];
    head h = {.tag = tag, .len = len, .check = check_of(tag, content ? content : "", len)};
    return put(fd, &h, sizeof h) || (len && put(fd, content, len)) ||
           put(fd, zeros, (ALIGNMENT - len % ALIGNMENT) % ALIGNMENT);
}

static int put_all(int fd, const ss_checkpoint *c)
{
    char magic[ALIGNMENT] = {0};
    memcpy(magic, MAGIC, sizeof MAGIC);
    numbers n = {.layout = c->layout,
                 .step = c->step,
                 .pairs = c->pairs,
                 .best_step = c->best_step,
                 .since_best = c->since_best,
                 .mined_from = c->mined_from,
                 .mined_to = c->mined_to,
                 .best_figure = c->best_figure};
    size_t weights = c->size * sizeof *c->values;
    return put(fd, magic, sizeof magic) || put_section(fd, NUMBERS, &n, sizeof n) ||
           put_section(fd, DATASET, c->dataset, sizeof c->dataset) ||
           put_section(fd, RECIPE, c->recipe, strlen(c->recipe) + 1) ||
           put_section(fd, SOURCE, c->source, strlen(c->source) + 1) || put_section(fd, VALUES, c->values, weights) ||
           put_section(fd, FIRST, c->first, weights) || put_section(fd, SECOND, c->second, weights) ||
           (c->best && put_section(fd, BEST, c->best, weights)) ||
           put_section(fd, MINED, c->mined, c->mined_count * sizeof *c->mined) ||
           put_section(fd, CURVE, c->curve, c->step * sizeof *c->curve) ||
           put_section(fd, CHECKS, c->checks, c->check_count * sizeof *c->checks) || put_section(fd, END, NULL, 0);
}

static void sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd); /* some file systems refuse it; the file itself is synced */
    close(fd);
}

/* The newest becomes the older one, then the new file the newest; a crash between the two leaves the older one. */
static int put_in_place(const char *written, const char *newest, const char *older)
{
    if (rename(newest, older) && errno != ENOENT) return -1;
    return rename(written, newest);
}

static int write_to(const char *folder, const char *written, const char *newest, const char *older,
                    const ss_checkpoint *c, ss_error *err)
{
    int fd = open(written, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return ss_fail(err, SS_IO, "%s: cannot create: %s", written, strerror(errno));
    int bad = put_all(fd, c) || fsync(fd);
    int code = errno;
    if (close(fd) && !bad) {
        bad = 1;
        code = errno;
    }
    if (!bad && put_in_place(written, newest, older)) {
        bad = 1;
        code = errno;
    }
    if (bad) {
        unlink(written);
        return ss_fail_with(err, SS_IO, SS_RETRY, "%s: cannot write a checkpoint: %s", folder, strerror(code));
    }
    sync_folder(folder);
    return 0;
}

int ss_checkpoint_write(const char *folder, const ss_checkpoint *checkpoint, ss_error *err)
{
    char *written = path_in(folder, "checkpoint.new"), *newest = path_in(folder, "checkpoint"),
         *older = path_in(folder, "checkpoint.previous");
    int result = written && newest && older ? write_to(folder, written, newest, older, checkpoint, err)
                                            : ss_fail_memory(err, "writing a checkpoint");
    free(older);
    free(newest);
    free(written);
    return result;
}

/* ---- reading ---- */

typedef struct section {
    const void *content;
    size_t len;
    int found;
} section;

/* Finds and checks all sections. */
static int find_sections(const char *path, const ss_bytes *file, section found[END + 1], ss_error *err)
{
    if (file->len < ALIGNMENT || memcmp(file->data, MAGIC, sizeof MAGIC))
        return ss_fail(err, SS_CORRUPT, "%s: is no checkpoint", path);
    for (size_t at = ALIGNMENT; !found[END].found;) {
        head h;
        if (file->len - at < sizeof h) return ss_fail(err, SS_CORRUPT, "%s: cut off at byte %zu", path, at);
        memcpy(&h, file->data + at, sizeof h);
        at += sizeof h;
        if (h.tag < NUMBERS || h.tag > END || found[h.tag].found || h.len > file->len - at)
            return ss_fail(err, SS_CORRUPT, "%s: damaged or cut off at byte %zu", path, at);
        const void *content = h.len ? file->data + at : (const void *)"";
        if (h.check != check_of(h.tag, content, h.len))
            return ss_fail(err, SS_CORRUPT, "%s: checksum of the %llu bytes from byte %zu on is wrong", path,
                           (unsigned long long)h.len, at);
        found[h.tag] = (section){.content = content, .len = (size_t)h.len, .found = 1};
        size_t padded = (size_t)h.len + (ALIGNMENT - h.len % ALIGNMENT) % ALIGNMENT;
        if (padded > file->len - at) return ss_fail(err, SS_CORRUPT, "%s: cut off at its end", path);
        at += padded;
    }
    return 0;
}

static int is_text(const section *s)
{
    return s->found && s->len && !((const char *)s->content)[s->len - 1];
}

static int take_sections(const char *path, const section s[END + 1], ss_checkpoint *out, ss_error *err)
{
    numbers n;
    size_t weights = s[VALUES].len;
    if (s[NUMBERS].len != sizeof n || s[DATASET].len != sizeof out->dataset || !is_text(&s[DATASET]) ||
        !is_text(&s[RECIPE]) || !is_text(&s[SOURCE]) || s[FIRST].len != weights || s[SECOND].len != weights ||
        weights % sizeof(float) || (s[BEST].found && s[BEST].len != weights))
        return ss_fail(err, SS_CORRUPT, "%s: sections that do not fit together", path);
    memcpy(&n, s[NUMBERS].content, sizeof n);
    if (s[CURVE].len / sizeof *out->curve != n.step || s[CHECKS].len % sizeof *out->checks)
        return ss_fail(err, SS_CORRUPT, "%s: a curve that does not fit its step", path);
    memcpy(out->dataset, s[DATASET].content, sizeof out->dataset);
    out->layout = n.layout;
    out->step = n.step;
    out->pairs = n.pairs;
    out->best_step = n.best_step;
    out->since_best = n.since_best;
    out->best_figure = n.best_figure;
    out->mined_from = n.mined_from;
    out->mined_to = n.mined_to;
    out->recipe = s[RECIPE].content;
    out->source = s[SOURCE].content;
    out->values = s[VALUES].content;
    out->first = s[FIRST].content;
    out->second = s[SECOND].content;
    out->best = s[BEST].found ? s[BEST].content : NULL;
    out->size = weights / sizeof *out->values;
    out->mined = s[MINED].content;
    out->mined_count = s[MINED].len / sizeof *out->mined;
    out->curve = s[CURVE].content;
    out->checks = s[CHECKS].content;
    out->check_count = s[CHECKS].len / sizeof *out->checks;
    return 0;
}

/* 1: read; 0: no such file; -1: not whole. */
static int read_one(const char *folder, const char *name, ss_checkpoint *out, ss_error *err)
{
    section found[END + 1] = {0};
    ss_error why = {0};
    *out = (ss_checkpoint){0};
    char *path = path_in(folder, name);
    if (!path) return ss_fail_memory(err, "reading a checkpoint");
    int result = ss_file_map(path, &out->file, &why) ? (why.status == SS_NOT_FOUND ? 0 : -1) : 1;
    if (result == 1 && (find_sections(path, &out->file, found, &why) || take_sections(path, found, out, &why))) {
        ss_checkpoint_close(out);
        result = -1;
    }
    if (result < 0 && err) *err = why;
    free(path);
    return result;
}

/* A damaged newest one must not become the older one when the next is written. */
static void put_aside(const char *folder)
{
    char *from = path_in(folder, "checkpoint"), *to = path_in(folder, "checkpoint.damaged");
    if (from && to) rename(from, to);
    free(to);
    free(from);
}

int ss_checkpoint_read(const char *folder, ss_checkpoint *out, char *note, ss_error *err)
{
    ss_error newest = {0}, older = {0};
    *note = 0;
    int state = read_one(folder, "checkpoint", out, &newest);
    if (state > 0) return 1;
    int second = read_one(folder, "checkpoint.previous", out, &older);
    if (second > 0) {
        if (state < 0) {
            snprintf(note, SS_ERROR_TEXT, "%s", newest.text);
            put_aside(folder);
        }
        return 1;
    }
    if (!state && !second) return 0;
    if (err) *err = state < 0 ? newest : older;
    return -1;
}

void ss_checkpoint_close(ss_checkpoint *checkpoint)
{
    ss_bytes_free(&checkpoint->file);
    *checkpoint = (ss_checkpoint){0};
}

void ss_checkpoint_remove(const char *folder)
{
    static const char *const names[] = {"checkpoint", "checkpoint.previous", "checkpoint.new", "checkpoint.damaged"};
    for (size_t i = 0; i < 4; i++) {
        char *path = path_in(folder, names[i]);
        if (path) unlink(path);
        free(path);
    }
}

int ss_checkpoint_check_room(const char *folder, size_t bytes, unsigned copies, ss_error *err)
{
    struct statvfs disk;
    if (statvfs(folder, &disk)) return ss_fail(err, SS_IO, "%s: %s", folder, strerror(errno));
    double have = (double)disk.f_bavail * (double)disk.f_frsize, want = (double)copies * (double)bytes;
    if (have >= want) return 0;
    return ss_fail(err, SS_IO, "%s: checkpoints need %.0f MB, and %.0f MB are free", folder, want / 1e6, have / 1e6);
}

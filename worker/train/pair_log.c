/* pair_log.c - see pair_log.h.
 *
 * The file is mapped for reading and walked record by record. While it is open for appending, three things are kept in
 * memory: ids (16 bytes a pair), a position per partition, and the batch being made as the bytes that will be written.
 */
#include "worker/train/pair_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "stream/wire_pair.h"
#include "worker/train/id_set.h"

enum { HEAD = 16, PAIR = 1, END = 2, MOST_CONTENT = 1 << 20, BATCH_LIMIT = 256 << 20, MOST_TOPIC = 249, BLOCK = 65536 };

static const char MAGIC[8] = "SSPAIRS1";

typedef struct position {
    char topic[MOST_TOPIC + 1];
    int32_t partition;
    int64_t next;
} position;

typedef struct positions {
    position *items;
    size_t count;
} positions;

struct ss_pair_log {
    int fd;
    char *path;
    off_t end; /* of the committed part */
    ss_id_set ids;
    positions known; /* committed */
    positions moved; /* of the batch */
    ss_buffer batch; /* records, without the end */
    ss_hash128 *batch_ids;
    size_t batch_count, batch_room;
    atomic_size_t pairs;
};

/* ---- positions ---- */

static position *find_position(const positions *list, const char *topic, int32_t partition)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].partition == partition && !strcmp(list->items[i].topic, topic)) return &list->items[i];
    return NULL;
}

static int set_position(positions *list, const char *topic, int32_t partition, int64_t next, ss_error *err)
{
    position *at = find_position(list, topic, partition);
    if (!at) {
        if (strlen(topic) > MOST_TOPIC) return ss_fail(err, SS_INPUT, "a topic name of more than 249 characters");
        position *items = realloc(list->items, (list->count + 1) * sizeof *items);
        if (!items) return ss_fail_memory(err, "remembering positions");
        list->items = items;
        at = &items[list->count++];
        *at = (position){.partition = partition, .next = next};
        snprintf(at->topic, sizeof at->topic, "%s", topic);
    }
    at->next = next;
    return 0;
}

/* ---- records ---- */

static void put_number(unsigned char *to, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) to[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t get_number(const unsigned char *from, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) value |= (uint64_t)from[i] << (8 * i);
    return value;
}

static uint64_t checksum(uint32_t kind, const void *content, size_t len)
{
    return ss_hash64(content, len) ^ ((uint64_t)kind * 0x9e3779b97f4a7c15u);
}

/* Fills in the head of the record whose content begins HEAD bytes behind `at` and reaches to the buffer's end. */
static void seal_record(ss_buffer *out, size_t at, uint32_t kind)
{
    unsigned char *head = (unsigned char *)out->data + at;
    size_t len = out->len - at - HEAD;
    put_number(head, len, 4);
    put_number(head + 4, kind, 4);
    put_number(head + 8, checksum(kind, head + HEAD, len), 8);
}

static int begin_record(ss_buffer *out)
{
    static const char blank[HEAD];
    return ss_buffer_add(out, blank, HEAD);
}

typedef struct record {
    uint32_t kind;
    const unsigned char *content;
    size_t len;
} record;

/* 1: a record, *at moved behind it; 0: no whole record here. */
static int next_record(const ss_bytes *file, size_t *at, record *out)
{
    if (file->len - *at < HEAD) return 0;
    const unsigned char *head = file->data + *at;
    out->len = (size_t)get_number(head, 4);
    out->kind = (uint32_t)get_number(head + 4, 4);
    out->content = head + HEAD;
    if (out->len > MOST_CONTENT || out->len > file->len - *at - HEAD) return 0;
    if (out->kind != PAIR && out->kind != END) return 0;
    if (get_number(head + 8, 8) != checksum(out->kind, out->content, out->len)) return 0;
    *at += HEAD + out->len;
    return 1;
}

/* A whole batch end anywhere behind `at`: then what is broken at `at` is damage and no torn write. */
static int has_end_behind(const ss_bytes *file, size_t at)
{
    record r;
    for (size_t i = at + 1; i + HEAD <= file->len; i++) {
        if (file->data[i + 4] != END || file->data[i + 5] || file->data[i + 6] || file->data[i + 7]) continue;
        size_t probe = i;
        if (next_record(file, &probe, &r) && r.kind == END) return 1;
    }
    return 0;
}

/* Where the committed part ends. */
static int find_end(const char *path, const ss_bytes *file, size_t *end, ss_error *err)
{
    size_t at = sizeof MAGIC;
    record r;
    *end = at;
    while (next_record(file, &at, &r))
        if (r.kind == END) *end = at;
    if (at < file->len && has_end_behind(file, at))
        return ss_fail(err, SS_CORRUPT, "%s: damaged at byte %zu, with whole batches behind it; restore it from a copy",
                       path, at);
    return 0;
}

static int read_end(const record *r, positions *list, ss_error *err)
{
    for (size_t at = 0; at < r->len;) {
        const char *topic = (const char *)r->content + at;
        size_t len = strnlen(topic, r->len - at);
        if (len + 13 > r->len - at) return ss_fail(err, SS_CORRUPT, "a batch end that is not whole");
        const unsigned char *numbers = r->content + at + len + 1;
        if (set_position(list, topic, (int32_t)get_number(numbers, 4), (int64_t)get_number(numbers + 4, 8), err))
            return -1;
        at += len + 13;
    }
    return 0;
}

int ss_pair_log_is_log(const void *head, size_t len)
{
    return len >= sizeof MAGIC && !memcmp(head, MAGIC, sizeof MAGIC);
}

typedef int record_fn(void *ctx, const record *r, ss_error *err);

/* All records of the committed part; `each` returns 1 to end early. */
static int walk(const char *path, const ss_bytes *file, size_t end, record_fn *each, void *ctx, ss_error *err)
{
    size_t at = sizeof MAGIC;
    record r;
    while (at < end && next_record(file, &at, &r)) {
        int state = each(ctx, &r, err);
        if (state < 0) return ss_fail_in(err, "%s", path);
        if (state) break;
    }
    return 0;
}

static int map_log(const char *path, ss_bytes *file, ss_error *err)
{
    if (ss_file_map(path, file, err)) return -1;
    if (ss_pair_log_is_log(file->data, file->len)) return 0;
    ss_bytes_free(file);
    return ss_fail(err, SS_INPUT, "%s: is no pair log", path);
}

/* ---- reading ---- */

typedef struct reading {
    ss_pair_log_each *each;
    void *ctx;
    size_t left;
    ss_arena arena;
} reading;

static int read_record(void *ctx, const record *r, ss_error *err)
{
    reading *in = ctx;
    if (r->kind != PAIR) return 0;
    if (!in->left) return 1;
    in->left--;
    ss_pair pair;
    ss_arena_reset(&in->arena);
    if (ss_wire_decode_pair(r->content, r->len, &in->arena, &pair, err) || in->each(in->ctx, &pair, err)) return -1;
    return 0;
}

int ss_pair_log_read(const char *path, size_t most, ss_pair_log_each *each, void *ctx, ss_error *err)
{
    ss_bytes file;
    size_t end;
    reading in = {.each = each, .ctx = ctx, .left = most};
    if (map_log(path, &file, err)) return -1;
    ss_arena_init(&in.arena, BLOCK, 0);
    int result = find_end(path, &file, &end, err) || walk(path, &file, end, read_record, &in, err);
    ss_arena_free(&in.arena);
    ss_bytes_free(&file);
    return result ? -1 : 0;
}

/* ---- opening ---- */

/* The id as ss_pair_check makes it. */
static int id_of(const ss_pair *pair, ss_hash128 *id, ss_error *err)
{
    char text[SS_PAIR_ID + 1];
    if (pair->id.len) {
        *id = ss_hash128_of(pair->id.data, pair->id.len);
        return 0;
    }
    if (ss_pair_make_id(pair, text, err)) return -1;
    *id = ss_hash128_of(text, SS_PAIR_ID);
    return 0;
}

typedef struct loading {
    ss_pair_log *log;
    ss_arena arena;
} loading;

static int load_record(void *ctx, const record *r, ss_error *err)
{
    loading *in = ctx;
    if (r->kind == END) return read_end(r, &in->log->known, err);
    ss_pair pair;
    ss_hash128 id;
    ss_arena_reset(&in->arena);
    if (ss_wire_decode_pair(r->content, r->len, &in->arena, &pair, err) || id_of(&pair, &id, err) ||
        ss_id_set_add(&in->log->ids, id, err) < 0)
        return -1;
    atomic_fetch_add(&in->log->pairs, 1);
    return 0;
}

static int load(ss_pair_log *log, size_t *cut, ss_error *err)
{
    ss_bytes file;
    size_t end = 0;
    loading in = {.log = log};
    if (map_log(log->path, &file, err)) return -1;
    ss_arena_init(&in.arena, BLOCK, 0);
    int bad = find_end(log->path, &file, &end, err) || walk(log->path, &file, end, load_record, &in, err);
    *cut = file.len - end;
    log->end = (off_t)end;
    ss_arena_free(&in.arena);
    ss_bytes_free(&file);
    if (!bad && *cut && ftruncate(log->fd, log->end))
        bad = ss_fail(err, SS_IO, "%s: cannot cut off a torn write: %s", log->path, strerror(errno));
    return bad ? -1 : 0;
}

static int open_file(ss_pair_log *log, ss_error *err)
{
    struct stat st;
    log->fd = open(log->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (log->fd < 0) return ss_fail(err, SS_IO, "%s: cannot open: %s", log->path, strerror(errno));
    if (flock(log->fd, LOCK_EX | LOCK_NB))
        return ss_fail(err, SS_INPUT, "%s: another trainer works with this folder", log->path);
    if (fstat(log->fd, &st)) return ss_fail(err, SS_IO, "%s: %s", log->path, strerror(errno));
    /* New, or killed while its magic was written. */
    if ((size_t)st.st_size < sizeof MAGIC &&
        (pwrite(log->fd, MAGIC, sizeof MAGIC, 0) != sizeof MAGIC || fsync(log->fd)))
        return ss_fail(err, SS_IO, "%s: cannot write: %s", log->path, strerror(errno));
    return 0;
}

ss_pair_log *ss_pair_log_open(const char *path, size_t *cut, ss_error *err)
{
    *cut = 0;
    ss_pair_log *log = calloc(1, sizeof *log);
    if (log) log->path = strdup(path);
    if (!log || !log->path) {
        free(log);
        ss_fail_memory(err, "opening the pair log");
        return NULL;
    }
    log->fd = -1;
    ss_buffer_init(&log->batch, BATCH_LIMIT);
    if (!open_file(log, err) && !load(log, cut, err)) return log;
    ss_pair_log_close(log);
    return NULL;
}

void ss_pair_log_close(ss_pair_log *log)
{
    if (!log) return;
    if (log->fd >= 0) close(log->fd);
    ss_id_set_free(&log->ids);
    ss_buffer_free(&log->batch);
    free(log->batch_ids);
    free(log->known.items);
    free(log->moved.items);
    free(log->path);
    free(log);
}

/* ---- appending ---- */

int64_t ss_pair_log_position(const ss_pair_log *log, const char *topic, int32_t partition)
{
    const position *at = find_position(&log->known, topic, partition);
    return at ? at->next : -1;
}

static int batch_has(const ss_pair_log *log, ss_hash128 id)
{
    for (size_t i = 0; i < log->batch_count; i++)
        if (log->batch_ids[i].low == id.low && log->batch_ids[i].high == id.high) return 1;
    return 0;
}

int ss_pair_log_add(ss_pair_log *log, const ss_pair *pair, ss_hash128 id, ss_error *err)
{
    if (ss_id_set_has(&log->ids, id) || batch_has(log, id)) return 0;
    if (log->batch_count == log->batch_room) {
        size_t room = log->batch_room ? log->batch_room * 2 : 64;
        ss_hash128 *ids = realloc(log->batch_ids, room * sizeof *ids);
        if (!ids) return ss_fail_memory(err, "appending to the pair log");
        log->batch_ids = ids;
        log->batch_room = room;
    }
    size_t at = log->batch.len;
    if (begin_record(&log->batch) || ss_wire_encode_pair(pair, &log->batch, err)) {
        log->batch.len = at;
        return ss_fail_memory(err, "appending to the pair log");
    }
    seal_record(&log->batch, at, PAIR);
    log->batch_ids[log->batch_count++] = id;
    return 1;
}

int ss_pair_log_move(ss_pair_log *log, const char *topic, int32_t partition, int64_t next, ss_error *err)
{
    return set_position(&log->moved, topic, partition, next, err);
}

void ss_pair_log_abandon(ss_pair_log *log)
{
    ss_buffer_clear(&log->batch);
    log->batch_count = 0;
    log->moved.count = 0;
}

static int add_end(ss_pair_log *log)
{
    size_t at = log->batch.len;
    int bad = begin_record(&log->batch);
    for (size_t i = 0; i < log->moved.count && !bad; i++) {
        const position *p = &log->moved.items[i];
        unsigned char numbers[12];
        put_number(numbers, (uint32_t)p->partition, 4);
        put_number(numbers + 4, (uint64_t)p->next, 8);
        bad = ss_buffer_add(&log->batch, p->topic, strlen(p->topic) + 1) ||
              ss_buffer_add(&log->batch, numbers, sizeof numbers);
    }
    if (!bad) seal_record(&log->batch, at, END);
    return bad;
}

static int write_batch(ss_pair_log *log, ss_error *err)
{
    size_t done = 0;
    while (done < log->batch.len) {
        ssize_t put = pwrite(log->fd, log->batch.data + done, log->batch.len - done, log->end + (off_t)done);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) break;
        done += (size_t)put;
    }
    if (done == log->batch.len && !fdatasync(log->fd)) return 0;
    int code = errno;
    /* If even this fails, opening finds a torn end, or a whole batch whose pairs come again and are known by their ids:
     * either way nothing is lost or doubled. */
    int kept = ftruncate(log->fd, log->end);
    return ss_fail_with(err, SS_IO, SS_RETRY, "%s: cannot append: %s%s", log->path, strerror(code),
                        kept ? ", and the torn end stays" : "");
}

/* The batch is in the file: memory follows. Should memory be out, the caller ends and opening reads it all anew. */
static int remember(ss_pair_log *log, ss_error *err)
{
    for (size_t i = 0; i < log->batch_count; i++)
        if (ss_id_set_add(&log->ids, log->batch_ids[i], err) < 0) return -1;
    for (size_t i = 0; i < log->moved.count; i++) {
        const position *p = &log->moved.items[i];
        if (set_position(&log->known, p->topic, p->partition, p->next, err)) return -1;
    }
    atomic_fetch_add(&log->pairs, log->batch_count);
    return 0;
}

int ss_pair_log_commit(ss_pair_log *log, ss_error *err)
{
    int bad = add_end(log) ? ss_fail_memory(err, "appending to the pair log") : write_batch(log, err);
    if (!bad) {
        log->end += (off_t)log->batch.len;
        bad = remember(log, err);
    }
    ss_pair_log_abandon(log);
    return bad;
}

size_t ss_pair_log_pairs(const ss_pair_log *log)
{
    return atomic_load(&log->pairs);
}

void ss_pair_log_positions_text(const ss_pair_log *log, char *out, size_t size)
{
    size_t at = 0;
    *out = 0;
    for (size_t i = 0; i < log->known.count && at + 1 < size; i++) {
        const position *p = &log->known.items[i];
        int len = snprintf(out + at, size - at, "%s%s/%d:%lld", i ? "," : "", p->topic, (int)p->partition,
                           (long long)p->next);
        at += len > 0 ? (size_t)len : 0;
    }
}

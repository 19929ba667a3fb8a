/* wordpiece.c - the vocabulary as a double-array trie (Aoe 1989), walked byte by byte.
 *
 * Node n has the child for byte b at base[n] + b if check[base[n] + b] == n; value is the id that ends there, or -1.
 * Longest match is then one walk that remembers the last id it passed: no hashing, no substring, one cache line per
 * byte. The nodes after the prefix "##" are an ordinary part of the trie; pieces after the first start there.
 *
 * Building: entries are sorted, so the entries below a node are one range, and the children are found by scanning it.
 * Nodes are placed depth first, which puts a word's bytes near each other. The first position that could be free is
 * remembered and moves on when the array behind it is dense, which keeps building linear in practice.
 */
#include "text/wordpiece.h"

#include <stdlib.h>
#include <string.h>

enum { BYTES = 256, ROOT = 0, FREE = -1, NONE = -1, FIRST_NODES = 1 << 16, MAX_NODES = 1 << 28 };

typedef struct node {
    int32_t base, check, value;
} node;

struct ss_wordpiece {
    node *nodes;
    size_t count, used; /* `used`: one behind the highest placed node */
    size_t first_free;
    int32_t inside; /* node of the prefix: where pieces after the first start; NONE if no entry has it */
    int32_t unknown;
    size_t max_chars;
};

/* Entries [low, high) share their first `depth` bytes, which lead to `at`. */
typedef struct branch {
    size_t low, high, depth;
    int32_t at;
} branch;

static int by_text(const void *a, const void *b)
{
    const ss_vocabulary_entry *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    return order ? order : (x->id > y->id) - (x->id < y->id);
}

static int grow(ss_wordpiece *pieces, size_t need)
{
    if (need <= pieces->count) return 0;
    size_t count = pieces->count ? pieces->count : FIRST_NODES;
    while (count < need) count *= 2;
    if (count > MAX_NODES) return -1;
    node *nodes = realloc(pieces->nodes, count * sizeof *nodes);
    if (!nodes) return -1;
    for (size_t i = pieces->count; i < count; i++) nodes[i] = (node){.base = 0, .check = FREE, .value = NONE};
    pieces->nodes = nodes;
    pieces->count = count;
    return 0;
}

/* A base at which all `count` bytes find free places; 0 without memory. Base 0 stays unused, so that a node without
 * children (base 0) finds none. */
static size_t find_base(ss_wordpiece *pieces, const unsigned char *bytes, size_t count)
{
    size_t seen = 0, taken = 0;
    for (size_t place = pieces->first_free;; place++) {
        if (grow(pieces, place + BYTES + 1) != 0) return 0;
        seen++;
        if (pieces->nodes[place].check != FREE) {
            taken++;
            continue;
        }
        if (place <= bytes[0]) continue;
        size_t base = place - bytes[0], i = 1;
        while (i < count && pieces->nodes[base + bytes[i]].check == FREE) i++;
        if (i < count) continue;
        if (taken * 20 >= seen * 19) pieces->first_free = place;
        return base;
    }
}

/* The distinct bytes at `depth` of entries [low, high), in order; entries that end there are skipped. */
static size_t child_bytes(const ss_vocabulary_entry *entries, const branch *from, unsigned char *bytes)
{
    size_t count = 0;
    for (size_t i = from->low; i < from->high; i++) {
        unsigned char byte = (unsigned char)entries[i].text[from->depth];
        if (byte && (count == 0 || bytes[count - 1] != byte)) bytes[count++] = byte;
    }
    return count;
}

/* Places the children of one node and pushes them on the stack, first byte on top; -1 without memory. */
static int place_children(ss_wordpiece *pieces, const ss_vocabulary_entry *entries, const branch *from, branch *stack,
                          size_t *depth)
{
    unsigned char bytes[BYTES];
    size_t count = child_bytes(entries, from, bytes);
    if (count == 0) return 0;
    size_t base = find_base(pieces, bytes, count);
    if (base == 0) return -1;
    pieces->nodes[from->at].base = (int32_t)base;
    for (size_t i = 0; i < count; i++) pieces->nodes[base + bytes[i]].check = from->at;
    if (base + BYTES > pieces->used) pieces->used = base + BYTES;

    size_t high = from->high;
    for (size_t i = count; i-- > 0;) {
        size_t low = high;
        while (low > from->low && (unsigned char)entries[low - 1].text[from->depth] == bytes[i]) low--;
        stack[(*depth)++] =
            (branch){.low = low, .high = high, .depth = from->depth + 1, .at = (int32_t)(base + bytes[i])};
        high = low;
    }
    return 0;
}

/* The stack holds disjoint, non-empty ranges of entries, so `count` places are enough. */
static int build(ss_wordpiece *pieces, const ss_vocabulary_entry *entries, size_t count)
{
    branch *stack = malloc((count + 1) * sizeof *stack);
    if (!stack || grow(pieces, BYTES + 1) != 0) {
        free(stack);
        return -1;
    }
    pieces->nodes[ROOT].check = ROOT;
    pieces->first_free = 1;
    size_t depth = 1;
    int result = 0;
    stack[0] = (branch){.low = 0, .high = count, .depth = 0, .at = ROOT};
    while (depth > 0 && result == 0) {
        branch from = stack[--depth];
        for (size_t i = from.low; i < from.high && entries[i].text[from.depth] == 0; i++)
            pieces->nodes[from.at].value = entries[i].id; /* equal texts: the last counts */
        result = place_children(pieces, entries, &from, stack, &depth);
    }
    free(stack);
    return result;
}

static int32_t walk(const ss_wordpiece *pieces, int32_t from, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int32_t next = pieces->nodes[from].base + (unsigned char)text[i];
        if (pieces->nodes[next].check != from) return NONE;
        from = next;
    }
    return from;
}

ss_wordpiece *ss_wordpiece_new(ss_vocabulary_entry *entries, size_t count, const char *prefix, int32_t unknown,
                               size_t max_chars, ss_error *err)
{
    ss_wordpiece *pieces = calloc(1, sizeof *pieces);
    if (!pieces) {
        ss_fail_memory(err, "building the vocabulary");
        return NULL;
    }
    pieces->unknown = unknown;
    pieces->max_chars = max_chars;
    if (count > 0) qsort(entries, count, sizeof *entries, by_text);
    if (build(pieces, entries, count) != 0) {
        ss_wordpiece_free(pieces);
        ss_fail_memory(err, "building the vocabulary");
        return NULL;
    }
    pieces->inside = walk(pieces, ROOT, prefix, strlen(prefix));
    return pieces;
}

void ss_wordpiece_free(ss_wordpiece *pieces)
{
    if (!pieces) return;
    free(pieces->nodes);
    free(pieces);
}

static size_t count_chars(const char *word, size_t len)
{
    size_t chars = 0;
    for (size_t i = 0; i < len; i++) chars += ((unsigned char)word[i] & 0xc0) != 0x80;
    return chars;
}

size_t ss_wordpiece_cut(const ss_wordpiece *pieces, const char *word, size_t len, int32_t *ids)
{
    const node *nodes = pieces->nodes;
    size_t count = 0, at = 0;
    int32_t start = ROOT;
    if (len > pieces->max_chars && count_chars(word, len) > pieces->max_chars) goto unknown;
    while (at < len) {
        if (start == NONE) goto unknown;
        int32_t from = start, best = NONE;
        size_t best_end = at;
        for (size_t i = at; i < len; i++) {
            int32_t next = nodes[from].base + (unsigned char)word[i];
            if (nodes[next].check != from) break;
            from = next;
            if (nodes[from].value != NONE) {
                best = nodes[from].value;
                best_end = i + 1;
            }
        }
        if (best == NONE) goto unknown;
        ids[count++] = best;
        at = best_end;
        start = pieces->inside;
    }
    return count;
unknown:
    ids[0] = pieces->unknown;
    return 1;
}

int32_t ss_wordpiece_find(const ss_wordpiece *pieces, const char *text, size_t len)
{
    int32_t at = walk(pieces, ROOT, text, len);
    return at == NONE ? NONE : pieces->nodes[at].value;
}

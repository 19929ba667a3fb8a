/* html_writer.c - see html_writer.h. */
#include "text/html_writer.h"

int ss_html_writer_init(ss_html_writer *writer, size_t html_len, ss_arena *arena)
{
    /* Text is no longer than its HTML, with one exception: &nGt; and &nLt; (5 bytes) stand for 6. */
    size_t cap = html_len + html_len / 5 + 8;
    *writer = (ss_html_writer){.cap = cap};
    writer->bytes = ss_arena_alloc(arena, cap + 1);
    writer->source = ss_arena_alloc(arena, (cap + 1) * sizeof *writer->source);
    return writer->bytes && writer->source ? 0 : -1;
}

void ss_html_writer_clear(ss_html_writer *writer)
{
    *writer = (ss_html_writer){.bytes = writer->bytes, .source = writer->source, .cap = writer->cap};
}

void ss_html_write_break(ss_html_writer *writer, uint32_t source)
{
    if (writer->line) return;
    writer->line = 1;
    writer->blank_at = source;
}

static void put(ss_html_writer *writer, const char *bytes, size_t len, uint32_t source, int exact)
{
    if (writer->cap - writer->len < len) {
        writer->full = 1;
        return;
    }
    if (source < writer->last) {
        writer->disordered = 1;
        source = writer->last;
    }
    for (size_t i = 0; i < len; i++) {
        writer->bytes[writer->len] = bytes[i];
        writer->last = source + (exact ? (uint32_t)i : 0);
        writer->source[writer->len++] = writer->last;
    }
}

/* The blank or break that was asked for, now that something follows it at `source`. */
static void put_pending(ss_html_writer *writer, uint32_t source)
{
    if (!writer->blank && !writer->line) return;
    uint32_t at = writer->blank_at < writer->last ? writer->last : writer->blank_at;
    if (at > source) at = source;
    if (writer->len > 0) put(writer, writer->line ? "\n" : " ", 1, at, 0);
    writer->blank = writer->line = 0;
}

void ss_html_write_code(ss_html_writer *writer, const char *bytes, size_t len, uint32_t source, int exact)
{
    char c = bytes[0];
    int white = len == 1 && (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f');
    if (white && !writer->verbatim) {
        if (!writer->blank && !writer->line) writer->blank_at = source;
        writer->blank = 1;
        return;
    }
    put_pending(writer, source);
    put(writer, bytes, len, source, exact);
}

void ss_html_writer_end(ss_html_writer *writer, size_t html_len)
{
    while (writer->len > 0) {
        char c = writer->bytes[writer->len - 1];
        if (c != ' ' && c != '\n' && c != '\t' && c != '\f') break;
        writer->len--;
    }
    writer->bytes[writer->len] = 0;
    writer->source[writer->len] = (uint32_t)html_len;
}

/* show_record.c - see show_record.h. */
#include "worker/cli/show_record.h"

#include <string.h>

static int is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Bytes [begin, end) on one line: control characters and line breaks as blanks. */
static void put_line(const char *text, size_t begin, size_t end, FILE *out)
{
    int blank = 0;
    for (size_t i = begin; i < end; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c == 0x7f) {
            blank = 1;
            continue;
        }
        if (blank && i > begin) fputc(' ', out);
        blank = 0;
        fputc(c, out);
    }
}

static void put_sentence(const ss_record *record, const ss_record_mention *mention, int width, FILE *out)
{
    size_t begin = mention->sentence_begin, end = mention->sentence_end, wide = (size_t)width;
    if (end > record->text.len || begin > end) return;
    int cut_left = 0, cut_right = 0;
    if (end - begin > wide) {
        size_t middle = mention->begin + (mention->end - mention->begin) / 2;
        size_t from = middle > begin + wide / 2 ? middle - wide / 2 : begin;
        if (mention->begin == mention->sentence_begin && mention->end == mention->sentence_end) from = begin;
        if (from + wide > end) from = end - wide;
        cut_left = from > begin;
        cut_right = from + wide < end;
        begin = from;
        end = from + wide;
        while (begin < end && is_continuation(record->text.data[begin])) begin++;
        while (end < mention->sentence_end && is_continuation(record->text.data[end])) end++;
    }
    fprintf(out, "  \"%s", cut_left ? "..." : "");
    put_line(record->text.data, begin, end, out);
    fprintf(out, "%s\"\n", cut_right ? "..." : "");
}

static void put_mention(const ss_record *record, const ss_record_mention *m, FILE *out)
{
    fprintf(out, "      -> %-44.*s  score %.2f  probability %.2f", (int)m->label.len, m->label.data, (double)m->score,
            (double)m->probability);
    int literal = m->begin != m->sentence_begin || m->end != m->sentence_end;
    if (literal && m->end <= record->text.len) {
        fputs("  named: ", out);
        put_line(record->text.data, m->begin, m->end, out);
    }
    fputc('\n', out);
}

void ss_show_record(const ss_record *record, int width, FILE *out)
{
    fprintf(out, "\n%.*s", (int)record->title.len, record->title.len ? record->title.data : "");
    if (!record->title.len) fprintf(out, "%.*s", (int)record->ad_id.len, record->ad_id.data);
    if (record->employer.len) fprintf(out, ", %.*s", (int)record->employer.len, record->employer.data);
    if (record->location.len) fprintf(out, " (%.*s)", (int)record->location.len, record->location.data);
    fprintf(out, "   [%u sentences]\n", record->sentence_count);
    if (!record->mention_count) fputs("  no skill above the threshold\n", out);
    for (size_t i = 0; i < record->mention_count; i++) {
        if (!i || record->mentions[i].sentence_index != record->mentions[i - 1].sentence_index)
            put_sentence(record, &record->mentions[i], width, out);
        put_mention(record, &record->mentions[i], out);
    }
}

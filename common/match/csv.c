/* csv.c - see csv.h.
 *
 * The file is one buffer; a row is read by walking it once. A field ends up NUL-terminated where it stands: quotes and
 * doubled quotes only ever make it shorter, so the write position never overtakes the read position, and the
 * terminator takes the place of the separator or quote behind the field. Fields therefore stay valid until the
 * reader is closed, and a row costs no allocation.
 */
#include "match/csv.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "text/utf8.h"

typedef struct field {
    const char *text;
    size_t len;
} field;

struct ss_csv {
    char *name;
    ss_buffer file;
    size_t at;       /* next byte to read */
    size_t line;     /* line that `at` is on */
    size_t row_line; /* line on which the current row begins */
    size_t row;      /* rows read behind the header */
    field header[SS_CSV_MAX_COLUMNS];
    size_t columns;
    field fields[SS_CSV_MAX_COLUMNS];
    size_t field_count;
};

static int at_row_end(char c)
{
    return c == '\n' || c == '\r';
}

/* Steps over one line break (LF, CRLF or CR). */
static void skip_break(ss_csv *csv)
{
    const char *data = csv->file.data;
    if (data[csv->at] == '\r' && csv->at + 1 < csv->file.len && data[csv->at + 1] == '\n') csv->at++;
    csv->at++;
    csv->line++;
}

/* Reads the quoted part of a field; `at` is behind the opening quote. Returns the end of what was written, or NULL. */
static char *read_quoted(ss_csv *csv, char *to, ss_error *err)
{
    const char *data = csv->file.data;
    size_t begin_line = csv->line;
    while (csv->at < csv->file.len) {
        char c = data[csv->at++];
        if (c == '"') {
            if (csv->at >= csv->file.len || data[csv->at] != '"') return to;
            csv->at++;
        }
        if (c == '\n' || (c == '\r' && (csv->at >= csv->file.len || data[csv->at] != '\n'))) csv->line++;
        *to++ = c;
    }
    ss_fail(err, SS_INPUT, "%s: line %zu: a quoted field has no closing quote", csv->name, begin_line);
    return NULL;
}

/* Reads one field and what ends it; *last is set when it was the row's last. */
static int read_field(ss_csv *csv, field *out, int *last, ss_error *err)
{
    char *data = csv->file.data;
    char *begin = data + csv->at, *to = begin;
    if (csv->at < csv->file.len && data[csv->at] == '"') {
        csv->at++;
        to = read_quoted(csv, to, err);
        if (!to) return -1;
    }
    while (csv->at < csv->file.len && data[csv->at] != ',' && !at_row_end(data[csv->at])) *to++ = data[csv->at++];
    *last = 1;
    if (csv->at < csv->file.len) {
        if (data[csv->at] == ',') {
            *last = 0;
            csv->at++;
        } else {
            skip_break(csv);
        }
    }
    *to = 0;
    *out = (field){begin, (size_t)(to - begin)};
    if (out->len > SS_CSV_MAX_FIELD)
        return ss_fail(err, SS_LIMIT, "%s: line %zu: a field of %zu bytes; the limit is %d", csv->name, csv->row_line,
                       out->len, SS_CSV_MAX_FIELD);
    return 0;
}

/* 1: csv->fields hold a row; 0: end; -1. Empty fields past the header's columns are dropped. */
static int read_row(ss_csv *csv, size_t columns, ss_error *err)
{
    while (csv->at < csv->file.len && at_row_end(csv->file.data[csv->at])) skip_break(csv);
    if (csv->at >= csv->file.len) return 0;
    csv->row_line = csv->line;
    csv->field_count = 0;
    for (int last = 0; !last;) {
        field got;
        if (read_field(csv, &got, &last, err)) return -1;
        if (csv->field_count < columns)
            csv->fields[csv->field_count++] = got;
        else if (got.len || columns == SS_CSV_MAX_COLUMNS)
            return ss_fail(err, SS_INPUT, "%s: line %zu: more than %zu fields; is a field with a comma not quoted?",
                           csv->name, csv->row_line, columns);
    }
    return 1;
}

static int read_header(ss_csv *csv, ss_error *err)
{
    int got = read_row(csv, SS_CSV_MAX_COLUMNS, err);
    if (got < 0) return -1;
    if (!got) return ss_fail(err, SS_INPUT, "%s: empty; a header row with column names is needed", csv->name);
    csv->columns = csv->field_count;
    memcpy(csv->header, csv->fields, csv->columns * sizeof *csv->fields);
    csv->field_count = 0;
    for (size_t i = 0; i < csv->columns; i++)
        for (size_t j = 0; j < i; j++)
            if (csv->header[i].len && !strcmp(csv->header[i].text, csv->header[j].text))
                return ss_fail(err, SS_INPUT, "%s: the column '%.80s' is there twice", csv->name, csv->header[i].text);
    return 0;
}

/* The whole file must be UTF-8 without NUL, so that every field is a C string that a record can carry. */
static int check_text(const ss_csv *csv, ss_error *err)
{
    const char *data = csv->file.data;
    if (ss_utf8_valid(data, csv->file.len) && !memchr(data, 0, csv->file.len)) return 0;
    size_t line = 1;
    for (size_t at = 0; at < csv->file.len;) {
        uint32_t code;
        at += ss_utf8_decode(data + at, csv->file.len - at, &code);
        if (code == SS_UTF8_INVALID || code == 0)
            return ss_fail(err, SS_INPUT, "%s: line %zu: %s", csv->name, line,
                           code ? "not UTF-8; convert the file first (iconv -t utf-8)" : "a NUL byte");
        if (code == '\n') line++;
    }
    return 0;
}

/* Takes over a reader whose buffer is filled; closes it on failure. */
static ss_csv *begin(ss_csv *csv, ss_error *err)
{
    static const char mark[] = "\xEF\xBB\xBF";
    if (!csv->file.data && !ss_buffer_reserve(&csv->file, 0)) {
        ss_fail_memory(err, "reading a CSV file");
    } else {
        csv->file.data[csv->file.len] = 0;
        if (csv->file.len >= 3 && !memcmp(csv->file.data, mark, 3)) csv->at = 3;
        if (!check_text(csv, err) && !read_header(csv, err)) return csv;
    }
    ss_csv_close(csv);
    return NULL;
}

static ss_csv *make(const char *name, ss_error *err)
{
    ss_csv *csv = calloc(1, sizeof *csv);
    if (csv) {
        csv->name = strdup(name);
        csv->line = 1;
        ss_buffer_init(&csv->file, SS_CSV_MAX_BYTES);
        if (csv->name) return csv;
    }
    free(csv);
    ss_fail_memory(err, "opening a CSV file");
    return NULL;
}

ss_csv *ss_csv_open(const char *path, ss_error *err)
{
    ss_csv *csv = make(strcmp(path, "-") ? path : "standard input", err);
    if (!csv) return NULL;
    if (ss_file_read(path, &csv->file, err)) {
        ss_csv_close(csv);
        return NULL;
    }
    return begin(csv, err);
}

ss_csv *ss_csv_from_bytes(const char *name, const void *bytes, size_t len, ss_error *err)
{
    ss_csv *csv = make(name, err);
    if (!csv) return NULL;
    if (ss_buffer_add(&csv->file, bytes, len)) {
        ss_fail(err, SS_LIMIT, "%s: %zu bytes of CSV do not fit", name, len);
        ss_csv_close(csv);
        return NULL;
    }
    return begin(csv, err);
}

void ss_csv_close(ss_csv *csv)
{
    if (!csv) return;
    ss_buffer_free(&csv->file);
    free(csv->name);
    free(csv);
}

int ss_csv_find(const ss_csv *csv, const char *column)
{
    for (size_t i = 0; i < csv->columns; i++)
        if (!strcmp(csv->header[i].text, column)) return (int)i;
    return -1;
}

int ss_csv_need(const ss_csv *csv, const char *column, ss_error *err)
{
    int found = ss_csv_find(csv, column);
    if (found >= 0) return found;
    char names[200] = "";
    size_t used = 0;
    for (size_t i = 0; i < csv->columns; i++) {
        size_t len = csv->header[i].len;
        if (used + len + sizeof ",..." > sizeof names) { /* so that the dots still have room behind a comma */
            memcpy(names + used, "...", 4);
            break;
        }
        memcpy(names + used, csv->header[i].text, len);
        used += len;
        if (i + 1 < csv->columns) names[used++] = ',';
        names[used] = 0;
    }
    return ss_fail(err, SS_INPUT, "%s: no column '%s'; found: %s", csv->name, column, names);
}

int ss_csv_next(ss_csv *csv, ss_error *err)
{
    int got = read_row(csv, csv->columns, err);
    if (got > 0) csv->row++;
    return got;
}

const char *ss_csv_get(const ss_csv *csv, int column, size_t *len)
{
    const field nothing = {"", 0};
    field got = column >= 0 && (size_t)column < csv->field_count ? csv->fields[column] : nothing;
    if (len) *len = got.len;
    return got.text;
}

size_t ss_csv_row(const ss_csv *csv)
{
    return csv->row;
}

size_t ss_csv_line(const ss_csv *csv)
{
    return csv->row_line;
}

const char *ss_csv_name(const ss_csv *csv)
{
    return csv->name;
}

/* csv.h - rows out of comma-separated files, as RFC 4180 has them.
 *
 * Quoted fields may hold commas, line breaks and doubled quotes; rows end with LF or CRLF; a byte order mark is
 * skipped; blank lines are no rows. As Python's csv module does, a quote inside an unquoted field is an ordinary
 * character, and text behind a closing quote is appended to the field. The first row is the header: columns are found
 * by name, so their order does not matter and further columns do no harm. A row with fewer fields than the header has
 * empty fields instead; one with more is an error, because then a comma was meant to be quoted.
 *
 * The whole file is in memory (plain, gzip or "-" as ss_file_read takes them) and fields are unescaped in place.
 *
 * One reader belongs to one thread.
 */
#ifndef SKILLSTREAM_MATCH_CSV_H
#define SKILLSTREAM_MATCH_CSV_H

#include <stddef.h>

#include "base/error.h"

typedef struct ss_csv ss_csv;

enum { SS_CSV_MAX_BYTES = 1 << 30, SS_CSV_MAX_COLUMNS = 256, SS_CSV_MAX_FIELD = 1 << 20 };

/* Opens `path` and reads its header. Errors: those of ss_file_read, SS_INPUT (no header, a column twice, not UTF-8,
 * a NUL byte), SS_LIMIT. */
ss_csv *ss_csv_open(const char *path, ss_error *err);

/* The same from memory; `bytes` are copied. `name` stands in error texts. */
ss_csv *ss_csv_from_bytes(const char *name, const void *bytes, size_t len, ss_error *err);

void ss_csv_close(ss_csv *csv);

/* Number of the column called `column` (case matters), or -1: no error, some columns are optional. */
int ss_csv_find(const ss_csv *csv, const char *column);

/* The same for a column that must be there: SS_INPUT names it and lists the columns found. */
int ss_csv_need(const ss_csv *csv, const char *column, ss_error *err);

/* 1: a row was read; 0: the end; -1: error (unterminated quote, too many fields, NUL byte, limit), naming the line. */
int ss_csv_next(ss_csv *csv, ss_error *err);

/* Field `column` of the current row, NUL-terminated UTF-8; valid until the reader is closed. "" for column -1. */
const char *ss_csv_get(const ss_csv *csv, int column, size_t *len);

/* The current row's number, from 1 (the header has none), and the line of the file on which it begins, from 1. */
size_t ss_csv_row(const ss_csv *csv);
size_t ss_csv_line(const ss_csv *csv);

/* The path or name given at the start, for error texts. */
const char *ss_csv_name(const ss_csv *csv);

#endif

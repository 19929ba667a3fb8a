/* test_csv.c - the CSV reader against Python's csv module, a round trip, and bad files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <zlib.h>

#include "match/csv.h"
#include "support/temp_folder.h"

/* Five unquoted columns stand before every golden text, so that no row has too many fields. */
static const char header[] = "c1,c2,c3,c4,c5\n";

static ss_csv *open_text(const char *text, ss_error *err)
{
    return ss_csv_from_bytes("test.csv", text, strlen(text), err);
}

static void check_golden_case(const char *text, const json_t *rows)
{
    char full[64];
    snprintf(full, sizeof full, "%s%s", header, text);
    ss_error err = {0};
    ss_csv *csv = open_text(full, &err);
    assert_non_null(csv);
    if (json_is_null(rows)) { /* an unterminated quote: the rows before it may be read, then it must be refused */
        int got;
        while ((got = ss_csv_next(csv, &err)) > 0) continue;
        assert_int_equal(got, -1);
        assert_int_equal(err.status, SS_INPUT);
        assert_non_null(strstr(err.text, "no closing quote"));
    } else {
        size_t i, j;
        json_t *row, *value;
        json_array_foreach(rows, i, row)
        {
            assert_int_equal(ss_csv_next(csv, &err), 1);
            assert_int_equal(ss_csv_row(csv), i + 1);
            json_array_foreach(row, j, value)
                assert_string_equal(ss_csv_get(csv, (int)j, NULL), json_string_value(value));
            for (; j < 5; j++) assert_string_equal(ss_csv_get(csv, (int)j, NULL), "");
        }
        assert_int_equal(ss_csv_next(csv, &err), 0);
    }
    ss_csv_close(csv);
}

static void reads_every_short_text_as_python_does(void **state)
{
    (void)state;
    json_error_t at;
    json_t *cases = json_load_file(SS_SOURCE_DIR "/tests/unit/match/data/csv_golden.json", 0, &at), *item;
    assert_non_null(cases);
    assert_int_equal(json_array_size(cases), 1 + 5 + 25 + 125 + 625);
    size_t i;
    json_array_foreach(cases, i, item)
        check_golden_case(json_string_value(json_array_get(item, 0)), json_array_get(item, 1));
    json_decref(cases);
}

static void put_quoted(char **to, const char *field)
{
    *(*to)++ = '"';
    for (; *field; field++) {
        if (*field == '"') *(*to)++ = '"';
        *(*to)++ = *field;
    }
    *(*to)++ = '"';
}

static void gives_back_what_was_quoted(void **state)
{
    (void)state;
    enum { ROWS = 300, COLUMNS = 4, LONGEST = 12 };
    static const char alphabet[] = "ab,\"\n\r |'\t";
    static char fields[ROWS][COLUMNS][LONGEST + 1];
    static char file[ROWS * COLUMNS * (2 * LONGEST + 4) + 32];
    char *to = file;
    unsigned seed = 7;
    to += sprintf(to, "\xEF\xBB\xBFw,x,y,z\r\n");
    for (size_t r = 0; r < ROWS; r++)
        for (size_t c = 0; c < COLUMNS; c++) {
            size_t len = (seed = seed * 1103515245u + 12345u) >> 16 & 7;
            for (size_t i = 0; i < len; i++)
                fields[r][c][i] = alphabet[((seed = seed * 1103515245u + 12345u) >> 16) % (sizeof alphabet - 1)];
            put_quoted(&to, fields[r][c]);
            *to++ = c + 1 < COLUMNS ? ',' : '\n';
        }
    ss_error err = {0};
    ss_csv *csv = ss_csv_from_bytes("t", file, (size_t)(to - file), &err);
    assert_non_null(csv);
    assert_int_equal(ss_csv_find(csv, "w"), 0); /* the byte order mark is no part of the name */
    for (size_t r = 0; r < ROWS; r++) {
        assert_int_equal(ss_csv_next(csv, &err), 1);
        for (size_t c = 0; c < COLUMNS; c++) {
            size_t len;
            assert_string_equal(ss_csv_get(csv, (int)c, &len), fields[r][c]);
            assert_int_equal(len, strlen(fields[r][c]));
        }
    }
    assert_int_equal(ss_csv_next(csv, &err), 0);
    ss_csv_close(csv);
}

static void finds_columns_by_name_and_lists_those_found(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_csv *csv = open_text("id,label,,\n1,2\n", &err);
    assert_non_null(csv);
    assert_int_equal(ss_csv_need(csv, "label", &err), 1);
    assert_int_equal(ss_csv_find(csv, "Label"), -1);
    assert_int_equal(ss_csv_need(csv, "preferredLabel", &err), -1);
    assert_int_equal(err.status, SS_INPUT);
    assert_string_equal(err.text, "test.csv: no column 'preferredLabel'; found: id,label,,");
    assert_int_equal(ss_csv_next(csv, &err), 1);
    assert_string_equal(ss_csv_get(csv, -1, NULL), "");
    assert_string_equal(ss_csv_get(csv, 3, NULL), "");
    ss_csv_close(csv);
}

/* Reads `text` to its end and checks that it fails with this status and these words. */
static void check_refused(const char *text, size_t len, ss_status status, const char *words)
{
    ss_error err = {0};
    ss_csv *csv = ss_csv_from_bytes("test.csv", text, len, &err);
    int got = csv ? 1 : -1;
    while (got > 0) got = ss_csv_next(csv, &err);
    assert_int_equal(got, -1);
    assert_int_equal(err.status, status);
    assert_non_null(strstr(err.text, words));
    ss_csv_close(csv);
}

static void names_the_line_of_what_is_wrong(void **state)
{
    (void)state;
    check_refused("", 0, SS_INPUT, "empty");
    check_refused("\n\r\n", 3, SS_INPUT, "empty");
    check_refused("a,a\n", 4, SS_INPUT, "the column 'a' is there twice");
    check_refused("a\n\"x\ny\"\n\"oops\nmore\n", 19, SS_INPUT, "line 4: a quoted field has no closing quote");
    check_refused("a,b\n1,2\n1,2,3\n", 14, SS_INPUT, "line 3: more than 2 fields");
    check_refused("a\nb\n\xFF\n", 6, SS_INPUT, "line 3: not UTF-8");
    check_refused("a\nb\0c\n", 6, SS_INPUT, "line 2: a NUL byte");
}

static void refuses_a_field_over_the_limit(void **state)
{
    (void)state;
    size_t len = SS_CSV_MAX_FIELD + 3;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, 'x', len);
    memcpy(text, "a\n", 2);
    check_refused(text, len, SS_LIMIT, "line 2");
    ss_error err = {0};
    ss_csv *csv = ss_csv_from_bytes("t", text, len - 1, &err); /* exactly at the limit */
    assert_non_null(csv);
    assert_int_equal(ss_csv_next(csv, &err), 1);
    ss_csv_close(csv);
    free(text);
}

static void reads_plain_and_gzip_files(void **state)
{
    (void)state;
    char *folder = temp_folder_make();
    temp_write_text(folder, "t.csv", "a,b\n1,2\n");
    gzFile zipped = gzopen(temp_path(folder, "t.csv.gz"), "wb");
    assert_non_null(zipped);
    assert_int_equal(gzwrite(zipped, "a,b\n1,2\n", 8), 8);
    gzclose(zipped);
    const char *names[] = {"t.csv", "t.csv.gz"};
    for (size_t i = 0; i < 2; i++) {
        ss_error err = {0};
        ss_csv *csv = ss_csv_open(temp_path(folder, names[i]), &err);
        assert_non_null(csv);
        assert_int_equal(ss_csv_next(csv, &err), 1);
        assert_string_equal(ss_csv_get(csv, 1, NULL), "2");
        ss_csv_close(csv);
    }
    ss_error err = {0};
    assert_null(ss_csv_open(temp_path(folder, "none.csv"), &err));
    assert_int_equal(err.status, SS_NOT_FOUND);
    temp_folder_remove(folder);
}

/* Names up to every length around the room that the error has for them: AddressSanitizer sees a byte beyond. */
static void a_long_header_is_listed_as_far_as_there_is_room(void **state)
{
    (void)state;
    for (size_t first = 150; first < 210; first++)
        for (size_t second = 1; second < 12; second++) {
            char text[256];
            ss_error err = {0};
            int len = snprintf(text, sizeof text, "%0*d,%0*d,x,y\n", (int)first, 1, (int)second, 2);
            ss_csv *csv = ss_csv_from_bytes("t", text, (size_t)len, NULL);
            assert_non_null(csv);
            assert_int_equal(ss_csv_need(csv, "id", &err), -1);
            assert_true(strstr(err.text, ",x,y") || strstr(err.text, "..."));
            ss_csv_close(csv);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_header_is_listed_as_far_as_there_is_room),
        cmocka_unit_test(reads_every_short_text_as_python_does),
        cmocka_unit_test(gives_back_what_was_quoted),
        cmocka_unit_test(finds_columns_by_name_and_lists_those_found),
        cmocka_unit_test(names_the_line_of_what_is_wrong),
        cmocka_unit_test(refuses_a_field_over_the_limit),
        cmocka_unit_test(reads_plain_and_gzip_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

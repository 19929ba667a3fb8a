/* Files and lines: plain, gzip, truncated gzip, limits, atomic writes. gzip files are made by zlib itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/file.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/ss-file-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void path_of(const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", folder, name);
}

static void write_gzip(const char *path, const char *text, size_t len)
{
    gzFile f = gzopen(path, "wb");
    assert_int_equal(gzwrite(f, text, (unsigned)len), (int)len);
    gzclose(f);
}

static void written_files_read_back_plain_and_gzip(void **state)
{
    (void)state;
    char plain[128], zipped[128];
    path_of("a", plain);
    path_of("a.gz", zipped);
    size_t len = 3000000;
    char *bytes = malloc(len);
    for (size_t i = 0; i < len; i++) bytes[i] = (char)(i * 2654435761u >> 13);
    ss_error err = {0};
    assert_int_equal(ss_file_write(plain, bytes, len, &err), 0);
    write_gzip(zipped, bytes, len);
    const char *paths[] = {plain, zipped};
    for (int p = 0; p < 2; p++) {
        ss_buffer out;
        ss_buffer_init(&out, len);
        assert_int_equal(ss_file_read(paths[p], &out, &err), 0);
        assert_int_equal(out.len, len);
        assert_memory_equal(out.data, bytes, len);
        ss_buffer_free(&out);
        ss_buffer_init(&out, len - 1);
        assert_int_equal(ss_file_read(paths[p], &out, &err), -1);
        assert_int_equal(err.status, SS_LIMIT);
        ss_buffer_free(&out);
    }
    ss_bytes mapped;
    assert_int_equal(ss_file_map(plain, &mapped, &err), 0);
    assert_int_equal(mapped.len, len);
    assert_memory_equal(mapped.data, bytes, len);
    ss_bytes_free(&mapped);
    free(bytes);
}

static void a_gzip_file_cut_anywhere_is_an_error(void **state)
{
    (void)state;
    char path[128];
    path_of("cut.gz", path);
    char text[4000];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)('a' + i * i % 26);
    write_gzip(path, text, sizeof text);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    for (off_t size = st.st_size - 1; size > 2; size -= 7) {
        assert_int_equal(truncate(path, size), 0);
        ss_buffer out;
        ss_error err = {0};
        ss_buffer_init(&out, 1 << 20);
        assert_int_equal(ss_file_read(path, &out, &err), -1);
        assert_int_equal(err.status, SS_CORRUPT);
        ss_buffer_free(&out);
    }
}

static void missing_and_wrong_files_say_so(void **state)
{
    (void)state;
    ss_error err = {0};
    ss_bytes bytes;
    ss_buffer out;
    ss_buffer_init(&out, 100);
    assert_int_equal(ss_file_map("/nowhere/x", &bytes, &err), -1);
    assert_int_equal(err.status, SS_NOT_FOUND);
    assert_int_equal(ss_file_map(folder, &bytes, &err), -1);
    assert_non_null(strstr(err.text, "folder"));
    assert_int_equal(ss_file_read("/nowhere/x", &out, &err), -1);
    assert_null(ss_lines_open(folder, 100, &err));
    assert_int_equal(ss_file_write("/nowhere/x", "a", 1, &err), -1);
    ss_buffer_free(&out);
}

static void lines_come_whole_and_long_ones_are_skipped(void **state)
{
    (void)state;
    char path[128];
    path_of("lines", path);
    char text[600] = "one\r\n\ntwo\n";
    memset(text + 10, 'x', 500);
    strcpy(text + 510, "\nlast");
    ss_error err = {0};
    assert_int_equal(ss_file_write(path, text, strlen(text), &err), 0);
    ss_lines *lines = ss_lines_open(path, 100, &err);
    static const char *const expected[] = {"one", "", "two"};
    char *line;
    size_t len;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ss_lines_next(lines, &line, &len, &err), 1);
        assert_string_equal(line, expected[i]);
        assert_int_equal(ss_lines_number(lines), (size_t)i + 1);
    }
    assert_int_equal(ss_lines_next(lines, &line, &len, &err), -1);
    assert_int_equal(err.status, SS_LIMIT);
    assert_int_equal(ss_lines_next(lines, &line, &len, &err), 1);
    assert_string_equal(line, "last");
    assert_int_equal(ss_lines_next(lines, &line, &len, &err), 0);
    ss_lines_close(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_files_read_back_plain_and_gzip),
        cmocka_unit_test(a_gzip_file_cut_anywhere_is_an_error),
        cmocka_unit_test(missing_and_wrong_files_say_so),
        cmocka_unit_test(lines_come_whole_and_long_ones_are_skipped),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

/* taxonomy_csv.c - a list of skills as CSV, and the taxonomy blob of a release.
 *
 * The first byte decides: 'b' the rest is a blob; otherwise all of it is CSV. A taxonomy that is read has as many
 * skills as the file has rows, finds each by its URI, and survives being encoded and decoded.
 */
#include <string.h>

#include "fuzz/fuzz.h"
#include "match/csv.h"
#include "match/taxonomy.h"

static size_t count_rows(const uint8_t *data, size_t size)
{
    ss_csv *csv = ss_csv_from_bytes("fuzz", data, size, NULL);
    FUZZ_CHECK(csv);
    size_t rows = 0;
    while (ss_csv_next(csv, NULL) > 0) FUZZ_CHECK(ss_csv_row(csv) == ++rows);
    ss_csv_close(csv);
    return rows;
}

static void check_skill(const ss_taxonomy *taxonomy, uint32_t i)
{
    const ss_skill *skill = ss_taxonomy_skill(taxonomy, i);
    FUZZ_CHECK(fuzz_is_text((ss_slice){skill->label, strlen(skill->label)}));
    FUZZ_CHECK(skill->uri[0] && skill->label[0] && skill->type && skill->reuse_level && skill->description);
    FUZZ_CHECK(ss_taxonomy_by_uri(taxonomy, skill->uri) == i);
    FUZZ_CHECK(ss_taxonomy_by_label(taxonomy, skill->label) <= i);
    for (uint32_t a = 0; a < skill->alternative_count; a++) FUZZ_CHECK(skill->alternatives[a][0]);
}

/* Equal taxonomies give equal bytes: what is decoded is encoded as it was. */
static void check_blob(const ss_taxonomy *taxonomy)
{
    ss_buffer once, twice;
    ss_buffer_init(&once, 1 << 26);
    ss_buffer_init(&twice, 1 << 26);
    FUZZ_CHECK(!ss_taxonomy_encode(taxonomy, &once, NULL));
    ss_taxonomy *back = ss_taxonomy_decode(once.data, once.len, NULL);
    FUZZ_CHECK(back && !ss_taxonomy_encode(back, &twice, NULL));
    FUZZ_CHECK(once.len == twice.len && !memcmp(once.data, twice.data, once.len));
    ss_taxonomy_free(back);
    ss_buffer_free(&once);
    ss_buffer_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ss_error err = {0};
    int blob = size && data[0] == 'b';
    ss_taxonomy *taxonomy = blob ? ss_taxonomy_decode(data + 1, size - 1, &err)
                                 : ss_taxonomy_parse("fuzz.csv", data, size, NULL, NULL, &err);
    FUZZ_CHECK(taxonomy || (err.status != SS_OK && err.status != SS_INTERNAL && err.text[0]));
    if (!taxonomy) return 0;
    FUZZ_CHECK(blob || ss_taxonomy_count(taxonomy) == count_rows(data, size));
    for (uint32_t i = 0; i < ss_taxonomy_count(taxonomy); i++) check_skill(taxonomy, i);
    check_blob(taxonomy);
    ss_taxonomy_free(taxonomy);
    return 0;
}

/* html.c - an ad's HTML to text: whatever the page, valid UTF-8 with a map that leads back, by the tree and by the
 * linear path that hostile documents take. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "text/html.h"
#include "text/utf8.h"

static void check(const char *body, size_t size, const ss_html_limits *limits)
{
    ss_arena arena;
    ss_text text;
    ss_error err;
    ss_arena_init(&arena, 0, 0);
    if (ss_text_from_html(body, size, limits, &arena, &text, &err)) fuzz_broken(err.text, __FILE__, __LINE__);
    FUZZ_CHECK(text.bytes[text.len] == 0);
    FUZZ_CHECK(fuzz_is_text((ss_slice){text.bytes, text.len}));
    FUZZ_CHECK(text.source[text.len] == size);
    for (size_t i = 0; i < text.len; i++) FUZZ_CHECK(text.source[i] <= text.source[i + 1]);
    ss_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *body = (const char *)data;
    static const ss_html_limits no_tree = {.max_tree_work = 1};
    check(body, size, NULL);
    check(body, size, &no_tree);
    ss_html_is_escaped(body, size);
    return 0;
}

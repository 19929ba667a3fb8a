/* HTML to text: what the HTML standard and html.h say about elements, white space and character references, and the
 * source map. */
#include "cases.h"

typedef struct html_case {
    const char *html, *text;
} html_case;

static const html_case cases[] = {
    /* lines */
    {"", ""},
    {"plain", "plain"},
    {"<p>a</p><p>b</p>", "a\nb"},
    {"<p>a<p>b", "a\nb"},
    {"a<br>b<br/>c<hr>d", "a\nb\nc\nd"},
    {"<ul><li>a<li>b</ul>c", "a\nb\nc"},
    {"<table><tr><td>a<td>b<tr><th>c</table>", "a\nb\nc"},
    {"<h1>a</h1>b<div>c<div>d</div>e</div>", "a\nb\nc\nd\ne"},
    {"<p></p><p>  </p>a<p></p>", "a"},
    {"<b>a</b><i>b</i> <u>c</u>", "ab c"},
    {"<dl><dt>a<dd>b</dl>", "a\nb"},
    {"<select><option>a<option>b</select>", "a\nb"},
    /* white space */
    {"  a \n\t b  ", "a b"},
    {"a <b> b</b>", "a b"},
    {"<p>a </p> <p> b</p>", "a\nb"},
    {"a&nbsp;&nbsp;b", "a\xC2\xA0\xC2\xA0"
                       "b"},
    {"<pre>\n a\n  b\n\nc</pre>d", " a\n  b\n\nc\nd"},
    {"<textarea>\n a  b</textarea>", " a  b"},
    /* not part of the text */
    {"a<script>var x = '<p>b</p>';</script>c", "ac"},
    {"a<style>p { }</style><template><p>b</p></template>c", "ac"},
    {"<html><head><title>t</title><meta charset=utf-8></head><body>a</body></html>", "a"},
    {"a<!-- b --><noscript>c</noscript><svg><text>d</text></svg><iframe>e</iframe>f", "af"},
    {"<script>never closed <p>a", ""},
    {"<isindex>a", "a"},
    /* character references */
    {"&lt;&gt;&amp;&quot;&#39;&#x27;", "<>&\"''"},
    {"R&D &copy 2020 &notanentity; &amp;amp;", "R&D \xC2\xA9 2020 \xC2\xAC"
                                               "anentity; &amp;"},
    {"&euro;&hellip;&NotEqualTilde;&nGt;", "\xE2\x82\xAC\xE2\x80\xA6\xE2\x89\x82\xCC\xB8\xE2\x89\xAB\xE2\x83\x92"},
    {"&#0;&#x80;&#xD800;&#x110000;", "\xEF\xBF\xBD\xE2\x82\xAC\xEF\xBF\xBD\xEF\xBF\xBD"},
    /* more than 32 bits: neither an 'A' nor half a character; the last that there is stays */
    {"&#4294967361;&#x100000041 &#3000000000;&#1114111;", "\xEF\xBF\xBD\xEF\xBF\xBD \xEF\xBF\xBD\xF4\x8F\xBF\xBF"},
    {"&lt;p&gt;a&amp;#4294967361;", "a\xEF\xBF\xBD"},
    /* what escaping hid is repaired as in any body */
    {"&#4;\xC2\x81\xC2\x81&lt;p&gt;a&#127;b\xC2\x85", "\xC2\x81\xC2\x81\na b\xC2\x85"},
    {"&lt;pre&gt;a&#13;&#10;b&#13;c&amp;#13;d", "a\nb\nc\rd"},
    {"&#1;a&#13;b", "\x01"
                    "a b"},
    /* broken */
    {"a < b <<b>b> c", "a < b <b> c"},
    {"a</foo>b</p>c", "ab\nc"},
    {"a<p b=\"c>d\" e='>'>f", "a\nf"},
    {"a<div", "a"},
    {"a<!-- b", "a"},
    {"<b><p>a</b>b</p>c", "ab\nc"},
    {"<table>a<tr><td>b</td></tr>c</table>d", "a\nb\nc\nd"},
    /* escaped once more */
    {"&lt;p&gt;a&lt;/p&gt;&lt;p&gt;b &amp;amp; c&lt;/p&gt;", "a\nb & c"},
    {"&amp;lt;p&amp;gt;a&amp;lt;p&amp;gt;R&amp;amp;amp;D", "a\nR&D"},
    {"x &lt; y and y &gt; z", "x < y and y > z"},
    {"<p>Use &lt;b&gt; for bold</p>", "Use <b> for bold"},
};

static void assert_html(const char *html, size_t len, const ss_html_limits *limits, const char *expected)
{
    ss_arena arena;
    ss_text text;
    ss_error err = {0};
    ss_arena_init(&arena, 0, 0);
    if (ss_text_from_html(html, len, limits, &arena, &text, &err) < 0) fail_msg("%s: %s", html, err.text);
    if (strcmp(text.bytes, expected) != 0) fail_msg("%s: got [%s], not [%s]", html, text.bytes, expected);
    assert_int_equal(text.len, strlen(expected));
    assert_int_equal(text.source[text.len], len);
    ss_arena_free(&arena);
}

static void elements_space_and_references_are_read_as_html_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_html(cases[i].html, strlen(cases[i].html), NULL, cases[i].text);
}

static void invalid_bytes_and_nul_are_repaired_in_html_too(void **state)
{
    (void)state;
    assert_html("<p>a\0b</p>", 10, NULL, "a b");
    assert_html("<p>caf\xE9</p>", 11, NULL, "caf\xC3\xA9");
    assert_html("<p>\xC3\xA9\xFF</p>", 10, NULL, "\xC3\xA9\xEF\xBF\xBD");
}

static void escaped_html_is_told_from_text_about_html(void **state)
{
    (void)state;
    static const char *const escaped[] = {"&lt;p&gt;a&lt;/p&gt;", "x&lt;br/&gt;y", "&lt;a href=\"x\"&gt;y&lt;/a&gt;"};
    static const char *const other[] = {"",           "&lt;", "a &lt; b", "Map&lt;K,V&gt;", "<p>&lt;p&gt;</p>",
                                        "&lt;pp&gt;", "&lt;p"};
    for (size_t i = 0; i < 3; i++) assert_int_equal(ss_html_is_escaped(escaped[i], strlen(escaped[i])), 1);
    for (size_t i = 0; i < 7; i++) assert_int_equal(ss_html_is_escaped(other[i], strlen(other[i])), 0);
}

/* The text and, for each of its bytes and its end, where in the HTML it comes from. */
static void assert_sources(const char *html, size_t len, const char *expected, const uint32_t *sources)
{
    ss_arena arena;
    ss_text text;
    ss_arena_init(&arena, 0, 0);
    assert_int_equal(ss_text_from_html(html, len, NULL, &arena, &text, NULL), 0);
    assert_string_equal(text.bytes, expected);
    for (size_t i = 0; i <= text.len; i++) assert_int_equal(text.source[i], sources[i]);
    ss_arena_free(&arena);
}

static void the_map_leads_to_entity_tag_and_byte(void **state)
{
    (void)state;
    static const char html[] = "<p>a&amp;b</p>\n<p>c &lt;</p>";
    static const uint32_t expected[] = {3, 4, 9, 10, 18, 19, 20, sizeof html - 1};
    assert_sources(html, sizeof html - 1, "a&b\nc <", expected);
}

/* Every ASCII letter and digit of the text that does not come from a reference stands where the map says. */
static void assert_map(const char *html, size_t len, const ss_text *text)
{
    assert_int_equal(text->source[text->len], len);
    for (size_t i = 0; i < text->len; i++) {
        assert_true(text->source[i] <= text->source[i + 1]);
        assert_true(text->source[i] < len);
        char c = text->bytes[i], from = html[text->source[i]];
        if (((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) && from != '&' && c != from)
            fail_msg("byte %zu '%c' maps to '%c' in %.*s", i, c, from, (int)len, html);
    }
}

static void any_mixture_of_markup_keeps_the_map_true_on_both_paths(void **state)
{
    (void)state;
    static const char *const pieces[] = {"word ",
                                         "<p>",
                                         "</p>",
                                         "<b>",
                                         "</b>",
                                         "<i x=\"y>z\">",
                                         "</i>",
                                         "<div>",
                                         "</div>",
                                         "<ul>",
                                         "<li>",
                                         "</ul>",
                                         "&amp;",
                                         "&copy",
                                         "&#65;",
                                         "&#x2019;",
                                         "&hellip;",
                                         "&ngE;",
                                         "&fjlig;",
                                         "&bogus;",
                                         "& ",
                                         "<",
                                         "a<b",
                                         "<br>",
                                         "<table>",
                                         "<tr>",
                                         "<td>",
                                         "</table>",
                                         "<pre>\n",
                                         "</pre>",
                                         "<!-- x -->",
                                         "<!>",
                                         "</>",
                                         "<script>s</script>",
                                         "<svg>",
                                         "</svg>",
                                         "<select>",
                                         "<option>",
                                         "\xC3\xA9",
                                         "\xC2\x93",
                                         "\n",
                                         "  ",
                                         "</x>",
                                         "<textarea>\n<b>&amp;</textarea>",
                                         "<xmp>&amp;</xmp>",
                                         "\xEF\xBF\xBE",
                                         "<a href=x>",
                                         "</a>",
                                         "<h1>",
                                         "<isindex>",
                                         "<math>",
                                         "&lt"};
    enum { PIECES = sizeof pieces / sizeof pieces[0] };
    random_state random = {7};
    const ss_html_limits linear = {.max_tree_memory = 1};
    ss_arena arena;
    ss_arena_init(&arena, 0, 0);
    for (int round = 0; round < 6000; round++) {
        char html[400];
        size_t len = random_text(&random, pieces, PIECES, html, 1 + random_below(&random, sizeof html));
        ss_text text;
        assert_int_equal(ss_text_from_html(html, len, round % 2 ? &linear : NULL, &arena, &text, NULL), 0);
        assert_true(ss_utf8_valid(text.bytes, text.len));
        assert_map(html, len, &text);
        ss_arena_reset(&arena);
    }
    ss_arena_free(&arena);
}

static void a_double_escaped_body_maps_to_its_outermost_bytes(void **state)
{
    (void)state;
    static const char html[] = "&lt;p&gt;We &amp;amp; you&lt;/p&gt;";
    static const uint32_t expected[] = {9, 10, 11, 12, 21, 22, 23, 24, sizeof html - 1};
    assert_sources(html, sizeof html - 1, "We & you", expected);
}

static void an_escaped_carriage_return_does_not_end_the_map(void **state)
{
    (void)state;
    static const char html[] = "&lt;p&gt;a&#13;&#10;bc";
    static const uint32_t expected[] = {9, 10, 20, 21, sizeof html - 1};
    assert_sources(html, sizeof html - 1, "a bc", expected);
}

static void the_linear_path_gives_the_text_of_the_tree(void **state)
{
    (void)state;
    static const char *const pieces[] = {"one ",         "<b>two</b>",
                                         "<p>three</p>", "<ul><li>a<li>b</ul>",
                                         "&amp;",        "&eacute;",
                                         "x &lt; y",     "<br>",
                                         "a<i>b</i>c",   "<!-- no -->",
                                         "<div>d</div>", "\n ",
                                         "<h2>h</h2>",   "<style>q</style>",
                                         "< ",           "<table><tr><td>t</table>",
                                         "<p>unclosed ", "<font color=\"<p>\">f</font>"};
    random_state random = {3};
    const ss_html_limits linear = {.max_tree_memory = 1};
    ss_arena arena;
    ss_arena_init(&arena, 0, 0);
    for (int round = 0; round < 3000; round++) {
        char html[600];
        size_t len = random_text(&random, pieces, 18, html, 1 + random_below(&random, sizeof html));
        ss_text tree, flat;
        assert_int_equal(ss_text_from_html(html, len, NULL, &arena, &tree, NULL), 0);
        assert_int_equal(ss_text_from_html(html, len, &linear, &arena, &flat, NULL), 0);
        if (strcmp(tree.bytes, flat.bytes) != 0)
            fail_msg("%.*s: [%s] by tree, [%s] linearly", (int)len, html, tree.bytes, flat.bytes);
        ss_arena_reset(&arena);
    }
    ss_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_space_and_references_are_read_as_html_says),
        cmocka_unit_test(invalid_bytes_and_nul_are_repaired_in_html_too),
        cmocka_unit_test(escaped_html_is_told_from_text_about_html),
        cmocka_unit_test(the_map_leads_to_entity_tag_and_byte),
        cmocka_unit_test(any_mixture_of_markup_keeps_the_map_true_on_both_paths),
        cmocka_unit_test(a_double_escaped_body_maps_to_its_outermost_bytes),
        cmocka_unit_test(an_escaped_carriage_return_does_not_end_the_map),
        cmocka_unit_test(the_linear_path_gives_the_text_of_the_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

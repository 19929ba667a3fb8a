/* html_guard.c - see html_guard.h.
 *
 * Why the guard's count is an upper bound. Its stack holds every start tag that the parser
 * may have on its own, except those that cannot pile up: void elements, and elements
 * that close their like (<p>, <li>, <td> ...), which nest only with the help of an element that is
 * counted. It takes a name off only when the end tag names the element opened
 * last; the parser then closes it too. Where the guard may be mistaken about where a tag ends
 * (in raw text, whose extent depends on the tree), it counts start tags and
 * believes no end tag: those inside comments and attribute values stay open for ever.
 */
#include "text/html_guard.h"

#include <gumbo.h>
#include <string.h>
#include <strings.h>

#include "text/html_scan.h"

/* Deeper documents take the linear path anyway: 32,768 levels cost 5e8 steps. */
enum { MAX_DEPTH = 32768, FORMATTING_WEIGHT = 32, FREE_ATTRIBUTES = 16 };

typedef struct open_tag {
    const char *name;
    uint32_t len;
    int formatting;
} open_tag;

typedef struct guard {
    open_tag *stack;
    size_t depth, cap, formatting;
    size_t lost; /* start tags that may be open for ever */
    size_t work, budget;
} guard;

static int is_void_or_self_closing(GumboTag tag)
{
    switch (tag) {
    case GUMBO_TAG_AREA:
    case GUMBO_TAG_BASE:
    case GUMBO_TAG_BASEFONT:
    case GUMBO_TAG_BGSOUND:
    case GUMBO_TAG_BR:
    case GUMBO_TAG_COL:
    case GUMBO_TAG_EMBED:
    case GUMBO_TAG_FRAME:
    case GUMBO_TAG_HR:
    case GUMBO_TAG_IMG:
    case GUMBO_TAG_INPUT:
    case GUMBO_TAG_KEYGEN:
    case GUMBO_TAG_LINK:
    case GUMBO_TAG_META:
    case GUMBO_TAG_PARAM:
    case GUMBO_TAG_SOURCE:
    case GUMBO_TAG_TRACK:
    case GUMBO_TAG_WBR:
    case GUMBO_TAG_P:
    case GUMBO_TAG_LI:
    case GUMBO_TAG_DD:
    case GUMBO_TAG_DT:
    case GUMBO_TAG_TD:
    case GUMBO_TAG_TH:
    case GUMBO_TAG_TR:
    case GUMBO_TAG_TBODY:
    case GUMBO_TAG_THEAD:
    case GUMBO_TAG_TFOOT:
    case GUMBO_TAG_OPTION: return 1;
    default: return 0;
    }
}

static int is_formatting(GumboTag tag)
{
    switch (tag) {
    case GUMBO_TAG_A:
    case GUMBO_TAG_B:
    case GUMBO_TAG_BIG:
    case GUMBO_TAG_CODE:
    case GUMBO_TAG_EM:
    case GUMBO_TAG_FONT:
    case GUMBO_TAG_I:
    case GUMBO_TAG_NOBR:
    case GUMBO_TAG_S:
    case GUMBO_TAG_SMALL:
    case GUMBO_TAG_STRIKE:
    case GUMBO_TAG_STRONG:
    case GUMBO_TAG_TT:
    case GUMBO_TAG_U: return 1;
    default: return 0;
    }
}

static GumboTag tag_of(const ss_html_markup *markup)
{
    return gumbo_tagn_enum(markup->name, (unsigned)markup->name_len);
}

static void open_element(guard *g, const ss_html_markup *markup)
{
    GumboTag tag = tag_of(markup);
    if (markup->separators > FREE_ATTRIBUTES) g->work += markup->separators * markup->separators / 2;
    if (is_void_or_self_closing(tag)) return;
    int formatting = is_formatting(tag);
    if (g->depth == g->cap) {
        g->work = g->budget + 1;
        return;
    }
    g->stack[g->depth++] =
        (open_tag){.name = markup->name, .len = (uint32_t)markup->name_len, .formatting = formatting};
    g->formatting += (size_t)formatting;
}

static void close_element(guard *g, const ss_html_markup *markup)
{
    if (g->depth == 0) return;
    const open_tag *top = &g->stack[g->depth - 1];
    if (top->len != markup->name_len || strncasecmp(top->name, markup->name, top->len) != 0) return;
    g->formatting -= (size_t)top->formatting;
    g->depth--;
}

/* Start tags inside a comment or a tag's attributes. */
static size_t count_hidden(const char *at, const char *end)
{
    size_t count = 0;
    while (at < end && (at = memchr(at, '<', (size_t)(end - at))) != NULL) {
        at++;
        if (at < end && ss_html_is_letter(*at)) count++;
    }
    return count;
}

int ss_html_is_cheap(const char *html, size_t len, size_t budget, ss_arena *arena)
{
    size_t deepest = len / 3 + 1; /* a tag has at least three bytes */
    guard g = {.budget = budget, .cap = deepest < MAX_DEPTH ? deepest : MAX_DEPTH};
    g.stack = ss_arena_alloc(arena, g.cap * sizeof *g.stack);
    if (!g.stack) return 0;
    const char *end = html + len;
    for (const char *at = html; at < end && g.work <= budget;) {
        at = memchr(at, '<', (size_t)(end - at));
        if (!at) break;
        ss_html_markup markup = ss_html_markup_at(at, end);
        if (markup.kind == SS_HTML_START_TAG) open_element(&g, &markup);
        if (markup.kind == SS_HTML_END_TAG) close_element(&g, &markup);
        g.lost += count_hidden(at + 1, markup.end);
        /* A hidden tag might be a formatting one. */
        g.work += g.depth + FORMATTING_WEIGHT * g.formatting + g.lost * (1 + FORMATTING_WEIGHT);
        at = markup.end;
    }
    return g.work <= budget;
}

typedef struct flattener {
    ss_html_flat *out;
    size_t mark;   /* end of the mark written last, */
    int mark_kind; /* and which: 'p' or '/' */
} flattener;

static void put(flattener *f, const char *bytes, size_t len, size_t source, int exact)
{
    for (size_t i = 0; i < len; i++) {
        f->out->html[f->out->len] = bytes[i];
        f->out->source[f->out->len++] = (uint32_t)(exact ? source + i : source);
    }
}

static void put_mark(flattener *f, int kind, size_t source)
{
    int repeated = f->out->len > 0 && f->mark == f->out->len && (f->mark_kind == kind || f->mark_kind == 'p');
    if (repeated) return;
    put(f, kind == 'p' ? "<p>" : "</>", 3, source, 0);
    f->mark = f->out->len;
    f->mark_kind = kind;
}

/* Elements whose content is raw text (whatever the tree) and not shown. */
static int hides_raw_text(GumboTag tag)
{
    return tag == GUMBO_TAG_SCRIPT || tag == GUMBO_TAG_STYLE || tag == GUMBO_TAG_TITLE || tag == GUMBO_TAG_IFRAME ||
           tag == GUMBO_TAG_NOEMBED || tag == GUMBO_TAG_NOFRAMES;
}

/* Behind the end tag that ends the raw text of `start`. */
static const char *skip_raw_text(const ss_html_markup *start, const char *end)
{
    for (const char *at = start->end; at < end;) {
        at = memchr(at, '<', (size_t)(end - at));
        if (!at || (size_t)(end - at) < start->name_len + 2) return end;
        if (at[1] == '/' && strncasecmp(at + 2, start->name, start->name_len) == 0) {
            ss_html_markup markup = ss_html_markup_at(at, end);
            if (markup.kind == SS_HTML_END_TAG && markup.name_len == start->name_len) return markup.end;
        }
        at++;
    }
    return end;
}

int ss_html_flatten(const char *html, size_t len, ss_arena *arena, ss_html_flat *out)
{
    *out = (ss_html_flat){.html = ss_arena_alloc(arena, len + 1)};
    out->source = ss_arena_alloc(arena, (len + 1) * sizeof *out->source);
    if (!out->html || !out->source) return -1;
    flattener f = {.out = out};
    const char *end = html + len;
    for (const char *at = html; at < end;) {
        const char *tag = memchr(at, '<', (size_t)(end - at));
        const char *stop = tag ? tag : end;
        put(&f, at, (size_t)(stop - at), (size_t)(at - html), 1);
        if (!tag) break;
        ss_html_markup markup = ss_html_markup_at(tag, end);
        at = markup.end;
        size_t source = (size_t)(tag - html);
        if (markup.kind == SS_HTML_NO_MARKUP) {
            put(&f, tag, 1, source, 1);
            continue;
        }
        GumboTag element = markup.kind == SS_HTML_COMMENT ? GUMBO_TAG_UNKNOWN : tag_of(&markup);
        ss_html_role role = ss_html_role_of(element);
        put_mark(&f, role == SS_HTML_BLOCK || role == SS_HTML_VERBATIM ? 'p' : '/', source);
        if (markup.kind == SS_HTML_START_TAG && hides_raw_text(element)) at = skip_raw_text(&markup, end);
    }
    out->html[out->len] = 0;
    out->source[out->len] = (uint32_t)len;
    return 0;
}

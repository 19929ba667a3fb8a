/* html_tree.c - see html_tree.h. */
#include "text/html_tree.h"

#include <gumbo.h>
#include <setjmp.h>
#include <string.h>

#include "text/html_align.h"
#include "text/html_scan.h"

typedef struct bounded_memory {
    ss_arena *arena;
    jmp_buf exhausted;
} bounded_memory;

static void *allocate(void *userdata, size_t size)
{
    bounded_memory *memory = userdata;
    void *out = ss_arena_alloc(memory->arena, size);
    if (!out) longjmp(memory->exhausted, 1);
    return out;
}

static void keep(void *userdata, void *pointer)
{
    (void)userdata;
    (void)pointer;
}

/* NULL when the arena is exhausted. gumbo keeps no state outside what it allocates, so leaving it midway is safe. */
static GumboOutput *parse(bounded_memory *memory, const char *html, size_t len, GumboTag context)
{
    GumboOptions options = kGumboDefaultOptions;
    options.allocator = allocate;
    options.deallocator = keep;
    options.userdata = memory;
    options.max_errors = 0;
    options.fragment_context = context;
    if (setjmp(memory->exhausted)) return NULL;
    return gumbo_parse_with_options(&options, html, len);
}

typedef struct place {
    const GumboNode *node;
    unsigned next; /* child to be visited next */
} place;

typedef struct walk {
    const char *html; /* offset 0 of the map */
    size_t begin, end;
    size_t at; /* source position that the walk has reached, for tags that have none */
    ss_html_writer *writer;
    ss_arena *arena;
    place *stack;
    size_t depth, cap;
} walk;

static int push(walk *w, const GumboNode *node)
{
    if (w->depth == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 64;
        place *stack = ss_arena_alloc(w->arena, cap * sizeof *stack);
        if (!stack) return -1;
        if (w->depth) memcpy(stack, w->stack, w->depth * sizeof *stack);
        w->stack = stack;
        w->cap = cap;
    }
    w->stack[w->depth++] = (place){.node = node};
    return 0;
}

static int is_inside(const walk *w, const char *data)
{
    return data && data >= w->html + w->begin && data <= w->html + w->end;
}

static ss_html_content content_of(const GumboNode *parent)
{
    if (!parent || parent->type != GUMBO_NODE_ELEMENT) return SS_HTML_NORMAL;
    switch (parent->v.element.tag) {
    case GUMBO_TAG_TEXTAREA: return SS_HTML_ESCAPABLE;
    case GUMBO_TAG_XMP:
    case GUMBO_TAG_PLAINTEXT: return SS_HTML_RAW;
    default: return SS_HTML_NORMAL;
    }
}

static void write_text(walk *w, const GumboNode *node)
{
    const GumboText *text = &node->v.text;
    /* Text without a place in the source would be the parser's own. */
    if (!is_inside(w, text->original_text.data)) return;
    size_t at = (size_t)(text->original_text.data - w->html);
    at = ss_html_align(w->writer, text->text, w->html, at, w->end, content_of(node->parent));
    if (at > w->at) w->at = at;
}

static void move_to(walk *w, const GumboStringPiece *tag)
{
    if (tag->length == 0 || !is_inside(w, tag->data)) return;
    size_t at = (size_t)(tag->data - w->html);
    if (at > w->at) w->at = at;
}

static int enter(walk *w, const GumboNode *node)
{
    if (node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE) {
        ss_html_role role = ss_html_role_of(node->v.element.tag);
        /* A prompt that the standard of old put in place of <isindex> is not the ad's. */
        if (role == SS_HTML_DROPPED || (node->parse_flags & GUMBO_INSERTION_FROM_ISINDEX)) return 0;
        move_to(w, &node->v.element.original_tag);
        if (role != SS_HTML_INLINE) ss_html_write_break(w->writer, (uint32_t)w->at);
        if (role == SS_HTML_VERBATIM) w->writer->verbatim++;
        return push(w, node);
    }
    if (node->type == GUMBO_NODE_DOCUMENT) return push(w, node);
    if (node->type != GUMBO_NODE_COMMENT) write_text(w, node);
    return 0;
}

static void leave(walk *w, const GumboNode *node)
{
    if (node->type != GUMBO_NODE_ELEMENT) return;
    ss_html_role role = ss_html_role_of(node->v.element.tag);
    move_to(w, &node->v.element.original_end_tag);
    if (role != SS_HTML_INLINE) ss_html_write_break(w->writer, (uint32_t)w->at);
    if (role == SS_HTML_VERBATIM) w->writer->verbatim--;
}

static int visit_all(walk *w, const GumboNode *root)
{
    int failed = enter(w, root);
    while (!failed && w->depth > 0) {
        place *top = &w->stack[w->depth - 1];
        const GumboNode *node = top->node;
        const GumboVector *children =
            node->type == GUMBO_NODE_DOCUMENT ? &node->v.document.children : &node->v.element.children;
        if (top->next < children->length) {
            failed = enter(w, children->data[top->next++]);
        } else {
            w->depth--;
            leave(w, node);
        }
    }
    return failed;
}

int ss_html_tree_write(const char *html, size_t begin, size_t end, ss_arena *arena, ss_html_writer *writer)
{
    bounded_memory memory = {.arena = arena};
    GumboOutput *tree = parse(&memory, html + begin, end - begin, GUMBO_TAG_LAST);
    if (!tree) return -1;
    walk w = {.html = html, .begin = begin, .end = end, .at = begin, .writer = writer, .arena = arena};
    return visit_all(&w, tree->document);
}

int ss_html_tree_unescape(const char *html, size_t len, ss_arena *arena, ss_html_writer *writer)
{
    bounded_memory memory = {.arena = arena};
    GumboOutput *tree = parse(&memory, html, len, GUMBO_TAG_TEXTAREA);
    if (!tree) return -1;
    const GumboVector *children = &tree->root->v.element.children;
    size_t at = 0;
    for (unsigned i = 0; i < children->length; i++) {
        const GumboNode *node = children->data[i];
        if (node->type != GUMBO_NODE_TEXT && node->type != GUMBO_NODE_WHITESPACE) continue;
        at = ss_html_align(writer, node->v.text.text, html, at, len, SS_HTML_ESCAPABLE);
    }
    return 0;
}

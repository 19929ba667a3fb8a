/* html_scan.c - see html_scan.h. Follows the tokenizer states of the HTML standard (13.2.5) for tags, attributes and
 * comments; raw text elements are the caller's affair, because whether an element is raw depends on the tree. */
#include "text/html_scan.h"

#include <string.h>
#include <strings.h>

ss_html_role ss_html_role_of(GumboTag tag)
{
    switch (tag) {
    case GUMBO_TAG_HEAD:
    case GUMBO_TAG_TITLE:
    case GUMBO_TAG_STYLE:
    case GUMBO_TAG_SCRIPT:
    case GUMBO_TAG_NOSCRIPT:
    case GUMBO_TAG_TEMPLATE:
    case GUMBO_TAG_SVG:
    case GUMBO_TAG_MATH:
    case GUMBO_TAG_IFRAME:
    case GUMBO_TAG_OBJECT:
    case GUMBO_TAG_AUDIO:
    case GUMBO_TAG_VIDEO:
    case GUMBO_TAG_CANVAS:
    case GUMBO_TAG_NOFRAMES:
    case GUMBO_TAG_NOEMBED: return SS_HTML_DROPPED;
    case GUMBO_TAG_PRE:
    case GUMBO_TAG_LISTING:
    case GUMBO_TAG_TEXTAREA:
    case GUMBO_TAG_XMP:
    case GUMBO_TAG_PLAINTEXT: return SS_HTML_VERBATIM;
    case GUMBO_TAG_HTML:
    case GUMBO_TAG_BODY:
    case GUMBO_TAG_ARTICLE:
    case GUMBO_TAG_SECTION:
    case GUMBO_TAG_NAV:
    case GUMBO_TAG_ASIDE:
    case GUMBO_TAG_H1:
    case GUMBO_TAG_H2:
    case GUMBO_TAG_H3:
    case GUMBO_TAG_H4:
    case GUMBO_TAG_H5:
    case GUMBO_TAG_H6:
    case GUMBO_TAG_HGROUP:
    case GUMBO_TAG_HEADER:
    case GUMBO_TAG_FOOTER:
    case GUMBO_TAG_ADDRESS:
    case GUMBO_TAG_P:
    case GUMBO_TAG_HR:
    case GUMBO_TAG_BR:
    case GUMBO_TAG_BLOCKQUOTE:
    case GUMBO_TAG_OL:
    case GUMBO_TAG_UL:
    case GUMBO_TAG_LI:
    case GUMBO_TAG_DL:
    case GUMBO_TAG_DT:
    case GUMBO_TAG_DD:
    case GUMBO_TAG_FIGURE:
    case GUMBO_TAG_FIGCAPTION:
    case GUMBO_TAG_MAIN:
    case GUMBO_TAG_DIV:
    case GUMBO_TAG_TABLE:
    case GUMBO_TAG_CAPTION:
    case GUMBO_TAG_COLGROUP:
    case GUMBO_TAG_TBODY:
    case GUMBO_TAG_THEAD:
    case GUMBO_TAG_TFOOT:
    case GUMBO_TAG_TR:
    case GUMBO_TAG_TD:
    case GUMBO_TAG_TH:
    case GUMBO_TAG_FORM:
    case GUMBO_TAG_FIELDSET:
    case GUMBO_TAG_LEGEND:
    case GUMBO_TAG_SELECT:
    case GUMBO_TAG_OPTGROUP:
    case GUMBO_TAG_OPTION:
    case GUMBO_TAG_DETAILS:
    case GUMBO_TAG_SUMMARY:
    case GUMBO_TAG_MENU:
    case GUMBO_TAG_DIR:
    case GUMBO_TAG_CENTER:
    case GUMBO_TAG_MARQUEE:
    case GUMBO_TAG_FRAMESET: return SS_HTML_BLOCK;
    default: return SS_HTML_INLINE;
    }
}

int ss_html_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int ss_html_name_is(const char *name, size_t len, const char *lower)
{
    return strlen(lower) == len && strncasecmp(name, lower, len) == 0;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/* From behind the tag's name to behind its '>'. A quote is one only where a value begins. */
static const char *skip_attributes(const char *at, const char *end, size_t *separators)
{
    enum { BEFORE_NAME, NAME, BEFORE_VALUE, VALUE } state = BEFORE_NAME;
    *separators = 0;
    for (; at < end; at++) {
        if (is_blank(*at) || *at == '/' || *at == '"' || *at == '\'') ++*separators;
        if (state == BEFORE_VALUE && (*at == '"' || *at == '\'')) {
            const char *close = memchr(at + 1, *at, (size_t)(end - at - 1));
            if (!close) return end;
            at = close;
            state = BEFORE_NAME;
        } else if (*at == '>') {
            return at + 1;
        } else if (*at == '=') {
            state = state == NAME ? BEFORE_VALUE : state == BEFORE_NAME ? NAME : VALUE;
        } else if (is_blank(*at)) {
            /* "a = b": blanks on either side of '=' change nothing; the state after a name is kept as NAME. */
            if (state == VALUE) state = BEFORE_NAME;
        } else if (*at == '/' && state == NAME) {
            state = BEFORE_NAME;
        } else if (state == BEFORE_VALUE) {
            state = VALUE;
        } else if (state == BEFORE_NAME && *at != '/') {
            state = NAME;
        }
    }
    return end;
}

static const char *skip_to(const char *at, const char *end, char what)
{
    const char *found = memchr(at, what, (size_t)(end - at));
    return found ? found + 1 : end;
}

/* Behind "<!--". A comment ends at "-->" or "--!>"; "<!-->" and "<!--->" are empty comments. */
static const char *skip_comment(const char *at, const char *end)
{
    if (at < end && *at == '>') return at + 1;
    if (end - at >= 2 && at[0] == '-' && at[1] == '>') return at + 2;
    while (end - at >= 3) {
        const char *dash = memchr(at, '-', (size_t)(end - at));
        if (!dash || end - dash < 3) return end;
        if (dash[1] == '-' && dash[2] == '>') return dash + 3;
        if (dash[1] == '-' && dash[2] == '!' && end - dash >= 4 && dash[3] == '>') return dash + 4;
        at = dash + 1;
    }
    return end;
}

ss_html_markup ss_html_markup_at(const char *at, const char *end)
{
    ss_html_markup out = {.kind = SS_HTML_NO_MARKUP, .end = at + 1};
    const char *name = at + 1;
    if (name == end) return out;
    if (*name == '!' || *name == '?') {
        out.kind = SS_HTML_COMMENT;
        int dashes = *name == '!' && end - name >= 3 && name[1] == '-' && name[2] == '-';
        out.end = dashes ? skip_comment(name + 3, end) : skip_to(name, end, '>');
        return out;
    }
    int closing = *name == '/';
    name += closing;
    if (name == end) return out;
    if (!ss_html_is_letter(*name)) {
        if (closing) {
            out.kind = SS_HTML_COMMENT;
            out.end = skip_to(name, end, '>');
        }
        return out;
    }
    const char *stop = name;
    while (stop < end && !is_blank(*stop) && *stop != '/' && *stop != '>') stop++;
    out.kind = closing ? SS_HTML_END_TAG : SS_HTML_START_TAG;
    out.name = name;
    out.name_len = (size_t)(stop - name);
    out.end = skip_attributes(stop, end, &out.separators);
    return out;
}

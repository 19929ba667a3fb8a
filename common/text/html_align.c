/* html_align.c - see html_align.h. */
#include "text/html_align.h"

#include <string.h>

#include "text/html_scan.h"
#include "text/utf8.h"

typedef struct legacy_name {
    char name[8];
    unsigned char code; /* Latin-1 */
} legacy_name;

/* References that HTML also takes without ';' (the HTML standard, 13.5), in the order of strcmp. */
static const legacy_name legacy_names[] = {
    {"AElig", 0xC6},  {"AMP", 0x26},    {"Aacute", 0xC1}, {"Acirc", 0xC2},  {"Agrave", 0xC0}, {"Aring", 0xC5},
    {"Atilde", 0xC3}, {"Auml", 0xC4},   {"COPY", 0xA9},   {"Ccedil", 0xC7}, {"ETH", 0xD0},    {"Eacute", 0xC9},
    {"Ecirc", 0xCA},  {"Egrave", 0xC8}, {"Euml", 0xCB},   {"GT", 0x3E},     {"Iacute", 0xCD}, {"Icirc", 0xCE},
    {"Igrave", 0xCC}, {"Iuml", 0xCF},   {"LT", 0x3C},     {"Ntilde", 0xD1}, {"Oacute", 0xD3}, {"Ocirc", 0xD4},
    {"Ograve", 0xD2}, {"Oslash", 0xD8}, {"Otilde", 0xD5}, {"Ouml", 0xD6},   {"QUOT", 0x22},   {"REG", 0xAE},
    {"THORN", 0xDE},  {"Uacute", 0xDA}, {"Ucirc", 0xDB},  {"Ugrave", 0xD9}, {"Uuml", 0xDC},   {"Yacute", 0xDD},
    {"aacute", 0xE1}, {"acirc", 0xE2},  {"acute", 0xB4},  {"aelig", 0xE6},  {"agrave", 0xE0}, {"amp", 0x26},
    {"aring", 0xE5},  {"atilde", 0xE3}, {"auml", 0xE4},   {"brvbar", 0xA6}, {"ccedil", 0xE7}, {"cedil", 0xB8},
    {"cent", 0xA2},   {"copy", 0xA9},   {"curren", 0xA4}, {"deg", 0xB0},    {"divide", 0xF7}, {"eacute", 0xE9},
    {"ecirc", 0xEA},  {"egrave", 0xE8}, {"eth", 0xF0},    {"euml", 0xEB},   {"frac12", 0xBD}, {"frac14", 0xBC},
    {"frac34", 0xBE}, {"gt", 0x3E},     {"iacute", 0xED}, {"icirc", 0xEE},  {"iexcl", 0xA1},  {"igrave", 0xEC},
    {"iquest", 0xBF}, {"iuml", 0xEF},   {"laquo", 0xAB},  {"lt", 0x3C},     {"macr", 0xAF},   {"micro", 0xB5},
    {"middot", 0xB7}, {"nbsp", 0xA0},   {"not", 0xAC},    {"ntilde", 0xF1}, {"oacute", 0xF3}, {"ocirc", 0xF4},
    {"ograve", 0xF2}, {"ordf", 0xAA},   {"ordm", 0xBA},   {"oslash", 0xF8}, {"otilde", 0xF5}, {"ouml", 0xF6},
    {"para", 0xB6},   {"plusmn", 0xB1}, {"pound", 0xA3},  {"quot", 0x22},   {"raquo", 0xBB},  {"reg", 0xAE},
    {"sect", 0xA7},   {"shy", 0xAD},    {"sup1", 0xB9},   {"sup2", 0xB2},   {"sup3", 0xB3},   {"szlig", 0xDF},
    {"thorn", 0xFE},  {"times", 0xD7},  {"uacute", 0xFA}, {"ucirc", 0xFB},  {"ugrave", 0xF9}, {"uml", 0xA8},
    {"uuml", 0xFC},   {"yacute", 0xFD}, {"yen", 0xA5},    {"yuml", 0xFF}};

enum { LEGACY_COUNT = sizeof legacy_names / sizeof legacy_names[0], LONGEST_LEGACY = 6 };

static const legacy_name *find_legacy(const char *name, size_t len)
{
    size_t low = 0, high = LEGACY_COUNT;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strncmp(name, legacy_names[middle].name, len);
        if (order == 0 && legacy_names[middle].name[len]) order = -1;
        if (order == 0) return &legacy_names[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Bytes of "&#65;" or "&#x41;" at `in`; 0 if there is no digit. */
static size_t numeric_length(const char *in, size_t len)
{
    size_t at = 2;
    int hex = len > 2 && (in[2] == 'x' || in[2] == 'X');
    at += (size_t)hex;
    size_t digits = at;
    while (at < len && (hex ? is_hex(in[at]) : is_digit(in[at]))) at++;
    if (at == digits) return 0;
    return at < len && in[at] == ';' ? at + 1 : at;
}

/* Bytes of the reference at `in` ('&') that was decoded to `code`; 0 if the '&' is itself. */
static size_t reference_length(const char *in, size_t len, uint32_t code)
{
    if (len > 1 && in[1] == '#') return numeric_length(in, len);
    size_t name = 0;
    while (name + 1 < len && name < 32 && (ss_html_is_letter(in[name + 1]) || is_digit(in[name + 1]))) name++;
    size_t longest = name < LONGEST_LEGACY ? name : LONGEST_LEGACY;
    for (size_t n = longest; n >= 2; n--) {
        const legacy_name *legacy = find_legacy(in + 1, n);
        if (!legacy || legacy->code != code) continue;
        return n == name && n + 1 < len && in[n + 1] == ';' ? n + 2 : n + 1;
    }
    if (code == '&') return 0;
    return name > 0 && name + 1 < len && in[name + 1] == ';' ? name + 2 : 0;
}

/* The second code points of the 93 references that stand for two. */
static int is_second_code(uint32_t code)
{
    return code == 0x338 || code == 0x333 || code == 0x331 || code == 0x20D2 || code == 0x20E5 || code == 0xFE00 ||
           code == 0x200A || code == 'j';
}

typedef struct aligner {
    ss_html_writer *writer;
    const char *html;
    size_t at, len;
    const char *stop; /* end of the decoded text */
} aligner;

/* Writes the one or two code points of a reference, all mapped to its '&'. Returns the bytes taken from `decoded`. */
static size_t write_reference(aligner *a, const char *decoded, size_t used, size_t reference)
{
    uint32_t source = (uint32_t)a->at;
    ss_html_write_code(a->writer, decoded, used, source, 0);
    a->at += reference;
    size_t left = (size_t)(a->stop - decoded) - used;
    if (left == 0 || a->html[source + 1] == '#') return used;
    uint32_t second, next = 0;
    size_t more = ss_utf8_decode(decoded + used, left, &second);
    if (!is_second_code(second)) return used;
    if (a->at < a->len) ss_utf8_decode(a->html + a->at, a->len - a->at, &next);
    if (next == second) return used;
    ss_html_write_code(a->writer, decoded + used, more, source, 0);
    return used + more;
}

/* Passes tags and comments that left no trace in the tree. */
static void skip_markup(aligner *a)
{
    while (a->at < a->len && a->html[a->at] == '<') {
        ss_html_markup markup = ss_html_markup_at(a->html + a->at, a->html + a->len);
        if (markup.kind == SS_HTML_NO_MARKUP) return;
        a->at = (size_t)(markup.end - a->html);
    }
}

/* gumbo replaces C1 controls and noncharacters, which are valid UTF-8: the source's own bytes are kept. */
static int is_replaced(uint32_t source_code)
{
    return source_code >= 0x7F;
}

size_t ss_html_align(ss_html_writer *writer, const char *decoded, const char *html, size_t at, size_t len,
                     ss_html_content content)
{
    aligner a = {.writer = writer, .html = html, .at = at, .len = len, .stop = decoded + strlen(decoded)};
    const char *stop = a.stop;
    while (decoded < stop) {
        if (content == SS_HTML_NORMAL) skip_markup(&a);
        uint32_t code, source_code = 0;
        size_t used = ss_utf8_decode(decoded, (size_t)(stop - decoded), &code), source_used = 0;
        if (a.at < len && html[a.at] == '&' && content != SS_HTML_RAW) {
            size_t reference = reference_length(html + a.at, len - a.at, code);
            if (reference) {
                decoded += write_reference(&a, decoded, used, reference);
                continue;
            }
        }
        if (a.at < len) source_used = ss_utf8_decode(html + a.at, len - a.at, &source_code);
        if (code == source_code || (code == SS_UTF8_REPLACEMENT && is_replaced(source_code))) {
            ss_html_write_code(writer, html + a.at, source_used, (uint32_t)a.at, 1);
            a.at += source_used;
            decoded += used;
        } else if (source_code == '\n') {
            a.at++; /* the newline behind <pre> and <textarea>, which HTML ignores */
        } else {
            ss_html_write_code(writer, decoded, used, (uint32_t)a.at, 0);
            decoded += used;
        }
    }
    return a.at;
}

/* print_text.c - see print_text.h. Straight to stdout: nothing can fail half-way through a line. */
#include "worker/cli/print_text.h"

#include <stdint.h>
#include <stdio.h>

#include "text/utf8.h"

static int is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

void ss_print_plain(const char *text, size_t len, size_t width)
{
    size_t count = 0, step;
    for (size_t at = 0; at < len; at += step, count++) {
        uint32_t code;
        step = ss_utf8_decode(text + at, len - at, &code);
        if (code == SS_UTF8_INVALID || is_control(code))
            putchar('?');
        else
            fwrite(text + at, 1, step, stdout);
    }
    for (; count < width; count++) putchar(' ');
}

void ss_print_json(const char *text, size_t len)
{
    size_t step;
    putchar('"');
    for (size_t at = 0; at < len; at += step) {
        uint32_t code;
        step = ss_utf8_decode(text + at, len - at, &code);
        if (code == SS_UTF8_INVALID || is_control(code))
            printf("\\u%04x", code == SS_UTF8_INVALID ? 0xFFFDu : (unsigned)code);
        else if (code == '"' || code == '\\')
            printf("\\%c", (char)code);
        else
            fwrite(text + at, 1, step, stdout);
    }
    putchar('"');
}

/* log.c - see log.h. A line is built in a fixed buffer; what does not fit is cut, never split over two writes. */
#include "base/log.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

enum { LINE = 4096 };

typedef struct line {
    char text[LINE];
    size_t len;
} line;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void ss_log_init(ss_log *log, const char *program, const char *level, const char *format)
{
    *log = (ss_log){.program = program, .level = SS_LOG_INFO, .fd = STDERR_FILENO};
    for (int i = 0; level && i < 4; i++)
        if (!strcmp(level, level_names[i])) log->level = (ss_log_level)i;
    log->json = format && !strcmp(format, "json");
    if (!format || !strcmp(format, "auto")) log->json = !isatty(STDERR_FILENO);
}

static void put(line *out, const char *text, size_t len)
{
    size_t room = LINE - 2 - out->len; /* keeps a byte for the newline */
    if (len > room) len = room;
    memcpy(out->text + out->len, text, len);
    out->len += len;
}

static void put_string(line *out, const char *text)
{
    put(out, text, strlen(text));
}

static void put_json_string(line *out, const char *text)
{
    put_string(out, "\"");
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        char escaped[8];
        if (*c == '"' || *c == '\\') {
            escaped[0] = '\\';
            escaped[1] = (char)*c;
            put(out, escaped, 2);
        } else if (*c < 0x20 || *c == 0x7f) {
            snprintf(escaped, sizeof escaped, "\\u%04x", *c);
            put_string(out, escaped);
        } else {
            put(out, (const char *)c, 1);
        }
    }
    put_string(out, "\"");
}

static void put_value(line *out, const ss_field *field, int json)
{
    char number[40];
    switch (field->type) {
    case SS_FIELD_TEXT:
        if (json || strpbrk(field->text ? field->text : "", " \"="))
            put_json_string(out, field->text ? field->text : "");
        else
            put_string(out, field->text ? field->text : "");
        return;
    case SS_FIELD_INT: snprintf(number, sizeof number, "%lld", (long long)field->number); break;
    case SS_FIELD_REAL: snprintf(number, sizeof number, isfinite(field->real) ? "%.6g" : "null", field->real); break;
    }
    put_string(out, number);
}

void ss_log_fields(const ss_log *log, ss_log_level level, const char *message, const ss_field *fields, int count)
{
    if (!log || level < log->level) return;
    line out = {.len = 0};
    char when[32];
    ss_wall_text(ss_wall_ms(), when);
    if (log->json) {
        put_string(&out, "{\"time\":\"");
        put_string(&out, when);
        put_string(&out, "\",\"level\":\"");
        put_string(&out, level_names[level]);
        put_string(&out, "\",\"program\":");
        put_json_string(&out, log->program);
        put_string(&out, ",\"message\":");
        put_json_string(&out, message);
    } else {
        put(&out, when + 11, 12);
        put_string(&out, level == SS_LOG_WARN ? " warning: " : level == SS_LOG_ERROR ? " error: " : "  ");
        put_string(&out, message);
    }
    for (int i = 0; i < count; i++) {
        put_string(&out, log->json ? "," : "  ");
        if (log->json)
            put_json_string(&out, fields[i].key);
        else
            put_string(&out, fields[i].key);
        put_string(&out, log->json ? ":" : "=");
        put_value(&out, &fields[i], log->json);
    }
    if (log->json) put_string(&out, "}");
    out.text[out.len++] = '\n';
    /* A log that cannot be written must not stop the work. */
    ssize_t ignored = write(log->fd, out.text, out.len);
    (void)ignored;
}

void ss_log_line(const ss_log *log, ss_log_level level, const char *format, ...)
{
    if (!log || level < log->level) return;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ss_log_fields(log, level, text, NULL, 0);
}

void ss_log_failure(const ss_log *log, const ss_error *err)
{
    ss_log_event(log, SS_LOG_ERROR, err->text, SS_TEXT("status", ss_status_word(err->status)));
}

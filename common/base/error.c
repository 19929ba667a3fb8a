/* error.c - see error.h. */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

static void fill(ss_error *err, ss_status status, ss_remedy remedy, const char *format, va_list args)
{
    if (!err) return;
    err->status = status;
    err->remedy = remedy;
    vsnprintf(err->text, sizeof err->text, format, args);
    /* One line: a newline from a library's message would break a JSON-lines or header reader's expectations. */
    for (char *c = err->text; *c; c++)
        if (*c == '\n' || *c == '\r') *c = ' ';
}

int ss_fail(ss_error *err, ss_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(err, status, SS_GIVE_UP, format, args);
    va_end(args);
    return -1;
}

int ss_fail_with(ss_error *err, ss_status status, ss_remedy remedy, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(err, status, remedy, format, args);
    va_end(args);
    return -1;
}

int ss_fail_in(ss_error *err, const char *format, ...)
{
    if (!err) return -1;
    char context[SS_ERROR_TEXT], old[SS_ERROR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    memcpy(old, err->text, sizeof old);
    /* Room is shared so that a long context still leaves the cause readable. */
    snprintf(err->text, sizeof err->text, "%.200s: %.270s", context, old);
    return -1;
}

int ss_fail_memory(ss_error *err, const char *what)
{
    return ss_fail_with(err, SS_MEMORY, SS_RETRY, "out of memory while %s", what);
}

const char *ss_status_word(ss_status status)
{
    switch (status) {
    case SS_OK: return "ok";
    case SS_USAGE: return "usage";
    case SS_CONFIG: return "config";
    case SS_INPUT: return "input";
    case SS_CORRUPT: return "corrupt";
    case SS_LIMIT: return "limit";
    case SS_IO: return "io";
    case SS_NETWORK: return "network";
    case SS_TIMEOUT: return "timeout";
    case SS_AUTH: return "auth";
    case SS_NOT_FOUND: return "not-found";
    case SS_MEMORY: return "memory";
    case SS_UNSUPPORTED: return "unsupported";
    case SS_STOPPED: return "stopped";
    case SS_INTERNAL: return "internal";
    }
    return "unknown";
}

int ss_exit_code(const ss_error *err)
{
    switch (err->status) {
    case SS_OK: return 0;
    case SS_USAGE: return 2;
    case SS_CONFIG: return 78;
    default: return 1;
    }
}

/* log.h - what a running program says to its operator, on stderr.
 *
 * JSON lines for machines, coloured-free columns for people (chosen when stderr
 * is a terminal). One line is one write(2), so lines of several threads and
 * processes never mix. Never log an ad's text or a secret: there is no call
 * that takes an ad, and options are printed through ss_options_dump, which masks.
 *
 * Thread safe. Libraries do not log; they return errors or take a callback.
 */
#ifndef SKILLSTREAM_BASE_LOG_H
#define SKILLSTREAM_BASE_LOG_H

#include <stdint.h>

#include "base/error.h"

typedef enum ss_log_level { SS_LOG_DEBUG, SS_LOG_INFO, SS_LOG_WARN, SS_LOG_ERROR } ss_log_level;

typedef struct ss_log {
    const char *program; /* outlives the log */
    ss_log_level level;  /* lines below are dropped */
    int json;
    int fd;
} ss_log;

/* level "debug|info|warn|error"; format "json", "text" or "auto" (text when stderr is a terminal). */
void ss_log_init(ss_log *log, const char *program, const char *level, const char *format);

typedef struct ss_field {
    const char *key;
    enum { SS_FIELD_TEXT, SS_FIELD_INT, SS_FIELD_REAL } type;
    const char *text;
    int64_t number;
    double real;
} ss_field;

#define SS_TEXT(k, v) ((ss_field){.key = (k), .type = SS_FIELD_TEXT, .text = (v)})
#define SS_INT(k, v) ((ss_field){.key = (k), .type = SS_FIELD_INT, .number = (int64_t)(v)})
#define SS_REAL(k, v) ((ss_field){.key = (k), .type = SS_FIELD_REAL, .real = (v)})

/* One event: a short fixed message and its fields. `log` NULL: nothing is written. */
void ss_log_fields(const ss_log *log, ss_log_level level, const char *message, const ss_field *fields, int count);

/* ss_log_event(log, SS_LOG_INFO, "batch committed", SS_INT("ads", 12), SS_REAL("seconds", 0.2)); at least one field. */
#define ss_log_event(log, level, message, ...)                                                                         \
    ss_log_fields((log), (level), (message), (const ss_field[]){__VA_ARGS__},                                          \
                  (int)(sizeof((const ss_field[]){__VA_ARGS__}) / sizeof(ss_field)))

/* A message without fields, printf style. */
void ss_log_line(const ss_log *log, ss_log_level level, const char *format, ...) SS_PRINTF(3, 4);

/* The error as a line of level ERROR, with its status as a field. */
void ss_log_failure(const ss_log *log, const ss_error *err);

#endif

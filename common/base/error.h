/* error.h - the one error object.
 *
 * Every function that can fail returns 0 or a valid pointer when it did its
 * work, and -1 or NULL when it did not; then it has filled the ss_error its
 * caller passed (which may be NULL). A library function never exits, never
 * prints and never logs an error that it also returns: whoever decides what
 * happens next also decides what is said.
 *
 * As in librdkafka, an error says what it is (status), what its caller may do
 * (remedy) and a sentence for people (text). Texts name the thing and the way
 * out ("taxonomy.csv: no column 'preferredLabel'; found: id,label"), and never
 * quote the content of an ad or a secret.
 */
#ifndef SKILLSTREAM_BASE_ERROR_H
#define SKILLSTREAM_BASE_ERROR_H

#include <stdarg.h>

typedef enum ss_status {
    SS_OK = 0,
    SS_USAGE,       /* the command line is wrong: exit code 2 */
    SS_CONFIG,      /* the configuration is wrong: exit code 78 (EX_CONFIG) */
    SS_INPUT,       /* data given to us is not what it should be */
    SS_CORRUPT,     /* data that we wrote ourselves fails its checksum or format */
    SS_LIMIT,       /* a limit that was set on purpose is passed */
    SS_IO,          /* file or pipe */
    SS_NETWORK,     /* connection refused, reset, not reachable */
    SS_TIMEOUT,     /* no answer in time; the outcome may be unknown */
    SS_AUTH,        /* credentials refused, or not allowed */
    SS_NOT_FOUND,   /* file, topic, key or release does not exist */
    SS_MEMORY,      /* an allocation failed */
    SS_UNSUPPORTED, /* understood, but this build or library cannot do it */
    SS_STOPPED,     /* a shutdown was asked for while we waited */
    SS_INTERNAL     /* a state that should not exist */
} ss_status;

/* What the caller may do about it. */
typedef enum ss_remedy {
    SS_GIVE_UP = 0, /* calling again cannot help */
    SS_RETRY,       /* the same call again, after a pause */
    SS_ABORT        /* abort the transaction, rewind, then go on */
} ss_remedy;

#define SS_ERROR_TEXT 480

typedef struct ss_error {
    ss_status status;
    ss_remedy remedy;
    char text[SS_ERROR_TEXT]; /* one line, no final full stop, NUL-terminated */
} ss_error;

#define SS_PRINTF(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))

/* Fills *err (if not NULL) and returns -1, so that `return ss_fail(...)` reads well. Remedy: give up. */
int ss_fail(ss_error *err, ss_status status, const char *format, ...) SS_PRINTF(3, 4);

/* The same with a remedy. */
int ss_fail_with(ss_error *err, ss_status status, ss_remedy remedy, const char *format, ...) SS_PRINTF(4, 5);

/* Puts "context: " before the text that *err already has; returns -1. Cuts at the end when it gets too long. */
int ss_fail_in(ss_error *err, const char *format, ...) SS_PRINTF(2, 3);

/* Out of memory while doing `what` ("reading the taxonomy"); returns -1. */
int ss_fail_memory(ss_error *err, const char *what);

/* "bad-json" style word for headers and metric labels: "input", "corrupt", "timeout" ... Static storage. */
const char *ss_status_word(ss_status status);

/* The process exit code that architecture.md promises: 0, 1, 2 or 78. */
int ss_exit_code(const ss_error *err);

#endif

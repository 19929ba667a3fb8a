/* option_value.h - text to typed value for one option; internal to options.c and its siblings. */
#ifndef SKILLSTREAM_BASE_OPTION_VALUE_H
#define SKILLSTREAM_BASE_OPTION_VALUE_H

#include "base/arena.h"
#include "base/options.h"

/* Parses `text` and stores it at option->at in `values` (a list: appends). `where` names the source for errors, e.g.
 * "--threads". Errors have status `status`. */
int ss_option_store(const ss_option *option, const char *text, const char *where, ss_status status, ss_arena *arena,
                    void *values, ss_error *err);

/* The options that every command has (config, log-level, log-format); ends with a NULL name. */
const ss_option *ss_common_options(void);

/* How many bytes of `text`, a value of the option or an item of its list, are a secret, and where they begin; 0 = none.
 */
size_t ss_option_secret(const ss_option *option, const char *text, const char **begin);

/* SKILLSTREAM_KAFKA_FOO for "kafka-foo"; out holds 128 bytes. */
void ss_option_environment_name(const char *name, char out[128]);

/* Finds an option of the command or a common one; NULL if there is none. */
const ss_option *ss_option_find(const ss_command *command, const char *name, size_t len);

/* ", did you mean --threads?" or "" */
void ss_option_suggest(const ss_command *command, const char *name, char *out, size_t size);

#endif

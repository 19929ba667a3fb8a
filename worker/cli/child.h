/* child.h - a program that runs beside us and ends with us, for `skillstream demo`. */
#ifndef SKILLSTREAM_WORKER_CLI_CHILD_H
#define SKILLSTREAM_WORKER_CLI_CHILD_H

#include <sys/types.h>

#include "base/error.h"

typedef struct ss_child {
    pid_t pid; /* 0 = not running */
    const char *name;
} ss_child;

/* Starts argv[0] (a path, or a name that PATH finds), with stdout and stderr appended to log_path. The child gets a
 * SIGTERM when we die, however we die. SS_NOT_FOUND when there is no such program. */
int ss_child_start(ss_child *child, const char *name, char *const argv[], const char *log_path, ss_error *err);

/* 1 while it runs; 0 when it has ended, with its exit code (or 128 + signal) in *code. */
int ss_child_running(ss_child *child, int *code);

/* SIGTERM, and SIGKILL after patience_ms; returns its exit code. Fine when it is not running. */
int ss_child_stop(ss_child *child, int patience_ms);

/* "<folder of this program>/<name>". */
int ss_sibling_program(const char *name, char *out, size_t size, ss_error *err);

#endif

/* publish.h - a release file to Redis, and the release in use there. */
#ifndef SKILLSTREAM_WORKER_TRAIN_PUBLISH_H
#define SKILLSTREAM_WORKER_TRAIN_PUBLISH_H

#include "base/error.h"
#include "match/release.h"

/* Pushes the file and puts it in use. Waits up to patience_ms for a Redis that is away. */
int ss_publish_release(const char *path, const char *redis_url, int64_t patience_ms, ss_error *err);

/* The release in use: 1; 0: there is none; -1. */
int ss_published_release(const char *redis_url, int64_t patience_ms, ss_release **out, ss_error *err);

#endif

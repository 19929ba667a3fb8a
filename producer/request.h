/* request.h - the body of a chat-completions request for a task. Pure; any thread. */
#ifndef SKILLSTREAM_PRODUCER_REQUEST_H
#define SKILLSTREAM_PRODUCER_REQUEST_H

#include "producer/plan.h"
#include "producer/settings.h"

/* The two messages of a task's prompt. */
int ss_request_prompt(const ss_producer_settings *settings, const ss_taxonomy *taxonomy, const ss_task *task,
                      ss_buffer *system, ss_buffer *user, ss_error *err);

/* Most tokens that the answer may have. */
uint64_t ss_request_max_tokens(const ss_producer_settings *settings, const ss_task *task);

/* Appends the JSON body. structured 1: with response_format. The same task gives the same bytes. */
int ss_request_body(const ss_producer_settings *settings, const ss_taxonomy *taxonomy, const ss_task *task,
                    int structured, ss_buffer *out, ss_error *err);

#endif

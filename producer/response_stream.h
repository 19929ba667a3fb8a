/* response_stream.h - server-sent events of a streamed chat completion, put together (for response.c).
 *
 * Format: https://html.spec.whatwg.org/multipage/server-sent-events.html, of which chat endpoints use "data:" lines;
 * the stream ends with "data: [DONE]". A stream without that end was cut off.
 */
#ifndef SKILLSTREAM_PRODUCER_RESPONSE_STREAM_H
#define SKILLSTREAM_PRODUCER_RESPONSE_STREAM_H

#include <jansson.h>
#include <stddef.h>

/* A chat completion as if it had come in one piece (a new reference), or NULL with *reason. An event that is an error
 * object is returned as it is. */
json_t *ss_response_join(const char *body, size_t len, const char **reason);

#endif

/* response.h - what came back from a chat-completions endpoint, and what it means.
 *
 * Every end of a request is one of these. The table is the retry policy:
 *
 *     verdict        when                                             money     then
 *     OK             200, a choice with text, finish_reason "stop"    usage     the text is parsed and checked
 *     POOR           200 but finish_reason length, content_filter,    usage     counts as an attempt at its skill;
 * asked a refusal, or a text that is too large                     again, with more room after "length" BROKEN 200 but
 * no chat completion: not JSON, cut off,   unknown   asked again after a backoff no choices, wrong types, not UTF-8
 *     AWAY           no connection, reset, time-out, 5xx, 408, 409    none for  asked again after a backoff; counts
 *                                                                     5xx, else for the circuit breaker
 *                                                                     unknown
 *     SLOW_DOWN      429 (503 with Retry-After as well)               none      all wait for Retry-After, or a backoff
 *     REFUSED        400, 404, 413, 422: the fault of this request    none      recorded, its skill is skipped
 *     UNSTRUCTURED   400 that complains about response_format         none      asked again without it
 *     FATAL          401, 402, 403, insufficient quota, a model that  none      the run ends
 *                    does not exist; a certificate that is refused
 *
 * Pure functions; any thread.
 */
#ifndef SKILLSTREAM_PRODUCER_RESPONSE_H
#define SKILLSTREAM_PRODUCER_RESPONSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

typedef enum ss_verdict {
    SS_VERDICT_OK,
    SS_VERDICT_POOR,
    SS_VERDICT_BROKEN,
    SS_VERDICT_AWAY,
    SS_VERDICT_SLOW_DOWN,
    SS_VERDICT_REFUSED,
    SS_VERDICT_UNSTRUCTURED,
    SS_VERDICT_FATAL,
    SS_VERDICTS
} ss_verdict;

/* "ok", "poor" ...: the label of skillstream_llm_requests_total. Static storage. */
const char *ss_verdict_word(ss_verdict verdict);

typedef enum ss_billed { SS_BILLED_NOT, SS_BILLED_USAGE, SS_BILLED_UNKNOWN } ss_billed;

enum { SS_RESPONSE_TEXT = 200 };

typedef struct ss_response {
    ss_verdict verdict;
    const char *reason; /* one word for reports: "length", "refusal", "bad-json", "http-500", ...; static storage */
    ss_billed billed;
    uint64_t tokens_in, tokens_out; /* SS_BILLED_USAGE */
    char text[SS_RESPONSE_TEXT];    /* FATAL, REFUSED: what the server says, one line of printable characters */
    ss_buffer content;              /* OK, and POOR where there is one: the model's text, valid UTF-8 */
} ss_response;

/* How a transfer ended, as the client saw it. */
typedef enum ss_transfer {
    SS_TRANSFER_DONE,
    SS_TRANSFER_UNSENT,   /* no connection: the request cannot have arrived */
    SS_TRANSFER_REFUSED,  /* no connection: the server's certificate is not one that we trust */
    SS_TRANSFER_BROKEN,   /* it may have arrived */
    SS_TRANSFER_TOO_LARGE /* cut off by us */
} ss_transfer;

/* Fills *out; content is to be freed with ss_response_free. `status` is the HTTP status (0 = none), `retry_after` 1
 * when the answer names a time to wait. `streamed` 1: the body is a stream of server-sent events. Memory that runs out
 * makes the answer BROKEN. */
void ss_response_read(ss_transfer transfer, int status, int retry_after, int streamed, const char *body, size_t len,
                      ss_response *out);

void ss_response_free(ss_response *response);

#endif

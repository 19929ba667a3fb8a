/* batch.h - requests and results as the files of offline batch endpoints (OpenAI's format).
 *
 *     out   {"custom_id": "...", "method": "POST", "url": "/v1/chat/completions", "body": {...}}      a line each
 *     in    {"custom_id": "...", "response": {"status_code": 200, "body": {...}}, "error": null}      in any order
 *
 * custom_id says what was asked, so that results can be read by another process, later, elsewhere:
 *     ss1_<16 hex>_<n>_<i>    16 hex: hash of the prompt version, the kind and the skills' URIs; n: sentences asked
 *                             for; i makes it unique and means nothing
 * Letters, digits and '_' only, at most 64 characters, as endpoints want it. The results must be read with the
 * taxonomy, prompts and mix they were asked with; what does not fit is counted as "unknown-request".
 */
#ifndef SKILLSTREAM_PRODUCER_BATCH_H
#define SKILLSTREAM_PRODUCER_BATCH_H

#include "producer/plan.h"

enum { SS_BATCH_ID = 64 };

uint64_t ss_batch_key(const ss_taxonomy *taxonomy, const ss_task *task);
void ss_batch_id(const ss_taxonomy *taxonomy, const ss_task *task, char out[SS_BATCH_ID]);

/* Takes an id apart; -1 when it is not one of ours. */
int ss_batch_parse_id(const char *id, uint64_t *key, unsigned *n);

#endif

/* inspect_live.h - the last records of a topic, for the live view of `skillstream inspect`.
 *
 * A thread reads the topic (read_committed, in no consumer group) and keeps the last 200 records as JSON, 16 MiB at
 * most; whoever looks asks for those after the number it saw last. A broker that is away is tried again, and the reason
 * is told meanwhile.
 */
#ifndef SKILLSTREAM_WORKER_CLI_INSPECT_LIVE_H
#define SKILLSTREAM_WORKER_CLI_INSPECT_LIVE_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "stream/kafka_config.h"

typedef struct ss_inspect_live ss_inspect_live;

/* `kafka` and `topic` must outlive it. */
ss_inspect_live *ss_inspect_live_start(const ss_kafka_config *kafka, const char *topic, int from_beginning,
                                       ss_error *err);

/* Stops the thread, which may take some seconds while a broker is away. NULL is fine. */
void ss_inspect_live_stop(ss_inspect_live *live);

/* Appends {"state":"connecting|reading|off","detail":"...","next":N,"read":N,"bad":N,"records":[{"partition":P,
 * "offset":O,"record":{...}}, ...]}: records with numbers above `after`, oldest first; ask again with after = next.
 * "bad" counts messages that are no records or are too large to be kept. live NULL: state "off". Any thread. */
int ss_inspect_live_json(ss_inspect_live *live, uint64_t after, ss_buffer *out);

#endif

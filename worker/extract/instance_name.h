/* instance_name.h - a name for this worker when none is given.
 *
 * Two live workers with one name would fence each other; a worker that comes back under another name leaves its last
 * transaction to time out. So the name is the host's name and the lowest number that no live process of this group on
 * this host holds. The hold is a socket in Linux's abstract namespace: it ends with the process, whatever ends it.
 */
#ifndef SKILLSTREAM_WORKER_EXTRACT_INSTANCE_NAME_H
#define SKILLSTREAM_WORKER_EXTRACT_INSTANCE_NAME_H

#include "base/error.h"

/* Writes "host-0" to out (128 bytes) and returns the descriptor that holds the name, for close(); -1 with *err. */
int ss_instance_name(const char *group, char out[128], ss_error *err);

#endif

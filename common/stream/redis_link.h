/* redis_link.h - bytes to and from a Redis server: a connected socket, with TLS on it or without (inside
 * common/stream).
 *
 * TLS is done here with OpenSSL and not by hiredis, because hiredis 0.14 (Debian 12) has none and later versions do not
 * check whose certificate it is. What holds for every rediss:// connection: TLS 1.2 or newer; the chain must end at an
 * authority of `?ca=FILE`, or of the system; the certificate must name the host (or the IP address) of the URL. There
 * is no way to turn this off.
 *
 * The socket is non-blocking and no call waits: the caller polls for what a call asks for and calls again. No SIGPIPE
 * reaches the program. One thread at a time.
 */
#ifndef SKILLSTREAM_STREAM_REDIS_LINK_H
#define SKILLSTREAM_STREAM_REDIS_LINK_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "stream/redis_client.h"

/* What TLS connections to one server share. */
typedef struct ss_redis_tls ss_redis_tls;

/* `url` outlives it. SS_CONFIG: a file of certificates or the key cannot be used. */
ss_redis_tls *ss_redis_tls_new(const ss_redis_url *url, ss_error *err);
void ss_redis_tls_free(ss_redis_tls *tls);

typedef struct ss_redis_link {
    int fd;             /* the caller's */
    struct ssl_st *ssl; /* NULL = plain */
    const ss_redis_tls *tls;
} ss_redis_link;

/* Results below 1 of the calls that move bytes. */
enum {
    SS_LINK_READ = -1 /* poll for reading */,
    SS_LINK_WRITE = -2 /* for writing */,
    SS_LINK_LOST = 0 /* *err tells */
};

/* Begins on a connected socket; tls NULL = plain. -1: out of memory. */
int ss_redis_link_open(ss_redis_link *link, int fd, const ss_redis_tls *tls);

/* One step of the TLS handshake: 1 = done (at once without TLS). SS_AUTH when the server's certificate is refused, or
 * the server refuses ours. */
int ss_redis_link_handshake(ss_redis_link *link, ss_error *err);

/* Bytes moved, at least 1. */
ssize_t ss_redis_link_send(ss_redis_link *link, const void *data, size_t len, ss_error *err);
ssize_t ss_redis_link_receive(ss_redis_link *link, void *into, size_t room, ss_error *err);

/* Does not close the socket. A closed link may be closed again. */
void ss_redis_link_close(ss_redis_link *link);

#endif

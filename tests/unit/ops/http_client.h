/* http_client.h - raw sockets for tests of the HTTP server: what is sent is sent byte for byte. */
#ifndef SKILLSTREAM_TESTS_HTTP_CLIENT_H
#define SKILLSTREAM_TESTS_HTTP_CLIENT_H

#include <stddef.h>

typedef struct reply {
    int status; /* 0 = closed without an answer */
    char text[65536];
    const char *body;
} reply;

int dial(int port); /* a socket, or -1 */

/* Reads to the end and closes. */
void finish(int fd, reply *r);

/* Sends bytes, reads to the end. */
void exchange(int port, const char *bytes, size_t len, reply *r);

/* A request without a body, "Host: h". */
void request(int port, const char *method, const char *path, reply *r);

#endif

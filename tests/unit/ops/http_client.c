/* http_client.c - see http_client.h. */
#include "ops/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

int dial(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((in_port_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval patience = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

void finish(int fd, reply *r)
{
    size_t len = 0;
    ssize_t got;
    while ((got = recv(fd, r->text + len, sizeof r->text - 1 - len, 0)) > 0) len += (size_t)got;
    close(fd);
    r->text[len] = 0;
    r->status = 0;
    sscanf(r->text, "HTTP/1.%*d %d", &r->status);
    const char *blank = strstr(r->text, "\r\n\r\n");
    r->body = blank ? blank + 4 : "";
}

void exchange(int port, const char *bytes, size_t len, reply *r)
{
    int fd = dial(port);
    assert_true(fd >= 0);
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(fd, bytes + sent, len - sent, MSG_NOSIGNAL);
        if (n <= 0) break; /* a server may refuse before it has read all */
        sent += (size_t)n;
    }
    finish(fd, r);
}

void request(int port, const char *method, const char *path, reply *r)
{
    char bytes[512];
    snprintf(bytes, sizeof bytes, "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", method, path);
    exchange(port, bytes, strlen(bytes), r);
}

/* client.h - the HTTP side: many requests at a time through one libcurl multi handle, in the caller's thread.
 *
 * Connections are kept and shared (HTTP/2 where the server has it). Certificates are always verified; there is no way
 * to turn that off. Redirects are not followed, because the key would go along. Answers are limited in size. The key is
 * handed to libcurl in a header and appears nowhere else.
 *
 * One thread.
 */
#ifndef SKILLSTREAM_PRODUCER_CLIENT_H
#define SKILLSTREAM_PRODUCER_CLIENT_H

#include "producer/response.h"
#include "producer/settings.h"

typedef struct ss_client ss_client;

/* The whole URL for a base URL: https://host -> https://host/v1/chat/completions, https://host/v1 likewise, one that
 * ends in /chat/completions stays. SS_CONFIG: not http(s), a user or a fragment in it, too long. */
int ss_client_url(const char *base, char *out, size_t size, ss_error *err);

/* The key from --llm-key, its file or nothing (NULL in *key); a blank file, such as /dev/null, is nothing. To be freed
 * after wiping. SS_CONFIG: an empty --llm-key, a blank first line before others, unreadable, or with characters that no
 * header may hold. */
int ss_client_key(const ss_producer_settings *settings, char **key, ss_error *err);

ss_client *ss_client_new(const ss_producer_settings *settings, ss_error *err);
void ss_client_free(ss_client *client); /* what is on the way is dropped; NULL is fine */

int ss_client_has_key(const ss_client *client); /* one goes along with each request */

/* Sends a request (copied). `tag` comes back with its end. */
int ss_client_start(ss_client *client, const char *body, size_t len, void *tag, ss_error *err);

size_t ss_client_busy(const ss_client *client);

/* Moves bytes; waits up to wait_ms when there is nothing to do. -1: libcurl itself failed. */
int ss_client_turn(ss_client *client, int64_t wait_ms, ss_error *err);

typedef struct ss_client_end {
    void *tag;
    ss_transfer transfer;
    int status;             /* HTTP, 0 = none */
    int64_t retry_after_ms; /* -1 = not named */
    const char *body;       /* valid until the next call */
    size_t len;
    const char *text; /* what libcurl says about a failure; static or valid until the next call */
    double seconds;
} ss_client_end;

/* 1: *end is a request that ended; 0: none. */
int ss_client_next(ss_client *client, ss_client_end *end);

/* ms that a Retry-After value names: seconds or an HTTP date (RFC 9110, 10.2.3); -1 when it is neither. now_s is the
 * wall clock. At most an hour. */
int64_t ss_client_retry_after(const char *value, int64_t now_s);

/* "curl 7.88.1 OpenSSL/3.0.11 nghttp2/1.52.0" */
const char *ss_client_version(void);

#endif

/* redis_link.c - see redis_link.h.
 *
 * OpenSSL keeps its errors in a queue per thread: it is emptied before each call, so that what is read afterwards
 * belongs to that call. Why a certificate was refused is not in the queue but in the connection's verify result.
 *
 * SSL_write goes through write(2), which raises SIGPIPE on a dead connection; a library must not depend on the
 * program's handlers, so the signal is held back around it.
 */
#include "stream/redis_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "stream/certificate_fault.h"

struct ss_redis_tls {
    SSL_CTX *context;
    const ss_redis_url *url;
    int host_is_address;
};

/* ---- What connections share ---- */

/* OpenSSL says "system lib" where a file cannot be read. */
static int fail_file(ss_error *err, const char *what, const char *path)
{
    const char *why = access(path, R_OK) ? strerror(errno) : ERR_reason_error_string(ERR_peek_last_error());
    return ss_fail(err, SS_CONFIG, "Redis URL: the %s %s cannot be used: %s", what, path, why ? why : "unknown reason");
}

static int load_files(SSL_CTX *context, const ss_redis_url *url, ss_error *err)
{
    ERR_clear_error();
    if (url->ca_file ? SSL_CTX_load_verify_locations(context, url->ca_file, NULL) != 1
                     : SSL_CTX_set_default_verify_paths(context) != 1)
        return fail_file(err, "CA file", url->ca_file ? url->ca_file : X509_get_default_cert_file());
    if (!url->cert_file) return 0;
    if (SSL_CTX_use_certificate_chain_file(context, url->cert_file) != 1)
        return fail_file(err, "certificate", url->cert_file);
    if (SSL_CTX_use_PrivateKey_file(context, url->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
        return fail_file(err, "key", url->key_file);
    return 0;
}

ss_redis_tls *ss_redis_tls_new(const ss_redis_url *url, ss_error *err)
{
    unsigned char address[sizeof(struct in6_addr)];
    ss_redis_tls *tls = calloc(1, sizeof *tls);
    if (tls) tls->context = SSL_CTX_new(TLS_client_method());
    if (!tls || !tls->context) {
        ss_fail_memory(err, "preparing TLS");
        goto fail;
    }
    tls->url = url;
    tls->host_is_address = inet_pton(AF_INET, url->host, address) == 1 || inet_pton(AF_INET6, url->host, address) == 1;
    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    /* A buffer that grows may move between two tries of the same write. */
    SSL_CTX_set_mode(tls->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (load_files(tls->context, url, err)) goto fail;
    return tls;
fail:
    ss_redis_tls_free(tls);
    return NULL;
}

void ss_redis_tls_free(ss_redis_tls *tls)
{
    if (!tls) return;
    SSL_CTX_free(tls->context);
    free(tls);
}

/* ---- Why it went wrong ---- */

static int fail_certificate(long code, ss_error *err)
{
    const char *way = "renew it at the server";
    switch (ss_certificate_fault_of(code)) {
    case SS_CERTIFICATE_AUTHORITY: way = "name the authority to trust: rediss://...?ca=FILE"; break;
    case SS_CERTIFICATE_NAME: way = "use a name in the URL that the certificate holds"; break;
    default: break;
    }
    ss_fail(err, SS_AUTH, "the server's certificate is refused: %s; %s", X509_verify_cert_error_string(code), way);
    return SS_LINK_LOST;
}

/* Alerts by which the server says that it does not want our certificate, or that we have none. */
static int is_refusal(int reason)
{
    return reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED || reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE ||
           reason == SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED || reason == SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN ||
           reason == SSL_R_TLSV1_ALERT_UNKNOWN_CA || reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE;
}

static int fail_tls(const ss_redis_link *link, int kind, int system_error, ss_error *err)
{
    long verdict = SSL_get_verify_result(link->ssl);
    unsigned long code = ERR_peek_last_error();
    int reason = ERR_GET_REASON(code);
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK) return fail_certificate(verdict, err);
    if (code && is_refusal(reason)) {
        ss_fail(err, SS_AUTH,
                "the server refuses the client's certificate (%s); name one that it accepts: "
                "rediss://...?cert=FILE&key=FILE",
                ERR_reason_error_string(code));
        return SS_LINK_LOST;
    }
    const char *why = code ? ERR_reason_error_string(code) : NULL;
    if (reason == SSL_R_WRONG_VERSION_NUMBER) why = "the server does not speak TLS at this port";
    if (!why) why = kind == SSL_ERROR_SYSCALL && system_error ? strerror(system_error) : "Server closed the connection";
    ss_fail_with(err, SS_NETWORK, SS_RETRY, "TLS: %s", why);
    return SS_LINK_LOST;
}

/* What a call of OpenSSL that moved nothing asks for. */
static int judge_tls(ss_redis_link *link, int result, ss_error *err)
{
    int system_error = errno, kind = SSL_get_error(link->ssl, result);
    if (kind == SSL_ERROR_WANT_READ) return SS_LINK_READ;
    if (kind == SSL_ERROR_WANT_WRITE) return SS_LINK_WRITE;
    return fail_tls(link, kind, system_error, err);
}

static int judge_plain(ssize_t result, int again, ss_error *err)
{
    if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return again;
    ss_fail_with(err, SS_NETWORK, SS_RETRY, "%s", result ? strerror(errno) : "Server closed the connection");
    return SS_LINK_LOST;
}

/* ---- Life ---- */

int ss_redis_link_open(ss_redis_link *link, int fd, const ss_redis_tls *tls)
{
    *link = (ss_redis_link){.fd = fd, .tls = tls};
    if (!tls) return 0;
    link->ssl = SSL_new(tls->context);
    if (!link->ssl) return -1;
    const char *host = tls->url->host;
    int set = tls->host_is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(link->ssl), host)
                                   : SSL_set1_host(link->ssl, host) && SSL_set_tlsext_host_name(link->ssl, host);
    if (set && SSL_set_fd(link->ssl, fd)) return 0;
    ss_redis_link_close(link);
    return -1;
}

void ss_redis_link_close(ss_redis_link *link)
{
    SSL_free(link->ssl);
    *link = (ss_redis_link){.fd = -1};
}

/* ---- Bytes ---- */

typedef struct held_signal {
    sigset_t pipe_only, old;
    int was_waiting;
} held_signal;

static held_signal hold_sigpipe(void)
{
    held_signal held;
    sigset_t waiting;
    sigemptyset(&held.pipe_only);
    sigaddset(&held.pipe_only, SIGPIPE);
    sigpending(&waiting);
    held.was_waiting = sigismember(&waiting, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &held.pipe_only, &held.old);
    return held;
}

static void let_go(const held_signal *held)
{
    int error = errno;
    if (!held->was_waiting) sigtimedwait(&held->pipe_only, NULL, &(struct timespec){0});
    pthread_sigmask(SIG_SETMASK, &held->old, NULL);
    errno = error;
}

static int as_int(size_t len)
{
    return len > INT_MAX ? INT_MAX : (int)len;
}

int ss_redis_link_handshake(ss_redis_link *link, ss_error *err)
{
    if (!link->ssl) return 1;
    held_signal held = hold_sigpipe();
    ERR_clear_error();
    errno = 0;
    int result = SSL_connect(link->ssl);
    let_go(&held);
    return result == 1 ? 1 : judge_tls(link, result, err);
}

ssize_t ss_redis_link_send(ss_redis_link *link, const void *data, size_t len, ss_error *err)
{
    if (!link->ssl) {
        ssize_t sent = send(link->fd, data, len, MSG_NOSIGNAL);
        return sent > 0 ? sent : judge_plain(sent, SS_LINK_WRITE, err);
    }
    held_signal held = hold_sigpipe();
    ERR_clear_error();
    errno = 0;
    int sent = SSL_write(link->ssl, data, as_int(len));
    let_go(&held);
    return sent > 0 ? sent : judge_tls(link, sent, err);
}

ssize_t ss_redis_link_receive(ss_redis_link *link, void *into, size_t room, ss_error *err)
{
    if (!link->ssl) {
        ssize_t got = recv(link->fd, into, room, 0);
        return got > 0 ? got : judge_plain(got, SS_LINK_READ, err);
    }
    held_signal held = hold_sigpipe(); /* reading may answer a key update */
    ERR_clear_error();
    errno = 0;
    int got = SSL_read(link->ssl, into, as_int(room));
    let_go(&held);
    return got > 0 ? got : judge_tls(link, got, err);
}

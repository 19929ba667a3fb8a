/* redis_url.c - where Redis is, as users write it; see redis_client.h.
 *
 * A URL is split by hand, left to right: scheme, then what is before the last
 * '@' of the authority (user and password, percent-encoded), then host and
 * port, then the database. Errors say what is wrong with which part and quote
 * none of it, because every part of a mistyped URL may turn out to be the
 * password.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream/redis_client.h"

enum { DEFAULT_PORT = 6379, DB_MAX = 1000000 };

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Percent-decodes [from, to) into a new string. */
static char *decode(const char *from, const char *to, const char *part, ss_error *err)
{
    char *out = malloc((size_t)(to - from) + 1);
    if (!out) {
        ss_fail_memory(err, "reading the Redis URL");
        return NULL;
    }
    size_t len = 0;
    for (const char *c = from; c < to; c++) {
        if (*c != '%') {
            out[len++] = *c;
            continue;
        }
        int high = to - c > 2 ? hex_digit(c[1]) : -1;
        int low = to - c > 2 ? hex_digit(c[2]) : -1;
        if (high < 0 || low < 0 || (high == 0 && low == 0)) {
            free(out);
            ss_fail(err, SS_CONFIG, "Redis URL: bad %%-escape in the %s (write '%%25' for '%%')", part);
            return NULL;
        }
        out[len++] = (char)(high * 16 + low);
        c += 2;
    }
    out[len] = 0;
    return out;
}

/* First `c` in [from, to), or NULL. */
static const char *find(const char *from, const char *to, char c)
{
    for (; from < to; from++)
        if (*from == c) return from;
    return NULL;
}

/* Decimal number in [from, to), at most `max`; -1 if it is not one. */
static int number(const char *from, const char *to, int max)
{
    int value = 0;
    if (from == to) return -1;
    for (const char *c = from; c < to; c++) {
        if (*c < '0' || *c > '9') return -1;
        value = value * 10 + (*c - '0');
        if (value > max) return -1;
    }
    return value;
}

static int read_credentials(const char *from, const char *to, ss_redis_url *url, ss_error *err)
{
    const char *colon = find(from, to, ':');
    if (!colon || colon + 1 == to)
        return ss_fail(err, SS_CONFIG, "Redis URL: no password before '@'; write user:password@ or :password@");
    if (colon > from && !(url->user = decode(from, colon, "user", err))) return -1;
    url->password = decode(colon + 1, to, "password", err);
    return url->password ? 0 : -1;
}

static int read_host_port(const char *from, const char *to, ss_redis_url *url, ss_error *err)
{
    const char *host = from, *host_end = to, *port = NULL;
    if (from < to && *from == '[') {
        host = from + 1;
        host_end = find(host, to, ']');
        if (!host_end) return ss_fail(err, SS_CONFIG, "Redis URL: '[' without ']' in the host");
        if (host_end + 1 < to && host_end[1] != ':')
            return ss_fail(err, SS_CONFIG, "Redis URL: only ':port' may follow ']'");
        if (host_end + 1 < to) port = host_end + 2;
    } else {
        const char *colon = find(from, to, ':');
        if (colon) {
            host_end = colon;
            port = colon + 1;
        }
    }
    if (host == host_end) return ss_fail(err, SS_CONFIG, "Redis URL: no host");
    url->port = port ? number(port, to, 65535) : DEFAULT_PORT;
    if (url->port < 1)
        return ss_fail(err, SS_CONFIG,
                       "Redis URL: the port is not a number from 1 to 65535 (an IPv6 host goes in brackets; ':', '@' "
                       "and '/' in a password are written %%3A, %%40, %%2F)");
    url->host = decode(host, host_end, "host", err);
    return url->host ? 0 : -1;
}

static int read_db(const char *from, const char *to, ss_redis_url *url, ss_error *err)
{
    if (from == to) return 0;
    url->db = number(from, to, DB_MAX);
    return url->db < 0 ? ss_fail(err, SS_CONFIG, "Redis URL: the database after '/' is not a number") : 0;
}

static int read_unix(const char *rest, ss_redis_url *url, ss_error *err)
{
    const char *end = rest + strlen(rest), *query = strchr(rest, '?');
    if (query) {
        if (strncmp(query, "?db=", 4) != 0)
            return ss_fail(err, SS_CONFIG, "Redis URL: only '?db=N' may follow a socket's path");
        if (read_db(query + 4, end, url, err)) return -1;
        end = query;
    }
    if (end - rest < 2) return ss_fail(err, SS_CONFIG, "Redis URL: no path; write unix:///path/to/socket");
    url->unix_path = decode(rest, end, "path", err);
    return url->unix_path ? 0 : -1;
}

/* "ca=FILE", "cert=FILE" or "key=FILE" in [from, to). */
static int read_file(const char *from, const char *to, ss_redis_url *url, ss_error *err)
{
    static const char *const names[] = {"ca=", "cert=", "key="};
    char **const files[] = {&url->ca_file, &url->cert_file, &url->key_file};
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(names[i]);
        if ((size_t)(to - from) <= len || strncmp(from, names[i], len) != 0 || *files[i]) continue;
        *files[i] = decode(from + len, to, "file's name", err);
        return *files[i] ? 0 : -1;
    }
    return ss_fail(
        err, SS_CONFIG,
        "Redis URL: only '?ca=FILE&cert=FILE&key=FILE' of rediss:// may follow; in a password write %%3F for "
        "'?', %%23 for '#'");
}

static int read_files(const char *from, const char *to, ss_redis_url *url, ss_error *err)
{
    for (const char *next; from <= to; from = next + 1) {
        next = find(from, to, '&');
        if (!next) next = to;
        if (read_file(from, next, url, err)) return -1;
    }
    if (!url->cert_file != !url->key_file)
        return ss_fail(err, SS_CONFIG, "Redis URL: 'cert=FILE' and 'key=FILE' go together");
    return 0;
}

static int read_tcp(const char *authority, const char *slash, ss_redis_url *url, ss_error *err)
{
    const char *end = authority + strlen(authority), *query = strpbrk(authority, "?#");
    if (query && (!url->tls || *query == '#'))
        return ss_fail(err, SS_CONFIG,
                       "Redis URL: nothing may follow the database; in a password write %%3F for '?', %%23 for '#'");
    if (query && read_files(query + 1, end, url, err)) return -1;
    if (query) end = query;
    if (slash && slash > end) slash = NULL; /* of a file's path */
    if (read_host_port(authority, slash ? slash : end, url, err)) return -1;
    return slash ? read_db(slash + 1, end, url, err) : 0;
}

int ss_redis_url_parse(const char *text, ss_redis_url *out, ss_error *err)
{
    *out = (ss_redis_url){0};
    int is_unix = 0;
    const char *rest = NULL;
    if (text && strncmp(text, "redis://", 8) == 0) rest = text + 8;
    if (text && strncmp(text, "rediss://", 9) == 0) {
        rest = text + 9;
        out->tls = 1;
    }
    if (text && strncmp(text, "unix://", 7) == 0) {
        rest = text + 7;
        is_unix = 1;
    }
    if (!rest) return ss_fail(err, SS_CONFIG, "Redis URL: starts with none of redis://, rediss://, unix://");

    const char *slash = strchr(rest, '/');
    size_t authority_len = slash ? (size_t)(slash - rest) : strlen(rest);
    const char *at = memrchr(rest, '@', authority_len);
    if (at && read_credentials(rest, at, out, err)) goto fail;
    if (at) rest = at + 1;
    if (is_unix) {
        if (rest != slash) {
            ss_fail(err, SS_CONFIG, "Redis URL: a socket's path must be absolute: unix:///path/to/socket");
            goto fail;
        }
        if (read_unix(rest, out, err)) goto fail;
    } else if (read_tcp(rest, slash, out, err)) {
        goto fail;
    }
    return 0;

fail:
    ss_redis_url_free(out);
    return -1;
}

void ss_redis_url_text(const ss_redis_url *url, char *out, size_t size)
{
    const char *user = url->user ? url->user : "";
    const char *secret = url->password ? ":***@" : "";
    if (url->unix_path) {
        snprintf(out, size, "unix://%s%s%s%s%.0d", user, secret, url->unix_path, url->db ? "?db=" : "", url->db);
        return;
    }
    int v6 = strchr(url->host, ':') != NULL;
    snprintf(out, size, "%s://%s%s%s%s%s:%d/%d", url->tls ? "rediss" : "redis", user, secret, v6 ? "[" : "", url->host,
             v6 ? "]" : "", url->port, url->db);
}

void ss_redis_url_free(ss_redis_url *url)
{
    if (url->password) explicit_bzero(url->password, strlen(url->password));
    free(url->host);
    free(url->ca_file);
    free(url->cert_file);
    free(url->key_file);
    free(url->unix_path);
    free(url->user);
    free(url->password);
    *url = (ss_redis_url){0};
}

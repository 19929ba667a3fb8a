/* client.c - see client.h.
 *
 * A transfer (easy handle, its answer, its copy of the request) is taken from a list of idle ones and goes back there,
 * so a long run allocates nothing. libcurl resends a request by itself in one case only: when a kept connection turned
 * out to be closed before anything was answered on it.
 */
#include "producer/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

enum { LONGEST_URL = 2048, LONGEST_KEY = 4096, LONGEST_WAIT_MS = 3600000, LARGEST_REQUEST = 4 << 20 };

typedef struct transfer {
    CURL *easy;
    ss_buffer request, answer;
    int64_t retry_after_ms;
    int too_large;
    void *tag;
    char text[CURL_ERROR_SIZE];
    struct transfer *next; /* in the idle or the ended list */
    struct transfer *all;  /* in the list of all */
    CURLcode code;
} transfer;

struct ss_client {
    CURLM *multi;
    struct curl_slist *headers;
    const ss_producer_settings *settings;
    char url[LONGEST_URL];
    transfer *all, *idle, *shown; /* shown: whose answer the caller looks at */
    size_t busy;
    int has_key;
};

/* ---- address and key ---- */

int ss_client_url(const char *base, char *out, size_t size, ss_error *err)
{
    static const char path[] = "/chat/completions";
    const char *host = !strncmp(base, "https://", 8) ? base + 8 : !strncmp(base, "http://", 7) ? base + 7 : NULL;
    size_t authority = host ? strcspn(host, "/?#") : 0;
    if (!authority)
        return ss_fail(err, SS_CONFIG, "llm-url '%.80s' does not begin with http:// or https:// and a host", base);
    if (memchr(host, '@', authority))
        return ss_fail(err, SS_CONFIG, "llm-url has a user name in it; a key goes to --llm-key-file");
    if (strpbrk(host, "#\r\n ")) return ss_fail(err, SS_CONFIG, "llm-url '%.80s' is not a URL", base);
    size_t query = strcspn(base, "?"), len = query;
    while (len && base[len - 1] == '/') len--;
    const char *rest = host + authority, *end = base + len;
    size_t ours = sizeof path - 1;
    int whole = (size_t)(end - base) > ours && !strncmp(end - ours, path, ours);
    int bare = end <= rest; /* nothing behind the host */
    int n = snprintf(out, size, "%.*s%s%s%s", (int)len, base,
                     whole  ? ""
                     : bare ? "/v1"
                            : "",
                     whole ? "" : path, base + query);
    if (n < 0 || (size_t)n >= size) return ss_fail(err, SS_CONFIG, "llm-url is too long");
    return 0;
}

static int check_key(const char *key, ss_error *err)
{
    if (!*key) return ss_fail(err, SS_CONFIG, "the key for the language model is empty");
    if (strlen(key) > LONGEST_KEY) return ss_fail(err, SS_CONFIG, "the key for the language model is too long");
    for (; *key; key++)
        if (*key <= ' ' || *key > '~')
            return ss_fail(err, SS_CONFIG,
                           "the key for the language model has characters that no HTTP header may hold");
    return 0;
}

/* The file's first line; *key stays NULL when nothing is in it, so that a mounted file can say "no key". */
static int read_key_file(const char *path, char **key, ss_error *err)
{
    static const char blank[] = "\r\n \t";
    ss_buffer text;
    ss_buffer_init(&text, (size_t)LONGEST_KEY * 2);
    int result = ss_file_read(path, &text, err);
    if (result && err) err->status = SS_CONFIG;
    if (!result && text.len && text.data[strspn(text.data, blank)]) {
        *key = strndup(text.data, strcspn(text.data, blank));
        if (!*key) result = ss_fail_memory(err, "reading the key");
    }
    if (text.data) explicit_bzero(text.data, text.len);
    ss_buffer_free(&text);
    return result;
}

int ss_client_key(const ss_producer_settings *s, char **key, ss_error *err)
{
    *key = NULL;
    int result = 0;
    if (s->llm_key_file) {
        result = read_key_file(s->llm_key_file, key, err);
    } else if (s->llm_key) {
        *key = strdup(s->llm_key);
        if (!*key) result = ss_fail_memory(err, "reading the key");
    }
    if (!result && *key) result = check_key(*key, err);
    if (!result) return 0;
    free(*key);
    *key = NULL;
    return -1;
}

/* ---- life ---- */

static int add_header(ss_client *c, const char *line, ss_error *err)
{
    struct curl_slist *more = curl_slist_append(c->headers, line);
    if (!more) return ss_fail_memory(err, "preparing requests");
    c->headers = more;
    return 0;
}

static int add_key(ss_client *c, ss_error *err)
{
    char *key, line[LONGEST_KEY + 32];
    if (ss_client_key(c->settings, &key, err)) return -1;
    if (!key) return 0;
    snprintf(line, sizeof line, "Authorization: Bearer %s", key);
    int result = add_header(c, line, err);
    c->has_key = !result;
    explicit_bzero(line, sizeof line);
    explicit_bzero(key, strlen(key));
    free(key);
    return result;
}

static int add_headers(ss_client *c, ss_error *err)
{
    if (add_header(c, "Content-Type: application/json", err) || add_header(c, "Expect:", err) ||
        add_header(c, c->settings->stream ? "Accept: text/event-stream" : "Accept: application/json", err) ||
        add_key(c, err))
        return -1;
    for (size_t i = 0; i < c->settings->header.count; i++)
        if (add_header(c, c->settings->header.items[i], err)) return -1;
    return 0;
}

int ss_client_has_key(const ss_client *c)
{
    return c->has_key;
}

ss_client *ss_client_new(const ss_producer_settings *settings, ss_error *err)
{
    ss_client *c = calloc(1, sizeof *c);
    if (!c || curl_global_init(CURL_GLOBAL_DEFAULT)) {
        free(c);
        ss_fail_memory(err, "preparing requests");
        return NULL;
    }
    c->settings = settings;
    c->multi = curl_multi_init();
    int bad = ss_client_url(settings->llm_url, c->url, sizeof c->url, err);
    if (!bad && settings->ca_file && access(settings->ca_file, R_OK))
        bad = ss_fail(err, SS_CONFIG, "ca-file: cannot read %s: %s", settings->ca_file, strerror(errno));
    if (!bad && !c->multi) bad = ss_fail_memory(err, "preparing requests");
    if (!bad) bad = add_headers(c, err);
    if (bad) {
        ss_client_free(c);
        return NULL;
    }
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)settings->concurrency);
    curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    return c;
}

void ss_client_free(ss_client *c)
{
    if (!c) return;
    for (transfer *t = c->all, *after; t; t = after) {
        after = t->all;
        if (t->easy) {
            curl_multi_remove_handle(c->multi, t->easy);
            curl_easy_cleanup(t->easy);
        }
        ss_buffer_free(&t->request);
        ss_buffer_free(&t->answer);
        free(t);
    }
    for (struct curl_slist *h = c->headers; h; h = h->next) explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(c->headers);
    curl_multi_cleanup(c->multi);
    curl_global_cleanup();
    free(c);
}

/* ---- transfers ---- */

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    transfer *t = arg;
    size_t len = size * count;
    if (!ss_buffer_add(&t->answer, bytes, len)) return len;
    t->too_large = 1;
    return 0; /* ends the transfer */
}

int64_t ss_client_retry_after(const char *value, int64_t now_s)
{
    while (*value == ' ' || *value == '\t') value++;
    int64_t ms;
    if (*value >= '0' && *value <= '9') {
        char *end;
        double seconds = strtod(value, &end);
        if (*end && !strchr(" \t\r\n", *end)) return -1;
        ms = seconds > LONGEST_WAIT_MS / 1000.0 ? LONGEST_WAIT_MS : (int64_t)(seconds * 1000);
    } else {
        time_t at = curl_getdate(value, NULL);
        if (at < 0) return -1;
        int64_t seconds = (int64_t)at - now_s;
        ms = seconds < 0 ? 0 : seconds > LONGEST_WAIT_MS / 1000 ? LONGEST_WAIT_MS : seconds * 1000;
    }
    return ms;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    transfer *t = arg;
    size_t len = size * count, name = 0;
    char line[128];
    if (len < sizeof line) {
        memcpy(line, bytes, len);
        line[len] = 0;
        name = strcspn(line, ":");
    }
    if (name == 11 && !strncasecmp(line, "retry-after", 11)) {
        line[strcspn(line, "\r\n")] = 0;
        int64_t ms = ss_client_retry_after(line + name + 1, ss_wall_ms() / 1000);
        if (ms >= 0) t->retry_after_ms = ms;
    }
    return len;
}

static void set_up(ss_client *c, transfer *t)
{
    const ss_producer_settings *s = c->settings;
    CURL *e = t->easy;
    curl_easy_setopt(e, CURLOPT_URL, c->url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    if (s->ca_file) curl_easy_setopt(e, CURLOPT_CAINFO, s->ca_file);
    if (s->proxy) curl_easy_setopt(e, CURLOPT_PROXY, s->proxy);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(e, CURLOPT_USERAGENT, "skillstream-producer");
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, c->headers);
    curl_easy_setopt(e, CURLOPT_POST, 1L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)s->connect_timeout);
    if (s->stream) {
        curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)(s->stall_timeout / 1000));
    } else {
        curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)s->request_timeout);
    }
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->text);
}

static transfer *new_transfer(ss_client *c)
{
    transfer *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->easy = curl_easy_init();
    if (!t->easy) {
        free(t);
        return NULL;
    }
    ss_buffer_init(&t->request, LARGEST_REQUEST);
    ss_buffer_init(&t->answer, (size_t)c->settings->max_answer);
    set_up(c, t);
    t->all = c->all;
    c->all = t;
    return t;
}

int ss_client_start(ss_client *c, const char *body, size_t len, void *tag, ss_error *err)
{
    transfer *t = c->idle;
    if (t)
        c->idle = t->next;
    else if (!(t = new_transfer(c)))
        return ss_fail_memory(err, "sending a request");
    ss_buffer_clear(&t->request);
    ss_buffer_clear(&t->answer);
    t->retry_after_ms = -1;
    t->too_large = 0;
    t->tag = tag;
    *t->text = 0;
    int bad = ss_buffer_add(&t->request, body, len);
    if (!bad) {
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->request.data);
        bad = curl_multi_add_handle(c->multi, t->easy) != CURLM_OK;
    }
    if (bad) {
        t->next = c->idle;
        c->idle = t;
        return ss_fail_memory(err, "sending a request");
    }
    c->busy++;
    return 0;
}

size_t ss_client_busy(const ss_client *c)
{
    return c->busy;
}

int ss_client_turn(ss_client *c, int64_t wait_ms, ss_error *err)
{
    int running;
    CURLMcode code = curl_multi_perform(c->multi, &running);
    /* A transfer that has just ended is to be looked at, not waited over. */
    if (!code && (size_t)running == c->busy && wait_ms > 0)
        code = curl_multi_poll(c->multi, NULL, 0, (int)(wait_ms > 1000 ? 1000 : wait_ms), NULL);
    return code ? ss_fail(err, SS_INTERNAL, "libcurl: %s", curl_multi_strerror(code)) : 0;
}

/* Could the request have reached the server? */
static ss_transfer transfer_of(const transfer *t)
{
    if (t->too_large) return SS_TRANSFER_TOO_LARGE;
    switch (t->code) {
    case CURLE_OK: return SS_TRANSFER_DONE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR: return SS_TRANSFER_UNSENT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE: return SS_TRANSFER_REFUSED;
    default: break;
    }
    curl_off_t sent = 0;
    curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    return sent ? SS_TRANSFER_BROKEN : SS_TRANSFER_UNSENT;
}

int ss_client_next(ss_client *c, ss_client_end *end)
{
    if (c->shown) {
        c->shown->next = c->idle;
        c->idle = c->shown;
        c->shown = NULL;
    }
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(c->multi, &left)) && message->msg != CURLMSG_DONE) {
    }
    if (!message) return 0;
    char *private = NULL;
    long status = 0;
    double seconds = 0;
    CURL *easy = message->easy_handle;
    CURLcode code = message->data.result; /* the message dies with the next call */
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME, &seconds);
    transfer *t = (transfer *)(void *)private;
    t->code = code;
    *end = (ss_client_end){.tag = t->tag,
                           .transfer = transfer_of(t),
                           .status = (int)status,
                           .retry_after_ms = t->retry_after_ms,
                           .body = t->answer.data ? t->answer.data : "",
                           .len = t->answer.len,
                           .text = *t->text ? t->text : curl_easy_strerror(code),
                           .seconds = seconds};
    curl_multi_remove_handle(c->multi, easy);
    c->shown = t;
    c->busy--;
    return 1;
}

const char *ss_client_version(void)
{
    return curl_version();
}

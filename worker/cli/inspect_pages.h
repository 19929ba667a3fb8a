/* inspect_pages.h - what `skillstream inspect` answers over HTTP.
 *
 *   GET  /             the page; /page.css, /page.js, /icon.svg belong to it
 *   GET  /api/about    the releases, limits and whether there is a live view
 *   GET  /api/ads      the ads on offer, an array of proto3 JSON JobAd
 *   POST /api/extract  an ad in any JSON form of wire_ad.h -> inspect_engine.h's results; 400 no ad, 422 an ad at fault
 *   GET  /api/records  ?after=N -> inspect_live.h's records
 * A refusal's body is a sentence of text.
 */
#ifndef SKILLSTREAM_WORKER_CLI_INSPECT_PAGES_H
#define SKILLSTREAM_WORKER_CLI_INSPECT_PAGES_H

#include "base/options.h"
#include "ops/http_server.h"
#include "worker/cli/inspect_engine.h"
#include "worker/cli/inspect_live.h"

typedef struct ss_inspect_pages {
    ss_inspect_engine *engine;
    ss_inspect_live *live;  /* NULL: no live view */
    const char *live_topic; /* for people */
    size_t body_max, top;
    ss_buffer ads; /* by ss_inspect_ads */
} ss_inspect_pages;

/* Fills pages->ads with the ads of the files (JSON lines, the first 200 of them), or without files the ones built in.
 * `report` is told of lines that are no ad. The caller frees the buffer. */
int ss_inspect_ads(ss_inspect_pages *pages, const ss_strings *files, void (*report)(void *, const char *),
                   ss_error *err);

/* Starts the server; `pages` and `hosts` (see ss_http_options) must outlive it. */
ss_http *ss_inspect_serve(const ss_inspect_pages *pages, const char *address, const char *const *hosts, ss_error *err);

#endif

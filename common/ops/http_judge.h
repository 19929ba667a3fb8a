/* http_judge.h - may this request be answered? Inside common/ops; the rules are told in http_server.h. */
#ifndef SKILLSTREAM_OPS_HTTP_JUDGE_H
#define SKILLSTREAM_OPS_HTTP_JUDGE_H

#include "ops/http_server.h"

struct MHD_Connection;

typedef struct ss_http_verdict {
    unsigned status;            /* 0: go on; else the refusal's status */
    const char *why;            /* a line for people */
    const char *allowed;        /* methods of this path */
    const ss_http_route *route; /* NULL: one of the pages that every program has */
    int takes_body;             /* read it; it fits */
    int close;                  /* refused with a body on its way: answer at once and close the connection */
} ss_http_verdict;

void ss_http_judge(const ss_http_options *options, struct MHD_Connection *connection, const char *path,
                   const char *method, ss_http_verdict *out);

#endif

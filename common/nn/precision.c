/* precision.c - see precision.h. */
#include "nn/precision.h"

#include <string.h>

const char *ss_precision_name(ss_precision precision)
{
    return precision == SS_INT8 ? "int8" : "fp32";
}

int ss_precision_parse(const char *name, ss_precision *out, ss_error *err)
{
    static const ss_precision all[] = {SS_FP32, SS_INT8};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(name, ss_precision_name(all[i])) != 0) continue;
        *out = all[i];
        return 0;
    }
    return ss_fail(err, SS_UNSUPPORTED, "precision '%.40s'; this program knows fp32 and int8", name);
}

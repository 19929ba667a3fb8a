/* precision.h - the arithmetic of an encoder, as options and manifests name it. */
#ifndef SKILLSTREAM_NN_PRECISION_H
#define SKILLSTREAM_NN_PRECISION_H

#include "base/error.h"

typedef enum ss_precision {
    SS_FP32, /* "fp32": single precision throughout; vectors as sentence-transformers gives them */
    SS_INT8  /* "int8": linear layers in 8 bits; several times faster, cosine to fp32 about 0.998 (README.md) */
} ss_precision;

const char *ss_precision_name(ss_precision precision);

/* SS_UNSUPPORTED for a name that this program does not know. */
int ss_precision_parse(const char *name, ss_precision *out, ss_error *err);

#endif

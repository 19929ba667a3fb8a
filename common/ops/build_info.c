/* build_info.c - see build_info.h. SS_VERSION and SS_COMMIT come from CMake. */
#include "ops/build_info.h"

#include <cblas.h>
#include <hiredis/hiredis.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <protobuf-c/protobuf-c.h>
#include <stdio.h>
#include <utf8proc.h>
#include <zlib.h>

const char *ss_build_version(void)
{
    return SS_VERSION;
}

const char *ss_build_commit(void)
{
    return SS_COMMIT;
}

const char *ss_build_program(const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s %s", name, SS_VERSION);
    return out;
}

const char *ss_build_text(const char *name, char *out, size_t size)
{
    snprintf(out, size,
             "%s %s (commit %s)\n"
             "librdkafka %s, hiredis %d.%d.%d, protobuf-c %s, %s\n"
             "%s (core %s), jansson %s, utf8proc %s, libmicrohttpd %s, zlib %s",
             name, SS_VERSION, SS_COMMIT, rd_kafka_version_str(), HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH,
             protobuf_c_version(), OpenSSL_version(OPENSSL_VERSION), openblas_get_config(), openblas_get_corename(),
             JANSSON_VERSION, utf8proc_version(), MHD_get_version(), zlibVersion());
    return out;
}

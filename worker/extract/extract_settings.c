/* extract_settings.c - see extract_settings.h. */
#include "worker/extract/extract_settings.h"

#include <string.h>

int ss_extract_settings_check(const ss_extract_settings *settings, ss_error *err)
{
    if (strcmp(settings->precision, "fp32"))
        return ss_fail(err, SS_USAGE, "--precision %s: this version computes in fp32 only", settings->precision);
    return 0;
}

void ss_extract_settings_apply(const ss_extract_settings *settings, const char *digest, ss_extract_options *out)
{
    *out = (ss_extract_options){.threshold = settings->threshold,
                                .gate_threshold = settings->gate_threshold,
                                .top = settings->top,
                                .with_text = settings->with_text,
                                .max_ad_bytes = settings->max_ad_bytes,
                                .max_sentences = settings->max_sentences,
                                .options_digest = digest};
}

/* extract_settings.c - see extract_settings.h. */
#include "worker/extract/extract_settings.h"

ss_release *ss_extract_settings_take(const ss_extract_settings *settings, ss_release *release, ss_error *err)
{
    if (!release) return NULL;
    if (ss_release_set_precision(release, settings->precision, err)) {
        ss_release_drop(release);
        return NULL;
    }
    ss_release_settle(release);
    return release;
}

void ss_extract_settings_apply(const ss_extract_settings *settings, const char *digest, ss_extract_options *out)
{
    *out = (ss_extract_options){.threshold = settings->threshold,
                                .gate_threshold = settings->gate_threshold,
                                .top = settings->top,
                                .filter = ss_filter_of(settings->filter),
                                .with_text = settings->with_text,
                                .max_ad_bytes = settings->max_ad_bytes,
                                .max_sentences = settings->max_sentences,
                                .options_digest = digest};
}

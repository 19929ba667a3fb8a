/* main.c - skillstream-producer: options, signals, exit codes; everything else is in producer.c. */
#include <stdio.h>
#include <string.h>

#include "base/harden.h"
#include "nn/blas.h"
#include "ops/build_info.h"
#include "producer/client.h"
#include "producer/producer.h"

static void stuck(void *log, const char *stage)
{
    ss_log_event(log, SS_LOG_ERROR, "shutdown took too long, giving up", SS_TEXT("waiting_for", stage));
}

static const char *version_text(char *out, size_t size)
{
    ss_build_text("skillstream-producer", out, size);
    size_t len = strlen(out);
    snprintf(out + len, size - len, "\n%s", ss_client_version());
    return out;
}

static int run(ss_producer_settings *settings, const ss_strings *arguments, ss_log *log, ss_error *err)
{
    ss_shutdown *shutdown = ss_shutdown_start(settings->grace, stuck, log, err);
    if (!shutdown) return -1;
    ss_log_event(log, SS_LOG_INFO, "starting", SS_TEXT("version", ss_build_version()),
                 SS_TEXT("commit", ss_build_commit()));
    int result = ss_producer_run(settings, arguments, log, shutdown, err);
    if (result && err->status == SS_STOPPED) result = 0; /* asked to stop while starting: an orderly end */
    if (result) ss_log_failure(log, err);
    ss_shutdown_end(shutdown);
    return result;
}

int main(int argc, char **argv)
{
    ss_error err = {0}, blas = {0};
    int slow_blas = ss_blas_prepare(argv, &blas);
    ss_harden_process(); /* only now: preparing BLAS may start the program anew */
    char version[1280];
    ss_producer_settings settings;
    ss_options *options = NULL;
    ss_parse parse = ss_options_parse(&options, ss_producer_command(), argc, argv,
                                      version_text(version, sizeof version), &settings, &err);
    ss_options_hide(ss_producer_command(), argc, argv);
    if (parse == SS_PARSE_DONE) return 0;
    if (parse == SS_PARSE_FAILED || ss_producer_settings_check(&settings, ss_options_arguments(options), &err)) {
        fprintf(stderr, "skillstream-producer: %s\n", err.text);
        if (parse == SS_PARSE_RUN) ss_options_free(options);
        return ss_exit_code(&err);
    }
    ss_log log;
    ss_log_init(&log, "skillstream-producer", settings.common.log_level, settings.common.log_format);
    if (slow_blas && settings.release)
        ss_log_event(&log, SS_LOG_WARN, "OpenBLAS stays slow", SS_TEXT("why", blas.text));
    int result = run(&settings, ss_options_arguments(options), &log, &err);
    ss_options_free(options);
    return result ? ss_exit_code(&err) : 0;
}

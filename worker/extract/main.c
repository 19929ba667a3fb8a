/* main.c - skillstream-worker: options, signals, exit codes; everything else is in worker.c. */
#include <stdio.h>

#include "base/harden.h"
#include "base/log.h"
#include "base/shutdown.h"
#include "nn/blas.h"
#include "ops/build_info.h"
#include "worker/extract/worker.h"

static void stuck(void *log, const char *stage)
{
    ss_log_event(log, SS_LOG_ERROR, "shutdown took too long, giving up", SS_TEXT("waiting_for", stage));
}

int main(int argc, char **argv)
{
    ss_error err = {0};
    int slow_blas = ss_blas_prepare(argv, &err);
    ss_harden_process(); /* only now: preparing BLAS may start the program anew */
    ss_error blas_error = err;
    char version[1024], blas[256];
    ss_worker_settings settings;
    ss_options *options;
    err = (ss_error){0};
    ss_parse parse = ss_options_parse(&options, ss_worker_command(), argc, argv,
                                      ss_build_text("skillstream-worker", version, sizeof version), &settings, &err);
    ss_options_hide(ss_worker_command(), argc, argv);
    if (parse == SS_PARSE_DONE) return 0;
    if (parse == SS_PARSE_FAILED || ss_worker_settings_check(&settings, &err)) {
        fprintf(stderr, "skillstream-worker: %s\n", err.text);
        if (parse == SS_PARSE_RUN) ss_options_free(options);
        return ss_exit_code(&err);
    }
    ss_log log;
    ss_log_init(&log, "skillstream-worker", settings.common.log_level, settings.common.log_format);
    ss_shutdown *shutdown = ss_shutdown_start(settings.grace, stuck, &log, &err);
    int result = shutdown ? 0 : -1;
    if (!result) {
        ss_blas_description(blas, sizeof blas);
        ss_log_event(&log, SS_LOG_INFO, "starting", SS_TEXT("version", ss_build_version()),
                     SS_TEXT("commit", ss_build_commit()), SS_TEXT("blas", blas));
        if (slow_blas) ss_log_event(&log, SS_LOG_WARN, "OpenBLAS stays slow", SS_TEXT("why", blas_error.text));
        result = ss_worker_run(&settings, options, &log, shutdown, &err);
    }
    int stopped = result && err.status == SS_STOPPED; /* asked to stop while starting: an orderly end */
    if (result && !stopped) ss_log_failure(&log, &err);
    if (!result || stopped) ss_log_line(&log, SS_LOG_INFO, "stopped");
    ss_shutdown_end(shutdown);
    ss_options_free(options);
    return result && !stopped ? ss_exit_code(&err) : 0;
}

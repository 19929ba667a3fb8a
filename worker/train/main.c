/* main.c - skillstream-trainer: options, signals, exit codes; everything else is in trainer.c. */
#include <stdio.h>
#include <unistd.h>

#include "base/harden.h"
#include "nn/blas.h"
#include "ops/build_info.h"
#include "worker/train/trainer.h"

static void stuck(void *log, const char *stage)
{
    ss_log_event(log, SS_LOG_ERROR, "shutdown took too long, giving up", SS_TEXT("waiting_for", stage));
}

int main(int argc, char **argv)
{
    ss_error err = {0}, blas = {0};
    int slow_blas = ss_blas_prepare(argv, &blas);
    ss_harden_process(); /* only now: preparing BLAS may start the program anew */
    char version[1024];
    ss_trainer_settings settings;
    ss_options *options;
    ss_parse parse = ss_options_parse(&options, ss_trainer_command(), argc, argv,
                                      ss_build_text("skillstream-trainer", version, sizeof version), &settings, &err);
    ss_options_hide(ss_trainer_command(), argc, argv);
    if (parse == SS_PARSE_DONE) return 0;
    if (parse == SS_PARSE_FAILED || ss_trainer_settings_check(&settings, &err)) {
        fprintf(stderr, "skillstream-trainer: %s\n", err.text);
        if (parse == SS_PARSE_RUN) ss_options_free(options);
        return ss_exit_code(&err);
    }
    ss_log log;
    ss_log_init(&log, "skillstream-trainer", settings.common.log_level, settings.common.log_format);
    ss_shutdown *shutdown = ss_shutdown_start(settings.grace, stuck, &log, &err);
    int hurry = 0, result = shutdown ? 0 : -1;
    if (!result) {
        ss_log_event(&log, SS_LOG_INFO, "starting", SS_TEXT("version", ss_build_version()),
                     SS_TEXT("commit", ss_build_commit()));
        if (slow_blas) ss_log_event(&log, SS_LOG_WARN, "OpenBLAS stays slow", SS_TEXT("why", blas.text));
        result = ss_trainer_run(&settings, &log, shutdown, &hurry, &err);
    }
    if (result && err.status == SS_STOPPED) result = 0; /* asked to stop while starting: an orderly end */
    if (result) ss_log_failure(&log, &err);
    if (!result) ss_log_line(&log, SS_LOG_INFO, "stopped");
    int code = result ? ss_exit_code(&err) : 0;
    if (hurry) _exit(code); /* a thread is at work on what can be done again; it ends with the process */
    ss_shutdown_end(shutdown);
    ss_options_free(options);
    return code;
}

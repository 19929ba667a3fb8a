/* cmd_train.c - `skillstream train`: pairs -> a better encoder and its release. The work is in worker/train/run.h.
 *
 * A first SIGINT or SIGTERM ends the training after the step it is at, with a checkpoint; --resume goes on with it.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/progress.h"
#include "base/shutdown.h"
#include "ops/build_info.h"
#include "worker/cli/command.h"
#include "worker/train/load.h"
#include "worker/train/run.h"
#include "worker/train/train_settings.h"

typedef struct values {
    ss_common_values common;
    const char *out;
    int resume;
    ss_train_settings train;
} values;

enum { REDIS_MS = 30000, GRACE_MS = 120000 };

static const ss_option table[] = {
    SS_TRAIN_OPTIONS(values, train){"out", SS_OPT_STRING, offsetof(values, out), NULL, NULL, "DIR", "Output",
                                    "Folder for checkpoints, encoder, release and report; made if need be.",
                                    SS_OPT_REQUIRED},
    {"resume", SS_OPT_FLAG, offsetof(values, resume), "false", NULL, NULL, NULL,
     "Go on with an interrupted training in that folder; begin where there is none.", 0},
    {"redis", SS_OPT_STRING, offsetof(values, train.redis), NULL, NULL, "URL", NULL,
     "Compare with the release in use there, and publish the new one if it is better.", 0},
    SS_TRAIN_KEY_OPTIONS(values, train){.name = NULL}};

static const ss_command command = {
    .name = "skillstream train",
    .summary = "pairs of sentence and skill -> a better encoder and its release",
    .arguments = "PAIRS...",
    .description =
        "Fine-tunes the encoder so that a sentence lies near the skills it asks for (contrastive learning with "
        "in-batch "
        "negatives, Decorte et al. 2023), writes it in sentence-transformers layout, builds the release, and says "
        "whether it is better on the validation files. PAIRS are JSON lines ({\"sentence\", \"skill\"}, or the proto3 "
        "JSON of TrainingPair), CSV with the columns sentence and skill, or a trainer's pair log; plain, gzip or '-'. "
        "The same input and options give the same weights, also after interruptions (--resume) and with any number of "
        "threads.",
    .examples =
        "  skillstream train --encoder all-MiniLM-L6-v2 --taxonomy skills_en.csv --validate tech.csv --validate "
        "house.csv \\\n      --recipe worker/train/recipes/minilm.conf --out trained worker/train/data/pairs.jsonl.gz\n"
        "  skillstream train ... --resume     after an interruption\n",
    .options = table,
    .size = sizeof(values)};

/* ---- what is shown while it runs ---- */

typedef struct showing {
    ss_shutdown *shutdown;
    ss_progress bar;
    const char *what; /* of the bar; NULL = none */
    size_t done;
} showing;

static void end_bar(showing *s)
{
    if (s->what) ss_progress_end(&s->bar, s->done);
    s->what = NULL;
    s->done = 0;
}

static void begin_bar(showing *s, const char *what, const char *unit, size_t total)
{
    end_bar(s);
    ss_progress_start(&s->bar, what, unit, total);
    s->what = what;
}

static int stop(void *ctx)
{
    const showing *s = ctx;
    return ss_shutdown_requested(s->shutdown);
}

static void show_step(void *ctx, const ss_session_step *step)
{
    showing *s = ctx;
    char note[100];
    if (!s->what || strcmp(s->what, "training"))
        begin_bar(s, "training", "pairs", (size_t)(step->steps - step->step + 1) * step->pairs);
    s->done += step->pairs;
    snprintf(note, sizeof note, "loss %.3f  step %llu/%llu", (double)step->point.loss, (unsigned long long)step->step,
             (unsigned long long)step->steps);
    ss_progress_update(&s->bar, s->done, note);
}

static void show_event(void *ctx, ss_session_event event, const char *text)
{
    showing *s = ctx;
    if (event == SS_SESSION_CHECKPOINT) return;
    if (s->what && s->bar.terminal) fputs("\r\033[K", stderr);
    fprintf(stderr, "skillstream train: %s%s\n", event == SS_SESSION_TROUBLE ? "warning: " : "", text);
}

static void show_busy(void *ctx, const char *what)
{
    showing *s = ctx;
    if (isatty(STDERR_FILENO) && (!s->what || strcmp(s->what, "training"))) fprintf(stderr, "%s ...\n", what);
}

static void show_index(void *ctx, const char *what, size_t done, size_t total)
{
    showing *s = ctx;
    if (!s->what || strcmp(s->what, what)) begin_bar(s, what, "texts", total);
    s->done = done;
    ss_progress_update(&s->bar, done, NULL);
}

static void show_reading(void *ctx, size_t done, size_t total)
{
    showing *s = ctx;
    if (!s->what) begin_bar(s, "reading pairs", "bytes", total);
    s->done = done;
    ss_progress_update(&s->bar, done, NULL);
}

static void print_outcome(const values *v, const ss_outcome *o)
{
    printf("trained    %llu steps, loss %.4f -> %.4f\nencoder    %s/encoder, weights %.16s\nrelease    %s, "
           "%s/model.release\nreport     %s/report.html\n",
           (unsigned long long)o->steps, o->first_loss, o->last_loss, v->out, o->weights, o->release, v->out, v->out);
    if (o->set_count) printf("%-24s%9s  %-17s%-17s%-17s\n", "set", "queries", "RP@1", "RP@5", "MRR");
    for (size_t i = 0; i < o->set_count; i++) {
        const ss_evaluation *b = &o->sets[i].before, *a = &o->sets[i].after;
        printf("%-24s%9zu  %5.2f -> %-8.2f%5.2f -> %-8.2f%5.2f -> %-8.2f\n", o->sets[i].name, a->queries, b->rp1,
               a->rp1, b->rp5, a->rp5, b->mrr, a->mrr);
    }
    puts(o->why);
}

/* ---- the command ---- */

static int read_pairs(const values *v, const ss_strings *files, ss_dataset *set, showing *shown, ss_error *err)
{
    ss_load_report report;
    char *path = ss_run_path(v->out, "refused.txt", err);
    if (!path) return -1;
    FILE *refused = fopen(path, "we");
    int bad = refused ? 0 : ss_fail(err, SS_IO, "%s: cannot create: %s", path, strerror(errno));
    if (!bad) bad = ss_load_files(set, &v->train.recipe, files, refused, show_reading, shown, &report, err);
    end_bar(shown);
    if (refused && fclose(refused) && !bad) bad = ss_fail(err, SS_IO, "%s: %s", path, strerror(errno));
    if (!bad && report.refused)
        fprintf(stderr, "skillstream train: warning: %zu of %zu pairs are refused; %s says why\n", report.refused,
                report.read, path);
    if (!bad)
        fprintf(stderr, "skillstream train: %zu pairs, %zu sentences without a skill, %zu held back, %zu doubles\n",
                set->pairs.count, set->none.count, set->held_out.count, set->duplicates);
    free(path);
    return bad;
}

/* 1: there is nothing to do. */
static int look_at_folder(const values *v, ss_error *err)
{
    if (mkdir(v->out, 0777) && errno != EEXIST)
        return ss_fail(err, SS_IO, "%s: cannot make the folder: %s", v->out, strerror(errno));
    char *path = ss_run_path(v->out, "result.json", err);
    if (!path) return -1;
    int finished = ss_file_exists(path);
    if (finished && v->resume) printf("%s holds a training that is finished: %s\n", v->out, path);
    free(path);
    if (finished && !v->resume)
        return ss_fail(err, SS_USAGE, "%s holds a training that is finished; name another folder", v->out);
    return finished;
}

static int train(const values *v, const ss_strings *files, const ss_publish_keys *keys, showing *shown, ss_error *err)
{
    const ss_train_settings *t = &v->train;
    char program[64];
    ss_dataset set = {0};
    ss_outcome outcome;
    ss_run_options run = {
        .recipe = &t->recipe,
        .encoder_dir = t->encoder,
        .taxonomy_path = t->taxonomy,
        .taxonomy_name = t->taxonomy_name,
        .taxonomy_version = t->taxonomy_version,
        .folder = v->out,
        .validate = &t->validate,
        .redis = t->redis,
        .redis_patience_ms = REDIS_MS,
        .keys = keys,
        .source = files->items[0],
        .resume = v->resume,
        .program = ss_build_program("skillstream", program, sizeof program),
        .hooks = {.ctx = shown, .stop = stop, .step = show_step, .say = show_event, .busy = show_busy},
        .index_progress = show_index};
    ss_taxonomy *taxonomy = ss_taxonomy_read(t->taxonomy, t->taxonomy_name, t->taxonomy_version, err);
    int bad = !taxonomy || ss_dataset_init(&set, taxonomy, t->recipe.hold_out, t->recipe.seed, err) ||
              read_pairs(v, files, &set, shown, err) || ss_run(&run, &set, &outcome, err);
    end_bar(shown);
    if (!bad) print_outcome(v, &outcome);
    ss_dataset_free(&set);
    ss_taxonomy_free(taxonomy);
    return bad ? -1 : 0;
}

static int run(int argc, char **argv)
{
    values v;
    ss_options *options;
    ss_log log;
    int code;
    ss_error err = {0};
    if (!ss_command_begin(&command, argc, argv, &v, &options, &log, &code)) return code;
    const ss_strings *files = ss_options_arguments(options);
    ss_publish_keys keys = {0};
    showing shown = {.shutdown = ss_shutdown_start(GRACE_MS, NULL, NULL, &err)};
    int state = shown.shutdown ? 0 : -1;
    if (!state && !files->count) state = ss_fail(&err, SS_USAGE, "a file of training pairs is needed; see --help");
    if (!state) state = ss_train_settings_check(&v.train, &err);
    if (!state) state = ss_publish_keys_read(v.train.sign_key, &v.train.trusted_keys, &keys, &err);
    if (!state) state = look_at_folder(&v, &err);
    if (!state) state = train(&v, files, &keys, &shown, &err);
    if (state < 0) code = ss_command_fail(&command, &err);
    if (state < 0 && err.status == SS_STOPPED) fprintf(stderr, "go on with it: the same command with --resume\n");
    ss_shutdown_end(shown.shutdown);
    ss_publish_keys_free(&keys);
    ss_options_free(options);
    return code;
}

const ss_subcommand ss_train_subcommand = {"train", &command, run};

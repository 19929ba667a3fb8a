/* cmd_eval.c - `skillstream eval`: ranking figures of a release on benchmark files. The protocol is in
 * match/evaluate.h. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/progress.h"
#include "match/evaluate.h"
#include "match/release.h"
#include "nn/embed.h"
#include "worker/cli/command.h"
#include "worker/cli/print_text.h"

typedef struct values {
    ss_common_values common;
    const char *release, *precision, *filter;
    int json, exact, mentions;
    double named_weight, overlap_weight;
    uint64_t threads;
} values;

#define AT(member) offsetof(values, member)

static const ss_option table[] = {
    {"release", SS_OPT_STRING, AT(release), NULL, NULL, "FILE", "Input", "The release to evaluate.", SS_OPT_REQUIRED},
    {"exact-labels", SS_OPT_FLAG, AT(exact), "false", NULL, NULL, NULL,
     "Compare labels byte for byte instead of without blanks at both ends.", 0},
    {"precision", SS_OPT_CHOICE, AT(precision), NULL, "fp32|int8", "P", NULL,
     "Arithmetic of the encoder. Default: the one that the release was made with.", 0},
    {"named-weight", SS_OPT_REAL, AT(named_weight), NULL, "0..10", "W", NULL,
     "Added to the score of a skill whose preferred label stands in the sentence. Default: the release's.", 0},
    {"overlap-weight", SS_OPT_REAL, AT(overlap_weight), NULL, "0..10", "W", NULL,
     "Times the overlap of a skill's names with the sentence, word by word, added likewise; both 0: ranked by vectors "
     "alone. Default: the release's.",
     0},
    {"filter", SS_OPT_CHOICE, AT(filter), "off", SS_FILTER_WORDS, "LEVEL", NULL,
     "Drop sentences as `extract` and the worker do before they are embedded (their default is careful): what is found "
     "in them is lost. Shows what the filter costs.",
     0},
    {"mentions", SS_OPT_FLAG, AT(mentions), "false", NULL, NULL, NULL,
     "Instead of ranking: what would be published at the release's threshold, and how well its gate separates. Here "
     "sentences without a label count, too, as they do in an ad.",
     0},
    {"json", SS_OPT_FLAG, AT(json), "false", NULL, NULL, "Output", "One JSON object instead of a table.", 0},
    {"threads", SS_OPT_COUNT, AT(threads), "0", "0..1024", "N", NULL, "Compute threads; 0: one per processor.", 0},
    {.name = NULL}};

static const ss_command command = {
    .name = "skillstream eval",
    .summary = "ranking figures of a release: RP@1, RP@5, RP@10, MRR",
    .arguments = "BENCHMARK.csv...",
    .description =
        "Each file has the columns sentence and label, one row per gold label (others are ignored). Rows are "
        "grouped by sentence; LABEL NOT PRESENT, UNDERSPECIFIED and empty labels do not count; sentences "
        "without a gold label are dropped; all skills are ranked without a threshold. Figures are x 100. With "
        "--mentions: precision, recall and F1 of what would be published, over all sentences.",
    .examples = "  skillstream eval --release esco.release tech_validation.csv house_validation.csv\n"
                "  skillstream eval --release esco.release --mentions judged_sentences.csv\n",
    .options = table,
    .size = sizeof(values)};

static void show(void *bar, size_t done)
{
    ss_progress_update(bar, done, NULL);
}

/* The file's name without folders and endings: the key of an object, or the first column. */
static void print_name(const values *v, const char *path, size_t number)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t len = strcspn(name, ".");
    if (!v->json) {
        ss_print_plain(name, len, 24);
        return;
    }
    putchar(number ? ',' : '{');
    ss_print_json(name, len);
    putchar(':');
}

static void print_one(const values *v, const char *path, const ss_evaluation *e, size_t number)
{
    print_name(v, path, number);
    if (v->json)
        printf("{\"queries\":%zu,\"gold\":%zu,\"unknown\":%zu,\"dropped\":%zu,\"RP@1\":%.4f,\"RP@5\":%.4f,"
               "\"RP@10\":%.4f,"
               "\"MRR\":%.4f}",
               e->queries, e->gold, e->unknown, e->dropped, e->rp1, e->rp5, e->rp10, e->mrr);
    else
        printf("%8zu%7zu%8zu%8zu%8.2f%8.2f%8.2f%8.2f\n", e->queries, e->gold, e->unknown, e->dropped, e->rp1, e->rp5,
               e->rp10, e->mrr);
}

static void print_mentions(const values *v, const char *path, const ss_mentions_report *m, size_t number)
{
    print_name(v, path, number);
    if (v->json) {
        printf("{\"sentences\":%zu,\"withSkill\":%zu,\"gold\":%zu,\"unknown\":%zu,\"kept\":%zu,\"precision\":%"
               ".4f,"
               "\"recall\":%.4f,\"f1\":%.4f",
               m->sentences, m->with_skill, m->gold, m->unknown, m->kept, m->precision, m->recall, m->f1);
        if (m->gated)
            printf(",\"gate\":{\"precision\":%.4f,\"recall\":%.4f,\"f1\":%.4f,\"auc\":%.4f}", m->gate.precision,
                   m->gate.recall, m->gate.f1, m->gate.auc);
        putchar('}');
        return;
    }
    printf("%10zu%7zu%7zu%8zu%7zu%8.3f%8.3f%8.3f", m->sentences, m->with_skill, m->gold, m->unknown, m->kept,
           m->precision, m->recall, m->f1);
    if (m->gated)
        printf("   gate: precision %.3f, recall %.3f, F1 %.3f, AUC %.3f", m->gate.precision, m->gate.recall, m->gate.f1,
               m->gate.auc);
    putchar('\n');
}

/* The release's, or what the user asks for. */
static ss_ranker ranker_of(const values *v, const ss_release *release)
{
    ss_ranker ranker = {.weights = ss_release_manifest(release)->ranking,
                        .labels = ss_release_span_labels(release),
                        .filter = ss_filter_of(v->filter)};
    if (!isnan(v->named_weight)) ranker.weights.named = v->named_weight;
    if (!isnan(v->overlap_weight)) ranker.weights.overlap = v->overlap_weight;
    return ranker;
}

static void print_mentions_head(const ss_release *release)
{
    printf("%-24s%10s%7s%7s%8s%7s%8s%8s%8s   (threshold %.3f)\n", "set", "sentences", "with", "gold", "unknown", "kept",
           "prec.", "recall", "F1", ss_release_manifest(release)->calibration.threshold);
}

static int evaluate_mentions(const values *v, const char *path, size_t number, const ss_release *release,
                             ss_embedder *embedder, ss_error *err)
{
    const ss_taxonomy *taxonomy = ss_release_taxonomy(release);
    if (v->exact) return ss_fail(err, SS_USAGE, "--exact-labels has no meaning with --mentions");
    ss_ranker ranker = ranker_of(v, release);
    ss_mentions_report report;
    ss_labelled_set *set = ss_labelled_read(path, SS_LABELLED_TRAINING, taxonomy, err);
    ss_progress bar;
    ss_progress_start(&bar, "embedding sentences", "sentences", set ? ss_labelled_count(set) : 0);
    int bad =
        !set || ss_mentions_measure(set, taxonomy, ss_release_matrix(release), &ranker, ss_release_gate(release),
                                    &ss_release_manifest(release)->calibration, embedder, show, &bar, &report, err);
    ss_labelled_free(set);
    if (!bad && !report.sentences) bad = ss_fail(err, SS_INPUT, "%s: no sentences", path);
    if (bad) return -1;
    ss_progress_end(&bar, report.sentences);
    print_mentions(v, path, &report, number);
    return 0;
}

static void print_head(const ss_release *release)
{
    (void)release;
    printf("%-24s%8s%7s%8s%8s%8s%8s%8s%8s\n", "set", "queries", "gold", "unknown", "dropped", "RP@1", "RP@5", "RP@10",
           "MRR");
}

static int evaluate(const values *v, const char *path, size_t number, const ss_release *release, ss_embedder *embedder,
                    ss_error *err)
{
    ss_ranker ranker = ranker_of(v, release);
    ss_evaluation e = {0};
    ss_progress bar;
    ss_progress_start(&bar, "embedding sentences", "sentences", 0);
    if (ss_evaluate(path, v->exact, ss_release_taxonomy(release), ss_release_matrix(release), &ranker, embedder, show,
                    &bar, &e, err))
        return -1;
    ss_progress_end(&bar, e.queries);
    print_one(v, path, &e, number);
    return 0;
}

/* Also when a later file fails: what is printed is JSON. */
static int evaluate_all(const values *v, const ss_strings *files, const ss_release *release, ss_embedder *embedder,
                        ss_error *err)
{
    size_t done = 0;
    int bad = 0;
    if (!v->json) (v->mentions ? print_mentions_head : print_head)(release);
    for (; !bad && done < files->count; done += !bad)
        bad = (v->mentions ? evaluate_mentions : evaluate)(v, files->items[done], done, release, embedder, err);
    if (v->json && done) puts("}");
    return bad;
}

static int run(int argc, char **argv)
{
    values v;
    ss_options *options;
    ss_log log;
    int code;
    ss_error err = {0};
    if (!ss_command_begin(&command, argc, argv, &v, &options, &log, &code)) return code;
    ss_release *release = NULL;
    ss_pool *pool = NULL;
    ss_embedder *embedder = NULL;
    const ss_strings *files = ss_options_arguments(options);
    int bad = 0;
    if (!files->count)
        bad = ss_fail(&err, SS_USAGE, "no benchmark file given; see --help");
    else if (!(release = ss_release_open(v.release, &err)) || ss_release_set_precision(release, v.precision, &err) ||
             !(pool = ss_pool_new((size_t)v.threads, &err)) ||
             !(embedder = ss_embedder_new(ss_release_encoder(release), pool, &err)) ||
             evaluate_all(&v, files, release, embedder, &err))
        bad = -1;
    if (bad) code = ss_command_fail(&command, &err);
    ss_embedder_free(embedder);
    ss_pool_free(pool);
    ss_release_drop(release);
    ss_options_free(options);
    return code;
}

const ss_subcommand ss_eval_subcommand = {"eval", &command, run};

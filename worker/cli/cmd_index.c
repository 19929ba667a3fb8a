/* cmd_index.c - `skillstream index`: encoder + taxonomy -> release file. The work is in match/index.h. */
#include <stddef.h>
#include <stdio.h>

#include "base/progress.h"
#include "match/index.h"
#include "ops/build_info.h"
#include "worker/cli/command.h"

typedef struct values {
    ss_common_values common;
    const char *encoder, *taxonomy, *taxonomy_name, *taxonomy_version, *out, *prototypes, *score, *calibrate, *gate,
        *precision, *name;
    double named_weight, overlap_weight;
    uint64_t threads;
} values;

#define AT(member) offsetof(values, member)

static const ss_option table[] = {
    {"encoder", SS_OPT_STRING, AT(encoder), NULL, NULL, "DIR", "Input",
     "Sentence encoder in sentence-transformers layout (BERT or MPNet family).", SS_OPT_REQUIRED},
    {"taxonomy", SS_OPT_STRING, AT(taxonomy), NULL, NULL, "FILE", NULL,
     "ESCO's skills_en.csv, or a list of your own: CSV with the columns id, label and, if you like, alternatives "
     "(separated by '|'), description, type. Plain or gzip.",
     SS_OPT_REQUIRED},
    {"taxonomy-name", SS_OPT_STRING, AT(taxonomy_name), NULL, NULL, "NAME", NULL,
     "Name that records carry. Default: ESCO, or the file's name.", 0},
    {"taxonomy-version", SS_OPT_STRING, AT(taxonomy_version), NULL, NULL, "V", NULL,
     "Version that records carry. Default: recognised for ESCO 1.1.0.", 0},
    {"calibrate", SS_OPT_STRING, AT(calibrate), NULL, NULL, "FILE.csv", NULL,
     "Sentences with their skills (columns sentence, label; an empty label: no skill), to which probability and "
     "threshold are fitted. Should hold as many sentences without a skill as your ads do.",
     0},
    {"gate", SS_OPT_STRING, AT(gate), NULL, NULL, "FILE.csv", NULL,
     "Sentences with and without a skill (as for --calibrate), to which a gate is fitted: how likely a sentence asks "
     "for "
     "any skill at all. It keeps headings, pay and benefits from being linked.",
     0},
    {"prototypes", SS_OPT_STRING, AT(prototypes), "label", NULL, "KINDS", "Matching",
     "Which texts of a skill are embedded: label,alternatives,description. More find more, at more cost.", 0},
    {"score", SS_OPT_CHOICE, AT(score), "best", "best|mean-label-best", "HOW", NULL,
     "Score of a skill from its prototypes: the best one, or half the label's and half the best one's.", 0},
    {"named-weight", SS_OPT_REAL, AT(named_weight), "0", "0..10", "W", NULL,
     "Added to the score that ranks a skill whose preferred label stands in the sentence (skillstream eval).", 0},
    {"overlap-weight", SS_OPT_REAL, AT(overlap_weight), "0", "0..10", "W", NULL,
     "Times the overlap of a skill's names with the sentence, word by word (0 to some 3), added likewise. Mentions "
     "weigh both by the calibration.",
     0},
    {"precision", SS_OPT_CHOICE, AT(precision), "fp32", "fp32|int8", "P", NULL,
     "Arithmetic of the encoder, now and in those who use the release; int8 is several times faster.", 0},
    {"out", SS_OPT_STRING, AT(out), NULL, NULL, "FILE", "Output", "The release file.", SS_OPT_REQUIRED},
    {"name", SS_OPT_STRING, AT(name), NULL, NULL, "NAME", NULL, "Name of the release, for people.", 0},
    {"threads", SS_OPT_COUNT, AT(threads), "0", "0..1024", "N", NULL, "Compute threads; 0: one per processor.", 0},
    {.name = NULL}};

static const ss_command command = {
    .name = "skillstream index",
    .summary = "encoder + taxonomy -> release file",
    .description = "Embeds every skill of the taxonomy and writes encoder, tokenizer, skill matrix, taxonomy and "
                   "thresholds as one immutable release, named by its SHA-256. Workers and extract work with it.",
    .examples = "  skillstream index --encoder all-MiniLM-L6-v2 --taxonomy skills_en.csv --out esco.release\n"
                "  skillstream index --encoder m --taxonomy own.csv --calibrate judged.csv --out own.release\n",
    .options = table,
    .size = sizeof(values)};

typedef struct showing {
    ss_progress bar;
    const char *what;
} showing;

static void show(void *context, const char *what, size_t done, size_t total)
{
    showing *s = context;
    if (s->what != what) {
        if (s->what) ss_progress_end(&s->bar, s->bar.total);
        ss_progress_start(&s->bar, what, "texts", total);
        s->what = what;
    }
    ss_progress_update(&s->bar, done, NULL);
}

static void print_report(const ss_index_report *report, const char *out)
{
    const ss_calibration *c = &report->calibration;
    printf("release    %s\nfile       %s (%.1f MB)\nskills     %zu, %zu prototypes of %zu dimensions, in %.1f s\n",
           report->digest, out, (double)report->bytes / 1e6, report->skills, report->prototypes, report->dims,
           report->seconds);
    if (report->gated)
        printf("gate       fitted to %zu sentences, %zu with a skill; on these AUC %.3f, F1 %.3f\n",
               report->gate.sentences, report->gate.asking, report->gate.auc, report->gate.f1);
    if (report->calibrated)
        printf(
            "calibrated on %s: %zu sentences, %zu with a skill; threshold %.3f: precision %.3f, recall %.3f, F1 %.3f\n",
            c->fitted_on, report->fit.sentences, report->fit.with_skill, c->threshold, report->fit.point.precision,
            report->fit.point.recall, report->fit.point.f1);
    else
        printf("threshold  %.3f (default calibration; --calibrate FILE.csv fits one to your data)\n", c->threshold);
    if (report->calibrated && report->fit.unknown_labels)
        fprintf(stderr, "skillstream index: warning: %zu labels of the calibration file are not in the taxonomy\n",
                report->fit.unknown_labels);
}

static int run(int argc, char **argv)
{
    values v;
    ss_options *options;
    ss_log log;
    int code;
    ss_error err = {0};
    if (!ss_command_begin(&command, argc, argv, &v, &options, &log, &code)) return code;
    char program[64];
    ss_index_options index = {.encoder_dir = v.encoder,
                              .taxonomy_path = v.taxonomy,
                              .taxonomy_name = v.taxonomy_name,
                              .taxonomy_version = v.taxonomy_version,
                              .ranking = {.named = v.named_weight, .overlap = v.overlap_weight},
                              .calibrate_path = v.calibrate,
                              .gate_path = v.gate,
                              .name = v.name,
                              .precision = v.precision,
                              .program = ss_build_program("skillstream", program, sizeof program),
                              .threads = (size_t)v.threads,
                              .out_path = v.out};
    showing shown = {.what = NULL};
    ss_index_report report;
    int bad = ss_prototype_kinds_parse(v.prototypes, &index.prototypes, &err) ||
              ss_score_kind_parse(v.score, &index.score, &err) || ss_index_build(&index, show, &shown, &report, &err);
    if (!bad && shown.what) ss_progress_end(&shown.bar, shown.bar.total);
    if (bad)
        code = ss_command_fail(&command, &err);
    else
        print_report(&report, v.out);
    ss_options_free(options);
    return code;
}

const ss_subcommand ss_index_subcommand = {"index", &command, run};

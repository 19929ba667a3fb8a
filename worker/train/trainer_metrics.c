/* trainer_metrics.c - see trainer_metrics.h. */
#include "worker/train/trainer_metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "ops/build_info.h"

enum { MOST_PARTITIONS = 64 };

struct ss_trainer_metrics {
    ss_metrics *registry;
    _Atomic(ss_exchange *) exchange;
    ss_series *consumed, *appended, *repeated, *log_pairs;
    ss_metric *dead_letters, *lag, *trainings, *figures;
    ss_series *running, *step, *steps, *steps_done, *pairs, *tokens, *loss, *rate, *norm, *step_seconds, *checkpoints;
};

typedef struct family {
    ss_metric_kind kind;
    const char *name, *help;
    size_t series; /* offset of its series */
} family;

#define AT(member) offsetof(ss_trainer_metrics, member)

static const family plain[] = {
    {SS_COUNTER, "skillstream_pairs_consumed_total", "Training pairs read from the topic.", AT(consumed)},
    {SS_COUNTER, "skillstream_pairs_appended_total", "Training pairs appended to the log.", AT(appended)},
    {SS_COUNTER, "skillstream_pairs_repeated_total", "Training pairs that were in the log already.", AT(repeated)},
    {SS_GAUGE, "skillstream_pair_log_pairs", "Training pairs in the log.", AT(log_pairs)},
    {SS_GAUGE, "skillstream_training_running", "1 while a training runs.", AT(running)},
    {SS_GAUGE, "skillstream_training_step", "Steps done of the present or last training.", AT(step)},
    {SS_GAUGE, "skillstream_training_steps", "Steps that it has in all.", AT(steps)},
    {SS_COUNTER, "skillstream_training_steps_total", "Training steps done.", AT(steps_done)},
    {SS_COUNTER, "skillstream_training_pairs_total", "Pairs trained on, repetitions counted.", AT(pairs)},
    {SS_COUNTER, "skillstream_training_tokens_total", "Tokens trained on.", AT(tokens)},
    {SS_GAUGE, "skillstream_training_loss", "Loss of the last step.", AT(loss)},
    {SS_GAUGE, "skillstream_training_learning_rate", "Learning rate of the last step.", AT(rate)},
    {SS_GAUGE, "skillstream_training_gradient_norm", "Norm of its gradient before clipping.", AT(norm)},
    {SS_HISTOGRAM, "skillstream_training_step_seconds", "Seconds of a training step.", AT(step_seconds)},
    {SS_COUNTER, "skillstream_checkpoints_total", "Checkpoints written.", AT(checkpoints)}};

static int add_plain(ss_trainer_metrics *m, ss_error *err)
{
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        ss_metric *metric = ss_metrics_add(m->registry, plain[i].kind, plain[i].name, plain[i].help, NULL, 0, err);
        if (!metric) return -1;
        *(ss_series **)((char *)m + plain[i].series) = ss_metric_with(metric, NULL);
    }
    return 0;
}

static int add_labelled(ss_trainer_metrics *m, ss_error *err)
{
    m->dead_letters =
        ss_metrics_add(m->registry, SS_COUNTER, "skillstream_dead_letters_total",
                       "Pairs sent to the dead letter topic, by reason.", (const char *[]){"reason"}, 1, err);
    m->lag = ss_metrics_add(m->registry, SS_GAUGE, "skillstream_consumer_lag", "Messages not yet committed.",
                            (const char *[]){"partition"}, 1, err);
    m->trainings = ss_metrics_add(m->registry, SS_COUNTER, "skillstream_trainings_total", "Trainings, by their end.",
                                  (const char *[]){"result"}, 1, err);
    m->figures = ss_metrics_add(m->registry, SS_GAUGE, "skillstream_validation",
                                "Figures x 100 of the last training's validation, before and after.",
                                (const char *[]){"set", "figure", "when"}, 3, err);
    ss_metric *build = ss_metrics_add(m->registry, SS_GAUGE, "skillstream_build_info", "Which build this is.",
                                      (const char *[]){"version", "commit"}, 2, err);
    if (!m->dead_letters || !m->lag || !m->trainings || !m->figures || !build) return -1;
    ss_gauge_set(ss_metric_with(build, (const char *[]){ss_build_version(), ss_build_commit()}), 1);
    return 0;
}

static void show_lag(void *context)
{
    ss_trainer_metrics *m = context;
    ss_exchange *exchange = m->exchange;
    if (!exchange) return;
    ss_exchange_stats stats;
    ss_exchange_partition partitions[MOST_PARTITIONS];
    size_t count = ss_exchange_read_stats(exchange, &stats, partitions, MOST_PARTITIONS);
    for (size_t i = 0; i < count; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", (int)partitions[i].partition);
        if (partitions[i].lag >= 0)
            ss_gauge_set(ss_metric_with(m->lag, (const char *[]){number}), (double)partitions[i].lag);
    }
}

ss_trainer_metrics *ss_trainer_metrics_new(ss_error *err)
{
    ss_trainer_metrics *m = calloc(1, sizeof *m);
    if (!m) {
        ss_fail_memory(err, "making metrics");
        return NULL;
    }
    m->registry = ss_metrics_new(err);
    if (m->registry && !add_plain(m, err) && !add_labelled(m, err)) {
        ss_metrics_before_render(m->registry, show_lag, m);
        return m;
    }
    ss_trainer_metrics_free(m);
    return NULL;
}

void ss_trainer_metrics_free(ss_trainer_metrics *m)
{
    if (!m) return;
    ss_metrics_free(m->registry);
    free(m);
}

ss_metrics *ss_trainer_metrics_registry(ss_trainer_metrics *m)
{
    return m->registry;
}

void ss_trainer_metrics_watch(ss_trainer_metrics *m, ss_exchange *exchange)
{
    m->exchange = exchange;
}

void ss_trainer_metrics_batch(ss_trainer_metrics *m, size_t messages, size_t appended, size_t repeated,
                              size_t log_pairs)
{
    ss_counter_add(m->consumed, messages);
    ss_counter_add(m->appended, appended);
    ss_counter_add(m->repeated, repeated);
    ss_gauge_set(m->log_pairs, (double)log_pairs);
}

void ss_trainer_metrics_dead_letter(ss_trainer_metrics *m, const char *reason)
{
    ss_counter_add(ss_metric_with(m->dead_letters, (const char *[]){reason}), 1);
}

void ss_trainer_metrics_running(ss_trainer_metrics *m, int running)
{
    ss_gauge_set(m->running, running);
}

void ss_trainer_metrics_step(ss_trainer_metrics *m, const ss_session_step *step)
{
    ss_gauge_set(m->step, (double)step->step);
    ss_gauge_set(m->steps, (double)step->steps);
    ss_counter_add(m->steps_done, 1);
    ss_counter_add(m->pairs, step->pairs);
    ss_counter_add(m->tokens, step->tokens);
    ss_gauge_set(m->loss, (double)step->point.loss);
    ss_gauge_set(m->rate, (double)step->point.lr);
    ss_gauge_set(m->norm, (double)step->point.norm);
    ss_histogram_observe(m->step_seconds, step->seconds);
}

void ss_trainer_metrics_checkpoint(ss_trainer_metrics *m)
{
    ss_counter_add(m->checkpoints, 1);
}

static void show_figures(ss_trainer_metrics *m, const char *set, const char *when, const ss_evaluation *e)
{
    ss_gauge_set(ss_metric_with(m->figures, (const char *[]){set, "RP@5", when}), e->rp5);
    ss_gauge_set(ss_metric_with(m->figures, (const char *[]){set, "MRR", when}), e->mrr);
}

void ss_trainer_metrics_training(ss_trainer_metrics *m, const char *result, const ss_outcome *outcome)
{
    ss_counter_add(ss_metric_with(m->trainings, (const char *[]){result}), 1);
    for (size_t i = 0; outcome && i < outcome->set_count; i++) {
        show_figures(m, outcome->sets[i].name, "before", &outcome->sets[i].before);
        show_figures(m, outcome->sets[i].name, "after", &outcome->sets[i].after);
    }
}

/* adamw.c - see adamw.h. The arrays are cut into BLOCKS parts, whatever the number of threads. */
#include "nn/train/adamw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/gemm.h"
#include "nn/train/row_kernels.h"

enum { BLOCKS = 256, LINE = 16 };

/* One pass over the arrays, as the pool's threads see it. */
typedef struct pass {
    ss_train_model *model;
    const ss_row_kernels *rows;
    ss_adamw *state;
    ss_adamw_numbers plain, decayed; /* for tensors without and with weight decay */
    int decay_all;
    double squares[BLOCKS];
} pass;

ss_adamw_options ss_adamw_defaults(void)
{
    return (ss_adamw_options){.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.01};
}

int ss_adamw_init(ss_adamw *state, const ss_train_model *model, ss_error *err)
{
    *state = (ss_adamw){.size = ss_train_model_size(model)};
    state->first = calloc(state->size, sizeof *state->first);
    state->second = calloc(state->size, sizeof *state->second);
    if (state->first && state->second) return 0;
    ss_adamw_free(state);
    return ss_fail_memory(err, "making room for moments");
}

void ss_adamw_free(ss_adamw *state)
{
    free(state->first);
    free(state->second);
    *state = (ss_adamw){.size = 0};
}

/* Block `number` is [begin, end) of the arrays; may be empty. */
static void block_of(const ss_train_model *model, size_t number, size_t *begin, size_t *end)
{
    size_t size = ss_train_model_size(model), block = (size / BLOCKS / LINE + 1) * LINE;
    *begin = number * block < size ? number * block : size;
    *end = *begin + block < size ? *begin + block : size;
}

static pass new_pass(ss_train_model *model)
{
    return (pass){.model = model, .rows = ss_row_kernels_for(ss_engine_best().kernels)};
}

static int squares_piece(void *job, size_t thread, size_t number)
{
    pass *p = job;
    size_t begin, end;
    (void)thread;
    block_of(p->model, number, &begin, &end);
    p->squares[number] = p->rows->squares(ss_train_model_gradients(p->model) + begin, end - begin);
    return 0;
}

double ss_gradient_norm(ss_train_model *model, ss_pool *pool)
{
    pass p = new_pass(model);
    double total = 0.0;
    ss_pool_run(pool, BLOCKS, squares_piece, &p);
    for (size_t i = 0; i < BLOCKS; i++) total += p.squares[i];
    return sqrt(total);
}

static int clear_piece(void *job, size_t thread, size_t number)
{
    const pass *p = job;
    size_t begin, end;
    (void)thread;
    block_of(p->model, number, &begin, &end);
    memset(ss_train_model_gradients(p->model) + begin, 0, (end - begin) * sizeof(float));
    return 0;
}

void ss_gradients_clear(ss_train_model *model, ss_pool *pool)
{
    pass p = new_pass(model);
    ss_pool_run(pool, BLOCKS, clear_piece, &p);
}

double ss_clip_factor(double norm, double most)
{
    double factor = most > 0.0 ? most / (norm + 1e-6) : 1.0;
    return factor < 1.0 ? factor : 1.0;
}

/* The part of a block that lies in each tensor. */
static int update_piece(void *job, size_t thread, size_t number)
{
    const pass *p = job;
    size_t begin, end, count;
    (void)thread;
    block_of(p->model, number, &begin, &end);
    const ss_parameter *parameters = ss_train_model_parameters(p->model, &count);
    for (size_t i = 0; i < count && begin < end; i++) {
        size_t behind = parameters[i].at + parameters[i].count, stop = behind < end ? behind : end;
        if (stop <= begin) continue;
        p->rows->adamw(p->decay_all || parameters[i].decay ? &p->decayed : &p->plain,
                       ss_train_model_gradients(p->model) + begin, ss_train_model_values(p->model) + begin,
                       p->state->first + begin, p->state->second + begin, stop - begin);
        begin = stop;
    }
    return 0;
}

void ss_adamw_update(ss_adamw *state, ss_train_model *model, ss_pool *pool, const ss_adamw_options *options, double lr,
                     double factor)
{
    pass p = new_pass(model);
    double t = (double)++state->step;
    p.state = state;
    p.decay_all = options->decay_all;
    p.plain = (ss_adamw_numbers){.factor = (float)factor,
                                 .beta1 = (float)options->beta1,
                                 .beta2 = (float)options->beta2,
                                 .rest1 = (float)(1.0 - options->beta1),
                                 .rest2 = (float)(1.0 - options->beta2),
                                 .keep = 1.0f,
                                 .rate = (float)(lr / (1.0 - pow(options->beta1, t))),
                                 .root = (float)sqrt(1.0 - pow(options->beta2, t)),
                                 .epsilon = (float)options->epsilon};
    p.decayed = p.plain;
    p.decayed.keep = (float)(1.0 - lr * options->weight_decay);
    ss_pool_run(pool, BLOCKS, update_piece, &p);
}

double ss_linear_schedule(uint64_t step, uint64_t warmup, uint64_t total)
{
    if (step < warmup) return (double)step / (double)warmup;
    if (step >= total) return 0.0;
    return (double)(total - step) / (double)(total - warmup);
}

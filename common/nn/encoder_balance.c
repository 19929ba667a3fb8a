/* encoder_balance.c - how large the inputs of an encoder's linear layers get, for balancing them (int8_gemm.h).
 *
 * While an int8 encoder is loaded, the sentences below pass through it, through each layer as soon as that is there:
 * what they give before a linear layer are its sizes. So balancing needs no file beside the model, an encoder trained
 * anew gets factors of its own, and a layer is balanced for what the layers before it give in 8 bits. All sets of
 * kernels give the same bits, and with them the same factors, on every CPU.
 *
 * The large inputs are a property of the model, not of the text: eight sentences find nearly what a hundred find
 * (README.md has figures). An empty text and a monotonous one are among them because a model may react to such in
 * channels of its own (all-mpnet-base-v2 does). Output projections are not balanced: attention has averaged their
 * inputs.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/aligned.h"
#include "nn/encoder_parts.h"

static const char *const sentences[] = {
    "Experience with Python, SQL and cloud platforms such as AWS or Azure.",
    "You will plan and supervise the work of a small team of electricians on site.",
    "Responsibilities:", "Excellent communication skills, both written and verbal, in English and German (C1).",
    "We offer 25 days of annual leave, a pension scheme and free parking.",
    "Preparing monthly accounts, VAT returns and payroll for up to 30 clients",
    "Valid driving licence (category C+E) and a forklift certificate required!",
    "Apply now at https://jobs.example.com or call 0123 456 789",
    "Care for elderly residents: personal hygiene, medication, meals & social activities.",
    "MUST BE WILLING TO WORK NIGHTS, WEEKENDS AND BANK HOLIDAYS",
    "Our client, a leading manufacturer of pumps, is looking for a CNC machinist.",
    "3+ years' experience in B2B sales; knowledge of CRM software is a plus",
    "Teach mathematics and physics to pupils aged 11-16",
    "Salary: \xc2\xa3"
    "28,000 - \xc2\xa3"
    "32,500 per annum, depending on experience",
    "Able to design, test and maintain embedded firmware in C/C++ for ARM microcontrollers.", "chef", "",
    /* in brackets: one text */
    ("and so on and so on and so on and so on and so on and so on and so on and so on and so on and so on and so on "
     "and so on and so on and so on and so on and so on and so on and so on and so on and so on and so on and so on")};

enum { COUNT = sizeof sentences / sizeof sentences[0], LONGEST = 64 };

struct ss_balance {
    const ss_encoder *encoder;
    const ss_int8_kernels *kernels;
    uint32_t starts[COUNT + 1];
    size_t tokens;
    float *x, *wide, *inner, *narrow, *sizes, *scratch; /* (tokens, H), (tokens, 3 H), (tokens, I), (tokens, H) */
    unsigned char *q;                                   /* (tokens) quantised rows of the widest layer */
    ss_row_scale *scales;                               /* (tokens) */
};

static int tokenise(ss_balance *b, int32_t *ids, ss_error *err)
{
    const ss_encoder *encoder = b->encoder;
    size_t most = encoder->config.max_tokens < LONGEST ? encoder->config.max_tokens : LONGEST;
    ss_tokenizer_scratch *scratch = ss_tokenizer_scratch_new(err);
    int failed = !scratch;
    for (size_t s = 0; s < COUNT && !failed; s++) {
        size_t count = 0;
        failed = ss_tokenize(encoder->tokenizer, scratch, sentences[s], strlen(sentences[s]), most, ids + b->tokens,
                             &count, NULL, err);
        b->tokens += count;
        b->starts[s + 1] = (uint32_t)b->tokens;
    }
    ss_tokenizer_scratch_free(scratch);
    return failed ? -1 : 0;
}

static float *floats(size_t n)
{
    return ss_aligned_new(n * sizeof(float));
}

ss_balance *ss_balance_new(const ss_encoder *encoder, ss_error *err)
{
    size_t hidden = encoder->config.hidden, inner = encoder->config.inner, widest = hidden > inner ? hidden : inner;
    int32_t ids[COUNT * LONGEST];
    ss_balance *b = calloc(1, sizeof *b);
    if (!b) {
        ss_fail_memory(err, "loading an encoder");
        return NULL;
    }
    b->encoder = encoder;
    b->kernels = encoder->engine.int8;
    if (tokenise(b, ids, err)) {
        ss_balance_free(b);
        return NULL;
    }
    b->x = floats(b->tokens * hidden);
    b->wide = floats(b->tokens * 3 * hidden);
    b->inner = floats(b->tokens * inner);
    b->narrow = floats(b->tokens * hidden);
    b->sizes = floats(widest);
    b->scratch = floats(ss_int8_attention_scratch(b->kernels, &encoder->attention));
    b->q = ss_aligned_new(b->tokens * ss_int8_row_bytes(b->kernels, widest));
    b->scales = calloc(b->tokens, sizeof *b->scales);
    if (!b->x || !b->wide || !b->inner || !b->narrow || !b->sizes || !b->scratch || !b->q || !b->scales) {
        ss_balance_free(b);
        ss_fail_memory(err, "loading an encoder");
        return NULL;
    }
    for (size_t s = 0; s < COUNT; s++)
        ss_encoder_embed(encoder, ids + b->starts[s], b->starts[s + 1] - b->starts[s], b->x + b->starts[s] * hidden,
                         hidden);
    return b;
}

void ss_balance_free(ss_balance *b)
{
    if (!b) return;
    free(b->x);
    free(b->wide);
    free(b->inner);
    free(b->narrow);
    free(b->sizes);
    free(b->scratch);
    free(b->q);
    free(b->scales);
    free(b);
}

static const float *measure(ss_balance *b, const float *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) b->sizes[i] = fabsf(rows[i]);
    for (size_t t = 1; t < b->tokens; t++)
        for (size_t i = 0; i < n; i++) {
            float size = fabsf(rows[t * n + i]);
            if (size > b->sizes[i]) b->sizes[i] = size;
        }
    return b->sizes;
}

const float *ss_balance_hidden(ss_balance *b)
{
    return b ? measure(b, b->x, b->encoder->config.hidden) : NULL;
}

const float *ss_balance_inner(ss_balance *b)
{
    return b ? measure(b, b->inner, b->encoder->config.inner) : NULL;
}

static void apply(const ss_balance *b, const ss_int8_linear *linear, const float *x, const ss_activation *activation,
                  float *y)
{
    size_t ldq = ss_int8_row_bytes(b->kernels, linear->in);
    for (size_t t = 0; t < b->tokens; t++)
        b->kernels->quantise(x + t * linear->in, linear->factors, linear->in, b->q + t * ldq, &b->scales[t]);
    ss_int8_linear_run(linear, b->kernels, b->tokens, b->q, ldq, b->scales, activation, y, linear->out);
}

void ss_balance_attention(ss_balance *b, const ss_layer *layer)
{
    if (!b) return;
    size_t hidden = b->encoder->config.hidden;
    apply(b, &layer->qkv.int8, b->x, NULL, b->wide);
    for (size_t s = 0; s < COUNT; s++)
        b->kernels->attend(&b->encoder->attention, b->starts[s + 1] - b->starts[s], b->wide + b->starts[s] * 3 * hidden,
                           3 * hidden, b->scratch, b->narrow + b->starts[s] * hidden, hidden);
    apply(b, &layer->out.int8, b->narrow, NULL, b->wide);
    ss_encoder_normalise(b->encoder, b->tokens, b->x, hidden, b->wide, hidden, &layer->after_attention);
}

void ss_balance_up(ss_balance *b, const ss_layer *layer)
{
    if (b) apply(b, &layer->up.int8, b->x, &b->encoder->config.activation, b->inner);
}

void ss_balance_down(ss_balance *b, const ss_layer *layer)
{
    if (!b) return;
    size_t hidden = b->encoder->config.hidden;
    apply(b, &layer->down.int8, b->inner, NULL, b->narrow);
    ss_encoder_normalise(b->encoder, b->tokens, b->x, hidden, b->narrow, hidden, &layer->after_inner);
}

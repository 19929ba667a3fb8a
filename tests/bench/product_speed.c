/* product_speed.c - the 8-bit matrix product of the encoder's linear layers: ours (int8_gemm.h) and oneDNN's matmul, in
 * turns in one process, by the CPU time of its only thread; tests/bench/product runs it.
 *
 *   bench_product_speed KERNELS REPEATS
 *
 * KERNELS is a set of int8_kernels.h; the caller holds oneDNN to the same instructions (DNNL_MAX_CPU_ISA) and to one
 * thread (OMP_NUM_THREADS). Both multiply unsigned bytes of activations by signed bytes of weights, scale each output
 * channel and add a bias, from weights packed before; ours takes a scale and a zero of each row besides, which
 * oneDNN 2.6 cannot. Results are compared: they may differ by rounding only. Prints a JSON object per shape.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dnnl.h>

#include "base/aligned.h"
#include "nn/int8_gemm.h"

enum { MOST_REPEATS = 1000, SHORTEST_MS = 20 };
static const float row_scale = 1.0f / 64; /* so that results are as large as GELU's inputs are */

typedef struct shape {
    size_t m, n, k;
    int gelu;
} shape;

/* Products of MiniLM (384) and MPNet (768): query-key-value, out, up, down. 96 rows are the encoder's blocks. */
static const shape shapes[] = {{96, 1152, 384, 0},  {512, 1152, 384, 0}, {96, 384, 384, 0},
                               {96, 1536, 384, 0},  {96, 1536, 384, 1},  {96, 384, 1536, 0},
                               {512, 384, 1536, 0}, {96, 3072, 768, 0},  {96, 768, 3072, 0}};

typedef struct product {
    shape s;
    float *weight, *bias; /* (n, k), (n) */
    unsigned char *x;     /* (m, k) */
    ss_row_scale *rows;   /* (m) */
    ss_int8_linear ours;
    const ss_int8_kernels *kernels;
    unsigned char *q; /* (m, k) in the cells of the set */
    float *y, *z;     /* (m, n) of ours, of theirs */
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t matmul;
    dnnl_exec_arg_t args[4];
    const char *their_name;
} product;

static void must(int failed, const char *what)
{
    if (!failed) return;
    fprintf(stderr, "bench_product_speed: %s\n", what);
    exit(1);
}

static void *room(size_t bytes)
{
    void *memory = ss_aligned_new(bytes);
    must(!memory, "no memory");
    memset(memory, 0, bytes);
    return memory;
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fill(product *p)
{
    const shape s = p->s;
    p->weight = room(s.n * s.k * sizeof(float));
    p->bias = room(s.n * sizeof(float));
    p->x = room(s.m * s.k);
    p->rows = room(s.m * sizeof *p->rows);
    p->y = room(s.m * s.n * sizeof(float));
    p->z = room(s.m * s.n * sizeof(float));
    for (size_t i = 0; i < s.n * s.k; i++) p->weight[i] = 0.1f * ((float)rand() / (float)RAND_MAX - 0.5f);
    for (size_t i = 0; i < s.n; i++) p->bias[i] = (float)rand() / (float)RAND_MAX - 0.5f;
    for (size_t i = 0; i < s.m * s.k; i++) p->x[i] = (unsigned char)(rand() & 127); /* 7 bits: AVX2 sums pairs in 16 */
    for (size_t i = 0; i < s.m; i++) p->rows[i] = (ss_row_scale){.scale = row_scale};
}

/* ---- ours ---- */

static void make_ours(product *p)
{
    const shape s = p->s;
    ss_error err = {0};
    ss_linear_part part = {.weight = p->weight, .bias = p->bias, .rows = s.n};
    must(ss_int8_linear_init(&p->ours, p->kernels, s.k, &part, 1, NULL, &err), err.text);
    size_t cell = p->kernels->cell;
    p->q = room(s.m * s.k * cell);
    for (size_t i = 0; i < s.m * s.k; i++) p->q[i * cell] = p->x[i]; /* little-endian, as all these CPUs are */
}

static void run_ours(product *p)
{
    const ss_activation gelu = SS_GELU;
    ss_int8_linear_run(&p->ours, p->kernels, p->s.m, p->q, ss_int8_row_bytes(p->kernels, p->s.k), p->rows,
                       p->s.gelu ? &gelu : NULL, p->y, p->s.n);
}

/* ---- oneDNN's ---- */

static dnnl_memory_t memory_of(product *p, const dnnl_memory_desc_t *desc, void *data)
{
    dnnl_memory_t memory;
    must(dnnl_memory_create(&memory, desc, p->engine, data) != dnnl_success, "dnnl_memory_create");
    return memory;
}

/* Our quantised weights, taken out of their panels (int8_gemm.h), as (k, n). */
static int8_t *plain_weights(const product *p)
{
    const shape s = p->s;
    size_t panel = p->kernels->panel, group = p->kernels->group;
    int8_t *w = room(s.n * s.k);
    for (size_t j = 0; j < s.n; j++) {
        const int8_t *from = p->ours.weight + j / panel * panel * s.k + j % panel * group;
        for (size_t i = 0; i < s.k; i++) w[i * s.n + j] = from[i / group * panel * group + i % group];
    }
    return w;
}

/* What a sum of channel j is multiplied by. */
static float *output_scales(const product *p)
{
    float *scales = room(p->s.n * sizeof *scales);
    for (size_t j = 0; j < p->s.n; j++) scales[j] = p->ours.scales[j] * row_scale;
    return scales;
}

/* Packs the weights into the layout that the primitive asked for. */
static dnnl_memory_t pack(product *p, const dnnl_memory_desc_t *wanted, const dnnl_dims_t dims)
{
    dnnl_memory_desc_t plain;
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t reorder;
    dnnl_memory_desc_init_by_tag(&plain, 2, dims, dnnl_s8, dnnl_ab);
    dnnl_memory_t from = memory_of(p, &plain, plain_weights(p)), to = memory_of(p, wanted, DNNL_MEMORY_ALLOCATE);
    must(dnnl_reorder_primitive_desc_create(&desc, &plain, p->engine, wanted, p->engine, NULL) != dnnl_success ||
             dnnl_primitive_create(&reorder, desc) != dnnl_success,
         "packing oneDNN's weights");
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    must(dnnl_primitive_execute(reorder, p->stream, 2, args) != dnnl_success, "packing oneDNN's weights");
    dnnl_stream_wait(p->stream);
    return to;
}

static dnnl_primitive_attr_t attributes(const product *p, const float *scales)
{
    dnnl_primitive_attr_t attr;
    dnnl_primitive_attr_create(&attr);
    dnnl_primitive_attr_set_output_scales(attr, (dnnl_dim_t)p->s.n, 1 << 1, scales);
    if (p->s.gelu) {
        dnnl_post_ops_t ops;
        dnnl_post_ops_create(&ops);
        dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_gelu_erf, 0, 0);
        dnnl_primitive_attr_set_post_ops(attr, ops);
    }
    return attr;
}

static void make_theirs(product *p)
{
    const dnnl_dim_t m = (dnnl_dim_t)p->s.m, n = (dnnl_dim_t)p->s.n, k = (dnnl_dim_t)p->s.k;
    dnnl_memory_desc_t x, w, b, z;
    dnnl_matmul_desc_t desc;
    dnnl_primitive_desc_t made;
    const dnnl_dims_t w_dims = {k, n};
    const float *scales = output_scales(p);
    must(dnnl_engine_create(&p->engine, dnnl_cpu, 0) != dnnl_success ||
             dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags) != dnnl_success,
         "starting oneDNN");
    dnnl_memory_desc_init_by_tag(&x, 2, (dnnl_dims_t){m, k}, dnnl_u8, dnnl_ab);
    dnnl_memory_desc_init_by_tag(&w, 2, w_dims, dnnl_s8, dnnl_format_tag_any);
    dnnl_memory_desc_init_by_tag(&b, 2, (dnnl_dims_t){1, n}, dnnl_f32, dnnl_ab);
    dnnl_memory_desc_init_by_tag(&z, 2, (dnnl_dims_t){m, n}, dnnl_f32, dnnl_ab);
    must(dnnl_matmul_desc_init(&desc, &x, &w, &b, &z) != dnnl_success ||
             dnnl_primitive_desc_create(&made, &desc, attributes(p, scales), p->engine, NULL) != dnnl_success ||
             dnnl_primitive_create(&p->matmul, made) != dnnl_success,
         "making oneDNN's product");
    dnnl_primitive_desc_query(made, dnnl_query_impl_info_str, 0, (void *)&p->their_name);
    float *bias = room(p->s.n * sizeof *bias); /* it is added before the scale */
    for (size_t j = 0; j < p->s.n; j++) bias[j] = p->bias[j] / scales[j];
    dnnl_memory_t packed = pack(p, dnnl_primitive_desc_query_md(made, dnnl_query_weights_md, 0), w_dims);
    p->args[0] = (dnnl_exec_arg_t){DNNL_ARG_SRC, memory_of(p, &x, p->x)};
    p->args[1] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS, packed};
    p->args[2] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, memory_of(p, &b, bias)};
    p->args[3] = (dnnl_exec_arg_t){DNNL_ARG_DST, memory_of(p, &z, p->z)};
}

static void run_theirs(product *p)
{
    must(dnnl_primitive_execute(p->matmul, p->stream, 4, p->args) != dnnl_success, "oneDNN's product failed");
    dnnl_stream_wait(p->stream);
}

/* ---- timing ---- */

static double seconds_of(product *p, void (*run)(product *), size_t times)
{
    double start = cpu_seconds();
    for (size_t i = 0; i < times; i++) run(p);
    return (cpu_seconds() - start) / (double)times;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double largest_difference(const product *p)
{
    double most = 0;
    for (size_t i = 0; i < p->s.m * p->s.n; i++) {
        double d = fabs((double)p->y[i] - (double)p->z[i]) / (1 + fabs((double)p->z[i]));
        if (!(d <= most)) most = d;
    }
    return most;
}

static void measure(product *p, size_t repeats)
{
    static double ours[MOST_REPEATS], theirs[MOST_REPEATS], ratios[MOST_REPEATS];
    run_ours(p);
    run_theirs(p);
    double difference = largest_difference(p);
    must(!(difference < 1e-3), "the two products differ");
    size_t times = 1 + (size_t)(SHORTEST_MS * 1e-3 / seconds_of(p, run_ours, 3));
    for (size_t i = 0; i < repeats; i++) {
        ours[i] = seconds_of(p, run_ours, times);
        theirs[i] = seconds_of(p, run_theirs, times);
        ratios[i] = theirs[i] / ours[i];
    }
    qsort(ours, repeats, sizeof *ours, ascending);
    qsort(theirs, repeats, sizeof *theirs, ascending);
    qsort(ratios, repeats, sizeof *ratios, ascending);
    double operations = 2e-9 * (double)(p->s.m * p->s.n * p->s.k);
    printf("{\"m\": %zu, \"n\": %zu, \"k\": %zu, \"gelu\": %d, \"ours\": %.1f, \"theirs\": %.1f, \"ratio\": [%.3f, "
           "%.3f, %.3f], "
           "\"their_name\": \"%s\", \"difference\": %.1e}\n",
           p->s.m, p->s.n, p->s.k, p->s.gelu, operations / ours[repeats / 2], operations / theirs[repeats / 2],
           ratios[repeats / 2], ratios[0], ratios[repeats - 1], p->their_name, difference);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    size_t repeats = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    const ss_int8_kernels *kernels = argc == 3 ? ss_int8_kernels_named(argv[1]) : NULL;
    if (!kernels || repeats < 1 || repeats > MOST_REPEATS) {
        fprintf(stderr, "usage: %s KERNELS REPEATS (1 to %d), with kernels that this CPU can run\n", argv[0],
                MOST_REPEATS);
        return 2;
    }
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        product p = {.s = shapes[i], .kernels = kernels}; /* the process ends soon: nothing is freed */
        fill(&p);
        make_ours(&p);
        make_theirs(&p);
        measure(&p, repeats);
    }
    return 0;
}

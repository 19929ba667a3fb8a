/* train_projections.c - see train_projections.h. */
#include "tests/golden/train_projections.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { MOST = 64 /* one sign for each bit */ };

static const double rounding_share = 1e-6;

/* The output function of splitmix64 on a counter. */
static uint64_t signs_of(uint64_t counter)
{
    uint64_t z = counter + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void project(const char *name, const float *gradient, size_t count, size_t vectors, double *products)
{
    uint64_t first = (uint64_t)crc32(0, (const unsigned char *)name, (unsigned)strlen(name)) << 32;
    memset(products, 0, vectors * sizeof *products);
    for (size_t i = 0; i < count; i++) {
        if (gradient[i] == 0.0f) continue; /* most of the word table */
        uint64_t signs = signs_of(first + i);
        for (size_t k = 0; k < vectors; k++) products[k] += signs >> k & 1 ? -(double)gradient[i] : (double)gradient[i];
    }
}

/* Estimated distance of a tensor's gradient from the file's; -1 if it is not there. */
static double distance(const char *name, const float *gradient, size_t count, const json_t *entry)
{
    const json_t *projections = json_object_get(entry, "projections");
    size_t vectors = json_array_size(projections);
    double products[MOST], total = 0.0;
    if (vectors == 0 || vectors > MOST) return -1.0;
    project(name, gradient, count, vectors, products);
    for (size_t k = 0; k < vectors; k++) {
        double difference = products[k] - json_number_value(json_array_get(projections, k));
        total += difference * difference / (double)vectors;
    }
    return sqrt(total);
}

size_t train_projections_check(ss_train_model *model, const json_t *wanted, double whole, double limit)
{
    size_t count, bad = 0;
    const ss_parameter *parameters = ss_train_model_parameters(model, &count);
    const char *worst = "none";
    double largest = 0.0;
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_object_get(wanted, parameters[i].name);
        double norm = json_number_value(json_object_get(entry, "norm"));
        double off = distance(parameters[i].name, ss_train_model_gradients(model) + parameters[i].at,
                              parameters[i].count, entry);
        if (off >= 0.0 && norm < rounding_share * whole && off < rounding_share * whole) continue;
        off /= norm;
        if (off > largest) {
            largest = off;
            worst = parameters[i].name;
        }
        if (off >= 0.0 && off <= limit) continue;
        printf("gradient of %s: off by %.1e of its norm\n", parameters[i].name, off);
        bad++;
    }
    printf("gradients of %zu tensors: off by at most %.1e of their norm (%s)\n", count, largest, worst);
    return bad;
}

/* int8_kernels.c - which set of int8 kernels this CPU can run; see int8_kernels.h. */
#include "nn/int8_kernels.h"

#include <string.h>

#include "base/aligned.h"
#include "nn/int8_kernels_sets.h"

#if defined(SS_HAVE_AVXVNNI)
#include <cpuid.h>

/* __builtin_cpu_supports does not know AVX-VNNI in every compiler: CPUID leaf 7, part 1, EAX bit 4. */
static int has_avxvnni(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}
#endif

const ss_int8_kernels *ss_int8_kernels_named(const char *name)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    int vnni512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                  __builtin_cpu_supports("avx512vnni");
    if (strcmp(name, "avx512vnni") == 0) return vnni512 ? &ss_int8_avx512vnni : NULL;
    if (strcmp(name, "avx2") == 0) return avx2 ? &ss_int8_avx2 : NULL;
#if defined(SS_HAVE_AVXVNNI)
    if (strcmp(name, "avxvnni") == 0) return avx2 && has_avxvnni() ? &ss_int8_avxvnni : NULL;
#endif
#endif
    return strcmp(name, "generic") == 0 ? &ss_int8_generic : NULL;
}

const ss_int8_kernels *ss_int8_kernels_best(void)
{
    static const char *const order[] = {"avx512vnni", "avxvnni", "avx2"};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        const ss_int8_kernels *kernels = ss_int8_kernels_named(order[i]);
        if (kernels) return kernels;
    }
    return &ss_int8_generic;
}

size_t ss_int8_attention_scratch(const ss_int8_kernels *kernels, const ss_attention *attention)
{
    size_t panel = kernels->floats->panel, rows = kernels->floats->rows;
    size_t tokens = ss_round_up(attention->max_tokens, panel), width = ss_round_up(attention->width, panel);
    return attention->width * tokens + attention->max_tokens * width + rows * (tokens + panel) + rows * width;
}

/* kernels.c - which set of kernels this CPU can run; see kernels.h. */
#include "nn/kernels.h"

#include <string.h>

#include "nn/kernels_sets.h"

const ss_kernels *ss_kernels_named(const char *name)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                 __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (strcmp(name, "avx512") == 0) return avx512 ? &ss_kernels_avx512 : NULL;
    if (strcmp(name, "avx2") == 0) return avx2 ? &ss_kernels_avx2 : NULL;
#endif
    return strcmp(name, "generic") == 0 ? &ss_kernels_generic : NULL;
}

const ss_kernels *ss_kernels_best(void)
{
    static const char *const order[] = {"avx512", "avx2"};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        const ss_kernels *kernels = ss_kernels_named(order[i]);
        if (kernels) return kernels;
    }
    return &ss_kernels_generic;
}

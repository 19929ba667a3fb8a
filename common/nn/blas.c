/* blas.c - see blas.h.
 *
 * OpenBLAS names its kernels after CPUs. What matters is the width of vectors that they use, so both its choice and the
 * CPU are reduced to that (none, AVX, AVX2, AVX-512), and only a choice below the CPU's width is overruled. On a
 * CPU with AVX-512, SkylakeX is the oldest name for it, so every OpenBLAS that has such kernels knows it. Measured on
 * Zen 4 (0.3.21, one thread) it is right and within 5 % of Haswell, Zen and Cooperlake.
 */
#include "nn/blas.h"

#include <cblas.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char guard[] = "SKILLSTREAM_BLAS_CHOSE"; /* holds what OpenBLAS had chosen before we set it right */
static const char core_type[] = "OPENBLAS_CORETYPE";

enum { WIDTH_NONE, WIDTH_AVX, WIDTH_AVX2, WIDTH_AVX512 };

#if defined(__x86_64__)
static int width_of_core(const char *core)
{
    static const struct {
        const char *name;
        int width;
    } cores[] = {{"SkylakeX", WIDTH_AVX512}, {"Cooperlake", WIDTH_AVX512}, {"SapphireRapids", WIDTH_AVX512},
                 {"Haswell", WIDTH_AVX2},    {"Zen", WIDTH_AVX2},          {"Excavator", WIDTH_AVX2},
                 {"Sandybridge", WIDTH_AVX}, {"Bulldozer", WIDTH_AVX},     {"Piledriver", WIDTH_AVX},
                 {"Steamroller", WIDTH_AVX}};
    for (size_t i = 0; i < sizeof cores / sizeof cores[0]; i++)
        if (strcasecmp(core, cores[i].name) == 0) return cores[i].width;
    return WIDTH_NONE;
}

static int width_of_cpu(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return WIDTH_NONE;
    int wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    return wide ? WIDTH_AVX512 : WIDTH_AVX2;
}

const char *ss_blas_better_core(const char *chosen)
{
    int has = width_of_core(chosen), could = width_of_cpu();
    if (has >= could) return NULL;
    return could == WIDTH_AVX512 ? "SkylakeX" : "Haswell";
}
#else
const char *ss_blas_better_core(const char *chosen)
{
    (void)chosen;
    return NULL;
}
#endif

int ss_blas_prepare(char **argv, ss_error *err)
{
    openblas_set_num_threads(1);
    const char *chosen = openblas_get_corename();
    const char *better = ss_blas_better_core(chosen);
    if (!better || getenv(core_type)) return 0; /* right, or what someone asked for */
    if (getenv(guard)) return 0;                /* tried before: go on with what there is */
    if (setenv(guard, chosen, 1) != 0 || setenv(core_type, better, 1) != 0 ||
        setenv("OPENBLAS_NUM_THREADS", "1", 1) != 0)
        return ss_fail(err, SS_MEMORY, "cannot set %s=%s", core_type, better);
    execv("/proc/self/exe", argv);
    int reason = errno;
    unsetenv(core_type);
    return ss_fail(err, SS_IO, "OpenBLAS chose its %s kernels, and starting anew with %s=%s failed: %s", chosen,
                   core_type, better, strerror(reason));
}

void ss_blas_description(char *out, size_t size)
{
    char version[64] = "OpenBLAS";
    const char *config = openblas_get_config(), *before = getenv(guard), *asked = getenv(core_type);
    size_t words = strcspn(config, " ");
    if (config[words] == ' ') words += 1 + strcspn(config + words + 1, " ");
    if (words < sizeof version) snprintf(version, sizeof version, "%.*s", (int)words, config);
    if (before && asked)
        snprintf(out, size, "%s, %s kernels (set by us, its own choice was %s), %d thread per caller", version,
                 openblas_get_corename(), before, openblas_get_num_threads());
    else
        snprintf(out, size, "%s, %s kernels, %d thread per caller", version, openblas_get_corename(),
                 openblas_get_num_threads());
}

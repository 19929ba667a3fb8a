/* blas_restart.c - a program whose OpenBLAS takes the CPU for an old one starts itself anew, once, with better kernels.
 *
 * openblas_get_corename is wrapped by the linker (--wrap) so that the first start sees "Prescott", as OpenBLAS says on
 * CPUs newer than itself. The second start must come with the same arguments and other kernels, and must not be
 * followed by a third.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/blas.h"

char *__real_openblas_get_corename(void);
char *__wrap_openblas_get_corename(void);

char *__wrap_openblas_get_corename(void)
{
    static char prescott[] = "Prescott";
    return getenv("OPENBLAS_CORETYPE") ? __real_openblas_get_corename() : prescott;
}

int main(int argc, char **argv)
{
    enum { SKIP = 77 };
    char line[200];
    ss_error err = {0};
    if (argc == 1) {
        char *again[] = {argv[0], "an argument", "", NULL};
        unsetenv("OPENBLAS_CORETYPE");
        if (!ss_blas_better_core("Prescott")) {
            printf("skipped: Prescott's kernels are as good as any on this CPU\n");
            return SKIP;
        }
        ss_blas_prepare(again, &err);
        printf("not started anew: %s\n", err.text);
        return 1;
    }
    if (ss_blas_prepare(argv, &err) != 0) return 1;
    ss_blas_description(line, sizeof line);
    printf("%s\n", line);
    int right = argc == 3 && strcmp(argv[1], "an argument") == 0 && argv[2][0] == 0 && strstr(line, "was Prescott") &&
                !ss_blas_better_core(__real_openblas_get_corename());
    return right ? 0 : 1;
}

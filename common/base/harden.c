/* harden.c - see harden.h. Neither call can fail here: a limit may always be lowered, and 0 is a valid value. */
#include "base/harden.h"

#include <sys/prctl.h>
#include <sys/resource.h>

void ss_harden_process(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){.rlim_cur = 0, .rlim_max = 0});
    prctl(PR_SET_DUMPABLE, 0);
}

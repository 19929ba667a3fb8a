/* instance_name.c - see instance_name.h. */
#include "worker/extract/instance_name.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/hash.h"

enum { MOST = 1024 };

int ss_instance_name(const char *group, char out[128], ss_error *err)
{
    char host[65] = "worker";
    if (gethostname(host, sizeof host - 1)) snprintf(host, sizeof host, "worker");
    host[64] = 0;
    for (int number = 0; number < MOST; number++) {
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0) break;
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        /* The first byte stays 0: an abstract name. The group is hashed because its length has no bound. */
        int len = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "skillstream-worker-%016llx-%d",
                           (unsigned long long)ss_hash64(group, strlen(group)), number);
        socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
        if (!bind(fd, (const struct sockaddr *)&address, size)) {
            snprintf(out, 128, "%.64s-%d", host, number);
            return fd;
        }
        int in_use = errno == EADDRINUSE;
        close(fd);
        if (!in_use) break;
    }
    return ss_fail(err, SS_IO, "no name for this worker could be found (%s): give one by --instance ID",
                   strerror(errno));
}

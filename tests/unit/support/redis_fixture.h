/* redis_fixture.h - a redis-server of a test's own.
 *
 * Started on a free port of 127.0.0.1 and on a unix socket, in a temporary
 * folder, without persistence. It is killed by its own pid: by redis_fixture_stop,
 * else when the test process exits, else by the kernel when that dies.
 */
#ifndef SKILLSTREAM_TESTS_UNIT_SUPPORT_REDIS_FIXTURE_H
#define SKILLSTREAM_TESTS_UNIT_SUPPORT_REDIS_FIXTURE_H

#include <sys/types.h>

typedef struct redis_fixture {
    pid_t pid; /* 0 = not running */
    int port;
    char dir[64];
    char socket_path[100];
    char url[64]; /* redis://127.0.0.1:PORT/0 */
    const char *const *extra;
} redis_fixture;

/* 1 if there is a redis-server to start; else prints why the test is skipped. */
int redis_fixture_available(void);

/* `extra`: further arguments ("--requirepass", "x", NULL), or NULL; outlives the fixture. NULL if it does not come up.
 */
redis_fixture *redis_fixture_start(const char *const *extra);

void redis_fixture_kill(redis_fixture *redis);   /* SIGKILL; its data is gone */
int redis_fixture_restart(redis_fixture *redis); /* on the same port and socket, empty; 0 = up */
void redis_fixture_pause(redis_fixture *redis);  /* SIGSTOP: accepts connections, answers nothing */
void redis_fixture_resume(redis_fixture *redis);
void redis_fixture_stop(redis_fixture *redis); /* kills, removes the folder, frees; NULL is fine */

/* A port nobody listens on at the moment. */
int redis_fixture_free_port(void);

#endif

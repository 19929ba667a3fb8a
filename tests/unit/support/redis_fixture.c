/* redis_fixture.c - see redis_fixture.h. Uses only libc, so that it tests hiredis and our client rather than itself. */
#include "support/redis_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RUNNING_MAX = 16, ARGS_MAX = 64, START_TRIES = 3, WAIT_MS = 10000 };

static redis_fixture *running[RUNNING_MAX];

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

int redis_fixture_available(void)
{
    const char *path = getenv("PATH");
    for (const char *at = path ? path : "/usr/bin"; *at;) {
        size_t len = strcspn(at, ":");
        char file[512];
        snprintf(file, sizeof file, "%.*s/redis-server", (int)len, at);
        if (access(file, X_OK) == 0) return 1;
        at += len + (at[len] == ':');
    }
    printf("skipped: redis-server is not installed\n");
    return 0;
}

int redis_fixture_free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int port = -1;
    if (bind(fd, (struct sockaddr *)&address, len) == 0 && getsockname(fd, (struct sockaddr *)&address, &len) == 0)
        port = ntohs(address.sin_port);
    close(fd);
    return port;
}

static void kill_all(void)
{
    for (int i = 0; i < RUNNING_MAX; i++)
        if (running[i]) {
            redis_fixture_kill(running[i]);
            rmdir(running[i]->dir);
        }
}

static void remember(redis_fixture *redis)
{
    static int registered;
    if (!registered) atexit(kill_all);
    registered = 1;
    for (int i = 0; i < RUNNING_MAX; i++)
        if (!running[i]) {
            running[i] = redis;
            return;
        }
}

static void forget(const redis_fixture *redis)
{
    for (int i = 0; i < RUNNING_MAX; i++)
        if (running[i] == redis) running[i] = NULL;
}

/* 1 when the server answers a PING (an error about credentials is an answer too). */
static int answers(const redis_fixture *redis)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((in_port_t)redis->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char reply[64] = "";
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 && send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 &&
        recv(fd, reply, sizeof reply - 1, 0) < 0)
        reply[0] = 0;
    close(fd);
    return strncmp(reply, "+PONG", 5) == 0 || strncmp(reply, "-NOAUTH", 7) == 0;
}

static void become_server(const redis_fixture *redis)
{
    char port[8], *argv[ARGS_MAX];
    snprintf(port, sizeof port, "%d", redis->port);
    const char *const own[] = {
        "redis-server",     "--port", port, "--bind",       "127.0.0.1", "--dir",       redis->dir, "--unixsocket",
        redis->socket_path, "--save", "",   "--appendonly", "no",        "--databases", "4"};
    size_t count = 0;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) argv[count++] = strdup(own[i]);
    for (size_t i = 0; redis->extra && redis->extra[i] && count < ARGS_MAX - 1; i++)
        argv[count++] = strdup(redis->extra[i]);
    argv[count] = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    execvp("redis-server", argv);
    _exit(127);
}

int redis_fixture_restart(redis_fixture *redis)
{
    redis_fixture_kill(redis);
    pid_t pid = fork();
    if (pid == 0) become_server(redis);
    if (pid < 0) return -1;
    redis->pid = pid;
    for (int waited = 0; waited < WAIT_MS; waited += 20) {
        if (waitpid(pid, NULL, WNOHANG) == pid) {
            redis->pid = 0;
            return -1;
        }
        if (answers(redis)) return 0;
        sleep_ms(20);
    }
    redis_fixture_kill(redis);
    return -1;
}

redis_fixture *redis_fixture_start(const char *const *extra)
{
    redis_fixture *redis = calloc(1, sizeof *redis);
    if (!redis) return NULL;
    redis->extra = extra;
    snprintf(redis->dir, sizeof redis->dir, "/tmp/skillstream-redis-XXXXXX");
    if (!mkdtemp(redis->dir)) {
        free(redis);
        return NULL;
    }
    snprintf(redis->socket_path, sizeof redis->socket_path, "%s/redis.sock", redis->dir);
    remember(redis);
    for (int i = 0; i < START_TRIES; i++) { /* another process may take the port in between */
        redis->port = redis_fixture_free_port();
        snprintf(redis->url, sizeof redis->url, "redis://127.0.0.1:%d/0", redis->port);
        if (redis_fixture_restart(redis) == 0) return redis;
    }
    redis_fixture_stop(redis);
    return NULL;
}

void redis_fixture_kill(redis_fixture *redis)
{
    if (redis->pid > 0) {
        kill(redis->pid, SIGKILL);
        waitpid(redis->pid, NULL, 0);
        redis->pid = 0;
    }
    unlink(redis->socket_path);
}

void redis_fixture_pause(redis_fixture *redis)
{
    if (redis->pid > 0) kill(redis->pid, SIGSTOP);
}

void redis_fixture_resume(redis_fixture *redis)
{
    if (redis->pid > 0) kill(redis->pid, SIGCONT);
}

void redis_fixture_stop(redis_fixture *redis)
{
    if (!redis) return;
    redis_fixture_kill(redis);
    forget(redis);
    rmdir(redis->dir);
    free(redis);
}

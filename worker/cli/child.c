/* child.c - see child.h. */
#include "worker/cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

/* In the child; on failure errno goes through the pipe, which exec closes. */
static void become(char *const argv[], const char *log_path, pid_t parent, int report)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1); /* the parent died before the line above */
    int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log >= 0 && null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(log, STDOUT_FILENO) >= 0 &&
        dup2(log, STDERR_FILENO) >= 0)
        execvp(argv[0], argv);
    int code = errno;
    ssize_t ignored = write(report, &code, sizeof code);
    (void)ignored;
    _exit(127);
}

int ss_child_start(ss_child *child, const char *name, char *const argv[], const char *log_path, ss_error *err)
{
    int pipe_ends[2], code = 0;
    *child = (ss_child){.name = name};
    if (pipe2(pipe_ends, O_CLOEXEC)) return ss_fail(err, SS_IO, "starting %s: %s", name, strerror(errno));
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) become(argv, log_path, parent, pipe_ends[1]);
    close(pipe_ends[1]);
    ssize_t got = pid > 0 ? read(pipe_ends[0], &code, sizeof code) : 0;
    close(pipe_ends[0]);
    if (pid < 0) return ss_fail(err, SS_IO, "starting %s: %s", name, strerror(errno));
    if (got > 0) {
        waitpid(pid, NULL, 0);
        return ss_fail(err, code == ENOENT ? SS_NOT_FOUND : SS_IO, "starting %s (%s): %s", name, argv[0],
                       strerror(code));
    }
    child->pid = pid;
    return 0;
}

static int exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int ss_child_running(ss_child *child, int *code)
{
    int status;
    if (!child->pid) return 0;
    if (waitpid(child->pid, &status, WNOHANG) != child->pid) return 1;
    child->pid = 0;
    *code = exit_code(status);
    return 0;
}

int ss_child_stop(ss_child *child, int patience_ms)
{
    int code = 0;
    if (!child->pid) return 0;
    kill(child->pid, SIGTERM);
    int64_t until = ss_now_ms() + patience_ms;
    while (ss_child_running(child, &code)) {
        if (ss_now_ms() > until) kill(child->pid, SIGKILL);
        ss_sleep_ms(10);
    }
    return code;
}

int ss_sibling_program(const char *name, char *out, size_t size, ss_error *err)
{
    char self[4096];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0) return ss_fail(err, SS_IO, "cannot tell where this program is: %s", strerror(errno));
    self[len] = 0;
    char *slash = strrchr(self, '/');
    if (slash) *slash = 0;
    if ((size_t)snprintf(out, size, "%s/%s", self, name) >= size)
        return ss_fail(err, SS_LIMIT, "the path of this program is too long");
    return 0;
}

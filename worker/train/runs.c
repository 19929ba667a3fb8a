/* runs.c - see runs.h. */
#include "worker/train/runs.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

static int name_run(const char *state, unsigned number, char out[PATH_MAX], ss_error *err)
{
    if (snprintf(out, PATH_MAX, "%s/run-%06u", state, number) < PATH_MAX) return 0;
    return ss_fail(err, SS_CONFIG, "the path of the state folder is too long");
}

/* NULL when the file is not there or is no JSON object. */
static json_t *read_json(const char *folder, const char *name)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return json_load_file(path, 0, NULL);
}

static int write_json(const char *folder, const char *name, json_t *json, ss_error *err)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
    int result = text ? ss_file_write(path, text, strlen(text), err) : ss_fail_memory(err, "writing a result");
    free(text);
    json_decref(json);
    return result;
}

static unsigned newest_number(const char *state)
{
    static const char prefix[] = "run-";
    const size_t before = sizeof prefix - 1, most = 6; /* digits */
    unsigned newest = 0;
    DIR *folder = opendir(state);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (strncmp(entry->d_name, prefix, before) != 0) continue;
        const char *digits = entry->d_name + before;
        size_t count = strspn(digits, "0123456789");
        if (count == 0 || count > most || digits[count]) continue;
        unsigned number = (unsigned)strtoul(digits, NULL, 10);
        if (number > newest) newest = number;
    }
    if (folder) closedir(folder);
    return newest;
}

/* 1: the run has a run.json that makes sense. */
static int read_place(ss_run_place *place)
{
    json_t *json = read_json(place->folder, "run.json");
    const char *source = json_string_value(json_object_get(json, "source"));
    place->pairs = (uint64_t)json_integer_value(json_object_get(json, "pairs"));
    snprintf(place->source, sizeof place->source, "%s", source ? source : "");
    json_decref(json);
    return place->pairs > 0;
}

/* What the newest finished one says. */
static int read_finished(const char *state, unsigned number, ss_runs *out, ss_error *err)
{
    for (; number; number--) {
        char folder[PATH_MAX];
        if (name_run(state, number, folder, err)) return -1;
        json_t *json = read_json(folder, "result.json");
        if (!json) continue;
        out->trained = (uint64_t)json_integer_value(json_object_get(json, "logPairs"));
        out->unpublished = number == out->number && json_is_true(json_object_get(json, "better")) &&
                           json_is_false(json_object_get(json, "published"));
        json_decref(json);
        break;
    }
    return 0;
}

int ss_runs_read(const char *state, ss_runs *out, ss_error *err)
{
    *out = (ss_runs){.number = newest_number(state)};
    if (!out->number) return 0;
    if (name_run(state, out->number, out->current.folder, err)) return -1;
    json_t *result = read_json(out->current.folder, "result.json");
    out->unfinished = !result && read_place(&out->current);
    json_decref(result);
    return read_finished(state, out->number, out, err);
}

int ss_runs_begin(const char *state, ss_runs *runs, uint64_t pairs, const char *source, ss_error *err)
{
    ss_run_place *place = &runs->current;
    runs->number++;
    if (name_run(state, runs->number, place->folder, err)) return -1;
    if (mkdir(place->folder, 0777) && errno != EEXIST)
        return ss_fail_with(err, SS_IO, SS_RETRY, "%s: %s", place->folder, strerror(errno));
    place->pairs = pairs;
    snprintf(place->source, sizeof place->source, "%s", source);
    json_t *json = json_pack("{s:I,s:s}", "pairs", (json_int_t)pairs, "source", place->source);
    if (write_json(place->folder, "run.json", json, err)) return -1;
    runs->unfinished = 1;
    runs->unpublished = 0;
    return 0;
}

int ss_runs_fail(ss_runs *runs, const char *why, ss_error *err)
{
    json_t *json = json_pack("{s:I,s:b,s:b,s:s}", "logPairs", (json_int_t)runs->current.pairs, "better", 0, "published",
                             0, "failed", why);
    if (write_json(runs->current.folder, "result.json", json, err)) return -1;
    runs->trained = runs->current.pairs;
    runs->unfinished = 0;
    return 0;
}

int ss_runs_published(ss_runs *runs, ss_error *err)
{
    json_t *json = read_json(runs->current.folder, "result.json");
    if (json) json_object_set_new(json, "published", json_true());
    runs->unpublished = 0;
    return write_json(runs->current.folder, "result.json", json, err);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st;
    (void)kind;
    (void)walk;
    return remove(path);
}

void ss_runs_prune(const char *state, const ss_runs *runs, uint64_t keep)
{
    enum { DESCRIPTORS = 8 };
    char folder[PATH_MAX];
    if (!keep) keep = 1;
    for (unsigned number = 1; number + keep <= runs->number; number++) {
        if (name_run(state, number, folder, NULL)) return;
        nftw(folder, remove_entry, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
    }
}

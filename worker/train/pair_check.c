/* pair_check.c - see pair_check.h. */
#include "worker/train/pair_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_URI = 512 };

static int refuse(ss_pair_fault *fault, const char *reason, const char *format, ...) SS_PRINTF(3, 4);

static int refuse(ss_pair_fault *fault, const char *reason, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fault->reason = reason;
    vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    return 1;
}

/* The taxonomy looks NUL-terminated names up. */
static uint32_t find_skill(const ss_taxonomy *taxonomy, ss_slice name)
{
    char text[LONGEST_URI];
    if (!name.len || name.len >= sizeof text || memchr(name.data, 0, name.len)) return SS_NO_SKILL;
    memcpy(text, name.data, name.len);
    text[name.len] = 0;
    return ss_taxonomy_find(taxonomy, text);
}

static void add_skill(ss_checked_pair *out, uint32_t skill)
{
    for (size_t i = 0; i < out->skill_count; i++)
        if (out->skills[i] == skill) return;
    out->skills[out->skill_count++] = skill;
}

static int find_skills(const ss_pair *pair, const ss_taxonomy *taxonomy, ss_checked_pair *out, ss_pair_fault *fault)
{
    if (pair->skill_count > SS_PAIR_MAX_SKILLS)
        return refuse(fault, "unknown-skill", "%zu skills, at most %d are allowed", pair->skill_count,
                      SS_PAIR_MAX_SKILLS);
    for (size_t i = 0; i < pair->skill_count; i++) {
        ss_slice name = pair->skill_uris[i];
        uint32_t skill = find_skill(taxonomy, name);
        if (skill == SS_NO_SKILL)
            return refuse(fault, "unknown-skill", "'%.*s' is neither a URI nor a label of the taxonomy",
                          (int)(name.len < 90 ? name.len : 90), name.data ? name.data : "");
        add_skill(out, skill);
    }
    return 0;
}

static int find_kind(const ss_pair *pair, ss_checked_pair *out, ss_pair_fault *fault)
{
    out->kind = pair->kind;
    if (!out->skill_count && (pair->kind == SS_PAIR_UNSPECIFIED || pair->kind == SS_PAIR_NONE)) {
        out->kind = SS_PAIR_NONE;
        return 0;
    }
    if (!out->skill_count)
        return refuse(fault, "no-skill", "no skill, though its kind is %s", ss_pair_kind_word(pair->kind));
    if (pair->kind == SS_PAIR_NONE) return refuse(fault, "skill-of-none", "a skill, though its kind is NONE");
    return 0;
}

/* A skill may be named by its label here and by its URI there: the id is made of URIs. */
static int make_id(const ss_pair *pair, const ss_taxonomy *taxonomy, ss_checked_pair *out, ss_error *err)
{
    if (pair->id.len) {
        out->id = ss_hash128_of(pair->id.data, pair->id.len);
        return 0;
    }
    ss_slice uris[SS_PAIR_MAX_SKILLS];
    for (size_t i = 0; i < out->skill_count; i++) {
        const char *uri = ss_taxonomy_skill(taxonomy, out->skills[i])->uri;
        uris[i] = (ss_slice){.data = uri, .len = strlen(uri)};
    }
    ss_pair named = *pair;
    named.sentence = out->sentence;
    named.skill_uris = uris;
    named.skill_count = out->skill_count;
    if (ss_pair_make_id(&named, out->made_id, err)) return -1;
    out->id = ss_hash128_of(out->made_id, SS_PAIR_ID);
    return 0;
}

int ss_pair_check(const ss_pair *pair, const ss_taxonomy *taxonomy, size_t max_sentence, ss_checked_pair *out,
                  ss_pair_fault *fault, ss_error *err)
{
    *out = (ss_checked_pair){0};
    *fault = (ss_pair_fault){0};
    const char *text = pair->sentence.data;
    size_t len = pair->sentence.len;
    if (len) ss_trim(&text, &len);
    if (!len) return refuse(fault, "empty-sentence", "the sentence is empty");
    if (len > max_sentence)
        return refuse(fault, "long-sentence", "the sentence has %zu bytes, the limit (max-sentence) is %zu", len,
                      max_sentence);
    out->sentence = (ss_slice){.data = text, .len = len};
    if (find_skills(pair, taxonomy, out, fault) || find_kind(pair, out, fault)) return 1;
    return make_id(pair, taxonomy, out, err);
}

/* everyday_words.c - see everyday_words.h. Only hashes are kept: a collision could at most ask for the right case of
 * one more label. */
#include "match/everyday_words.h"

#include <stdlib.h>

#include "base/hash.h"

static int is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static int is_part(char c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (unsigned char)c >= 0x80;
}

/* Where the hash stands or would stand. */
static size_t place(const ss_everyday_words *words, uint64_t hash)
{
    size_t at = hash & (words->slots - 1);
    while (words->hashes[at] && words->hashes[at] != hash) at = (at + 1) & (words->slots - 1);
    return at;
}

static uint64_t hash_of(const char *word, size_t len)
{
    uint64_t hash = ss_hash64(word, len);
    return hash ? hash : 1;
}

static int grow(ss_everyday_words *words)
{
    ss_everyday_words larger = {.slots = words->slots ? words->slots * 2 : 1 << 14, .count = words->count};
    larger.hashes = calloc(larger.slots, sizeof *larger.hashes);
    if (!larger.hashes) return -1;
    for (size_t i = 0; i < words->slots; i++)
        if (words->hashes[i]) larger.hashes[place(&larger, words->hashes[i])] = words->hashes[i];
    free(words->hashes);
    *words = larger;
    return 0;
}

static int add_words(ss_everyday_words *words, const char *text)
{
    for (const char *at = text; *at;) {
        const char *begin = at;
        int lower = 1;
        while (is_part(*at)) lower &= is_lower(*at++);
        if (at == begin) {
            at++;
            continue;
        }
        if (!lower) continue;
        if (words->count * 2 >= words->slots && grow(words)) return -1;
        uint64_t hash = hash_of(begin, (size_t)(at - begin));
        size_t slot = place(words, hash);
        if (!words->hashes[slot]) words->count++;
        words->hashes[slot] = hash;
    }
    return 0;
}

int ss_everyday_words_collect(ss_everyday_words *words, const ss_taxonomy *taxonomy)
{
    *words = (ss_everyday_words){0};
    if (grow(words)) return -1;
    for (uint32_t s = 0; s < ss_taxonomy_count(taxonomy); s++) {
        const ss_skill *skill = ss_taxonomy_skill(taxonomy, s);
        if (add_words(words, skill->label) || add_words(words, skill->description)) return -1;
        for (uint32_t i = 0; i < skill->alternative_count; i++)
            if (add_words(words, skill->alternatives[i])) return -1;
    }
    return 0;
}

int ss_everyday_words_has(const ss_everyday_words *words, const char *word, size_t len)
{
    enum { LONGEST = 64 };
    char lower[LONGEST];
    if (!len || len > LONGEST) return 0;
    for (size_t i = 0; i < len; i++) {
        char c = word[i];
        if (c >= 'A' && c <= 'Z') c = (char)(c + ('a' - 'A'));
        if (!is_lower(c)) return 0;
        lower[i] = c;
    }
    return words->hashes[place(words, hash_of(lower, len))] != 0;
}

void ss_everyday_words_free(ss_everyday_words *words)
{
    free(words->hashes);
    *words = (ss_everyday_words){0};
}

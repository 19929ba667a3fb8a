/* icu_sentences.h - ICU's sentence iterator as an oracle, loaded at run time.
 *
 * Only a test wants ICU, so it is no dependency of the build: the library is
 * looked for by the names that distributions give it, and its functions by the version
 * that ICU puts behind their names. Types and numbers are those of unicode/ubrk.h and unicode/ustring.h.
 */
#ifndef SKILLSTREAM_TESTS_TEXT_ICU_SENTENCES_H
#define SKILLSTREAM_TESTS_TEXT_ICU_SENTENCES_H

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct icu {
    void *library;
    int version;
    void *(*open)(int type, const char *locale, const uint16_t *text, int32_t length, int *status);
    int32_t (*next)(void *iterator);
    void (*close)(void *iterator);
    uint16_t *(*from_utf8)(uint16_t *to, int32_t cap, int32_t *len, const char *from, int32_t from_len, int *status);
} icu;

static inline void *icu_function(const icu *library, const char *name)
{
    char versioned[64];
    snprintf(versioned, sizeof versioned, "%s_%d", name, library->version);
    return dlsym(library->library, versioned);
}

/* 0 if there is no ICU on this machine. The library stays until the process ends, with what it keeps for itself. */
static inline int icu_load(icu *out)
{
    for (out->version = 99; out->version >= 50; out->version--) {
        char name[32];
        snprintf(name, sizeof name, "libicuuc.so.%d", out->version);
        out->library = dlopen(name, RTLD_NOW);
        if (out->library) break;
    }
    if (!out->library) return 0;
    /* POSIX's way of turning dlsym's object pointer into a function pointer. */
    *(void **)&out->open = icu_function(out, "ubrk_open");
    *(void **)&out->next = icu_function(out, "ubrk_next");
    *(void **)&out->close = icu_function(out, "ubrk_close");
    *(void **)&out->from_utf8 = icu_function(out, "u_strFromUTF8");
    return out->open && out->next && out->close && out->from_utf8;
}

/* Ends of ICU's sentences as byte offsets; returns how many, at most cap. */
static inline size_t icu_sentence_ends(const icu *library, const char *text, size_t *ends, size_t cap)
{
    enum { SENTENCE = 3, DONE = -1 };
    size_t len = strlen(text), count = 0, at = 0;
    uint16_t *wide = calloc(len + 1, sizeof *wide);
    int32_t wide_len = 0, units = 0;
    int status = 0;
    if (!wide) return 0;
    library->from_utf8(wide, (int32_t)len + 1, &wide_len, text, (int32_t)len, &status);
    void *iterator = library->open(SENTENCE, "en", wide, wide_len, &status);
    for (int32_t end; iterator && count < cap && (end = library->next(iterator)) != DONE;) {
        for (; units < end; at++) {
            unsigned char byte = (unsigned char)text[at];
            if ((byte & 0xC0) != 0x80) units += byte >= 0xF0 ? 2 : 1;
        }
        while (at < len && ((unsigned char)text[at] & 0xC0) == 0x80) at++;
        ends[count++] = at;
    }
    if (iterator) library->close(iterator);
    free(wide);
    return count;
}

#endif

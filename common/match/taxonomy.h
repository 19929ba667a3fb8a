/* taxonomy.h - the list of skills: URI, label, alternative labels, description, type.
 *
 * Two kinds of CSV are recognised by their header:
 *   ESCO's official file   conceptUri, preferredLabel, and if there: altLabels, description, skillType, reuseLevel
 *   a list of one's own    id, label, and if there: alternatives, description, type
 * altLabels are one per line inside the field; alternatives are separated by line breaks or '|'. Labels are kept byte
 * for byte (88 of ESCO's have a blank at an end, a double or a no-break one, and benchmarks name them so); of
 * alternatives, blanks at both ends, empty ones and repetitions go. URIs are unique; labels need not be.
 *
 * A skill is named by its number, 0 .. count-1, in the order of the file: every index into a taxonomy, a skill matrix
 * or a list of hits means that number.
 *
 * An ss_taxonomy is immutable: any number of threads may read it.
 */
#ifndef SKILLSTREAM_MATCH_TAXONOMY_H
#define SKILLSTREAM_MATCH_TAXONOMY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

/* All strings are NUL-terminated UTF-8 and live as long as the taxonomy. None is NULL; "" = not given. */
typedef struct ss_skill {
    const char *uri;
    const char *label;
    const char *type;        /* ESCO: "skill/competence", "knowledge" or "" */
    const char *reuse_level; /* ESCO: "sector-specific", "cross-sector", "occupation-specific", "transversal" or "" */
    const char *description;
    const char *const *alternatives; /* (alternative_count) */
    uint32_t alternative_count;
} ss_skill;

typedef struct ss_taxonomy ss_taxonomy;

#define SS_NO_SKILL UINT32_MAX
enum { SS_TAXONOMY_MAX_SKILLS = 4000000 };

/* Reads a CSV ("-", plain or gzip). name and version end up in every record; NULL = taken from the file: "ESCO" with
 * version "1.1.0" where URIs and count (13,891) are that edition's and "" for another edition, or the file's name
 * without its endings and "" for a list of one's own. Errors name file and row: SS_INPUT (missing column, empty URI or
 * label, a URI twice: both rows; no skill at all), SS_LIMIT, SS_NOT_FOUND, SS_IO. */
ss_taxonomy *ss_taxonomy_read(const char *path, const char *name, const char *version, ss_error *err);

/* The same from memory; `file` stands in error texts. */
ss_taxonomy *ss_taxonomy_parse(const char *file, const void *bytes, size_t len, const char *name, const char *version,
                               ss_error *err);

void ss_taxonomy_free(ss_taxonomy *taxonomy);

size_t ss_taxonomy_count(const ss_taxonomy *taxonomy);
const ss_skill *ss_taxonomy_skill(const ss_taxonomy *taxonomy, uint32_t skill); /* skill < count */
const char *ss_taxonomy_name(const ss_taxonomy *taxonomy);
const char *ss_taxonomy_version(const ss_taxonomy *taxonomy);

/* Number of the skill with that URI, or with exactly that preferred label (the first one if several), or SS_NO_SKILL.
 */
uint32_t ss_taxonomy_by_uri(const ss_taxonomy *taxonomy, const char *uri);
uint32_t ss_taxonomy_by_label(const ss_taxonomy *taxonomy, const char *label);

/* The same when white space at both ends of labels and of `text` does not count. */
uint32_t ss_taxonomy_by_trimmed_label(const ss_taxonomy *taxonomy, const char *text, size_t len);

/* URI, else label, else trimmed label: for files that people write. `text` is NUL-terminated. */
uint32_t ss_taxonomy_find(const ss_taxonomy *taxonomy, const char *text);

/* Drops white space (Unicode's) at both ends. */
void ss_trim(const char **text, size_t *len);

/* The taxonomy as bytes for a release, and back. Equal taxonomies give equal bytes. Decoding copies what it keeps and
 * checks every length: SS_CORRUPT. */
int ss_taxonomy_encode(const ss_taxonomy *taxonomy, ss_buffer *out, ss_error *err);
ss_taxonomy *ss_taxonomy_decode(const void *bytes, size_t len, ss_error *err);

#endif

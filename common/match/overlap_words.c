/* overlap_words.c - see overlap_words.h. */
#include "match/overlap_words.h"

#include <libstemmer.h>
#include <stdlib.h>

#include "base/hash.h"

enum { FIRST_SLOTS = 1 << 15, LONGEST = 64 };

struct sb_stemmer *ss_stemmer_new(void)
{
    return sb_stemmer_new("english", "UTF_8");
}

void ss_stemmer_free(struct sb_stemmer *stemmer)
{
    if (stemmer) sb_stemmer_delete(stemmer);
}

/* Bytes of the character at `at` if it belongs to a word; 0 if not. */
static size_t word_character(const ss_folded *text, size_t at)
{
    if (at >= text->len) return 0;
    char c = text->text[at];
    if (c == '+' || c == '#') return 1;
    if (c == '.') return at && ss_fold_word_before(text->text, at) && ss_fold_word_at(text->text, text->len, at + 1);
    if (!ss_fold_word_at(text->text, text->len, at)) return 0;
    size_t end = at + 1;
    while (end < text->len && ((unsigned char)text->text[end] & 0xC0) == 0x80) end++;
    return end - at;
}

/* Snowball takes short words; what is longer is no word of a language and stays as it is. */
static uint64_t hash_of_stem(const char *word, size_t len, struct sb_stemmer *stemmer)
{
    const char *stem = word;
    if (len <= LONGEST) {
        const sb_symbol *cut = sb_stemmer_stem(stemmer, (const sb_symbol *)word, (int)len);
        if (cut) {
            stem = (const char *)cut;
            len = (size_t)sb_stemmer_length(stemmer);
        }
    }
    uint64_t hash = ss_hash64(stem, len);
    return hash ? hash : 1;
}

uint64_t ss_next_stem(const ss_folded *text, size_t *at, struct sb_stemmer *stemmer)
{
    size_t begin = *at, step;
    while (begin < text->len && !word_character(text, begin)) begin++;
    size_t end = begin;
    while ((step = word_character(text, end))) end += step;
    *at = end;
    return end > begin ? hash_of_stem(text->text + begin, end - begin, stemmer) : 0;
}

static size_t place(const ss_word_table *table, uint64_t hash)
{
    size_t at = hash & (table->slots - 1);
    while (table->hashes[at] && table->hashes[at] != hash) at = (at + 1) & (table->slots - 1);
    return at;
}

uint32_t ss_word_number(const ss_word_table *table, uint64_t hash)
{
    if (!table->slots) return SS_NO_WORD;
    size_t at = place(table, hash);
    return table->hashes[at] ? table->numbers[at] : SS_NO_WORD;
}

static int grow(ss_word_table *table)
{
    ss_word_table larger = {.slots = table->slots ? table->slots * 2 : FIRST_SLOTS};
    larger.hashes = calloc(larger.slots, sizeof *larger.hashes);
    larger.numbers = calloc(larger.slots, sizeof *larger.numbers);
    if (!larger.hashes || !larger.numbers) {
        ss_word_table_free(&larger);
        return -1;
    }
    for (size_t i = 0; i < table->slots; i++) {
        if (!table->hashes[i]) continue;
        size_t at = place(&larger, table->hashes[i]);
        larger.hashes[at] = table->hashes[i];
        larger.numbers[at] = table->numbers[i];
    }
    free(table->hashes);
    free(table->numbers);
    table->hashes = larger.hashes;
    table->numbers = larger.numbers;
    table->slots = larger.slots;
    return 0;
}

uint32_t ss_word_number_or_new(ss_word_table *table, uint64_t hash)
{
    if (table->count * 2 >= table->slots && grow(table)) return SS_NO_WORD;
    size_t at = place(table, hash);
    if (!table->hashes[at]) {
        table->hashes[at] = hash;
        table->numbers[at] = (uint32_t)table->count++;
    }
    return table->numbers[at];
}

void ss_word_table_free(ss_word_table *table)
{
    free(table->hashes);
    free(table->numbers);
    *table = (ss_word_table){0};
}

/* language.c - see language.h. Words are written as words.h folds them: without accents. */
#include "producer/language.h"

#include <string.h>
#include <strings.h>

typedef struct language {
    const char *tag, *name;
    int latin;
    const char *words; /* each with a blank on both sides; "" = only the script is checked */
} language;

static const language table[] = {
    {"en", "English", 1,
     " the of and to in is you with for our we will your are be as that this or have from by at their not who an on it "
     "must should no do me so if can all more than has was were but up out about into over my his her them they what "
     "when which how any each every both also been being would could may "},
    {"de", "German", 1,
     " der die das und ist mit fur von zu im den sie wir ein eine einer eines oder auf dem des bei nach nicht sind "
     "werden "
     "ihre unser unsere als auch sowie durch uber zum zur "},
    {"fr", "French", 1,
     " le la les des et est une un de du en pour dans avec vous nous sur au aux par votre notre qui que vos sont ou ce "
     "cette plus afin "},
    {"nl", "Dutch", 1,
     " de het een en van is met voor je wij we in op te zijn aan onze jouw ons bij als naar of dat die niet wordt ook "
     "uit "
     "door "},
    {"es", "Spanish", 1,
     " el la los las de en un una para con por que se del al su es como sus nuestra nuestro mas esta son lo "
     "nuestros "},
    {"it", "Italian", 1,
     " il la di in un una per con che del della dei delle al alla nel sono si da le gli lo ai come nostra nostro "
     "presso anche "},
    {"pt", "Portuguese", 1,
     " os as de em um uma para com por que se do da dos das no na ao sua seu nossa nosso ou mais como sao nos "
     "pela "},
    {"pl", "Polish", 1,
     " na do sie nie jest oraz dla od przez po jak za przy lub ze to co jego nasz naszej praca pracy osoby "
     "ktora "},
    {"sv", "Swedish", 1,
     " och att en ett som for med pa av ar du vi till den det har om dig din vara inom eller kan ska fran var samt "},
    {"da", "Danish", 1,
     " og at en et som for med pa af er du vi til den det har om dig din vores inden eller kan skal fra samt vil "
     "ved "},
    {"cs", "Czech", 1, " na do se je pro od nebo ze jako po za ve jsme vas nase prace jsou ktery pri "},
    {"ro", "Romanian", 1, " si de in la cu pentru un din pe este sa care ale al sau prin ca nu sunt noastra "},
    {"el", "Greek", 0, ""},
    {"bg", "Bulgarian", 0, ""},
    {"ru", "Russian", 0, ""},
    {"uk", "Ukrainian", 0, ""},
};

enum { LANGUAGES = sizeof table / sizeof *table, MARGIN = 2, FEW_LETTERS = 4 };

static const language *find(const char *tag)
{
    size_t len = strcspn(tag, "-_");
    for (size_t i = 0; i < LANGUAGES; i++)
        if (strlen(table[i].tag) == len && !strncasecmp(table[i].tag, tag, len)) return &table[i];
    return NULL;
}

const char *ss_language_name(const char *tag)
{
    const language *found = find(tag);
    return found ? found->name : NULL;
}

static int seen_before(const ss_words *words, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (words->hashes[i] == words->hashes[at]) return 1;
    return 0;
}

/* Different function words of the language. Single letters are left out: they are abbreviations, grades, lists. */
static size_t hits(const language *l, const ss_words *words)
{
    size_t n = 0;
    char padded[16];
    for (size_t i = 0; i < words->count; i++) {
        ss_slice word = words->items[i];
        if (word.len < 2 || word.len + 3 > sizeof padded) continue;
        padded[0] = ' ';
        memcpy(padded + 1, word.data, word.len);
        memcpy(padded + 1 + word.len, " ", 2);
        n += strstr(l->words, padded) && !seen_before(words, i);
    }
    return n;
}

int ss_language_fits(const ss_words *words, const char *tag)
{
    const language *wanted = find(tag);
    if (!wanted || words->letters < FEW_LETTERS) return 1;
    if (wanted->latin ? words->latin * 2 < words->letters : words->latin * 4 > words->letters * 3) return 0;
    if (!*wanted->words) return 1;
    size_t own = hits(wanted, words);
    for (size_t i = 0; i < LANGUAGES; i++)
        if (&table[i] != wanted && *table[i].words && hits(&table[i], words) >= own + MARGIN) return 0;
    return 1;
}

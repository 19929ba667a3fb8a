/* sentence_words.c - see sentence_words.h. Both tables are in the order of memcmp. */
#include "text/sentence_words.h"

#include <string.h>

enum { WORD_BYTES = 12 };

typedef struct entry {
    char word[WORD_BYTES];
    ss_abbreviation kind;
} entry;

static const entry abbreviations[] = {
    {"a.k.a", SS_ABBREVIATION_NEVER},  {"a.m", SS_ABBREVIATION_UNIT},     {"acct", SS_ABBREVIATION_UNIT},
    {"ad", SS_ABBREVIATION_NAME},      {"adm", SS_ABBREVIATION_NEVER},    {"admin", SS_ABBREVIATION_NAME},
    {"al", SS_ABBREVIATION_NAME},      {"approx", SS_ABBREVIATION_NEVER}, {"appx", SS_ABBREVIATION_NEVER},
    {"apr", SS_ABBREVIATION_NUMBER},   {"apt", SS_ABBREVIATION_NAME},     {"ariz", SS_ABBREVIATION_NAME},
    {"art", SS_ABBREVIATION_NUMBER},   {"assoc", SS_ABBREVIATION_NAME},   {"asst", SS_ABBREVIATION_NAME},
    {"atty", SS_ABBREVIATION_NEVER},   {"aug", SS_ABBREVIATION_NUMBER},   {"ave", SS_ABBREVIATION_NAME},
    {"avg", SS_ABBREVIATION_UNIT},     {"benef", SS_ABBREVIATION_UNIT},   {"bldg", SS_ABBREVIATION_NAME},
    {"blvd", SS_ABBREVIATION_NAME},    {"bros", SS_ABBREVIATION_NAME},    {"c.f", SS_ABBREVIATION_NEVER},
    {"ca", SS_ABBREVIATION_NEVER},     {"cal", SS_ABBREVIATION_NAME},     {"calif", SS_ABBREVIATION_NAME},
    {"capt", SS_ABBREVIATION_NEVER},   {"cert", SS_ABBREVIATION_NAME},    {"cf", SS_ABBREVIATION_NEVER},
    {"ch", SS_ABBREVIATION_NUMBER},    {"chap", SS_ABBREVIATION_NUMBER},  {"cm", SS_ABBREVIATION_UNIT},
    {"cmdr", SS_ABBREVIATION_NEVER},   {"co", SS_ABBREVIATION_NAME},      {"col", SS_ABBREVIATION_NEVER},
    {"comm", SS_ABBREVIATION_UNIT},    {"conn", SS_ABBREVIATION_NAME},    {"corp", SS_ABBREVIATION_NAME},
    {"cpl", SS_ABBREVIATION_NEVER},    {"cust", SS_ABBREVIATION_UNIT},    {"dec", SS_ABBREVIATION_NUMBER},
    {"dept", SS_ABBREVIATION_NAME},    {"depts", SS_ABBREVIATION_NAME},   {"dev", SS_ABBREVIATION_UNIT},
    {"dir", SS_ABBREVIATION_NAME},     {"dist", SS_ABBREVIATION_NAME},    {"div", SS_ABBREVIATION_NAME},
    {"dr", SS_ABBREVIATION_NEVER},     {"e.g", SS_ABBREVIATION_NEVER},    {"ed", SS_ABBREVIATION_NAME},
    {"edu", SS_ABBREVIATION_UNIT},     {"educ", SS_ABBREVIATION_UNIT},    {"eg", SS_ABBREVIATION_NEVER},
    {"eng", SS_ABBREVIATION_NAME},     {"env", SS_ABBREVIATION_UNIT},     {"eq", SS_ABBREVIATION_NUMBER},
    {"equiv", SS_ABBREVIATION_UNIT},   {"esp", SS_ABBREVIATION_NEVER},    {"esq", SS_ABBREVIATION_NAME},
    {"est", SS_ABBREVIATION_UNIT},     {"etc", SS_ABBREVIATION_UNIT},     {"excl", SS_ABBREVIATION_NEVER},
    {"exec", SS_ABBREVIATION_NAME},    {"exp", SS_ABBREVIATION_UNIT},     {"exper", SS_ABBREVIATION_UNIT},
    {"ext", SS_ABBREVIATION_NUMBER},   {"feb", SS_ABBREVIATION_NUMBER},   {"fig", SS_ABBREVIATION_NUMBER},
    {"figs", SS_ABBREVIATION_NUMBER},  {"fla", SS_ABBREVIATION_NAME},     {"fr", SS_ABBREVIATION_NEVER},
    {"fri", SS_ABBREVIATION_NUMBER},   {"ft", SS_ABBREVIATION_UNIT},      {"gen", SS_ABBREVIATION_NEVER},
    {"gmbh", SS_ABBREVIATION_NAME},    {"gov", SS_ABBREVIATION_NEVER},    {"govt", SS_ABBREVIATION_NAME},
    {"hon", SS_ABBREVIATION_NEVER},    {"hosp", SS_ABBREVIATION_NAME},    {"hr", SS_ABBREVIATION_UNIT},
    {"hrs", SS_ABBREVIATION_UNIT},     {"i.a", SS_ABBREVIATION_NEVER},    {"i.e", SS_ABBREVIATION_NEVER},
    {"id", SS_ABBREVIATION_NAME},      {"ie", SS_ABBREVIATION_NAME},      {"ill", SS_ABBREVIATION_NAME},
    {"inc", SS_ABBREVIATION_NAME},     {"incl", SS_ABBREVIATION_NEVER},   {"intl", SS_ABBREVIATION_NAME},
    {"jan", SS_ABBREVIATION_NUMBER},   {"jr", SS_ABBREVIATION_NAME},      {"jul", SS_ABBREVIATION_NUMBER},
    {"jun", SS_ABBREVIATION_NUMBER},   {"kg", SS_ABBREVIATION_UNIT},      {"km", SS_ABBREVIATION_UNIT},
    {"knowl", SS_ABBREVIATION_UNIT},   {"lang", SS_ABBREVIATION_UNIT},    {"lb", SS_ABBREVIATION_UNIT},
    {"lbs", SS_ABBREVIATION_UNIT},     {"lic", SS_ABBREVIATION_UNIT},     {"llc", SS_ABBREVIATION_NAME},
    {"lt", SS_ABBREVIATION_NEVER},     {"ltd", SS_ABBREVIATION_NAME},     {"lvl", SS_ABBREVIATION_NUMBER},
    {"maint", SS_ABBREVIATION_UNIT},   {"maj", SS_ABBREVIATION_NEVER},    {"manuf", SS_ABBREVIATION_UNIT},
    {"mar", SS_ABBREVIATION_NUMBER},   {"mass", SS_ABBREVIATION_NAME},    {"max", SS_ABBREVIATION_UNIT},
    {"messrs", SS_ABBREVIATION_NEVER}, {"mfg", SS_ABBREVIATION_NAME},     {"mgr", SS_ABBREVIATION_NAME},
    {"min", SS_ABBREVIATION_UNIT},     {"mins", SS_ABBREVIATION_UNIT},    {"mlle", SS_ABBREVIATION_NEVER},
    {"mm", SS_ABBREVIATION_UNIT},      {"mme", SS_ABBREVIATION_NEVER},    {"mos", SS_ABBREVIATION_UNIT},
    {"mr", SS_ABBREVIATION_NEVER},     {"mrs", SS_ABBREVIATION_NEVER},    {"ms", SS_ABBREVIATION_NEVER},
    {"mt", SS_ABBREVIATION_NEVER},     {"mths", SS_ABBREVIATION_UNIT},    {"mx", SS_ABBREVIATION_NEVER},
    {"n.º", SS_ABBREVIATION_NUMBER},   {"natl", SS_ABBREVIATION_NAME},    {"no", SS_ABBREVIATION_NUMBER},
    {"nos", SS_ABBREVIATION_NUMBER},   {"nov", SS_ABBREVIATION_NUMBER},   {"nr", SS_ABBREVIATION_NUMBER},
    {"n°", SS_ABBREVIATION_NUMBER},    {"oct", SS_ABBREVIATION_NUMBER},   {"op", SS_ABBREVIATION_NAME},
    {"oper", SS_ABBREVIATION_UNIT},    {"org", SS_ABBREVIATION_UNIT},     {"oz", SS_ABBREVIATION_UNIT},
    {"p", SS_ABBREVIATION_NUMBER},     {"p.m", SS_ABBREVIATION_UNIT},     {"par", SS_ABBREVIATION_NUMBER},
    {"para", SS_ABBREVIATION_NUMBER},  {"perm", SS_ABBREVIATION_UNIT},    {"pg", SS_ABBREVIATION_NUMBER},
    {"ph", SS_ABBREVIATION_NUMBER},    {"plc", SS_ABBREVIATION_NAME},     {"pop", SS_ABBREVIATION_NUMBER},
    {"poss", SS_ABBREVIATION_UNIT},    {"pp", SS_ABBREVIATION_NUMBER},    {"pref", SS_ABBREVIATION_UNIT},
    {"prefd", SS_ABBREVIATION_UNIT},   {"pres", SS_ABBREVIATION_NEVER},   {"prev", SS_ABBREVIATION_UNIT},
    {"proc", SS_ABBREVIATION_UNIT},    {"prof", SS_ABBREVIATION_NEVER},   {"prog", SS_ABBREVIATION_UNIT},
    {"qty", SS_ABBREVIATION_UNIT},     {"qual", SS_ABBREVIATION_UNIT},    {"quals", SS_ABBREVIATION_UNIT},
    {"rd", SS_ABBREVIATION_NAME},      {"ref", SS_ABBREVIATION_NUMBER},   {"reg", SS_ABBREVIATION_UNIT},
    {"rel", SS_ABBREVIATION_UNIT},     {"rep", SS_ABBREVIATION_NEVER},    {"req", SS_ABBREVIATION_UNIT},
    {"reqd", SS_ABBREVIATION_UNIT},    {"reqs", SS_ABBREVIATION_UNIT},    {"resp", SS_ABBREVIATION_NEVER},
    {"rev", SS_ABBREVIATION_NEVER},    {"sal", SS_ABBREVIATION_UNIT},     {"sched", SS_ABBREVIATION_UNIT},
    {"sci", SS_ABBREVIATION_NAME},     {"sec", SS_ABBREVIATION_NUMBER},   {"sect", SS_ABBREVIATION_NUMBER},
    {"sen", SS_ABBREVIATION_NEVER},    {"sep", SS_ABBREVIATION_NUMBER},   {"sept", SS_ABBREVIATION_NUMBER},
    {"serv", SS_ABBREVIATION_UNIT},    {"sgt", SS_ABBREVIATION_NEVER},    {"spec", SS_ABBREVIATION_UNIT},
    {"specs", SS_ABBREVIATION_UNIT},   {"sq", SS_ABBREVIATION_UNIT},      {"sr", SS_ABBREVIATION_NAME},
    {"st", SS_ABBREVIATION_NEVER},     {"ste", SS_ABBREVIATION_NAME},     {"subj", SS_ABBREVIATION_UNIT},
    {"supp", SS_ABBREVIATION_UNIT},    {"supt", SS_ABBREVIATION_NEVER},   {"sys", SS_ABBREVIATION_UNIT},
    {"tel", SS_ABBREVIATION_NUMBER},   {"temp", SS_ABBREVIATION_UNIT},    {"tenn", SS_ABBREVIATION_NAME},
    {"thurs", SS_ABBREVIATION_NUMBER}, {"tues", SS_ABBREVIATION_NUMBER},  {"univ", SS_ABBREVIATION_NAME},
    {"usu", SS_ABBREVIATION_NEVER},    {"util", SS_ABBREVIATION_UNIT},    {"v", SS_ABBREVIATION_NEVER},
    {"ver", SS_ABBREVIATION_NUMBER},   {"viz", SS_ABBREVIATION_NEVER},    {"vol", SS_ABBREVIATION_NUMBER},
    {"vols", SS_ABBREVIATION_NUMBER},  {"vs", SS_ABBREVIATION_NEVER},     {"w.r.t", SS_ABBREVIATION_NEVER},
    {"wash", SS_ABBREVIATION_NAME},    {"wk", SS_ABBREVIATION_UNIT},      {"wks", SS_ABBREVIATION_UNIT},
    {"yr", SS_ABBREVIATION_UNIT},      {"yrs", SS_ABBREVIATION_UNIT}};

static const char starters[][WORD_BYTES] = {
    "A",       "After",  "All",    "Also",    "Although", "An",    "And",    "Any",     "Applicants", "Apply",
    "Are",     "As",     "At",     "Because", "Before",   "Both",  "But",    "By",      "Can",        "Candidates",
    "Could",   "Did",    "Do",     "Does",    "During",   "Each",  "Even",   "Every",   "For",        "From",
    "Had",     "Has",    "Have",   "He",      "Her",      "Here",  "His",    "How",     "However",    "I",
    "I'd",     "I'll",   "I'm",    "I've",    "If",       "In",    "Is",     "It",      "It's",       "Its",
    "Join",    "Just",   "Let",    "Many",    "Most",     "Must",  "My",     "No",      "Not",        "Now",
    "On",      "Once",   "One",    "Only",    "Or",       "Other", "Our",    "Over",    "Please",     "She",
    "Should",  "Since",  "So",     "Some",    "Such",     "Than",  "That",   "The",     "Their",      "Then",
    "There",   "These",  "They",   "They're", "This",     "Those", "Though", "Through", "To",         "Under",
    "Was",     "We",     "We'd",   "We'll",   "We're",    "We've", "Were",   "What",    "When",       "Where",
    "Whether", "Which",  "While",  "Who",     "Why",      "Will",  "With",   "Would",   "Yes",        "You",
    "You'll",  "You're", "You've", "Your"};

/* Orders `word` against a NUL-terminated table entry. */
static int order(const char *word, size_t len, const char *listed)
{
    size_t listed_len = strlen(listed);
    int compared = memcmp(word, listed, len < listed_len ? len : listed_len);
    if (compared != 0) return compared;
    return len < listed_len ? -1 : len > listed_len;
}

ss_abbreviation ss_abbreviation_of(const char *word, size_t len)
{
    char lower[WORD_BYTES];
    if (len == 0 || len >= sizeof lower) return SS_ABBREVIATION_NONE;
    for (size_t i = 0; i < len; i++) lower[i] = (char)(word[i] >= 'A' && word[i] <= 'Z' ? word[i] + 32 : word[i]);
    size_t low = 0, high = sizeof abbreviations / sizeof abbreviations[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        int compared = order(lower, len, abbreviations[middle].word);
        if (compared == 0) return abbreviations[middle].kind;
        if (compared < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return SS_ABBREVIATION_NONE;
}

int ss_is_sentence_starter(const char *word, size_t len)
{
    size_t low = 0, high = sizeof starters / sizeof starters[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        int compared = order(word, len, starters[middle]);
        if (compared == 0) return 1;
        if (compared < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return 0;
}

/* train_settings.h - options that `skillstream train` and skillstream-trainer share besides the recipe. */
#ifndef SKILLSTREAM_WORKER_TRAIN_TRAIN_SETTINGS_H
#define SKILLSTREAM_WORKER_TRAIN_TRAIN_SETTINGS_H

#include <stddef.h>

#include "base/options.h"
#include "worker/train/recipe.h"

typedef struct ss_train_settings {
    const char *encoder, *taxonomy, *taxonomy_name, *taxonomy_version, *redis, *recipe_file, *sign_key;
    ss_strings validate, trusted_keys;
    ss_recipe recipe;
} ss_train_settings;

/* Table rows for a struct `S` that holds an ss_train_settings as its member `m`. */
/* clang-format off */
#define SS_TRAIN_OPTIONS(S, m)                                                                                         \
    SS_RECIPE_ROW(S, m, "encoder", SS_OPT_STRING, encoder, NULL, NULL, "DIR", "Input",                                 \
        "The encoder to begin with, in sentence-transformers layout (BERT or MPNet family).", SS_OPT_REQUIRED)         \
    SS_RECIPE_ROW(S, m, "taxonomy", SS_OPT_STRING, taxonomy, NULL, NULL, "FILE", NULL,                                 \
        "ESCO's skills_en.csv, or a list of your own, as for `skillstream index`.", SS_OPT_REQUIRED)                   \
    SS_RECIPE_ROW(S, m, "taxonomy-name", SS_OPT_STRING, taxonomy_name, NULL, NULL, "NAME", NULL,                       \
        "Name that records carry. Default: ESCO, or the file's name.", 0)                                              \
    SS_RECIPE_ROW(S, m, "taxonomy-version", SS_OPT_STRING, taxonomy_version, NULL, NULL, "V", NULL,                    \
        "Version that records carry. Default: recognised for ESCO 1.1.0.", 0)                                          \
    SS_RECIPE_ROW(S, m, "validate", SS_OPT_LIST, validate, NULL, NULL, "FILE.csv", NULL,                               \
        "Labelled sentences (columns sentence, label) on which the trained release must be better; repeatable.", 0)    \
    SS_RECIPE_ROW(S, m, "recipe", SS_OPT_STRING, recipe_file, NULL, NULL, "FILE", NULL,                                \
        "Options of a training as a file: key = value a line. The file of --config, the environment and flags "        \
        "go above it.", SS_OPT_SETTINGS)                                                                               \
    SS_RECIPE_OPTIONS(S, m.recipe)

/* The same for the keys of releases, below the row of "redis". */
#define SS_TRAIN_KEY_OPTIONS(S, m)                                                                                     \
    SS_RECIPE_ROW(S, m, "sign-key", SS_OPT_STRING, sign_key, NULL, NULL, "FILE", NULL,                                 \
        "Private key (NAME.key of 'skillstream release keygen') that signs what is published.", 0)                     \
    SS_RECIPE_ROW(S, m, "trusted-key", SS_OPT_LIST, trusted_keys, NULL, NULL, "FILE", NULL,                            \
        "Compare with the release in use only if this public key has signed it; repeatable. One that is not signed "   \
        "counts as none.", 0)
/* clang-format on */

/* Checks what the table cannot. */
int ss_train_settings_check(const ss_train_settings *settings, ss_error *err);

#endif

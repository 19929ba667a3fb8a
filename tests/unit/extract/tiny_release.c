/* tiny_release.c - see tiny_release.h. */
#include "extract/tiny_release.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "match/index.h"
#include "support/temp_folder.h"
#include "support/tiny_model.h"

static const char skills[] =
    "id,label,type\n"
    "s/java,Java (computer programming),knowledge\ns/python,Python (computer programming),knowledge\n"
    "s/sql,SQL,knowledge\ns/staff,manage staff,skill/competence\ns/empathy,show empathy ,\n"
    "s/forklift,operate forklift,\ns/weld,welding,\ns/teach,teach mathematics,\n"
    "s/cook,prepare meals,\ns/audit,financial auditing,\ns/nurse,provide nursing care,\n"
    "s/write,write reports,\n";

void tiny_release_make(tiny_release *out)
{
    char encoder[512], csv[512], path[512];
    ss_error err = {0};
    ss_index_report report;
    out->folder = temp_folder_make();
    snprintf(encoder, sizeof encoder, "%s/encoder", out->folder);
    snprintf(csv, sizeof csv, "%s/skills.csv", out->folder);
    snprintf(path, sizeof path, "%s/r.release", out->folder);
    mkdir(encoder, 0755);
    tiny_model_write(encoder, 7);
    temp_write_text(out->folder, "skills.csv", skills);
    ss_index_options options = {.encoder_dir = encoder,
                                .taxonomy_path = csv,
                                .taxonomy_version = "3",
                                .prototypes = SS_PROTOTYPE_LABEL,
                                .program = "skillstream test",
                                .threads = 1,
                                .out_path = path};
    if (ss_index_build(&options, NULL, NULL, &report, &err) || !(out->release = ss_release_open(path, &err))) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
}

void tiny_release_free(tiny_release *tiny)
{
    ss_release_drop(tiny->release);
    temp_folder_remove(tiny->folder);
}

/* show_record.h - a skill record for people: title, then each sentence with its skills. */
#ifndef SKILLSTREAM_WORKER_CLI_SHOW_RECORD_H
#define SKILLSTREAM_WORKER_CLI_SHOW_RECORD_H

#include <stdio.h>

#include "stream/record.h"

/* The record must carry its text (--with-text). Long sentences are cut to about `width` columns around the words that
 * name the skill. */
void ss_show_record(const ss_record *record, int width, FILE *out);

#endif

/* notes.h - what a trained release says about its training, as notes of its manifest. */
#ifndef SKILLSTREAM_WORKER_TRAIN_NOTES_H
#define SKILLSTREAM_WORKER_TRAIN_NOTES_H

#include "base/arena.h"
#include "match/manifest.h"
#include "worker/train/report.h"

/* Names: training.encoder, .weights, .data, .pairs, .source, .recipe, .steps, .curve, .before, .after, .difference.
 * Nothing in them depends on time or speed, so the same training makes the same release (SOURCE_DATE_EPOCH given).
 * Everything lives in the arena. */
int ss_training_notes(const ss_report *report, ss_arena *arena, const ss_note **notes, size_t *count, ss_error *err);

#endif

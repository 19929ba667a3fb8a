/* budget.h - money: what was spent, what may still come, and a limit that is never passed.
 *
 * Before a request goes, its worst case is reserved: every byte of its body counted as a token of input (no tokenizer
 * makes more tokens than bytes), and all of max_tokens as output. It goes only if spent + reserved + this stays within
 * the limit. Afterwards the reservation becomes what the answer says was used; nothing, if the server certainly charged
 * nothing (it refused the request); or stays as it is, as spent, if nobody can tell (the connection broke, the answer
 * has no usage). So in whatever order answers come, the sum never passes the limit, unless a server reports more tokens
 * than the request allowed: then that is written down, and nothing more is sent.
 *
 * Amounts are whole numbers of 10^-12 of the currency; a price per million tokens with six digits behind the point is
 * exact. One thread.
 */
#ifndef SKILLSTREAM_PRODUCER_BUDGET_H
#define SKILLSTREAM_PRODUCER_BUDGET_H

#include <stdint.h>

#include "base/error.h"

typedef struct ss_budget {
    int64_t price_in, price_out; /* per token */
    int64_t limit;               /* INT64_MAX = none */
    int64_t spent, reserved;
    uint64_t tokens_in, tokens_out; /* as reported, or assumed where nothing was */
} ss_budget;

typedef struct ss_spend {
    uint64_t tokens_in, tokens_out; /* worst case */
    int64_t amount;
} ss_spend;

/* Prices per million tokens, NAN = not given; limit NAN = none. SS_CONFIG: a limit without a price, negative numbers,
 * numbers too large to be counted. */
int ss_budget_init(ss_budget *budget, double limit, double price_in, double price_out, ss_error *err);

/* 1: reserved, *spend must be settled later; 0: it does not fit. */
int ss_budget_reserve(ss_budget *budget, uint64_t tokens_in, uint64_t tokens_out, ss_spend *spend);

void ss_budget_settle(ss_budget *budget, const ss_spend *spend, uint64_t tokens_in, uint64_t tokens_out);
void ss_budget_settle_worst(ss_budget *budget, const ss_spend *spend); /* nobody can tell */
void ss_budget_release(ss_budget *budget, const ss_spend *spend);      /* certainly not charged */

/* Cost of so many tokens, without booking anything. INT64_MAX when it cannot be counted. */
int64_t ss_budget_cost(const ss_budget *budget, uint64_t tokens_in, uint64_t tokens_out);

/* In units of the currency, for people. */
double ss_budget_units(int64_t amount);

#endif

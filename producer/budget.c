/* budget.c - see budget.h. */
#include "producer/budget.h"

#include <math.h>

#define UNIT 1e12
#define LARGEST 9e6 /* units that an int64_t holds with room to spare */

/* Prices are rounded up and the limit down, unless only the binary form of a decimal number is off. */
static int to_amount(double units, double scale, int up, int64_t *out, const char *name, ss_error *err)
{
    if (isnan(units)) return 0;
    double exact = units * scale, whole = round(exact);
    if (units < 0 || exact > LARGEST * UNIT)
        return ss_fail(err, SS_CONFIG, "--%s %g is not an amount from 0 to %g", name, units, LARGEST);
    if (fabs(exact - whole) > 1e-6 + exact * 1e-15) whole = up ? ceil(exact) : floor(exact);
    *out = (int64_t)whole;
    return 0;
}

int ss_budget_init(ss_budget *b, double limit, double price_in, double price_out, ss_error *err)
{
    *b = (ss_budget){.limit = INT64_MAX};
    if (to_amount(price_in, UNIT / 1e6, 1, &b->price_in, "price-in", err) ||
        to_amount(price_out, UNIT / 1e6, 1, &b->price_out, "price-out", err) ||
        to_amount(limit, UNIT, 0, &b->limit, "max-cost", err))
        return -1;
    if (!isnan(limit) && (isnan(price_in) || isnan(price_out)))
        return ss_fail(err, SS_CONFIG, "--max-cost needs --price-in and --price-out (per million tokens)");
    return 0;
}

int64_t ss_budget_cost(const ss_budget *b, uint64_t tokens_in, uint64_t tokens_out)
{
    int64_t in, out, sum;
    if (tokens_in > INT64_MAX || tokens_out > INT64_MAX ||
        __builtin_mul_overflow((int64_t)tokens_in, b->price_in, &in) ||
        __builtin_mul_overflow((int64_t)tokens_out, b->price_out, &out) || __builtin_add_overflow(in, out, &sum))
        return INT64_MAX;
    return sum;
}

int ss_budget_reserve(ss_budget *b, uint64_t tokens_in, uint64_t tokens_out, ss_spend *spend)
{
    int64_t amount = ss_budget_cost(b, tokens_in, tokens_out);
    int64_t left = b->limit - b->reserved;
    if (left < b->spent || amount > left - b->spent) return 0;
    b->reserved += amount;
    *spend = (ss_spend){.tokens_in = tokens_in, .tokens_out = tokens_out, .amount = amount};
    return 1;
}

void ss_budget_settle(ss_budget *b, const ss_spend *spend, uint64_t tokens_in, uint64_t tokens_out)
{
    b->reserved -= spend->amount;
    int64_t cost = ss_budget_cost(b, tokens_in, tokens_out);
    if (__builtin_add_overflow(b->spent, cost, &b->spent)) b->spent = INT64_MAX;
    b->tokens_in += tokens_in;
    b->tokens_out += tokens_out;
}

void ss_budget_settle_worst(ss_budget *b, const ss_spend *spend)
{
    ss_budget_settle(b, spend, spend->tokens_in, spend->tokens_out);
}

void ss_budget_release(ss_budget *b, const ss_spend *spend)
{
    b->reserved -= spend->amount;
}

double ss_budget_units(int64_t amount)
{
    return (double)amount / UNIT;
}

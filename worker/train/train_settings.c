/* train_settings.c - see train_settings.h. */
#include "worker/train/train_settings.h"

int ss_train_settings_check(const ss_train_settings *settings, ss_error *err)
{
    if ((settings->sign_key || settings->trusted_keys.count) && !settings->redis)
        return ss_fail(err, SS_USAGE,
                       "--%s is about releases in Redis, and there is no --redis; a file is signed when it is pushed: "
                       "skillstream release push FILE --sign-key KEY",
                       settings->sign_key ? "sign-key" : "trusted-key");
    return ss_recipe_check(&settings->recipe, err);
}

/* Who may not create learns nothing else: `allow` is asked first. */
#include <string.h>

#include "keep/account.h"
#include "keep/instance_allow.h"
#include "keep/instance_request.h"
#include "keep/parameters.h"

/* 422 about one value. */
static void instance_request_blame(struct instances_answer *answer, const char *pointer, const char *detail)
{
    answer->status = 422;
    answer->errors = json_pack("[{s:s, s:s}]", "pointer", pointer, "detail", detail);
    error_set(&answer->error, "%s: %s", pointer + 1, detail);
}

bool instance_request_is_sound(const struct instances_request *request,
                               const struct config_template *template, struct instances_answer *answer)
{
    if (!template) {
        error_set(&answer->error, "there is no template %s", request->template);
        answer->status = 404;
    } else if (request->id && !instance_record_is_id(slice_of_text(request->id))) {
        instance_request_blame(
            answer, "/id", "an id has 1 to 64 letters, digits and . _ - and begins with a letter or digit");
    }
    return answer->status == 0;
}

/* There is one of this name: is it what is asked for? */
static void instance_request_compare(const struct instances_request *request,
                                     const struct instance_item *item, struct instances_answer *answer)
{
    json_t *none = json_object();
    bool same = json_equal(item->record.parameters, request->parameters ? request->parameters : none);
    json_decref(none);
    answer->status = same && !item->removing ? 200 : 409;
    if (item->removing)
        error_set(&answer->error, "%s is being removed", item->name);
    else if (!same)
        error_set(&answer->error, "%s exists with other parameters", item->name);
}

/* The account that the id chooses: told now, not at the first start. */
static void instance_request_check_account(const struct instances_request *request,
                                           const struct config_template *template,
                                           struct instances_answer *answer)
{
    struct account account;
    struct error error = {0};
    const struct instance instance = {.id = request->id};
    if (!template->service.user || !strchr(template->service.user, '$'))
        return;
    if (account_of(&template->service, &instance, &account, &error))
        account_free(&account);
    else
        instance_request_blame(answer, "/id", error.text);
}

bool instance_request_is_granted(const struct config *config, const struct instances_request *request,
                                 const struct instance_request_place *place, struct instances_answer *answer)
{
    const struct config_template *template = place->template;
    if (!instance_allow(config, template, request->id, request->who)) {
        error_set(&answer->error, "`allow` of the template %s does not let you", request->template);
        answer->status = 403;
    } else if (place->item) {
        instance_request_compare(request, place->item, answer);
    } else if ((answer->errors = parameters_check(template, request->parameters))) {
        parameters_tell(answer->errors, &answer->error);
        answer->status = 422;
    } else if (place->full) {
        error_set(&answer->error, "%s has %u instances already (max_instances)", request->template,
                  template->max_instances);
        answer->status = 429;
    } else {
        instance_request_check_account(request, template, answer);
    }
    return answer->status == 0;
}

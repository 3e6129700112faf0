// SPDX-License-Identifier: Apache-2.0
/* Objects that rp_policy_load must refuse; UNLOADABLE says why. */
#include <ringpool/policy.h>

enum { no_table = 1, null_table, wrong_abi, small_table, bad_name, no_next, taken_name };

static rp_placement
place(void* self, const rp_policy_context* c, const rp_task* task, int32_t from) {
    (void)self;
    (void)c;
    (void)from;
    const rp_placement shared = {{RP_QUEUE_SHARED, task->priority}, 0, 0, 0};
    return shared;
}

static rp_action next(void* self, const rp_policy_context* c, int32_t core, const rp_step* step) {
    (void)self;
    (void)c;
    (void)core;
    const rp_action take = {RP_TAKE_SHARED, (int32_t)step->tries, 0, 0};
    const rp_action park = {RP_PARK, 0, 0, 0};
    return step->tries < RP_PRIORITIES ? take : park;
}

__attribute__((visibility("default"))) const rp_policy* plugin_table(void);

__attribute__((visibility("default"))) const rp_policy* plugin_table(void) {
    static const rp_policy table = {
        .size = UNLOADABLE == small_table ? 16 : sizeof(rp_policy),
        .abi = UNLOADABLE == wrong_abi ? RP_POLICY_ABI + 1 : RP_POLICY_ABI,
        .name = UNLOADABLE == bad_name     ? "Bad Name"
                : UNLOADABLE == taken_name ? "windows"
                                           : "plug-unloadable",
        .text = "Cannot be loaded.",
        .place = place,
        .next = UNLOADABLE == no_next ? 0 : next,
    };
    return UNLOADABLE == null_table ? 0 : &table;
}

#if UNLOADABLE != 1 /* no_table */
const rp_policy* rp_policy_table(void) {
    return plugin_table();
}
#endif

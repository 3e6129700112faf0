// SPDX-License-Identifier: Apache-2.0
// The rp_ functions about controllers.
#include "kernel_iface/nt/status.hpp"
#include "runtime/export.hpp"
#include "runtime/tp/pool.hpp"
#include "scheduler/token_state.hpp"

#include <ringpool/ringpool.h>

#include <algorithm>

using namespace rp;

RP_EXPORT BOOL rp_pool_set_controller(PTP_POOL pool, const char* name) {
    tp::pool* p = tp::pool::given_or_default(pool, "rp_pool_set_controller");
    if (p == nullptr) {
        return FALSE;
    }
    const DWORD error = p->set_controller(name);
    if (error != 0) {
        nt::set_last_error(error);
    }
    return error == 0 ? TRUE : FALSE;
}

RP_EXPORT const char* const* rp_controller_names(void) {
    return sched::controller_names();
}

RP_EXPORT BOOL rp_pool_query_controller(PTP_POOL pool, rp_controller_info* info) {
    if (info == nullptr || info->size != sizeof(rp_controller_info)) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    const tp::pool* p = tp::pool::given_or_default(pool, "rp_pool_query_controller");
    if (p == nullptr) {
        return FALSE;
    }
    const sched::control_statistics s = p->engine().controlled();
    info->tokens = s.tokens;
    info->tokens_limit = s.tokens_limit;
    info->soft_minimum = s.soft_minimum;
    info->soft_maximum = s.soft_maximum;
    info->cpus = s.cpus;
    info->samples = s.samples;
    info->changes = s.changes;
    info->controller = s.controller;
    return TRUE;
}

RP_EXPORT BOOL rp_controller_log(PTP_POOL pool, rp_controller_entry* entries, DWORD* count) {
    if (count == nullptr || (entries == nullptr && *count != 0)) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    const tp::pool* p = tp::pool::given_or_default(pool, "rp_controller_log");
    if (p == nullptr) {
        return FALSE;
    }
    sched::control_change kept[sched::token_state::log_size];
    const uint32_t room = std::min<uint32_t>(*count, sched::token_state::log_size);
    *count = p->engine().control_log(kept, room);
    for (DWORD i = 0; i < *count; ++i) {
        const sched::control_change& from = kept[i];
        rp_controller_entry& to = entries[i];
        to.sequence = from.sequence;
        to.time_ns = static_cast<ULONGLONG>(from.time_ns);
        to.tokens_before = from.tokens_before;
        to.tokens = from.tokens;
        to.soft_minimum_before = from.soft_minimum_before;
        to.soft_minimum = from.soft_minimum;
        to.soft_maximum_before = from.soft_maximum_before;
        to.soft_maximum = from.soft_maximum;
        to.threads = from.threads;
        to.controller = from.controller;
        to.reason = sched::reason_name(from.why);
    }
    return TRUE;
}

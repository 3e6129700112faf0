// SPDX-License-Identifier: Apache-2.0
// What rp_policy_query() tells. A description is made on the first question about a policy and
// kept: its strings are promised to stay, and policies are never removed.
#include "kernel_iface/nt/status.hpp"
#include "runtime/export.hpp"
#include "runtime/policy/load.hpp"
#include "scheduler/policies/registry.hpp"

#include <ringpool/ringpool.h>

#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

namespace rp::policy {

namespace {

struct description {
    std::string aliases;
    std::vector<sched::policy_knob> kept; // owns what `knobs` points into
    std::vector<rp_policy_knob> knobs;
};

std::unique_ptr<description> describe(const sched::policy_entry& entry) {
    auto made = std::make_unique<description>();
    for (const std::string& alias : entry.aliases) {
        made->aliases += (made->aliases.empty() ? "" : " ") + alias;
    }
    std::vector<LONGLONG> standards;
    entry.with_knobs([&](std::vector<sched::policy_knob>& knobs) {
        made->kept = knobs;
        for (sched::policy_knob& k : made->kept) {
            standards.push_back(*k.value);
            k.value = nullptr; // it ends with this call
        }
    });
    for (size_t i = 0; i < made->kept.size(); ++i) {
        const sched::policy_knob& k = made->kept[i];
        made->knobs.push_back(
            {k.name.c_str(), k.meaning.c_str(), standards[i], k.lowest, k.highest});
    }
    return made;
}

const description& description_of(const sched::policy_entry& entry) {
    static std::mutex lock;
    static auto* const all = // guard: lock; never destroyed, as promised
        new std::map<const sched::policy_entry*, std::unique_ptr<description>>;
    const std::scoped_lock guard(lock);
    std::unique_ptr<description>& known = (*all)[&entry];
    if (known == nullptr) {
        known = describe(entry);
    }
    return *known;
}

} // namespace

} // namespace rp::policy

using namespace rp;

RP_EXPORT BOOL rp_policy_query(const char* name, rp_policy_info* info) {
    if (name == nullptr || info == nullptr || info->size != sizeof(rp_policy_info)) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    try {
        policy::load_from_environment();
        const sched::policy_entry* entry = sched::find_policy(name);
        if (entry == nullptr) {
            nt::set_last_error(ERROR_FILE_NOT_FOUND);
            return FALSE;
        }
        const policy::description& told = policy::description_of(*entry);
        info->knob_count = static_cast<DWORD>(told.knobs.size());
        info->name = entry->name.c_str();
        info->aliases = told.aliases.c_str();
        info->knobs = told.knobs.data();
        return TRUE;
    } catch (const std::bad_alloc&) {
        nt::set_last_error(ERROR_NOT_ENOUGH_MEMORY);
        return FALSE;
    }
}

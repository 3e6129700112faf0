// SPDX-License-Identifier: Apache-2.0
// Policies in shared objects. A loaded object stays loaded: pools may run it to the end.
#include "runtime/policy/load.hpp"

#include "kernel_iface/nt/status.hpp"
#include "runtime/export.hpp"
#include "runtime/policy/guarded.hpp"
#include "scheduler/engine_of.hpp"
#include "scheduler/policies/registry.hpp"

#include <ringpool/ringpool.h>

#include <dlfcn.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <string_view>

namespace rp::policy {

namespace {

struct refusal {
    DWORD error = 0;
    std::string text;
};

bool is_good_name(const char* name) {
    if (name == nullptr || *name == '\0' || std::strlen(name) > 64) {
        return false;
    }
    return std::all_of(name, name + std::strlen(name), [](unsigned char c) {
        return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-';
    });
}

/// The whole table of an object that may have been compiled with an older header.
rp_policy completed(const rp_policy& given) {
    rp_policy whole = {};
    std::memcpy(&whole, &given, std::min(given.size, sizeof whole));
    return whole;
}

std::string problem_with(const rp_policy* table) {
    if (table == nullptr) {
        return "rp_policy_table() returned NULL";
    }
    if (table->abi != RP_POLICY_ABI) {
        return "it has version " + std::to_string(table->abi) +
               " of the policy table, this library " + std::to_string(RP_POLICY_ABI) +
               "; compile it with this library's <ringpool/policy.h>";
    }
    if (table->size < offsetof(rp_policy, reads)) {
        return "its table is too small (size is " + std::to_string(table->size) + ")";
    }
    if (!is_good_name(table->name)) {
        return "its name must be 1 to 64 lower-case letters, digits or '-'";
    }
    if (table->place == nullptr || table->next == nullptr) {
        return std::string("it lacks the mandatory hook ") +
               (table->place == nullptr ? "place" : "next");
    }
    return "";
}

/// Loads the object; its name, or why not.
const char* load(const char* path, refusal& why) {
    void* object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (object == nullptr) {
        why = {ERROR_MOD_NOT_FOUND, dlerror()};
        return nullptr;
    }
    using table_function = const rp_policy* (*)();
    const auto get = reinterpret_cast<table_function>(dlsym(object, "rp_policy_table"));
    if (get == nullptr) {
        why = {ERROR_PROC_NOT_FOUND, "it exports no rp_policy_table (see <ringpool/policy.h>)"};
        dlclose(object);
        return nullptr;
    }
    const rp_policy* given = get();
    if (std::string problem = problem_with(given); !problem.empty()) {
        why = {ERROR_BAD_FORMAT, std::move(problem)};
        dlclose(object);
        return nullptr;
    }
    static std::mutex loading; // two loads of one object are one load
    const std::scoped_lock guard(loading);
    static std::vector<std::pair<const rp_policy*, const char*>> loaded; // guard: loading
    for (const auto& [table, name] : loaded) {
        if (table == given) {
            return name;
        }
    }
    const rp_policy table = completed(*given);
    sched::policy_entry entry;
    entry.name = table.name;
    entry.make = [table](std::string_view) -> sched::engine* {
        std::unique_ptr<foreign> inner = foreign::create(table);
        return inner == nullptr ? nullptr
                                : new sched::engine_of<guarded>(guarded(std::move(inner)),
                                                                sched::kept_spec(table.name));
    };
    entry.with_knobs = [](const std::function<void(std::vector<sched::policy_knob>&)>& use) {
        std::vector<sched::policy_knob> none;
        use(none);
    };
    if (!sched::add_policy(std::move(entry))) {
        why = {ERROR_ALREADY_EXISTS,
               "there is a policy of the name '" + std::string(table.name) + "' already"};
        dlclose(object);
        return nullptr;
    }
    loaded.emplace_back(given, sched::kept_spec(table.name));
    return loaded.back().second;
}

} // namespace

void load_from_environment() noexcept {
    static const bool is_done = [] {
        const char* list = std::getenv("RINGPOOL_POLICY_LIB");
        for (std::string_view rest = list != nullptr ? list : ""; !rest.empty();) {
            const size_t colon = rest.find(':');
            const std::string path(rest.substr(0, colon));
            (void)rp_policy_load(path.c_str());
            rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
        }
        return true;
    }();
    (void)is_done;
}

} // namespace rp::policy

using namespace rp;

RP_EXPORT const char* rp_policy_load(const char* path) {
    policy::refusal why;
    const char* name = nullptr;
    try {
        if (path == nullptr || *path == '\0') {
            why = {ERROR_INVALID_PARAMETER, "no path was given"};
        } else {
            name = policy::load(path, why);
        }
    } catch (const std::bad_alloc&) {
        why.error = ERROR_NOT_ENOUGH_MEMORY;
    }
    if (name == nullptr) {
        std::fprintf(stderr,
                     "ringpool: policy object %s: %s\n",
                     path != nullptr ? path : "(NULL)",
                     why.text.c_str());
        nt::set_last_error(why.error);
    }
    return name;
}

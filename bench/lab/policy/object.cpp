// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/policy/object.hpp"

#include <fmt/format.h>
#include <ringpool/ringpool.h>

#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>

namespace rp::lab {

namespace {

bool is_loadable_name(const char* name) {
    const size_t length = name != nullptr ? std::strlen(name) : 0;
    return length >= 1 && length <= 64 && std::all_of(name, name + length, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
           });
}

void look_at_table(policy_object& found) {
    const rp_policy& table = found.table;
    if (!is_loadable_name(table.name)) {
        found.problems.emplace_back(
            "name must be 1 to 64 lower-case letters, digits or '-': change it in the table");
    } else {
        rp_policy_info info = {};
        info.size = sizeof info;
        if (rp_policy_query(table.name, &info) != 0) {
            found.problems.push_back(fmt::format(
                "name '{}' is taken by a policy that ringpool has: choose another", table.name));
        }
    }
    if (table.place == nullptr) {
        found.problems.emplace_back("place is NULL: it is mandatory");
    }
    if (table.next == nullptr) {
        found.problems.emplace_back("next is NULL: it is mandatory");
    }
    if (table.text == nullptr || *table.text == '\0') {
        found.warnings.emplace_back("text is empty: say in one sentence what the policy does");
    }
    if ((table.create == nullptr) != (table.destroy == nullptr)) {
        found.warnings.push_back(fmt::format("there is {} without {}",
                                             table.create != nullptr ? "create" : "destroy",
                                             table.create != nullptr ? "destroy" : "create"));
    }
    if ((table.flags & ~(RP_POLICY_STEALS | RP_POLICY_TIMES)) != 0) {
        found.warnings.push_back(fmt::format("flags has bits without a meaning: {:#x}",
                                             table.flags & ~(RP_POLICY_STEALS | RP_POLICY_TIMES)));
    }
}

} // namespace

policy_object open_policy(const std::string& path) {
    policy_object found;
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) {
        found.unreadable = error ? error.message() : "it is not a file";
        return found;
    }
    // Stays loaded: the table points into it.
    void* object = dlopen(std::filesystem::absolute(path, error).c_str(),
                          RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (object == nullptr) {
        found.unreadable = dlerror();
        return found;
    }
    using table_function = const rp_policy* (*)();
    const auto get = reinterpret_cast<table_function>(dlsym(object, "rp_policy_table"));
    if (get == nullptr) {
        found.problems.emplace_back("it exports no rp_policy_table(): RINGPOOL_POLICY of "
                                    "<ringpool/policy.hpp> makes one");
        return found;
    }
    const rp_policy* given = get();
    if (given == nullptr) {
        found.problems.emplace_back("rp_policy_table() returned NULL");
        return found;
    }
    if (given->abi != RP_POLICY_ABI) {
        found.problems.push_back(
            fmt::format("abi is {}, this ringpool has {}: compile it with this "
                        "ringpool's <ringpool/policy.h>",
                        given->abi,
                        RP_POLICY_ABI));
        return found; // nothing behind it can be read
    }
    if (given->size < offsetof(rp_policy, reads)) {
        found.problems.push_back(
            fmt::format("size is {}, at least {} is needed: set it to sizeof(rp_policy)",
                        given->size,
                        offsetof(rp_policy, reads)));
        return found;
    }
    std::memcpy(&found.table, given, std::min(given->size, sizeof found.table));
    look_at_table(found);
    return found;
}

} // namespace rp::lab

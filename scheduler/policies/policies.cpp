// SPDX-License-Identifier: Apache-2.0
// The policies of this build: one line each.
#include "scheduler/engine_of.hpp"
#include "scheduler/policies/partitioned/policy.hpp"
#include "scheduler/policies/shared_fifo/policy.hpp"
#include "scheduler/policies/ws/policy.hpp"

#include <new>

namespace rp::sched {

namespace {

struct entry {
    const char* name;
    engine* (*make)();
};

template <class Policy>
constexpr entry entry_of() {
    return {Policy::name, []() -> engine* { return new engine_of<Policy>; }};
}

constexpr entry all[] = {
    entry_of<policies::ws>(), // the first is the default
    entry_of<policies::shared_fifo>(),
    entry_of<policies::partitioned>(),
};

const entry* find(std::string_view name) noexcept {
    for (const entry& e : all) {
        if (name == e.name) {
            return &e;
        }
    }
    return nullptr;
}

} // namespace

engine* engine::create(std::string_view policy) noexcept {
    const entry* e = find(policy);
    if (e == nullptr) {
        return nullptr;
    }
    try {
        return e->make();
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

const char* const* policy_names() noexcept {
    static constexpr const char* names[] = {all[0].name, all[1].name, all[2].name, nullptr};
    static_assert(std::size(names) == std::size(all) + 1);
    return names;
}

bool is_policy(std::string_view name) noexcept {
    return find(name) != nullptr;
}

} // namespace rp::sched

// SPDX-License-Identifier: Apache-2.0
#include "scheduler/policies/registry.hpp"

#include "scheduler/policies/shipped.hpp"

#include <algorithm>
#include <charconv>
#include <memory>
#include <mutex>
#include <new>
#include <set>

namespace rp::sched {

namespace {

struct registry {
    std::mutex lock;
    std::vector<std::unique_ptr<policy_entry>> entries; // guard: lock; they stay where they are
    std::vector<const char*> names;                     // guard: lock
    /// What policy_names() has given out: a list per load, never freed.
    std::vector<std::unique_ptr<std::vector<const char*>>> lists;
    std::set<std::string> specs; // guard: lock; what engines were made with, never freed

    registry() {
        for (policy_entry& each : shipped_policies()) {
            add(std::move(each));
        }
    }

    [[nodiscard]] const policy_entry* find(std::string_view name) const {
        for (const auto& each : entries) {
            if (each->name == name || std::find(each->aliases.begin(), each->aliases.end(), name) !=
                                          each->aliases.end()) {
                return each.get();
            }
        }
        return nullptr;
    }

    void add(policy_entry added) {
        entries.push_back(std::make_unique<policy_entry>(std::move(added)));
        names.push_back(entries.back()->name.c_str());
        lists.push_back(std::make_unique<std::vector<const char*>>(names));
        lists.back()->push_back(nullptr);
    }
};

registry& all_policies() {
    static auto* const all = new registry; // never destroyed: pools outlive static objects
    return *all;
}

struct parsed_spec {
    std::string_view name;
    std::string_view settings;
};

parsed_spec parse(std::string_view spec) {
    const size_t colon = spec.find(':');
    return {spec.substr(0, colon),
            colon == std::string_view::npos ? std::string_view() : spec.substr(colon + 1)};
}

std::string known_names() {
    std::string all;
    for (const char* const* name = policy_names(); *name != nullptr; ++name) {
        all += std::string(all.empty() ? "" : " ") + *name;
    }
    return all;
}

std::string known_knobs(const std::vector<policy_knob>& knobs) {
    std::string all;
    for (const policy_knob& k : knobs) {
        all += (all.empty() ? "" : " ") + k.name;
    }
    return all;
}

} // namespace

std::string set_knobs(std::vector<policy_knob>& knobs, std::string_view settings) {
    while (!settings.empty()) {
        const size_t comma = settings.find(',');
        const std::string_view one = settings.substr(0, comma);
        settings =
            comma == std::string_view::npos ? std::string_view() : settings.substr(comma + 1);
        const size_t equals = one.find('=');
        const std::string name(one.substr(0, equals));
        const auto knob = std::find_if(
            knobs.begin(), knobs.end(), [&name](const policy_knob& k) { return k.name == name; });
        if (knob == knobs.end()) {
            return "unknown setting '" + name + "'; known: " + known_knobs(knobs);
        }
        const std::string_view text =
            equals == std::string_view::npos ? std::string_view() : one.substr(equals + 1);
        int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size() || value < knob->lowest ||
            value > knob->highest) {
            return "setting '" + name + "' takes a whole number from " +
                   std::to_string(knob->lowest) + " to " + std::to_string(knob->highest) +
                   ", not '" + std::string(text) + "'";
        }
        *knob->value = value;
    }
    return "";
}

const policy_entry* find_policy(std::string_view name) {
    const std::scoped_lock guard(all_policies().lock);
    return all_policies().find(name);
}

bool add_policy(policy_entry added) {
    const std::scoped_lock guard(all_policies().lock);
    if (all_policies().find(added.name) != nullptr) {
        return false;
    }
    all_policies().add(std::move(added));
    return true;
}

const char* const* policy_names() noexcept {
    const std::scoped_lock guard(all_policies().lock);
    return all_policies().lists.back()->data();
}

std::string policy_problem(std::string_view spec) {
    const parsed_spec wanted = parse(spec);
    const policy_entry* e = find_policy(wanted.name);
    if (e == nullptr) {
        return "unknown policy '" + std::string(wanted.name) + "'; known: " + known_names();
    }
    std::string problem;
    e->with_knobs(
        [&](std::vector<policy_knob>& knobs) { problem = set_knobs(knobs, wanted.settings); });
    return problem.empty() ? "" : "policy '" + e->name + "': " + problem;
}

const char* kept_spec(std::string spec) {
    const std::scoped_lock guard(all_policies().lock);
    return all_policies().specs.insert(std::move(spec)).first->c_str();
}

engine* engine::create(std::string_view spec) noexcept {
    try {
        const parsed_spec wanted = parse(spec);
        const policy_entry* e = find_policy(wanted.name);
        if (e == nullptr || !policy_problem(spec).empty()) {
            return nullptr;
        }

        struct unmaking {
            void operator()(engine* unfinished) const { unfinished->release(); }
        };

        std::unique_ptr<engine, unmaking> made(e->make(wanted.settings));
        if (made != nullptr) {
            made->enrol();
        }
        return made.release();
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

} // namespace rp::sched

// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a policy of this build is made known. Each is compiled by itself: in one unit with the others
// the compiler reaches its limit of growth and no longer inlines what makes `ws` fast (fan-out 1.5
// times as long, measured).
#include "scheduler/engine_of.hpp"
#include "scheduler/policies/shipped.hpp"

#include <string>
#include <utility>
#include <vector>

namespace rp::sched {

template <class Policy>
std::vector<policy_knob> knobs_of(Policy& p) {
    std::vector<policy_knob> knobs;
    p.visit_knobs([&knobs](const char* name,
                           int64_t& value,
                           int64_t lowest,
                           int64_t highest,
                           const char* meaning) {
        knobs.push_back({name, &value, lowest, highest, meaning});
    });
    return knobs;
}

inline std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const size_t space = text.find(' ');
        words.emplace_back(text.substr(0, space));
        text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
    }
    return words;
}

template <class Policy>
policy_entry entry_of() {
    policy_entry e;
    e.name = Policy::name;
    e.aliases = words_of(Policy::aliases);
    e.make = [](std::string_view settings) -> engine* {
        Policy p;
        std::vector<policy_knob> knobs = knobs_of(p);
        (void)set_knobs(knobs, settings);
        std::string name = Policy::name;
        if (!settings.empty()) {
            name.append(1, ':').append(settings);
        }
        return new engine_of<Policy>(std::move(p), kept_spec(std::move(name)));
    };
    e.with_knobs = [](const std::function<void(std::vector<policy_knob>&)>& use) {
        Policy p;
        std::vector<policy_knob> knobs = knobs_of(p);
        use(knobs);
    };
    return e;
}

} // namespace rp::sched

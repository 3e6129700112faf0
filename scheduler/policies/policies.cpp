// SPDX-License-Identifier: Apache-2.0
// The policies of this build: one line each.
#include "scheduler/engine_of.hpp"
#include "scheduler/policies/darc/policy.hpp"
#include "scheduler/policies/edf/policy.hpp"
#include "scheduler/policies/jbsq/policy.hpp"
#include "scheduler/policies/lifo_slot/policy.hpp"
#include "scheduler/policies/partitioned/policy.hpp"
#include "scheduler/policies/prio/policy.hpp"
#include "scheduler/policies/ps/policy.hpp"
#include "scheduler/policies/shared_fifo/policy.hpp"
#include "scheduler/policies/shipped.hpp"
#include "scheduler/policies/sjf_est/policy.hpp"
#include "scheduler/policies/tail_control/policy.hpp"
#include "scheduler/policies/ws/policy.hpp"
#include "scheduler/policies/ws_2choice/policy.hpp"
#include "scheduler/policies/ws_half/policy.hpp"
#include "scheduler/policies/ws_llc/policy.hpp"

#include <new>

namespace rp::sched {

namespace {

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

std::vector<std::string> words_of(std::string_view text) {
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
        name += settings.empty() ? "" : ":" + std::string(settings);
        return new engine_of<Policy>(std::move(p), kept_spec(std::move(name)));
    };
    e.with_knobs = [](const std::function<void(std::vector<policy_knob>&)>& use) {
        Policy p;
        std::vector<policy_knob> knobs = knobs_of(p);
        use(knobs);
    };
    return e;
}

} // namespace

std::vector<policy_entry> shipped_policies() {
    std::vector<policy_entry> all;
    all.push_back(entry_of<policies::ws>()); // the first is the default
    all.push_back(entry_of<policies::shared_fifo>());
    all.push_back(entry_of<policies::partitioned>());
    all.push_back(entry_of<policies::ws_2choice>());
    all.push_back(entry_of<policies::ws_llc>());
    all.push_back(entry_of<policies::ws_half>());
    all.push_back(entry_of<policies::lifo_slot>());
    all.push_back(entry_of<policies::jbsq>());
    all.push_back(entry_of<policies::prio>());
    all.push_back(entry_of<policies::edf>());
    all.push_back(entry_of<policies::sjf_est>());
    all.push_back(entry_of<policies::darc>());
    all.push_back(entry_of<policies::ps>());
    all.push_back(entry_of<policies::tail_control>());
    return all;
}

} // namespace rp::sched

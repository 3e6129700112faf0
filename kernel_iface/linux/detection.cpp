// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/detection.hpp"

#include "kernel_iface/linux/switch_records.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "kernel_iface/linux/thread_files.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace rp::kernel {

namespace {

constexpr std::array<const char*, detection_tier_count> tier_names{
    "announced", "state", "schedstat", "perf"};

std::string explain_file(const char* name, int error) {
    std::string text = std::string("/proc/self/task/TID/") + name + " cannot be opened: ";
    return text + std::strerror(-error) + (error == -EMFILE ? "; raise ulimit -n" : "");
}

std::string probe_state() {
    state_file file;
    if (const int error = file.open(thread_id()); error != 0) {
        return explain_file("stat", error);
    }
    return file.read() == 'R' ? "" : "/proc/self/task/TID/stat shows no state";
}

std::string probe_schedstat() {
    schedstat_file file;
    if (const int error = file.open(thread_id()); error != 0) {
        return explain_file("schedstat", error);
    }
    // Without CONFIG_SCHED_INFO the file is there and says "0 0 0".
    schedule_totals totals;
    return file.read(totals) && totals.slices != 0
               ? ""
               : "/proc/self/task/TID/schedstat counts nothing: a kernel built without "
                 "CONFIG_SCHED_INFO";
}

std::string probe_perf() {
    switch_records records;
    const switch_records::refusal why = records.open(thread_id(), true);
    return why.error == 0 ? "" : explain(why);
}

} // namespace

const char* detection_tier_name(detection_tier tier) noexcept {
    return tier_names[static_cast<size_t>(tier)];
}

tier_refusals probe_detection_tiers() {
    tier_refusals refusals;
    refusals[static_cast<size_t>(detection_tier::state)] = probe_state();
    refusals[static_cast<size_t>(detection_tier::schedstat)] = probe_schedstat();
    // A thread that has not been switched since the event was made has no record: the letter says.
    const std::string& no_letter = refusals[static_cast<size_t>(detection_tier::state)];
    refusals[static_cast<size_t>(detection_tier::perf)] =
        no_letter.empty() ? probe_perf() : no_letter;
    if (refusals[static_cast<size_t>(detection_tier::schedstat)].empty()) {
        refusals[static_cast<size_t>(detection_tier::schedstat)] = no_letter; // confirms
    }
    return refusals;
}

detection_choice choose_detection_tier(const char* wish, const tier_refusals& refusals) {
    detection_choice choice;
    const std::string_view name = wish != nullptr ? wish : "";
    size_t wanted = detection_tier_count - 1;
    if (!name.empty() && name != "auto") {
        size_t known = 0;
        while (known < detection_tier_count && name != tier_names[known]) {
            ++known;
        }
        choice.is_named = known != detection_tier_count;
        if (choice.is_named) {
            wanted = known;
        } else {
            choice.complaint = "ringpool: RINGPOOL_DETECT: unknown tier '" + std::string(name) +
                               "'; known: auto announced perf schedstat state; using auto";
        }
    }
    size_t usable = wanted;
    while (!refusals[usable].empty()) {
        --usable; // `announced` is never refused
    }
    choice.tier = static_cast<detection_tier>(usable);
    if (choice.is_named && usable != wanted) {
        choice.complaint = "ringpool: RINGPOOL_DETECT=" + std::string(name) + ": " +
                           refusals[wanted] + "; using " + tier_names[usable] + " instead";
    }
    return choice;
}

const detection_choice& detection() noexcept {
    static const detection_choice* const made = [] {
        auto* choice = new detection_choice(
            choose_detection_tier(std::getenv("RINGPOOL_DETECT"), probe_detection_tiers()));
        if (!choice->complaint.empty()) {
            std::fprintf(stderr, "%s\n", choice->complaint.c_str());
        }
        return choice; // never destroyed: the monitor outlives static objects
    }();
    return *made;
}

} // namespace rp::kernel

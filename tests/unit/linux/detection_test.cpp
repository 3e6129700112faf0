// SPDX-License-Identifier: Apache-2.0
// Which tier is chosen, and what is said when it is not the one asked for.
#include "kernel_iface/linux/detection.hpp"
#include "tests/unit/linux/no_descriptors.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <thread>

using namespace rp::kernel;

namespace {

constexpr size_t at(detection_tier tier) {
    return static_cast<size_t>(tier);
}

bool says(const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
}

/// What a probe says on a thread for which perf_event_open returns EPERM.
tier_refusals probe_without_perf(bool& has_filter) {
    tier_refusals refusals;
    std::thread([&] {
        std::array<sock_filter, 4> code{{
            {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
            {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_perf_event_open},
            {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
            {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
        }};
        const sock_fprog program{code.size(), code.data()};
        has_filter = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                     prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
        refusals = probe_detection_tiers();
    }).join();
    return refusals;
}

} // namespace

TEST_SUITE("detection") {
    TEST_CASE("auto, empty and nothing choose the best tier that is not refused") {
        tier_refusals refusals;
        for (const char* wish : {"auto", "", static_cast<const char*>(nullptr)}) {
            const detection_choice choice = choose_detection_tier(wish, refusals);
            CHECK(choice.tier == detection_tier::perf);
            CHECK_FALSE(choice.is_named);
            CHECK(choice.complaint.empty());
        }
        refusals[at(detection_tier::perf)] = "no perf";
        CHECK(choose_detection_tier("auto", refusals).tier == detection_tier::schedstat);
        CHECK(choose_detection_tier("auto", refusals).complaint.empty());
        refusals[at(detection_tier::schedstat)] = "no schedstat";
        CHECK(choose_detection_tier("auto", refusals).tier == detection_tier::state);
        refusals[at(detection_tier::state)] = "no proc";
        CHECK(choose_detection_tier("auto", refusals).tier == detection_tier::announced);
    }

    TEST_CASE("a named tier is used without a word") {
        for (const detection_tier tier : {detection_tier::announced,
                                          detection_tier::state,
                                          detection_tier::schedstat,
                                          detection_tier::perf}) {
            const detection_choice choice =
                choose_detection_tier(detection_tier_name(tier), tier_refusals{});
            CHECK(choice.tier == tier);
            CHECK(choice.is_named);
            CHECK(choice.complaint.empty());
        }
    }

    TEST_CASE("a named tier that is refused falls to the next below, with the cause") {
        tier_refusals refusals;
        refusals[at(detection_tier::perf)] = "kernel.perf_event_paranoid=3";
        refusals[at(detection_tier::schedstat)] = "counts nothing";
        const detection_choice choice = choose_detection_tier("perf", refusals);
        CHECK(choice.tier == detection_tier::state);
        CHECK(says(choice.complaint, "RINGPOOL_DETECT=perf"));
        CHECK(says(choice.complaint, "kernel.perf_event_paranoid=3"));
        CHECK(says(choice.complaint, "using state instead"));
        CHECK(choice.complaint.find('\n') == std::string::npos);
    }

    TEST_CASE("an unknown tier is named, with the known ones, and the best is used") {
        const detection_choice choice = choose_detection_tier("pref", tier_refusals{});
        CHECK(choice.tier == detection_tier::perf);
        CHECK_FALSE(choice.is_named);
        for (const char* part :
             {"'pref'", "auto", "announced", "perf", "schedstat", "state", "using auto"}) {
            CAPTURE(part);
            CHECK(says(choice.complaint, part));
        }
    }

    TEST_CASE("where seccomp forbids perf events the probe says so and the other tiers stay") {
        const tier_refusals before = probe_detection_tiers();
        bool has_filter = false;
        const tier_refusals refusals = probe_without_perf(has_filter);
        if (!has_filter) {
            rp::test::skip_missing("seccomp filters (CONFIG_SECCOMP_FILTER)");
            return;
        }
        CHECK(says(refusals[at(detection_tier::perf)], "EPERM"));
        CHECK(says(refusals[at(detection_tier::perf)], "seccomp"));
        CHECK(says(refusals[at(detection_tier::perf)], "kernel.perf_event_paranoid="));
        CHECK(refusals[at(detection_tier::schedstat)] == before[at(detection_tier::schedstat)]);
        CHECK(refusals[at(detection_tier::state)] == before[at(detection_tier::state)]);
    }

    TEST_CASE("without a free descriptor every probe fails and names the limit") {
        const tier_refusals refusals = [] {
            const rp::test::no_descriptors limit;
            return probe_detection_tiers();
        }();
        CHECK(refusals[at(detection_tier::announced)].empty());
        for (const detection_tier tier :
             {detection_tier::state, detection_tier::schedstat, detection_tier::perf}) {
            CAPTURE(refusals[at(tier)]);
            CHECK(says(refusals[at(tier)], "ulimit -n"));
        }
    }
}

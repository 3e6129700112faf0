// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rings of every flavour for tests: each runs once with all this kernel offers and once with each
// capability taken away.
#include "kernel_iface/linux/clock.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/ring.hpp"
#include "tests/unit/linux/sink_semantics.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

namespace rp::test {

/// Lists for remove_ring_caps.
inline constexpr const char* ring_flavours[] = {"",
                                                "-futex",
                                                "-ext_arg",
                                                "-futex,-ext_arg",
                                                "-taskrun_flag",
                                                "-defer_taskrun",
                                                "-defer_taskrun,-taskrun_flag",
                                                "-defer_taskrun,-coop_taskrun",
                                                "-defer_taskrun,-coop_taskrun,-futex"};

inline std::unique_ptr<kernel::ring> make_ring(const char* flavour, unsigned sq_entries = 64) {
    kernel::ring_caps caps = kernel::probed_ring_caps();
    REQUIRE(kernel::remove_ring_caps(caps, flavour) == "");
    int error = 0;
    std::unique_ptr<kernel::ring> made = kernel::ring::create(sq_entries, error, caps);
    INFO("ring " << caps.describe());
    REQUIRE(error == 0);
    return made;
}

/// Calls `body(flavour)` for each flavour, or records that there is no io_uring.
template <class Body>
void for_each_flavour(Body body) {
    if (const kernel::ring_caps& caps = kernel::probed_ring_caps(); !caps.ring) {
        skip_missing("io_uring: " + caps.cause);
        return;
    }
    for (const char* flavour : ring_flavours) {
        INFO("flavour \"" << flavour << "\"");
        body(flavour);
    }
}

/// Reaps everything visible; returns how many requests that were.
inline unsigned reap_all(kernel::ring& ring) {
    unsigned count = 0;
    kernel::io_request* request = nullptr;
    int32_t res = 0;
    while (ring.reap_one(request, res)) {
        request->complete(*request, res);
        request->drop();
        ++count;
    }
    return count;
}

/// Runs the owner's loop, sleeping in the ring, until `is_done()`.
template <class Done>
void run_ring_until(kernel::ring& ring, Done is_done) {
    std::atomic<uint32_t> never_woken{0};
    while (!is_done()) {
        if (reap_all(ring) == 0 && !is_done()) {
            // Bounded, because another thread may reap what would end the sleep.
            ring.wait(never_woken, 0, kernel::now_ns() + 20'000'000);
        }
    }
}

class ring_sink final : public kernel::io_sink, public sink_harness {
public:
    explicit ring_sink(kernel::ring& ring) : ring_(ring) {}

    kernel::io_sink& sink() override { return *this; }

    void arm(kernel::io_request& request) noexcept override { ring_.arm(request); }

    void cancel(kernel::io_request& request) noexcept override {
        cancel_armed(request, [this](kernel::io_request& armed) { ring_.post_cancel(armed); });
    }

    void run_until_ended(probe_request& request) override {
        run_ring_until(ring_, [&] { return request.has_ended(); });
    }

private:
    kernel::ring& ring_;
};

} // namespace rp::test

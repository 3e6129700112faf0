// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/ring.hpp"
#include "kernel_iface/linux/ring_caps.hpp"

#include <doctest/doctest.h>

using namespace rp::kernel;

namespace {

ring_caps everything() {
    ring_caps caps;
    caps.ring = caps.defer_taskrun = caps.taskrun_flag = caps.coop_taskrun = true;
    caps.futex = caps.ext_arg = caps.async_cancel = true;
    return caps;
}

} // namespace

TEST_SUITE("ring_caps") {
    TEST_CASE("probe: either a ring can be made, or the cause is named") {
        const ring_caps& caps = probed_ring_caps();
        MESSAGE("io_uring here: " << caps.describe() << " " << caps.cause);
        int error = 0;
        const std::unique_ptr<ring> made = ring::create(8, error);
        CHECK((made != nullptr) == caps.ring);
        CHECK(caps.cause.empty() == caps.ring);
        CHECK((caps.setup_error == 0) == caps.ring);
        CHECK(error == caps.setup_error);
    }

    TEST_CASE("describe lists what is there") {
        CHECK(everything().describe() ==
              "ring,defer_taskrun,taskrun_flag,coop_taskrun,futex,ext_arg,async_cancel");
        CHECK(ring_caps{}.describe() == "none");
    }

    TEST_CASE("remove_ring_caps: removes what is named, and what depends on it") {
        ring_caps caps = everything();
        CHECK(remove_ring_caps(caps, "-futex,-defer_taskrun") == "");
        CHECK_FALSE(caps.futex);
        CHECK_FALSE(caps.defer_taskrun);
        CHECK(caps.taskrun_flag);
        CHECK(remove_ring_caps(caps, "-coop_taskrun") == "");
        CHECK_FALSE(caps.taskrun_flag);
        CHECK(caps.ring);
        CHECK(caps.cause.empty());
    }

    TEST_CASE("remove_ring_caps: without the ring nothing is left, and the cause says so") {
        ring_caps caps = everything();
        CHECK(remove_ring_caps(caps, "-ring") == "");
        CHECK(caps.describe() == "none");
        CHECK(caps.setup_error != 0);
        CHECK(caps.cause.find("RINGPOOL_RING_CAPS") != std::string::npos);
        int error = 0;
        CHECK(ring::create(8, error, caps) == nullptr);
        CHECK(error == caps.setup_error);
    }

    TEST_CASE("remove_ring_caps: unknown names are reported with the known ones") {
        ring_caps caps = everything();
        const std::string complaint = remove_ring_caps(caps, "-futez,futex");
        CHECK(complaint.find("-futez futex") != std::string::npos);
        CHECK(complaint.find(" -defer_taskrun") != std::string::npos);
        CHECK(caps.futex);
    }
}

// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/io_request.hpp"

#include <doctest/doctest.h>

#include <array>
#include <thread>
#include <vector>

using namespace rp::kernel;

namespace {

struct numbered final : io_request {
    uint32_t producer = 0;
    uint32_t number = 0;
};

const numbered& as_numbered(const io_request& request) {
    return static_cast<const numbered&>(request);
}

} // namespace

TEST_SUITE("io_request") {
    TEST_CASE("inbox: requests come out in the order they went in; push reports the first one") {
        std::array<numbered, 5> requests;
        arm_inbox inbox;
        CHECK(inbox.is_empty());
        CHECK(inbox.take_all() == nullptr);
        for (uint32_t i = 0; i < requests.size(); ++i) {
            requests[i].number = i;
            CHECK(inbox.push(requests[i]) == (i == 0));
        }
        CHECK_FALSE(inbox.is_empty());
        uint32_t expected = 0;
        for (io_request* r = inbox.take_all(); r != nullptr; r = r->next) {
            CHECK(as_numbered(*r).number == expected++);
        }
        CHECK(expected == requests.size());
        CHECK(inbox.is_empty());
    }

    TEST_CASE("inbox: nothing is lost or doubled among producers, each keeps its order") {
        constexpr uint32_t producers = 4;
        constexpr uint32_t each = 5'000;
        std::vector<numbered> requests(size_t{producers} * each);
        cancel_inbox inbox;
        std::vector<std::thread> threads;
        for (uint32_t p = 0; p < producers; ++p) {
            threads.emplace_back([&, p] {
                for (uint32_t i = 0; i < each; ++i) {
                    numbered& request = requests[size_t{p} * each + i];
                    request.producer = p;
                    request.number = i;
                    inbox.push(request);
                }
            });
        }
        std::array<uint32_t, producers> next{};
        uint32_t taken = 0;
        uint32_t out_of_order = 0;
        while (taken < producers * each) {
            for (io_request* r = inbox.take_all(); r != nullptr; r = r->cancel_next) {
                const numbered& request = as_numbered(*r);
                out_of_order += request.number != next[request.producer]++ ? 1 : 0;
                ++taken;
            }
            std::this_thread::yield();
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        CHECK(out_of_order == 0);
        CHECK(inbox.is_empty());
    }

    TEST_CASE("holds: destroy is called once, by the last drop") {
        static int destroyed = 0;
        destroyed = 0;
        numbered request;
        request.destroy = [](io_request&) noexcept { ++destroyed; };
        request.hold();
        request.drop();
        CHECK(destroyed == 0);
        request.drop();
        CHECK(destroyed == 1);
    }
}

// SPDX-License-Identifier: Apache-2.0
// Breaks P3: goes round the queues without an end.
#include <ringpool/policy.hpp>

using namespace ringpool;

struct tries_forever : policy {
    static constexpr bool steals = false;

    placement place(context /*c*/, const task& t, int /*from*/) { return to_shared(t.priority); }

    action next(context /*c*/, int /*core*/, const step& s) {
        return s.tries % 4 == 3 ? poll() : take_shared(static_cast<int>(s.tries % 4));
    }
};

RINGPOOL_POLICY(tries_forever, "plug-tries-forever", "Goes round and round.")

// SPDX-License-Identifier: Apache-2.0
// Breaks P2: what next says is no action.
#include <ringpool/policy.hpp>

using namespace ringpool;

struct garbage : policy {
    placement place(context /*c*/, const task& t, int /*from*/) { return to_shared(t.priority); }

    action next(context c, int /*core*/, const step& /*s*/) {
        return {static_cast<int>(c.random()), 77, -5, 1 << 20};
    }
};

RINGPOOL_POLICY(garbage, "plug-garbage", "Answers with whatever comes.")

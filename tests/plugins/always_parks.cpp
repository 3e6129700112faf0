// SPDX-License-Identifier: Apache-2.0
// Breaks P4: never looks at what waits.
#include <ringpool/policy.hpp>

using namespace ringpool;

struct always_parks : policy {
    placement place(context /*c*/, const task& t, int /*from*/) { return to_shared(t.priority); }

    action next(context /*c*/, int /*core*/, const step& /*s*/) { return park(); }
};

RINGPOOL_POLICY(always_parks, "plug-always-parks", "Sleeps.")

// SPDX-License-Identifier: Apache-2.0
// Ends the process that asks it; for `ringpool policy check`, which must survive that.
#include <ringpool/policy.hpp>

#include <cstdlib>

using namespace ringpool;

struct crashes : policy {
    placement place(context /*c*/, const task& t, int /*from*/) { return to_shared(t.priority); }

    action next(context /*c*/, int /*core*/, const step& /*s*/) { std::abort(); }
};

RINGPOOL_POLICY(crashes, "plug-crashes", "Aborts.")
